//! Calls Aktion with a token that is young enough, and again where that may help. Log-ins, pauses and repetitions are
//! here, so that those who ask need to know only what was answered in the end.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use people_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::answers::{Reply, Step, step};
use super::calls::{Call, Token};
use super::settings::Credentials;
use crate::http_client::{HttpClient, HttpFault};
use crate::secret::Secret;
use crate::targets::config::BaseUrl;
use crate::targets::engine::{Engine, Halt, Run};

/// How old a token may be when a call starts with it; it lives for 20 s.
const TOKEN_AGE: Duration = Duration::from_secs(15);
/// How old a token may be at least, whatever is said about its life: else each call would log in for itself.
const LEAST_TOKEN_AGE: Duration = Duration::from_secs(1);
/// How often a call is made again after a failure.
pub(super) const REPETITIONS: u32 = 3;
/// How long it waits before the first of them; then twice as long, and so on.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// How often a call is made again after the target has asked for a break.
const BREAKS: u32 = 4;
/// How long the first break takes; then twice as long, and so on.
const FIRST_BREAK: Duration = Duration::from_secs(2);

/// Access to one Aktion.
pub(super) struct Session {
    engine: Arc<Engine>,
    http: HttpClient,
    base: BaseUrl,
    log_in: Secret,
    current: Mutex<Option<Current>>,
    /// Held by whoever logs in.
    gate: tokio::sync::Mutex<Option<Failure>>,
    /// How many log-ins have ended.
    log_ins: AtomicU64,
}

#[derive(Clone)]
struct Current {
    token: Arc<Token>,
    /// The moment before it was asked for.
    asked_at: Timestamp,
    usable_for: Duration,
}

/// Why there is no answer to go by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    /// A sentence.
    pub(super) why: String,
    /// The last answer's code.
    pub(super) code: Option<String>,
    /// Whether what was asked may have been done all the same.
    pub(super) unclear: bool,
    /// Whether it was for want of time, which says nothing about those who have more.
    late: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct LogIn<'a> {
    user_login: &'a str,
    api_key: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct LoggedIn {
    token: String,
    expire_in_sec: Option<u64>,
}

/// How often what has happened to one call.
struct Tries {
    failures: u32,
    most_failures: u32,
    breaks: u32,
    code: Option<String>,
    unclear: bool,
}

/// What follows from an answer.
enum Next {
    Take(Reply),
    Again,
    NewToken,
}

impl Session {
    pub(super) fn new(
        engine: Arc<Engine>,
        http: HttpClient,
        base: BaseUrl,
        credentials: &Credentials,
    ) -> Session {
        let log_in =
            LogIn { user_login: credentials.user_login.reveal(), api_key: credentials.api_key.reveal() };
        // Two texts: it cannot fail.
        let log_in = Secret::new(serde_json::to_string(&log_in).unwrap_or_default());
        Session {
            engine,
            http,
            base,
            log_in,
            current: Mutex::default(),
            gate: tokio::sync::Mutex::default(),
            log_ins: AtomicU64::new(0),
        }
    }

    /// Makes a call, at most `repetitions` times again after failures, and counts in `sent` how often it left. A token
    /// that is refused is replaced once.
    pub(super) async fn call(
        &self,
        run: &Run<'_>,
        call: &Call,
        repetitions: u32,
        sent: &mut u32,
    ) -> Result<Reply, Failure> {
        let mut tries = Tries::new(repetitions);
        let mut refused: Option<Arc<Token>> = None;
        loop {
            let slot = run.slot().await.map_err(|halt| tries.halted(run, halt))?;
            let token = self.token(run, refused.as_ref()).await.map_err(|failure| tries.after(failure))?;
            run.go_on().map_err(|halt| tries.halted(run, halt))?;
            let request = call.request(&self.base, Some(&token));
            let answer = self.http.send(request, call.limits(run.remaining())).await;
            drop(slot);
            *sent += u32::from(!matches!(answer, Err(HttpFault::Connect)));
            let reply = answer.map(|answer| Reply::new(answer, call));
            match self.judge(run, call, reply, &mut tries).await? {
                Next::Take(reply) => return Ok(reply),
                Next::Again => {}
                Next::NewToken if refused.is_none() => refused = Some(token),
                Next::NewToken => {
                    return Err(tries.failure(self.why("does not accept the token that it gave us")));
                }
            }
        }
    }

    /// What to do after an answer, or that there was none.
    async fn judge(
        &self,
        run: &Run<'_>,
        call: &Call,
        reply: Result<Reply, HttpFault>,
        tries: &mut Tries,
    ) -> Result<Next, Failure> {
        tries.code = reply.as_ref().ok().map(Reply::code);
        tries.unclear |= matches!(reply, Err(HttpFault::TimedOut | HttpFault::Cut | HttpFault::TooLarge));
        let step = reply.as_ref().map_or(Step::Failed, |reply| step(reply, call));
        match (step, reply) {
            (Step::Answered, Ok(reply)) => Ok(Next::Take(reply)),
            (Step::TokenGone, _) => Ok(Next::NewToken),
            (Step::Stop(why), _) => {
                let why = self.why(why);
                run.stop(&why);
                Err(tries.failure(why))
            }
            (Step::Busy, _) if tries.breaks == BREAKS => Err(tries.failure(self.why("is busy"))),
            (Step::Busy, _) => {
                self.engine.pause_for(FIRST_BREAK * 2_u32.pow(tries.breaks));
                tries.breaks += 1;
                Ok(Next::Again)
            }
            (Step::Failed | Step::Answered, reply) => {
                tries.unclear |= reply.is_ok();
                let why = self.why("does not answer");
                if tries.failures == tries.most_failures {
                    return Err(tries.failure(why));
                }
                let wait = FIRST_WAIT * 2_u32.pow(tries.failures);
                tries.failures += 1;
                let late = |_| Failure { late: true, ..tries.failure(why) };
                run.back_off(wait).await.map(|()| Next::Again).map_err(late)
            }
        }
    }

