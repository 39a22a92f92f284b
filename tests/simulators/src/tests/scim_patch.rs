//! What a SCIM server does with a PATCH (SC-03 to SC-05, SC-10): the careful forms, and those that destroy.
//! Each form is tried at a person who has something to lose.

use serde_json::{Value, json};

use super::client::Client;
use super::scim_client::{ENTERPRISE, JOE, PEOPLE, SARAH, patch};

fn home() -> Value {
    json!({"type": "home", "value": "+420 700 100200300"})
}

fn work() -> Value {
    json!({"type": "work", "value": "+420 1"})
}

#[tokio::test]
async fn sc_03_a_typed_value_that_is_missing_is_no_target_and_then_added() {
    let client = Client::scim().await;
    let path = "phoneNumbers[type eq \"work\"].value";
    let set = json!([{"op": "replace", "path": path, "value": "+420 1"}]);
    assert_eq!(client.patch(JOE, set.clone()).await.refused(), (400, "noTarget".into()));
    assert_eq!(client.user(JOE).await["phoneNumbers"], json!([home()]));
    let joe = client.patch_joe(json!({"op": "add", "path": "phoneNumbers", "value": work()})).await;
    assert_eq!(joe["phoneNumbers"], json!([home(), work()]));
    let joe = client.patch_joe(json!({"op": "replace", "path": path, "value": "+420 2"})).await;
    assert_eq!(joe["phoneNumbers"], json!([home(), {"type": "work", "value": "+420 2"}]));
    assert_eq!(client.patch(SARAH, set).await.refused(), (400, "noTarget".into()), "not even a list");
}

#[tokio::test]
async fn sc_04_a_department_is_removed_at_its_full_path_and_nothing_else() {
    let client = Client::scim().await;
    let before = client.user(JOE).await;
    let joe = client.patch_joe(json!({"op": "remove", "path": format!("{ENTERPRISE}:department")})).await;
    let mut expected = before;
    expected[ENTERPRISE].as_object_mut().unwrap().remove("department");
    assert_eq!(joe, expected);
    let again = client.patch_joe(json!({"op": "remove", "path": format!("{ENTERPRISE}:department")})).await;
    assert_eq!(again, expected, "a remove of what is not there is success");
}

#[tokio::test]
async fn sc_05_a_version_that_is_no_longer_there_is_refused() {
    let client = Client::scim().await;
    let old = client.scim_get(&format!("/Users/{JOE}")).await;
    let old = old.json()["meta"]["version"].as_str().unwrap().to_owned();
    client.patch_joe(json!({"op": "replace", "path": "title", "value": "Other"})).await;
    let set = patch(json!([{"op": "replace", "path": "nickName", "value": "J"}]));
    let send = async |version: &str| {
        let header = format!("\r\nif-match: {version}");
        client.scim_with(&format!("PATCH /Users/{JOE}"), &header, &set).await
    };
    assert_eq!(send(&old).await.refused(), (412, String::new()));
    assert_eq!(client.user(JOE).await["nickName"], Value::Null);
    let version = async || {
        let read = client.scim_get(&format!("/Users/{JOE}")).await;
        read.json()["meta"]["version"].as_str().unwrap().to_owned()
    };
    assert_eq!(send(&version().await).await.status, 200);
    let joe = client.user(JOE).await;
    assert_eq!((&joe["title"], &joe["nickName"]), (&json!("Other"), &json!("J")));
    let new = version().await;
    assert_eq!(send("*").await.status, 200);
    assert_eq!(version().await, new, "nothing changed");
    assert_eq!(send(&format!("\"x\", {new}")).await.status, 200);
}

#[tokio::test]
async fn sc_10_a_user_who_is_gone_is_not_found() {
    let client = Client::scim().await;
    assert_eq!(client.scim_call(&format!("DELETE /Users/{JOE}"), &Value::Null).await.status, 204);
    let set = json!([{"op": "replace", "path": "title", "value": "x"}]);
    assert_eq!(client.patch(JOE, set).await.refused(), (404, String::new()));
    assert_eq!(client.scim_get(&format!("/Users/{JOE}")).await.refused().0, 404);
    assert_eq!(client.scim_call(&format!("DELETE /Users/{JOE}"), &Value::Null).await.refused().0, 404);
}

