//! A SCIM server's paths, tokens, switches and state (SC-06, SC-07, SC-12 by fault rules).
//! None of them depends on what is sent about a person.

use serde_json::{Value, json};

use super::client::Client;
use super::scim_client::{CORE, JOE, SARAH, patch};
use crate::scim;

async fn token(client: &Client, form: &str) -> super::client::Reply {
    let head = "POST /oauth/token HTTP/1.1\r\ncontent-type: application/x-www-form-urlencoded";
    client.send(head, form).await.unwrap()
}

async fn status_with(client: &Client, authorization: &str) -> u16 {
    let head = format!("GET /Users?count=1 HTTP/1.1\r\nauthorization: {authorization}");
    client.send(&head, "").await.unwrap().status
}

fn credentials(secret: &str) -> String {
    format!("grant_type=client_credentials&client_id={}&client_secret={secret}", scim::CLIENT_ID)
}

fn set_title() -> Value {
    patch(json!([{"op": "replace", "path": "title", "value": "x"}]))
}

#[tokio::test]
async fn every_path_but_the_tokens_needs_a_token() {
    let client = Client::scim().await;
    for path in ["/Users", "/ServiceProviderConfig", "/nothing", "/scim/v2/Users"] {
        let reply = client.get(path).await;
        assert_eq!(reply.refused(), (401, String::new()), "{path}");
        assert_eq!(reply.header("www-authenticate"), Some("bearer"));
    }
    assert_eq!(status_with(&client, &format!("bearer {}", scim::TOKEN)).await, 200);
    for wrong in ["Bearer wrong", "Bearer", "Basic abc", scim::TOKEN] {
        assert_eq!(status_with(&client, wrong).await, 401, "{wrong}");
    }
}

#[tokio::test]
async fn client_credentials_give_a_token_beside_the_static_one() {
    let client = Client::scim().await;
    let reply = token(&client, &format!("{}&scope=a+b", credentials(scim::CLIENT_SECRET))).await;
    let granted = reply.json();
    assert_eq!((&granted["token_type"], &granted["expires_in"]), (&json!("Bearer"), &json!(3600)));
    assert_eq!(granted["scope"], "a b");
    let bearer = format!("Bearer {}", granted["access_token"].as_str().unwrap());
    assert_eq!(status_with(&client, &bearer).await, 200);
    assert_eq!(status_with(&client, &format!("Bearer {}", scim::TOKEN)).await, 200);
    for (form, status, error) in [
        (credentials("wrong"), 401, "invalid_client"),
        ("grant_type=client_credentials".to_owned(), 401, "invalid_client"),
        ("grant_type=password&client_id=a".to_owned(), 400, "unsupported_grant_type"),
        ("client_id=a".to_owned(), 400, "invalid_request"),
    ] {
        let reply = token(&client, &form).await;
        assert_eq!((reply.status, &reply.json()["error"]), (status, &json!(error)), "{form}");
    }
    assert_eq!(client.post("/oauth/token", &json!({"grant_type": "client_credentials"})).await.status, 400);
    assert_eq!(client.get("/oauth/token").await.status, 405);
    client.control("DELETE /_sim", Value::Null).await;
    assert_eq!(status_with(&client, &bearer).await, 401);
}

#[tokio::test]
async fn sc_07_a_rotated_secret_takes_its_tokens_with_it() {
    let client = Client::scim().await;
    let granted = token(&client, &credentials(scim::CLIENT_SECRET)).await.json();
    let old = format!("Bearer {}", granted["access_token"].as_str().unwrap());
    let mut state = client.get("/_sim/state").await.json();
    state["tokens"] = json!(["new"]);
    state["clients"] = json!([{"client_id": scim::CLIENT_ID, "client_secret": "next"}]);
    client.control("PUT /_sim/state", state).await;
    for bearer in [&old, &format!("Bearer {}", scim::TOKEN)] {
        assert_eq!(status_with(&client, bearer).await, 401);
    }
    assert_eq!(token(&client, &credentials(scim::CLIENT_SECRET)).await.status, 401);
    assert_eq!(token(&client, &credentials("next")).await.status, 200);
    assert_eq!(status_with(&client, "Bearer new").await, 200);
}

