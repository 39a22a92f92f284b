//! The import logs and the person index.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use people_adapters::dynamodb::DynamoImports;
use people_core::log::{Answer, Ending, Form, ImportLog, PartOutcome, State};
use people_core::memory::{ManualClock, MemoryImports};
use people_core::person::{Person, PersonKey};
use people_core::ports::{Imports, IndexEntry, Opened};
use people_core::summary::Source;

use crate::embedded::{Embedded, beginning, start};
use crate::logs::{KEPT, claim, delivery, endings, id, parts, running};
use crate::measured::{Call, Meter};

fn person(employee_id: &str) -> PersonKey {
    Person { employee_id: Some(employee_id.into()), ..Person::default() }.key()
}

fn entry(person: &PersonKey, import: u8, part: usize) -> IndexEntry {
    IndexEntry {
        person: person.clone(),
        import: id(import),
        part,
        fields: vec!["salary".into(), "title".into()],
    }
}

async fn imports_contract(imports: &dyn Imports) {
    assert_eq!(imports.find(id(1)).await.unwrap(), None);
    a_log_is_opened_once(imports).await;
    every_outcome_is_read_back(imports).await;
    every_ending_is_read_back(imports).await;
    what_concerned_a_person_is_newest_first(imports).await;
}

async fn a_log_is_opened_once(imports: &dyn Imports) {
    let (joe, first) = (person("7"), running(id(1), 3));
    assert_eq!(imports.open(&first, Some(&claim("one"))).await.unwrap(), Opened::New);
    imports.index(&[entry(&joe, 1, 0)]).await.unwrap();
    assert_eq!(imports.open(&first, Some(&claim("one"))).await.unwrap(), Opened::Before);
    let other = running(id(1), 2);
    assert_eq!(imports.open(&other, Some(&claim("one"))).await.unwrap(), Opened::Before);
    assert_eq!(imports.find(id(1)).await.unwrap(), Some(first));
    assert_eq!(imports.of_person(&joe, None, 99).await.unwrap(), [entry(&joe, 1, 0)]);
}

async fn every_outcome_is_read_back(imports: &dyn Imports) {
    let mut log = running(id(2), parts().len());
    imports.open(&log, Some(&claim("one"))).await.unwrap();
    log.parts = parts();
    log.state = State::Ended(log.answer());
    imports.close(&log, &claim("one").holder).await.unwrap();
    let found = imports.find(id(2)).await.unwrap().unwrap();
    for (found, written) in found.parts.iter().zip(&log.parts) {
        assert_eq!(found, written);
    }
    assert_eq!(found, log);
    imports.close(&log, &claim("one").holder).await.unwrap();
    assert_eq!(imports.find(id(2)).await.unwrap(), Some(log));
}

async fn every_ending_is_read_back(imports: &dyn Imports) {
    for (number, (answer, fault)) in endings().into_iter().enumerate() {
        let parts = if fault.is_some() { Vec::new() } else { parts() };
        let id = id(100 + number as u8);
        let names_targets = number % 2 == 0;
        let form = [Form::Document, Form::Array, Form::Multipart][number % 3];
        let (state, source) = (State::Ended(answer), Source::ALL[number % 4]);
        let log = ImportLog { fault, parts, names_targets, form, source, state, ..running(id, 0) };
        assert_eq!(imports.open(&log, Some(&claim("one"))).await.unwrap(), Opened::New);
        assert_eq!(imports.find(id).await.unwrap(), Some(log));
    }
}

async fn what_concerned_a_person_is_newest_first(imports: &dyn Imports) {
    let (ann, bob) = (person("8"), person("ü🎉@company.com"));
    let fields = Vec::new();
    let last = IndexEntry { person: bob.clone(), import: id(4), part: 0, fields };
    let first: Vec<_> = (0..50).map(|part| entry(&ann, 3, part)).collect();
    imports.open(&running(id(3), 50), Some(&claim("one"))).await.unwrap();
    imports.index(&first).await.unwrap();
    imports.open(&running(id(4), 3), Some(&claim("one"))).await.unwrap();
    imports.index(&[entry(&ann, 4, 2), last.clone(), entry(&ann, 4, 1)]).await.unwrap();
    let of_ann = imports.of_person(&ann, None, 99).await.unwrap();
    assert_eq!(of_ann.len(), 52);
    assert_eq!(of_ann[..3], [entry(&ann, 4, 2), entry(&ann, 4, 1), entry(&ann, 3, 49)]);
    assert_eq!(of_ann[51], entry(&ann, 3, 0));
    assert_eq!(imports.of_person(&bob, None, 99).await.unwrap(), [last]);
    assert_eq!(imports.of_person(&person("9"), None, 99).await.unwrap(), []);
    for (than, newer) in
        [((id(2), 7), 52), ((id(3), 0), 51), ((id(3), 49), 2), ((id(4), 1), 1), ((id(4), 2), 0)]
    {
        assert_eq!(imports.newer(&ann, than).await.unwrap(), of_ann[..newer], "{than:?}");
    }
    assert_eq!(imports.newer(&person("9"), (id(1), 0)).await.unwrap(), []);
}

