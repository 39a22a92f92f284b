//! DocSpace, before and after it lost its contacts call: where it differs from Workspace.
//! A client that knows one of them only is found out here.

use serde_json::{Value, json};

use super::client::Reply;
use super::onlyoffice_portal::{
    GUEST, IMPORTER, JOE, NOBODY, Portal, SARAH, contact, is_failure, owned, response, token_of,
};
use crate::onlyoffice;

async fn docspace(mode: &str) -> Portal {
    let mut portal = Portal::start().await;
    portal.client.switch(json!({ "mode": mode })).await;
    portal.token = format!("Bearer {}", onlyoffice::API_KEY);
    portal
}

async fn with_authorization(portal: &Portal, value: &str) -> Reply {
    let head = format!("GET /api/2.0/people/@self HTTP/1.1\r\nauthorization: {value}");
    portal.client.send(&head, "").await.unwrap()
}

#[tokio::test]
async fn an_api_key_is_a_bearer() {
    let portal = docspace("docspace_new").await;
    assert_eq!(response(&portal.get("/@self").await)["id"], IMPORTER);
    for bad in ["Bearer wrong", onlyoffice::API_KEY] {
        assert_eq!(with_authorization(&portal, bad).await.status, 401, "{bad}");
    }
    let token = token_of(&portal.log_in(onlyoffice::PASSWORD).await);
    assert_eq!(with_authorization(&portal, &format!("Bearer {token}")).await.status, 200);
}

#[tokio::test]
async fn a_wrong_password_is_a_401_and_then_blocked_with_one() {
    let portal = docspace("docspace_old").await;
    for _ in 0..5 {
        is_failure(&portal.log_in("wrong").await, 401);
    }
    let blocked = portal.log_in(onlyoffice::PASSWORD).await;
    is_failure(&blocked, 401);
    assert!(blocked.text.contains("Too many"));
}

#[tokio::test]
async fn the_envelope_has_links_and_an_error_has_a_type() {
    let portal = docspace("docspace_old").await;
    let body = portal.get(&format!("/{JOE}")).await.json();
    assert_eq!(body["links"], json!([{"href": format!("/api/2.0/people/{JOE}"), "action": "GET"}]));
    assert_eq!((&body["status"], &body["statusCode"]), (&json!(0), &json!(200)));
    let unknown = portal.get(&format!("/{NOBODY}")).await;
    is_failure(&unknown, 404);
    assert!(unknown.json()["error"]["type"].is_string() && unknown.json()["error"]["stack"].is_string());
}

#[tokio::test]
async fn a_new_docspace_has_no_contacts_call() {
    let portal = docspace("docspace_new").await;
    for method in ["PUT", "POST", "DELETE"] {
        let reply = portal.call(method, &format!("/{JOE}/contacts"), json!({"contacts": []})).await;
        assert_eq!((reply.status, reply.text.as_str()), (404, ""), "unlike the 404 of an unknown person");
    }
    assert_eq!(portal.contacts(JOE).await.len(), 3);
}

#[tokio::test]
async fn an_old_docspace_leaves_contacts_that_are_null_and_clears_an_empty_list() {
    let portal = docspace("docspace_old").await;
    for body in [json!({}), json!({"contacts": null})] {
        assert_eq!(portal.put_contacts(JOE, body).await.status, 200);
        assert_eq!(portal.contacts(JOE).await.len(), 3);
    }
    let items =
        json!([{"TYPE": "phone", "Value": "1"}, contact("skype", ""), {"type": "x"}, contact("mail", "2")]);
    let reply = portal.put_contacts(JOE, json!({ "CONTACTS": items })).await;
    assert_eq!(response(&reply)["contacts"], json!([contact("phone", "1"), contact("mail", "2")]));
    assert_eq!(portal.contacts(JOE).await, owned(&[("phone", "1"), ("mail", "2")]));
    portal.put_contacts(JOE, json!({"contacts": []})).await;
    assert_eq!(portal.contacts(JOE).await, vec![]);
}

