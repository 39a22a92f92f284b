//! API keys: who may use which feature, and until when. A key itself is shown once and never kept; what is kept is its
//! hash, which names it from then on.

use std::collections::BTreeSet;
use std::fmt;

use sha2::{Digest, Sha256};

use crate::hex;
use crate::time::Timestamp;

/// The most characters of a key's name.
pub const MAX_KEY_NAME: usize = 128;
/// How many bytes of a hash an id shows.
const ID_BYTES: usize = 6;

/// The SHA-256 of an API key. The key itself is 32 random bytes in text, so a plain hash cannot be guessed back.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct KeyHash(pub [u8; 32]);

impl KeyHash {
    /// The hash of a key as a caller sent it.
    pub fn of(key: &str) -> KeyHash {
        KeyHash(Sha256::digest(key.as_bytes()).into())
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// What is known of an API key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// What it is found by.
    pub hash: KeyHash,
    /// Its name, shown in logs.
    pub name: String,
    /// What it may be used for.
    pub features: BTreeSet<Feature>,
    /// When it was created, kept to the second.
    pub created_at: Timestamp,
    /// The beginning of the hour in which it was last used, as far as that is known.
    pub last_used: Option<Timestamp>,
    /// When it stops working.
    pub expires_at: Option<Timestamp>,
    /// Whether somebody has revoked it.
    pub revoked: bool,
}

impl ApiKey {
    /// A key that works from now on, for good, and was never used.
    pub fn new(
        hash: KeyHash,
        name: impl Into<String>,
        features: impl IntoIterator<Item = Feature>,
        now: Timestamp,
    ) -> ApiKey {
        ApiKey {
            hash,
            name: name.into(),
            features: features.into_iter().collect(),
            created_at: now.to_second(),
            last_used: None,
            expires_at: None,
            revoked: false,
        }
    }

    /// The first 12 hexadecimal digits of its hash: it names a key among others, and opens nothing.
    pub fn id(&self) -> String {
        hex::encode(&self.hash.0[..ID_BYTES])
    }

    /// Whether it has stopped working by itself. At the moment of its expiry it has.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|expiry| expiry <= now)
    }

    /// Whether it opens this feature now.
    pub fn opens(&self, feature: Feature, now: Timestamp) -> bool {
        !self.revoked && !self.is_expired(now) && self.features.contains(&feature)
    }
}

/// Why a text is no name for a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a name has 1 to {MAX_KEY_NAME} characters, and none that controls a terminal")]
pub struct InvalidKeyName;

/// The name for a key that `text` gives, without the blanks around it.
///
/// # Errors
/// Where that is nothing, more than 128 characters, or has a control character.
pub fn parse_name(text: &str) -> Result<String, InvalidKeyName> {
    let name = text.trim();
    if name.is_empty() || name.chars().count() > MAX_KEY_NAME || name.contains(char::is_control) {
        return Err(InvalidKeyName);
    }
    Ok(name.to_owned())
}

/// What an API key may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Feature {
    /// Sending imports.
    PeopleImport,
    /// Storing single documents.
    Documents,
    /// Reading import logs.
    ImportLogs,
}

impl Feature {
    /// Every feature.
    pub const ALL: [Feature; 3] = [Feature::PeopleImport, Feature::Documents, Feature::ImportLogs];

    /// The feature's name, as it is stored and as commands take it.
    pub fn as_str(self) -> &'static str {
        match self {
            Feature::PeopleImport => "PeopleImport",
            Feature::Documents => "Documents",
            Feature::ImportLogs => "ImportLogs",
        }
    }

    /// The feature of this name.
    pub fn parse(name: &str) -> Option<Feature> {
        Feature::ALL.into_iter().find(|feature| feature.as_str() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> ApiKey {
        let now = Timestamp::from_millis(1_700_757_179_999);
        ApiKey::new(KeyHash::of("k"), "payroll", [Feature::Documents], now)
    }

    #[test]
    fn an_id_is_the_beginning_of_the_hash() {
        assert_eq!(key().id(), "8254c329a928");
        assert_eq!(key().created_at.millis(), 1_700_757_179_000);
        assert!(!format!("{:?}", key()).contains("8254"));
    }

    #[test]
    fn a_key_opens_its_features_until_it_expires_or_is_revoked() {
        let (before, at) = (Timestamp::from_millis(999), Timestamp::from_millis(1_000));
        assert!(key().opens(Feature::Documents, at) && !key().opens(Feature::PeopleImport, at));
        let expiring = ApiKey { expires_at: Some(at), ..key() };
        assert!(expiring.opens(Feature::Documents, before) && !expiring.opens(Feature::Documents, at));
        assert!(!ApiKey { revoked: true, ..key() }.opens(Feature::Documents, before));
    }

    #[test]
    fn a_name_has_1_to_128_characters_and_no_control_character() {
        assert_eq!(parse_name(" payroll ü \n").as_deref(), Ok("payroll ü"));
        assert!(parse_name(&"ü".repeat(128)).is_ok());
        for wrong in ["", " \t", "a\u{1b}[31mb", "a\nb", "a\u{85}b", &"ü".repeat(129)] {
            assert_eq!(parse_name(wrong), Err(InvalidKeyName), "{wrong:?}");
        }
    }

    #[test]
    fn features_are_read_as_they_are_written() {
        for feature in Feature::ALL {
            assert_eq!(Feature::parse(feature.as_str()), Some(feature));
        }
        assert_eq!(Feature::parse("importlogs"), None);
    }
}
