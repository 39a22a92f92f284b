//! An import of which one call of DynamoDB or S3 goes wrong, for each call and each way in which it can: after its caller has
//! sent it again and the schedule has had its time, everything is as if nothing had happened. What has to hold is what has to
//! hold in the stories that core plays in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use people_adapters::aws::Aws;
use people_adapters::dynamodb::{
    DynamoDirectory, DynamoImports, DynamoLeases, DynamoRepeats, DynamoUndelivered,
};
use people_adapters::s3::S3Documents;
use people_adapters::system::SystemClock;
use people_core::batch::Incoming;
use people_core::document::{Receiver, Slot};
use people_core::id::ImportId;
use people_core::import::{self, Begin, Interrupted, Request, SYNCHRONOUS};
use people_core::log::{Answer, Form, ImportLog, PartOutcome};
use people_core::log_text::render;
use people_core::memory::{self, MemorySpool};
use people_core::person::Identifier;
use people_core::ports::{App, Clock, ConfiguredTarget, KeyHash, LeaseHolder, RepeatKey};
use people_core::profile::Profile;
use people_core::redelivery::{self, Which};
use people_core::repeat::{self, Ran, Replay};
use people_core::summary::Source;
use people_core::time::Timestamp;

use crate::embedded::{BUCKET, Embedded, start};
use crate::faulty::{Fault, Faulty};
use crate::invariants::{End, Fake};
use crate::logs::KEPT;

const PDF: &[u8] = b"%PDF-1.7\n%%EOF\n";
/// How many times the schedule runs at most until nothing is left to do.
const ROUNDS: usize = 4;

/// The system's time, which can be moved on; whoever sleeps does so in earnest.
#[derive(Default)]
struct AheadClock {
    system: SystemClock,
    ahead: AtomicI64,
}

impl AheadClock {
    fn wait(&self, seconds: i64) {
        self.ahead.fetch_add(seconds * 1000, Ordering::Relaxed);
    }
}

#[async_trait]
impl Clock for AheadClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.system.now().millis() + self.ahead.load(Ordering::Relaxed))
    }

    async fn sleep_until(&self, moment: Timestamp) {
        let ahead = self.ahead.load(Ordering::Relaxed);
        self.system.sleep_until(Timestamp::from_millis(moment.millis() - ahead)).await;
    }
}

/// The stores, on which many stories are played, each about people of its own.
struct World {
    embedded: Embedded,
    clock: Arc<AheadClock>,
}

/// One story.
struct Story<'a> {
    world: &'a World,
    name: String,
    targets: [Arc<Fake>; 2],
    ids: Vec<ImportId>,
}

impl World {
    async fn start() -> World {
        World { embedded: start().await, clock: Arc::default() }
    }

    /// People are named after it, as UPNs are: in lower case.
    fn story(&self, name: &str) -> Story<'_> {
        Story { world: self, name: name.to_lowercase(), targets: Default::default(), ids: Vec::new() }
    }
}

