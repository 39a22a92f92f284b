//! Whether two multipart bodies are the same request. A client that repeats one writes it anew, with another boundary and
//! perhaps other headers, so that its bytes do not tell.

use sha2::{Digest, Sha256};

use crate::disposition::{PartHeaders, UnreadableHeaders};
use crate::multipart::HeaderSection;

/// Takes parts in turn. Two bodies have one fingerprint where their parts are the same in number and order, and each has
/// the same content type, field name, file name and bytes. Headers that cannot be read have to be the same to the byte;
/// such as are too large to be kept are all alike: their part is refused whatever they say.
#[derive(Default)]
pub(crate) struct PartsFingerprint {
    whole: Sha256,
    head: Vec<u8>,
    /// Of the current part's bytes.
    content: Sha256,
}

impl PartsFingerprint {
    /// A part begins.
    pub(crate) fn begin(
        &mut self,
        section: &HeaderSection,
        headers: Result<&PartHeaders, &UnreadableHeaders>,
    ) {
        self.head.clear();
        self.content.reset();
        match (headers, section) {
            (Ok(headers), _) => {
                self.head.push(0);
                self.text(headers.content_type.as_deref().map(str::as_bytes));
                self.text(headers.name.as_deref().map(str::as_bytes));
                self.text(headers.file_name.as_deref().map(str::as_bytes));
            }
            (Err(_), HeaderSection::Lines(lines)) => {
                self.head.push(1);
                self.text(Some(lines));
            }
            (Err(_), HeaderSection::TooLarge) => self.head.push(2),
        }
    }

    /// Each with its length before it, so that no text can pass for two others.
    fn text(&mut self, text: Option<&[u8]>) {
        self.head.push(u8::from(text.is_some()));
        if let Some(text) = text {
            self.head.extend_from_slice(&(text.len() as u64).to_be_bytes());
            self.head.extend_from_slice(text);
        }
    }

    /// Bytes of the part, unless their SHA-256 is known at its end.
    pub(crate) fn data(&mut self, bytes: &[u8]) {
        self.content.update(bytes);
    }

    /// The part ends, and counts. `sha256` is that of its bytes, where it is known.
    pub(crate) fn end(&mut self, sha256: Option<[u8; 32]>) {
        let content = sha256.unwrap_or_else(|| self.content.finalize_reset().into());
        self.whole.update(&self.head);
        self.whole.update(content);
    }

    /// The fingerprint of the parts that counted.
    pub(crate) fn finish(self) -> [u8; 32] {
        self.whole.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: Option<&str>, file_name: Option<&str>) -> [u8; 32] {
        let headers = PartHeaders {
            name: name.map(str::to_owned),
            file_name: file_name.map(str::to_owned),
            ..PartHeaders::default()
        };
        let mut fingerprint = PartsFingerprint::default();
        fingerprint.begin(&HeaderSection::TooLarge, Ok(&headers));
        fingerprint.end(None);
        fingerprint.finish()
    }

    #[test]
    fn texts_that_meet_are_not_taken_for_others() {
        assert_ne!(of(Some("ab"), Some("c")), of(Some("a"), Some("bc")));
        assert_ne!(of(Some("a\u{1}b"), Some("c")), of(Some("a"), Some("b\u{1}c")));
        assert_ne!(of(Some("a"), None), of(None, Some("a")));
        assert_ne!(of(Some(""), None), of(None, None));
    }

    #[test]
    fn bytes_that_are_hashed_already_count_like_others() {
        let mut fingerprints = [PartsFingerprint::default(), PartsFingerprint::default()];
        for fingerprint in &mut fingerprints {
            fingerprint.begin(&HeaderSection::TooLarge, Ok(&PartHeaders::default()));
        }
        let [mut one, mut other] = fingerprints;
        one.data(b"by");
        one.data(b"tes");
        one.end(None);
        other.end(Some(Sha256::digest(b"bytes").into()));
        assert_eq!(one.finish(), other.finish());
    }
}
