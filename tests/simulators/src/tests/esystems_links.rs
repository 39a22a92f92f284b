//! eSystems' links: lists of users, their look-up, the rules of `Extra`, and the flag that unlinks (ES-04 to ES-10).
//! What is stored afterwards is read from the state, as an answer alone proves nothing.

use serde_json::{Value, json};

use super::client::JOE;
use super::esystems_client::{Es, NOBODY, bad_input, by, ids, it, kind, not_found, sales, several, users};

const NONE: Value = Value::Null;

#[tokio::test]
async fn es_04_and_05_two_users_by_their_ids_are_linked_and_linked_again_without_a_duplicate() {
    let es = Es::new().await;
    es.fill(3, 0).await;
    for _ in 0..2 {
        let reply = es.import(NONE, &["2", "1"]).await;
        assert_eq!(ids(&reply), [1, 2]);
        let meta = json!({"TotalItems": 2, "CurrentPage": 1, "PageSize": 50, "Type": "User"});
        assert_eq!(reply.json()["Meta"], meta);
        assert_eq!(es.linked(0).await, json!([2, 1]));
    }
}

#[tokio::test]
async fn es_06_a_list_adds_and_answers_with_its_own_rows_alone() {
    let es = Es::new().await;
    es.fill(3, 2).await;
    assert_eq!(ids(&es.import(NONE, &["2", "3"]).await), [2, 3]);
    assert_eq!(es.linked(0).await, json!([1, 2, 3]));
}

#[tokio::test]
async fn es_07_and_08_a_raw_delete_not_exists_unlinks_whoever_is_not_named_whatever_its_case() {
    let es = Es::new().await;
    for (text, left) in
        [("true", json!([2])), ("True", json!([2])), ("false", json!([1, 2])), ("", json!([1, 2]))]
    {
        es.fill(2, 1).await;
        let query = format!("?DeleteNotExists={text}");
        assert_eq!(ids(&es.patch(it(), &query, &users(NONE, &["2"])).await), [2]);
        assert_eq!(es.linked(0).await, left, "{text}");
    }
    let reply = es.patch(it(), "?deletenotexists=perhaps", &users(NONE, &["2"])).await;
    assert_eq!(kind(&reply), bad_input());
}

#[tokio::test]
async fn an_empty_list_changes_nothing_unless_the_flag_wipes_the_department() {
    let es = Es::new().await;
    for body in [json!({}), json!({"Users": null}), json!({"Users": []}), json!({"users": [{"UserId": "2"}]})]
    {
        es.fill(2, 1).await;
        let reply = es.patch(it(), "", &body).await;
        assert_eq!((ids(&reply), es.linked(0).await), (vec![], json!([1])));
        es.patch(it(), "?DeleteNotExists=true", &body).await;
        assert_eq!(es.linked(0).await, json!([]), "{body}");
    }
}

#[tokio::test]
async fn es_09_users_are_found_by_their_fields_without_regard_to_case() {
    let es = Es::new().await;
    let cases = [
        ("Email", "Sarah@Company.COM"),
        ("Username", "sarah@company.com"),
        ("ExternalId", "100200301"),
        ("External_Id", "100200301"),
        ("Id", "35002"),
        ("", "35002"),
    ];
    for (field, value) in cases {
        assert_eq!(ids(&es.import(by(field), &[value]).await), [35_002], "{field}");
    }
    for (field, value) in [("Email", " sarah@company.com"), ("Email", JOE), ("ExternalId", "35002")] {
        assert_eq!(kind(&es.import(by(field), &[value]).await), not_found(), "{field} {value}");
    }
    for field in ["Department", "Last_Login", "Is_Active"] {
        assert_eq!(kind(&es.import(by(field), &["x"]).await), bad_input(), "{field}");
    }
}

#[tokio::test]
async fn es_10_a_value_that_two_users_have_is_refused_with_the_whole_list() {
    let es = Es::new().await;
    let people = [(1, "same@x.y"), (2, "SAME@x.y"), (3, "other@x.y")]
        .map(|(id, email)| json!({"Id": id, "Email": email}));
    es.put(json!({"people": people, "departments": [{"Id": it()}]})).await;
    assert_eq!(kind(&es.import(by("Email"), &["other@x.y", "same@x.y"]).await), several());
    assert_eq!(es.linked(0).await, json!([]));
}

#[tokio::test]
async fn one_bad_row_refuses_the_list_or_with_the_switch_itself_alone() {
    let es = Es::new().await;
    for (partial, left) in [(false, json!([])), (true, json!([1, 2]))] {
        es.fill(2, 0).await;
        es.client.switch(json!({"partial_apply": partial})).await;
        assert_eq!(kind(&es.import(by("Email"), &["u1@x.y", NOBODY, "u2@x.y"]).await), not_found());
        assert_eq!(es.linked(0).await, left);
    }
}

