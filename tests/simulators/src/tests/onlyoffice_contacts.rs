//! ONLYOFFICE's contacts: what a body binds to, what it wipes, and what storage makes of it (OO-02 to 09, 15).
//! Every row of the contract's table is here, because a client has to come out safe of each.

use serde_json::{Value, json};

use super::onlyoffice_portal::{JOE, Portal, contact, is_failure, owned, pairs, response};

/// A portal in which joe has two contacts, so that wiping shows.
async fn portal() -> Portal {
    Portal::with_contacts(json!([contact("skype", "joe"), contact("extmail", "j@x")])).await
}

/// Sends a body to a fresh portal; tells the status and what joe has then.
async fn put(body: Value) -> (u16, Vec<(String, String)>) {
    let portal = portal().await;
    let reply = portal.put_contacts(JOE, body).await;
    (reply.status, portal.contacts(JOE).await)
}

fn before() -> Vec<(String, String)> {
    owned(&[("skype", "joe"), ("extmail", "j@x")])
}

#[tokio::test]
async fn oo_02_a_put_contact_is_in_the_answer() {
    let portal = portal().await;
    let reply = portal.put_contacts(JOE, json!({"contacts": [contact("phone", "+420 1")]})).await;
    let body = reply.json();
    assert_eq!((reply.status, &body["count"], &body["status"]), (200, &json!(1), &json!(0)));
    assert_eq!(body["statusCode"], 200);
    assert_eq!(pairs(&body["response"]), owned(&[("phone", "+420 1")]));
    assert_eq!(body["response"]["id"], JOE);
}

#[tokio::test]
async fn oo_03_a_put_of_one_contact_replaces_all() {
    assert_eq!(put(json!({"contacts": [contact("phone", "1")]})).await, (200, owned(&[("phone", "1")])));
}

#[tokio::test]
async fn proper_items_replace_the_list_and_keep_their_order() {
    for many in [1, 2, 12] {
        let names: Vec<_> =
            (0..many).map(|place| (format!("t{}", many - place), format!("v{place}"))).collect();
        let items: Value = names.iter().map(|(kind, value)| contact(kind, value)).collect();
        assert_eq!(put(json!({ "contacts": items })).await, (200, names));
    }
}

#[tokio::test]
async fn a_single_object_is_one_item() {
    assert_eq!(put(json!({"contacts": contact("phone", "1")})).await, (200, owned(&[("phone", "1")])));
}

#[tokio::test]
async fn extra_members_are_ignored_and_a_type_may_come_twice() {
    let items = json!([{"type": "a", "value": "1", "other": "x"}, contact("a", "2")]);
    assert_eq!(put(json!({"contacts": items, "more": 1})).await, (200, owned(&[("a", "1"), ("a", "2")])));
}

#[tokio::test]
async fn numbers_and_booleans_are_stored_as_texts() {
    let items = json!([{"type": "a", "value": 12}, {"type": "b", "value": true}, {"Type": "c", "Value": -1}]);
    assert_eq!(
        put(json!({ "contacts": items })).await,
        (200, owned(&[("a", "12"), ("b", "true"), ("c", "-1")]))
    );
}

#[tokio::test]
async fn oo_05_a_raw_put_in_the_nested_form_wipes() {
    let nested = json!({"value": {"Type": "GTalk", "Value": "my@gmail.com"}});
    assert_eq!(put(json!({"contacts": [nested]})).await, (200, vec![]));
    assert_eq!(put(json!({"contacts": [nested, nested]})).await, (200, vec![]));
}

#[tokio::test]
async fn oo_06_a_raw_put_of_nothing_wipes() {
    for body in
        [json!({}), json!({"contacts": []}), json!({"contacts": null}), json!({"other": 1}), Value::Null]
    {
        assert_eq!(put(body.clone()).await, (200, vec![]), "{body}");
    }
}

#[tokio::test]
async fn oo_07_a_raw_put_with_a_capital_letter_wipes() {
    assert_eq!(put(json!({"Contacts": [contact("phone", "1")]})).await, (200, vec![]));
    assert_eq!(put(json!({"CONTACTS": [contact("phone", "1")]})).await, (200, vec![]));
}

#[tokio::test]
async fn items_in_upper_case_and_texts_for_items_wipe() {
    assert_eq!(put(json!({"contacts": [{"TYPE": "phone", "VALUE": "1"}]})).await, (200, vec![]));
    assert_eq!(put(json!({"contacts": ["phone", "mail"]})).await, (200, vec![]));
    assert_eq!(put(json!({"contacts": "phone"})).await, (200, vec![]));
    assert_eq!(put(json!({"contacts": [{}]})).await, (200, vec![]));
}

