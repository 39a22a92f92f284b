//! Older and newer imports of the same person. An import that may be late (a redelivery, a body that was stored first, a
//! file, an import that is taken up again) leaves alone what newer ones have set. Newer means larger: import id, then part.
//!
//! That holds at any interleaving. Every import first enters what it is about to do into the person index. One that may
//! be late announces itself, takes the lease of each person, and only then reads the index. One that is not late reads
//! the announcement after it has written the index: where there is none, whoever announces itself later finds its
//! entry; where there is one, it takes the leases too, so that no older value is on its way while it delivers. A healthy
//! deployment pays one read for each import for that.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};

use crate::error::StoreError;
use crate::id::ImportId;
use crate::log::{Ending, ImportLog, PartLog, PartOutcome, Subject};
use crate::person::{Person, PersonKey, TargetName};
use crate::ports::{App, IndexEntry, LeaseHolder};
use crate::shown::Shown;
use crate::time::Timestamp;

/// What those who may be late announce.
const LATE: &str = "late";
/// How much longer than a run its leases are: its last call may take so long to end.
const LEASE_LONGER: Duration = Duration::from_secs(60);
/// How many reads of one run are on their way at once.
const AT_ONCE: usize = 16;
/// How much of its time an import waits for others that deliver to the same people: one part of so many.
const PATIENCE: u32 = 3;
/// How often a lease that another import has is asked for.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// What newer imports mean for an update.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Newer {
    /// The fields that they have set, at each target: these are left out.
    pub set: BTreeMap<TargetName, BTreeSet<Arc<str>>>,
    /// The fields of which nobody knows yet whether they will: until then the update waits at this target.
    pub undecided: BTreeMap<TargetName, BTreeSet<Arc<str>>>,
}

impl Newer {
    /// Whether the update has to wait at this target.
    pub fn is_undecided(&self, target: &TargetName) -> bool {
        self.undecided.contains_key(target)
    }
}

/// Whom a run may deliver to.
#[derive(Debug, Default)]
pub struct Held {
    /// Whose leases it has.
    leases: BTreeSet<PersonKey>,
    /// To whom another one delivers.
    pub busy: BTreeSet<PersonKey>,
}

/// Which run it is that delivers.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    /// Who it is, as a holder of leases.
    pub holder: &'a LeaseHolder,
    /// When it ends.
    pub until: Timestamp,
    /// Until when it waits for those to whom another one delivers.
    pub patience: Timestamp,
}

impl<'a> Run<'a> {
    /// One that begins now and waits a part of its time for others.
    pub fn waiting(holder: &'a LeaseHolder, until: Timestamp, now: Timestamp) -> Run<'a> {
        Run { holder, until, patience: now.plus(until.since(now) / PATIENCE) }
    }
}

impl Run<'_> {
    /// For an import that may be late. No newer one delivers to those who are held.
    pub async fn hold_late(self, app: &App, people: BTreeSet<PersonKey>) -> Result<Held, StoreError> {
        app.leases.announce(LATE, self.until.plus(LEASE_LONGER)).await?;
        self.hold(app, people).await
    }

    /// For an import that is the newest, and whose entries are in the index: it takes leases only where one that may be
    /// late is under way.
    pub async fn hold_beside(self, app: &App, people: BTreeSet<PersonKey>) -> Result<Held, StoreError> {
        if app.leases.is_announced(LATE).await? { self.hold(app, people).await } else { Ok(Held::default()) }
    }

    /// Nobody who waits for a lease holds a larger one, so no two wait for each other: where one is busy, the larger ones are
    /// given back until it is free.
    async fn hold(self, app: &App, people: BTreeSet<PersonKey>) -> Result<Held, StoreError> {
        let mut held = Held { leases: BTreeSet::new(), busy: people };
        loop {
            let wanted = held.busy.iter().cloned().collect();
            self.take_all(app, &mut held, wanted).await?;
            let Some(first) = held.busy.first().cloned() else { return Ok(held) };
            if !self.may_wait(app) {
                return Ok(held);
            }
            let larger = Held { leases: held.leases.split_off(&first), busy: BTreeSet::new() };
            larger.give_back(app, self.holder).await;
            held.busy.extend(larger.leases);
            while held.busy.contains(&first) && self.may_wait(app) {
                app.clock.sleep_until(app.clock.now().plus(LOOK_EVERY)).await;
                self.take_all(app, &mut held, vec![first.clone()]).await?;
            }
        }
    }