#[tokio::test]
async fn a_replace_of_a_whole_list_wipes_what_it_does_not_name() {
    for operation in [
        json!({"op": "replace", "path": "phoneNumbers", "value": [work()]}),
        json!({"op": "replace", "path": "phoneNumbers", "value": work()}),
        json!({"op": "replace", "value": {"phoneNumbers": [work()]}}),
    ] {
        let client = Client::scim().await;
        assert_eq!(client.patch_joe(operation).await["phoneNumbers"], json!([work()]));
    }
    for operation in [
        json!({"op": "remove", "path": "phoneNumbers"}),
        json!({"op": "remove", "path": "phoneNumbers", "value": [work()]}),
        json!({"op": "replace", "path": "phoneNumbers", "value": []}),
        json!({"op": "replace", "path": "phoneNumbers", "value": null}),
        json!({"op": "remove", "path": "phoneNumbers[type eq \"home\"]"}),
    ] {
        let client = Client::scim().await;
        assert_eq!(client.patch_joe(operation).await.get("phoneNumbers"), None);
    }
}

#[tokio::test]
async fn a_replace_at_a_filter_replaces_the_whole_item() {
    let client = Client::scim().await;
    let path = "addresses[type eq \"home\"]";
    let joe = client.patch_joe(json!({"op": "replace", "path": path, "value": {"locality": "Praha"}})).await;
    assert_eq!(joe["addresses"], json!([{"locality": "Praha"}]));
}

#[tokio::test]
async fn an_add_at_a_filter_keeps_the_rest_of_the_item() {
    let client = Client::scim().await;
    let path = "addresses[type eq \"home\" and country pr]";
    let joe = client.patch_joe(json!({"op": "add", "path": path, "value": {"region": "JM"}})).await;
    let expected = json!([{"type": "home", "locality": "Brno", "country": "CZ", "region": "JM"}]);
    assert_eq!(joe["addresses"], expected);
}

#[tokio::test]
async fn an_attribute_with_members_keeps_those_not_named() {
    let client = Client::scim().await;
    for operation in [
        json!({"op": "replace", "path": "name", "value": {"givenName": "Jo"}}),
        json!({"op": "replace", "value": {"name": {"givenName": "Jo"}}}),
        json!({"op": "add", "path": "name", "value": {"givenName": "Jo"}}),
        json!({"op": "replace", "path": "name.givenName", "value": "Jo"}),
    ] {
        let joe = client.patch_joe(operation).await;
        let expected = json!({"givenName": "Jo", "familyName": "Miller", "formatted": "Joe Miller"});
        assert_eq!(joe["name"], expected);
    }
    let joe = client.patch_joe(json!({"op": "add", "value": {ENTERPRISE: {"division": "D"}}})).await;
    assert_eq!((&joe[ENTERPRISE]["division"], &joe[ENTERPRISE]["department"]), (&json!("D"), &json!("IT")));
    let joe = client.patch_joe(json!({"op": "remove", "path": "name"})).await;
    assert_eq!(joe.get("name"), None);
}

#[tokio::test]
async fn extension_attributes_are_set_at_their_full_path() {
    let client = Client::scim().await;
    for (path, value) in [
        (format!("{ENTERPRISE}:department"), json!("Sales")),
        (format!("{ENTERPRISE}:manager.value"), json!(SARAH)),
        (format!("{PEOPLE}:joinDate"), json!("2024-01-01")),
        (format!("{PEOPLE}:skills"), json!(["a", "b"])),
        (format!("{PEOPLE}:staffMembers"), json!([SARAH])),
        (format!("{PEOPLE}:jobTitle").to_uppercase(), json!("Tester")),
    ] {
        client.patch_joe(json!({"op": "replace", "path": path, "value": value})).await;
    }
    let joe = client.user(JOE).await;
    assert_eq!(joe[ENTERPRISE]["department"], "Sales");
    assert_eq!(joe[ENTERPRISE]["manager"], json!({"value": SARAH}));
    let expected = json!({"joinDate": "2024-01-01", "skills": ["a", "b"], "staffMembers": [SARAH], "jobTitle": "Tester"});
    assert_eq!(joe[PEOPLE], expected);
    let path = format!("{ENTERPRISE}:manager");
    let joe = client.patch_joe(json!({"op": "replace", "path": path, "value": {"value": "u-200000"}})).await;
    assert_eq!(joe[ENTERPRISE]["manager"]["value"], "u-200000");
}

