//! Who calls: the API key, looked up by its hash.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use http::request::Parts;
use people_core::error::StoreError;
use people_core::ports::{ApiKey, App, Clock, Created, Feature, KeyHash, Keys, Revoked};
use people_core::time::Timestamp;

use super::query::{self, KEY};

/// How long a key is believed without asking the store: a revoked one stops working within this time.
const BELIEVED: Duration = Duration::from_secs(60);
/// The most keys that are remembered; more are forgotten at once.
const MAX_REMEMBERED: usize = 1_000;

/// The key that a request came with: header `x-functions-key`, or query parameter `code`; the header wins. `None` where
/// there is none, or one that is unknown, revoked, expired or for another feature. The hour of the use is noted with the
/// key; where that fails, the request goes on.
pub(super) async fn authenticate(
    app: &App,
    head: &Parts,
    feature: Feature,
) -> Result<Option<ApiKey>, StoreError> {
    let Some(sent) = sent_key(head) else { return Ok(None) };
    let key = app.keys.find(&KeyHash::of(&sent)).await?;
    let now = app.clock.now();
    let Some(key) = key.filter(|key| key.opens(feature, now)) else { return Ok(None) };
    let hour = now.to_hour();
    if key.last_used < Some(hour)
        && let Err(error) = app.keys.used(&key.hash, hour).await
    {
        tracing::warn!(key.id = %key.id(), %error, "the use of key {} was not noted", key.id());
    }
    Ok(Some(key))
}

fn sent_key(head: &Parts) -> Option<String> {
    if let Some(header) = head.headers.get("x-functions-key") {
        return header.to_str().ok().map(|key| key.trim().to_owned());
    }
    query::first(head.uri.query(), KEY)
}

/// Remembers the keys that it found, for a minute. Keys that do not exist are asked for each time, so a new one works
/// at once. The hour of a use is passed on once, also where that failed.
pub struct KeyCache {
    keys: Arc<dyn Keys>,
    clock: Arc<dyn Clock>,
    found: Mutex<HashMap<KeyHash, (ApiKey, Timestamp)>>,
    /// The latest hour of use that was passed on.
    noted: Mutex<HashMap<KeyHash, Timestamp>>,
}

impl KeyCache {
    /// A cache in front of `keys`.
    pub fn new(keys: Arc<dyn Keys>, clock: Arc<dyn Clock>) -> KeyCache {
        KeyCache { keys, clock, found: Mutex::default(), noted: Mutex::default() }
    }

    fn remembered(&self, hash: &KeyHash) -> Option<ApiKey> {
        let found = lock(&self.found);
        let (key, at) = found.get(hash)?;
        (self.clock.now().since(*at) < BELIEVED).then(|| key.clone())
    }

    /// Whether nobody has passed on this hour yet; from now on somebody has.
    fn is_first_in(&self, hash: &KeyHash, hour: Timestamp) -> bool {
        let mut noted = lock(&self.noted);
        if noted.get(hash).is_some_and(|last| *last >= hour) {
            return false;
        }
        remember(&mut noted, hash, hour);
        true
    }
}

/// A mutex whose data is used as it is also after a panic of another holder.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn remember<T>(all: &mut HashMap<KeyHash, T>, hash: &KeyHash, what: T) {
    if all.len() >= MAX_REMEMBERED {
        all.clear();
    }
    all.insert(hash.clone(), what);
}

#[async_trait]
impl Keys for KeyCache {
    async fn find(&self, hash: &KeyHash) -> Result<Option<ApiKey>, StoreError> {
        if let Some(key) = self.remembered(hash) {
            return Ok(Some(key));
        }
        let asked_at = self.clock.now();
        let key = self.keys.find(hash).await?;
        let mut found = lock(&self.found);
        match &key {
            Some(key) => remember(&mut found, hash, (key.clone(), asked_at)),
            None => drop(found.remove(hash)),
        }
        Ok(key)
    }

    async fn create(&self, key: &ApiKey) -> Result<Created, StoreError> {
        self.keys.create(key).await
    }

    async fn list(&self) -> Result<Vec<ApiKey>, StoreError> {
        self.keys.list().await
    }

    async fn revoke(&self, hash: &KeyHash) -> Result<Revoked, StoreError> {
        let revoked = self.keys.revoke(hash).await;
        lock(&self.found).remove(hash);
        revoked
    }

