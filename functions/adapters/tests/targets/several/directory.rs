//! The directory is the union of what the targets know: whoever one of them has is somebody, and each is told its own key.

use people_core::person::NativeKey;
use serde_json::{Value, json};

use super::stage::{ALL, Stage};

/// What the targets call somebody, in the order of their names.
async fn keys(stage: &Stage, text: &str) -> Vec<(String, String)> {
    let person = stage.known(text).await.unwrap();
    person.keys.into_iter().map(|(target, NativeKey(key))| (target.to_string(), key)).collect()
}

const JOE: [(&str, &str); 4] = [
    ("aktion", "100200300"),
    ("esystems", "35001"),
    ("onlyoffice", "00000000-0000-4000-8000-000100200300"),
    ("scim", "u-100200300"),
];

fn of_joe() -> Vec<(String, String)> {
    JOE.map(|(target, key)| (target.to_owned(), key.to_owned())).to_vec()
}

#[tokio::test]
async fn a_person_is_one_whatever_they_are_called_and_has_a_key_at_each_target() {
    let stage = Stage::new().await;
    for text in ["joe@company.com", "100200300"] {
        assert_eq!(keys(&stage, text).await, of_joe(), "{text}");
    }
    let report = stage.sync().await;
    let listed: Vec<_> = report.listed.iter().map(|(name, people)| (name.to_string(), *people)).collect();
    // The portal's own account is one of its people.
    let expected = ALL.map(|name| (name.to_owned(), if name == "onlyoffice" { 206 } else { 205 }));
    assert_eq!((listed, report.failed), (expected.to_vec(), vec![]));
    assert_eq!(keys(&stage, "100200300").await, of_joe());
}

#[tokio::test]
async fn a_directory_that_nobody_has_filled_learns_from_look_ups() {
    let stage = Stage::empty(super::stage::secrets()).await;
    let body = json!([{"employeeId": "100200300", "mobile": "+420 5", "department": "HR"}]);
    let imported = stage.import(&body).await;
    assert_eq!(imported.log, "Success - PersonUpdated - '100200300' updated\n");
    for text in ["joe@company.com", "100200300"] {
        assert_eq!(keys(&stage, text).await, of_joe(), "{text}");
    }
}

/// A person in the words of one target.
fn new(name: &str) -> Value {
    match name {
        "aktion" => json!({"PersonId": "777", "Email": "New@Company.com"}),
        "esystems" => json!({"Id": 777, "External_Id": "777", "Email": "New@Company.com"}),
        "onlyoffice" => json!({
            "id": "00000000-0000-4000-8000-000000000777", "email": "New@Company.com", "firstName": "N", "lastName": "N",
        }),
        _ => json!({"id": "u-777", "externalId": "777", "userName": "New@Company.com", "active": true}),
    }
}

#[tokio::test]
async fn whoever_is_new_at_one_target_is_updated_there_and_unknown_elsewhere() {
    for name in ALL {
        let stage = Stage::new().await;
        stage.people(name, |people| people.push(new(name))).await;
        let body = json!([{"userPrincipalName": "new@company.com", "mobile": "+420 6", "department": "HR"}]);
        for round in ["by a look-up", "by the list"] {
            let log = stage.import(&body).await.log;
            let (done, others): (Vec<&str>, Vec<&str>) =
                log.lines().partition(|line| line.ends_with(&format!(" at {name}")));
            let is_done = done.iter().all(|line| line.starts_with("Success - Person"));
            assert!(done.len() == 1 && is_done, "{name}, {round}: {log}");
            let unknown = "Error - UnknownPerson - Unknown person: 'new@company.com' at ";
            assert!(
                others.len() == 3 && others.iter().all(|line| line.starts_with(unknown)),
                "{name}: {log}"
            );
            stage.sync().await;
        }
        assert_eq!(keys(&stage, "new@company.com").await.len(), 1, "{name}");
    }
}

#[tokio::test]
async fn a_target_that_cannot_list_people_is_asked_about_those_who_are_named() {
    let stage = Stage::empty(super::stage::secrets()).await;
    stage.switch("aktion", json!({"get_all": false})).await;
    let report = stage.sync().await;
    assert!(report.listed.iter().all(|(name, _)| **name != *"aktion"), "{report:?}");
    assert_eq!(keys(&stage, "joe@company.com").await, of_joe()[1..]);
    let body = json!([{"userPrincipalName": "joe@company.com", "mobile": "+420 7"}]);
    let imported = stage.import(&body).await;
    assert_eq!(imported.log, "Success - PersonUpdated - 'joe@company.com' updated\n");
    assert_eq!(keys(&stage, "joe@company.com").await, of_joe());
}
