//! What is written of an update, and that nothing else ever is.

use people_core::log::Ending;
use people_core::update::Value as FieldValue;
use serde_json::{Value, json};

use super::stage::{ENTERPRISE, JOE, OWN, SARAH, Stage, refused, update, update_with};

#[tokio::test]
async fn an_update_is_one_patch_of_what_differs() {
    let stage = Stage::new().await;
    let mut expected = stage.stored(JOE).await;
    let fields =
        [("firstName", Some("Jo")), ("lastName", Some("Miller")), ("title", None), ("language", Some("de"))];
    assert_eq!(stage.send(JOE, &fields).await.ending, Ending::Updated);
    expected["name"]["givenName"] = json!("Jo");
    expected["preferredLanguage"] = json!("de");
    expected.as_object_mut().unwrap().remove("title");
    assert_eq!(stage.stored(JOE).await, expected);
    let operations = json!([
        {"op": "replace", "path": "name.givenName", "value": "Jo"},
        {"op": "remove", "path": "title"},
        {"op": "replace", "path": "preferredLanguage", "value": "de"},
    ]);
    let body =
        json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations});
    assert_eq!(stage.bodies().await, [body]);
    let call = stage.of("PATCH").await.remove(0);
    assert_eq!(call["headers"]["content-type"], "application/scim+json");
    assert_eq!(call["headers"]["x-request-id"], super::stage::GUID);
}

#[tokio::test]
async fn what_is_there_already_is_not_sent() {
    let stage = Stage::new().await;
    let fields = [
        ("firstName", Some("Joe")),
        ("mobile", None),
        ("homePhone", Some("+420 700 100200300")),
        ("department", Some("IT")),
    ];
    let outcome = stage.send(JOE, &fields).await;
    assert_eq!((outcome.ending, outcome.attempts), (Ending::Unchanged, 0));
    assert_eq!(stage.of("PATCH").await, Vec::<Value>::new());
}

#[tokio::test]
async fn an_item_of_a_list_keeps_its_other_members() {
    let stage = Stage::new().await;
    let home = json!({"type": "home", "value": "1", "display": "one", "primary": true});
    stage.change(JOE, |joe| joe["phoneNumbers"] = json!([home, {"type": "fax", "value": "2"}])).await;
    let mut expected = stage.stored(JOE).await;
    assert_eq!(stage.set(JOE, "homePhone", "3").await.ending, Ending::Updated);
    expected["phoneNumbers"][0]["value"] = json!("3");
    assert_eq!(stage.stored(JOE).await, expected);
    assert_eq!(stage.send(JOE, &[("homePhone", None)]).await.ending, Ending::Updated);
    expected["phoneNumbers"][0].as_object_mut().unwrap().remove("value");
    assert_eq!(stage.stored(JOE).await, expected);
    assert_eq!(stage.send(JOE, &[("homePhone", None)]).await.ending, Ending::Unchanged);
    // The item is there, so no second one is added.
    assert_eq!(stage.set(JOE, "homePhone", "4").await.ending, Ending::Updated);
    expected["phoneNumbers"][0]["value"] = json!("4");
    let mut stored = stage.stored(JOE).await;
    assert_eq!(stored["phoneNumbers"].as_array_mut().unwrap().len(), 2);
    assert_eq!(stored, expected);
}

#[tokio::test]
async fn the_members_of_a_new_item_are_one_item() {
    let stage = Stage::new().await;
    let mut expected = stage.stored(JOE).await;
    let fields = [("city", Some("Praha")), ("mobile", Some("1")), ("country", Some("CZ"))];
    assert_eq!(stage.send(JOE, &fields).await.ending, Ending::Updated);
    let work = json!({"type": "work", "locality": "Praha", "country": "CZ"});
    expected["addresses"].as_array_mut().unwrap().push(work);
    expected["phoneNumbers"].as_array_mut().unwrap().push(json!({"type": "mobile", "value": "1"}));
    assert_eq!(stage.stored(JOE).await, expected);
}

#[tokio::test]
async fn a_type_is_named_as_the_server_spells_it() {
    let stage = Stage::new().await;
    stage.change(JOE, |joe| joe["phoneNumbers"] = json!([{"type": "Home", "value": "1"}])).await;
    assert_eq!(stage.set(JOE, "homePhone", "2").await.ending, Ending::Updated);
    assert_eq!(stage.bodies().await[0]["Operations"][0]["path"], "phoneNumbers[type eq \"Home\"].value");
}

#[tokio::test]
async fn of_several_items_of_a_type_none_is_guessed() {
    let stage = Stage::new().await;
    let home = |value: &str| json!({"type": "home", "value": value});
    stage.change(JOE, |joe| joe["phoneNumbers"] = json!([home("1"), home("2")])).await;
    let expected = stage.stored(JOE).await;
    let why = "scim cannot take it: the person has several phoneNumbers of the type home";
    let outcome = stage.send(JOE, &[("homePhone", Some("1")), ("title", Some("Chief"))]).await;
    assert_eq!((outcome.ending, outcome.attempts), (refused(why), 0));
    assert_eq!(stage.send(JOE, &[("homePhone", None)]).await.ending, refused(why));
    assert_eq!(stage.stored(JOE).await, expected);
}

