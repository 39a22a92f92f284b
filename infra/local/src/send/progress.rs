//! How far it is: a bar where somebody looks at a terminal, and a line now and then where the output is kept.

use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::summary::grouped;
use crate::serve::tell;

/// How often there is a line where there is no bar.
const LINE_EVERY: Duration = Duration::from_secs(10);
const TEMPLATE: &str = "{bar:24} {human_pos} of {human_len} · {per_sec} · {eta} left{msg}";

/// The progress of a run; a clone is the same one.
#[derive(Clone)]
pub(super) struct Progress {
    bar: ProgressBar,
    state: Arc<Mutex<State>>,
    is_terminal: bool,
}

struct State {
    told_at: Instant,
    failed: u64,
    is_waiting: bool,
}

impl Progress {
    pub(super) fn new() -> Progress {
        let is_terminal = std::io::stderr().is_terminal();
        let target = if is_terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let state = State { told_at: Instant::now(), failed: 0, is_waiting: false };
        let bar = ProgressBar::with_draw_target(None, target);
        Progress { bar, state: Arc::new(Mutex::new(state)), is_terminal }
    }

    /// There are so many parts in all, of which some were sent before.
    pub(super) fn begin(&self, all: u64, before: u64) {
        if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
            self.bar.set_style(style);
        }
        self.bar.set_length(all);
        self.bar.set_position(before);
        self.bar.reset_eta();
        if before > 0 {
            tell(&format!("{} of {} were sent before.", grouped(before), grouped(all)));
        }
    }

    /// So many more parts have been sent, of which some failed.
    pub(super) fn advance(&self, parts: u64, failed: u64) {
        self.bar.inc(parts);
        let mut state = self.state();
        state.failed += failed;
        if state.failed > 0 {
            self.bar.set_message(format!(" · {} failed", grouped(state.failed)));
        }
        if !self.is_terminal && state.told_at.elapsed() >= LINE_EVERY {
            state.told_at = Instant::now();
            let (sent, all) = (grouped(self.bar.position()), grouped(self.bar.length().unwrap_or_default()));
            let (rate, left) = (self.bar.per_sec(), HumanDuration(self.bar.eta()));
            tell(&format!("{sent} of {all} sent, {} failed, {rate:.0} a second, {left} left", state.failed));
        }
    }

    /// The server is waited for: why.
    pub(super) fn waits(&self, why: &str) {
        let mut state = self.state();
        if self.is_terminal {
            self.bar.set_message(format!(" · waiting: {why}"));
        } else if !state.is_waiting {
            tell(&format!("Waiting: {why}"));
        }
        state.is_waiting = true;
    }

    /// The server answers. How long it was waited for says nothing of how fast it goes on.
    pub(super) fn goes_on(&self) {
        let mut state = self.state();
        if state.is_waiting {
            (state.is_waiting, state.told_at) = (false, Instant::now());
            self.bar.set_message("");
            self.bar.reset_eta();
        }
    }

    /// There is nothing more to come.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
