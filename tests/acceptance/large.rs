//! Large bodies: what they come to is what the same parts come to in small requests, and what is refused of them.

use std::sync::Arc;
use std::time::Duration;

use people_adapters::s3::S3Bodies;
use people_adapters::system;
use people_core::batch::MAX_BODY_BYTES;
use people_core::hex;
use people_core::id::ImportId;
use people_core::log::Form;
use people_core::memory::ManualClock;
use people_core::ports::{Announced, Bodies, SignedPut};
use people_core::staged::{self, Accepted, MISSING_AFTER, UPLOAD_LIFE};
use people_core::time::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::http::{Reply, multipart, raw, send};
use crate::live::aws;
use crate::stack::Local;

const JSON: &str = "application/json";
const FORM: &str = "multipart/form-data; boundary=b";
/// With 49 files of this size, a body is larger than an event of Lambda may be.
const FILE: usize = 120_000;
const MINUTE: Duration = Duration::from_secs(60);

/// A part: its header lines and its bytes.
type Part = (String, Vec<u8>);

/// Files of people in two fields, one of somebody whom nobody knows, and an update.
fn parts() -> Vec<Part> {
    let file = |n: usize| {
        let (person, field) = (n % 10, if n.is_multiple_of(2) { "salary" } else { "contract" });
        let whose =
            if n == 48 { "unknown@company.com".into() } else { format!("person{person:03}@company.com") };
        let name = format!("{whose}__{field}__File {n}.pdf");
        let head = format!(
            "Content-Disposition: form-data; name=\"f\"; filename=\"{name}\"\r\nContent-Type: application/pdf"
        );
        // Below and above what is kept in memory.
        let size = if n.is_multiple_of(3) { 1000 } else { FILE * 3 / 2 };
        let bytes: Vec<u8> = (0..size).map(|at| b'a' + ((at * 7 + n) % 23) as u8).collect();
        (head, [b"%PDF-1.7\n".as_slice(), &bytes, b"\n%%EOF\n"].concat())
    };
    let mut parts: Vec<Part> = (0..49).map(file).collect();
    let person = "Content-Disposition: form-data; name=\"p\"\r\nContent-Type: application/json";
    let update = br#"{"userPrincipalName":"joe@company.com","phone":"+49 1","department":"IT"}"#;
    parts.insert(20, (person.to_owned(), update.to_vec()));
    parts
}

fn body(parts: &[Part]) -> Vec<u8> {
    let parts: Vec<_> = parts.iter().map(|(head, bytes)| (head.as_str(), bytes.as_slice())).collect();
    multipart(&parts)
}

impl Local {
    /// What is stored of the people that have files: name, size and hash.
    fn files(&self) -> Vec<Vec<Value>> {
        let key = self.ready().keys["Documents"].as_str();
        let of = |n: usize| {
            let list = format!("GET /api/Documents/person{n:03}@company.com");
            let list = send(&list, &self.ready().api, &[("x-functions-key", key)], b"").json();
            let told = |one: &Value| json!({"field": one["field"], "name": one["fileName"], "bytes": one["bytes"], "sha256": one["sha256"]});
            list["documents"].as_array().unwrap().iter().map(told).collect()
        };
        (0..10).map(of).collect()
    }

