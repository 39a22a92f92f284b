//! Failures of our own. A part that is invalid and a target that refuses are outcomes, so they are not here: an error
//! of this kind means that we could not do our job, and only then does a caller see a 5xx.

/// A store of ours failed. The text is for the operator's log and never leaves the service.
#[derive(Debug, thiserror::Error)]
#[error("could not {action}: {source}")]
pub struct StoreError {
    /// What we were about to do, as the words that follow "could not".
    pub action: &'static str,
    /// What the store, or the library that speaks to it, said.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

impl StoreError {
    /// The failure of `action` because of `source`.
    pub fn new(
        action: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> StoreError {
        StoreError { action, source: source.into() }
    }
}
