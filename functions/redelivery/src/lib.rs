//! On a schedule: delivers again what has not arrived, and ends or takes up imports that died. Once a day it sweeps what
//! documents left behind.

use std::time::Duration;

use people_adapters::{staged, system};
use people_core::error::StoreError;
use people_core::filing;
use people_core::ports::App;
use people_core::redelivery::{self, Which};
use people_core::time::Timestamp;
use serde::{Deserialize, Serialize};

/// How long before its end the function stops delivering: what came of it has to be written down.
const STOPS_BEFORE: Duration = Duration::from_secs(10);

/// What is to be done. The schedule's own event asks for nothing in particular.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Asked {
    /// Whether what waits is tried now, also where its time has not come.
    pub all: bool,
    /// Whether, in place of all that, the bytes of documents are deleted that no slot leads to.
    pub sweep: bool,
    /// How many files that may be, where somebody has looked at them; without it, a number of which nobody has to be afraid.
    pub most: Option<usize>,
}

/// What a run came to, as the function's result: updates at one target each, and files.
#[derive(Debug, Default, Serialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Those that have arrived.
    pub delivered: usize,
    /// Those of which newer imports had set every field.
    pub superseded: usize,
    /// Those that were refused for good.
    pub failed: usize,
    /// Those whose time is over.
    pub given_up: usize,
    /// Those that are tried again later.
    pub deferred: usize,
    /// How many files were deleted that no slot led to.
    pub swept: usize,
}

/// Runs once; the function itself ends at `ends`. What died is looked at first: a synchronous import is closed, as
/// far as its outcomes are known, and one whose body is there is taken up.
///
/// # Errors
/// When a store failed. What was delivered by then is in the logs, or is delivered once more.
pub async fn handle(app: &App, asked: Asked, ends: Timestamp) -> Result<Summary, StoreError> {
    let until =
        Timestamp::from_millis(ends.millis() - i64::try_from(STOPS_BEFORE.as_millis()).unwrap_or_default());
    if asked.sweep {
        return Ok(Summary { swept: filing::sweep(app, asked.most, until).await?, ..Summary::default() });
    }
    let holder = system::new_holder()?;
    // What can be delivered does not wait for those that cannot be ended.
    let staged = redelivery::end_interrupted(app, &holder).await.unwrap_or_else(|error| {
        tracing::error!(%error, "the imports that have not ended could not be listed");
        Vec::new()
    });
    // Bodies that wait do not take all the time from the updates that do.
    let now = app.clock.now();
    staged::look_after(app, &staged, &holder, now.plus(until.since(now) / 2)).await;
    let which = if asked.all { Which::All } else { Which::Due };
    let report = redelivery::run(app, &holder, which, until).await?;
    Ok(Summary {
        delivered: report.delivered,
        superseded: report.superseded,
        failed: report.failed,
        given_up: report.given_up,
        deferred: report.deferred,
        swept: 0,
    })
}
