//! Large bodies: announced, sent to the bucket itself, and imported when they have arrived.

use std::time::{Duration, Instant};

use people_adapters::staged::look_after;
use people_adapters::system;
use people_core::batch::MAX_BODY_BYTES;
use people_core::document::Content;
use people_core::hex;
use people_core::log::Form;
use people_core::staged::{self, Accepted};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use staged_import::Came;

use crate::http::{Reply, multipart, send};
use crate::stack::{Local, PDF};

const JSON: &str = "application/json";
const FORM: &str = "multipart/form-data; boundary=b";

/// How long an import is waited for before the test fails.
const GIVE_UP: Duration = Duration::from_secs(60);
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

impl Local {
    pub(crate) fn announce(&self, announcement: &Value) -> Reply {
        let headers = [("x-functions-key", self.key()), ("Content-Type", JSON)];
        let body = announcement.to_string();
        send("POST /api/PeopleImport/uploads", &self.ready().api, &headers, body.as_bytes())
    }

    /// Announces a body and sends it.
    pub(crate) fn upload(&self, content_type: &str, body: &[u8]) -> String {
        let upload = self.announce(&json!({"contentType": content_type, "bytes": body.len()}));
        assert_eq!(upload.status, 201, "{}", upload.text());
        let upload = upload.json();
        let sent = put(&upload, &[], body);
        assert_eq!(sent.status, 200, "{}", sent.text());
        upload["requestId"].as_str().unwrap().to_owned()
    }

