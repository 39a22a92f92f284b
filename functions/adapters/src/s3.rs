//! The documents: the bytes in S3 and their records in DynamoDB. First the object, then the record, so that whatever
//! fails in between leaves an object that nobody sees, never a record without its bytes. Bodies and files that wait to be
//! imported are in the same bucket.

mod bodies;
mod body;
mod disposition;
mod inbox;
pub(crate) mod versions;

use std::time::Duration;

use async_trait::async_trait;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::presigning::PresigningConfig;
use people_core::document::{Document, DocumentKey, LINK_LIFE, Link, Slot, StoredDocument};
use people_core::error::StoreError;
use people_core::id::ImportId;
use people_core::person::PersonKey;
use people_core::ports::{Documents, Stored};
use people_core::time::Timestamp;

use crate::aws::{ATTEMPT, OPERATION, s3_failed};
use crate::dynamodb::{DynamoRecords, Objects, Recorded, Tables};

pub use bodies::S3Bodies;
pub use inbox::S3Inbox;

const STORE: &str = "store a document";
const READ: &str = "read a document";
const LINK: &str = "make a link to an object";
const SWEEP: &str = "sweep the objects of documents";
/// So many objects without a record are swept where there are any records, and otherwise one for so many records.
const FEW: usize = 10;
const RECORDS_FOR_ONE: usize = 100;
/// How fast an upload is at least taken to be, in bytes a second.
const SLOWEST: u64 = 1024 * 1024;
/// How often a slot is read again whose object was replaced just then.
const LOOKS: u32 = 3;

/// The documents in a bucket and a table.
#[derive(Debug, Clone)]
pub struct S3Documents {
    s3: Client,
    bucket: String,
    records: DynamoRecords,
}

impl S3Documents {
    /// The documents in this bucket, and their records in these tables.
    pub fn new(
        s3: Client,
        bucket: impl Into<String>,
        dynamodb: aws_sdk_dynamodb::Client,
        tables: &Tables,
    ) -> S3Documents {
        S3Documents { s3, bucket: bucket.into(), records: DynamoRecords::new(dynamodb, tables) }
    }

    async fn put(&self, document: &Document) -> Result<(), StoreError> {
        let length =
            i64::try_from(document.content.bytes()).map_err(|error| StoreError::new(STORE, error))?;
        let request = self
            .s3
            .put_object()
            .bucket(&self.bucket)
            .key(document.key.as_str())
            .content_type("application/pdf")
            .content_disposition(disposition::attachment(&document.file_name))
            .content_length(length)
            // Known already: S3 compares it with what arrives, and nothing is hashed a second time.
            .checksum_sha256(aws_smithy_types::base64::encode(document.sha256))
            .body(body::of(&document.content));
        let config = override_timeouts(document.content.bytes());
        let answer = request.customize().config_override(config).send().await;
        answer.map(drop).map_err(|error| s3_failed(STORE, &error))
    }

    async fn delete_object(&self, key: &str) -> Result<(), StoreError> {
        let answer = self.s3.delete_object().bucket(&self.bucket).key(key).send().await;
        answer.map(drop).map_err(|error| s3_failed("delete an object", &error))
    }

    /// The keys of the objects that were stored before then and that no record leads to, if they are no more than `most`.
    async fn left_behind(
        &self,
        recorded: &Objects,
        stored_before: Timestamp,
        most: usize,
    ) -> Result<Vec<String>, StoreError> {
        let request = self.s3.list_objects_v2().bucket(&self.bucket).prefix(DocumentKey::PREFIX);
        let mut pages = request.into_paginator().send();
        let (mut left_behind, mut count) = (Vec::new(), 0);
        while let Some(page) = pages.next().await {
            for object in page.map_err(|error| s3_failed(SWEEP, &error))?.contents() {
                let (Some(key), Some(stored_at)) = (object.key(), object.last_modified()) else { continue };
                let is_old = stored_at.to_millis().is_ok_and(|at| at < stored_before.millis());
                if is_old && !recorded.contains(key) {
                    count += 1;
                    if count <= most {
                        left_behind.push(key.to_owned());
                    }
                }
            }
        }
        if count <= most {
            return Ok(left_behind);
        }
        let records = recorded.len();
        let refused =
            format!("{count} are without a record, and {records} have one; at most {most} would be deleted");
        Err(StoreError::new(SWEEP, refused))
    }

    /// The object is out of reach already, so a failure costs its space until it is swept.
    async fn discard(&self, import: ImportId, key: &DocumentKey) {
        if let Err(error) = self.delete_object(key.as_str()).await {
            tracing::warn!(import.id = %import, %error, cause = %error.source, "an object without a record stays");
        }
    }
}

#[async_trait]
impl Documents for S3Documents {
    /// Where the record fails, both objects stay, the new and the old: the answer may have been lost alone, and then the
    /// record is there. The old one is deleted only once it is certain that this document's record took its place.
    async fn store(&self, document: &Document) -> Result<Stored, StoreError> {
        self.put(document).await?;
        match self.records.put(document).await? {
            Recorded::InPlaceOf(before) => {
                self.discard(document.import, &before).await;
                Ok(Stored::Replaced)
            }
            // No record leads to our object, nor will one: what a later import has put there is only ever replaced by
            // one that is later still.
            Recorded::Superseded => {
                self.discard(document.import, &document.key).await;
                Ok(Stored::Superseded)
            }
            Recorded::New | Recorded::Before => Ok(Stored::Uploaded),
        }
    }

