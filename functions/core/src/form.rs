//! A multipart/form-data body as parts: which kind each part is of, and what of it is kept while the body is read.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use crate::batch::{Incoming, MAX_PARTS, RequestFault};
use crate::disposition::{self, PartHeaders, UnreadableHeaders};
use crate::document::{Receiver, Spool, Upload};
use crate::error::StoreError;
use crate::fingerprint::PartsFingerprint;
use crate::multipart::{Boundary, Event, HeaderSection, Splitter};
use crate::shown::Shown;
use crate::update::MAX_UPDATE_BYTES;

/// How much of a chunk is split at once: what a hostile body makes of it stays small.
const SLICE: usize = 64 * 1024;

/// Takes the chunks of a body in turn and gives the parts back at its end. JSON is kept in memory, at most 256 KiB a
/// part; files above 64 KiB are spooled; of parts beyond the fiftieth nothing is kept.
pub struct FormReader {
    splitter: Splitter,
    spool: Arc<dyn Spool>,
    current: Option<Current>,
    /// Whether the part may still turn out to be a file input that was left empty, which does not count.
    left_empty: bool,
    parts: Vec<Incoming>,
    count: u32,
    events: Vec<Event>,
    fingerprint: Option<PartsFingerprint>,
}

/// A multipart body that has been read to its end.
#[derive(Debug)]
pub struct ReadForm {
    /// Its parts, or what is wrong with the request.
    pub parts: Result<Vec<Incoming>, RequestFault>,
    /// What says whether another body is the same request, where it was wanted and the body was whole: a SHA-256 of its
    /// parts' content types, field names, file names and bytes, in their order.
    pub fingerprint: Option<[u8; 32]>,
}

/// The part that is being read.
enum Current {
    Json(BytesMut),
    TooLarge,
    File {
        headers: PartHeaders,
        receiver: Box<Receiver>,
    },
    Refused(Incoming),
    /// A field that does not count: `_charset_` (HTML, 4.10.21.4), which browsers fill in.
    Ignored,
    /// A part beyond the last that is accepted.
    Surplus,
}

/// Whether a part counts as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counts {
    Always,
    /// It is a file input, which does not count where it was left empty.
    WithData,
    Never,
}

impl Counts {
    /// What a part's headers say of that, where they can be read.
    pub(crate) fn of(headers: Option<&PartHeaders>) -> Counts {
        let Some(headers) = headers else { return Counts::Always };
        let content_type = headers.content_type.as_deref();
        match headers.file_name.as_deref() {
            // Browsers send an empty name; undici, which is Node's fetch, sends none.
            Some("") => Counts::WithData,
            None if content_type == Some("application/octet-stream") => Counts::WithData,
            None if headers.name.as_deref() == Some("_charset_")
                && matches!(content_type, None | Some("text/plain")) =>
            {
                Counts::Never
            }
            Some(_) | None => Counts::Always,
        }
    }
}

impl FormReader {
    /// A reader of a body with this boundary.
    pub fn new(boundary: &Boundary, spool: Arc<dyn Spool>) -> FormReader {
        FormReader {
            splitter: Splitter::new(boundary),
            spool,
            current: None,
            left_empty: false,
            parts: Vec::new(),
            count: 0,
            events: Vec::new(),
            fingerprint: None,
        }
    }

    /// The same reader, before it has read anything, for a body whose fingerprint is wanted: bytes that are in no file are
    /// hashed then, too.
    pub fn with_fingerprint(self) -> FormReader {
        FormReader { fingerprint: Some(PartsFingerprint::default()), ..self }
    }

    /// Takes the next bytes. `Err` where the spool failed.
    pub fn feed(&mut self, mut chunk: Bytes) -> Result<(), StoreError> {
        while !chunk.is_empty() {
            let slice = chunk.split_to(chunk.len().min(SLICE));
            let mut events = std::mem::take(&mut self.events);
            // Faults of the body show at its end only.
            let _ = self.splitter.feed(slice, &mut events);
            for event in events.drain(..) {
                self.event(event)?;
            }
            self.events = events;
        }
        Ok(())
    }

    fn event(&mut self, event: Event) -> Result<(), StoreError> {
        match event {
            Event::Part(section) => self.current = Some(self.begin(&section)),
            Event::Data(bytes) => self.data(&bytes)?,
            Event::End => {
                if let Some(current) = self.current.take().filter(|_| !self.left_empty) {
                    self.end(current)?;
                }
            }
        }
        Ok(())
    }

