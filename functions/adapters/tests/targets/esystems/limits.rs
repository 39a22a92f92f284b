//! How many users a call has, how many calls there are at once, in which order, and until when.

use std::time::Duration;

use people_core::log::Ending;
use people_core::ports::Clock;
use serde_json::{Value, json};

use super::stage::{JOE, SARAH, Stage, crowd, deferred, department, endings, refused, update};

async fn most_in_flight(stage: &Stage) -> u64 {
    let calls = stage.calls().await;
    let links = calls.iter().filter(|call| call["method"] == "PATCH");
    links.map(|call| call["inFlight"].as_u64().unwrap()).max().unwrap()
}

#[tokio::test]
async fn a_call_has_two_hundred_users_at_most_and_a_department_one_call_at_a_time() {
    for (count, sizes) in [(200, vec![200]), (201, vec![200, 1]), (450, vec![200, 200, 50])] {
        let stage = Stage::new().await;
        stage.put(crowd(1..count + 1), json!([{"Id": "d"}])).await;
        stage.switch(json!({"latency_ms": 2})).await;
        let updates: Vec<_> = (1..=count).map(|id| update(&id.to_string(), Some("d"))).collect();
        assert!(stage.deliver(&updates).await.iter().all(|outcome| outcome.ending == Ending::Updated));
        assert_eq!(stage.sent().await.iter().map(Vec::len).collect::<Vec<_>>(), sizes);
        assert_eq!(stage.linked("d").await.len(), count);
        assert_eq!(most_in_flight(&stage).await, 1);
    }
}

#[tokio::test]
async fn departments_are_called_side_by_side_up_to_the_limit() {
    for limit in [2, 4] {
        let stage = Stage::with(json!({"limit": limit})).await;
        stage.put(crowd(1..7), (1..7).map(|id| json!({"Id": format!("d{id}")})).collect()).await;
        // None of the calls is answered before all have arrived.
        stage.faults(json!([{"method": "PATCH", "delay_ms": 3_600_000}])).await;
        let updates: Vec<_> =
            (1..7).map(|id| update(&id.to_string(), Some(format!("d{id}").as_str()))).collect();
        tokio::select! {
            outcomes = stage.deliver(&updates) => panic!("the calls are not held up: {outcomes:?}"),
            () = stage.arrived(limit) => {}
        }
        assert_eq!(most_in_flight(&stage).await, limit as u64);
    }
}

#[tokio::test]
async fn four_calls_at_once_are_the_default() {
    let stage = Stage::new().await;
    stage.put(crowd(1..7), (1..7).map(|id| json!({"Id": format!("d{id}")})).collect()).await;
    stage.faults(json!([{"method": "PATCH", "delay_ms": 3_600_000}])).await;
    let updates: Vec<_> = (1..7).map(|id| update(&id.to_string(), Some(format!("d{id}").as_str()))).collect();
    tokio::select! {
        outcomes = stage.deliver(&updates) => panic!("the calls are not held up: {outcomes:?}"),
        () = stage.arrived(4) => {}
    }
    assert_eq!(most_in_flight(&stage).await, 4);
}

#[tokio::test]
async fn two_batches_never_call_for_one_department_or_one_person_at_once() {
    let stage = Stage::new().await;
    stage.switch(json!({"latency_ms": 5})).await;
    let hr = || stage.link(&[JOE, SARAH], "HR");
    tokio::join!(hr(), hr(), hr());
    assert_eq!(most_in_flight(&stage).await, 1);
    let stage = Stage::new().await;
    stage.switch(json!({"latency_ms": 5})).await;
    tokio::join!(stage.link(&[JOE], "HR"), stage.link(&[JOE], "IT"), stage.link(&[JOE], "Sales"));
    let calls = stage.calls().await;
    let lists = calls.iter().filter(|call| call["method"] == "PATCH");
    assert_eq!(lists.map(|call| call["inFlight"].as_u64().unwrap()).max(), Some(1));
}

