//! How much a target is asked at once and in a second: as configured, and less for everybody where the target says that it
//! is too much.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use people_core::time::Timestamp;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::lock;
use crate::targets::config::Budget;

/// A little slower than allowed, as calls arrive at intervals other than those they were sent at.
const PACE_MARGIN: f64 = 1.05;

/// The places, the pace and the breaks of one target.
pub(super) struct Pace {
    permits: Semaphore,
    /// The configured number of places.
    most: usize,
    learnt: Mutex<Learnt>,
    /// Milliseconds between the starts of two calls.
    interval: Option<f64>,
    breaks: Arc<Mutex<Breaks>>,
    random: AtomicU64,
}

struct Breaks {
    /// No call starts before, in milliseconds since 1970.
    next_start: f64,
    /// The target asked for a break until then.
    paused_until: Timestamp,
    /// How long it takes after a break until everybody is back: not all at the same moment.
    spread: Duration,
}

/// What the target's answers have taught.
struct Learnt {
    /// How many calls at once seem to be welcome.
    allowed: usize,
    /// How many places are to go as soon as they are free.
    surplus: usize,
    /// How often that number was lowered: calls that started before the last time teach nothing new.
    round: u64,
    /// How many calls went well since it last changed.
    well: usize,
}

/// A place: the right to make one call at a time.
pub(in crate::targets) struct Slot<'a> {
    pace: &'a Pace,
    permit: Option<SemaphorePermit<'a>>,
    round: u64,
}

impl Pace {
    pub(super) fn new(budget: Budget, seed: u64) -> Pace {
        let breaks = Breaks {
            next_start: 0.0,
            paused_until: Timestamp::from_millis(i64::MIN),
            spread: Duration::ZERO,
        };
        Pace {
            permits: Semaphore::new(budget.limit),
            most: budget.limit,
            learnt: Mutex::new(Learnt { allowed: budget.limit, surplus: 0, round: 0, well: 0 }),
            interval: budget.rate_per_second.map(|rate| 1000.0 * PACE_MARGIN / rate),
            breaks: Arc::new(Mutex::new(breaks)),
            random: AtomicU64::new(seed | 1),
        }
    }

    /// The same target with another budget: the pace and a break are known to both.
    pub(super) fn with_budget(&self, budget: Budget) -> Pace {
        let seed = self.random.load(Ordering::Relaxed);
        Pace { breaks: Arc::clone(&self.breaks), ..Pace::new(budget, seed) }
    }

