//! Sends updates one person at a time: so many at once, so many a second, never two of one person, nothing after the
//! deadline. Every target that takes one person a call shares it, so that these promises are kept in one place.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use people_core::log::{Ending, Outcome};
use people_core::person::TargetName;
use people_core::ports::{Clock, PersonUpdate};
use people_core::time::Timestamp;
use tokio::sync::{OwnedMutexGuard, Semaphore, SemaphorePermit};

use super::config::Budget;

/// A little slower than allowed, as calls arrive at intervals other than those they were sent at.
const PACE_MARGIN: f64 = 1.05;

/// Delivers one update; the engine says when.
#[async_trait]
pub(super) trait PersonAtATime: Sync {
    /// What the calls for one person have in common; two updates with the same one are never under way together.
    fn person(&self, update: &PersonUpdate) -> String;

    /// Delivers one update. Every call is made in a [`Slot`] of the run.
    async fn deliver_one(&self, run: &Run<'_>, update: &PersonUpdate) -> Outcome;
}

/// The budget of one target, shared by everything in the process that calls it.
pub(super) struct Engine {
    name: TargetName,
    clock: Arc<dyn Clock>,
    permits: Semaphore,
    /// Milliseconds between the starts of two calls.
    interval: Option<f64>,
    state: Arc<Mutex<State>>,
    people: Arc<People>,
    random: AtomicU64,
}

struct State {
    /// No call starts before, in milliseconds since 1970.
    next_start: f64,
    /// The target asked for a break until then.
    paused_until: Timestamp,
    /// How long it takes after a break until everybody is back: not all at the same moment.
    spread: Duration,
}

/// The people whom somebody is busy with.
type People = Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Engine {
    /// An engine for the target of this name, which is only used to tell what happened.
    pub(super) fn new(name: TargetName, budget: Budget, clock: Arc<dyn Clock>) -> Engine {
        let mut seed = [0; 8];
        let seed = match getrandom::fill(&mut seed) {
            Ok(()) => u64::from_ne_bytes(seed),
            Err(_) => clock.now().millis().unsigned_abs(),
        };
        Engine {
            name,
            permits: Semaphore::new(budget.limit),
            interval: budget.rate_per_second.map(|rate| 1000.0 * PACE_MARGIN / rate),
            state: Arc::new(Mutex::new(State {
                next_start: 0.0,
                paused_until: Timestamp::from_millis(i64::MIN),
                spread: Duration::ZERO,
            })),
            people: Arc::default(),
            random: AtomicU64::new(seed | 1),
            clock,
        }
    }

    /// The same target with another budget: whom somebody is busy with, the pace and a break are known to both.
    pub(super) fn with_budget(&self, budget: Budget) -> Engine {
        let new = Engine::new(self.name.clone(), budget, Arc::clone(&self.clock));
        Engine { state: Arc::clone(&self.state), people: Arc::clone(&self.people), ..new }
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
        Run { engine: self, until, began: self.now(), stopped: OnceLock::new() }
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
        let done =
            join_all(people.iter().map(|(person, own)| in_order(target, &run, updates, (person, own))));
        let mut outcomes = vec![None; updates.len()];
        for (index, outcome) in done.await.into_iter().flatten() {
            outcomes[index] = Some(outcome);
        }
        let missing = || Outcome::unsent(Ending::Deferred(run.time_is_up()));
        outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(missing)).collect()
    }

    /// Counts a call that is made in somebody else's slot.
    pub(super) fn charge(&self) {
        if let Some(interval) = self.interval {
            lock(&self.state).next_start += interval;
        }
    }

    /// The target has asked for a break, and all workers take it: each comes back after 80 to 120 % of this time.
    pub(super) fn pause_for(&self, pause: Duration) {
        let first_back = self.now().plus(pause.mul_f64(0.8));
        let mut state = lock(&self.state);
        if first_back > state.paused_until {
            (state.paused_until, state.spread) = (first_back, pause.mul_f64(0.4));
        }
    }

