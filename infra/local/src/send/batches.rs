//! An input as batches that an API takes: at most 50 parts, and no more bytes than pass through an API gateway. The same
//! bytes make the same batches, wherever one begins, because a repeat has to be the same request.

use std::collections::VecDeque;

use bytes::Bytes;
use people_core::batch::{self, Incoming, MAX_BODY_BYTES, MAX_PARTS};
use people_core::inbox::Batches;
use people_core::update::MAX_UPDATE_BYTES;

use super::inputs::Pdf;
use super::note;
use crate::failure::{Doing, Failure};

/// The most bytes of a batch of several parts. An event of Lambda has 6 MiB, in which a body is a third larger.
pub(super) const MAX_BYTES: u64 = 4_000_000;
/// What a part takes in a body beside its own bytes, and more.
const OVERHEAD: u64 = 1_000;

/// The batches of an input.
pub(super) enum Source {
    /// Of a file of people.
    Rows {
        name: String,
        batches: Box<Batches>,
        /// What is left of the 50 that were read last.
        left: VecDeque<Part>,
        next: u64,
    },
    /// Of PDFs.
    Pdfs { pdfs: Vec<Pdf>, next: usize },
}

/// Parts that are sent together.
pub(super) struct Batch {
    /// The number of the first one within its input.
    pub(super) first: u64,
    /// All of them.
    pub(super) parts: Vec<Part>,
}

/// One part of an input. `Debug` would show what is in it, so there is none.
pub(super) enum Part {
    /// A person update object.
    Person(Bytes),
    /// A PDF.
    Pdf(Pdf),
    /// What cannot be sent: why.
    Refused(String),
}

/// Parts with their numbers.
pub(super) type Numbered<T> = Vec<(u64, T)>;

impl Source {
    pub(super) fn rows(name: &str, batches: Batches) -> Source {
        Source::Rows { name: name.to_owned(), batches: Box::new(batches), left: VecDeque::new(), next: 0 }
    }

    pub(super) fn pdfs(pdfs: Vec<Pdf>) -> Source {
        Source::Pdfs { pdfs, next: 0 }
    }

    /// How many parts there are in all.
    pub(super) fn parts(&self) -> u64 {
        match self {
            Source::Rows { batches, .. } => batches.parts(),
            Source::Pdfs { pdfs, .. } => pdfs.len() as u64,
        }
    }

    /// Passes over so many parts, which were the parts of whole batches.
    pub(super) fn pass_over(&mut self, parts: u64) -> Result<(), Failure> {
        match self {
            Source::Pdfs { next, .. } => *next = usize::try_from(parts).unwrap_or(usize::MAX),
            Source::Rows { name, batches, left, next } => {
                batches.pass_over(parts / MAX_PARTS as u64).doing(format_args!("read {name}"))?;
                fill(name, batches, left)?;
                let some = usize::try_from(parts % MAX_PARTS as u64).unwrap_or(usize::MAX);
                left.drain(..some.min(left.len()));
                *next = parts;
            }
        }
        Ok(())
    }

    /// The next batch; `None` at the end.
    pub(super) fn next_batch(&mut self) -> Result<Option<Batch>, Failure> {
        let (first, parts) = match self {
            Source::Rows { name, batches, left, next } => {
                if left.is_empty() {
                    fill(name, batches, left)?;
                }
                let fitting = fitting(left.iter().map(Part::bytes));
                let parts: Vec<_> = left.drain(..fitting).collect();
                let first = *next;
                *next += parts.len() as u64;
                (first, parts)
            }
            Source::Pdfs { pdfs, next } => {
                let rest = pdfs.get(*next..).unwrap_or_default();
                let parts: Vec<_> = rest[..fitting(rest.iter().map(|pdf| pdf.bytes))]
                    .iter()
                    .map(|pdf| Part::of_pdf(pdf.clone()))
                    .collect();
                let first = *next as u64;
                *next += parts.len();
                (first, parts)
            }
        };
        Ok((!parts.is_empty()).then_some(Batch { first, parts }))
    }
}

/// How many of the parts with these sizes make a batch: at least one where there is one.
fn fitting(sizes: impl Iterator<Item = u64>) -> usize {
    let mut total = 0;
    let fits = |(place, bytes): &(usize, u64)| {
        total += bytes + OVERHEAD;
        *place == 0 || total <= MAX_BYTES
    };
    sizes.take(MAX_PARTS).enumerate().take_while(fits).count()
}

fn fill(name: &str, batches: &mut Batches, left: &mut VecDeque<Part>) -> Result<(), Failure> {
    let parts = batches.next_batch().doing(format_args!("read {name}"))?;
    left.extend(parts.unwrap_or_default().into_iter().map(Part::of_row));
    Ok(())
}

impl Part {
    fn of_row(row: Incoming) -> Part {
        match row {
            Incoming::Person(object) if note::is_astray(&object) => {
                Part::Refused("the note of why it failed is in the place of a value".to_owned())
            }
            Incoming::Person(object) => Part::of_object(note::without(object)),
            Incoming::PersonTooLarge => Part::Refused(format!("it has more than {MAX_UPDATE_BYTES} bytes")),
            Incoming::Unacceptable(why) | Incoming::UnnamedFile(why) => Part::Refused(why),
            // No file of people has files in it.
            Incoming::File(..) | Incoming::Document(..) => Part::Refused("it is a file".to_owned()),
        }
    }

