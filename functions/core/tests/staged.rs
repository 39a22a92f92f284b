//! Imports that wait for their body: when they are closed without one, and when they are left alone.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use people_core::document::Content;
use people_core::id::ImportId;
use people_core::log::{Answer, Form, ImportLog, PartLog, PartOutcome, State, Subject};
use people_core::log_text::render;
use people_core::memory::{self, ManualClock};
use people_core::ports::{App, Claimed, LeaseHolder};
use people_core::staged::{self, Accepted, MISSING_AFTER};
use people_core::summary::Source;
use people_core::time::Timestamp;

const START: Timestamp = Timestamp::from_millis(1_700_757_179_000);

/// The ports in memory never wait, so a future that is polled once is done.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("an in-memory port waited"),
    }
}

struct World {
    app: App,
    clock: Arc<ManualClock>,
    log: ImportLog,
}

/// With one import that was accepted.
fn world() -> World {
    let clock = Arc::new(ManualClock::at(START));
    let app = memory::app(clock.clone());
    let accepted = Accepted {
        id: ImportId::new(START, [7; 10]),
        received_at: START,
        key_name: "payroll".into(),
        form: Form::Array,
        dry_run: false,
    };
    let log = now(staged::accept(&app, accepted)).unwrap();
    World { app, clock, log }
}

impl World {
    fn stored(&self) -> ImportLog {
        now(self.app.imports.find(self.log.id)).unwrap().unwrap()
    }

    fn close_missing(&self) -> bool {
        now(staged::close_missing(&self.app, self.log.id, &who("the schedule"))).unwrap()
    }

    fn late_by(&self, millis: i64) {
        let missing = START.plus(MISSING_AFTER).millis();
        self.clock.advance_to(Timestamp::from_millis(missing + millis));
    }

    fn put(&self) {
        let body = Content::Memory(Bytes::from_static(b"[]"));
        assert!(now(self.app.bodies.put(self.log.id, "application/json", &body)).unwrap());
    }

    fn claim(&self, holder: &str, until: Timestamp) -> Claimed {
        now(self.app.imports.claim(self.log.id, &staged::claim(&who(holder), until))).unwrap()
    }
}

fn who(name: &str) -> LeaseHolder {
    LeaseHolder(name.to_owned())
}

#[test]
fn an_accepted_import_has_a_log_that_says_nothing_yet() {
    let world = world();
    let log = world.stored();
    assert_eq!((log.state, log.source, log.pending()), (State::Accepted, Source::Staged, 0));
    assert_eq!(render(&log), format!("2023-11-23T16:32:59 - RequestId: {}\n", log.id));
    assert_eq!(log.summary().now().as_str(), "pending");
}

#[test]
fn a_body_that_has_not_come_after_half_an_hour_is_not_waited_for() {
    let world = world();
    world.late_by(-1);
    assert!(!world.close_missing());
    assert_eq!(world.stored().state, State::Accepted);
    world.late_by(0);
    assert!(world.close_missing());
    let log = world.stored();
    assert_eq!(log.state, State::Ended(Answer::Failed));
    assert!(render(&log).ends_with("\nError - BodyNotReceived - the body did not arrive in time\n"));
    assert!(!world.close_missing(), "it is closed once");
}

#[test]
fn an_import_whose_body_is_there_is_not_closed() {
    let world = world();
    world.put();
    world.late_by(0);
    assert!(!world.close_missing());
    assert_eq!(world.stored().state, State::Accepted);
}

#[test]
fn an_import_that_somebody_is_at_work_on_is_not_closed() {
    let world = world();
    world.late_by(0);
    let until = world.app.clock.now().plus(Duration::from_secs(1));
    assert!(matches!(world.claim("a worker", until), Claimed::Taken(_)));
    assert!(!world.close_missing());
    now(staged::give_back(&world.app, world.log.id, &who("a worker")));
    assert!(world.close_missing());
}

#[test]
fn an_import_that_could_not_be_carried_out_rests_for_a_quarter_of_its_age_and_an_hour_at_most() {
    for (age, rest) in
        [(60, 15), (4 * 60 * 60 - 4, 60 * 60 - 1), (4 * 60 * 60, 60 * 60), (1_000_000, 60 * 60)]
    {
        let world = world();
        let moment = |seconds: u64| START.plus(Duration::from_secs(seconds));
        world.clock.advance_to(moment(age));
        assert!(matches!(world.claim("a worker", moment(age + 900)), Claimed::Taken(_)));
        now(staged::let_rest(&world.app, world.log.id, &who("a worker")));
        world.clock.advance_to(Timestamp::from_millis(moment(age + rest).millis() - 1));
        assert_eq!(world.claim("another", moment(age + 9_000)), Claimed::Busy, "{age}");
        world.clock.advance_to(moment(age + rest));
        assert!(matches!(world.claim("another", moment(age + 9_000)), Claimed::Taken(_)), "{age}");
    }
}

#[test]
fn what_is_not_known_of_an_import_whose_body_is_gone_is_said() {
    let world = world();
    let until = START.plus(Duration::from_secs(600));
    assert!(matches!(world.claim("a worker", until), Claimed::Taken(_)));
    let pending = PartLog { subject: Subject::Person(None), outcome: PartOutcome::Pending };
    let begun = ImportLog { state: State::Running, parts: vec![pending], ..world.log.clone() };
    now(world.app.imports.begin(&begun, &who("a worker"))).unwrap();
    world.late_by(0);
    assert!(world.close_missing());
    let log = world.stored();
    assert_eq!(log.state, State::Ended(Answer::Interrupted));
    assert!(render(&log).ends_with("\nError - Interrupted - Outcome of part 0 unknown\n"));
}

#[test]
fn an_import_whose_body_could_not_be_stored_is_closed_unless_somebody_has_it() {
    let world = world();
    assert!(now(staged::close_unstored(&world.app, world.log.id, &who("me"))).unwrap());
    assert_eq!(world.stored().state, State::Ended(Answer::StoreFailed));
    assert!(!now(staged::close_unstored(&world.app, world.log.id, &who("me"))).unwrap());

    let world = self::world();
    world.put();
    assert!(matches!(world.claim("a worker", START.plus(Duration::from_secs(9))), Claimed::Taken(_)));
    assert!(!now(staged::close_unstored(&world.app, world.log.id, &who("me"))).unwrap());
    assert_eq!(world.stored().state, State::Running);
}

#[test]
fn an_id_that_is_taken_is_not_accepted() {
    let world = world();
    let again = Accepted {
        id: world.log.id,
        received_at: START,
        key_name: "payroll".into(),
        form: Form::Multipart,
        dry_run: false,
    };
    assert!(now(staged::accept(&world.app, again)).is_err());
    assert_eq!(world.stored().form, Form::Array);
}