    /// A token that is young enough and is not the refused one. Whoever finds none logs in; the others wait for that.
    async fn token(&self, run: &Run<'_>, refused: Option<&Arc<Token>>) -> Result<Arc<Token>, Failure> {
        if let Some(token) = self.current(refused) {
            return Ok(token);
        }
        let before = self.log_ins.load(Ordering::Acquire);
        let waiting = tokio::time::timeout(run.remaining(), self.gate.lock());
        let mut last = waiting.await.map_err(|_| Failure::of(run.time_is_up()))?;
        if let Some(token) = self.current(refused) {
            return Ok(token);
        }
        run.go_on().map_err(|halt| Failure::of(run.reason(halt)))?;
        if self.log_ins.load(Ordering::Acquire) != before
            && let Some(failure) = &*last
        {
            // What others met while this one waited: a wrong key is not tried once more by each of them.
            run.stop(&failure.why);
            return Err(failure.clone());
        }
        let result = self.log_in(run).await;
        *last = result.as_ref().err().filter(|failure| !failure.late).cloned();
        self.log_ins.fetch_add(1, Ordering::Release);
        if let Err(failure) = &result {
            run.stop(&failure.why);
        }
        result
    }

    fn current(&self, refused: Option<&Arc<Token>>) -> Option<Arc<Token>> {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let current = current.as_ref()?;
        let is_refused = refused.is_some_and(|refused| Arc::ptr_eq(refused, &current.token));
        let is_young = self.engine.now().since(current.asked_at) < current.usable_for;
        (is_young && !is_refused).then(|| Arc::clone(&current.token))
    }

    /// Logs in, in the slot of the call that needs it.
    async fn log_in(&self, run: &Run<'_>) -> Result<Arc<Token>, Failure> {
        let call = Call::LogIn(Bytes::copy_from_slice(self.log_in.reveal().as_bytes()));
        let mut tries = Tries::new(REPETITIONS);
        loop {
            run.go_on().map_err(|halt| tries.halted(run, halt))?;
            self.engine.charge();
            let asked_at = self.engine.now();
            let answer = self.http.send(call.request(&self.base, None), call.limits(run.remaining())).await;
            let reply = answer.map(|answer| Reply::new(answer, &call));
            if let Next::Take(reply) = self.judge(run, &call, reply, &mut tries).await? {
                return self.take_over(&reply, asked_at);
            }
            run.end_of_pause().await.map_err(|halt| tries.halted(run, halt))?;
        }
    }

    fn take_over(&self, reply: &Reply, asked_at: Timestamp) -> Result<Arc<Token>, Failure> {
        let read = (reply.status == StatusCode::OK).then(|| serde_json::from_slice::<LoggedIn>(&reply.body));
        let Some(Ok(answer)) = read.filter(|read| read.as_ref().is_ok_and(|answer| !answer.token.is_empty()))
        else {
            let why = self.why("answers our log-in in a way that we do not understand");
            return Err(Failure { code: Some(reply.code()), ..Failure::of(why) });
        };
        // Three quarters of its life, where it says that it lives for less than 20 s.
        let life = answer.expire_in_sec.map(|seconds| Duration::from_millis(seconds.saturating_mul(750)));
        let usable_for = life.map_or(TOKEN_AGE, |life| life.clamp(LEAST_TOKEN_AGE, TOKEN_AGE));
        let token = Arc::new(Token::new(&answer.token, &self.base));
        let current = Current { token: Arc::clone(&token), asked_at, usable_for };
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some(current);
        Ok(token)
    }

    fn why(&self, what: &str) -> String {
        format!("{} {what}", self.engine.name())
    }
}

impl Tries {
    fn new(most_failures: u32) -> Tries {
        Tries { failures: 0, most_failures, breaks: 0, code: None, unclear: false }
    }

    fn failure(&self, why: String) -> Failure {
        Failure { why, code: self.code.clone(), unclear: self.unclear, late: false }
    }

    fn halted(&self, run: &Run<'_>, halt: Halt) -> Failure {
        let late = !matches!(halt, Halt::Stopped(_));
        Failure { late, ..self.failure(run.reason(halt)) }
    }

    /// A failure to get a token, after what this call has met itself.
    fn after(&self, failure: Failure) -> Failure {
        let code = self.code.clone().or(failure.code);
        Failure { code, unclear: self.unclear, ..failure }
    }
}

impl Failure {
    fn of(why: String) -> Failure {
        Failure { why, code: None, unclear: false, late: false }
    }
}
