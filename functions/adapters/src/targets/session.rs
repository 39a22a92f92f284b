//! Calls a target with a token that it accepts, and again where that may help. Log-ins, breaks and repetitions are here, once
//! for all kinds, so that those who ask need to know only what was answered in the end.

mod protocol;
mod tries;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use people_core::time::Timestamp;

use super::config::Parts;
use super::engine::{Engine, Run};
use crate::http_client::{Answer, HttpClient, HttpFault, Limits};
use crate::secret::Secret;
use crate::secrets::{Credentials, NoCredentials};
pub(super) use protocol::{LogIn, Protocol, REQUEST_ID, Step};
pub(super) use tries::Failure;
use tries::Tries;

/// How often a call is made again after a failure, where the contract says that it may be.
pub(super) const REPETITIONS: u32 = 3;
/// How long it waits before the first of them; then twice as long, and so on.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// How often a call is made again after the target has asked for a break.
const BREAKS: u32 = 4;
/// How long the first break takes where the target does not say it; then twice as long, and so on.
const FIRST_BREAK: Duration = Duration::from_secs(2);

/// Access to one target.
pub(super) struct Session<P: Protocol> {
    pub(super) protocol: P,
    engine: Arc<Engine>,
    http: HttpClient,
    credentials: Credentials,
    current: Mutex<Option<Current<P::Token>>>,
    /// Held by whoever logs in.
    gate: tokio::sync::Mutex<LastLogIn>,
    /// How many log-ins have ended.
    log_ins: AtomicU64,
}

struct Current<T> {
    token: Arc<T>,
    /// What it was had with.
    credentials: Secret,
    /// The moment before it was asked for.
    asked_at: Timestamp,
    usable_for: Option<Duration>,
}

/// How the last log-in ended.
#[derive(Default)]
struct LastLogIn {
    failure: Option<Failure>,
    /// The credentials that were refused last, when, and why.
    refused: Option<(Secret, Timestamp, Failure)>,
}

/// What follows from an answer.
enum Next<R> {
    Take(R),
    Again,
    NewToken,
    /// The credentials are refused.
    Refused(&'static str),
}

impl<P: Protocol> Session<P> {
    /// A session that nobody has used yet.
    pub(super) fn new(protocol: P, parts: Parts) -> Session<P> {
        Session {
            protocol,
            engine: parts.engine,
            http: parts.http,
            credentials: parts.credentials,
            current: Mutex::default(),
            gate: tokio::sync::Mutex::default(),
            log_ins: AtomicU64::new(0),
        }
    }

    /// The engine that says when a call may be made.
    pub(super) fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// Makes a call, at most `repetitions` times again after failures, and counts in `sent` how often it left. A token
    /// that is refused is replaced once; where the next one is refused too, the run stops.
    pub(super) async fn call(
        &self,
        run: &Run<'_>,
        call: &P::Call,
        repetitions: u32,
        sent: &mut u32,
    ) -> Result<P::Reply, Failure> {
        let mut tries = Tries::new(repetitions);
        let mut refused: Option<Arc<P::Token>> = None;
        loop {
            let slot = run.slot().await.map_err(|halt| tries.halted(run, halt))?;
            let token = self.token(run, refused.as_ref()).await.map_err(|failure| tries.after(failure))?;
            run.go_on().map_err(|halt| tries.halted(run, halt))?;
            if run.is_paused() {
                // Others have been told to slow down while this one waited for a token.
                continue;
            }
            let round = slot.round();
            let request = self.protocol.request(call, Some(&token));
            let answer = self.http.send(request, self.limits(run, call)).await;
            drop(slot);
            *sent += u32::from(answer.as_ref().err().is_none_or(|fault| fault.was_sent()));
            match self.judge(run, call, answer, (&mut tries, round)).await? {
                Next::Take(reply) => return Ok(reply),
                Next::Again | Next::NewToken if !self.protocol.may_repeat(call) => {
                    return Err(Failure { again: true, ..tries.failure(self.why("is busy")) });
                }
                Next::Again => {}
                Next::NewToken if refused.is_none() => refused = Some(token),
                Next::NewToken | Next::Refused(_) => {
                    let why = self.why("does not accept the token that it gave us");
                    run.stop(&why);
                    return Err(tries.failure(why));
                }
            }
        }
    }

