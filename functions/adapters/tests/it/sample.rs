//! Samples of the import logs: all of a span where they are few, some of it where they are many, and never more than asked
//! for.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use people_adapters::dynamodb::DynamoImports;
use people_core::health::{self, HOURS, IMPORTS_AN_HOUR};
use people_core::id::ImportId;
use people_core::log::{Answer, Ending, ImportLog, PartOutcome, State};
use people_core::memory::{self, ManualClock, MemoryImports};
use people_core::ports::{App, Imports};
use people_core::time::Timestamp;

use crate::embedded::{Embedded, beginning, start};
use crate::logs::{KEPT, claim, delivery, parts, running};
use crate::measured::Meter;

const HOUR: Duration = Duration::from_secs(60 * 60);

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(beginning().to_hour().millis() + millis)
}

/// An import that was made at that moment; `number` tells it apart from others, and spreads it.
fn made(at: Timestamp, number: u8) -> ImportLog {
    let id = ImportId::new(at, [0, 0, 0, 0, 0, 0, 0, 0, number, number.wrapping_mul(37)]);
    let mut log = running(id, 1);
    log.state = State::Ended(Answer::Succeeded);
    let deliveries = vec![delivery("aktion", Ending::Updated)];
    log.parts[0].outcome = PartOutcome::Delivered { deliveries, unmapped: Vec::new() };
    log
}

async fn ids(imports: &dyn Imports, from: Timestamp, to: Timestamp, limit: usize) -> BTreeSet<ImportId> {
    let sample = imports.sample(from, to, limit).await.unwrap();
    let ids: BTreeSet<_> = sample.iter().map(|log| log.id).collect();
    assert_eq!((ids.len(), sample.len() <= limit), (sample.len(), true), "each log once");
    ids
}

/// Twenty logs in an hour, its first and its last millisecond included, and one before and one after it.
async fn sample_contract(imports: &dyn Imports) {
    let (from, to) = (at(0), at(3_600_000));
    assert!(ids(imports, from, to, 40).await.is_empty());
    let logs: Vec<_> = (0..20).map(|number| made(at(i64::from(number) * 3_599_999 / 19), number)).collect();
    for log in logs.iter().chain([&made(at(-1), 20), &made(to, 21)]) {
        imports.open(log, Some(&claim("one"))).await.unwrap();
    }
    let all: BTreeSet<_> = logs.iter().map(|log| log.id).collect();
    for limit in [20, 21, 40] {
        assert_eq!(ids(imports, from, to, limit).await, all, "{limit}");
    }
    for limit in [0, 1, 7, 19] {
        let some = ids(imports, from, to, limit).await;
        assert!(some.len() == limit && some.is_subset(&all), "{limit}: {some:?}");
    }
    assert!(ids(imports, from, from, 40).await.is_empty());
    let mut whole = imports.sample(from, at(1), 40).await.unwrap();
    assert_eq!(whole.pop(), Some(logs[0].clone()));
    a_log_has_everything(imports).await;
}

async fn a_log_has_everything(imports: &dyn Imports) {
    let of_everything = ImportLog { parts: parts(), ..made(at(7_200_000), 1) };
    imports.open(&of_everything, Some(&claim("one"))).await.unwrap();
    assert_eq!(imports.sample(at(7_200_000), at(7_200_001), 1).await.unwrap(), [of_everything]);
}

#[tokio::test]
async fn memory_keeps_the_contract() {
    sample_contract(&MemoryImports::new(Arc::new(ManualClock::at(beginning())))).await;
}

fn imports(embedded: &Embedded, client: &Client) -> DynamoImports {
    DynamoImports::new(client.clone(), &embedded.tables, Arc::clone(&embedded.clock) as _, KEPT)
}

#[tokio::test]
async fn dynamodb_keeps_the_contract() {
    let embedded = start().await;
    sample_contract(&imports(&embedded, &embedded.aws.dynamodb)).await;
}

#[tokio::test]
async fn what_is_expired_or_cannot_be_read_is_left_out() {
    let embedded = start().await;
    let imports = imports(&embedded, &embedded.aws.dynamodb);
    let logs = [made(at(0), 1), made(at(1), 2)];
    for log in &logs {
        imports.open(log, Some(&claim("one"))).await.unwrap();
    }
    let (client, table) = (&embedded.aws.dynamodb, &embedded.tables.imports);
    let items = client.scan().table_name(table).send().await.unwrap().items.unwrap();
    let broken = items.iter().find(|item| item["requestId"].as_s() == Ok(&logs[0].id.to_string()));
    let mut broken = broken.unwrap().clone();
    broken.insert("log".into(), AttributeValue::S("nonsense".into()));
    client.put_item().table_name(table).set_item(Some(broken)).send().await.unwrap();
    assert_eq!(imports.sample(at(0), at(10), 40).await.unwrap(), [logs[1].clone()]);
    embedded.clock.advance_to(logs[1].received_at.plus(KEPT));
    assert_eq!(imports.sample(at(0), at(10), 40).await.unwrap(), []);
}

/// What the health of a day costs, with this many imports in each hour.
async fn cost_of_a_day(imports_an_hour: u8) -> (usize, usize, f64) {
    let embedded = start().await;
    let (client, meter) = Meter::on(&embedded.aws.dynamodb);
    let imports = Arc::new(imports(&embedded, &client));
    for hour in 0..HOURS {
        let hour = i64::try_from(hour).unwrap() * i64::try_from(HOUR.as_millis()).unwrap();
        for number in 0..imports_an_hour {
            imports.open(&made(at(i64::from(number) * 10_000 - hour), number), None).await.unwrap();
        }
    }
    meter.calls();
    let app = App { imports, ..memory::app(Arc::clone(&embedded.clock) as _) };
    let health = health::of_last_day(&app).await.unwrap();
    let calls = meter.calls();
    let items = calls.iter().map(|call| call.items).sum();
    let units = calls.iter().map(|call| call.units).sum();
    assert_eq!((health.imports, health.targets[0].day.arrived), (items, items), "each was counted");
    (calls.len(), items, units)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_health_of_a_day_is_read_from_a_bounded_number_of_logs() {
    let most = HOURS * IMPORTS_AN_HOUR;
    let (queries, items, units) = cost_of_a_day(3).await;
    assert_eq!((queries, items), (HOURS * 8, HOURS * 3), "few imports: every shard is asked");
    assert!(units <= 100.0);
    println!("3 imports an hour: {queries} queries, {items} items, {units} units");
    let (queries, items, units) = cost_of_a_day(60).await;
    println!("60 imports an hour: {queries} queries, {items} items, {units} units");
    assert!(queries < HOURS * 8 && items == most && units <= 500.0, "{queries}, {items}, {units}");
}
