//! What an answer of ONLYOFFICE's means: by its status and whether it is an envelope, never by a text, as those are in the
//! portal's language. A 404 has three meanings and a 500 is mostly a refusal, so this table is the only place that knows
//! them.

use std::time::Duration;

use http::{HeaderMap, StatusCode};
use people_core::time::Timestamp;
use serde_json::Value;

use super::calls::Call;
use crate::http_client::Answer;
use crate::retry_after::retry_after;
use crate::targets::session::Step;

/// How long a break takes where the portal does not say it.
const USUAL_BREAK: Duration = Duration::from_secs(30);
/// The longest that it may ask for.
const LONGEST_BREAK: Duration = Duration::from_secs(3600);
/// When DocSpace has forgotten the calls of its present minute or day.
const RESET: &str = "x-ratelimit-reset";

/// An answer, read as far as it can be.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    headers: HeaderMap,
    is_empty: bool,
    /// The body, where it is an envelope.
    envelope: Option<Value>,
}

impl Reply {
    pub(super) fn new(answer: Answer) -> Reply {
        let is_envelope = |body: &Value| body.get("response").is_some() || body.get("error").is_some();
        let envelope = serde_json::from_slice(&answer.body).ok().filter(is_envelope);
        let is_empty = answer.body.trim_ascii().is_empty();
        Reply { status: answer.status, headers: answer.headers, is_empty, envelope }
    }

    /// What is in the envelope of a success.
    pub(super) fn response(&self) -> Option<&Value> {
        self.envelope.as_ref().filter(|_| self.status.is_success())?.get("response")
    }

    /// A number of the envelope; those that are zero are left out.
    pub(super) fn number(&self, name: &str) -> u64 {
        self.envelope.as_ref().and_then(|envelope| envelope.get(name)).and_then(Value::as_u64).unwrap_or(0)
    }

    /// Whether it is an error that the portal's own code has answered, not something in front of it.
    pub(super) fn is_error_envelope(&self) -> bool {
        self.envelope.as_ref().is_some_and(|envelope| envelope.get("error").is_some())
    }

    /// How long the portal asks to be left alone.
    fn pause(&self, now: Timestamp) -> Duration {
        let reset = || {
            let at = self.headers.get(RESET)?.to_str().ok()?.trim().parse::<i64>().ok()?;
            Some(Timestamp::from_millis(at.saturating_mul(1000)).since(now).min(LONGEST_BREAK))
        };
        retry_after(&self.headers, now, LONGEST_BREAK).or_else(reset).unwrap_or(USUAL_BREAK)
    }
}

/// What the answer to a call means, as far as that is the same for all (targets.md, 3.2, 3.5 and 3.9).
pub(super) fn step(reply: &Reply, call: &Call, now: Timestamp) -> Step {
    let status = reply.status.as_u16();
    let is_log_in = matches!(call, Call::LogIn(_));
    let is_contacts_call = matches!(call, Call::Contacts { .. });
    match status {
        429 | 503 => Step::Busy(Some(reply.pause(now))),
        402 => Step::Stop("says that its portal is not paid for"),
        403 if reply.is_empty => Step::Stop("does not accept calls from our address"),
        // A wrong password and one that was tried too often are a 500; another try would only prolong the block.
        401 | 403 | 500 if is_log_in => Step::Refused("refuses our log-in"),
        400 if is_log_in => Step::Stop("does not understand our log-in"),
        200 | 201 if is_log_in && !has_token(reply) => {
            Step::Stop("gives us no token: its account may need a second factor")
        }
        401 => Step::TokenGone,
        403 if !reply.is_error_envelope() => Step::Stop("does not allow this call"),
        404 if reply.is_error_envelope() && !is_log_in => Step::Answered,
        404 | 405 if is_contacts_call => Step::Answered,
        404 if reply.is_empty => Step::Stop("does not know this portal: its base URL may be wrong"),
        404 | 405 => Step::Stop("does not know this call: its base URL may be wrong"),
        415 => Step::Stop("does not take JSON"),
        300..=399 => Step::Stop("sends us elsewhere: its base URL may be wrong"),
        408 | 501.. => Step::Failed,
        _ => Step::Answered,
    }
}

fn has_token(reply: &Reply) -> bool {
    token(reply).is_some()
}

/// The token in the answer to a log-in.
pub(super) fn token(reply: &Reply) -> Option<&str> {
    reply.response()?.get("token")?.as_str().filter(|token| !token.is_empty())
}

/// What the answer to a write means, where [`step`] says that it is one.
pub(super) enum Meaning {
    /// It was done, as far as the portal says.
    Done,
    /// There is no such person any more.
    Nobody,
    /// This server has no contacts call.
    NoContactsCall,
    /// It is not allowed, or failed: telling these apart is not possible, and the former is more likely.
    NotAllowedOrFailed,
    /// It is refused: why, after the target's name.
    Refused(&'static str),
    /// Not documented: only a look can tell.
    Unclear,
}

/// What the answer to a write means (targets.md, 3.5 and 3.9).
pub(super) fn meaning(reply: &Reply) -> Meaning {
    match reply.status.as_u16() {
        200 | 201 if reply.response().is_some() => Meaning::Done,
        404 if reply.is_error_envelope() => Meaning::Nobody,
        404 | 405 => Meaning::NoContactsCall,
        500 => Meaning::NotAllowedOrFailed,
        400 => Meaning::Refused("says that the update breaks its rules"),
        403 => Meaning::Refused("does not allow us to change this person"),
        200..=299 => Meaning::Unclear,
        _ => Meaning::Refused("refused the update"),
    }
}
