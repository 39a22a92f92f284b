//! What is wrong with a configuration is told all at once, and where. A mapping that passes can be delivered.

use std::sync::Arc;

use people_adapters::secrets::{SecretStore, Secrets};
use people_core::log::Ending;
use people_core::memory::ManualClock;
use people_core::time::Timestamp;
use serde_json::{Value, json};
use simulators::esystems::CLIENT_SECRET;

use super::stage::{JOE, Stage, connected, department, endings, entry, secrets, update};

fn check_with_secrets(entry: &Value, secrets: Secrets) -> Vec<String> {
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(0)));
    let targets = connected(&json!([entry]), "http://127.0.0.1:1", clock, SecretStore::fixed(secrets));
    targets.map_or_else(|invalid| invalid.0, |_| Vec::new())
}

fn check(members: Value) -> Vec<String> {
    let mut entry = entry();
    entry.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    check_with_secrets(&entry, secrets(CLIENT_SECRET))
}

#[test]
fn an_entry_may_have_every_member() {
    assert_eq!(check(json!({})), [""; 0]);
    let validation = json!({
        "required": true, "unique": false, "max": "9", "min": "1", "pattern": "^[0-9]+$", "defaultValue": "1",
        "isFullValidation": false,
    });
    for by in ["Id", "Email", "Username", "ExternalId"] {
        let members = json!({
            "addressedBy": by, "validation": validation, "scope": "AccessUser:Read",
            "tokenUrl": "https://login.example.com/oauth/token",
            "identifiers": {"userPrincipalName": "Username"}, "limit": 10, "ratePerSecond": 5,
        });
        assert_eq!(check(members), [""; 0], "{by}");
    }
}

#[test]
fn every_fault_is_told_with_its_place() {
    let at = "/targets/0";
    for (members, fault) in [
        (json!({"identifiers": {}}), "/identifiers: it has neither \"employeeId\" nor \"userPrincipalName\""),
        (
            json!({"addressedBy": "Phone"}),
            ": unknown variant `Phone`, expected one of `Id`, `Email`, `Username`, `ExternalId`",
        ),
        (json!({"validation": {"pattern": ""}}), "/validation/pattern: it is empty"),
        (json!({"scope": " "}), "/scope: it is empty"),
        (json!({"tokenUrl": "/o auth"}), "/tokenUrl: it is not a path like /oauth/token"),
        (json!({"tokenUrl": "/a#b"}), "/tokenUrl: it is not a path like /oauth/token"),
        (json!({"tokenUrl": "http://host/token"}), "/tokenUrl: plain http needs \"allowPlainHttp\": true"),
        (json!({"tokenUrl": "token"}), "/tokenUrl: it is not a URL like https://host/path"),
        (
            json!({"fields": {"department": "Name"}}),
            "/fields/department: eSystems has no property 'Name' that can be written, only Department",
        ),
        (
            json!({"fields": {"department": "Email"}}),
            "/fields/department: Email is an identifier and is never written",
        ),
        (json!({"fields": {"joinDate": "Department"}}), "/fields/joinDate: a Date does not fit Department"),
        (json!({"fields": {"manager": "Department"}}), "/fields/manager: a Person does not fit Department"),
        (
            json!({"fields": {"skills": "Department"}}),
            "/fields/skills: a list does not fit Department: \"first\" or \"join\" makes one text of it",
        ),
        (
            json!({"fields": {"department": {"to": "Department", "values": {"IT": ""}}}}),
            "/fields/department: Department cannot be empty",
        ),
        (
            json!({"fields": {"department": {"to": "Department", "constant": "x".repeat(256)}}}),
            "/fields/department: Department is too long for a URL",
        ),
    ] {
        assert_eq!(check(members), [format!("{at}{fault}")]);
    }
    let unknown = check(json!({"deleteNotExists": true}));
    assert!(unknown[0].starts_with("/targets/0: unknown field `deleteNotExists`"), "{unknown:?}");
    let faults = check(json!({"fields": {"department": "Department", "firstName": "Department"}}));
    assert_eq!(faults, ["/targets/0/fields/firstName: Department is taken by 'department'"]);
}

#[test]
fn credentials_of_another_kind_are_told_without_being_shown() {
    let mut entry = entry();
    let why = "/targets/0/credentials: the credentials 'other' are not {\"clientId\": \"…\", \"clientSecret\": \"…\"}";
    entry["credentials"] = json!("other");
    assert_eq!(check_with_secrets(&entry, secrets(CLIENT_SECRET)), [why]);
}

#[tokio::test]
async fn what_is_validated_is_sent_at_its_own_level_and_nothing_else() {
    let all = json!({
        "required": true, "unique": true, "max": "99999", "min": "1", "pattern": "^[0-9]+$", "defaultValue": "1",
    });
    let extra = json!([{
        "Name": "UserId", "Required": true, "Unique": true, "Max": "99999", "Min": "1", "Pattern": "^[0-9]+$",
        "DefaultValue": "1",
    }]);
    let users = json!([{"UserId": JOE}]);
    for (validation, body) in [
        (json!({}), json!({"Users": users})),
        (json!({"isFullValidation": true}), json!({"IsFullValidation": true, "Users": users})),
        (json!({"isFullValidation": false}), json!({"IsFullValidation": false, "Users": users})),
        (all, json!({"Extra": extra, "Users": users})),
        (
            json!({"required": false, "isFullValidation": true}),
            json!({"Extra": [{"Name": "UserId", "Required": false}], "IsFullValidation": true, "Users": users}),
        ),
    ] {
        let stage = Stage::with(json!({ "validation": validation })).await;
        assert_eq!(endings(&stage.link(&[JOE], "HR").await), [Ending::Updated]);
        assert_eq!(stage.bodies().await, [body]);
    }
}

#[tokio::test]
async fn a_token_is_had_where_the_entry_says_and_with_its_scope() {
    let stage = Stage::with(json!({"tokenUrl": "/oauth/REST/v2/token", "scope": "a b"})).await;
    assert_eq!(endings(&stage.link(&[JOE], "HR").await), [Ending::Updated]);
    let call = &stage.calls().await[0];
    assert_eq!(call["path"], "/oauth/REST/v2/token");
    assert!(call["body"].as_str().unwrap().ends_with("&scope=a%20b"));
}

#[tokio::test]
async fn a_value_table_names_the_departments() {
    let values = json!({"IT": department("IT"), "HR": department("HR")});
    let fields = json!({"department": {"to": "Department", "values": values}});
    let stage = Stage::with(json!({ "fields": fields })).await;
    let outcomes =
        stage.deliver(&[update(JOE, Some("HR")), update(JOE, Some("Moon")), update(JOE, None)]).await;
    assert_eq!(outcomes[0].ending, Ending::Updated);
    let why = "department has a value that has no counterpart there";
    assert_eq!(outcomes[1].ending, Ending::Refused(why.to_owned()));
    assert!(matches!(outcomes[2].ending, Ending::Refused(_)));
    assert!(stage.linked(department("HR")).await.contains(&35_001));
}
