//! A request that its caller may send again, because the answer may get lost: it is carried out once. A repeat is given the
//! answer that the first one got, and one whose import died is taken over under the same GUID.

use crate::error::StoreError;
use crate::id::ImportId;
use crate::import::{self, Begin, CLOSING, Interrupted, Request};
use crate::log::{Answer, ImportLog, State};
use crate::ports::{App, Attempt, Claim, Claimed, FirstAnswer, LeaseHolder, Opened, RepeatKey, Repeated};
use crate::shown::Shown;
use crate::time::Timestamp;

/// What a request comes to whose turn it is, or is not.
#[derive(Debug)]
pub enum Turn {
    /// It is the first under its key: it becomes an import of its own.
    First(Permit),
    /// The first one died: it goes on as this import, from its start.
    Again(ImportId, Permit),
    /// It has been answered before, as this log has it.
    Replay(Replay),
    /// The first one is being carried out.
    Running,
    /// The key is that of another request.
    Other,
}

/// What a request was answered before.
#[derive(Debug)]
pub enum Replay {
    /// How its import ended: its log as it was then.
    Ended(Box<ImportLog>),
    /// That its import is accepted: its log as it was then.
    Accepted(Box<ImportLog>),
}

/// The right to carry out a request that may be sent again. Whoever has it says how that ended; else the next attempt takes
/// the request over when this one's time is up.
#[derive(Debug)]
pub struct Permit {
    key: RepeatKey,
    attempt: ImportId,
}

/// How an import was carried out that may have been before.
#[derive(Debug)]
pub enum Ran {
    /// By this request.
    Now(ImportLog),
    /// By one before it, which was answered so.
    Before(Replay),
    /// It still is, by another request.
    Running,
    /// Not at all: the key is that of another request.
    Other,
}

/// The attempt of a request that is answered by then; `import` names it, and its import if it is the first.
pub fn attempt(import: ImportId, fingerprint: [u8; 32], until: Timestamp) -> Attempt {
    Attempt { import, fingerprint, until: until.plus(CLOSING) }
}

/// Finds out whose turn it is.
///
/// # Errors
/// When a store fails: then nothing may be carried out, for it may have been already.
pub async fn begin(app: &App, key: RepeatKey, attempt: &Attempt) -> Result<Turn, StoreError> {
    let met = app.repeats.begin(&key, attempt).await?;
    let permit = Permit { key, attempt: attempt.import };
    Ok(match met {
        Repeated::First => Turn::First(permit),
        Repeated::Died(import) => Turn::Again(import, permit),
        Repeated::Running => Turn::Running,
        Repeated::Other => Turn::Other,
        Repeated::Answered(import, answer) => {
            let log = app.imports.find(import).await?;
            let log = log.ok_or_else(|| StoreError::new("answer once more", "the import log is gone"))?;
            Turn::Replay(match answer {
                FirstAnswer::Ended => Replay::Ended(Box::new(log.as_answered())),
                FirstAnswer::Accepted => Replay::Accepted(Box::new(as_accepted(log))),
            })
        }
    })
}

/// The log of an import as it was when the import was accepted.
pub fn as_accepted(log: ImportLog) -> ImportLog {
    ImportLog { state: State::Accepted, fault: None, parts: Vec::new(), later: Vec::new(), ..log }
}

impl Permit {
    /// The request has its answer, which a repeat is given too. Where that can't be written down, a repeat finds it out once
    /// this attempt's time is up.
    pub async fn answered(self, app: &App, answer: FirstAnswer) {
        if let Err(error) = app.repeats.answered(&self.key, self.attempt, answer).await {
            let attempt = self.attempt;
            tracing::warn!(import.id = %attempt, %error, "the answer of attempt {attempt} is not marked as given");
        }
    }

    /// The request came to nothing: a repeat is a first one.
    pub async fn release(self, app: &App) {
        if let Err(error) = app.repeats.release(&self.key, self.attempt).await {
            let attempt = self.attempt;
            tracing::warn!(import.id = %attempt, %error, "attempt {attempt} was not given up");
        }
    }
}

