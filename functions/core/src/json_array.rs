//! A JSON body as parts. It is taken apart while it arrives, so that a body of 100 MiB takes no more memory than the
//! parts that are kept of it.

mod elements;
mod place;
mod scanner;
mod utf8;

use std::ops::Range;

use bytes::Bytes;

use crate::batch::{Incoming, MAX_DEPTH, MAX_PARTS, RequestFault};
use crate::update::MAX_UPDATE_BYTES;
pub(crate) use elements::Elements;
use place::{Fault, Place};
use scanner::{Scanner, Step};
use utf8::Utf8;

/// Takes the chunks of a JSON body in turn and gives the elements of its array back at its end. All of it is checked for
/// being JSON; at most 50 elements of at most 256 KiB are kept: those of the first chunk as slices of it, so that a
/// body in one chunk is not copied, those that come later as copies, so that they do not keep their chunks.
pub struct JsonArray {
    utf8: Utf8,
    scanner: Scanner,
    place: Place,
    fault: Option<Broken>,
    /// What the pieces before the present one have of the current element, up to one byte too many.
    begun: Vec<u8>,
    parts: Vec<Incoming>,
    count: usize,
    is_first: bool,
}

/// Why a body is not even JSON.
#[derive(Clone, Copy)]
enum Broken {
    Utf8(usize),
    Syntax(Fault),
}

impl Default for JsonArray {
    fn default() -> JsonArray {
        JsonArray::new()
    }
}

impl JsonArray {
    /// A reader at the start of a body.
    pub fn new() -> JsonArray {
        JsonArray {
            utf8: Utf8::default(),
            scanner: Scanner::new(),
            place: Place::default(),
            fault: None,
            begun: Vec::new(),
            parts: Vec::new(),
            count: 0,
            is_first: true,
        }
    }

    /// Takes the next bytes.
    pub fn feed(&mut self, chunk: Bytes) {
        if chunk.is_empty() || matches!(self.fault, Some(Broken::Utf8(_))) {
            return;
        }
        match self.utf8.take(chunk) {
            Ok(pieces) => pieces.into_iter().for_each(|piece| self.text(&piece)),
            Err(at) => self.broken(Broken::Utf8(at)),
        }
        self.is_first = false;
    }

    fn text(&mut self, piece: &Bytes) {
        if self.fault.is_some() {
            return;
        }
        let mut at = 0;
        loop {
            match self.scanner.next(piece, at) {
                Step::Element(range) => {
                    at = range.end;
                    self.keep(piece, range);
                }
                Step::Over => break,
                Step::Broken(length) => {
                    return self.broken(Broken::Syntax(self.place.fault(piece, length)));
                }
            }
        }
        if let Some(from) = self.scanner.carry()
            && self.count < MAX_PARTS
        {
            self.begin(&piece[from..]);
        }
        self.place.pass(piece);
    }

