//! The inbox, as objects of the bucket. A file is known by its name and its ETag, so whatever is done to it is done to the
//! bytes that were seen, or not at all.

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::types::{EncodingType, Object};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use people_core::body::InboxKey;
use people_core::document::{Content, MAX_IN_MEMORY, Spool};
use people_core::error::StoreError;
use people_core::id::ImportId;
use people_core::ports::{Inbox, InboxFile};
use people_core::time::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::{body, override_timeouts};
use crate::aws::s3_failed;

const LIST: &str = "list the inbox";
const READ: &str = "read a file of the inbox";
const MOVE: &str = "move a file out of the inbox";

/// The inbox in a bucket.
#[derive(Debug, Clone)]
pub struct S3Inbox {
    s3: Client,
    bucket: String,
}

impl S3Inbox {
    /// The inbox in this bucket.
    pub fn new(s3: Client, bucket: impl Into<String>) -> S3Inbox {
        S3Inbox { s3, bucket: bucket.into() }
    }

    /// The copy replaces one that an earlier attempt left.
    async fn copy(&self, file: &InboxFile, to: &InboxKey) -> Result<Moved, StoreError> {
        let from = format!("{}/{}", self.bucket, InboxKey::waiting(&file.name).as_str());
        let request = self
            .s3
            .copy_object()
            .bucket(&self.bucket)
            .key(to.as_str())
            .copy_source(utf8_percent_encode(&from, NON_ALPHANUMERIC).to_string())
            .copy_source_if_match(&file.version);
        match request.customize().config_override(override_timeouts(file.bytes)).send().await {
            Ok(_) => Ok(Moved::Yes),
            Err(error) if error.code().is_some_and(is_another) => Ok(Moved::ThereIsAnother),
            Err(error) => Err(s3_failed(MOVE, &error)),
        }
    }

    async fn delete(&self, file: &InboxFile) -> Result<(), StoreError> {
        let key = InboxKey::waiting(&file.name);
        let request = self.s3.delete_object().bucket(&self.bucket).key(key.as_str()).if_match(&file.version);
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) if error.code().is_some_and(is_another) => Ok(()),
            Err(error) => Err(s3_failed(MOVE, &error)),
        }
    }
}

/// Whether a file is where it was meant to go.
enum Moved {
    Yes,
    /// It is gone, or another one has its name.
    ThereIsAnother,
}

/// Whether S3 says that the object is not the expected one, or is gone.
fn is_another(code: &str) -> bool {
    matches!(code, "PreconditionFailed" | "NoSuchKey")
}

#[async_trait]
impl Inbox for S3Inbox {
    /// S3 lists by name, so all pages are read; no more than a page and `limit` files are kept of them.
    async fn list(&self, limit: usize) -> Result<Vec<InboxFile>, StoreError> {
        let (mut oldest, mut next) = (Vec::new(), None);
        loop {
            let request =
                self.s3.list_objects_v2().bucket(&self.bucket).prefix(InboxKey::WAITING).delimiter("/");
            // Not every character that a key may have can be in XML.
            let request = request.encoding_type(EncodingType::Url).set_continuation_token(next);
            let page = request.send().await.map_err(|error| s3_failed(LIST, &error))?;
            oldest.extend(page.contents().iter().filter_map(listed));
            oldest.sort_by(|one: &InboxFile, other| {
                (one.dropped_at, &one.name).cmp(&(other.dropped_at, &other.name))
            });
            oldest.truncate(limit);
            next = page.next_continuation_token;
            if next.is_none() {
                return Ok(oldest);
            }
        }
    }

    async fn fetch(&self, file: &InboxFile, spool: &dyn Spool) -> Result<Option<Content>, StoreError> {
        let key = InboxKey::waiting(&file.name);
        let request = self.s3.get_object().bucket(&self.bucket).key(key.as_str()).if_match(&file.version);
        let object = match request.send().await {
            Ok(object) => object,
            Err(error) if error.code().is_some_and(is_another) => return Ok(None),
            Err(error) => return Err(s3_failed(READ, &error)),
        };
        let bytes = body::length(object.content_length(), READ)?;
        spooled(body::chunks(object.body, bytes, READ), spool).await.map(Some)
    }

    /// First the copy, so that a file is never nowhere; the original is deleted only while it is the one that was copied.
    async fn settle(&self, file: &InboxFile, import: ImportId, done: bool) -> Result<(), StoreError> {
        match self.copy(file, &InboxKey::settled(&file.name, import, done)).await? {
            Moved::Yes => self.delete(file).await,
            Moved::ThereIsAnother => Ok(()),
        }
    }
}

/// A file as S3 lists it; `None` where it is none.
fn listed(object: &Object) -> Option<InboxFile> {
    // A blank is a `+` there, or encoded like anything else.
    let key = object.key()?.replace('+', " ");
    let key = percent_decode_str(&key).decode_utf8().ok()?;
    Some(InboxFile {
        name: InboxKey::name_of(&key)?.to_owned(),
        version: object.e_tag()?.to_owned(),
        bytes: u64::try_from(object.size()?).ok()?,
        dropped_at: Timestamp::from_millis(object.last_modified()?.to_millis().ok()?),
    })
}

/// What comes, in memory as long as it is small.
async fn spooled(
    mut chunks: BoxStream<'static, Result<Bytes, StoreError>>,
    spool: &dyn Spool,
) -> Result<Content, StoreError> {
    let (mut memory, mut file) = (BytesMut::new(), None);
    while let Some(chunk) = chunks.next().await.transpose()? {
        match &mut file {
            None if memory.len() + chunk.len() <= MAX_IN_MEMORY => memory.extend_from_slice(&chunk),
            None => {
                let mut begun = spool.begin(&memory)?;
                begun.write(&chunk)?;
                file = Some(begun);
            }
            Some(file) => file.write(&chunk)?,
        }
    }
    match file {
        Some(file) => file.finish(),
        None => Ok(Content::Memory(memory.freeze())),
    }
}
