//! How many calls at once, in which order, and until when.

use std::time::Duration;

use people_core::log::Ending;
use people_core::person::Identifier;
use people_core::ports::Clock;
use serde_json::{Value, json};

use super::stage::{JOE, SARAH, Stage, deferred, many, update};

async fn most_in_flight(stage: &Stage) -> u64 {
    stage.calls().await.iter().map(|call| call["inFlight"].as_u64().unwrap()).max().unwrap()
}

#[tokio::test]
async fn never_more_calls_than_the_limit_are_in_flight() {
    for limit in [1, 3] {
        let stage = Stage::with(json!({"limit": limit})).await;
        stage.switch(json!({"latency_ms": 5})).await;
        let people: Vec<_> = (0..10).map(|n| Identifier::EmployeeId((200_000 + n).to_string())).collect();
        let (first, second) = (many(20), many(10));
        let upns = [Identifier::Upn("joe@company.com".to_owned())];
        tokio::join!(stage.deliver(&first), stage.find(&people), stage.deliver(&second), stage.find(&upns));
        assert!(most_in_flight(&stage).await <= limit);
    }
}

#[tokio::test]
async fn as_many_people_as_the_limit_allows_go_at_once() {
    for limit in [3, 50] {
        let stage = Stage::with(json!({"limit": limit})).await;
        // None of the calls is answered before all have arrived.
        stage.faults(json!([{"path": "/person/update", "delay_ms": 3_600_000}])).await;
        let updates = many(60);
        tokio::select! {
            outcomes = stage.deliver(&updates) => panic!("the updates are not held up: {outcomes:?}"),
            () = stage.arrived("/person/update", limit) => {}
        }
        assert_eq!(most_in_flight(&stage).await, limit as u64);
    }
}

#[tokio::test]
async fn updates_of_one_person_are_applied_in_order_and_one_at_a_time() {
    let stage = Stage::new().await;
    stage.switch(json!({"latency_ms": 2})).await;
    let names: Vec<_> = (0..10).map(|n| n.to_string()).collect();
    let updates: Vec<_> = names.iter().map(|name| update(JOE, &[("firstName", Some(name))])).collect();
    let (own, others) = (updates[..5].to_vec(), updates[5..].to_vec());
    tokio::join!(stage.deliver(&own), stage.deliver(&others));
    assert_eq!(most_in_flight(&stage).await, 1);
    let sent: Vec<_> =
        stage.bodies().await.iter().map(|body| body["Name"].as_str().unwrap().to_owned()).collect();
    let (first, second): (Vec<_>, Vec<_>) = sent.into_iter().partition(|name| name.as_str() < "5");
    assert_eq!((&first[..], &second[..]), (&names[..5], &names[5..]));
}

#[tokio::test]
async fn a_new_configuration_goes_on_with_the_limit_and_with_who_is_busy() {
    let stage = Stage::with(json!({"limit": 2})).await;
    stage.switch(json!({"latency_ms": 5})).await;
    let again = stage.made_again(json!({"limit": 2, "fields": {"firstName": "Name"}}));
    let (former, later) = (many(10), many(10));
    tokio::join!(stage.deliver(&former), again.api.deliver(&later, stage.until()));
    assert_eq!(most_in_flight(&stage).await, 2);
    // Another limit, but one person.
    let stage = Stage::with(json!({"limit": 3})).await;
    stage.switch(json!({"latency_ms": 5})).await;
    let again = stage.made_again(json!({"limit": 7}));
    let update = [update(JOE, &[("firstName", Some("A"))])];
    tokio::join!(stage.deliver(&update), again.api.deliver(&update, stage.until()));
    let updates = stage.calls().await.into_iter().filter(|call| call["path"] == "/person/update");
    assert_eq!(updates.map(|call| call["inFlight"].as_u64().unwrap()).max(), Some(1));
}

