//! Being the only one who is busy with a person: in this process always, and among all processes where the kind of target
//! reads, merges and writes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use people_core::ports::LeaseHolder;
use tokio::sync::OwnedMutexGuard;

use super::lock;
use super::run::Run;
use crate::system;

/// How much longer than its run a lease lasts: by so much may the clocks of two processes differ.
const CLOCKS: Duration = Duration::from_secs(10);
/// How long giving a lease back may take: nobody waits for that to be answered.
const GIVING_BACK: Duration = Duration::from_secs(1);
/// How long it takes until a lease that somebody else has is asked for again; then half as long again, and so on.
const FIRST_LOOK: Duration = Duration::from_millis(100);
/// The longest it takes.
const LONGEST_LOOK: Duration = Duration::from_secs(1);

/// The people whom somebody in this process is busy with.
pub(super) type People = Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>;

/// Being the only one who is busy with a person. What nobody waits for is forgotten.
pub(in crate::targets) struct Alone<'a> {
    people: &'a People,
    person: String,
    own: Arc<tokio::sync::Mutex<()>>,
    guard: Option<OwnedMutexGuard<()>>,
}

impl Drop for Alone<'_> {
    fn drop(&mut self) {
        let mut people = lock(self.people);
        self.guard = None;
        // The map's and our own: everybody else who waits for this person has one more.
        if Arc::strong_count(&self.own) == 2 {
            people.remove(&self.person);
        }
    }
}

/// A lease of one person at one target.
pub(super) struct Leased<'a> {
    run: &'a Run<'a>,
    name: String,
    holder: LeaseHolder,
}

impl<'a> Run<'a> {
    /// Waits until nobody else in the process is busy with this person; `None` where that takes too long.
    pub(super) async fn alone_with(&self, person: &str) -> Option<Alone<'a>> {
        let people = &self.engine.people;
        let own = Arc::clone(lock(people).entry(person.to_owned()).or_default());
        let mut alone = Alone { people, person: person.to_owned(), own, guard: None };
        let guard = match Arc::clone(&alone.own).try_lock_owned() {
            Ok(guard) => guard,
            Err(_) => {
                let waiting = Arc::clone(&alone.own).lock_owned();
                tokio::time::timeout(self.remaining(), waiting).await.ok()?
            }
        };
        alone.guard = Some(guard);
        Some(alone)
    }

    /// The same for several at once, whom a call concerns together; each is there once. In one order for all, so that no
    /// two wait for each other.
    pub(in crate::targets) async fn alone_with_all(&self, people: &[String]) -> Option<Vec<Alone<'a>>> {
        let mut people: Vec<_> = people.iter().collect();
        people.sort_unstable();
        people.dedup();
        let mut alone = Vec::with_capacity(people.len());
        for person in people {
            alone.push(self.alone_with(person).await?);
        }
        Some(alone)
    }

    /// Waits until no other process is busy with this person. `Err` says why that cannot be.
    pub(super) async fn lease(&'a self, person: &str) -> Result<Leased<'a>, String> {
        let name = format!("{} {person}", self.target());
        let holder = system::new_holder().map_err(|_| "this service has no random numbers".to_owned())?;
        let leased = Leased { run: self, name, holder };
        let mut wait = FIRST_LOOK;
        loop {
            let until = self.until().plus(CLOCKS);
            let taking = self.engine.leases.take(&leased.name, &leased.holder, until);
            match tokio::time::timeout(self.remaining(), taking).await {
                Ok(Ok(true)) => return Ok(leased),
                Ok(Ok(false)) => {}
                Err(_) => return Err(self.time_is_up()),
                Ok(Err(error)) => {
                    tracing::warn!(%error, "nobody can tell whether a person is being changed");
                    return Err("a store of this service failed".to_owned());
                }
            }
            let busy = |_| "somebody else is changing this person".to_owned();
            self.back_off(wait).await.map_err(busy)?;
            wait = wait.mul_f64(1.5).min(LONGEST_LOOK);
        }
    }
}

impl Leased<'_> {
    /// Lets others have it. Where that fails, or takes too long, they wait until it ends by itself.
    pub(super) async fn give_back(self) {
        let giving = self.run.engine.leases.give_back(&self.name, &self.holder);
        if !matches!(tokio::time::timeout(GIVING_BACK, giving).await, Ok(Ok(()))) {
            tracing::warn!("a lease ends later than it might");
        }
    }
}
