//! Aktion's log-in, tokens, media types, reading and the switches about calls (AK-01, 02, 05 to 08, 15, 16).
//! They are apart from the fields because none of them depends on what is sent about a person.

use serde_json::{Value, json};

use super::client::{Client, JOE, right_credentials, update_path};
use crate::aktion;

fn joe() -> Value {
    json!({"PersonId": JOE, "Name": "New"})
}

#[tokio::test]
async fn the_right_credentials_give_a_token_for_twenty_seconds() {
    let client = Client::aktion().await;
    let reply = client.post("/login", &right_credentials()).await;
    let body = reply.json();
    assert_eq!(reply.status, 200);
    assert!(uuid::Uuid::parse_str(body["Token"].as_str().unwrap()).is_ok());
    assert_eq!(body["ExpireInSec"], 20);
    assert!(
        reply.text.contains(r#""ExpireDate":"\/Date("#) && reply.text.contains(r#")\/""#),
        "{}",
        reply.text
    );
    assert_eq!(body.as_object().unwrap().len(), 3);
}

#[tokio::test]
async fn wrong_credentials_are_told_apart() {
    let client = Client::aktion().await;
    let log_in = async |body: Value| client.post("/login", &body).await;
    assert_eq!(log_in(json!({"UserLogin": "nobody", "ApiKey": aktion::API_KEY})).await.code(), (401, 1003));
    assert_eq!(log_in(json!({"UserLogin": aktion::USER_LOGIN, "ApiKey": "wrong"})).await.code(), (401, 1004));
    let missing = log_in(json!({"UserLogin": aktion::USER_LOGIN, "ApiKey": null})).await;
    assert_eq!(missing.code(), (400, 1002));
    assert!(missing.model_errors().contains("ApiKey") && !missing.model_errors().contains("UserLogin"));
    assert_eq!(missing.json()["Request"], Value::Null);
    assert_eq!(log_in(json!([])).await.code(), (400, 1002));
}

#[tokio::test]
async fn paths_have_no_case_and_may_have_a_base() {
    let client = Client::aktion().await;
    for path in ["/LOGIN", "/api/login", "/AktionNEXT/API/Login", "/aktionnext/api/login"] {
        assert_eq!(client.post(path, &right_credentials()).await.status, 200, "{path}");
    }
    for path in ["/loginx", "/other/login", "/person/create", "/apilogin", "/"] {
        let reply = client.post(path, &right_credentials()).await;
        assert_eq!(reply.status, 404, "{path}");
        assert!(reply.text.contains("<html>"));
    }
    assert_eq!(client.get("/login").await.status, 405);
}

#[tokio::test]
async fn a_disabled_method_answers_without_a_number() {
    let client = Client::aktion().await;
    let reply = client.post("/login/advAuth", &json!({})).await;
    assert_eq!((reply.status, &reply.json()["Result"]), (403, &Value::Null));
    client.switch(json!({"get_all": false})).await;
    let reply = client.get("/person/getAll").await;
    assert_eq!((reply.status, &reply.json()["Result"]), (403, &Value::Null));
}

#[tokio::test]
async fn an_expired_token_is_told_from_an_unknown_one() {
    let client = Client::aktion().await;
    let token = client.log_in().await;
    assert_eq!(client.post(&update_path(&token), &joe()).await.code(), (200, 0));
    client.switch(json!({"token_life_s": 0})).await;
    let expired = client.post(&update_path(&token), &joe()).await;
    assert_eq!((expired.code(), &expired.json()["Request"]), ((401, 1001), &Value::Null));
    let unknown = client.post(&update_path("01234567-89ab-cdef-0123-456789abcdef"), &joe()).await;
    assert_eq!(unknown.code(), (401, 1000));
    for no_guid in ["/person/update", "/person/update?Token=", "/person/update?Token=abc"] {
        let reply = client.post(no_guid, &joe()).await;
        assert_eq!(reply.code(), (400, 1002));
        assert!(reply.model_errors().contains("Token"));
    }
}

#[tokio::test]
async fn a_wrong_clock_changes_the_dates_shown_and_nothing_else() {
    let client = Client::aktion().await;
    let expires = async || {
        let date = client.post("/login", &right_credentials()).await.json()["ExpireDate"].clone();
        let text = date.as_str().unwrap().trim_start_matches("/Date(").trim_end_matches(")/").to_owned();
        text.parse::<i64>().unwrap()
    };
    let right = expires().await;
    client.switch(json!({"clock_offset_s": -3600})).await;
    assert!((right - expires().await - 3_600_000).abs() < 60_000);
    assert_eq!(client.update(joe()).await.code(), (200, 0));
}

#[tokio::test]
async fn many_tokens_live_at_once() {
    let client = Client::aktion().await;
    let (one, two) = (client.log_in().await, client.log_in().await);
    assert_ne!(one, two);
    assert_eq!(client.post(&update_path(&one), &joe()).await.status, 200);
    assert_eq!(client.post(&update_path(&two), &joe()).await.status, 202);
}

#[tokio::test]
async fn only_json_is_read() {
    let client = Client::aktion().await;
    let token = client.log_in().await;
    let path = update_path(&token);
    for media_type in ["text/plain", "application/xml", "text/json", ""] {
        let head = format!("POST {path} HTTP/1.1\r\ncontent-type: {media_type}");
        let reply = client.send(&head, &joe().to_string()).await.unwrap();
        assert_eq!((reply.status, &reply.json()["Result"]), (415, &Value::Null), "{media_type}");
    }
    let nowhere = "POST /person/update?Token=x HTTP/1.1\r\ncontent-type: text/plain";
    assert_eq!(client.send(nowhere, "{}").await.unwrap().status, 415, "the type is checked before the token");
    let parameters = format!("POST {path} HTTP/1.1\r\nContent-Type: Application/JSON;charset=UTF-8");
    assert_eq!(client.send(&parameters, &joe().to_string()).await.unwrap().code(), (200, 0));
}

#[tokio::test]
async fn a_body_that_is_no_object_is_a_failed_binding() {
    let client = Client::aktion().await;
    let path = update_path(&client.log_in().await);
    for body in ["", "{", "[]", "null", "\"text\""] {
        let head = format!("POST {path} HTTP/1.1\r\ncontent-type: application/json");
        let reply = client.send(&head, body).await.unwrap();
        assert_eq!((reply.code(), &reply.json()["Request"]), ((400, 1002), &Value::Null), "{body}");
    }
}

#[tokio::test]
async fn a_body_over_four_mebibytes_is_too_large() {
    let client = Client::aktion().await;
    let token = client.log_in().await;
    let reply = client.post(&update_path(&token), &json!({"PersonId": "x".repeat(4 * 1024 * 1024)})).await;
    assert_eq!(reply.status, 413);
    assert_eq!(client.calls().await[1]["status"], 413);
}

#[tokio::test]
async fn calls_over_the_rate_are_throttled_but_log_ins_are_not() {
    let client = Client::aktion().await;
    client.switch(json!({"rate_per_s": 2})).await;
    let token = client.log_in().await;
    let mut codes = Vec::new();
    for _ in 0..3 {
        client.log_in().await;
        codes.push(client.post(&update_path(&token), &joe()).await.code());
    }
    assert_eq!(codes, [(200, 0), (202, 0), (401, 1008)]);
    client.switch(json!({"rate_per_s": 0})).await;
    let head = "POST /person/update HTTP/1.1\r\ncontent-type: text/plain";
    assert_eq!(client.send(head, "").await.unwrap().code(), (401, 1008), "the rate is checked first");
    client.switch(json!({"rate_per_s": null})).await;
    assert_eq!(client.post(&update_path(&token), &joe()).await.code(), (202, 0));
}

#[tokio::test]
async fn a_blocked_address_may_log_in_and_nothing_else() {
    let client = Client::aktion().await;
    client.switch(json!({"blocked_ips": ["10.0.0.1", "127.0.0.1"]})).await;
    let reply = client.update(joe()).await;
    assert_eq!(reply.code(), (401, 1006));
    assert!(reply.text.contains("[127.0.0.1]"));
    client.switch(json!({"blocked_ips": ["10.0.0.1"]})).await;
    assert_eq!(client.update(joe()).await.code(), (200, 0));
}

#[tokio::test]
async fn errors_are_pages_where_the_web_server_takes_them_over() {
    let client = Client::aktion().await;
    client.switch(json!({"error_html": true})).await;
    let reply = client.update(json!({"PersonId": "nobody"})).await;
    assert_eq!(reply.status, 404);
    assert!(reply.text.contains("<html>") && reply.head.contains("text/html"));
    assert_eq!(client.update(joe()).await.code(), (200, 0), "successes stay as they are");
    client.switch(json!({"limit": 0})).await;
    assert!(client.post("/login", &right_credentials()).await.text.contains("401"));
}

#[tokio::test]
async fn a_server_error_twice_and_then_none() {
    let client = Client::aktion().await;
    let token = client.log_in().await;
    client
        .faults(json!([{"path": "/person/update", "status": 500, "body": "<html></html>", "times": 2}]))
        .await;
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(client.post(&update_path(&token), &joe()).await.status);
    }
    assert_eq!(statuses, [500, 500, 200]);
}

