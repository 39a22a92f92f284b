//! Updates that have not arrived, in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use async_trait::async_trait;

use super::lock;
use crate::error::StoreError;
use crate::id::ImportId;
use crate::ports::{Undelivered, WaitingPage};
use crate::time::Timestamp;
use crate::undelivered::{Kept, Place, Waiting};

/// Updates that wait, in memory.
#[derive(Debug, Default)]
pub struct MemoryUndelivered(Mutex<BTreeMap<Place, Kept>>);

#[async_trait]
impl Undelivered for MemoryUndelivered {
    async fn keep(&self, updates: &[Kept]) -> Result<(), StoreError> {
        let updates = updates.iter().map(|kept| (kept.waiting.place.clone(), kept.clone()));
        lock(&self.0).extend(updates);
        Ok(())
    }

    async fn get(&self, places: &[Place]) -> Result<Vec<Kept>, StoreError> {
        let kept = lock(&self.0);
        Ok(places.iter().filter_map(|place| kept.get(place).cloned()).collect())
    }

    async fn remove(&self, places: &[Place]) -> Result<(), StoreError> {
        lock(&self.0).retain(|place, _| !places.contains(place));
        Ok(())
    }

    async fn list(&self, page: &WaitingPage) -> Result<Vec<Waiting>, StoreError> {
        let kept = lock(&self.0);
        let mut waiting: Vec<_> = kept.values().map(|kept| kept.waiting.clone()).collect();
        waiting.sort_by(|one, other| (one.next_at, &one.place).cmp(&(other.next_at, &other.place)));
        waiting.retain(|one| {
            page.after.as_ref().is_none_or(|(at, place)| (one.next_at, &one.place) > (*at, place))
                && page.due.is_none_or(|due| one.next_at <= due)
                && page.target.as_ref().is_none_or(|target| one.place.target.as_ref() == Some(target))
                && page.person.as_ref().is_none_or(|person| one.names(person))
        });
        waiting.truncate(page.limit);
        Ok(waiting)
    }

    async fn of_import(&self, import: ImportId) -> Result<Vec<Waiting>, StoreError> {
        let kept = lock(&self.0);
        let theirs = kept.values().filter(|kept| kept.waiting.place.import == import);
        Ok(theirs.map(|kept| kept.waiting.clone()).collect())
    }

    async fn due_now(&self, places: &[Place], now: Timestamp) -> Result<usize, StoreError> {
        let mut kept = lock(&self.0);
        let places: BTreeSet<&Place> = places.iter().collect();
        let mut theirs: Vec<_> = kept.iter_mut().filter(|(place, _)| places.contains(place)).collect();
        theirs.iter_mut().for_each(|(_, kept)| kept.waiting.next_at = now);
        Ok(theirs.len())
    }

    async fn count(&self) -> Result<u64, StoreError> {
        Ok(lock(&self.0).len() as u64)
    }
}
