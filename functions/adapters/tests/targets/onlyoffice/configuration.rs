//! What is wrong with the entry of a portal is told all at once, and where.

use serde_json::{Value, json};
use simulators::onlyoffice;

use super::stage::{Stage, check_with, deferred, many, password};

fn check(members: Value) -> Vec<String> {
    check_with(members, &password("x"))
}

#[test]
fn an_entry_may_name_its_product() {
    assert_eq!(check(json!({})), [""; 0]);
    assert_eq!(check(json!({"product": "docspace"})), [""; 0]);
    assert_eq!(check(json!({"product": "workspace"})), [""; 0]);
    let faults = check(json!({"product": "groups"}));
    assert_eq!(faults, ["/targets/0: unknown variant `groups`, expected `workspace` or `docspace`"]);
}

#[test]
fn people_are_identified_by_their_email_alone() {
    for wrong in [
        json!({}),
        json!({"userPrincipalName": "userName"}),
        json!({"userPrincipalName": "email", "employeeId": "id"}),
    ] {
        assert_eq!(check(json!({ "identifiers": wrong })).len(), 1, "{wrong}");
    }
}

#[test]
fn every_fault_of_a_mapping_is_told_with_its_place() {
    for (field, to, fault) in [
        ("phone", "contacts.Phone", "ONLYOFFICE has no contact type 'Phone'; all of them are in lower case"),
        ("phone", "contacts.fax", "ONLYOFFICE has no contact type 'fax'; all of them are in lower case"),
        ("phone", "contacts.extphone", "contacts.extphone is filled from LDAP and is never written"),
        ("phone", "contacts", "contacts is never written"),
        ("phone", "isVisitor", "isVisitor is never written"),
        ("phone", "department", "department is never written"),
        ("phone", "lead", "lead is never written"),
        ("phone", "disable", "disable is never written"),
        ("mail", "email", "email is an identifier and is never written"),
        ("firstName", "firstName", "ONLYOFFICE has no property 'firstName'"),
        ("birthDate", "contacts.phone", "a Date does not fit contacts.phone"),
        ("birthDate", "sex", "a Date does not fit sex"),
        ("other", "birthday", "birthday takes a Date, without any other step"),
        ("skills", "title", "a list does not fit title: \"first\" or \"join\" makes one text of it"),
    ] {
        let faults = check(json!({"fields": { field: to }}));
        assert_eq!(faults, [format!("/targets/0/fields/{field}: {fault}")]);
    }
    assert_eq!(check(json!({"fields": {"birthDate": "title"}})), [""; 0]);
}

#[test]
fn texts_that_the_configuration_brings_in_are_checked_too() {
    for (wanted, fault) in [
        (json!({"to": "contacts.phone", "constant": "1|2"}), "contacts.phone cannot have a |"),
        (json!({"to": "title", "constant": "x".repeat(65)}), "title has at most 64 characters"),
        (json!({"to": "sex", "values": {"M": "male", "F": "Female"}}), "sex is male or female"),
    ] {
        let faults = check(json!({"fields": {"other": wanted}}));
        assert_eq!(faults, [format!("/targets/0/fields/other: {fault}")]);
    }
    let values = json!({"to": "sex", "values": {"M": "male", "F": "female"}});
    assert_eq!(check(json!({"fields": {"other": values}})), [""; 0]);
}

#[test]
fn credentials_are_a_password_or_a_key() {
    let fault = "/targets/0/credentials: the credentials 'portal' are not {\"userName\": \"…\", \"password\": \"…\"}, or for DocSpace {\"apiKey\": \"…\"}";
    for wrong in [
        json!({}),
        json!({"userName": "x"}),
        json!({"userName": "x", "password": 1}),
        json!({"apiKey": "x", "other": "y"}),
    ] {
        assert_eq!(check_with(json!({"product": "docspace"}), &wrong), [fault], "{wrong}");
    }
    assert_eq!(check_with(json!({"product": "docspace"}), &json!({"apiKey": "x"})), [""; 0]);
}

#[tokio::test]
async fn workspace_takes_no_api_key() {
    let stage = Stage::with(json!({}), &json!({"apiKey": onlyoffice::API_KEY})).await;
    for outcome in stage.deliver(&many(3)).await {
        assert_eq!(outcome.ending, deferred("portal takes no API key: that is DocSpace's"));
    }
    assert!(stage.calls().await.is_empty());
}
