//! What a bad day brings: every refusal of the table, pauses, lost answers, servers that are down or talk HTML.

use people_core::log::Ending;
use people_core::ports::{Clock, Found};
use serde_json::{Value, json};

use super::stage::{JOE, Stage, deferred, envelope, many, refused, update};
use crate::traced::Traced;

#[tokio::test]
async fn a_refusal_is_final_and_keeps_its_number() {
    let stage = Stage::new().await;
    for (status, number) in [
        (403, 0),
        (403, 2),
        (403, 3),
        (403, 6),
        (403, 1102),
        (403, 2123),
        (403, 9999),
        (404, 1106),
        (404, 1110),
    ] {
        stage.answer_updates(status, json!(number), Value::Null).await;
        let outcome = stage.set(JOE, "firstName", "A").await;
        assert!(matches!(outcome.ending, Ending::Refused(_)), "{status}/{number}: {:?}", outcome.ending);
        assert_eq!((outcome.code, outcome.attempts), (Some(format!("{status}/{number}")), 1));
    }
}

#[tokio::test]
async fn identifiers_of_other_people_are_named() {
    let stage = Stage::new().await;
    for (number, property) in [(1108, "IdentifierCard1"), (1109, "IdentifierCard2")] {
        stage.answer_updates(201, json!(number), Value::Null).await;
        let outcome = stage.set(JOE, "firstName", "A").await;
        let why = format!("aktion refused {property}: another person has it");
        assert_eq!((outcome.ending, outcome.attempts), (Ending::PartlyUpdated(why), 1));
    }
}

#[tokio::test]
async fn a_person_deleted_meanwhile_is_unknown() {
    let stage = Stage::new().await;
    stage.answer_updates(403, json!(5), Value::Null).await;
    assert_eq!(stage.set(JOE, "firstName", "A").await.ending, Ending::UnknownPerson);
}

#[tokio::test]
async fn what_no_call_can_overcome_stops_the_run() {
    for (status, number, why) in [
        (401, json!(1006), "aktion does not accept calls from our address"),
        (401, json!(1007), "aktion does not accept calls from our address"),
        (403, json!(8), "aktion has a problem with its licence"),
        (403, Value::Null, "aktion does not allow this call"),
        (404, Value::Null, "aktion does not know this call: its base URL may be wrong"),
        (302, Value::Null, "aktion sends us elsewhere: its base URL may be wrong"),
    ] {
        let stage = Stage::with(json!({"limit": 1})).await;
        stage.answer_updates(status, number, json!(1)).await;
        let outcomes = stage.deliver(&many(5)).await;
        assert!(outcomes.iter().all(|outcome| outcome.ending == deferred(why)), "{status}");
        assert_eq!(stage.counts().await, [1, 1, 0, 0], "{status}");
        // The next run is tried: it may be mended.
        assert_eq!(stage.set(JOE, "firstName", "A").await.ending, Ending::Updated);
    }
}

#[tokio::test]
async fn a_blocked_address_stops_the_run_without_another_log_in() {
    let stage = Stage::with(json!({"limit": 1})).await;
    stage.switch(json!({"blocked_ips": ["127.0.0.1"]})).await;
    let outcomes = stage.deliver(&many(10)).await;
    let why = "aktion does not accept calls from our address";
    assert!(outcomes.iter().all(|outcome| outcome.ending == deferred(why)));
    assert_eq!(stage.counts().await, [1, 1, 0, 0]);
}

#[tokio::test]
async fn a_missing_right_is_refused_and_stops_the_run() {
    let stage = Stage::with(json!({"limit": 1})).await;
    stage.answer_updates(403, json!(1), Value::Null).await;
    let outcomes = stage.deliver(&many(3)).await;
    let why = "aktion gives us no right to change people";
    assert_eq!(outcomes[0].ending, refused(why));
    assert_eq!((&outcomes[1].ending, &outcomes[2].ending), (&deferred(why), &deferred(why)));
    assert_eq!(stage.counts().await[1], 1);
}

