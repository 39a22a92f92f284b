//! What files of each kind become, and which are refused; every one is read from memory and from a file on disk.

mod csv;
mod json;
mod property;
mod zip;

use std::io::Write as _;

use super::*;
use crate::error::StoreError;
use crate::memory::MemorySpool;

pub(super) fn profile() -> Profile {
    let entry = |name: &str, kind: &str, is_list: bool| {
        format!(r#"{{"name":"{name}","fieldType":"{kind}","source":"Api","isList":{is_list}}}"#)
    };
    let entries = [
        entry("joinDate", "Date", false),
        entry("firstName", "String", false),
        entry("skills", "String", true),
        entry("jobTitle", "MultiLang", false),
        entry("titles", "MultiLang", true),
        entry("staffMembers", "PersonIdentifier", true),
        entry("salary", "File", true),
    ];
    Profile::parse(format!("[{}]", entries.join(",")).as_bytes()).unwrap()
}

fn spool() -> Arc<dyn Spool> {
    Arc::new(MemorySpool)
}

pub(super) fn in_memory(bytes: &[u8]) -> Content {
    Content::Memory(bytes.to_vec().into())
}

fn on_disk(bytes: &[u8]) -> Content {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    Content::File(Arc::new(file), bytes.len() as u64)
}

pub(super) fn open(name: &str, content: &Content) -> Result<Batches, FileError> {
    Batches::open(name, content, &spool(), &profile())
}

/// All parts, in batches.
fn rest(mut batches: Batches) -> Vec<Vec<Incoming>> {
    let mut all = Vec::new();
    while let Some(batch) = batches.next_batch().unwrap() {
        all.push(batch);
    }
    all
}

pub(super) fn shown(part: &Incoming) -> String {
    match part {
        Incoming::Person(json) => String::from_utf8_lossy(json).into_owned(),
        Incoming::PersonTooLarge => "too large".to_owned(),
        Incoming::File(name, upload) => {
            format!("{name}: {} bytes, {:?}", upload.content.bytes(), upload.is_pdf)
        }
        Incoming::UnnamedFile(reason) => format!("no file: {reason}"),
        Incoming::Unacceptable(reason) => format!("no part: {reason}"),
        Incoming::Document(..) => panic!("a file names no document"),
    }
}

/// What each part of a file is, or why there are none.
pub(super) fn parts(name: &str, bytes: impl AsRef<[u8]>) -> Vec<String> {
    let read = |content: Content| match open(name, &content) {
        Err(FileError::Fault(fault)) => vec![format!("fault: {fault}")],
        Err(error) => panic!("{error}"),
        Ok(batches) => {
            let count = batches.parts();
            let parts: Vec<_> = rest(batches).concat().iter().map(shown).collect();
            assert_eq!(count, parts.len() as u64, "{name}");
            parts
        }
    };
    let from_memory = read(in_memory(bytes.as_ref()));
    assert_eq!(from_memory, read(on_disk(bytes.as_ref())), "{name}");
    from_memory
}

/// The fault of a file.
pub(super) fn fault(name: &str, bytes: impl AsRef<[u8]>) -> String {
    let parts = parts(name, bytes);
    parts[0].strip_prefix("fault: ").unwrap_or_else(|| panic!("{parts:?}")).to_owned()
}

#[test]
fn the_extension_says_what_a_file_is() {
    let object = r#"{"employeeId":"7"}"#;
    for name in ["a.json", "a.b.JSON", ".json"] {
        assert_eq!(parts(name, format!("[{object}]")), [object], "{name}");
    }
    for name in ["a.ndjson", "a.jsonl", "A.JsonL"] {
        assert_eq!(parts(name, object), [object], "{name}");
    }
    assert_eq!(parts("people.CSV", "employeeId\n7"), [object]);
    for name in ["a", "a.txt", "json", "a.json.gz", "a.", "", "csv/people"] {
        assert!(fault(name, object).starts_with("its name ends with none of"), "{name}");
    }
}

#[test]
fn a_file_with_nothing_in_it_is_refused() {
    for (name, bytes) in [
        ("a.json", ""),
        ("a.json", " \n"),
        ("a.json", "[]"),
        ("a.json", "\u{feff}[ ]\n"),
        ("a.ndjson", ""),
        ("a.ndjson", "\n \r\n\t"),
        ("a.csv", ""),
        ("a.csv", "\u{feff}\r\n\n"),
        ("a.csv", "employeeId;joinDate\r\n"),
    ] {
        assert_eq!(fault(name, bytes), "there is nothing in it", "{name} {bytes:?}");
    }
}

fn sizes(name: &str, bytes: &str) -> Vec<usize> {
    let batches = open(name, &in_memory(bytes.as_bytes())).unwrap();
    let expected = batches.batches();
    let sizes: Vec<_> = rest(batches).iter().map(Vec::len).collect();
    assert_eq!(sizes.len() as u64, expected);
    sizes
}

#[test]
fn a_batch_has_at_most_50_parts() {
    let lines = |count: usize| "{}\n".repeat(count);
    assert_eq!(sizes("a.ndjson", &lines(1)), [1]);
    assert_eq!(sizes("a.ndjson", &lines(50)), [50]);
    assert_eq!(sizes("a.ndjson", &lines(51)), [50, 1]);
    assert_eq!(sizes("a.json", &format!("[{}]", vec!["1"; 101].join(","))), [50, 50, 1]);
    assert_eq!(sizes("a.csv", &format!("employeeId\n{}", "7\n".repeat(100))), [50, 50]);
}

#[test]
fn a_run_goes_on_where_another_one_ended() {
    let rows: Vec<String> = (0..120).map(|n| n.to_string()).collect();
    for (name, text) in [
        ("a.json", format!("[{}]", rows.join(","))),
        ("a.ndjson", rows.join("\n")),
        ("a.csv", format!("employeeId\n{}", rows.join("\n"))),
    ] {
        let content = in_memory(text.as_bytes());
        let all: Vec<Vec<String>> = rest(open(name, &content).unwrap())
            .iter()
            .map(|batch| batch.iter().map(shown).collect())
            .collect();
        for passed in 0..4 {
            let mut batches = open(name, &content).unwrap();
            batches.pass_over(passed as u64).unwrap();
            let left: Vec<Vec<String>> =
                rest(batches).iter().map(|batch| batch.iter().map(shown).collect()).collect();
            assert_eq!(left, all[passed..], "{name} from batch {passed}");
        }
        let mut batches = open(name, &content).unwrap();
        batches.pass_over(u64::MAX).unwrap();
        assert!(batches.next_batch().unwrap().is_none(), "{name}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_no_fault_of_the_file() {
    let shorter = |bytes: &[u8]| match on_disk(bytes) {
        Content::File(file, length) => Content::File(file, length + 1),
        Content::Memory(_) => panic!("not on disk"),
    };
    for name in ["a.json", "a.ndjson", "a.csv", "a.zip"] {
        let error = open(name, &shorter(b"[1]")).err().unwrap();
        assert!(matches!(error, FileError::Store(StoreError { .. })), "{name}: {error:?}");
        assert!(error.to_string().starts_with("could not read a temporary file"), "{error}");
    }
}

#[test]
fn two_readers_of_one_file_do_not_move_each_other() {
    let content = on_disk("{}\n".repeat(100).as_bytes());
    let (mut one, mut other) = (open("a.ndjson", &content).unwrap(), open("b.ndjson", &content).unwrap());
    for _ in 0..2 {
        assert_eq!(one.next_batch().unwrap().unwrap().len(), 50);
        assert_eq!(other.next_batch().unwrap().unwrap().len(), 50);
    }
}
