//! The bytes of an object on their way to S3 and from there, piece by piece, so that they never are in memory as a whole. A
//! spooled file is read at its own place, so that an attempt that failed can start again.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use aws_sdk_s3::primitives::{ByteStream, SdkBody};
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use http_body::{Body, Frame, SizeHint};
use people_core::document::Content;
use people_core::error::StoreError;
use tokio::task::JoinHandle;

/// How much of a file is read at once. hyper takes up to 16 pieces (`MAX_BUF_LIST_BUFFERS`) of each body before they are sent,
/// so this decides how much memory the files take that are stored at once.
const PIECE: u64 = 16 * 1024;

/// A body that can be sent more than once.
pub(super) fn of(content: &Content) -> ByteStream {
    match content {
        Content::Memory(bytes) => ByteStream::new(SdkBody::from(bytes.clone())),
        Content::File(file, length) => {
            let (file, length) = (Arc::clone(file), *length);
            ByteStream::new(SdkBody::retryable(move || {
                let pieces = Pieces { file: Arc::clone(&file), at: 0, length, reading: None };
                SdkBody::from_body_1_x(pieces)
            }))
        }
    }
}

struct Pieces {
    file: Arc<File>,
    at: u64,
    length: u64,
    reading: Option<JoinHandle<io::Result<Bytes>>>,
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.at == self.length {
            return Poll::Ready(None);
        }
        let mut reading = match self.reading.take() {
            Some(reading) => reading,
            None => {
                let (file, at, length) = (Arc::clone(&self.file), self.at, self.length);
                tokio::task::spawn_blocking(move || read(&file, at, length))
            }
        };
        let Poll::Ready(read) = Pin::new(&mut reading).poll(context) else {
            self.reading = Some(reading);
            return Poll::Pending;
        };
        let piece = read.map_err(io::Error::other).flatten();
        self.at += piece.as_ref().map_or(0, |piece| piece.len() as u64);
        Poll::Ready(Some(piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.at == self.length
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length - self.at)
    }
}

/// The next piece, whole. A file that is shorter than it was is an error, never an end.
fn read(file: &File, at: u64, length: u64) -> io::Result<Bytes> {
    let size = usize::try_from(PIECE.min(length - at)).map_err(io::Error::other)?;
    let mut piece = vec![0; size];
    file.read_exact_at(&mut piece, at)?;
    Ok(piece.into())
}

/// The length of an object as S3 tells it.
pub(super) fn length(told: Option<i64>, action: &'static str) -> Result<u64, StoreError> {
    told.and_then(|length| u64::try_from(length).ok())
        .ok_or_else(|| StoreError::new(action, "S3 did not tell its length"))
}

/// The bytes of an object of this length, each piece fetched when it is asked for. Where there are fewer or more, the last
/// one is an error.
pub(super) fn chunks(
    body: ByteStream,
    length: u64,
    action: &'static str,
) -> BoxStream<'static, Result<Bytes, StoreError>> {
    let broke_off = move || Some((Err(StoreError::new(action, "its bytes broke off")), None));
    stream::unfold(Some((body, length)), move |rest| async move {
        let (mut body, left) = rest?;
        match body.next().await {
            Some(Ok(chunk)) => match left.checked_sub(chunk.len() as u64) {
                Some(left) => Some((Ok(chunk), Some((body, left)))),
                None => broke_off(),
            },
            None if left == 0 => None,
            None | Some(Err(_)) => broke_off(),
        }
    })
    .boxed()
}
