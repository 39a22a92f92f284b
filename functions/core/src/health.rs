//! The health of each target over the last day: how deliveries ended there, hour by hour, and how long they took. It is read
//! from a sample of the import logs, so that nothing has to be written for it, and it costs the same on a busy day.

mod count;

use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};

use crate::error::StoreError;
use crate::person::TargetName;
use crate::ports::App;
use crate::time::Timestamp;

use count::Day;

/// How many hours are looked at, the one that runs included.
pub const HOURS: usize = 24;
/// The most imports of an hour that are looked at.
pub const IMPORTS_AN_HOUR: usize = 40;

const HOUR: Duration = Duration::from_secs(60 * 60);
/// How many hours are read at once: what is read of each is held in memory.
const AT_ONCE: usize = 6;

/// How the targets have been.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// When it was looked at.
    pub at: Timestamp,
    /// How many imports were looked at.
    pub imports: usize,
    /// Whether there may have been more of them: an hour had [`IMPORTS_AN_HOUR`], of which others are left out.
    pub is_sample: bool,
    /// The targets: the configured ones in their order, then the others that were delivered to, by name.
    pub targets: Vec<TargetHealth>,
}

/// How one target has been.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetHealth {
    /// The target's name.
    pub target: TargetName,
    /// The last [`HOURS`] hours, the oldest first, also those in which nothing was delivered.
    pub hours: Vec<Hour>,
    /// All of them together.
    pub day: Deliveries,
}

/// What happened at a target in an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hour {
    /// When the hour began.
    pub from: Timestamp,
    /// The deliveries of the imports that were received in it, and those that were tried again in it.
    pub deliveries: Deliveries,
}

/// How deliveries ended. What was not sent because a later import has said it all is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Deliveries {
    /// The target holds what was sent.
    pub arrived: usize,
    /// They were put off, and are tried again: each time counts.
    pub deferred: usize,
    /// They failed for good, or something of them did.
    pub failed: usize,
    /// How long they took; `None` where nothing was sent.
    pub took: Option<Durations>,
}

/// How long deliveries took, in milliseconds, waiting included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Durations {
    /// Half of them took no longer.
    pub median_ms: u32,
    /// 95 of 100 took no longer.
    pub p95_ms: u32,
}

impl Deliveries {
    /// How many there were.
    pub fn all(&self) -> usize {
        self.arrived + self.deferred + self.failed
    }
}

/// How the targets have been in the hour that runs and in those before it. It reads at most [`HOURS`] times
/// [`IMPORTS_AN_HOUR`] import logs.
pub async fn of_last_day(app: &App) -> Result<Health, StoreError> {
    let now = app.clock.now();
    let mut day = Day::until(now);
    let reads: Vec<_> =
        day.hours().map(|from| app.imports.sample(from, from.plus(HOUR), IMPORTS_AN_HOUR)).collect();
    let mut reads = stream::iter(reads).buffered(AT_ONCE);
    let (mut imports, mut is_sample) = (0, false);
    while let Some(logs) = reads.try_next().await? {
        imports += logs.len();
        is_sample |= logs.len() >= IMPORTS_AN_HOUR;
        logs.iter().for_each(|log| day.count(log));
    }
    let configured = app.targets.iter().map(|target| &target.name);
    Ok(Health { at: now, imports, is_sample, targets: day.targets(configured) })
}

#[cfg(test)]
mod tests;
