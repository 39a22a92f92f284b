//! The port of the sessions of the console.

use async_trait::async_trait;

use crate::error::StoreError;
use crate::session::{Session, SessionHash};

/// The sessions of the console.
#[async_trait]
pub trait Sessions: Send + Sync {
    /// Stores a session; its hash is new, because it is that of random bytes.
    async fn create(&self, session: &Session) -> Result<(), StoreError>;

    /// The session with this hash, unless it is over.
    async fn find(&self, hash: &SessionHash) -> Result<Option<Session>, StoreError>;

    /// Ends a session; one that is over already stays so.
    async fn end(&self, hash: &SessionHash) -> Result<(), StoreError>;
}