    /// Where there is a break, the moment at which one worker comes back from it.
    fn back_from_pause(&self) -> Option<Timestamp> {
        let state = lock(&self.state);
        let (end, spread) = (state.paused_until, state.spread);
        (end > self.now()).then(|| end.plus(spread.mul_f64(self.random())))
    }

    /// The moment at which the next call may start; the one after that starts later. `None` where it is too late, and
    /// then it is nobody's.
    fn next_start(&self, until: Timestamp) -> Option<Timestamp> {
        let now = self.now();
        let Some(interval) = self.interval else { return Some(now) };
        let mut state = lock(&self.state);
        let start = state.next_start.max(now.millis() as f64);
        let moment = Timestamp::from_millis(start.ceil() as i64);
        (moment < until).then(|| {
            state.next_start = start + interval;
            moment
        })
    }

    /// 80 to 120 % of a time, so that those who wait for the same thing do not come back together.
    fn jittered(&self, time: Duration) -> Duration {
        time.mul_f64(0.8 + 0.4 * self.random())
    }

    /// A number from 0 to 1, good enough to spread calls.
    fn random(&self) -> f64 {
        // xorshift64*: two who draw at once may draw the same, which does no harm.
        let mut x = self.random.load(Ordering::Relaxed);
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        self.random.store(x, Ordering::Relaxed);
        (x.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

async fn in_order(
    target: &impl PersonAtATime,
    run: &Run<'_>,
    updates: &[PersonUpdate],
    (person, own): (&str, &[usize]),
) -> Vec<(usize, Outcome)> {
    let Some(_alone) = run.alone_with(person).await else { return Vec::new() };
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

/// One batch of deliveries or look-ups, with a common deadline. What stops it stops the rest of it, and nothing else.
pub(super) struct Run<'a> {
    engine: &'a Engine,
    until: Timestamp,
    began: Timestamp,
    stopped: OnceLock<String>,
}

/// Why a call is not made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Halt {
    /// The deadline.
    TimeUp,
    /// The target wants a break that ends after the deadline.
    Busy,
    /// The run was stopped: why.
    Stopped(String),
}

/// The right to make one call at a time.
pub(super) struct Slot<'a>(#[expect(dead_code, reason = "it is held, not read")] SemaphorePermit<'a>);

impl<'a> Run<'a> {
    /// How long the run has taken.
    pub(super) fn elapsed_ms(&self) -> u32 {
        u32::try_from(self.engine.now().since(self.began).as_millis()).unwrap_or(u32::MAX)
    }

    /// What is left until the deadline.
    pub(super) fn remaining(&self) -> Duration {
        self.until.since(self.engine.now())
    }

    /// Nothing more is tried in this run. It is told once, for the operator.
    pub(super) fn stop(&self, why: &str) {
        if self.stopped.set(why.to_owned()).is_ok() {
            tracing::error!(target.name = %self.engine.name, "{why}; the rest of this run is not tried");
        }
    }

    /// Whether another call may be made.
    pub(super) fn go_on(&self) -> Result<(), Halt> {
        match self.stopped.get() {
            Some(why) => Err(Halt::Stopped(why.clone())),
            None if self.engine.now() >= self.until => Err(Halt::TimeUp),
            None => Ok(()),
        }
    }

    /// Waits for the right to make a call: for the end of a pause, one of the places and the pace.
    pub(super) async fn slot(&self) -> Result<Slot<'a>, Halt> {
        loop {
            self.go_on()?;
            self.end_of_pause().await?;
            let permit = self.permit().await?;
            self.wait_until(self.engine.next_start(self.until).ok_or(Halt::TimeUp)?).await?;
            self.go_on()?;
            if self.engine.back_from_pause().is_none() {
                return Ok(Slot(permit));
            }
        }
    }

