//! What an answer of eSystems' means: by its status, and by its type where one status has two meanings. Its texts name what
//! was sent, and one of its titles lies, so neither is ever looked at or shown.

use std::collections::HashSet;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use people_core::time::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::calls::Call;
use super::user::Page;
use crate::http_client::Answer;
use crate::retry_after::retry_after;
use crate::targets::oauth;
use crate::targets::session::Step;

/// The longest break that eSystems can ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);
/// The most characters of a request key that is shown.
const LONGEST_KEY: usize = 64;

/// An answer.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// What is read of an error.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Problem {
    #[serde(default)]
    r#type: Value,
    #[serde(default)]
    request_key: Value,
}

/// What the answer to a list of links means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meaning {
    /// These users are linked.
    Linked(HashSet<i64>),
    /// It does not tell what was done.
    Unclear,
    /// Nobody may be linked to this department by us.
    NoRight,
    /// A row, or the department, is unknown.
    Missing,
    /// A row names several users.
    Several,
    /// A row breaks a rule.
    Bad,
}

impl Reply {
    pub(super) fn new(answer: Answer) -> Reply {
        Reply { status: answer.status, headers: answer.headers, body: answer.body }
    }

    /// The status, as the log shows it: eSystems has no numbers of its own.
    pub(super) fn code(&self) -> String {
        self.status.as_str().to_owned()
    }

    /// The key under which the vendor's support finds a refused call; nothing that is not made like one.
    pub(super) fn request_key(&self) -> Option<String> {
        let key = self.problem()?.request_key;
        let key = key.as_str().filter(|key| (1..=LONGEST_KEY).contains(&key.len()))?;
        key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-').then(|| key.to_owned())
    }

    /// The end of a sentence that tells of a refusal.
    pub(super) fn request(&self) -> String {
        self.request_key().map(|key| format!(" (request {key})")).unwrap_or_default()
    }

    fn problem(&self) -> Option<Problem> {
        serde_json::from_slice(&self.body).ok()
    }

    /// The vendor spells it "Multible Rows", with or without a slash before it.
    fn says_several(&self) -> bool {
        let problem = self.problem();
        let text = problem.as_ref().and_then(|problem| problem.r#type.as_str());
        text.is_some_and(|text| text.to_lowercase().contains("multi"))
    }

    /// Whether it is a page for people: then the call never reached eSystems' interface.
    fn is_html(&self) -> bool {
        let media_type = self.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        media_type.is_some_and(|text| text.to_ascii_lowercase().starts_with("text/html"))
    }

    /// What it means as the answer to a list of links, where [`step`] says that it is one (targets.md, 2.4 and 2.5). A
    /// refusal that is not documented is about the rows, too: halving tells which.
    pub(super) fn meaning(&self) -> Meaning {
        match self.status.as_u16() {
            200..=299 => match serde_json::from_slice::<Page>(&self.body) {
                Ok(page) => Meaning::Linked(page.data.iter().map(|user| user.id).collect()),
                Err(_) => Meaning::Unclear,
            },
            403 => Meaning::NoRight,
            404 => Meaning::Missing,
            400 if self.says_several() => Meaning::Several,
            _ => Meaning::Bad,
        }
    }
}

/// What the answer to a call means, as far as that is the same for all (targets.md, 2.5).
pub(super) fn step(reply: &Reply, call: &Call, now: Timestamp) -> Step {
    if let Call::LogIn(_) = call {
        return oauth::step(reply.status, &reply.headers, now);
    }
    let pause = retry_after(&reply.headers, now, LONGEST_PAUSE);
    match reply.status.as_u16() {
        401 => Step::TokenGone,
        429 => Step::Busy(pause),
        503 if pause.is_some() => Step::Busy(pause),
        404 if reply.is_html() && !call.has_unusual_path() => {
            Step::Stop("does not know this call: its base URL may be wrong")
        }
        405 => Step::Stop("does not know this call: its base URL may be wrong"),
        300..=399 => Step::Stop("sends us elsewhere: its base URL may be wrong"),
        408 | 500.. => Step::Failed,
        _ => Step::Answered,
    }
}