impl Story<'_> {
    /// What works with these clients.
    fn app(&self, aws: &Aws) -> App {
        let definition = br#"[{"name":"phone","fieldType":"Phone","source":"Api"},
            {"name":"mobile","fieldType":"Phone","source":"Api"},
            {"name":"contract","fieldType":"File","source":"Api"}]"#;
        let configured = self.targets.iter().enumerate().map(|(n, target)| ConfiguredTarget {
            name: format!("t{n}").into(),
            fields: ["phone", "mobile"].map(Arc::from).into(),
            api: target.clone(),
        });
        let clock: Arc<dyn Clock> = self.world.clock.clone();
        let (dynamodb, tables) = (|| aws.dynamodb.clone(), &self.world.embedded.tables);
        App {
            profile: Arc::new(Profile::parse(definition).unwrap()),
            targets: configured.collect(),
            imports: Arc::new(DynamoImports::new(dynamodb(), tables, clock.clone(), KEPT)),
            documents: Arc::new(S3Documents::new(aws.s3.clone(), BUCKET, dynamodb(), tables)),
            directory: Arc::new(DynamoDirectory::new(dynamodb(), tables, clock.clone())),
            repeats: Arc::new(DynamoRepeats::new(dynamodb(), tables, clock.clone())),
            undelivered: Arc::new(DynamoUndelivered::new(dynamodb(), tables, clock.clone())),
            leases: Arc::new(DynamoLeases::new(dynamodb(), tables, clock.clone())),
            ..memory::app(clock)
        }
    }

    /// The parts of the older import, or of the newer one.
    fn request(&mut self, value: &str, number: u8) -> Request {
        let now = self.world.clock.now();
        let (one, other) = (format!("{} 1", self.name), format!("{} 2", self.name));
        let mut first = serde_json::json!({"employeeId": one, "phone": value});
        if value == "old" {
            first["mobile"] = "old".into();
        }
        let second = serde_json::json!({"employeeId": other, "mobile": value});
        let json = |part: serde_json::Value| Incoming::Person(Bytes::from(part.to_string()));
        let mut receiver = Receiver::new(Arc::new(MemorySpool));
        receiver.write(PDF).unwrap();
        receiver.write(value.as_bytes()).unwrap();
        let file = Incoming::File(format!("{one}__contract__Contract.pdf"), receiver.finish().unwrap());
        let id = ImportId::new(now, [number; 10]);
        self.ids.push(id);
        Request {
            id,
            received_at: now,
            key_name: "test".into(),
            form: Form::Multipart,
            dry_run: false,
            parts: Ok(vec![json(first), json(second), file]),
            source: Source::Direct,
            begin: Begin::New,
            until: now.plus(SYNCHRONOUS),
        }
    }

    /// Sends the newer request, or sends it again.
    async fn send(&mut self, app: &App, number: u8) -> Result<Ran, Interrupted> {
        let key = RepeatKey::new(&KeyHash::of("k"), "PUT", "/a", &self.name);
        let request = self.request("new", number);
        repeat::run(app, key, [1; 32], request).await
    }

    /// Lets the schedule do its work, with targets that are up.
    async fn recover(&self, app: &App) {
        for target in &self.targets {
            *target.is_down.lock().unwrap() = false;
        }
        for round in 0..ROUNDS {
            self.world.clock.wait(600);
            let holder = LeaseHolder(format!("{} {round}", self.name));
            redelivery::end_interrupted(app, &holder).await.unwrap();
            let until = app.clock.now().plus(Duration::from_secs(60));
            redelivery::run(app, &holder, Which::All, until).await.unwrap();
            let unfinished = app.imports.unfinished(app.clock.now(), 9).await.unwrap();
            if unfinished.is_empty() && app.undelivered.count().await.unwrap() == 0 {
                return;
            }
        }
    }

    /// What has to hold in the end.
    async fn check(&self, app: &App) {
        let mut logs = Vec::new();
        for id in &self.ids {
            logs.extend(app.imports.find(*id).await.unwrap());
        }
        let waiting = app.undelivered.count().await.unwrap();
        End { logs: &logs, targets: &self.targets, waiting }.check(&self.name);
        for (n, target) in self.targets.iter().enumerate() {
            let stored = target.stored.lock().unwrap().clone();
            for (who, field, value) in [(1, "phone", "new"), (1, "mobile", "old"), (2, "mobile", "new")] {
                let at = (format!("{} {who}", self.name), field.to_owned());
                let what = stored.get(&at).map(String::as_str);
                assert_eq!(what, Some(value), "{}: {field} of {who} at t{n}", self.name);
            }
        }
        let person = [Identifier::EmployeeId(format!("{} 1", self.name))];
        let person = app.directory.resolve(&person).await.unwrap().remove(&person[0]).unwrap().key();
        let slot = Slot { person, field: "contract".into(), name: None };
        let contract = app.documents.read(&slot).await.unwrap().unwrap();
        assert!(contract.ends_with(b"new"), "{}: the newest contract is there", self.name);
    }
}

