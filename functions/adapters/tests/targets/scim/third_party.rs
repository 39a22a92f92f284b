//! The client against a SCIM server that nobody here wrote, scim2-server from PyPI: what both sides of our own making would
//! misunderstand in the same way is found here.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use people_adapters::http_client::{HttpClient, Limits, Trust};
use people_adapters::secrets::SecretStore;
use people_core::log::Ending;
use people_core::memory::{ManualClock, MemoryLeases};
use people_core::person::Identifier;
use people_core::ports::{Clock, ConfiguredTarget, Found, Leases, Listing, PersonUpdate};
use people_core::time::Timestamp;
use people_core::update::Value as FieldValue;
use serde_json::{Value, json};
use simulators::free_port;

use super::stage::{ENTERPRISE, connected, entry, person, secrets, update, update_with};

const VERSION: &str = "0.8.3";
const TOKEN: &str = "dGhpcmQtcGFydHk";
const CORE: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

/// The server, until it is dropped.
struct Server {
    process: Child,
    url: String,
    http: HttpClient,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    /// Starts it with these arguments; `None` where it is not installed, which is a failure where `CI` is set.
    async fn start(arguments: &[&str]) -> Option<Server> {
        let tool = format!("../../target/tools/scim2-server-{VERSION}");
        let tool = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(tool);
        let listener = free_port().await.unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let mut command = Command::new(tool.join("bin/scim2-server"));
        command.args(["--port", &port.to_string(), "--bearer-token", TOKEN]).args(arguments);
        command.env("PYTHONUNBUFFERED", "1").stdout(Stdio::piped()).stderr(Stdio::null());
        let Ok(mut process) = command.spawn() else {
            #[expect(
                clippy::disallowed_methods,
                reason = "whether a missing tool is a failure is said by CI alone"
            )]
            let in_ci = std::env::var_os("CI").is_some();
            let tool = tool.display();
            let install = format!("python3 -m venv {tool} && {tool}/bin/pip install scim2-server=={VERSION}");
            assert!(!in_ci, "scim2-server is missing: {install}");
            eprintln!("skipped: scim2-server is missing; {install}");
            return None;
        };
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.contains(&port.to_string()), "{line}");
        while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            assert_eq!(process.try_wait().unwrap(), None, "it ended");
        }
        let url = format!("http://127.0.0.1:{port}/v2");
        Some(Server { process, url, http: HttpClient::new(&Trust::inside()).unwrap() })
    }

    /// Calls the server's own API.
    async fn call(&self, method: &str, path: &str, body: Value) -> Value {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header("authorization", format!("Bearer {TOKEN}"))
            .header("content-type", "application/scim+json")
            .body(Full::new(Bytes::from(body)))
            .unwrap();
        let limits = Limits { time: Duration::from_secs(10), bytes: 1 << 20 };
        let answer = self.http.send(request, limits).await.unwrap();
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(answer.status.is_success(), "{text}");
        serde_json::from_str(&text).unwrap()
    }

    /// Creates a user and gives back the id.
    async fn create(&self, mut user: Value) -> String {
        user["schemas"] = json!([CORE, ENTERPRISE]);
        self.call("POST", "/Users", user).await["id"].as_str().unwrap().to_owned()
    }

    /// A user as they are stored, without what changes with every write.
    async fn stored(&self, id: &str) -> Value {
        let mut stored = self.call("GET", &format!("/Users/{id}"), Value::Null).await;
        stored.as_object_mut().unwrap().remove("meta");
        stored
    }

    fn target(&self) -> (ConfiguredTarget, Timestamp) {
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(Timestamp::from_millis(1_700_000_000_000)));
        let leases: Arc<dyn Leases> = Arc::new(MemoryLeases::new(Arc::clone(&clock)));
        let until = clock.now().plus(Duration::from_secs(3600));
        let store = SecretStore::fixed(secrets(json!({"token": TOKEN})));
        let targets = json!([entry()]);
        (connected(&targets, &self.url, (clock, leases), store).unwrap().remove(0), until)
    }
}

/// Delivers one update.
async fn send(target: &(ConfiguredTarget, Timestamp), update: PersonUpdate) -> Ending {
    target.0.api.deliver(&[update], target.1).await.remove(0).ending
}

