//! The inbox in memory.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use bytes::Bytes;

use super::lock;
use crate::body::InboxKey;
use crate::document::{Content, MAX_IN_MEMORY, Spool};
use crate::error::StoreError;
use crate::id::ImportId;
use crate::ports::{Inbox, InboxFile};
use crate::time::Timestamp;

/// An inbox in memory.
#[derive(Debug, Default)]
pub struct MemoryInbox(Mutex<Files>);

#[derive(Debug, Default)]
struct Files {
    waiting: BTreeMap<String, (InboxFile, Bytes)>,
    settled: BTreeMap<String, Bytes>,
    dropped: u64,
}

impl MemoryInbox {
    /// Drops a file, in place of one of the same name.
    pub fn put(&self, name: &str, bytes: impl Into<Bytes>, at: Timestamp) {
        let mut files = lock(&self.0);
        files.dropped += 1;
        let bytes = bytes.into();
        let file = InboxFile {
            name: name.to_owned(),
            version: files.dropped.to_string(),
            bytes: bytes.len() as u64,
            dropped_at: at,
        };
        files.waiting.insert(name.to_owned(), (file, bytes));
    }

    /// The keys under which files are that were taken out of the inbox, in order.
    pub fn settled(&self) -> Vec<String> {
        lock(&self.0).settled.keys().cloned().collect()
    }
}

#[async_trait]
impl Inbox for MemoryInbox {
    async fn list(&self, limit: usize) -> Result<Vec<InboxFile>, StoreError> {
        let mut waiting: Vec<_> = lock(&self.0).waiting.values().map(|(file, _)| file.clone()).collect();
        waiting.sort_by_key(|file| file.dropped_at);
        waiting.truncate(limit);
        Ok(waiting)
    }

    async fn fetch(&self, file: &InboxFile, spool: &dyn Spool) -> Result<Option<Content>, StoreError> {
        let found = lock(&self.0).waiting.get(&file.name).cloned();
        match found.filter(|(waiting, _)| waiting.version == file.version) {
            Some((_, bytes)) if bytes.len() > MAX_IN_MEMORY => spool.begin(&bytes)?.finish().map(Some),
            found => Ok(found.map(|(_, bytes)| Content::Memory(bytes))),
        }
    }

    async fn settle(&self, file: &InboxFile, import: ImportId, done: bool) -> Result<(), StoreError> {
        let mut files = lock(&self.0);
        if files.waiting.get(&file.name).is_some_and(|(waiting, _)| waiting.version == file.version)
            && let Some((_, bytes)) = files.waiting.remove(&file.name)
        {
            files.settled.insert(InboxKey::settled(&file.name, import, done).as_str().to_owned(), bytes);
        }
        Ok(())
    }
}