    /// The report of an import when it has ended.
    pub(crate) async fn report(&self, id: &str) -> Value {
        let since = Instant::now();
        loop {
            let report = self.look_up(id, &[("Accept", JSON)]).json();
            if report["state"] == "done" {
                return report;
            }
            assert!(since.elapsed() < GIVE_UP, "{report}");
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
    }

    /// The lines of an import that has ended, without its head.
    pub(crate) async fn lines(&self, id: &str) -> String {
        self.report(id).await;
        self.look_up(id, &[]).text().split_once('\n').unwrap().1.to_owned()
    }
}

/// Sends a body as an announcement's answer says, and with these headers in place of its own.
pub(crate) fn put(upload: &Value, other: &[(&str, Option<&str>)], body: &[u8]) -> Reply {
    let url = upload["url"].as_str().unwrap();
    let mut headers: Vec<(&str, &str)> = Vec::new();
    for (name, value) in upload["headers"].as_object().unwrap() {
        match other.iter().find(|(known, _)| known == name) {
            None => headers.push((name, value.as_str().unwrap())),
            Some((_, value)) => headers.extend(value.map(|value| (name.as_str(), value))),
        }
    }
    let path = url.splitn(4, '/').last().unwrap();
    send(&format!("PUT /{path}"), url, &headers, body)
}

fn people() -> String {
    json!([
        {"userPrincipalName": "joe@company.com", "phone": "+49 1"},
        {"userPrincipalName": "unknown@company.com", "phone": "1"},
        {"employeeId": "100200301", "nosuch": "x"},
    ])
    .to_string()
}

fn form() -> Vec<u8> {
    let payslip = "Content-Disposition: form-data; name=\"x\"; filename=\"joe@company.com__salary__March.pdf\"\r\nContent-Type: application/pdf";
    let person = "Content-Disposition: form-data; name=\"y\"\r\nContent-Type: application/json";
    multipart(&[
        (person, br#"{"userPrincipalName":"sarah@company.com","phone":"2"}"#),
        (payslip, PDF),
        (person, b"no JSON"),
    ])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_uploaded_is_imported_as_one_that_is_sent() {
    let (local, other) = (Local::start().await, Local::start().await);
    for (content_type, body) in [(JSON, people().into_bytes()), (FORM, form())] {
        let id = local.upload(content_type, &body);
        let report = local.report(&id).await;
        let direct = other.import(content_type, &body);
        assert_eq!(report["status"], direct.status);
        assert_eq!(local.lines(&id).await, other.log(&direct));
        let parts = |report: &Value| {
            let parts = report["parts"].as_array().unwrap().iter();
            parts.map(|part| (part["outcome"].clone(), part["findings"].clone())).collect::<Vec<_>>()
        };
        assert_eq!(parts(&report), parts(&other.look_up(direct.text(), &[("Accept", JSON)]).json()));
        assert_eq!(local.person("100200300"), other.person("100200300"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_announcement_is_answered_with_what_to_send_and_has_a_log_at_once() {
    let local = Local::start().await;
    let digest = "ab".repeat(32);
    let upload = local.announce(&json!({"contentType": FORM, "bytes": 9, "sha256": digest}));
    assert_eq!((upload.status, upload.headers["cache-control"].as_str()), (201, "no-store"));
    let answer = upload.json();
    let id = answer["requestId"].as_str().unwrap();
    assert_eq!(upload.headers["location"], format!("/api/ImportLogs/{id}"));
    assert_eq!(answer["headers"]["content-type"], FORM);
    assert_eq!(answer["headers"]["if-none-match"], "*");
    assert!(answer["headers"]["x-amz-checksum-sha256"].is_string(), "{answer}");
    assert!(answer["expiresAt"].as_str().unwrap().ends_with('Z'));
    let log = local.look_up(id, &[]);
    assert_eq!(log.status, 200);
    assert_eq!(log.text().lines().count(), 1, "{}", log.text());
    let report = local.look_up(id, &[("Accept", JSON)]).json();
    assert_eq!(
        (&report["state"], &report["status"], &report["now"]),
        (&json!("accepted"), &Value::Null, &json!("pending"))
    );
    let list = send(
        "GET /api/ImportLogs",
        &local.ready().api,
        &[("x-functions-key", &local.ready().keys["ImportLogs"])],
        b"",
    )
    .json();
    assert_eq!(
        (&list["imports"][0]["requestId"], &list["imports"][0]["source"]),
        (&json!(id), &json!("staged"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_not_the_one_announced_is_refused_and_the_one_announced_still_comes() {
    let local = Local::start().await;
    let body = people().into_bytes();
    let sha256 = hex::encode(&Sha256::digest(&body));
    let announcement = json!({"contentType": JSON, "bytes": body.len(), "sha256": sha256});
    let upload = local.announce(&announcement).json();
    let longer = [body.as_slice(), b" "].concat();
    let other = body.iter().rev().copied().collect::<Vec<_>>();
    for (name, reply) in [
        ("one byte more", put(&upload, &[], &longer)),
        ("one byte less", put(&upload, &[], &body[1..])),
        ("other bytes", put(&upload, &[], &other)),
        ("another type", put(&upload, &[("content-type", Some("text/plain"))], &body)),
        ("no condition", put(&upload, &[("if-none-match", None)], &body)),
    ] {
        assert!((400..500).contains(&reply.status), "{name}: {} {}", reply.status, reply.text());
    }
    let id = upload["requestId"].as_str().unwrap();
    assert_eq!(local.look_up(id, &[("Accept", JSON)]).json()["state"], "accepted");
    assert_eq!(put(&upload, &[], &body).status, 200);
    assert_eq!(put(&upload, &[], &body).status, 412, "the same body again");
    let report = local.report(id).await;
    assert_eq!(report["counts"], json!({"parts": 3, "succeeded": 1, "failed": 2, "pending": 0}));
    assert_eq!(local.updates(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_an_announcement_is_said() {
    let local = Local::start().await;
    let good = |bytes: Value| json!({"contentType": JSON, "bytes": bytes});
    assert_eq!(local.announce(&good(json!(MAX_BODY_BYTES))).status, 201);
    let larger = local.announce(&good(json!(MAX_BODY_BYTES + 1)));
    assert_eq!((larger.status, larger.headers["content-type"].as_str()), (413, "application/problem+json"));
    assert_eq!(larger.json()["type"], "urn:people-import:problem:BodyTooLarge");
    for (announcement, names) in [
        (json!({"contentType": JSON}), "'bytes'"),
        (good(json!(0)), "'bytes'"),
        (json!({"bytes": 1}), "'contentType'"),
        (json!({"contentType": "text/csv", "bytes": 1}), "'contentType'"),
        (json!({"contentType": JSON, "bytes": 1, "sha256": "00"}), "'sha256'"),
        (json!({"contentType": JSON, "bytes": 1, "name": "x"}), "'name'"),
        (json!([]), "JSON object"),
    ] {
        let refused = local.announce(&announcement);
        assert_eq!(refused.status, 400, "{announcement}");
        assert!(refused.json()["detail"].as_str().unwrap().contains(names), "{}", refused.text());
    }
    let api = &local.ready().api;
    let no_key = send("POST /api/PeopleImport/uploads", api, &[], good(json!(1)).to_string().as_bytes());
    assert_eq!((no_key.status, no_key.body.len()), (401, 0));
    let get = send("GET /api/PeopleImport/uploads", api, &[("x-functions-key", local.key())], b"");
    assert_eq!((get.status, get.headers["allow"].as_str()), (405, "POST"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_comes_twice_or_late_imports_once() {
    let local = Local::start().await;
    let id = local.upload(JSON, people().as_bytes());
    let lines = local.lines(&id).await;
    let app = local.app().await;
    let event = json!({"detail": {"object": {"key": format!("staged/{id}")}}});
    for _ in 0..2 {
        let arrived = serde_json::from_value(event.clone()).unwrap();
        let ends = app.clock.now().plus(GIVE_UP);
        let came = staged_import::handle(&app, arrived, ends).await.unwrap();
        assert_eq!(came, Came::Nothing);
    }
    assert_eq!((local.lines(&id).await, local.updates()), (lines, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_whose_event_came_too_soon_is_taken_up_by_the_schedule() {
    let local = Local::start().await;
    let app = local.app().await;
    let (at, holder) = (app.clock.now(), system::new_holder().unwrap());
    let id = system::new_import_id(at).unwrap();
    let body = Content::Memory(people().into_bytes().into());
    assert!(app.bodies.put(id, JSON, &body).await.unwrap());
    let accepted =
        Accepted { id, received_at: at, key_name: "payroll".into(), form: Form::Array, dry_run: false };
    staged::accept(&app, accepted).await.unwrap();
    look_after(&app, &[id], &holder, at.plus(GIVE_UP)).await;
    assert_eq!(local.report(&id.to_string()).await["counts"]["succeeded"], 1);
    assert_eq!(local.updates(), 1);
}
