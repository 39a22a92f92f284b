//! ONLYOFFICE's log-in, tokens, envelope, failures and the switches about calls (OO-01, 10 to 13, 16).
//! They are apart from the writes because none of them depends on what is sent about a person.

use serde_json::{Value, json};

use super::client::Reply;
use super::onlyoffice_portal::{
    IMPORTER, JOE, NOBODY, Portal, SARAH, contact, is_failure, pairs, response, token_of,
};
use crate::onlyoffice;

const SYSTEM: &str = "A37EE56E-3302-4a7b-B67E-DDBEA64CD032";

fn phone() -> Value {
    json!({"contacts": [contact("phone", "1")]})
}

#[tokio::test]
async fn the_sample_people_are_there_and_the_importer_is_one_of_them() {
    let portal = Portal::start().await;
    let state = portal.client.get("/_sim/state").await.json();
    let people = state["people"].as_array().unwrap();
    assert_eq!(people.len(), 206);
    assert_eq!((&people[0]["id"], &people[0]["email"]), (&json!(JOE), &json!("joe@company.com")));
    assert_eq!((&people[0]["userName"], &people[0]["department"]), (&json!("joe"), &json!("IT")));
    assert_eq!(people[204]["id"], "00000000-0000-4000-8000-000000200199");
    assert!(people.iter().all(|person| person["contacts"][0]["type"] == "mail"));
    assert!(people.iter().all(|person| person.get("workFrom").is_none()), "nobody has a joinDate at first");
    assert!(people[..205].iter().all(|person| person["groups"].as_array().unwrap().len() == 1));
    assert_eq!(pairs(&people[0]).len(), 3);
    let names: Vec<_> =
        state["groups"].as_array().unwrap().iter().map(|group| group["name"].clone()).collect();
    assert_eq!(json!(names), json!(["IT", "Finance", "HR", "Sales"]));
    let importer = portal.stored(IMPORTER).await;
    assert_eq!((&importer["email"], &importer["isAdmin"]), (&json!(onlyoffice::USER_NAME), &json!(true)));
}

#[tokio::test]
async fn a_state_as_it_is_given_can_be_put() {
    let portal = Portal::start().await;
    portal.put_profile(JOE, json!({"birthday": "1990-05-01", "disable": true})).await;
    portal.put_contacts(SARAH, phone()).await;
    let state = portal.client.get("/_sim/state").await.json();
    assert_eq!(portal.client.control("PUT /_sim/state", state.clone()).await.json(), state);
    assert_eq!(portal.get("/@self").await.status, 200, "a token survives as long as its account");
    let other = json!({"people": [], "accounts": [{"userName": "a@b", "password": "p"}]});
    portal.client.control("PUT /_sim/state", other).await;
    assert_eq!(portal.get("").await.status, 401);
    assert_eq!(portal.log_in_as("A@B", "p").await.status, 201);
}

#[tokio::test]
async fn a_state_that_is_wrong_changes_nothing() {
    let portal = Portal::start().await;
    let wrong = [
        json!([]),
        json!({"persons": []}),
        json!({"people": {}}),
        json!({"people": [{"email": "no id"}]}),
        json!({"people": [{"id": "joe"}]}),
        json!({"people": [{"id": JOE}, {"id": JOE.replace('-', "")}]}),
        json!({"people": [{"id": JOE, "contacts": [{"type": "x"}]}]}),
        json!({"people": [{"id": JOE, "groups": ["x"]}]}),
        json!({"groups": [{"id": JOE}]}),
        json!({"accounts": [{"userName": "x"}]}),
    ];
    for state in wrong {
        let reply = portal.client.control("PUT /_sim/state", state.clone()).await;
        assert_eq!(reply.status, 400, "{state}");
    }
    assert_eq!(portal.client.get("/_sim/state").await.json()["people"].as_array().unwrap().len(), 206);
}

#[tokio::test]
async fn every_switch_has_its_default_and_its_type() {
    let portal = Portal::start().await;
    let defaults = json!({
        "latency_ms": 0, "limit": null, "mode": "workspace", "pipe_storage": true, "may_edit": true,
        "may_view_private": true, "two_factor": false, "brute_force_block": true, "rate_per_10s": null,
        "throttle_status": 503, "portal_state": "active", "sso": [], "suspended": [],
    });
    assert_eq!(portal.client.get("/_sim/switches").await.json(), defaults);
    for wrong in [
        json!({"mode": "docspace"}),
        json!({"throttle_status": 500}),
        json!({"portal_state": "gone"}),
        json!({"sso": "joe"}),
        json!({"suspended": [1]}),
        json!({"rate_per_10s": -1}),
        json!({"unknown": true}),
    ] {
        assert_eq!(portal.client.control("PUT /_sim/switches", wrong.clone()).await.status, 400, "{wrong}");
    }
}

