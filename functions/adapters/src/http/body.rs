//! The body of a request, read to its end: in memory what is small, in a file what is not, and never for longer than a
//! sender that means it would take.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, EXPECT};
use http::{HeaderMap, HeaderValue};
use http_body_util::BodyExt;
use people_core::batch::{self, Incoming, MAX_BODY_BYTES, RequestFault};
use people_core::document::{Receiver, Spool};
use people_core::document_name::DocumentName;
use people_core::error::StoreError;
use people_core::form::FormReader;
use people_core::log::Form;
use people_core::multipart::Boundary;
use tokio::time::Instant;

/// How long a sender has before its pace is looked at.
const GRACE: Duration = Duration::from_secs(20);
/// The least pace of a sender, in bytes a second on average, once the grace is over.
const LEAST_PACE: u64 = 16 * 1024;
/// How much is read of a body that will be refused, so that the sender gets to read the answer.
const MAX_DRAINED: u64 = 2 * MAX_BODY_BYTES;

/// A request's body, from API Gateway's event or from a socket.
pub trait Body:
    http_body::Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + Unpin
{
}

impl<B> Body for B where
    B: http_body::Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + Unpin
{
}

/// A body that has been read to its end.
#[derive(Debug)]
pub struct Sent {
    /// What its parts are.
    pub form: Form,
    /// Its parts, or what is wrong with the request.
    pub parts: Result<Vec<Incoming>, RequestFault>,
}

/// Reads a body. `Ok(None)` where it has more than 100 MiB; `Err` where the spool failed.
pub async fn read(
    headers: &HeaderMap,
    body: &mut impl Body,
    spool: Arc<dyn Spool>,
) -> Result<Option<Sent>, StoreError> {
    read_to_end(headers, body, Reader::new(headers, spool), Form::Array).await
}

/// Reads a body that is one PDF, with the same limits. A fault of its name counts like one of its headers.
pub async fn read_document(
    headers: &HeaderMap,
    body: &mut impl Body,
    spool: Arc<dyn Spool>,
    name: Result<DocumentName, RequestFault>,
) -> Result<Option<Sent>, StoreError> {
    let reader = name.and_then(|name| Reader::document(headers, spool, name));
    read_to_end(headers, body, reader, Form::Document).await
}

/// `refused` is the form of what is not read.
async fn read_to_end(
    headers: &HeaderMap,
    body: &mut impl Body,
    reader: Result<Reader, RequestFault>,
    refused: Form,
) -> Result<Option<Sent>, StoreError> {
    if body.size_hint().lower() > MAX_BODY_BYTES {
        drain(headers, body).await;
        return Ok(None);
    }
    let mut reader = match reader {
        Ok(reader) => reader,
        Err(fault) => {
            let size = drain(headers, body).await;
            return Ok((size <= MAX_BODY_BYTES).then_some(Sent { form: refused, parts: Err(fault) }));
        }
    };
    let form = reader.form();
    let mut chunks = Chunks::new(body);
    while let Some(chunk) = chunks.next().await {
        match chunk {
            Ok(_) if chunks.received > MAX_BODY_BYTES => {
                drop(reader);
                chunks.drain().await;
                return Ok(None);
            }
            Ok(chunk) => reader.feed(chunk)?,
            Err(fault) => return Ok(Some(Sent { form, parts: Err(fault) })),
        }
    }
    Ok(Some(Sent { form, parts: reader.finish()? }))
}

/// Reads a body that is not wanted to its end, or to 200 MiB, for 20 s at most; gives back how many bytes came. Where
/// the sender waits to be told to go on (RFC 9110, 10.1.1), nothing is read: the answer is what it waits for.
pub async fn drain(headers: &HeaderMap, body: &mut impl Body) -> u64 {
    if headers.contains_key(EXPECT) {
        return 0;
    }
    let mut chunks = Chunks::new(body);
    chunks.drain().await;
    chunks.received
}

/// The bytes of a body as they come, with an eye on the sender's pace: 20 s are granted, then 16 KiB a second on average
/// are expected.
pub struct Chunks<'a, B> {
    body: &'a mut B,
    started: Instant,
    received: u64,
}

