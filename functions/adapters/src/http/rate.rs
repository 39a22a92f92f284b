//! How many requests each API key may send, and how callers are told: by the header fields of
//! draft-ietf-httpapi-ratelimit-headers-10 (27 September 2025), so that a client can keep its pace before it is refused.
//! Requests are counted by the minutes of the clock, for all processes together.

use std::num::NonZeroU32;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::request::Parts;
use http::{HeaderValue, Response};
use people_core::hex;
use people_core::ports::{ApiKey, App};
use people_core::time::Timestamp;

/// In seconds.
const WINDOW: u64 = 60;
/// In milliseconds.
const MINUTE: i64 = 60_000;
const POLICY: &str = "ratelimit-policy";
const LIMIT: &str = "ratelimit";

/// Where a key stands in its minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rate {
    most: NonZeroU32,
    sent: u64,
    /// Until the next minute begins, rounded up.
    seconds: u64,
}

impl Rate {
    /// Whether the request is one too many.
    pub(super) fn is_over(self) -> bool {
        self.sent > u64::from(self.most.get())
    }

    /// How many seconds the caller has to wait then, at least one.
    pub(super) fn seconds(self) -> u64 {
        self.seconds
    }

    /// `RateLimit-Policy`: how many requests in how many seconds.
    fn policy(self) -> String {
        format!("\"default\";q={};w={WINDOW}", self.most)
    }

    /// `RateLimit`: how many are left, and when they are all there again.
    fn limit(self) -> String {
        let left = u64::from(self.most.get()).saturating_sub(self.sent);
        format!("\"default\";r={left};t={}", self.seconds)
    }
}

/// Counts a request with this key, and notes in `head` what its caller is told. `None` where nothing is limited, or nobody
/// knows: a store that cannot count keeps no request back.
pub(super) async fn count(app: &App, head: &Parts, key: &ApiKey) -> Option<Rate> {
    let most = app.requests_per_minute?;
    let now = app.clock.now();
    let until = next_minute(now);
    match app.rates.count(&format!("requests {}", hex::encode(&key.hash.0)), until).await {
        Ok(sent) => {
            let rate = Rate { most, sent, seconds: whole_seconds(until.since(now)) };
            if let Some(Counted(told)) = head.extensions.get() {
                // A request is let in once.
                let _ = told.set(rate);
            }
            Some(rate)
        }
        Err(error) => {
            tracing::warn!(key.id = %key.id(), %error, "a request with key {} was not counted", key.id());
            None
        }
    }
}

fn next_minute(now: Timestamp) -> Timestamp {
    Timestamp::from_millis(now.millis().div_euclid(MINUTE) * MINUTE).plus(Duration::from_secs(WINDOW))
}

/// Rounded up.
fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

/// What was counted while a request was worked on, for its answer: whoever lets it in is far from whoever answers.
#[derive(Debug, Clone, Default)]
pub struct Counted(Arc<OnceLock<Rate>>);

impl Counted {
    /// Goes with the head of a request, before it is let in.
    pub fn with(head: &mut Parts) -> Counted {
        head.extensions.get_or_insert_default::<Counted>().clone()
    }

    /// The answer with what its caller is told of the limit; as it is where the request was not counted.
    #[must_use]
    pub fn told_in<B>(&self, mut answer: Response<B>) -> Response<B> {
        if let Some(rate) = self.0.get() {
            for (name, value) in [(POLICY, rate.policy()), (LIMIT, rate.limit())] {
                if let Ok(value) = HeaderValue::try_from(value) {
                    answer.headers_mut().insert(name, value);
                }
            }
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use people_core::error::StoreError;
    use people_core::memory::{self, ManualClock};
    use people_core::ports::{Feature, KeyHash, Rates};

    use super::*;
    use crate::http::{Format, authenticated};

    struct Stage {
        app: App,
        clock: Arc<ManualClock>,
    }

    /// Two keys may send so many requests a minute each, and it is 500 ms past a minute.
    async fn stage(most: u32) -> Stage {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(60_500)));
        let app = App { requests_per_minute: NonZeroU32::new(most), ..memory::app(clock.clone()) };
        for key in ["one", "other"] {
            let key = ApiKey::new(KeyHash::of(key), key, [Feature::ImportLogs], Timestamp::from_millis(0));
            app.keys.create(&key).await.unwrap();
        }
        Stage { app, clock }
    }