#[tokio::test]
async fn a_violated_rate_pauses_all_workers_without_a_log_in() {
    let stage = Stage::with(json!({"limit": 2})).await;
    let began = stage.clock.now();
    stage.answer_updates(401, json!(1008), json!(2)).await;
    let outcomes = stage.deliver(&many(1)).await;
    assert_eq!((&outcomes[0].ending, outcomes[0].attempts), (&Ending::Updated, 3));
    let waited = stage.clock.now().since(began).as_millis();
    assert!((4_800..=7_200).contains(&waited), "{waited}");
    assert_eq!(stage.counts().await, [1, 3, 0, 0]);
}

#[tokio::test]
async fn a_rate_that_is_violated_for_ever_defers() {
    let stage = Stage::new().await;
    stage.answer_updates(401, json!(1008), Value::Null).await;
    let outcome = stage.set(JOE, "firstName", "A").await;
    assert_eq!((outcome.ending, outcome.code.as_deref()), (deferred("aktion is busy"), Some("401/1008")));
    assert_eq!(outcome.attempts, 5);
    // 2 + 4 + 8 + 16 s: a token dies of old age meanwhile, and of nothing else.
    assert!(stage.counts().await[0] <= 3);
}

#[tokio::test]
async fn a_pause_beyond_the_deadline_is_not_waited_for() {
    let stage = Stage::new().await;
    stage.answer_updates(401, json!(1008), Value::Null).await;
    let until = stage.clock.now().plus(std::time::Duration::from_secs(5));
    let outcomes = stage.target.api.deliver(&many(10), until).await;
    assert!(outcomes.iter().all(|outcome| outcome.ending == deferred("aktion is busy")), "{outcomes:?}");
    assert!(stage.clock.now() < until);
}

#[tokio::test]
async fn a_throttled_log_in_waits_too() {
    let stage = Stage::new().await;
    stage.faults(json!([{"path": "/login", "status": 401, "body": envelope(json!(1008)), "times": 2}])).await;
    assert!(stage.deliver(&many(10)).await.iter().all(|outcome| outcome.ending == Ending::Updated));
    assert_eq!(stage.counts().await, [3, 10, 0, 0]);
}

#[tokio::test]
async fn a_collision_is_sent_again_with_the_sex_that_is_known_now() {
    let stage = Stage::new().await;
    stage.set(JOE, "sex", "2").await;
    stage.forget_calls().await;
    stage.answer_updates(403, json!(4), json!(2)).await;
    let outcome = stage.set(JOE, "firstName", "Jo").await;
    assert_eq!((outcome.ending, outcome.attempts), (Ending::Updated, 3));
    assert_eq!(stage.counts().await, [0, 3, 2, 0]);
    let bodies = stage.bodies().await;
    assert_eq!(bodies[0], json!({"PersonId": JOE, "Name": "Jo"}));
    assert_eq!(bodies[2], json!({"PersonId": JOE, "Name": "Jo", "Sex": 2}));
}

#[tokio::test]
async fn an_update_that_sets_the_sex_keeps_its_own_after_a_collision() {
    let stage = Stage::new().await;
    stage.answer_updates(403, json!(4), json!(1)).await;
    assert_eq!(stage.set(JOE, "sex", "1").await.ending, Ending::Updated);
    assert_eq!(stage.bodies().await[1], json!({"PersonId": JOE, "Sex": 1}));
}

#[tokio::test]
async fn a_sex_that_was_only_sent_along_does_not_make_a_refused_column_half_a_success() {
    let stage = Stage::new().await;
    stage.set(JOE, "sex", "2").await;
    let both = [("firstName", Some("Jo")), ("joinDate", Some("2023-11-01"))];
    let partly = || Ending::PartlyUpdated("aktion refused a user column".to_owned());
    for (fields, name, ending) in [
        (&both[1..], "Joe", refused("aktion refused a user column")),
        (&both, "Joe", refused("aktion refused a user column")),
        (&both, "Jo", partly()),
    ] {
        stage.faults(json!([])).await;
        stage.set(JOE, "firstName", name).await;
        stage.forget_calls().await;
        let fault = |number: u16, times: Value| json!({"path": "/person/update", "status": 403, "body": envelope(json!(number)), "times": times});
        stage.faults(json!([fault(4, json!(1)), fault(1014, Value::Null)])).await;
        let outcome = stage.deliver(&[update(JOE, fields)]).await.remove(0);
        assert_eq!((outcome.ending, outcome.code.as_deref()), (ending, Some("403/1014")));
        assert_eq!(stage.bodies().await[1]["Sex"], 2);
    }
}

