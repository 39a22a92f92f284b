//! What a bad day brings: pauses, lost answers, servers that are down or talk HTML, tokens and secrets that change.

use std::time::Duration;

use people_core::log::Ending;
use people_core::ports::{Clock, Found};
use serde_json::{Value, json};
use simulators::esystems::{CLIENT_ID, CLIENT_SECRET};

use super::stage::{JOE, SARAH, Stage, TOKEN, deferred, department, endings, envelope, update};
use crate::traced::Traced;

#[tokio::test]
async fn failures_without_end_are_checked_and_then_deferred() {
    for body in [Value::Null, json!("<html>500</html>")] {
        let stage = Stage::new().await;
        stage.answer_links(500, body, Value::Null).await;
        let outcome = stage.link(&[SARAH], "HR").await.remove(0);
        assert_eq!(outcome.ending, deferred("esystems does not answer"));
        assert_eq!((outcome.code.as_deref(), outcome.attempts), (Some("500"), 4));
        assert_eq!(stage.counts().await, [1, 4, 2]);
        // Whoever is linked already is as good as linked now.
        let outcomes = stage.link(&[JOE, SARAH], "IT").await;
        assert_eq!(endings(&outcomes), [Ending::Updated, deferred("esystems does not answer")]);
    }
}

#[tokio::test]
async fn a_lost_answer_is_followed_by_the_same_list() {
    for close in ["before", "after"] {
        let stage = Stage::new().await;
        stage.faults(json!([{"method": "PATCH", "close": close, "times": 1}])).await;
        let outcomes = stage.link(&[JOE, SARAH], "HR").await;
        assert_eq!(endings(&outcomes), [Ending::Updated, Ending::Updated]);
        assert_eq!(outcomes[0].attempts, 2);
        let sent = stage.sent().await;
        assert_eq!(sent[0], sent[1]);
    }
}

#[tokio::test]
async fn answers_that_are_always_lost_end_with_a_look() {
    let stage = Stage::new().await;
    stage.faults(json!([{"method": "PATCH", "close": "after"}])).await;
    let outcome = stage.link(&[JOE], "HR").await.remove(0);
    assert_eq!((outcome.ending, outcome.attempts), (Ending::Updated, 4));
    stage.faults(json!([{"path": "/Department", "close": "before"}])).await;
    let outcome = stage.link(&[SARAH], "HR").await.remove(0);
    assert_eq!((outcome.ending, outcome.code), (deferred("esystems does not answer"), None));
}

#[tokio::test]
async fn a_success_that_does_not_name_the_user_is_believed_only_after_a_look() {
    for body in [json!("<html>Sign in</html>"), json!({}), json!({"Data": []}), json!({"Data": [{"Id": 1}]})]
    {
        let stage = Stage::new().await;
        stage.answer_links(200, body, Value::Null).await;
        let outcomes = stage.link(&[JOE, SARAH], "IT").await;
        assert_eq!(endings(&outcomes), [Ending::Updated, deferred("esystems does not say what it did")]);
        assert_eq!(stage.counts().await, [1, 1, 2]);
    }
}

#[tokio::test]
async fn a_target_that_throttles_gets_the_break_that_it_asks_for() {
    for status in [429, 503] {
        let stage = Stage::new().await;
        let began = stage.clock.now();
        let fault = json!({"method": "PATCH", "status": status, "headers": {"Retry-After": "7"}, "times": 2});
        stage.faults(json!([fault])).await;
        let outcome = stage.link(&[JOE], "HR").await.remove(0);
        assert_eq!((outcome.ending, outcome.attempts), (Ending::Updated, 3));
        let waited = stage.clock.now().since(began);
        assert!((14_000..=17_000).contains(&waited.as_millis()), "{status}: {waited:?}");
        assert_eq!(stage.counts().await, [1, 3, 1]);
    }
}

