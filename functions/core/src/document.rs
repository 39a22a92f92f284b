//! A PDF of a person: how its bytes are checked while they arrive, and where it is kept. Object keys are made here and
//! nowhere else.

use std::cmp::Ordering;
use std::fmt;
use std::fmt::Write as _;
use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::error::StoreError;
use crate::hex;
use crate::id::ImportId;
use crate::person::PersonKey;
use crate::time::Timestamp;

/// A file of up to this many bytes is kept in memory while a request is read, a larger one on disk.
pub const MAX_IN_MEMORY: usize = 64 * 1024;
/// How far from its ends a PDF has its marks.
const MARGIN: usize = 1024;
/// For how long a link to a document works.
pub const LINK_LIFE: Duration = Duration::from_secs(5 * 60);
/// How old bytes are at least that no slot leads to when they are deleted, as old as a deleted document's last version gets.
/// Nobody who stores them anew is about to put them into their slot then: bodies are kept for 7 days, and a file of the inbox
/// is taken up again within an hour or so.
pub const SWEPT_AFTER: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// A segment of an object key that is longer than this is shortened.
const MAX_SEGMENT: usize = 40;

/// The bytes of a file, wherever they wait. `Debug` shows the size alone.
#[derive(Clone)]
pub enum Content {
    /// In memory.
    Memory(Bytes),
    /// In a file that has no name any more, so that nothing is left of it when we die; its size in bytes.
    File(Arc<File>, u64),
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.bytes())
    }
}

impl Content {
    /// The size in bytes.
    pub fn bytes(&self) -> u64 {
        match self {
            Content::Memory(bytes) => bytes.len() as u64,
            Content::File(_, bytes) => *bytes,
        }
    }
}

/// Where large files wait while a request is read.
pub trait Spool: Send + Sync {
    /// Begins a file that starts with these bytes.
    fn begin(&self, bytes: &[u8]) -> Result<Box<dyn Spooled>, StoreError>;
}

/// A file that is being written.
pub trait Spooled: Send {
    /// Appends bytes.
    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError>;
    /// The whole file.
    fn finish(self: Box<Self>) -> Result<Content, StoreError>;
}

/// A file that has arrived whole.
#[derive(Debug, Clone)]
pub struct Upload {
    /// Its bytes.
    pub content: Content,
    /// Their SHA-256.
    pub sha256: [u8; 32],
    /// Whether they are what the sender says: a PDF.
    pub is_pdf: Result<(), NotAPdf>,
}

/// Why bytes are taken for no PDF.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAPdf {
    /// There are none.
    #[error("it is empty")]
    Empty,
    /// `%PDF-` is not within the first 1,024 bytes.
    #[error("it does not start with %PDF-")]
    NoHeader,
    /// `%%EOF` is not within the last 1,024 bytes: it was cut.
    #[error("it does not end with %%EOF")]
    NoEnd,
}

/// Takes the bytes of a file in turn: hashes and checks them, and spools what is too large for memory.
pub struct Receiver {
    spool: Arc<dyn Spool>,
    memory: Vec<u8>,
    file: Option<Box<dyn Spooled>>,
    sha256: Sha256,
    head: Vec<u8>,
    tail: Vec<u8>,
}

impl Receiver {
    /// A receiver that spools to `spool`.
    pub fn new(spool: Arc<dyn Spool>) -> Receiver {
        Receiver {
            spool,
            memory: Vec::new(),
            file: None,
            sha256: Sha256::new(),
            head: Vec::new(),
            tail: Vec::new(),
        }
    }

