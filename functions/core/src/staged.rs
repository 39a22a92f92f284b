//! Imports whose body is stored before it is read: it is large, or its caller does not wait. Their log is opened first, so
//! that a body that never comes leaves a trace, too.
//!
//! What was announced of a body is not kept: S3 takes no body that has another content type, length or checksum than was
//! signed, and gives its content type and length back with it.

use std::time::Duration;

use crate::batch::RequestFault;
use crate::error::StoreError;
use crate::id::ImportId;
use crate::import::{self, CLOSING};
use crate::log::{Answer, Form, ImportLog, State};
use crate::ports::{App, Claim, Claimed, LeaseHolder};
use crate::shown::Shown;
use crate::summary::Source;
use crate::time::Timestamp;

/// For how long a body that was announced may be sent.
pub const UPLOAD_LIFE: Duration = Duration::from_secs(15 * 60);
/// A body that has not arrived this long after its import was accepted is not waited for any more: one that was begun in
/// the last moment of [`UPLOAD_LIFE`] has as long again.
pub const MISSING_AFTER: Duration = Duration::from_secs(30 * 60);

/// An import that could not be carried out rests for one part of so many of its age, but no longer than this.
const REST_OF_AGE: u32 = 4;
const LONGEST_REST: Duration = Duration::from_secs(60 * 60);

/// An import that is accepted, and whose body is still to come.
#[derive(Debug, Clone)]
pub struct Accepted {
    /// The GUID that names it.
    pub id: ImportId,
    /// When its request was received.
    pub received_at: Timestamp,
    /// The name of the key that sent it.
    pub key_name: String,
    /// What its parts are.
    pub form: Form,
    /// Whether nothing is to be delivered or stored.
    pub dry_run: bool,
}

/// Opens the log of an import whose body is still to come.
///
/// # Errors
/// When the log could not be opened; the import does not exist then.
pub async fn accept(app: &App, accepted: Accepted) -> Result<ImportLog, StoreError> {
    let log = ImportLog {
        id: accepted.id,
        received_at: accepted.received_at,
        key_name: Shown::new(&accepted.key_name),
        state: State::Accepted,
        fault: None,
        parts: Vec::new(),
        names_targets: app.targets.len() > 1,
        dry_run: accepted.dry_run,
        form: accepted.form,
        source: Source::Staged,
        later: Vec::new(),
    };
    match import::open(app, &log, None).await {
        Ok(()) => Ok(log),
        Err(interrupted) => Err(interrupted.error),
    }
}

/// The claim of whoever carries out a staged import, and delivers until then.
pub fn claim(holder: &LeaseHolder, until: Timestamp) -> Claim {
    Claim { holder: holder.clone(), until: until.plus(CLOSING) }
}

/// Gives an import back that is not done: whoever is next may take it up at once. Where that fails, the claim ends by itself.
pub async fn give_back(app: &App, import: ImportId, holder: &LeaseHolder) {
    end_claim(app, import, holder, app.clock.now()).await;
}

/// Gives an import back that could not be carried out. It rests for longer and longer, since it may fail again and again, and
/// each time everything is delivered once more.
pub async fn let_rest(app: &App, import: ImportId, holder: &LeaseHolder) {
    let now = app.clock.now();
    let rest = (now.since(import.made_at()) / REST_OF_AGE).min(LONGEST_REST);
    end_claim(app, import, holder, now.plus(rest)).await;
}

async fn end_claim(app: &App, import: ImportId, holder: &LeaseHolder, until: Timestamp) {
    let over = Claim { holder: holder.clone(), until };
    if let Err(error) = app.imports.claim(import, &over).await {
        tracing::warn!(import.id = %import, %error, "the claim of an import was not given back");
    }
}

/// Closes an import whose body could not be stored. False where that is not known: the body is there all the same, and
/// somebody has taken it up.
///
/// # Errors
/// When a store fails; the import is closed as one whose body never came, then.
pub async fn close_unstored(app: &App, import: ImportId, holder: &LeaseHolder) -> Result<bool, StoreError> {
    let Claimed::Taken(log) = app.imports.claim(import, &claim(holder, app.clock.now())).await? else {
        return Ok(false);
    };
    let log = ImportLog { state: State::Ended(Answer::StoreFailed), ..*log };
    app.imports.close(&log, holder).await?;
    import::report(app, &log);
    Ok(true)
}

/// Closes an import that has been waiting for its body for half an hour, or whose body is gone before it could be read
/// again. Says whether it did; nothing happens where there is a body, or where somebody is at work on it.
///
/// # Errors
/// When a store fails.
pub async fn close_missing(app: &App, import: ImportId, holder: &LeaseHolder) -> Result<bool, StoreError> {
    let now = app.clock.now();
    let Some(log) = app.imports.find(import).await? else { return Ok(false) };
    let is_waiting = log.source == Source::Staged && !matches!(log.state, State::Ended(_));
    if !is_waiting || now.since(log.received_at) < MISSING_AFTER || app.bodies.read(import).await?.is_some() {
        return Ok(false);
    }
    let Claimed::Taken(log) = app.imports.claim(import, &claim(holder, now)).await? else { return Ok(false) };
    let log = without_a_body(*log);
    app.imports.close(&log, holder).await?;
    import::report(app, &log);
    Ok(true)
}

fn without_a_body(log: ImportLog) -> ImportLog {
    if log.parts.is_empty() {
        let fault = Some(RequestFault::BodyNotReceived);
        return ImportLog { fault, state: State::Ended(Answer::Failed), ..log };
    }
    // Somebody read the body and died.
    ImportLog { state: State::Ended(Answer::Interrupted), ..log.interrupted() }
}
