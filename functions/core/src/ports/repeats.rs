//! The port of the requests that may be sent again: whoever names a request with a key of their own gets one import for it,
//! however often it arrives.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use sha2::{Digest, Sha256};

use crate::error::StoreError;
use crate::id::ImportId;
use crate::key::KeyHash;
use crate::time::Timestamp;

/// For how long a repeat is known as one, counted in whole seconds from when the first request was received: a log is kept
/// at least as long.
pub const REPEATED_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// The requests that may be sent again.
#[async_trait]
pub trait Repeats: Send + Sync {
    /// Enters an attempt, unless there is a request under this key already. Of several at once, one is the first.
    async fn begin(&self, key: &RepeatKey, attempt: &Attempt) -> Result<Repeated, StoreError>;

    /// The request has its answer. Nothing happens where `attempt` is not the latest attempt at it.
    async fn answered(
        &self,
        key: &RepeatKey,
        attempt: ImportId,
        answer: FirstAnswer,
    ) -> Result<(), StoreError>;

    /// The attempt came to nothing: the next one is a first one. Nothing happens where `attempt` is not the latest.
    async fn release(&self, key: &RepeatKey, attempt: ImportId) -> Result<(), StoreError>;
}

/// What a request is named by: a SHA-256, so that nobody sees the key that a caller made up. `Debug` prints `***`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RepeatKey(pub [u8; 32]);

impl RepeatKey {
    /// The key that a caller made up, within its scope: the API key, the method and the path.
    pub fn new(api_key: &KeyHash, method: &str, path: &str, key: &str) -> RepeatKey {
        let mut hash = Sha256::new_with_prefix(api_key.0);
        for text in [method, path, key] {
            // With its length before it, no text can pass for two others.
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text);
        }
        RepeatKey(hash.finalize().into())
    }
}

impl fmt::Debug for RepeatKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A request that is about to be carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The id of the import, if it is the first; it names the attempt in any case, so nobody else may have it.
    pub import: ImportId,
    /// What the request is: another one for another body.
    pub fingerprint: [u8; 32],
    /// When whoever makes the attempt has ended, or died.
    pub until: Timestamp,
}

/// What a request was answered, which is what its repeats are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstAnswer {
    /// How its import ended.
    Ended,
    /// That its import is accepted: its caller did not wait for the end.
    Accepted,
}

/// What is known of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Repeated {
    /// Nothing was; the attempt is entered now.
    First,
    /// The request is being carried out.
    Running,
    /// It is the key of another request.
    Other,
    /// The request has its answer; it is in the log of this import.
    Answered(ImportId, FirstAnswer),
    /// Whoever carried it out died. The attempt has taken it over: it goes on as this import.
    Died(ImportId),
}

/// What a store keeps of a request. The stores agree on what it says, because it is said here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepeatRecord {
    /// The import.
    pub import: ImportId,
    /// The latest attempt.
    pub attempt: ImportId,
    /// What the request is.
    pub fingerprint: [u8; 32],
    /// When the latest attempt is over.
    pub until: Timestamp,
    /// What the request was answered, once it was.
    pub answer: Option<FirstAnswer>,
}

impl RepeatRecord {
    /// The record of a request whose first attempt this is.
    pub fn first(attempt: &Attempt) -> RepeatRecord {
        RepeatRecord {
            import: attempt.import,
            attempt: attempt.import,
            fingerprint: attempt.fingerprint,
            until: attempt.until,
            answer: None,
        }
    }

    /// When it is as good as absent, to the second.
    pub fn forgotten_at(&self) -> Timestamp {
        self.import.made_at().plus(REPEATED_FOR).to_second()
    }

    /// What it says to an attempt, unless it is as good as absent. [`Repeated::Died`] is true once the attempt has been
    /// entered in the record; one that is in it already hears the same again.
    pub fn meets(&self, attempt: &Attempt, now: Timestamp) -> Option<Repeated> {
        let is_ours = self.attempt == attempt.import;
        Some(match (self.fingerprint == attempt.fingerprint, self.answer) {
            _ if self.forgotten_at() <= now => return None,
            (false, _) => Repeated::Other,
            (true, Some(answer)) => Repeated::Answered(self.import, answer),
            (true, None) if is_ours && self.import == attempt.import => Repeated::First,
            (true, None) if is_ours || self.until <= now => Repeated::Died(self.import),
            (true, None) => Repeated::Running,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_another_one_in_each_scope() {
        let key = |api_key: &str, method, path, key| RepeatKey::new(&KeyHash::of(api_key), method, path, key);
        let one = key("k", "PUT", "/a", "1");
        assert_eq!(one, key("k", "PUT", "/a", "1"));
        for other in [
            key("K", "PUT", "/a", "1"),
            key("k", "POST", "/a", "1"),
            key("k", "PUT", "/b", "1"),
            key("k", "PUT", "/a", "2"),
            key("k", "PUT", "/a1", ""),
            key("k", "PUT/", "a", "1"),
        ] {
            assert_ne!(one, other);
        }
        assert_eq!(format!("{one:?}"), "***");
    }
}
