//! The test cases of targets.md, part 3.11, by their numbers. Those about raw bodies say what the portal does with them, and
//! that nothing of the kind is ever sent.

use people_core::log::Ending;
use people_core::ports::Clock;
use serde_json::{Value, json};
use simulators::onlyoffice;

use super::stage::{IMPORT, JOE, NOBODY, Stage, deferred, pairs, refused, update};

#[tokio::test]
async fn oo_01_a_log_in_is_kept_and_its_token_is_sent_bare() {
    let stage = Stage::new().await;
    for phone in ["1", "2", "3"] {
        assert_eq!(stage.set(JOE, "phone", phone).await.ending, Ending::Updated);
    }
    assert_eq!(stage.counts().await, [1, 3, 3]);
    let calls = stage.calls().await;
    let body: Value = serde_json::from_str(calls[0]["body"].as_str().unwrap()).unwrap();
    assert_eq!(body, json!({"userName": onlyoffice::USER_NAME, "password": onlyoffice::PASSWORD}));
    assert_eq!((&calls[0]["status"], &calls[0]["path"]), (&json!(201), &json!("/api/2.0/authentication")));
    let token = calls[1]["headers"]["authorization"].as_str().unwrap();
    assert!(!token.contains(' ') && token.len() > 20);
    assert_eq!(calls[2]["headers"]["content-type"], "application/json");
    assert_eq!(calls[2]["headers"]["x-request-id"], IMPORT);
}

#[tokio::test]
async fn oo_02_one_contact_is_put_and_is_there() {
    let stage = Stage::new().await;
    stage.contacts(&[]).await;
    let outcome = stage.set(JOE, "phone", "+420 1").await;
    assert_eq!(
        (outcome.ending, outcome.code.as_deref(), outcome.attempts),
        (Ending::Updated, Some("200"), 1)
    );
    let path = format!("/api/2.0/people/{JOE}/contacts");
    let body = json!({"contacts": [{"type": "phone", "value": "+420 1"}]});
    assert_eq!(stage.writes().await, [(path, body)]);
    assert_eq!(stage.stored_contacts(JOE).await, pairs(&[("phone", "+420 1")]));
}

