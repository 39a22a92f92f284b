//! Takes some parts out of a body, as they were sent, while it is read: neither the body nor what is taken out of it is held
//! in memory.

use std::collections::BTreeSet;

use bytes::Bytes;

use crate::disposition;
use crate::document::{Content, Spool, Spooled};
use crate::error::StoreError;
use crate::form::Counts;
use crate::json_array::Elements;
use crate::log::Form;
use crate::multipart::{Boundary, Event, HeaderSection, Splitter};

/// How much of a chunk is split at once: what a hostile body makes of it stays small.
const SLICE: usize = 64 * 1024;
const PICK: &str = "take parts out of a body";

/// Takes the chunks of a body in turn, and writes a body of the same content type that has the wanted parts alone.
pub(super) struct Picker {
    body: Body,
    picked: Picked,
}

enum Body {
    Json(Elements),
    Multipart(Box<Multipart>),
}

struct Multipart {
    /// It separates the wanted parts as it did all of them, so that no bytes of theirs are taken for it.
    boundary: Boundary,
    splitter: Splitter,
    /// The headers of the part that is being read, until it is certain that it counts.
    waiting: Option<(Counts, HeaderSection)>,
}

impl Picker {
    /// For the parts with these numbers of a body of this content type. `Err` where it is none that an import takes, or where
    /// the spool failed.
    pub(super) fn new(
        form: Form,
        content_type: &str,
        wanted: BTreeSet<usize>,
        spool: &dyn Spool,
    ) -> Result<Picker, StoreError> {
        let body = match form {
            Form::Array => Body::Json(Elements::new()),
            Form::Multipart => {
                let boundary = Boundary::parse(content_type).map_err(|fault| StoreError::new(PICK, fault))?;
                let splitter = Splitter::new(&boundary);
                Body::Multipart(Box::new(Multipart { boundary, splitter, waiting: None }))
            }
            Form::Document => return Err(StoreError::new(PICK, "it is a single document")),
        };
        let (out, reading) = (spool.begin(b"")?, Reading::Between);
        Ok(Picker { body, picked: Picked { out, wanted, number: 0, reading, has_begun: false } })
    }

    /// Takes the next bytes. `Err` where the body is not the one that was imported, or where the spool failed.
    pub(super) fn feed(&mut self, mut chunk: Bytes) -> Result<(), StoreError> {
        while !chunk.is_empty() {
            let slice = chunk.split_to(chunk.len().min(SLICE));
            match &mut self.body {
                Body::Json(elements) => {
                    let pieces = elements.feed(slice).map_err(|fault| StoreError::new(PICK, fault))?;
                    pieces.iter().try_for_each(|(bytes, ends)| self.picked.element(bytes, *ends))?;
                }
                Body::Multipart(multipart) => {
                    let mut events = Vec::new();
                    // Faults of the body show at its end only.
                    let _ = multipart.splitter.feed(slice, &mut events);
                    multipart.events(events, &mut self.picked)?;
                }
            }
        }
        Ok(())
    }

    /// The body of the wanted parts, now that all parts have been read; `None` where nothing can be had of any of them.
    pub(super) fn finish(self) -> Result<Option<Content>, StoreError> {
        let mut picked = self.picked;
        let end = match self.body {
            Body::Json(_) => b"]".to_vec(),
            Body::Multipart(mut multipart) => {
                let mut events = Vec::new();
                multipart.splitter.finish(&mut events).map_err(|fault| StoreError::new(PICK, fault))?;
                multipart.events(events, &mut picked)?;
                [b"--", multipart.boundary.as_bytes(), b"--\r\n"].concat()
            }
        };
        if picked.reading != Reading::Between || !picked.wanted.is_empty() {
            return Err(StoreError::new(PICK, "it has fewer parts than were imported"));
        }
        if !picked.has_begun {
            return Ok(None);
        }
        picked.out.write(&end)?;
        picked.out.finish().map(Some)
    }
}

impl Multipart {
    fn events(&mut self, events: Vec<Event>, picked: &mut Picked) -> Result<(), StoreError> {
        events.into_iter().try_for_each(|event| self.event(event, picked))
    }

