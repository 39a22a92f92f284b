//! What a function writes to its log group, as Lambda's logging controls ask for it. The runtime's own subscriber does the
//! same with a filter language on top, whose regular expressions are a tenth of a function's size.

use tracing_subscriber::filter::LevelFilter;

use crate::config;

/// Begins to log to standard output. `AWS_LAMBDA_LOG_LEVEL`, or else `RUST_LOG`, is the least level (INFO where there is none
/// that can be read); `AWS_LAMBDA_LOG_FORMAT=JSON` makes each line an object. Only the first call of a process counts.
pub fn start() {
    let level = config::log_level().and_then(|level| level.parse().ok()).unwrap_or(LevelFilter::INFO);
    // Lambda adds the time.
    let lines = tracing_subscriber::fmt().with_target(false).without_time().with_max_level(level);
    let started = if config::logs_json() { lines.json().try_init() } else { lines.try_init() };
    if started.is_err() {
        tracing::debug!("somebody logs already");
    }
}