    /// Keeps bytes of an element that is not whole yet. Of one that is too large, no more than shows it.
    fn begin(&mut self, bytes: &[u8]) {
        let room = (MAX_UPDATE_BYTES + 1).saturating_sub(self.begun.len());
        self.begun.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// An element is whole with these bytes of a piece.
    fn keep(&mut self, piece: &Bytes, range: Range<usize>) {
        self.count += 1;
        if self.count > MAX_PARTS {
            self.parts = Vec::new();
            return;
        }
        let length = self.begun.len() + range.len();
        self.parts.push(if length > MAX_UPDATE_BYTES {
            self.begun.clear();
            Incoming::PersonTooLarge
        } else if self.is_first {
            Incoming::Person(piece.slice(range))
        } else {
            self.begun.extend_from_slice(&piece[range]);
            let whole = Bytes::copy_from_slice(&self.begun);
            self.begun.clear();
            Incoming::Person(whole)
        });
    }

    fn broken(&mut self, fault: Broken) {
        self.fault = Some(fault);
        (self.parts, self.begun) = (Vec::new(), Vec::new());
    }

    /// The parts, now that the body has ended.
    pub fn finish(mut self) -> Result<Vec<Incoming>, RequestFault> {
        if let Err(at) = self.utf8.finish() {
            self.broken(Broken::Utf8(at));
        } else if self.fault.is_none() && !self.scanner.is_complete() {
            self.broken(Broken::Syntax(self.place.fault(b"", 0)));
        }
        match self.fault {
            Some(Broken::Utf8(at)) => {
                Err(RequestFault::invalid(format_args!("the body is not UTF-8 at byte {at}")))
            }
            Some(Broken::Syntax(fault)) => {
                Err(RequestFault::invalid(format_args!("the body is not valid JSON at {fault}")))
            }
            None if !self.scanner.is_array() => Err(RequestFault::invalid("the body is not a JSON array")),
            None if self.count == 0 => Err(RequestFault::invalid("the array is empty")),
            None if self.count > MAX_PARTS => {
                Err(RequestFault::TooManyParts(u32::try_from(self.count).unwrap_or(u32::MAX)))
            }
            None if self.scanner.depth() > MAX_DEPTH => {
                Err(RequestFault::invalid(format_args!("the JSON is nested deeper than {MAX_DEPTH}")))
            }
            None => Ok(self.parts),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt;

    use proptest::prelude::*;
    use serde::de::{Deserializer, SeqAccess, Visitor};
    use serde_json::value::RawValue;

    use super::*;
    use crate::batch::{is_deeper_than, read_json};

    /// What a body comes to: the texts of its elements, or the fault.
    type Read = Result<Vec<String>, RequestFault>;

    fn texts(parts: Vec<Incoming>) -> Vec<String> {
        let text = |part| match part {
            Incoming::Person(json) => String::from_utf8(json.to_vec()).unwrap(),
            Incoming::PersonTooLarge => "too large".to_owned(),
            other => panic!("{other:?}"),
        };
        parts.into_iter().map(text).collect()
    }

    fn read_chunks<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Read {
        let mut array = JsonArray::new();
        chunks.into_iter().for_each(|chunk| array.feed(Bytes::copy_from_slice(chunk)));
        array.finish().map(texts)
    }

    fn read(body: impl Into<Vec<u8>>) -> Read {
        let body = body.into();
        let whole = read_json(&Bytes::copy_from_slice(&body)).map(texts);
        assert_eq!(read_chunks(body.chunks(1)), whole, "single bytes and one chunk differ");
        whole
    }

    fn fault(body: impl Into<Vec<u8>>) -> String {
        match read(body) {
            Err(RequestFault::Invalid(reason)) => reason,
            Err(RequestFault::TooManyParts(count)) => format!("{count} parts"),
            Err(fault @ RequestFault::BodyNotReceived) => fault.to_string(),
            Ok(parts) => format!("{} accepted", parts.len()),
        }
    }

    #[test]
    fn elements_are_slices_of_a_body_in_one_chunk() {
        let body = Bytes::from_static(br#" [ {"a":1} , 2 ] "#);
        let parts = read_json(&body).unwrap();
        for (part, at) in parts.iter().zip([3, 13]) {
            assert!(matches!(part, Incoming::Person(json) if json.as_ptr() == body[at..].as_ptr()));
        }
        assert_eq!(texts(parts), [r#"{"a":1}"#, "2"]);
    }

    #[test]
    fn fifty_elements_are_accepted_and_fifty_one_are_too_many() {
        assert_eq!(fault(format!("[{}]", vec!["{}"; 50].join(","))), "50 accepted");
        assert_eq!(fault(format!("[{}]", vec!["{}"; 51].join(","))), "51 parts");
        assert_eq!(fault(format!("[{}]", vec!["{}"; 300].join(","))), "300 parts");
    }

    #[test]
    fn what_is_no_array_with_something_in_it_is_a_fault_of_the_request() {
        for body in ["{}", "1", "null", "\"x\"", "true", "1.5", "-3", "0", "1e+9", "{\"a\":[1]}"] {
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
        assert_eq!(fault(b"[x \xff".to_vec()), "the body is not UTF-8 at byte 3");
        assert_eq!(fault(b"\xef\xbb\xbf[\xff".to_vec()), "the body is not UTF-8 at byte 4");
        assert_eq!(fault("\u{feff}[{}]"), "1 accepted");
        assert_eq!(fault("\u{feff}x"), "the body is not valid JSON at line 1, column 1");
        assert_eq!(fault("\u{feff}\u{feff}[]"), "the body is not valid JSON at line 1, column 1");
    }

    #[test]
    fn a_depth_of_64_is_accepted_and_65_is_not() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert_eq!(fault(nested(64)), "1 accepted");
        assert_eq!(fault(nested(65)), "the JSON is nested deeper than 64");
        assert_eq!(fault(nested(100_000)), "the JSON is nested deeper than 64");
        assert_eq!(fault(format!("[{}]", vec![nested(64); 51].join(","))), "51 parts");
    }

    #[test]
    fn an_element_of_256_kib_is_kept_and_one_byte_more_is_not() {
        let text = |bytes: usize| format!("\"{}\"", "x".repeat(bytes - 2));
        let (most, over) = (text(MAX_UPDATE_BYTES), text(MAX_UPDATE_BYTES + 1));
        let body = format!("[{most},{over}, {over} ,{most},1]");
        for size in [1000, MAX_UPDATE_BYTES, body.len()] {
            let parts = read_chunks(body.as_bytes().chunks(size)).unwrap();
            assert_eq!(parts, [&most, "too large", "too large", &most, "1"], "chunks of {size} bytes");
        }
        // A number is over with what comes behind it.
        let (most, over) = ("1".repeat(MAX_UPDATE_BYTES), "1".repeat(MAX_UPDATE_BYTES + 1));
        let parts = read_chunks(["[", &most, ",", &over, "]"].map(str::as_bytes)).unwrap();
        assert_eq!(parts, [&most, "too large"]);
    }

    #[test]
    fn what_is_not_kept_takes_no_memory() {
        let (text, blank) = (Bytes::from(vec![b'x'; 64 * 1024]), Bytes::from(vec![b' '; 64 * 1024]));
        for (start, chunk) in [("[\"", &text), ("[", &blank), ("[1", &blank), ("", &blank), ("x", &text)] {
            let mut array = JsonArray::new();
            array.feed(Bytes::from_static(start.as_bytes()));
            (0..64).for_each(|_| array.feed(chunk.clone()));
            assert!(array.begun.capacity() <= 2 * MAX_UPDATE_BYTES, "{start}");
            assert!(array.parts.len() <= 1 && array.finish().is_err(), "{start}");
        }
        let mut array = JsonArray::new();
        array.feed(Bytes::from(format!("[{}", "1,".repeat(MAX_PARTS))));
        array.feed(Bytes::from_static(b"\"y"));
        assert!(array.parts.len() == MAX_PARTS && array.begun.is_empty());
        array.feed(Bytes::from_static(b"\","));
        (0..64).for_each(|_| array.feed(Bytes::from("\"x\",".repeat(1000))));
        array.feed(Bytes::from_static(b"\""));
        (0..64).for_each(|_| array.feed(text.clone()));
        assert!(array.parts.is_empty() && array.begun.is_empty());
    }

    #[test]
    fn elements_of_a_later_chunk_do_not_keep_it() {
        let mut array = JsonArray::new();
        array.feed(Bytes::from_static(b"["));
        let chunk = Bytes::from(vec![b'1'; 1000]);
        array.feed(chunk.clone());
        array.feed(Bytes::from_static(b"]"));
        assert!(chunk.is_unique() && array.finish().unwrap().len() == 1);
    }

    /// The body all at once, by `serde_json`.
    fn model(body: &[u8]) -> Read {
        let text = std::str::from_utf8(body).map_err(|error| {
            RequestFault::invalid(format_args!("the body is not UTF-8 at byte {}", error.valid_up_to()))
        })?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let elements = elements(text).map_err(|error| not_json(text, &error))?;
        match elements {
            None => Err(RequestFault::invalid("the body is not a JSON array")),
            Some(elements) if elements.is_empty() => Err(RequestFault::invalid("the array is empty")),
            Some(elements) if elements.len() > MAX_PARTS => {
                Err(RequestFault::TooManyParts(u32::try_from(elements.len()).unwrap()))
            }
            Some(elements) if elements.iter().any(|element| is_deeper_than(MAX_DEPTH - 1, element)) => {
                Err(RequestFault::invalid(format_args!("the JSON is nested deeper than {MAX_DEPTH}")))
            }
            Some(elements) => Ok(elements),
        }
    }

    fn not_json(text: &str, error: &serde_json::Error) -> RequestFault {
        let (line, column) = (error.line(), error.column());
        let before =
            text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum::<usize>() + column;
        let before = text.as_bytes().get(..before.saturating_sub(1)).unwrap_or_default();
        let comma = before.trim_ascii_end().ends_with(b",");
        let hint = if comma { ": a comma must be followed by a value" } else { "" };
        RequestFault::invalid(format_args!(
            "the body is not valid JSON at line {line}, column {column}{hint}"
        ))
    }

    /// What is no array is of no interest, as long as it is JSON.
    fn elements(text: &str) -> Result<Option<Vec<String>>, serde_json::Error> {
        if !text.trim_start_matches([' ', '\t', '\r', '\n']).starts_with('[') {
            return serde_json::from_str::<&RawValue>(text).map(|_| None);
        }
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let elements = deserializer.deserialize_seq(Elements)?;
        deserializer.end()?;
        Ok(Some(elements))
    }

    struct Elements;

    impl<'de> Visitor<'de> for Elements {
        type Value = Vec<String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an array")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            let mut elements = Vec::new();
            while let Some(element) = seq.next_element::<&'de RawValue>()? {
                elements.push(element.get().to_owned());
            }
            Ok(elements)
        }
    }

    /// Bytes that come close to an array.
    fn near_arrays() -> impl Strategy<Value = Vec<u8>> {
        let token = prop::sample::select(vec![
            "[",
            "]",
            "{",
            "}",
            ",",
            ":",
            "\"",
            "\"a\"",
            "\"k\":",
            "\"k\":1,",
            "\\",
            "\\n",
            "\\u00e9",
            "\\uD800",
            "\\u12x4",
            "\\u,\x0c\x0cx",
            "null",
            "nul",
            "true",
            "false",
            "fals",
            "-",
            "0",
            "1",
            "12",
            ".",
            "e",
            "E+",
            " ",
            "\n",
            "\r\n",
            "\t",
            "é",
            "🎉",
            "\u{feff}",
            "\u{1}",
            "\u{c}",
            "\u{7f}",
            ",\n ",
            "[[",
            "]]",
            "{}",
            "[],",
            "1,",
        ]);
        (any::<bool>(), prop::collection::vec(token, 0..12)).prop_map(|(in_array, tokens)| {
            let start = if in_array { "[" } else { "" };
            (start.to_owned() + &tokens.concat()).into_bytes()
        })
    }

    /// A value as a text, with white space and escapes.
    fn value() -> impl Strategy<Value = String> {
        let text = prop::collection::vec(
            prop::sample::select(vec![
                "a",
                " ",
                "é",
                "🎉",
                "\\\"",
                "\\\\",
                "\\u00E9",
                "[",
                "}",
                ",",
                "abcdefghijkl",
            ]),
            0..6,
        )
        .prop_map(|pieces| format!("\"{}\"", pieces.concat()));
        let leaf = prop_oneof![
            text.clone(),
            prop::sample::select(vec![
                "null", "true", "false", "0", "-0.5", "12e3", "1.5E-7", "-9", " 7 ", "\n1"
            ])
            .prop_map(str::to_owned),
        ];
        leaf.prop_recursive(4, 24, 4, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4)
                    .prop_map(|values| format!("[{}]", values.join(","))),
                prop::collection::vec((text.clone(), inner), 0..4).prop_map(|fields| {
                    let fields: Vec<_> =
                        fields.iter().map(|(key, value)| format!("{key} : {value}")).collect();
                    format!("{{{}}}", fields.join(" ,"))
                }),
            ]
        })
    }

    /// An array of up to 60 values.
    fn arrays() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![prop::collection::vec(value(), 0..5), prop::collection::vec(value(), 48..53)]
            .prop_map(|values| format!("[{}]", values.join(" ,\n")).into_bytes())
    }

