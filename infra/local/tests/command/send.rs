//! `people send` to a running stack: every format, what failed and is sent again, and what is refused before anything is
//! sent.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::administrator::{Ended, run, serve, serve_with, write};
use super::{send as ask, text, updates};

/// A PDF of this size, and of at least as much as makes one.
pub(crate) fn pdf(bytes: usize) -> Vec<u8> {
    let mut pdf = b"%PDF-1.7\n".to_vec();
    pdf.resize(bytes.max(16) - 6, b'\n');
    pdf.extend_from_slice(b"%%EOF\n");
    pdf
}

/// Sends to the stack with this ready file.
pub(crate) fn send(folder: &Path, ready: &Value, arguments: &[&str]) -> Ended {
    let environment = [("PEOPLE_KEY", text(ready, "/keys/PeopleImport"))];
    run(folder, &environment, &[&["send", "--to", text(ready, "/api")], arguments].concat())
}

/// The line of a summary that begins like this.
#[track_caller]
pub(crate) fn told<'a>(ended: &'a Ended, begin: &str) -> &'a str {
    let line = ended.stdout.lines().find_map(|line| line.strip_prefix(begin));
    line.unwrap_or_else(|| panic!("no {begin}: {} {}", ended.stdout, ended.stderr)).trim()
}

#[track_caller]
pub(crate) fn check(ended: &Ended, code: i32, [updated, failed, pending]: [&str; 3]) {
    assert_eq!(ended.code, code, "{} {}", ended.stdout, ended.stderr);
    let counts = ["Updated", "Failed", "Pending"].map(|name| told(ended, name));
    assert_eq!(counts, [updated, failed, pending], "{}", ended.stderr);
}

/// Every import of the stack, the newest first.
pub(crate) fn imports(ready: &Value) -> Vec<Value> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let request = format!("GET /api/ImportLogs?limit=200{cursor}");
        let (status, page) = ask(&request, text(ready, "/api"), text(ready, "/keys/ImportLogs"), "").unwrap();
        assert_eq!(status, 200, "{page}");
        let page: Value = serde_json::from_str(&page).unwrap();
        all.extend(page["imports"].as_array().unwrap().iter().cloned());
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

/// How often each text was sent to Aktion as a cost center.
pub(crate) fn cost_centers(aktion: &str) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for call in updates(aktion) {
        let body: Value = serde_json::from_str(text(&call, "/body")).unwrap();
        let text = body.to_string();
        let value = text.split('"').find(|value| value.starts_with("CC")).unwrap_or(&text).to_owned();
        *counts.entry(value).or_default() += 1;
    }
    counts
}

/// A CSV of so many rows, each with a cost center of its own.
pub(crate) fn csv(rows: usize) -> String {
    let row = |n: usize| format!("person{:03}@company.com,CC-{n}\n", n % 200);
    "userPrincipalName,costCenter\n".to_owned() + &(0..rows).map(row).collect::<String>()
}

