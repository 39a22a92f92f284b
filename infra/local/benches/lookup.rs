//! How long the first page of each lookup takes with a million logs, beside the same with a thousand, and what it reads.
//!
//! `cargo bench -p people --bench lookup` (another number of logs may follow `--`). The logs are in the embedded store, in a
//! file, and are read over the wire by the client that the functions use. The goal is a ratio of about 1: a lookup reads as
//! many items as its page needs, however many logs there are. `items` and `units` are what the store says it read.

#![expect(clippy::unwrap_used, reason = "a bench that cannot run ends")]

#[path = "../../../functions/adapters/tests/it/measured.rs"]
mod measured;

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dynoxide::{Database, ImportOptions};
use measured::Meter;
use people_adapters::aws::{AwsSettings, connect};
use people_adapters::dynamodb::{DynamoDirectory, DynamoImports, Tables, create_tables};
use people_adapters::secret::Secret;
use people_core::id::ImportId;
use people_core::log::{
    Answer, Delivery, Ending, Form, ImportLog, Outcome, PartLog, PartOutcome, State, Subject,
};
use people_core::log_text::LogKind;
use people_core::lookup::{self, Filter, Wanted};
use people_core::memory::{self, ManualClock};
use people_core::person::{Identifier, PersonKey};
use people_core::ports::{App, Clock, Imports, IndexEntry};
use people_core::shown::Shown;
use people_core::summary::Source;
use people_core::time::Timestamp;
use serde_json::{Value, json};
use tokio::net::TcpListener;

const FEW: u32 = 1_000;
const MANY: u32 = 1_000_000;
/// The logs are spread over so many days.
const DAYS: u64 = 80;
const KEPT: Duration = Duration::from_secs(90 * 24 * 60 * 60);
const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_123);
/// One log in so many failed, and one in so many is of the person who is looked for.
const FAILED: u32 = 50;
const OF_JOE: u32 = 20;
const RUNS: usize = 21;

fn main() {
    let many = std::env::args().filter_map(|argument| argument.parse().ok()).next().unwrap_or(MANY);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let (few, all) = (measure(FEW).await, measure(many).await);
        print(&format!("first page of 50, median of {RUNS}: {FEW} logs, then {many}"));
        print(&format!("{:<24}{:>9}{:>9}{:>8}{:>8}{:>8}", "", "ms", "ms", "ratio", "items", "units"));
        for ((name, before, _, _), (_, after, items, units)) in few.iter().zip(&all) {
            let ratio = after.as_secs_f64() / before.as_secs_f64();
            let ms = |time: &Duration| time.as_secs_f64() * 1000.0;
            print(&format!(
                "{name:<24}{:>9.2}{:>9.2}{ratio:>8.2}{items:>8}{units:>8.1}",
                ms(before),
                ms(after)
            ));
        }
    });
}

