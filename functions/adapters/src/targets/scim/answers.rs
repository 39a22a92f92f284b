//! What an answer of a SCIM server means: by its status and `scimType`, never by a text. Errors may come without a body, or as
//! a page of HTML, and mean the same then.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use people_core::time::Timestamp;
use serde_json::Value;

use super::calls::Call;
use crate::http_client::Answer;
use crate::retry_after::retry_after;
use crate::targets::oauth;
use crate::targets::session::Step;

/// The longest break that a server may ask for; it is longer than any run.
const LONGEST_BREAK: Duration = Duration::from_secs(3600);

/// Every `scimType` that there is (RFC 7644, 3.12): others are a server's own text, which is not shown.
const KINDS: [&str; 10] = [
    "invalidFilter",
    "tooMany",
    "uniqueness",
    "mutability",
    "invalidSyntax",
    "invalidPath",
    "noTarget",
    "invalidValue",
    "invalidVers",
    "sensitive",
];

/// An answer, read as far as it can be.
#[derive(Clone)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    /// The `scimType`, where it is an error with one.
    pub(super) kind: Option<&'static str>,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Reply {
    /// Reads an answer.
    pub(super) fn new(answer: Answer) -> Reply {
        let is_error = answer.status.is_client_error() || answer.status.is_server_error();
        let kind = is_error.then(|| kind(&answer.body)).flatten();
        Reply { status: answer.status, kind, headers: answer.headers, body: answer.body }
    }

    /// Status and `scimType`, as the log shows them.
    pub(super) fn code(&self) -> String {
        match self.kind {
            Some(kind) => format!("{}/{kind}", self.status.as_u16()),
            None => self.status.as_str().to_owned(),
        }
    }

    /// Whether the server says that it does not know filters, or not this one.
    pub(super) fn refuses_filter(&self) -> bool {
        match (self.status.as_u16(), self.kind) {
            (400, kind) => kind.is_none_or(|kind| kind == "invalidFilter"),
            (status, _) => status == 403 || status == 501,
        }
    }
}

fn kind(body: &[u8]) -> Option<&'static str> {
    let error: Value = serde_json::from_slice(body).ok()?;
    let said = error.get("scimType")?.as_str()?;
    KINDS.into_iter().find(|kind| kind.eq_ignore_ascii_case(said))
}

/// What the answer to a call means, as far as that is the same for all (targets.md, 5.4).
pub(super) fn step(reply: &Reply, call: &Call, now: Timestamp) -> Step {
    if matches!(call, Call::LogIn(_)) {
        return oauth::step(reply.status, &reply.headers, now);
    }
    match reply.status.as_u16() {
        429 | 503 => Step::Busy(retry_after(&reply.headers, now, LONGEST_BREAK)),
        401 => Step::TokenGone,
        300..=399 => Step::Stop("sends us elsewhere: its base URL may be wrong"),
        // A server need not tell what it is able to do, nor know filters or lists.
        400..=499 | 501 if matches!(call, Call::Abilities) => Step::Answered,
        403 | 501 if matches!(call, Call::Find(_) | Call::Page { .. }) => Step::Answered,
        404 if matches!(call, Call::Get(_) | Call::Write(_)) => Step::Answered,
        404 | 405 => Step::Stop("does not know this call: its base URL may be wrong"),
        415 => Step::Stop("does not take SCIM"),
        501 => Step::Stop("does not do what this call asks for"),
        408 | 500.. => Step::Failed,
        _ => Step::Answered,
    }
}
