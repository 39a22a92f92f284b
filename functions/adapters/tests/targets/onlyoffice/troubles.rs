//! What a bad day brings: every row of the answers' table, breaks, lost answers, portals that are down or talk HTML.

use std::time::Duration;

use people_core::log::Ending;
use people_core::ports::Clock;
use serde_json::{Value, json};
use simulators::onlyoffice;

use super::stage::{JOE, SARAH, Stage, deferred, many, pairs, password, refused, update};
use crate::traced::Traced;

/// An error in its envelope.
fn error(status: u16) -> Value {
    json!({"status": status, "body": {"status": 1, "statusCode": status, "error": {"message": "?", "hresult": 1}}})
}

#[tokio::test]
async fn wrong_credentials_are_tried_once_in_a_run_and_not_again_for_a_while() {
    let stage = Stage::with(json!({}), &password("wrong")).await;
    for _ in 0..2 {
        for outcome in stage.deliver(&many(20)).await {
            assert_eq!((outcome.ending, outcome.attempts), (deferred("portal refuses our log-in"), 0));
        }
    }
    assert_eq!(stage.counts().await, [1, 0, 0]);
    // A password that was replaced where it is kept heals by itself.
    stage.keep(&password(onlyoffice::PASSWORD));
    assert_eq!(stage.set(JOE, "phone", "1").await.ending, Ending::Updated);
    assert_eq!(stage.counts().await[0], 2);
}

#[tokio::test]
async fn a_log_in_that_cannot_succeed_stops_the_run() {
    for (rule, why) in [
        (json!({"status": 400, "body": "?"}), "portal does not understand our log-in"),
        (json!({"status": 403}), "portal does not accept calls from our address"),
        (
            json!({"status": 201, "body": "<html></html>"}),
            "portal gives us no token: its account may need a second factor",
        ),
        (json!({"status": 404}), "portal does not know this portal: its base URL may be wrong"),
        (error(500), "portal refuses our log-in"),
        (error(401), "portal refuses our log-in"),
    ] {
        let stage = Stage::new().await;
        let mut rule = rule;
        rule["path"] = json!("/authentication");
        stage.faults(json!([rule])).await;
        let outcomes = stage.deliver(&many(5)).await;
        assert!(outcomes.iter().all(|outcome| outcome.ending == deferred(why)), "{outcomes:?}");
        assert_eq!(stage.counts().await, [1, 0, 0]);
    }
}

#[tokio::test]
async fn an_account_with_a_second_factor_is_of_no_use() {
    let stage = Stage::new().await;
    stage.switch(json!({"two_factor": true})).await;
    let why = "portal gives us no token: its account may need a second factor";
    assert!(stage.deliver(&many(5)).await.iter().all(|outcome| outcome.ending == deferred(why)));
    assert_eq!(stage.counts().await, [1, 0, 0]);
}

#[tokio::test]
async fn what_no_call_can_overcome_stops_the_run() {
    for (rule, why) in [
        (json!({"status": 402, "body": "PaymentRequired"}), "portal says that its portal is not paid for"),
        (json!({"status": 403}), "portal does not accept calls from our address"),
        (json!({"status": 403, "body": "<html></html>"}), "portal does not allow this call"),
        (json!({"status": 404}), "portal does not know this portal: its base URL may be wrong"),
        (
            json!({"status": 404, "body": "<html></html>"}),
            "portal does not know this call: its base URL may be wrong",
        ),
        (json!({"status": 405}), "portal does not know this call: its base URL may be wrong"),
        (json!({"status": 415}), "portal does not take JSON"),
        (json!({"status": 302}), "portal sends us elsewhere: its base URL may be wrong"),
    ] {
        let stage = Stage::with(json!({"limit": 1}), &password(onlyoffice::PASSWORD)).await;
        let mut rule = rule;
        (rule["path"], rule["times"]) = (json!("/people"), json!(1));
        stage.faults(json!([rule])).await;
        let outcomes = stage.deliver(&many(5)).await;
        assert!(outcomes.iter().all(|outcome| outcome.ending == deferred(why)), "{outcomes:?}");
        assert_eq!(stage.counts().await, [1, 1, 0]);
        // The next run is tried: it may be mended.
        assert_eq!(stage.set(JOE, "phone", "1").await.ending, Ending::Updated);
    }
}