#[tokio::test]
async fn json_under_another_media_type_wipes() {
    for media_type in ["application/xml", "", "text/plain", "application/scim+json"] {
        let portal = portal().await;
        let body = json!({"contacts": [contact("phone", "1")]}).to_string();
        let reply = portal.call_raw("PUT", &format!("/{JOE}/contacts"), media_type, &body).await;
        assert_eq!((reply.status, portal.contacts(JOE).await), (200, vec![]), "{media_type}");
    }
}

#[tokio::test]
async fn a_media_type_may_have_parameters_and_a_form_is_bound() {
    let portal = portal().await;
    let body = json!({"contacts": [contact("phone", "1")]}).to_string();
    let path = format!("/{JOE}/contacts");
    portal.call_raw("PUT", &path, "Application/JSON; charset=utf-8", &body).await;
    assert_eq!(portal.contacts(JOE).await, owned(&[("phone", "1")]));
    let form = "contacts[0].Type=mail&contacts[0].Value=a%40b&contacts[1].type=x&contacts[1].value=1+2";
    portal.call_raw("PUT", &path, "application/x-www-form-urlencoded", form).await;
    assert_eq!(portal.contacts(JOE).await, owned(&[("mail", "a@b"), ("x", "1 2")]));
}

#[tokio::test]
async fn nothing_can_be_inserted_behind_a_hole() {
    for items in [json!([{}, contact("phone", "1")]), json!([contact("a", "1"), {}, contact("b", "2")])] {
        let portal = portal().await;
        is_failure(&portal.put_contacts(JOE, json!({ "contacts": items })).await, 500);
        assert_eq!(portal.contacts(JOE).await, before());
    }
    assert_eq!(put(json!({"contacts": [contact("a", "1"), {}]})).await, (200, owned(&[("a", "1")])));
}