#[tokio::test]
async fn a_target_that_throttles_without_saying_for_how_long_gets_longer_and_longer_breaks() {
    let stage = Stage::new().await;
    let began = stage.clock.now();
    stage.answer_links(429, Value::Null, Value::Null).await;
    let outcome = stage.link(&[JOE], "HR").await.remove(0);
    assert_eq!((outcome.ending, outcome.code.as_deref()), (deferred("esystems is busy"), Some("429")));
    assert_eq!(outcome.attempts, 5);
    // 2 + 4 + 8 + 16 s.
    let waited = stage.clock.now().since(began).as_millis();
    assert!((24_000..=36_000).contains(&waited), "{waited}");
}

#[tokio::test]
async fn a_break_beyond_the_deadline_is_not_waited_for() {
    let stage = Stage::new().await;
    let fault = json!({"method": "PATCH", "status": 429, "headers": {"Retry-After": "60"}});
    stage.faults(json!([fault])).await;
    let until = stage.clock.now().plus(Duration::from_secs(5));
    let updates = [update(JOE, Some(department("HR"))), update(SARAH, Some(department("IT")))];
    let outcomes = stage.target.api.deliver(&updates, until).await;
    assert!(outcomes.iter().all(|outcome| outcome.ending == deferred("esystems is busy")), "{outcomes:?}");
    assert!(stage.clock.now() < until);
}

#[tokio::test]
async fn a_target_that_is_down_defers_everybody_after_one_round_of_log_ins() {
    let stage = Stage::new().await;
    stage.faults(json!([{"status": 500, "body": "<html></html>"}])).await;
    let updates = [(JOE, "HR"), (SARAH, "IT"), ("35003", "Sales")];
    let outcomes = stage.deliver(&updates.map(|(user, name)| update(user, Some(department(name))))).await;
    for outcome in outcomes {
        assert_eq!((outcome.ending, outcome.attempts), (deferred("esystems does not answer"), 0));
    }
    assert_eq!(stage.counts().await, [4, 0, 0]);
}

#[tokio::test]
async fn one_department_that_fails_holds_no_other_up() {
    let stage = Stage::with(json!({"limit": 1})).await;
    stage.faults(json!([{"path": format!("/Department/{}", department("HR")), "status": 500}])).await;
    let updates = [(JOE, "HR"), (SARAH, "IT"), ("35003", "Sales")];
    let outcomes = stage.deliver(&updates.map(|(user, name)| update(user, Some(department(name))))).await;
    assert_eq!(endings(&outcomes), [deferred("esystems does not answer"), Ending::Updated, Ending::Updated]);
}

#[tokio::test]
async fn a_token_that_is_never_accepted_is_given_up_after_one_more_log_in() {
    let stage = Stage::new().await;
    stage.answer_links(401, envelope(401, "/Errors/Unauthorized"), Value::Null).await;
    let outcome = stage.link(&[JOE], "HR").await.remove(0);
    assert_eq!(outcome.ending, deferred("esystems does not accept the token that it gave us"));
    assert_eq!((outcome.code.as_deref(), outcome.attempts), (Some("401"), 2));
    assert_eq!(stage.counts().await, [2, 2, 1]);
}

#[tokio::test]
async fn a_token_is_used_for_four_fifths_of_its_life() {
    let stage = Stage::new().await;
    stage.link(&[JOE], "HR").await;
    let began = stage.clock.now();
    stage.clock.advance_to(began.plus(Duration::from_millis(2_879_999)));
    stage.link(&[JOE], "HR").await;
    assert_eq!(stage.counts().await[0], 1);
    stage.clock.advance_to(began.plus(Duration::from_millis(2_880_000)));
    stage.link(&[JOE], "HR").await;
    assert_eq!(stage.counts().await[0], 2);
}

#[tokio::test]
async fn a_secret_that_was_changed_heals_by_itself() {
    let stage = Stage::new().await;
    stage.link(&[JOE], "HR").await;
    let clients = json!([{"client_id": CLIENT_ID, "client_secret": "new"}]);
    let mut state = stage.control("GET", "/_sim/state", Value::Null).await;
    state["clients"] = clients;
    stage.control("PUT", "/_sim/state", state).await;
    stage.rotate("new");
    stage.switch(json!({"revoke_tokens": true})).await;
    stage.forget_calls().await;
    assert_eq!(endings(&stage.link(&[JOE], "IT").await), [Ending::Updated]);
    // The known secret, then the new one.
    assert_eq!(stage.counts().await[0], 2);
}

