//! What a kind of target says about its own calls, answers and log-ins, so that the session need not know any of them.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, Request};
use http_body_util::Full;
use people_core::time::Timestamp;

use super::REPETITIONS;
use crate::http_client::{Answer, Limits};
use crate::secret::Secret;

/// The header that names the import in each write, so that both sides can be searched for it.
pub(in crate::targets) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What is particular about the calls of a kind of target.
pub(in crate::targets) trait Protocol: Send + Sync + 'static {
    /// What can be asked.
    type Call: Send + Sync;
    /// An answer, read as far as it can be.
    type Reply: Send + Sync;
    /// What opens the target to a call.
    type Token: Send + Sync;

    /// How long credentials that were refused are not tried again by any run; for targets that lock accounts out.
    const HOLD_OFF: Duration = Duration::ZERO;

    /// How a token is had from credentials, which are JSON; `Err` says what is wrong with them, without showing them.
    fn log_in(&self, credentials: &Secret) -> Result<LogIn<Self>, &'static str>;

    /// What a log-in gave, and for how long it may be used; `None` for as long as it is accepted. The reply is one that
    /// [`Protocol::step`] calls answered. `None` where it holds no token.
    fn token(&self, reply: &Self::Reply) -> Option<(Self::Token, Option<Duration>)>;

    /// Whether a call may be sent again as it is after a break or with a new token. One that holds what was read before
    /// may not: by then it may be out of date.
    fn may_repeat(&self, _: &Self::Call) -> bool {
        true
    }

    /// How often a log-in is made again after it had no answer.
    const LOG_INS_AGAIN: u32 = REPETITIONS;

    /// The request of a call; a log-in has no token.
    fn request(&self, call: &Self::Call, token: Option<&Self::Token>) -> Request<Full<Bytes>>;

    /// How long the answer may take, and how large it may be.
    fn limits(&self, call: &Self::Call) -> Limits;

    /// Reads an answer.
    fn read(&self, call: &Self::Call, answer: Answer) -> Self::Reply;

    /// What an answer means, as far as that is the same for all who ask. `now` is for dates in it.
    fn step(&self, call: &Self::Call, reply: &Self::Reply, now: Timestamp) -> Step;

    /// The target's own code, as the log shows it.
    fn code(&self, reply: &Self::Reply) -> String;
}

/// How a token is had.
pub(in crate::targets) enum LogIn<P: Protocol + ?Sized> {
    /// By this call.
    Call(P::Call),
    /// It is among the credentials.
    Token(P::Token),
}

/// What an answer means to any call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::targets) enum Step {
    /// It is about what was asked.
    Answered,
    /// The token is not valid, or not any more.
    TokenGone,
    /// Too many calls; and how long a break is to take, where the target says it.
    Busy(Option<Duration>),
    /// Something went wrong there, and may not the next time.
    Failed,
    /// The credentials are refused: why, after the target's name. Only a log-in is answered so.
    Refused(&'static str),
    /// No call of this run can succeed: why, after the target's name.
    Stop(&'static str),
}
