//! Aktion's update: which values it takes, what it saves and what it answers (AK-03, 04, 09 to 14).
//! The destructive and half-done answers are here, so that what a client must survive is written down.

use serde_json::{Value, json};

use super::client::{Client, JOE, Reply, SARAH, update_path};

#[tokio::test]
async fn an_update_changes_what_was_sent_and_echoes_it() {
    let client = Client::aktion().await;
    let mut before = client.stored(JOE).await;
    let sent = json!({"PersonId": JOE, "PhoneNumber": "+420 1", "Surname": null});
    let reply = client.update(sent.clone()).await;
    assert_eq!(reply.code(), (200, 0));
    assert_eq!(reply.json()["Request"], sent);
    assert_eq!(reply.json()["Result"]["ModelStateErr"], Value::Null);
    before["PhoneNumber"] = json!("+420 1");
    assert_eq!(client.stored(JOE).await, before);
}

#[tokio::test]
async fn an_update_that_changes_nothing_says_so() {
    let client = Client::aktion().await;
    let sent = json!({"PersonId": JOE, "Name": "New", "Desc": "", "Sex": 0, "PIN": "1234",
        "UdsCollection": [{"SystemName": "a2s1", "Value": "v"}, {"SystemName": "a2s2", "Value": ""}]});
    assert_eq!(client.update(sent.clone()).await.code(), (200, 0));
    assert_eq!(client.update(sent).await.code(), (202, 0));
    assert_eq!(client.update(json!({"PersonId": JOE})).await.code(), (202, 0));
    let empty = json!({"PersonId": JOE, "Desc": "", "Sex": 0});
    assert_eq!(client.update(empty).await.code(), (202, 0), "never set and empty are the same");
}

#[tokio::test]
async fn names_of_members_and_the_key_have_no_case() {
    let client = Client::aktion().await;
    client.control("PUT /_sim/state", json!({"people": [{"PersonId": "Ab"}]})).await;
    let reply = client.update(json!({"personid": "aB", "NAME": "New", "unknown": 1})).await;
    assert_eq!(reply.code(), (200, 0));
    assert_eq!(reply.json()["Request"], json!({"PersonId": "aB", "Name": "New"}));
    let stored = client.stored("Ab").await;
    assert_eq!((&stored["PersonId"], &stored["Name"]), (&json!("Ab"), &json!("New")));
}

#[tokio::test]
async fn the_key_is_required() {
    let client = Client::aktion().await;
    for id in [Value::Null, json!(""), json!("  "), json!(5), json!("x".repeat(101))] {
        let reply = client.update(json!({"PersonId": id, "Name": "x"})).await;
        assert_eq!(reply.code(), (400, 1002), "{id}");
        assert!(reply.model_errors().contains("PersonId"));
    }
    let reply = client.update(json!({"Name": "x"})).await;
    assert!(reply.model_errors().contains("PersonId"));
    assert_eq!(reply.json()["Request"], json!({"Name": "x"}));
}

#[tokio::test]
async fn every_bad_field_is_named_and_nothing_is_saved() {
    let client = Client::aktion().await;
    let before = client.stored(JOE).await;
    let reply =
        client.update(json!({"PersonId": JOE, "Name": "New", "Email": "x".repeat(201), "Sex": 3})).await;
    assert_eq!(reply.code(), (400, 1002));
    let errors = reply.model_errors();
    assert!(errors.contains("Email") && errors.contains("Sex") && !errors.contains("\"Name"));
    assert_eq!(reply.json()["Result"]["ModelStateErr"].as_array().unwrap().len(), 2);
    assert_eq!(client.stored(JOE).await, before);
}

#[tokio::test]
async fn texts_are_limited_in_utf_16_code_units() {
    let client = Client::aktion().await;
    let limits = [
        ("Name", 100),
        ("Surname", 100),
        ("OrganizationStructure", 4000),
        ("Email", 200),
        ("LoginName", 100),
        ("EmployeePosition", 200),
        ("PhoneNumber", 100),
        ("MobilPhoneNumber", 100),
        ("Desc", 4000),
        ("DegreeInFrontName", 30),
        ("DegreeAfterName", 30),
    ];
    for (field, most) in limits {
        let longest = "😀".repeat(most / 2);
        assert_eq!(client.update_joe(field, json!(longest)).await.code(), (200, 0), "{field}");
        assert_eq!(client.update_joe(field, json!(longest + "x")).await.code(), (400, 1002), "{field}");
        assert_eq!(client.update_joe(field, json!(5)).await.code(), (400, 1002), "{field}");
        assert_eq!(client.update_joe(field, json!("")).await.code(), (200, 0), "{field}");
        assert_eq!(client.stored(JOE).await[field], "");
    }
}

