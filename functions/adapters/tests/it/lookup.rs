//! Lookups over the stores: by what, in which order, for how long, and how much each of them reads.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use people_adapters::dynamodb::{DynamoDirectory, DynamoImports};
use people_core::id::ImportId;
use people_core::later::{Later, News};
use people_core::log::{Answer, Ending, ImportLog, PartLog, PartOutcome, State, Subject};
use people_core::log_text::LogKind;
use people_core::lookup::{self, Filter, READ_AT_MOST, Wanted};
use people_core::memory::{self, ManualClock};
use people_core::person::{Identifier, NativeKey, PersonKey};
use people_core::ports::{App, Clock, IndexEntry, Page, Sighting};
use people_core::shown::Shown;
use people_core::summary::{Origin, Source, Summary};
use people_core::time::Timestamp;

use crate::embedded::{Embedded, beginning, start};
use crate::list::write;
use crate::logs::{KEPT, claim, delivery, running};
use crate::measured::Meter;

const HOUR: Duration = Duration::from_secs(60 * 60);

fn id(hour: u32) -> ImportId {
    ImportId::new(beginning().plus(HOUR * hour), [hour as u8; 10])
}

fn ended(hour: u32, answer: Answer, parts: Vec<PartOutcome>) -> ImportLog {
    let part = |outcome| PartLog { subject: Subject::Person(Some(Shown::new("joe@company.com"))), outcome };
    ImportLog {
        received_at: beginning().plus(HOUR * hour),
        state: State::Ended(answer),
        parts: parts.into_iter().map(part).collect(),
        ..running(id(hour), 0)
    }
}

fn delivered(target: &str, ending: Ending) -> PartOutcome {
    PartOutcome::Delivered { deliveries: vec![delivery(target, ending)], unmapped: Vec::new() }
}

/// Six imports, an hour after each other, that differ in everything that can be asked for.
fn six() -> Vec<ImportLog> {
    let mut again = ended(4, Answer::Accepted, vec![delivered("scim", Ending::Deferred("down".into()))]);
    again.dry_run = false;
    vec![
        ended(0, Answer::Succeeded, vec![delivered("aktion", Ending::Updated)]),
        ImportLog {
            key_name: Shown::new("hr"),
            ..ended(1, Answer::PartlyFailed, vec![PartOutcome::Uploaded, PartOutcome::UnknownPerson])
        },
        ImportLog {
            source: Source::Inbox,
            ..ended(2, Answer::Failed, vec![PartOutcome::UnknownPerson, PartOutcome::UnknownPerson])
        },
        ImportLog { dry_run: true, ..ended(3, Answer::Succeeded, vec![PartOutcome::Uploaded]) },
        again,
        ImportLog { received_at: beginning().plus(HOUR * 5), ..running(id(5), 1) },
    ]
}

fn entry(person: &str, import: ImportId, part: usize) -> IndexEntry {
    let person = PersonKey::of(&Identifier::Upn(person.to_owned()));
    IndexEntry { person, import, part, fields: Vec::new() }
}

/// The hours of what is found, newest first, page by page; whatever the size of the pages, it is the same.
async fn hours(app: &App, filter: Filter) -> Vec<u64> {
    let mut all = Vec::new();
    for limit in [1, 2, 200] {
        let (mut found, mut before) = (Vec::new(), None);
        loop {
            let wanted = Wanted { filter: filter.clone(), before, limit };
            let page = lookup::imports(app, &wanted).await.unwrap();
            assert!(page.imports.len() <= limit);
            found.extend(page.imports);
            let Some(next) = page.next else { break };
            before = Some(next);
        }
        let hour = |summary: &Summary| summary.id.made_at().since(beginning()).as_secs() / 3600;
        all.push(found.iter().map(hour).collect::<Vec<_>>());
    }
    assert!(all.windows(2).all(|two| two[0] == two[1]), "{all:?}");
    all.remove(0)
}

/// What a lookup answers is the same over every store.
async fn lookup_contract(app: &App) {
    let logs = six();
    for log in &logs {
        app.imports.open(log, Some(&claim("one"))).await.unwrap();
    }
    let news = News::Delivery(delivery("scim", Ending::Updated));
    app.imports.append(id(4), &[Later { at: beginning(), part: 0, news }]).await.unwrap();
    every_filter_lets_through_what_it_says(app).await;
    a_person_is_found_by_every_identifier(app).await;
}