#[tokio::test]
async fn oo_03_a_put_replaces_so_the_other_contacts_go_along() {
    let stage = Stage::new().await;
    stage.contacts(&[("skype", "joe")]).await;
    stage.set(JOE, "phone", "1").await;
    let [(_, body)] = &stage.writes().await[..] else { panic!("one write") };
    assert_eq!(body["contacts"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn oo_04_a_merge_reads_first_and_keeps_what_it_does_not_name() {
    let stage = Stage::new().await;
    stage.contacts(&[("skype", "joe"), ("extmail", "joe@ldap")]).await;
    assert_eq!(stage.set(JOE, "phone", "1").await.ending, Ending::Updated);
    let kept = pairs(&[("skype", "joe"), ("extmail", "joe@ldap"), ("phone", "1")]);
    assert_eq!(stage.stored_contacts(JOE).await, kept);
    let methods: Vec<_> = stage.calls().await.iter().map(|call| call["method"].clone()).collect();
    assert_eq!(methods, ["POST", "GET", "PUT"]);
}

#[tokio::test]
async fn oo_05_no_item_is_ever_nested() {
    let stage = Stage::new().await;
    stage.update(JOE, &[("phone", Some("1")), ("icq", Some("2")), ("title", Some("T"))]).await;
    stage.set(JOE, "phone", "2").await;
    for (_, body) in stage.writes().await {
        for item in body["contacts"].as_array().unwrap() {
            assert!(item["type"].is_string() && item["value"].is_string());
            assert_eq!(item.as_object().unwrap().len(), 2);
        }
    }
}

#[tokio::test]
async fn oo_06_an_empty_list_is_sent_only_where_everything_is_reset() {
    let stage = Stage::new().await;
    stage.contacts(&[("skype", "joe"), ("phone", "1")]).await;
    assert_eq!(stage.reset(JOE, "phone").await.ending, Ending::Updated);
    assert_eq!(stage.stored_contacts(JOE).await, pairs(&[("skype", "joe")]));
    assert_eq!(stage.reset(JOE, "skype").await.ending, Ending::Updated);
    assert_eq!(stage.stored_contacts(JOE).await, []);
    let lengths: Vec<_> =
        stage.writes().await.iter().map(|(_, body)| body["contacts"].as_array().unwrap().len()).collect();
    assert_eq!(lengths, [1, 0]);
    // And there is nothing left to reset.
    assert_eq!(stage.reset(JOE, "skype").await.ending, Ending::Unchanged);
    assert_eq!(stage.writes().await.len(), 2);
}

#[tokio::test]
async fn oo_07_the_list_has_the_only_name_that_is_seen() {
    let stage = Stage::new().await;
    stage.update(JOE, &[("phone", Some("1")), ("title", Some("T"))]).await;
    stage.set(JOE, "phone", "2").await;
    for (_, body) in stage.writes().await {
        assert!(body["contacts"].is_array());
    }
}

#[tokio::test]
async fn oo_08_two_contacts_go_in_one_call() {
    let stage = Stage::new().await;
    stage.contacts(&[("skype", "joe")]).await;
    let outcome = stage.update(JOE, &[("phone", Some("1")), ("icq", Some("2"))]).await;
    assert_eq!((outcome.ending, outcome.attempts), (Ending::Updated, 1));
    let kept = pairs(&[("skype", "joe"), ("phone", "1"), ("icq", "2")]);
    assert_eq!(stage.stored_contacts(JOE).await, kept);
}

#[tokio::test]
async fn oo_09_a_contact_is_removed_by_a_put_of_the_others_as_a_delete_may_hit_the_wrong_one() {
    let stage = Stage::new().await;
    stage.contacts(&[("phone", "skype"), ("skype", "joe"), ("icq", "1")]).await;
    assert_eq!(stage.reset(JOE, "skype").await.ending, Ending::Updated);
    assert_eq!(stage.stored_contacts(JOE).await, pairs(&[("phone", "skype"), ("icq", "1")]));
    assert!(stage.calls().await.iter().all(|call| call["method"] != "DELETE"));
}

#[tokio::test]
async fn oo_10_an_unknown_person_is_not_asked_for_again() {
    let stage = Stage::new().await;
    let outcome = stage.set(NOBODY, "phone", "1").await;
    assert_eq!((outcome.ending, outcome.attempts), (Ending::UnknownPerson, 0));
    assert_eq!(stage.counts().await, [1, 1, 0]);
    // Somebody who goes between the look and the write.
    let gone = json!({"status": 1, "statusCode": 404, "error": {"message": "?", "hresult": 1, "data": {}}});
    stage.fault_of_writes(json!({"status": 404, "body": gone})).await;
    let outcome = stage.set(JOE, "phone", "1").await;
    assert_eq!((outcome.ending, outcome.attempts), (Ending::UnknownPerson, 1));
    // What is no GUID is nobody, and never part of a path.
    stage.forget_calls().await;
    for key in ["joe", "", "../settings"] {
        assert_eq!(stage.set(key, "phone", "1").await.ending, Ending::UnknownPerson);
    }
    assert!(stage.calls().await.is_empty());
}

#[tokio::test]
async fn oo_11_a_token_that_is_gone_is_renewed_once() {
    let stage = Stage::new().await;
    stage.set(JOE, "phone", "1").await;
    stage.control("DELETE", "/_sim", Value::Null).await;
    assert_eq!(stage.set(JOE, "phone", "2").await.ending, Ending::Updated);
    assert_eq!(stage.counts().await, [1, 2, 1]);
    stage.fault_of_writes(json!({"status": 401, "body": "Unauthorized", "times": 1})).await;
    let outcome = stage.set(JOE, "phone", "3").await;
    assert_eq!((outcome.ending, outcome.attempts), (Ending::Updated, 2));
    stage.forget_calls().await;
    stage.faults(json!([{"path": "/people", "status": 401, "body": "Unauthorized"}])).await;
    let outcome = stage.set(JOE, "phone", "4").await;
    assert_eq!(outcome.ending, deferred("portal does not accept the token that it gave us"));
    assert_eq!(stage.counts().await, [1, 2, 0]);
}

#[tokio::test]
async fn oo_12_a_missing_right_is_tried_twice_and_then_refused() {
    let stage = Stage::new().await;
    stage.switch(json!({"may_edit": false})).await;
    let before = stage.stored(JOE).await;
    for fields in [vec![("phone", Some("1"))], vec![("title", Some("T")), ("phone", Some("1"))]] {
        stage.forget_calls().await;
        let outcome = stage.update(JOE, &fields).await;
        assert_eq!(outcome.ending, refused("portal does not allow it, or failed: status 500"));
        assert_eq!((outcome.code.as_deref(), outcome.attempts), (Some("500"), 2));
        assert_eq!(stage.counts().await[2], 2);
    }
    assert_eq!(stage.stored(JOE).await, before);
}

#[tokio::test]
async fn oo_13_a_body_that_is_not_understood_is_not_sent_again() {
    let stage = Stage::new().await;
    let body = json!({"status": 1, "statusCode": 400, "error": {"message": "?"}});
    stage.fault_of_writes(json!({"status": 400, "body": body})).await;
    let outcome = stage.set(JOE, "phone", "1").await;
    assert_eq!(outcome.ending, refused("portal says that the update breaks its rules"));
    assert_eq!((outcome.code.as_deref(), outcome.attempts), (Some("400"), 1));
}

#[tokio::test]
async fn oo_14_a_value_with_a_pipe_is_not_sent() {
    let stage = Stage::new().await;
    let outcome = stage.set(JOE, "phone", "1|2").await;
    assert_eq!((outcome.ending, outcome.attempts), (refused("contacts.phone cannot have a |"), 0));
    assert!(stage.calls().await.is_empty());
}

#[tokio::test]
async fn oo_15_an_empty_value_is_not_sent() {
    let stage = Stage::new().await;
    let outcome = stage.update(JOE, &[("skype", Some("")), ("phone", Some("123"))]).await;
    assert_eq!(outcome.ending, refused("contacts.skype cannot be empty; null removes it"));
    assert!(stage.calls().await.is_empty());
}

#[tokio::test]
async fn oo_16_a_break_is_as_long_as_the_portal_wants_it() {
    let stage = Stage::new().await;
    stage.set(JOE, "phone", "1").await;
    let began = stage.clock.now();
    stage.fault_of_writes(json!({"status": 503, "headers": {"Retry-After": "3"}, "times": 1})).await;
    let outcomes = stage.deliver(&[update(JOE, &[("phone", Some("2"))])]).await;
    assert_eq!((&outcomes[0].ending, outcomes[0].attempts), (&Ending::Updated, 2));
    let waited = stage.clock.now().since(began).as_millis();
    assert!((3_000..=3_600).contains(&waited), "{waited}");
    assert_eq!(stage.counts().await[0], 1);
}