#[tokio::test]
async fn columns_before_a_refused_one_are_saved_and_that_is_said() {
    let stage = Stage::new().await;
    stage.switch(json!({"columns": [{"name": "a2s3", "type": "nvarchar(100)"}]})).await;
    let columns = [("costCenter", Some("7")), ("joinDate", Some("2023-11-01"))];
    let outcome = stage.deliver(&[update(JOE, &columns)]).await.remove(0);
    assert_eq!(outcome.ending, Ending::PartlyUpdated("aktion refused a user column".to_owned()));
    let outcome = stage.deliver(&[update(JOE, &columns[1..])]).await.remove(0);
    assert_eq!(outcome.ending, refused("aktion refused a user column"));
    // Nobody can read a PIN.
    let pin = update(JOE, &[("pin", Some("1234")), columns[1]]);
    let outcome = stage.deliver(&[pin]).await.remove(0);
    assert_eq!(outcome.ending, refused("aktion refused a user column; the rest may be saved"));
}

#[tokio::test]
async fn collisions_without_end_defer_after_three_more() {
    let stage = Stage::new().await;
    stage.answer_updates(403, json!(4), Value::Null).await;
    let outcome = stage.set(JOE, "firstName", "Jo").await;
    assert_eq!(outcome.ending, deferred("aktion says that somebody else is changing the person"));
    assert_eq!((outcome.code.as_deref(), outcome.attempts), (Some("403/4"), 4));
}

#[tokio::test]
async fn a_problem_of_the_database_is_tried_once_more() {
    let stage = Stage::new().await;
    stage.answer_updates(403, json!(7), json!(1)).await;
    let outcome = stage.set(JOE, "firstName", "A").await;
    assert_eq!((outcome.ending, outcome.attempts), (Ending::Updated, 2));
    stage.answer_updates(403, json!(7), Value::Null).await;
    let outcome = stage.set(JOE, "firstName", "B").await;
    assert_eq!((outcome.ending, outcome.attempts), (refused("aktion could not save it"), 2));
}

#[tokio::test]
async fn failures_without_end_are_checked_and_then_deferred() {
    let stage = Stage::new().await;
    stage.answer_updates(500, Value::Null, Value::Null).await;
    let outcome = stage.set(JOE, "firstName", "New").await;
    assert_eq!(outcome.ending, deferred("aktion does not answer"));
    assert_eq!((outcome.code.as_deref(), outcome.attempts), (Some("500"), 4));
    assert_eq!(stage.counts().await, [1, 4, 1, 0]);
    // What is there already is as good as saved.
    assert_eq!(stage.set(JOE, "firstName", "Joe").await.ending, Ending::Updated);
    // A PIN cannot be read back.
    assert_eq!(stage.set(JOE, "pin", "1234").await.ending, deferred("aktion does not answer"));
}

#[tokio::test]
async fn a_lost_answer_is_followed_by_the_same_body() {
    let stage = Stage::new().await;
    stage.faults(json!([{"path": "/person/update", "close": "after", "times": 1}])).await;
    let outcome = stage.set(JOE, "firstName", "Jo").await;
    assert_eq!((outcome.ending, outcome.attempts), (Ending::Unchanged, 2));
    let bodies = stage.bodies().await;
    assert_eq!(bodies[0], bodies[1]);
    assert_eq!(stage.stored(JOE).await["Name"], "Jo");
}

#[tokio::test]
async fn answers_that_are_always_lost_end_with_a_look() {
    let stage = Stage::new().await;
    stage.faults(json!([{"path": "/person/update", "close": "after"}])).await;
    let outcome = stage.set(JOE, "firstName", "Jo").await;
    assert_eq!((outcome.ending, outcome.attempts), (Ending::Updated, 4));
    stage.faults(json!([{"path": "/person", "close": "before"}])).await;
    let outcome = stage.set(JOE, "firstName", "Joe").await;
    assert_eq!((outcome.ending, outcome.code), (deferred("aktion does not answer"), None));
}

