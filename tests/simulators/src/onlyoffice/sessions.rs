//! Who calls: log-ins, tokens, the block after too many wrong passwords, and the rate of each caller.
//! They are together because all of them belong to an address and an account, and to no person.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use http::HeaderMap;
use http::header::{AUTHORIZATION, HOST};
use serde_json::{Value, json};
use tokio::time::Instant;
use uuid::Uuid;

use super::answers::{Failure, Mode};
use super::dates;
use crate::calls::now_ms;
use crate::message::Request;
use crate::switches::Switches;

/// How many wrong passwords within [`BLOCK`] lead to a block of the same length.
const TRIES: usize = 5;
const BLOCK: Duration = Duration::from_secs(60);
const RATE_WINDOW: Duration = Duration::from_secs(10);
const YEAR_MS: i64 = 365 * 86_400_000;

/// Somebody who may log in.
#[derive(Debug, Clone)]
pub(super) struct Account {
    pub(super) user_name: String,
    pub(super) password: String,
}

/// Every token that was issued, the wrong log-ins and the calls let pass.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    tokens: HashMap<String, String>,
    wrong: HashMap<(String, IpAddr), Wrong>,
    passed: HashMap<(String, IpAddr), VecDeque<Instant>>,
}

/// The wrong log-ins of one name from one address.
#[derive(Debug, Default)]
struct Wrong {
    at: VecDeque<Instant>,
    blocked: Option<Instant>,
}

impl Sessions {
    /// Logs in; the response is the one inside the envelope.
    pub(super) fn log_in(
        &mut self,
        accounts: &[Account],
        (user_name, password): (&str, &str),
        peer: IpAddr,
        switches: &Switches,
    ) -> Result<Value, Failure> {
        let key = (user_name.to_lowercase(), peer);
        let blocks = switches.flag("brute_force_block");
        if blocks && self.wrong.entry(key.clone()).or_default().is_blocked() {
            return Err(Failure::TooManyLogins);
        }
        let Some(account) = find(accounts, user_name, password) else {
            if blocks {
                self.wrong.entry(key).or_default().count();
            }
            return Err(Failure::LoginFailed);
        };
        self.wrong.remove(&key);
        let expires = dates::format(now_ms() + YEAR_MS);
        if switches.flag("two_factor") {
            return Ok(json!({"token": null, "expires": expires, "sms": false, "tfa": true}));
        }
        let token = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        self.tokens.insert(token.clone(), account.user_name.clone());
        Ok(json!({"token": token, "expires": expires, "sms": false, "tfa": false}))
    }

    /// The account a call is made for.
    pub(super) fn caller(
        &self,
        headers: &HeaderMap,
        accounts: &[Account],
        mode: Mode,
    ) -> Result<String, Failure> {
        let text = |name| headers.get(name).and_then(|value: &http::HeaderValue| value.to_str().ok());
        let Some(sent) = text(AUTHORIZATION) else { return Err(Failure::Unauthorized(None)) };
        let host = text(HOST).unwrap_or_default().to_owned();
        self.account_of(sent.trim(), accounts, mode).ok_or(Failure::Unauthorized(Some(host)))
    }

    fn account_of(&self, sent: &str, accounts: &[Account], mode: Mode) -> Option<String> {
        let (scheme, credentials) = sent.split_once(' ').unwrap_or(("", sent));
        let before_comma = credentials.split(',').next().unwrap_or_default().trim();
        let token = match scheme.to_ascii_lowercase().as_str() {
            "basic" => {
                let (user_name, password) = basic(before_comma)?;
                return find(accounts, &user_name, &password).map(|account| account.user_name.clone());
            }
            "bearer" if mode.is_docspace() && before_comma == super::API_KEY => {
                return Some(super::USER_NAME.to_owned());
            }
            "bearer" => before_comma,
            "" => credentials,
            _ => return None,
        };
        let user_name = self.tokens.get(token)?;
        accounts.iter().any(|account| account.user_name == *user_name).then(|| user_name.clone())
    }

