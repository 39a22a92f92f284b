//! Secrets Manager, as far as it hands out secrets: not a target, but where the credentials of targets are kept.
//! With it a test can change a secret, or have none of them answered, while a process is at work.
//!
//! It speaks the JSON protocol 1.1 and knows `GetSecretValue`. The state is `{"secrets":{"ID":"TEXT"}}`, by ARN or by
//! name, whichever is asked for. A null is a
//! secret of bytes.

use std::collections::BTreeMap;

use http::StatusCode;
use http::header::AUTHORIZATION;
use serde_json::{Value, json};

use crate::harness::Kind;
use crate::message::{Answer, Request};
use crate::switches::{Switch, Switches};

/// The texts of the secrets, by their ids; `None` for one that is binary.
#[derive(Default)]
pub(crate) struct SecretsManager(BTreeMap<String, Option<String>>);

impl Kind for SecretsManager {
    const LONGEST_BODY: usize = 64 * 1024;

    fn sample() -> Self {
        SecretsManager::default()
    }

    fn switches() -> Vec<Switch> {
        Vec::new()
    }

    fn state(&self) -> Value {
        json!({"secrets": self.0})
    }

    fn replace(&mut self, state: &Value) -> Result<(), String> {
        let read = serde_json::from_value(state["secrets"].clone());
        self.0 = read.map_err(|error| format!("\"secrets\" are not texts by their ids: {error}"))?;
        Ok(())
    }

    fn relative_path(path: &str) -> String {
        path.to_owned()
    }

    fn handle(&mut self, request: &Request, _: &Switches) -> Answer {
        if !request.headers.contains_key(AUTHORIZATION) {
            return refused("MissingAuthenticationTokenException");
        }
        let operation = request.headers.get("x-amz-target").and_then(|target| target.to_str().ok());
        if operation != Some("secretsmanager.GetSecretValue") {
            return refused("UnknownOperationException");
        }
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let id = body["SecretId"].as_str().unwrap_or_default();
        match self.0.get(id) {
            Some(text) => {
                let mut secret = json!({
                    "ARN": id, "Name": id, "VersionId": "1", "VersionStages": ["AWSCURRENT"],
                    "CreatedDate": 1_790_000_000.5,
                });
                let (member, value) =
                    text.as_ref().map_or(("SecretBinary", "AAEC"), |text| ("SecretString", text));
                secret[member] = json!(value);
                answer(StatusCode::OK, &secret)
            }
            None => refused("ResourceNotFoundException"),
        }
    }

    fn throttled(_: &Request, _: &Switches) -> Answer {
        refused("ThrottlingException")
    }
}

fn refused(code: &str) -> Answer {
    answer(StatusCode::BAD_REQUEST, &json!({"__type": code, "Message": code}))
}

fn answer(status: StatusCode, body: &Value) -> Answer {
    Answer::new(status, "application/x-amz-json-1.1", body.to_string())
}
