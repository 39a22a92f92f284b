//! Sessions of the console: whoever has a key of the feature ImportLogs signs in with it once and is known by a cookie from
//! then on, so that the key is not sent with every page and can be taken back at any time.

use std::fmt;
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::error::StoreError;
use crate::hex;
use crate::key::{ApiKey, Feature, KeyHash};
use crate::ports::App;
use crate::time::Timestamp;

/// How long a session lasts; it is never made longer.
pub const SESSION_LASTS: Duration = Duration::from_secs(8 * 60 * 60);
/// How many wrong keys may come from one place within [`FAILURES_COUNT`]; after the last one, no key is taken from there.
pub const MAX_FAILURES: u64 = 10;
/// For how long a wrong key counts, and for how long nothing is taken after too many of them.
pub const FAILURES_COUNT: Duration = Duration::from_secs(15 * 60);

/// What a browser is known by: 32 random bytes, which only its cookie holds. `Debug` prints `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionToken([u8; 32]);

/// The SHA-256 of a token, which is what is stored: whoever reads it can use no session.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SessionHash(pub [u8; 32]);

/// Somebody who has signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// What it is found by.
    pub hash: SessionHash,
    /// The key that was signed in with. The session is good as long as the key is.
    pub key: KeyHash,
    /// The key's name.
    pub key_name: String,
    /// When it ends.
    pub expires_at: Timestamp,
}

impl SessionToken {
    /// A new token of these random bytes.
    pub fn new(random: [u8; 32]) -> SessionToken {
        SessionToken(random)
    }

    /// Reads the text of a cookie.
    pub fn parse(text: &str) -> Option<SessionToken> {
        hex::decode(text).map(SessionToken)
    }

    /// The text for the cookie.
    pub fn to_text(&self) -> String {
        hex::encode(&self.0)
    }

    /// What the session is stored under.
    pub fn hash(&self) -> SessionHash {
        SessionHash(Sha256::digest(self.0).into())
    }

    /// What each form of the session's pages holds. Nobody can make it up without the cookie, and it does not lead back
    /// to it.
    pub fn form_token(&self) -> String {
        hex::encode(&Sha256::new_with_prefix("form\0").chain_update(self.0).finalize())
    }
}

impl fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Debug for SessionHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// What came of an attempt to sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignIn {
    /// There is a session now.
    Done,
    /// There is no such key, or it opens something else, or nothing any more; nobody is told which.
    Wrong,
    /// There were too many wrong keys from this place, so that this one was not even looked at.
    TooMany,
}

/// Makes a session for `token` where `key` opens the import logs. `place` is where the attempt comes from.
///
/// # Errors
/// When a store fails; there is no session then.
pub async fn sign_in(app: &App, key: &str, token: &SessionToken, place: &str) -> Result<SignIn, StoreError> {
    let name = format!("sign-in from {place}");
    if app.leases.is_announced(&name).await? {
        return Ok(SignIn::TooMany);
    }
    let now = app.clock.now();
    let found = app.keys.find(&KeyHash::of(key.trim())).await?;
    let Some(key) = found.filter(|key| key.opens(Feature::ImportLogs, now)) else {
        let until = now.plus(FAILURES_COUNT);
        if app.rates.count(&name, until).await? >= MAX_FAILURES {
            app.leases.announce(&name, until).await?;
        }
        return Ok(SignIn::Wrong);
    };
    note_use(app, &key, now).await;
    let session = Session {
        hash: token.hash(),
        key: key.hash,
        key_name: key.name,
        expires_at: now.plus(SESSION_LASTS).to_second(),
    };
    app.sessions.create(&session).await?;
    Ok(SignIn::Done)
}

/// The session of this token, as long as it lasts and its key opens the import logs.
///
/// # Errors
/// When a store fails.
pub async fn find(app: &App, token: &SessionToken) -> Result<Option<Session>, StoreError> {
    let Some(session) = app.sessions.find(&token.hash()).await? else { return Ok(None) };
    let now = app.clock.now();
    let key = app.keys.find(&session.key).await?.filter(|key| key.opens(Feature::ImportLogs, now));
    let Some(key) = key else { return Ok(None) };
    note_use(app, &key, now).await;
    Ok(Some(session))
}

