//! Files that HR exports drop into the bucket: imported in batches, moved, and dropped again without any effect.

use std::io::{Cursor, Write};

use people_adapters::s3::{read_object, write_object};
use people_core::hex;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::http::send;
use crate::live::aws;
use crate::stack::{Local, PDF};

const TARGETS: [&str; 4] = ["aktion", "esystems", "onlyoffice", "scim"];

impl Local {
    async fn drop_in(&self, name: &str, bytes: &[u8]) {
        let (s3, bucket) = (aws(self).await.s3, &self.ready().bucket);
        write_object(&s3, bucket, &format!("inbox/{name}"), bytes.to_vec()).await.unwrap();
    }

    fn take(&self) -> Value {
        let ran = send("POST /_local/run/inbox-import", &self.ready().api, &[], b"");
        assert_eq!(ran.status, 200, "{}", ran.text());
        ran.json()
    }

    /// The keys of what is in the inbox, or was.
    async fn files_of(&self, folder: &str) -> Vec<String> {
        let (s3, bucket) = (aws(self).await.s3, &self.ready().bucket);
        let listed = s3.list_objects_v2().bucket(bucket).prefix(folder).send().await.unwrap();
        listed.contents().iter().map(|object| object.key().unwrap().to_owned()).collect()
    }

    /// What the list says of the logs of this name: request id and parts.
    fn logs_of(&self, name: &str) -> Vec<(String, u64)> {
        let key = self.ready().keys["ImportLogs"].as_str();
        let list = send("GET /api/ImportLogs?limit=200", &self.ready().api, &[("x-functions-key", key)], b"");
        let list = list.json()["imports"].as_array().unwrap().clone();
        let named = list.iter().filter(|one| one["keyName"] == name && one["source"] == "inbox");
        let told =
            |one: &Value| (one["requestId"].as_str().unwrap().to_owned(), one["parts"].as_u64().unwrap());
        named.map(told).collect()
    }

    /// What the targets know of everybody, and what is stored of the one with the payslips.
    fn everything(&self) -> Vec<Value> {
        let mut all: Vec<Value> = TARGETS
            .iter()
            .map(|target| self.ask("GET /_sim/state", target, &Value::Null)["people"].clone())
            .collect();
        let headers = [("x-functions-key", self.ready().keys["Documents"].as_str())];
        let list = send("GET /api/Documents/joe@company.com", &self.ready().api, &headers, b"").json();
        let file = |one: &Value| json!([one["field"], one["fileName"], one["sha256"]]);
        all.extend(list["documents"].as_array().unwrap().iter().map(file));
        all
    }
}

/// 120 people, of whom the sample knows each.
fn csv() -> String {
    let row = |n: usize| format!("{};+49 {n};Last {n};2024-01-15\n", 200_000 + n);
    (0..120).map(row).fold("employeeId;phone;lastName;joinDate\n".to_owned(), |csv, row| csv + &row)
}

fn ndjson() -> String {
    let line = |n: usize| json!({"userPrincipalName": format!("person{n:03}@company.com"), "mobile": format!("+1 {n}")});
    (150..160).map(line).map(|line| format!("{line}\n")).collect()
}

fn payslips() -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for month in ["January", "February"] {
        let name = format!("2024/joe@company.com__salary__{month}.pdf");
        zip.start_file(name, SimpleFileOptions::default()).unwrap();
        zip.write_all(PDF).unwrap();
        zip.write_all(month.as_bytes()).unwrap();
        zip.write_all(b"\n%%EOF\n").unwrap();
    }
    zip.finish().unwrap().into_inner()
}

async fn drop_all(local: &Local) {
    local.drop_in("people 1.csv", csv().as_bytes()).await;
    local.drop_in("people.ndjson", ndjson().as_bytes()).await;
    local.drop_in("payslips.zip", &payslips()).await;
}