#[tokio::test]
async fn paths_that_do_not_exist_are_not_found_and_methods_not_possible() {
    let client = Client::scim().await;
    for path in
        ["/", "/users", "/Groups", "/Users/nobody", "/Users/u-100200300/x", "/Schemas/x", "/scim/v2x/Users"]
    {
        assert_eq!(client.scim_get(path).await.refused(), (404, String::new()), "{path}");
    }
    for path in ["/Users/", "/scim/v2/Users", "/Schemas", "/ResourceTypes", "/ResourceTypes/User"] {
        assert_eq!(client.scim_get(path).await.status, 200, "{path}");
    }
    for call in ["PUT /Users", "DELETE /Users", "POST /Users/u-100200300", "POST /Schemas", "GET /Bulk"] {
        let reply = client.scim_call(call, &json!({})).await;
        assert_eq!(reply.refused().0, 405, "{call}");
        assert!(reply.header("allow").is_some());
    }
    assert_eq!(client.scim_get("/Me").await.refused().0, 501);
}

#[tokio::test]
async fn the_abilities_follow_the_switches() {
    let client = Client::scim().await;
    let supported = async || {
        let body = client.scim_get("/ServiceProviderConfig").await.json();
        ["patch", "filter", "etag", "bulk"].map(|name| body[name]["supported"] == true)
    };
    assert_eq!(supported().await, [true, true, true, false]);
    client.switch(json!({"patch": false, "filter": false, "etag": false, "bulk": true})).await;
    assert_eq!(supported().await, [false, false, false, true]);
}

#[tokio::test]
async fn switches_have_the_defaults_of_the_contract_and_their_types() {
    let client = Client::scim().await;
    let expected = json!({
        "latency_ms": 0, "limit": null, "etag": true, "filter": true, "patch": true, "bulk": false,
        "rate_per_s": null, "throttle_status": 429, "case_exact_user_name": false, "may_write": true,
    });
    assert_eq!(client.get("/_sim/switches").await.json(), expected);
    for wrong in [json!({"throttle_status": 500}), json!({"etag": 1}), json!({"pageSize": 5})] {
        assert_eq!(client.control("PUT /_sim/switches", wrong).await.status, 400);
    }
}

#[tokio::test]
async fn the_switch_patch_takes_patch_away() {
    let client = Client::scim().await;
    client.switch(json!({"patch": false})).await;
    let reply = client.scim_call(&format!("PATCH /Users/{JOE}"), &set_title()).await;
    assert_eq!(reply.refused(), (501, String::new()));
    let whole = json!({"schemas": [CORE], "userName": "joe@company.com"});
    assert_eq!(client.scim_call(&format!("PUT /Users/{JOE}"), &whole).await.status, 200);
}

#[tokio::test]
async fn the_switch_etag_takes_versions_away() {
    let client = Client::scim().await;
    let path = format!("/Users/{JOE}");
    let tag = client.scim_get(&path).await.json()["meta"]["version"].as_str().unwrap().to_owned();
    let known = format!("\r\nif-none-match: {tag}");
    assert_eq!(client.scim_with(&format!("GET {path}"), &known, &Value::Null).await.status, 304);
    let wrong = "\r\nif-match: W/\"0\"";
    for call in ["PUT", "PATCH", "DELETE"] {
        let body = if call == "PATCH" { set_title() } else { json!({"schemas": [CORE], "userName": "j"}) };
        let reply = client.scim_with(&format!("{call} {path}"), wrong, &body).await;
        assert_eq!(reply.refused(), (412, String::new()), "{call}");
    }
    client.switch(json!({"etag": false})).await;
    let reply = client.scim_get(&path).await;
    assert_eq!((reply.header("etag"), &reply.json()["meta"]["version"]), (None, &Value::Null));
    assert_eq!(client.scim_with(&format!("PATCH {path}"), wrong, &set_title()).await.status, 200);
}

#[tokio::test]
async fn the_switch_may_write_takes_every_change_away() {
    let client = Client::scim().await;
    client.switch(json!({"may_write": false, "bulk": true})).await;
    let before = client.get("/_sim/state").await.json();
    for call in [
        "POST /Users",
        "PUT /Users/u-100200300",
        "PATCH /Users/u-100200300",
        "DELETE /Users/u-100200300",
        "POST /Bulk",
    ] {
        assert_eq!(client.scim_call(call, &set_title()).await.refused(), (403, String::new()), "{call}");
    }
    assert_eq!(client.scim_get("/Users/u-100200300").await.status, 200);
    assert_eq!(client.get("/_sim/state").await.json(), before);
}