#[tokio::test]
async fn both_spellings_in_one_item_are_joined_in_their_order() {
    for (body, kind) in [
        (r#"{"contacts":[{"type":"a","Type":"b","value":"1"}]}"#, "a,b"),
        (r#"{"contacts":[{"Type":"b","type":"a","value":"1"}]}"#, "b,a"),
    ] {
        let portal = portal().await;
        portal.call_raw("PUT", &format!("/{JOE}/contacts"), "application/json", body).await;
        assert_eq!(portal.contacts(JOE).await, owned(&[(kind, "1")]));
    }
}

#[tokio::test]
async fn oo_13_broken_json_is_a_400() {
    for body in ["{", "[]", "null", "\"text\"", "{\"contacts\":"] {
        let portal = portal().await;
        let reply = portal.call_raw("PUT", &format!("/{JOE}/contacts"), "application/json", body).await;
        is_failure(&reply, 400);
        assert_eq!(portal.contacts(JOE).await, before(), "{body}");
    }
}

#[tokio::test]
async fn oo_08_a_post_is_a_201_and_the_same_replacement() {
    let portal = portal().await;
    let body = json!({"contacts": [contact("phone", "1"), contact("mail", "2")]});
    let reply = portal.call("POST", &format!("/{JOE}/contacts"), body).await;
    assert_eq!((reply.status, &reply.json()["statusCode"]), (201, &json!(201)));
    assert_eq!(portal.contacts(JOE).await, owned(&[("phone", "1"), ("mail", "2")]));
    assert_eq!(portal.call("POST", &format!("/{JOE}/contacts"), json!({})).await.status, 201);
    assert_eq!(portal.contacts(JOE).await, vec![]);
}

/// Removes contacts of these types; tells the status and what is left.
async fn delete(contacts: Value, types: &[&str]) -> (u16, Vec<(String, String)>) {
    let portal = Portal::with_contacts(contacts).await;
    let items: Value = types.iter().map(|kind| contact(kind, "any")).collect();
    let reply = portal.call("DELETE", &format!("/{JOE}/contacts"), json!({ "contacts": items })).await;
    (reply.status, portal.contacts(JOE).await)
}

#[tokio::test]
async fn oo_09_a_delete_removes_the_first_of_a_type() {
    let contacts = json!([contact("skype", "1"), contact("mail", "2"), contact("skype", "3")]);
    let left = owned(&[("mail", "2"), ("skype", "3")]);
    assert_eq!(delete(contacts.clone(), &["skype"]).await, (200, left));
    assert_eq!(delete(contacts.clone(), &["skype", "skype"]).await, (200, owned(&[("mail", "2")])));
    assert_eq!(delete(contacts.clone(), &["Skype", "phone"]).await.1.len(), 3, "unknown types are ignored");
    assert_eq!(delete(contacts, &[]).await.1.len(), 3, "a delete of nothing wipes nothing");
}

#[tokio::test]
async fn a_delete_takes_a_value_for_a_type() {
    let contacts = json!([contact("note", "skype"), contact("phone", "1"), contact("skype", "2")]);
    let left = owned(&[("note", "1"), ("skype", "2")]);
    assert_eq!(delete(contacts, &["skype"]).await, (200, left), "the wrong pair is torn apart");
    let at_the_end = json!([contact("phone", "1"), contact("note", "skype")]);
    let (status, left) = delete(at_the_end, &["skype"]).await;
    assert_eq!((status, left.len()), (400, 2), "behind the last entry is nothing to remove");
}

#[tokio::test]
async fn oo_15_an_empty_value_shifts_everything_behind_it() {
    for skype in [
        json!({"type": "skype", "value": ""}),
        json!({"type": "skype", "value": null}),
        json!({"type": "skype"}),
    ] {
        let portal = portal().await;
        let reply = portal.put_contacts(JOE, json!({"contacts": [skype, contact("phone", "123")]})).await;
        let answered = pairs(&response(&reply));
        assert_eq!((reply.status, answered.len(), &answered[1]), (200, 2, &("phone".into(), "123".into())));
        assert_eq!(pairs(&portal.read(JOE).await), owned(&[("skype", "phone")]));
    }
}

#[tokio::test]
async fn oo_14_a_pipe_breaks_the_pairs() {
    let portal = portal().await;
    let reply =
        portal.put_contacts(JOE, json!({"contacts": [contact("phone", "1|2"), contact("skype", "s")]})).await;
    assert_eq!(pairs(&response(&reply)), owned(&[("phone", "1|2"), ("skype", "s")]));
    assert_eq!(pairs(&portal.read(JOE).await), owned(&[("phone", "1"), ("2", "skype")]));
}

#[tokio::test]
async fn without_the_pipe_contacts_stay_as_they_were_sent() {
    let portal = portal().await;
    portal.client.switch(json!({"pipe_storage": false})).await;
    let items = json!([
        contact("skype", ""),
        contact("phone", "1|2"),
        contact("x", &"y".repeat(2000)),
        contact("e", "\u{1f600}")
    ]);
    assert_eq!(portal.put_contacts(JOE, json!({ "contacts": items })).await.status, 200);
    assert_eq!(portal.read(JOE).await["contacts"], items);
}

#[tokio::test]
async fn contacts_have_1024_characters_with_their_separators() {
    let fitting = 1024 - "phone||".len();
    for letter in ["x", "\u{20ac}"] {
        let value = letter.repeat(fitting);
        assert_eq!(
            put(json!({"contacts": [contact("phone", &value)]})).await,
            (200, owned(&[("phone", &value)]))
        );
        let longer = letter.repeat(fitting + 1);
        assert_eq!(put(json!({"contacts": [contact("phone", &longer)]})).await, (500, before()));
    }
}

#[tokio::test]
async fn four_byte_characters_are_a_database_error() {
    let portal = portal().await;
    is_failure(&portal.put_contacts(JOE, json!({"contacts": [contact("phone", "\u{1f600}")]})).await, 500);
    assert_eq!(portal.contacts(JOE).await, before());
}

#[tokio::test]
async fn any_type_is_stored_as_it_was_sent() {
    let sent = [("GTalk", "a"), ("\u{e9}", "b"), ("extphone", "c")];
    let items: Value = sent.iter().map(|(kind, value)| contact(kind, value)).collect();
    assert_eq!(put(json!({ "contacts": items })).await, (200, owned(&sent)));
}

#[tokio::test]
async fn a_person_without_contacts_is_shown_without_the_member() {
    let portal = portal().await;
    assert!(portal.read(JOE).await.get("contacts").is_some());
    let reply = portal.put_contacts(JOE, json!({})).await;
    assert!(response(&reply).get("contacts").is_none());
    assert!(portal.read(JOE).await.get("contacts").is_none());
    assert_eq!(portal.stored(JOE).await["contacts"], json!([]));
}
