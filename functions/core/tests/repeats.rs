//! Requests that are sent again: one import each, one answer, whatever stopped the first one and wherever.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::HashMap;
use std::future::{Future, pending};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use people_core::batch::{Incoming, RequestFault};
use people_core::error::StoreError;
use people_core::id::ImportId;
use people_core::import::{self, Begin, Interrupted, Request, SYNCHRONOUS};
use people_core::log::{Answer, Ending, Form, ImportLog, Outcome, State};
use people_core::log_text::render;
use people_core::memory::{self, ManualClock};
use people_core::person::{Identifier, NativeKey, Person, TargetName};
use people_core::ports::{
    App, Attempt, ConfiguredTarget, Directory, FirstAnswer, Found, KeyHash, LeaseHolder, Listing,
    PersonUpdate, RepeatKey, Repeated, Repeats, Sighting, Target,
};
use people_core::profile::Profile;
use people_core::redelivery;
use people_core::repeat::{self, Ran, Replay};
use people_core::summary::Source;
use people_core::time::Timestamp;
use people_core::update::Value;

const BEGINNING: Timestamp = Timestamp::from_millis(1_700_757_179_000);
/// How long an attempt is waited for: 25 s to deliver, and a minute to close.
const ATTEMPT: Duration = Duration::from_secs(85);
const JOE: &str = r#"{"employeeId":"7","phone":"1"}"#;

fn poll<T>(future: impl Future<Output = T>) -> Poll<T> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// The ports in memory never wait, so a future that is polled once is done.
fn now<T>(future: impl Future<Output = T>) -> T {
    match poll(future) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("an in-memory port waited"),
    }
}

/// A target that knows everybody, and may stop to answer.
#[derive(Default)]
struct Fake {
    hangs: Mutex<bool>,
    /// What it was sent, in order.
    sent: Mutex<Vec<String>>,
}

#[async_trait]
impl Target for Fake {
    async fn find(&self, identifiers: &[Identifier], _: Timestamp) -> Vec<Found> {
        let find = |identifier: &Identifier| match identifier {
            Identifier::EmployeeId(id) => Found::Person(Sighting {
                key: NativeKey(id.clone()),
                employee_id: Some(id.clone()),
                upn: None,
            }),
            Identifier::Upn(_) => Found::CannotTell,
        };
        identifiers.iter().map(find).collect()
    }

    async fn list(&self, _: Timestamp) -> Listing {
        Listing::CannotList
    }

    async fn deliver(&self, updates: &[PersonUpdate], _: Timestamp) -> Vec<Outcome> {
        for change in updates.iter().flat_map(|update| &update.changes) {
            let Value::Text(text) = &change.value else { panic!() };
            self.sent.lock().unwrap().push(text.clone());
        }
        if *self.hangs.lock().unwrap() {
            return pending().await;
        }
        updates.iter().map(|_| Outcome::unsent(Ending::Updated)).collect()
    }
}

/// How a store behaves that does not work.
#[derive(Clone, Copy, PartialEq)]
enum Trouble {
    Fails,
    Hangs,
}

impl Trouble {
    async fn come<T>(self) -> Result<T, StoreError> {
        match self {
            Trouble::Fails => Err(StoreError::new("do anything", "it is broken")),
            Trouble::Hangs => pending().await,
        }
    }
}

/// A directory that does not work.
struct NoDirectory(Trouble);

#[async_trait]
impl Directory for NoDirectory {
    async fn resolve(&self, _: &[Identifier]) -> Result<HashMap<Identifier, Person>, StoreError> {
        self.0.come().await
    }

    async fn learn(&self, _: &TargetName, _: &[Sighting]) -> Result<Vec<Person>, StoreError> {
        self.0.come().await
    }

    async fn forget(&self, _: &TargetName, _: &NativeKey) -> Result<(), StoreError> {
        self.0.come().await
    }

    async fn release(&self, _: &[Identifier]) -> Result<(), StoreError> {
        self.0.come().await
    }
}

/// Repeats of which nothing can be written down at the end, or at all.
struct NoRepeats {
    begins: Option<Arc<dyn Repeats>>,
    trouble: Trouble,
}

#[async_trait]
impl Repeats for NoRepeats {
    async fn begin(&self, key: &RepeatKey, attempt: &Attempt) -> Result<Repeated, StoreError> {
        match &self.begins {
            Some(begins) => begins.begin(key, attempt).await,
            None => self.trouble.come().await,
        }
    }

    async fn answered(&self, _: &RepeatKey, _: ImportId, _: FirstAnswer) -> Result<(), StoreError> {
        self.trouble.come().await
    }

    async fn release(&self, _: &RepeatKey, _: ImportId) -> Result<(), StoreError> {
        self.trouble.come().await
    }
}

