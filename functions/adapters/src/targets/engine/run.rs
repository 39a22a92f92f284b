//! A batch of deliveries or look-ups at one target: until when, and whether it still makes sense.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use people_core::time::Timestamp;

use super::Engine;
use super::pace::Slot;

/// One batch of deliveries or look-ups, with a common deadline. What stops it stops the rest of it, and nothing else.
pub(in crate::targets) struct Run<'a> {
    pub(super) engine: &'a Engine,
    until: Timestamp,
    began: Timestamp,
    stopped: OnceLock<String>,
    /// How many calls in a row were refused for want of a right.
    without_right: AtomicU32,
}

/// Why a call is not made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::targets) enum Halt {
    /// The deadline.
    TimeUp,
    /// The target wants a break that ends after the deadline.
    Busy,
    /// The run was stopped: why.
    Stopped(String),
}

impl<'a> Run<'a> {
    pub(super) fn new(engine: &'a Engine, until: Timestamp) -> Run<'a> {
        let began = engine.now();
        Run { engine, until, began, stopped: OnceLock::new(), without_right: AtomicU32::new(0) }
    }

    /// The deadline.
    pub(in crate::targets) fn until(&self) -> Timestamp {
        self.until
    }

    /// The target's name.
    pub(in crate::targets) fn target(&self) -> &'a str {
        self.engine.name()
    }

    /// How long the run has taken.
    pub(in crate::targets) fn elapsed_ms(&self) -> u32 {
        u32::try_from(self.engine.now().since(self.began).as_millis()).unwrap_or(u32::MAX)
    }

    /// What is left until the deadline.
    pub(in crate::targets) fn remaining(&self) -> Duration {
        self.until.since(self.engine.now())
    }

    /// Nothing more is tried in this run. It is told once, for the operator.
    pub(in crate::targets) fn stop(&self, why: &str) {
        if self.stopped.set(why.to_owned()).is_ok() {
            tracing::error!(target.name = %self.engine.name, "{why}; the rest of this run is not tried");
        }
    }

    /// A call was refused for want of a right, or was not. The second refusal in a row stops the run: it is not about one
    /// person, then.
    pub(in crate::targets) fn has_right(&self, has_right: bool, why: &str) {
        if has_right {
            self.without_right.store(0, Ordering::Relaxed);
        } else if self.without_right.fetch_add(1, Ordering::Relaxed) > 0 {
            self.stop(why);
        }
    }

    /// Whether another call may be made.
    pub(in crate::targets) fn go_on(&self) -> Result<(), Halt> {
        match self.stopped.get() {
            Some(why) => Err(Halt::Stopped(why.clone())),
            None if self.engine.now() >= self.until => Err(Halt::TimeUp),
            None => Ok(()),
        }
    }

    /// Waits for the right to make a call: for the end of a pause, one of the places and the pace.
    pub(in crate::targets) async fn slot(&self) -> Result<Slot<'a>, Halt> {
        loop {
            self.go_on()?;
            self.end_of_pause().await?;
            let slot = self.place().await?;
            let start = self.engine.pace.next_start(self.engine.now(), self.until);
            self.wait_until(start.ok_or(Halt::TimeUp)?).await?;
            self.go_on()?;
            if self.back_from_pause().is_none() {
                return Ok(slot);
            }
        }
    }

    /// Waits for the end of a pause, if there is one.
    pub(in crate::targets) async fn end_of_pause(&self) -> Result<(), Halt> {
        while let Some(moment) = self.back_from_pause() {
            self.wait_until(moment).await.map_err(|_| Halt::Busy)?;
        }
        Ok(())
    }

    /// Whether the target has asked for a break that is not over.
    pub(in crate::targets) fn is_paused(&self) -> bool {
        self.back_from_pause().is_some()
    }

    fn back_from_pause(&self) -> Option<Timestamp> {
        self.engine.pace.back_from_pause(self.engine.now())
    }

    async fn place(&self) -> Result<Slot<'a>, Halt> {
        if let Some(slot) = self.engine.pace.try_place() {
            return Ok(slot);
        }
        let placed = tokio::time::timeout(self.remaining(), self.engine.pace.place()).await;
        placed.ok().flatten().ok_or(Halt::TimeUp)
    }

    /// Waits about this long; not at all where that would be too late.
    pub(in crate::targets) async fn back_off(&self, time: Duration) -> Result<(), Halt> {
        self.wait_until(self.engine.now().plus(self.engine.pace.jittered(time))).await?;
        self.go_on()
    }

    pub(super) async fn wait_until(&self, moment: Timestamp) -> Result<(), Halt> {
        if moment >= self.until {
            return Err(Halt::TimeUp);
        }
        if moment > self.engine.now() {
            self.engine.clock.sleep_until(moment).await;
        }
        Ok(())
    }

    /// Why something is not done that there was no time for.
    pub(in crate::targets) fn time_is_up(&self) -> String {
        format!("{} could not be called in time", self.engine.name)
    }

    /// The reason of a halt.
    pub(in crate::targets) fn reason(&self, halt: Halt) -> String {
        match halt {
            Halt::TimeUp => self.time_is_up(),
            Halt::Busy => format!("{} is busy", self.engine.name),
            Halt::Stopped(why) => why,
        }
    }
}
