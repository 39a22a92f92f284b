//! All targets of the sample configuration with their simulators. Each has a clock of its own, which its own waiting moves
//! and nothing else, so that one that takes its time takes none of the others', and no test waits for a break.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use people_adapters::http::{Format, found};
use people_adapters::http_client::{HttpClient, Limits, Trust};
use people_adapters::secrets::{SecretStore, Secrets};
use people_adapters::share::Share;
use people_adapters::targets::{Context, Engines, connect};
use people_core::batch::read_json;
use people_core::directory::{self, SyncReport};
use people_core::id::ImportId;
use people_core::import::{self, SYNCHRONOUS};
use people_core::log::{Answer, Form};
use people_core::log_text::render;
use people_core::memory::{self, ManualClock, MemoryLeases};
use people_core::person::{Identifier, Person};
use people_core::ports::{App, Clock, ConfiguredTarget};
use people_core::profile::Profile;
use people_core::summary::Source;
use people_core::time::Timestamp;
use serde_json::{Value, json};
use simulators::{Simulator, aktion, esystems, free_port, onlyoffice, scim};

const TARGETS: &str = include_str!("../../../../../infra/targets.json");
const PROFILE: &[u8] = include_bytes!("../../../../../infra/profile-definition.json");

/// The targets of the sample configuration, in its order.
pub(crate) const ALL: [&str; 4] = ["aktion", "esystems", "onlyoffice", "scim"];

/// How long a target is waited for that does not answer in time: this is waited for in earnest.
const SHORT: Duration = Duration::from_secs(2);

pub(crate) struct Stage {
    pub(crate) app: App,
    clocks: BTreeMap<String, Arc<ManualClock>>,
    simulators: BTreeMap<&'static str, Simulator>,
    http: HttpClient,
    imports: AtomicU8,
}

/// What came of an import.
pub(crate) struct Imported {
    pub(crate) answer: Answer,
    /// The log without its first line.
    pub(crate) log: String,
    pub(crate) report: Value,
}

/// What the simulators take for credentials.
pub(crate) fn secrets() -> Value {
    json!({
        "aktion": {"userLogin": aktion::USER_LOGIN, "apiKey": aktion::API_KEY},
        "esystems": {"clientId": esystems::CLIENT_ID, "clientSecret": esystems::CLIENT_SECRET},
        "onlyoffice": {"userName": onlyoffice::USER_NAME, "password": onlyoffice::PASSWORD},
        "scim": {"token": scim::TOKEN},
    })
}

/// Somebody by an employeeId or a UPN.
fn identifier(text: &str) -> Identifier {
    match text.contains('@') {
        true => Identifier::Upn(text.to_owned()),
        false => Identifier::EmployeeId(text.to_owned()),
    }
}

/// Whether a call was to change something: it reads nothing, and is no log-in.
fn is_write(call: &Value) -> bool {
    let path = call["path"].as_str().unwrap().to_lowercase();
    call["method"] != "GET" && !["/login", "/token", "/authentication"].iter().any(|end| path.ends_with(end))
}

impl Stage {
    /// All targets, and a directory that has been filled from them.
    pub(crate) async fn new() -> Stage {
        Stage::with(secrets()).await
    }

    /// The same with other credentials.
    pub(crate) async fn with(secrets: Value) -> Stage {
        let stage = Stage::empty(secrets).await;
        stage.sync().await;
        stage
    }

    /// The same with a directory that knows nobody.
    pub(crate) async fn empty(secrets: Value) -> Stage {
        let mut simulators = BTreeMap::new();
        for (name, start) in simulators::TARGETS {
            simulators.insert(name, start(free_port().await.unwrap()).unwrap());
        }
        let urls =
            simulators.iter().map(|(name, simulator)| ((*name).to_owned(), simulator.url().to_owned()));
        let urls: HashMap<_, _> = urls.collect();
        let now = Timestamp::from_millis(1_700_000_000_000);
        let profile = Arc::new(Profile::parse(PROFILE).unwrap());
        let mut file: Value = serde_json::from_str(TARGETS).unwrap();
        let mut clocks = BTreeMap::new();
        let mut targets: Vec<ConfiguredTarget> = Vec::new();
        for entry in file["targets"].as_array_mut().unwrap() {
            let clock = Arc::new(ManualClock::at(now));
            let context = Context {
                secrets: Arc::new(SecretStore::fixed(
                    Secrets::parse(secrets.to_string().as_bytes()).unwrap(),
                )),
                simulators: urls.clone(),
                clock: clock.clone(),
                engines: Engines::default(),
                leases: Arc::new(MemoryLeases::new(clock.clone())),
                share: Share::ALL,
            };
            clocks.insert(entry["name"].as_str().unwrap().to_owned(), clock);
            let alone = json!({"targets": [entry.take()]}).to_string();
            targets.extend(connect(alone.as_bytes(), &profile, context).unwrap());
        }
        let app = App { profile, targets: targets.into(), ..memory::app(Arc::new(ManualClock::at(now))) };
        let http = HttpClient::new(&Trust::inside()).unwrap();
        Stage { app, clocks, simulators, http, imports: AtomicU8::new(0) }
    }

