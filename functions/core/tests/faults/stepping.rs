//! Stores and targets that are left in the middle: before each call anything else may happen, and one call of a process
//! can go wrong.

use std::collections::HashMap;
use std::future::{Future, pending};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use people_core::document::{Document, Link, Slot, StoredDocument};
use people_core::error::StoreError;
use people_core::id::ImportId;
use people_core::later::Later;
use people_core::log::{Ending, ImportLog, Outcome};
use people_core::person::{Identifier, NativeKey, Person, PersonKey, TargetName};
use people_core::ports::{
    App, Claim, Claimed, Clock, ConfiguredTarget, Directory, Documents, Found, Imports, IndexEntry,
    LeaseHolder, Leases, Listing, Opened, Page, PersonUpdate, Sighting, Stored, Target, Undelivered,
    WaitingPage,
};
use people_core::summary::Summary;
use people_core::time::Timestamp;
use people_core::undelivered::{Kept, Place, Waiting};

/// What goes wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The process ends before it.
    DiesBefore,
    /// It has its effect, and the process ends.
    DiesAfter,
    /// It is refused: throttled, say.
    FailsBefore,
    /// It has its effect, and its answer is lost.
    FailsAfter,
}

pub(crate) const FAULTS: [Fault; 4] =
    [Fault::DiesBefore, Fault::DiesAfter, Fault::FailsBefore, Fault::FailsAfter];

/// A clock that goes on by itself, a little for each step of anybody.
pub(crate) struct StoryClock(Mutex<Timestamp>);

impl StoryClock {
    pub(crate) fn at(moment: Timestamp) -> StoryClock {
        StoryClock(Mutex::new(moment))
    }

    pub(crate) fn advance(&self, time: Duration) {
        let mut now = self.0.lock().unwrap();
        *now = now.plus(time);
    }
}

#[async_trait]
impl Clock for StoryClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }

    async fn sleep_until(&self, moment: Timestamp) {
        let is_there =
            |_: &mut Context<'_>| if self.now() >= moment { Poll::Ready(()) } else { Poll::Pending };
        std::future::poll_fn(is_there).await;
    }
}

/// The calls of one process.
#[derive(Default)]
pub(crate) struct Steps {
    pub(crate) fault: Option<(usize, Fault)>,
    made: Mutex<usize>,
    dead: Mutex<bool>,
}

impl Steps {
    pub(crate) fn failing(step: usize, fault: Fault) -> Steps {
        Steps { fault: Some((step, fault)), ..Steps::default() }
    }

    pub(crate) fn is_dead(&self) -> bool {
        *self.dead.lock().unwrap()
    }

    pub(crate) fn made(&self) -> usize {
        *self.made.lock().unwrap()
    }

    fn next(&self) -> Option<Fault> {
        let mut made = self.made.lock().unwrap();
        *made += 1;
        self.fault.filter(|(step, _)| *step + 1 == *made).map(|(_, fault)| fault)
    }

    async fn die(&self) {
        *self.dead.lock().unwrap() = true;
        pending::<()>().await;
    }

    async fn call<T>(
        &self,
        effect: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let fault = self.before().await;
        let failed = || Err(StoreError::new("do as asked", "it is broken"));
        if fault == Some(Fault::FailsBefore) {
            return failed();
        }
        let result = effect.await;
        match fault {
            Some(Fault::DiesAfter) => {
                self.die().await;
                failed()
            }
            Some(Fault::FailsAfter) => failed(),
            _ => result,
        }
    }

