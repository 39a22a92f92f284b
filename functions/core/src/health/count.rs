//! Counts the deliveries of import logs by target and hour, so that a log can be let go as soon as it was looked at.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Deliveries, Durations, HOUR, HOURS, Hour, TargetHealth};
use crate::later::News;
use crate::log::{Delivery, Ending, ImportLog, PartOutcome};
use crate::person::TargetName;
use crate::summary::Standing;
use crate::time::Timestamp;

/// The hours that are looked at, and what happened in them.
pub(super) struct Day {
    from: Timestamp,
    targets: BTreeMap<TargetName, Vec<Tally>>,
}

/// What happened at a target in an hour.
#[derive(Debug, Clone, Default)]
struct Tally {
    arrived: usize,
    deferred: usize,
    failed: usize,
    took_ms: Vec<u32>,
}

impl Day {
    /// The hour of this moment, and those before it.
    pub(super) fn until(now: Timestamp) -> Day {
        let hours_before = HOUR * u32::try_from(HOURS - 1).unwrap_or(u32::MAX);
        let before = i64::try_from(hours_before.as_millis()).unwrap_or(i64::MAX);
        let from = Timestamp::from_millis(now.to_hour().millis().saturating_sub(before));
        Day { from, targets: BTreeMap::new() }
    }

    /// When each hour begins, the oldest first.
    pub(super) fn hours(&self) -> impl Iterator<Item = Timestamp> + use<> {
        let from = self.from;
        (0..HOURS).map(move |hour| from.plus(HOUR * u32::try_from(hour).unwrap_or(u32::MAX)))
    }

    /// Counts what a log tells. That of a dry run tells nothing: nothing was delivered.
    pub(super) fn count(&mut self, log: &ImportLog) {
        if log.dry_run {
            return;
        }
        for part in &log.parts {
            self.count_part(log.id.made_at(), &part.outcome);
        }
        for later in &log.later {
            match &later.news {
                News::Part(outcome) => self.count_part(later.at, outcome),
                News::Delivery(delivery) => self.count_delivery(later.at, delivery),
            }
        }
    }

    fn count_part(&mut self, at: Timestamp, outcome: &PartOutcome) {
        if let PartOutcome::Delivered { deliveries, .. } = outcome {
            for delivery in deliveries {
                self.count_delivery(at, delivery);
            }
        }
    }

    fn count_delivery(&mut self, at: Timestamp, delivery: &Delivery) {
        let Some(hour) = self.hour(at) else { return };
        if delivery.outcome.ending == Ending::Superseded {
            return;
        }
        let hours = self.targets.entry(Arc::clone(&delivery.target)).or_insert_with(no_hours);
        if let Some(tally) = hours.get_mut(hour) {
            tally.add(delivery);
        }
    }

    fn hour(&self, at: Timestamp) -> Option<usize> {
        let hours = (at.millis() - self.from.millis()).div_euclid(i64::try_from(HOUR.as_millis()).ok()?);
        usize::try_from(hours).ok().filter(|hour| *hour < HOURS)
    }

    /// What was counted: first of these targets, then of the others.
    pub(super) fn targets<'a>(mut self, first: impl Iterator<Item = &'a TargetName>) -> Vec<TargetHealth> {
        let begins: Vec<_> = self.hours().collect();
        let mut first: Vec<_> = first
            .map(|target| (Arc::clone(target), self.targets.remove(target).unwrap_or_else(no_hours)))
            .collect();
        first.extend(self.targets);
        let health = |(target, tallies): (TargetName, Vec<Tally>)| {
            let day = all(&tallies).deliveries();
            let hour = |(from, tally): (Timestamp, Tally)| Hour { from, deliveries: tally.deliveries() };
            TargetHealth { target, hours: begins.iter().copied().zip(tallies).map(hour).collect(), day }
        };
        first.into_iter().map(health).collect()
    }
}

fn no_hours() -> Vec<Tally> {
    vec![Tally::default(); HOURS]
}

fn all(tallies: &[Tally]) -> Tally {
    let mut all = Tally::default();
    for tally in tallies {
        all.arrived += tally.arrived;
        all.deferred += tally.deferred;
        all.failed += tally.failed;
        all.took_ms.extend_from_slice(&tally.took_ms);
    }
    all
}

impl Tally {
    fn add(&mut self, delivery: &Delivery) {
        match delivery.outcome.ending.standing() {
            Standing::Successful => self.arrived += 1,
            Standing::Pending => self.deferred += 1,
            Standing::Unsuccessful => self.failed += 1,
        }
        // What was never sent took no time.
        if delivery.outcome.attempts > 0 {
            self.took_ms.push(delivery.outcome.duration_ms);
        }
    }

    fn deliveries(mut self) -> Deliveries {
        self.took_ms.sort_unstable();
        let rank = |percent: usize| (self.took_ms.len() * percent).div_ceil(100).checked_sub(1);
        let at = |percent| rank(percent).and_then(|rank| self.took_ms.get(rank)).copied();
        let took = at(50).zip(at(95)).map(|(median_ms, p95_ms)| Durations { median_ms, p95_ms });
        Deliveries { arrived: self.arrived, deferred: self.deferred, failed: self.failed, took }
    }
}