#[tokio::test]
async fn an_extension_appears_with_its_first_value_and_goes_with_its_last() {
    let client = Client::scim().await;
    let schemas = async || client.scim_get(&format!("/Users/{SARAH}")).await.json()["schemas"].clone();
    assert!(!schemas().await.as_array().unwrap().contains(&json!(PEOPLE)));
    let path = format!("{PEOPLE}:joinDate");
    let set = json!([{"op": "add", "path": path, "value": "2024-01-01"}]);
    assert_eq!(client.patch(SARAH, set).await.status, 200);
    assert!(schemas().await.as_array().unwrap().contains(&json!(PEOPLE)));
    assert_eq!(client.patch(SARAH, json!([{"op": "remove", "path": path}])).await.status, 200);
    assert_eq!(client.user(SARAH).await.get(PEOPLE), None);
}

#[tokio::test]
async fn operations_are_done_all_or_none_and_in_any_case() {
    let client = Client::scim().await;
    let before = client.user(JOE).await;
    let reply = client
        .patch(JOE, json!([{"op": "replace", "path": "title", "value": "x"}, {"op": "add", "path": "nope", "value": 1}]))
        .await;
    assert_eq!(reply.refused(), (400, "invalidPath".into()));
    assert_eq!(client.user(JOE).await, before);
    let reply = client
        .patch(JOE, json!([{"OP": "Replace", "Path": "TITLE", "Value": "x"}, {"op": "REMOVE", "path": "displayname"}]))
        .await;
    assert_eq!(reply.status, 200);
    let joe = client.user(JOE).await;
    assert_eq!((&joe["title"], joe.get("displayName")), (&json!("x"), None));
}

#[tokio::test]
async fn mistakes_of_a_patch_are_told_apart() {
    let client = Client::scim().await;
    let before = client.user(JOE).await;
    for (operation, kind) in [
        (json!({"op": "replace", "path": "nope", "value": "x"}), "invalidPath"),
        (json!({"op": "replace", "path": "name.nope", "value": "x"}), "invalidPath"),
        (json!({"op": "replace", "path": "title.value", "value": "x"}), "invalidPath"),
        (json!({"op": "replace", "path": "urn:other:User:a", "value": "x"}), "invalidPath"),
        (json!({"op": "replace", "path": format!("{ENTERPRISE}:nope"), "value": "x"}), "invalidPath"),
        (json!({"op": "replace", "path": "", "value": "x"}), "invalidPath"),
        (json!({"op": "replace", "path": 5, "value": "x"}), "invalidPath"),
        (json!({"op": "replace", "path": "title[type eq \"x\"]", "value": "x"}), "invalidPath"),
        (json!({"op": "replace", "path": "emails[type eq \"work\"]x", "value": "x"}), "invalidPath"),
        (json!({"op": "replace", "path": "emails[type eq \"work\"].nope", "value": "x"}), "invalidPath"),
        (json!({"op": "replace", "value": {"nope": "x"}}), "invalidPath"),
        (json!({"op": "add", "path": "emails", "value": {"nope": "x"}}), "invalidPath"),
        (json!({"op": "replace", "path": "emails[type eq work].value", "value": "x"}), "invalidFilter"),
        (json!({"op": "replace", "path": "emails[type eq \"work\"", "value": "x"}), "invalidPath"),
        (json!({"op": "replace", "path": "id", "value": "x"}), "mutability"),
        (json!({"op": "replace", "path": "meta.version", "value": "x"}), "mutability"),
        (json!({"op": "add", "value": {"groups": [{"value": "x"}]}}), "mutability"),
        (
            json!({"op": "replace", "path": format!("{ENTERPRISE}:manager.displayName"), "value": "x"}),
            "mutability",
        ),
        (json!({"op": "remove", "path": "userName"}), "mutability"),
        (json!({"op": "replace", "path": "userName", "value": null}), "invalidValue"),
        (json!({"op": "replace", "path": "title", "value": 5}), "invalidValue"),
        (json!({"op": "replace", "path": "title", "value": ["x"]}), "invalidValue"),
        (json!({"op": "replace", "path": "active", "value": "true"}), "invalidValue"),
        (json!({"op": "replace", "path": "name", "value": "x"}), "invalidValue"),
        (json!({"op": "add", "path": "emails", "value": "x"}), "invalidValue"),
        (json!({"op": "replace", "path": format!("{ENTERPRISE}:manager"), "value": "x"}), "invalidValue"),
        (json!({"op": "replace", "path": format!("{PEOPLE}:skills"), "value": [5]}), "invalidValue"),
        (json!({"op": "replace", "path": "title"}), "invalidValue"),
        (json!({"op": "replace", "value": "x"}), "invalidValue"),
        (json!({"op": "remove"}), "noTarget"),
        (json!({"op": "move", "path": "title", "value": "x"}), "invalidSyntax"),
        (json!({"path": "title", "value": "x"}), "invalidSyntax"),
        (json!("title"), "invalidSyntax"),
    ] {
        let refused = client.patch(JOE, json!([operation])).await.refused();
        assert_eq!(refused, (400, kind.to_owned()), "{operation}");
    }
    for body in
        [json!({"Operations": []}), patch(json!([])), patch(json!({})), json!([]), json!({"schemas": []})]
    {
        let reply = client.scim_call(&format!("PATCH /Users/{JOE}"), &body).await;
        assert_eq!(reply.refused(), (400, "invalidSyntax".into()), "{body}");
    }
    assert_eq!(client.user(JOE).await, before);
}

