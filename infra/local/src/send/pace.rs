//! How fast a server wants to be called (`RateLimit`, draft-ietf-httpapi-ratelimit-headers), and how long one is waited
//! for that does not answer.

use std::time::{Duration, Instant};

use http::HeaderMap;
use people_adapters::system::SystemClock;
use people_core::ports::Clock;

use crate::failure::Failure;

/// The first wait for a server that does not answer, and the longest: each is twice the one before, less a random share.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// How long to wait before the next call: until there is something left of what the server grants. Nothing where it says
/// nothing that can be read.
pub(super) fn until_granted(headers: &HeaderMap) -> Duration {
    let values = headers.get_all("ratelimit").iter().filter_map(|value| value.to_str().ok());
    let waits = values.flat_map(|value| value.split(',')).filter_map(wait_of_policy);
    waits.max().unwrap_or_default()
}

/// What one policy says, such as `"default";r=0;t=30`: nothing is left for 30 seconds.
fn wait_of_policy(policy: &str) -> Option<Duration> {
    let parameter = |name: &str| {
        let parameters = policy.split(';').skip(1);
        let mut pairs = parameters.filter_map(|it| it.split_once('='));
        pairs.find(|(key, _)| key.trim() == name)?.1.trim().parse::<u64>().ok()
    };
    (parameter("r")? == 0).then(|| parameter("t").map(Duration::from_secs))?
}

/// A time in which a server takes nothing.
pub(super) struct Outage {
    patience: Duration,
    began: Instant,
    waits: u32,
}

impl Outage {
    /// It begins now, if it is one.
    pub(super) fn new(patience: Duration) -> Outage {
        Outage { patience, began: Instant::now(), waits: 0 }
    }

    /// How long to wait before the next try: as long as the server asks, if it asks. `why` is told where that would be
    /// more than there is patience for.
    pub(super) fn wait(&mut self, asked: Option<Duration>, why: &str) -> Result<Duration, Failure> {
        let doubled = FIRST_WAIT.saturating_mul(1 << self.waits.min(16)).min(LONGEST_WAIT);
        self.waits += 1;
        let wait = match asked {
            Some(asked) => asked + doubled.mul_f64(0.1 * random()),
            None => doubled.mul_f64(1.0 - 0.5 * random()),
        };
        if self.began.elapsed() + wait > self.patience {
            let patience = self.patience.as_secs();
            let text = format!("{why}, for {patience} s: the same command goes on where this one stopped");
            return Err(Failure(text));
        }
        Ok(wait)
    }
}

/// A share from 0 to 1, so that many who wait do not come back together.
fn random() -> f64 {
    let mut byte = [0];
    // Without randomness the waits are the same for everybody, which does no harm.
    let _ = getrandom::fill(&mut byte);
    f64::from(byte[0]) / 255.0
}

/// How long the server asks to be left alone.
pub(super) fn asked(headers: &HeaderMap, clock: &SystemClock, most: Duration) -> Option<Duration> {
    people_adapters::retry_after::retry_after(headers, clock.now(), most.saturating_mul(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(values: &[&str]) -> u64 {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("ratelimit", value.parse().unwrap());
        }
        until_granted(&headers).as_secs()
    }

    #[test]
    fn nothing_is_waited_for_as_long_as_something_is_left() {
        for values in
            [&[][..], &["\"default\";r=1;t=30"], &["\"default\";r=50"], &["soon"], &["\"a\";r=x;t=1"]]
        {
            assert_eq!(wait(values), 0, "{values:?}");
        }
    }

    #[test]
    fn the_longest_of_the_policies_without_anything_left_is_waited_for() {
        assert_eq!(wait(&["\"default\";r=0;t=30"]), 30);
        assert_eq!(wait(&["\"default\"; r=0; t=3, \"day\";r=0;t=7,\"x\";r=4;t=99"]), 7);
        assert_eq!(wait(&["\"a\";r=0;t=3", "\"b\";t=5;r=0"]), 5);
    }

    #[test]
    fn a_server_is_waited_for_longer_each_time_and_as_long_as_it_asks() {
        let mut outage = Outage::new(Duration::from_secs(600));
        let mut most = FIRST_WAIT;
        for _ in 0..8 {
            let wait = outage.wait(None, "why").unwrap();
            assert!(most / 2 <= wait && wait <= most, "{wait:?}");
            most = (most * 2).min(LONGEST_WAIT);
        }
        let asked = outage.wait(Some(Duration::from_secs(60)), "why").unwrap();
        assert!((60..=61).contains(&asked.as_secs()), "{asked:?}");
    }

    #[test]
    fn what_is_longer_than_patience_is_not_waited_for() {
        let mut outage = Outage::new(Duration::from_secs(60));
        assert!(outage.wait(Some(Duration::from_secs(50)), "why").is_ok());
        let refused = outage.wait(Some(Duration::from_secs(61)), "it takes nothing").unwrap_err();
        assert!(refused.0.starts_with("it takes nothing, for 60 s"), "{refused}");
    }
}
