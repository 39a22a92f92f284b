//! A target of any kind with its simulator, a clock that only waiting moves, and a log that can be read: what a story is
//! played on.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use people_adapters::http_client::{HttpClient, Limits, Trust};
use people_adapters::secrets::{SecretStore, Secrets};
use people_adapters::share::Share;
use people_adapters::targets::{Context, Engines, connect};
use people_core::id::ImportId;
use people_core::log::Outcome;
use people_core::memory::{ManualClock, MemoryLeases};
use people_core::person::NativeKey;
use people_core::ports::{Clock, ConfiguredTarget, Leases, PersonUpdate};
use people_core::profile::Profile;
use people_core::time::Timestamp;
use people_core::update::{Change, Value as FieldValue};
use serde_json::{Value, json};
use simulators::{Simulator, free_port};

use super::story::{Json, Kind, Step, Update, World};

/// Further away than any break that a server asks for.
const LONG: Duration = Duration::from_secs(2 * 3600);
/// Sooner than an answer that takes long.
const SHORT: Duration = Duration::from_millis(15);
const GUID: &str = "0192f0c1-7c00-7a3b-8c4d-000102030405";

pub(super) struct Stage {
    simulator: Simulator,
    clock: Arc<Clockwork>,
    /// Two processes, which know nothing of each other but their leases.
    targets: [ConfiguredTarget; 2],
    profile: Profile,
    http: HttpClient,
    /// The switches of a good day.
    switches: Value,
    log: Arc<Mutex<Vec<u8>>>,
    _subscriber: tracing::subscriber::DefaultGuard,
}

/// A clock that only waiting moves, and whoever waits lets others go on.
struct Clockwork(ManualClock);

#[async_trait]
impl Clock for Clockwork {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    async fn sleep_until(&self, moment: Timestamp) {
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        self.0.sleep_until(moment).await;
    }
}

impl Stage {
    pub(super) async fn open<K: Kind>(world: &World) -> Stage {
        let simulator = K::start(free_port().await.unwrap()).unwrap();
        let clock = Arc::new(Clockwork(ManualClock::at(Timestamp::from_millis(1_700_000_000_000))));
        let (profile, mut entry, secrets) = K::configuration();
        entry.as_object_mut().unwrap().extend(world.members.0.as_object().unwrap().clone());
        let [name, kind] = ["name", "kind"].map(|member| entry[member].as_str().unwrap().to_owned());
        let profile = Profile::parse(profile.to_string().as_bytes()).unwrap();
        let leases: Arc<dyn Leases> = Arc::new(MemoryLeases::new(clock.clone()));
        let config = json!({ "targets": [entry] }).to_string();
        let secrets = Secrets::parse(json!({ name.clone(): secrets }).to_string().as_bytes()).unwrap();
        let secrets = Arc::new(SecretStore::fixed(secrets));
        let targets = [(); 2].map(|()| {
            let context = Context {
                secrets: Arc::clone(&secrets),
                simulators: HashMap::from([(kind.clone(), simulator.url().to_owned())]),
                clock: clock.clone(),
                engines: Engines::default(),
                leases: Arc::clone(&leases),
                share: Share::ALL,
            };
            connect(config.as_bytes(), &profile, context).unwrap().remove(0)
        });
        let http = HttpClient::new(&Trust::inside()).unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let _subscriber = listen(Arc::clone(&log));
        let mut stage =
            Stage { simulator, clock, targets, profile, http, switches: Value::Null, log, _subscriber };
        stage.control("PUT", "/_sim/state", &world.state.0).await;
        stage.switches = stage.control("PUT", "/_sim/switches", &world.switches.0).await;
        stage
    }

