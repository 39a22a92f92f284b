//! Taking files out of the inbox. Each batch of a file is an import with an id that follows from the file, and the file has
//! a log of its own that leads to them; so whoever goes on after a crash finds what was done before.

use std::collections::HashSet;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::{Batches, FileError};
use crate::batch::{Incoming, RequestFault};
use crate::error::StoreError;
use crate::id::ImportId;
use crate::import::{self, Begin, Request};
use crate::log::{Answer, Form, ImportLog, ImportedPiece, PartLog, PartOutcome, State, Subject};
use crate::ports::{App, Claimed, InboxFile, LeaseHolder, Opened};
use crate::shown::Shown;
use crate::staged;
use crate::summary::Source;
use crate::time::Timestamp;

/// How long one batch is delivered: what takes longer is delivered again later.
const BATCH: Duration = Duration::from_secs(60);
/// With less time left than this, no batch is begun: most of it would only be deferred.
const TOO_LITTLE: Duration = Duration::from_secs(10);
/// How many files are looked at together.
const TOGETHER: usize = 100;
/// The most lines of a file's log: the batches of a longer file share them.
pub const MAX_PIECES: u64 = 2_000;

/// What a run came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Report {
    /// The files of which something was imported.
    pub done: usize,
    /// The files of which nothing was.
    pub failed: usize,
    /// The files that are left for another run: somebody is at work on them, or time is up. Of more than are looked at
    /// together, those that come after them are not counted.
    pub left: usize,
}

/// Takes files, the oldest first, until then. Two runs at once do no harm: a file is taken by the one that has the claim
/// of its log.
///
/// # Errors
/// When a store failed. The other files are taken all the same, and whatever is left the next run takes up.
pub async fn run(app: &App, holder: &LeaseHolder, until: Timestamp) -> Result<Report, StoreError> {
    let (mut report, mut seen, mut failure) = (Report::default(), HashSet::new(), None);
    loop {
        let files = app.inbox.list(seen.len() + TOGETHER).await?;
        let new: Vec<_> =
            files.into_iter().filter(|file| seen.insert((file.name.clone(), file.version.clone()))).collect();
        // Where there is no time any more, those that are not listed are left too.
        if new.is_empty() || is_over(app, until) {
            report.left += new.len();
            return failure.map_or(Ok(report), Err);
        }
        for file in &new {
            if is_over(app, until) {
                report.left += 1;
                continue;
            }
            let taking = Taking { app, holder, until, file, id: id(file, 0) };
            match taking.take().await {
                Ok(Taken::Ended(Answer::Failed)) => report.failed += 1,
                Ok(Taken::Ended(_)) => report.done += 1,
                Ok(Taken::Left) => report.left += 1,
                Err(error) => {
                    tracing::error!(import.id = %taking.id, %error, "a file of the inbox is left for the next run");
                    report.left += 1;
                    failure.get_or_insert(error);
                }
            }
        }
    }
}

fn is_over(app: &App, until: Timestamp) -> bool {
    until.since(app.clock.now()) < TOO_LITTLE
}

/// The id of the log of a file, and of the imports of its batches, which count from 1. They are as old as the file, so that
/// what was sent after it was dropped is newer; and a later batch is newer than an earlier one.
fn id(file: &InboxFile, batch: u64) -> ImportId {
    let hash = Sha256::digest(format!("{}\0{}", file.name, file.version));
    let mut random = [0; 10];
    random[..6].copy_from_slice(&hash[..6]);
    random[6..].copy_from_slice(&u32::try_from(batch).unwrap_or(u32::MAX).to_be_bytes());
    ImportId::new(file.dropped_at, random)
}

/// One file that is taken.
struct Taking<'a> {
    app: &'a App,
    holder: &'a LeaseHolder,
    until: Timestamp,
    file: &'a InboxFile,
    id: ImportId,
}

/// What became of it.
enum Taken {
    /// It was imported to its end, and moved.
    Ended(Answer),
    /// It waits for another run.
    Left,
}