struct World {
    app: App,
    clock: Arc<ManualClock>,
    target: Arc<Fake>,
}

fn world() -> World {
    let definition = br#"[{"name":"phone","fieldType":"Phone","source":"Api"}]"#;
    let clock = Arc::new(ManualClock::at(BEGINNING));
    let target = Arc::new(Fake::default());
    let configured =
        ConfiguredTarget { name: "t".into(), fields: [Arc::from("phone")].into(), api: target.clone() };
    let app = App {
        profile: Arc::new(Profile::parse(definition).unwrap()),
        targets: Arc::new([configured]),
        ..memory::app(clock.clone())
    };
    World { app, clock, target }
}

fn key() -> RepeatKey {
    RepeatKey::new(&KeyHash::of("k"), "PUT", "/", "one")
}

impl World {
    fn wait(&self, time: Duration) {
        self.clock.advance_to(self.app.clock.now().plus(time));
    }

    fn hangs(&self, hangs: bool) {
        *self.target.hangs.lock().unwrap() = hangs;
    }

    fn sent(&self) -> Vec<String> {
        self.target.sent.lock().unwrap().clone()
    }

    /// A request of its own, now.
    fn request(&self, number: u8, json: &str) -> Request {
        let received_at = self.app.clock.now();
        Request {
            id: ImportId::new(received_at, [number; 10]),
            received_at,
            key_name: "it's \\mine".into(),
            form: Form::Array,
            parts: Ok(vec![Incoming::Person(Bytes::copy_from_slice(json.as_bytes()))]),
            source: Source::Direct,
            dry_run: false,
            begin: Begin::New,
            until: received_at.plus(SYNCHRONOUS),
        }
    }

    fn repeat(&self, number: u8) -> Result<Ran, Interrupted> {
        now(repeat::run(&self.app, key(), [1; 32], self.request(number, JOE)))
    }

    /// The log, where it was carried out by this request.
    fn carried_out(&self, number: u8) -> ImportLog {
        match self.repeat(number).unwrap() {
            Ran::Now(log) => log,
            other => panic!("{other:?}"),
        }
    }

    /// The log, where it had been carried out before.
    fn replayed(&self, number: u8) -> ImportLog {
        match self.repeat(number).unwrap() {
            Ran::Before(Replay::Ended(log)) => *log,
            other => panic!("{other:?}"),
        }
    }

    fn is_running(&self, number: u8) -> bool {
        matches!(self.repeat(number).unwrap(), Ran::Running)
    }

    /// A request of which nothing is heard again; gives back its id.
    fn dies(&self, app: &App, number: u8) -> ImportId {
        let request = self.request(number, JOE);
        let id = request.id;
        assert!(poll(repeat::run(app, key(), [1; 32], request)).is_pending());
        id
    }

    fn log(&self, id: ImportId) -> ImportLog {
        now(self.app.imports.find(id)).unwrap().unwrap()
    }
}

#[test]
fn a_repeat_is_given_the_log_of_the_first_and_delivers_nothing() {
    let world = world();
    let first = world.carried_out(1);
    world.wait(Duration::from_secs(1));
    assert_eq!(world.replayed(2), first);
    assert_eq!(world.replayed(3), first);
    assert_eq!(world.sent(), ["1"]);
}

#[test]
fn a_refusal_is_an_answer_like_any_other() {
    let world = world();
    let too_many = Request { parts: Err(RequestFault::TooManyParts(51)), ..world.request(1, JOE) };
    let Ran::Now(first) = now(repeat::run(&world.app, key(), [1; 32], too_many)).unwrap() else { panic!() };
    assert_eq!(first.answer_given(), Answer::TooManyParts);
    assert_eq!(world.replayed(2), first);
}

#[test]
fn the_key_of_another_body_carries_nothing_out() {
    let world = world();
    world.carried_out(1);
    let other = now(repeat::run(&world.app, key(), [2; 32], world.request(2, JOE))).unwrap();
    assert!(matches!(other, Ran::Other));
    assert_eq!(world.sent().len(), 1);
}

#[test]
fn a_repeat_after_a_day_is_a_request_of_its_own() {
    let world = world();
    let day = Duration::from_secs(24 * 60 * 60);
    let first = world.carried_out(1);
    world.wait(day - Duration::from_millis(1));
    assert_eq!(world.replayed(2), first);
    world.wait(Duration::from_millis(1));
    assert_ne!(world.carried_out(3).id, first.id);
}