#[tokio::test]
async fn the_updates_of_one_person_come_one_after_another_and_all_others_with_them() {
    let stage = Stage::new().await;
    let (it, hr, sales) = (department("IT"), department("HR"), department("Sales"));
    let updates = [(JOE, hr), (SARAH, hr), (JOE, hr), (JOE, it), (SARAH, sales), (JOE, hr), ("35003", hr)];
    let outcomes = stage.deliver(&updates.map(|(user, id)| update(user, Some(id)))).await;
    assert_eq!(endings(&outcomes), vec![Ending::Updated; 7]);
    let mut sent = stage.sent().await;
    assert_eq!(sent[0], [JOE, SARAH, "35003"]);
    sent[1..3].sort();
    assert_eq!(sent[1..], [[JOE], [SARAH], [JOE]]);
}

#[tokio::test]
async fn after_a_deferred_update_the_later_ones_of_that_person_wait() {
    let stage = Stage::new().await;
    stage.faults(json!([{"path": format!("/Department/{}", department("HR")), "status": 500}])).await;
    let updates = [(JOE, "HR"), (JOE, "IT"), (SARAH, "IT")];
    let outcomes = stage.deliver(&updates.map(|(user, name)| update(user, Some(department(name))))).await;
    let earlier = deferred("an earlier update of this person is not delivered yet");
    assert_eq!(endings(&outcomes), [deferred("esystems does not answer"), earlier, Ending::Updated]);
    assert_eq!((outcomes[0].attempts, outcomes[1].attempts), (4, 0));
    assert_eq!(stage.linked(department("IT")).await.iter().filter(|id| **id == 35_002).count(), 1);
}

#[tokio::test]
async fn after_a_refused_update_the_later_ones_of_that_person_go_on() {
    let stage = Stage::new().await;
    let updates = [update(JOE, None), update(JOE, Some("none")), update(JOE, Some(department("HR")))];
    let outcomes = stage.deliver(&updates).await;
    assert!(matches!(outcomes[1].ending, Ending::Refused(_)));
    assert_eq!(outcomes[2].ending, Ending::Updated);
}

#[tokio::test]
async fn nothing_is_started_at_the_deadline() {
    let stage = Stage::new().await;
    let updates = [update(JOE, Some(department("HR"))), update(SARAH, Some(department("IT")))];
    for outcome in stage.target.api.deliver(&updates, stage.clock.now()).await {
        assert_eq!((outcome.ending, outcome.attempts), (deferred("esystems could not be called in time"), 0));
    }
    assert!(stage.calls().await.is_empty());
}

#[tokio::test]
async fn a_call_under_way_ends_with_the_deadline() {
    let stage = Stage::new().await;
    stage.link(&[SARAH], "IT").await;
    stage.faults(json!([{"method": "PATCH", "delay_ms": 60_000}])).await;
    // The timers run at once when nothing else does, so what is measured is what was waited for, not how busy we are.
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    let until = stage.clock.now().plus(Duration::from_millis(100));
    let updates = [update(JOE, Some(department("HR")))];
    let outcome = stage.target.api.deliver(&updates, until).await.remove(0);
    assert_eq!((outcome.ending, outcome.attempts), (deferred("esystems does not answer"), 1));
    assert!(began.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn a_batch_of_nothing_is_nothing() {
    let stage = Stage::new().await;
    assert!(stage.deliver(&[]).await.is_empty());
    assert!(stage.find(&[]).await.is_empty());
    assert!(stage.calls().await.is_empty());
}

#[tokio::test]
async fn a_department_is_as_long_as_a_path_may_have_it() {
    let stage = Stage::new().await;
    let (fits, long) = ("x".repeat(255), "x".repeat(256));
    stage.put(crowd(1..2), json!([{ "Id": fits }, { "Id": long }])).await;
    let outcomes = stage.deliver(&[update("1", Some(&fits)), update("1", Some(&long))]).await;
    assert_eq!(endings(&outcomes), [Ending::Updated, refused("Department is too long for a URL")]);
    assert_eq!(stage.linked(&long).await, Vec::<i64>::new());
    assert_ne!(stage.calls().await[1]["status"], Value::Null);
}