    /// The objects that documents are in, as hashes of their bytes.
    async fn objects(&self) -> Vec<String> {
        let (s3, bucket) = (aws(self).await.s3, self.ready().bucket.as_str());
        let listed = s3.list_objects_v2().bucket(bucket).prefix("documents/").send().await.unwrap();
        let mut hashes = Vec::new();
        for object in listed.contents() {
            let object = s3.get_object().bucket(bucket).key(object.key().unwrap()).send().await.unwrap();
            hashes.push(hex::encode(&Sha256::digest(object.body.collect().await.unwrap().into_bytes())));
        }
        hashes.sort();
        hashes
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_large_body_leaves_the_lines_and_the_bytes_of_the_same_parts_in_small_requests() {
    let (large, small) = (Local::start_with(true).await, Local::start_with(true).await);
    let parts = parts();
    let whole = body(&parts);
    assert!(whole.len() > 5_000_000, "{}", whole.len());
    assert_eq!(large.import(FORM, &whole).status, 413, "no request takes it");
    let lines = large.lines(&large.upload(FORM, &whole)).await;
    let each: String =
        parts.iter().map(|part| small.log(&small.import(FORM, body(std::slice::from_ref(part))))).collect();
    assert_eq!(lines.lines().count(), 50, "{lines}");
    assert_eq!(lines, each);
    let files = large.files();
    assert_eq!(files, small.files());
    let hashes = large.objects().await;
    assert_eq!(hashes, small.objects().await);
    let told: Vec<_> =
        files.iter().flatten().map(|file| file["sha256"].as_str().unwrap().to_owned()).collect();
    assert!(hashes.len() > 20 && told.len() == hashes.len(), "{} and {}", told.len(), hashes.len());
    let sent: Vec<_> = parts.iter().map(|(_, bytes)| hex::encode(&Sha256::digest(bytes))).collect();
    for hash in &told {
        assert!(hashes.contains(hash) && sent.contains(hash), "{hash}");
    }
    for target in ["aktion", "esystems", "scim"] {
        let people = |local: &Local| local.ask("GET /_sim/state", target, &Value::Null)["people"].clone();
        assert_eq!(people(&large), people(&small), "{target}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_one_byte_more_than_100_mib_is_refused_by_the_bucket_before_it_is_sent() {
    let local = Local::start().await;
    let upload = local.announce(&json!({"contentType": JSON, "bytes": MAX_BODY_BYTES})).json();
    let (url, id) = (upload["url"].as_str().unwrap(), upload["requestId"].as_str().unwrap());
    let put = |bytes: u64| {
        let (address, target) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
        let head = format!(
            "PUT /{target} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\ncontent-type: {JSON}\r\n\
             if-none-match: *\r\ncontent-length: {bytes}\r\nexpect: 100-continue\r\n\r\n"
        );
        raw(url, head.as_bytes())
    };
    let refused = put(MAX_BODY_BYTES + 1);
    assert_eq!(refused.status, 403, "{}", refused.text());
    assert_eq!(local.look_up(id, &[("Accept", JSON)]).json()["state"], "accepted");
}

/// A signed request for the body of an import that was accepted so long ago.
async fn accepted(local: &Local, ago: Duration, bytes: usize) -> (ImportId, SignedPut) {
    let app = local.app().await;
    let now = app.clock.now();
    let at = Timestamp::from_millis(now.millis() - i64::try_from(ago.as_millis()).unwrap());
    let id = system::new_import_id(at).unwrap();
    let key_name = "payroll".to_owned();
    staged::accept(&app, Accepted { id, received_at: at, key_name, form: Form::Array, dry_run: false }).await.unwrap();
    let bodies =
        S3Bodies::new(aws(local).await.s3, local.ready().bucket.as_str(), Arc::new(ManualClock::at(at)));
    let announced = Announced { content_type: JSON.to_owned(), bytes: bytes as u64, sha256: None };
    (id, bodies.upload(id, &announced, at.plus(UPLOAD_LIFE)).await.unwrap())
}

fn put(put: &SignedPut, body: &str) -> Reply {
    let url = put.url.reveal();
    let headers: Vec<_> = put.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    send(&format!("PUT /{}", url.splitn(4, '/').last().unwrap()), url, &headers, body.as_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_comes_in_its_time_is_imported_and_one_that_comes_later_is_refused() {
    let local = Local::start().await;
    let body = r#"[{"userPrincipalName":"joe@company.com","phone":"+49 1"}]"#;
    let (in_time, request) = accepted(&local, UPLOAD_LIFE - MINUTE, body.len()).await;
    assert_eq!(put(&request, body).status, 200);
    assert_eq!(local.report(&in_time.to_string()).await["counts"]["succeeded"], 1);
    let (too_late, request) = accepted(&local, UPLOAD_LIFE, body.len()).await;
    let refused = put(&request, body);
    assert_eq!(refused.status, 403, "{}", refused.text());
    assert_eq!(local.look_up(&too_late.to_string(), &[("Accept", JSON)]).json()["state"], "accepted");
    assert_eq!(local.updates(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_whose_body_never_comes_is_closed_by_the_schedule_after_half_an_hour() {
    let local = Local::start().await;
    let (waiting, _) = accepted(&local, MISSING_AFTER - MINUTE, 2).await;
    let (missing, _) = accepted(&local, MISSING_AFTER, 2).await;
    let ran = send("POST /_local/run/redelivery", &local.ready().api, &[], b"");
    assert_eq!(ran.status, 200, "{}", ran.text());
    assert_eq!(local.look_up(&waiting.to_string(), &[("Accept", JSON)]).json()["state"], "accepted");
    let closed = local.look_up(&missing.to_string(), &[("Accept", JSON)]).json();
    assert_eq!((&closed["state"], &closed["status"]), (&json!("done"), &json!(400)), "{closed}");
    let lines = local.lines(&missing.to_string()).await;
    assert!(lines.starts_with("Error - BodyNotReceived - ") && lines.lines().count() == 1, "{lines}");
}
