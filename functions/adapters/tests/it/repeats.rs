//! The requests that may be sent again.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use people_adapters::aws::connect;
use people_adapters::dynamodb::{DynamoRepeats, Tables};
use people_core::id::ImportId;
use people_core::memory::{ManualClock, MemoryRepeats};
use people_core::ports::{Attempt, Clock, FirstAnswer, KeyHash, REPEATED_FOR, RepeatKey, Repeated, Repeats};
use people_core::time::Timestamp;

use crate::embedded::{Embedded, beginning, settings, start};
use crate::lossy::Lossy;

const LONG: Duration = Duration::from_secs(85);
const MILLISECOND: Duration = Duration::from_millis(1);

fn key(name: &str) -> RepeatKey {
    RepeatKey::new(&KeyHash::of("k"), "PUT", "/a", name)
}

fn id(number: u8) -> ImportId {
    ImportId::new(beginning(), [number; 10])
}

/// An attempt that is over a while after the beginning, at the request with this fingerprint.
fn attempt(number: u8, request: u8) -> Attempt {
    Attempt { import: id(number), fingerprint: [request; 32], until: beginning().plus(LONG) }
}

/// The same attempt, later.
fn later(attempt: Attempt, now: Timestamp) -> Attempt {
    Attempt { until: now.plus(LONG), ..attempt }
}

async fn repeats_contract(repeats: &dyn Repeats, clock: &ManualClock) {
    racing(repeats).await;
    a_request_is_carried_out_once(repeats).await;
    what_came_to_nothing_is_begun_anew(repeats).await;
    who_died_is_taken_over(repeats, clock).await;
    racing_for_the_dead(repeats, clock.now()).await;
    after_a_day_it_is_forgotten(repeats, clock).await;
}

/// Of many at once, one is the first.
async fn racing(repeats: &dyn Repeats) {
    let attempts: Vec<_> = (0..16).map(|number| attempt(number, 1)).collect();
    let race = key("race");
    let begun = join_all(attempts.iter().map(|attempt| repeats.begin(&race, attempt))).await;
    let begun: Vec<_> = begun.into_iter().map(Result::unwrap).collect();
    assert_eq!(begun.iter().filter(|begun| **begun == Repeated::First).count(), 1, "{begun:?}");
    assert_eq!(begun.iter().filter(|begun| **begun == Repeated::Running).count(), 15, "{begun:?}");
}

async fn a_request_is_carried_out_once(repeats: &dyn Repeats) {
    let one = key("one");
    assert_eq!(repeats.begin(&one, &attempt(1, 1)).await.unwrap(), Repeated::First);
    assert_eq!(repeats.begin(&key("another"), &attempt(2, 1)).await.unwrap(), Repeated::First);
    assert_eq!(repeats.begin(&one, &attempt(2, 1)).await.unwrap(), Repeated::Running);
    assert_eq!(repeats.begin(&one, &attempt(3, 2)).await.unwrap(), Repeated::Other);
    repeats.answered(&one, id(2), FirstAnswer::Ended).await.unwrap();
    assert_eq!(repeats.begin(&one, &attempt(2, 1)).await.unwrap(), Repeated::Running, "it was not its");
    for _ in 0..2 {
        repeats.answered(&one, id(1), FirstAnswer::Ended).await.unwrap();
    }
    for number in [1, 2, 3] {
        assert_eq!(
            repeats.begin(&one, &attempt(number, 1)).await.unwrap(),
            Repeated::Answered(id(1), FirstAnswer::Ended)
        );
    }
    assert_eq!(repeats.begin(&one, &attempt(3, 2)).await.unwrap(), Repeated::Other);
    repeats.release(&one, id(1)).await.unwrap();
    assert_eq!(
        repeats.begin(&one, &attempt(2, 1)).await.unwrap(),
        Repeated::Answered(id(1), FirstAnswer::Ended),
        "it stays"
    );
}