    /// An array in which a byte was changed, or lost with all that follow.
    fn mutated() -> impl Strategy<Value = Vec<u8>> {
        let byte = prop_oneof![any::<u8>(), prop::sample::select(b"[]{},:\"\\ \n0e-.".to_vec())];
        (arrays(), any::<prop::sample::Index>(), prop::option::of(byte)).prop_map(|(mut body, at, byte)| {
            let at = at.index(body.len());
            match byte {
                Some(byte) => body[at] = byte,
                None => body.truncate(at),
            }
            body
        })
    }

    /// How a body is cut into chunks, in turn.
    fn lengths() -> impl Strategy<Value = Vec<usize>> {
        prop::collection::vec(1_usize..40, 1..9)
    }

    #[track_caller]
    fn check(body: &[u8], lengths: &[usize]) {
        let mut rest = body;
        let chunks = lengths.iter().cycle().map_while(|length| {
            let (chunk, behind) = rest.split_at_checked(*length).unwrap_or((rest, b""));
            rest = behind;
            (!chunk.is_empty()).then_some(chunk)
        });
        assert_eq!(read_chunks(chunks), model(body), "in chunks: {}", body.escape_ascii());
        assert_eq!(read(body), model(body), "{}", body.escape_ascii());
    }

    proptest! {
        #[test]
        fn arrays_are_read_as_they_are_all_at_once(body in arrays(), lengths in lengths()) {
            check(&body, &lengths);
        }

        #[test]
        fn mutated_arrays_are_read_as_they_are_all_at_once(body in mutated(), lengths in lengths()) {
            check(&body, &lengths);
        }

        #[test]
        fn near_arrays_are_read_as_they_are_all_at_once(body in near_arrays(), lengths in lengths()) {
            check(&body, &lengths);
        }
    }
}
