//! The test cases of targets.md, part 1.9, by their numbers.

use people_core::log::Ending;
use serde_json::{Value, json};

use super::stage::{JOE, SARAH, Stage, deferred, many, refused, update};

#[tokio::test]
async fn ak_01_a_log_in_is_kept_for_the_calls_that_follow() {
    let stage = Stage::new().await;
    for name in ["A", "B", "C"] {
        assert_eq!(stage.set(JOE, "firstName", name).await.ending, Ending::Updated);
    }
    assert_eq!(stage.counts().await, [1, 3, 0, 0]);
    let log_in = &stage.calls().await[0];
    let body: Value = serde_json::from_str(log_in["body"].as_str().unwrap()).unwrap();
    assert_eq!(
        body,
        json!({"UserLogin": simulators::aktion::USER_LOGIN, "ApiKey": simulators::aktion::API_KEY})
    );
}

#[tokio::test]
async fn ak_02_wrong_credentials_are_tried_once_in_a_run() {
    let stage = Stage::with_key("d3Jvbmc=").await;
    for outcome in stage.deliver(&many(50)).await {
        assert_eq!(outcome.ending, deferred("aktion refuses our log-in"));
        assert_eq!(outcome.attempts, 0);
    }
    assert_eq!(stage.counts().await, [1, 0, 0, 0]);
}

#[tokio::test]
async fn ak_03_an_update_changes_what_it_names_and_nothing_else() {
    let stage = Stage::new().await;
    let mut expected = stage.stored(JOE).await;
    let outcome = stage.set(JOE, "lastName", "Müller 🎉").await;
    assert_eq!(
        (outcome.ending, outcome.code.as_deref(), outcome.attempts),
        (Ending::Updated, Some("200/0"), 1)
    );
    expected["Surname"] = json!("Müller 🎉");
    assert_eq!(stage.stored(JOE).await, expected);
    assert_eq!(stage.bodies().await, [json!({"PersonId": JOE, "Surname": "Müller 🎉"})]);
    let call = &stage.calls().await[1];
    assert_eq!(call["headers"]["content-type"], "application/json");
    assert_eq!(call["headers"]["x-request-id"], super::stage::GUID);
}

#[tokio::test]
async fn ak_04_an_identical_update_is_unchanged() {
    let stage = Stage::new().await;
    stage.set(JOE, "firstName", "Jo").await;
    let outcome = stage.set(JOE, "firstName", "Jo").await;
    assert_eq!((outcome.ending, outcome.code.as_deref()), (Ending::Unchanged, Some("202/0")));
}

#[tokio::test]
async fn ak_05_an_expired_token_is_renewed_once() {
    let stage = Stage::new().await;
    stage.set(JOE, "firstName", "A").await;
    stage.answer_updates(401, json!(1001), json!(1)).await;
    let outcome = stage.set(JOE, "firstName", "B").await;
    assert_eq!((outcome.ending, outcome.attempts), (Ending::Updated, 2));
    assert_eq!(stage.counts().await, [2, 3, 0, 0]);
}

#[tokio::test]
async fn ak_06_an_unknown_token_is_renewed_once_for_all_workers() {
    let stage = Stage::new().await;
    stage.set(JOE, "firstName", "A").await;
    stage.control("DELETE", "/_sim", Value::Null).await;
    for outcome in stage.deliver(&many(20)).await {
        assert_eq!(outcome.ending, Ending::Updated);
    }
    assert_eq!(stage.counts().await[0], 1);
    assert_ne!(stage.stored("200019").await["Name"], "Anna");
}

#[tokio::test]
async fn ak_07_a_token_that_is_never_accepted_is_given_up_after_one_more_log_in() {
    let stage = Stage::new().await;
    stage.switch(json!({"token_life_s": 0})).await;
    let outcome = stage.set(JOE, "firstName", "A").await;
    assert_eq!(outcome.ending, deferred("aktion does not accept the token that it gave us"));
    assert_eq!((outcome.code.as_deref(), outcome.attempts), (Some("401/1001"), 2));
    assert_eq!(stage.counts().await, [2, 2, 0, 0]);
}

#[tokio::test]
async fn ak_08_a_token_is_renewed_before_it_is_15_seconds_old() {
    let stage = Stage::with(json!({"limit": 1, "ratePerSecond": 2})).await;
    let outcomes = stage.deliver(&many(60)).await;
    assert!(outcomes.iter().all(|outcome| outcome.ending == Ending::Updated && outcome.attempts == 1));
    let calls = stage.calls().await;
    let between: Vec<_> = calls.split(|call| call["path"] == "/login").map(<[Value]>::len).collect();
    // Two a second for less than 15 seconds, a little slower than allowed.
    assert!(between.len() >= 3 && between.iter().all(|updates| *updates <= 29), "{between:?}");
    assert!(calls.iter().all(|call| call["status"] == 200));
}

