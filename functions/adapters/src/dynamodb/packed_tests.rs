//! Logs of every size: what is packed is read back, costs little when all went well, and always fits.

use people_core::finding::{FieldName, Finding, FindingCode};
use people_core::id::ImportId;
use std::sync::Arc;

use people_core::log::{Answer, Delivery, Ending, Form, Outcome, PartOutcome, State, Subject, WouldChange};
use people_core::shown::Shown;
use people_core::summary::Source;

use super::*;

fn log(parts: Vec<PartLog>) -> ImportLog {
    ImportLog {
        id: ImportId::new(Timestamp::from_millis(1_700_000_000_123), [7; 10]),
        received_at: Timestamp::from_millis(1_700_000_000_123),
        key_name: Shown::new("payroll"),
        state: State::Ended(Answer::Failed),
        fault: None,
        parts,
        names_targets: true,
        dry_run: false,
        form: Form::Array,
        source: Source::Direct,
        later: Vec::new(),
    }
}

fn finding(code: FindingCode, names: usize, name: &str) -> Finding {
    let name = |_| FieldName { name: Shown::new(name), nearest: None };
    Finding { code, names: (0..names).map(name).collect(), more: 3 }
}

fn worst(name: &str) -> ImportLog {
    let part = |_| PartLog {
        subject: Subject::Person(Some(Shown::new(name))),
        outcome: PartOutcome::InvalidPerson(vec![
            finding(FindingCode::UnknownFields, 20, name),
            finding(FindingCode::DuplicateFields, 20, name),
        ]),
    };
    log((0..50).map(part).collect())
}