#[test]
fn while_the_first_runs_a_repeat_is_told_so_and_takes_over_when_its_time_is_up() {
    let world = world();
    world.hangs(true);
    let id = world.dies(&world.app, 1);
    world.hangs(false);
    world.wait(ATTEMPT - Duration::from_millis(1));
    assert!(world.is_running(2));
    assert_eq!(world.sent(), ["1"], "it did not do anything");
    world.wait(Duration::from_millis(1));
    let log = world.carried_out(3);
    assert_eq!((log.id, log.received_at), (id, BEGINNING), "under the same GUID");
    assert_eq!(log.key_name.as_str(), world.log(id).key_name.as_str());
    assert!(render(&log).ends_with("\nSuccess - PersonUpdated - '7' updated\n"), "{}", render(&log));
    assert_eq!(world.replayed(4), log);
    assert_eq!(world.sent(), ["1", "1"]);
}

#[test]
fn an_import_that_was_never_opened_is_taken_over_under_the_same_guid() {
    let world = world();
    let stuck = App { directory: Arc::new(NoDirectory(Trouble::Hangs)), ..world.app.clone() };
    let id = world.dies(&stuck, 1);
    assert_eq!(now(world.app.imports.find(id)).unwrap(), None);
    world.wait(ATTEMPT);
    let log = world.carried_out(2);
    assert_eq!((log.id, log.received_at, log.state), (id, BEGINNING, State::Ended(Answer::Succeeded)));
    assert_eq!(world.replayed(3), log);
}

#[test]
fn what_is_taken_over_leaves_alone_what_came_since() {
    let world = world();
    for opened in [true, false] {
        let stuck = App { directory: Arc::new(NoDirectory(Trouble::Hangs)), ..world.app.clone() };
        world.hangs(opened);
        let older = world.dies(if opened { &world.app } else { &stuck }, 1);
        world.hangs(false);
        world.wait(ATTEMPT);
        let newer = world.request(2, r#"{"employeeId":"7","phone":"newer"}"#);
        assert_eq!(now(import::run(&world.app, newer)).unwrap().answer_given(), Answer::Succeeded);
        let log = world.carried_out(3);
        assert_eq!(log.id, older);
        let text = render(&log);
        assert!(text.contains("Warning - Superseded - "), "{text}");
        assert_eq!(world.sent().last().unwrap(), "newer");
        world.wait(Duration::from_secs(24 * 60 * 60));
    }
}

#[test]
fn an_answer_that_was_not_noted_is_found_out() {
    for trouble in [Trouble::Fails, Trouble::Hangs] {
        let world = world();
        let begins = Some(Arc::clone(&world.app.repeats));
        let app = App { repeats: Arc::new(NoRepeats { begins, trouble }), ..world.app.clone() };
        let request = world.request(1, JOE);
        let id = request.id;
        match poll(repeat::run(&app, key(), [1; 32], request)) {
            Poll::Ready(answer) => assert!(matches!(answer.unwrap(), Ran::Now(log) if log.id == id)),
            Poll::Pending => assert!(trouble == Trouble::Hangs),
        }
        assert!(world.is_running(2));
        world.wait(ATTEMPT);
        assert_eq!(world.replayed(3), world.log(id));
        assert_eq!(world.replayed(4), world.log(id), "and it is noted now");
        assert_eq!(world.sent(), ["1"]);
    }
}

#[test]
fn an_import_that_was_closed_as_interrupted_is_carried_out_after_all() {
    let world = world();
    world.hangs(true);
    let id = world.dies(&world.app, 1);
    world.hangs(false);
    world.wait(ATTEMPT);
    now(redelivery::end_interrupted(&world.app, &LeaseHolder("schedule".into()))).unwrap();
    assert_eq!(world.log(id).state, State::Ended(Answer::Interrupted));
    // The schedule's claim has to be over, too.
    world.wait(ATTEMPT);
    let log = world.carried_out(2);
    assert_eq!((log.id, log.answer_given()), (id, Answer::Succeeded));
}

#[test]
fn one_that_fails_is_given_up_so_that_a_repeat_is_a_request_of_its_own() {
    let world = world();
    let app = App { directory: Arc::new(NoDirectory(Trouble::Fails)), ..world.app.clone() };
    let request = world.request(1, JOE);
    let failed = request.id;
    let failure = now(repeat::run(&app, key(), [1; 32], request)).unwrap_err();
    assert_eq!((failure.id, failure.opened), (failed, false));
    let log = world.carried_out(2);
    assert_ne!(log.id, failed);
    assert_eq!(world.replayed(3), log);
}

#[test]
fn nothing_is_carried_out_where_nobody_knows_whether_it_was() {
    let world = world();
    let repeats = NoRepeats { begins: None, trouble: Trouble::Fails };
    let app = App { repeats: Arc::new(repeats), ..world.app.clone() };
    let failure = now(repeat::run(&app, key(), [1; 32], world.request(1, JOE))).unwrap_err();
    assert!(!failure.opened);
    assert_eq!(world.sent(), [""; 0]);
    assert_eq!(now(world.app.imports.find(failure.id)).unwrap(), None);
}
