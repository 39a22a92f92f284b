//! Text that arrives in chunks. A chunk may end inside a character, and a fault is placed by its byte in the whole body.

use bytes::{Buf, Bytes};

/// RFC 8259, 8.1 lets a reader ignore a byte order mark, and some clients write one.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Checks chunks for being UTF-8.
#[derive(Default)]
pub(super) struct Utf8 {
    /// The character that the last chunk ended in, as far as it is there: at most three bytes.
    begun: Bytes,
    /// How many bytes there are before `begun`.
    before: usize,
}

impl Utf8 {
    /// The characters that are whole with this chunk: the one that the chunk before ended in, then the others, without
    /// copying those, and without a byte order mark. `Err` with the place of the first byte that is not UTF-8.
    pub(super) fn take(&mut self, chunk: Bytes) -> Result<[Bytes; 2], usize> {
        let is_start = self.before == 0;
        let mut pieces = self.pieces(chunk)?;
        let first = usize::from(pieces[0].is_empty());
        if is_start && pieces[first].starts_with(BYTE_ORDER_MARK) {
            pieces[first].advance(BYTE_ORDER_MARK.len());
        }
        Ok(pieces)
    }

    fn pieces(&mut self, mut chunk: Bytes) -> Result<[Bytes; 2], usize> {
        let joined = self.join(&mut chunk)?;
        let whole = match std::str::from_utf8(&chunk) {
            Ok(text) => text.len(),
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            Err(error) => return Err(self.before + error.valid_up_to()),
        };
        if whole < chunk.len() {
            self.begun = Bytes::copy_from_slice(&chunk.split_off(whole));
        }
        self.before += whole;
        Ok([joined, chunk])
    }

    /// The character that was begun, with its other bytes from `chunk`. Empty where none was, or not all are there yet.
    fn join(&mut self, chunk: &mut Bytes) -> Result<Bytes, usize> {
        let mut character = std::mem::take(&mut self.begun).to_vec();
        while !character.is_empty() && chunk.has_remaining() {
            character.push(chunk.get_u8());
            match std::str::from_utf8(&character) {
                Ok(text) => {
                    self.before += text.len();
                    return Ok(character.into());
                }
                Err(error) if error.error_len().is_none() => {}
                Err(_) => return Err(self.before),
            }
        }
        self.begun = character.into();
        Ok(Bytes::new())
    }

    /// `Err` where the text ended inside a character, with the place of its first byte.
    pub(super) fn finish(&self) -> Result<(), usize> {
        if self.begun.is_empty() { Ok(()) } else { Err(self.before) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn first_fault(chunks: &[&[u8]]) -> (String, Option<usize>) {
        let (mut utf8, mut text) = (Utf8::default(), Vec::new());
        for chunk in chunks {
            match utf8.take(Bytes::copy_from_slice(chunk)) {
                Ok(pieces) => pieces.iter().for_each(|piece| text.extend_from_slice(piece)),
                Err(at) => return (String::new(), Some(at)),
            }
        }
        match utf8.finish() {
            Ok(()) => (String::from_utf8(text).unwrap(), None),
            Err(at) => (String::new(), Some(at)),
        }
    }

    proptest! {
        #[test]
        fn chunks_are_checked_like_the_whole(
            pieces in prop::collection::vec(
                prop::sample::select(vec![
                    &b"a"[..], BYTE_ORDER_MARK, "é".as_bytes(), "€".as_bytes(), "🎉".as_bytes(), b"\xf0", b"\x9f", b"\xe2\x82", b"\xff",
                    b"\xc3", b"\xed\xa0", b"\xc0\x80",
                ]),
                0..12,
            ),
            size in 1_usize..6,
        ) {
            let body = pieces.concat();
            let expected = match std::str::from_utf8(&body) {
                Ok(text) => (text.strip_prefix('\u{feff}').unwrap_or(text).to_owned(), None),
                Err(error) => (String::new(), Some(error.valid_up_to())),
            };
            prop_assert_eq!(first_fault(&body.chunks(size).collect::<Vec<_>>()), expected);
        }
    }
}
