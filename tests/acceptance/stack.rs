//! A local stack for one test.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};

use people_local::stack::{Options, Simulators, Stack};
use serde_json::Value;
use tempfile::TempDir;

use crate::http::{Reply, send};

/// A running stack, and the folder that goes with it.
pub(crate) struct Local {
    stack: Stack,
    data: TempDir,
}

pub(crate) const PDF: &[u8] = include_bytes!("../../infra/sample/payslip.pdf");

impl Local {
    pub(crate) async fn start() -> Local {
        Local::start_with(false).await
    }

    pub(crate) async fn start_with(lambda_limits: bool) -> Local {
        let data = TempDir::new().unwrap();
        Local { stack: Local::on(&data, lambda_limits).await, data }
    }

    async fn on(data: &TempDir, lambda_limits: bool) -> Stack {
        let options = Options {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            data: data.path().to_owned(),
            config: None,
            simulators: Simulators::Own,
            lambda_limits,
        };
        Stack::start(&options).await.unwrap()
    }

    /// Stops the stack and starts it again on the same folder.
    pub(crate) async fn restart(self) -> Local {
        self.stack.stop().await;
        Local { stack: Local::on(&self.data, false).await, data: self.data }
    }

    pub(crate) fn ready(&self) -> &people_local::ready::Ready {
        &self.stack.ready
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
        let state = send("GET /_sim/state", self.aktion(), &[], b"").json();
        state["people"].as_array().unwrap().iter().find(|person| person["PersonId"] == id).unwrap().clone()
    }

    /// The value of a user column of a person.
    pub(crate) fn column(&self, id: &str, name: &str) -> Value {
        let columns = self.person(id)["UdsCollection"].clone();
        let column = columns.as_array().into_iter().flatten().find(|column| column["SystemName"] == name);
        column.map_or(Value::Null, |column| column["Value"].clone())
    }

    /// How many updates the simulated Aktion has received.
    pub(crate) fn updates(&self) -> usize {
        let calls = send("GET /_sim/calls", self.aktion(), &[], b"").json();
        calls.as_array().unwrap().iter().filter(|call| call["path"] == "/person/update").count()
    }

    pub(crate) fn fault(&self, rules: &Value) {
        let body = rules.to_string();
        assert_eq!(
            send("PUT /_sim/faults", self.aktion(), &[("Content-Type", "application/json")], body.as_bytes())
                .status,
            200
        );
    }

    pub(crate) fn state(&self, state: &Value) {
        let body = state.to_string();
        assert_eq!(
            send("PUT /_sim/state", self.aktion(), &[("Content-Type", "application/json")], body.as_bytes())
                .status,
            200
        );
    }

    /// Everybody has left, at every target.
    pub(crate) fn nobody(&self) {
        for url in self.ready().simulators.values() {
            let mut state = send("GET /_sim/state", url, &[], b"").json();
            state["people"] = Value::Array(Vec::new());
            for department in state["departments"].as_array_mut().into_iter().flatten() {
                department["Users"] = Value::Array(Vec::new());
            }
            let body = state.to_string();
            let json = [("Content-Type", "application/json")];
            let reply = send("PUT /_sim/state", url, &json, body.as_bytes());
            assert_eq!(reply.status, 200, "{url}: {}", reply.text());
        }
    }

    fn aktion(&self) -> &str {
        &self.ready().simulators["aktion"]
    }
}
