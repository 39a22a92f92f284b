//! Who calls: the API key, looked up by its hash.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use http::request::Parts;
use people_core::error::StoreError;
use people_core::ports::{ApiKey, App, Clock, Feature, KeyHash, Keys};
use people_core::time::Timestamp;
use percent_encoding::percent_decode_str;

/// How long a key is believed without asking the store: a revoked one stops working within this time.
const BELIEVED: Duration = Duration::from_secs(60);
/// The most keys that are remembered; more are forgotten at once.
const MAX_REMEMBERED: usize = 1_000;

/// The key that a request came with: header `x-functions-key`, or query parameter `code`; the header wins. `None` where
/// there is none, or one that is unknown, revoked, expired or for another feature.
pub async fn authenticate(app: &App, head: &Parts, feature: Feature) -> Result<Option<ApiKey>, StoreError> {
    let Some(sent) = sent_key(head) else { return Ok(None) };
    let key = app.keys.find(&KeyHash::of(&sent)).await?;
    let now = app.clock.now();
    let works = |key: &ApiKey| {
        !key.revoked && key.features.contains(&feature) && key.expires_at.is_none_or(|expiry| now < expiry)
    };
    Ok(key.filter(works))
}

fn sent_key(head: &Parts) -> Option<String> {
    if let Some(header) = head.headers.get("x-functions-key") {
        return header.to_str().ok().map(|key| key.trim().to_owned());
    }
    let query = head.uri.query()?;
    let code = query.split('&').find_map(|pair| pair.strip_prefix("code="))?;
    percent_decode_str(&code.replace('+', " ")).decode_utf8().ok().map(|code| code.into_owned())
}

/// Remembers the keys that it found, for a minute. Keys that do not exist are asked for each time, so a new one works
/// at once.
pub struct KeyCache {
    keys: Arc<dyn Keys>,
    clock: Arc<dyn Clock>,
    found: Mutex<HashMap<KeyHash, (ApiKey, Timestamp)>>,
}

impl KeyCache {
    /// A cache in front of `keys`.
    pub fn new(keys: Arc<dyn Keys>, clock: Arc<dyn Clock>) -> KeyCache {
        KeyCache { keys, clock, found: Mutex::default() }
    }

    fn remembered(&self, hash: &KeyHash) -> Option<ApiKey> {
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let (key, at) = found.get(hash)?;
        (self.clock.now().since(*at) < BELIEVED).then(|| key.clone())
    }
}

#[async_trait]
impl Keys for KeyCache {
    async fn find(&self, hash: &KeyHash) -> Result<Option<ApiKey>, StoreError> {
        if let Some(key) = self.remembered(hash) {
            return Ok(Some(key));
        }
        let asked_at = self.clock.now();
        let key = self.keys.find(hash).await?;
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if found.len() >= MAX_REMEMBERED {
            found.clear();
        }
        match &key {
            Some(key) => drop(found.insert(hash.clone(), (key.clone(), asked_at))),
            None => drop(found.remove(hash)),
        }
        Ok(key)
    }

    async fn put(&self, hash: &KeyHash, key: &ApiKey) -> Result<(), StoreError> {
        self.keys.put(hash, key).await
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

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

    #[tokio::test]
    async fn a_revoked_key_works_for_less_than_a_minute() {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(0)));
        let keys = Arc::new(MemoryKeys::default());
        let cache = KeyCache::new(keys.clone(), clock.clone());
        let hash = KeyHash::of("k");
        let mut key =
            ApiKey { name: "n".into(), features: BTreeSet::new(), expires_at: None, revoked: false };
        keys.put(&hash, &key).await.unwrap();
        assert!(!cache.find(&hash).await.unwrap().unwrap().revoked);
        key.revoked = true;
        keys.put(&hash, &key).await.unwrap();
        clock.advance_to(Timestamp::from_millis(59_999));
        assert!(!cache.find(&hash).await.unwrap().unwrap().revoked);
        clock.advance_to(Timestamp::from_millis(60_000));
        assert!(cache.find(&hash).await.unwrap().unwrap().revoked);
    }

    #[tokio::test]
    async fn a_new_key_works_at_once() {
        let keys = Arc::new(MemoryKeys::default());
        let cache = KeyCache::new(keys.clone(), Arc::new(ManualClock::at(Timestamp::from_millis(0))));
        let hash = KeyHash::of("k");
        assert_eq!(cache.find(&hash).await.unwrap(), None);
        let key = ApiKey { name: "n".into(), features: BTreeSet::new(), expires_at: None, revoked: false };
        keys.put(&hash, &key).await.unwrap();
        assert_eq!(cache.find(&hash).await.unwrap(), Some(key));
    }
}