async fn every_filter_lets_through_what_it_says(app: &App) {
    let at = |hours: u32| Some(beginning().plus(HOUR * hours));
    let of = |change: fn(&mut Filter)| {
        let mut filter = Filter::default();
        change(&mut filter);
        filter
    };
    let none = Filter::default();
    for (filter, expected) in [
        (none.clone(), vec![5, 4, 3, 2, 1, 0]),
        (of(|f| f.key_name = Some("hr".into())), vec![1]),
        (of(|f| f.key_name = Some("HR".into())), vec![]),
        (of(|f| f.status = Some(vec![Answer::Succeeded])), vec![3, 0]),
        (of(|f| f.status = Some(vec![Answer::Failed, Answer::PartlyFailed])), vec![2, 1]),
        (of(|f| f.kind = Some(LogKind::UnknownPerson)), vec![2, 1]),
        (of(|f| f.kind = Some(LogKind::FileUploaded)), vec![3, 1]),
        (of(|f| f.kind = Some(LogKind::PersonRedelivered)), vec![4]),
        (of(|f| f.target = Some("aktion".into())), vec![0]),
        (of(|f| f.target = Some("scim".into())), vec![4]),
        (of(|f| f.source = Some(Origin::Source(Source::Inbox))), vec![2]),
        (of(|f| f.source = Some(Origin::Redelivery)), vec![4]),
        (of(|f| f.dry_run = Some(true)), vec![3]),
        (of(|f| f.dry_run = Some(false)), vec![5, 4, 2, 1, 0]),
        (of(|f| f.errors_only = true), vec![5, 2, 1]),
        (Filter { from: at(2), ..none.clone() }, vec![5, 4, 3, 2]),
        (Filter { to: at(2), ..none.clone() }, vec![1, 0]),
        (Filter { from: at(1), to: at(3), errors_only: true, ..none.clone() }, vec![2, 1]),
        (Filter { from: at(6), ..none.clone() }, vec![]),
        (Filter { to: Some(Timestamp::from_millis(0)), ..none.clone() }, vec![]),
        (Filter { to: at(5), kind: Some(LogKind::FileUploaded), dry_run: Some(false), ..none }, vec![1]),
    ] {
        assert_eq!(hours(app, filter.clone()).await, expected, "{filter:?}");
    }
}

async fn a_person_is_found_by_every_identifier(app: &App) {
    let joe = Sighting {
        key: NativeKey("7".into()),
        employee_id: Some("100".into()),
        upn: Some("joe@company.com".into()),
    };
    app.directory.learn(&"aktion".into(), &[joe]).await.unwrap();
    let long = "é".repeat(200);
    let cut = Shown::new(&long);
    let entries = [
        entry("100", id(0), 0),
        entry("joe@company.com", id(1), 0),
        entry("100", id(1), 1),
        entry("100", id(4), 0),
        entry("ghost", id(2), 1),
        entry("ghost@company.com", id(5), 0),
        entry(cut.as_str(), id(3), 0),
    ];
    app.imports.index(&entries).await.unwrap();
    let person = |text: &str| Filter { person: Some(text.to_owned()), ..Filter::default() };
    for (text, expected) in [
        ("joe@company.com", vec![4, 1, 0]),
        (" Joe@Company.COM ", vec![4, 1, 0]),
        ("100", vec![4, 1, 0]),
        ("ghost", vec![2]),
        ("Ghost", vec![]),
        ("GHOST@company.com", vec![5]),
        ("nobody", vec![]),
        (" ", vec![]),
        (&long, vec![3]),
    ] {
        assert_eq!(hours(app, person(text)).await, expected, "{text}");
    }
    let narrowed = Filter { errors_only: true, ..person("100") };
    assert_eq!(hours(app, narrowed).await, [1]);
    let later = Filter { from: Some(beginning().plus(HOUR)), ..person("100") };
    assert_eq!(hours(app, later).await, [4, 1]);
    let lines = |timeline: lookup::Timeline| {
        let line = |entry: lookup::Entry| (entry.import, entry.part, entry.kind, entry.at.is_some());
        timeline.entries.into_iter().map(line).collect::<Vec<_>>()
    };
    let page = lookup::timeline(app, "100", None, 2).await.unwrap();
    assert_eq!(page.next, Some(id(1)));
    let expected = [
        (id(4), Some(0), LogKind::DeliveryDeferred, false),
        (id(4), Some(0), LogKind::PersonRedelivered, true),
        (id(1), Some(0), LogKind::FileUploaded, false),
        (id(1), Some(1), LogKind::UnknownPerson, false),
    ];
    assert_eq!(lines(page), expected);
    let rest = lookup::timeline(app, "joe@company.com", Some(id(1)), 2).await.unwrap();
    assert_eq!(rest.next, None);
    assert_eq!(lines(rest), [(id(0), Some(0), LogKind::PersonUpdated, false)]);
}