#[tokio::test]
async fn two_spellings_of_a_key_are_one_person() {
    let stage = Stage::new().await;
    stage.people(json!([{"PersonId": "aB7"}])).await;
    stage.switch(json!({"latency_ms": 2})).await;
    let updates = ["aB7", "AB7", " ab7 "].map(|key| update(key, &[("firstName", Some("A"))]));
    stage.deliver(&updates).await;
    assert_eq!(most_in_flight(&stage).await, 1);
}

#[tokio::test]
async fn after_a_deferred_update_the_later_ones_of_that_person_wait() {
    let stage = Stage::new().await;
    stage.faults(json!([{"path": "/person/update", "person": JOE, "status": 500}])).await;
    let updates =
        [(JOE, "A"), (SARAH, "B"), (JOE, "C")].map(|(who, name)| update(who, &[("firstName", Some(name))]));
    let outcomes = stage.deliver(&updates).await;
    assert_eq!(outcomes[0].ending, deferred("aktion does not answer"));
    assert_eq!(outcomes[1].ending, Ending::Updated);
    assert_eq!(outcomes[2].ending, deferred("an earlier update of this person is not delivered yet"));
    assert!(stage.bodies().await.iter().all(|body| body["Name"] != "C"));
}

#[tokio::test]
async fn after_a_refused_update_the_later_ones_of_that_person_go_on() {
    let stage = Stage::new().await;
    let updates = [update(JOE, &[("pin", Some("x"))]), update(JOE, &[("firstName", Some("C"))])];
    let outcomes = stage.deliver(&updates).await;
    assert!(matches!(outcomes[0].ending, Ending::Refused(_)));
    assert_eq!(outcomes[1].ending, Ending::Updated);
}

#[tokio::test]
async fn nothing_is_started_at_the_deadline() {
    let stage = Stage::new().await;
    let outcomes = stage.target.api.deliver(&many(3), stage.clock.now()).await;
    for outcome in outcomes {
        assert_eq!((outcome.ending, outcome.attempts), (deferred("aktion could not be called in time"), 0));
    }
    assert!(stage.calls().await.is_empty());
}

#[tokio::test]
async fn what_the_pace_does_not_allow_before_the_deadline_is_deferred() {
    let stage = Stage::with(json!({"ratePerSecond": 1})).await;
    let until = stage.clock.now().plus(Duration::from_secs(5));
    let outcomes = stage.target.api.deliver(&many(50), until).await;
    let updated = outcomes.iter().filter(|outcome| outcome.ending == Ending::Updated).count();
    assert!((3..=5).contains(&updated), "{updated}");
    let late =
        outcomes.iter().filter(|outcome| outcome.ending == deferred("aktion could not be called in time"));
    assert_eq!(late.count(), 50 - updated);
    assert_eq!(stage.counts().await[1], updated);
}

#[tokio::test]
async fn a_call_under_way_ends_with_the_deadline() {
    let stage = Stage::new().await;
    stage.set(SARAH, "firstName", "A").await;
    stage.faults(json!([{"path": "/person/update", "delay_ms": 60_000}])).await;
    // The timers run at once when nothing else does, so what is measured is what was waited for, not how busy we are.
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    let until = stage.clock.now().plus(Duration::from_millis(100));
    let outcome =
        stage.target.api.deliver(&[update(JOE, &[("firstName", Some("A"))])], until).await.remove(0);
    assert_eq!((outcome.ending, outcome.attempts), (deferred("aktion does not answer"), 1));
    assert!(began.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn one_person_who_fails_holds_nobody_up() {
    let stage = Stage::with(json!({"limit": 1})).await;
    stage.faults(json!([{"path": "/person/update", "person": "200000", "status": 500}])).await;
    let outcomes = stage.deliver(&many(10)).await;
    assert!(outcomes[1..].iter().all(|outcome| outcome.ending == Ending::Updated));
    assert_eq!(stage.counts().await[0], 1);
    assert_ne!(stage.stored("200009").await["Name"], Value::Null);
}
