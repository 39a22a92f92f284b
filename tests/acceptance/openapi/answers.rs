//! Real answers of the running service against the document: each status of each operation, but for those that need a
//! store that fails.

use std::cell::RefCell;
use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::document::Document;
use super::session;
use crate::http::{Reply, send};
use crate::stack::{Local, PDF};

const JSON: (&str, &str) = ("Accept", "application/json");
const TEXT: (&str, &str) = ("Accept", "*/*");
const BATCH: (&str, &str) = ("Content-Type", "application/json");
const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");
const NO_IMPORT: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

/// What shows the test below, and `adapters/tests` with failing stores.
const SHOWN_ELSEWHERE: [u16; 2] = [429, 503];

/// A stack, and which answers of it were looked at.
struct Stage {
    local: Local,
    document: Document,
    seen: RefCell<BTreeSet<(String, u16)>>,
}

impl Stage {
    /// Sends a request with a key of this feature, if any, and holds its answer to the document.
    fn ask(
        &self,
        (id, feature): (&str, &str),
        request: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Reply {
        let key = self.local.ready().keys.get(feature).map(|key| ("x-functions-key", key.as_str()));
        let headers = [headers, key.as_slice()].concat();
        let reply = send(request, &self.local.ready().api, &headers, body);
        let complaints = self.document.complaints(id, &reply);
        assert!(complaints.is_empty(), "{id}, {request}: {complaints:?} {reply:?}");
        self.seen.borrow_mut().insert((id.to_owned(), reply.status));
        reply
    }

    fn import(&self, headers: &[(&str, &str)], body: &Value) -> Reply {
        self.import_text(headers, &body.to_string())
    }

    fn import_text(&self, headers: &[(&str, &str)], body: &str) -> Reply {
        let headers = [&[BATCH], headers].concat();
        self.ask(("importPeople", "PeopleImport"), "PUT /api/PeopleImport", &headers, body.as_bytes())
    }

    /// Asks twice, for text and for JSON.
    fn both(&self, operation: (&str, &str), request: &str, status: u16) {
        for accept in [TEXT, JSON] {
            assert_eq!(self.ask(operation, request, &[accept], b"").status, status, "{request}");
        }
    }

    /// Every target hangs up, or none.
    fn down(&self, is_down: bool) {
        let rules = if is_down { json!([{"close": "before"}]) } else { json!([]) };
        for target in self.local.ready().simulators.keys() {
            self.local.fault_at(target, &rules);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_is_as_the_document_says() {
    let local = Local::start().await;
    let stage = Stage { local, document: Document::read(), seen: RefCell::default() };
    imports(&stage);
    announcements(&stage);
    definition(&stage);
    logs(&stage);
    failed(&stage).await;
    undelivered(&stage);
    documents(&stage);
    for (id, request) in [("checkHealth", "GET /healthz"), ("checkHealthByHead", "HEAD /healthz")] {
        assert_eq!(stage.ask((id, ""), request, &[], b"").status, 200);
    }
    for (id, request) in [("readDocs", "GET /docs"), ("checkDocs", "HEAD /docs")] {
        known_already(&stage, (id, ""), request, &[]);
    }
    console(&stage).await;
    let seen = stage.seen.into_inner();
    for operation in stage.document.operations() {
        let due = operation.statuses.iter().filter(|status| !SHOWN_ELSEWHERE.contains(status));
        let unseen: Vec<_> = due.filter(|status| !seen.contains(&(operation.id.clone(), **status))).collect();
        assert!(unseen.is_empty(), "{} was not seen to answer {unseen:?}", operation.id);
    }
}

/// Whoever asks too often, at each operation with a key.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_too_often_is_told_as_the_document_says() {
    let local = Local::limited_to(1).await;
    let stage = Stage { local, document: Document::read(), seen: RefCell::default() };
    for operation in stage.document.operations() {
        let Some(feature) = feature_of(&operation.path) else { continue };
        let request = format!("{} {}", operation.method, operation.path.replace(['{', '}'], ""));
        for accept in [TEXT, JSON] {
            // A minute may end in between, but not two.
            let statuses =
                [0; 3].map(|_| stage.ask((&operation.id, feature), &request, &[accept], b"").status);
            assert!(statuses.contains(&429), "{request}: {statuses:?}");
        }
    }
}

/// The feature that the key has to have; none where no key is asked for.
fn feature_of(path: &str) -> Option<&'static str> {
    match path.split('/').nth(2)? {
        _ if !path.starts_with("/api/") => None,
        "Documents" => Some("Documents"),
        "ImportLogs" | "Undelivered" => Some("ImportLogs"),
        _ => Some("PeopleImport"),
    }
}

fn known_already(stage: &Stage, operation: (&str, &str), request: &str, headers: &[(&str, &str)]) {
    let first = stage.ask(operation, request, headers, b"");
    let known = [headers, &[("If-None-Match", first.headers["etag"].as_str())]].concat();
    let again = stage.ask(operation, request, &known, b"");
    assert_eq!((first.status, again.status), (200, 304), "{request}");
}

fn imports(stage: &Stage) {
    let joe = json!({"userPrincipalName": "joe@company.com", "phone": "1"});
    let nobody = json!({"userPrincipalName": "unknown@company.com", "phone": "1"});
    let bad = json!({"employeeId": "100200303", "joindate": "2024-01-15", "a/b~c": 1});
    let many = json!(vec![json!({}); 51]);
    for accept in [TEXT, JSON] {
        for (batch, status) in [
            (json!([joe]), 200),
            (json!([joe, nobody, bad, 7]), 422),
            (json!([nobody, bad]), 400),
            (json!({}), 400),
            (many.clone(), 413),
        ] {
            assert_eq!(stage.import(&[accept], &batch).status, status, "{batch}");
        }
        assert_eq!(stage.import(&[accept, ("Idempotency-Key", "")], &json!([joe])).status, 400);
        assert_eq!(stage.import(&[accept, ("Prefer", "respond-async")], &json!([joe])).status, 202);
        let large = [accept, ("Content-Length", "104857601"), ("Expect", "100-continue")];
        assert_eq!(stage.import_text(&large, "").status, 413);
        let named = [accept, ("Idempotency-Key", accept.1)];
        for (batch, status) in [(&joe, 200), (&joe, 200), (&nobody, 409)] {
            assert_eq!(stage.import(&named, &json!([batch])).status, status);
        }
    }
    assert_eq!(stage.ask(("importPeople", ""), "PUT /api/PeopleImport", &[], b"").status, 401);
    let new = json!({"employeeId": "100200303", "phone": "2", "mobile": "3", "lastName": "B"});
    for (query, batch, status) in [
        ("true", json!([joe, new]), 200),
        ("true", json!([joe, nobody, bad]), 422),
        ("true", json!({}), 400),
        ("1", json!([joe]), 400),
    ] {
        let request = format!("PUT /api/PeopleImport?dryRun={query}");
        let body = batch.to_string();
        let answer = stage.ask(("importPeople", "PeopleImport"), &request, &[BATCH, JSON], body.as_bytes());
        assert_eq!(answer.status, status, "{batch}");
    }
}

fn announcements(stage: &Stage) {
    for (feature, bytes, status) in [
        ("PeopleImport", json!(2), 201),
        ("PeopleImport", json!("2"), 400),
        ("PeopleImport", json!(104_857_601), 413),
        ("", json!(2), 401),
    ] {
        let body = json!({"contentType": "application/json", "bytes": bytes}).to_string();
        let request = "POST /api/PeopleImport/uploads";
        let answer = stage.ask(("announceBody", feature), request, &[BATCH], body.as_bytes());
        assert_eq!(answer.status, status, "{body}");
    }
    let body = json!({"contentType": "application/json", "bytes": 2}).to_string();
    for (query, status) in [("true", 201), ("1", 400)] {
        let request = format!("POST /api/PeopleImport/uploads?dryRun={query}");
        let answer = stage.ask(("announceBody", "PeopleImport"), &request, &[BATCH], body.as_bytes());
        assert_eq!(answer.status, status, "{query}");
    }
}

fn definition(stage: &Stage) {
    for (id, request) in
        [("readDefinition", "GET /api/ProfileDefinition"), ("checkDefinition", "HEAD /api/ProfileDefinition")]
    {
        for accept in [TEXT, ("Accept", "text/csv")] {
            known_already(stage, (id, "PeopleImport"), request, &[accept]);
        }
        assert_eq!(stage.ask((id, ""), request, &[], b"").status, 401);
    }
}

fn logs(stage: &Stage) {
    let list = |feature: &str, query: &str| {
        stage.ask(("listLogs", feature), &format!("GET /api/ImportLogs{query}"), &[], b"")
    };
    let page = list("ImportLogs", "").json();
    assert!(list("ImportLogs", "?limit=1").json()["next"].is_string());
    for format in ["text/csv", "application/x-ndjson", "text/plain"] {
        let request = "GET /api/ImportLogs?limit=3";
        let answer = stage.ask(("listLogs", "ImportLogs"), request, &[("Accept", format)], b"");
        assert!(answer.status == 200 && answer.headers.contains_key("link"), "{answer:?}");
    }
    for (feature, query, status) in [
        ("ImportLogs", "?from=2026-01-01&to=2126-01-01T00:00:00Z&source=redelivery&dryRun=false", 200),
        ("ImportLogs", "?limit=0", 400),
        ("ImportLogs", "?x=", 400),
        ("", "", 401),
    ] {
        assert_eq!(list(feature, query).status, status, "{query}");
    }
    let read = ("readLog", "ImportLogs");
    for import in page["imports"].as_array().unwrap() {
        stage.both(read, &format!("GET /api/ImportLogs/{}", import["requestId"].as_str().unwrap()), 200);
    }
    for id in [NO_IMPORT, "x"] {
        stage.both(read, &format!("GET /api/ImportLogs/{id}"), 404);
    }
    stage.both(("readLog", "Documents"), &format!("GET /api/ImportLogs/{NO_IMPORT}"), 401);
}

async fn failed(stage: &Stage) {
    let operation = ("readFailed", "ImportLogs");
    let person = |upn: &str| json!([{"userPrincipalName": upn, "phone": "1"}]);
    let direct = stage.import(&[], &person("joe@company.com"));
    stage.both(operation, &format!("GET /api/ImportLogs/{}/failed", direct.text()), 410);
    for (upn, status) in [("joe@company.com", 204), ("unknown@company.com", 303)] {
        let staged = stage.import(&[("Prefer", "respond-async")], &person(upn));
        stage.local.report(staged.text()).await;
        stage.both(operation, &format!("GET /api/ImportLogs/{}/failed", staged.text()), status);
    }
    let announced = stage.local.announce(&json!({"contentType": "application/json", "bytes": 2})).json();
    let announced = announced["requestId"].as_str().unwrap().to_owned();
    for (id, status) in [(announced.as_str(), 409), (NO_IMPORT, 404)] {
        stage.both(operation, &format!("GET /api/ImportLogs/{id}/failed"), status);
    }
    stage.both(("readFailed", ""), &format!("GET /api/ImportLogs/{NO_IMPORT}/failed"), 401);
}

fn undelivered(stage: &Stage) {
    stage.down(true);
    let update = json!([{"employeeId": "100200301", "phone": "2", "mobile": "2"}]);
    let waits = stage.import(&[JSON], &update);
    assert_eq!(waits.status, 202);
    let id = waits.json()["requestId"].as_str().unwrap().to_owned();
    for (feature, query, status) in [
        ("ImportLogs", "", 200),
        ("ImportLogs", "?limit=1&target=aktion&person=100200301", 200),
        ("ImportLogs", "?limit=1", 200),
        ("ImportLogs", "?summary=1", 200),
        ("ImportLogs", "?summary=2", 400),
        ("", "", 401),
    ] {
        let request = format!("GET /api/Undelivered{query}");
        let answer = stage.ask(("listUndelivered", feature), &request, &[], b"");
        assert_eq!(answer.status, status, "{query}");
    }
    stage.down(false);
    for (feature, id, query, status) in [
        ("ImportLogs", id.as_str(), "?plan=true", 200),
        ("ImportLogs", &id, "", 200),
        ("ImportLogs", &id, "?plan=2", 400),
        ("ImportLogs", NO_IMPORT, "", 404),
        ("", &id, "", 401),
    ] {
        let request = format!("POST /api/ImportLogs/{id}/redeliveries{query}");
        assert_eq!(stage.ask(("redeliver", feature), &request, &[], b"").status, status, "{query}");
    }
    // What happened later is in the log by now.
    stage.both(("readLog", "ImportLogs"), &format!("GET /api/ImportLogs/{id}"), 200);
}

fn documents(stage: &Stage) {
    let in_path = |person: &str, file: &str| format!("/api/Documents/{person}/salary/{file}");
    let in_query =
        |person: &str, file: &str| format!("/api/Documents?person={person}&field=salary&fileName={file}");
    stored(stage, "storeDocument", &in_path);
    served(stage, ["findDocument", "deleteDocument"], &in_path);
    stored(stage, "storeDocumentByQuery", &in_query);
    served(stage, ["findDocumentByQuery", "deleteDocumentByQuery"], &in_query);
    for (id, path) in
        [("listDocuments", "/api/Documents/"), ("findDocumentByQuery", "/api/Documents?person=")]
    {
        for (person, status) in [("joe@company.com", 200), ("unknown@company.com", 404), ("%20", 400)] {
            stage.both((id, "Documents"), &format!("GET {path}{person}"), status);
        }
        stage.both((id, ""), &format!("GET {path}joe@company.com"), 401);
    }
    stage.down(true);
    stage.both(("listDocuments", "Documents"), "GET /api/Documents/new@company.com", 503);
    stage.down(false);
}

type Place<'a> = &'a dyn Fn(&str, &str) -> String;

fn stored(stage: &Stage, id: &str, place: Place<'_>) {
    let put = |feature: &str, person: &str, headers: &[(&str, &str)], body: &[u8]| {
        let request = format!("PUT {}", place(person, "March%202023.pdf"));
        let headers = [&[("Content-Type", "application/pdf")], headers].concat();
        stage.ask((id, feature), &request, &headers, body).status
    };
    let docs = "Documents";
    let sent = [TEXT, ("Idempotency-Key", id)];
    assert_eq!(put(docs, "joe@company.com", &sent, PDF), 201);
    assert_eq!(put(docs, "joe@company.com", &sent, PDF), 201, "the first answer");
    assert_eq!(put(docs, "joe@company.com", &sent, b"x"), 409);
    let large = [("Content-Length", "104857601"), ("Expect", "100-continue")];
    for accept in [TEXT, JSON] {
        assert_eq!(put(docs, "joe@company.com", &[accept], PDF), 200);
        assert_eq!(put(docs, "joe@company.com", &[accept], b"x"), 400);
        assert_eq!(put(docs, "%20", &[accept], PDF), 400);
        assert_eq!(put(docs, "unknown@company.com", &[accept], PDF), 404);
        assert_eq!(put(docs, "joe@company.com", &[&large[..], &[accept]].concat(), b""), 413);
    }
    assert_eq!(put("", "joe@company.com", &[], PDF), 401);
}

/// The document is there.
fn served(stage: &Stage, [find, delete]: [&str; 2], place: Place<'_>) {
    for (id, method, there) in [(find, "GET", 302), (delete, "DELETE", 204)] {
        for (feature, person, file, status) in [
            ("Documents", "unknown@company.com", "March%202023.pdf", 404),
            ("Documents", "%20", "March%202023.pdf", 400),
            ("", "joe@company.com", "March%202023.pdf", 401),
            ("Documents", "joe@company.com", "March%202023.pdf", there),
        ] {
            stage.both((id, feature), &format!("{method} {}", place(person, file)), status);
        }
    }
    stage.both((find, "Documents"), &format!("GET {}", place("joe@company.com", "March%202023.pdf")), 404);
}

/// The pages for people, with a session and without.
async fn console(stage: &Stage) {
    let token = session(&stage.local, &stage.local.ready().keys["ImportLogs"]).await;
    let cookie = format!("__Host-session={}", token.to_text());
    let import = stage.import(&[], &json!([{"employeeId": "100200301", "phone": "4"}]));
    let at = |id: &str, rest: &str| format!("/console/imports/{id}{rest}");
    for (id, path, without, with) in [
        ("openConsole", "/console".to_owned(), 200, 200),
        ("openConsole", "/console?search=100200301".to_owned(), 200, 303),
        ("showImport", at(import.text(), ""), 401, 200),
        ("showImport", at(NO_IMPORT, ""), 401, 404),
        ("downloadLog", at(import.text(), "/log.txt"), 401, 200),
        ("downloadLog", at("x", "/log.txt"), 401, 404),
        ("showPerson", "/console/people?person=100200301".to_owned(), 401, 200),
        ("showTargets", "/console/targets".to_owned(), 401, 200),
        ("showUndelivered", "/console/undelivered".to_owned(), 401, 200),
        ("readStyle", "/console/style.css".to_owned(), 200, 200),
    ] {
        let request = format!("GET {path}");
        assert_eq!(stage.ask((id, ""), &request, &[], b"").status, without, "{request}");
        assert_eq!(stage.ask((id, ""), &request, &[("Cookie", &cookie)], b"").status, with, "{request}");
    }
    let form = format!("token={}&zone=Europe/Berlin", token.form_token());
    for (id, path, status) in [
        ("chooseTimeZone", "/console/time-zone".to_owned(), 303),
        ("deliverNow", at(import.text(), "/deliver"), 303),
        ("deliverNow", at(NO_IMPORT, "/deliver"), 404),
        ("signOut", "/console/sign-out".to_owned(), 303),
    ] {
        let request = format!("POST {path}");
        let sent = |headers: &[(&str, &str)], form: &str| {
            let headers = [headers, &[FORM]].concat();
            stage.ask((id, ""), &request, &headers, form.as_bytes()).status
        };
        assert_eq!(sent(&[], &form), 401, "{request}");
        assert_eq!(sent(&[("Cookie", &cookie)], "zone=UTC"), 403, "{request}");
        assert_eq!(sent(&[("Cookie", &cookie)], &form), status, "{request}");
    }
    sign_in(stage);
}

fn sign_in(stage: &Stage) {
    let sent = |headers: &[(&str, &str)], key: &str| {
        let headers = [headers, &[FORM]].concat();
        let form = format!("key={key}&zone=Europe/Berlin&back=/console/targets");
        stage.ask(("signIn", ""), "POST /console/sign-in", &headers, form.as_bytes()).status
    };
    let right = &stage.local.ready().keys["ImportLogs"];
    assert_eq!(sent(&[], right), 303);
    assert_eq!(sent(&[("Sec-Fetch-Site", "cross-site")], right), 403);
    let wrong: Vec<_> = (0..11).map(|_| sent(&[], "wrong")).collect();
    assert_eq!((wrong[0], wrong[10]), (401, 429), "{wrong:?}");
}
