//! The body of a request as parts. A body is read to its end before anything is judged, so that a fault of the request
//! changes nothing.

use std::fmt;

use bytes::Bytes;
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::document::Upload;
use crate::document_name::DocumentName;

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
}

/// As the log says it, without the kind of line.
impl fmt::Display for RequestFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RequestFault::Invalid(reason) => f.write_str(reason),
            RequestFault::TooManyParts(count) => write!(f, "{count} parts, at most {MAX_PARTS} are allowed"),
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
    /// A person update object of more than 256 KiB, of which a multipart body is not kept in memory.
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

/// Splits a JSON body into its elements. The whole body is checked for being JSON; the elements are slices of it.
pub fn read_json(body: &Bytes) -> Result<Vec<Incoming>, RequestFault> {
    let text = std::str::from_utf8(body).map_err(|error| {
        RequestFault::invalid(format_args!("the body is not UTF-8 at byte {}", error.valid_up_to()))
    })?;
    // RFC 8259, 8.1 lets a reader ignore a byte order mark, and some clients write one.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let elements = deserializer
        .deserialize_any(Elements)
        .and_then(|elements| deserializer.end().map(|()| elements))
        .map_err(|error| not_json(text, &error))?;
    match elements {
        None => Err(RequestFault::invalid("the body is not a JSON array")),
        Some((_, 0)) => Err(RequestFault::invalid("the array is empty")),
        Some((_, count)) if count > MAX_PARTS => {
            Err(RequestFault::TooManyParts(u32::try_from(count).unwrap_or(u32::MAX)))
        }
        Some((elements, _)) if elements.iter().any(|element| is_deeper_than(MAX_DEPTH - 1, element)) => {
            Err(RequestFault::invalid(format_args!("the JSON is nested deeper than {MAX_DEPTH}")))
        }
        Some((elements, _)) => Ok(elements
            .into_iter()
            .map(|element| Incoming::Person(body.slice_ref(element.as_bytes())))
            .collect()),
    }
}

/// The public examples of the documented API end their arrays with a comma, so that fault is worth a sentence.
fn not_json(text: &str, error: &serde_json::Error) -> RequestFault {
    let (line, column) = (error.line(), error.column());
    let before =
        text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum::<usize>() + column;
    let before = text.as_bytes().get(..before.saturating_sub(1)).unwrap_or_default();
    let hint =
        if before.trim_ascii_end().ends_with(b",") { ": a comma must be followed by a value" } else { "" };
    RequestFault::invalid(format_args!("the body is not valid JSON at line {line}, column {column}{hint}"))
}

/// The first elements, at most [`MAX_PARTS`], and how many there are in all; `None` where the value is no array.
struct Elements;

impl<'de> Visitor<'de> for Elements {
    type Value = Option<(Vec<&'de str>, usize)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let (mut elements, mut count) = (Vec::new(), 0);
        while let Some(element) = seq.next_element::<&'de RawValue>()? {
            count += 1;
            if elements.len() < MAX_PARTS {
                elements.push(element.get());
            }
        }
        Ok(Some((elements, count)))
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<serde::de::IgnoredAny, serde::de::IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(None)
    }
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

    fn fault(body: impl Into<Vec<u8>>) -> String {
        match read_json(&Bytes::from(body.into())) {
            Err(RequestFault::Invalid(reason)) => reason,
            Err(RequestFault::TooManyParts(count)) => format!("{count} parts"),
            Ok(parts) => format!("{} accepted", parts.len()),
        }
    }

    #[test]
    fn elements_are_slices_of_the_body() {
        let parts = read_json(&Bytes::from_static(br#" [ {"a":1} , 2 ] "#)).unwrap();
        let texts: Vec<_> = parts
            .iter()
            .map(|part| match part {
                Incoming::Person(json) => std::str::from_utf8(json).unwrap(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(texts, [r#"{"a":1}"#, "2"]);
    }

    #[test]
    fn fifty_elements_are_accepted_and_fifty_one_are_too_many() {
        assert_eq!(fault(format!("[{}]", vec!["{}"; 50].join(","))), "50 accepted");
        assert_eq!(fault(format!("[{}]", vec!["{}"; 51].join(","))), "51 parts");
        assert_eq!(fault(format!("[{}]", vec!["{}"; 300].join(","))), "300 parts");
    }

    #[test]
    fn what_is_no_array_with_something_in_it_is_a_fault_of_the_request() {
        for body in ["{}", "1", "null", "\"x\"", "true", "1.5", "-3"] {
            assert_eq!(fault(body), "the body is not a JSON array", "{body}");
        }
        assert_eq!(fault("[]"), "the array is empty");
    }

    #[test]
    fn a_syntax_error_is_placed_and_a_trailing_comma_is_named() {
        assert_eq!(fault("[{}"), "the body is not valid JSON at line 1, column 3");
        assert_eq!(fault(""), "the body is not valid JSON at line 1, column 0");
        let hint = ": a comma must be followed by a value";
        assert_eq!(fault("[{},\n]"), format!("the body is not valid JSON at line 2, column 1{hint}"));
        assert_eq!(fault("[{\"a\":1,}]"), format!("the body is not valid JSON at line 1, column 9{hint}"));
        assert_eq!(fault("[{}] x"), "the body is not valid JSON at line 1, column 6");
    }

    #[test]
    fn invalid_utf_8_is_placed_and_a_byte_order_mark_is_ignored() {
        assert_eq!(fault(b"[\"\xff\"]".to_vec()), "the body is not UTF-8 at byte 2");
        assert_eq!(fault("\u{feff}[{}]"), "1 accepted");
    }

    #[test]
    fn a_depth_of_64_is_accepted_and_65_is_not() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert_eq!(fault(nested(64)), "1 accepted");
        assert_eq!(fault(nested(65)), "the JSON is nested deeper than 64");
        assert_eq!(fault(nested(100_000)), "the JSON is nested deeper than 64");
    }

    #[test]
    fn brackets_in_strings_are_no_depth() {
        assert!(!is_deeper_than(1, &format!(r#"{{"a":"\"{}"}}"#, "[".repeat(99))));
        assert!(!is_deeper_than(2, &format!("[{}]", vec!["{}"; 99].join(","))));
    }
}
