//! DocSpace: the same paths, other answers. What a server cannot do is told from what it answers, and a wrong `product` in the
//! configuration costs a call, never somebody's data.

use people_core::log::Ending;
use people_core::ports::Clock;
use serde_json::{Value, json};
use simulators::onlyoffice;

use super::stage::{IMPORTER, JOE, Stage, deferred, many, pairs, partly, password, refused, update};

const NO_CONTACTS_CALL: &str = "portal has no contacts call: DocSpace has none from 3.2.1 on";

#[tokio::test]
async fn an_api_key_is_sent_as_a_bearer_and_needs_no_log_in() {
    let stage = Stage::docspace("docspace_old").await;
    stage.contacts(&[("skype", "joe")]).await;
    assert_eq!(stage.set(JOE, "phone", "1").await.ending, Ending::Updated);
    assert_eq!(stage.stored_contacts(JOE).await, pairs(&[("skype", "joe"), ("phone", "1")]));
    let calls = stage.calls().await;
    assert!(
        calls
            .iter()
            .all(|call| call["headers"]["authorization"] == format!("Bearer {}", onlyoffice::API_KEY))
    );
    assert_eq!(stage.counts().await, [0, 1, 1]);
    assert_eq!(stage.reset(JOE, "phone").await.ending, Ending::Updated);
    assert_eq!(stage.reset(JOE, "skype").await.ending, Ending::Updated);
    assert_eq!(stage.stored_contacts(JOE).await, []);
}

#[tokio::test]
async fn a_password_works_too_and_a_wrong_one_is_tried_once() {
    for (given, ending) in
        [(onlyoffice::PASSWORD, Ending::Updated), ("wrong", deferred("portal refuses our log-in"))]
    {
        let stage = Stage::with(json!({"product": "docspace"}), &password(given)).await;
        stage.switch(json!({"mode": "docspace_old"})).await;
        assert_eq!(stage.set(JOE, "phone", "1").await.ending, ending);
        assert_eq!(stage.counts().await[0], 1);
    }
}

#[tokio::test]
async fn a_key_that_is_not_accepted_stops_the_run_and_heals_when_it_is_replaced() {
    let stage = Stage::docspace("docspace_old").await;
    stage.keep(&json!({"apiKey": "sk-old"}));
    let outcomes = stage.deliver(&many(5)).await;
    let why = "portal does not accept the token that it gave us";
    assert!(outcomes.iter().all(|outcome| outcome.ending == deferred(why)), "{outcomes:?}");
    stage.keep(&json!({"apiKey": onlyoffice::API_KEY}));
    assert_eq!(stage.set(JOE, "phone", "1").await.ending, Ending::Updated);
}

#[tokio::test]
async fn without_a_contacts_call_contacts_are_tried_once_in_a_run() {
    let stage = Stage::docspace("docspace_new").await;
    for outcome in stage.deliver(&many(20)).await {
        assert_eq!(outcome.ending, refused(NO_CONTACTS_CALL));
    }
    assert!(stage.counts().await[2] <= 20);
    stage.forget_calls().await;
    let one_at_a_time: Vec<_> =
        many(5).into_iter().map(|one| update(JOE, &[("phone", Some(&one.key.0))])).collect();
    let outcomes = stage.deliver(&one_at_a_time).await;
    assert_eq!(outcomes.iter().map(|outcome| outcome.attempts).collect::<Vec<_>>(), [1, 0, 0, 0, 0]);
    for status in [404, 405] {
        stage.fault_of_writes(json!({"status": status, "body": "<html></html>"})).await;
        assert_eq!(stage.set(JOE, "phone", "1").await.ending, refused(NO_CONTACTS_CALL), "{status}");
    }
    // What is there already needs no call.
    let same = stage.set(JOE, "skype", "joe.miller").await;
    assert_eq!((same.ending, same.attempts), (Ending::Unchanged, 0));
}

