//! The port of the bodies that wait to be imported: a body that does not fit into a request, or that nobody waits for, is
//! kept here until an import reads it.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;

use crate::document::{Content, Link};
use crate::error::StoreError;
use crate::id::ImportId;
use crate::time::Timestamp;

/// The bodies that wait to be imported, one for each import.
#[async_trait]
pub trait Bodies: Send + Sync {
    /// A request that may PUT the announced body of this import, once, until `until`, which is counted in whole seconds. It
    /// is refused where anything of what was announced is different. Nothing is stored yet. Who takes a body away opens the
    /// place again: within its time, the same request works once more.
    async fn upload(
        &self,
        import: ImportId,
        body: &Announced,
        until: Timestamp,
    ) -> Result<SignedPut, StoreError>;

    /// Stores a body; one that is there already stays, and the answer is false. It may be false too where an earlier attempt
    /// of the same call stored it.
    async fn put(&self, import: ImportId, content_type: &str, content: &Content) -> Result<bool, StoreError>;

    /// The body as it arrived; `None` where none has, or it is gone.
    async fn read(&self, import: ImportId) -> Result<Option<StagedBody>, StoreError>;

    /// Takes the body away; one that is not there is no failure.
    async fn remove(&self, import: ImportId) -> Result<(), StoreError>;

    /// Stores what failed of an import, as a body of its own in place of any earlier one, and gives a link to it.
    async fn link_to_failed(
        &self,
        import: ImportId,
        content_type: &str,
        content: &Content,
    ) -> Result<Link, StoreError>;
}

/// What a caller says of a body before sending it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announced {
    /// Its content type, a valid value of a header.
    pub content_type: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its SHA-256, where the caller gave it.
    pub sha256: Option<[u8; 32]>,
}

/// A request that works for whoever has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedPut {
    /// Where the body goes.
    pub url: Link,
    /// What has to be sent along as it is, beside the length and the host, which every client sends.
    pub headers: Vec<(String, String)>,
    /// When it stops working.
    pub expires_at: Timestamp,
}

/// A body that has arrived. `Debug` shows the size alone.
pub struct StagedBody {
    /// The content type that it was sent with.
    pub content_type: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its bytes, in order; exactly as many, or an error at the end. Nothing is fetched before it is asked for.
    pub chunks: BoxStream<'static, Result<Bytes, StoreError>>,
}

impl fmt::Debug for StagedBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.bytes)
    }
}