    fn may_wait(self, app: &App) -> bool {
        app.clock.now().plus(LOOK_EVERY) <= self.patience
    }

    /// Takes those of these leases that nobody has. Where a store fails, all are given back: any of them may be taken.
    async fn take_all(self, app: &App, held: &mut Held, wanted: Vec<PersonKey>) -> Result<(), StoreError> {
        let taken = join_all(wanted.iter().map(|person| self.take(app, person))).await;
        match taken.into_iter().collect::<Result<Vec<_>, _>>() {
            Ok(taken) => {
                for (person, taken) in wanted.into_iter().zip(taken) {
                    if taken {
                        held.busy.remove(&person);
                        held.leases.insert(person);
                    }
                }
                Ok(())
            }
            Err(error) => {
                held.leases.extend(wanted);
                held.give_back(app, self.holder).await;
                Err(error)
            }
        }
    }

    async fn take(self, app: &App, person: &PersonKey) -> Result<bool, StoreError> {
        app.leases.take(&lease(person), self.holder, self.until.plus(LEASE_LONGER)).await
    }
}

impl Held {
    /// Lets others deliver to these people. What cannot be given back ends by itself.
    pub async fn give_back(&self, app: &App, holder: &LeaseHolder) {
        let given = join_all(
            self.leases
                .iter()
                .map(|person| async move { app.leases.give_back(&lease(person), holder).await }),
        );
        for error in given.await.into_iter().filter_map(Result::err) {
            tracing::warn!(%error, "a lease was not given back");
        }
    }
}

fn lease(person: &PersonKey) -> String {
    format!("person/{}", person.as_str())
}

/// An update that may be late.
#[derive(Debug, Clone)]
pub struct Late<'a> {
    /// Whom it is about: every key that this person may have had.
    pub person: Vec<PersonKey>,
    /// Its import and its part.
    pub part: (ImportId, usize),
    /// The fields that it names.
    pub fields: BTreeSet<&'a Arc<str>>,
    /// Whether newer parts of its own import count: not where they are delivered after it in the same run.
    pub own_import: bool,
}

/// What newer imports have set of these updates, in the same order. A newer part that came to nothing at a target has set
/// nothing there. Whoever calls has the leases of the people.
pub async fn newer(app: &App, updates: &[Late<'_>]) -> Result<Vec<Newer>, StoreError> {
    let read: Vec<_> = updates.iter().map(|update| entries(app, update).boxed()).collect();
    let entries: Vec<_> = stream::iter(read).buffered(AT_ONCE).try_collect().await?;
    let ids: BTreeSet<ImportId> = entries.iter().flatten().map(|entry| entry.import).collect();
    let read: Vec<_> = ids.iter().map(|id| app.imports.find(*id)).collect();
    let logs: Vec<_> = stream::iter(read).buffered(AT_ONCE).collect().await;
    let read = |(id, log): (ImportId, Result<Option<ImportLog>, StoreError>)| match log {
        Ok(log) => Some((id, Some(log?.parts_now()))),
        Err(error) => {
            unreadable(id, &error);
            Some((id, None))
        }
    };
    let logs: HashMap<ImportId, Option<Vec<PartLog>>> = ids.into_iter().zip(logs).filter_map(read).collect();
    let newer = |(update, entries): (&Late<'_>, &Vec<IndexEntry>)| {
        let mut newer = Newer::default();
        for target in app.targets.iter() {
            for entry in entries {
                for field in entry.fields.iter().filter(|field| update.names(field, &target.fields)) {
                    match decided(logs.get(&entry.import), entry.part, &target.name, field) {
                        Decided::Set => {
                            newer.set.entry(target.name.clone()).or_default().insert(field.clone())
                        }
                        Decided::NotYet => {
                            newer.undecided.entry(target.name.clone()).or_default().insert(field.clone())
                        }
                        Decided::Nothing => false,
                    };
                }
            }
        }
        // Where a still newer one has set a field, it does not matter what else will.
        for (target, fields) in &mut newer.undecided {
            fields.retain(|field| !newer.set.get(target).is_some_and(|set| set.contains(field)));
        }
        newer.undecided.retain(|_, fields| !fields.is_empty());
        newer
    };
    Ok(updates.iter().zip(&entries).map(newer).collect())
}

impl Late<'_> {
    fn names(&self, field: &Arc<str>, taken: &BTreeSet<Arc<str>>) -> bool {
        self.fields.contains(field) && taken.contains(field)
    }
}