    /// Takes the next bytes.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.sha256.update(bytes);
        let missing = MARGIN.saturating_sub(self.head.len()).min(bytes.len());
        self.head.extend_from_slice(&bytes[..missing]);
        self.keep_tail(bytes);
        match &mut self.file {
            Some(file) => file.write(bytes),
            None if self.memory.len() + bytes.len() <= MAX_IN_MEMORY => {
                self.memory.extend_from_slice(bytes);
                Ok(())
            }
            None => {
                let mut file = self.spool.begin(&std::mem::take(&mut self.memory))?;
                file.write(bytes)?;
                self.file = Some(file);
                Ok(())
            }
        }
    }

    fn keep_tail(&mut self, bytes: &[u8]) {
        let bytes = &bytes[bytes.len().saturating_sub(MARGIN)..];
        let surplus = (self.tail.len() + bytes.len()).saturating_sub(MARGIN);
        self.tail.drain(..surplus);
        self.tail.extend_from_slice(bytes);
    }

    /// The file, now that all of it has been written.
    pub fn finish(self) -> Result<Upload, StoreError> {
        let is_pdf = if self.head.is_empty() {
            Err(NotAPdf::Empty)
        } else if memchr::memmem::find(&self.head, b"%PDF-").is_none() {
            Err(NotAPdf::NoHeader)
        } else if memchr::memmem::find(&self.tail, b"%%EOF").is_none() {
            Err(NotAPdf::NoEnd)
        } else {
            Ok(())
        };
        let content = match self.file {
            Some(file) => file.finish()?,
            None => Content::Memory(self.memory.into()),
        };
        Ok(Upload { content, sha256: self.sha256.finalize().into(), is_pdf })
    }
}

/// Where a person's file is listed. Storing to a slot that is taken replaces what is there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot {
    /// Whose file it is.
    pub person: PersonKey,
    /// The field's name.
    pub field: String,
    /// The file's name where the field is a list; a field that is none has one slot.
    pub name: Option<String>,
}

/// The key of the S3 object that holds a document:
/// `documents/{person}/{field}/{import}-{part}.pdf`, at most 135 bytes of `A-Z a-z 0-9 - _ . % ~ /`. It is the same
/// when an import is run again, and another one for every upload, so replacing a document never overwrites an object.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DocumentKey(String);

impl DocumentKey {
    /// How each of them begins.
    pub const PREFIX: &str = "documents/";

    /// The key for a part of an import.
    pub fn new(slot: &Slot, import: ImportId, part: usize) -> DocumentKey {
        let (person, field) = (segment(slot.person.as_str()), segment(&slot.field));
        DocumentKey(format!("{}{person}/{field}/{import}-{part}.pdf", DocumentKey::PREFIX))
    }

    /// A key as it was stored.
    pub fn stored(text: String) -> DocumentKey {
        DocumentKey(text)
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One path segment: everything but letters, digits, `-`, `_` and inner dots percent-encoded. A segment over 40 bytes
/// ends in `~` and half a SHA-256 of the whole; no other one has a `~`, so two names never share a segment.
fn segment(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for (index, byte) in text.bytes().enumerate() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_') || (byte == b'.' && index > 0) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    if encoded.len() > MAX_SEGMENT {
        let hash = Sha256::digest(text.as_bytes());
        encoded.truncate(MAX_SEGMENT - 33);
        encoded.truncate(encoded.rfind('%').filter(|at| encoded.len() - at < 3).unwrap_or(encoded.len()));
        encoded.push('~');
        encoded.push_str(&hex::encode(&hash[..16]));
    }
    encoded
}

/// A valid PDF part that is to be stored.
#[derive(Debug, Clone)]
pub struct Document {
    /// Where it is listed.
    pub slot: Slot,
    /// The object that will hold it.
    pub key: DocumentKey,
    /// The name that the caller gave, `.pdf` included.
    pub file_name: String,
    /// Its bytes.
    pub content: Content,
    /// Their SHA-256.
    pub sha256: [u8; 32],
    /// The import that brought it.
    pub import: ImportId,
    /// When it came.
    pub stored_at: Timestamp,
}

/// What is known of a document that is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredDocument {
    /// The field's name.
    pub field: String,
    /// The name that the caller gave, `.pdf` included.
    pub file_name: String,
    /// The size in bytes.
    pub bytes: u64,
    /// The SHA-256 of the bytes.
    pub sha256: [u8; 32],
    /// When it came.
    pub stored_at: Timestamp,
    /// The import that brought it.
    pub import: ImportId,
}

impl StoredDocument {
    /// The order in which a person's documents are listed: by field, then by file name, then by import.
    pub fn in_order(one: &StoredDocument, other: &StoredDocument) -> Ordering {
        let place =
            |document: &StoredDocument| (document.field.clone(), document.file_name.clone(), document.import);
        place(one).cmp(&place(other))
    }
}

/// A URL that gives a document to whoever has it, for [`LINK_LIFE`]. `Debug` prints `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Link(String);