#[tokio::test]
async fn ak_09_an_entry_code_of_somebody_else_is_reported_and_not_sent_again() {
    let stage = Stage::new().await;
    stage.set(SARAH, "entryCode", "123456").await;
    let both = update(JOE, &[("entryCode", Some("123456")), ("firstName", Some("Jo"))]);
    let outcome = stage.deliver(&[both]).await.remove(0);
    let why = "aktion refused IdentifierEntryCode: another person has it".to_owned();
    assert_eq!(outcome.ending, Ending::PartlyUpdated(why));
    assert_eq!((outcome.code.as_deref(), outcome.attempts), (Some("201/1107"), 1));
    let joe = stage.stored(JOE).await;
    assert_eq!((&joe["Name"], &joe["IdentifierEntryCode"]), (&json!("Jo"), &Value::Null));
    assert_eq!(stage.counts().await, [1, 2, 0, 0]);
}

#[tokio::test]
async fn ak_10_a_missing_person_id_is_not_sent_and_a_refused_binding_is_not_repeated() {
    let stage = Stage::new().await;
    let outcome = stage.set(" ", "firstName", "A").await;
    assert_eq!(outcome.ending, refused("PersonId has 1 to 100 characters"));
    assert_eq!(stage.counts().await, [0; 4]);
    stage.answer_updates(400, json!(1002), Value::Null).await;
    let outcome = stage.set(JOE, "firstName", "A").await;
    assert_eq!(outcome.ending, refused("aktion says that the update breaks its rules"));
    assert_eq!((outcome.code.as_deref(), outcome.attempts), (Some("400/1002"), 1));
}

#[tokio::test]
async fn ak_11_an_email_of_201_characters_is_not_sent() {
    let stage = Stage::new().await;
    let outcome = stage.set(JOE, "email", &"x".repeat(201)).await;
    assert_eq!((outcome.ending, outcome.attempts), (refused("Email has at most 200 characters"), 0));
    assert_eq!(stage.counts().await, [0; 4]);
}

#[tokio::test]
async fn ak_12_a_card_that_is_not_hexadecimal_is_not_sent() {
    let stage = Stage::new().await;
    let outcome = stage.set(JOE, "card1", "XYZ").await;
    let why = "IdentifierCard1 has at most 20 hexadecimal digits and nothing else";
    assert_eq!((outcome.ending, outcome.attempts), (refused(why), 0));
    assert_eq!(stage.counts().await, [0; 4]);
}

#[tokio::test]
async fn ak_13_an_unknown_person_is_unknown_and_nobody_is_created() {
    let stage = Stage::new().await;
    let outcome = stage.set("nobody", "firstName", "A").await;
    assert_eq!((outcome.ending, outcome.code.as_deref()), (Ending::UnknownPerson, Some("404/1100")));
    assert_eq!(stage.stored("nobody").await, Value::Null);
    // A server that creates people all the same is believed.
    stage.switch(json!({"upsert_unknown": true})).await;
    let outcome = stage.set("nobody", "firstName", "A").await;
    assert_eq!((outcome.ending, outcome.code.as_deref()), (Ending::Updated, Some("201/0")));
}

#[tokio::test]
async fn ak_14_a_refused_user_column_is_not_repeated_and_the_person_is_read_again() {
    let stage = Stage::new().await;
    stage.switch(json!({"columns": [{"name": "a2s2", "type": "nvarchar(100)"}]})).await;
    let outcome = stage.set(JOE, "joinDate", "2023-11-01").await;
    assert_eq!((outcome.ending, outcome.attempts), (refused("aktion refused a user column"), 1));
    let both = update(JOE, &[("firstName", Some("Jo")), ("joinDate", Some("2023-11-01"))]);
    let outcome = stage.deliver(&[both]).await.remove(0);
    assert_eq!(outcome.ending, Ending::PartlyUpdated("aktion refused a user column".to_owned()));
    assert_eq!((outcome.code.as_deref(), outcome.attempts), (Some("403/1014"), 1));
    assert_eq!(stage.counts().await, [1, 2, 2, 0]);
}

#[tokio::test]
async fn ak_15_an_unsupported_media_type_stops_the_run() {
    let stage = Stage::with(json!({"limit": 1})).await;
    stage.answer_updates(415, Value::Null, Value::Null).await;
    let outcomes = stage.deliver(&many(5)).await;
    assert!(outcomes.iter().all(|outcome| outcome.ending == deferred("aktion does not take JSON")));
    assert_eq!(outcomes[0].code.as_deref(), Some("415"));
    assert_eq!(stage.counts().await, [1, 1, 0, 0]);
}

#[tokio::test]
async fn ak_16_failures_with_html_are_repeated_with_growing_waits() {
    let stage = Stage::new().await;
    let page = "<html><body>Server Error</body></html>";
    stage.faults(json!([{"path": "/person/update", "status": 500, "body": page, "times": 2}])).await;
    let outcome = stage.set(JOE, "firstName", "Jo").await;
    assert_eq!((outcome.ending, outcome.attempts), (Ending::Updated, 3));
    assert!((1200..=1800).contains(&outcome.duration_ms), "{}", outcome.duration_ms);
    assert_eq!(stage.counts().await, [1, 3, 0, 0]);
}