#[tokio::test]
async fn a_profile_that_is_ignored_with_a_success_is_refused() {
    let stage = Stage::docspace("docspace_old").await;
    let before = stage.stored(JOE).await;
    let outcome = stage.update(JOE, &[("firstName", Some("J")), ("title", Some("T"))]).await;
    assert_eq!((outcome.ending, outcome.attempts), (refused("portal did not save firstname, title"), 1));
    assert_eq!(stage.stored(JOE).await, before);
    let both = [("firstName", Some("J")), ("phone", Some("1"))];
    let outcome = stage.update(JOE, &both).await;
    assert_eq!((outcome.ending, outcome.attempts), (partly("portal did not save firstname"), 2));
    stage.switch(json!({"mode": "docspace_new"})).await;
    let outcome = stage.update(JOE, &[("firstName", Some("J")), ("phone", Some("2"))]).await;
    assert_eq!(outcome.ending, refused(NO_CONTACTS_CALL));
}

#[tokio::test]
async fn the_account_of_the_key_may_change_its_own_name() {
    let stage = Stage::docspace("docspace_new").await;
    let outcome = stage.update(IMPORTER, &[("firstName", Some("P")), ("notes", Some("n"))]).await;
    assert_eq!(outcome.ending, Ending::Updated);
    let own = stage.stored(IMPORTER).await;
    assert_eq!((&own["firstName"], &own["notes"]), (&json!("P"), &json!("n")));
    assert_eq!(own["contacts"], json!([{"type": "mail", "value": "importer@company.com"}]));
}

#[tokio::test]
async fn a_missing_right_is_not_tried_again() {
    let stage = Stage::docspace("docspace_old").await;
    stage.switch(json!({"may_edit": false})).await;
    let outcome = stage.set(JOE, "phone", "1").await;
    assert_eq!(outcome.ending, refused("portal does not allow us to change this person"));
    assert_eq!((outcome.code.as_deref(), outcome.attempts), (Some("403"), 1));
}

#[tokio::test]
async fn a_limit_is_over_when_the_portal_says_so() {
    let stage = Stage::docspace("docspace_old").await;
    for (headers, least, most) in [
        (json!({"X-Ratelimit-Reset": (stage.clock.now().seconds() + 7).to_string()}), 6_000, 8_400),
        (json!({"Retry-After": "3", "X-Ratelimit-Reset": "99999999999"}), 3_000, 3_600),
        (json!({"X-Ratelimit-Reset": "soon"}), 30_000, 36_000),
        (json!({}), 30_000, 36_000),
    ] {
        let began = stage.clock.now();
        stage.fault_of_writes(json!({"status": 429, "headers": headers, "times": 1})).await;
        let outcome = stage.set(JOE, "phone", &began.millis().to_string()).await;
        assert_eq!((outcome.ending, outcome.attempts), (Ending::Updated, 2));
        let waited = stage.clock.now().since(began).as_millis();
        assert!((least..=most).contains(&waited), "{headers} {waited}");
    }
}

/// Updates joe's title and telephone number; gives back who he was and is.
async fn both(stage: &Stage) -> (Ending, Value, Value) {
    let before = stage.stored(JOE).await;
    let outcome = stage.update(JOE, &[("title", Some("Chief")), ("phone", Some("1"))]).await;
    (outcome.ending, before, stage.stored(JOE).await)
}

#[tokio::test]
async fn a_wrong_product_in_the_configuration_harms_nobody() {
    let right = password(onlyoffice::PASSWORD);
    let stage = Stage::with(json!({"product": "docspace"}), &right).await;
    let (ending, mut before, after) = both(&stage).await;
    assert_eq!(ending, Ending::Updated);
    before["title"] = json!("Chief");
    before["contacts"].as_array_mut().unwrap().push(json!({"type": "phone", "value": "1"}));
    assert_eq!(after, before);
    let stage = Stage::with(json!({"product": "workspace"}), &right).await;
    stage.switch(json!({"mode": "docspace_old"})).await;
    let (ending, mut before, after) = both(&stage).await;
    assert_eq!(ending, partly("portal did not save title"));
    before["contacts"].as_array_mut().unwrap().push(json!({"type": "phone", "value": "1"}));
    assert_eq!(after, before);
    let stage = Stage::with(json!({"product": "workspace"}), &right).await;
    stage.switch(json!({"mode": "docspace_new"})).await;
    let (ending, before, after) = both(&stage).await;
    assert_eq!((ending, after), (refused(NO_CONTACTS_CALL), before));
}