#[tokio::test]
async fn a_manager_is_named_by_their_id() {
    let stage = Stage::new().await;
    let mut expected = stage.stored(JOE).await;
    let manager = |id| {
        update_with(
            JOE,
            [("manager", FieldValue::Text("sarah@company.com".into()))],
            &[("sarah@company.com", id)],
        )
    };
    assert_eq!(stage.deliver(&[manager(Some(SARAH))]).await[0].ending, Ending::Updated);
    expected[ENTERPRISE]["manager"] = json!({"value": SARAH});
    assert_eq!(stage.stored(JOE).await, expected);
    assert_eq!(stage.deliver(&[manager(Some(SARAH))]).await[0].ending, Ending::Unchanged);
    // Not known there.
    let why = "manager names a person who is not known there";
    assert_eq!(stage.deliver(&[manager(None)]).await[0].ending, refused(why));
    assert_eq!(stage.send(JOE, &[("manager", None)]).await.ending, Ending::Updated);
    expected[ENTERPRISE].as_object_mut().unwrap().remove("manager");
    assert_eq!(stage.stored(JOE).await, expected);
    assert_eq!(stage.send(JOE, &[("manager", None)]).await.ending, Ending::Unchanged);
}

#[tokio::test]
async fn the_url_of_a_manager_follows_the_id() {
    let stage = Stage::new().await;
    let manager = |id: &str| json!({"value": id, "$ref": format!("../Users/{id}")});
    stage.change(JOE, |joe| joe[ENTERPRISE]["manager"] = manager("u-100200302")).await;
    let sarah = update_with(JOE, [("manager", FieldValue::Text("sarah".into()))], &[("sarah", Some(SARAH))]);
    assert_eq!(stage.deliver(&[sarah]).await[0].ending, Ending::Updated);
    assert_eq!(stage.stored(JOE).await[ENTERPRISE]["manager"], manager(SARAH));
}

#[tokio::test]
async fn a_list_of_an_extension_is_the_list_that_was_sent() {
    let stage = Stage::new().await;
    let mut expected = stage.stored(JOE).await;
    let texts = |all: &[&str]| FieldValue::Texts(all.iter().map(|text| (*text).to_owned()).collect());
    let people = [("sarah", Some(SARAH)), ("joe", Some(JOE))];
    let staff = |all: &[&str]| {
        update_with(
            JOE,
            [
                ("skills", texts(&["b", "a"])),
                ("staff", texts(all)),
                ("joinDate", FieldValue::Text("2020-01-02".into())),
            ],
            &people,
        )
    };
    assert_eq!(stage.deliver(&[staff(&["sarah", "joe"])]).await[0].ending, Ending::Updated);
    expected[OWN] = json!({"skills": ["b", "a"], "staffMembers": [SARAH, JOE], "joinDate": "2020-01-02"});
    assert_eq!(stage.stored(JOE).await, expected);
    // In another order it is the same list.
    assert_eq!(stage.deliver(&[staff(&["joe", "sarah"])]).await[0].ending, Ending::Unchanged);
    assert_eq!(stage.send(JOE, &[("skills", None), ("staff", None)]).await.ending, Ending::Updated);
    expected[OWN] = json!({"joinDate": "2020-01-02"});
    assert_eq!(stage.stored(JOE).await, expected);
    assert_eq!(stage.send(JOE, &[("joinDate", None)]).await.ending, Ending::Updated);
    assert_eq!(stage.send(JOE, &[("joinDate", None), ("skills", None)]).await.ending, Ending::Unchanged);
}

#[tokio::test]
async fn updates_of_one_person_follow_each_other_and_those_of_others_are_not_mixed_up() {
    let stage = Stage::new().await;
    let title = |who: &str, text: &str| update(who, &[("title", Some(text))]);
    let batch = [title(JOE, "1"), title(SARAH, "a"), title(JOE, "2"), title(SARAH, "b"), title(JOE, "3")];
    assert!(stage.deliver(&batch).await.iter().all(|outcome| outcome.ending == Ending::Updated));
    assert_eq!(stage.stored(JOE).await["title"], "3");
    assert_eq!(stage.stored(SARAH).await["title"], "b");
    let values = |calls: Vec<Value>, who: &str| -> Vec<Value> {
        let own = calls.into_iter().filter(|call| call["path"] == format!("/Users/{who}"));
        own.map(|call| {
            serde_json::from_str::<Value>(call["body"].as_str().unwrap()).unwrap()["Operations"][0]["value"]
                .clone()
        })
        .collect()
    };
    assert_eq!(values(stage.of("PATCH").await, JOE), ["1", "2", "3"]);
    assert_eq!(values(stage.of("PATCH").await, SARAH), ["a", "b"]);
}

#[tokio::test]
async fn an_update_without_an_id_that_may_be_one_calls_nobody() {
    let stage = Stage::new().await;
    for id in ["", " ", ".", ".."] {
        assert_eq!(stage.set(id, "title", "Chief").await.ending, Ending::UnknownPerson);
    }
    assert_eq!(stage.called().await, Vec::<String>::new());
    assert_eq!(stage.set("a/../b?c#d", "title", "Chief").await.ending, Ending::UnknownPerson);
    assert_eq!(stage.called().await, ["GET /Users/a%2F%2E%2E%2Fb%3Fc%23d"]);
}
