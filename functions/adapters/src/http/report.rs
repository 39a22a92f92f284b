//! The JSON report of an import, for integrators: each part with its findings and what each target said.

use std::sync::Arc;

use people_core::batch::RequestFault;
use people_core::finding::{Finding, FindingCode};
use people_core::later::{Later, News};
use people_core::log::{
    Asked, Delivery, Ending, Form, ImportLog, PartLog, PartOutcome, State, Subject, WouldChange,
};
use people_core::log_text::LogKind;
use people_core::shown::MAX_SHOWN;
use people_core::summary::Standing;
use serde::Serialize;

use super::{docs, status};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'a> {
    request_id: String,
    /// What was answered; null as long as the import has not ended.
    status: Option<u16>,
    state: &'static str,
    now: &'static str,
    dry_run: bool,
    received_at: String,
    key_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<Fault>,
    counts: Counts,
    parts: Vec<Part<'a>>,
    /// What happened to the parts after they had ended, in time order; `parts` has what holds now.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    later: Vec<LaterPart<'a>>,
}

/// What happened to a part later.
#[derive(Serialize)]
struct LaterPart<'a> {
    at: String,
    #[serde(flatten)]
    part: Part<'a>,
}

/// Why no part was judged.
#[derive(Serialize)]
struct Fault {
    code: String,
    message: String,
    documentation: String,
}

#[derive(Serialize)]
struct Counts {
    parts: usize,
    succeeded: usize,
    failed: usize,
    pending: usize,
}

#[derive(Serialize)]
struct Part<'a> {
    part: usize,
    kind: Option<&'static str>,
    person: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a str>,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    findings: Vec<Found<'a>>,
    targets: Vec<AtTarget<'a>>,
}

#[derive(Serialize)]
struct Found<'a> {
    code: &'static str,
    pointer: String,
    field: Option<&'a str>,
    nearest: Option<&'a str>,
    message: String,
    /// Where it is told what to do.
    documentation: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AtTarget<'a> {
    target: &'a str,
    outcome: &'static str,
    code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    attempts: u32,
    duration_ms: u32,
    /// The fields that were left out, because a later import has set them.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    superseded: &'a [Arc<str>],
    /// Of a dry run, the fields that would change, and those of which it cannot be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    would_change: Option<&'a [Arc<str>]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    may_change: Option<&'a [Arc<str>]>,
}

/// The report as JSON.
pub(super) fn render(log: &ImportLog) -> String {
    let now = log.parts_now();
    let count = |standing| now.iter().filter(|part| part.outcome.standing() == standing).count();
    let parts: Vec<_> = now.iter().enumerate().map(|(number, entry)| part(number, entry, log.form)).collect();
    let later: Vec<(&Later, PartLog)> =
        log.later.iter().filter_map(|later| Some((later, entry_of(log, later)?))).collect();
    let report = Report {
        request_id: log.id.to_string(),
        status: match log.state {
            State::Accepted | State::Running => None,
            State::Ended(answer) => Some(status(answer).as_u16()),
        },
        state: match log.state {
            State::Accepted => "accepted",
            State::Running => "running",
            State::Ended(_) => "done",
        },
        now: log.summary().now().as_str(),
        dry_run: log.dry_run,
        received_at: log.received_at.to_rfc3339(),
        key_name: log.key_name.as_str(),
        fault: log.fault.as_ref().map(fault),
        counts: Counts {
            parts: parts.len(),
            succeeded: count(Standing::Successful),
            failed: count(Standing::Unsuccessful),
            pending: count(Standing::Pending),
        },
        parts,
        later: later
            .iter()
            .map(|(later, entry)| LaterPart {
                at: later.at.to_rfc3339(),
                part: part(later.part, entry, log.form),
            })
            .collect(),
    };
    serde_json::to_string(&report).unwrap_or_default()
}

fn fault(fault: &RequestFault) -> Fault {
    let code = format!("{:?}", LogKind::of(fault));
    Fault { documentation: docs::link(&code), code, message: fault.to_string() }
}

/// What happened to a part later, as if it was all that had happened to it.
fn entry_of(log: &ImportLog, later: &Later) -> Option<PartLog> {
    let subject = log.parts.get(later.part)?.subject.clone();
    let outcome = match &later.news {
        News::Part(outcome) => outcome.clone(),
        News::Delivery(delivery) => {
            PartOutcome::Delivered { deliveries: vec![delivery.clone()], unmapped: Vec::new() }
        }
    };
    Some(PartLog { subject, outcome })
}

