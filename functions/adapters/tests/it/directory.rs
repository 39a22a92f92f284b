//! The directory.

use std::sync::Arc;
use std::time::Duration;

use people_adapters::dynamodb::DynamoDirectory;
use people_core::memory::MemoryDirectory;
use people_core::person::{Identifier, NativeKey, Person, TargetName};
use people_core::ports::{Directory, Sighting};

use crate::embedded::{Embedded, beginning, start};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn target(name: &str) -> TargetName {
    name.into()
}

fn seen(key: &str, id: &str, upn: &str) -> Sighting {
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Sighting { key: NativeKey(key.into()), employee_id: given(id), upn: given(upn) }
}

fn identifier(text: &str) -> Identifier {
    match text.contains('@') {
        true => Identifier::Upn(text.into()),
        false => Identifier::EmployeeId(text.into()),
    }
}

async fn known(directory: &dyn Directory, text: &str) -> Option<Person> {
    let identifier = identifier(text);
    directory.resolve(std::slice::from_ref(&identifier)).await.unwrap().remove(&identifier)
}

async fn learn(directory: &dyn Directory, name: &str, sighting: Sighting) -> Person {
    directory.learn(&target(name), &[sighting]).await.unwrap().remove(0)
}

/// The key at a target, `-` where there is none.
fn key(person: &Person, name: &str) -> String {
    person.keys.get(name).map_or("-".into(), |key| key.0.clone())
}

async fn directory_contract(directory: &dyn Directory) {
    both_identifiers_lead_to_one_person(directory).await;
    a_renamed_person_is_found_under_the_new_name_alone(directory).await;
    a_upn_that_moved_leads_to_its_new_owner(directory).await;
    a_person_known_by_upn_gets_an_employee_id(directory).await;
    a_key_is_forgotten_everywhere(directory).await;
    released_identifiers_lead_nowhere(directory).await;
    several_sightings_of_one_person_are_one_person(directory).await;
    nothing_asked_is_nothing_answered(directory).await;
    a_released_upn_is_not_taken_back_by_a_sighting_without_it(directory).await;
    a_upn_that_moved_stays_with_its_new_owner(directory).await;
    whoever_was_known_by_a_upn_alone_joins_the_one_with_the_employee_id(directory).await;
    a_key_that_passed_to_somebody_else_is_theirs_alone(directory).await;
}

async fn whoever_was_known_by_a_upn_alone_joins_the_one_with_the_employee_id(directory: &dyn Directory) {
    learn(directory, "a", seen("a31", "31", "")).await;
    learn(directory, "c", seen("c31", "", "zoe@x.y")).await;
    let zoe = learn(directory, "b", seen("b31", "31", "zoe@x.y")).await;
    assert_eq!(["a", "b", "c"].map(|name| key(&zoe, name)), ["a31", "b31", "c31"]);
    assert_eq!(known(directory, "31").await.as_ref(), Some(&zoe));
    assert_eq!(known(directory, "zoe@x.y").await.as_ref(), Some(&zoe));
    directory.forget(&target("c"), &NativeKey("c31".into())).await.unwrap();
    assert_eq!(key(&known(directory, "31").await.unwrap(), "c"), "-");
}

async fn a_key_that_passed_to_somebody_else_is_theirs_alone(directory: &dyn Directory) {
    let at_c = async |text: &str| known(directory, text).await.map(|person| key(&person, "c"));
    learn(directory, "a", seen("a41", "41", "ike@x.y")).await;
    learn(directory, "a", seen("a42", "42", "jon@x.y")).await;
    learn(directory, "c", seen("g", "", "ike@x.y")).await;
    learn(directory, "c", seen("g", "", "jon@x.y")).await;
    for (text, expected) in [("41", "-"), ("ike@x.y", "-"), ("42", "g"), ("jon@x.y", "g")] {
        assert_eq!(at_c(text).await.as_deref(), Some(expected), "{text}");
    }
    directory.forget(&target("c"), &NativeKey("g".into())).await.unwrap();
    assert_eq!(at_c("42").await.as_deref(), Some("-"));
    // With the last key the person goes too.
    learn(directory, "c", seen("h", "", "kim@x.y")).await;
    learn(directory, "c", seen("h", "42", "")).await;
    assert_eq!((at_c("kim@x.y").await, at_c("42").await.as_deref()), (None, Some("h")));
}

async fn a_released_upn_is_not_taken_back_by_a_sighting_without_it(directory: &dyn Directory) {
    learn(directory, "a", seen("r17", "17", "rita@x.y")).await;
    directory.release(&[identifier("rita@x.y")]).await.unwrap();
    let rita = learn(directory, "a", seen("r17", "17", "")).await;
    assert_eq!(rita.upn, None);
    assert_eq!(known(directory, "rita@x.y").await, None);
}