fn app_of(embedded: &Embedded, client: &Client) -> App {
    let clock: Arc<dyn Clock> = Arc::clone(&embedded.clock) as _;
    let tables = &embedded.tables;
    App {
        imports: Arc::new(DynamoImports::new(client.clone(), tables, Arc::clone(&clock), KEPT)),
        directory: Arc::new(DynamoDirectory::new(client.clone(), tables, Arc::clone(&clock))),
        ..memory::app(clock)
    }
}

#[tokio::test]
async fn memory_keeps_the_contract() {
    lookup_contract(&memory::app(Arc::new(ManualClock::at(beginning().plus(HOUR * 5))))).await;
}

#[tokio::test]
async fn dynamodb_keeps_the_contract() {
    let embedded = start().await;
    embedded.clock.advance_to(beginning().plus(HOUR * 5));
    lookup_contract(&app_of(&embedded, &embedded.aws.dynamodb)).await;
}

#[tokio::test]
async fn what_is_expired_is_found_by_nothing() {
    let embedded = start().await;
    let app = app_of(&embedded, &embedded.aws.dynamodb);
    app.imports.open(&six()[2], None).await.unwrap();
    embedded.clock.advance_to(beginning().plus(HOUR * 2));
    app.imports.index(&[entry("ghost", id(2), 0)]).await.unwrap();
    let kind = Filter { kind: Some(LogKind::UnknownPerson), ..Filter::default() };
    let person = Filter { person: Some("ghost".into()), ..Filter::default() };
    let source = Filter { source: Some(Origin::Source(Source::Inbox)), ..Filter::default() };
    let over = beginning().plus(HOUR * 2 + KEPT);
    for (seconds_before, found) in [(1, 1), (0, 0)] {
        embedded.clock.advance_to(Timestamp::from_millis(over.millis() - seconds_before * 1000));
        for filter in [&Filter::default(), &kind, &source, &person] {
            let wanted = Wanted { filter: filter.clone(), before: None, limit: 9 };
            let selection = lookup::select(&app, &wanted).await.unwrap();
            assert_eq!(selection.chosen.len(), found, "{filter:?}");
            assert_eq!(lookup::logs(&app, &selection.chosen).await.unwrap().len(), found);
        }
        assert_eq!(lookup::timeline(&app, "ghost", None, 9).await.unwrap().entries.len(), found);
        assert_eq!(app.imports.summaries(&[id(2)]).await.unwrap().len(), found);
    }
}