#[tokio::test]
async fn oo_01_a_log_in_is_a_201_with_a_token() {
    let portal = Portal::start().await;
    let reply = portal.log_in(onlyoffice::PASSWORD).await;
    let body = reply.json();
    assert_eq!((reply.status, &body["statusCode"], &body["status"]), (201, &json!(201), &json!(0)));
    assert!(body["response"]["expires"].is_string() && body["response"]["token"].is_string());
    let upper = json!({"USERNAME": onlyoffice::USER_NAME.to_uppercase(), "Password": onlyoffice::PASSWORD});
    assert_eq!(portal.client.post("/API/2.0/Authentication.json", &upper).await.status, 201);
    let form = format!("userName={}&password={}", onlyoffice::USER_NAME, onlyoffice::PASSWORD);
    let head = "POST /api/2.0/authentication HTTP/1.1\r\ncontent-type: application/x-www-form-urlencoded";
    assert_eq!(portal.client.send(head, &form).await.unwrap().status, 201);
}

#[tokio::test]
async fn an_account_with_two_factors_gets_a_201_without_a_token() {
    let portal = Portal::start().await;
    portal.client.switch(json!({"two_factor": true})).await;
    let reply = portal.log_in(onlyoffice::PASSWORD).await;
    assert_eq!(
        (reply.status, &response(&reply)["token"], &response(&reply)["tfa"]),
        (201, &Value::Null, &json!(true))
    );
    is_failure(&portal.log_in("wrong").await, 500);
    portal.client.switch(json!({"two_factor": false})).await;
    token_of(&portal.log_in(onlyoffice::PASSWORD).await);
}

#[tokio::test]
async fn a_wrong_password_is_a_500_and_the_sixth_try_is_blocked() {
    let portal = Portal::start().await;
    for _ in 0..4 {
        let reply = portal.log_in("wrong").await;
        is_failure(&reply, 500);
        assert_eq!(reply.json()["error"]["message"], "User authentication failed");
    }
    token_of(&portal.log_in(onlyoffice::PASSWORD).await);
    for _ in 0..5 {
        assert_eq!(portal.log_in("wrong").await.json()["error"]["message"], "User authentication failed");
    }
    let reply = portal.log_in(onlyoffice::PASSWORD).await;
    is_failure(&reply, 500);
    assert!(reply.text.contains("Too many login attempts"));
    is_failure(&portal.log_in_as("other@company.com", "x").await, 500);
    assert!(
        !portal.log_in_as("other@company.com", "x").await.text.contains("Too many"),
        "others are not blocked"
    );
    portal.client.switch(json!({"brute_force_block": false})).await;
    token_of(&portal.log_in(onlyoffice::PASSWORD).await);
}

async fn with_authorization(portal: &Portal, value: &str) -> Reply {
    let head = format!("GET /api/2.0/people/@self HTTP/1.1\r\nauthorization: {value}");
    portal.client.send(&head, "").await.unwrap()
}

#[tokio::test]
async fn a_token_is_sent_bare_or_as_bearer_or_the_password_as_basic() {
    let portal = Portal::start().await;
    let token = &portal.token;
    // "importer@company.com:simulator-password-001"
    let basic = "aW1wb3J0ZXJAY29tcGFueS5jb206c2ltdWxhdG9yLXBhc3N3b3JkLTAwMQ==";
    for good in [
        token.clone(),
        format!("Bearer {token}"),
        format!("bearer {token}, more"),
        format!("Basic {basic}, x"),
    ] {
        assert_eq!(with_authorization(&portal, &good).await.status, 200, "{good}");
    }
    for bad in [
        format!("{token}, more"),
        "Basic eDp5".into(),
        "Basic ?".into(),
        format!("Token {token}"),
        format!("Bearer {}", onlyoffice::API_KEY),
        onlyoffice::API_KEY.into(),
    ] {
        assert_eq!(with_authorization(&portal, &bad).await.status, 401, "{bad}");
    }
}

#[tokio::test]
async fn oo_11_without_a_token_the_answer_is_a_plain_text() {
    let portal = Portal::start().await;
    let missing = portal.client.get(&format!("/api/2.0/people/{JOE}")).await;
    assert_eq!((missing.status, missing.text.as_str()), (401, "Unauthorized"));
    assert!(missing.head.contains("text/plain") && !missing.head.contains("www-authenticate"));
    let wrong = with_authorization(&portal, "wrong").await;
    assert_eq!((wrong.status, wrong.text.as_str()), (401, "Unauthorized"));
    assert!(wrong.head.contains("www-authenticate: basic realm=\"sim\""), "{}", wrong.head);
}

