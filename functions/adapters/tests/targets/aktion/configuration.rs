//! What is wrong with a configuration is told all at once, and where. A mapping that passes can be delivered.

use std::collections::HashMap;
use std::sync::Arc;

use people_adapters::secrets::{SecretStore, Secrets};
use people_adapters::share::Share;
use people_adapters::targets::{self, Context, Engines, connect};
use people_core::memory::{ManualClock, MemoryLeases};
use people_core::profile::Profile;
use people_core::time::Timestamp;
use serde_json::{Value, json};

use super::stage::{connected, entry};

fn check(targets: &Value) -> Vec<String> {
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(0)));
    connected(targets, "http://127.0.0.1:1", clock).map_or_else(|invalid| invalid.0, |_| Vec::new())
}

fn check_with(members: Value) -> Vec<String> {
    let mut entry = entry();
    entry.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    check(&json!([entry]))
}

#[test]
fn the_sample_is_valid() {
    let definition = include_bytes!("../../../../../infra/profile-definition.json");
    let profile = Profile::parse(definition).unwrap();
    let sample = include_bytes!("../../../../../infra/targets.json");
    let simulators = ["aktion", "esystems", "onlyoffice", "scim"];
    let simulators: HashMap<_, _> =
        simulators.map(|name| (name.to_owned(), "http://127.0.0.1:1".to_owned())).into();
    assert_eq!(targets::check(sample, &profile, &simulators), Ok(()));
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(0)));
    let context = Context {
        secrets: Arc::new(SecretStore::fixed(super::stage::secrets("key"))),
        simulators,
        clock: Arc::clone(&clock) as _,
        engines: Engines::default(),
        leases: Arc::new(MemoryLeases::new(clock)),
        share: Share::ALL,
    };
    let mut sample: Value = serde_json::from_slice(sample).unwrap();
    let aktion = json!({"targets": [sample["targets"][0].take()]}).to_string();
    let targets = connect(aktion.as_bytes(), &profile, context).unwrap();
    let fields: Vec<_> = targets[0].fields.iter().map(AsRef::as_ref).collect();
    assert_eq!(
        fields,
        [
            "birthDate",
            "costCenter",
            "department",
            "firstName",
            "joinDate",
            "lastName",
            "mobile",
            "phone",
            "website",
        ]
    );
    assert_eq!(check(&json!([entry()])), [""; 0]);
}

#[test]
fn every_fault_of_a_mapping_is_told_with_its_place() {
    let fields = [
        ("phone", "PhoneNumber"),
        ("mobile", "PhoneNumber"),
        ("unknown", "Name"),
        ("lastName", "surname"),
        ("firstName", "PersonId"),
        ("email", "LoginName"),
        ("contract", "Desc"),
        ("skills", "Desc"),
        ("jobTitle", "Desc"),
        ("manager", "Desc"),
        ("nickname", "Desc"),
        ("displayName", "Desc"),
        ("department", "Department"),
        ("costCenter", "UdsCollection.a2s99"),
        ("joinDate", "UdsCollection.a2s1"),
        ("birthDate", "PIN"),
    ];
    let fields: serde_json::Map<String, Value> =
        fields.iter().map(|(field, to)| ((*field).to_owned(), json!(to))).collect();
    let mut faults = check_with(json!({"fields": fields, "columns": {"a2s1": "bit", "a2s2": "text"}}));
    faults.sort();
    let mut expected = vec![
        "/targets/0/columns/a2s2: 'text' is none of bit, int, date, datetime, datetime2, smalldatetime, nvarchar(1) to nvarchar(4000), or nvarchar(max)",
        "/targets/0/fields/birthDate: a Date does not fit PIN",
        "/targets/0/fields/contract: 'contract' is a File, which no target takes",
        "/targets/0/fields/costCenter: the column a2s99 is not in \"columns\"",
        "/targets/0/fields/department: Department is of the product cloud only",
        "/targets/0/fields/displayName: 'displayName' is set by somebody else: its source is Entra",
        "/targets/0/fields/email: LoginName is an identifier and is never written",
        "/targets/0/fields/firstName: PersonId is an identifier and is never written",
        "/targets/0/fields/jobTitle: 'jobTitle' is a MultiLang: \"language\" says which text of it, \"en\" say",
        "/targets/0/fields/joinDate: a Date does not fit UdsCollection.a2s1",
        "/targets/0/fields/lastName: Aktion has no property 'surname'",
        "/targets/0/fields/nickname: 'nickname' is set by somebody else: its source is User",
        "/targets/0/fields/skills: a list does not fit Desc: \"first\" or \"join\" makes one text of it",
        "/targets/0/fields/unknown: there is no field 'unknown'",
    ];
    // Members of a JSON object have no order: one of the two that want the telephone number is told.
    faults.retain(|fault| !fault.contains("is taken by"));
    expected.sort_unstable();
    assert_eq!(faults, expected);
}

