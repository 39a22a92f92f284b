//! OAuth client credentials: who gets a token, and which tokens are still good.
//! A token ends by its age or because it was revoked, and a client that only counts seconds is found out by the latter.

use std::collections::HashMap;

use http::StatusCode;
use http::header::{AUTHORIZATION, CACHE_CONTROL};
use serde_json::{Value, json};
use tokio::time::Instant;
use uuid::Uuid;

use super::answers::Failure;
use crate::message::{Answer, Request, form_pairs};
use crate::switches::Switches;

/// Somebody who may have tokens.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) id: String,
    pub(super) secret: String,
}

/// The tokens that were issued and not revoked, with the moment their life began.
#[derive(Debug, Default)]
pub(super) struct Tokens(HashMap<String, Instant>);

impl Tokens {
    /// Answers a token call.
    pub(super) fn answer(&mut self, request: &Request, clients: &[Client], switches: &Switches) -> Answer {
        match granted(request, clients) {
            Ok(()) => Answer::json(StatusCode::OK, &self.issue(switches)).with(CACHE_CONTROL, "no-store"),
            Err((status, error)) => {
                Answer::json(status, &json!({ "error": error })).with(CACHE_CONTROL, "no-store")
            }
        }
    }

    fn issue(&mut self, switches: &Switches) -> Value {
        let token = Uuid::new_v4().simple().to_string();
        self.0.insert(token.clone(), Instant::now());
        let mut answer = json!({"access_token": token, "token_type": switches.value("token_type")});
        if let Some(life) = switches.count("expires_in") {
            answer["expires_in"] = json!(life);
        }
        answer
    }

    /// Whether the call has a token that is still good.
    pub(super) fn check(&self, request: &Request, switches: &Switches) -> Result<(), Failure> {
        let header = request.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or("");
        let begin = header.strip_prefix("Bearer ").and_then(|token| self.0.get(token));
        let is_over = |begin: &Instant| {
            switches.count("expires_in").is_some_and(|life| begin.elapsed().as_secs() >= life)
        };
        if begin.is_none_or(is_over) { Err(Failure::unauthorized()) } else { Ok(()) }
    }

    /// Ends every token.
    pub(super) fn revoke(&mut self) {
        self.0.clear();
    }
}

/// Whether the call is for client credentials and has the right ones, in a form and nowhere else.
fn granted(request: &Request, clients: &[Client]) -> Result<(), (StatusCode, &'static str)> {
    let invalid = (StatusCode::BAD_REQUEST, "invalid_request");
    if request.media_type() != "application/x-www-form-urlencoded" {
        return Err(invalid);
    }
    let body = String::from_utf8_lossy(&request.body);
    let sent = |name: &str| {
        let mut values = form_pairs(&body).filter(|(key, _)| key == name).map(|(_, value)| value);
        // A parameter that is sent twice is as bad as none.
        let value = values.next().filter(|value| !value.is_empty() && values.next().is_none());
        value.ok_or(invalid)
    };
    if sent("grant_type")? != "client_credentials" {
        return Err((StatusCode::BAD_REQUEST, "unsupported_grant_type"));
    }
    let (id, secret) = (sent("client_id")?, sent("client_secret")?);
    let is_known = clients.iter().any(|client| client.id == id && client.secret == secret);
    if is_known { Ok(()) } else { Err((StatusCode::UNAUTHORIZED, "invalid_client")) }
}

/// The clients as the state shows them.
pub(super) fn state(clients: &[Client]) -> Value {
    clients.iter().map(|client| json!({"client_id": client.id, "client_secret": client.secret})).collect()
}

/// Reads the clients of a state.
pub(super) fn parse(clients: &Value) -> Result<Vec<Client>, String> {
    let text = |client: &Value, name: &str| client.get(name).and_then(Value::as_str).map(str::to_owned);
    let parse = |client: &Value| {
        Some(Client { id: text(client, "client_id")?, secret: text(client, "client_secret")? })
    };
    let clients = clients.as_array().and_then(|clients| clients.iter().map(parse).collect());
    clients.ok_or_else(|| "clients are a list of {\"client_id\",\"client_secret\"}, all texts".to_owned())
}
