//! eSystems' tokens, lists, errors and the switches about calls (ES-01 to ES-03, ES-11 to ES-15).
//! Lists are here because a client reads them back to find out what a refused call has done.

use serde_json::{Value, json};

use super::client::JOE;
use super::esystems_client::{
    BASE, Es, TOKEN, bad_input, form, ids, it, kind, not_found, several, unauthorized, users,
};
use crate::esystems::{CLIENT_ID, CLIENT_SECRET, DEPARTMENTS, NEVER};

#[tokio::test]
async fn es_01_and_02_a_token_is_given_for_the_form_and_says_what_the_switches_want() {
    let es = Es::new().await;
    let body = es.ask(&form(CLIENT_ID, CLIENT_SECRET)).await.json();
    assert_eq!((&body["token_type"], &body["expires_in"]), (&json!("Bearer"), &json!(3600)));
    es.client.switch(json!({"token_type": "bearer", "expires_in": null})).await;
    let body = es.ask(&form(CLIENT_ID, CLIENT_SECRET)).await.json();
    assert_eq!((&body["token_type"], body.get("expires_in")), (&json!("bearer"), None));
    assert_eq!(es.get("Departments").await.status, 200, "a token without an end");
}

#[tokio::test]
async fn es_03_wrong_credentials_and_wrong_forms_are_told_apart() {
    let es = Es::new().await;
    let right = form(CLIENT_ID, CLIENT_SECRET);
    for (sent, status, error) in [
        (form(CLIENT_ID, "wrong"), 401, "invalid_client"),
        (form("nobody", CLIENT_SECRET), 401, "invalid_client"),
        (right.replace("client_credentials", "refresh_token"), 400, "unsupported_grant_type"),
        (form("", CLIENT_SECRET), 400, "invalid_request"),
        (format!("{right}&client_id={CLIENT_ID}"), 400, "invalid_request"),
        ("grant_type=client_credentials".to_owned(), 400, "invalid_request"),
        (String::new(), 400, "invalid_request"),
    ] {
        let reply = es.ask(&sent).await;
        assert_eq!((reply.status, reply.json()), (status, json!({"error": error})), "{sent}");
    }
    let body =
        json!({"grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET});
    assert_eq!(es.client.post(TOKEN, &body).await.status, 400, "JSON is no form");
}

#[tokio::test]
async fn only_a_bearer_with_a_capital_and_a_known_token_is_let_in() {
    let es = Es::new().await;
    for authorization in
        [String::new(), format!("bearer {}", es.token), format!("Basic {}", es.token), "Bearer x".to_owned()]
    {
        let head = format!("GET {BASE}/Users HTTP/1.1\r\nauthorization: {authorization}");
        assert_eq!(kind(&es.client.send(&head, "").await.unwrap()), unauthorized(), "{authorization}");
    }
}

#[tokio::test]
async fn es_11_revoked_and_expired_tokens_are_unauthorized_until_a_new_one() {
    let mut es = Es::new().await;
    let old = es.token.clone();
    let switches = es.client.control("PUT /_sim/switches", json!({"revoke_tokens": true})).await.json();
    assert_eq!(switches["revoke_tokens"], false, "an event");
    assert_eq!(kind(&es.get("Users").await), unauthorized());
    es.log_in().await;
    assert_ne!(es.token, old);
    assert_eq!(es.get("Users").await.status, 200);
    es.client.switch(json!({"revoke_tokens": false})).await;
    assert_eq!(es.get("Users").await.status, 200);
    es.client.switch(json!({"expires_in": 0})).await;
    assert_eq!(kind(&es.get("Users").await), unauthorized());
}

#[tokio::test]
async fn es_12_and_15_faults_bring_what_no_switch_does_and_leave_the_links_alone() {
    let es = Es::new().await;
    es.fill(2, 0).await;
    let denied =
        json!({"Errors": ["no"], "Type": "/Errors/Permission", "Title": "Bad Request", "StatusCode": 403});
    es.client
        .faults(
            json!([{"method": "PATCH", "path": "/Department/", "times": 1, "status": 403, "body": denied},
            {"path": "/Endpoint/rest/api/v1/department", "person": "u1@x.y", "times": 1, "status": 500}]),
        )
        .await;
    let body = users(json!([{"Name": "UserId", "FieldName": "Email"}]), &["u1@x.y"]);
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push((es.patch(it(), "", &body).await.status, es.linked(0).await));
    }
    assert_eq!(statuses, [(403, json!([])), (500, json!([])), (200, json!([1]))]);
}

#[tokio::test]
async fn es_13_fifty_one_links_are_two_pages() {
    let es = Es::new().await;
    es.fill(60, 51).await;
    let path = format!("Department/{}/Users?CurrentPage=", it());
    let page = async |number: &str| es.get(&format!("{path}{number}")).await;
    assert_eq!(ids(&page("").await), (1..=50).collect::<Vec<_>>());
    assert_eq!(ids(&page("1").await), [51]);
    assert!(ids(&page("2").await).is_empty());
    let meta = |shown: u64| json!({"TotalItems": 51, "CurrentPage": shown, "PageSize": 50, "Type": "User"});
    assert_eq!(page("1").await.json()["Meta"], meta(2));
    es.client.switch(json!({"meta_page_base": 0, "repeat_last_page": true})).await;
    assert_eq!(page("1").await.json()["Meta"], meta(1));
    assert_eq!(ids(&page("7").await), [51], "the last page again");
}

#[tokio::test]
async fn a_page_has_one_to_a_thousand_records() {
    let es = Es::new().await;
    es.fill(1001, 0).await;
    let get = async |query: &str| es.get(&format!("Users?{query}")).await;
    assert_eq!(ids(&get("PageSize=1000").await).len(), 1000);
    assert_eq!(ids(&get("pagesize=1000&CurrentPage=1").await), [1001]);
    assert_eq!(ids(&get("PageSize=1").await), [1]);
    for query in ["PageSize=0", "PageSize=1001", "PageSize=x", "CurrentPage=-1", "CurrentPage=1.5"] {
        assert_eq!(kind(&get(query).await), bad_input(), "{query}");
    }
    es.put(json!({})).await;
    es.client.switch(json!({"repeat_last_page": true})).await;
    assert!(ids(&get("CurrentPage=3").await).is_empty());
}

#[tokio::test]
async fn es_14_who_never_logged_in_has_the_sentinel_and_empty_texts_are_absent() {
    let es = Es::new().await;
    let joe = es.get("User/35001").await.json();
    assert_eq!(
        (&joe["Name"], &joe["External_Id"], &joe["Is_Active"]),
        (&json!("Joe Miller"), &json!(JOE), &json!(true))
    );
    assert_eq!(joe.get("MobilePhone"), None);
    assert_ne!(joe["Last_Login"], NEVER);
    assert_eq!(es.get("User/35002").await.json()["Last_Login"], NEVER);
}

#[tokio::test]
async fn a_user_is_read_by_id_and_by_other_fields() {
    let es = Es::new().await;
    for path in
        ["User/joe%40company.com?Name=Email", "User/base64%7CMTAwMjAwMzAw?Name=ExternalId", "user/35001"]
    {
        assert_eq!(es.get(path).await.json()["Id"], 35_001, "{path}");
    }
    assert_eq!(kind(&es.get("User/1").await), not_found());
    assert_eq!(kind(&es.get("User/joe").await), bad_input());
    es.put(json!({"people": [{"Id": 1, "Name": "A"}, {"Id": 2, "Name": "a"}]})).await;
    assert_eq!(kind(&es.get("User/A?Name=Name").await), several());
}

async fn found(es: &Es, path: &str, filters: &str) -> Vec<i64> {
    let encoded: String = filters.bytes().map(|byte| format!("%{byte:02X}")).collect();
    ids(&es.get(&format!("{path}?Filters={encoded}")).await)
}

#[tokio::test]
async fn filters_find_users_by_quoted_and_by_bare_values() {
    let es = Es::new().await;
    for (filters, expected) in [
        ("(Email = 'JOE@company.com')", vec![35_001]),
        ("Email = joe@company.com", vec![35_001]),
        ("(External_Id In 100200300;100200301)", vec![35_001, 35_002]),
        ("ExternalId In '100200300'; '100200301'", vec![35_001, 35_002]),
        ("(External_Id In 100200300,100200301)", vec![]),
        ("Id In 35001,35003", vec![35_001, 35_003]),
        ("(Id <= 35002) AND (Id >= 35002)", vec![35_002]),
        ("Id < 35003 and Email <> joe@company.com", vec![35_002]),
        ("(Username Like 'c_o@%') AND (Id NotIn 35003)", vec![35_004, 35_005]),
        ("(Last_Login > 2026-01-01) AND (Id < 35004)", vec![35_001, 35_003]),
        ("(Is_Active = False)", vec![]),
    ] {
        assert_eq!(found(&es, "Users", filters).await, expected, "{filters}");
    }
}

#[tokio::test]
async fn quotes_and_parentheses_in_a_value_are_part_of_it() {
    let es = Es::new().await;
    let names = ["O'Brien", "A (b)", "x) AND (y"];
    let people: Vec<_> = (1..).zip(names).map(|(id, name)| json!({"Id": id, "Name": name})).collect();
    es.put(json!({"people": people})).await;
    for (filters, id) in [
        ("(Name = 'O''Brien')", 1),
        ("(Name = O'Brien)", 1),
        ("(Name = A (b))", 2),
        ("(Name = 'x) AND (y')", 3),
        ("(Name In 'none';'O''Brien')", 1),
    ] {
        assert_eq!(found(&es, "Users", filters).await, [id], "{filters}");
    }
}

#[tokio::test]
async fn below_a_department_the_key_is_called_user_id() {
    let es = Es::new().await;
    let path = format!("Department/{}/Users", it());
    assert_eq!(found(&es, &path, "UserId In 35001,35002,35005").await, [35_001, 35_005], "35002 is in Sales");
    assert_eq!(kind(&es.get(&format!("{path}?Filters=(Id%20%3D%2035001)")).await), bad_input());
    assert_eq!(kind(&es.get("Users?Filters=(UserId%20%3D%2035001)").await), bad_input());
}

#[tokio::test]
async fn filters_that_cannot_be_read_are_bad_input() {
    let es = Es::new().await;
    for filters in [
        "(Email%20=%20'x'",
        "Email",
        "(Email%20is%20x)",
        "(Id%20=%20x)",
        "Id%20In%201;2",
        "(Size%20=%201)",
        "(Id%20=%201)%20OR%20(Id%20=%202)",
        "Email%20=%20'x",
        "=%201",
    ] {
        assert_eq!(kind(&es.get(&format!("Users?Filters={filters}")).await), bad_input(), "{filters}");
    }
}

#[tokio::test]
async fn orders_and_fields_are_taken() {
    let es = Es::new().await;
    let reply = es.get("Users?Orders=Is_Active%20asc,Id%20DESC&fields=Email&PageSize=2").await;
    assert_eq!(ids(&reply), [35_205, 35_204]);
    let members: Vec<_> = reply.json()["Data"][0].as_object().unwrap().keys().cloned().collect();
    assert_eq!(members, ["Creation_Date", "Email", "Id", "Is_Active"]);
    assert_eq!(es.get("Users?Fields=*&PageSize=1").await.json()["Data"][0]["Name"], "Joe Miller");
    for query in ["Orders=Size", "Orders=Id%20UP", "Fields=Size"] {
        assert_eq!(kind(&es.get(&format!("Users?{query}")).await), bad_input(), "{query}");
    }
}

#[tokio::test]
async fn departments_are_listed_and_read() {
    let es = Es::new().await;
    let list = es.get("Departments").await.json();
    assert_eq!((&list["Meta"]["Type"], &list["Meta"]["TotalItems"]), (&json!("Department"), &json!(4)));
    for (place, (name, id)) in DEPARTMENTS.into_iter().enumerate() {
        let department = json!({"Id": id, "Name": name, "ExternalId": format!("DE00{}", place + 1)});
        assert_eq!(list["Data"][place], department);
        assert_eq!(es.get(&format!("Department/{name}?Name=Name")).await.json(), department);
    }
    let found = es.get("Departments?Filters=(Name%20=%20'it')").await.json();
    assert_eq!(found["Data"][0]["Id"], it());
}

#[tokio::test]
async fn every_error_has_the_envelope_and_a_key_of_its_own() {
    let es = Es::new().await;
    let (one, two) = (es.get("User/1").await.json(), es.get("User/1").await.json());
    assert!(uuid::Uuid::parse_str(one["RequestKey"].as_str().unwrap()).is_ok());
    assert_ne!(one["RequestKey"], two["RequestKey"]);
    assert_eq!((&one["StatusCode"], &one["Title"]), (&json!(404), &json!("Not Found")));
    assert_eq!(one["Instance"], format!("{BASE}/User/1"));
    assert!(one["Errors"][0].is_string());
}

#[tokio::test]
async fn paths_without_a_call_and_methods_without_one_are_pages() {
    let es = Es::new().await;
    for path in ["", "Nothing", "Department", "Department/x/y", "Department/x/Users/1", "User/1/Departments"]
    {
        let reply = es.get(path).await;
        assert_eq!((reply.status, reply.text.contains("<html>")), (404, true), "{path}");
    }
    for (method, path) in [("POST", "Users"), ("PUT", "Department/x/Users"), ("DELETE", "User/1")] {
        let reply = es.call(method, path, "{}").await;
        assert_eq!((reply.status, reply.head.contains("allow: ")), (405, true), "{method} {path}");
    }
    assert_eq!(es.client.get(&TOKEN.to_lowercase()).await.status, 405);
    assert_eq!(es.client.get("/endpoint/REST/api/v1/USERS/").await.status, 401);
}

#[tokio::test]
async fn throttling_answers_resources_with_the_status_of_the_switch_and_lets_log_ins_pass() {
    let mut es = Es::new().await;
    for status in [429, 503] {
        es.client.switch(json!({"throttle": status})).await;
        let reply = es.import(Value::Null, &["35001"]).await;
        assert_eq!((reply.status, reply.head.contains("retry-after: 1")), (status, true));
        es.log_in().await;
    }
    es.client.switch(json!({"throttle": null})).await;
    assert_eq!(es.get("Users").await.status, 200);
}

#[tokio::test]
async fn calls_over_the_limit_are_throttled() {
    let es = Es::new().await;
    es.client.control("DELETE /_sim/calls", Value::Null).await;
    es.client.switch(json!({"limit": 1})).await;
    es.client.faults(json!([{"path": "/Departments", "delay_ms": 300}])).await;
    let over = async {
        es.client.calls_once(1).await;
        es.get("Users").await
    };
    let (within, over) = tokio::join!(es.get("Departments"), over);
    assert_eq!((within.status, over.status), (200, 429));
    assert!(over.head.contains("retry-after: 1"));
}

#[tokio::test]
async fn the_sample_is_the_contracts_and_a_state_can_be_put_as_it_was_got() {
    let es = Es::new().await;
    let state = es.state().await;
    let people = state["people"].as_array().unwrap();
    assert_eq!((people.len(), &people[0]["Id"], &people[204]["Id"]), (205, &json!(35_001), &json!(35_205)));
    assert_eq!(people[0]["External_Id"], JOE);
    assert!(people.iter().all(|user| user["Username"] == user["Email"] && user["Is_Active"] == true));
    let linked =
        state["departments"].as_array().unwrap().iter().map(|d| d["Users"].as_array().unwrap().len());
    assert_eq!(linked.sum::<usize>(), 205);
    assert_eq!(state["clients"], json!([{"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}]));
    es.put(json!({"people": [{"Id": 1}], "clients": [{"client_id": "a", "client_secret": "b"}]})).await;
    let small = es.state().await;
    assert_eq!((&small["people"][0]["Last_Login"], &small["departments"]), (&json!(NEVER), &json!([])));
    assert_eq!(es.ask(&form("a", "b")).await.status, 200);
    assert_eq!(es.ask(&form(CLIENT_ID, CLIENT_SECRET)).await.status, 401);
    es.put(state.clone()).await;
    assert_eq!(es.state().await, state);
}

#[tokio::test]
async fn a_state_that_is_wrong_changes_nothing() {
    let es = Es::new().await;
    let before = es.state().await;
    for state in [
        json!([]),
        json!({"users": []}),
        json!({"people": {}}),
        json!({"people": [{}]}),
        json!({"people": [{"Id": "1"}]}),
        json!({"people": [{"Id": 0}]}),
        json!({"people": [{"Id": 2_147_483_648_u64}]}),
        json!({"people": [{"Id": 1}, {"Id": 1}]}),
        json!({"people": [{"Id": 1, "email": "x"}]}),
        json!({"people": [{"Id": 1, "Email": 5}]}),
        json!({"departments": [{"Name": "IT"}]}),
        json!({"departments": [{"Id": "a"}, {"Id": "a"}]}),
        json!({"departments": [{"Id": "a", "Users": [1]}]}),
        json!({"people": [{"Id": 1}], "departments": [{"Id": "a", "Users": [1, 1]}]}),
        json!({"departments": [{"Id": "a", "Size": 1}]}),
        json!({"clients": [{"client_id": "only"}]}),
    ] {
        assert_eq!(es.client.control("PUT /_sim/state", state.clone()).await.status, 400, "{state}");
    }
    assert_eq!(es.state().await, before);
}

#[tokio::test]
async fn switches_have_the_defaults_of_the_contract_and_take_only_what_makes_sense() {
    let es = Es::new().await;
    let switches = async || es.client.get("/_sim/switches").await.json();
    let expected = json!({
        "latency_ms": 0, "limit": null, "expires_in": 3600, "token_type": "Bearer", "revoke_tokens": false,
        "partial_apply": false, "strict_user_id": false, "meta_page_base": 1, "repeat_last_page": false,
        "unknown_user_status": 404, "unknown_department_status": 404, "throttle": null,
    });
    assert_eq!(switches().await, expected);
    for wrong in [
        json!({"throttle": 500}),
        json!({"throttle": true}),
        json!({"unknown_user_status": 200}),
        json!({"unknown_department_status": 600}),
        json!({"expires_in": "3600"}),
        json!({"token_type": null}),
        json!({"token_life_s": 1}),
    ] {
        assert_eq!(es.client.control("PUT /_sim/switches", wrong.clone()).await.status, 400, "{wrong}");
    }
    assert_eq!(switches().await, expected);
}

#[tokio::test]
async fn a_reset_ends_tokens_and_brings_the_sample_back() {
    let es = Es::new().await;
    let before = es.state().await;
    es.fill(1, 1).await;
    es.client.control("DELETE /_sim", Value::Null).await;
    assert_eq!(es.state().await, before);
    assert_eq!(kind(&es.get("Users").await), unauthorized());
}
