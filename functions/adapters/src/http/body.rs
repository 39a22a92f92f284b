//! The body of a request, read to its end: in memory what is small, in a file what is not, and never for longer than a
//! sender that means it would take.

mod kept;

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, EXPECT};
use http::{HeaderMap, HeaderValue};
use http_body_util::BodyExt;
use people_core::batch::{Incoming, MAX_BODY_BYTES, RequestFault};
use people_core::document::{Receiver, Spool};
use people_core::document_name::DocumentName;
use people_core::error::StoreError;
use people_core::form::FormReader;
use people_core::json_array::JsonArray;
use people_core::log::Form;
use people_core::multipart::Boundary;
use sha2::{Digest, Sha256};
use tokio::time::Instant;

pub(super) use kept::form_of;
pub use kept::{Kept, Whole, keep, read_kept};

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
    /// What says whether another body of this form is the same request: a SHA-256 of its bytes, or, for multipart, of what
    /// its parts are. `None` where nobody wants it, and where the body was not read to its end or its headers were refused:
    /// such a body is compared with none.
    pub fingerprint: Option<[u8; 32]>,
}

/// Whether somebody will ask for [`Sent::fingerprint`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fingerprint {
    /// It is made while the body is read.
    Wanted,
    /// Nothing is hashed for it.
    NotWanted,
}

/// Reads a body. `Ok(None)` where it has more than 100 MiB; `Err` where the spool failed.
pub async fn read(
    headers: &HeaderMap,
    body: &mut impl Body,
    spool: Arc<dyn Spool>,
    fingerprint: Fingerprint,
) -> Result<Option<Sent>, StoreError> {
    read_to_end(headers, body, Reader::new(headers, spool, fingerprint), Form::Array).await
}

/// Reads a body that is one PDF, with the same limits. A fault of its name counts like one of its headers. Its fingerprint
/// is always there: a PDF is hashed anyway.
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
            let sent = Sent { form: refused, parts: Err(fault), fingerprint: None };
            return Ok((size <= MAX_BODY_BYTES).then_some(sent));
        }
    };
    let form = reader.form();
    match feed(body, |chunk| reader.feed(chunk)).await? {
        Fed::Whole => reader.finish().map(Some),
        Fed::Faulty(fault) => Ok(Some(Sent { form, parts: Err(fault), fingerprint: None })),
        Fed::TooLarge => Ok(None),
    }
}

/// How a body came.
enum Fed {
    /// All of it.
    Whole,
    /// It was cut, or too slow.
    Faulty(RequestFault),
    /// It has more than 100 MiB, and was read off.
    TooLarge,
}

/// Gives the bytes of a body away as they come.
async fn feed(
    body: &mut impl Body,
    mut take: impl FnMut(Bytes) -> Result<(), StoreError>,
) -> Result<Fed, StoreError> {
    let mut chunks = Chunks::new(body);
    while let Some(chunk) = chunks.next().await {
        match chunk {
            Ok(_) if chunks.received > MAX_BODY_BYTES => {
                chunks.drain().await;
                return Ok(Fed::TooLarge);
            }
            Ok(chunk) => take(chunk)?,
            Err(fault) => return Ok(Fed::Faulty(fault)),
        }
    }
    Ok(Fed::Whole)
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
    Json(Box<JsonArray>, Option<Sha256>),
    Form(Box<FormReader>),
    Document(Box<(DocumentName, Receiver)>),
}