    /// A place, where one is free.
    pub(super) fn try_place(&self) -> Option<Slot<'_>> {
        self.permits.try_acquire().ok().map(|permit| self.slot(permit))
    }

    /// The next place that is free.
    pub(super) async fn place(&self) -> Option<Slot<'_>> {
        self.permits.acquire().await.ok().map(|permit| self.slot(permit))
    }

    fn slot<'a>(&'a self, permit: SemaphorePermit<'a>) -> Slot<'a> {
        Slot { pace: self, permit: Some(permit), round: lock(&self.learnt).round }
    }

    /// Counts a call that is made in somebody else's slot.
    pub(super) fn charge(&self, now: Timestamp) {
        if let Some(interval) = self.interval {
            let mut breaks = lock(&self.breaks);
            breaks.next_start = breaks.next_start.max(now.millis() as f64) + interval;
        }
    }

    /// Half as many calls at once from now on, where the call that was too much started under the present number.
    pub(super) fn slow_down(&self, round: u64) {
        let mut learnt = lock(&self.learnt);
        if learnt.round != round {
            return;
        }
        let fewer = (learnt.allowed / 2).max(1);
        learnt.surplus += learnt.allowed - fewer;
        learnt.surplus -= self.permits.forget_permits(learnt.surplus);
        (learnt.allowed, learnt.round, learnt.well) = (fewer, round + 1, 0);
    }

    /// One more call at once, when as many as there may be have gone well.
    pub(super) fn went_well(&self) {
        let mut learnt = lock(&self.learnt);
        if learnt.allowed == self.most {
            return;
        }
        learnt.well += 1;
        if learnt.well >= learnt.allowed {
            (learnt.allowed, learnt.well) = (learnt.allowed + 1, 0);
            match learnt.surplus.checked_sub(1) {
                Some(fewer) => learnt.surplus = fewer,
                None => self.permits.add_permits(1),
            }
        }
    }

    /// All workers take a break: each comes back between `first` and `first` and `spread` from now.
    pub(super) fn pause(&self, now: Timestamp, first: Duration, spread: Duration) {
        let first_back = now.plus(first);
        let mut breaks = lock(&self.breaks);
        if first_back > breaks.paused_until {
            (breaks.paused_until, breaks.spread) = (first_back, spread);
        }
    }

    /// Where there is a break, the moment at which one worker comes back from it.
    pub(super) fn back_from_pause(&self, now: Timestamp) -> Option<Timestamp> {
        let breaks = lock(&self.breaks);
        let (end, spread) = (breaks.paused_until, breaks.spread);
        (end > now).then(|| end.plus(spread.mul_f64(self.random())))
    }

    /// The moment at which the next call may start; the one after that starts later. `None` where it is too late, and
    /// then it is nobody's.
    pub(super) fn next_start(&self, now: Timestamp, until: Timestamp) -> Option<Timestamp> {
        let Some(interval) = self.interval else { return Some(now) };
        let mut breaks = lock(&self.breaks);
        let start = breaks.next_start.max(now.millis() as f64);
        let moment = Timestamp::from_millis(start.ceil() as i64);
        (moment < until).then(|| {
            breaks.next_start = start + interval;
            moment
        })
    }

    /// 80 to 120 % of a time, so that those who wait for the same thing do not come back together.
    pub(super) fn jittered(&self, time: Duration) -> Duration {
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

impl Slot<'_> {
    /// Under which number of calls at once it was given.
    pub(in crate::targets) fn round(&self) -> u64 {
        self.round
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        let mut learnt = lock(&self.pace.learnt);
        if let Some(fewer) = learnt.surplus.checked_sub(1)
            && let Some(permit) = self.permit.take()
        {
            permit.forget();
            learnt.surplus = fewer;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(limit: usize, rate_per_second: Option<f64>) -> Pace {
        Pace::new(Budget { limit, rate_per_second }, 7)
    }

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    #[test]
    fn workers_come_back_from_a_break_one_after_another() {
        let pace = pace(1, None);
        pace.pause(NOW, Duration::from_secs(8), Duration::from_secs(4));
        pace.pause(NOW, Duration::from_secs(1), Duration::ZERO);
        let waits: Vec<_> =
            (0..50).map(|_| pace.back_from_pause(NOW).unwrap().since(NOW).as_millis()).collect();
        assert!(waits.iter().all(|wait| (8_000..=12_000).contains(wait)), "{waits:?}");
        assert!(waits.iter().max().unwrap() - waits.iter().min().unwrap() > 2_000, "{waits:?}");
    }

    #[test]
    fn calls_are_paced_and_a_call_that_would_be_too_late_takes_no_place() {
        let pace = pace(1, Some(4.0));
        let start = |seconds| {
            let start = pace.next_start(NOW, NOW.plus(Duration::from_secs(seconds)));
            start.map(|at| at.since(NOW).as_millis())
        };
        let all: Vec<_> = std::iter::repeat_with(|| start(1)).take(6).collect();
        assert_eq!(all, [Some(0), Some(263), Some(525), Some(788), None, None]);
        assert_eq!(start(9), Some(1050));
    }

    #[test]
    fn a_target_that_is_overwhelmed_gets_half_as_many_calls_at_once() {
        let pace = pace(8, None);
        let mut held: Vec<_> = std::iter::from_fn(|| pace.try_place()).collect();
        assert_eq!(held.len(), 8);
        // Four of the eight say so; they were all under way at once, so it counts once.
        (0..4).for_each(|n| pace.slow_down(held[n].round()));
        held.truncate(4);
        assert!(pace.try_place().is_none(), "four are still under way");
        held.clear();
        let held: Vec<_> = std::iter::from_fn(|| pace.try_place()).collect();
        assert_eq!(held.len(), 4);
    }

    #[test]
    fn calls_at_once_come_back_one_by_one_and_never_beyond_the_limit() {
        let pace = pace(4, None);
        pace.slow_down(0);
        pace.slow_down(1);
        pace.slow_down(2);
        let free = || std::iter::from_fn(|| pace.try_place()).collect::<Vec<_>>().len();
        assert_eq!(free(), 1, "at least one");
        let after: Vec<_> = (0..7)
            .map(|_| {
                pace.went_well();
                free()
            })
            .collect();
        assert_eq!(after, [2, 2, 3, 3, 3, 4, 4]);
    }
}
