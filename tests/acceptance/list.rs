//! The list of the logs, as support staff and their tools read it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use lambda_http::request::from_str;
use people_core::error::StoreError;
use people_core::id::ImportId;
use people_core::later::Later;
use people_core::log::{DIED_AFTER, Form, ImportLog, PartLog, PartOutcome, State, Subject};
use people_core::memory::ManualClock;
use people_core::person::PersonKey;
use people_core::ports::{App, Claim, Claimed, Imports, IndexEntry, LeaseHolder, Opened, Page};
use people_core::shown::Shown;
use people_core::summary::{Source, Summary};
use people_core::time::Timestamp;
use serde_json::{Value, json};

use crate::events::{app, text};
use crate::http::{Reply, send};
use crate::stack::Local;

fn get(local: &Local, query: &str) -> Reply {
    request(local, "GET", query, "ImportLogs")
}

fn request(local: &Local, method: &str, query: &str, feature: &str) -> Reply {
    let key = local.ready().keys[feature].as_str();
    send(&format!("{method} /api/ImportLogs{query}"), &local.ready().api, &[("x-functions-key", key)], b"")
}

/// An import that succeeds, one that partly fails and one that is at fault as a whole: their GUIDs, with what the list
/// says of each.
fn three_imports(local: &Local) -> Vec<(String, Value)> {
    let bodies = [
        (r#"[{"employeeId":"100200300","phone":"1"}]"#, json!([200, "successful", 1, 1, 0])),
        (r#"[{"employeeId":"100200300","phone":"2"},{"x":1}]"#, json!([422, "unsuccessful", 2, 1, 1])),
        ("{}", json!([400, "unsuccessful", 0, 0, 1])),
    ];
    let send =
        |(body, listed): (&str, Value)| (local.import("application/json", body).text().to_owned(), listed);
    let mut imports: Vec<_> = bodies.into_iter().map(send).collect();
    // Two imports of one millisecond have no order but that of their GUIDs.
    imports.sort_by(|one, other| other.0.cmp(&one.0));
    imports
}

fn listed(reply: &Reply) -> Vec<(String, Value)> {
    assert_eq!(
        (reply.status, reply.headers["content-type"].as_str()),
        (200, "application/json"),
        "{reply:?}"
    );
    let entry = |entry: &Value| {
        let values = ["status", "now", "parts", "updated", "errors"].map(|name| entry[name].clone());
        (entry["requestId"].as_str().unwrap().to_owned(), json!(values))
    };
    reply.json()["imports"].as_array().unwrap().iter().map(entry).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn imports_are_listed_newest_first_page_by_page() {
    let local = Local::start().await;
    assert_eq!(get(&local, "").json(), json!({"imports": []}));
    let imports = three_imports(&local);
    let all = get(&local, "");
    assert_eq!(listed(&all), imports);
    let first = &all.json()["imports"][0];
    let names: BTreeSet<_> = first.as_object().unwrap().keys().map(String::as_str).collect();
    let documented =
        ["requestId", "time", "keyName", "status", "now", "parts", "updated", "errors", "dryRun", "source"];
    assert_eq!(names, BTreeSet::from(documented));
    let report = local.look_up(&imports[0].0, &[("Accept", "application/json")]).json();
    assert_eq!((&first["time"], &first["keyName"]), (&report["receivedAt"], &report["keyName"]));
    assert_eq!((&first["dryRun"], &first["source"]), (&json!(false), &json!("direct")));
    assert_eq!(first["now"], report["now"]);
    let mut query = "?limit=1".to_owned();
    for (number, import) in imports.iter().enumerate() {
        let page = get(&local, &query);
        assert_eq!(listed(&page), std::slice::from_ref(import));
        let next = page.json().get("next").map(|next| next.as_str().unwrap().to_owned());
        assert_eq!(next.is_none(), number == 2);
        query = format!("?limit=1&cursor={}", next.unwrap_or_default());
        // What comes in meanwhile is on no later page.
        local.import("application/json", "[]");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_only_leaves_out_what_was_successful() {
    let local = Local::start().await;
    let imports = three_imports(&local);
    let errors: Vec<_> = imports.iter().filter(|(_, listed)| listed[0] != 200).cloned().collect();
    assert_eq!(errors.len(), 2);
    assert_eq!(listed(&get(&local, "?errorsOnly=true")), errors);
    assert_eq!(listed(&get(&local, "?errorsOnly=false")), imports);
    let page = get(&local, "?errorsOnly=true&limit=1");
    assert_eq!(listed(&page), errors[..1]);
    let next = page.json()["next"].as_str().unwrap().to_owned();
    let page = get(&local, &format!("?errorsOnly=true&limit=1&cursor={next}"));
    assert_eq!(listed(&page), errors[1..]);
    assert_eq!(page.json().get("next"), None);
    // The same logs after a restart, from the same folder.
    let local = local.restart().await;
    assert_eq!(listed(&get(&local, "?errorsOnly=true&limit=200")), errors);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_there_is_can_be_asked_for() {
    let local = Local::start().await;
    for (query, detail) in [
        ("?limit=0", "The parameter 'limit' is no number from 1 to 200."),
        ("?limit=201", "The parameter 'limit' is no number from 1 to 200."),
        ("?limit=x", "The parameter 'limit' is no number from 1 to 200."),
        ("?errorsOnly=yes", "The parameter 'errorsOnly' is neither true nor false."),
        ("?cursor=x", "The parameter 'cursor' is none that an answer had as 'next'."),
        ("?sort=time", "There is no parameter 'sort' here."),
        ("?limit=1&limit=2", "The parameter 'limit' is there twice."),
        ("?limit=%FF", "The query is not UTF-8."),
    ] {
        let answer = get(&local, query);
        assert_eq!(answer.status, 400, "{query}");
        assert_eq!(answer.headers["content-type"], "application/problem+json");
        assert_eq!(answer.json()["detail"], detail);
        assert_eq!(answer.json()["type"], "urn:people-import:problem:InvalidQuery");
    }
    assert_eq!(get(&local, "?limit=200").status, 200);
    let post = request(&local, "POST", "", "ImportLogs");
    assert_eq!((post.status, post.headers["allow"].as_str()), (405, "GET"));
    let other = request(&local, "GET", "?limit=x", "PeopleImport");
    assert_eq!((other.status, other.text()), (401, ""));
    let code = &local.ready().keys["ImportLogs"];
    let with_code = send(&format!("GET /api/ImportLogs?code={code}"), &local.ready().api, &[], b"");
    assert_eq!(with_code.status, 200);
}

const RECEIVED: Timestamp = Timestamp::from_millis(1_700_757_179_000);

/// The first page, by the event of API Gateway and its real handler.
async fn first_page(app: &App) -> (u16, Value) {
    let event = include_str!("../events/import-log.json").replace("/{requestId}", "");
    let answer = import_log::handle(app, from_str(&event.replace("/REQUEST_ID", "")).unwrap()).await;
    (answer.status().as_u16(), serde_json::from_str(text(&answer)).unwrap())
}

#[tokio::test]
async fn what_runs_is_pending_and_what_died_has_failed() {
    let log = ImportLog {
        id: ImportId::new(RECEIVED, [0; 10]),
        received_at: RECEIVED,
        key_name: Shown::new("payroll"),
        state: State::Running,
        fault: None,
        parts: vec![PartLog { subject: Subject::Person(None), outcome: PartOutcome::Pending }],
        names_targets: false,
        dry_run: false,
        form: Form::Array,
        source: Source::Direct,
        later: Vec::new(),
    };
    let app = app().await;
    app.imports.open(&log, None).await.unwrap();
    for (after, now, errors) in
        [(DIED_AFTER - Duration::from_millis(1), "pending", 0), (DIED_AFTER, "unsuccessful", 1)]
    {
        let app = App { clock: Arc::new(ManualClock::at(RECEIVED.plus(after))), ..app.clone() };
        let (status, page) = first_page(&app).await;
        let entry = &page["imports"][0];
        assert_eq!((status, &entry["status"], &entry["updated"]), (200, &Value::Null, &json!(0)));
        assert_eq!((&entry["now"], &entry["errors"]), (&json!(now), &json!(errors)));
    }
}

/// Import logs that cannot be reached.
struct Gone;

impl Gone {
    fn error<T>() -> Result<T, StoreError> {
        Err(StoreError::new("reach the import logs", "they are gone"))
    }
}

#[async_trait]
impl Imports for Gone {
    async fn open(&self, _: &ImportLog, _: Option<&Claim>) -> Result<Opened, StoreError> {
        Gone::error()
    }

    async fn claim(&self, _: ImportId, _: &Claim) -> Result<Claimed, StoreError> {
        Gone::error()
    }

    async fn begin(&self, _: &ImportLog, _: &LeaseHolder) -> Result<(), StoreError> {
        Gone::error()
    }

    async fn sample(&self, _: Timestamp, _: Timestamp, _: usize) -> Result<Vec<ImportLog>, StoreError> {
        Gone::error()
    }

    async fn append(&self, _: ImportId, _: &[Later]) -> Result<(), StoreError> {
        Gone::error()
    }

    async fn unfinished(&self, _: Timestamp, _: usize) -> Result<Vec<ImportId>, StoreError> {
        Gone::error()
    }

    async fn newer(&self, _: &PersonKey, _: (ImportId, usize)) -> Result<Vec<IndexEntry>, StoreError> {
        Gone::error()
    }

    async fn index(&self, _: &[IndexEntry]) -> Result<(), StoreError> {
        Gone::error()
    }

    async fn close(&self, _: &ImportLog, _: &LeaseHolder) -> Result<(), StoreError> {
        Gone::error()
    }

    async fn find(&self, _: ImportId) -> Result<Option<ImportLog>, StoreError> {
        Gone::error()
    }

    async fn list(&self, _: &Page) -> Result<Vec<Summary>, StoreError> {
        Gone::error()
    }

    async fn summaries(&self, _: &[ImportId]) -> Result<Vec<Summary>, StoreError> {
        Gone::error()
    }

    async fn of_person(
        &self,
        _: &PersonKey,
        _: Option<(ImportId, usize)>,
        _: usize,
    ) -> Result<Vec<IndexEntry>, StoreError> {
        Gone::error()
    }
}

#[tokio::test]
async fn a_store_that_fails_is_503_and_says_no_more() {
    let (status, problem) = first_page(&App { imports: Arc::new(Gone), ..app().await }).await;
    assert_eq!((status, &problem["type"]), (503, &json!("urn:people-import:problem:StoreFailed")));
    assert!(!problem.to_string().contains("gone"), "{problem}");
}