#[tokio::test]
async fn the_rate_lets_so_many_calls_pass_in_a_second() {
    let client = Client::scim().await;
    client.switch(json!({"rate_per_s": 0})).await;
    let reply = client.scim_get("/Users?count=1").await;
    assert_eq!((reply.refused(), reply.header("retry-after")), ((429, String::new()), Some("1")));
    assert_eq!(token(&client, &credentials(scim::CLIENT_SECRET)).await.status, 200, "log-ins do not count");
    client.switch(json!({"throttle_status": 503})).await;
    assert_eq!(client.scim_get("/Users?count=1").await.refused().0, 503);
    client.switch(json!({"rate_per_s": 1_000_000})).await;
    assert_eq!(client.scim_get("/Users?count=1").await.status, 200);
}

#[tokio::test]
async fn calls_over_the_limit_are_throttled_as_scim_does() {
    let client = Client::scim().await;
    client.switch(json!({"limit": 0, "throttle_status": 503})).await;
    let reply = client.scim_get("/Users?count=1").await;
    assert_eq!((reply.refused(), reply.header("retry-after")), ((503, String::new()), Some("1")));
    client.switch(json!({"limit": 1})).await;
    assert_eq!(client.scim_get("/Users?count=1").await.status, 200);
}

#[tokio::test]
async fn sc_06_and_sc_12_faults_bring_dates_and_bodies_of_any_kind() {
    let client = Client::scim().await;
    let date = "Wed, 21 Oct 2026 07:28:00 GMT";
    client
        .faults(json!([
            {"method": "PATCH", "path": "/Users", "times": 1, "status": 429, "headers": {"Retry-After": date}},
            {"path": "/Users/", "times": 1, "status": 400, "body": {"status": 400, "scimType": "invalidValue"}},
            {"path": "/Users/", "times": 1, "status": 400, "body": "<html>no</html>"},
        ]))
        .await;
    let path = format!("PATCH /scim/v2/Users/{JOE}");
    let throttled = client.scim_call(&path, &set_title()).await;
    assert_eq!(
        (throttled.status, throttled.header("retry-after")),
        (429, Some(date.to_lowercase().as_str()))
    );
    assert_eq!(client.scim_call(&path, &set_title()).await.json()["status"], 400);
    assert!(client.scim_call(&path, &set_title()).await.text.contains("<html>"));
    assert_eq!(client.scim_call(&path, &set_title()).await.status, 200);
}

#[tokio::test]
async fn bodies_are_scim_or_json_and_have_a_limit() {
    let client = Client::scim().await;
    let head = |media_type: &str| {
        let token = scim::TOKEN;
        format!("PATCH /Users/{JOE} HTTP/1.1\r\nauthorization: Bearer {token}\r\ncontent-type: {media_type}")
    };
    let body = set_title().to_string();
    for (media_type, status) in [
        ("application/scim+json; charset=utf-8", 200),
        ("application/json", 200),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
    ] {
        assert_eq!(client.send(&head(media_type), &body).await.unwrap().status, status, "{media_type}");
    }
    let no_json = client.send(&head("application/scim+json"), "{").await.unwrap();
    assert_eq!(no_json.refused(), (400, "invalidSyntax".into()));
    let long = |length: usize| format!("{body}{}", " ".repeat(length - body.len()));
    let scim = head("application/scim+json");
    assert_eq!(client.send(&scim, &long(1024 * 1024)).await.unwrap().status, 200);
    assert_eq!(client.send(&scim, &long(1024 * 1024 + 1)).await.unwrap().status, 413);
}

