//! The elements of a JSON array as the very bytes that were sent, of a body that has been read before.

use bytes::Bytes;

use super::scanner::{Scanner, Step};
use super::utf8::Utf8;

/// Takes the chunks of a JSON body in turn and gives back what they have of its elements. It holds none of them.
pub(crate) struct Elements {
    utf8: Utf8,
    scanner: Scanner,
}

/// A body that is no JSON array.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is no JSON array")]
pub(crate) struct NoArray;

/// What a chunk has of an element, and whether the element ends with it.
pub(crate) type Piece = (Bytes, bool);

impl Elements {
    /// At the start of a body.
    pub(crate) fn new() -> Elements {
        Elements { utf8: Utf8::default(), scanner: Scanner::new() }
    }

    /// Takes the next bytes.
    pub(crate) fn feed(&mut self, chunk: Bytes) -> Result<Vec<Piece>, NoArray> {
        let mut found = Vec::new();
        for text in self.utf8.take(chunk).map_err(|_| NoArray)? {
            let mut at = 0;
            loop {
                match self.scanner.next(&text, at) {
                    Step::Element(range) => {
                        at = range.end;
                        found.push((text.slice(range), true));
                    }
                    Step::Over => break,
                    Step::Broken(_) => return Err(NoArray),
                }
            }
            found.extend(self.scanner.carry().map(|from| (text.slice(from..), false)));
        }
        Ok(found)
    }
}
