//! Servers that take whole users alone: what was read goes back, so that nothing is lost but what the update resets.

use people_core::log::Ending;
use people_core::update::Value as FieldValue;
use serde_json::{Value, json};

use super::stage::{ENTERPRISE, JOE, OWN, SARAH, Stage, deferred, update_with};

#[tokio::test]
async fn every_kind_of_property_is_written_and_reset() {
    let stage = Stage::switched(json!({"patch": false})).await;
    let mut expected = stage.stored(SARAH).await;
    let text = |text: &str| FieldValue::Text(text.to_owned());
    let all = [
        ("firstName", text("Sally")),
        ("workPhone", text("1")),
        ("city", text("Praha")),
        ("country", text("CZ")),
        ("manager", text("joe")),
        ("skills", FieldValue::Texts(vec!["a".to_owned()])),
        ("joinDate", text("2020-01-02")),
    ];
    let update = update_with(SARAH, all.clone(), &[("joe", Some(JOE))]);
    assert_eq!(stage.deliver(std::slice::from_ref(&update)).await[0].ending, Ending::Updated);
    expected["name"]["givenName"] = json!("Sally");
    expected["phoneNumbers"] = json!([{"type": "work", "value": "1"}]);
    expected["addresses"] = json!([{"type": "work", "locality": "Praha", "country": "CZ"}]);
    expected[ENTERPRISE]["manager"] = json!({"value": JOE});
    expected[OWN] = json!({"skills": ["a"], "joinDate": "2020-01-02"});
    assert_eq!(stage.stored(SARAH).await, expected);
    let schemas = &stage.bodies().await[0]["schemas"];
    assert!(schemas.as_array().unwrap().contains(&json!(OWN)), "{schemas}");
    assert_eq!(stage.deliver(&[update]).await[0].ending, Ending::Unchanged);
    let resets = all.map(|(field, _)| (field, FieldValue::Reset));
    assert_eq!(stage.deliver(&[update_with(SARAH, resets, &[])]).await[0].ending, Ending::Updated);
    let stored = stage.stored(SARAH).await;
    assert_eq!(stored["name"], json!({"familyName": "McAllister", "formatted": "Sarah McAllister"}));
    for (member, path) in
        [("value", "/phoneNumbers/0"), ("locality", "/addresses/0"), ("country", "/addresses/0")]
    {
        assert_eq!(stored.pointer(path).and_then(|item| item.get(member)), None);
    }
    assert_eq!((&stored[ENTERPRISE]["manager"], &stored[OWN]), (&Value::Null, &Value::Null));
    assert_eq!(stored["title"], expected["title"]);
}

#[tokio::test]
async fn names_in_another_case_are_kept_as_they_are() {
    let stage = Stage::new().await;
    let abilities = json!({"path": "/ServiceProviderConfig", "body": {"patch": {"supported": false}}});
    let read = json!({"ID": JOE, "UserName": "joe@company.com", "TITLE": "Clerk", "X": {"y": 1}, "Name": {"GivenName": "Joe"}});
    let reading = json!({"method": "GET", "path": "/Users", "body": read, "times": 1});
    let write = json!({"method": "PUT", "path": "/Users", "body": {}});
    stage.faults(json!([abilities, reading, write])).await;
    let update = update_with(
        JOE,
        [("title", FieldValue::Text("Chief".into())), ("firstName", FieldValue::Reset)],
        &[],
    );
    assert_eq!(stage.deliver(&[update]).await[0].ending, Ending::Updated);
    let sent = json!({"ID": JOE, "UserName": "joe@company.com", "TITLE": "Chief", "X": {"y": 1}});
    assert_eq!(stage.bodies().await, [sent]);
    assert!(stage.of("PUT").await[0]["headers"]["if-match"].is_null());
}

#[tokio::test]
async fn a_change_of_somebody_else_is_read_before_the_user_goes_back() {
    let stage = Stage::switched(json!({"patch": false})).await;
    stage.faults(json!([{"method": "PUT", "status": 412, "times": 1}])).await;
    let outcome = stage.set(JOE, "title", "Chief").await;
    assert_eq!((outcome.ending, outcome.attempts), (Ending::Updated, 2));
    assert_eq!(
        stage.of("GET").await.iter().filter(|call| call["path"] == format!("/Users/{JOE}")).count(),
        2
    );
    stage.faults(json!([{"method": "PUT", "status": 500}])).await;
    let outcome = stage.set(JOE, "title", "Clerk").await;
    assert_eq!((outcome.ending, outcome.attempts), (deferred("scim does not answer"), 4));
}
