//! What eSystems answers with: lists, single records, and one envelope for everything that went wrong.
//! The misspelt and the misleading texts of the real one are kept, so that nobody comes to rely on better ones.

use http::StatusCode;
use http::header::RETRY_AFTER;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::message::{Answer, Request};
use crate::switches::Switches;

const UNCONVERTIBLE: &str = "The user has provided input that the browser is unable to convert.";
const MISMATCH: &str = "The value does not match the specified entity structure";
const SEVERAL: &str = "There are multiple rows in the database for the same value";
const NO_SESSION: &str = "The session Id or OAuth token used has expired or is invalid.";
const MISSING: &str = "The record does not exist";

/// Why a call was refused. The texts name the values that were sent, as a real server may well do.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    status: StatusCode,
    is_ambiguous: bool,
    errors: Vec<String>,
}

impl Failure {
    /// A value that cannot be what it has to be.
    pub(super) fn unconvertible(what: &str) -> Self {
        Failure::new(StatusCode::BAD_REQUEST, UNCONVERTIBLE, what)
    }

    /// A body or a name that the entity does not have.
    pub(super) fn mismatch(what: &str) -> Self {
        Failure::new(StatusCode::BAD_REQUEST, MISMATCH, what)
    }

    /// A value that several records have.
    pub(super) fn ambiguous(what: &str) -> Self {
        Failure { is_ambiguous: true, ..Failure::new(StatusCode::BAD_REQUEST, SEVERAL, what) }
    }

    /// No token, or none that is valid.
    pub(super) fn unauthorized() -> Self {
        Failure::new(StatusCode::UNAUTHORIZED, NO_SESSION, "")
    }

    /// Nobody and nothing has this value; the switch says with which status that is told.
    pub(super) fn unknown(switch: &str, what: &str, switches: &Switches) -> Self {
        Failure::new(status(switch, switches).unwrap_or(StatusCode::NOT_FOUND), MISSING, what)
    }

    fn new(status: StatusCode, error: &str, what: &str) -> Self {
        let error = if what.is_empty() { error.to_owned() } else { format!("{error} ({what})") };
        Failure { status, is_ambiguous: false, errors: vec![error] }
    }

    /// The same failure, and what else was wrong.
    pub(super) fn and(mut self, other: Failure) -> Self {
        self.errors.extend(other.errors);
        self
    }

    /// The answer in the envelope, with a key of its own.
    pub(super) fn answer(&self, request: &Request) -> Answer {
        let reason = self.status.canonical_reason().unwrap_or("Error");
        let (kind, title) = match self.status.as_u16() {
            400 if self.is_ambiguous => ("Errors/Multible Rows".to_owned(), reason),
            400 => ("/Errors/Bad Input".to_owned(), reason),
            403 => ("/Errors/Permission".to_owned(), "Bad Request"),
            404 => ("Errors/Not Found".to_owned(), reason),
            _ => (format!("/Errors/{reason}"), reason),
        };
        let body = json!({
            "Errors": self.errors,
            "Type": kind,
            "Title": title,
            "StatusCode": self.status.as_u16(),
            "Instance": request.path,
            "RequestKey": Uuid::new_v4().to_string(),
        });
        Answer::json(self.status, &body)
    }
}

/// The answer to a call that is too much: 429 unless the switch says 503.
pub(super) fn throttled(request: &Request, switches: &Switches) -> Answer {
    let status = status("throttle", switches).unwrap_or(StatusCode::TOO_MANY_REQUESTS);
    Failure::new(status, "Too many requests", "").answer(request).with(RETRY_AFTER, "1")
}

/// A list of records with its envelope.
pub(super) fn list(kind: &str, total: usize, page: u64, size: usize, records: &[Value]) -> Answer {
    let meta = json!({"TotalItems": total, "CurrentPage": page, "PageSize": size, "Type": kind});
    Answer::json(StatusCode::OK, &json!({"Meta": meta, "Data": records}))
}

/// One record, bare.
pub(super) fn single(record: &Value) -> Answer {
    Answer::json(StatusCode::OK, record)
}

/// A status that is a switch; `None` when it is null.
fn status(switch: &str, switches: &Switches) -> Option<StatusCode> {
    StatusCode::from_u16(u16::try_from(switches.count(switch)?).ok()?).ok()
}

/// Whether a switch's value is a status that refuses.
pub(super) fn is_refusal(value: &Value) -> bool {
    value.as_u64().is_some_and(|status| (400..600).contains(&status))
}

/// Whether a switch's value is a status that throttles, or null.
pub(super) fn is_throttle(value: &Value) -> bool {
    value.is_null() || value == 429 || value == 503
}