    fn limits(&self, run: &Run<'_>, call: &P::Call) -> Limits {
        let limits = self.protocol.limits(call);
        Limits { time: limits.time.min(run.remaining()), ..limits }
    }

    /// What to do after an answer, or that there was none.
    async fn judge(
        &self,
        run: &Run<'_>,
        call: &P::Call,
        answer: Result<Answer, HttpFault>,
        (tries, round): (&mut Tries, u64),
    ) -> Result<Next<P::Reply>, Failure> {
        let reply = answer.map(|answer| self.protocol.read(call, answer));
        tries.code = reply.as_ref().ok().map(|reply| self.protocol.code(reply));
        tries.unclear |= reply.as_ref().err().is_some_and(|fault| fault.was_sent());
        let step = match &reply {
            Ok(reply) => self.protocol.step(call, reply, self.engine.now()),
            Err(fault) => of_fault(*fault),
        };
        match (step, reply) {
            (Step::Answered, Ok(reply)) => {
                self.engine.went_well();
                Ok(Next::Take(reply))
            }
            (Step::TokenGone, _) => Ok(Next::NewToken),
            (Step::Refused(why), _) => Ok(Next::Refused(why)),
            (Step::Stop(why), _) => Err(self.stopped(run, why, tries)),
            (Step::Busy(pause), _) => {
                // No time at all is no break.
                let pause = pause.filter(|pause| !pause.is_zero());
                let tired = tries.breaks == BREAKS;
                let usual = FIRST_BREAK * 2_u32.pow(tries.breaks.min(BREAKS - 1));
                self.engine.slow_down(round, pause.unwrap_or(usual), pause.is_some());
                tries.breaks += 1;
                if tired { Err(tries.failure(self.why("is busy"))) } else { Ok(Next::Again) }
            }
            (Step::Failed | Step::Answered, reply) => {
                tries.unclear |= reply.is_ok();
                let why = self.why("does not answer");
                if tries.failures >= tries.most_failures {
                    return Err(tries.failure(why));
                }
                let wait = FIRST_WAIT * 2_u32.pow(tries.failures);
                tries.failures += 1;
                let late = |_| Failure { late: true, ..tries.failure(why) };
                run.back_off(wait).await.map(|()| Next::Again).map_err(late)
            }
        }
    }

    fn stopped(&self, run: &Run<'_>, why: &str, tries: &Tries) -> Failure {
        let why = self.why(why);
        run.stop(&why);
        tries.failure(why)
    }

    /// A token that is young enough and is not the refused one. Whoever finds none logs in; the others wait for that.
    async fn token(&self, run: &Run<'_>, refused: Option<&Arc<P::Token>>) -> Result<Arc<P::Token>, Failure> {
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
            && let Some(failure) = &last.failure
        {
            // What others met while this one waited: a wrong key is not tried once more by each of them.
            run.stop(&failure.why);
            return Err(failure.clone());
        }
        let result = self.new_token(run, refused, &mut last.refused).await;
        last.failure = result.as_ref().err().filter(|failure| !failure.late).cloned();
        self.log_ins.fetch_add(1, Ordering::Release);
        if let Err(failure) = &result
            && !failure.late
        {
            run.stop(&failure.why);
        }
        result
    }

    fn current(&self, refused: Option<&Arc<P::Token>>) -> Option<Arc<P::Token>> {
        let current = self.lock();
        let current = current.as_ref()?;
        let is_refused = refused.is_some_and(|refused| Arc::ptr_eq(refused, &current.token));
        let age = self.engine.now().since(current.asked_at);
        let is_young = current.usable_for.is_none_or(|usable| age < usable);
        (is_young && !is_refused).then(|| Arc::clone(&current.token))
    }

