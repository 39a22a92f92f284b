//! The GUID of an import. It is made before anything else, so every line, answer and stored object can carry it.

use std::fmt;

use uuid::Uuid;

use crate::time::Timestamp;

/// Names one import: a `UUIDv7` (RFC 9562, 5.7), shown to callers as the request id. Later imports have larger ids, as
/// far as the clocks that made them agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImportId(Uuid);

impl ImportId {
    /// The id of an import received at `at`; `random` makes it unique within the millisecond.
    pub fn new(at: Timestamp, random: [u8; 10]) -> ImportId {
        ImportId(
            uuid::Builder::from_unix_timestamp_millis(at.millis().max(0).unsigned_abs(), &random).into_uuid(),
        )
    }

    /// Reads the 36 characters of a GUID, in either case. `None` for any other text, also for the other spellings of
    /// a UUID (braces, no hyphens): a path names an import in one way.
    pub fn parse(text: &str) -> Option<ImportId> {
        if text.len() != 36 {
            return None;
        }
        Uuid::try_parse(text).ok().map(ImportId)
    }

    /// The 16 bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// The moment that the id was made at.
    pub fn made_at(&self) -> Timestamp {
        Timestamp::from_millis(i64::try_from(self.millis()).unwrap_or(i64::MAX))
    }

    /// The moment that the id was made from, in milliseconds since 1970.
    pub fn millis(&self) -> u64 {
        self.0.as_bytes()[..6].iter().fold(0, |millis, byte| millis << 8 | u64::from(*byte))
    }
}

impl fmt::Display for ImportId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "0192f0c1-7c00-7a3b-8c4d-000102030405";

    #[test]
    fn an_id_is_read_back_from_its_text() {
        let id = ImportId::parse(TEXT).unwrap();
        assert_eq!(id.to_string(), TEXT);
        assert_eq!(ImportId::parse(&TEXT.to_uppercase()), Some(id));
    }

    #[test]
    fn only_the_hyphenated_form_is_a_guid() {
        for text in [
            "",
            "x",
            "0192f0c17c007a3b8c4d000102030405",
            "{0192f0c1-7c00-7a3b-8c4d-000102030405}",
            "../../etc",
        ] {
            assert_eq!(ImportId::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_later_import_has_a_larger_id() {
        let at = |millis| ImportId::new(Timestamp::from_millis(millis), [255; 10]);
        assert!(at(1_000) < at(1_001));
        assert_eq!(at(1_234_567).millis(), 1_234_567);
    }
}