fn part(number: usize, entry: &PartLog, form: Form) -> Part<'_> {
    let place = match form {
        Form::Array => format!("/{number}"),
        Form::Multipart | Form::Document => String::new(),
    };
    let (kind, person, file) = match &entry.subject {
        Subject::Person(person) => (Some("person"), person.as_ref(), None),
        Subject::Document(names) => {
            (Some("document"), names.as_ref().map(|names| &names.0), names.as_ref().map(|names| &names.1))
        }
        Subject::Unknown => (None, None, None),
    };
    let mut part = Part {
        part: number,
        kind,
        person: person.map(|person| person.as_str()),
        file: file.map(|file| file.as_str()),
        outcome: "Pending",
        message: None,
        findings: Vec::new(),
        targets: Vec::new(),
    };
    part.outcome = ended(&mut part, &entry.outcome, &place);
    part
}

/// Enters how the part ended, and gives the word for it.
fn ended<'a>(part: &mut Part<'a>, outcome: &'a PartOutcome, place: &str) -> &'static str {
    match outcome {
        PartOutcome::Pending => "Pending",
        PartOutcome::Interrupted => "Interrupted",
        PartOutcome::InvalidPerson(findings) => {
            part.findings = findings.iter().flat_map(|finding| found(place, finding)).collect();
            "Invalid"
        }
        PartOutcome::InvalidFile(reason) | PartOutcome::InvalidPart(reason) => {
            part.message = Some(reason.clone());
            "Invalid"
        }
        PartOutcome::UnknownPerson => "UnknownPerson",
        PartOutcome::IdentifierConflict(_) => "IdentifierConflict",
        PartOutcome::Refused { why: reason, .. } => {
            part.message = Some(reason.clone());
            if part.kind == Some("document") { "NotUploaded" } else { "Refused" }
        }
        PartOutcome::Deferred(reason) => {
            part.message = Some(reason.clone());
            "Deferred"
        }
        PartOutcome::GivenUp(reason) => {
            part.message = Some(reason.clone());
            "GivenUp"
        }
        PartOutcome::Superseded => "Superseded",
        PartOutcome::Uploaded => "Uploaded",
        PartOutcome::Replaced => "Replaced",
        PartOutcome::WouldUpload => "WouldUpload",
        PartOutcome::WouldReplace => "WouldReplace",
        PartOutcome::Linked => "Linked",
        PartOutcome::Listed(count) => {
            part.message = Some(format!("{count} listed"));
            "Listed"
        }
        PartOutcome::Deleted => "Deleted",
        PartOutcome::Absent => "Absent",
        PartOutcome::NotFound => "NotFound",
        PartOutcome::Unserved { asked, why, .. } => {
            part.message = Some(why.clone());
            unserved(*asked)
        }
        PartOutcome::Imported(piece) => {
            part.message = Some(piece.to_string());
            "Imported"
        }
        PartOutcome::Delivered { deliveries, unmapped } => {
            part.targets = deliveries.iter().map(at_target).collect();
            part.message = (!unmapped.is_empty())
                .then(|| format!("these fields go to no target: {}", unmapped.join(", ")));
            if unmapped.is_empty() { delivered(deliveries) } else { "FieldNotMapped" }
        }
    }
}

fn unserved(asked: Asked) -> &'static str {
    match asked {
        Asked::Link => "NotLinked",
        Asked::List => "NotListed",
        Asked::Deletion => "NotDeleted",
    }
}

/// The gravest of what the targets said.
fn delivered(deliveries: &[Delivery]) -> &'static str {
    let gravity = |delivery: &&Delivery| match delivery.outcome.ending {
        Ending::Unchanged => 0,
        Ending::Updated | Ending::WouldUpdate(_) => 1,
        Ending::Superseded => 2,
        Ending::Deferred(_) => 3,
        Ending::PartlyUpdated(_) | Ending::WouldPartlyUpdate(..) => 4,
        Ending::UnknownPerson => 5,
        Ending::GivenUp(_) => 6,
        Ending::Refused(_) => 7,
    };
    deliveries.iter().max_by_key(gravity).map_or("Unchanged", |delivery| name(&delivery.outcome.ending))
}

fn name(ending: &Ending) -> &'static str {
    match ending {
        Ending::Updated => "Updated",
        Ending::Unchanged => "Unchanged",
        Ending::PartlyUpdated(_) => "PartlyUpdated",
        Ending::UnknownPerson => "UnknownPerson",
        Ending::Refused(_) => "Refused",
        Ending::Deferred(_) => "Deferred",
        Ending::Superseded => "Superseded",
        Ending::GivenUp(_) => "GivenUp",
        Ending::WouldUpdate(_) => "WouldUpdate",
        Ending::WouldPartlyUpdate(..) => "WouldPartlyUpdate",
    }
}

