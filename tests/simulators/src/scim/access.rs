//! Who may call: static tokens, tokens of OAuth client credentials, and how many calls in a second.
//! Tokens follow their credentials, so that replacing a state is what rotating a secret is to a client.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use http::StatusCode;
use http::header::{AUTHORIZATION, CACHE_CONTROL};
use serde_json::{Map, Value, json};
use tokio::time::Instant;
use uuid::Uuid;

use crate::message::{Answer, Request, form_pairs};

/// How long an OAuth token lives, in seconds.
const TOKEN_LIFE_S: u64 = 3600;

/// The credentials there are, the tokens given for them, and the calls let pass within the last second.
#[derive(Debug, Default)]
pub(super) struct Access {
    tokens: Vec<String>,
    clients: Vec<Client>,
    issued: HashMap<String, (Client, Instant)>,
    passed: VecDeque<Instant>,
}

/// Credentials of OAuth.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Client {
    id: String,
    secret: String,
}

impl Access {
    /// The credentials of the simulator's own constants.
    pub(super) fn sample() -> Self {
        let client = Client { id: super::CLIENT_ID.to_owned(), secret: super::CLIENT_SECRET.to_owned() };
        Access { tokens: vec![super::TOKEN.to_owned()], clients: vec![client], ..Access::default() }
    }

    /// Takes over the credentials of a state; those it does not name are the sample's.
    pub(super) fn replace(&mut self, state: &Map<String, Value>) -> Result<(), String> {
        let sample = Access::sample();
        let tokens = match state.get("tokens").filter(|tokens| !tokens.is_null()) {
            None => sample.tokens,
            Some(tokens) => texts(tokens).ok_or("tokens are a list of texts")?,
        };
        let parse = |client: &Value| {
            let text = |name: &str| client.get(name).and_then(Value::as_str).map(str::to_owned);
            Some(Client { id: text("client_id")?, secret: text("client_secret")? })
        };
        self.clients = match state.get("clients").filter(|clients| !clients.is_null()) {
            None => sample.clients,
            Some(clients) => (clients.as_array())
                .and_then(|clients| clients.iter().map(parse).collect())
                .ok_or("clients are a list of {\"client_id\",\"client_secret\"}, all texts")?,
        };
        self.tokens = tokens;
        Ok(())
    }

    /// The credentials as the state shows them: static tokens, then clients.
    pub(super) fn state(&self) -> (Value, Value) {
        let client = |client: &Client| json!({"client_id": client.id, "client_secret": client.secret});
        (json!(self.tokens), self.clients.iter().map(client).collect())
    }

    /// Whether one more call is within the rate, if there is one.
    pub(super) fn admits(&mut self, per_second: Option<u64>) -> bool {
        let now = Instant::now();
        while self.passed.front().is_some_and(|passed| now.duration_since(*passed) >= Duration::from_secs(1))
        {
            self.passed.pop_front();
        }
        let admitted = per_second.is_none_or(|most| (self.passed.len() as u64) < most);
        if admitted {
            self.passed.push_back(now);
        }
        admitted
    }

    /// Whether the call's bearer token is one that may do everything.
    pub(super) fn knows(&self, request: &Request) -> bool {
        let header = request.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or("");
        let Some((scheme, token)) = header.split_once(' ') else { return false };
        let token = token.trim();
        let is_issued = self.issued.get(token).is_some_and(|(client, begin)| {
            begin.elapsed() < Duration::from_secs(TOKEN_LIFE_S) && self.clients.contains(client)
        });
        scheme.eq_ignore_ascii_case("bearer") && (is_issued || self.tokens.iter().any(|known| known == token))
    }

    /// Answers a request for a token.
    pub(super) fn grant(&mut self, request: &Request) -> Answer {
        let wrong = |status, error: &str| Answer::json(status, &json!({ "error": error }));
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let member = |name: &str| form_pairs(&body).find(|(key, _)| key == name).map(|(_, value)| value);
        if request.media_type() != "application/x-www-form-urlencoded" || member("grant_type").is_none() {
            return wrong(StatusCode::BAD_REQUEST, "invalid_request");
        }
        if member("grant_type").as_deref() != Some("client_credentials") {
            return wrong(StatusCode::BAD_REQUEST, "unsupported_grant_type");
        }
        let (id, secret) =
            (member("client_id").unwrap_or_default(), member("client_secret").unwrap_or_default());
        let client = Client { id, secret };
        if !self.clients.contains(&client) {
            return wrong(StatusCode::UNAUTHORIZED, "invalid_client");
        }
        let token = Uuid::new_v4().simple().to_string();
        self.issued.insert(token.clone(), (client, Instant::now()));
        let mut granted = json!({"access_token": token, "token_type": "Bearer", "expires_in": TOKEN_LIFE_S});
        if let Some(scope) = member("scope") {
            granted["scope"] = json!(scope);
        }
        Answer::json(StatusCode::OK, &granted).with(CACHE_CONTROL, "no-store")
    }
}

fn texts(value: &Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|text| text.as_str().map(str::to_owned)).collect()
}