impl Taking<'_> {
    async fn take(&self) -> Result<Taken, StoreError> {
        let log = match self.claim(self.id, Form::Array).await? {
            Claimed::Taken(log) => *log,
            Claimed::Busy | Claimed::Unknown => return Ok(Taken::Left),
            // Whoever imported it died before it was moved.
            Claimed::Ended(log) => return self.settle(&log).await,
        };
        let taken = self.carry_out(log).await;
        if !matches!(taken, Ok(Taken::Ended(_))) {
            staged::give_back(self.app, self.id, self.holder).await;
        }
        taken
    }

    /// Opens the log of this id, or takes it over.
    async fn claim(&self, id: ImportId, form: Form) -> Result<Claimed, StoreError> {
        let claim = staged::claim(self.holder, self.until);
        let log = ImportLog {
            id,
            received_at: self.file.dropped_at,
            key_name: Shown::new(&self.file.name),
            state: State::Running,
            fault: None,
            parts: Vec::new(),
            names_targets: self.app.targets.len() > 1,
            dry_run: false,
            form,
            source: Source::Inbox,
            later: Vec::new(),
        };
        match self.app.imports.open(&log, Some(&claim)).await? {
            Opened::New => Ok(Claimed::Taken(Box::new(log))),
            Opened::Before => self.app.imports.claim(id, &claim).await,
        }
    }

    async fn carry_out(&self, mut log: ImportLog) -> Result<Taken, StoreError> {
        let app = self.app;
        let Some(content) = app.inbox.fetch(self.file, &*app.spool).await? else {
            log.fault = Some(RequestFault::invalid("the file was taken away while it waited"));
            return self.end(log).await;
        };
        let mut batches = match Batches::open(&self.file.name, &content, &app.spool, &app.profile) {
            Ok(batches) => batches,
            Err(FileError::Fault(fault)) => {
                log.fault = Some(RequestFault::invalid(fault));
                return self.end(log).await;
            }
            Err(FileError::Store(error)) => return Err(error),
        };
        if self.each(&mut batches, &mut log).await? {
            return self.end(log).await;
        }
        // So that the next run need not ask for each batch.
        app.imports.begin(&log, self.holder).await?;
        Ok(Taken::Left)
    }

    /// Imports each batch that the log does not have yet. False where the rest is left for another run.
    async fn each(&self, batches: &mut Batches, log: &mut ImportLog) -> Result<bool, StoreError> {
        let together = batches.batches().div_ceil(MAX_PIECES).max(1);
        let mut number = log.parts.len() as u64 * together;
        read(batches.pass_over(number))?;
        let mut piece: Option<ImportedPiece> = None;
        while let Some(parts) = read(batches.next_batch())? {
            if is_over(self.app, self.until) {
                return Ok(false);
            }
            number += 1;
            let Some(batch) = self.batch(number, batches.form(), parts).await? else { return Ok(false) };
            let whole = piece.take().map_or(batch, |before| joined(before, batch));
            if number.is_multiple_of(together) {
                log.parts.push(entry(whole));
            } else {
                piece = Some(whole);
            }
        }
        log.parts.extend(piece.map(entry));
        Ok(true)
    }

    /// Imports one batch, unless that was done before. `None` where somebody else may still be at work on it.
    async fn batch(
        &self,
        number: u64,
        form: Form,
        parts: Vec<Incoming>,
    ) -> Result<Option<ImportedPiece>, StoreError> {
        let id = id(self.file, number);
        match self.claim(id, form).await? {
            Claimed::Taken(_) => {}
            Claimed::Busy | Claimed::Unknown => return Ok(None),
            Claimed::Ended(log) => return Ok(Some(piece(&log))),
        }
        let request = Request {
            id,
            received_at: self.file.dropped_at,
            key_name: self.file.name.clone(),
            form,
            parts: Ok(parts),
            source: Source::Inbox,
            dry_run: false,
            begin: Begin::Claimed(self.holder.clone()),
            until: self.until.min(self.app.clock.now().plus(BATCH)),
        };
        match import::run(self.app, request).await {
            Ok(log) => Ok(Some(piece(&log))),
            Err(interrupted) => {
                staged::let_rest(self.app, id, self.holder).await;
                Err(interrupted.error)
            }
        }
    }

    async fn end(&self, mut log: ImportLog) -> Result<Taken, StoreError> {
        log.state = State::Ended(answer(&log));
        self.app.imports.close(&log, self.holder).await?;
        import::report(self.app, &log);
        self.settle(&log).await
    }

    /// Moves the file to those that are done, or to those that failed where nothing of it was imported.
    async fn settle(&self, log: &ImportLog) -> Result<Taken, StoreError> {
        let answer = log.answer_given();
        self.app.inbox.settle(self.file, self.id, answer != Answer::Failed).await?;
        Ok(Taken::Ended(answer))
    }
}

/// What became of a file, by its parts: those of its log are whole batches.
fn answer(log: &ImportLog) -> Answer {
    let pieces = log.parts.iter().filter_map(|part| match &part.outcome {
        PartOutcome::Imported(piece) => Some(piece),
        _ => None,
    });
    let (parts, failed) = pieces.fold((0, 0), |(parts, failed), piece| {
        (parts + u64::from(piece.parts), failed + u64::from(piece.failed))
    });
    match failed {
        _ if log.fault.is_some() || failed == parts => Answer::Failed,
        0 => Answer::Succeeded,
        _ => Answer::PartlyFailed,
    }
}

/// A file that was found to be good has no faults later, unless somebody writes to it.
fn read<T>(read: Result<T, FileError>) -> Result<T, StoreError> {
    read.map_err(|error| match error {
        FileError::Store(error) => error,
        FileError::Fault(fault) => StoreError::new("read a file of the inbox", fault),
    })
}

fn piece(log: &ImportLog) -> ImportedPiece {
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    ImportedPiece {
        first: log.id,
        last: log.id,
        parts: count(log.parts.len()),
        failed: count(log.parts.len() - log.succeeded() - log.pending()),
        pending: count(log.pending()),
    }
}

fn joined(before: ImportedPiece, next: ImportedPiece) -> ImportedPiece {
    ImportedPiece {
        first: before.first,
        last: next.last,
        parts: before.parts.saturating_add(next.parts),
        failed: before.failed.saturating_add(next.failed),
        pending: before.pending.saturating_add(next.pending),
    }
}

fn entry(piece: ImportedPiece) -> PartLog {
    PartLog { subject: Subject::Unknown, outcome: PartOutcome::Imported(Box::new(piece)) }
}