async fn what_came_to_nothing_is_begun_anew(repeats: &dyn Repeats) {
    let failing = key("failing");
    repeats.release(&failing, id(1)).await.unwrap();
    repeats.answered(&failing, id(1), FirstAnswer::Ended).await.unwrap();
    assert_eq!(repeats.begin(&failing, &attempt(1, 1)).await.unwrap(), Repeated::First);
    repeats.release(&failing, id(2)).await.unwrap();
    assert_eq!(repeats.begin(&failing, &attempt(2, 1)).await.unwrap(), Repeated::Running, "it was not its");
    for _ in 0..2 {
        repeats.release(&failing, id(1)).await.unwrap();
    }
    assert_eq!(repeats.begin(&failing, &attempt(2, 2)).await.unwrap(), Repeated::First);
}

/// Afterwards the first attempts' time is up, and the first request of "dead" is not answered.
async fn who_died_is_taken_over(repeats: &dyn Repeats, clock: &ManualClock) {
    let (dead, next) = (key("dead"), key("next"));
    for key in [&dead, &next] {
        assert_eq!(repeats.begin(key, &attempt(1, 1)).await.unwrap(), Repeated::First);
    }
    clock.advance_to(Timestamp::from_millis(beginning().plus(LONG).millis() - 1));
    let second = later(attempt(2, 1), clock.now());
    assert_eq!(repeats.begin(&dead, &second).await.unwrap(), Repeated::Running);
    clock.advance_to(beginning().plus(LONG));
    assert_eq!(repeats.begin(&dead, &later(attempt(3, 2), clock.now())).await.unwrap(), Repeated::Other);
    let second = later(second, clock.now());
    for _ in 0..2 {
        assert_eq!(
            repeats.begin(&dead, &second).await.unwrap(),
            Repeated::Died(id(1)),
            "and it knows itself"
        );
    }
    let third = later(attempt(3, 1), clock.now());
    assert_eq!(repeats.begin(&dead, &third).await.unwrap(), Repeated::Running);
    // The one that was taken for dead comes back to life.
    repeats.answered(&dead, id(1), FirstAnswer::Accepted).await.unwrap();
    repeats.release(&dead, id(1)).await.unwrap();
    assert_eq!(repeats.begin(&dead, &third).await.unwrap(), Repeated::Running);
    repeats.answered(&dead, id(2), FirstAnswer::Accepted).await.unwrap();
    assert_eq!(
        repeats.begin(&dead, &third).await.unwrap(),
        Repeated::Answered(id(1), FirstAnswer::Accepted),
        "the first import"
    );
    assert_eq!(repeats.begin(&next, &second).await.unwrap(), Repeated::Died(id(1)));
    repeats.release(&next, id(2)).await.unwrap();
    assert_eq!(repeats.begin(&next, &third).await.unwrap(), Repeated::First);
}

/// Of many who take over at once, one does.
async fn racing_for_the_dead(repeats: &dyn Repeats, now: Timestamp) {
    let attempts: Vec<_> = (20..36).map(|number| later(attempt(number, 1), now)).collect();
    let race = key("race");
    let begun = join_all(attempts.iter().map(|attempt| repeats.begin(&race, attempt))).await;
    let begun: Vec<_> = begun.into_iter().map(Result::unwrap).collect();
    let died = begun.iter().filter(|begun| matches!(begun, Repeated::Died(_))).count();
    assert_eq!(died, 1, "{begun:?}");
    assert_eq!(begun.iter().filter(|begun| **begun == Repeated::Running).count(), 15, "{begun:?}");
}