#[tokio::test]
async fn an_unpaid_portal_stops_the_run_at_a_write_too() {
    let stage = Stage::with(json!({"limit": 1}), &password(onlyoffice::PASSWORD)).await;
    stage.fault_of_writes(json!({"status": 402})).await;
    let outcomes = stage.deliver(&many(3)).await;
    let why = "portal says that its portal is not paid for";
    assert!(outcomes.iter().all(|outcome| outcome.ending == deferred(why)), "{outcomes:?}");
    assert_eq!((outcomes[0].code.as_deref(), stage.counts().await[2]), (Some("402"), 1));
}

#[tokio::test]
async fn a_refusal_is_final() {
    let stage = Stage::new().await;
    for status in [400, 403, 409, 413] {
        stage.fault_of_writes(error(status)).await;
        let outcome = stage.set(JOE, "phone", "1").await;
        assert!(matches!(outcome.ending, Ending::Refused(_)), "{status}: {:?}", outcome.ending);
        assert_eq!((outcome.code, outcome.attempts), (Some(status.to_string()), 1));
    }
}

#[tokio::test]
async fn a_failure_that_passes_is_tried_once_more_from_a_new_look() {
    let stage = Stage::new().await;
    let mut rule = error(500);
    rule["times"] = json!(1);
    stage.fault_of_writes(rule).await;
    let outcome = stage.set(JOE, "phone", "1").await;
    assert_eq!((outcome.ending, outcome.attempts), (Ending::Updated, 2));
    let methods: Vec<_> = stage.calls().await.iter().map(|call| call["method"].clone()).collect();
    assert_eq!(methods, ["POST", "GET", "PUT", "GET", "PUT"]);
}

#[tokio::test]
async fn a_failure_that_saved_it_all_the_same_is_a_success() {
    let stage = Stage::new().await;
    stage.set(JOE, "phone", "1").await;
    let before = stage.stored(JOE).await;
    // The write is done, and its answer is lost; the look then shows it.
    stage.fault_of_writes(json!({"close": "after", "times": 1})).await;
    let outcome = stage.set(JOE, "phone", "2").await;
    assert_eq!((outcome.ending, outcome.attempts), (Ending::Updated, 1));
    assert_ne!(stage.stored(JOE).await, before);
}

#[tokio::test]
async fn lost_answers_are_followed_by_a_look_each_time() {
    let stage = Stage::new().await;
    stage.fault_of_writes(json!({"close": "before", "times": 2})).await;
    let outcome = stage.set(JOE, "phone", "1").await;
    assert_eq!((outcome.ending, outcome.attempts), (Ending::Updated, 3));
    stage.fault_of_writes(json!({"close": "before"})).await;
    let outcome = stage.set(JOE, "phone", "2").await;
    assert_eq!((outcome.ending, outcome.attempts), (deferred("portal does not answer"), 4));
    stage.faults(json!([{"path": "/people", "close": "before"}])).await;
    let outcome = stage.set(JOE, "phone", "3").await;
    assert_eq!((outcome.ending, outcome.attempts), (deferred("portal does not answer"), 0));
}

#[tokio::test]
async fn servers_in_front_that_fail_for_ever_defer() {
    let stage = Stage::new().await;
    for status in [408, 501, 502, 504] {
        stage.fault_of_writes(json!({"status": status, "body": "<html></html>"})).await;
        let outcome = stage.set(JOE, "phone", "1").await;
        assert_eq!((outcome.ending, outcome.attempts), (deferred("portal does not answer"), 4), "{status}");
        assert_eq!(outcome.code, Some(status.to_string()));
    }
    stage.forget_calls().await;
    stage.faults(json!([{"path": "/people", "status": 500, "body": "<html></html>"}])).await;
    let outcome = stage.set(JOE, "phone", "1").await;
    assert_eq!((outcome.ending, outcome.attempts), (deferred("portal does not answer"), 0));
    assert_eq!(stage.counts().await, [0, 2, 0]);
}

