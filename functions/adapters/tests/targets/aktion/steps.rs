//! What the steps of a mapping make of a value, as it arrives at Aktion; and what is refused because they make nothing of it.

use std::collections::HashMap;
use std::sync::Arc;

use people_core::log::{Ending, Outcome};
use people_core::person::NativeKey;
use people_core::ports::{PersonUpdate, Reference};
use people_core::update::{Change, Value as FieldValue};
use serde_json::{Value, json};

use super::stage::{JOE, Stage, profile, refused, update};

/// An update of joe in which every value is of its own kind.
fn changes(fields: &[(&str, FieldValue)]) -> PersonUpdate {
    let profile = profile();
    let change = |(field, value): &(&str, FieldValue)| {
        let field = profile.field(field).unwrap();
        Change { field: field.name.clone(), kind: field.kind, value: value.clone() }
    };
    let person = |key: Option<&str>, employee_id: &str| Reference {
        key: key.map(|key| NativeKey(key.to_owned())),
        employee_id: Some(employee_id.to_owned()),
        upn: None,
    };
    let people = [
        ("sarah@company.com".to_owned(), person(Some("100200301"), "S-1")),
        ("bob@company.com".to_owned(), person(None, "B-2")),
    ];
    PersonUpdate {
        changes: fields.iter().map(change).collect(),
        people: Arc::new(HashMap::from(people)),
        ..update(JOE, &[])
    }
}

fn text(text: &str) -> FieldValue {
    FieldValue::Text(text.to_owned())
}

fn texts(all: &[&str]) -> FieldValue {
    FieldValue::Texts(all.iter().map(|text| (*text).to_owned()).collect())
}

fn languages(all: &[(&str, &str)]) -> Vec<(String, String)> {
    all.iter().map(|(code, text)| ((*code).to_owned(), (*text).to_owned())).collect()
}

/// Aktion with one mapped field, and what delivering one value to it comes to.
async fn delivered(field: &str, wanted: Value, value: FieldValue) -> (Outcome, Stage) {
    let mut fields = json!({});
    fields[field] = wanted;
    let stage = Stage::with(json!({ "fields": fields })).await;
    let outcome = stage.deliver(&[changes(&[(field, value)])]).await.remove(0);
    (outcome, stage)
}

#[tokio::test]
async fn each_step_writes_what_it_makes_of_a_value() {
    let titles = FieldValue::MultiLangs(vec![
        languages(&[("de", "Leiterin"), ("en", "Head")]),
        languages(&[("de", "Lehrerin")]),
    ]);
    for (field, wanted, value, expected) in [
        ("notes", json!({"to": "Desc"}), text("as it is"), "as it is"),
        (
            "jobTitle",
            json!({"to": "Desc", "language": "en"}),
            FieldValue::MultiLang(languages(&[("de", "Leiterin"), ("en", "Head")])),
            "Head",
        ),
        (
            "jobTitle",
            json!({"to": "Desc", "language": ["en", "de"]}),
            FieldValue::MultiLang(languages(&[("de", "Leiterin")])),
            "Leiterin",
        ),
        ("manager", json!("Desc"), text("sarah@company.com"), "100200301"),
        ("manager", json!({"to": "Desc", "person": "employeeId"}), text("bob@company.com"), "B-2"),
        ("notes", json!({"to": "Desc", "values": {"a": "1", "b": ""}}), text("a"), "1"),
        ("notes", json!({"to": "Desc", "values": {"a": "1", "b": ""}}), text("b"), ""),
        ("joinDate", json!({"to": "Desc", "dateFormat": "d.M.yyyy"}), text("2023-11-03"), "3.11.2023"),
        ("joinDate", json!("Desc"), text("2023-11-03"), "2023-11-03"),
        ("skills", json!({"to": "Desc", "first": true}), texts(&["b", "a"]), "b"),
        ("skills", json!({"to": "Desc", "join": ", "}), texts(&["b", "a"]), "b, a"),
        ("titles", json!({"to": "Desc", "language": ["en", "de"], "join": "/"}), titles, "Head/Lehrerin"),
        ("assistants", json!({"to": "Desc", "first": true}), texts(&["sarah@company.com"]), "100200301"),
        ("skills", json!({"to": "Desc", "constant": "skilled"}), texts(&["b"]), "skilled"),
    ] {
        let (outcome, stage) = delivered(field, wanted.clone(), value).await;
        // What was never set does not differ from "".
        let ending = if expected.is_empty() { Ending::Unchanged } else { Ending::Updated };
        assert_eq!(outcome.ending, ending, "{field} {wanted}");
        assert_eq!(stage.bodies().await, [json!({"PersonId": JOE, "Desc": expected})], "{field} {wanted}");
    }
}

