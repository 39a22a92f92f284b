//! ONLYOFFICE's profile call: what it changes, and everything it resets because it was not sent.
//! The resets are each a test, so that what a client must resend is written down.

use serde_json::{Value, json};

use super::onlyoffice_portal::{
    CIO, GUEST, IMPORTER, JOE, Portal, SARAH, contact, is_failure, owned, response,
};

/// What has to be resent for joe so that nothing is reset.
fn resent(mut body: Value) -> Value {
    body["isVisitor"] = json!(false);
    body["lead"] = json!(CIO);
    body["contacts"] = json!([
        contact("mail", "joe@company.com"),
        contact("skype", "joe.miller"),
        contact("extmail", "joe.miller@directory.company.com"),
    ]);
    body
}

/// Changes joe and tells which stored members differ, with their new values; null is none.
async fn changes(portal: &Portal, body: Value) -> Value {
    let before = portal.stored(JOE).await;
    let reply = portal.put_profile(JOE, body).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let after = portal.stored(JOE).await;
    let names = before.as_object().unwrap().keys().chain(after.as_object().unwrap().keys());
    let differing = names.filter(|name| before[name.as_str()] != after[name.as_str()]);
    Value::Object(differing.map(|name| (name.clone(), after[name.as_str()].clone())).collect())
}

#[tokio::test]
async fn with_everything_resent_only_what_was_named_changes() {
    let portal = Portal::start().await;
    assert_eq!(changes(&portal, resent(json!({}))).await, json!({}));
    assert_eq!(changes(&portal, resent(json!({"title": "Chief"}))).await, json!({"title": "Chief"}));
    assert_eq!(
        changes(&portal, resent(json!({"comment": "x", "location": null}))).await,
        json!({"notes": "x"})
    );
}

#[tokio::test]
async fn contacts_and_lead_that_are_absent_are_gone() {
    let portal = Portal::start().await;
    assert_eq!(
        changes(&portal, json!({"title": "Chief"})).await,
        json!({"title": "Chief", "contacts": [], "lead": null})
    );
    assert!(portal.read(JOE).await.get("lead").is_none());
}

#[tokio::test]
async fn a_guest_becomes_a_full_user_when_it_is_not_resent() {
    let portal = Portal::start().await;
    portal.put_profile(GUEST, json!({"isVisitor": true, "title": "x"})).await;
    assert_eq!(portal.stored(GUEST).await["isVisitor"], true);
    portal.put_profile(GUEST, json!({"title": "y"})).await;
    assert_eq!(portal.stored(GUEST).await["isVisitor"], false);
    portal.put_profile(GUEST, json!({"isvisitor": true})).await;
    assert_eq!(portal.stored(GUEST).await["isVisitor"], true);
    portal.put_profile(IMPORTER, json!({"isVisitor": true})).await;
    assert_eq!(portal.stored(IMPORTER).await["isVisitor"], false, "an admin is no guest");
}

#[tokio::test]
async fn an_empty_text_overwrites_but_names_stay_valid() {
    let portal = Portal::start().await;
    let cleared = changes(&portal, resent(json!({"title": "", "location": "", "comment": ""}))).await;
    assert_eq!(cleared, json!({"title": "", "location": "", "notes": ""}));
    assert!(portal.read(JOE).await.get("title").is_none());
    for name in ["firstname", "lastname"] {
        is_failure(&portal.put_profile(JOE, resent(json!({ name: "" }))).await, 500);
    }
    let renamed = changes(&portal, resent(json!({"firstname": "J", "lastName": "M"}))).await;
    assert_eq!(renamed, json!({"firstName": "J", "lastName": "M"}), "single parameters have no case");
}

#[tokio::test]
async fn sex_is_one_of_two_and_anything_else_leaves_it() {
    let portal = Portal::start().await;
    assert_eq!(changes(&portal, resent(json!({"sex": "other"}))).await, json!({}));
    assert_eq!(changes(&portal, resent(json!({"sex": "Female"}))).await, json!({"sex": "female"}));
}