async fn entries(app: &App, update: &Late<'_>) -> Result<Vec<IndexEntry>, StoreError> {
    let mut entries = Vec::new();
    // A newer import may have known the person by fewer identifiers, and so under another key.
    for person in &update.person {
        entries.extend(app.imports.newer(person, update.part).await?);
    }
    entries.retain(|entry| {
        (update.own_import || entry.import != update.part.0)
            && entry.fields.iter().any(|field| update.fields.contains(field))
    });
    Ok(entries)
}

/// Whether a newer request has deleted a document that would be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletion {
    /// None has.
    No,
    /// One has: it stays deleted.
    Done,
    /// Nobody knows yet: it is under way, or what it came to cannot be read.
    Undecided,
}

/// Whether a newer request has deleted the document that would be stored. `part` is the import and the part that would store
/// it; `name` is the file's where the field is a list, and else any file of the field counts. Whoever calls has the lease of
/// the person.
pub async fn deletion(
    app: &App,
    person: &Person,
    part: (ImportId, usize),
    field: &Arc<str>,
    name: Option<&str>,
) -> Result<Deletion, StoreError> {
    let fields = BTreeSet::from([field]);
    let update = Late { person: person.every_key(), part, fields, own_import: false };
    let wanted = name.map(|name| Shown::new(&format!("{field}/{name}")));
    let mut deletion = Deletion::No;
    for entry in entries(app, &update).await? {
        let log = match app.imports.find(entry.import).await {
            Ok(Some(log)) => log,
            Ok(None) => continue,
            Err(error) => {
                unreadable(entry.import, &error);
                deletion = Deletion::Undecided;
                continue;
            }
        };
        let Some(PartLog { subject: Subject::Document(Some((_, names))), outcome }) =
            log.parts.get(entry.part)
        else {
            continue;
        };
        match outcome {
            _ if wanted.as_ref().is_some_and(|wanted| wanted != names) => {}
            PartOutcome::Deleted => return Ok(Deletion::Done),
            PartOutcome::Pending => deletion = Deletion::Undecided,
            _ => {}
        }
    }
    Ok(deletion)
}

/// Those that are older than this one wait for it; it does not keep the others from being delivered.
fn unreadable(import: ImportId, error: &StoreError) {
    tracing::error!(import.id = %import, %error, "what import {import} came to cannot be read");
}

/// What a newer part means for a field at a target.
enum Decided {
    /// It has set it, or may have.
    Set,
    /// It is still to be delivered.
    NotYet,
    /// It has not, and never will.
    Nothing,
}

