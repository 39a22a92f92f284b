//! What newer imports have set, where one of their logs cannot be read.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;
use people_adapters::dynamodb::DynamoImports;
use people_core::late::{Deletion, Late, deletion, newer};
use people_core::log::{Answer, Ending, ImportLog, Outcome, PartOutcome, State};
use people_core::memory;
use people_core::person::{Identifier, Person, PersonKey};
use people_core::ports::{App, ConfiguredTarget, Found, Imports, IndexEntry, Listing, PersonUpdate, Target};
use people_core::time::Timestamp;

use crate::embedded::start;
use crate::logs::{KEPT, claim, delivery, id, running};

/// A target that nobody calls.
struct Uncalled;

#[async_trait]
impl Target for Uncalled {
    async fn find(&self, _: &[Identifier], _: Timestamp) -> Vec<Found> {
        Vec::new()
    }

    async fn list(&self, _: Timestamp) -> Listing {
        Listing::CannotList
    }

    async fn deliver(&self, _: &[PersonUpdate], _: Timestamp) -> Vec<Outcome> {
        Vec::new()
    }
}

fn key(employee_id: &str) -> PersonKey {
    Person { employee_id: Some(employee_id.into()), ..Person::default() }.key()
}

#[tokio::test]
async fn only_those_who_are_older_than_a_damaged_log_wait_for_it() {
    let embedded = start().await;
    let (client, tables) = (embedded.aws.dynamodb.clone(), &embedded.tables);
    let imports: Arc<dyn Imports> =
        Arc::new(DynamoImports::new(client.clone(), tables, embedded.clock.clone(), KEPT));
    let target =
        ConfiguredTarget { name: "t".into(), fields: ["phone".into()].into(), api: Arc::new(Uncalled) };
    let app = App {
        imports: Arc::clone(&imports),
        targets: [target].into(),
        ..memory::app(embedded.clock.clone())
    };
    for (import, person) in [(2, "7"), (3, "8")] {
        let mut log = running(id(import), 1);
        imports.open(&log, Some(&claim("anybody"))).await.unwrap();
        let entry = IndexEntry { person: key(person), import: log.id, part: 0, fields: vec!["phone".into()] };
        imports.index(&[entry]).await.unwrap();
        let deliveries = vec![delivery("t", Ending::Updated)];
        log.parts[0].outcome = PartOutcome::Delivered { deliveries, unmapped: Vec::new() };
        let log = ImportLog { state: State::Ended(Answer::Succeeded), ..log };
        imports.close(&log, &claim("anybody").holder).await.unwrap();
    }
    let damaged = client.scan().table_name(&tables.imports).send().await.unwrap().items.unwrap();
    let third = id(3).to_string();
    let mut item =
        damaged.into_iter().find(|item| item["requestId"] == AttributeValue::S(third.clone())).unwrap();
    item.insert("log".into(), AttributeValue::S("damaged".into()));
    client.put_item().table_name(&tables.imports).set_item(Some(item)).send().await.unwrap();
    let phone: Arc<str> = "phone".into();
    let late = |person| Late {
        person: vec![key(person)],
        part: (id(1), 0),
        fields: BTreeSet::from([&phone]),
        own_import: true,
    };
    let found = newer(&app, &[late("7"), late("8"), late("9")]).await.unwrap();
    let told: Vec<_> = found.iter().map(|newer| (newer.set.len(), newer.undecided.len())).collect();
    assert_eq!(told, [(1, 0), (0, 1), (0, 0)]);
    for (person, expected) in [("7", Deletion::No), ("8", Deletion::Undecided), ("9", Deletion::No)] {
        let person = Person { employee_id: Some(person.into()), ..Person::default() };
        let found = deletion(&app, &person, (id(1), 0), &phone, None).await.unwrap();
        assert_eq!(found, expected, "{person:?}");
    }
}