#[tokio::test]
async fn memory_keeps_the_contract() {
    imports_contract(&MemoryImports::new(Arc::new(ManualClock::at(beginning())))).await;
}

fn imports(embedded: &Embedded) -> DynamoImports {
    let Embedded { aws, tables, clock, .. } = embedded;
    DynamoImports::new(aws.dynamodb.clone(), tables, Arc::clone(clock) as _, KEPT)
}

#[tokio::test]
async fn dynamodb_keeps_the_contract() {
    imports_contract(&imports(&start().await)).await;
}

#[tokio::test]
async fn a_log_and_its_entries_are_gone_after_their_time() {
    let embedded = start().await;
    let (imports, joe) = (imports(&embedded), person("7"));
    imports.open(&running(id(1), 1), Some(&claim("one"))).await.unwrap();
    imports.index(&[entry(&joe, 1, 0)]).await.unwrap();
    embedded.clock.advance_to(beginning().plus(KEPT - Duration::from_secs(1)));
    assert!(imports.find(id(1)).await.unwrap().is_some());
    assert_eq!(imports.of_person(&joe, None, 99).await.unwrap().len(), 1);
    embedded.clock.advance_to(beginning().plus(KEPT));
    assert_eq!(imports.find(id(1)).await.unwrap(), None);
    assert_eq!(imports.of_person(&joe, None, 99).await.unwrap(), []);
}

#[tokio::test]
async fn only_an_open_log_is_closed_and_only_once() {
    let imports = imports(&start().await);
    let mut log = ImportLog { state: State::Ended(Answer::Failed), ..running(id(1), 1) };
    assert!(imports.close(&log, &claim("one").holder).await.is_err());
    assert_eq!(imports.find(id(1)).await.unwrap(), None);
    imports.open(&running(id(1), 1), Some(&claim("one"))).await.unwrap();
    imports.close(&log, &claim("one").holder).await.unwrap();
    log.parts[0].outcome = PartOutcome::Uploaded;
    assert!(imports.close(&log, &claim("one").holder).await.is_err());
}

type Item = HashMap<String, AttributeValue>;

/// The one item in the table of the logs.
async fn item(embedded: &Embedded) -> Item {
    let (client, table) = (&embedded.aws.dynamodb, &embedded.tables.imports);
    client.scan().table_name(table).send().await.unwrap().items.unwrap().remove(0)
}

/// What opening and closing the log of 50 updates costs that all of these targets accepted, and the item that is left. The
/// names and codes are as long as they usually are.
async fn clean_batch(targets: &[&str]) -> (Vec<Call>, Item) {
    let embedded = start().await;
    let (client, meter) = Meter::on(&embedded.aws.dynamodb);
    let Embedded { tables, clock, .. } = &embedded;
    let imports = DynamoImports::new(client, tables, Arc::clone(clock) as _, KEPT);
    let mut log = running(id(1), 50);
    imports.open(&log, Some(&claim("one"))).await.unwrap();
    for (number, part) in log.parts.iter_mut().enumerate() {
        let ending = |place: usize| {
            if (number + place).is_multiple_of(5) { Ending::Unchanged } else { Ending::Updated }
        };
        let deliveries = targets.iter().enumerate().map(|(place, target)| delivery(target, ending(place)));
        part.outcome = PartOutcome::Delivered { deliveries: deliveries.collect(), unmapped: Vec::new() };
    }
    log.state = State::Ended(log.answer());
    imports.close(&log, &claim("one").holder).await.unwrap();
    (meter.calls(), item(&embedded).await)
}

#[tokio::test]
async fn a_clean_batch_of_50_costs_two_writes_and_at_most_8_units_indexes_included() {
    for targets in 1..=4 {
        let names = &["aktion", "esystems", "onlyoffice", "scim"][..targets];
        let (writes, item) = clean_batch(names).await;
        println!("{targets} targets: {} bytes, {writes:?}", item["log"].as_s().unwrap().len());
        assert_eq!(writes.len(), 2);
        assert!(writes.iter().map(|call| call.units).sum::<f64>() <= 8.0, "{targets}: {writes:?}");
        let text = |name: &str| item[name].as_s().unwrap().as_str();
        assert_eq!((text("state"), text("receivedAt")), ("succeeded", "2026-09-21T14:13:20Z"));
        assert_eq!(text("requestId"), id(1).to_string());
        assert!(!item.contains_key("running") && !item.contains_key("unsuccessful"));
    }
}

#[tokio::test]
async fn a_log_that_cannot_be_read_is_an_error() {
    let embedded = start().await;
    let imports = imports(&embedded);
    imports.open(&running(id(1), 1), Some(&claim("one"))).await.unwrap();
    let mut item = item(&embedded).await;
    for (name, value) in [("log", "[2]"), ("log", "[1,[],0,false,0,null,[]]"), ("state", "resting")] {
        item.insert(name.into(), AttributeValue::S(value.into()));
        let put = embedded.aws.dynamodb.put_item().table_name(&embedded.tables.imports);
        put.set_item(Some(item.clone())).send().await.unwrap();
        assert_eq!(imports.find(id(1)).await.is_err(), !value.starts_with("[1"), "{name}");
    }
}