#[test]
fn two_fields_cannot_go_to_one_place() {
    let faults = check_with(json!({"fields": {"firstName": "Name", "lastName": "Name"}}));
    assert_eq!(faults, ["/targets/0/fields/lastName: Name is taken by 'firstName'"]);
    let text =
        json!({"targets": [entry()]}).to_string().replace("\"fields\":{", "\"fields\":{\"email\":\"Email\",");
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(0)));
    let context = Context {
        secrets: Arc::new(SecretStore::fixed(Secrets::default())),
        simulators: HashMap::new(),
        clock: Arc::clone(&clock) as _,
        engines: Engines::default(),
        leases: Arc::new(MemoryLeases::new(clock)),
        share: Share::ALL,
    };
    let invalid = connect(text.as_bytes(), &super::stage::profile(), context);
    let faults = invalid.err().unwrap().0;
    assert_eq!(
        faults,
        [
            "/targets/0/baseUrl: there is no simulator 'aktion' here",
            "/targets/0/credentials: there are no credentials 'aktion'",
            "/targets/0/fields/email: 'email' is there twice",
        ]
    );
}

#[test]
fn a_property_of_the_other_product_is_refused() {
    let cloud = json!({
        "product": "cloud",
        "identifiers": {"employeeId": "PersonId", "userPrincipalName": "LoginName"},
        "fields": {"structure": "OrganizationStructure", "card2": "IdentifierCard2", "department": "Department"},
    });
    let faults = check_with(cloud);
    assert!(faults.contains(
        &"/targets/0/identifiers/userPrincipalName: LoginName is of the product next only".to_owned()
    ));
    assert!(
        faults.contains(&"/targets/0/fields/card2: IdentifierCard2 is of the product next only".to_owned())
    );
    assert_eq!(faults.len(), 3, "{faults:?}");
}

#[test]
fn a_base_url_is_https_unless_plain_http_is_allowed() {
    for url in ["https://aktion.example/AktionNEXT/API", "https://aktion.example/api/", "https://[::1]:8443"]
    {
        assert_eq!(check_with(json!({"baseUrl": url})), [""; 0], "{url}");
    }
    let plain = "http://aktion.example/api";
    assert_eq!(
        check_with(json!({"baseUrl": plain})),
        ["/targets/0/baseUrl: plain http needs \"allowPlainHttp\": true"]
    );
    assert_eq!(check_with(json!({"baseUrl": plain, "allowPlainHttp": true})), [""; 0]);
    for url in [
        "",
        "aktion.example",
        "/api",
        "ftp://a/b",
        "https://u:p@a/b",
        "https://a/b?c",
        "https://a/b#c",
        "https:///x",
    ] {
        let faults = check_with(json!({"baseUrl": url}));
        assert_eq!(faults, ["/targets/0/baseUrl: it is not a URL like https://host/path"], "{url}");
    }
    assert_eq!(
        check_with(json!({"baseUrl": "simulator:scim"})),
        ["/targets/0/baseUrl: there is no simulator 'scim' here"]
    );
}

#[test]
fn names_and_budgets_are_checked() {
    let faults = check(&json!([entry(), entry()]));
    assert_eq!(faults, ["/targets/1/name: 'aktion' is there twice"]);
    assert_eq!(check_with(json!({"name": ""})).len(), 1);
    assert_eq!(check_with(json!({"limit": 0})), ["/targets/0/limit: it is not between 1 and 1000"]);
    for rate in [json!(0), json!(-1), json!(1e9)] {
        let faults = check_with(json!({"ratePerSecond": rate}));
        assert_eq!(faults, ["/targets/0/ratePerSecond: it is neither null nor between 0.001 and 1000"]);
    }
}

#[test]
fn what_is_not_known_is_refused() {
    for members in
        [json!({"url": "x"}), json!({"kind": "sap"}), json!({"product": "NEXT"}), json!({"identifiers": {}})]
    {
        let faults = check_with(members.clone());
        assert_eq!(faults.len(), 1, "{members}");
        assert!(
            faults[0].starts_with("/targets/0: ") || faults[0].starts_with("/targets/0/kind: "),
            "{faults:?}"
        );
    }
    let upn = json!({"identifiers": {"employeeId": "PersonId", "userPrincipalName": "Desc"}});
    assert_eq!(check_with(upn).len(), 1);
    assert!(check(&json!({}))[0].starts_with("it is not {\"targets\":[…]}"));
    assert_eq!(check(&json!([])), [""; 0]);
}

#[test]
fn a_check_misses_no_credentials_and_finds_everything_else() {
    let simulators = HashMap::from([("aktion".to_owned(), "http://127.0.0.1:1".to_owned())]);
    let check = |entry: Value| {
        let targets = json!({"targets": [entry]}).to_string();
        targets::check(targets.as_bytes(), &super::stage::profile(), &simulators)
            .err()
            .map(|invalid| invalid.0)
    };
    assert_eq!(check(entry()), None);
    let mut faulty = entry();
    faulty["limit"] = json!(0);
    faulty["fields"]["unknown"] = json!("Name");
    faulty["baseUrl"] = json!("simulator:scim");
    let mut faults = check(faulty).unwrap();
    faults.retain(|fault| !fault.contains("is taken by"));
    assert_eq!(
        faults,
        [
            "/targets/0/baseUrl: there is no simulator 'scim' here",
            "/targets/0/fields/unknown: there is no field 'unknown'",
            "/targets/0/limit: it is not between 1 and 1000",
        ]
    );
}

#[test]
fn secrets_are_never_shown() {
    let secrets = Secrets::parse(br#"{"aktion":{"userLogin":"u","apiKey":"top secret"}}"#).unwrap();
    assert!(!format!("{secrets:?}").contains("top secret"));
    for wrong in ["", "[]", r#"{"aktion":"top secret"}"#] {
        let error = Secrets::parse(wrong.as_bytes()).unwrap_err();
        assert!(!error.to_string().contains("top secret"));
    }
}