    fn data(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.left_empty = false;
        match &mut self.current {
            Some(Current::File { receiver, .. }) => receiver.write(bytes)?,
            Some(Current::Json(kept)) if kept.len() + bytes.len() <= MAX_UPDATE_BYTES => {
                kept.extend_from_slice(bytes);
            }
            Some(current @ Current::Json(_)) => *current = Current::TooLarge,
            _ => {}
        }
        if let Some(fingerprint) = &mut self.fingerprint
            && !matches!(self.current, Some(Current::File { .. }))
        {
            fingerprint.data(bytes);
        }
        Ok(())
    }

    fn begin(&mut self, section: &HeaderSection) -> Current {
        let headers = disposition::read(section);
        if let Some(fingerprint) = &mut self.fingerprint {
            fingerprint.begin(section, headers.as_ref());
        }
        let counts = Counts::of(headers.as_ref().ok());
        self.left_empty = counts == Counts::WithData;
        let headers = match headers {
            Ok(headers) => headers,
            Err(fault) => return Current::Refused(unreadable(&fault)),
        };
        if counts == Counts::Never {
            return Current::Ignored;
        }
        if self.parts.len() >= MAX_PARTS {
            return Current::Surplus;
        }
        if let Some(encoding) = headers.transfer_encoding.as_deref()
            && !matches!(encoding, "binary" | "8bit" | "7bit")
        {
            return refused(format!("Content-Transfer-Encoding {} is not accepted", Shown::new(encoding)));
        }
        match (headers.content_type.as_deref(), &headers.file_name) {
            (Some("application/json"), _) | (None, None) => Current::Json(BytesMut::new()),
            (Some("application/pdf" | "application/octet-stream") | None, Some(_)) => {
                Current::File { headers, receiver: Box::new(Receiver::new(Arc::clone(&self.spool))) }
            }
            (Some("application/pdf"), None) => {
                Current::Refused(Incoming::UnnamedFile("it has no file name".to_owned()))
            }
            (Some(other), file_name) if !file_name.as_ref().is_some_and(String::is_empty) => {
                refused(format!("content type {} is not accepted", Shown::new(other)))
            }
            // A file input that was left empty may come with any type.
            (Some(_), _) => {
                Current::File { headers, receiver: Box::new(Receiver::new(Arc::clone(&self.spool))) }
            }
        }
    }

    fn end(&mut self, current: Current) -> Result<(), StoreError> {
        let mut sha256 = None;
        let part = match current {
            Current::Ignored => return Ok(()),
            Current::Surplus => None,
            Current::Json(json) => Some(Incoming::Person(json.freeze())),
            Current::TooLarge => Some(Incoming::PersonTooLarge),
            Current::Refused(part) => Some(part),
            Current::File { headers, receiver } => {
                let upload = receiver.finish()?;
                sha256 = Some(upload.sha256);
                let name = headers.file_name.unwrap_or_default();
                Some(file(headers.content_type.as_deref(), name, upload))
            }
        };
        if let Some(fingerprint) = &mut self.fingerprint {
            fingerprint.end(sha256);
        }
        self.count = self.count.saturating_add(1);
        if self.parts.len() < MAX_PARTS {
            self.parts.extend(part);
        }
        Ok(())
    }

    /// The parts, now that the body has ended. `Err` where the spool failed.
    pub fn finish(mut self) -> Result<ReadForm, StoreError> {
        let mut events = std::mem::take(&mut self.events);
        if let Err(fault) = self.splitter.finish(&mut events) {
            return Ok(ReadForm { parts: Err(RequestFault::invalid(fault)), fingerprint: None });
        }
        for event in events {
            self.event(event)?;
        }
        let parts = match usize::try_from(self.count) {
            Ok(0) => Err(RequestFault::invalid("the body has no parts")),
            Ok(count) if count <= MAX_PARTS => Ok(self.parts),
            _ => Err(RequestFault::TooManyParts(self.count)),
        };
        Ok(ReadForm { parts, fingerprint: self.fingerprint.map(PartsFingerprint::finish) })
    }
}

fn refused(reason: String) -> Current {
    Current::Refused(Incoming::Unacceptable(reason))
}