    /// The parts are counted as they are where a body is imported.
    fn event(&mut self, event: Event, picked: &mut Picked) -> Result<(), StoreError> {
        match event {
            Event::Part(section) => {
                let counts = Counts::of(disposition::read(&section).as_ref().ok());
                self.waiting = Some((counts, section));
            }
            Event::Data(bytes) => {
                if let Some((Counts::Always | Counts::WithData, section)) = self.waiting.take() {
                    self.begin(&section, picked)?;
                }
                picked.write(&bytes)?;
            }
            Event::End => {
                if let Some((Counts::Always, section)) = self.waiting.take() {
                    self.begin(&section, picked)?;
                }
                picked.end(b"\r\n")?;
            }
        }
        Ok(())
    }

    fn begin(&self, section: &HeaderSection, picked: &mut Picked) -> Result<(), StoreError> {
        let HeaderSection::Lines(lines) = section else {
            picked.leave_out();
            return Ok(());
        };
        // The delimiter ended the last line where it came right behind the headers.
        let is_ended = lines.is_empty() || lines.ends_with(b"\r\n");
        let end: &[u8] = if is_ended { b"\r\n" } else { b"\r\n\r\n" };
        picked.begin(&[b"--", self.boundary.as_bytes(), b"\r\n", lines, end].concat())
    }
}

/// What has been taken out so far.
struct Picked {
    out: Box<dyn Spooled>,
    /// Those that have not come yet.
    wanted: BTreeSet<usize>,
    /// The number of the part that is being read, or comes next.
    number: usize,
    reading: Reading,
    /// Whether anything has been written.
    has_begun: bool,
}

/// Which bytes come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// Those between two parts, or of something that does not count as one.
    Between,
    /// Those of a part that is not wanted.
    Unwanted,
    /// Those of one that is.
    Wanted,
}

impl Picked {
    /// A part begins; before its bytes come these.
    fn begin(&mut self, head: &[u8]) -> Result<(), StoreError> {
        if !self.wanted.remove(&self.number) {
            self.reading = Reading::Unwanted;
            return Ok(());
        }
        (self.reading, self.has_begun) = (Reading::Wanted, true);
        self.out.write(head)
    }

    /// A part begins that cannot be written.
    fn leave_out(&mut self) {
        self.wanted.remove(&self.number);
        self.reading = Reading::Unwanted;
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        if self.reading == Reading::Wanted { self.out.write(bytes) } else { Ok(()) }
    }

    /// What is being read ends; behind its bytes come these.
    fn end(&mut self, tail: &[u8]) -> Result<(), StoreError> {
        self.write(tail)?;
        if self.reading != Reading::Between {
            self.number += 1;
        }
        self.reading = Reading::Between;
        Ok(())
    }