fn at_target(delivery: &Delivery) -> AtTarget<'_> {
    let outcome = &delivery.outcome;
    let told = outcome.ending.would_change().filter(|would| **would != WouldChange::default());
    AtTarget {
        target: &delivery.target,
        outcome: name(&outcome.ending),
        code: outcome.code.as_deref(),
        message: match &outcome.ending {
            Ending::PartlyUpdated(why)
            | Ending::Refused(why)
            | Ending::Deferred(why)
            | Ending::WouldPartlyUpdate(_, why)
            | Ending::GivenUp(why) => Some(why),
            Ending::Updated
            | Ending::Unchanged
            | Ending::UnknownPerson
            | Ending::Superseded
            | Ending::WouldUpdate(_) => None,
        },
        attempts: outcome.attempts,
        duration_ms: outcome.duration_ms,
        superseded: &delivery.superseded,
        would_change: told.map(|would| would.fields.as_slice()),
        may_change: told.map(|would| would.perhaps.as_slice()).filter(|perhaps| !perhaps.is_empty()),
    }
}

/// One entry for each field that a finding names, and one for those that it only counts.
fn found<'a>(place: &str, finding: &'a Finding) -> Vec<Found<'a>> {
    let code = finding.code.as_str();
    let message = finding.code.message().to_owned();
    let documentation = docs::link(code);
    let whole = |message| {
        let (pointer, documentation) = (place.to_owned(), documentation.clone());
        Found { code, pointer, field: None, nearest: None, message, documentation }
    };
    if finding.names.is_empty() {
        return vec![whole(message)];
    }
    let mut entries: Vec<_> = finding
        .names
        .iter()
        .map(|field| Found {
            code,
            pointer: pointer(place, field.name.as_str()),
            field: Some(field.name.as_str()),
            nearest: field.nearest.as_deref(),
            message: field
                .nearest
                .as_ref()
                .map_or(message.clone(), |nearest| suggestion(finding.code, nearest)),
            documentation: documentation.clone(),
        })
        .collect();
    if finding.more > 0 {
        entries.push(whole(format!("{} more fields", finding.more)));
    }
    entries
}

fn suggestion(code: FindingCode, nearest: &str) -> String {
    format!("{} Was '{nearest}' meant?", code.message())
}

/// A JSON Pointer (RFC 6901) to a key of the part at `place`. A name that was cut points to the part: it is nobody's key.
fn pointer(place: &str, name: &str) -> String {
    if name.ends_with('…') && name.chars().count() == MAX_SHOWN {
        return place.to_owned();
    }
    format!("{place}/{}", name.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use people_core::id::ImportId;
    use people_core::log::Outcome;
    use people_core::shown::Shown;
    use people_core::summary::Source;
    use people_core::time::Timestamp;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn each_target_is_told_with_code_attempts_and_duration() {
        let delivery = |(target, ending, code, attempts): (&str, Ending, &str, u32)| Delivery {
            target: target.into(),
            outcome: Outcome { ending, code: Some(code.into()), attempts, duration_ms: attempts * 50 },
            superseded: Vec::new(),
        };
        let refused = Ending::Refused("scim says no".into());
        let deliveries =
            [("aktion", Ending::Updated, "200/0", 1), ("scim", refused, "400", 2)].map(delivery).into();
        let log = ImportLog {
            id: ImportId::new(Timestamp::from_millis(0), [7; 10]),
            received_at: Timestamp::from_millis(0),
            key_name: Shown::new("test"),
            state: State::Running,
            fault: None,
            parts: vec![PartLog {
                subject: Subject::Person(Some(Shown::new("joe@company.com"))),
                outcome: PartOutcome::Delivered { deliveries, unmapped: Vec::new() },
            }],
            names_targets: true,
            dry_run: false,
            form: Form::Array,
            source: Source::Direct,
            later: Vec::new(),
        };
        let report: Value = serde_json::from_str(&render(&log)).unwrap();
        assert_eq!(report["parts"][0]["outcome"], "Refused");
        assert_eq!(
            report["parts"][0]["targets"],
            json!([
                {"target": "aktion", "outcome": "Updated", "code": "200/0", "attempts": 1, "durationMs": 50},
                {"target": "scim", "outcome": "Refused", "code": "400", "message": "scim says no",
                 "attempts": 2, "durationMs": 100},
            ])
        );
    }
}
