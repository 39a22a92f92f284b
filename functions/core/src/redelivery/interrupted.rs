//! Imports that died: those that somebody waited for are ended, with what they still owe as unknown.

use crate::error::StoreError;
use crate::id::ImportId;
use crate::import;
use crate::log::{Answer, PartOutcome, State};
use crate::ports::{App, Claim, Claimed, LeaseHolder};
use crate::summary::Source;
use crate::time::Timestamp;

/// How many imports that have not ended are looked at in one run.
const UNFINISHED: usize = 500;
/// How old an import is at least that is looked at, in milliseconds: younger ones are under way.
const LOOKED_AT_AFTER_MS: i64 = 60 * 1000;

/// Ends synchronous imports that have died, with what they still owed as unknown. Gives back the others that have not
/// ended and whose claim may be over: whoever has their bodies takes them up.
///
/// # Errors
/// When a store fails.
pub async fn end_interrupted(app: &App, holder: &LeaseHolder) -> Result<Vec<ImportId>, StoreError> {
    let now = app.clock.now();
    let before = Timestamp::from_millis(now.millis().saturating_sub(LOOKED_AT_AFTER_MS));
    let mut others = Vec::new();
    for id in app.imports.unfinished(before, UNFINISHED).await? {
        match end_one(app, holder, id).await {
            Ok(true) => others.push(id),
            Ok(false) => {}
            // One that cannot be ended does not keep the others from it; it is found again.
            Err(error) => tracing::error!(import.id = %id, %error, "import {id} could not be ended"),
        }
    }
    Ok(others)
}

/// Ends one import if nobody else can. True where whoever has its body takes it up.
async fn end_one(app: &App, holder: &LeaseHolder, id: ImportId) -> Result<bool, StoreError> {
    let Some(log) = app.imports.find(id).await? else { return Ok(false) };
    match log.source {
        Source::Staged => return Ok(true),
        // The file that it is from is not done, so the next run over the inbox takes it up.
        Source::Inbox => return Ok(false),
        Source::Direct | Source::Document => {}
    }
    let claim = Claim { holder: holder.clone(), until: app.clock.now().plus(import::CLOSING) };
    let Claimed::Taken(log) = app.imports.claim(id, &claim).await? else { return Ok(false) };
    let kept = app.undelivered.of_import(id).await?;
    let mut log = log.interrupted();
    for (number, part) in log.parts.iter_mut().enumerate() {
        // It was not kept any more: nobody will ever deliver it.
        let is_kept = kept.iter().any(|waiting| waiting.place.part == number);
        if matches!(part.outcome, PartOutcome::Deferred(_)) && !is_kept {
            part.outcome = PartOutcome::Interrupted;
        }
    }
    log.state = State::Ended(Answer::Interrupted);
    app.imports.close(&log, holder).await?;
    tracing::warn!(import.id = %id, "import {id} died, and not all of its outcomes are known");
    Ok(false)
}
