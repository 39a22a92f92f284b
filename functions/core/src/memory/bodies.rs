//! The waiting bodies in memory.

use std::collections::HashMap;
use std::sync::Mutex;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream};

use super::{in_memory, lock};
use crate::body::BodyKey;
use crate::document::{Content, Link};
use crate::error::StoreError;
use crate::id::ImportId;
use crate::ports::{Announced, Bodies, SignedPut, StagedBody};
use crate::time::Timestamp;

/// How large the pieces are that a body is read in.
const CHUNK: usize = 64 * 1024;

/// Waiting bodies in memory. Its links and requests lead nowhere; what a caller would send there is put.
#[derive(Debug, Default)]
pub struct MemoryBodies(Mutex<HashMap<BodyKey, (String, Bytes)>>);

impl MemoryBodies {
    /// What the newest link to what failed of this import leads to: its content type and its bytes.
    pub fn failed(&self, import: ImportId) -> Option<(String, Bytes)> {
        lock(&self.0).get(&BodyKey::failed(import)).cloned()
    }
}

#[async_trait]
impl Bodies for MemoryBodies {
    async fn upload(
        &self,
        import: ImportId,
        body: &Announced,
        until: Timestamp,
    ) -> Result<SignedPut, StoreError> {
        Ok(SignedPut {
            url: Link::new(format!("memory:{}", BodyKey::staged(import).as_str())),
            headers: vec![("content-type".to_owned(), body.content_type.clone())],
            expires_at: until.to_second(),
        })
    }

    async fn put(&self, import: ImportId, content_type: &str, content: &Content) -> Result<bool, StoreError> {
        let (key, body) = (BodyKey::staged(import), (content_type.to_owned(), in_memory(content)?));
        let mut bodies = lock(&self.0);
        let is_new = !bodies.contains_key(&key);
        bodies.entry(key).or_insert(body);
        Ok(is_new)
    }

    async fn read(&self, import: ImportId) -> Result<Option<StagedBody>, StoreError> {
        let body = lock(&self.0).get(&BodyKey::staged(import)).cloned();
        Ok(body.map(|(content_type, bytes)| {
            let chunks: Vec<_> = bytes.chunks(CHUNK).map(|chunk| Ok(bytes.slice_ref(chunk))).collect();
            let bytes = bytes.len() as u64;
            StagedBody { content_type, bytes, chunks: stream::iter(chunks).boxed() }
        }))
    }

    async fn remove(&self, import: ImportId) -> Result<(), StoreError> {
        lock(&self.0).remove(&BodyKey::staged(import));
        Ok(())
    }

    async fn link_to_failed(
        &self,
        import: ImportId,
        content_type: &str,
        content: &Content,
    ) -> Result<Link, StoreError> {
        let (key, body) = (BodyKey::failed(import), (content_type.to_owned(), in_memory(content)?));
        let link = Link::new(format!("memory:{}", key.as_str()));
        lock(&self.0).insert(key, body);
        Ok(link)
    }
}