    /// The latest moment that any clock shows.
    fn latest(&self) -> Timestamp {
        let clocks = self.clocks.values().map(|clock| clock.now());
        clocks.chain([self.app.clock.now()]).max().unwrap()
    }

    /// Fills the directory.
    pub(crate) async fn sync(&self) -> SyncReport {
        directory::sync(&self.app, self.latest().plus(Duration::from_secs(200))).await.unwrap()
    }

    /// Whoever is known under an employeeId or a UPN.
    pub(crate) async fn known(&self, text: &str) -> Option<Person> {
        let identifier = identifier(text);
        self.app.directory.resolve(std::slice::from_ref(&identifier)).await.unwrap().remove(&identifier)
    }

    /// Imports a batch that a caller waits for.
    pub(crate) async fn import(&self, body: &Value) -> Imported {
        self.import_without(body, "").await
    }

    /// The same, where one target does not answer before the end: little is left of its time.
    pub(crate) async fn import_without(&self, body: &Value, slow: &str) -> Imported {
        let received_at = self.latest();
        let until = received_at.plus(SYNCHRONOUS);
        self.app.clock.sleep_until(received_at).await;
        for (name, clock) in &self.clocks {
            clock.advance_to(if name == slow { received_at.plus(SYNCHRONOUS - SHORT) } else { received_at });
        }
        let request = import::Request {
            id: ImportId::new(received_at, [self.imports.fetch_add(1, Ordering::Relaxed); 10]),
            received_at,
            key_name: "test".to_owned(),
            form: Form::Array,
            parts: Ok(read_json(&Bytes::from(body.to_string())).unwrap()),
            source: Source::Direct,
            dry_run: false,
            begin: import::Begin::New,
            until,
        };
        let log = import::run(&self.app, request).await.unwrap();
        Imported {
            answer: log.answer_given(),
            log: render(&log).split_once('\n').unwrap().1.to_owned(),
            report: serde_json::from_str(found(&log, Format::Json).body()).unwrap(),
        }
    }

    async fn control(&self, name: &str, method: &str, path: &str, body: &Value) -> Value {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let uri = format!("{}/_sim{path}", self.simulators[name].url());
        let request = Request::builder().method(method).uri(uri).body(Full::new(Bytes::from(body))).unwrap();
        let limits = Limits { time: Duration::from_secs(60), bytes: 64 << 20 };
        let answer = self.http.send(request, limits).await.unwrap();
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert_eq!(answer.status, 200, "{text}");
        serde_json::from_str(&text).unwrap()
    }

    pub(crate) async fn switch(&self, name: &str, switches: Value) {
        self.control(name, "PUT", "/switches", &switches).await;
    }

    /// One fault rule for every call that changes somebody, with these members.
    pub(crate) async fn fault(&self, name: &str, members: Value) {
        let write = match name {
            "aktion" => json!({"method": "POST", "path": "/person/update"}),
            "onlyoffice" => json!({"method": "PUT"}),
            _ => json!({"method": "PATCH"}),
        };
        let mut rule = write.as_object().unwrap().clone();
        rule.extend(members.as_object().unwrap().clone());
        self.control(name, "PUT", "/faults", &json!([rule])).await;
    }

    pub(crate) async fn state(&self, name: &str) -> Value {
        self.control(name, "GET", "/state", &Value::Null).await
    }

    /// Changes the people of one target.
    pub(crate) async fn people(&self, name: &str, change: impl FnOnce(&mut Vec<Value>)) {
        let mut state = self.state(name).await;
        change(state["people"].as_array_mut().unwrap());
        if name == "esystems" {
            let people = state["people"].clone();
            let is_there = |id: &Value| people.as_array().unwrap().iter().any(|person| person["Id"] == *id);
            for department in state["departments"].as_array_mut().unwrap() {
                department["Users"].as_array_mut().unwrap().retain(is_there);
            }
        }
        self.control(name, "PUT", "/state", &state).await;
    }

    /// Takes the person with this e-mail out of one target.
    pub(crate) async fn remove(&self, name: &str, email: &str) {
        self.people(name, |people| people.retain(|person| person[email_of(name)] != email)).await;
    }

    /// The person with this e-mail, as one target has them stored.
    pub(crate) async fn stored(&self, name: &str, email: &str) -> Value {
        let state = self.state(name).await;
        let people = state["people"].as_array().unwrap();
        let mut person = people.iter().find(|person| person[email_of(name)] == email).unwrap().clone();
        let id = person["Id"].clone();
        for department in state["departments"].as_array().into_iter().flatten() {
            if department["Users"].as_array().unwrap().contains(&id) {
                person["Departments"][department["Name"].as_str().unwrap()] = json!(true);
            }
        }
        person
    }

    /// How many calls there were to change something at a target, and how many log-ins.
    pub(crate) async fn writes(&self, name: &str) -> (usize, usize) {
        let calls = self.control(name, "GET", "/calls", &Value::Null).await;
        let calls = calls.as_array().unwrap();
        let writes = calls.iter().filter(|call| is_write(call)).count();
        (writes, calls.iter().filter(|call| call["method"] != "GET").count() - writes)
    }
}

/// Where a target keeps the UPN.
fn email_of(name: &str) -> &'static str {
    match name {
        "onlyoffice" => "email",
        "scim" => "userName",
        _ => "Email",
    }
}