#[tokio::test]
async fn a_page_of_a_person_goes_on_where_the_one_before_ended() {
    let embedded = start().await;
    let app = app_of(&embedded, &embedded.aws.dynamodb);
    // Two hundred imports of 3 parts each: more than one read of the index gives.
    let mut ids: Vec<_> =
        (0..200).map(|number| ImportId::new(beginning().plus(HOUR), [number; 10])).collect();
    ids.sort_unstable();
    for id in &ids {
        app.imports.open(&running(*id, 3), None).await.unwrap();
        let entries: Vec<_> = (0..3).map(|part| entry("joe", *id, part)).collect();
        app.imports.index(&entries).await.unwrap();
    }
    embedded.clock.advance_to(beginning().plus(HOUR));
    let filter = Filter { person: Some("joe".into()), ..Filter::default() };
    let (mut found, mut before) = (Vec::new(), None);
    loop {
        let wanted = Wanted { filter: filter.clone(), before, limit: 40 };
        let page = lookup::select(&app, &wanted).await.unwrap();
        assert!(page.chosen.iter().all(|chosen| chosen.parts == Some([0, 1, 2].into())));
        found.extend(page.chosen.iter().map(|chosen| chosen.summary.id));
        let Some(next) = page.next else { break };
        before = Some(next);
    }
    assert_eq!(found, ids.into_iter().rev().collect::<Vec<_>>());
    let key = entry("joe", id(0), 0).person;
    assert_eq!(app.imports.of_person(&key, None, 7).await.unwrap().len(), 7);
}

/// Twenty thousand imports within eighty days: one in fifty failed.
fn many() -> Vec<ImportLog> {
    let log = |number: u32| {
        let at = Timestamp::from_millis(beginning().millis() - 345_600 * i64::from(number));
        let mut random = [0; 10];
        random[..4].copy_from_slice(&number.to_be_bytes());
        random[9] = (number.wrapping_mul(2_654_435_761) >> 24) as u8;
        let failed = number.is_multiple_of(50);
        let part = if failed { PartOutcome::UnknownPerson } else { delivered("aktion", Ending::Updated) };
        let answer = if failed { Answer::Failed } else { Answer::Succeeded };
        ImportLog { received_at: at, id: ImportId::new(at, random), ..ended(0, answer, vec![part]) }
    };
    (0..20_000).map(log).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_lookup_reads_a_bounded_number_of_items() {
    let embedded = start().await;
    let (client, meter) = Meter::on(&embedded.aws.dynamodb);
    let (app, logs) = (app_of(&embedded, &client), many());
    write(&embedded, &logs).await;
    let joes = logs.iter().step_by(10);
    let entries: Vec<_> = joes.map(|log| entry("joe", log.id, 0)).collect();
    app_of(&embedded, &embedded.aws.dynamodb).imports.index(&entries).await.unwrap();
    let day = |days: i64| Timestamp::from_millis(beginning().millis() - days * 86_400_000);
    let joe = || Some("joe".to_owned());
    let none = Filter::default();
    for (name, filter, found, most) in [
        ("everything", none.clone(), 50, 110),
        ("errors", Filter { errors_only: true, ..none.clone() }, 50, 180),
        ("a kind of error", Filter { kind: Some(LogKind::UnknownPerson), ..none.clone() }, 50, 180),
        ("a day", Filter { from: Some(day(41)), to: Some(day(40)), ..none.clone() }, 50, 300),
        ("a target", Filter { target: Some("aktion".into()), ..none.clone() }, 50, 500),
        ("a key that sent nothing", Filter { key_name: Some("x".into()), ..none.clone() }, 0, READ_AT_MOST),
        (
            "errors of such a key",
            Filter { key_name: Some("x".into()), errors_only: true, ..none.clone() },
            0,
            READ_AT_MOST,
        ),
        ("a person", Filter { person: joe(), ..none.clone() }, 50, 200),
        ("errors of a person", Filter { person: joe(), errors_only: true, ..none.clone() }, 50, READ_AT_MOST),
        ("nothing of a person", Filter { person: joe(), dry_run: Some(true), ..none }, 0, READ_AT_MOST),
    ] {
        meter.calls();
        let page = lookup::imports(&app, &Wanted { filter, before: None, limit: 50 }).await.unwrap();
        let calls = meter.calls();
        let (items, units) = (
            calls.iter().map(|call| call.items).sum::<usize>(),
            calls.iter().map(|call| call.units).sum::<f64>(),
        );
        println!("{name}: {} found, {items} items, {units} units, {} calls", page.imports.len(), calls.len());
        assert!(page.next.is_some(), "{name}");
        assert_eq!(page.imports.len(), found, "{name}");
        assert!(items <= most, "{name}: {items} items");
    }
    let last = Page { before: Some(logs[19_000].id), limit: 10, ..Page::default() };
    assert_eq!(app.imports.list(&last).await.unwrap().len(), 10);
}