#[tokio::test]
async fn unknown_users_and_departments_are_told_with_the_statuses_of_the_switches() {
    let es = Es::new().await;
    let nowhere = "00000000-0000-0000-0000-000000000000";
    assert_eq!(kind(&es.import(NONE, &["1"]).await), not_found());
    assert_eq!(kind(&es.patch(nowhere, "", &users(NONE, &["35001"])).await), not_found());
    es.client.switch(json!({"unknown_user_status": 400})).await;
    assert_eq!(kind(&es.import(by("Email"), &[NOBODY]).await), bad_input());
    assert_eq!(kind(&es.patch(nowhere, "", &users(NONE, &["35001"])).await), not_found());
    es.client.switch(json!({"unknown_department_status": 403, "unknown_user_status": 404})).await;
    let reply = es.patch(nowhere, "", &users(NONE, &["35001"])).await;
    assert_eq!(kind(&reply), (403, "/Errors/Permission".to_owned()));
    assert_eq!(reply.json()["Title"], "Bad Request", "as documented");
    assert_eq!(kind(&es.import(NONE, &["1"]).await), not_found());
}

#[tokio::test]
async fn an_id_is_converted_or_with_the_switch_taken_to_the_letter() {
    let es = Es::new().await;
    for (text, converts) in [
        (json!("35001"), true),
        (json!(" 35001 "), false),
        (json!("035001"), false),
        (json!("+35001"), false),
        (json!(35001), false),
    ] {
        for strict in [false, true] {
            es.client.switch(json!({"strict_user_id": strict})).await;
            let reply = es.patch(it(), "", &json!({"Users": [{"UserId": text}]})).await;
            assert_eq!(reply.status, if converts || !strict { 200 } else { 400 }, "{text} {strict}");
        }
    }
    es.client.switch(json!({"strict_user_id": false})).await;
    for text in ["joe", "35001.0", "2147483648", "35001,35002", ""] {
        assert_eq!(kind(&es.import(NONE, &[text]).await), bad_input(), "{text}");
    }
    assert_eq!(kind(&es.import(NONE, &["2147483647"]).await), not_found());
}

#[tokio::test]
async fn a_body_that_is_not_of_its_structure_is_bad_input() {
    let es = Es::new().await;
    let before = es.state().await;
    let wrong = [
        "",
        "{",
        "[]",
        "null",
        r#"{"Users":{}}"#,
        r#"{"Users":["35001"]}"#,
        r#"{"Users":[{}]}"#,
        r#"{"Users":[{"UserId":null}]}"#,
        r#"{"Users":[{"UserId":{"Field":"Email","Value":"x"}}]}"#,
        r#"{"Extra":{},"Users":[]}"#,
        r#"{"Extra":[{}],"Users":[]}"#,
        r#"{"Extra":[{"Name":"Email"}]}"#,
        r#"{"Extra":[{"Name":"UserId","Required":"yes"}]}"#,
        r#"{"Extra":[{"Name":"UserId","Max":5}]}"#,
        r#"{"Extra":[{"Name":"UserId","Pattern":"("}]}"#,
        r#"{"IsFullValidation":"true"}"#,
    ];
    for body in wrong {
        let reply = es.call("PATCH", &format!("Department/{}/Users", it()), body).await;
        assert_eq!(kind(&reply), bad_input(), "{body}");
    }
    assert_eq!(es.state().await, before);
}

#[tokio::test]
async fn rules_hold_for_each_row() {
    let es = Es::new().await;
    let rule = |rule: Value| {
        let mut full = json!({"Name": "UserId", "FieldName": "ExternalId"});
        full.as_object_mut().unwrap().extend(rule.as_object().unwrap().clone());
        json!([{"Name": "DepartmentId", "FieldName": "Name"}, full])
    };
    let cases = [
        (json!({"Max": "100200300"}), 200),
        (json!({"Max": "100200299"}), 400),
        (json!({"Min": "100200300"}), 200),
        (json!({"Min": "100200301"}), 400),
        (json!({"Pattern": "0200"}), 200),
        (json!({"Pattern": "^0200"}), 400),
        (json!({"Required": true, "Unique": true}), 200),
        (json!({"DefaultValue": "nobody"}), 200),
    ];
    for (extra, status) in cases {
        assert_eq!(es.import(rule(extra.clone()), &[JOE]).await.status, status, "{extra}");
    }
    assert_eq!(es.import(rule(json!({})), &[JOE, JOE]).await.json()["Data"].as_array().unwrap().len(), 1);
    assert_eq!(kind(&es.import(rule(json!({"Unique": true})), &[JOE, JOE]).await), bad_input());
    assert_eq!(kind(&es.import(rule(json!({"Required": true})), &[""]).await), bad_input());
}