    fn lock(&self) -> MutexGuard<'_, Option<Current<P::Token>>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new token, with the credentials as they are now where the known ones are refused.
    async fn new_token(
        &self,
        run: &Run<'_>,
        refused: Option<&Arc<P::Token>>,
        refusal: &mut Option<(Secret, Timestamp, Failure)>,
    ) -> Result<Arc<P::Token>, Failure> {
        let mut credentials = self.credentials.get().await.map_err(|none| self.without(none))?;
        let stale = || {
            let current = self.lock();
            let current = current.as_ref().filter(|_| refused.is_some());
            current.is_some_and(|current| current.usable_for.is_none() && current.credentials == credentials)
        };
        // A token that lives for ever and is refused has been replaced where the credentials are kept.
        if stale()
            && let Some(now) = self.credentials.other_than(&credentials).await
        {
            credentials = now;
        }
        if let Some((known, at, failure)) = refusal.as_ref()
            && *known == credentials
            && self.engine.now().since(*at) < P::HOLD_OFF
        {
            match self.credentials.other_than(&credentials).await {
                Some(now) => credentials = now,
                None => return Err(failure.clone()),
            }
        }
        let failure = match self.log_in(run, &credentials).await? {
            Ok(token) => return Ok(token),
            Err(failure) => failure,
        };
        match self.credentials.other_than(&credentials).await {
            Some(now) => {
                let again = self.log_in(run, &now).await?;
                again.map_err(|failure| self.note(refusal, now, failure))
            }
            None => Err(self.note(refusal, credentials, failure)),
        }
    }

    fn note(
        &self,
        refusal: &mut Option<(Secret, Timestamp, Failure)>,
        credentials: Secret,
        failure: Failure,
    ) -> Failure {
        *refusal = Some((credentials, self.engine.now(), failure.clone()));
        failure
    }

    fn without(&self, none: NoCredentials) -> Failure {
        Failure::of(match none {
            NoCredentials::Missing => self.why("has no credentials"),
            NoCredentials::Unavailable => format!("the credentials of {} cannot be read", self.engine.name()),
        })
    }

    /// Logs in, in the slot of the call that needs it. The inner `Err` is that the credentials are refused.
    async fn log_in(
        &self,
        run: &Run<'_>,
        credentials: &Secret,
    ) -> Result<Result<Arc<P::Token>, Failure>, Failure> {
        let asked_at = self.engine.now();
        let call = match self.protocol.log_in(credentials) {
            Ok(LogIn::Call(call)) => call,
            Ok(LogIn::Token(token)) => return Ok(Ok(self.take_over(token, credentials, (asked_at, None)))),
            Err(why) => return Ok(Err(Failure::of(self.why(why)))),
        };
        let mut tries = Tries::new(P::LOG_INS_AGAIN);
        loop {
            run.go_on().map_err(|halt| tries.halted(run, halt))?;
            self.engine.charge();
            let asked_at = self.engine.now();
            let request = self.protocol.request(&call, None);
            let answer = self.http.send(request, self.limits(run, &call)).await;
            match self.judge(run, &call, answer, (&mut tries, u64::MAX)).await? {
                Next::Take(reply) => {
                    let Some((token, usable_for)) = self.protocol.token(&reply) else {
                        let why = self.why("answers our log-in in a way that we do not understand");
                        return Err(tries.failure(why));
                    };
                    return Ok(Ok(self.take_over(token, credentials, (asked_at, usable_for))));
                }
                Next::Again => {}
                Next::NewToken => return Ok(Err(tries.failure(self.why("refuses our log-in")))),
                Next::Refused(why) => return Ok(Err(tries.failure(self.why(why)))),
            }
            run.end_of_pause().await.map_err(|halt| tries.halted(run, halt))?;
        }
    }

    fn take_over(
        &self,
        token: P::Token,
        credentials: &Secret,
        (asked_at, usable_for): (Timestamp, Option<Duration>),
    ) -> Arc<P::Token> {
        let token = Arc::new(token);
        let credentials = credentials.clone();
        *self.lock() = Some(Current { token: Arc::clone(&token), credentials, asked_at, usable_for });
        token
    }

    /// A sentence that begins with the target's name.
    pub(super) fn why(&self, what: &str) -> String {
        format!("{} {what}", self.engine.name())
    }
}

/// What it means that there is no answer.
fn of_fault(fault: HttpFault) -> Step {
    match fault {
        HttpFault::Private => Step::Stop("has a private address, which the configuration does not allow"),
        HttpFault::Untrusted => Step::Stop("has a certificate that is not trusted"),
        HttpFault::Connect | HttpFault::TimedOut | HttpFault::Cut | HttpFault::TooLarge => Step::Failed,
    }
}
