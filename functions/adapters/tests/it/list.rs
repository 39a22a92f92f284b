//! The list of the import logs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::interceptors::BeforeSerializationInterceptorContextRef;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept};
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodb::operation::put_item::PutItemInput;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, PutRequest,
    ScalarAttributeType, WriteRequest,
};
use futures_util::{StreamExt, stream};
use people_adapters::dynamodb::{DynamoImports, create_tables};
use people_core::id::ImportId;
use people_core::log::{Answer, ImportLog, PartOutcome, State};
use people_core::memory::{ManualClock, MemoryImports};
use people_core::ports::{Imports, Page};
use people_core::summary::Summary;
use people_core::time::Timestamp;

use crate::embedded::{Embedded, beginning, start};
use crate::logs::{KEPT, claim, running};
use crate::measured::{Call, Meter};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn ago(time: Duration) -> Timestamp {
    Timestamp::from_millis(beginning().millis() - i64::try_from(time.as_millis()).unwrap())
}

/// An import of three parts, received at that moment; `number` tells it apart from others, and spreads it.
fn log(at: Timestamp, number: u32, state: State) -> ImportLog {
    let mut random = [0; 10];
    random[..4].copy_from_slice(&number.to_be_bytes());
    random[9] = (number.wrapping_mul(2_654_435_761) >> 24) as u8;
    let mut log = ImportLog { received_at: at, state, ..running(ImportId::new(at, random), 3) };
    if let State::Ended(answer) = state {
        for (number, part) in log.parts.iter_mut().enumerate() {
            let succeeded = answer == Answer::Succeeded || answer == Answer::PartlyFailed && number == 0;
            part.outcome = if succeeded { PartOutcome::Uploaded } else { PartOutcome::UnknownPerson };
        }
    }
    log
}

fn page(before: Option<ImportId>, limit: usize, errors_only: bool) -> Page {
    Page { before, limit, errors_only, ..Page::default() }
}

/// Every page of this size, and what happens after each.
async fn walk(
    imports: &dyn Imports,
    limit: usize,
    errors_only: bool,
    mut between: impl AsyncFnMut(),
) -> Vec<Summary> {
    let mut all: Vec<Summary> = Vec::new();
    loop {
        let last = all.last().map(|summary| summary.id);
        let found = imports.list(&page(last, limit, errors_only)).await.unwrap();
        assert!(found.len() <= limit);
        if found.is_empty() {
            return all;
        }
        all.extend(found);
        between().await;
    }
}

const ENDINGS: [State; 5] = [
    State::Ended(Answer::Succeeded),
    State::Running,
    State::Ended(Answer::PartlyFailed),
    State::Ended(Answer::Succeeded),
    State::Ended(Answer::Failed),
];

/// Forty logs, newest first, some of them of the same millisecond: a few of the days before, and of the months before.
fn forty() -> Vec<ImportLog> {
    let log = |number: u32| log(ago(DAY * (number / 2) * 2), 40 - number, ENDINGS[number as usize % 5]);
    (0..40).map(log).collect()
}

async fn list_contract(imports: &dyn Imports) {
    assert_eq!(imports.list(&page(None, 50, false)).await.unwrap(), []);
    let logs = forty();
    for log in logs.iter().rev() {
        imports.open(log, Some(&claim("one"))).await.unwrap();
    }
    let all: Vec<_> = logs.iter().map(ImportLog::summary).collect();
    every_log_is_on_one_page(imports, &all).await;
    what_ends_is_listed_as_it_ended(imports, &logs).await;
}

