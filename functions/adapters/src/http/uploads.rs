//! A body that is announced before it is sent: what a caller says of it, and what it is told to do.

use std::sync::Arc;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};
use people_core::batch::MAX_BODY_BYTES;
use people_core::document::Spool;
use people_core::hex;
use people_core::id::ImportId;
use people_core::log::Form;
use people_core::ports::{Announced, SignedPut};
use people_core::shown::Shown;
use serde::Serialize;
use serde_json::{Map, Value};

use super::body::{Body, Chunks, form_of};

/// The most bytes of an announcement.
const MAX_ANNOUNCEMENT: usize = 16 * 1024;
/// The most bytes of a content type. A boundary has at most 70 characters.
const MAX_CONTENT_TYPE: usize = 256;

/// Why an announcement is refused, for the caller; no value is repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAnnouncement {
    /// The announcement itself could not be read.
    #[error("{0}")]
    Unreadable(String),
    /// There is no such member.
    #[error("There is no member {0} here.")]
    Unknown(Shown),
    /// A member is missing, or not what it has to be: its name, and why.
    #[error("The member '{0}' {1}.")]
    Member(&'static str, String),
    /// The body would be too large: so many bytes.
    #[error("A body has at most {MAX_BODY_BYTES} bytes, and this one has {0}.")]
    TooLarge(u64),
}

/// Reads an announcement: `{"contentType": "…", "bytes": n, "sha256": "hex, optional"}`. Gives back what it says, and what
/// the parts of the body will be.
///
/// # Errors
/// The first thing that is wrong with it.
pub async fn announcement(
    body: &mut impl Body,
    spool: Arc<dyn Spool>,
) -> Result<(Announced, Form), InvalidAnnouncement> {
    let mut members = members(&read(body).await?)?;
    let (content_type, form) = content_type(members.remove("contentType"), spool)?;
    let bytes = bytes(members.remove("bytes"))?;
    let sha256 = sha256(members.remove("sha256"))?;
    match members.into_iter().next() {
        None => Ok((Announced { content_type, bytes, sha256 }, form)),
        Some((name, _)) => Err(InvalidAnnouncement::Unknown(Shown::new(&name))),
    }
}

async fn read(body: &mut impl Body) -> Result<Vec<u8>, InvalidAnnouncement> {
    let unreadable = |why: String| InvalidAnnouncement::Unreadable(why);
    let mut announcement = Vec::new();
    let mut chunks = Chunks::new(body);
    while let Some(chunk) = chunks.next().await {
        announcement.extend_from_slice(&chunk.map_err(|fault| unreadable(format!("The request: {fault}.")))?);
        if announcement.len() > MAX_ANNOUNCEMENT {
            return Err(unreadable(format!("An announcement has at most {MAX_ANNOUNCEMENT} bytes.")));
        }
    }
    Ok(announcement)
}

fn members(announcement: &[u8]) -> Result<Map<String, Value>, InvalidAnnouncement> {
    match serde_json::from_slice(announcement) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(InvalidAnnouncement::Unreadable("The body is not a JSON object.".to_owned())),
        Err(error) => Err(InvalidAnnouncement::Unreadable(format!(
            "The body is not valid JSON at line {}, column {}.",
            error.line(),
            error.column()
        ))),
    }
}

fn content_type(value: Option<Value>, spool: Arc<dyn Spool>) -> Result<(String, Form), InvalidAnnouncement> {
    let wrong = |why: String| InvalidAnnouncement::Member("contentType", why);
    let text = match value {
        None | Some(Value::Null) => return Err(wrong("is missing".to_owned())),
        Some(Value::String(text)) => text,
        Some(_) => return Err(wrong("is not a string".to_owned())),
    };
    let text = text.trim();
    if text.len() > MAX_CONTENT_TYPE {
        return Err(wrong(format!("has more than {MAX_CONTENT_TYPE} bytes")));
    }
    // It is signed, and each side has to write it the same way.
    let header = HeaderValue::from_str(text).ok().filter(|value| value.to_str().is_ok());
    let header = header.ok_or_else(|| wrong("has characters that a header cannot have".to_owned()))?;
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, header)]);
    let form = form_of(&headers, spool).map_err(|fault| wrong(format!("is none that is taken: {fault}")))?;
    Ok((text.to_owned(), form))
}

fn bytes(value: Option<Value>) -> Result<u64, InvalidAnnouncement> {
    let wrong = |why: &str| InvalidAnnouncement::Member("bytes", why.to_owned());
    match value {
        None | Some(Value::Null) => Err(wrong("is missing")),
        Some(value) => match whole(&value) {
            None | Some(0) => Err(wrong("is not a whole number from 1 on")),
            Some(bytes) if bytes > MAX_BODY_BYTES => Err(InvalidAnnouncement::TooLarge(bytes)),
            Some(bytes) => Ok(bytes),
        },
    }
}

/// A whole number. JSON knows one kind of numbers: `2.0` is `2`.
fn whole(value: &Value) -> Option<u64> {
    let number = value.as_f64().filter(|number| number.fract() == 0.0 && *number >= 0.0);
    value.as_u64().or(number.map(|number| number as u64))
}

fn sha256(value: Option<Value>) -> Result<Option<[u8; 32]>, InvalidAnnouncement> {
    let digest = match value {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) => hex::decode(&text),
        Some(_) => None,
    };
    let wrong = || InvalidAnnouncement::Member("sha256", "is not 64 hexadecimal digits".to_owned());
    digest.map(Some).ok_or_else(wrong)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Upload<'a> {
    request_id: String,
    url: &'a str,
    headers: Map<String, Value>,
    expires_at: String,
}

