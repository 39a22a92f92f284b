//! The port of the inbox: files of any length that HR exports drop, and that wait until somebody takes them.

use async_trait::async_trait;

use crate::document::{Content, Spool};
use crate::error::StoreError;
use crate::id::ImportId;
use crate::time::Timestamp;

/// The files that HR exports dropped.
#[async_trait]
pub trait Inbox: Send + Sync {
    /// The files that wait, the oldest first, at most `limit`; those of one moment in the order of their names. What is in a
    /// folder below is left out.
    async fn list(&self, limit: usize) -> Result<Vec<InboxFile>, StoreError>;

    /// The bytes of a file, spooled where they are too large for memory; `None` where it is gone, or is another version by
    /// now.
    async fn fetch(&self, file: &InboxFile, spool: &dyn Spool) -> Result<Option<Content>, StoreError>;

    /// Takes a file out of the inbox, to those that are done or to those that failed, under a name that begins with the
    /// import's id. Nothing happens where it is gone or is another version by now: that one waits for its own turn. Where it
    /// fails, it can be done again.
    async fn settle(&self, file: &InboxFile, import: ImportId, done: bool) -> Result<(), StoreError>;
}

/// A file that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxFile {
    /// Its name.
    pub name: String,
    /// Its version: another text for other bytes.
    pub version: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// When it was dropped.
    pub dropped_at: Timestamp,
}