#[tokio::test]
async fn a_default_value_stands_for_an_empty_one_if_its_type_fits() {
    let es = Es::new().await;
    let default =
        |field: &str, value: &str| json!([{"Name": "UserId", "FieldName": field, "DefaultValue": value}]);
    assert_eq!(ids(&es.import(default("", "35003"), &[""]).await), [35_003]);
    assert_eq!(ids(&es.import(default("Email", "joe@company.com"), &[""]).await), [35_001]);
    assert_eq!(kind(&es.import(default("", "joe@company.com"), &[""]).await), bad_input());
}

#[tokio::test]
async fn full_validation_names_every_bad_row_and_otherwise_the_first_alone() {
    let es = Es::new().await;
    let mut body = users(by("Email"), &[NOBODY, "joe@company.com", "", "nobody@company.com"]);
    for (is_full, many) in [(false, 1), (true, 3)] {
        body["IsFullValidation"] = json!(is_full);
        let reply = es.patch(it(), "", &body).await;
        assert_eq!(kind(&reply), not_found());
        assert_eq!(reply.json()["Errors"].as_array().unwrap().len(), many);
        assert!(reply.text.contains(NOBODY), "the texts carry values, and no client may log them");
    }
}

#[tokio::test]
async fn a_department_is_found_by_its_id_in_base64_and_by_its_other_fields() {
    let es = Es::new().await;
    let body = users(NONE, &["35001"]);
    let upper = sales().to_uppercase();
    for (key, query) in [
        (sales(), ""),
        (sales(), "?Name=Id"),
        (upper.as_str(), ""),
        ("Sales", "?Name=Name"),
        ("DE004", "?name=ExternalId"),
        ("base64%7CU2FsZXM%3D", "?Name=Name"),
        ("base64%7CREUwMDQ%3D", "?Name=ExternalId"),
    ] {
        assert_eq!(es.patch(key, query, &body).await.status, 200, "{key} {query}");
    }
    for (key, query) in
        [("base64%7CU2FsZXM", "?Name=Name"), ("base64%7C%21%21%21%21", ""), ("Sales", "?Name=Size")]
    {
        assert_eq!(kind(&es.patch(key, query, &body).await), bad_input(), "{key} {query}");
    }
    assert_eq!(kind(&es.patch("Sales", "", &body).await), not_found());
    assert_eq!(es.patch("base64|U2FsZXM=", "?Name=Name", &body).await.status, 400, "a raw pipe");
}

#[tokio::test]
async fn departments_of_the_same_name_are_ambiguous() {
    let es = Es::new().await;
    let twice = json!([{"Id": "a", "Name": "IT"}, {"Id": "b", "Name": "it"}]);
    es.put(json!({"people": [{"Id": 1}], "departments": twice})).await;
    assert_eq!(kind(&es.patch("IT", "?Name=Name", &users(NONE, &["1"])).await), several());
    assert_eq!(es.patch("b", "", &users(NONE, &["1"])).await.status, 200);
}

#[tokio::test]
async fn a_single_user_is_linked_by_a_nested_value_and_unlinked_by_the_key() {
    let es = Es::new().await;
    es.fill(2, 1).await;
    let path = format!("Department/{}/User", it());
    let post = async |body: Value| es.call("POST", &path, &body.to_string()).await;
    let reply = post(json!({"UserId": {"Field": "Email", "Value": "u2@x.y"}})).await;
    assert_eq!((reply.status, &reply.json()["Id"]), (200, &json!(2)));
    assert_eq!(post(json!({"UserId": {"Value": "2"}})).await.status, 200);
    assert_eq!(es.linked(0).await, json!([1, 2]));
    for body in [json!({"UserId": "2"}), json!({"UserId": {"Field": "Email"}}), json!({})] {
        assert_eq!(kind(&post(body).await), bad_input());
    }
    let delete = async |sub: &str| es.call("DELETE", &format!("{path}/{sub}"), "").await;
    let reply = delete("2?SubName=UserId").await;
    assert_eq!((reply.status, &reply.json()["Email"]), (200, &json!("u2@x.y")));
    assert_eq!(kind(&delete("2").await), not_found(), "the user is there, the link is not");
    assert_eq!(delete("base64%7CdTFAeC55?SubName=Email").await.status, 200);
    assert_eq!(es.linked(0).await, json!([]));
}