#[tokio::test]
async fn codes_and_cards_match_their_patterns_as_a_whole() {
    let client = Client::aktion().await;
    let cases = [
        ("IdentifierEntryCode", json!("012345"), true),
        ("IdentifierEntryCode", json!("12345"), false),
        ("IdentifierEntryCode", json!("1234567"), false),
        ("IdentifierEntryCode", json!("12345a"), false),
        ("IdentifierEntryCode", json!("12345\n"), false),
        ("IdentifierEntryCode", json!("١٢٣٤٥٦"), false),
        ("IdentifierEntryCode", json!(""), false),
        ("PIN", json!("0123"), true),
        ("PIN", json!("123"), false),
        ("PIN", json!("12a4"), false),
        ("PIN", json!(""), false),
        ("PIN", json!(1234), false),
        ("IdentifierCard1", json!("aF09"), true),
        ("IdentifierCard1", json!("XYZ"), false),
        ("IdentifierCard1", json!("A1 "), false),
        ("IdentifierCard1", json!("A".repeat(21)), false),
        ("IdentifierCard1", json!(""), true),
        ("IdentifierCard2", json!("B".repeat(20)), true),
        ("IdentifierCard2", json!("g"), false),
        ("Sex", json!(1), true),
        ("Sex", json!(2), true),
        ("Sex", json!(3), false),
        ("Sex", json!(-1), false),
        ("Sex", json!("1"), false),
        ("Sex", json!(1.5), false),
    ];
    for (field, value, good) in cases {
        let expected = if good { (200, 0) } else { (400, 1002) };
        let reply = client.update_joe(field, value.clone()).await;
        assert_eq!(reply.code(), expected, "{field} {value}");
        assert!(good || reply.model_errors().contains(field));
    }
}

#[tokio::test]
async fn null_leaves_a_field_alone_unless_it_clears() {
    let client = Client::aktion().await;
    let set =
        json!({"PersonId": JOE, "Name": "New", "Sex": 1, "PIN": "1234", "IdentifierEntryCode": "123456"});
    client.update(set.clone()).await;
    let nulls = json!({"PersonId": JOE, "Name": null, "Sex": null, "PIN": null, "IdentifierEntryCode": null,
        "UdsCollection": null});
    assert_eq!(client.update(nulls.clone()).await.code(), (202, 0));
    client.switch(json!({"null_clears": true})).await;
    assert_eq!(client.update(nulls).await.code(), (200, 0));
    let stored = client.stored(JOE).await;
    assert_eq!((&stored["Name"], &stored["Sex"], &stored["PIN"]), (&json!(""), &json!(0), &json!("")));
    assert_eq!((&stored["IdentifierEntryCode"], &stored["Surname"]), (&json!(""), &json!("Miller")));
}

#[tokio::test]
async fn fields_of_the_other_product_are_ignored() {
    let client = Client::aktion().await;
    let bad = "x".repeat(5000);
    assert_eq!(client.update_joe("Department", json!(bad)).await.code(), (202, 0));
    client.switch(json!({"product": "cloud"})).await;
    for field in ["OrganizationStructure", "LoginName", "IdentifierCard2"] {
        assert_eq!(client.update_joe(field, json!(bad)).await.code(), (202, 0), "{field}");
    }
    assert_eq!(client.update_joe("Department", json!("IT")).await.code(), (200, 0));
    assert_eq!(client.stored(JOE).await["OrganizationStructure"], "IT");
}

#[tokio::test]
async fn an_unknown_person_is_not_created_unless_the_target_does_so() {
    let client = Client::aktion().await;
    let nobody = json!({"PersonId": "nobody", "Name": "New"});
    assert_eq!(client.update(nobody.clone()).await.code(), (404, 1100));
    assert_eq!(client.stored("nobody").await, Value::Null);
    client.switch(json!({"upsert_unknown": true})).await;
    assert_eq!(client.update(nobody.clone()).await.code(), (201, 0));
    assert_eq!(client.stored("nobody").await["Name"], "New");
    assert_eq!(client.update(nobody).await.code(), (202, 0));
}

/// Gives Sarah an identifier and sends it for Joe, with a name.
async fn conflict(client: &Client, of_sarah: (&str, &str), of_joe: (&str, &str)) -> Reply {
    client.update(json!({"PersonId": SARAH, of_sarah.0: of_sarah.1})).await;
    client.update(json!({"PersonId": JOE, "Name": "New", of_joe.0: of_joe.1, "PIN": "1234"})).await
}

#[tokio::test]
async fn an_identifier_of_somebody_else_is_left_out_and_the_rest_saved() {
    let cases = [
        (("IdentifierEntryCode", "111111"), ("IdentifierEntryCode", "111111"), 1107),
        (("IdentifierCard1", "A1"), ("IdentifierCard1", "a1"), 1108),
        (("IdentifierCard2", "B1"), ("IdentifierCard2", "b1"), 1109),
        (("IdentifierCard1", "C1"), ("IdentifierCard2", "c1"), 1109),
    ];
    for (of_sarah, of_joe, code) in cases {
        let client = Client::aktion().await;
        let reply = conflict(&client, of_sarah, of_joe).await;
        assert_eq!(reply.code(), (201, code));
        let stored = client.stored(JOE).await;
        assert_eq!((&stored["Name"], &stored["PIN"]), (&json!("New"), &json!("1234")));
        assert_eq!(stored[of_joe.0], Value::Null);
    }
}