    async fn read(&self, slot: &Slot) -> Result<Option<Vec<u8>>, StoreError> {
        for _ in 0..LOOKS {
            let Some(key) = self.records.find(slot).await? else { return Ok(None) };
            if let Some(bytes) = read_object(&self.s3, &self.bucket, key.as_str()).await? {
                return Ok(Some(bytes));
            }
        }
        Err(StoreError::new(READ, "there is a record without its object"))
    }

    /// The record alone says so.
    async fn is_taken(&self, slot: &Slot) -> Result<bool, StoreError> {
        Ok(self.records.find(slot).await?.is_some())
    }

    /// Nothing is sent to S3: a link is a signature.
    async fn link(&self, slot: &Slot, file_name: &str) -> Result<Option<Link>, StoreError> {
        let Some(key) = self.records.find_named(slot, file_name).await? else { return Ok(None) };
        presigned_get(&self.s3, &self.bucket, key.as_str()).await.map(Some)
    }

    async fn list(&self, person: &PersonKey) -> Result<Vec<StoredDocument>, StoreError> {
        self.records.of_person(person).await
    }

    /// First the record, so that nobody is led to what is going; only the object that this very record led to is deleted.
    async fn delete(&self, slot: &Slot, file_name: &str, import: ImportId) -> Result<bool, StoreError> {
        let Some(key) = self.records.delete(slot, file_name).await? else { return Ok(false) };
        self.discard(import, &key).await;
        Ok(true)
    }

    /// First the records, then the objects: of an object that is old enough, the record is there before or never will be.
    /// Where too many have none, nothing is deleted: it is the wrong table then, or one that was lost.
    async fn sweep(&self, stored_before: Timestamp, most: Option<usize>) -> Result<usize, StoreError> {
        let recorded = self.records.objects().await?;
        let most = most.unwrap_or_else(|| most_left_behind(recorded.len()));
        let left_behind = self.left_behind(&recorded, stored_before, most).await?;
        let mut swept = 0;
        for key in left_behind {
            match self.delete_object(&key).await {
                Ok(()) => swept += 1,
                // One that must not be deleted does not keep the others.
                Err(error) => {
                    tracing::warn!(%error, cause = %error.source, "an object without a record stays")
                }
            }
        }
        Ok(swept)
    }
}

/// How many objects may be without a record where so many have one; more are a sign of something else: a table that was lost,
/// restored to a former state, or belongs to another bucket.
fn most_left_behind(recorded: usize) -> usize {
    if recorded == 0 { 0 } else { FEW.max(recorded / RECORDS_FOR_ONE) }
}

/// A link to an object, for [`LINK_LIFE`].
async fn presigned_get(s3: &Client, bucket: &str, key: &str) -> Result<Link, StoreError> {
    let life = PresigningConfig::expires_in(LINK_LIFE).map_err(|error| StoreError::new(LINK, error))?;
    let request = s3.get_object().bucket(bucket).key(key).presigned(life).await;
    request.map(|request| Link::new(request.uri().to_owned())).map_err(|error| s3_failed(LINK, &error))
}

/// An attempt takes as long as the bytes need on a slow line; the caller's own deadline comes first anyway.
fn override_timeouts(bytes: u64) -> aws_sdk_s3::config::Builder {
    let transfer = Duration::from_secs(bytes / SLOWEST);
    let timeouts = TimeoutConfig::builder()
        .operation_attempt_timeout(ATTEMPT + transfer)
        .operation_timeout(OPERATION + transfer * 2)
        .build();
    aws_sdk_s3::config::Builder::new().timeout_config(timeouts)
}

/// The bytes of an object, all of them in memory; `None` where there is none.
pub async fn read_object(s3: &Client, bucket: &str, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
    match s3.get_object().bucket(bucket).key(key).send().await {
        Ok(object) => {
            let bytes =
                object.body.collect().await.map_err(|_| StoreError::new(READ, "its bytes broke off"))?;
            Ok(Some(bytes.to_vec()))
        }
        Err(error) if error.as_service_error().is_some_and(|e| e.is_no_such_key()) => Ok(None),
        Err(error) => Err(s3_failed("read an object", &error)),
    }
}

/// Stores an object; one that is there already is replaced.
pub async fn write_object(s3: &Client, bucket: &str, key: &str, bytes: Vec<u8>) -> Result<(), StoreError> {
    let answer = s3.put_object().bucket(bucket).key(key).body(bytes.into()).send().await;
    answer.map(drop).map_err(|error| s3_failed("write an object", &error))
}

/// Creates a bucket for the local stack and for tests; one that is there already stays as it is.
pub async fn create_bucket(s3: &Client, name: &str) -> Result<(), StoreError> {
    let Err(error) = s3.create_bucket().bucket(name).send().await else { return Ok(()) };
    match error.code() {
        Some("BucketAlreadyOwnedByYou" | "BucketAlreadyExists") => {
            let ours = s3.head_bucket().bucket(name).send().await;
            ours.map(drop).map_err(|error| s3_failed("use a bucket", &error))
        }
        _ => Err(s3_failed("create a bucket", &error)),
    }
}