    /// Lets the others go on, and says what goes wrong now.
    async fn before(&self) -> Option<Fault> {
        let mut waited = false;
        std::future::poll_fn(|context| {
            if waited {
                return Poll::Ready(());
            }
            waited = true;
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
        let fault = self.next();
        if fault == Some(Fault::DiesBefore) {
            self.die().await;
        }
        fault
    }
}

/// One process: everything that it calls is a step of it.
pub(crate) fn process(app: &App, steps: &Arc<Steps>) -> App {
    let stepping = |target: &ConfiguredTarget| ConfiguredTarget {
        api: Arc::new(Stepping { inner: Arc::clone(&target.api), steps: Arc::clone(steps) }),
        ..target.clone()
    };
    App {
        imports: Arc::new(Stepping { inner: Arc::clone(&app.imports), steps: Arc::clone(steps) }),
        undelivered: Arc::new(Stepping { inner: Arc::clone(&app.undelivered), steps: Arc::clone(steps) }),
        leases: Arc::new(Stepping { inner: Arc::clone(&app.leases), steps: Arc::clone(steps) }),
        directory: Arc::new(Stepping { inner: Arc::clone(&app.directory), steps: Arc::clone(steps) }),
        documents: Arc::new(Stepping { inner: Arc::clone(&app.documents), steps: Arc::clone(steps) }),
        targets: app.targets.iter().map(stepping).collect(),
        ..app.clone()
    }
}

struct Stepping<P: ?Sized> {
    inner: Arc<P>,
    steps: Arc<Steps>,
}

/// The methods of a port, each of which is a step.
macro_rules! stepping {
    ($port:ident; $($method:ident($($name:ident: $kind:ty),*) -> $result:ty;)*) => {
        #[async_trait]
        impl $port for Stepping<dyn $port> {
            $(async fn $method(&self, $($name: $kind),*) -> Result<$result, StoreError> {
                self.steps.call(self.inner.$method($($name),*)).await
            })*
        }
    };
}

stepping! { Imports;
    open(log: &ImportLog, claim: Option<&Claim>) -> Opened;
    claim(id: ImportId, claim: &Claim) -> Claimed;
    begin(log: &ImportLog, holder: &LeaseHolder) -> ();
    index(entries: &[IndexEntry]) -> ();
    close(log: &ImportLog, holder: &LeaseHolder) -> ();
    append(id: ImportId, later: &[Later]) -> ();
    unfinished(before: Timestamp, limit: usize) -> Vec<ImportId>;
    find(id: ImportId) -> Option<ImportLog>;
    list(page: &Page) -> Vec<Summary>;
    summaries(ids: &[ImportId]) -> Vec<Summary>;
    of_person(person: &PersonKey, before: Option<(ImportId, usize)>, limit: usize) -> Vec<IndexEntry>;
    sample(from: Timestamp, to: Timestamp, limit: usize) -> Vec<ImportLog>;
    newer(person: &PersonKey, than: (ImportId, usize)) -> Vec<IndexEntry>;
}

stepping! { Undelivered;
    keep(updates: &[Kept]) -> ();
    get(places: &[Place]) -> Vec<Kept>;
    remove(places: &[Place]) -> ();
    list(page: &WaitingPage) -> Vec<Waiting>;
    of_import(import: ImportId) -> Vec<Waiting>;
    count() -> u64;
    due_now(places: &[Place], now: Timestamp) -> usize;
}

stepping! { Leases;
    take(name: &str, holder: &LeaseHolder, until: Timestamp) -> bool;
    give_back(name: &str, holder: &LeaseHolder) -> ();
    announce(name: &str, until: Timestamp) -> ();
    is_announced(name: &str) -> bool;
}

stepping! { Directory;
    resolve(identifiers: &[Identifier]) -> HashMap<Identifier, Person>;
    learn(target: &TargetName, seen: &[Sighting]) -> Vec<Person>;
    forget(target: &TargetName, key: &NativeKey) -> ();
    release(identifiers: &[Identifier]) -> ();
}

stepping! { Documents;
    store(document: &Document) -> Stored;
    read(slot: &Slot) -> Option<Vec<u8>>;
    is_taken(slot: &Slot) -> bool;
    link(slot: &Slot, file_name: &str) -> Option<Link>;
    list(person: &PersonKey) -> Vec<StoredDocument>;
    delete(slot: &Slot, file_name: &str, import: ImportId) -> bool;
    sweep(stored_before: Timestamp, most: Option<usize>) -> usize;
}

#[async_trait]
impl Target for Stepping<dyn Target> {
    async fn find(&self, identifiers: &[Identifier], until: Timestamp) -> Vec<Found> {
        let found = self.steps.call(async { Ok(self.inner.find(identifiers, until).await) }).await;
        found.unwrap_or_else(|_| vec![Found::Unavailable("it does not answer".into()); identifiers.len()])
    }

    async fn list(&self, _: Timestamp) -> Listing {
        Listing::CannotList
    }

    async fn deliver(&self, updates: &[PersonUpdate], until: Timestamp) -> Vec<Outcome> {
        let outcomes = self.steps.call(async { Ok(self.inner.deliver(updates, until).await) }).await;
        let unknown = || Outcome::unsent(Ending::Deferred("it does not answer".into()));
        outcomes.unwrap_or_else(|_| updates.iter().map(|_| unknown()).collect())
    }
}
