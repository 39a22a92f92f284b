//! What of an entry is found to be wrong when the configuration is loaded.

use std::sync::Arc;

use people_adapters::secrets::SecretStore;
use people_core::memory::{ManualClock, MemoryLeases};
use people_core::ports::Clock;
use people_core::time::Timestamp;
use serde_json::{Value, json};

use super::stage::{ENTERPRISE, OWN, connected, entry, secrets, static_token};

fn faults(members: Value, secrets: SecretStore) -> Vec<String> {
    let mut entry = entry();
    entry.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(Timestamp::from_millis(0)));
    let leases = Arc::new(MemoryLeases::new(Arc::clone(&clock)));
    let connected = connected(&json!([entry]), "http://127.0.0.1:1", (clock, leases), secrets);
    connected.err().map(|invalid| invalid.0).unwrap_or_default()
}

fn fault(members: Value) -> String {
    faults(members, SecretStore::fixed(static_token())).join("\n")
}

/// What is wrong with a field that goes there.
fn field(field: &str, to: &str) -> String {
    let fault = fault(json!({"fields": { field: to }}));
    fault.strip_prefix(&format!("/targets/0/fields/{field}: ")).unwrap_or(&fault).to_owned()
}

#[test]
fn every_property_that_may_be_mapped_is_taken() {
    for path in [
        "name.givenName",
        "name.familyName",
        "name.formatted",
        "name.middleName",
        "name.honorificPrefix",
        "name.honorificSuffix",
        "displayName",
        "nickName",
        "profileUrl",
        "title",
        "userType",
        "preferredLanguage",
        "locale",
        "timezone",
        "emails[type eq \"work\"].value",
        "emails[type eq \"home\"].value",
        "phoneNumbers[type eq \"mobile\"].value",
        "phoneNumbers[type eq \"pager\"].value",
        "ims[type eq \"skype\"].value",
        "photos[type eq \"photo\"].value",
        "addresses[type eq \"work\"].locality",
        "addresses[type eq \"home\"].streetAddress",
        "addresses[type eq \"other\"].postalCode",
    ] {
        assert_eq!(field("other", path), "", "{path}");
    }
    for member in ["employeeNumber", "costCenter", "organization", "division", "department"] {
        assert_eq!(field("other", &format!("{ENTERPRISE}:{member}")), "", "{member}");
    }
    assert_eq!(field("manager", &format!("{ENTERPRISE}:manager")), "");
    assert_eq!(field("skills", &format!("{OWN}:skills")), "");
    assert_eq!(field("staff", &format!("{OWN}:staffMembers")), "");
    assert_eq!(field("joinDate", &format!("{OWN}:joinDate")), "");
}

#[test]
fn what_names_people_or_switches_them_off_is_never_written() {
    for path in ["userName", "externalId", "id"] {
        assert_eq!(field("other", path), format!("{path} is an identifier and is never written"));
    }
    assert_eq!(field("other", "active"), "active is not written: no mapping may switch people off");
    let number = format!("{ENTERPRISE}:employeeNumber");
    let email = "emails[type eq \"work\"].value";
    let identifiers = json!({"employeeId": number, "userPrincipalName": "emails"});
    let fields = json!({"other": number, "title": email});
    let fault = fault(json!({"identifiers": identifiers, "fields": fields}));
    let lines: Vec<_> = fault.lines().collect();
    assert_eq!(lines.len(), 2);
    assert!(lines.iter().all(|line| line.ends_with(" is an identifier and is never written")), "{lines:?}");
}

#[test]
fn a_path_that_would_do_more_than_it_says_is_none() {
    for path in [
        "emails",
        "phoneNumbers",
        "phoneNumbers.value",
        "phoneNumbers[type eq \"work\"]",
        "phoneNumbers[type eq \"Work\"].value",
        "phoneNumbers[type eq \"car\"].value",
        "phoneNumbers[type eq 'work'].value",
        "phoneNumbers[type eq \"work\"].display",
        "phoneNumbers[type eq \"work\"].value ",
        "addresses[type eq \"work\"].value",
    ] {
        assert!(field("other", path).contains("one item is mapped"), "{path}");
    }
    for path in
        ["name", "name.nickName", "Title", "password", "groups", "roles", "meta.version", "", "constructor"]
    {
        assert_eq!(field("other", path), format!("a SCIM user has no property '{path}' that may be mapped"));
    }
    for path in [ENTERPRISE, OWN, "urn:x:y", &format!("{OWN}:Skills"), &format!("{ENTERPRISE}:manager.value")]
    {
        assert!(field("other", path).starts_with("no extension has the member"), "{path}");
    }
}

