//! Tests of the exports.

use people_core::log::{Answer, Form, PartLog, PartOutcome, Subject};
use people_core::shown::Shown;
use people_core::summary::Source;
use people_core::time::Timestamp;

use super::*;

fn log(last: u8, key_name: &str) -> ImportLog {
    let received_at = Timestamp::from_millis(1_700_757_179_000);
    let part = |outcome| PartLog { subject: Subject::Person(Some(Shown::new("joe@company.com"))), outcome };
    ImportLog {
        id: ImportId::new(received_at, [last; 10]),
        received_at,
        key_name: Shown::new(key_name),
        state: State::Ended(Answer::Failed),
        fault: None,
        parts: vec![part(PartOutcome::UnknownPerson), part(PartOutcome::InvalidPart("a, \"b\"".into()))],
        names_targets: false,
        dry_run: false,
        form: Form::Array,
        source: Source::Direct,
        later: Vec::new(),
    }
}

fn chosen(log: &ImportLog, parts: Option<&[usize]>) -> Chosen {
    Chosen { summary: log.summary(), parts: parts.map(|parts| parts.iter().copied().collect()) }
}

/// The text of these logs, and how many of them are in it.
fn export(format: ExportFormat, logs: &[ImportLog], room: usize) -> (String, usize) {
    let mut export = Export::new(format, room);
    let added = logs.iter().take_while(|log| export.add(log, &chosen(log, None))).count();
    (export.text, added)
}

#[test]
fn a_row_has_everything_that_is_known_of_a_line() {
    let log = log(1, "payroll");
    assert_eq!(
        export(ExportFormat::Csv, std::slice::from_ref(&log), MAX_BYTES).0,
        "time,requestId,keyName,source,status,part,severity,kind,text,at\r\n\
         2023-11-23T16:32:59Z,018bfd07-0a78-7101-8101-010101010101,payroll,direct,400,1,Error,InvalidPart,\"Part 1: a, \"\"b\"\"\",\r\n\
         2023-11-23T16:32:59Z,018bfd07-0a78-7101-8101-010101010101,payroll,direct,400,0,Error,UnknownPerson,Unknown person: 'joe@company.com',\r\n"
    );
    let (ndjson, _) = export(ExportFormat::Ndjson, std::slice::from_ref(&log), MAX_BYTES);
    assert_eq!(
        ndjson.lines().nth(1).unwrap(),
        r#"{"time":"2023-11-23T16:32:59Z","requestId":"018bfd07-0a78-7101-8101-010101010101","keyName":"payroll","source":"direct","status":400,"part":0,"severity":"Error","kind":"UnknownPerson","text":"Unknown person: 'joe@company.com'","at":null}"#
    );
    let mut of_a_part = Export::new(ExportFormat::Ndjson, MAX_BYTES);
    assert!(of_a_part.add(&log, &chosen(&log, Some(&[0]))));
    assert_eq!(of_a_part.text.lines().collect::<Vec<_>>(), [ndjson.lines().nth(1).unwrap()]);
}

#[test]
fn texts_have_an_empty_line_between_them() {
    let logs = [log(2, "a"), log(1, "b")];
    let (text, _) = export(ExportFormat::Text, &logs, MAX_BYTES);
    assert_eq!(text, format!("{}\n{}", log_text::render(&logs[0]), log_text::render(&logs[1])));
}

#[test]
fn an_answer_is_as_long_as_it_may_be_and_no_longer() {
    let logs = [log(3, "a\"\\"), log(2, "b\u{1}"), log(1, "c")];
    for format in [ExportFormat::Csv, ExportFormat::Ndjson, ExportFormat::Text] {
        let (two, _) = export(format, &logs[..2], MAX_BYTES);
        let room = serde_json::to_string(&two).unwrap().len() - 2;
        assert_eq!(room, size(&two), "as a function answers it");
        assert_eq!(export(format, &logs[..2], room), (two.clone(), 2));
        assert_eq!(export(format, &logs[..2], room - 1).1, 1);
        assert_eq!(export(format, &logs, room), (two, 2));
    }
}

#[test]
fn a_log_that_is_too_long_for_any_answer_is_cut_after_a_line() {
    let logs = [log(2, "a"), log(1, "b")];
    for format in [ExportFormat::Csv, ExportFormat::Ndjson, ExportFormat::Text] {
        let (whole, _) = export(format, &logs[..1], MAX_BYTES);
        let (cut, added) = export(format, &logs, size(&whole) - 1);
        assert_eq!(added, 1);
        assert!(cut.ends_with('\n') && whole.starts_with(&cut) && cut.len() < whole.len(), "{cut}");
    }
}

#[test]
fn no_cell_is_a_formula() {
    for (text, cell) in [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "\"'\r=1\""),
        ("\n=1", "\"'\n=1\""),
        ("＝1", "'＝1"),
        ("=1,\"2\"", "\"'=1,\"\"2\"\"\""),
        ("1=1", "1=1"),
        ("", ""),
    ] {
        assert_eq!(cell_of(text), cell, "{text:?}");
    }
}

#[test]
fn a_link_leads_on_with_the_same_filter_and_without_the_key() {
    let next = log(1, "a").id;
    let link = link(Some("person=joe%40company.com&code=secret&cursor=1x"), next).unwrap();
    assert_eq!(
        link.to_str().unwrap(),
        format!(
            "<{}?person=joe%40company.com&cursor={}>; rel=\"next\"",
            Route::ImportLogs.path(),
            write_cursor(next)
        )
    );
}
