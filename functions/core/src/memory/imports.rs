//! Import logs in memory, with the claims under which imports are carried out.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;

use super::lock;
use crate::error::StoreError;
use crate::id::ImportId;
use crate::later::Later;
use crate::log::{Answer, ImportLog, State};
use crate::person::PersonKey;
use crate::ports::{Claim, Claimed, Clock, Imports, IndexEntry, LeaseHolder, Opened, Page};
use crate::summary::{Standing, Summary};
use crate::time::Timestamp;

/// Import logs in memory, by the time of a clock.
pub struct MemoryImports {
    clock: Arc<dyn Clock>,
    logs: Mutex<BTreeMap<ImportId, Stored>>,
    index: Mutex<Vec<IndexEntry>>,
}

struct Stored {
    log: ImportLog,
    claim: Option<Claim>,
}

impl MemoryImports {
    /// No logs yet.
    pub fn new(clock: Arc<dyn Clock>) -> MemoryImports {
        MemoryImports { clock, logs: Mutex::default(), index: Mutex::default() }
    }

    /// What concerned a person, newest first.
    fn entries(&self, person: &PersonKey) -> Vec<IndexEntry> {
        let mut entries: Vec<_> =
            lock(&self.index).iter().filter(|entry| entry.person == *person).cloned().collect();
        entries.sort_by_key(|entry| std::cmp::Reverse((entry.import, entry.part)));
        entries
    }

    fn replace(&self, log: &ImportLog, holder: &LeaseHolder, later: bool) -> Result<(), StoreError> {
        let mut logs = lock(&self.logs);
        let lost = || StoreError::new("write an import log", "another one has the claim, or it has ended");
        let stored = logs.get_mut(&log.id).ok_or_else(lost)?;
        // The same close once more, after an answer that was lost.
        if stored.log.state == log.state && stored.log.parts == log.parts && log.state != State::Running {
            return Ok(());
        }
        let is_ours = stored.claim.as_ref().is_some_and(|claim| claim.holder == *holder);
        if stored.log.state != State::Running || !is_ours {
            return Err(lost());
        }
        let later = if later { std::mem::take(&mut stored.log.later) } else { Vec::new() };
        stored.log = ImportLog { later, ..log.clone() };
        Ok(())
    }
}

#[async_trait]
impl Imports for MemoryImports {
    async fn open(&self, log: &ImportLog, claim: Option<&Claim>) -> Result<Opened, StoreError> {
        let mut logs = lock(&self.logs);
        if logs.contains_key(&log.id) {
            return Ok(Opened::Before);
        }
        logs.insert(log.id, Stored { log: log.clone(), claim: claim.cloned() });
        Ok(Opened::New)
    }

    async fn claim(&self, id: ImportId, claim: &Claim) -> Result<Claimed, StoreError> {
        let now = self.clock.now();
        let mut logs = lock(&self.logs);
        let Some(stored) = logs.get_mut(&id) else { return Ok(Claimed::Unknown) };
        match stored.log.state {
            State::Ended(Answer::Interrupted) | State::Accepted | State::Running => {}
            State::Ended(_) => return Ok(Claimed::Ended(Box::new(stored.log.clone()))),
        }
        let is_over = matches!(stored.log.state, State::Ended(_));
        let is_anothers = |held: &Claim| held.holder != claim.holder && held.until > now;
        if !is_over && stored.claim.as_ref().is_some_and(is_anothers) {
            return Ok(Claimed::Busy);
        }
        let before = stored.log.clone();
        stored.claim = Some(claim.clone());
        stored.log.state = State::Running;
        Ok(Claimed::Taken(Box::new(before)))
    }

    async fn begin(&self, log: &ImportLog, holder: &LeaseHolder) -> Result<(), StoreError> {
        self.replace(log, holder, false)
    }

    async fn index(&self, entries: &[IndexEntry]) -> Result<(), StoreError> {
        let mut index = lock(&self.index);
        for entry in entries {
            let place = |entry: &IndexEntry| (entry.person.clone(), entry.import, entry.part);
            index.retain(|known| place(known) != place(entry));
            index.push(entry.clone());
        }
        Ok(())
    }

    async fn close(&self, log: &ImportLog, holder: &LeaseHolder) -> Result<(), StoreError> {
        self.replace(log, holder, true)
    }

    async fn append(&self, id: ImportId, later: &[Later]) -> Result<(), StoreError> {
        if let Some(stored) = lock(&self.logs).get_mut(&id) {
            stored.log.later.extend_from_slice(later);
        }
        Ok(())
    }

    async fn unfinished(&self, before: Timestamp, limit: usize) -> Result<Vec<ImportId>, StoreError> {
        let logs = lock(&self.logs);
        let unfinished = logs
            .iter()
            .filter(|(id, stored)| !matches!(stored.log.state, State::Ended(_)) && id.made_at() < before);
        Ok(unfinished.map(|(id, _)| *id).take(limit).collect())
    }

    async fn find(&self, id: ImportId) -> Result<Option<ImportLog>, StoreError> {
        Ok(lock(&self.logs).get(&id).map(|stored| stored.log.clone()))
    }

    async fn list(&self, page: &Page) -> Result<Vec<Summary>, StoreError> {
        let logs = lock(&self.logs);
        let before = page.before.map_or(Bound::Unbounded, Bound::Excluded);
        let newest_first = logs
            .range((Bound::Unbounded, before))
            .rev()
            .take_while(|(id, _)| page.from.is_none_or(|from| id.made_at() >= from))
            .map(|(_, stored)| stored.log.summary());
        let wanted = |summary: &Summary| !page.errors_only || summary.now() != Standing::Successful;
        Ok(newest_first.filter(wanted).take(page.limit).collect())
    }

    async fn sample(
        &self,
        from: Timestamp,
        to: Timestamp,
        limit: usize,
    ) -> Result<Vec<ImportLog>, StoreError> {
        let logs = lock(&self.logs);
        let newest_first =
            logs.range(first_id(from)..first_id(to)).rev().map(|(_, stored)| stored.log.clone());
        Ok(newest_first.take(limit).collect())
    }

    async fn summaries(&self, ids: &[ImportId]) -> Result<Vec<Summary>, StoreError> {
        let logs = lock(&self.logs);
        let mut summaries: Vec<_> =
            ids.iter().filter_map(|id| logs.get(id)).map(|stored| stored.log.summary()).collect();
        summaries.sort_by_key(|summary| std::cmp::Reverse(summary.id));
        Ok(summaries)
    }

    async fn of_person(
        &self,
        person: &PersonKey,
        before: Option<(ImportId, usize)>,
        limit: usize,
    ) -> Result<Vec<IndexEntry>, StoreError> {
        let mut entries = self.entries(person);
        entries.retain(|entry| before.is_none_or(|before| (entry.import, entry.part) < before));
        entries.truncate(limit);
        Ok(entries)
    }

    async fn newer(
        &self,
        person: &PersonKey,
        than: (ImportId, usize),
    ) -> Result<Vec<IndexEntry>, StoreError> {
        let mut entries = self.entries(person);
        entries.retain(|entry| (entry.import, entry.part) > than);
        Ok(entries)
    }
}

/// No id that is made at this moment is smaller.
fn first_id(at: Timestamp) -> ImportId {
    ImportId::new(at, [0; 10])
}
