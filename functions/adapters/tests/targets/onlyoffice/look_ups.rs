//! Who somebody is: by the e-mail address, and never somebody who has left.

use people_core::person::{Identifier, NativeKey};
use people_core::ports::{Found, Listing, Sighting};
use serde_json::{Value, json};

use super::stage::{GUEST, JOE, Stage};

fn person(key: &str, upn: &str) -> Sighting {
    Sighting { key: NativeKey(key.to_owned()), employee_id: None, upn: Some(upn.to_owned()) }
}

fn joe() -> Found {
    Found::Person(person(JOE, "joe@company.com"))
}

fn unavailable(why: &str) -> Found {
    Found::Unavailable(why.to_owned())
}

fn crowd(count: usize) -> Value {
    let person =
        |n: usize| json!({"id": format!("00000000-0000-4000-8000-{n:012}"), "email": format!("p{n}@x.org")});
    (0..count).map(person).collect()
}

#[tokio::test]
async fn people_are_found_by_email_in_the_order_asked() {
    let stage = Stage::new().await;
    let upn = |text: &str| Identifier::Upn(text.to_owned());
    let id = Identifier::EmployeeId("100200300".to_owned());
    let found = stage.find(&[upn("nobody@company.com"), id, upn("JOE@company.com"), upn("")]).await;
    assert_eq!(found, [Found::Nobody, Found::CannotTell, joe(), Found::Nobody]);
    assert_eq!(stage.counts().await, [1, 2, 0]);
}

#[tokio::test]
async fn an_email_may_have_any_character_and_is_compared_whole() {
    let stage = Stage::new().await;
    stage.people(json!([{"id": JOE, "email": "o'ne+two&x=y%é@x.org"}])).await;
    let found = stage.find_upn("o'ne+two&x=y%é@x.org").await;
    assert_eq!(found, Found::Person(person(JOE, "o'ne+two&x=y%é@x.org")));
    let other =
        json!({"status": 0, "statusCode": 200, "response": {"id": JOE, "email": "other@x.org", "status": 1}});
    stage.faults(json!([{"path": "/people/email", "body": other}])).await;
    assert_eq!(stage.find_upn("joe@x.org").await, Found::Nobody);
}

#[tokio::test]
async fn an_email_that_is_too_long_is_nobody_without_a_call() {
    let stage = Stage::new().await;
    assert_eq!(stage.find_upn(&"x".repeat(256)).await, Found::Nobody);
    assert!(stage.calls().await.is_empty());
    assert_eq!(stage.find_upn(&"x".repeat(255)).await, Found::Nobody);
    assert_eq!(stage.counts().await, [1, 1, 0]);
}

#[tokio::test]
async fn who_has_left_is_nobody() {
    let stage = Stage::new().await;
    stage.switch(json!({"suspended": ["joe@company.com"]})).await;
    assert_eq!(stage.find_upn("joe@company.com").await, Found::Nobody);
    let Listing::Everybody(everybody) = stage.list().await else { panic!("no list") };
    assert!(everybody.iter().all(|person| person.key.0 != JOE) && everybody.len() == 205);
}

#[tokio::test]
async fn somebody_whose_email_is_hidden_is_who_the_portal_says() {
    let stage = Stage::new().await;
    stage.switch(json!({"may_view_private": false})).await;
    assert_eq!(stage.find_upn("joe@company.com").await, joe());
}

#[tokio::test]
async fn everybody_is_listed_page_by_page_guests_included() {
    let stage = Stage::new().await;
    let Listing::Everybody(everybody) = stage.list().await else { panic!("no list") };
    assert_eq!(everybody.len(), 206);
    assert!(everybody.contains(&person(GUEST, "person199@company.com")));
    for (people, pages) in [(0, 1), (999, 1), (1000, 1), (1001, 2), (2500, 3)] {
        stage.people(crowd(people)).await;
        stage.forget_calls().await;
        let Listing::Everybody(everybody) = stage.list().await else { panic!("no list") };
        assert_eq!(everybody.len(), people);
        assert_eq!(stage.counts().await[1], pages, "{people}");
    }
}

#[tokio::test]
async fn a_list_that_is_no_list_is_not_taken_for_an_empty_one() {
    let stage = Stage::new().await;
    let one = json!({"id": JOE, "email": "joe@company.com", "status": 1});
    let page =
        |total: u64| json!({"count": 1, "total": total, "status": 0, "statusCode": 200, "response": [one]});
    for (body, why) in [
        (
            json!({"count": 1, "status": 0, "statusCode": 200, "response": {}}),
            "portal does not let us list people",
        ),
        (json!("<html></html>"), "portal does not let us list people"),
        (page(3), "portal does not list everybody"),
    ] {
        stage.faults(json!([{"path": "/people", "body": body}])).await;
        assert_eq!(stage.list().await, Listing::Unavailable(why.to_owned()));
    }
    // Without a total, a page that brings nobody new is the last one.
    stage.faults(json!([{"path": "/people", "body": page(0)}])).await;
    let Listing::Everybody(everybody) = stage.list().await else { panic!("no list") };
    assert_eq!(everybody, [person(JOE, "joe@company.com")]);
}

#[tokio::test]
async fn a_look_up_that_is_not_answered_finds_nobody_out() {
    let stage = Stage::new().await;
    for (rule, why) in [
        (
            json!({"status": 200, "body": "<html></html>"}),
            "portal answers in a way that we do not understand",
        ),
        (json!({"status": 500, "body": "<html></html>"}), "portal does not answer"),
        (json!({"close": "after"}), "portal does not answer"),
        (json!({"status": 404}), "portal does not know this portal: its base URL may be wrong"),
        (
            json!({"status": 404, "body": "<html></html>"}),
            "portal does not know this call: its base URL may be wrong",
        ),
        (
            json!({"status": 400, "body": {"status": 1, "statusCode": 400, "error": {}}}),
            "portal answers in a way that we do not understand",
        ),
        (
            json!({"status": 403, "body": {"status": 1, "statusCode": 403, "error": {}}}),
            "portal does not let us see this person",
        ),
    ] {
        let mut rule = rule;
        rule["path"] = json!("/people");
        stage.faults(json!([rule])).await;
        assert_eq!(stage.find_upn("joe@company.com").await, unavailable(why));
    }
}
