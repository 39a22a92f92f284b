//! Delivers to a target within its means: so many calls at once, so many a second, never two for one person, nothing after
//! the deadline. Every kind of target shares it, so that these promises are kept in one place.

mod alone;
mod pace;
mod run;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use people_core::log::{Ending, Outcome};
use people_core::person::TargetName;
use people_core::ports::{Clock, Leases, PersonUpdate};
use people_core::time::Timestamp;

use tokio::sync::Semaphore;

use super::config::Budget;
use alone::People;
use pace::Pace;
pub(super) use run::{Halt, Run};

/// How many people are looked up at once: as many as the highest limit allows, so that the limit alone says how many
/// calls there are, and who waits before a repetition holds nobody up.
pub(super) const MOST_AT_ONCE: usize = 1000;

/// Delivers one update; the engine says when.
#[async_trait]
pub(super) trait PersonAtATime: Sync {
    /// Whether a delivery reads the person, merges and writes: then no two processes may do it at once.
    fn merges(&self) -> bool {
        false
    }

    /// What the calls for one person have in common; two updates with the same one are never under way together.
    fn person(&self, update: &PersonUpdate) -> String;

    /// Delivers one update. Every call is made in a [`Slot`] of the run.
    async fn deliver_one(&self, run: &Run<'_>, update: &PersonUpdate) -> Outcome;
}

/// What goes on at one target, shared by everything in the process that calls it.
pub(super) struct Engine {
    name: TargetName,
    clock: Arc<dyn Clock>,
    leases: Arc<dyn Leases>,
    pace: Pace,
    people: Arc<People>,
    /// Turns of those who take leases: nobody holds one who has to wait for a call.
    turns: Semaphore,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Engine {
    /// An engine for the target of this name.
    pub(super) fn new(
        name: TargetName,
        budget: Budget,
        clock: Arc<dyn Clock>,
        leases: Arc<dyn Leases>,
    ) -> Engine {
        let mut seed = [0; 8];
        let seed = match getrandom::fill(&mut seed) {
            Ok(()) => u64::from_ne_bytes(seed),
            Err(_) => clock.now().millis().unsigned_abs(),
        };
        let turns = Semaphore::new(budget.limit);
        Engine { name, pace: Pace::new(budget, seed), people: Arc::default(), clock, leases, turns }
    }

    /// The same target with another budget: whom somebody is busy with, the pace and a break are known to both.
    pub(super) fn with_budget(&self, budget: Budget) -> Engine {
        Engine {
            name: Arc::clone(&self.name),
            clock: Arc::clone(&self.clock),
            leases: Arc::clone(&self.leases),
            pace: self.pace.with_budget(budget),
            people: Arc::clone(&self.people),
            turns: Semaphore::new(budget.limit),
        }
    }

    /// The target's name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// This moment.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Begins something that is to end by `until`.
    pub(super) fn run(&self, until: Timestamp) -> Run<'_> {
        Run::new(self, until)
    }

    /// Delivers updates of different people side by side and those of one person in their order.
    pub(super) async fn deliver(
        &self,
        target: &impl PersonAtATime,
        updates: &[PersonUpdate],
        until: Timestamp,
    ) -> Vec<Outcome> {
        let run = self.run(until);
        let mut people: Vec<(String, Vec<usize>)> = Vec::with_capacity(updates.len());
        let mut places: HashMap<String, usize> = HashMap::with_capacity(updates.len());
        for (index, update) in updates.iter().enumerate() {
            let person = target.person(update);
            match places.get(&person) {
                Some(place) => people[*place].1.push(index),
                None => {
                    places.insert(person.clone(), people.len());
                    people.push((person, vec![index]));
                }
            }
        }
        let done = join_all(people.iter().map(|(person, own)| in_turn(target, &run, updates, (person, own))));
        let mut outcomes = vec![None; updates.len()];
        for (index, outcome) in done.await.into_iter().flatten() {
            outcomes[index] = Some(outcome);
        }
        let missing = || Outcome::unsent(Ending::Deferred(run.time_is_up()));
        outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(missing)).collect()
    }

    /// Counts a call that is made in somebody else's slot.
    pub(super) fn charge(&self) {
        self.pace.charge(self.now());
    }