#[tokio::test]
async fn ones_own_identifiers_and_empty_ones_are_no_conflict() {
    let client = Client::aktion().await;
    for id in [SARAH, JOE] {
        let cleared = client.update(json!({"PersonId": id, "IdentifierCard1": ""})).await;
        assert_eq!(cleared.code(), (202, 0));
    }
    let same = json!({"PersonId": JOE, "IdentifierCard1": "A1", "IdentifierCard2": "A1"});
    assert_eq!(client.update(same.clone()).await.code(), (200, 0));
    assert_eq!(client.update(same).await.code(), (202, 0));
}

#[tokio::test]
async fn a_conflict_saves_nothing_where_identifiers_are_atomic() {
    let client = Client::aktion().await;
    client.switch(json!({"atomic_identifiers": true})).await;
    let code = ("IdentifierEntryCode", "111111");
    assert_eq!(conflict(&client, code, code).await.code(), (403, 3));
    assert_eq!(client.stored(JOE).await["Name"], "Joe");
}

#[tokio::test]
async fn a_column_that_cannot_be_saved_comes_after_the_fields() {
    let client = Client::aktion().await;
    let column = |name: &str| json!({"SystemName": name, "Value": "v"});
    let columns = json!([column("A2S1"), column("a2s99"), column("a2s2")]);
    let reply = client.update(json!({"PersonId": JOE, "Name": "New", "UdsCollection": columns})).await;
    assert_eq!(reply.code(), (403, 1014));
    assert!(reply.text.contains("a2s99"));
    let stored = client.stored(JOE).await;
    assert_eq!(stored["Name"], "New");
    assert_eq!(stored["UdsCollection"], json!([column("a2s1")]));
}

#[tokio::test]
async fn columns_take_the_values_of_their_types() {
    let client = Client::aktion().await;
    let column =
        |name: &str, sql_type: &str| json!({"name": name, "type": sql_type, "read_only": name == "locked"});
    client
        .switch(json!({"columns": [column("text", "nvarchar(3)"), column("long", "NVARCHAR(max)"), column("bit", "bit"),
            column("int", "int"), column("day", "date"), column("time", "datetime"), column("locked", "bit")]}))
        .await;
    let cases = [
        ("text", "a😀", true),
        ("text", "aa😀", false),
        ("long", "long enough", true),
        ("bit", "1", true),
        ("bit", "true", false),
        ("int", "-5", true),
        ("int", "5.0", false),
        ("int", "2147483648", false),
        ("day", "2024-02-29", true),
        ("day", "2023-02-29", false),
        ("day", "2023-2-1", false),
        ("time", "2022-01-26T05:55:22", true),
        ("time", "2022-01-26", true),
        ("time", "2022-01-26T24:00:00", false),
        ("time", "2022-01-26T05:55:22Z", false),
        ("time", "", true),
        ("locked", "1", false),
        ("other", "1", false),
    ];
    for (name, value, good) in cases {
        let expected = if good { (200, 0) } else { (403, 1014) };
        assert_eq!(client.update_column(name, value).await.code(), expected, "{name} {value}");
    }
}

#[tokio::test]
async fn columns_that_are_not_listed_stay_and_an_empty_value_clears() {
    let client = Client::aktion().await;
    client.update_column("a2s1", "one").await;
    client.update_column("a2s2", "two").await;
    assert_eq!(client.update_joe("UdsCollection", json!([])).await.code(), (202, 0));
    let cleared = client.update_joe("UdsCollection", json!([{"systemname": "a2s1", "value": null}])).await;
    assert_eq!(cleared.code(), (200, 0));
    let expected = json!([{"SystemName": "a2s1", "Value": ""}, {"SystemName": "a2s2", "Value": "two"}]);
    assert_eq!(client.stored(JOE).await["UdsCollection"], expected);
}

#[tokio::test]
async fn a_column_collection_of_the_wrong_shape_is_a_failed_binding() {
    let client = Client::aktion().await;
    let wrong = [json!({}), json!(["a2s1"]), json!([{"SystemName": 5, "Value": ""}]), json!([{"Value": 1}])];
    for columns in wrong {
        let reply = client.update_joe("UdsCollection", columns.clone()).await;
        assert_eq!(reply.code(), (400, 1002), "{columns}");
        assert!(reply.model_errors().contains("UdsCollection"));
    }
    assert_eq!(client.update_joe("UdsCollection", json!([{"Value": "v"}])).await.code(), (403, 1014));
}

#[tokio::test]
async fn many_updates_at_once_are_all_done() {
    let client = Client::aktion().await;
    let path = update_path(&client.log_in().await);
    let update = async |number: usize| {
        let id = format!("200{number:03}");
        client.post(&path, &json!({"PersonId": id, "Desc": format!("number {number}")})).await.code()
    };
    let ten = async |from: usize| {
        for number in from..from + 10 {
            assert_eq!(update(number).await, (200, 0));
        }
    };
    tokio::join!(ten(0), ten(10), ten(20), ten(30), ten(40));
    assert_eq!(client.stored("200049").await["Desc"], "number 49");
}