async fn every_log_is_on_one_page(imports: &dyn Imports, all: &[Summary]) {
    let unsuccessful = |summary: &&Summary| summary.state != State::Ended(Answer::Succeeded);
    let errors: Vec<_> = all.iter().filter(unsuccessful).cloned().collect();
    assert_eq!((all.len(), errors.len()), (40, 24));
    for limit in [1, 7, 40, 41, 201] {
        assert_eq!(walk(imports, limit, false, async || {}).await, all, "{limit}");
        assert_eq!(walk(imports, limit, true, async || {}).await, errors, "{limit}");
    }
    let nobody = ImportId::new(beginning().plus(DAY), [0; 10]);
    assert_eq!(imports.list(&page(Some(nobody), 3, false)).await.unwrap(), all[..3]);
    let long_ago = ImportId::new(Timestamp::from_millis(0), [0; 10]);
    assert_eq!(imports.list(&page(Some(long_ago), 3, false)).await.unwrap(), []);
}

async fn what_ends_is_listed_as_it_ended(imports: &dyn Imports, logs: &[ImportLog]) {
    let running: Vec<_> = logs.iter().filter(|log| log.state == State::Running).collect();
    let ended = |log: &ImportLog, state| ImportLog { state, ..self::log(log.received_at, 0, state) };
    for (open, answer) in running.iter().zip([Answer::Succeeded, Answer::PartlyFailed, Answer::StoreFailed]) {
        let state = State::Ended(answer);
        let closed = ImportLog { state, parts: ended(open, state).parts, ..(*open).clone() };
        imports.close(&closed, &claim("one").holder).await.unwrap();
        let summary = closed.summary();
        let listed = walk(imports, 50, false, async || {}).await;
        assert_eq!(listed.iter().filter(|listed| listed.id == open.id).collect::<Vec<_>>(), [&summary]);
        let listed = walk(imports, 50, true, async || {}).await;
        let listed = listed.iter().filter(|listed| listed.id == open.id).count();
        assert_eq!(listed, usize::from(answer != Answer::Succeeded));
    }
}

#[tokio::test]
async fn memory_keeps_the_contract() {
    list_contract(&MemoryImports::new(Arc::new(ManualClock::at(beginning())))).await;
}

fn imports_of(embedded: &Embedded, client: &Client) -> DynamoImports {
    DynamoImports::new(client.clone(), &embedded.tables, Arc::clone(&embedded.clock) as _, KEPT)
}

fn imports(embedded: &Embedded) -> DynamoImports {
    imports_of(embedded, &embedded.aws.dynamodb)
}

#[tokio::test]
async fn dynamodb_keeps_the_contract() {
    list_contract(&imports(&start().await)).await;
}

#[tokio::test]
async fn a_log_is_listed_until_its_time_is_over() {
    let embedded = start().await;
    let imports = imports(&embedded);
    let first = log(beginning(), 1, State::Ended(Answer::Failed));
    imports.open(&first, Some(&claim("one"))).await.unwrap();
    embedded.clock.advance_to(beginning().plus(KEPT - Duration::from_secs(1)));
    assert_eq!(walk(&imports, 10, false, async || {}).await, [first.summary()]);
    assert_eq!(walk(&imports, 10, true, async || {}).await, [first.summary()]);
    embedded.clock.advance_to(beginning().plus(KEPT));
    assert_eq!(walk(&imports, 10, false, async || {}).await, []);
    assert_eq!(walk(&imports, 10, true, async || {}).await, []);
}

#[tokio::test]
async fn a_log_of_a_clock_that_is_ahead_is_listed() {
    let embedded = start().await;
    let imports = imports(&embedded);
    // The last minute of a month, and an id of the next one.
    embedded.clock.advance_to(Timestamp::from_rfc3339("2026-09-30T23:59:30Z").unwrap());
    let ahead = log(Timestamp::from_rfc3339("2026-10-01T00:00:10Z").unwrap(), 1, State::Running);
    imports.open(&ahead, Some(&claim("one"))).await.unwrap();
    assert_eq!(walk(&imports, 10, false, async || {}).await, [ahead.summary()]);
}

type Item = HashMap<String, AttributeValue>;

async fn put(embedded: &Embedded, item: Item) {
    let put = embedded.aws.dynamodb.put_item().table_name(&embedded.tables.imports);
    put.set_item(Some(item)).send().await.unwrap();
}