/// Carries out an import that may have been already. `request` is as if it had not; its id names the attempt.
///
/// # Errors
/// As [`import::run`]; also where nobody knows whether it has been carried out.
pub async fn run(
    app: &App,
    key: RepeatKey,
    fingerprint: [u8; 32],
    request: Request,
) -> Result<Ran, Interrupted> {
    let attempt = attempt(request.id, fingerprint, request.until);
    let unknown = |id| move |error| Interrupted { id, opened: false, error };
    let (request, permit) = match begin(app, key, &attempt).await.map_err(unknown(request.id))? {
        Turn::Running => return Ok(Ran::Running),
        Turn::Other => return Ok(Ran::Other),
        Turn::Replay(replay) => return Ok(Ran::Before(replay)),
        Turn::First(permit) => (request, permit),
        Turn::Again(id, permit) => match take_over(app, id, request).await.map_err(unknown(id))? {
            Taken::Request(request) => (*request, permit),
            Taken::Busy => return Ok(Ran::Running),
            Taken::Ended(log) => {
                settle(app, permit, Some(&log)).await;
                return Ok(Ran::Before(Replay::Ended(Box::new(log.as_answered()))));
            }
        },
    };
    let ran = import::run(app, request).await;
    match &ran {
        Ok(log) => settle(app, permit, Some(log)).await,
        // What it has done is not known: a repeat goes on with it, under its GUID, once this attempt's time is up.
        Err(interrupted) if interrupted.opened => {}
        Err(_) => permit.release(app).await,
    }
    ran.map(Ran::Now)
}

/// An answer that tells its caller to send the request again must not keep it from being carried out then.
async fn settle(app: &App, permit: Permit, log: Option<&ImportLog>) {
    match log.map(ImportLog::answer_given) {
        None | Some(Answer::StoreFailed | Answer::Interrupted | Answer::Unavailable) => {
            permit.release(app).await;
        }
        Some(
            Answer::Succeeded
            | Answer::Accepted
            | Answer::PartlyFailed
            | Answer::Failed
            | Answer::TooManyParts
            | Answer::Created
            | Answer::Linked
            | Answer::Deleted
            | Answer::NotFound,
        ) => permit.answered(app, FirstAnswer::Ended).await,
    }
}

/// What is left to do of an import that died.
enum Taken {
    /// All of it: it is claimed.
    Request(Box<Request>),
    /// Another one is at it.
    Busy,
    /// Nothing.
    Ended(Box<ImportLog>),
}

/// Makes `request` go on as the import `id`. Where that was never opened it is now, so that it counts as late from here on:
/// its id is older than those of imports that came since.
async fn take_over(app: &App, id: ImportId, request: Request) -> Result<Taken, StoreError> {
    let holder = LeaseHolder(request.id.to_string());
    let claim = Claim { holder: holder.clone(), until: request.until.plus(CLOSING) };
    let log = match app.imports.claim(id, &claim).await? {
        Claimed::Taken(log) => *log,
        Claimed::Ended(log) => return Ok(Taken::Ended(log)),
        Claimed::Busy => return Ok(Taken::Busy),
        Claimed::Unknown => {
            let log = unopened(app, id, &request);
            match app.imports.open(&log, Some(&claim)).await? {
                Opened::New => log,
                Opened::Before => return Ok(Taken::Busy),
            }
        }
    };
    let (received_at, source) = (log.received_at, log.source);
    let request = Request { id, received_at, source, begin: Begin::Claimed(holder), ..request };
    Ok(Taken::Request(Box::new(request)))
}

/// The log of an import of which nothing is known but that it began.
fn unopened(app: &App, id: ImportId, request: &Request) -> ImportLog {
    ImportLog {
        id,
        received_at: id.made_at(),
        key_name: Shown::new(&request.key_name),
        state: State::Running,
        fault: None,
        parts: Vec::new(),
        names_targets: app.targets.len() > 1,
        dry_run: request.dry_run,
        form: request.form,
        source: request.source,
        later: Vec::new(),
    }
}