    /// Bytes of an element of an array.
    fn element(&mut self, bytes: &[u8], is_whole: bool) -> Result<(), StoreError> {
        if self.reading == Reading::Between {
            self.begin(if self.has_begun { b"," } else { b"[" })?;
        }
        self.write(bytes)?;
        if is_whole { self.end(b"") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::batch::{Incoming, RequestFault};
    use crate::form::FormReader;
    use crate::json_array::JsonArray;
    use crate::memory::MemorySpool;

    const CONTENT_TYPE: &str = "multipart/form-data; boundary=\"b c\"";

    /// What is taken out of a body that comes in chunks of this size.
    fn pick(form: Form, body: &[u8], wanted: &[usize], size: usize) -> Result<Option<Vec<u8>>, String> {
        let said = |error: StoreError| error.source.to_string();
        let wanted = wanted.iter().copied().collect();
        let mut picker = Picker::new(form, CONTENT_TYPE, wanted, &MemorySpool).map_err(said)?;
        for chunk in body.chunks(size) {
            picker.feed(Bytes::copy_from_slice(chunk)).map_err(said)?;
        }
        Ok(picker.finish().map_err(said)?.map(|content| match content {
            Content::Memory(bytes) => bytes.to_vec(),
            Content::File(..) => panic!("a file"),
        }))
    }

    #[track_caller]
    fn check(form: Form, body: impl AsRef<[u8]>, wanted: &[usize], expected: Option<&str>) {
        let body = body.as_ref();
        for size in [1, 7, body.len()] {
            let picked = pick(form, body, wanted, size).unwrap();
            let picked = picked.map(|picked| String::from_utf8(picked).unwrap());
            assert_eq!(picked.as_deref(), expected, "chunks of {size} bytes");
        }
    }

    #[test]
    fn elements_are_taken_out_byte_for_byte() {
        let body = "\u{feff} [ {\"a\" : [1,\"]\"]} , 12.0 ,\"ü\\u0041\",null ] ";
        check(Form::Array, body, &[0], Some("[{\"a\" : [1,\"]\"]}]"));
        check(Form::Array, body, &[1, 2], Some("[12.0,\"ü\\u0041\"]"));
        check(Form::Array, body, &[0, 3], Some("[{\"a\" : [1,\"]\"]},null]"));
        check(Form::Array, body, &[0, 1, 2, 3], Some("[{\"a\" : [1,\"]\"]},12.0,\"ü\\u0041\",null]"));
    }

    #[test]
    fn parts_are_taken_out_with_their_headers_and_bytes() {
        let body = "preamble\r\n--b c\r\nA: 1\r\nB: 2\r\n\r\none\r\n\r\n--b c \r\n\r\ntwo\r\n--b c\r\nC: 3\r\n--b c\r\n\
                    D: 4\r\n\r\n--b d\r\n--b c--\r\nepilogue";
        let [one, two] = ["--b c\r\nA: 1\r\nB: 2\r\n\r\none\r\n\r\n", "--b c\r\n\r\ntwo\r\n"];
        let [three, four] = ["--b c\r\nC: 3\r\n\r\n\r\n", "--b c\r\nD: 4\r\n\r\n--b d\r\n"];
        let whole = |parts: &[&str]| parts.concat() + "--b c--\r\n";
        check(Form::Multipart, body, &[0], Some(&whole(&[one])));
        check(Form::Multipart, body, &[1, 2], Some(&whole(&[two, three])));
        check(Form::Multipart, body, &[0, 1, 2, 3], Some(&whole(&[one, two, three, four])));
    }

    #[test]
    fn what_does_not_count_as_a_part_is_passed_over() {
        let field = |headers: &str, data: &str| format!("--b c\r\n{headers}\r\n\r\n{data}\r\n");
        let empty = "Content-Disposition: form-data; name=f; filename=\"\"";
        let charset = "Content-Disposition: form-data; name=_charset_";
        let octets = "Content-Type: application/octet-stream";
        let twice = "Content-Type: a/b\r\nContent-Type: a/b";
        let parts = [
            field(empty, ""),
            field(charset, "utf-8"),
            field(empty, "x"),
            field(octets, ""),
            field(twice, ""),
            field(octets, "y"),
        ];
        let body = parts.concat() + "--b c--";
        let whole = |numbers: &[usize]| {
            numbers.iter().map(|number| parts[*number].as_str()).collect::<String>() + "--b c--\r\n"
        };
        check(Form::Multipart, &body, &[0], Some(&whole(&[2])));
        check(Form::Multipart, &body, &[1], Some(&whole(&[4])));
        check(Form::Multipart, &body, &[0, 1, 2], Some(&whole(&[2, 4, 5])));
    }

    #[test]
    fn a_part_whose_headers_are_too_long_is_left_out() {
        let long = format!("--b c\r\nA: {}\r\n\r\none\r\n", "x".repeat(16 * 1024));
        let body = format!("{long}--b c\r\n\r\ntwo\r\n--b c--");
        check(Form::Multipart, &body, &[0, 1], Some("--b c\r\n\r\ntwo\r\n--b c--\r\n"));
        check(Form::Multipart, &body, &[0], None);
    }

    #[test]
    fn a_body_that_is_another_one_is_a_failure() {
        for (form, body) in [
            (Form::Array, "[1"),
            (Form::Array, "[1]"),
            (Form::Array, "[1,}"),
            (Form::Array, "[1,2"),
            (Form::Array, ""),
            (Form::Multipart, "--b c\r\n\r\n1\r\n--b c--"),
            (Form::Multipart, "--b c\r\n\r\n1\r\n--b c\r\n\r\n2"),
            (Form::Multipart, ""),
        ] {
            assert!(pick(form, body.as_bytes(), &[1], 3).is_err(), "{body}");
        }
        assert!(Picker::new(Form::Document, "application/pdf", BTreeSet::new(), &MemorySpool).is_err());
        assert!(Picker::new(Form::Multipart, "multipart/form-data", BTreeSet::new(), &MemorySpool).is_err());
    }

    /// What an import makes of a body.
    fn read(form: Form, body: &[u8]) -> Result<Vec<String>, RequestFault> {
        let parts = if form == Form::Array {
            let mut array = JsonArray::new();
            array.feed(Bytes::copy_from_slice(body));
            array.finish()
        } else {
            let boundary = Boundary::parse(CONTENT_TYPE).unwrap();
            let mut reader = FormReader::new(&boundary, Arc::new(MemorySpool));
            reader.feed(Bytes::copy_from_slice(body)).unwrap();
            reader.finish().unwrap().parts
        };
        let shown = |part| match part {
            Incoming::Person(json) => format!("{json:?}"),
            Incoming::File(name, upload) => format!("{name} {:?}", upload.sha256),
            Incoming::UnnamedFile(why) | Incoming::Unacceptable(why) => why,
            other => format!("{other:?}"),
        };
        Ok(parts?.into_iter().map(shown).collect())
    }

    proptest! {
        /// Sending what was taken out is sending just those parts.
        #[test]
        fn what_is_taken_out_is_read_as_those_parts(
            pieces in prop::collection::vec(
                prop::sample::select(&[
                    "Content-Disposition: form-data; name=f; filename=\"\"\r\n", "Content-Type: application/pdf\r\n",
                    "Content-Disposition: form-data; name=f; filename=\"a__b__c.pdf\"\r\n", "\r\n", "--b c\r\n", "{}",
                    "%PDF-%%EOF", "\r\n--b c\r\n", "Content-Type: application/octet-stream\r\n", "x", "\r\n--b c",
                    "Content-Disposition: form-data; name=_charset_\r\n",
                ][..]),
                0..30,
            ),
            picks in prop::collection::vec(any::<bool>(), 30),
            size in 1..40_usize,
        ) {
            let body = format!("--b c\r\n{}\r\n--b c--", pieces.concat());
            if let Ok(parts) = read(Form::Multipart, body.as_bytes()) {
                let wanted: Vec<_> = (0..parts.len()).filter(|part| picks[*part]).collect();
                prop_assume!(!wanted.is_empty());
                let picked = pick(Form::Multipart, body.as_bytes(), &wanted, size).unwrap().unwrap();
                let expected: Vec<_> = wanted.iter().map(|part| parts[*part].clone()).collect();
                prop_assert_eq!(read(Form::Multipart, &picked).unwrap(), expected);
            }
        }

        #[test]
        fn what_is_taken_out_of_an_array_is_read_as_those_elements(
            elements in prop::collection::vec(
                prop::sample::select(&["{}", " 1", "[[1],{\"a\":\"\\\"]\"}] ", "\"ü,\"", "\n-0.5e+7", "null"][..]),
                1..20,
            ),
            picks in prop::collection::vec(any::<bool>(), 20),
            size in 1..40_usize,
        ) {
            let body = format!("[{}]", elements.join(","));
            let parts = read(Form::Array, body.as_bytes()).unwrap();
            let wanted: Vec<_> = (0..parts.len()).filter(|part| picks[*part]).collect();
            prop_assume!(!wanted.is_empty());
            let picked = pick(Form::Array, body.as_bytes(), &wanted, size).unwrap().unwrap();
            let expected: Vec<_> = wanted.iter().map(|part| parts[*part].clone()).collect();
            prop_assert_eq!(read(Form::Array, &picked).unwrap(), expected);
        }
    }
}