/// What to send, and where, as JSON.
pub(super) fn render(import: ImportId, put: &SignedPut) -> String {
    let headers = put.headers.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str())));
    let upload = Upload {
        request_id: import.to_string(),
        url: put.url.reveal(),
        headers: headers.collect(),
        expires_at: put.expires_at.to_rfc3339(),
    };
    serde_json::to_string(&upload).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http_body_util::Full;
    use people_core::memory::MemorySpool;
    use serde_json::json;

    use super::*;

    async fn of(text: impl Into<Bytes>) -> Result<(Announced, Form), InvalidAnnouncement> {
        announcement(&mut Full::new(text.into()), Arc::new(MemorySpool)).await
    }

    async fn refusal(text: impl Into<Bytes>) -> String {
        of(text).await.unwrap_err().to_string()
    }

    async fn with(member: &str, value: Value) -> Result<(Announced, Form), InvalidAnnouncement> {
        let mut announcement = json!({"contentType": "application/json", "bytes": 2});
        announcement[member] = value;
        of(announcement.to_string()).await
    }

    #[tokio::test]
    async fn an_announcement_is_read() {
        let digest = "0F".repeat(32);
        let multipart = "multipart/form-data; boundary=\"a b\"";
        let text = json!({"contentType": multipart, "bytes": 104_857_600, "sha256": digest}).to_string();
        let (announced, form) = of(text).await.unwrap();
        assert_eq!((announced.content_type.as_str(), announced.bytes), (multipart, MAX_BODY_BYTES));
        assert_eq!((announced.sha256, form), (Some([15; 32]), Form::Multipart));
        let (announced, form) = with("sha256", Value::Null).await.unwrap();
        assert_eq!((announced.sha256, form), (None, Form::Array));
    }

    #[tokio::test]
    async fn a_body_of_one_byte_to_100_mib_may_be_announced() {
        assert!(with("bytes", json!(1)).await.is_ok());
        let (announced, _) = with("bytes", json!(2.0)).await.unwrap();
        assert_eq!(announced.bytes, 2);
        assert!(with("bytes", json!(MAX_BODY_BYTES)).await.is_ok());
        let larger = with("bytes", json!(MAX_BODY_BYTES + 1)).await.unwrap_err();
        assert_eq!(larger, InvalidAnnouncement::TooLarge(MAX_BODY_BYTES + 1));
        let larger = with("bytes", json!(1e300)).await.unwrap_err();
        assert_eq!(larger, InvalidAnnouncement::TooLarge(u64::MAX));
        for bytes in [json!(0), json!(-1), json!(1.5), json!(-2.0), json!(0.0), json!("2"), json!([2])] {
            let refusal = with("bytes", bytes).await.unwrap_err().to_string();
            assert_eq!(refusal, "The member 'bytes' is not a whole number from 1 on.");
        }
        assert_eq!(
            with("bytes", Value::Null).await.unwrap_err().to_string(),
            "The member 'bytes' is missing."
        );
    }

    #[tokio::test]
    async fn a_content_type_that_no_import_takes_is_refused_at_once() {
        for (content_type, why) in [
            (Value::Null, "is missing"),
            (json!(1), "is not a string"),
            (
                json!("text/csv"),
                "is none that is taken: the content type is neither application/json nor multipart/form-data",
            ),
            (json!("application/json\n"), "ok"),
            (json!("application/\njson"), "has characters that a header cannot have"),
            (json!("application/jsön"), "has characters that a header cannot have"),
        ] {
            match with("contentType", content_type).await {
                Ok(_) => assert_eq!(why, "ok"),
                Err(refusal) => assert_eq!(refusal.to_string(), format!("The member 'contentType' {why}.")),
            }
        }
        let no_boundary = with("contentType", json!("multipart/form-data")).await.unwrap_err().to_string();
        assert!(no_boundary.contains("boundary"), "{no_boundary}");
    }

    #[tokio::test]
    async fn a_content_type_of_256_bytes_is_read_and_a_longer_one_is_not() {
        let of = |bytes: usize| json!(format!("application/json;{}", "x".repeat(bytes - 17)));
        assert!(with("contentType", of(256)).await.is_ok());
        let refusal = with("contentType", of(257)).await.unwrap_err().to_string();
        assert_eq!(refusal, "The member 'contentType' has more than 256 bytes.");
    }

    #[tokio::test]
    async fn a_checksum_is_64_digits_or_absent() {
        for digest in
            [json!("0"), json!("0".repeat(63)), json!("0".repeat(65)), json!("g".repeat(64)), json!(0)]
        {
            let refusal = with("sha256", digest).await.unwrap_err().to_string();
            assert_eq!(refusal, "The member 'sha256' is not 64 hexadecimal digits.");
        }
    }

    #[tokio::test]
    async fn what_cannot_be_read_or_is_not_known_is_refused() {
        assert_eq!(refusal("").await, "The body is not valid JSON at line 1, column 0.");
        assert_eq!(refusal("[]").await, "The body is not a JSON object.");
        let unknown = with("sha-256", json!("x")).await.unwrap_err().to_string();
        assert_eq!(unknown, "There is no member 'sha-256' here.");
    }

    #[tokio::test]
    async fn an_announcement_of_16_kib_is_read_and_one_byte_more_is_not() {
        let of = |bytes: usize| format!("{:<bytes$}", r#"{"contentType":"application/json","bytes":2}"#);
        assert!(
            super::announcement(&mut Full::new(Bytes::from(of(16_384))), Arc::new(MemorySpool)).await.is_ok()
        );
        assert_eq!(refusal(of(16_385)).await, "An announcement has at most 16384 bytes.");
    }
}