#[tokio::test]
async fn an_item_that_cannot_be_read_does_not_hide_the_others() {
    let embedded = start().await;
    let logs = [log(beginning(), 1, State::Running), log(beginning(), 2, State::Running)];
    let items = made_by_open(&embedded, &logs).await;
    let mut broken = items[1].clone();
    broken.insert("state".into(), AttributeValue::S("resting".into()));
    put(&embedded, items[0].clone()).await;
    put(&embedded, broken).await;
    assert_eq!(walk(&imports(&embedded), 1, false, async || {}).await, [logs[0].summary()]);
}

#[tokio::test]
async fn an_import_that_both_indexes_have_is_listed_once_and_as_it_ended() {
    let embedded = start().await;
    let state = State::Ended(Answer::PartlyFailed);
    let (open, closed) = (log(beginning(), 1, State::Running), log(beginning(), 1, state));
    let mut item = made_by_open(&embedded, &[open]).await.remove(0);
    item.extend(made_by_open(&embedded, std::slice::from_ref(&closed)).await.remove(0));
    put(&embedded, item).await;
    assert_eq!(walk(&imports(&embedded), 10, true, async || {}).await, [closed.summary()]);
}

/// Replaces the table of the logs by one of the first version, which had no indexes.
async fn without_indexes(embedded: &Embedded) {
    let (client, table) = (&embedded.aws.dynamodb, &embedded.tables.imports);
    client.delete_table().table_name(table).send().await.unwrap();
    let mut create = client.create_table().table_name(table).billing_mode(BillingMode::PayPerRequest);
    for (name, kind) in [("partition", KeyType::Hash), ("requestId", KeyType::Range)] {
        let attribute = AttributeDefinition::builder().attribute_name(name);
        let attribute = attribute.attribute_type(ScalarAttributeType::S).build().unwrap();
        let key = KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap();
        create = create.attribute_definitions(attribute).key_schema(key);
    }
    create.send().await.unwrap();
}

#[tokio::test]
async fn logs_and_tables_of_the_first_version_are_taken_over() {
    let embedded = start().await;
    without_indexes(&embedded).await;
    let before = [
        log(beginning(), 1, State::Ended(Answer::PartlyFailed)),
        log(beginning(), 2, State::Ended(Answer::Succeeded)),
    ];
    for mut item in made_by_open(&embedded, &before).await {
        for name in ["failed", "source", "running", "unsuccessful"] {
            item.remove(name);
        }
        put(&embedded, item).await;
    }
    create_tables(&embedded.aws.dynamodb, &embedded.tables).await.unwrap();
    let (imports, new) = (imports(&embedded), log(beginning(), 3, State::Running));
    imports.open(&new, Some(&claim("one"))).await.unwrap();
    let all = [new.summary(), before[1].summary(), before[0].summary()];
    assert_eq!(walk(&imports, 10, false, async || {}).await, all);
    // What ended before there was an index of errors is not in it.
    assert_eq!(walk(&imports, 10, true, async || {}).await, [new.summary()]);
}

/// Keeps the items that a client was about to put, and lets none of them through.
#[derive(Debug, Clone, Default)]
struct Kept(Arc<Mutex<Vec<Item>>>);

impl Intercept for Kept {
    fn name(&self) -> &'static str {
        "Kept"
    }

    fn read_before_execution(
        &self,
        context: &BeforeSerializationInterceptorContextRef<'_>,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let put = context.input().downcast_ref::<PutItemInput>().unwrap();
        self.0.lock().unwrap().push(put.item().unwrap().clone());
        Err("kept".into())
    }
}

/// The items that opening these logs would write.
async fn made_by_open(embedded: &Embedded, logs: &[ImportLog]) -> Vec<Item> {
    let kept = Kept::default();
    let config = embedded.aws.dynamodb.config().to_builder().interceptor(kept.clone()).build();
    let imports = imports_of(embedded, &Client::from_conf(config));
    for log in logs {
        assert!(imports.open(log, Some(&claim("one"))).await.is_err());
    }
    kept.0.lock().unwrap().clone()
}