fn listed_and_counted(text: &str) -> (usize, u32) {
    let unpacked = unpack(text).unwrap();
    assert_eq!(unpacked.parts.len(), 50);
    match &unpacked.parts[49].outcome {
        PartOutcome::InvalidPerson(findings) => (findings[1].names.len(), findings[1].more),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_worst_log_fits_with_fewer_names_and_counts_the_rest() {
    let text = pack(&worst(&"🎉".repeat(128))).unwrap();
    assert!(text.len() <= MAX_BYTES, "{}", text.len());
    assert_eq!(listed_and_counted(&text), (5, 18));
}

#[test]
fn names_that_grow_when_they_are_escaped_fit_too() {
    let text = pack(&worst(&"\0".repeat(128))).unwrap();
    assert!(text.len() <= MAX_BYTES, "{}", text.len());
    assert_eq!(listed_and_counted(&text), (2, 21));
}

#[test]
fn sentences_are_cut_only_where_nothing_else_helps() {
    let delivery = |part: usize, target: usize| Delivery {
        target: format!("target-{target}").into(),
        outcome: Outcome::unsent(Ending::Refused(format!("{part} {target} {}", "é".repeat(2000)))),
        superseded: Vec::new(),
    };
    let part = |part| PartLog {
        subject: Subject::Person(None),
        outcome: PartOutcome::Delivered {
            deliveries: (0..9).map(|target| delivery(part, target)).collect(),
            unmapped: Vec::new(),
        },
    };
    let text = pack(&log((0..50).map(part).collect())).unwrap();
    assert!(text.len() <= MAX_BYTES, "{}", text.len());
    assert_eq!(unpack(&text).unwrap().parts.len(), 50);
}

/// Updates that these targets accepted, 50 of them.
fn clean(targets: &[&str]) -> ImportLog {
    let delivery = |part: u32, target: &str| Delivery {
        target: target.into(),
        outcome: Outcome {
            ending: if part.is_multiple_of(5) { Ending::Unchanged } else { Ending::Updated },
            code: part.is_multiple_of(2).then(|| "200/0".into()),
            attempts: 1,
            duration_ms: 500 + part,
        },
        superseded: Vec::new(),
    };
    let part = |part| PartLog {
        subject: Subject::Person(Some(Shown::new(&format!("person{part:03}@company.com")))),
        outcome: PartOutcome::Delivered {
            deliveries: targets.iter().map(|target| delivery(part, target)).collect(),
            unmapped: Vec::new(),
        },
    };
    log((0..50).map(part).collect())
}

#[test]
fn a_clean_batch_is_small() {
    for (targets, most) in [(1, 2300), (2, 2700), (3, 3200), (4, 3600)] {
        let log = clean(&["aktion", "esystems", "onlyoffice", "scim"][..targets]);
        let text = pack(&log).unwrap();
        assert!(text.len() < most, "{targets}: {}", text.len());
        assert_eq!(unpack(&text).unwrap().parts, log.parts);
    }
}

/// A dry run of 50 parts, each of which would change so many fields, other ones each, at four targets.
fn dry_run(fields: usize) -> ImportLog {
    let fields = |part: usize| -> Vec<Arc<str>> {
        (part..part + fields)
            .map(|number| format!("a-field-of-forty-characters-with-{number:07}").into())
            .collect()
    };
    let delivery = |part, target: usize| Delivery {
        target: format!("target-{target}").into(),
        outcome: Outcome::unsent(WouldChange { fields: fields(part), perhaps: Vec::new() }.ending()),
        superseded: Vec::new(),
    };
    let part = |part| PartLog {
        subject: Subject::Person(None),
        outcome: PartOutcome::Delivered {
            deliveries: (0..4).map(|target| delivery(part, target)).collect(),
            unmapped: Vec::new(),
        },
    };
    log((0..50).map(part).collect())
}

#[test]
fn a_dry_run_keeps_what_would_change_or_says_nothing_of_it_where_that_is_too_much() {
    let log = dry_run(100);
    assert_eq!(unpack(&pack(&log).unwrap()).unwrap().parts, log.parts);
    let text = pack(&dry_run(1000)).unwrap();
    assert!(text.len() <= MAX_BYTES, "{}", text.len());
    let parts = unpack(&text).unwrap().parts;
    let PartOutcome::Delivered { deliveries, .. } = &parts[49].outcome else { panic!("{parts:?}") };
    assert_eq!(deliveries[3].outcome.ending, Ending::WouldUpdate(Box::default()));
}

#[test]
fn deliveries_that_were_written_one_by_one_are_read() {
    let text = r#"[1,["a","200/0","b"],0,false,0,null,[["joe",[9,[[0,0,1,51,1],[2,1,2,7,null]],[]]]]]"#;
    let delivery = |target: &str, ending, code: Option<&str>, attempts, duration_ms| Delivery {
        target: target.into(),
        outcome: Outcome { ending, code: code.map(str::to_owned), attempts, duration_ms },
        superseded: Vec::new(),
    };
    let deliveries = vec![
        delivery("a", Ending::Updated, Some("200/0"), 1, 51),
        delivery("b", Ending::Unchanged, None, 2, 7),
    ];
    let outcome = PartOutcome::Delivered { deliveries, unmapped: Vec::new() };
    assert_eq!(unpack(text).unwrap().parts[0].outcome, outcome);
}

#[test]
fn another_version_and_a_damaged_text_are_no_logs() {
    for text in [
        "",
        "{}",
        "[]",
        "[1,[],0,false,3,null,[]]",
        "[2,[],0,false,0,null,[]]",
        "[1,[],0,false,0,null]",
        "[1,[],0,false,0,null,[[null,17]]]",
        "[1,[],0,false,0,null,[[null,[22,0]]]]",
        "[1,[\"t\",\"[[]]\"],0,false,0,null,[[null,[9,[[0,8,0,0,null,1]],[]]]]]",
        "[1,[\"t\",\"[[],[0]]\"],0,false,0,null,[[null,[9,[[0,8,0,0,null,1]],[]]]]]",
        "[1,[\"t\",\"[[],[]]\"],0,false,0,null,[[null,[9,[[0,8,0,0,null]],[]]]]]",
        "[1,[\"t\",\"[[],[]]\"],0,false,0,null,[[null,[9,[[0,9,0,0,null,1]],[]]]]]",
        "[1,[],0,false,0,null,[[null,21]]]",
        "[1,[],0,false,0,false,[]]",
        "[1,[\"t\"],0,false,0,null,[[null,[9,[[0,6,0,0,null,[]]],[]]]]]",
        "[1,[\"t\"],0,false,0,null,[[null,[9,[[0,6,0,0,null,[1]]],[]]]]]",
        "[1,[\"t\"],0,false,0,null,[[null,[9,[[0,7,0,0,null]],[]]]]]",
        "[1,[],0,false,0,null,[[null,16]]]",
        "[1,[\"t\",\"[0,0,1,0]\"],0,false,0,null,[[null,[16,1]]]]",
        "[1,[\"t\",\"[0,0,1,0]\"],0,false,0,null,[[null,[16,2,5]]]]",
        "[1,[\"t\",\"[0,0]\"],0,false,0,null,[[null,[16,1,5]]]]",
        "[1,[\"t\",\"[0,4,1,0]\"],0,false,0,null,[[null,[16,1,5]]]]",
        "[1,[],0,false,0,null,[[null,[11,-1]]]]",
        "[1,[\"x\"],0,false,2,null,[[null,[15,3,true,0]]]]",
        "[1,[],0,false,0,null,[[null,[5,0]]]]",
        "[1,[\"x\"],0,false,0,null,[[null,[4,[[0,0]]]]]]",
        "[1,[],0,false,0,-1,[]]",
        "[1,[],0,false,0,null,[[1,0]]]",
        "[1,[],0,false,0,null,[[null,[]]]]",
        "[1,[\"t\"],0,false,0,null,[[null,[9,[[0,2,0,0,null]],[]]]]]",
    ] {
        assert_eq!(unpack(text).map(|_| ()), Err(Damaged), "{text}");
    }
    assert!(unpack("[1,[],0,false,0,null,[]]").is_ok());
}