async fn a_upn_that_moved_stays_with_its_new_owner(directory: &dyn Directory) {
    let owner = async || known(directory, "mo@x.y").await.unwrap().employee_id;
    learn(directory, "a", seen("m27", "27", "mo@x.y")).await;
    learn(directory, "a", seen("m28", "28", "mo@x.y")).await;
    learn(directory, "b", seen("n27", "27", "")).await;
    assert_eq!(owner().await.as_deref(), Some("28"));
    learn(directory, "a", seen("m27", "27", "moritz@x.y")).await;
    assert_eq!(owner().await.as_deref(), Some("28"));
}

async fn both_identifiers_lead_to_one_person(directory: &dyn Directory) {
    assert_eq!(known(directory, "7").await, None);
    learn(directory, "a", seen("a7", "7", "joe@x.y")).await;
    let joe = learn(directory, "b", seen("b7", "7", "")).await;
    assert_eq!((key(&joe, "a"), key(&joe, "b")), ("a7".into(), "b7".into()));
    assert_eq!(known(directory, "7").await, Some(joe.clone()));
    assert_eq!(known(directory, "joe@x.y").await, Some(joe.clone()));
    let asked =
        [identifier("7"), identifier("joe@x.y"), identifier("7"), identifier("8"), identifier("8@x.y")];
    let found = directory.resolve(&asked).await.unwrap();
    assert_eq!((found.len(), found.get(&asked[1])), (2, Some(&joe)));
}

async fn a_renamed_person_is_found_under_the_new_name_alone(directory: &dyn Directory) {
    learn(directory, "a", seen("a7", "7", "joseph@x.y")).await;
    assert_eq!(known(directory, "joe@x.y").await, None);
    assert_eq!(known(directory, "joseph@x.y").await, known(directory, "7").await);
    let same = learn(directory, "a", seen("a7", "", "jo@x.y")).await;
    assert_eq!((same.employee_id.as_deref(), key(&same, "b")), (Some("7"), "b7".into()));
    assert_eq!(known(directory, "joseph@x.y").await, None);
}

async fn a_upn_that_moved_leads_to_its_new_owner(directory: &dyn Directory) {
    learn(directory, "a", seen("a8", "8", "jo@x.y")).await;
    assert_eq!(known(directory, "jo@x.y").await.unwrap().employee_id.as_deref(), Some("8"));
    assert_eq!(known(directory, "7").await.unwrap().employee_id.as_deref(), Some("7"));
}

async fn a_person_known_by_upn_gets_an_employee_id(directory: &dyn Directory) {
    learn(directory, "b", seen("b9", "", "ann@x.y")).await;
    assert_eq!(known(directory, "ann@x.y").await.unwrap().key().as_str(), "ann@x.y");
    let ann = learn(directory, "a", seen("a9", "9", "ann@x.y")).await;
    assert_eq!((ann.key().as_str(), key(&ann, "b")), ("9", "b9".into()));
    let ann = learn(directory, "b", seen("b9", "", "")).await;
    assert_eq!(ann.key().as_str(), "9");
    assert_eq!(known(directory, "9").await, Some(ann));
}

async fn a_key_is_forgotten_everywhere(directory: &dyn Directory) {
    let forget = async |key: &str| directory.forget(&target("b"), &NativeKey(key.into())).await.unwrap();
    forget("unknown").await;
    forget("b9").await;
    for text in ["9", "ann@x.y"] {
        let ann = known(directory, text).await.unwrap();
        assert_eq!((key(&ann, "a"), key(&ann, "b")), ("a9".into(), "-".into()));
    }
    forget("b9").await;
    let new = learn(directory, "b", seen("b9-new", "9", "")).await;
    assert_eq!(key(&new, "b"), "b9-new");
    learn(directory, "b", seen("b99", "99", "sole@x.y")).await;
    forget("b99").await;
    assert_eq!((known(directory, "99").await, known(directory, "sole@x.y").await), (None, None));
}

async fn released_identifiers_lead_nowhere(directory: &dyn Directory) {
    directory.release(&[identifier("ann@x.y"), identifier("ann@x.y"), identifier("nobody")]).await.unwrap();
    assert_eq!(known(directory, "ann@x.y").await, None);
    assert!(known(directory, "9").await.is_some());
}

