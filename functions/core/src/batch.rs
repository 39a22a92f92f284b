//! The body of a request as parts. A body is read to its end before anything is judged, so that a fault of the request
//! changes nothing.

use std::fmt;

use bytes::Bytes;

use crate::document::Upload;
use crate::document_name::DocumentName;
use crate::json_array::JsonArray;

/// The most parts of one request.
pub const MAX_PARTS: usize = 50;
/// How deep JSON may be nested; the outermost array or object counts.
pub const MAX_DEPTH: usize = 64;
/// The most bytes of a whole request body: 100 MiB.
pub const MAX_BODY_BYTES: u64 = 100 * 1024 * 1024;

/// What is wrong with a request as a whole: nothing is filed or sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestFault {
    /// The sentence for the log and the caller.
    Invalid(String),
    /// How many parts there were.
    TooManyParts(u32),
    /// The body that was to be uploaded never came.
    BodyNotReceived,
}

/// As the log says it, without the kind of line.
impl fmt::Display for RequestFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RequestFault::Invalid(reason) => f.write_str(reason),
            RequestFault::TooManyParts(count) => write!(f, "{count} parts, at most {MAX_PARTS} are allowed"),
            RequestFault::BodyNotReceived => f.write_str("the body did not arrive in time"),
        }
    }
}

impl RequestFault {
    /// An invalid request, for this reason.
    pub fn invalid(reason: impl fmt::Display) -> RequestFault {
        RequestFault::Invalid(reason.to_string())
    }
}

/// One part of a request, as it came in; the parts are numbered by their place. `Debug` shows its kind alone.
#[derive(Clone)]
pub enum Incoming {
    /// A person update object, not yet read.
    Person(Bytes),
    /// A person update object of more than 256 KiB, which is not kept.
    PersonTooLarge,
    /// A file: its decoded name, and its bytes.
    File(String, Upload),
    /// A file whose person, field and name came apart, and its bytes.
    Document(DocumentName, Upload),
    /// A file whose name could not be read: why.
    UnnamedFile(String),
    /// A part of a kind that is not accepted, or that could not be read: why.
    Unacceptable(String),
}

impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Incoming::Person(_) => "Person(***)",
            Incoming::PersonTooLarge => "PersonTooLarge",
            Incoming::File(..) => "File(***)",
            Incoming::Document(..) => "Document(***)",
            Incoming::UnnamedFile(_) => "UnnamedFile",
            Incoming::Unacceptable(_) => "Unacceptable",
        })
    }
}

/// The elements of a JSON body that is all there, as slices of it.
pub fn read_json(body: &Bytes) -> Result<Vec<Incoming>, RequestFault> {
    let mut array = JsonArray::new();
    array.feed(body.clone());
    array.finish()
}

/// Whether `json` (valid JSON) is nested deeper than this. Counting the opening brackets, which takes next to nothing,
/// settles it for nearly every object.
pub fn is_deeper_than(allowed: usize, json: &str) -> bool {
    let openers = memchr::memchr2_iter(b'{', b'[', json.as_bytes()).count();
    if openers <= allowed {
        return false;
    }
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => depth += 1,
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > allowed {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_in_strings_are_no_depth() {
        assert!(!is_deeper_than(1, &format!(r#"{{"a":"\"{}"}}"#, "[".repeat(99))));
        assert!(!is_deeper_than(2, &format!("[{}]", vec!["{}"; 99].join(","))));
    }
}