    /// Counts a call that is within the rate, if there is one; tells how many seconds to wait for one that is not.
    pub(super) fn admit(&mut self, account: &str, peer: IpAddr, most: u64) -> Result<(), u64> {
        let now = Instant::now();
        let passed = self.passed.entry((account.to_owned(), peer)).or_default();
        while passed.front().is_some_and(|at| now.duration_since(*at) >= RATE_WINDOW) {
            passed.pop_front();
        }
        if (passed.len() as u64) < most {
            passed.push_back(now);
            return Ok(());
        }
        let oldest = passed.front().map_or(Duration::ZERO, |at| now.duration_since(*at));
        Err(RATE_WINDOW.saturating_sub(oldest).as_secs_f64().ceil() as u64)
    }
}

impl Wrong {
    fn is_blocked(&mut self) -> bool {
        self.blocked = self.blocked.filter(|since| since.elapsed() < BLOCK);
        self.blocked.is_some()
    }

    fn count(&mut self) {
        while self.at.front().is_some_and(|at| at.elapsed() >= BLOCK) {
            self.at.pop_front();
        }
        self.at.push_back(Instant::now());
        if self.at.len() >= TRIES {
            self.at.clear();
            self.blocked = Some(Instant::now());
        }
    }
}

/// The parts of the log-in's body; what is missing is empty, and nobody's password.
pub(super) fn credentials(request: &Request, mode: Mode) -> Result<(String, String), Failure> {
    let bound = super::binder::Bound::read(request, mode)?;
    let text = |name| bound.text(name).unwrap_or_default();
    Ok((text("userName"), text("password")))
}

fn find<'a>(accounts: &'a [Account], user_name: &str, password: &str) -> Option<&'a Account> {
    let user_name = user_name.trim().to_lowercase();
    let account = accounts.iter().find(|account| account.user_name.to_lowercase() == user_name);
    account.filter(|account| account.password == password)
}

/// User and password of a Basic header: ASCII, exactly one colon.
fn basic(encoded: &str) -> Option<(String, String)> {
    let text = String::from_utf8(base64(encoded)?).ok().filter(|text| text.is_ascii())?;
    let (user_name, password) = text.split_once(':')?;
    (!password.contains(':')).then(|| (user_name.to_owned(), password.to_owned()))
}

fn base64(text: &str) -> Option<Vec<u8>> {
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0u32, 0);
    for byte in text.trim_end_matches('=').bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6 | u32::from(value)) & 0xffff;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count & 0xff) as u8);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::Kind;

    #[tokio::test(start_paused = true)]
    async fn a_block_lasts_sixty_seconds() {
        let switches = Switches::with(crate::onlyoffice::Onlyoffice::switches());
        let accounts = [Account { user_name: "a".into(), password: "p".into() }];
        let mut sessions = Sessions::default();
        let mut log_in = |password: &str| {
            sessions.log_in(&accounts, ("A", password), [127, 0, 0, 1].into(), &switches).is_ok()
        };
        for _ in 0..4 {
            assert!(!log_in("wrong"));
        }
        assert!(log_in("p"), "a right password ends the counting");
        for _ in 0..5 {
            assert!(!log_in("wrong"));
        }
        assert!(!log_in("p"));
        tokio::time::advance(Duration::from_secs(59)).await;
        assert!(!log_in("p"));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(log_in("p"));
    }

    #[tokio::test(start_paused = true)]
    async fn the_rate_is_counted_over_ten_seconds() {
        let mut sessions = Sessions::default();
        let mut admit = || sessions.admit("a", [127, 0, 0, 1].into(), 1);
        assert_eq!(admit(), Ok(()));
        assert_eq!(admit(), Err(10));
        tokio::time::advance(Duration::from_millis(7_500)).await;
        assert_eq!(admit(), Err(3));
        tokio::time::advance(Duration::from_millis(2_500)).await;
        assert_eq!(admit(), Ok(()));
    }

    #[test]
    fn basic_credentials_have_one_colon_and_are_ascii() {
        let pair = |user: &str, password: &str| Some((user.to_owned(), password.to_owned()));
        assert_eq!(basic("YTpi"), pair("a", "b"));
        assert_eq!(basic("YWI6Yw=="), pair("ab", "c"));
        assert_eq!(basic("YTpiOmM="), None);
        assert_eq!(basic("YWI="), None);
        assert_eq!(basic("YTrDqQ=="), None);
        assert_eq!(basic("?"), None);
    }
}
