//! A small HTTP client that sends exactly what it is told, and short ways to call an Aktion.
//! It shares nothing with the server's library, so a mistake there is not made twice.

use std::io;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::{Simulator, aktion, free_port};

/// An answer, read until the server closed the connection.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    /// In lower case.
    pub(super) head: String,
    pub(super) text: String,
}

impl Reply {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error} in {}", self.text))
    }

    /// Status and number, as the contract's tables have them.
    pub(super) fn code(&self) -> (u16, i64) {
        let code = self.json()["Result"]["Code"].as_i64();
        (self.status, code.unwrap_or_else(|| panic!("no number in {}", self.text)))
    }

    pub(super) fn model_errors(&self) -> String {
        self.json()["Result"]["ModelStateErr"].to_string()
    }
}

/// A simulator and the connections to it.
pub(super) struct Client(pub(super) Simulator);

impl Client {
    pub(super) async fn aktion() -> Client {
        Client(Simulator::aktion(free_port().await.unwrap()).unwrap())
    }

    /// Sends bytes and reads to the end; an error when the connection was closed without an answer.
    pub(super) async fn send(&self, head: &str, body: &str) -> io::Result<Reply> {
        let address = self.0.url().strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).await?;
        let length = body.len();
        let text =
            format!("{head}\r\nhost: sim\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}");
        stream.write_all(text.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        let answer = String::from_utf8(answer).unwrap();
        let (head, text) = answer.split_once("\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Ok(Reply { status, head: head.to_lowercase(), text: text.to_owned() })
    }

    pub(super) async fn get(&self, path: &str) -> Reply {
        self.send(&format!("GET {path} HTTP/1.1"), "").await.unwrap()
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Reply {
        self.try_post(path, body).await.unwrap()
    }

    pub(super) async fn try_post(&self, path: &str, body: &Value) -> io::Result<Reply> {
        let head = format!("POST {path} HTTP/1.1\r\ncontent-type: application/json; charset=utf-8");
        self.send(&head, &body.to_string()).await
    }

    pub(super) async fn control(&self, method_and_path: &str, body: Value) -> Reply {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.send(&format!("{method_and_path} HTTP/1.1"), &body).await.unwrap()
    }

    pub(super) async fn switch(&self, switches: Value) {
        assert_eq!(self.control("PUT /_sim/switches", switches).await.status, 200);
    }

    pub(super) async fn faults(&self, rules: Value) {
        assert_eq!(self.control("PUT /_sim/faults", rules).await.status, 200);
    }

    pub(super) async fn calls(&self) -> Vec<Value> {
        self.get("/_sim/calls").await.json().as_array().unwrap().clone()
    }

    /// The log, as soon as it has so many calls.
    pub(super) async fn calls_once(&self, many: usize) -> Vec<Value> {
        loop {
            let calls = self.calls().await;
            if calls.len() >= many {
                return calls;
            }
        }
    }

    pub(super) async fn log_in(&self) -> String {
        let reply = self.post("/login", &right_credentials()).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        reply.json()["Token"].as_str().unwrap().to_owned()
    }

    /// An update with a new token.
    pub(super) async fn update(&self, body: Value) -> Reply {
        let token = self.log_in().await;
        self.post(&update_path(&token), &body).await
    }

    /// Updates the person most tests are about.
    pub(super) async fn update_joe(&self, field: &str, value: Value) -> Reply {
        self.update(json!({"PersonId": JOE, field: value})).await
    }

    pub(super) async fn update_column(&self, name: &str, value: &str) -> Reply {
        self.update_joe("UdsCollection", json!([{"SystemName": name, "Value": value}])).await
    }

    /// A person as they are stored.
    pub(super) async fn stored(&self, id: &str) -> Value {
        let state = self.get("/_sim/state").await.json();
        let people = state["people"].as_array().unwrap().clone();
        people.into_iter().find(|person| person["PersonId"] == id).unwrap_or(Value::Null)
    }
}

pub(super) const JOE: &str = "100200300";
pub(super) const SARAH: &str = "100200301";

pub(super) fn right_credentials() -> Value {
    json!({"Result": null, "UserLogin": aktion::USER_LOGIN, "ApiKey": aktion::API_KEY})
}

pub(super) fn update_path(token: &str) -> String {
    format!("/person/update?Token={token}")
}
