//! The bodies that wait to be imported, as objects of the bucket. A caller stores one with a request that we signed, so the
//! bytes never come by us.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use aws_sdk_s3::presigning::{PresignedRequest, PresigningConfig};
use aws_smithy_types::base64;
use people_core::body::BodyKey;
use people_core::document::{Content, Link};
use people_core::error::StoreError;
use people_core::id::ImportId;
use people_core::ports::{Announced, Bodies, Clock, SignedPut, StagedBody};
use people_core::time::Timestamp;

use super::{body, override_timeouts, presigned_get};
use crate::aws::s3_failed;

const SIGN: &str = "sign the upload of a body";
const STORE: &str = "store a body";
const READ: &str = "read a body";
const REMOVE: &str = "remove a body";
/// What every client sends by itself.
const SENT_ANYWAY: [&str; 2] = ["content-length", "host"];

/// The waiting bodies in a bucket.
#[derive(Clone)]
pub struct S3Bodies {
    s3: Client,
    bucket: String,
    clock: Arc<dyn Clock>,
}

impl S3Bodies {
    /// The bodies in this bucket; requests are signed as of this clock.
    pub fn new(s3: Client, bucket: impl Into<String>, clock: Arc<dyn Clock>) -> S3Bodies {
        S3Bodies { s3, bucket: bucket.into(), clock }
    }

    fn put_of(
        &self,
        key: &BodyKey,
        content_type: &str,
        bytes: u64,
    ) -> Result<PutObjectFluentBuilder, StoreError> {
        let length = i64::try_from(bytes).map_err(|error| StoreError::new(STORE, error))?;
        let request = self.s3.put_object().bucket(&self.bucket).key(key.as_str());
        Ok(request.content_type(content_type).content_length(length))
    }

    /// Signed from this second on, so that it ends with the second of `until`.
    fn life(&self, until: Timestamp) -> Result<PresigningConfig, StoreError> {
        let now = self.clock.now().to_second();
        let start = Duration::from_millis(now.millis().max(0).unsigned_abs());
        let life = until.to_second().since(now);
        if life.is_zero() {
            return Err(StoreError::new(SIGN, "its time is over"));
        }
        PresigningConfig::builder()
            .start_time(UNIX_EPOCH + start)
            .expires_in(life)
            .build()
            .map_err(|error| StoreError::new(SIGN, error))
    }
}

#[async_trait]
impl Bodies for S3Bodies {
    /// Nothing is sent to S3: the request is a signature. It dies with the credentials that signed it, if that is sooner.
    async fn upload(
        &self,
        import: ImportId,
        body: &Announced,
        until: Timestamp,
    ) -> Result<SignedPut, StoreError> {
        let life = self.life(until)?;
        let request = self
            .put_of(&BodyKey::staged(import), &body.content_type, body.bytes)?
            .if_none_match("*")
            .set_checksum_sha256(body.sha256.map(base64::encode));
        let request = request.presigned(life).await.map_err(|error| s3_failed(SIGN, &error))?;
        Ok(SignedPut {
            url: Link::new(request.uri().to_owned()),
            headers: to_send(&request),
            expires_at: until.to_second(),
        })
    }

    /// A file is read piece by piece, and S3 compares a checksum that is sent after it.
    async fn put(&self, import: ImportId, content_type: &str, content: &Content) -> Result<bool, StoreError> {
        let request = self.put_of(&BodyKey::staged(import), content_type, content.bytes())?;
        let request = request.if_none_match("*").body(body::of(content));
        match request.customize().config_override(override_timeouts(content.bytes())).send().await {
            Ok(_) => Ok(true),
            Err(error) if error.code() == Some("PreconditionFailed") => Ok(false),
            Err(error) => Err(s3_failed(STORE, &error)),
        }
    }

    async fn read(&self, import: ImportId) -> Result<Option<StagedBody>, StoreError> {
        let key = BodyKey::staged(import);
        let object = match self.s3.get_object().bucket(&self.bucket).key(key.as_str()).send().await {
            Ok(object) => object,
            Err(error) if error.as_service_error().is_some_and(|e| e.is_no_such_key()) => return Ok(None),
            Err(error) => return Err(s3_failed(READ, &error)),
        };
        let content_type = object.content_type().unwrap_or_default().to_owned();
        let bytes = body::length(object.content_length(), READ)?;
        Ok(Some(StagedBody { content_type, bytes, chunks: body::chunks(object.body, bytes, READ) }))
    }

    async fn remove(&self, import: ImportId) -> Result<(), StoreError> {
        let key = BodyKey::staged(import);
        let answer = self.s3.delete_object().bucket(&self.bucket).key(key.as_str()).send().await;
        answer.map(drop).map_err(|error| s3_failed(REMOVE, &error))
    }

    async fn link_to_failed(
        &self,
        import: ImportId,
        content_type: &str,
        content: &Content,
    ) -> Result<Link, StoreError> {
        let key = BodyKey::failed(import);
        let request = self.put_of(&key, content_type, content.bytes())?.body(body::of(content));
        let answer = request.customize().config_override(override_timeouts(content.bytes())).send().await;
        answer.map_err(|error| s3_failed(STORE, &error))?;
        presigned_get(&self.s3, &self.bucket, key.as_str()).await
    }
}

fn to_send(request: &PresignedRequest) -> Vec<(String, String)> {
    let headers = request.headers().filter(|(name, _)| !SENT_ANYWAY.contains(name));
    headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}
