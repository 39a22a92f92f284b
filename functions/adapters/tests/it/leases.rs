//! The leases.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use people_adapters::aws::connect;
use people_adapters::dynamodb::{DynamoLeases, Tables};
use people_core::memory::{ManualClock, MemoryLeases};
use people_core::ports::{LeaseHolder, Leases};
use people_core::time::Timestamp;

use crate::embedded::{Embedded, beginning, settings, start};
use crate::lossy::Lossy;

const LONG: Duration = Duration::from_secs(30);
const MILLISECOND: Duration = Duration::from_millis(1);
const NAME: &str = "onlyoffice/joe@company.com";

fn holder(name: &str) -> LeaseHolder {
    LeaseHolder(name.to_owned())
}

async fn leases_contract(leases: &dyn Leases, clock: &ManualClock) {
    let (one, other) = (holder("one"), holder("other"));
    let until = beginning().plus(LONG);
    assert!(leases.take(NAME, &one, until).await.unwrap(), "nobody had it");
    assert!(!leases.take(NAME, &other, until).await.unwrap());
    assert!(leases.take("another", &other, until).await.unwrap(), "of another name");
    leases.give_back(NAME, &other).await.unwrap();
    assert!(!leases.take(NAME, &other, until).await.unwrap(), "it was not the other's to give back");
    for _ in 0..2 {
        leases.give_back(NAME, &one).await.unwrap();
    }
    assert!(leases.take(NAME, &other, until).await.unwrap(), "it was given back");
    what_is_announced_goes_on_until_the_last_moment_that_was_said(leases, clock).await;
    expiring(leases, clock, until).await;
}

async fn what_is_announced_goes_on_until_the_last_moment_that_was_said(
    leases: &dyn Leases,
    clock: &ManualClock,
) {
    let until = beginning().plus(MILLISECOND * 2);
    assert!(!leases.is_announced(NAME).await.unwrap(), "a lease is no announcement");
    for said in [until, beginning().plus(MILLISECOND), until] {
        leases.announce(NAME, said).await.unwrap();
        assert!(leases.is_announced(NAME).await.unwrap());
    }
    assert!(!leases.is_announced("another").await.unwrap());
    clock.advance_to(beginning().plus(MILLISECOND));
    assert!(leases.is_announced(NAME).await.unwrap(), "whoever said less does not end it");
    clock.advance_to(until);
    assert!(!leases.is_announced(NAME).await.unwrap());
}

/// The other holder has it until then, and whoever has it may have it for longer.
async fn expiring(leases: &dyn Leases, clock: &ManualClock, until: Timestamp) {
    let (one, other) = (holder("one"), holder("other"));
    let longer = until.plus(LONG);
    assert!(leases.take(NAME, &other, longer).await.unwrap());
    clock.advance_to(until);
    assert!(!leases.take(NAME, &one, longer).await.unwrap(), "it was lengthened");
    clock.advance_to(Timestamp::from_millis(longer.millis() - 1));
    assert!(!leases.take(NAME, &one, longer.plus(LONG)).await.unwrap());
    clock.advance_to(longer);
    let until = longer.plus(MILLISECOND);
    assert!(leases.take(NAME, &one, until).await.unwrap(), "it has ended");
    leases.give_back(NAME, &other).await.unwrap();
    assert!(!leases.take(NAME, &other, until).await.unwrap(), "what was taken over is not given back");
    clock.advance_to(until);
    assert!(leases.take(NAME, &other, until.plus(LONG)).await.unwrap());
}

/// Of many who ask at once, one gets it.
async fn racing(leases: &dyn Leases) {
    let holders: Vec<_> = (0..16).map(|number| holder(&format!("holder {number}"))).collect();
    let until = beginning().plus(LONG);
    let taken = join_all(holders.iter().map(|holder| leases.take("race", holder, until))).await;
    assert_eq!(taken.into_iter().filter(|taken| *taken.as_ref().unwrap()).count(), 1);
}

#[tokio::test]
async fn memory_keeps_the_contract() {
    let clock = Arc::new(ManualClock::at(beginning()));
    let leases = MemoryLeases::new(Arc::clone(&clock) as _);
    racing(&leases).await;
    leases_contract(&leases, &clock).await;
}

fn leases(embedded: &Embedded) -> DynamoLeases {
    DynamoLeases::new(embedded.aws.dynamodb.clone(), &embedded.tables, Arc::clone(&embedded.clock) as _)
}

#[tokio::test]
async fn dynamodb_keeps_the_contract() {
    let embedded = start().await;
    let leases = leases(&embedded);
    racing(&leases).await;
    leases_contract(&leases, &embedded.clock).await;
}

#[tokio::test]
async fn what_a_lease_is_about_is_not_in_the_table_and_the_item_outlives_the_lease() {
    let embedded = start().await;
    let until = beginning().plus(LONG);
    assert!(leases(&embedded).take(NAME, &holder("one"), until).await.unwrap());
    let items = embedded.aws.dynamodb.scan().table_name(&embedded.tables.leases).send().await.unwrap();
    let stored = format!("{:?}", items.items());
    assert!(!stored.contains("joe") && !stored.contains("onlyoffice"), "{stored}");
    let expires: i64 = items.items()[0]["expires"].as_n().unwrap().parse().unwrap();
    let over = expires * 1000 - until.millis();
    assert!((1..=1000).contains(&over), "{over} ms");
}

#[tokio::test]
async fn a_lease_whose_answer_is_lost_is_had_and_given_back_once() {
    let Embedded { dynamodb, s3, tables, clock, .. } = start().await;
    let lossy = Lossy::to(&dynamodb).await;
    let leases = DynamoLeases::new(connect(&settings(&lossy.url, &s3)).await.dynamodb, &tables, clock);
    let until = beginning().plus(LONG);
    let mut lost = lossy.lose("PutItem").lost;
    assert!(leases.take(NAME, &holder("one"), until).await.unwrap());
    assert!(lost.try_recv().is_ok(), "an answer was lost");
    let mut lost = lossy.lose("DeleteItem").lost;
    leases.give_back(NAME, &holder("one")).await.unwrap();
    assert!(lost.try_recv().is_ok(), "an answer was lost");
    assert!(leases.take(NAME, &holder("other"), until).await.unwrap());
}

#[tokio::test]
async fn a_failure_is_no_answer() {
    let embedded = start().await;
    let tables = Tables::with_prefix("elsewhere");
    let clock = Arc::clone(&embedded.clock) as _;
    let leases = DynamoLeases::new(embedded.aws.dynamodb.clone(), &tables, clock);
    let until = beginning().plus(LONG);
    for error in [
        leases.take(NAME, &holder("one"), until).await.unwrap_err(),
        leases.give_back(NAME, &holder("one")).await.unwrap_err(),
        leases.announce(NAME, until).await.unwrap_err(),
        leases.is_announced(NAME).await.unwrap_err(),
    ] {
        assert!(
            error.source.to_string().starts_with("DynamoDB answered ResourceNotFound"),
            "{}",
            error.source
        );
    }
}