    /// A call of this round was too much: there are fewer at once from now on, and all workers take a break. One that the
    /// target has named is at least as long as it says; else each comes back after 80 to 120 % of `pause`.
    pub(super) fn slow_down(&self, round: u64, pause: Duration, is_named: bool) {
        self.pace.slow_down(round);
        let first = if is_named { pause } else { pause.mul_f64(0.8) };
        self.pace.pause(self.now(), first, pause.mul_f64(if is_named { 0.2 } else { 0.4 }));
    }

    /// A call was answered without any complaint about how many there are.
    pub(super) fn went_well(&self) {
        self.pace.went_well();
    }
}

/// The updates of one person, one after another, while nobody else is busy with them.
async fn in_turn(
    target: &impl PersonAtATime,
    run: &Run<'_>,
    updates: &[PersonUpdate],
    (person, own): (&str, &[usize]),
) -> Vec<(usize, Outcome)> {
    let Some(_alone) = run.alone_with(person).await else { return Vec::new() };
    if !target.merges() {
        return in_order(target, run, updates, own).await;
    }
    let Ok(Ok(_turn)) = tokio::time::timeout(run.remaining(), run.engine.turns.acquire()).await else {
        return Vec::new();
    };
    match run.lease(person).await {
        Ok(leased) => {
            let outcomes = in_order(target, run, updates, own).await;
            leased.give_back().await;
            outcomes
        }
        Err(why) => {
            let deferred = |index: &usize| (*index, Outcome::unsent(Ending::Deferred(why.clone())));
            own.iter().map(deferred).collect()
        }
    }
}

async fn in_order(
    target: &impl PersonAtATime,
    run: &Run<'_>,
    updates: &[PersonUpdate],
    own: &[usize],
) -> Vec<(usize, Outcome)> {
    let mut outcomes = Vec::with_capacity(own.len());
    let mut waits = false;
    for index in own {
        let outcome = if waits {
            let why = "an earlier update of this person is not delivered yet";
            Outcome::unsent(Ending::Deferred(why.to_owned()))
        } else {
            target.deliver_one(run, &updates[*index]).await
        };
        waits |= matches!(outcome.ending, Ending::Deferred(_));
        outcomes.push((*index, outcome));
    }
    outcomes
}

#[cfg(test)]
mod tests {
    use people_core::memory::{ManualClock, MemoryLeases};

    use super::*;

    fn engine(leases: Option<Arc<MemoryLeases>>) -> Engine {
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(Timestamp::from_millis(1_000_000)));
        let leases = leases.unwrap_or_else(|| Arc::new(MemoryLeases::new(Arc::clone(&clock))));
        Engine::new("target".into(), Budget { limit: 1, rate_per_second: None }, clock, leases)
    }

    fn in_seconds(engine: &Engine, seconds: u64) -> Timestamp {
        engine.now().plus(Duration::from_secs(seconds))
    }

    #[tokio::test]
    async fn nobody_is_remembered_whom_nobody_is_busy_with() {
        let engine = engine(None);
        let run = engine.run(in_seconds(&engine, 1));
        let first = run.alone_with("joe").await;
        let second = run.alone_with("joe");
        drop((first, second));
        assert!(run.alone_with("joe").await.is_some());
        assert!(lock(&engine.people).is_empty());
    }

    #[tokio::test]
    async fn two_processes_are_never_busy_with_one_person_at_once() {
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(Timestamp::from_millis(1_000_000)));
        let leases = Arc::new(MemoryLeases::new(clock));
        let [one, other] = [(); 2].map(|()| engine(Some(Arc::clone(&leases))));
        let [one_run, other_run] = [&one, &other].map(|engine| engine.run(in_seconds(engine, 5)));
        let leased = one_run.lease("joe").await.unwrap();
        assert_eq!(
            other_run.lease("joe").await.err().as_deref(),
            Some("somebody else is changing this person")
        );
        assert!(other_run.lease("sarah").await.is_ok());
        leased.give_back().await;
        let other_run = other.run(in_seconds(&other, 5));
        assert!(other_run.lease("joe").await.is_ok());
    }
}
