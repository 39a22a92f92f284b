//! On a schedule: imports the files that HR exports dropped, batch by batch, and moves them.

use std::time::Duration;

use people_adapters::system;
use people_core::error::StoreError;
use people_core::inbox;
use people_core::ports::App;
use people_core::time::Timestamp;
use serde::Serialize;

/// How long before its end the function stops delivering: what came of it has to be written down.
const STOPS_BEFORE: Duration = Duration::from_secs(10);

/// What a run came to, as the function's result.
#[derive(Debug, Serialize, PartialEq, Eq)]
pub struct Summary {
    /// The files of which something was imported.
    pub done: usize,
    /// The files of which nothing was.
    pub failed: usize,
    /// The files that are left for another run.
    pub left: usize,
}

/// Runs once, whatever event asked for it; the function itself ends at `ends`.
///
/// # Errors
/// When a store failed. What is left, the next run takes up.
pub async fn handle(app: &App, ends: Timestamp) -> Result<Summary, StoreError> {
    let holder = system::new_holder()?;
    let stops_before = i64::try_from(STOPS_BEFORE.as_millis()).unwrap_or(i64::MAX);
    let until = Timestamp::from_millis(ends.millis().saturating_sub(stops_before));
    let report = inbox::run::run(app, &holder, until).await?;
    Ok(Summary { done: report.done, failed: report.failed, left: report.left })
}