/// A fault of the headers as a whole refuses the part; one of the file name, the file.
fn unreadable(fault: &UnreadableHeaders) -> Incoming {
    match fault {
        UnreadableHeaders::Section(_) | UnreadableHeaders::Repeated(_) | UnreadableHeaders::Malformed => {
            Incoming::Unacceptable(fault.to_string())
        }
        _ => Incoming::UnnamedFile(fault.to_string()),
    }
}

/// A file that is not sent as a PDF is one where its name and its bytes both say so.
fn file(content_type: Option<&str>, name: String, upload: Upload) -> Incoming {
    match content_type {
        Some("application/pdf") if name.is_empty() => {
            Incoming::UnnamedFile("its file name is empty".to_owned())
        }
        Some("application/pdf") => Incoming::File(name, upload),
        _ if name.to_ascii_lowercase().ends_with(".pdf") && upload.is_pdf.is_ok() => {
            Incoming::File(name, upload)
        }
        Some(other) => Incoming::Unacceptable(format!("content type {} is not accepted", Shown::new(other))),
        None => Incoming::Unacceptable("it has no content type and is no PDF".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::MemorySpool;

    const PDF: &str = "%PDF-1.7\n%%EOF\n";

    fn read(parts: &[(&str, &str)]) -> Result<Vec<Incoming>, RequestFault> {
        let mut body = String::new();
        for (headers, data) in parts {
            body += &format!("--b\r\n{headers}\r\n\r\n{data}\r\n");
        }
        let boundary = Boundary::parse("multipart/form-data; boundary=b").unwrap();
        let mut reader = FormReader::new(&boundary, Arc::new(MemorySpool));
        reader.feed(Bytes::from(body + "--b--")).unwrap();
        let read = reader.finish().unwrap();
        assert_eq!(read.fingerprint, None);
        read.parts
    }

    /// What a part with these header lines becomes.
    fn kind(headers: &str, data: &str) -> String {
        match read(&[(headers, data)]) {
            Err(RequestFault::Invalid(reason)) => reason,
            Err(fault @ (RequestFault::TooManyParts(_) | RequestFault::BodyNotReceived)) => fault.to_string(),
            Ok(parts) => match &parts[..] {
                [Incoming::Person(json)] => format!("person {}", String::from_utf8_lossy(json)),
                [Incoming::PersonTooLarge] => "too large".to_owned(),
                [Incoming::File(name, upload)] => format!("file {name} {:?}", upload.is_pdf),
                [Incoming::UnnamedFile(reason)] => format!("unnamed: {reason}"),
                [Incoming::Unacceptable(reason)] => format!("refused: {reason}"),
                other => panic!("{other:?}"),
            },
        }
    }

    const FILE: &str = "Content-Disposition: form-data; name=\"f\"; filename=\"a__b__c.pdf\"";
    const FIELD: &str = "Content-Disposition: form-data; name=\"f\"";

    fn typed(disposition: &str, content_type: &str) -> String {
        format!("{disposition}\r\nContent-Type: {content_type}")
    }

    #[test]
    fn the_content_type_says_what_a_part_is() {
        assert_eq!(kind(&typed(FIELD, "application/json"), "{}"), "person {}");
        assert_eq!(kind(&typed(FIELD, "Application/JSON; charset=utf-8"), "{}"), "person {}");
        assert_eq!(kind(&typed(FILE, "application/json"), "{}"), "person {}");
        assert_eq!(kind(&typed(FILE, "application/pdf"), PDF), "file a__b__c.pdf Ok(())");
        assert_eq!(kind(&typed(FILE, "application/pdf"), "x"), "file a__b__c.pdf Err(NoHeader)");
        assert_eq!(
            kind(&typed(FILE, "text/plain"), PDF),
            "refused: content type 'text/plain' is not accepted"
        );
        assert_eq!(
            kind(&typed(FIELD, "multipart/mixed"), "x"),
            "refused: content type 'multipart/mixed' is not accepted"
        );
    }

    #[test]
    fn a_part_without_a_type_is_json_unless_it_is_a_pdf() {
        assert_eq!(kind(FIELD, "{}"), "person {}");
        assert_eq!(kind("X-Other: 1", "{}"), "person {}");
        assert_eq!(kind(FILE, PDF), "file a__b__c.pdf Ok(())");
        assert_eq!(kind(FILE, "x"), "refused: it has no content type and is no PDF");
        assert_eq!(kind(&typed(FILE, "application/octet-stream"), PDF), "file a__b__c.pdf Ok(())");
        assert_eq!(
            kind(&typed(FILE, "application/octet-stream"), "x"),
            "refused: content type 'application/octet-stream' is not accepted"
        );
    }

    #[test]
    fn a_pdf_needs_a_name() {
        assert_eq!(kind(&typed(FIELD, "application/pdf"), PDF), "unnamed: it has no file name");
        let empty = "Content-Disposition: form-data; name=\"f\"; filename=\"\"";
        assert_eq!(kind(&typed(empty, "application/pdf"), PDF), "unnamed: its file name is empty");
        let twice = format!("{FILE}; filename=\"x.pdf\"");
        assert_eq!(kind(&typed(&twice, "application/pdf"), PDF), "unnamed: two file names");
        assert_eq!(kind(&format!("{FILE}\r\n{FILE}"), PDF), "refused: two Content-Disposition headers");
    }

    #[test]
    fn what_browsers_add_is_not_counted() {
        let empty = "Content-Disposition: form-data; name=\"f\"; filename=\"\"\r\nContent-Type: application/octet-stream";
        assert_eq!(kind(empty, ""), "the body has no parts");
        assert_eq!(
            kind("Content-Disposition: form-data; name=\"_charset_\"", "UTF-8"),
            "the body has no parts"
        );
        let parts = read(&[(empty, ""), (FIELD, "{}"), (empty, "")]).unwrap();
        assert_eq!(parts.len(), 1);
        let json =
            "Content-Disposition: form-data; name=\"f\"; filename=\"\"\r\nContent-Type: application/json";
        assert_eq!(kind(json, ""), "the body has no parts");
        assert_eq!(kind(json, "{}"), "person {}");
        assert_eq!(kind(&typed(FIELD, "application/octet-stream"), ""), "the body has no parts");
        let twice = format!("{FILE}\r\n{FILE}");
        assert_eq!(read(&[(empty, ""), (&twice, "")]).unwrap().len(), 1, "nothing is said of the one behind");
        let full = [vec![(FIELD, "{}"); 50], vec![(empty, "")]].concat();
        assert_eq!(read(&full).unwrap().len(), 50);
    }

    #[test]
    fn encodings_are_refused_by_part() {
        for encoding in ["base64", "Quoted-Printable", "x-gzip"] {
            let part = kind(&format!("{FIELD}\r\nContent-Transfer-Encoding: {encoding}"), "e30=");
            assert_eq!(
                part,
                format!("refused: Content-Transfer-Encoding '{}' is not accepted", encoding.to_lowercase())
            );
        }
        assert_eq!(kind(&format!("{FIELD}\r\nContent-Transfer-Encoding: 8BIT"), "{}"), "person {}");
    }

    #[test]
    fn fifty_parts_are_read_and_fifty_one_are_too_many() {
        assert_eq!(read(&vec![(FIELD, "{}"); 50]).unwrap().len(), 50);
        assert_eq!(read(&vec![(FIELD, "{}"); 51]).unwrap_err(), RequestFault::TooManyParts(51));
        assert_eq!(read(&vec![(FIELD, "{}"); 70]).unwrap_err(), RequestFault::TooManyParts(70));
    }

    #[test]
    fn an_object_of_256_kib_is_kept_and_one_byte_more_is_not() {
        let json = |bytes: usize| format!("\"{}\"", "x".repeat(bytes - 2));
        assert!(kind(FIELD, &json(MAX_UPDATE_BYTES)).starts_with("person"));
        assert_eq!(kind(FIELD, &json(MAX_UPDATE_BYTES + 1)), "too large");
    }

    /// The fingerprint of a body with this boundary, in chunks of this size.
    fn fingerprint_by(boundary: &str, size: usize, parts: &[(&str, &str)]) -> Option<[u8; 32]> {
        let mut body = String::new();
        for (headers, data) in parts {
            body += &format!("--{boundary}\r\n{headers}\r\n\r\n{data}\r\n");
        }
        body += &format!("--{boundary}--");
        let content_type = format!("multipart/form-data; boundary={boundary}");
        let boundary = Boundary::parse(content_type).unwrap();
        let mut reader = FormReader::new(&boundary, Arc::new(MemorySpool)).with_fingerprint();
        body.as_bytes().chunks(size).for_each(|chunk| reader.feed(Bytes::copy_from_slice(chunk)).unwrap());
        reader.finish().unwrap().fingerprint
    }

    fn fingerprint(parts: &[(&str, &str)]) -> [u8; 32] {
        let whole = fingerprint_by("b", usize::MAX, parts).unwrap();
        assert_eq!(fingerprint_by("----Another", 1, parts), Some(whole));
        whole
    }

    #[test]
    fn a_change_of_a_part_is_another_fingerprint() {
        let (json, pdf) = (typed(FIELD, "application/json"), typed(FILE, "application/pdf"));
        let (json, pdf) = (json.as_str(), pdf.as_str());
        let (field, file, octets) =
            (json.replace("=\"f\"", "=\"g\""), pdf.replace("c.pdf", "d.pdf"), json.replace("json", "pdf"));
        let more = format!("{PDF}\n");
        let (full, other) = (vec![(json, "{}"); 50], [vec![(json, "{}"); 49], vec![(json, "1")]].concat());
        let (over, tail) = ([&full[..], &[(json, "1")]].concat(), [&full[..], &[(json, "2")]].concat());
        let bodies: [&[(&str, &str)]; 19] = [
            &[(json, "{}"), (pdf, PDF)],
            &[(pdf, PDF), (json, "{}")],
            &[(json, "{}")],
            &[(pdf, PDF)],
            &[(json, "{}"), (pdf, PDF), (pdf, PDF)],
            &[(json, "{} "), (pdf, PDF)],
            &[(json, "{}"), (pdf, &more)],
            &[(json, "{}"), (pdf, "x")],
            &[(json, "{}"), (&file, PDF)],
            &[(&field, "{}"), (pdf, PDF)],
            &[(FIELD, "{}"), (pdf, PDF)],
            &[(json, "{}"), (FILE, PDF)],
            &[(&octets, "{}"), (pdf, PDF)],
            &[("X-Other: 1", "{}"), (pdf, PDF)],
            &[(json, ""), (pdf, PDF)],
            &full,
            &other,
            &over,
            &tail,
        ];
        let fingerprints: Vec<_> = bodies.into_iter().map(fingerprint).collect();
        for (at, one) in fingerprints.iter().enumerate() {
            assert!(!fingerprints[..at].contains(one), "body {at} has the fingerprint of another");
        }
    }

    #[test]
    fn neither_other_headers_nor_the_spelling_of_a_name_is_another_fingerprint() {
        let one = fingerprint(&[(&typed(FILE, "application/pdf"), PDF)]);
        for headers in [
            "content-type: Application/PDF; x=y\r\nX-Other: 1\r\nContent-Disposition: form-data; filename=a__b__c.pdf; name=f",
            "Content-Type: application/pdf\r\nContent-Disposition: form-data; name=\"f\"; filename*=utf-8''a__b__%63.pdf",
        ] {
            assert_eq!(fingerprint(&[(headers, PDF)]), one, "{headers}");
        }
        let empty = "Content-Disposition: form-data; name=\"f\"; filename=\"\"\r\nContent-Type: application/octet-stream";
        let charset = "Content-Disposition: form-data; name=\"_charset_\"";
        let padded = [(empty, ""), (&typed(FILE, "application/pdf"), PDF), (charset, "UTF-8")];
        assert_eq!(fingerprint(&padded), one);
        assert_eq!(fingerprint(&[(charset, "UTF-8"), (FIELD, "{}")]), fingerprint(&[(FIELD, "{}")]));
    }

    #[test]
    fn headers_that_cannot_be_read_are_compared_by_their_bytes() {
        let (one, other) = (format!("{FILE}; filename=\"x.pdf\""), format!("{FILE}; filename=\"y.pdf\""));
        assert_ne!(fingerprint(&[(&one, PDF)]), fingerprint(&[(&other, PDF)]));
        assert_ne!(fingerprint(&[(&one, PDF)]), fingerprint(&[(&one, "x")]));
    }

    #[test]
    fn a_body_that_is_cut_has_no_fingerprint() {
        let boundary = Boundary::parse("multipart/form-data; boundary=b").unwrap();
        let mut reader = FormReader::new(&boundary, Arc::new(MemorySpool)).with_fingerprint();
        reader.feed(Bytes::from_static(b"--b\r\n\r\n{}\r\n--b")).unwrap();
        let read = reader.finish().unwrap();
        assert!(read.parts.is_err() && read.fingerprint.is_none());
    }
}