#[tokio::test]
async fn tokens_end_with_a_reset() {
    let portal = Portal::start().await;
    portal.client.control("DELETE /_sim", Value::Null).await;
    assert_eq!(portal.get("/@self").await.status, 401);
    token_of(&portal.log_in(onlyoffice::PASSWORD).await);
}

#[tokio::test]
async fn an_answer_has_the_envelope_in_its_order_with_slashes_escaped() {
    let portal = Portal::start().await;
    let reply = portal.get(&format!("/{JOE}")).await;
    assert!(
        reply.text.starts_with(r#"{"count":1,"status":0,"statusCode":200,"response":{"#),
        "{}",
        reply.text
    );
    assert!(reply.text.contains(r#""profileUrl":"\/products\/people\/"#) && !reply.text.contains("\"/"));
    let etag = |reply: &Reply| reply.head.lines().find(|line| line.starts_with("etag")).unwrap().to_owned();
    assert_ne!(etag(&reply), etag(&portal.get(&format!("/{JOE}")).await), "it is random");
    assert!(reply.head.contains("max-age=0"));
}

#[tokio::test]
async fn a_profile_has_what_is_always_there_and_not_what_is_empty() {
    let portal = Portal::start().await;
    let sarah = portal.read(SARAH).await;
    for always in [
        "id",
        "userName",
        "isVisitor",
        "firstName",
        "lastName",
        "email",
        "status",
        "activationStatus",
        "terminated",
        "displayName",
        "avatarMedium",
        "avatar",
        "avatarSmall",
        "isAdmin",
        "isLDAP",
        "isOwner",
        "isSSO",
        "quotaLimit",
        "usedSpace",
        "docsSpace",
        "mailSpace",
        "talkSpace",
        "profileUrl",
    ] {
        assert!(sarah.get(always).is_some(), "{always}");
    }
    for empty in
        ["birthday", "sex", "workFrom", "location", "notes", "lead", "title", "cultureName", "mobilePhone"]
    {
        assert!(sarah.get(empty).is_none(), "{empty}");
    }
    assert_eq!((&sarah["displayName"], &sarah["terminated"]), (&json!("Sarah McAllister"), &Value::Null));
    assert_eq!((&sarah["department"], &sarah["groups"][0]["name"]), (&json!("Sales"), &json!("Sales")));
}

#[tokio::test]
async fn oo_10_an_unknown_guid_is_a_404_in_the_envelope() {
    let portal = Portal::start().await;
    for (method, path) in [
        ("GET", format!("/{NOBODY}")),
        ("PUT", format!("/{NOBODY}")),
        ("PUT", format!("/{NOBODY}/contacts")),
        ("DELETE", format!("/{NOBODY}/contacts")),
    ] {
        is_failure(&portal.call(method, &path, json!({})).await, 404);
    }
    is_failure(&portal.put_contacts("nobody", phone()).await, 404);
    is_failure(&portal.put_profile("joe", json!({"firstname": "x"})).await, 500);
    assert_eq!(
        portal.put_contacts("JOE", phone()).await.status,
        200,
        "contacts take a user name, in any case"
    );
}

#[tokio::test]
async fn an_unknown_call_is_a_404_without_an_envelope() {
    let portal = Portal::start().await;
    for (method, path) in [("PATCH", ""), ("GET", "/a/b"), ("DELETE", "/joe"), ("POST", ""), ("GET", "x")] {
        let reply = portal.call(method, path, Value::Null).await;
        assert!(reply.status == 404 && reply.text.contains("<html>"), "{method} {path}");
    }
    assert_eq!(portal.client.get("/people").await.status, 404);
}

#[tokio::test]
async fn oo_12_a_caller_without_the_right_gets_a_500_after_a_404() {
    let portal = Portal::start().await;
    portal.client.switch(json!({"may_edit": false})).await;
    let before = portal.stored(JOE).await;
    is_failure(&portal.put_contacts(JOE, phone()).await, 500);
    is_failure(&portal.put_profile(JOE, json!({"firstname": "x"})).await, 500);
    is_failure(&portal.put_contacts(NOBODY, phone()).await, 404);
    is_failure(&portal.put_contacts(SYSTEM, phone()).await, 403);
    assert_eq!(portal.stored(JOE).await, before);
    portal.client.switch(json!({"may_edit": true})).await;
    is_failure(&portal.put_contacts(SYSTEM, phone()).await, 403);
    assert_eq!(portal.put_contacts(JOE, phone()).await.status, 200);
}

#[tokio::test]
async fn who_is_no_admin_may_edit_nobody_else() {
    let mut portal = Portal::start().await;
    let mut state = portal.client.get("/_sim/state").await.json();
    state["accounts"] = json!([{"userName": "joe@company.com", "password": "p"}]);
    portal.client.control("PUT /_sim/state", state).await;
    portal.token = token_of(&portal.log_in_as("joe@company.com", "p").await);
    is_failure(&portal.put_contacts(SARAH, phone()).await, 500);
    assert_eq!(portal.put_contacts(JOE, phone()).await.status, 200);
    assert_eq!(response(&portal.get("/@self").await)["id"], JOE);
}

#[tokio::test]
async fn private_data_is_hidden_from_a_caller_without_the_right() {
    let portal = Portal::start().await;
    portal.client.switch(json!({"may_view_private": false})).await;
    let reply = portal.get("/email?email=joe@company.com").await;
    let joe = response(&reply);
    assert_eq!((&joe["id"], &joe["email"]), (&json!(JOE), &Value::Null));
    assert!(joe.get("contacts").is_none() && joe.get("title").is_some());
    let answer = response(&portal.put_contacts(JOE, phone()).await);
    assert!(answer.get("contacts").is_none());
    assert_eq!(portal.contacts(JOE).await.len(), 1);
    assert_eq!(response(&portal.get("/@self").await)["email"], onlyoffice::USER_NAME);
}

#[tokio::test]
async fn a_suspended_person_is_not_changed() {
    let portal = Portal::start().await;
    for named in ["joe@company.com", "JOE", JOE] {
        portal.client.switch(json!({ "suspended": [named] })).await;
        assert_eq!(portal.read(JOE).await["status"], 2);
        is_failure(&portal.put_contacts(JOE, phone()).await, 500);
        is_failure(&portal.put_profile(JOE, json!({"firstname": "x"})).await, 500);
        assert_eq!(portal.contacts(JOE).await.len(), 3);
    }
    portal.client.switch(json!({"suspended": []})).await;
    assert_eq!(portal.read(JOE).await["status"], 1);
}

#[tokio::test]
async fn an_unpaid_portal_lets_in_and_does_nothing() {
    let portal = Portal::start().await;
    portal.client.switch(json!({"portal_state": "unpaid"})).await;
    assert_eq!(portal.log_in(onlyoffice::PASSWORD).await.status, 201);
    assert_eq!(portal.get("/@self").await.status, 402);
    assert_eq!(portal.put_contacts(JOE, phone()).await.status, 402);
    assert_eq!(portal.contacts(JOE).await.len(), 3);
}

#[tokio::test]
async fn a_portal_that_is_restored_answers_503_without_a_body() {
    let portal = Portal::start().await;
    portal.client.switch(json!({"portal_state": "restoring"})).await;
    for reply in [portal.log_in(onlyoffice::PASSWORD).await, portal.get("/@self").await] {
        assert_eq!((reply.status, reply.text.as_str()), (503, ""));
        assert!(!reply.head.contains("retry-after"));
    }
}

#[tokio::test]
async fn calls_over_the_rate_are_throttled_with_the_time_to_wait() {
    let portal = Portal::start().await;
    portal.client.switch(json!({"rate_per_10s": 2})).await;
    assert_eq!((portal.get("/@self").await.status, portal.get("/@self").await.status), (200, 200));
    let over = portal.put_contacts(JOE, phone()).await;
    assert_eq!((over.status, portal.contacts(JOE).await.len()), (503, 3));
    assert!(over.head.contains("retry-after: "), "{}", over.head);
    assert_eq!(portal.log_in(onlyoffice::PASSWORD).await.status, 201, "log-ins do not count");
    portal.client.switch(json!({"throttle_status": 429})).await;
    let over = portal.get("/@self").await;
    assert!(over.status == 429 && over.head.contains("retry-after: "), "{}", over.head);
}

#[tokio::test]
async fn calls_over_the_limit_are_throttled() {
    let portal = Portal::start().await;
    portal.client.switch(json!({"limit": 0})).await;
    let over = portal.log_in(onlyoffice::PASSWORD).await;
    assert!(over.status == 503 && over.head.contains("retry-after: 1"), "{}", over.head);
    portal.client.switch(json!({"limit": 0, "throttle_status": 429})).await;
    assert_eq!(portal.get("/@self").await.status, 429);
    portal.client.switch(json!({"limit": 1})).await;
    assert_eq!(portal.get("/@self").await.status, 200);
}

#[tokio::test]
async fn oo_16_a_fault_gives_a_503_with_the_time_to_wait_and_then_the_target_answers() {
    let portal = Portal::start().await;
    let fault = json!([{"path": "/people", "person": JOE, "times": 1, "status": 503, "headers": {"Retry-After": "3"}}]);
    portal.client.faults(fault).await;
    assert_eq!(portal.get("/@self").await.status, 200);
    let reply = portal.put_contacts(JOE, phone()).await;
    assert!(reply.status == 503 && reply.head.contains("retry-after: 3"));
    assert_eq!(portal.put_contacts(JOE, phone()).await.status, 200);
}
