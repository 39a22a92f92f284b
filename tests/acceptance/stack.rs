//! A local stack for one test.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;

use people_core::ports::App;
use people_local::sample;
use people_local::stack::{Options, Simulators, Stack};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::http::{Reply, send};

/// A running stack, and the folder that goes with it.
pub(crate) struct Local {
    stack: Stack,
    data: TempDir,
}

/// Where the configuration is in the data folder, where it is not the sample's.
const CONFIG: &str = "config";

pub(crate) const PDF: &[u8] = include_bytes!("../../infra/sample/payslip.pdf");

impl Local {
    pub(crate) async fn start() -> Local {
        Local::start_with(false).await
    }

    pub(crate) async fn start_with(lambda_limits: bool) -> Local {
        let data = TempDir::new().unwrap();
        Local { stack: Local::on(&data, lambda_limits, None).await, data }
    }

    /// Where each API key may send so many requests a minute.
    pub(crate) async fn limited_to(requests_per_minute: u32) -> Local {
        let data = TempDir::new().unwrap();
        Local { stack: Local::on(&data, false, NonZeroU32::new(requests_per_minute)).await, data }
    }

    /// With these targets in place of the sample's.
    pub(crate) async fn with_targets(targets: &Value) -> Local {
        let data = TempDir::new().unwrap();
        let config = data.path().join(CONFIG);
        std::fs::create_dir(&config).unwrap();
        std::fs::write(config.join("profile-definition.json"), sample::PROFILE_DEFINITION).unwrap();
        std::fs::write(config.join("targets.json"), json!({ "targets": targets }).to_string()).unwrap();
        Local { stack: Local::on(&data, false, None).await, data }
    }

    async fn on(data: &TempDir, lambda_limits: bool, requests_per_minute: Option<NonZeroU32>) -> Stack {
        let options = Options {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            data: data.path().to_owned(),
            config: Some(data.path().join(CONFIG)).filter(|folder| folder.exists()),
            simulators: Simulators::Own,
            lambda_limits,
            requests_per_minute,
        };
        Stack::start(&options).await.unwrap()
    }

    /// Stops the stack and starts it again on the same folder.
    pub(crate) async fn restart(self) -> Local {
        self.stack.stop().await;
        Local { stack: Local::on(&self.data, false, None).await, data: self.data }
    }

    pub(crate) fn ready(&self) -> &people_local::ready::Ready {
        &self.stack.ready
    }

    /// What its handlers work with.
    pub(crate) async fn app(&self) -> App {
        self.stack.live.app().await
    }

    pub(crate) fn key(&self) -> &str {
        &self.ready().keys["PeopleImport"]
    }

    /// Sends an import of this content type.
    pub(crate) fn import(&self, content_type: &str, body: impl AsRef<[u8]>) -> Reply {
        self.put(&[("Content-Type", content_type)], body.as_ref())
    }

    /// Sends an import with these headers and the key.
    pub(crate) fn put(&self, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        let headers = [&[("x-functions-key", self.key())], headers].concat();
        send("PUT /api/PeopleImport", &self.ready().api, &headers, body)
    }

    pub(crate) fn json(&self, body: &Value) -> Reply {
        self.import("application/json", body.to_string())
    }

    /// The log of an import that was answered, without its first line.
    pub(crate) fn log(&self, answer: &Reply) -> String {
        assert_eq!(answer.body.len(), 36, "{answer:?}");
        assert_eq!(answer.headers["location"], format!("/api/ImportLogs/{}", answer.text()));
        let log = self.look_up(answer.text(), &[]);
        assert_eq!(log.status, 200);
        let (head, lines) = log.text().split_once('\n').unwrap();
        assert!(head.ends_with(&format!(" - RequestId: {}", answer.text())), "{head}");
        lines.to_owned()
    }

    /// The headers that an answer with this GUID has.
    pub(crate) fn location(&self, id: &str) -> BTreeMap<String, String> {
        BTreeMap::from([("location".to_owned(), format!("/api/ImportLogs/{id}"))])
    }

    pub(crate) fn look_up(&self, id: &str, headers: &[(&str, &str)]) -> Reply {
        let headers = [&[("x-functions-key", self.ready().keys["ImportLogs"].as_str())], headers].concat();
        send(&format!("GET /api/ImportLogs/{id}"), &self.ready().api, &headers, b"")
    }

    /// What the simulated Aktion has stored of a person.
    pub(crate) fn person(&self, id: &str) -> Value {
        self.stored("aktion", "PersonId", id)
    }

    /// What a simulated target has stored of the person with this member.
    pub(crate) fn stored(&self, target: &str, member: &str, value: &str) -> Value {
        let state = self.ask("GET /_sim/state", target, &Value::Null);
        state["people"].as_array().unwrap().iter().find(|person| person[member] == value).unwrap().clone()
    }

    /// The value of a user column of a person.
    pub(crate) fn column(&self, id: &str, name: &str) -> Value {
        let columns = self.person(id)["UdsCollection"].clone();
        let column = columns.as_array().into_iter().flatten().find(|column| column["SystemName"] == name);
        column.map_or(Value::Null, |column| column["Value"].clone())
    }

    /// How many updates the simulated Aktion has received.
    pub(crate) fn updates(&self) -> usize {
        self.calls("aktion").iter().filter(|call| call["path"] == "/person/update").count()
    }

    /// Every call that a simulated target has received.
    pub(crate) fn calls(&self, target: &str) -> Vec<Value> {
        self.ask("GET /_sim/calls", target, &Value::Null).as_array().unwrap().clone()
    }

    pub(crate) fn fault(&self, rules: &Value) {
        self.fault_at("aktion", rules);
    }

    /// Replaces the fault rules of a simulated target.
    pub(crate) fn fault_at(&self, target: &str, rules: &Value) {
        self.ask("PUT /_sim/faults", target, rules);
    }

    /// Replaces what the simulated Aktion has stored.
    pub(crate) fn state(&self, state: &Value) {
        self.ask("PUT /_sim/state", "aktion", state);
    }

    /// Everybody has left, at every target.
    pub(crate) fn nobody(&self) {
        for target in self.ready().simulators.keys() {
            let mut state = self.ask("GET /_sim/state", target, &Value::Null);
            state["people"] = json!([]);
            // Not every target has departments, and one that has none refuses them.
            let departments = state.get_mut("departments").and_then(Value::as_array_mut);
            for department in departments.into_iter().flatten() {
                department["Users"] = json!([]);
            }
            self.ask("PUT /_sim/state", target, &state);
        }
    }

    /// Asks a simulator.
    pub(crate) fn ask(&self, request: &str, target: &str, body: &Value) -> Value {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let json = [("Content-Type", "application/json")];
        let answer = send(request, &self.ready().simulators[target], &json, body.as_bytes());
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }
}