#[tokio::test]
async fn a_user_name_that_another_user_has_is_a_conflict() {
    let client = Client::scim().await;
    let set = |name: &str| json!([{"op": "replace", "path": "userName", "value": name}]);
    let taken = client.patch(JOE, set("SARAH@company.com")).await;
    assert_eq!(taken.refused(), (409, "uniqueness".into()));
    assert_eq!(client.patch(JOE, set("JOE@company.com")).await.status, 200, "it is one's own");
    client.switch(json!({"case_exact_user_name": true})).await;
    assert_eq!(client.patch(JOE, set("SARAH@company.com")).await.status, 200);
    assert_eq!(client.patch(JOE, set("sarah@company.com")).await.refused().0, 409);
}

#[tokio::test]
async fn an_added_value_that_is_there_already_adds_nothing() {
    let client = Client::scim().await;
    let before = client.scim_get(&format!("/Users/{JOE}")).await.json();
    client.patch_joe(json!({"op": "add", "path": "phoneNumbers", "value": [home()]})).await;
    client.patch_joe(json!({"op": "add", "path": format!("{PEOPLE}:skills"), "value": "First aid"})).await;
    assert_eq!(client.scim_get(&format!("/Users/{JOE}")).await.json(), before, "nor does the version change");
}

#[tokio::test]
async fn a_new_primary_value_is_the_only_one() {
    let client = Client::scim().await;
    let other = json!({"type": "other", "value": "o@x", "primary": true});
    let joe = client.patch_joe(json!({"op": "add", "path": "emails", "value": other})).await;
    let primary = |user: &Value| {
        let emails = user["emails"].as_array().unwrap().clone();
        emails.iter().map(|email| email["primary"] == true).collect::<Vec<_>>()
    };
    assert_eq!(primary(&joe), [false, true]);
    let path = "emails[type eq \"work\"].primary";
    let joe = client.patch_joe(json!({"op": "replace", "path": path, "value": true})).await;
    assert_eq!(primary(&joe), [true, false]);
    let two = json!([{"op": "replace", "path": "emails.primary", "value": true}]);
    assert_eq!(client.patch(JOE, two).await.refused(), (400, "invalidValue".into()));
}

#[tokio::test]
async fn a_path_filter_ends_where_its_text_does_not_go_on() {
    let client = Client::scim().await;
    let odd = json!({"type": "a]\"b", "value": "1"});
    client.patch_joe(json!({"op": "add", "path": "phoneNumbers", "value": odd})).await;
    let path = "phoneNumbers[type eq \"a]\\\"b\"].value";
    let joe = client.patch_joe(json!({"op": "replace", "path": path, "value": "2"})).await;
    assert_eq!(joe["phoneNumbers"], json!([home(), {"type": "a]\"b", "value": "2"}]));
}

#[tokio::test]
async fn a_patch_may_be_answered_without_the_user() {
    let client = Client::scim().await;
    let mut state = client.get("/_sim/state").await.json();
    state["patchStatus"] = json!(204);
    assert_eq!(client.control("PUT /_sim/state", state).await.status, 200);
    let reply = client.patch(JOE, json!([{"op": "replace", "path": "title", "value": "x"}])).await;
    assert_eq!((reply.status, reply.text.as_str()), (204, ""));
    assert!(reply.header("etag").is_some());
    assert_eq!(client.user(JOE).await["title"], "x");
}
