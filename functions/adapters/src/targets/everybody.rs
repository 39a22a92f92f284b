//! The list of everybody as look-ups use it where a target cannot be asked for one person: read at most once a minute, and by
//! one of those who need it, so that many unknown people do not cost many lists.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use people_core::person::Identifier;
use people_core::ports::{Found, Sighting};
use people_core::time::Timestamp;

use super::engine::{Engine, Run};

/// How long a list answers look-ups, in milliseconds. For those whom it does not have, it is not read more often.
const FRESH_MS: u128 = 60_000;

/// The last list of one target.
pub(super) struct Everybody {
    engine: Arc<Engine>,
    /// Which identifiers are looked up in it.
    by: fn(&Identifier) -> bool,
    /// Held for a moment only, so that nobody whom it can answer waits for a list that is being read.
    snapshot: Mutex<Option<Arc<Snapshot>>>,
    /// Held by the look-ups that read a list: those that come meanwhile wait for it instead of reading their own.
    gate: tokio::sync::Mutex<()>,
}

/// Everybody's identifiers, as they were once.
struct Snapshot {
    read_at: Timestamp,
    /// Whether it was read because somebody was missing; a list that the schedule read does not count against the
    /// minute, or somebody new would be unknown for a minute after each run.
    for_a_miss: bool,
    /// `None` where several people have that identifier.
    people: HashMap<Identifier, Option<Sighting>>,
}

/// Why there is no list.
pub(super) enum NoList {
    /// The target has none.
    Disabled,
    /// The target could not be asked: why.
    Unavailable(String),
}

impl Everybody {
    /// No list yet.
    pub(super) fn new(engine: Arc<Engine>, by: fn(&Identifier) -> bool) -> Everybody {
        Everybody { engine, by, snapshot: Mutex::default(), gate: tokio::sync::Mutex::default() }
    }

    /// Answers look-ups, in order, from a list that is at most a minute old. It is read anew, by `read`, where it is older,
    /// and where it was not read for somebody who was missing and does not have all of these. Where that fails, those whom
    /// it has are found all the same.
    pub(super) async fn find(
        &self,
        run: &Run<'_>,
        identifiers: &[Identifier],
        read: impl Future<Output = Result<Vec<Sighting>, NoList>>,
    ) -> Vec<Found> {
        if identifiers.is_empty() {
            return Vec::new();
        }
        let (known, missing) = match self.list_for(run, identifiers, read).await {
            Ok(known) => (Some(known), Found::Nobody),
            Err(NoList::Disabled) => (self.fresh(), Found::CannotTell),
            Err(NoList::Unavailable(why)) => (self.fresh(), Found::Unavailable(why)),
        };
        let find = |who: &Identifier| known.as_ref().and_then(|known| known.find(who));
        identifiers.iter().map(|who| find(who).unwrap_or_else(|| missing.clone())).collect()
    }

    /// Keeps a list that was read for its own sake; its reading began at `read_at`.
    pub(super) fn learn(&self, read_at: Timestamp, everybody: &[Sighting]) {
        self.keep(&Arc::new(self.snapshot(read_at, everybody, false)));
    }

    /// A list that tells of each of these identifiers whose it is, or that it is nobody's.
    async fn list_for(
        &self,
        run: &Run<'_>,
        identifiers: &[Identifier],
        read: impl Future<Output = Result<Vec<Sighting>, NoList>>,
    ) -> Result<Arc<Snapshot>, NoList> {
        let will_do =
            |known: &Arc<Snapshot>| known.for_a_miss || identifiers.iter().all(|who| known.has(who));
        if let Some(known) = self.fresh().filter(will_do) {
            return Ok(known);
        }
        let waiting = tokio::time::timeout(run.remaining(), self.gate.lock());
        let _gate = waiting.await.map_err(|_| NoList::Unavailable(run.time_is_up()))?;
        if let Some(known) = self.fresh().filter(will_do) {
            return Ok(known);
        }
        let now = self.engine.now();
        let known = Arc::new(self.snapshot(now, &read.await?, true));
        self.keep(&known);
        Ok(known)
    }

    fn snapshot(&self, read_at: Timestamp, everybody: &[Sighting], for_a_miss: bool) -> Snapshot {
        let mut people = HashMap::with_capacity(everybody.len());
        for sighting in everybody {
            for identifier in sighting.identifiers().filter(self.by) {
                let only = people.entry(identifier).or_insert_with(|| Some(sighting.clone()));
                if only.as_ref().is_some_and(|only: &Sighting| only.key != sighting.key) {
                    *only = None;
                }
            }
        }
        Snapshot { read_at, for_a_miss, people }
    }

    /// The last list, unless it is too old.
    fn fresh(&self) -> Option<Arc<Snapshot>> {
        let now = self.engine.now();
        self.last().clone().filter(|known| now.since(known.read_at).as_millis() < FRESH_MS)
    }

    /// Keeps a list for the look-ups that follow, unless there is one that was begun later.
    fn keep(&self, read: &Arc<Snapshot>) {
        let mut last = self.last();
        if last.as_ref().is_none_or(|last| last.read_at <= read.read_at) {
            *last = Some(Arc::clone(read));
        }
    }

    fn last(&self) -> MutexGuard<'_, Option<Arc<Snapshot>>> {
        self.snapshot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Snapshot {
    fn has(&self, who: &Identifier) -> bool {
        self.people.contains_key(who)
    }

    /// Whose identifier this is; `None` where it is nobody's.
    fn find(&self, who: &Identifier) -> Option<Found> {
        let sighting = self.people.get(who)?.as_ref();
        Some(sighting.map_or(Found::Several, |sighting| Found::Person(sighting.clone())))
    }
}
