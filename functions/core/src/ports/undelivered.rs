//! The port of the updates that have not arrived yet.

use async_trait::async_trait;

use crate::error::StoreError;
use crate::id::ImportId;
use crate::person::TargetName;
use crate::time::Timestamp;
use crate::undelivered::{Kept, Place, Waiting};

/// The updates that have not arrived yet. Only those who deliver read the updates themselves.
#[async_trait]
pub trait Undelivered: Send + Sync {
    /// Keeps updates, one at each place; what was kept there before is replaced.
    async fn keep(&self, updates: &[Kept]) -> Result<(), StoreError>;

    /// What is kept at these places now, in any order.
    async fn get(&self, places: &[Place]) -> Result<Vec<Kept>, StoreError>;

    /// Nothing is kept at these places any more.
    async fn remove(&self, places: &[Place]) -> Result<(), StoreError>;

    /// One page of what waits, ordered by when it is tried again, then by place. What was kept or removed a moment ago may
    /// be shown as it was before.
    async fn list(&self, page: &WaitingPage) -> Result<Vec<Waiting>, StoreError>;

    /// What waits of one import, by place.
    async fn of_import(&self, import: ImportId) -> Result<Vec<Waiting>, StoreError>;

    /// What is kept at these places is tried again at this moment, whenever it was to be. Says how many there are. No update
    /// is read for it.
    async fn due_now(&self, places: &[Place], now: Timestamp) -> Result<usize, StoreError>;

    /// How many updates wait.
    async fn count(&self) -> Result<u64, StoreError>;
}

/// Which updates are wanted of those that wait.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WaitingPage {
    /// The last one of the page before.
    pub after: Option<(Timestamp, Place)>,
    /// Only those that are to be tried by then.
    pub due: Option<Timestamp>,
    /// Only those that are missing at this target.
    pub target: Option<TargetName>,
    /// Only those whose caller named this person: see [`Waiting::names`].
    pub person: Option<String>,
    /// The most that are given back.
    pub limit: usize,
}