    /// What is not JSON would spoil the array that it is sent in. It is read as the API would.
    fn of_object(object: Bytes) -> Part {
        let alone = Bytes::from([b"[", &object[..], b"]"].concat());
        match batch::read_json(&alone) {
            Ok(parts) if parts.len() == 1 => Part::Person(object),
            Ok(_) => Part::Refused("it is not one JSON object".to_owned()),
            Err(_) => Part::Refused("it is not valid JSON".to_owned()),
        }
    }

    fn of_pdf(pdf: Pdf) -> Part {
        if pdf.bytes + OVERHEAD > MAX_BODY_BYTES {
            return Part::Refused(format!("with what goes with it, it has more than {MAX_BODY_BYTES} bytes"));
        }
        Part::Pdf(pdf)
    }

    fn bytes(&self) -> u64 {
        match self {
            Part::Person(object) => object.len() as u64,
            Part::Pdf(pdf) => pdf.bytes,
            Part::Refused(_) => 0,
        }
    }
}

impl Batch {
    /// Those that are sent, and those that cannot be with why, by their numbers.
    pub(super) fn split(self) -> (Numbered<Part>, Numbered<String>) {
        let (mut ready, mut refused) = (Vec::new(), Vec::new());
        for (number, part) in (self.first..).zip(self.parts) {
            match part {
                Part::Refused(why) => refused.push((number, why)),
                part @ (Part::Person(_) | Part::Pdf(_)) => ready.push((number, part)),
            }
        }
        (ready, refused)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use people_core::document::Content;
    use people_core::memory::MemorySpool;
    use people_core::profile::Profile;

    use super::*;

    fn ndjson(lines: &[String]) -> Source {
        let content = Content::Memory(Bytes::from(lines.join("\n")));
        let spool: Arc<dyn people_core::document::Spool> = Arc::new(MemorySpool);
        let batches = Batches::open("a.ndjson", &content, &spool, &Profile::default()).unwrap();
        Source::rows("a.ndjson", batches)
    }

    fn pdfs(sizes: &[u64]) -> Source {
        Source::pdfs(sizes.iter().map(|bytes| Pdf { path: "a.pdf".into(), bytes: *bytes }).collect())
    }

    fn batches(source: &mut Source) -> Vec<(u64, usize)> {
        let mut all = Vec::new();
        while let Some(batch) = source.next_batch().unwrap() {
            all.push((batch.first, batch.parts.len()));
        }
        all
    }

    #[test]
    fn a_batch_has_50_parts_and_the_next_one_begins_with_the_51st() {
        let lines = |count: usize| vec!["{}".to_owned(); count];
        assert_eq!(batches(&mut ndjson(&lines(50))), [(0, 50)]);
        assert_eq!(batches(&mut ndjson(&lines(51))), [(0, 50), (50, 1)]);
        assert_eq!(batches(&mut pdfs(&[9; 101])), [(0, 50), (50, 50), (100, 1)]);
    }

    #[test]
    fn a_batch_has_4_million_bytes_and_what_is_larger_goes_alone() {
        let most = MAX_BYTES / 2 - OVERHEAD;
        assert_eq!(batches(&mut pdfs(&[most, most, most])), [(0, 2), (2, 1)]);
        assert_eq!(batches(&mut pdfs(&[most, most + 1, 1])), [(0, 1), (1, 2)]);
        assert_eq!(batches(&mut pdfs(&[1, MAX_BYTES, MAX_BYTES + 1, 1])), [(0, 1), (1, 1), (2, 1), (3, 1)]);
    }

    #[test]
    fn wherever_one_begins_the_batches_are_the_same() {
        let long = format!("{{\"a\":\"{}\"}}", "x".repeat(250_000));
        let lines: Vec<_> =
            (0..60).map(|n| if n % 2 == 0 { "{}".to_owned() } else { long.clone() }).collect();
        let all = batches(&mut ndjson(&lines));
        assert!(all.len() > 2 && all.iter().any(|(first, _)| first % 50 != 0), "{all:?}");
        for (place, (first, _)) in all.iter().enumerate() {
            let mut source = ndjson(&lines);
            source.pass_over(*first).unwrap();
            assert_eq!(batches(&mut source), all[place..]);
        }
    }

    #[test]
    fn what_would_spoil_a_batch_is_no_part_of_it() {
        let lines = ["{}", "{}, {}", "{", "\u{7f}", "[]", "1", "{\"_error\":1}"].map(str::to_owned);
        let (ready, refused) = ndjson(&lines).next_batch().unwrap().unwrap().split();
        let refused: Vec<_> = refused.iter().map(|(number, _)| *number).collect();
        // Whether it is an object is left to the API.
        assert_eq!(refused, [1, 2, 3]);
        let ready: Vec<_> = ready.into_iter().map(|(number, part)| (number, part.bytes())).collect();
        assert_eq!(ready, [(0, 2), (4, 2), (5, 1), (6, 2)]);
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        let (ready, refused) = ndjson(&[nested(63), nested(64)]).next_batch().unwrap().unwrap().split();
        assert_eq!((ready.len(), refused.len()), (1, 1));
    }

    #[test]
    fn a_pdf_that_no_request_can_hold_is_not_sent() {
        let most = MAX_BODY_BYTES - OVERHEAD;
        let of = |bytes| Part::of_pdf(Pdf { path: "a.pdf".into(), bytes });
        assert!(matches!(of(most), Part::Pdf(_)));
        assert!(matches!(of(most + 1), Part::Refused(_)));
    }
}