impl<'a, B: Body> Chunks<'a, B> {
    /// From the beginning of `body`.
    pub fn new(body: &'a mut B) -> Chunks<'a, B> {
        Chunks { body, started: Instant::now(), received: 0 }
    }

    /// The next bytes; `Err` where the body is cut, or comes too slowly.
    pub async fn next(&mut self) -> Option<Result<Bytes, RequestFault>> {
        loop {
            let patience = GRACE + Duration::from_secs(self.received / LEAST_PACE);
            let frame = match tokio::time::timeout_at(self.started + patience, self.body.frame()).await {
                Err(_) => return Some(Err(RequestFault::invalid("the body did not arrive in time"))),
                Ok(None) => return None,
                Ok(Some(Err(_))) => return Some(Err(RequestFault::invalid("the body was cut"))),
                Ok(Some(Ok(frame))) => frame,
            };
            if let Ok(data) = frame.into_data() {
                self.received += data.len() as u64;
                return Some(Ok(data));
            }
        }
    }

    async fn drain(&mut self) {
        let read =
            async { while self.received <= MAX_DRAINED && matches!(self.next().await, Some(Ok(_))) {} };
        // Whoever sends for longer does without the answer.
        let _ = tokio::time::timeout(GRACE, read).await;
    }
}

enum Reader {
    Json(BytesMut),
    Form(Box<FormReader>),
    Document(Box<(DocumentName, Receiver)>),
}

impl Reader {
    fn new(headers: &HeaderMap, spool: Arc<dyn Spool>) -> Result<Reader, RequestFault> {
        let Some(content_type) = content_type(headers)? else {
            return Err(RequestFault::invalid("the Content-Type header is missing"));
        };
        match essence(content_type).as_slice() {
            b"application/json" => Ok(Reader::Json(BytesMut::new())),
            b"multipart/form-data" => {
                let boundary = Boundary::parse(content_type.as_bytes()).map_err(RequestFault::invalid)?;
                Ok(Reader::Form(Box::new(FormReader::new(&boundary, spool))))
            }
            _ => Err(RequestFault::invalid(
                "the content type is neither application/json nor multipart/form-data",
            )),
        }
    }

    /// Whether the bytes are a PDF is checked with the part, also where the content type does not say so.
    fn document(
        headers: &HeaderMap,
        spool: Arc<dyn Spool>,
        name: DocumentName,
    ) -> Result<Reader, RequestFault> {
        match content_type(headers)?.map(essence).as_deref() {
            None | Some(b"application/pdf" | b"application/octet-stream") => {
                Ok(Reader::Document(Box::new((name, Receiver::new(spool)))))
            }
            Some(_) => Err(RequestFault::invalid("the content type is not application/pdf")),
        }
    }

    fn form(&self) -> Form {
        match self {
            Reader::Json(_) => Form::Array,
            Reader::Form(_) => Form::Multipart,
            Reader::Document(_) => Form::Document,
        }
    }

    fn feed(&mut self, chunk: Bytes) -> Result<(), StoreError> {
        match self {
            Reader::Form(form) => form.feed(chunk),
            Reader::Document(document) => document.1.write(&chunk),
            Reader::Json(body) if body.is_empty() => {
                *body = BytesMut::from(chunk);
                Ok(())
            }
            Reader::Json(body) => {
                body.extend_from_slice(&chunk);
                Ok(())
            }
        }
    }

    fn finish(self) -> Result<Result<Vec<Incoming>, RequestFault>, StoreError> {
        match self {
            Reader::Json(body) => Ok(batch::read_json(&body.freeze())),
            Reader::Form(form) => form.finish(),
            Reader::Document(document) => {
                let (name, receiver) = *document;
                Ok(Ok(vec![Incoming::Document(name, receiver.finish()?)]))
            }
        }
    }
}

/// The content type; none where there is no value. A body that came encoded is refused.
fn content_type(headers: &HeaderMap) -> Result<Option<&HeaderValue>, RequestFault> {
    let encoded = headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .any(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity"));
    if encoded {
        return Err(RequestFault::invalid("a Content-Encoding is not accepted"));
    }
    let mut content_types = headers.get_all(CONTENT_TYPE).iter();
    let content_type = content_types.next().filter(|value| !value.is_empty());
    if content_types.next().is_some() {
        return Err(RequestFault::invalid("there are two Content-Type headers"));
    }
    Ok(content_type)
}

/// A content type without its parameters, in lower case.
fn essence(content_type: &HeaderValue) -> Vec<u8> {
    let essence = content_type.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
    essence.trim_ascii().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::stream;
    use http_body::Frame;
    use http_body_util::StreamBody;
    use people_core::memory::MemorySpool;

    use super::*;

    /// A body that sends so many bytes each second, for so many seconds.
    fn paced(bytes: usize, seconds: u32) -> impl Body {
        let chunks = stream::unfold(0, move |sent| async move {
            if sent == seconds {
                return None;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
            Some((Ok::<_, Infallible>(Frame::data(Bytes::from(vec![b' '; bytes]))), sent + 1))
        });
        StreamBody::new(Box::pin(chunks))
    }

    /// What is said of a JSON body that comes at this pace.
    async fn verdict(mut body: impl Body) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, "application/json".parse().unwrap());
        match read(&headers, &mut body, Arc::new(MemorySpool)).await.unwrap() {
            Some(Sent { parts: Err(RequestFault::Invalid(reason)), .. }) => reason,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_trickles_is_given_up() {
        assert_eq!(verdict(paced(1, u32::MAX)).await, "the body did not arrive in time");
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_never_comes_is_given_up() {
        let never = StreamBody::new(stream::pending::<Result<Frame<Bytes>, Infallible>>());
        assert_eq!(verdict(never).await, "the body did not arrive in time");
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_sender_that_goes_on_sending_is_heard_to_the_end() {
        assert!(verdict(paced(LEAST_PACE as usize, 300)).await.starts_with("the body is not valid JSON"));
        assert!(verdict(paced(1, 19)).await.starts_with("the body is not valid JSON"));
    }
}