#[tokio::test]
async fn a_success_that_is_no_envelope_is_believed_only_after_a_look() {
    let stage = Stage::new().await;
    stage.faults(json!([{"path": "/person/update", "status": 200, "body": "<html>Sign in</html>"}])).await;
    let outcome = stage.set(JOE, "firstName", "New").await;
    assert_eq!(outcome.ending, deferred("aktion does not say what it did"));
    assert_eq!(stage.set(JOE, "firstName", "Joe").await.ending, Ending::Updated);
}

#[tokio::test]
async fn errors_as_pages_are_told_by_their_status() {
    let stage = Stage::new().await;
    stage.switch(json!({"error_html": true})).await;
    let outcome = stage.set("nobody", "firstName", "A").await;
    assert!(matches!(outcome.ending, Ending::Deferred(_)));
    assert_eq!(outcome.code.as_deref(), Some("404"));
    stage.switch(json!({"token_life_s": 0})).await;
    stage.clock.advance_to(stage.until());
    assert!(matches!(stage.set(JOE, "firstName", "A").await.ending, Ending::Deferred(_)));
    assert_eq!(stage.counts().await, [3, 3, 0, 0]);
}

#[tokio::test]
async fn a_target_that_is_down_defers_everybody_after_one_round_of_log_ins() {
    let stage = Stage::new().await;
    stage.faults(json!([{"status": 503, "body": "<html></html>"}])).await;
    for outcome in stage.deliver(&many(50)).await {
        assert_eq!((outcome.ending, outcome.attempts), (deferred("aktion does not answer"), 0));
    }
    assert_eq!(stage.counts().await, [4, 0, 0, 0]);
}

#[tokio::test]
async fn nobody_listens_there() {
    let Stage { simulator, clock, target, .. } = Stage::new().await;
    let until = clock.now().plus(std::time::Duration::from_secs(3600));
    simulator.stop().await;
    let outcome = target.api.deliver(&many(1), until).await.remove(0);
    assert_eq!((outcome.ending, outcome.attempts), (deferred("aktion does not answer"), 0));
    let found = target.api.find(&[people_core::person::Identifier::EmployeeId(JOE.to_owned())], until).await;
    assert_eq!(found, [Found::Unavailable("aktion does not answer".to_owned())]);
}

#[tokio::test]
async fn a_log_in_that_is_not_understood_stops_the_run() {
    let stage = Stage::new().await;
    stage.faults(json!([{"path": "/login", "status": 200, "body": {"token": "lower case"}}])).await;
    let outcomes = stage.deliver(&many(5)).await;
    let why = "aktion answers our log-in in a way that we do not understand";
    assert!(outcomes.iter().all(|outcome| outcome.ending == deferred(why)));
    assert_eq!(stage.counts().await, [1, 0, 0, 0]);
}

#[tokio::test]
async fn no_secret_and_no_value_is_ever_traced_or_told() {
    let traced = Traced::default();
    // With one dispatcher alone, another test's thread, which has none, would decide what is traced at all.
    let _other = tracing::Dispatch::new(Traced::default());
    let _guard = tracing::subscriber::set_default(traced.clone());
    let stage = Stage::new().await;
    let secret = [("pin", Some("8642")), ("firstName", Some("Rumpelstilzchen")), ("card1", Some("C0FFEE"))];
    let mut told = format!("{:?}", stage.deliver(&[update(JOE, &secret)]).await);
    for rule in [
        json!({"status": 500}),
        json!({"status": 401, "body": envelope(json!(1006))}),
        json!({"close": "after"}),
    ] {
        stage.faults(json!([rule])).await;
        told += &format!("{:?}", stage.deliver(&[update(JOE, &secret)]).await);
        told += &format!("{:?}", stage.find_upn("joe@company.com").await);
    }
    told += &traced.text();
    assert!(told.contains("the rest of this run is not tried"));
    let calls = stage.calls().await;
    let query = calls.iter().find_map(|call| call["query"].as_str().filter(|query| !query.is_empty()));
    let token = query.unwrap().rsplit('=').next().unwrap();
    for hidden in [simulators::aktion::API_KEY, token, "Token=", "8642", "Rumpelstilzchen", "C0FFEE"] {
        assert!(!told.contains(hidden), "{hidden}: {told}");
    }
}