#[tokio::test]
async fn what_is_not_valid_is_a_400_or_a_415_and_wipes_nothing() {
    let portal = docspace("docspace_old").await;
    let nested = json!({"contacts": [{"value": {"Type": "GTalk", "Value": "x"}}]});
    for body in
        [nested, json!({"contacts": {}}), json!({"contacts": ["x"]}), json!({"contacts": "x"}), Value::Null]
    {
        is_failure(&portal.put_contacts(JOE, body.clone()).await, 400);
    }
    for media_type in ["", "application/xml", "application/x-www-form-urlencoded"] {
        let reply = portal.call_raw("PUT", &format!("/{JOE}/contacts"), media_type, "{}").await;
        is_failure(&reply, 415);
    }
    assert_eq!(portal.contacts(JOE).await.len(), 3);
}

#[tokio::test]
async fn a_missing_right_is_a_403() {
    let portal = docspace("docspace_old").await;
    portal.client.switch(json!({"may_edit": false})).await;
    is_failure(&portal.put_contacts(JOE, json!({"contacts": []})).await, 403);
    is_failure(&portal.put_contacts(NOBODY, json!({"contacts": []})).await, 404);
    assert_eq!(portal.contacts(JOE).await.len(), 3);
}

#[tokio::test]
async fn the_owner_is_edited_by_nobody_else() {
    let portal = docspace("docspace_old").await;
    portal
        .put_people(json!([
            {"id": IMPORTER, "email": onlyoffice::USER_NAME, "isAdmin": true},
            {"id": JOE, "firstName": "J", "lastName": "M", "isOwner": true},
        ]))
        .await;
    is_failure(&portal.put_contacts(JOE, json!({"contacts": []})).await, 403);
    portal.client.switch(json!({"mode": "workspace"})).await;
    let portal = Portal { token: token_of(&portal.log_in(onlyoffice::PASSWORD).await), ..portal };
    assert_eq!(portal.put_contacts(JOE, json!({"contacts": []})).await.status, 200);
}

#[tokio::test]
async fn a_profile_of_somebody_else_is_a_200_that_ignores_nearly_everything() {
    for mode in ["docspace_old", "docspace_new"] {
        let portal = docspace(mode).await;
        let before = portal.stored(SARAH).await;
        let sent = json!({"firstname": "New", "comment": "x", "title": "y", "contacts": [], "lead": JOE});
        assert_eq!(portal.put_profile(SARAH, sent).await.status, 200);
        assert_eq!(portal.stored(SARAH).await, before);
        portal.put_profile(GUEST, json!({"firstname": "New", "isUser": false})).await;
        assert_eq!(portal.stored(GUEST).await["isVisitor"], false);
        portal.put_profile("sarah", json!({"disable": true})).await;
        assert_eq!(portal.stored(SARAH).await["status"], 2, "an id may be a user name here");
    }
}

#[tokio::test]
async fn a_profile_of_ones_own_has_names_comment_and_contacts() {
    let portal = docspace("docspace_new").await;
    let before = portal.stored(IMPORTER).await;
    portal.put_profile(IMPORTER, json!({"firstname": "New", "comment": "x", "title": "y"})).await;
    let after = portal.stored(IMPORTER).await;
    assert_eq!(
        (&after["firstName"], &after["notes"], &after["title"]),
        (&json!("New"), &json!("x"), &before["title"])
    );
    assert_eq!(after["contacts"], before["contacts"]);
    portal.put_profile(IMPORTER, json!({"contacts": [contact("phone", "1")]})).await;
    assert_eq!(portal.contacts(IMPORTER).await, owned(&[("phone", "1")]));
}

#[tokio::test]
async fn over_the_rate_or_the_limit_is_a_429_that_says_when_it_ends() {
    let portal = docspace("docspace_old").await;
    portal.client.switch(json!({"rate_per_10s": 1})).await;
    assert_eq!(portal.get("/@self").await.status, 200);
    let over = portal.get("/@self").await;
    assert_eq!(over.status, 429);
    assert!(over.head.contains("x-ratelimit-limit: 1") && over.head.contains("x-ratelimit-remaining: 0"));
    assert!(over.head.contains("x-ratelimit-reset: ") && !over.head.contains("retry-after"));
    portal.client.switch(json!({"rate_per_10s": null, "limit": 0})).await;
    assert_eq!(portal.get("/@self").await.status, 429);
}
