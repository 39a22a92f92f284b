//! Imports that concern several targets, over HTTP: each fails for itself, and where a deployment has one target alone, its
//! lines are those of the documentation.

use people_local::sample;
use serde_json::{Value, json};

use crate::http::send;
use crate::stack::Local;

const ALL: [&str; 4] = ["aktion", "esystems", "onlyoffice", "scim"];
const JOE: &str = "joe@company.com";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// Whether a call was to change something: it reads nothing, and is no log-in.
fn is_write(call: &Value) -> bool {
    let path = call["path"].as_str().unwrap().to_lowercase();
    call["method"] != "GET" && !["/login", "/token", "/authentication"].iter().any(|end| path.ends_with(end))
}

/// How many calls were to change something at a target.
pub(crate) fn writes(local: &Local, target: &str) -> usize {
    local.calls(target).iter().filter(|call| is_write(call)).count()
}

/// The entry of a target in the sample configuration.
fn entry(name: &str) -> Value {
    let mut sample: Value = serde_json::from_slice(sample::TARGETS).unwrap();
    let entries = sample["targets"].as_array_mut().unwrap();
    entries.iter_mut().find(|entry| entry["name"] == name).unwrap().take()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_target_has_a_line_of_its_own_where_one_fails_one_is_busy_and_one_is_slow() {
    let local = Local::start().await;
    local.fault_at("aktion", &json!([{"path": "/person/update", "delay_ms": 2_000}]));
    local.fault_at("onlyoffice", &json!([{"method": "PUT", "status": 500, "body": "<html>+420 1</html>"}]));
    let busy = json!([{"method": "PATCH", "status": 429, "headers": {"Retry-After": "600"}}]);
    local.fault_at("scim", &busy);
    let update = json!([{"userPrincipalName": JOE, "firstName": "Joseph", "department": "Finance", "mobile": "+420 1"}]);
    let answer = local.json(&update);
    assert_eq!(answer.status, 400);
    assert_eq!(
        local.log(&answer),
        "Success - PersonUpdated - 'joe@company.com' updated at aktion\n\
         Success - PersonUpdated - 'joe@company.com' updated at esystems\n\
         Error - DeliveryRefused - 'joe@company.com' not updated: onlyoffice does not allow it, or failed: status 500 at onlyoffice\n\
         Warning - DeliveryDeferred - 'joe@company.com' not updated yet: scim is busy, will be delivered again at scim\n"
    );
    let aktion = local.stored("aktion", "Email", JOE);
    assert_eq!(
        json!([aktion["Name"], aktion["OrganizationStructure"], aktion["MobilPhoneNumber"]]),
        json!(["Joseph", "Finance", "+420 1"])
    );
    let id = local.stored("esystems", "Email", JOE)["Id"].clone();
    let departments = local.ask("GET /_sim/state", "esystems", &Value::Null)["departments"].clone();
    let finance = departments.as_array().unwrap().iter().find(|one| one["Name"] == "Finance").unwrap();
    assert!(finance["Users"].as_array().unwrap().contains(&id), "{finance}");
    assert_eq!(local.stored("scim", "userName", JOE)[ENTERPRISE]["department"], "IT");
    let contacts = local.stored("onlyoffice", "email", JOE)["contacts"].clone();
    assert_eq!(contacts.as_array().unwrap().len(), 3, "{contacts}");

    let report = local.look_up(answer.text(), &[("Accept", "application/json")]).json();
    let told = report["parts"][0]["targets"].as_array().unwrap();
    let told: Vec<_> = told
        .iter()
        .map(|at| {
            assert!(at["durationMs"].is_u64(), "{at}");
            json!([at["target"], at["outcome"], at["code"], at["attempts"]])
        })
        .collect();
    let expected = [
        json!(["aktion", "Updated", "200/0", 1]),
        json!(["esystems", "Updated", "200", 1]),
        json!(["onlyoffice", "Refused", "500", 2]),
        json!(["scim", "Deferred", "429", 1]),
    ];
    assert_eq!(told, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_worked_example_changes_nothing_at_any_target() {
    let local = Local::start().await;
    let before: Vec<_> = ALL.map(|name| local.ask("GET /_sim/state", name, &Value::Null)).into();
    let example = json!([
        {"userPrincipalName": JOE, "unknownField": "Hello"},
        {"userPrincipalName": "unknown@company.com", "joinDate": "2023-11-01", "mobile": "1", "department": "IT"},
        {"name": "Sarah McAllister", "joinDate": "2023-11-01"},
        {"userPrincipalName": JOE, "employeeId": "100200301", "mobile": "1", "department": "IT"},
    ]);
    let answer = local.json(&example);
    assert_eq!(
        local.log(&answer),
        "Error - InvalidPerson - Invalid person in part 0: UnknownFields: 'unknownField'\n\
         Error - InvalidPerson - Invalid person in part 2: NoPersonIdentifier: Neither 'userPrincipalName' nor 'employeeId' is provided. | UnknownFields: 'name'\n\
         Error - UnknownPerson - Unknown person: 'unknown@company.com'\n\
         Error - IdentifierConflict - 'joe@company.com' and '100200301' are two persons\n"
    );
    for (name, before) in ALL.iter().zip(before) {
        assert_eq!(writes(&local, name), 0, "{name}");
        assert_eq!(local.ask("GET /_sim/state", name, &Value::Null), before, "{name}");
    }
}

/// What a deployment with one target answers and logs is what the documentation has, whichever kind it is of.
#[tokio::test(flavor = "multi_thread")]
async fn with_one_target_the_documented_lines_are_unchanged() {
    for (name, field, value, unmapped) in [
        ("aktion", "joinDate", "2023-11-01", "jobTitle"),
        ("esystems", "department", "Finance", "phone"),
        ("onlyoffice", "mobile", "+420 1", "phone"),
        ("scim", "mobile", "+420 1", "phone"),
    ] {
        let local = Local::with_targets(&json!([entry(name)])).await;
        let body = json!([
            {"userPrincipalName": JOE, field: value},
            {"userPrincipalName": "unknown@company.com", field: value},
            {"userPrincipalName": "sarah@company.com", "unknownField": "Hello"},
            {"userPrincipalName": "ceo@company.com", field: value, unmapped: null},
        ]);
        let answer = local.json(&body);
        assert_eq!(answer.status, 422, "{name}");
        assert_eq!(
            local.log(&answer),
            format!(
                "Error - InvalidPerson - Invalid person in part 2: UnknownFields: 'unknownField'\n\
                 Success - PersonUpdated - 'joe@company.com' updated\n\
                 Error - UnknownPerson - Unknown person: 'unknown@company.com'\n\
                 Success - PersonUpdated - 'ceo@company.com' updated\n\
                 Error - FieldNotMapped - '{unmapped}' of 'ceo@company.com' goes to no target\n"
            ),
            "{name}"
        );
        local.fault_at(name, &json!([
            {"method": "PATCH", "status": 403}, {"method": "PUT", "status": 403},
            {"method": "POST", "path": "/person/update", "status": 403, "body": {"Result": {"Code": 1102}}},
        ]));
        let other = if field == "department" { json!("HR") } else { json!("2024-11-01") };
        let log = local.log(&local.json(&json!([{"userPrincipalName": JOE, field: other}])));
        let (_, why) = log.split_once(" - 'joe@company.com' not updated").unwrap();
        let (_, why) = why.split_once(": ").unwrap();
        assert!(why.starts_with(name) && !why.contains(" at "), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_is_new_at_one_target_is_taken_over_by_the_directory() {
    let local = Local::start().await;
    let mut state = local.ask("GET /_sim/state", "scim", &Value::Null);
    let new = json!({"id": "u-777", "externalId": "777", "userName": "new@company.com", "active": true});
    state["people"].as_array_mut().unwrap().push(new);
    local.ask("PUT /_sim/state", "scim", &state);
    let run = send("POST /_local/run/directory-sync", &local.ready().api, &[], b"").json();
    assert_eq!(run["listed"][3], json!({"target": "scim", "people": 206}), "{run}");
    let answer =
        local.json(&json!([{"employeeId": "777", "skills": ["Chess"], "staffMembers": [JOE, "100200301"]}]));
    assert_eq!(local.log(&answer), "Success - PersonUpdated - '777' updated\n");
    let extension = &local.stored("scim", "id", "u-777")["urn:people:params:scim:schemas:extension:2.0:User"];
    assert_eq!(*extension, json!({"skills": ["Chess"], "staffMembers": ["u-100200300", "u-100200301"]}));
    let answer = local.json(&json!([{"userPrincipalName": "new@company.com", "mobile": "+420 1"}]));
    assert_eq!(
        local.log(&answer),
        "Error - UnknownPerson - Unknown person: 'new@company.com' at aktion\n\
         Error - UnknownPerson - Unknown person: 'new@company.com' at onlyoffice\n\
         Success - PersonUpdated - 'new@company.com' updated at scim\n"
    );
}