/// Finds, lists and updates people, and looks at what is stored.
async fn exercise(server: &Server) {
    let sarah = server.create(json!({"userName": "sarah@company.com", "externalId": "2"})).await;
    let off = json!({"userName": "off@company.com", "externalId": "3", "active": false});
    let off = server.create(off).await;
    let joe = server
        .create(json!({
            "userName": "Joe@company.com", "externalId": "1", "active": true, "title": "Clerk", "nickName": "J",
            "name": {"givenName": "Joe", "familyName": "Miller"},
            "phoneNumbers": [{"type": "home", "value": "1", "primary": true}],
            "addresses": [{"type": "home", "locality": "Brno"}],
            ENTERPRISE: {"department": "IT", "costCenter": "IT-1"},
        }))
        .await;
    let target = server.target();
    let upns = ["joe@company.com", "off@company.com", "no\"bo\\dy@company.com"];
    let asked: Vec<_> = upns.iter().map(|upn| Identifier::Upn((*upn).to_owned())).collect();
    let known = person(&joe, "1", "joe@company.com");
    assert_eq!(target.0.api.find(&asked, target.1).await, [known.clone(), Found::Nobody, Found::Nobody]);
    let ids = ["1", "3", "4"].map(|id| Identifier::EmployeeId(id.to_owned()));
    assert_eq!(target.0.api.find(&ids, target.1).await, [known, Found::Nobody, Found::Nobody]);
    let Listing::Everybody(everybody) = target.0.api.list(target.1).await else { panic!("no list") };
    assert_eq!(everybody.iter().filter(|seen| seen.key.0 == joe || seen.key.0 == sarah).count(), 2);
    assert!(everybody.iter().all(|seen| seen.key.0 != off));

    let mut expected = server.stored(&joe).await;
    let all = [
        ("firstName", FieldValue::Text("Jo \"ß\" \\ 🎉".to_owned())),
        ("title", FieldValue::Reset),
        ("workPhone", FieldValue::Text("2".to_owned())),
        ("city", FieldValue::Text("Praha".to_owned())),
        ("department", FieldValue::Text("HR".to_owned())),
        ("costCenter", FieldValue::Reset),
        ("manager", FieldValue::Text("sarah".to_owned())),
    ];
    let update_all = || update_with(&joe, all.clone(), &[("sarah", Some(&sarah))]);
    assert_eq!(send(&target, update_all()).await, Ending::Updated);
    expected["name"]["givenName"] = json!("Jo \"ß\" \\ 🎉");
    expected.as_object_mut().unwrap().remove("title");
    expected["phoneNumbers"].as_array_mut().unwrap().push(json!({"type": "work", "value": "2"}));
    expected["addresses"].as_array_mut().unwrap().push(json!({"type": "work", "locality": "Praha"}));
    expected[ENTERPRISE] = json!({"department": "HR", "manager": {"value": sarah}});
    assert_eq!(server.stored(&joe).await, expected);
    assert_eq!(send(&target, update_all()).await, Ending::Unchanged);

    assert_eq!(
        send(&target, update(&joe, &[("workPhone", Some("3")), ("mobile", None)])).await,
        Ending::Updated
    );
    expected["phoneNumbers"][1]["value"] = json!("3");
    assert_eq!(server.stored(&joe).await, expected);
    assert_eq!(send(&target, update(&joe, &[("workPhone", None), ("manager", None)])).await, Ending::Updated);
    let stored = server.stored(&joe).await;
    assert_eq!(stored["phoneNumbers"][0], expected["phoneNumbers"][0]);
    assert_eq!(stored["phoneNumbers"].as_array().unwrap().iter().find(|item| item["value"] == "3"), None);
    assert_eq!(stored[ENTERPRISE], json!({"department": "HR"}));
    assert_eq!(send(&target, update(&off, &[("title", Some("A"))])).await, Ending::UnknownPerson);
    assert_eq!(send(&target, update("nobody", &[("title", Some("A"))])).await, Ending::UnknownPerson);
}

#[tokio::test]
async fn a_server_that_nobody_here_wrote_takes_what_differs() {
    let Some(server) = Server::start(&[]).await else { return };
    exercise(&server).await;
}

#[tokio::test]
async fn a_server_that_nobody_here_wrote_takes_whole_users() {
    let Some(server) = Server::start(&[]).await else { return };
    let mut abilities = server.call("GET", "/ServiceProviderConfig", Value::Null).await;
    for ability in ["patch", "etag"] {
        abilities[ability]["supported"] = json!(false);
    }
    abilities.as_object_mut().unwrap().remove("meta");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), abilities.to_string()).unwrap();
    let path = file.path().to_str().unwrap();
    let Some(server) = Server::start(&["--service-provider-config", path]).await else { return };
    exercise(&server).await;
}