#[tokio::test]
async fn a_log_in_that_is_not_understood_stops_the_run() {
    for body in [json!("<html></html>"), json!({"token": "t"}), json!({"access_token": ""})] {
        let stage = Stage::new().await;
        stage.faults(json!([{"path": TOKEN, "status": 200, "body": body}])).await;
        let outcomes = stage.link(&[JOE, SARAH], "HR").await;
        let why = "esystems answers our log-in in a way that we do not understand";
        assert!(outcomes.iter().all(|outcome| outcome.ending == deferred(why)));
        assert_eq!(stage.counts().await, [1, 0, 0]);
    }
}

#[tokio::test]
async fn every_refusal_of_a_log_in_is_tried_once() {
    for (status, why) in [
        (400, "esystems refuses our log-in"),
        (401, "esystems refuses our log-in"),
        (403, "esystems refuses our log-in"),
        (404, "esystems does not know our log-in: its token URL may be wrong"),
        (302, "esystems sends our log-in elsewhere: its token URL may be wrong"),
    ] {
        let stage = Stage::new().await;
        stage.faults(json!([{"path": TOKEN, "status": status, "body": "<html></html>"}])).await;
        let outcomes = stage.link(&[JOE, SARAH], "HR").await;
        assert!(outcomes.iter().all(|outcome| outcome.ending == deferred(why)), "{status}: {outcomes:?}");
        assert_eq!(stage.counts().await, [1, 0, 0], "{status}");
    }
}

#[tokio::test]
async fn nobody_listens_there() {
    let Stage { simulator, clock, target, .. } = Stage::new().await;
    let until = clock.now().plus(Duration::from_secs(3600));
    simulator.stop().await;
    let outcome = target.api.deliver(&[update(JOE, Some("d"))], until).await.remove(0);
    assert_eq!((outcome.ending, outcome.attempts), (deferred("esystems does not answer"), 0));
    let found = target.api.find(&[people_core::person::Identifier::EmployeeId("1".to_owned())], until).await;
    assert_eq!(found, [Found::Unavailable("esystems does not answer".to_owned())]);
}

#[tokio::test]
async fn no_secret_and_no_value_is_ever_traced_or_told() {
    let traced = Traced::default();
    // With one dispatcher alone, another test's thread, which has none, would decide what is traced at all.
    let _other = tracing::Dispatch::new(Traced::default());
    let _guard = tracing::subscriber::set_default(traced.clone());
    let stage = Stage::with(json!({"addressedBy": "Email"})).await;
    let updates = [update(JOE, Some("Rumpelstilzchen")), update(SARAH, Some(department("IT")))];
    let mut told = format!("{:?}", stage.deliver(&updates).await);
    let echo = |status: u16| {
        json!({"status": status, "body": {
            "Errors": ["sarah@company.com"], "Type": "Rumpelstilzchen", "RequestKey": "key-for-the-support",
        }})
    };
    for rule in [echo(500), echo(400), echo(403), echo(404), json!({"close": "after"})] {
        stage.faults(json!([rule])).await;
        told += &format!("{:?}", stage.deliver(&updates).await);
        let joe = people_core::person::Identifier::Upn("joe@company.com".to_owned());
        told += &format!("{:?}", stage.find(&[joe]).await);
    }
    told += &traced.text();
    let calls = stage.calls().await;
    let mut headers = calls.iter().filter_map(|call| call["headers"]["authorization"].as_str());
    let token = headers.next_back().unwrap().rsplit(' ').next().unwrap();
    let department = department("IT");
    for hidden in
        [CLIENT_SECRET, token, "Bearer", "Rumpelstilzchen", "joe@company", "sarah@company", department, JOE]
    {
        assert!(!told.contains(hidden), "{hidden}: {told}");
    }
    assert!(told.contains("request.key=key-for-the-support"), "{told}");
}
