//! The port that counts how often something happens, so that there can be a limit to it.

use async_trait::async_trait;

use crate::error::StoreError;
use crate::time::Timestamp;

/// How often things happen, over all processes.
#[async_trait]
pub trait Rates: Send + Sync {
    /// Counts one more under this name, and says how many that makes: of many who count at once, each is told another
    /// number. The count begins anew at the `until` that was said first since it last did. Where an answer of the store is
    /// lost, one may be counted that nobody was told of. Nobody waits long for it.
    async fn count(&self, name: &str, until: Timestamp) -> Result<u64, StoreError>;
}