/// Answered or not.
async fn after_a_day_it_is_forgotten(repeats: &dyn Repeats, clock: &ManualClock) {
    let (answered, running) = (key("answered"), key("running"));
    let over = beginning().plus(REPEATED_FOR).to_second();
    for key in [&answered, &running] {
        let attempt = Attempt { until: over.plus(LONG), ..attempt(1, 1) };
        assert_eq!(repeats.begin(key, &attempt).await.unwrap(), Repeated::First);
    }
    repeats.answered(&answered, id(1), FirstAnswer::Ended).await.unwrap();
    clock.advance_to(Timestamp::from_millis(over.millis() - 1));
    let second = later(attempt(2, 1), clock.now());
    assert_eq!(
        repeats.begin(&answered, &second).await.unwrap(),
        Repeated::Answered(id(1), FirstAnswer::Ended)
    );
    assert_eq!(repeats.begin(&running, &second).await.unwrap(), Repeated::Running);
    clock.advance_to(over);
    let new = Attempt {
        import: ImportId::new(over, [9; 10]),
        fingerprint: [9; 32],
        until: over.plus(LONG).plus(MILLISECOND),
    };
    for key in [&answered, &running] {
        assert_eq!(repeats.begin(key, &new).await.unwrap(), Repeated::First);
        assert_eq!(repeats.begin(key, &second).await.unwrap(), Repeated::Other);
    }
}

#[tokio::test]
async fn memory_keeps_the_contract() {
    let clock = Arc::new(ManualClock::at(beginning()));
    repeats_contract(&MemoryRepeats::new(Arc::clone(&clock) as _), &clock).await;
}

fn repeats(embedded: &Embedded) -> DynamoRepeats {
    DynamoRepeats::new(embedded.aws.dynamodb.clone(), &embedded.tables, Arc::clone(&embedded.clock) as _)
}

#[tokio::test]
async fn dynamodb_keeps_the_contract() {
    let embedded = start().await;
    repeats_contract(&repeats(&embedded), &embedded.clock).await;
}

#[tokio::test]
async fn a_key_is_not_in_the_table_and_the_item_expires() {
    let embedded = start().await;
    repeats(&embedded).begin(&key("secret"), &attempt(1, 1)).await.unwrap();
    let items = embedded.aws.dynamodb.scan().table_name(&embedded.tables.repeats).send().await.unwrap();
    let stored = format!("{:?}", items.items());
    assert!(!stored.contains("secret"), "{stored}");
    let expires: i64 = items.items()[0]["expires"].as_n().unwrap().parse().unwrap();
    assert_eq!(expires, beginning().plus(REPEATED_FOR).seconds());
}

#[tokio::test]
async fn an_answer_that_is_lost_changes_nothing() {
    let Embedded { dynamodb, s3, tables, clock, .. } = start().await;
    let lossy = Lossy::to(&dynamodb).await;
    let client = connect(&settings(&lossy.url, &s3)).await.dynamodb;
    let repeats = DynamoRepeats::new(client, &tables, Arc::clone(&clock) as _);
    let one = key("one");
    let mut lost = lossy.lose("PutItem").lost;
    assert_eq!(repeats.begin(&one, &attempt(1, 1)).await.unwrap(), Repeated::First);
    assert!(lost.try_recv().is_ok(), "an answer was lost");
    let mut lost = lossy.lose("DeleteItem").lost;
    repeats.release(&one, id(1)).await.unwrap();
    assert!(lost.try_recv().is_ok(), "an answer was lost");
    assert_eq!(repeats.begin(&one, &attempt(2, 1)).await.unwrap(), Repeated::First);
    let mut lost = lossy.lose("UpdateItem").lost;
    repeats.answered(&one, id(2), FirstAnswer::Ended).await.unwrap();
    assert!(lost.try_recv().is_ok(), "an answer was lost");
    assert_eq!(
        repeats.begin(&one, &attempt(3, 1)).await.unwrap(),
        Repeated::Answered(id(2), FirstAnswer::Ended)
    );
}

#[tokio::test]
async fn a_failure_is_no_answer() {
    let embedded = start().await;
    let tables = Tables::with_prefix("elsewhere");
    let clock = Arc::clone(&embedded.clock) as _;
    let repeats = DynamoRepeats::new(embedded.aws.dynamodb.clone(), &tables, clock);
    for error in [
        repeats.begin(&key("one"), &attempt(1, 1)).await.unwrap_err(),
        repeats.answered(&key("one"), id(1), FirstAnswer::Ended).await.unwrap_err(),
        repeats.release(&key("one"), id(1)).await.unwrap_err(),
    ] {
        let said = error.source.to_string();
        assert!(said.starts_with("DynamoDB answered ResourceNotFound"), "{said}");
    }
}