impl Link {
    /// Keeps a URL from being seen.
    pub fn new(url: String) -> Link {
        Link(url)
    }

    /// The URL, for the caller alone: never for a log.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::MemorySpool;
    use crate::person::Person;

    fn receive(chunks: &[&[u8]]) -> Upload {
        let mut receiver = Receiver::new(Arc::new(MemorySpool));
        chunks.iter().for_each(|chunk| receiver.write(chunk).unwrap());
        receiver.finish().unwrap()
    }

    fn verdict(bytes: &[u8]) -> Result<(), NotAPdf> {
        let whole = receive(&[bytes]).is_pdf;
        let in_pieces = receive(&bytes.chunks(7).collect::<Vec<_>>()).is_pdf;
        assert_eq!(whole, in_pieces);
        whole
    }

    #[test]
    fn a_pdf_has_its_marks_near_its_ends() {
        assert_eq!(verdict(b"%PDF-1.7\n%%EOF\n"), Ok(()));
        assert_eq!(verdict(b""), Err(NotAPdf::Empty));
        assert_eq!(verdict(b"hello %%EOF"), Err(NotAPdf::NoHeader));
        assert_eq!(verdict(b"%PDF-1.7\n%%EO"), Err(NotAPdf::NoEnd));
    }

    #[test]
    fn the_header_ends_within_1024_bytes_and_not_one_later() {
        let pdf = |before: usize| [vec![b' '; before], b"%PDF-1.7 %%EOF".to_vec()].concat();
        assert_eq!(verdict(&pdf(1024 - 5)), Ok(()));
        assert_eq!(verdict(&pdf(1024 - 4)), Err(NotAPdf::NoHeader));
    }

    #[test]
    fn the_end_mark_starts_within_the_last_1024_bytes_and_not_one_earlier() {
        let pdf = |after: usize| [b"%PDF-1.7 %%EOF".to_vec(), vec![b'\n'; after]].concat();
        assert_eq!(verdict(&pdf(1024 - 5)), Ok(()));
        assert_eq!(verdict(&pdf(1024 - 4)), Err(NotAPdf::NoEnd));
    }

    #[test]
    fn a_file_is_hashed_as_it_arrives() {
        let upload = receive(&[b"ab", b"c"]);
        assert_eq!(upload.sha256[..4], [0xba, 0x78, 0x16, 0xbf]); // FIPS 180-2, B.1
        assert_eq!(upload.content.bytes(), 3);
    }

    #[test]
    fn a_link_is_not_shown() {
        assert_eq!(format!("{:?}", Link::new("http://x/?X-Amz-Signature=1".into())), "***");
    }

    fn key(person: &str, field: &str) -> String {
        let person = Person { employee_id: Some(person.into()), ..Person::default() }.key();
        let import = ImportId::parse("0192f0c1-7c00-7a3b-8c4d-000102030405").unwrap();
        DocumentKey::new(&Slot { person, field: field.into(), name: None }, import, 49).as_str().to_owned()
    }

    #[test]
    fn a_key_names_person_field_import_and_part() {
        assert_eq!(
            key("100200300", "salary"),
            "documents/100200300/salary/0192f0c1-7c00-7a3b-8c4d-000102030405-49.pdf"
        );
    }

    #[test]
    fn no_name_leaves_its_folder() {
        for (person, segment) in [
            ("..", "%2E."),
            ("../a", "%2E.%2Fa"),
            ("a/b", "a%2Fb"),
            ("%2F", "%252F"),
            ("~", "%7E"),
            ("🎉", "%F0%9F%8E%89"),
        ] {
            assert!(key(person, "f").starts_with(&format!("documents/{segment}/f/")), "{}", key(person, "f"));
        }
    }

    #[test]
    fn a_segment_of_40_bytes_is_whole_and_a_longer_one_is_shortened_with_a_hash() {
        assert!(key(&"a".repeat(40), "f").contains(&format!("/{}/", "a".repeat(40))));
        let (one, two) = (key(&"a".repeat(41), "f"), key(&"a".repeat(42), "f"));
        assert!(one != two && one.contains("/aaaaaaa~"), "{one}");
        assert!(key(&"🎉".repeat(99), &"x".repeat(40)).len() <= 140);
    }
}
