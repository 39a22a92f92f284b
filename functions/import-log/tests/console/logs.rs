//! Logs for the pages to show.

use std::time::Duration;

use people_core::finding::{Finding, FindingCode};
use people_core::id::ImportId;
use people_core::log::{
    Answer, Delivery, Ending, Form, ImportLog, Outcome, PartLog, PartOutcome, State, Subject,
};
use people_core::shown::Shown;
use people_core::summary::Source;
use people_core::undelivered::{Kept, Update, Waiting, missing};

use crate::browser::NOW;

/// An import of these parts that was sent under this name, the n-th one.
pub(crate) fn log(number: u8, key_name: &str, parts: Vec<PartLog>) -> ImportLog {
    let answered =
        if parts.iter().all(|part| part.outcome.succeeded()) { Answer::Succeeded } else { Answer::Failed };
    ImportLog {
        id: ImportId::new(NOW, [number; 10]),
        received_at: NOW,
        key_name: Shown::new(key_name),
        state: State::Ended(answered),
        fault: None,
        parts,
        names_targets: true,
        dry_run: false,
        form: Form::Array,
        source: Source::Direct,
        later: Vec::new(),
    }
}

pub(crate) fn part(person: &str, outcome: PartOutcome) -> PartLog {
    PartLog { subject: Subject::Person(Some(Shown::new(person))), outcome }
}

pub(crate) fn at(target: &str, ending: Ending) -> Delivery {
    let outcome = Outcome { ending, code: Some("200/0".into()), attempts: 3, duration_ms: 1_234 };
    Delivery { target: target.into(), outcome, superseded: Vec::new() }
}

pub(crate) fn delivered(deliveries: Vec<Delivery>) -> PartOutcome {
    PartOutcome::Delivered { deliveries, unmapped: Vec::new() }
}

/// An import whose only part has not arrived at one of two targets.
pub(crate) fn deferred(number: u8) -> ImportLog {
    let deliveries = vec![at("aktion", Ending::Deferred("it is down".into())), at("scim", Ending::Updated)];
    log(number, "payroll", vec![part("joe@company.com", delivered(deliveries))])
}

/// What waits of an import, for an hour.
pub(crate) fn waiting(log: &ImportLog) -> Vec<Kept> {
    let kept = |place| Kept {
        waiting: Waiting {
            place,
            person: Shown::new("joe@company.com"),
            reason: "it is down".into(),
            attempts: 2,
            next_at: NOW.plus(Duration::from_secs(3600)),
        },
        since: NOW,
        update: Update("{}".into()),
    };
    missing(log).into_iter().map(kept).collect()
}

/// A finding with this many fields of this name.
pub(crate) fn unknown_fields(name: &str, fields: usize) -> PartOutcome {
    let mut finding = Finding::whole(FindingCode::UnknownFields);
    (0..fields).for_each(|_| finding.add(name, || None));
    PartOutcome::InvalidPerson(vec![finding])
}