#[test]
fn people_in_every_format_and_pdfs_arrive_once_each() {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    let (_running, ready) = serve(path);
    let person = |n: usize| json!({"employeeId": (200_000 + n).to_string(), "costCenter": format!("CC-{n}")});
    write(
        path,
        "a.csv",
        "\u{feff}employeeId;costCenter;firstName\r\n200000;CC-0;(reset)\r\n200001;CC-1;\r\n",
    );
    write(path, "b.json", json!((2..103).map(person).collect::<Vec<_>>()).to_string());
    let lines: Vec<_> = (103..110).map(|n| person(n).to_string()).collect();
    write(path, "c.ndjson", lines.join("\n\n"));
    fs::create_dir_all(path.join("slips/more")).unwrap();
    for n in 0..51 {
        write(path, &format!("slips/20010{}__salary__50% März {n}.pdf", n % 10), pdf(2_000));
    }
    write(path, "slips/more/joe@company.com__contract__a__b%20.PDF", pdf(2_000));
    write(path, "slips/readme.txt", "no PDF");

    let ended = send(path, &ready, &["a.csv", "b.json", "c.ndjson", "slips"]);
    check(&ended, 0, ["162", "0", "0"]);
    assert!(told(&ended, "Sent").starts_with("162 parts in 7 batches"), "{}", ended.stdout);
    assert!(ended.stderr.contains("1 file in the folders: no PDF, left out"), "{}", ended.stderr);
    let sent = cost_centers(text(&ready, "/simulators/aktion"));
    assert_eq!(sent, (0..110).map(|n| (format!("CC-{n}"), 1)).collect());
    assert_eq!(imports(&ready).iter().filter_map(|import| import["parts"].as_u64()).sum::<u64>(), 162);
    let documents = |person: &str| {
        let key = text(&ready, "/keys/Documents");
        ask(&format!("GET /api/Documents/{person}"), text(&ready, "/api"), key, "").unwrap().1
    };
    assert!(documents("joe@company.com").contains("\"a__b%20.PDF\""), "{}", documents("joe@company.com"));
    assert_eq!(documents("200100").matches("50% März").count(), 6, "{}", documents("200100"));

    let again = send(path, &ready, &["a.csv", "b.json", "c.ndjson", "slips"]);
    check(&again, 0, ["162", "0", "0"]);
    assert!(again.stderr.contains("was sent already"), "{}", again.stderr);
    // Each list of documents that was asked for has a log too.
    assert_eq!(imports(&ready).len(), 7 + 2);
    check(&send(path, &ready, &["c.ndjson", "--journal", "other"]), 0, ["7", "0", "0"]);
    check(&send(path, &ready, &["c.ndjson", "--journal", "other", "--anew"]), 0, ["7", "0", "0"]);
    assert_eq!(imports(&ready).len(), 9 + 2);
    for printed in [&ended, &again] {
        let printed = format!("{}{}", printed.stdout, printed.stderr);
        assert!(
            !printed.contains("CC-") && !printed.contains(text(&ready, "/keys/PeopleImport")),
            "{printed}"
        );
    }
}

#[test]
fn rows_that_failed_are_given_back_with_why_and_can_be_corrected_and_sent_again() {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    let (_running, ready) = serve(path);
    let rows = "employeeId,costCenter,joinDate\n\
                200000,CC-0,2024-02-30\n200001,CC-1,\nnobody,\"CC,2\",\n200003\n200004,CC-4,2024-02-29\n";
    write(path, "people.csv", rows);
    let ended = send(path, &ready, &["people.csv"]);
    check(&ended, 1, ["2", "3", "0"]);
    let import = told(&ended, "Import with failures");
    assert_eq!(told(&ended, "What failed, and why"), "people.csv.failed.csv");
    let failed = fs::read_to_string(path.join("people.csv.failed.csv")).unwrap();
    let lines: Vec<_> = failed.lines().collect();
    assert_eq!(lines[0], "employeeId,costCenter,joinDate,_error");
    assert!(lines[1].starts_with("200000,CC-0,2024-02-30,line 2: InvalidValues 'joinDate': "), "{failed}");
    assert_eq!(lines[2], format!("nobody,\"CC,2\",,line 4: UnknownPerson (import {import})"));
    assert_eq!(
        lines[3],
        format!("200003,,,\"line 5: the row at line 5 has 1 cells, and the header has 3\",{SURPLUS}")
    );
    assert_eq!(lines.len(), 4);

    let corrected = failed.replace("2024-02-30", "2024-03-01").replace("nobody", "200002");
    write(path, "people.csv.failed.csv", corrected);
    let ended = send(path, &ready, &["people.csv.failed.csv"]);
    check(&ended, 1, ["2", "1", "0"]);
    let failed = fs::read_to_string(path.join("people.csv.failed.csv.failed.csv")).unwrap();
    assert!(failed.starts_with("employeeId,costCenter,joinDate,_error\r\n200003,"), "{failed}");
    let sent = cost_centers(text(&ready, "/simulators/aktion"));
    assert_eq!(
        sent.into_iter().collect::<Vec<_>>(),
        ["CC,2", "CC-0", "CC-1", "CC-4"].map(|it| (it.into(), 1))
    );
}

/// What a row that does not fit its header is given back with, so that it still does not.
const SURPLUS: &str = "remove this cell when the row is right";