    /// Waits for the end of a pause, if there is one.
    pub(super) async fn end_of_pause(&self) -> Result<(), Halt> {
        while let Some(moment) = self.engine.back_from_pause() {
            self.wait_until(moment).await.map_err(|_| Halt::Busy)?;
        }
        Ok(())
    }

    async fn permit(&self) -> Result<SemaphorePermit<'a>, Halt> {
        if let Ok(permit) = self.engine.permits.try_acquire() {
            return Ok(permit);
        }
        let acquired = tokio::time::timeout(self.remaining(), self.engine.permits.acquire()).await;
        acquired.ok().and_then(Result::ok).ok_or(Halt::TimeUp)
    }

    /// Waits about this long; not at all where that would be too late.
    pub(super) async fn back_off(&self, time: Duration) -> Result<(), Halt> {
        self.wait_until(self.engine.now().plus(self.engine.jittered(time))).await?;
        self.go_on()
    }

    async fn wait_until(&self, moment: Timestamp) -> Result<(), Halt> {
        if moment >= self.until {
            return Err(Halt::TimeUp);
        }
        if moment > self.engine.now() {
            self.engine.clock.sleep_until(moment).await;
        }
        Ok(())
    }

    /// Waits until nobody else in the process is busy with this person; `None` where that takes too long.
    async fn alone_with(&self, person: &str) -> Option<Alone<'a>> {
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

    /// Why something is not done that there was no time for.
    pub(super) fn time_is_up(&self) -> String {
        format!("{} could not be called in time", self.engine.name)
    }

    /// The reason of a halt.
    pub(super) fn reason(&self, halt: Halt) -> String {
        match halt {
            Halt::TimeUp => self.time_is_up(),
            Halt::Busy => format!("{} is busy", self.engine.name),
            Halt::Stopped(why) => why,
        }
    }
}

/// Being the only one who is busy with a person. What nobody waits for is forgotten.
struct Alone<'a> {
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

#[cfg(test)]
mod tests {
    use people_core::memory::ManualClock;

    use super::*;

    fn engine(rate_per_second: Option<f64>) -> Engine {
        let clock = ManualClock::at(Timestamp::from_millis(1_000_000));
        Engine::new("target".into(), Budget { limit: 1, rate_per_second }, Arc::new(clock))
    }

    #[test]
    fn workers_come_back_from_a_break_one_after_another() {
        let engine = engine(None);
        engine.pause_for(Duration::from_secs(10));
        engine.pause_for(Duration::from_secs(1));
        let waits: Vec<_> =
            (0..50).map(|_| engine.back_from_pause().unwrap().since(engine.now()).as_millis()).collect();
        assert!(waits.iter().all(|wait| (8_000..=12_000).contains(wait)), "{waits:?}");
        assert!(waits.iter().max().unwrap() - waits.iter().min().unwrap() > 2_000, "{waits:?}");
    }

    #[test]
    fn calls_are_paced_and_a_call_that_would_be_too_late_takes_no_place() {
        let engine = engine(Some(4.0));
        let now = engine.now();
        let starts =
            || engine.next_start(now.plus(Duration::from_secs(1))).map(|at| at.since(now).as_millis());
        let all: Vec<_> = std::iter::repeat_with(starts).take(6).collect();
        assert_eq!(all, [Some(0), Some(263), Some(525), Some(788), None, None]);
        let later = engine.next_start(now.plus(Duration::from_secs(9))).unwrap();
        assert_eq!(later.since(now).as_millis(), 1050);
    }

    #[tokio::test]
    async fn nobody_is_remembered_whom_nobody_is_busy_with() {
        let engine = engine(None);
        let run = engine.run(engine.now().plus(Duration::from_secs(1)));
        let first = run.alone_with("joe").await;
        let second = run.alone_with("joe");
        drop((first, second));
        assert!(run.alone_with("joe").await.is_some());
        assert!(lock(&engine.people).is_empty());
    }
}
