//! What an import came to, as its report says it: which parts failed, and why, in a line each. A report holds no values, so
//! neither does such a line.

use people_adapters::http_client::Answer;
use serde::Deserialize;

use crate::failure::Failure;

/// What became of a batch.
pub(super) struct Judged {
    /// The GUID of its import.
    pub(super) import: String,
    /// Its parts, in their order.
    pub(super) parts: Vec<Standing>,
}

/// What became of a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    /// It did what it was sent for.
    Done,
    /// It is accepted, and will be delivered.
    Pending,
    /// It failed: why.
    Failed(String),
}

/// A report, or a problem where no part was judged.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    request_id: String,
    /// None as long as the import runs.
    status: Option<u16>,
    #[serde(default)]
    parts: Vec<Part>,
    fault: Option<Fault>,
    detail: Option<String>,
}

#[derive(Deserialize)]
struct Fault {
    message: String,
}

#[derive(Deserialize)]
struct Part {
    outcome: String,
    message: Option<String>,
    #[serde(default)]
    findings: Vec<Finding>,
    #[serde(default)]
    targets: Vec<AtTarget>,
}

#[derive(Deserialize)]
struct Finding {
    code: String,
    field: Option<String>,
    message: String,
}

#[derive(Deserialize)]
struct AtTarget {
    target: String,
    outcome: String,
    message: Option<String>,
}

impl Judged {
    /// Reads the answer to a batch of so many parts. `None` where it has not ended.
    ///
    /// # Errors
    /// Where the answer is none of an import API.
    pub(super) fn read(answer: &Answer, parts: usize) -> Result<Option<Judged>, Failure> {
        let strange =
            || Failure(format!("{}, which is no answer to an import: is --to right?", said(answer)));
        let report: Report = serde_json::from_slice(&answer.body).map_err(|_| strange())?;
        if report.status.is_none() {
            return Ok(None);
        }
        let none = report.fault.map(|fault| fault.message).or(report.detail);
        let import = report.request_id;
        let standings = match none {
            Some(why) => vec![Standing::Failed(told(&why, &import)); parts],
            None if report.parts.len() == parts => {
                report.parts.into_iter().map(|part| part.standing(&import)).collect()
            }
            None => return Err(strange()),
        };
        Ok(Some(Judged { import, parts: standings }))
    }

    /// What is accepted, and of which no more is known.
    pub(super) fn pending(import: String, parts: usize) -> Judged {
        Judged { import, parts: vec![Standing::Pending; parts] }
    }
}

/// What a server answered, by its status: its words may hold anything.
pub(super) fn said(answer: &Answer) -> String {
    format!("the server answered {}", answer.status.as_u16())
}

fn told(why: &str, import: &str) -> String {
    format!("{why} (import {import})")
}

impl Part {
    fn standing(self, import: &str) -> Standing {
        match self.outcome.as_str() {
            "Updated" | "Unchanged" | "Uploaded" | "Replaced" | "Superseded" => Standing::Done,
            "Pending" | "Deferred" => Standing::Pending,
            _ => Standing::Failed(told(&self.why(), import)),
        }
    }

    fn why(self) -> String {
        let findings = self.findings.into_iter().map(|finding| match finding.field {
            Some(field) => format!("{} '{field}': {}", finding.code, finding.message),
            None => format!("{}: {}", finding.code, finding.message),
        });
        let is_failed =
            |at: &AtTarget| !matches!(at.outcome.as_str(), "Updated" | "Unchanged" | "Superseded");
        let targets = self.targets.into_iter().filter(is_failed).map(|at| match at.message {
            Some(message) => format!("{} at {}: {message}", at.outcome, at.target),
            None => format!("{} at {}", at.outcome, at.target),
        });
        let message = self.message.map(|message| format!("{}: {message}", self.outcome));
        let all: Vec<_> = findings.chain(message).chain(targets).collect();
        if all.is_empty() { self.outcome } else { all.join(" | ") }
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, StatusCode};
    use serde_json::json;

    use super::*;

    fn read(body: &serde_json::Value, parts: usize) -> Result<Option<Judged>, Failure> {
        let body = body.to_string().into();
        Judged::read(&Answer { status: StatusCode::OK, headers: HeaderMap::new(), body }, parts)
    }

    fn why(part: &serde_json::Value) -> Standing {
        let report = json!({"requestId": "g", "status": 422, "parts": [part]});
        read(&report, 1).unwrap().unwrap().parts.remove(0)
    }

    #[test]
    fn each_reason_is_a_line() {
        let failed = |text: &str| Standing::Failed(format!("{text} (import g)"));
        for (part, standing) in [
            (json!({"outcome": "Unchanged", "targets": []}), Standing::Done),
            (json!({"outcome": "Deferred", "message": "later"}), Standing::Pending),
            (json!({"outcome": "UnknownPerson"}), failed("UnknownPerson")),
            (json!({"outcome": "NotUploaded", "message": "no"}), failed("NotUploaded: no")),
            (
                json!({"outcome": "Invalid", "findings": [
                    {"code": "UnknownFields", "field": "a", "message": "None. Was 'b' meant?"},
                    {"code": "TooLarge", "field": null, "message": "It is."},
                ]}),
                failed("UnknownFields 'a': None. Was 'b' meant? | TooLarge: It is."),
            ),
            (
                json!({"outcome": "Refused", "targets": [
                    {"target": "x", "outcome": "Updated"}, {"target": "y", "outcome": "UnknownPerson"},
                    {"target": "z", "outcome": "Refused", "message": "no"},
                ]}),
                failed("UnknownPerson at y | Refused at z: no"),
            ),
        ] {
            assert_eq!(why(&part), standing);
        }
    }

    #[test]
    fn a_fault_of_the_request_is_the_reason_of_each_part() {
        let problem = json!({"requestId": "g", "status": 400, "detail": "no"});
        let judged = read(&problem, 2).unwrap().unwrap();
        assert_eq!(judged.parts, vec![Standing::Failed("no (import g)".to_owned()); 2]);
        let log =
            json!({"requestId": "g", "status": 400, "parts": [], "fault": {"code": "c", "message": "no"}});
        assert_eq!(read(&log, 2).unwrap().unwrap().parts, judged.parts);
    }

    #[test]
    fn an_import_that_runs_has_not_been_judged_and_another_answer_is_none() {
        assert!(read(&json!({"requestId": "g", "status": null, "parts": []}), 2).unwrap().is_none());
        for other in [json!("text"), json!({}), json!({"requestId": "g", "status": 200, "parts": []})] {
            assert!(read(&other, 1).is_err(), "{other}");
        }
    }
}