#[tokio::test]
async fn a_success_that_is_no_envelope_is_believed_only_after_a_look() {
    let stage = Stage::new().await;
    for status in [200, 201, 204] {
        stage.fault_of_writes(json!({"status": status, "body": "<html>Sign in</html>"})).await;
        let outcome = stage.set(JOE, "phone", "1").await;
        assert_eq!((outcome.ending, outcome.attempts), (deferred("portal does not say what it did"), 1));
    }
}

#[tokio::test]
async fn a_success_that_did_not_save_it_is_refused() {
    let stage = Stage::new().await;
    let body = json!({"count": 1, "status": 0, "statusCode": 200, "response": {}});
    stage.fault_of_writes(json!({"status": 200, "body": body})).await;
    let outcome = stage.update(JOE, &[("phone", Some("1")), ("icq", Some("2"))]).await;
    assert_eq!(outcome.ending, refused("portal did not save contacts.phone, contacts.icq"));
    assert_eq!(stage.counts().await, [1, 2, 1]);
}

#[tokio::test]
async fn an_answer_that_shows_more_than_is_stored_is_checked_where_there_is_a_doubt() {
    let stage = Stage::new().await;
    assert_eq!(stage.set(JOE, "phone", "1\t2").await.ending, Ending::Updated);
    assert_eq!(stage.set(JOE, "phone", " 3").await.ending, Ending::Updated);
    assert_eq!(stage.counts().await, [1, 4, 2]);
}

#[tokio::test]
async fn a_portal_that_is_restored_is_waited_for_and_then_busy() {
    let stage = Stage::new().await;
    stage.set(JOE, "phone", "1").await;
    stage.switch(json!({"portal_state": "restoring"})).await;
    let began = stage.clock.now();
    let outcome = stage.set(JOE, "phone", "2").await;
    assert_eq!((outcome.ending, outcome.attempts), (deferred("portal is busy"), 0));
    assert!(stage.clock.now().since(began) >= Duration::from_secs(4 * 30));
    stage.switch(json!({"portal_state": "active"})).await;
    assert_eq!(stage.set(JOE, "phone", "2").await.ending, Ending::Updated);
    stage.fault_of_writes(json!({"status": 503})).await;
    let outcome = stage.set(JOE, "phone", "3").await;
    assert_eq!((outcome.ending, outcome.attempts), (deferred("portal is busy"), 5));
    assert_eq!(outcome.code.as_deref(), Some("503"));
}

#[tokio::test]
async fn a_break_beyond_the_deadline_is_not_waited_for() {
    let stage = Stage::new().await;
    stage.fault_of_writes(json!({"status": 503, "headers": {"Retry-After": "30"}})).await;
    let until = stage.clock.now().plus(Duration::from_secs(5));
    let outcomes = stage.target.api.deliver(&many(5), until).await;
    assert!(outcomes.iter().all(|outcome| outcome.ending == deferred("portal is busy")), "{outcomes:?}");
    assert!(stage.clock.now() < until);
}

#[tokio::test]
async fn a_token_that_goes_in_the_middle_is_renewed_once_for_all() {
    let stage = Stage::new().await;
    stage.set(JOE, "phone", "1").await;
    stage.control("DELETE", "/_sim", Value::Null).await;
    assert!(stage.deliver(&many(20)).await.iter().all(|outcome| outcome.ending == Ending::Updated));
    assert_eq!(stage.counts().await[0], 1);
}

