//! Filing the documents of an import: different slots at once, the same slot in part order. And sweeping what that left
//! behind where it was interrupted.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::{Either, select};
use futures_util::{FutureExt, StreamExt, stream};

use crate::document::{Document, DocumentKey, SWEPT_AFTER, Slot, Upload};
use crate::error::StoreError;
use crate::id::ImportId;
use crate::log::PartOutcome;
use crate::person::Person;
use crate::ports::{App, Stored};
use crate::time::Timestamp;

/// How many documents of one import are stored at once.
const AT_ONCE: usize = 8;

/// A file of a known person.
#[derive(Debug, Clone, Copy)]
pub struct File<'a> {
    /// The part's number.
    pub part: usize,
    /// Whose it is.
    pub person: &'a Person,
    /// The field's name.
    pub field: &'a Arc<str>,
    /// Whether the field keeps a file for each name.
    pub is_list: bool,
    /// The file's name.
    pub name: &'a str,
    /// The bytes.
    pub upload: &'a Upload,
}

/// What the files of one import have in common.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    /// The import.
    pub import: ImportId,
    /// When it was received.
    pub stored_at: Timestamp,
    /// When what is not stored yet is left.
    pub until: Timestamp,
    /// Whether nothing is stored: the outcomes are what would happen.
    pub dry_run: bool,
}

/// Stores each file. Gives back the outcome of each part; `Err` where the store failed, which is logged here.
pub async fn file(app: &App, run: Run, files: &[File<'_>]) -> Vec<(usize, Result<PartOutcome, StoreError>)> {
    let mut slots: BTreeMap<Slot, Vec<&File<'_>>> = BTreeMap::new();
    for file in files {
        slots.entry(slot(file)).or_default().push(file);
    }
    let mut stored = Vec::with_capacity(slots.len());
    for (slot, files) in slots {
        stored.push(file_in(app, run, slot, files).boxed());
    }
    stream::iter(stored).buffer_unordered(AT_ONCE).concat().await
}

/// Stores the files of one slot, one after the other.
async fn file_in(
    app: &App,
    run: Run,
    slot: Slot,
    files: Vec<&File<'_>>,
) -> Vec<(usize, Result<PartOutcome, StoreError>)> {
    let mut outcomes = Vec::with_capacity(files.len());
    for (number, file) in files.into_iter().enumerate() {
        let document = Document {
            key: DocumentKey::new(&slot, run.import, file.part),
            slot: slot.clone(),
            file_name: file.name.to_owned(),
            content: file.upload.content.clone(),
            sha256: file.upload.sha256,
            import: run.import,
            stored_at: run.stored_at,
        };
        // What is given up in the middle leaves an object that nobody sees, or the whole document: sending it again
        // mends both.
        let stored = match run.dry_run {
            false => store(app, &document).boxed(),
            true => would_store(app, &document, number > 0).boxed(),
        };
        let outcome = match select(stored, app.clock.sleep_until(run.until)).await {
            Either::Left((outcome, _)) => outcome,
            Either::Right(_) => Ok(PartOutcome::not_now("it could not be stored in time")),
        };
        outcomes.push((file.part, outcome));
    }
    outcomes
}

fn slot(file: &File<'_>) -> Slot {
    let name = file.is_list.then(|| file.name.to_owned());
    Slot { person: file.person.key(), field: file.field.to_string(), name }
}

async fn store(app: &App, document: &Document) -> Result<PartOutcome, StoreError> {
    match app.documents.store(document).await {
        Ok(Stored::Uploaded) => Ok(PartOutcome::Uploaded),
        Ok(Stored::Replaced) => Ok(PartOutcome::Replaced),
        Ok(Stored::Superseded) => Ok(PartOutcome::Superseded),
        Err(error) => {
            tracing::error!(import.id = %document.import, error = %error, "a document was not stored");
            Err(error)
        }
    }
}

/// What storing a document would come to; `replaces` where an earlier one would be in its slot.
async fn would_store(app: &App, document: &Document, replaces: bool) -> Result<PartOutcome, StoreError> {
    let is_taken = app.documents.is_taken(&document.slot).await.inspect_err(|error| {
        tracing::error!(import.id = %document.import, %error, "nobody can tell whether a document is there");
    })?;
    Ok(if replaces || is_taken { PartOutcome::WouldReplace } else { PartOutcome::WouldUpload })
}

/// Deletes the bytes that no slot leads to, once they are [`SWEPT_AFTER`] old, and says of how many files. `most` is how many
/// they may be, where somebody has looked at them.
///
/// # Errors
/// When a store fails, when there is no time left, and where too many are in no slot (see [`crate::ports::Documents::sweep`]).
pub async fn sweep(app: &App, most: Option<usize>, until: Timestamp) -> Result<usize, StoreError> {
    let age = i64::try_from(SWEPT_AFTER.as_millis()).unwrap_or(i64::MAX);
    let stored_before = Timestamp::from_millis(app.clock.now().millis().saturating_sub(age));
    match select(app.documents.sweep(stored_before, most), app.clock.sleep_until(until)).await {
        Either::Left((swept, _)) => swept,
        Either::Right(_) => Err(StoreError::new("sweep the documents", "there was not time enough")),
    }
}