    impl Stage {
        /// The answer to a request with this key: its status and what it says of the limit.
        async fn sent(&self, key: &str) -> (u16, String, String) {
            let answer = self.answer(key, Format::Text).await;
            let header = |name: &str| {
                answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
            };
            (answer.status().as_u16(), header("ratelimit"), header("retry-after"))
        }

        async fn answer(&self, key: &str, format: Format) -> Response<String> {
            let request = http::Request::get("/x").header("x-functions-key", key);
            let (mut head, ()) = request.body(()).unwrap().into_parts();
            let counted = Counted::with(&mut head);
            let answer = match authenticated(&self.app, &head, Feature::ImportLogs, format).await {
                Ok(_) => Response::new(String::new()),
                Err(refused) => refused,
            };
            counted.told_in(answer)
        }
    }

    fn answer(status: u16, limit: &str, retry_after: &str) -> (u16, String, String) {
        (status, limit.to_owned(), retry_after.to_owned())
    }

    #[tokio::test]
    async fn the_last_request_is_let_in_and_one_more_has_to_wait_for_the_next_minute() {
        let stage = stage(2).await;
        assert_eq!(stage.sent("one").await, answer(200, "\"default\";r=1;t=60", ""));
        assert_eq!(stage.sent("one").await, answer(200, "\"default\";r=0;t=60", ""));
        assert_eq!(stage.sent("one").await, answer(429, "\"default\";r=0;t=60", "60"));
        assert_eq!(stage.sent("other").await, answer(200, "\"default\";r=1;t=60", ""), "each for itself");
        stage.clock.advance_to(Timestamp::from_millis(119_999));
        assert_eq!(stage.sent("one").await, answer(429, "\"default\";r=0;t=1", "1"));
        stage.clock.advance_to(Timestamp::from_millis(120_000));
        assert_eq!(stage.sent("one").await, answer(200, "\"default\";r=1;t=60", ""));
    }

    #[tokio::test]
    async fn the_policy_says_how_many_in_how_many_seconds() {
        let stage = stage(600).await;
        assert_eq!(stage.answer("one", Format::Text).await.headers()[POLICY], "\"default\";q=600;w=60");
    }

    #[tokio::test]
    async fn whoever_understands_it_is_told_in_a_problem_document() {
        let stage = stage(1).await;
        stage.sent("one").await;
        let refused = stage.answer("one", Format::Json).await;
        assert_eq!(refused.headers()["content-type"], "application/problem+json");
        assert!(refused.body().contains("TooManyRequests"), "{}", refused.body());
    }

    #[tokio::test]
    async fn nobody_is_limited_where_there_is_no_limit() {
        let stage = stage(0).await;
        for _ in 0..3 {
            assert_eq!(stage.sent("one").await, answer(200, "", ""));
        }
    }

    #[tokio::test]
    async fn a_key_that_opens_nothing_is_not_counted() {
        let stage = stage(1).await;
        for _ in 0..2 {
            assert_eq!(stage.sent("unknown").await, answer(401, "", ""));
        }
    }

    struct Broken;

    #[async_trait]
    impl Rates for Broken {
        async fn count(&self, _: &str, _: Timestamp) -> Result<u64, StoreError> {
            Err(StoreError::new("count", "it is broken"))
        }
    }

    #[tokio::test]
    async fn a_request_that_cannot_be_counted_is_let_in() {
        let Stage { app, clock } = stage(1).await;
        let stage = Stage { app: App { rates: Arc::new(Broken), ..app }, clock };
        for _ in 0..2 {
            assert_eq!(stage.sent("one").await, answer(200, "", ""));
        }
    }
}