#[tokio::test]
async fn dates_are_kept_with_seven_decimals_and_1900_clears() {
    let portal = Portal::start().await;
    let set =
        changes(&portal, resent(json!({"birthday": "1990-05-01", "worksfrom": "2020-02-29T10:00:00+02:00"})))
            .await;
    assert_eq!(
        set,
        json!({"birthday": "1990-05-01T00:00:00.0000000Z", "workFrom": "2020-02-29T08:00:00.0000000Z"})
    );
    assert_eq!(changes(&portal, resent(json!({}))).await, json!({}), "absent is unchanged");
    let cleared =
        changes(&portal, resent(json!({"birthday": "1900-01-01", "worksfrom": "1900-01-01T00:00:00"}))).await;
    assert_eq!(cleared, json!({"birthday": null, "workFrom": null}));
    assert!(portal.read(JOE).await.get("birthday").is_none());
    is_failure(&portal.put_profile(JOE, resent(json!({"birthday": "soon"}))).await, 400);
}

#[tokio::test]
async fn a_department_replaces_all_groups_and_unknown_ones_are_ignored() {
    let portal = Portal::start().await;
    let group = |number: usize| format!("00000000-0000-4000-9000-{number:012}");
    let unknown = "00000000-0000-4000-9000-000000000099";
    portal.put_profile(JOE, resent(json!({"department": [group(2), unknown, group(4)]}))).await;
    assert_eq!(portal.stored(JOE).await["department"], "Finance, Sales");
    portal.put_profile(JOE, resent(json!({}))).await;
    portal.put_profile(JOE, resent(json!({"Department": [group(1)]}))).await;
    assert_eq!(portal.stored(JOE).await["department"], "Finance, Sales");
    portal.put_profile(JOE, resent(json!({"department": []}))).await;
    assert_eq!(portal.stored(JOE).await["groups"], json!([]));
    assert!(portal.read(JOE).await.get("groups").is_none());
}

#[tokio::test]
async fn names_location_and_title_of_a_directory_user_stay() {
    let portal = Portal::start().await;
    portal.client.switch(json!({"sso": ["joe"]})).await;
    assert_eq!(portal.read(JOE).await["isSSO"], true);
    let sent =
        resent(json!({"firstname": "a", "lastname": "b", "location": "c", "title": "d", "comment": "e"}));
    assert_eq!(changes(&portal, sent.clone()).await, json!({"notes": "e"}));
    portal.client.switch(json!({"sso": []})).await;
    assert_eq!(changes(&portal, sent).await.as_object().unwrap().len(), 4);
    portal.put_people(json!([{"id": JOE, "firstName": "J", "lastName": "M", "isLDAP": true}])).await;
    assert_eq!(changes(&portal, json!({"title": "x"})).await, json!({}));
}

#[tokio::test]
async fn a_person_is_disabled_and_the_owner_is_not() {
    let portal = Portal::start().await;
    let disabled = changes(&portal, resent(json!({"disable": true}))).await;
    assert_eq!(disabled["status"], 2);
    assert!(disabled["terminated"].is_string());
    is_failure(&portal.put_profile(JOE, resent(json!({"disable": false}))).await, 500);
    is_failure(&portal.put_profile(IMPORTER, json!({"disable": true})).await, 403);
    assert_eq!(portal.stored(IMPORTER).await["status"], 1);
}

#[tokio::test]
async fn columns_have_their_lengths_and_no_four_byte_characters() {
    let portal = Portal::start().await;
    for (name, length) in
        [("firstname", 64), ("lastname", 64), ("title", 64), ("location", 255), ("comment", 512)]
    {
        let reply = portal.put_profile(JOE, resent(json!({ name: "x".repeat(length) }))).await;
        assert_eq!(reply.status, 200, "{name}");
        let before = portal.stored(JOE).await;
        is_failure(&portal.put_profile(JOE, resent(json!({ name: "x".repeat(length + 1) }))).await, 500);
        is_failure(&portal.put_profile(JOE, resent(json!({ name: "\u{1f600}" }))).await, 500);
        assert_eq!(portal.stored(JOE).await, before, "{name}");
    }
}

#[tokio::test]
async fn contacts_in_a_profile_are_bound_like_those_of_their_own_call() {
    let portal = Portal::start().await;
    let reply = portal
        .put_profile(SARAH, json!({"contacts": [contact("phone", "1|2"), contact("skype", "s")]}))
        .await;
    assert_eq!(response(&reply)["contacts"][0], contact("phone", "1|2"));
    assert_eq!(portal.contacts(SARAH).await, owned(&[("phone", "1"), ("2", "skype")]));
    is_failure(&portal.put_profile(SARAH, json!({"contacts": [{}, contact("phone", "1")]})).await, 500);
    portal.put_profile(SARAH, json!({"contacts": [{"value": {"Type": "a", "Value": "b"}}]})).await;
    assert_eq!(portal.contacts(SARAH).await, vec![]);
}