/// Where the log of a part is gone, or its import died, nobody knows; then it may have set the field. Where the log cannot be
/// read, `Some(None)`, it may be known another time.
fn decided(
    parts: Option<&Option<Vec<PartLog>>>,
    part: usize,
    target: &TargetName,
    field: &Arc<str>,
) -> Decided {
    let Some(parts) = parts else { return Decided::Set };
    let Some(parts) = parts else { return Decided::NotYet };
    let Some(part) = parts.get(part) else { return Decided::Set };
    match &part.outcome {
        PartOutcome::Interrupted => Decided::Set,
        PartOutcome::Pending | PartOutcome::Deferred(_) => Decided::NotYet,
        PartOutcome::Delivered { deliveries, .. } => {
            let delivery = deliveries.iter().find(|delivery| delivery.target == *target);
            // What it left out itself was set by one that is newer still, which is looked at, too.
            let Some(delivery) = delivery.filter(|delivery| !delivery.superseded.contains(field)) else {
                return Decided::Nothing;
            };
            match &delivery.outcome.ending {
                Ending::Updated | Ending::Unchanged | Ending::PartlyUpdated(_) => Decided::Set,
                Ending::Deferred(_) => Decided::NotYet,
                Ending::UnknownPerson | Ending::Refused(_) | Ending::GivenUp(_) | Ending::Superseded => {
                    Decided::Nothing
                }
                Ending::WouldUpdate(_) | Ending::WouldPartlyUpdate(..) => Decided::Nothing,
            }
        }
        PartOutcome::InvalidPerson(_)
        | PartOutcome::InvalidFile(_)
        | PartOutcome::InvalidPart(_)
        | PartOutcome::UnknownPerson
        | PartOutcome::IdentifierConflict(_)
        | PartOutcome::Refused { .. }
        | PartOutcome::GivenUp(_)
        | PartOutcome::Superseded
        | PartOutcome::Uploaded
        | PartOutcome::Replaced
        | PartOutcome::WouldUpload
        | PartOutcome::WouldReplace
        | PartOutcome::Linked
        | PartOutcome::Listed(_)
        | PartOutcome::Deleted
        | PartOutcome::Absent
        | PartOutcome::NotFound
        | PartOutcome::Imported(_)
        | PartOutcome::Unserved { .. } => Decided::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use futures_util::future::join4;
    use futures_util::pending;

    use super::*;
    use crate::memory;
    use crate::ports::Clock;

    /// A clock on which a sleep lets the others have their turn, and is over then.
    struct Turns(std::sync::Mutex<Timestamp>);

    #[async_trait::async_trait]
    impl Clock for Turns {
        fn now(&self) -> Timestamp {
            *self.0.lock().unwrap()
        }

        async fn sleep_until(&self, moment: Timestamp) {
            let later = moment.max(self.now());
            *self.0.lock().unwrap() = later;
            pending!();
        }
    }

    fn key(employee_id: &str) -> PersonKey {
        Person { employee_id: Some(employee_id.into()), ..Person::default() }.key()
    }

    #[test]
    fn two_who_want_the_same_people_never_wait_for_each_other() {
        let clock = Arc::new(Turns(std::sync::Mutex::new(Timestamp::from_millis(0))));
        let app = memory::app(Arc::clone(&clock) as Arc<dyn Clock>);
        let [one, other, before] = ["one", "other", "before"].map(|name| LeaseHolder(name.into()));
        let until = Timestamp::from_millis(60_000);
        let run = |holder| Run { holder, until, patience: until };
        let both = || BTreeSet::from([key("1"), key("2")]);
        let mut all = pin!(async {
            let first = run(&before).hold_late(&app, both()).await.unwrap();
            assert_eq!((first.leases.len(), first.busy.len()), (2, 0));
            let work = async |holder| {
                let held = run(holder).hold_late(&app, both()).await.unwrap();
                assert_eq!((held.leases.len(), held.busy.len()), (2, 0));
                held.give_back(&app, holder).await;
            };
            // The first lease is free when the other one looks, the second when the one does.
            let free = async |person: &str, turns: usize| {
                for _ in 0..turns {
                    pending!();
                }
                app.leases.give_back(&lease(&key(person)), &before).await.unwrap();
            };
            join4(free("2", 3), work(&one), free("1", 2), work(&other)).await;
        });
        let mut context = Context::from_waker(Waker::noop());
        let turns = (1..1_000).find(|_| matches!(all.as_mut().poll(&mut context), Poll::Ready(())));
        assert!(turns.is_some());
        assert!(clock.now() < Timestamp::from_millis(10_000), "nobody waited in vain");
    }
}
