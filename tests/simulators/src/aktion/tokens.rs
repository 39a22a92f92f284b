//! Tokens and the request rate: what Aktion measures with a clock that nobody can set.
//! A client that trusts the dates shown instead of its own clock must be found out, so the two are kept apart.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;
use uuid::Uuid;

use super::answers::{Outcome, date};
use crate::calls::now_ms;
use crate::message::Request;
use crate::switches::Switches;

/// Every token ever issued, with the moment its life began. Old ones are kept to be told from unknown ones.
#[derive(Debug, Default)]
pub(super) struct Tokens(HashMap<Uuid, Instant>);

impl Tokens {
    /// A new token as the log-in answers it.
    pub(super) fn issue(&mut self, switches: &Switches) -> Value {
        let life = switches.number("token_life_s");
        let token = Uuid::new_v4();
        self.0.insert(token, Instant::now());
        let expires = now_ms().saturating_add((life * 1000.0) as i64);
        json!({"Token": token.to_string(), "ExpireInSec": life as i64, "ExpireDate": date(expires, switches)})
    }

    /// Whether the call's token is alive; where tokens slide, its life begins anew.
    pub(super) fn check(&mut self, request: &Request, switches: &Switches) -> Result<(), Outcome> {
        let text = request.parameter("Token").unwrap_or_default();
        let Ok(token) = Uuid::parse_str(&text) else {
            let error = if text.is_empty() { "is required" } else { "is no globally unique identifier" };
            return Err(Outcome::BindingFailed(vec![format!("Token: The Token parameter {error}.")]));
        };
        let Some(begin) = self.0.get_mut(&token) else { return Err(Outcome::TokenUnknown(text)) };
        if begin.elapsed().as_secs_f64() >= switches.number("token_life_s") {
            return Err(Outcome::TokenExpired(text));
        }
        if switches.flag("token_sliding") {
            *begin = Instant::now();
        }
        Ok(())
    }
}

/// The calls that were let pass within the last second.
#[derive(Debug, Default)]
pub(super) struct Rate(VecDeque<Instant>);

impl Rate {
    /// Whether one more call is within the rate, if there is one.
    pub(super) fn admits(&mut self, per_second: Option<u64>) -> bool {
        let now = Instant::now();
        while self.0.front().is_some_and(|passed| now.duration_since(*passed) >= Duration::from_secs(1)) {
            self.0.pop_front();
        }
        let admitted = per_second.is_none_or(|most| (self.0.len() as u64) < most);
        if admitted {
            self.0.push_back(now);
        }
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::Kind;

    /// Uses a token twice, each time three fifths of its life after the last time, on a clock that the test moves.
    async fn used_twice(sliding: bool) -> [bool; 2] {
        let mut switches = Switches::with(crate::aktion::Aktion::switches());
        switches.merge(&json!({"token_sliding": sliding})).unwrap();
        let mut tokens = Tokens::default();
        let token = tokens.issue(&switches)["Token"].as_str().unwrap().to_owned();
        let request = Request {
            method: http::Method::POST,
            path: "/person/update".into(),
            query: format!("Token={token}"),
            headers: http::HeaderMap::new(),
            body: bytes::Bytes::new(),
            too_long: false,
            peer: [127, 0, 0, 1].into(),
        };
        let mut alive = [false; 2];
        for use_of_it in &mut alive {
            tokio::time::advance(Duration::from_secs(12)).await;
            *use_of_it = tokens.check(&request, &switches).is_ok();
        }
        alive
    }

    #[tokio::test(start_paused = true)]
    async fn use_extends_a_token_only_where_tokens_slide() {
        assert_eq!(used_twice(false).await, [true, false]);
        assert_eq!(used_twice(true).await, [true, true]);
    }
}