    async fn send(&self, method: &str, path: &str, body: &Value) -> (u16, Bytes) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let uri = format!("{}{path}", self.simulator.url());
        let request = Request::builder().method(method).uri(uri).body(Full::new(Bytes::from(body))).unwrap();
        let limits = Limits { time: Duration::from_secs(30), bytes: 64 << 20 };
        let answer = self.http.send(request, limits).await.unwrap();
        (answer.status.as_u16(), answer.body)
    }

    async fn control(&self, method: &str, path: &str, body: &Value) -> Value {
        let (status, answer) = self.send(method, path, body).await;
        assert_eq!(status, 200, "{body}: {}", String::from_utf8_lossy(&answer));
        serde_json::from_slice(&answer).unwrap()
    }

    pub(super) async fn state(&self) -> Value {
        self.control("GET", "/_sim/state", &Value::Null).await
    }

    /// The calls since they were last asked for.
    pub(super) async fn calls(&self) -> Vec<Value> {
        let calls = self.control("GET", "/_sim/calls", &Value::Null).await;
        self.control("DELETE", "/_sim/calls", &Value::Null).await;
        calls.as_array().unwrap().clone()
    }

    /// Makes it the day that a step describes.
    pub(super) async fn trouble(&self, step: &Step) {
        let faults = step.faults.iter().map(|Json(fault)| fault.clone()).collect();
        self.control("PUT", "/_sim/faults", &faults).await;
        self.control("PUT", "/_sim/switches", &step.switches.0).await;
    }

    /// Makes it a good day again, and waits for the end of calls that nobody waits for any more.
    pub(super) async fn quiet(&self) {
        self.control("PUT", "/_sim/faults", &json!([])).await;
        self.control("PUT", "/_sim/switches", &self.switches).await;
        self.clock.0.advance_to(self.clock.now().plus(LONG));
        loop {
            self.send("GET", "/quiet", &Value::Null).await;
            let calls = self.control("GET", "/_sim/calls", &Value::Null).await;
            if calls.as_array().and_then(|calls| calls.last()).unwrap()["inFlight"] == 1 {
                return;
            }
        }
    }

    /// Delivers updates by one import, or by two at once: of two processes, where the kind keeps those apart.
    pub(super) async fn deliver<K: Kind>(&self, step: &Step) -> Vec<Outcome> {
        let until = self.clock.now().plus(if step.hurry { SHORT } else { LONG });
        let updates: Vec<_> = step.updates.iter().map(|update| self.update(update)).collect();
        if !step.at_once {
            return self.targets[0].api.deliver(&updates, until).await;
        }
        let (mut halves, mut outcomes) = ([Vec::new(), Vec::new()], Vec::new());
        for (number, update) in updates.into_iter().enumerate() {
            halves[number % 2].push(update);
        }
        let [first, second] = &halves;
        let ours = self.targets[0].api.deliver(first, until);
        let theirs = self.targets[usize::from(K::KEEPS_PROCESSES_APART)].api.deliver(second, until);
        let (ours, theirs) = tokio::join!(ours, theirs);
        let mut sides = [ours.into_iter(), theirs.into_iter()];
        for number in 0..step.updates.len() {
            outcomes.push(sides[number % 2].next().unwrap());
        }
        outcomes
    }

    /// Looks at what an update would do.
    pub(super) async fn preview(&self, update: &Update, hurry: bool) -> Outcome {
        let until = self.clock.now().plus(if hurry { SHORT } else { LONG });
        self.targets[0].api.preview(&[self.update(update)], until).await.remove(0)
    }

    fn update(&self, update: &Update) -> PersonUpdate {
        let change = |(field, value): &(&'static str, Option<String>)| {
            let field = self.profile.field(field).unwrap();
            let value = value.clone().map_or(FieldValue::Reset, FieldValue::Text);
            Change { field: field.name.clone(), kind: field.kind, value }
        };
        PersonUpdate {
            import: ImportId::parse(GUID).unwrap(),
            key: NativeKey(update.key.to_owned()),
            changes: update.fields.iter().map(change).collect(),
            people: Arc::default(),
        }
    }

    /// What was logged.
    pub(super) fn logged(&self) -> String {
        String::from_utf8_lossy(&self.log.lock().unwrap()).into_owned()
    }
}

/// Keeps what this thread logs, more than is logged in production, but for the time: a code may look like a part of it.
fn listen(log: Arc<Mutex<Vec<u8>>>) -> tracing::subscriber::DefaultGuard {
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .without_time()
        .with_writer(move || Heard(Arc::clone(&log)))
        .finish();
    tracing::subscriber::set_default(subscriber)
}

struct Heard(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Heard {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
