//! What S3 tells Lambda when an object was created: the same JSON, so that a handler that works here works there.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::dto::{Timestamp, TimestampFormat};
use serde_json::{Value, json};

/// What stays as it is in the key of an event. A blank becomes a `+`, as in a form.
const KEPT: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'*').remove(b' ');

/// How an object came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// By one put.
    Put,
    /// As a copy of another object.
    Copy,
    /// By the completion of an upload in parts.
    CompleteMultipartUpload,
}

impl How {
    fn event_name(self) -> &'static str {
        match self {
            How::Put => "ObjectCreated:Put",
            How::Copy => "ObjectCreated:Copy",
            How::CompleteMultipartUpload => "ObjectCreated:CompleteMultipartUpload",
        }
    }
}

/// An object that was created and can be read by now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// How it came to be.
    pub how: How,
    /// The bucket.
    pub bucket: String,
    /// The key, not encoded.
    pub key: String,
    /// The size in bytes.
    pub size: u64,
    /// The ETag, without its quotes.
    pub etag: String,
    /// The version, where the object has versions.
    pub version_id: Option<String>,
    /// A number in hex; of two of the same key, the larger one came later.
    pub sequencer: String,
    /// When it was created.
    pub at: SystemTime,
}

/// The event that S3 sends for an object: of version 2.1, with one record.
pub fn event(created: &Created, region: &str) -> Value {
    let Created { how, bucket, key, size, etag, version_id, sequencer, at } = created;
    let key = utf8_percent_encode(key, KEPT).to_string().replace(' ', "+");
    let mut object = json!({"key": key, "size": size, "eTag": etag, "sequencer": sequencer});
    if let Some(version_id) = version_id {
        object["versionId"] = json!(version_id);
    }
    json!({"Records": [{
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": region,
        "eventTime": time(*at),
        "eventName": how.event_name(),
        "userIdentity": {"principalId": "local"},
        "requestParameters": {"sourceIPAddress": "127.0.0.1"},
        "responseElements": {"x-amz-request-id": sequencer, "x-amz-id-2": sequencer},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "local",
            "bucket": {
                "name": bucket,
                "ownerIdentity": {"principalId": "local"},
                "arn": format!("arn:aws:s3:::{bucket}"),
            },
            "object": object,
        },
    }]})
}

fn time(at: SystemTime) -> String {
    let mut text = Vec::new();
    // Writing to memory does not fail, and every time that a file system has can be written.
    let _ = Timestamp::from(at).format(TimestampFormat::DateTime, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// Numbers what is created, also over restarts: by the time, and always upwards.
#[derive(Debug, Default)]
pub(crate) struct Sequence(AtomicU64);

impl Sequence {
    pub(crate) fn next(&self, at: SystemTime) -> String {
        let nanos = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let nanos = u64::try_from(nanos).unwrap_or(u64::MAX);
        let before = self.0.fetch_max(nanos, Ordering::Relaxed);
        // One that was not later than the last is the next one after it.
        let number = if nanos > before { nanos } else { self.0.fetch_add(1, Ordering::Relaxed) + 1 };
        format!("{number:016X}")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn created(key: &str) -> Created {
        Created {
            how: How::Put,
            bucket: "people".into(),
            key: key.into(),
            size: 104_857_600,
            etag: "d41d8cd98f00b204e9800998ecf8427e".into(),
            version_id: None,
            sequencer: "0000000000000001".into(),
            at: UNIX_EPOCH + Duration::from_millis(1_700_757_179_120),
        }
    }

    #[test]
    fn an_event_has_the_shape_that_s3_gives_it() {
        let event = event(&Created { version_id: Some("v1".into()), ..created("staged/a") }, "eu-central-1");
        let record = &event["Records"][0];
        assert_eq!(event["Records"].as_array().map(Vec::len), Some(1));
        for (pointer, due) in [
            ("/eventVersion", json!("2.1")),
            ("/eventSource", json!("aws:s3")),
            ("/eventName", json!("ObjectCreated:Put")),
            ("/awsRegion", json!("eu-central-1")),
            ("/eventTime", json!("2023-11-23T16:32:59.120Z")),
            ("/s3/bucket/name", json!("people")),
            ("/s3/bucket/arn", json!("arn:aws:s3:::people")),
            ("/s3/object/key", json!("staged/a")),
            ("/s3/object/size", json!(104_857_600)),
            ("/s3/object/eTag", json!("d41d8cd98f00b204e9800998ecf8427e")),
            ("/s3/object/versionId", json!("v1")),
            ("/s3/object/sequencer", json!("0000000000000001")),
        ] {
            assert_eq!(record.pointer(pointer), Some(&due), "{pointer}");
        }
    }

    #[test]
    fn a_key_is_encoded_as_in_a_form() {
        for (key, encoded) in [
            ("inbox/red flower.csv", "inbox/red+flower.csv"),
            ("inbox/a+b.csv", "inbox/a%2Bb.csv"),
            ("inbox/50% ü.csv", "inbox/50%25+%C3%BC.csv"),
            ("inbox/a=b&c-_.*~", "inbox/a%3Db%26c-_.*%7E"),
        ] {
            let event = event(&created(key), "eu-central-1");
            assert_eq!(event["Records"][0]["s3"]["object"]["key"], encoded, "{key}");
        }
    }

    #[test]
    fn what_is_created_later_has_a_larger_number_also_where_the_clock_was_set_back() {
        let sequence = Sequence::default();
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        let numbers = [at(5), at(5), at(3), at(6)].map(|at| sequence.next(at));
        assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
    }
}
