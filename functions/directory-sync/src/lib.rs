//! On a schedule: takes over from the targets who is known, under which identifiers, and under which key there.

use std::time::Duration;

use people_core::directory;
use people_core::error::StoreError;
use people_core::ports::App;
use serde::Serialize;

/// How long listing people takes at most: the function has 5 minutes, and needs the rest to write down what it learnt.
const LONGEST: Duration = Duration::from_secs(200);

/// What a run found, as the function's result.
#[derive(Debug, Serialize, PartialEq, Eq)]
pub struct Summary {
    /// How many people each target listed.
    pub listed: Vec<Count>,
    /// The targets that could not be asked.
    pub failed: Vec<String>,
}

/// The people of one target.
#[derive(Debug, Serialize, PartialEq, Eq)]
pub struct Count {
    /// The target's name.
    pub target: String,
    /// How many people it listed.
    pub people: usize,
}

/// Runs once, whatever event asked for it. A target that cannot be asked is reported, and the others are taken over;
/// `Err` where the directory failed.
pub async fn handle(app: &App) -> Result<Summary, StoreError> {
    let report = directory::sync(app, app.clock.now().plus(LONGEST)).await?;
    for (target, why) in &report.failed {
        tracing::warn!(target.name = %target, reason = %why, "the people of {target} could not be listed");
    }
    let count = |(target, people): (std::sync::Arc<str>, usize)| Count { target: target.to_string(), people };
    Ok(Summary {
        listed: report.listed.into_iter().map(count).collect(),
        failed: report.failed.into_iter().map(|(target, _)| target.to_string()).collect(),
    })
}
