//! What a target teaches about how many calls it takes at once. Here breaks have to outlast calls, so the clock goes by the
//! runtime's paused time: it moves on when everybody waits, and no test does.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use people_core::log::{Ending, Outcome};
use people_core::ports::{Clock, ConfiguredTarget, PersonUpdate};
use people_core::time::Timestamp;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::stage::{Stage, connected, entry, update};

/// The runtime's time.
struct RuntimeClock(Instant);

#[async_trait]
impl Clock for RuntimeClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000).plus(self.0.elapsed())
    }

    async fn sleep_until(&self, moment: Timestamp) {
        tokio::time::sleep(moment.since(self.now())).await;
    }
}

/// An Aktion whose calls take a second, with a target that may make `limit` calls at once.
struct Lesson {
    stage: Stage,
    clock: Arc<RuntimeClock>,
    target: ConfiguredTarget,
}

impl Lesson {
    async fn with(limit: u64) -> Lesson {
        let stage = Stage::new().await;
        let clock = Arc::new(RuntimeClock(Instant::now()));
        let mut entry = entry();
        entry["limit"] = json!(limit);
        let targets = connected(&json!([entry]), stage.simulator.url(), clock.clone());
        let target = targets.unwrap().remove(0);
        stage.switch(json!({"latency_ms": 1000})).await;
        Lesson { stage, clock, target }
    }

    async fn deliver(&self, time: usize) -> Vec<Outcome> {
        let name = |n| format!("N{n} {time}");
        let update = |n: usize| update(&(200_000 + n).to_string(), &[("firstName", Some(&name(n)))]);
        let updates: Vec<PersonUpdate> = (0..50).map(update).collect();
        self.stage.forget_calls().await;
        self.target.api.deliver(&updates, self.clock.now().plus(Duration::from_secs(3600))).await
    }

    /// A batch of 50, all of which arrive. How often Aktion said that there are too many calls, and the most at once.
    async fn arrives(&self, time: usize) -> (usize, u64) {
        let outcomes = self.deliver(time).await;
        let missing: Vec<_> = outcomes.iter().filter(|outcome| outcome.ending != Ending::Updated).collect();
        assert!(missing.is_empty(), "{missing:?}");
        let calls = self.stage.calls().await;
        let refused = calls.iter().filter(|call| call["status"] == 401).count();
        (refused, calls.iter().filter_map(|call| call["inFlight"].as_u64()).max().unwrap())
    }
}

#[tokio::test(start_paused = true)]
async fn a_target_that_takes_fewer_calls_than_configured_gets_all_and_is_asked_with_fewer_from_then_on() {
    let lesson = Lesson::with(50).await;
    lesson.stage.switch(json!({"limit": 5})).await;
    let (at_first, _) = lesson.arrives(0).await;
    let (afterwards, _) = lesson.arrives(1).await;
    // Aktion takes more now, but nobody knows it yet.
    lesson.stage.switch(json!({"limit": null})).await;
    let (refused, at_once) = lesson.arrives(2).await;
    assert!(at_first >= 45, "all but five of the first 50: {at_first}");
    assert!(afterwards <= 15, "{afterwards}");
    assert!(refused == 0 && at_once <= 15, "{at_once}");
}

#[tokio::test(start_paused = true)]
async fn a_target_that_takes_more_calls_again_gets_as_many_as_configured_after_a_while() {
    let lesson = Lesson::with(16).await;
    lesson.stage.switch(json!({"limit": 5})).await;
    lesson.arrives(0).await;
    lesson.stage.switch(json!({"limit": Value::Null})).await;
    // One more at once after as many as there may be: 1 + 2 + .. + 15 calls at most.
    let at_once =
        [lesson.arrives(1).await, lesson.arrives(2).await, lesson.arrives(3).await, lesson.arrives(4).await];
    assert!(at_once[0].1 < 16);
    assert_eq!(at_once[3], (0, 16));
}