/// The log of a file: a line for each of its imports, each of which has a log of its own.
fn leads_to_its_imports(local: &Local, name: &str, batches: &[u64]) {
    let logs = local.logs_of(name);
    let mut of_batches: Vec<_> = logs.iter().rev().map(|(_, parts)| *parts).collect();
    let file = &logs.last().unwrap().0;
    assert_eq!(of_batches.remove(0), batches.len() as u64, "the log of the file itself");
    assert_eq!(of_batches, batches, "{name}");
    let log = local.look_up(file, &[]);
    let lines: Vec<_> = log.text().lines().skip(1).map(str::to_owned).collect();
    let line = |((id, _), parts): (&(String, u64), &u64)| {
        format!("Success - BatchImported - {parts} parts, 0 failed, 0 pending: import {id}")
    };
    let expected: Vec<_> = logs.iter().rev().skip(1).zip(batches).map(line).collect();
    assert_eq!(lines, expected, "{name}");
    for (id, parts) in &logs[..logs.len() - 1] {
        assert_eq!(local.look_up(id, &[]).text().lines().count() as u64, parts + 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_imported_and_moved_and_dropping_them_again_changes_nothing_but_the_logs() {
    let local = Local::start().await;
    drop_all(&local).await;
    assert_eq!(local.take(), json!({"done": 3, "failed": 0, "left": 0}));
    for (name, batches) in
        [("people 1.csv", &[50, 50, 20][..]), ("people.ndjson", &[10]), ("payslips.zip", &[2])]
    {
        leads_to_its_imports(&local, name, batches);
    }
    assert_eq!(local.person("200119")["PhoneNumber"], "+49 119");
    assert_eq!(local.files_of("inbox/").await, [""; 0]);
    let done = local.files_of("inbox-done/").await;
    for (name, bytes) in [("people 1.csv", csv().into_bytes()), ("payslips.zip", payslips())] {
        let key = format!("inbox-done/{}-{name}", local.logs_of(name).last().unwrap().0);
        assert!(done.contains(&key), "{done:?}");
        let moved = read_object(&aws(&local).await.s3, &local.ready().bucket, &key).await.unwrap();
        assert_eq!(moved, Some(bytes));
    }
    let before = local.everything();
    let payslip = [PDF, b"January\n%%EOF\n"].concat();
    assert!(
        json!(before).to_string().contains(&hex::encode(&Sha256::digest(&payslip))),
        "the payslip is there"
    );
    drop_all(&local).await;
    assert_eq!(local.take(), json!({"done": 3, "failed": 0, "left": 0}));
    assert_eq!(local.everything(), before);
    assert_eq!(local.logs_of("people 1.csv").len(), 8);
    assert_eq!(local.files_of("inbox-done/").await.len(), 6);
    assert_eq!(local.take(), json!({"done": 0, "failed": 0, "left": 0}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_file_is_put_aside_with_its_line_and_a_broken_row_is_a_failed_part() {
    let local = Local::start().await;
    let before = local.everything();
    local.drop_in("broken.csv", b"employeeId,phone\n200000,+49 1\n200001,\"+49 2\n").await;
    local.drop_in("people.txt", b"200000").await;
    assert_eq!(local.take(), json!({"done": 0, "failed": 2, "left": 0}));
    assert_eq!(local.everything(), before, "nothing of them is imported");
    let line = |name: &str| {
        let logs = local.logs_of(name);
        assert_eq!(logs.len(), 1, "{name}");
        let log = local.look_up(&logs[0].0, &[]);
        log.text().lines().skip(1).collect::<Vec<_>>().join("\n")
    };
    assert!(line("broken.csv").starts_with("Error - InvalidRequest - "), "{}", line("broken.csv"));
    assert!(line("broken.csv").contains("line 3"), "{}", line("broken.csv"));
    assert!(
        line("people.txt").starts_with("Error - InvalidRequest - its name ends with"),
        "{}",
        line("people.txt")
    );
    assert_eq!(local.files_of("inbox-failed/").await.len(), 2);
    local.drop_in("rows.csv", b"employeeId,joinDate\n200000,2024-01-15\n200001,15.1.2024\n").await;
    assert_eq!(local.take(), json!({"done": 1, "failed": 0, "left": 0}));
    let (import, parts) = local.logs_of("rows.csv").remove(0);
    assert_eq!(parts, 2);
    let log = local.look_up(&import, &[]);
    assert!(
        log.text()
            .contains("\nError - InvalidPerson - Invalid person in part 1: InvalidValues: 'joinDate'\n"),
        "{}",
        log.text()
    );
    assert_eq!(local.files_of("inbox-done/").await.len(), 1);
}
