//! A body that is not read when it comes, but kept as it came and read later. Each half does what reading it at once would
//! have done: the same heads are refused, the same sizes, the same parts come out.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};
use people_core::batch::{MAX_BODY_BYTES, RequestFault};
use people_core::document::{Content, Receiver, Spool};
use people_core::error::StoreError;
use people_core::log::Form;
use people_core::ports::StagedBody;

use super::{Body, Fed, Fingerprint, Reader, Sent, drain, feed, read};

/// What came as a body that is to be kept.
#[derive(Debug)]
pub enum Kept {
    /// All of it.
    Whole(Whole),
    /// Something is wrong that shows without a look into it.
    Faulty(Sent),
    /// More than 100 MiB.
    TooLarge,
}

/// A body as it came.
#[derive(Debug)]
pub struct Whole {
    /// What its parts are.
    pub form: Form,
    /// Its content type.
    pub content_type: String,
    /// Its bytes.
    pub content: Content,
    /// As that of [`Sent`].
    pub fingerprint: Option<[u8; 32]>,
}

/// What the parts of a body with these headers are, where an import takes it.
pub(crate) fn form_of(headers: &HeaderMap, spool: Arc<dyn Spool>) -> Result<Form, RequestFault> {
    Reader::new(headers, spool, Fingerprint::NotWanted).map(|reader| reader.form())
}

/// Keeps a body as it comes. It is read beside only where a fingerprint is wanted. `Err` where the spool failed.
pub async fn keep(
    headers: &HeaderMap,
    body: &mut impl Body,
    spool: Arc<dyn Spool>,
    fingerprint: Fingerprint,
) -> Result<Kept, StoreError> {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let reader = Reader::new(headers, Arc::clone(&spool), fingerprint);
    let (Ok(mut reader), Some(content_type)) = (reader, content_type) else {
        return Ok(read(headers, body, spool, fingerprint).await?.map_or(Kept::TooLarge, Kept::Faulty));
    };
    if body.size_hint().lower() > MAX_BODY_BYTES {
        drain(headers, body).await;
        return Ok(Kept::TooLarge);
    }
    let (form, is_wanted) = (reader.form(), fingerprint == Fingerprint::Wanted);
    let mut receiver = Receiver::new(spool);
    let take = |chunk: Bytes| {
        receiver.write(&chunk)?;
        if is_wanted { reader.feed(chunk) } else { Ok(()) }
    };
    Ok(match feed(body, take).await? {
        Fed::Whole => Kept::Whole(Whole {
            form,
            content_type,
            content: receiver.finish()?.content,
            fingerprint: if is_wanted { reader.finish()?.fingerprint } else { None },
        }),
        Fed::Faulty(fault) => Kept::Faulty(Sent { form, parts: Err(fault), fingerprint: None }),
        Fed::TooLarge => Kept::TooLarge,
    })
}

/// Reads a body that was kept.
///
/// # Errors
/// When it could not be read to its end, or the spool failed: what is in it is not known then.
pub async fn read_kept(mut body: StagedBody, spool: Arc<dyn Spool>) -> Result<Sent, StoreError> {
    let mut headers = HeaderMap::new();
    headers.extend(HeaderValue::try_from(&body.content_type).ok().map(|value| (CONTENT_TYPE, value)));
    let reader = match body.bytes {
        0..=MAX_BODY_BYTES => Reader::new(&headers, spool, Fingerprint::NotWanted),
        _ => Err(RequestFault::invalid(format_args!("the body has more than {MAX_BODY_BYTES} bytes"))),
    };
    let mut reader = match reader {
        Ok(reader) => reader,
        Err(fault) => return Ok(Sent { form: Form::Array, parts: Err(fault), fingerprint: None }),
    };
    while let Some(chunk) = body.chunks.next().await {
        reader.feed(chunk?)?;
    }
    reader.finish()
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use http_body_util::Full;
    use people_core::memory::MemorySpool;

    use super::*;

    const JSON: &str = "application/json";

    async fn kept(content_type: &'static str, body: &'static [u8]) -> Kept {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(content_type))]);
        let mut body = Full::new(Bytes::from_static(body));
        keep(&headers, &mut body, Arc::new(MemorySpool), Fingerprint::Wanted).await.unwrap()
    }

    fn staged(content_type: &str, bytes: u64, chunks: Vec<Result<Bytes, StoreError>>) -> StagedBody {
        StagedBody { content_type: content_type.to_owned(), bytes, chunks: stream::iter(chunks).boxed() }
    }

    async fn fault(body: StagedBody) -> String {
        match read_kept(body, Arc::new(MemorySpool)).await.unwrap().parts {
            Err(RequestFault::Invalid(reason)) => reason,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn a_body_is_kept_as_it_came_whatever_is_in_it() {
        for (content_type, body, form) in [
            (JSON, &b"no JSON"[..], Form::Array),
            ("multipart/form-data; boundary=b", b"--b", Form::Multipart),
        ] {
            let Kept::Whole(whole) = kept(content_type, body).await else { panic!("not kept") };
            assert_eq!((whole.form, whole.content_type.as_str()), (form, content_type));
            assert!(matches!(whole.content, Content::Memory(bytes) if bytes == body));
            let headers = HeaderMap::from_iter([(CONTENT_TYPE, content_type.parse().unwrap())]);
            let mut body = Full::new(Bytes::from_static(body));
            let read = read(&headers, &mut body, Arc::new(MemorySpool), Fingerprint::Wanted).await;
            assert_eq!(whole.fingerprint, read.unwrap().unwrap().fingerprint);
        }
    }

    #[tokio::test]
    async fn a_head_that_would_be_refused_is_refused() {
        for content_type in ["text/plain", "multipart/form-data", ""] {
            assert!(matches!(kept(content_type, b"[]").await, Kept::Faulty(Sent { parts: Err(_), .. })));
        }
    }

    #[tokio::test]
    async fn a_body_that_was_kept_is_read_like_any_other() {
        let chunks = ["[{\"a\"", ":1}]"].map(|chunk| Ok(Bytes::from_static(chunk.as_bytes())));
        let sent = read_kept(staged(JSON, 9, chunks.into()), Arc::new(MemorySpool)).await.unwrap();
        assert_eq!((sent.form, sent.parts.unwrap().len()), (Form::Array, 1));
        assert_eq!(fault(staged(JSON, 0, vec![])).await, "the body is not valid JSON at line 1, column 0");
        let other = "the content type is neither application/json nor multipart/form-data";
        assert_eq!(fault(staged("text/plain", 0, vec![])).await, other);
    }

    #[tokio::test]
    async fn a_body_of_100_mib_is_read_and_one_byte_more_is_not() {
        let read = "the body is not valid JSON at line 1, column 0";
        assert_eq!(fault(staged(JSON, MAX_BODY_BYTES, vec![])).await, read);
        let larger = fault(staged(JSON, MAX_BODY_BYTES + 1, vec![])).await;
        assert_eq!(larger, "the body has more than 104857600 bytes");
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_is_no_fault_of_the_request() {
        let broken = StoreError::new("read a body", "the connection broke");
        let chunks = vec![Ok(Bytes::from_static(b"[")), Err(broken)];
        assert!(read_kept(staged(JSON, 9, chunks), Arc::new(MemorySpool)).await.is_err());
    }
}
