//! Who is meant and what is sent where all targets are well, and what the log and the report say of it.

use people_core::log::Answer;
use serde_json::{Value, json};

use super::stage::{ALL, Stage};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const PEOPLE: &str = "urn:people:params:scim:schemas:extension:2.0:User";

/// An update of Joe that concerns every target.
pub(crate) fn update() -> Value {
    json!([{
        "userPrincipalName": "joe@company.com", "firstName": "Joseph", "department": "Finance",
        "mobile": "+420 1", "jobTitle": {"de": "Buchhalter", "en": "Accountant"},
    }])
}

/// What a target has of what [`update`] sends it.
pub(crate) async fn has(stage: &Stage, name: &str) -> Value {
    let joe = stage.stored(name, "joe@company.com").await;
    match name {
        "aktion" => json!([joe["Name"], joe["OrganizationStructure"], joe["MobilPhoneNumber"]]),
        "esystems" => joe["Departments"].clone(),
        "onlyoffice" => joe["contacts"].clone(),
        _ => json!([joe[ENTERPRISE]["department"], joe["phoneNumbers"], joe[PEOPLE]["jobTitle"]]),
    }
}

/// The same when the update has arrived. Nothing else has changed.
pub(crate) fn updated(name: &str) -> Value {
    match name {
        "aktion" => json!(["Joseph", "Finance", "+420 1"]),
        "esystems" => json!({"IT": true, "Finance": true}),
        "onlyoffice" => json!([
            {"type": "mail", "value": "joe@company.com"},
            {"type": "skype", "value": "joe.miller"},
            {"type": "extmail", "value": "joe.miller@directory.company.com"},
            {"type": "mobphone", "value": "+420 1"},
        ]),
        _ => json!([
            "Finance",
            [{"type": "home", "value": "+420 700 100200300"}, {"type": "mobile", "value": "+420 1"}],
            "Accountant",
        ]),
    }
}

#[tokio::test]
async fn an_import_reaches_every_target_and_the_log_has_one_line() {
    let stage = Stage::new().await;
    let imported = stage.import(&update()).await;
    assert_eq!(imported.log, "Success - PersonUpdated - 'joe@company.com' updated\n");
    assert_eq!(imported.answer, Answer::Succeeded);
    for name in ALL {
        assert_eq!(has(&stage, name).await, updated(name), "{name}");
    }
    let again = stage.import(&update()).await;
    assert!(again.answer == Answer::Succeeded && again.log.starts_with("Success - Person"), "{}", again.log);
    for name in ALL {
        assert_eq!(has(&stage, name).await, updated(name), "{name}");
    }
}

#[tokio::test]
async fn the_report_has_each_person_at_each_target_with_code_attempts_and_duration() {
    let stage = Stage::new().await;
    let mut update = update();
    update.as_array_mut().unwrap().push(json!({"employeeId": "100200301", "mobile": "+420 2"}));
    let report = stage.import(&update).await.report;
    let told = |part: usize| -> Vec<Value> {
        let targets = report["parts"][part]["targets"].as_array().unwrap().iter();
        targets
            .map(|at| {
                assert!(at["durationMs"].is_u64(), "{at}");
                json!([at["target"], at["outcome"], at["code"], at["attempts"]])
            })
            .collect()
    };
    let [aktion, esystems, onlyoffice, scim] =
        [("aktion", "200/0"), ("esystems", "200"), ("onlyoffice", "200"), ("scim", "200")]
            .map(|(name, code)| json!([name, "Updated", code, 1]));
    assert_eq!(told(0), [aktion.clone(), esystems, onlyoffice.clone(), scim.clone()]);
    assert_eq!(told(1), [aktion, onlyoffice, scim]);
}

#[tokio::test]
async fn nobody_anywhere_is_the_documented_line_and_somebody_somewhere_a_line_each() {
    let stage = Stage::new().await;
    let unknown = json!([{"userPrincipalName": "unknown@company.com", "mobile": "1", "department": "IT"}]);
    let imported = stage.import(&unknown).await;
    assert_eq!(imported.log, "Error - UnknownPerson - Unknown person: 'unknown@company.com'\n");
    // They were all there when the directory was filled.
    for name in ["onlyoffice", "scim"] {
        stage.remove(name, "joe@company.com").await;
    }
    let imported = stage.import(&update()).await;
    assert_eq!(
        imported.log,
        "Success - PersonUpdated - 'joe@company.com' updated at aktion\n\
         Success - PersonUpdated - 'joe@company.com' updated at esystems\n\
         Error - UnknownPerson - Unknown person: 'joe@company.com' at onlyoffice\n\
         Error - UnknownPerson - Unknown person: 'joe@company.com' at scim\n"
    );
    assert_eq!((imported.answer, has(&stage, "aktion").await), (Answer::Failed, updated("aktion")));
    for name in ["aktion", "esystems"] {
        stage.remove(name, "joe@company.com").await;
    }
    let imported = stage.import(&update()).await;
    assert_eq!(imported.log, "Error - UnknownPerson - Unknown person: 'joe@company.com'\n");
}

#[tokio::test]
async fn two_identifiers_of_two_people_change_nothing_anywhere() {
    let stage = Stage::new().await;
    let mut update = update();
    update[0]["employeeId"] = json!("100200301");
    let imported = stage.import(&update).await;
    assert_eq!(
        imported.log,
        "Error - IdentifierConflict - 'joe@company.com' and '100200301' are two persons\n"
    );
    for name in ALL {
        assert_eq!(stage.writes(name).await.0, 0, "{name}");
    }
}

#[tokio::test]
async fn people_whom_a_value_names_are_the_targets_own() {
    let stage = Stage::new().await;
    let named = json!(["sarah@company.com", "100200302", "PERSON007@company.com"]);
    let update = json!([{"employeeId": "100200300", "staffMembers": named, "mobile": "+420 3"}]);
    let imported = stage.import(&update).await;
    assert_eq!(imported.log, "Success - PersonUpdated - '100200300' updated\n");
    let joe = stage.stored("scim", "joe@company.com").await;
    let known = json!(["u-100200301", "u-100200302", "u-200007"]);
    assert_eq!(joe[PEOPLE]["staffMembers"], known, "{joe}");
    let update = json!([{"employeeId": "100200300", "staffMembers": ["nobody@company.com"], "mobile": "9"}]);
    let imported = stage.import(&update).await;
    let line = "Error - InvalidPerson - Invalid person in part 0: UnknownReferences: 'staffMembers'\n";
    assert_eq!(imported.log, line);
    assert_eq!(stage.stored("scim", "joe@company.com").await, joe, "the part is delivered nowhere");
}

#[tokio::test]
async fn null_resets_a_field_where_that_can_be_done_and_is_refused_where_it_cannot() {
    let stage = Stage::new().await;
    let before = stage.stored("scim", "joe@company.com").await;
    let imported = stage.import(&json!([{"userPrincipalName": "joe@company.com", "department": null}])).await;
    assert_eq!(
        imported.log,
        "Success - PersonUpdated - 'joe@company.com' updated at aktion\n\
         Error - DeliveryRefused - 'joe@company.com' not updated: Department cannot be reset: an update adds people to departments only at esystems\n\
         Success - PersonUpdated - 'joe@company.com' updated at scim\n"
    );
    assert_eq!(has(&stage, "aktion").await[1], "");
    assert_eq!(has(&stage, "esystems").await, json!({"IT": true}));
    let mut expected = before;
    expected[ENTERPRISE].as_object_mut().unwrap().remove("department");
    assert_eq!(stage.stored("scim", "joe@company.com").await, expected);
}
