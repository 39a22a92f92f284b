//! Import logs to store: one of everything.

use std::time::Duration;

use people_core::batch::RequestFault;
use people_core::finding::{FieldName, Finding, FindingCode};
use people_core::id::ImportId;
use people_core::log::{
    Answer, Asked, Delivery, Ending, Form, ImportLog, Outcome, PartLog, PartOutcome, State, Subject,
    WouldChange,
};
use people_core::ports::{Claim, LeaseHolder};
use people_core::shown::Shown;
use people_core::summary::Source;

use crate::embedded::beginning;

/// How long the suites keep logs.
pub(crate) const KEPT: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// The id of an import made at the beginning; `last` tells them apart.
pub(crate) fn id(last: u8) -> ImportId {
    ImportId::new(beginning(), [0, 0, 0, 0, 0, 0, 0, 0, 0, last])
}

/// An import that has just been opened, with this many parts pending.
pub(crate) fn running(id: ImportId, parts: usize) -> ImportLog {
    let part = |number| PartLog {
        subject: Subject::Person(Some(Shown::new(&format!("person{number:03}@company.com")))),
        outcome: PartOutcome::Pending,
    };
    ImportLog {
        id,
        received_at: beginning(),
        key_name: Shown::new("payroll 'ü' \u{202e}"),
        state: State::Running,
        fault: None,
        parts: (0..parts).map(part).collect(),
        names_targets: true,
        dry_run: false,
        form: Form::Array,
        source: Source::Direct,
        later: Vec::new(),
    }
}

/// A claim of this holder, for a minute from the beginning.
pub(crate) fn claim(holder: &str) -> Claim {
    Claim { holder: LeaseHolder(holder.into()), until: beginning().plus(Duration::from_secs(60)) }
}

/// How a delivery at `target` ended.
pub(crate) fn delivery(target: &str, ending: Ending) -> Delivery {
    let outcome = Outcome { ending, code: Some("200/0".into()), attempts: 2, duration_ms: 1234 };
    Delivery { target: target.into(), outcome, superseded: Vec::new() }
}

/// Every kind of outcome and of subject.
pub(crate) fn parts() -> Vec<PartLog> {
    let nasty = Shown::new("x\0\n\"\\'\u{85}\u{2028}🎉é\u{10ffff}");
    let long = Shown::new(&"é".repeat(200));
    let why = || "it's \"so\",\nreally \u{1f}🎉".to_owned();
    let subjects = [
        Subject::Person(None),
        Subject::Person(Some(nasty.clone())),
        Subject::Person(Some(Shown::new(""))),
        Subject::Document(None),
        Subject::Document(Some((long, nasty))),
        Subject::Unknown,
    ];
    let outcomes = outcomes(&why).into_iter().chain(dry_outcomes(&why));
    let part = |(number, outcome): (usize, _)| PartLog {
        subject: subjects[number % subjects.len()].clone(),
        outcome,
    };
    outcomes.enumerate().map(part).collect()
}

fn outcomes(why: &impl Fn() -> String) -> Vec<PartOutcome> {
    let field = |name: &str, nearest: Option<&str>| FieldName {
        name: Shown::new(name),
        nearest: nearest.map(|nearest| nearest.into()),
    };
    let findings = FindingCode::ALL.into_iter().map(|code| Finding {
        code,
        names: vec![field("salery", Some("salary")), field("\0🎉", None), field("", None)],
        more: 70_000,
    });
    let unsent = |target: &str, ending, superseded: &[&str]| Delivery {
        target: target.into(),
        outcome: Outcome::unsent(ending),
        superseded: superseded.iter().map(|field| (*field).into()).collect(),
    };
    vec![
        PartOutcome::Pending,
        PartOutcome::Interrupted,
        PartOutcome::Deferred(why()),
        PartOutcome::GivenUp(why()),
        PartOutcome::Superseded,
        PartOutcome::Delivered {
            deliveries: vec![unsent("a", Ending::Superseded, &[]), unsent("b", Ending::Updated, &[])],
            unmapped: Vec::new(),
        },
        PartOutcome::InvalidPerson(findings.collect()),
        PartOutcome::InvalidPerson(vec![Finding::whole(FindingCode::TooLarge)]),
        PartOutcome::InvalidFile(why()),
        PartOutcome::InvalidPart(String::new()),
        PartOutcome::UnknownPerson,
        PartOutcome::IdentifierConflict(Shown::new("7\u{2028}")),
        PartOutcome::Refused { why: why(), passing: true },
        PartOutcome::Refused { why: why(), passing: false },
        PartOutcome::Uploaded,
        PartOutcome::Replaced,
        PartOutcome::Delivered { deliveries: Vec::new(), unmapped: Vec::new() },
        PartOutcome::Delivered {
            deliveries: vec![
                delivery("a", Ending::Updated),
                delivery("b", Ending::Unchanged),
                delivery("a", Ending::PartlyUpdated(why())),
                unsent("c", Ending::UnknownPerson, &[]),
                unsent("d", Ending::Superseded, &["title", "salary"]),
                unsent("e", Ending::Unchanged, &["title"]),
                unsent("f", Ending::GivenUp(why()), &["salary"]),
                unsent("g", Ending::GivenUp(why()), &[]),
                delivery("b", Ending::Refused(why())),
                delivery("ü", Ending::Deferred("down".into())),
            ],
            unmapped: vec!["title".into(), "salary".into()],
        },
        PartOutcome::Linked,
        PartOutcome::Listed(0),
        PartOutcome::Listed(u32::MAX),
        PartOutcome::Deleted,
        PartOutcome::Absent,
        PartOutcome::NotFound,
        PartOutcome::Unserved { asked: Asked::Link, why: why(), passing: true },
        PartOutcome::Unserved { asked: Asked::List, why: why(), passing: false },
        PartOutcome::Unserved { asked: Asked::Deletion, why: String::new(), passing: true },
    ]
}

/// How parts end in a dry run.
fn dry_outcomes(why: &impl Fn() -> String) -> Vec<PartOutcome> {
    let would = |fields: &[&str], perhaps: &[&str]| {
        let [fields, perhaps] =
            [fields, perhaps].map(|names| names.iter().map(|name| (*name).into()).collect());
        WouldChange { fields, perhaps }.ending()
    };
    vec![
        PartOutcome::WouldUpload,
        PartOutcome::WouldReplace,
        PartOutcome::Delivered {
            deliveries: vec![
                delivery("a", would(&["title"], &[])),
                delivery("b", would(&[], &["salary", "\"x\""])),
            ],
            unmapped: Vec::new(),
        },
        PartOutcome::Delivered {
            deliveries: vec![
                delivery("a", would(&["title"], &["salary"])),
                delivery("b", Ending::WouldPartlyUpdate(Box::default(), why())),
            ],
            unmapped: vec!["title".into()],
        },
    ]
}

/// The ways in which an import ends.
pub(crate) fn endings() -> Vec<(Answer, Option<RequestFault>)> {
    vec![
        (Answer::Succeeded, None),
        (Answer::PartlyFailed, None),
        (Answer::StoreFailed, None),
        (Answer::Failed, Some(RequestFault::Invalid("the body is \"not\" JSON\n".into()))),
        (Answer::Accepted, None),
        (Answer::Interrupted, None),
        (Answer::Failed, Some(RequestFault::BodyNotReceived)),
        (Answer::TooManyParts, Some(RequestFault::TooManyParts(4_000_000_000))),
    ]
}
