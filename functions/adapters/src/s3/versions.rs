//! An object and its versions: read only where it has changed, listed, and read one by one. The bucket keeps the history
//! of the configuration, so that nothing else has to.

use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use bytes::{Bytes, BytesMut};
use people_core::error::StoreError;

use crate::aws::s3_failed;

const READ: &str = "read an object";
const REPLACE: &str = "replace an object";
const LIST: &str = "list the versions of an object";
const READ_VERSION: &str = "read a version of an object";

/// What a conditional read found.
pub(crate) enum Current {
    /// The object that the caller has.
    Same,
    /// Another one, with its ETag.
    New(String, Bytes),
    /// None, or one that was deleted.
    Absent,
}

/// A version of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Version {
    /// Its id; `None` where it says that the object was deleted.
    pub(crate) id: Option<String>,
    /// When it was made, in milliseconds; S3 tells whole seconds.
    pub(crate) made_at: i64,
}

/// The object, unless it has the ETag `known`. A server that ignores the condition is asked for nothing more: the ETag
/// that it answers is compared too. Of an object of more than `most` bytes, one byte more is read, which tells it.
pub(crate) async fn read_current(
    s3: &Client,
    bucket: &str,
    key: &str,
    known: Option<&str>,
    most: usize,
) -> Result<Current, StoreError> {
    let request = s3.get_object().bucket(bucket).key(key).set_if_none_match(known.map(str::to_owned));
    match request.send().await {
        Ok(object) => {
            let tag = object.e_tag().unwrap_or_default().to_owned();
            if known == Some(tag.as_str()) && !tag.is_empty() {
                return Ok(Current::Same);
            }
            Ok(Current::New(tag, collect(object.body, most, READ).await?))
        }
        Err(error) if error.raw_response().is_some_and(|answer| answer.status().as_u16() == 304) => {
            Ok(Current::Same)
        }
        Err(error) if error.as_service_error().is_some_and(|error| error.is_no_such_key()) => {
            Ok(Current::Absent)
        }
        Err(error) => Err(s3_failed(READ, &error)),
    }
}

/// Stores an object, unless it is another one by now than that of the ETag `known`, or where that is `None`, unless there
/// is one. False where nothing was stored.
pub(crate) async fn replace(
    s3: &Client,
    bucket: &str,
    key: &str,
    known: Option<&str>,
    bytes: Bytes,
) -> Result<bool, StoreError> {
    let request = s3.put_object().bucket(bucket).key(key).body(bytes.into());
    let request = match known {
        Some(tag) => request.if_match(tag),
        None => request.if_none_match("*"),
    };
    match request.send().await {
        Ok(_) => Ok(true),
        Err(error) if error.code().is_some_and(is_another) => Ok(false),
        Err(error) => Err(s3_failed(REPLACE, &error)),
    }
}

/// Whether S3 says that the object is not the expected one, is about to be another, or is gone.
fn is_another(code: &str) -> bool {
    matches!(code, "PreconditionFailed" | "ConditionalRequestConflict" | "NoSuchKey")
}

/// The newest versions of the object of exactly this key, at most `most`, newest first; in a bucket that keeps none, the
/// object alone.
pub(crate) async fn list_versions(
    s3: &Client,
    bucket: &str,
    key: &str,
    most: i32,
) -> Result<Vec<Version>, StoreError> {
    // Keys are listed in their order, so this one comes before those that only begin like it.
    let request = s3.list_object_versions().bucket(bucket).prefix(key).max_keys(most);
    let listed = request.send().await.map_err(|error| s3_failed(LIST, &error))?;
    let markers = listed.delete_markers().iter().filter(|marker| marker.key() == Some(key));
    let markers = markers.map(|marker| (marker.is_latest(), None, marker.last_modified()));
    let versions = listed.versions().iter().filter(|version| version.key() == Some(key));
    let versions =
        versions.map(|version| (version.is_latest(), version.version_id(), version.last_modified()));
    let mut all: Vec<_> = markers
        .chain(versions)
        .map(|(is_latest, id, made_at)| (is_latest == Some(true), version(id, made_at)))
        .collect();
    // Each list is in its order already; what was made within one second stays in it.
    all.sort_by_key(|(is_latest, version)| std::cmp::Reverse((*is_latest, version.made_at)));
    Ok(all.into_iter().map(|(_, version)| version).collect())
}

fn version(id: Option<&str>, made_at: Option<&DateTime>) -> Version {
    let made_at = made_at.and_then(|moment| moment.to_millis().ok()).unwrap_or(i64::MIN);
    Version { id: id.map(str::to_owned), made_at }
}

/// The bytes of a version; `None` where S3 answers that this one cannot be had: it is gone, archived, or may not be read.
/// Of more than `most` bytes, one more is read, which tells it.
pub(crate) async fn read_version(
    s3: &Client,
    bucket: &str,
    key: &str,
    id: &str,
    most: usize,
) -> Result<Option<Bytes>, StoreError> {
    match s3.get_object().bucket(bucket).key(key).version_id(id).send().await {
        Ok(object) => collect(object.body, most, READ_VERSION).await.map(Some),
        Err(error) if error.code().is_some_and(is_of_this_version) => {
            let error = s3_failed(READ_VERSION, &error);
            tracing::warn!(%error, cause = %error.source, "a version of the configuration is left out");
            Ok(None)
        }
        Err(error) => Err(s3_failed(READ_VERSION, &error)),
    }
}

/// Whether this answer says nothing of other versions. Any other trouble may be over soon, and does not count as one.
fn is_of_this_version(code: &str) -> bool {
    matches!(
        code,
        "NoSuchVersion"
            | "NoSuchKey"
            | "MethodNotAllowed"
            | "InvalidObjectState"
            | "AccessDenied"
            | "KMS.DisabledException"
            | "KMS.NotFoundException"
            | "KMS.KMSInvalidStateException"
    )
}

/// The bytes of a body, at most `most` and one.
async fn collect(mut body: ByteStream, most: usize, action: &'static str) -> Result<Bytes, StoreError> {
    let mut bytes = BytesMut::new();
    while bytes.len() <= most
        && let Some(chunk) = body.next().await
    {
        let chunk = chunk.map_err(|_| StoreError::new(action, "its bytes broke off"))?;
        bytes.extend_from_slice(&chunk);
    }
    bytes.truncate(most + 1);
    Ok(bytes.freeze())
}
