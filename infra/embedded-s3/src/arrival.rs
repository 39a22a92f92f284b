//! An object on its way in. Its bytes are written aside, at whatever speed they come; from their end on it has all objects
//! for itself until it is stored or refused, so that conditions are looked at and met in one step.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use http::{HeaderMap, Uri};
use percent_encoding::percent_decode_str;
use s3s::dto::{PutObjectInput, StreamingBlob};
use s3s::{S3ErrorCode, S3Result, s3_error};
use tokio::sync::{OwnedRwLockWriteGuard, RwLock};

/// What is known of the object.
#[derive(Clone)]
pub(crate) struct Arrival(Arc<Known>);

struct Known {
    path: PathBuf,
    /// Whether it is stored only where there is none.
    only_new: bool,
    announced: Option<u64>,
    arrived: AtomicU64,
    refusal: OnceLock<S3ErrorCode>,
    whole: Arc<RwLock<()>>,
    /// Given back when the last one forgets the object.
    alone: Mutex<Option<OwnedRwLockWriteGuard<()>>>,
}

impl Arrival {
    pub(crate) fn of(input: &PutObjectInput, path: PathBuf, whole: Arc<RwLock<()>>) -> Arrival {
        Arrival(Arc::new(Known {
            path,
            only_new: input.if_none_match.as_ref().is_some_and(|condition| condition.is_any()),
            announced: input.content_length.and_then(|length| length.try_into().ok()),
            arrived: AtomicU64::new(0),
            refusal: OnceLock::new(),
            whole,
            alone: Mutex::new(None),
        }))
    }

    /// The bytes, which end in an error where the object is not to be stored.
    pub(crate) fn watch(&self, bytes: StreamingBlob) -> StreamingBlob {
        let (counting, ending) = (Arc::clone(&self.0), Arc::clone(&self.0));
        let counted = bytes.map_err(io::Error::other).inspect_ok(move |chunk| {
            counting.arrived.fetch_add(chunk.len() as u64, Ordering::Relaxed);
        });
        StreamingBlob::wrap(counted.chain(stream::once(ending.end())))
    }

    /// Why the object was not stored, where that was decided here.
    pub(crate) fn refusal(&self) -> Option<S3ErrorCode> {
        self.0.refusal.get().cloned()
    }

    /// How many bytes have come.
    pub(crate) fn bytes(&self) -> u64 {
        self.0.arrived.load(Ordering::Relaxed)
    }
}

impl Known {
    async fn end(self: Arc<Known>) -> io::Result<Bytes> {
        let alone = Arc::clone(&self.whole).write_owned().await;
        *self.alone.lock().unwrap_or_else(PoisonError::into_inner) = Some(alone);
        let arrived = self.arrived.load(Ordering::Relaxed);
        let refusal = if self.announced.is_some_and(|announced| announced != arrived) {
            S3ErrorCode::IncompleteBody
        } else if self.only_new && self.path.exists() {
            S3ErrorCode::PreconditionFailed
        } else {
            return Ok(Bytes::new());
        };
        let _ = self.refusal.set(refusal);
        Err(io::Error::other("the object is refused"))
    }
}

/// Fails where a request whose signature is in its URL has an instruction to S3 that was not signed.
pub(crate) fn only_signed(uri: &Uri, headers: &HeaderMap) -> S3Result<()> {
    let query = uri.query().unwrap_or_default();
    let signed = query.split('&').find_map(|pair| pair.strip_prefix("X-Amz-SignedHeaders="));
    let Some(signed) = signed else { return Ok(()) };
    let signed = percent_decode_str(signed).decode_utf8_lossy();
    let instructions = headers.keys().filter(|name| name.as_str().starts_with("x-amz-"));
    if instructions.into_iter().all(|name| signed.split(';').any(|signed| signed == name.as_str())) {
        Ok(())
    } else {
        Err(s3_error!(AccessDenied, "There were headers present in the request which were not signed"))
    }
}