#[tokio::test]
async fn updates_of_one_person_follow_each_other_while_others_go_on() {
    let stage = Stage::new().await;
    stage.switch(json!({"latency_ms": 2})).await;
    let updates = [
        update(JOE, &[("phone", Some("1"))]),
        update(SARAH, &[("phone", Some("2"))]),
        update(&JOE.to_uppercase(), &[("icq", Some("3"))]),
        update(JOE, &[("phone", Some("4"))]),
    ];
    let (outcomes, others) = tokio::join!(stage.deliver(&updates), stage.deliver(&updates[2..]));
    assert!(outcomes.iter().chain(&others).all(|outcome| outcome.ending.succeeded()));
    let contacts = stage.stored_contacts(JOE).await;
    let added: Vec<_> = contacts.into_iter().filter(|(kind, _)| kind == "phone" || kind == "icq").collect();
    assert_eq!(added.len(), 2);
    assert!(added.contains(&pairs(&[("phone", "4")])[0]) && added.contains(&pairs(&[("icq", "3")])[0]));
}

#[tokio::test]
async fn after_a_deferred_update_the_later_ones_of_that_person_wait() {
    let stage = Stage::new().await;
    stage.faults(json!([{"method": "PUT", "path": format!("/people/{JOE}"), "status": 502}])).await;
    let updates =
        [(JOE, "1"), (SARAH, "2"), (JOE, "3")].map(|(who, phone)| update(who, &[("phone", Some(phone))]));
    let outcomes = stage.deliver(&updates).await;
    assert_eq!(outcomes[0].ending, deferred("portal does not answer"));
    assert_eq!(outcomes[1].ending, Ending::Updated);
    assert_eq!(outcomes[2].ending, deferred("an earlier update of this person is not delivered yet"));
}

#[tokio::test]
async fn a_call_under_way_ends_with_the_deadline() {
    let stage = Stage::new().await;
    stage.set(SARAH, "phone", "1").await;
    stage.fault_of_writes(json!({"delay_ms": 60_000})).await;
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    let until = stage.clock.now().plus(Duration::from_millis(100));
    let outcome = stage.target.api.deliver(&[update(JOE, &[("phone", Some("1"))])], until).await.remove(0);
    assert!(matches!(outcome.ending, Ending::Deferred(_)), "{:?}", outcome.ending);
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn never_more_calls_than_the_limit_are_in_flight() {
    let stage = Stage::with(json!({"limit": 3}), &password(onlyoffice::PASSWORD)).await;
    stage.switch(json!({"latency_ms": 3})).await;
    stage.deliver(&many(20)).await;
    let most = stage.calls().await.iter().map(|call| call["inFlight"].as_u64().unwrap()).max();
    assert!(most <= Some(3), "{most:?}");
}

#[tokio::test]
async fn no_secret_and_no_value_is_ever_traced_or_told() {
    let traced = Traced::default();
    // With one dispatcher alone, another test's thread, which has none, would decide what is traced at all.
    let _other = tracing::Dispatch::new(Traced::default());
    let _guard = tracing::subscriber::set_default(traced.clone());
    let stage = Stage::new().await;
    let mut told = String::new();
    let canaries = ["Rumpelstilzchen", "+420 777 888", "joe.miller"];
    let mut rules = vec![json!({}), json!({"status": 402, "body": canaries[0]}), json!({"close": "after"})];
    rules.extend([error(500), error(400), json!({"status": 200, "body": canaries[0]})]);
    for rule in rules {
        stage.fault_of_writes(rule).await;
        for fields in
            [[("title", canaries[0]), ("phone", canaries[1])], [("title", "1|\u{1f389}"), ("phone", "|")]]
        {
            let fields = fields.map(|(field, value)| (field, Some(value)));
            told += &format!("{:?}", stage.deliver(&[update(JOE, &fields)]).await);
        }
        stage.control("PUT", "/_sim/state", json!({"people": [{"id": JOE, "email": "joe@company.com", "firstName": "J", "lastName": "M"}]})).await;
    }
    told += &format!("{:?}", stage.find_upn("joe@company.com").await).replace("joe@company.com", "");
    told += &traced.text();
    assert!(told.contains("the rest of this run is not tried"));
    let calls = stage.calls().await;
    let token = calls.iter().find_map(|call| call["headers"]["authorization"].as_str()).unwrap();
    for hidden in [onlyoffice::PASSWORD, onlyoffice::USER_NAME, token].into_iter().chain(canaries) {
        assert!(!told.contains(hidden), "{hidden}: {told}");
    }
}