#[test]
fn a_value_has_to_fit_its_property() {
    let (skills, staff, manager) =
        (format!("{OWN}:skills"), format!("{OWN}:staffMembers"), format!("{ENTERPRISE}:manager"));
    for (name, path) in [
        ("skills", "title"),
        ("skills", &staff),
        ("staff", &skills),
        ("manager", "title"),
        ("title", &manager),
        ("title", &skills),
        ("manager", &staff),
        ("staff", &manager),
    ] {
        assert!(field(name, path).contains(" does not fit "), "{name} {path}: {}", field(name, path));
    }
    assert_eq!(field("skills", "title"), "a Texts does not fit title, which takes one text");
}

#[test]
fn an_empty_text_is_none_that_the_configuration_may_bring_in() {
    let skills = format!("{OWN}:skills");
    for (name, field, path) in [
        ("title", json!({"to": "title", "constant": ""}), "title"),
        ("title", json!({"to": "title", "values": {"a": "b", "c": ""}}), "title"),
        ("skills", json!({"to": skills, "values": {"a": ""}}), skills.as_str()),
    ] {
        let fault = fault(json!({"fields": { name: field }}));
        assert_eq!(fault, format!("/targets/0/fields/{name}: {path} takes no empty text"));
    }
    assert_eq!(fault(json!({"fields": {"title": {"to": "title", "values": {"": "none"}}}})), "");
}

#[test]
fn an_entry_says_who_is_meant_and_how_to_get_in() {
    assert_eq!(
        fault(json!({"identifiers": {}})),
        "/targets/0/identifiers: it names neither \"employeeId\" nor \"userPrincipalName\""
    );
    for identifiers in [
        json!({"employeeId": "userName"}),
        json!({"userPrincipalName": "externalId"}),
        json!({"mail": "emails"}),
    ] {
        assert!(!fault(json!({"identifiers": identifiers})).is_empty());
    }
    assert_eq!(
        fault(json!({"scope": "people"})),
        "/targets/0/scope: it is for tokens that are asked for at a \"tokenUrl\""
    );
    assert!(fault(json!({"tokenUrl": "http://host/token"})).starts_with("/targets/0/tokenUrl: "));
    assert!(!fault(json!({"patch": true})).is_empty());
    for own in
        [json!({"token": 1}), json!({"clientId": "a"}), json!({"token": "a", "clientId": "b"}), json!({})]
    {
        let faults = faults(json!({}), SecretStore::fixed(secrets(own)));
        assert_eq!(
            faults,
            [
                "/targets/0/credentials: the credentials 'scim' are not {\"token\": \"…\"} or {\"clientId\": \"…\", \"clientSecret\": \"…\"}"
            ]
        );
    }
}

#[test]
fn an_extension_is_named_by_its_urn_and_its_members_by_what_they_take() {
    for (extensions, place) in [
        (json!({"x:y": {}}), "/extensions/x:y"),
        (json!({"urn:a b": {}}), "/extensions/urn:a b"),
        (json!({ENTERPRISE: {}}), "/extensions/urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"),
        (
            json!({ENTERPRISE.to_lowercase(): {}}),
            "/extensions/urn:ietf:params:scim:schemas:extension:enterprise:2.0:user",
        ),
        (
            json!({"urn:ietf:params:SCIM:schemas:core:2.0:User": {}}),
            "/extensions/urn:ietf:params:SCIM:schemas:core:2.0:User",
        ),
        (json!({"urn:X:Y": {}, "urn:x:y": {}}), "/extensions/urn:x:y"),
        (json!({"urn:x": {"A": "text", "a": "texts"}}), "/extensions/urn:x/a"),
        (json!({"urn:x": {"a": "text"}, "urn:x:A": {"b": "text"}}), "/extensions/urn:x/a"),
        (json!({"urn:x": {"1": "text"}}), "/extensions/urn:x/1"),
        (json!({"urn:x": {"a.b": "text"}}), "/extensions/urn:x/a.b"),
        (json!({"urn:x": {"a": "number"}}), "/extensions/urn:x/a"),
    ] {
        let fault = fault(json!({"extensions": extensions, "fields": {"title": "title"}}));
        assert!(fault.starts_with(&format!("/targets/0{place}: ")), "{fault}");
        assert_eq!(fault.lines().count(), 1, "{fault}");
    }
}