    async fn used(&self, hash: &KeyHash, hour: Timestamp) -> Result<(), StoreError> {
        if self.is_first_in(hash, hour) { self.keys.used(hash, hour).await } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use people_core::memory::{ManualClock, MemoryKeys};

    use super::*;

    fn head(uri: &str, header: Option<&str>) -> Parts {
        let mut request = http::Request::builder().uri(uri);
        if let Some(key) = header {
            request = request.header("x-functions-key", key);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn the_header_wins_over_the_query() {
        assert_eq!(sent_key(&head("/x?code=b", Some("a"))).as_deref(), Some("a"));
        assert_eq!(sent_key(&head("/x?a=1&code=b%2Bc%3D", None)).as_deref(), Some("b+c="));
        assert_eq!(sent_key(&head("/x?xcode=b", None)), None);
    }

    /// Keys in memory, which count what they are asked and told, and can refuse the latter.
    #[derive(Default)]
    struct Store {
        keys: MemoryKeys,
        asked: AtomicUsize,
        told: Mutex<Vec<Timestamp>>,
        refuses: AtomicBool,
    }

    #[async_trait]
    impl Keys for Store {
        async fn find(&self, hash: &KeyHash) -> Result<Option<ApiKey>, StoreError> {
            self.asked.fetch_add(1, Ordering::SeqCst);
            self.keys.find(hash).await
        }
        async fn create(&self, key: &ApiKey) -> Result<Created, StoreError> {
            self.keys.create(key).await
        }
        async fn list(&self) -> Result<Vec<ApiKey>, StoreError> {
            self.keys.list().await
        }
        async fn revoke(&self, hash: &KeyHash) -> Result<Revoked, StoreError> {
            self.keys.revoke(hash).await
        }
        async fn used(&self, hash: &KeyHash, hour: Timestamp) -> Result<(), StoreError> {
            self.told.lock().unwrap().push(hour);
            if self.refuses.load(Ordering::SeqCst) {
                return Err(StoreError::new("note it", "it is broken"));
            }
            self.keys.used(hash, hour).await
        }
    }

    struct Stage {
        app: App,
        store: Arc<Store>,
        clock: Arc<ManualClock>,
    }

    fn stage() -> Stage {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(0)));
        let store = Arc::new(Store::default());
        let keys = Arc::new(KeyCache::new(store.clone(), clock.clone()));
        let app = App { keys, ..people_core::memory::app(clock.clone()) };
        Stage { app, store, clock }
    }

    fn key() -> ApiKey {
        ApiKey::new(KeyHash::of("k"), "n", [Feature::ImportLogs], Timestamp::from_millis(0))
    }

    impl Stage {
        async fn at(&self, millis: i64) -> bool {
            self.clock.advance_to(Timestamp::from_millis(millis));
            self.sent("k").await.is_some()
        }

        async fn sent(&self, key: &str) -> Option<ApiKey> {
            authenticate(&self.app, &head("/x", Some(key)), Feature::ImportLogs).await.unwrap()
        }

        fn told(&self) -> Vec<i64> {
            self.store.told.lock().unwrap().iter().map(|hour| hour.millis()).collect()
        }
    }

    #[tokio::test]
    async fn a_revoked_key_works_for_less_than_a_minute() {
        let stage = stage();
        stage.store.create(&key()).await.unwrap();
        assert!(stage.at(0).await);
        stage.store.revoke(&key().hash).await.unwrap();
        assert!(stage.at(59_999).await);
        assert!(!stage.at(60_000).await);
    }

    #[tokio::test]
    async fn a_key_that_is_revoked_here_works_no_more() {
        let stage = stage();
        stage.store.create(&key()).await.unwrap();
        assert!(stage.at(0).await);
        assert_eq!(stage.app.keys.revoke(&key().hash).await.unwrap(), Revoked::Revoked);
        assert!(!stage.at(0).await);
    }

    #[tokio::test]
    async fn a_new_key_works_at_once() {
        let stage = stage();
        assert!(!stage.at(0).await);
        stage.store.create(&key()).await.unwrap();
        assert!(stage.at(0).await);
    }

    #[tokio::test]
    async fn an_expired_key_works_no_more_at_once() {
        let stage = stage();
        let expiring = ApiKey { expires_at: Some(Timestamp::from_millis(30_000)), ..key() };
        stage.store.create(&expiring).await.unwrap();
        assert!(stage.at(29_999).await);
        assert!(!stage.at(30_000).await);
    }

    #[tokio::test]
    async fn a_use_is_noted_once_an_hour() {
        const HOUR: i64 = 60 * 60 * 1000;
        let stage = stage();
        stage.store.create(&key()).await.unwrap();
        for millis in [0, 1, 90_000, HOUR - 1, HOUR, HOUR + 60_000, 2 * HOUR - 1] {
            assert!(stage.at(millis).await);
        }
        assert_eq!(stage.told(), [0, HOUR]);
        let listed = stage.store.list().await.unwrap();
        assert_eq!(listed[0].last_used, Some(Timestamp::from_millis(HOUR)));
    }

    #[tokio::test]
    async fn what_another_process_has_noted_is_not_noted_again() {
        let stage = stage();
        let used = ApiKey { last_used: Some(Timestamp::from_millis(0)), ..key() };
        stage.store.create(&used).await.unwrap();
        assert!(stage.at(1).await);
        assert_eq!(stage.told(), [0; 0]);
    }

    #[tokio::test]
    async fn a_use_that_cannot_be_noted_is_let_through_and_tried_again_in_the_next_hour() {
        let stage = stage();
        stage.store.create(&key()).await.unwrap();
        stage.store.refuses.store(true, Ordering::SeqCst);
        for millis in [0, 61_000, 3_600_000] {
            assert!(stage.at(millis).await);
        }
        assert_eq!(stage.told(), [0, 3_600_000]);
    }

    #[tokio::test]
    async fn one_key_more_than_is_remembered_is_answered_as_rightly() {
        for (keys, asked_again) in [(MAX_REMEMBERED, 0), (MAX_REMEMBERED + 1, MAX_REMEMBERED + 1)] {
            let stage = stage();
            for n in 0..keys {
                stage.store.create(&ApiKey { hash: KeyHash::of(&n.to_string()), ..key() }).await.unwrap();
            }
            for asked in [keys, keys + asked_again] {
                for n in 0..keys {
                    let found = stage.sent(&n.to_string()).await.map(|key| key.hash);
                    assert_eq!(found, Some(KeyHash::of(&n.to_string())), "{n} of {keys}");
                }
                assert_eq!(stage.store.asked.load(Ordering::SeqCst), asked, "{keys}");
            }
            assert_eq!(stage.told().len(), keys, "each use is noted once in the hour");
            assert_eq!(stage.sent("unknown").await, None);
        }
    }

    #[tokio::test]
    async fn a_request_without_a_working_key_notes_nothing() {
        let stage = stage();
        stage.store.create(&ApiKey { features: [Feature::Documents].into(), ..key() }).await.unwrap();
        assert!(!stage.at(0).await);
        assert_eq!(stage.told(), [0; 0]);
    }
}