/// Whether a caller who hears this sends the request again.
fn is_sent_again(ran: Option<&Result<Ran, Interrupted>>) -> bool {
    let Some(Ok(Ran::Now(log))) = ran else {
        return !matches!(ran, Some(Ok(Ran::Before(_))));
    };
    matches!(log.answer_given(), Answer::StoreFailed | Answer::Interrupted | Answer::Unavailable)
}

fn log(ran: Option<Result<Ran, Interrupted>>) -> Option<ImportLog> {
    match ran {
        Some(Ok(Ran::Now(log))) => Some(log),
        Some(Ok(Ran::Before(Replay::Ended(log) | Replay::Accepted(log)))) => Some(*log),
        Some(Ok(Ran::Running | Ran::Other) | Err(_)) | None => None,
    }
}

/// An import at two targets of which one is down; then a newer one, of which a call goes wrong. How many calls it made.
async fn play(world: &World, name: &str, fault: Option<(usize, Fault)>) -> usize {
    let mut story = world.story(name);
    let healthy = story.app(&world.embedded.aws);
    *story.targets[1].is_down.lock().unwrap() = true;
    let older = story.request("old", 1);
    let older = import::run(&healthy, older).await.unwrap();
    assert_eq!(older.answer_given(), Answer::Accepted, "{name}: {}", render(&older));
    world.clock.wait(1);
    let urls = [world.embedded.dynamodb.as_str(), world.embedded.s3.as_str()];
    let process = Faulty::process(urls, fault).await;
    let app = story.app(&process.aws);
    let mut ran = process.run(story.send(&app, 2)).await;
    let made = process.made();
    process.arrive().await;
    if fault.is_none_or(|(_, fault)| fault.passes()) {
        assert!(!is_sent_again(ran.as_ref()), "{name}: nobody notices, {ran:?}");
    }
    for number in 3..=5 {
        if !is_sent_again(ran.as_ref()) {
            break;
        }
        // By then the first attempt has ended, or died.
        world.clock.wait(90);
        ran = Some(story.send(&healthy, number).await);
    }
    assert!(!is_sent_again(ran.as_ref()), "{name}: {ran:?}");
    let first = log(ran).unwrap();
    story.recover(&healthy).await;
    story.check(&healthy).await;
    let again = log(Some(story.send(&healthy, 6).await)).unwrap();
    assert_eq!((again.id, render(&again)), (first.id, render(&first)), "{name}: the same answer");
    made
}

/// Plays the story with this fault at every call.
async fn at_every_call(fault: Fault) {
    let world = World::start().await;
    let calls = play(&world, "healthy", None).await;
    assert!(calls > 10, "{calls}");
    // A call that failed may be followed by others than those of a healthy import.
    for n in 0..calls {
        play(&world, &format!("{fault:?} {n}"), Some((n, fault))).await;
    }
}

/// A test for each fault, so that they run side by side.
macro_rules! at_every_call {
    ($($name:ident: $fault:ident;)*) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            at_every_call(Fault::$fault).await;
        })*
    };
}

at_every_call! {
    a_call_that_is_throttled_again_and_again: Throttled;
    a_call_that_the_server_fails: Broken;
    a_call_that_is_cut_off: Cut;
    a_call_that_is_throttled_once: ThrottledOnce;
    a_call_whose_first_answer_is_lost: LostOnce;
    a_call_whose_answers_are_lost: Lost;
    a_call_that_arrives_when_nobody_waits_for_it: Late;
    a_call_before_which_its_process_dies: DiesBefore;
    a_call_after_which_its_process_dies: DiesAfter;
}

#[tokio::test]
async fn a_healthy_import_keeps_what_one_target_did_not_take() {
    let world = World::start().await;
    let mut story = world.story("healthy");
    let app = story.app(&world.embedded.aws);
    *story.targets[1].is_down.lock().unwrap() = true;
    let log = log(Some(story.send(&app, 1).await)).unwrap();
    assert!(matches!(log.parts[2].outcome, PartOutcome::Uploaded), "{}", render(&log));
    assert_eq!(app.undelivered.count().await.unwrap(), 2, "so each port has a call that may go wrong");
}