/// Writes these logs, many at once.
pub(crate) async fn write(embedded: &Embedded, logs: &[ImportLog]) {
    let items = made_by_open(embedded, logs).await;
    let batches = items.chunks(25).map(|items| {
        let put = |item: &Item| PutRequest::builder().set_item(Some(item.clone())).build().unwrap();
        let puts = items.iter().map(|item| WriteRequest::builder().put_request(put(item)).build()).collect();
        embedded.aws.dynamodb.batch_write_item().request_items(&embedded.tables.imports, puts).send()
    });
    let written = stream::iter(batches).buffer_unordered(4).map(|answer| answer.unwrap());
    written.for_each(async |answer| assert!(answer.unprocessed_items().is_none_or(HashMap::is_empty))).await;
}

/// The summaries, newest first.
fn newest_first(logs: &[ImportLog]) -> Vec<Summary> {
    let mut summaries: Vec<_> = logs.iter().map(ImportLog::summary).collect();
    summaries.sort_by_key(|summary| std::cmp::Reverse(summary.id));
    summaries
}

/// Ten thousand imports of eighty days: one in fifty failed, one in a thousand never ended.
fn ten_thousand() -> Vec<ImportLog> {
    let log = |number: u32| {
        let state = match (number % 50, number % 1000) {
            (0, _) => State::Ended(Answer::PartlyFailed),
            (_, 7) => State::Running,
            _ => State::Ended(Answer::Succeeded),
        };
        log(ago(DAY * 80 / 10_000 * number), number, state)
    };
    (0..10_000).map(log).collect()
}

/// What the first page of 50 reads, one log more included, which tells that there is a second one.
async fn first_page(
    imports: &DynamoImports,
    meter: &Meter,
    all: &[Summary],
    errors_only: bool,
) -> (usize, Call) {
    meter.calls();
    let found = imports.list(&page(None, 51, errors_only)).await.unwrap();
    assert_eq!(found, all[..all.len().min(51)]);
    let calls = meter.calls();
    let items = calls.iter().map(|call| call.items).sum();
    (calls.len(), Call { items, units: calls.iter().map(|call| call.units).sum() })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_costs_the_same_with_a_thousand_logs_and_with_ten_thousand() {
    let embedded = start().await;
    let (client, meter) = Meter::on(&embedded.aws.dynamodb);
    let (measured, logs) = (imports_of(&embedded, &client), ten_thousand());
    let errors = |all: &[Summary]| -> Vec<Summary> {
        let state = State::Ended(Answer::Succeeded);
        all.iter().filter(|summary| summary.state != state).cloned().collect()
    };
    let mut written = 0;
    for count in [1_000, 10_000] {
        write(&embedded, &logs[written..count]).await;
        written = count;
        let all = newest_first(&logs[..count]);
        for (errors_only, all) in [(false, all.clone()), (true, errors(&all))] {
            let (queries, read) = first_page(&measured, &meter, &all, errors_only).await;
            println!("{count} logs, errorsOnly {errors_only}: {queries} queries, {read:?}");
            assert!(queries <= 48 && read.items <= 102 && read.units <= 48.0);
        }
    }
    every_log_is_shown_once(&embedded, &logs).await;
}

/// Also while new ones come in.
async fn every_log_is_shown_once(embedded: &Embedded, logs: &[ImportLog]) {
    let imports = imports(embedded);
    let mut all = newest_first(logs);
    let mut number = 10_000;
    let newer = async || {
        number += 1;
        imports
            .open(&log(beginning().plus(DAY / 24), number, State::Running), Some(&claim("one")))
            .await
            .unwrap();
    };
    assert_eq!(walk(&imports, 200, false, newer).await, all);
    all.retain(|summary| summary.state != State::Ended(Answer::Succeeded));
    let listed = walk(&imports, 50, true, async || {}).await;
    assert_eq!(listed[listed.len() - all.len()..], all);
    assert_eq!((all.len(), listed.len() - all.len()), (210, 50));
}
