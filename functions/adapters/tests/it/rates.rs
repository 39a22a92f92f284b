//! The counts of what happens.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use people_adapters::aws::connect;
use people_adapters::dynamodb::{DynamoLeases, DynamoRates, Tables};
use people_core::memory::{ManualClock, MemoryRates};
use people_core::ports::{Clock, LeaseHolder, Leases, Rates};
use people_core::time::Timestamp;

use crate::embedded::{Embedded, beginning, settings, start};
use crate::lossy::Lossy;

const MINUTE: Duration = Duration::from_secs(60);
const NAME: &str = "sign in joe@company.com";

async fn rates_contract(rates: &dyn Rates, clock: &ManualClock) {
    let until = beginning().plus(MINUTE);
    for count in 1..=3 {
        assert_eq!(rates.count(NAME, until).await.unwrap(), count);
    }
    assert_eq!(rates.count("another", until).await.unwrap(), 1, "each name for itself");
    let later = until.plus(MINUTE);
    assert_eq!(rates.count(NAME, later).await.unwrap(), 4, "whoever says more does not lengthen it");
    clock.advance_to(Timestamp::from_millis(until.millis() - 1));
    assert_eq!(rates.count(NAME, later).await.unwrap(), 5);
    clock.advance_to(until);
    for count in 1..=2 {
        assert_eq!(rates.count(NAME, later).await.unwrap(), count, "it has begun anew");
    }
    clock.advance_to(Timestamp::from_millis(later.millis() - 1));
    assert_eq!(rates.count(NAME, later).await.unwrap(), 3);
    clock.advance_to(later);
    assert_eq!(rates.count(NAME, later.plus(MINUTE)).await.unwrap(), 1);
}

/// Of many who count at once, each is told another number, also where the count begins anew.
async fn racing(rates: &dyn Rates, until: Timestamp) {
    let counts = join_all((0..16).map(|_| rates.count("race", until))).await;
    let mut counts: Vec<_> = counts.into_iter().map(Result::unwrap).collect();
    counts.sort_unstable();
    assert_eq!(counts, (1..=16).collect::<Vec<_>>());
}

async fn keeps_the_contract(rates: &dyn Rates, clock: &ManualClock) {
    rates_contract(rates, clock).await;
    let until = clock.now().plus(MINUTE);
    racing(rates, until).await;
    clock.advance_to(until);
    racing(rates, until.plus(MINUTE)).await;
}

#[tokio::test]
async fn memory_keeps_the_contract() {
    let clock = Arc::new(ManualClock::at(beginning()));
    keeps_the_contract(&MemoryRates::new(Arc::clone(&clock) as _), &clock).await;
}

fn rates(embedded: &Embedded) -> DynamoRates {
    DynamoRates::new(embedded.aws.dynamodb.clone(), &embedded.tables, Arc::clone(&embedded.clock) as _)
}

#[tokio::test]
async fn dynamodb_keeps_the_contract() {
    let embedded = start().await;
    keeps_the_contract(&rates(&embedded), &embedded.clock).await;
}

#[tokio::test]
async fn what_is_counted_is_not_in_the_table_and_a_lease_of_the_same_name_is_another_thing() {
    let embedded = start().await;
    let until = beginning().plus(MINUTE);
    let Embedded { aws, tables, clock, .. } = &embedded;
    let leases = DynamoLeases::new(aws.dynamodb.clone(), tables, Arc::clone(clock) as _);
    assert!(leases.take(NAME, &LeaseHolder("one".into()), until).await.unwrap());
    assert_eq!(rates(&embedded).count(NAME, until).await.unwrap(), 1);
    leases.give_back(NAME, &LeaseHolder("one".into())).await.unwrap();
    let items = aws.dynamodb.scan().table_name(&tables.leases).send().await.unwrap();
    let [count] = items.items() else { panic!("{:?}", items.items()) };
    assert!(!format!("{count:?}").contains("joe"), "{count:?}");
    let expires: i64 = count["expires"].as_n().unwrap().parse().unwrap();
    let over = expires * 1000 - until.millis();
    assert!((1..=1000).contains(&over), "{over} ms");
}

#[tokio::test]
async fn whose_answer_is_lost_is_told_of_a_failure_and_is_not_counted_twice() {
    let Embedded { dynamodb, s3, tables, clock, .. } = start().await;
    let lossy = Lossy::to(&dynamodb).await;
    let rates = DynamoRates::new(connect(&settings(&lossy.url, &s3)).await.dynamodb, &tables, clock);
    let until = beginning().plus(MINUTE);
    let lost = lossy.lose("UpdateItem");
    drop(lost.end);
    assert!(rates.count(NAME, until).await.is_err());
    assert_eq!(rates.count(NAME, until).await.unwrap(), 2);
}

#[tokio::test]
async fn a_failure_is_no_count() {
    let embedded = start().await;
    let tables = Tables::with_prefix("elsewhere");
    let clock = Arc::clone(&embedded.clock) as _;
    let rates = DynamoRates::new(embedded.aws.dynamodb.clone(), &tables, clock);
    let error = rates.count(NAME, beginning().plus(MINUTE)).await.unwrap_err();
    assert!(error.source.to_string().starts_with("DynamoDB answered ResourceNotFound"), "{}", error.source);
}