#[tokio::test]
async fn bulk_does_each_operation_as_if_it_came_alone() {
    let client = Client::scim().await;
    let operation = |method: &str, id: &str, data: Value| json!({"method": method, "path": format!("/Users/{id}"), "data": data});
    let message = |operations: Value| json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "failOnErrors": 1, "Operations": operations});
    let bulk = message(json!([
        operation("PATCH", JOE, set_title()),
        operation("DELETE", "nobody", Value::Null),
        operation("DELETE", SARAH, Value::Null),
    ]));
    assert_eq!(client.scim_call("POST /Bulk", &bulk).await.refused(), (501, String::new()));
    client.switch(json!({"bulk": true})).await;
    let done = client.scim_call("POST /Bulk", &bulk).await.json()["Operations"].clone();
    assert_eq!(
        (&done[0]["status"], &done[1]["status"], &done[2]),
        (&json!("200"), &json!("404"), &Value::Null)
    );
    assert_eq!(done[1]["response"]["status"], "404");
    assert!(done[0]["version"].is_string() && done[0]["location"].is_string());
    assert_eq!((&client.user(JOE).await["title"], client.user(SARAH).await.is_null()), (&json!("x"), false));
    let many = |count| message(vec![operation("PATCH", JOE, set_title()); count].into());
    assert_eq!(client.scim_call("POST /Bulk", &many(100)).await.status, 200);
    assert_eq!(client.scim_call("POST /Bulk", &many(101)).await.refused().0, 413);
}

#[tokio::test]
async fn a_scim_server_starts_with_the_sample_people() {
    let client = Client::scim().await;
    let state = client.get("/_sim/state").await.json();
    let people = state["people"].as_array().unwrap();
    assert_eq!((people.len(), &state["pageSize"], &state["patchStatus"]), (205, &json!(100), &json!(200)));
    assert_eq!((&people[0]["id"], &people[0]["externalId"]), (&json!(JOE), &json!("100200300")));
    assert_eq!(
        (&people[204]["userName"], &people[204]["externalId"]),
        (&json!("person199@company.com"), &json!("200199"))
    );
    let has_work_number = |person: &Value| person["phoneNumbers"].to_string().contains("work");
    assert!(!people.iter().any(has_work_number));
    assert!(people.iter().any(|person| person["phoneNumbers"].is_array()));
    assert!(!state.to_string().contains("joinDate"));
    assert_eq!(client.control("PUT /_sim/state", state.clone()).await.json(), state);
    assert_eq!(client.control("PUT /_sim/state", json!({})).await.json()["people"], json!([]));
}

#[tokio::test]
async fn a_state_that_is_put_changes_the_versions_of_those_who_differ() {
    let client = Client::scim().await;
    let version =
        async |id: &str| client.scim_get(&format!("/Users/{id}")).await.json()["meta"]["version"].clone();
    let before = (version(JOE).await, version(SARAH).await);
    let mut state = client.get("/_sim/state").await.json();
    state["people"][0]["title"] = json!("Changed behind");
    client.control("PUT /_sim/state", state).await;
    assert_ne!(version(JOE).await, before.0);
    assert_eq!(version(SARAH).await, before.1);
}

#[tokio::test]
async fn a_state_of_a_scim_server_that_is_wrong_changes_nothing() {
    let client = Client::scim().await;
    let before = client.get("/_sim/state").await.json();
    let user = |name: &str, value: Value| json!({"people": [{"id": "a", "userName": "b", name: value}]});
    for state in [
        json!([]),
        json!({"users": []}),
        json!({"people": {}}),
        json!({"people": [], "pageSize": 0}),
        json!({"people": [], "pageSize": "5"}),
        json!({"people": [], "patchStatus": 201}),
        json!({"people": [], "tokens": "x"}),
        json!({"people": [], "clients": [{"client_id": "x"}]}),
        json!({"people": [{"id": "a"}]}),
        json!({"people": [{"userName": "a"}]}),
        json!({"people": [{"id": "a", "userName": "b"}, {"id": "a", "userName": "c"}]}),
        user("active", json!("yes")),
        user("name", json!({"nope": "x"})),
    ] {
        let reply = client.control("PUT /_sim/state", state.clone()).await;
        assert_eq!(reply.status, 400, "{state}");
        assert!(reply.json()["error"].is_string());
    }
    assert_eq!(client.get("/_sim/state").await.json(), before);
}

#[tokio::test]
async fn a_fault_for_a_person_catches_the_calls_that_use_the_servers_id() {
    let client = Client::scim().await;
    for person in ["joe@company.com", "100200300", JOE] {
        client.faults(json!([{"method": "PATCH", "person": person, "status": 500}])).await;
        assert_eq!(
            client.scim_call(&format!("PATCH /Users/{JOE}"), &set_title()).await.status,
            500,
            "{person}"
        );
        assert_eq!(client.scim_call(&format!("PATCH /Users/{SARAH}"), &set_title()).await.status, 200);
    }
}
