//! The port of the import logs and the person index.

use std::sync::Arc;

use async_trait::async_trait;

use super::LeaseHolder;
use crate::error::StoreError;
use crate::id::ImportId;
use crate::later::Later;
use crate::log::ImportLog;
use crate::person::PersonKey;
use crate::summary::Summary;
use crate::time::Timestamp;

/// The import logs and the person index.
#[async_trait]
pub trait Imports: Send + Sync {
    /// Records an import before anything is delivered, on the condition that its id is new. [`Opened::Before`] changes
    /// nothing. One that is running already is held by `claim`.
    async fn open(&self, log: &ImportLog, claim: Option<&Claim>) -> Result<Opened, StoreError>;

    /// Takes over an import that has not ended, or died, unless another holder's claim is not over yet. It is running then.
    async fn claim(&self, id: ImportId, claim: &Claim) -> Result<Claimed, StoreError>;

    /// Records what a claimed import is about to do, in place of all that was recorded before, also of what happened later.
    /// It fails where the claim has been lost.
    async fn begin(&self, log: &ImportLog, holder: &LeaseHolder) -> Result<(), StoreError>;

    /// Enters what an opened import is about to do into the person index.
    async fn index(&self, entries: &[IndexEntry]) -> Result<(), StoreError>;

    /// Records how a claimed import ended; what has happened later meanwhile stays. It fails where the claim has been lost.
    async fn close(&self, log: &ImportLog, holder: &LeaseHolder) -> Result<(), StoreError>;

    /// Adds what happened to the parts of an import since; nothing happens where its log is gone.
    async fn append(&self, id: ImportId, later: &[Later]) -> Result<(), StoreError>;

    /// The imports that have not ended and were made before this moment, the oldest first.
    async fn unfinished(&self, before: Timestamp, limit: usize) -> Result<Vec<ImportId>, StoreError>;

    /// The log of this import, unless it is unknown or expired.
    async fn find(&self, id: ImportId) -> Result<Option<ImportLog>, StoreError>;

    /// One page of the logs, newest first (larger import id), the running ones included. An import that ends meanwhile may
    /// be shown as it was; with `errors_only` it may be missing for a moment. What is expired is left out.
    async fn list(&self, page: &Page) -> Result<Vec<Summary>, StoreError>;

    /// Some of the logs of the imports made from one moment on and before another, in any order: all of them where they are
    /// no more than `limit`, rather the newest of them otherwise. What is expired or cannot be read is left out.
    async fn sample(
        &self,
        from: Timestamp,
        to: Timestamp,
        limit: usize,
    ) -> Result<Vec<ImportLog>, StoreError>;

    /// The summaries of these imports, newest first. Those that are unknown or expired are left out. No id is there twice.
    async fn summaries(&self, ids: &[ImportId]) -> Result<Vec<Summary>, StoreError>;

    /// At most `limit` of the parts that concerned this person before that one, newest first (larger import id, then larger
    /// part); the newest ones where there is none.
    async fn of_person(
        &self,
        person: &PersonKey,
        before: Option<(ImportId, usize)>,
        limit: usize,
    ) -> Result<Vec<IndexEntry>, StoreError>;

    /// What newer parts (larger import id, then larger part) did to this person, newest first.
    async fn newer(&self, person: &PersonKey, than: (ImportId, usize))
    -> Result<Vec<IndexEntry>, StoreError>;
}

/// The right to carry out an import, until it is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Who has it.
    pub holder: LeaseHolder,
    /// When it is over: whoever has it has ended by then, or died.
    pub until: Timestamp,
}

/// Whether an import could be taken over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claimed {
    /// It was; this is its log as it was left.
    Taken(Box<ImportLog>),
    /// Another holder is at work.
    Busy,
    /// It has ended.
    Ended(Box<ImportLog>),
    /// There is no such import, or its log is expired.
    Unknown,
}

/// Whether an import id was new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opened {
    /// It was; the import is open now.
    New,
    /// There is an import of this id already.
    Before,
}

/// Which logs are wanted. The order is total, so that a page goes on where the one before ended, whatever came in
/// meanwhile.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Page {
    /// The last import of the page before; the newest ones where there is none.
    pub before: Option<ImportId>,
    /// Only imports whose ids were made at this moment or later.
    pub from: Option<Timestamp>,
    /// The most logs that are given back.
    pub limit: usize,
    /// Whether those of successful imports are left out.
    pub errors_only: bool,
}

/// One part that concerned a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexEntry {
    /// The person.
    pub person: PersonKey,
    /// The import.
    pub import: ImportId,
    /// The part's number.
    pub part: usize,
    /// The fields that it named; none where it can have set nothing, and is entered only so that it is found.
    pub fields: Vec<Arc<str>>,
}