#[tokio::test]
async fn a_number_comes_out_of_a_table() {
    let wanted = json!({"to": "Sex", "values": {"female": "2", "male": "1"}});
    let (outcome, stage) = delivered("notes", wanted, text("female")).await;
    assert_eq!(outcome.ending, Ending::Updated);
    assert_eq!(stage.stored(JOE).await["Sex"], 2);
}

#[tokio::test]
async fn a_reset_clears_whatever_the_steps_are() {
    for (field, wanted) in [
        ("notes", json!({"to": "Desc", "constant": "always"})),
        ("notes", json!({"to": "Desc", "values": {"a": "b"}})),
        ("jobTitle", json!({"to": "Desc", "language": "en"})),
        ("joinDate", json!({"to": "Desc", "dateFormat": "yyyy"})),
        ("skills", json!({"to": "Desc", "join": ", "})),
        ("manager", json!({"to": "Desc", "person": "employeeId"})),
    ] {
        let (outcome, stage) = delivered(field, wanted.clone(), FieldValue::Reset).await;
        assert_eq!(outcome.ending, Ending::Unchanged, "{wanted}");
        assert_eq!(stage.bodies().await, [json!({"PersonId": JOE, "Desc": ""})], "{wanted}");
    }
}

#[tokio::test]
async fn a_value_of_which_nothing_can_be_made_is_refused_and_nothing_of_its_update_is_sent() {
    let fields = json!({
        "firstName": "Name",
        "jobTitle": {"to": "EmployeePosition", "language": "en"},
        "manager": "Surname",
        "assistants": {"to": "LoginName", "person": "userPrincipalName", "join": ","},
        "notes": {"to": "Email", "values": {"a": "1"}},
        "skills": {"to": "DegreeAfterName", "join": " "},
    });
    let identifiers = json!({"employeeId": "PersonId"});
    let stage = Stage::with(json!({"fields": fields, "identifiers": identifiers})).await;
    let half = "xxxxxxxxxxxxxxx";
    for (field, value, why) in [
        (
            "jobTitle",
            FieldValue::MultiLang(languages(&[("de", "Leiterin")])),
            "jobTitle has no text in the language that is wanted there",
        ),
        ("manager", text("bob@company.com"), "manager names a person who is not known there"),
        (
            "assistants",
            texts(&["sarah@company.com"]),
            "assistants names a person whose userPrincipalName is not known",
        ),
        ("notes", text("A"), "notes has a value that has no counterpart there"),
        ("skills", texts(&[half, half]), "DegreeAfterName has at most 30 characters"),
    ] {
        let update = changes(&[("firstName", text("Joe")), (field, value)]);
        let outcome = stage.deliver(&[update]).await.remove(0);
        assert_eq!((outcome.ending, outcome.attempts), (refused(why), 0));
    }
    assert_eq!(stage.counts().await, [0; 4]);
    let fits = changes(&[("skills", texts(&[half, &half[1..]]))]);
    assert_eq!(stage.deliver(&[fits]).await[0].ending, Ending::Updated);
}