async fn several_sightings_of_one_person_are_one_person(directory: &dyn Directory) {
    let sightings =
        [seen("k", "20", ""), seen("k", "", "eve@x.y"), seen("k2", "20", "eva@x.y"), seen("m", "21", "")];
    let learnt = directory.learn(&target("a"), &sightings).await.unwrap();
    let keys: Vec<_> = learnt.iter().map(|person| key(person, "a")).collect();
    assert_eq!(keys, ["k", "k", "k2", "m"]);
    assert_eq!(learnt[1].identifiers().count(), 2);
    assert_eq!(known(directory, "eve@x.y").await, None);
    assert_eq!(known(directory, "eva@x.y").await.as_ref(), Some(&learnt[2]));
    assert_eq!(known(directory, "20").await.as_ref(), Some(&learnt[2]));
}

async fn nothing_asked_is_nothing_answered(directory: &dyn Directory) {
    assert!(directory.resolve(&[]).await.unwrap().is_empty());
    assert!(directory.learn(&target("a"), &[]).await.unwrap().is_empty());
    directory.release(&[]).await.unwrap();
}

#[tokio::test]
async fn memory_keeps_the_contract() {
    directory_contract(&MemoryDirectory::default()).await;
}

fn directory(embedded: &Embedded) -> DynamoDirectory {
    DynamoDirectory::new(embedded.aws.dynamodb.clone(), &embedded.tables, Arc::clone(&embedded.clock) as _)
}

#[tokio::test]
async fn dynamodb_keeps_the_contract() {
    directory_contract(&directory(&start().await)).await;
}

#[tokio::test]
async fn a_person_whom_nobody_confirms_is_forgotten_after_30_days() {
    let embedded = start().await;
    let directory = directory(&embedded);
    learn(&directory, "a", seen("a7", "7", "joe@x.y")).await;
    embedded.clock.advance_to(beginning().plus(DAY * 29));
    learn(&directory, "a", seen("a7", "7", "joe@x.y")).await;
    embedded.clock.advance_to(beginning().plus(DAY * 58));
    assert!(known(&directory, "7").await.is_some());
    embedded.clock.advance_to(beginning().plus(DAY * 59));
    assert_eq!(known(&directory, "7").await, None);
    let new = learn(&directory, "a", seen("a7", "", "joe@x.y")).await;
    assert_eq!(new.employee_id, None);
}

/// When the entry of an identifier was last written.
async fn confirmed(embedded: &Embedded, entry: &str) -> i64 {
    let key = aws_sdk_dynamodb::types::AttributeValue::S(entry.into());
    let get = embedded.aws.dynamodb.get_item().table_name(&embedded.tables.directory).key("entry", key);
    let item = get.send().await.unwrap().item.unwrap();
    item["confirmed"].as_n().unwrap().parse().unwrap()
}

#[tokio::test]
async fn what_is_unchanged_is_written_once_a_day() {
    let embedded = start().await;
    let directory = directory(&embedded);
    let entries = ["E#7", "U#joe@x.y", "T#a#a7"];
    learn(&directory, "a", seen("a7", "7", "joe@x.y")).await;
    for (after, written) in [(DAY - Duration::from_secs(1), beginning()), (DAY, beginning().plus(DAY))] {
        embedded.clock.advance_to(beginning().plus(after));
        learn(&directory, "a", seen("a7", "7", "joe@x.y")).await;
        for entry in entries {
            assert_eq!(confirmed(&embedded, entry).await, written.seconds(), "{entry}");
        }
    }
}

#[tokio::test]
async fn a_thousand_people_are_learnt_and_found() {
    let directory = directory(&start().await);
    let sightings: Vec<_> =
        (0..1000).map(|n| seen(&format!("k{n}"), &n.to_string(), &format!("p{n}@x.y"))).collect();
    let learnt = directory.learn(&target("a"), &sightings).await.unwrap();
    assert_eq!(learnt.len(), 1000);
    let identifiers: Vec<_> = learnt.iter().flat_map(Person::identifiers).collect();
    assert_eq!(directory.resolve(&identifiers).await.unwrap().len(), 2000);
    assert_eq!(directory.learn(&target("a"), &sightings).await.unwrap(), learnt);
}

#[tokio::test]
async fn an_identifier_that_is_too_long_for_an_entry_leads_nowhere() {
    let directory = directory(&start().await);
    let long = "🎉".repeat(600);
    let person = learn(&directory, "a", seen("a7", "7", &long)).await;
    assert_eq!(person.upn.as_deref(), Some(long.as_str()));
    assert!(known(&directory, "7").await.is_some());
    assert_eq!(directory.resolve(&[Identifier::Upn(long)]).await.unwrap().len(), 0);
}