#[test]
fn a_row_that_does_not_fit_its_header_is_refused_until_it_is_corrected_and_does_not_grow() {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    let (_running, ready) = serve(path);
    let two = [("200001", "200001,,+,~"), ("200002,CC-1,x", "200002,CC-1,+,x")];
    let three = [
        ("200003", "200003,,,+,~"),
        ("200004,CC-2", "200004,CC-2,,+,~"),
        ("200005,CC-3,Joe,x,y", "200005,CC-3,Joe,+,x,y"),
    ];
    for (header, rows) in [("employeeId,costCenter", &two[..]), ("employeeId,costCenter,firstName", &three)] {
        let written: Vec<_> = rows.iter().map(|(row, _)| *row).collect();
        let mut file = format!("{header}\n{}\n", written.join("\n"));
        let given: Vec<_> = rows.iter().map(|(_, given)| given.replace('~', SURPLUS)).collect();
        for round in 0..4 {
            let name = format!("{}-{round}.csv", rows.len());
            write(path, &name, &file);
            let count = rows.len().to_string();
            check(&send(path, &ready, &[&name]), 1, ["0", &count, "0"]);
            file = fs::read_to_string(path.join(format!("{name}.failed.csv"))).unwrap();
            let mut lines = file.lines();
            assert_eq!(lines.next(), Some(&*format!("{header},_error")));
            assert_eq!(lines.map(without_note).collect::<Vec<_>>(), given, "round {round}: {file}");
        }
        // Taking out cells before the note moves it to the place of a value, and is no correction.
        let cut = [(",,\"line", ",\"line"), (",CC-1,", ","), (",CC-3,Joe,", ",")];
        let cut = cut.iter().fold(file.clone(), |file, (cells, left)| file.replace(cells, left));
        write(path, "cut.csv", cut);
        let ended = send(path, &ready, &["cut.csv", "--anew"]);
        check(&ended, 1, ["0", &rows.len().to_string(), "0"]);
        let corrected = file.replace(&format!(",{SURPLUS}"), "").replace(",x,y", "").replace(",x\r", "\r");
        assert!(updates(text(&ready, "/simulators/aktion")).iter().all(|call| !is_noted(call)));
        write(path, "right.csv", corrected);
        let ended = send(path, &ready, &["right.csv", "--anew"]);
        check(&ended, 0, [&rows.len().to_string(), "0", "0"]);
    }
    let sent = updates(text(&ready, "/simulators/aktion"));
    assert!(!sent.is_empty() && !sent.iter().any(is_noted), "{sent:?}");
}

/// A row that was given back, with a plus instead of its note.
#[track_caller]
fn without_note(row: &str) -> String {
    let (before, note) = row.split_once("\"line ").unwrap_or_else(|| panic!("no note: {row}"));
    let (_, after) = note.split_once('"').unwrap();
    format!("{before}+{after}")
}

/// Whether any of what was added to a row was sent.
fn is_noted(call: &Value) -> bool {
    let body = text(call, "/body");
    body.contains("the header has") || body.contains(SURPLUS)
}

#[test]
fn objects_and_pdfs_that_failed_are_given_back_too() {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    let (_running, ready) = serve(path);
    write(
        path,
        "people.json",
        "[{\"employeeId\":\"200000\",\n\"joindate\":\"2024-01-01\"}, {\"employeeId\":\"200001\"}]",
    );
    write(path, "people.ndjson", "{\"employeeId\":\"200002\"},{}\n{\"employeeId\":\"200003\"}\n");
    fs::create_dir(path.join("slips")).unwrap();
    write(path, "slips/200000__salary__a.pdf", pdf(100));
    write(path, "slips/nobody__salary__b.pdf", pdf(100));
    let ended = send(path, &ready, &["people.json", "people.ndjson", "slips"]);
    check(&ended, 1, ["3", "3", "0"]);
    let read = |name: &str| fs::read_to_string(path.join(name)).unwrap();
    let failed: Value = serde_json::from_str(&read("people.json.failed.ndjson")).unwrap();
    assert_eq!((text(&failed, "/employeeId"), text(&failed, "/joindate")), ("200000", "2024-01-01"));
    assert!(text(&failed, "/_error").contains("Was 'joinDate' meant?"), "{failed}");
    let failed: Value = serde_json::from_str(&read("people.ndjson.failed.ndjson")).unwrap();
    assert_eq!(text(&failed, "/_line"), "{\"employeeId\":\"200002\"},{}");
    let list = read("documents.failed.txt");
    assert!(list.starts_with("slips/nobody__salary__b.pdf\t") && list.lines().count() == 1, "{list}");

    let corrected = read("people.json.failed.ndjson").replace("joindate", "joinDate");
    write(path, "people.json.failed.ndjson", corrected);
    check(&send(path, &ready, &["people.json.failed.ndjson"]), 0, ["1", "0", "0"]);
    check(&send(path, &ready, &["--from", "documents.failed.txt"]), 1, ["0", "1", "0"]);
}