#[tokio::test]
async fn a_person_is_read_flat_and_without_the_pin() {
    let client = Client::aktion().await;
    let sent = json!({"PersonId": JOE, "PIN": "1234", "IdentifierCard1": "A1",
        "UdsCollection": [{"SystemName": "a2s3", "Value": "v"}]});
    assert_eq!(client.update(sent).await.status, 200);
    let token = client.log_in().await;
    let reply = client.get(&format!("/person/get?PersonId={JOE}&Token={token}")).await;
    let person = reply.json();
    assert_eq!(reply.status, 200);
    assert_eq!((&person["PersonId"], &person["Email"]), (&json!(JOE), &json!("joe@company.com")));
    assert_eq!(
        (&person["Lock"], &person["Sex"], &person["Identifiers"]),
        (&json!(0), &json!(0), &json!(["A1"]))
    );
    assert!(person.get("PIN").is_none() && person.get("Result").is_none());
    assert!(reply.text.contains(r#""TimeLastChange":"\/Date("#));
    let columns = person["UdsCollection"].as_array().unwrap();
    assert_eq!(columns.len(), 4);
    assert!(columns.contains(&json!({"SystemName": "a2s3", "Value": "v"})));
    assert!(columns.contains(&json!({"SystemName": "a2s1", "Value": null})));
    let unknown = client.get(&format!("/person/get?personid=nobody&token={token}")).await;
    assert_eq!(unknown.code(), (404, 1100));
    assert_eq!(client.get(&format!("/person/get?Token={token}")).await.code(), (400, 1002));
    assert_eq!(client.get(&format!("/person/get?PersonId={JOE}")).await.code(), (400, 1002));
}

#[tokio::test]
async fn all_people_are_read_at_once_or_in_pages() {
    let client = Client::aktion().await;
    let token = client.log_in().await;
    let get_all = async |query: &str| client.get(&format!("/person/getAll?Token={token}{query}")).await;
    let ids = |body: &Value| -> Vec<String> {
        let people = body["Persons"].as_array().unwrap();
        people.iter().map(|person| person["PersonId"].as_str().unwrap().to_owned()).collect()
    };
    let all = get_all("").await.json();
    assert_eq!(ids(&all).len(), 205);
    let paging = json!({"PageNumber": 1, "PageSize": 205, "TotalRecords": 205, "TotalPages": 1});
    assert_eq!(all["Paging"], paging);
    let mut paged = Vec::new();
    for number in 1..=5 {
        paged.extend(ids(&get_all(&format!("&PageNumber={number}&PageSize=50")).await.json()));
    }
    assert_eq!(paged, ids(&all));
    let beyond = get_all("&PageNumber=6&PageSize=50").await.json();
    let paging = json!({"PageNumber": 6, "PageSize": 50, "TotalRecords": 205, "TotalPages": 5});
    assert_eq!((&beyond["Persons"], &beyond["Paging"]), (&json!([]), &paging));
    for wrong in ["&PageNumber=0", "&PageNumber=x", "&PageNumber=1&PageSize=0", "&PageNumber=+1"] {
        assert_eq!(get_all(wrong).await.code(), (400, 1002), "{wrong}");
    }
    assert_eq!(client.get("/person/getAll").await.code(), (400, 1002));
}