impl Reader {
    fn new(
        headers: &HeaderMap,
        spool: Arc<dyn Spool>,
        fingerprint: Fingerprint,
    ) -> Result<Reader, RequestFault> {
        let is_wanted = fingerprint == Fingerprint::Wanted;
        let Some(content_type) = content_type(headers)? else {
            return Err(RequestFault::invalid("the Content-Type header is missing"));
        };
        match essence(content_type).as_slice() {
            b"application/json" => Ok(Reader::Json(Box::new(JsonArray::new()), is_wanted.then(Sha256::new))),
            b"multipart/form-data" => {
                let boundary = Boundary::parse(content_type.as_bytes()).map_err(RequestFault::invalid)?;
                let reader = FormReader::new(&boundary, spool);
                Ok(Reader::Form(Box::new(if is_wanted { reader.with_fingerprint() } else { reader })))
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
            Reader::Json(..) => Form::Array,
            Reader::Form(_) => Form::Multipart,
            Reader::Document(_) => Form::Document,
        }
    }

    fn feed(&mut self, chunk: Bytes) -> Result<(), StoreError> {
        match self {
            Reader::Form(form) => form.feed(chunk),
            Reader::Document(document) => document.1.write(&chunk),
            Reader::Json(array, sha256) => {
                if let Some(sha256) = sha256 {
                    sha256.update(&chunk);
                }
                array.feed(chunk);
                Ok(())
            }
        }
    }

    fn finish(self) -> Result<Sent, StoreError> {
        let form = self.form();
        let (parts, fingerprint) = match self {
            Reader::Json(array, sha256) => (array.finish(), sha256.map(|sha256| sha256.finalize().into())),
            Reader::Form(reader) => {
                let read = reader.finish()?;
                (read.parts, read.fingerprint)
            }
            Reader::Document(document) => {
                let (name, receiver) = *document;
                let upload = receiver.finish()?;
                let fingerprint = Some(upload.sha256);
                (Ok(vec![Incoming::Document(name, upload)]), fingerprint)
            }
        };
        Ok(Sent { form, parts, fingerprint })
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
        match read(&headers, &mut body, Arc::new(MemorySpool), Fingerprint::NotWanted).await.unwrap() {
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

    const JSON: &str = "application/json";
    const FORM: &str = "multipart/form-data; boundary=b";

    fn typed(content_type: &str) -> HeaderMap {
        HeaderMap::from_iter([(CONTENT_TYPE, content_type.parse().unwrap())])
    }

    async fn sent(content_type: &str, body: &str, fingerprint: Fingerprint) -> Sent {
        let chunks =
            body.as_bytes().chunks(3).map(|chunk| Ok::<_, Infallible>(Frame::data(chunk.to_vec().into())));
        let mut body = StreamBody::new(stream::iter(chunks.collect::<Vec<_>>()));
        read(&typed(content_type), &mut body, Arc::new(MemorySpool), fingerprint).await.unwrap().unwrap()
    }

    #[tokio::test]
    async fn the_fingerprint_of_json_is_the_hash_of_its_bytes_also_where_they_are_no_array() {
        for body in ["[{}]", "[{} ]", "[", "", "{}"] {
            let expected: [u8; 32] = Sha256::digest(body).into();
            assert_eq!(sent(JSON, body, Fingerprint::Wanted).await.fingerprint, Some(expected), "{body}");
        }
    }

    #[tokio::test]
    async fn the_fingerprint_of_a_form_is_that_of_its_parts() {
        let one = sent(FORM, "--b\r\n\r\n{}\r\n--b--", Fingerprint::Wanted).await.fingerprint;
        assert!(one.is_some());
        let again =
            sent("multipart/form-data; boundary=c", "--c\r\n\r\n{}\r\n--c--", Fingerprint::Wanted).await;
        assert_eq!(again.fingerprint, one);
        assert_ne!(sent(FORM, "--b\r\n\r\n[]\r\n--b--", Fingerprint::Wanted).await.fingerprint, one);
    }

    #[tokio::test]
    async fn there_is_no_fingerprint_where_none_is_wanted_or_the_body_was_not_read() {
        for (content_type, body) in [(JSON, "[{}]"), (FORM, "--b\r\n\r\n{}\r\n--b--")] {
            let unwanted = sent(content_type, body, Fingerprint::NotWanted).await;
            assert!(unwanted.parts.is_ok() && unwanted.fingerprint.is_none(), "{content_type}");
        }
        assert_eq!(sent("text/plain", "[{}]", Fingerprint::Wanted).await.fingerprint, None);
        assert_eq!(sent(FORM, "--b\r\n\r\n{}", Fingerprint::Wanted).await.fingerprint, None);
    }

    #[tokio::test]
    async fn the_fingerprint_of_a_document_is_the_hash_of_its_bytes() {
        let name = DocumentName::parse(Some("joe@company.com"), Some("salary"), Some("March.pdf"));
        let mut body =
            StreamBody::new(stream::iter([Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"%PDF-")))]));
        let headers = typed("application/pdf");
        let sent = read_document(&headers, &mut body, Arc::new(MemorySpool), name).await.unwrap().unwrap();
        assert_eq!(sent.fingerprint, Some(Sha256::digest(b"%PDF-").into()));
    }
}