#[test]
fn nothing_is_sent_with_a_wrong_key_or_of_a_file_that_is_broken() {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    let (_running, ready) = serve(path);
    write(path, "good.csv", csv(1));
    write(path, "header.csv", "costCenter\nCC-0\n");
    write(path, "cut.json", "[{}");
    write(path, "empty.ndjson", "\n");
    write(path, "key", "wrong\n");
    let to = ["send", "--to", text(&ready, "/api")];
    let refused = |arguments: &[&str], said: &str| {
        let ended = run(path, &[("PEOPLE_KEY", text(&ready, "/keys/PeopleImport"))], arguments);
        assert!(ended.code == 1 && ended.stderr.contains(said), "{}: {}", ended.code, ended.stderr);
    };
    refused(&[&to[..], &["good.csv", "--key-file", "key"]].concat(), "the key is unknown, revoked");
    let all = ["good.csv", "header.csv", "cut.json", "empty.ndjson"];
    refused(&[&to[..], &all[..]].concat(), "header.csv: its header is missing");
    refused(&[&to[..], &all[1..]].concat(), "cut.json: it is not valid JSON");
    refused(&[&to[..], &all[1..]].concat(), "empty.ndjson: there is nothing in it");
    refused(&[&to[..], &["none.csv"]].concat(), "could not read none.csv");
    refused(&[&to[..], &["key"]].concat(), "key: it ends with none of");
    refused(&[&to[..], &["good.csv", "./good.csv"]].concat(), "good.csv is there twice");
    for name in ["a/7__salary__May.pdf", "b/7__salary__May.pdf"] {
        fs::create_dir_all(path.join(name).parent().unwrap()).unwrap();
        write(path, name, pdf(100));
    }
    let twice =
        "a/7__salary__May.pdf and b/7__salary__May.pdf have one name: the second would replace the first";
    refused(&[&to[..], &["a", "b"]].concat(), twice);
    assert!(imports(&ready).is_empty());
    check(&send(path, &ready, &["good.csv"]), 0, ["1", "0", "0"]);
}

#[test]
fn what_cannot_be_meant_is_wrong_use() {
    let folder = TempDir::new().unwrap();
    write(folder.path(), "a.csv", csv(1));
    let to = ["--to", "https://people.example.com"];
    for (environment, arguments) in [
        (&[][..], vec!["send"]),
        (&[], vec!["send", "a.csv", "--key", "k"]),
        (&[], vec!["send", "--key", "k", to[0], to[1]]),
        (&[], vec!["send", "a.csv", to[0], to[1]]),
        (&[("PEOPLE_KEY", "")], vec!["send", "a.csv", to[0], to[1]]),
        (&[("PEOPLE_KEY", "k")], vec!["send", "a.csv", "--to", "http://people.example.com"]),
        (&[("PEOPLE_KEY", "k")], vec!["send", "a.csv", to[0], to[1], "--patience", "long"]),
        (&[], vec!["send", "a.csv", to[0], to[1], "--key", "k", "--key-file", "f"]),
    ] {
        let ended = run(folder.path(), environment, &arguments);
        assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{arguments:?}: {}", ended.stderr);
    }
}

#[test]
fn a_pdf_that_is_too_large_for_a_request_is_uploaded() {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    let (_running, ready) = serve_with(path, &["--lambda-limits"]);
    let both = ["--feature", "PeopleImport", "--feature", "ImportLogs"];
    let create = [&["keys", "create", "--name", "both", "--data", "data"], &both[..]].concat();
    write(path, "both", run(path, &[], &create).stdout);
    write(path, "200000__salary__large.pdf", pdf(6_500_000));
    write(path, "200001__salary__small.pdf", pdf(3_000_000));
    write(path, "nobody__salary__large.pdf", pdf(6_500_000));
    let files = ["200000__salary__large.pdf", "200001__salary__small.pdf", "nobody__salary__large.pdf"];
    let looking = [&files[..], &["--key-file", "both"]].concat();
    let ended = send(path, &ready, &looking);
    check(&ended, 1, ["2", "1", "0"]);
    let list = fs::read_to_string(path.join("documents.failed.txt")).unwrap();
    assert!(list.starts_with("nobody__salary__large.pdf\t"), "{list}");
    // A key for imports alone may not see how they end.
    let ended = send(path, &ready, &[files[0], "--journal", "blind"]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(told(&ended, "Pending").starts_with("1 (accepted"), "{}", ended.stdout);
    assert!(ended.stderr.contains("with a key that is for ImportLogs too"), "{}", ended.stderr);
}