/// Where the use of a key cannot be noted, whoever has it is let in nevertheless.
async fn note_use(app: &App, key: &ApiKey, now: Timestamp) {
    let hour = now.to_hour();
    if key.last_used < Some(hour)
        && let Err(error) = app.keys.used(&key.hash, hour).await
    {
        tracing::warn!(key.id = %key.id(), %error, "the use of key {} was not noted", key.id());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_util::FutureExt;

    use super::*;
    use crate::memory::{self, ManualClock};

    const NOW: Timestamp = Timestamp::from_millis(1_700_757_179_999);

    /// The ports in memory never wait, so a future that is polled once is done.
    fn now<T>(future: impl Future<Output = T>) -> T {
        future.now_or_never().unwrap()
    }

    struct Stage {
        app: App,
        clock: Arc<ManualClock>,
    }

    async fn stage() -> Stage {
        let clock = Arc::new(ManualClock::at(NOW));
        let app = memory::app(Arc::clone(&clock) as _);
        for (key, feature) in [("right", Feature::ImportLogs), ("other", Feature::PeopleImport)] {
            let key = ApiKey::new(KeyHash::of(key), "support", [feature], NOW);
            app.keys.create(&key).await.unwrap();
        }
        Stage { app, clock }
    }

    impl Stage {
        async fn sign_in(&self, key: &str) -> SignIn {
            sign_in(&self.app, key, &token(1), "192.0.2.1").await.unwrap()
        }
    }

    fn token(byte: u8) -> SessionToken {
        SessionToken::new([byte; 32])
    }

    #[test]
    fn a_key_for_the_logs_opens_a_session_of_eight_hours() {
        now(async {
            let stage = stage().await;
            assert_eq!(stage.sign_in(" right\n").await, SignIn::Done);
            let session = find(&stage.app, &token(1)).await.unwrap().unwrap();
            assert_eq!((session.key, session.key_name), (KeyHash::of("right"), "support".to_owned()));
            assert_eq!(find(&stage.app, &token(2)).await.unwrap(), None);
            let end = NOW.plus(SESSION_LASTS).to_second();
            for (late, there) in [(-1, true), (0, false)] {
                stage.clock.advance_to(Timestamp::from_millis(end.millis() + late));
                assert_eq!(find(&stage.app, &token(1)).await.unwrap().is_some(), there, "{late}");
            }
        });
    }

    #[test]
    fn a_session_ends_with_its_key_and_when_somebody_signs_out() {
        now(async {
            let stage = stage().await;
            stage.sign_in("right").await;
            stage.app.sessions.end(&token(1).hash()).await.unwrap();
            assert_eq!(find(&stage.app, &token(1)).await.unwrap(), None);
            stage.sign_in("right").await;
            stage.app.keys.revoke(&KeyHash::of("right")).await.unwrap();
            assert_eq!(find(&stage.app, &token(1)).await.unwrap(), None);
        });
    }

    #[test]
    fn after_ten_wrong_keys_from_one_place_none_is_taken_from_there_for_a_quarter_of_an_hour() {
        now(async {
            let stage = stage().await;
            for wrong in 1..MAX_FAILURES {
                assert_eq!(stage.sign_in(["wrong", "other", ""][wrong as usize % 3]).await, SignIn::Wrong);
                assert_eq!(stage.sign_in("right").await, SignIn::Done, "after {wrong}");
            }
            assert_eq!(stage.sign_in("wrong").await, SignIn::Wrong);
            assert_eq!(stage.sign_in("right").await, SignIn::TooMany);
            let elsewhere = sign_in(&stage.app, "right", &token(2), "192.0.2.2").await.unwrap();
            assert_eq!(elsewhere, SignIn::Done);
            let end = NOW.plus(FAILURES_COUNT);
            stage.clock.advance_to(Timestamp::from_millis(end.millis() - 1));
            assert_eq!(stage.sign_in("right").await, SignIn::TooMany);
            stage.clock.advance_to(end);
            assert_eq!(stage.sign_in("wrong").await, SignIn::Wrong);
            assert_eq!(stage.sign_in("right").await, SignIn::Done);
        });
    }

    #[test]
    fn a_token_is_read_back_and_what_is_shown_of_it_does_not_give_it_away() {
        let token = token(7);
        assert_eq!(SessionToken::parse(&token.to_text()), Some(token.clone()));
        for text in ["", "07", &token.to_text()[1..], &format!("{}0", token.to_text())] {
            assert_eq!(SessionToken::parse(text), None, "{text}");
        }
        let shown = [token.to_text(), hex::encode(&token.hash().0), token.form_token()];
        assert!(shown.iter().all(|text| text.len() == 64));
        assert!(shown[0] != shown[1] && shown[1] != shown[2] && shown[0] != shown[2]);
        assert_eq!(format!("{token:?} {:?}", token.hash()), "*** ***");
    }
}