type Measured = (&'static str, Duration, usize, f64);

async fn measure(count: u32) -> Vec<Measured> {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::new(&folder.path().join("dynamodb.sqlite").to_string_lossy()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(dynoxide::server::serve_on(listener, database.clone()));
    let settings = AwsSettings::At {
        dynamodb: url.clone(),
        s3: url,
        secrets_manager: None,
        region: "eu-central-1".into(),
        access_key_id: "bench".into(),
        secret_access_key: Secret::new("bench".into()),
    };
    let (client, meter) = Meter::on(&connect(&settings).await.dynamodb);
    let tables = Tables::with_prefix("people");
    create_tables(&connect(&settings).await.dynamodb, &tables).await.unwrap();
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(NOW));
    let app = App {
        imports: Arc::new(DynamoImports::new(client.clone(), &tables, Arc::clone(&clock), KEPT)),
        directory: Arc::new(DynamoDirectory::new(client, &tables, Arc::clone(&clock))),
        ..memory::app(Arc::clone(&clock))
    };
    let writing = DynamoImports::new(connect(&settings).await.dynamodb, &tables, clock, KEPT);
    fill(&database, &writing, &tables, count).await;
    let mut all = Vec::new();
    for (name, filter) in lookups() {
        all.push(first_page(&app, &meter, name, filter).await);
    }
    all
}

fn lookups() -> [(&'static str, Filter); 6] {
    let none = Filter::default;
    let day =
        |days: u64| Some(Timestamp::from_millis(NOW.millis() - i64::try_from(days * 86_400_000).unwrap()));
    [
        ("everything", none()),
        ("errors", Filter { errors_only: true, ..none() }),
        ("a kind of error", Filter { kind: Some(LogKind::UnknownPerson), ..none() }),
        ("forty days ago", Filter { to: day(40), ..none() }),
        ("a person", Filter { person: Some("joe".into()), ..none() }),
        ("a key without imports", Filter { key_name: Some("x".into()), ..none() }),
    ]
}

async fn first_page(app: &App, meter: &Meter, name: &'static str, filter: Filter) -> Measured {
    let wanted = Wanted { filter, before: None, limit: 50 };
    let mut times = Vec::new();
    for _ in 0..RUNS {
        meter.calls();
        let start = Instant::now();
        lookup::imports(app, &wanted).await.unwrap();
        times.push(start.elapsed());
    }
    times.sort_unstable();
    let calls = meter.calls();
    let (items, units) =
        (calls.iter().map(|call| call.items).sum(), calls.iter().map(|call| call.units).sum());
    (name, times[RUNS / 2], items, units)
}

fn log(at: Timestamp, failed: bool) -> ImportLog {
    let outcome = Outcome {
        code: Some("200/0".into()),
        attempts: 1,
        duration_ms: 51,
        ..Outcome::unsent(Ending::Updated)
    };
    let delivery = Delivery { target: "aktion".into(), outcome, superseded: Vec::new() };
    let delivered = PartOutcome::Delivered { deliveries: vec![delivery], unmapped: Vec::new() };
    let outcome = if failed { PartOutcome::UnknownPerson } else { delivered };
    ImportLog {
        id: ImportId::new(at, [0; 10]),
        received_at: at,
        key_name: Shown::new("payroll"),
        state: State::Ended(if failed { Answer::Failed } else { Answer::Succeeded }),
        fault: None,
        parts: vec![PartLog { subject: Subject::Person(Some(Shown::new("joe"))), outcome }],
        names_targets: true,
        dry_run: false,
        form: Form::Array,
        source: Source::Direct,
        later: Vec::new(),
    }
}

/// Writes the logs into the store directly: as items like those that opening a log makes, but for their key and their time.
async fn fill(database: &Database, imports: &DynamoImports, tables: &Tables, count: u32) {
    let mut templates = Vec::new();
    for failed in [false, true] {
        let log = log(NOW, failed);
        let log = ImportLog { id: ImportId::new(NOW, [u8::from(failed); 10]), ..log };
        imports.open(&log, None).await.unwrap();
        let scan = json!({"TableName": tables.imports});
        let found = database.scan(serde_json::from_value(scan).unwrap()).unwrap();
        let items = serde_json::to_value(&found).unwrap()["Items"].take();
        let own = json!(log.id.to_string());
        templates
            .extend(items.as_array().unwrap().iter().find(|item| item["requestId"]["S"] == own).cloned());
    }
    let person = PersonKey::of(&Identifier::Upn("joe".into()));
    let import = ImportId::new(NOW, [2; 10]);
    imports.index(&[IndexEntry { person, import, part: 0, fields: Vec::new() }]).await.unwrap();
    let scan = json!({"TableName": tables.person_index});
    let own_entry = database.scan(serde_json::from_value(scan).unwrap()).unwrap();
    let own_entry = serde_json::to_value(&own_entry).unwrap()["Items"][0].take();
    let numbers: Vec<u32> = (0..count).collect();
    for numbers in numbers.chunks(10_000) {
        let (items, ids): (Vec<_>, Vec<_>) =
            numbers.iter().map(|number| item(&templates, *number, count)).unzip();
        let items = serde_json::from_value(items.into()).unwrap();
        database.import_items(&tables.imports, items, ImportOptions::default()).unwrap();
        let joes = numbers.iter().zip(ids).filter(|(number, _)| number.is_multiple_of(OF_JOE));
        let entries: Vec<Value> = joes.map(|(_, import)| entry(&own_entry, import)).collect();
        let entries = serde_json::from_value(entries.into()).unwrap();
        database.import_items(&tables.person_index, entries, ImportOptions::default()).unwrap();
    }
}

fn entry(own: &Value, import: ImportId) -> Value {
    let mut entry = own.clone();
    entry["part"] = json!({"S": format!("{import}#00000")});
    entry
}

fn item(templates: &[Value], number: u32, count: u32) -> (Value, ImportId) {
    let apart = DAYS * 86_400_000 / u64::from(count);
    let at = Timestamp::from_millis(NOW.millis() - i64::try_from(apart * u64::from(number)).unwrap());
    let mut random = [0; 10];
    random[..4].copy_from_slice(&number.to_be_bytes());
    random[9] = (number.wrapping_mul(2_654_435_761) >> 24) as u8;
    let id = ImportId::new(at, random);
    let failed = number.is_multiple_of(FAILED);
    let mut item = templates[usize::from(failed)].clone();
    let partition = json!({"S": format!("{}#{}", &at.to_log_text()[..7], id.as_bytes()[15] % 8)});
    item["requestId"] = json!({"S": id.to_string()});
    item["receivedAt"] = json!({"S": at.to_rfc3339()});
    item["partition"] = partition.clone();
    if failed {
        item["unsuccessful"] = partition;
    }
    (item, id)
}

fn print(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
