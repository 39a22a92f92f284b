//! What has not arrived: kept, delivered again at the right time, never over what is newer, and given up at the end.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use people_core::batch::Incoming;
use people_core::id::ImportId;
use people_core::import::{self, Begin, Request, SYNCHRONOUS};
use people_core::late::{Held, Run};
use people_core::log::{Answer, Ending, Form, ImportLog, Outcome, PartOutcome, State};
use people_core::log_text::render;
use people_core::memory::{self, ManualClock};
use people_core::person::{Identifier, NativeKey, Person};
use people_core::ports::{
    App, Claim, Claimed, ConfiguredTarget, Found, IndexEntry, LeaseHolder, Listing, PersonUpdate, Sighting,
    Target,
};
use people_core::profile::Profile;
use people_core::redelivery::{self, Report, Which};
use people_core::summary::{Source, Standing};
use people_core::time::Timestamp;
use people_core::undelivered::{TRIED_FOR, Waiting};
use people_core::update::Value;

const BEGINNING: Timestamp = Timestamp::from_millis(1_700_757_179_000);
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The ports in memory never wait, so a future that is polled once is done.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("an in-memory port waited"),
    }
}

/// What a target does.
#[derive(Clone, Copy, PartialEq)]
enum Mood {
    Well,
    /// It answers nothing, not even who somebody is.
    Down,
    /// It knows people, and takes nothing.
    Busy,
    /// It takes nothing, ever.
    Refusing,
    /// It keeps whoever delivers waiting until the time is up.
    Slow,
}

struct Fake {
    mood: Mutex<Mood>,
    /// What each person has there, by key and field.
    stored: Mutex<BTreeMap<(String, String), String>>,
    calls: Mutex<usize>,
    clock: Arc<ManualClock>,
}

#[async_trait]
impl Target for Fake {
    async fn find(&self, identifiers: &[Identifier], _: Timestamp) -> Vec<Found> {
        let find = |identifier: &Identifier| match (*self.mood.lock().unwrap(), identifier) {
            (Mood::Down, _) => Found::Unavailable("it is down".into()),
            (_, Identifier::EmployeeId(id)) if id != "ghost" => Found::Person(Sighting {
                key: NativeKey(id.clone()),
                employee_id: Some(id.clone()),
                upn: None,
            }),
            _ => Found::Nobody,
        };
        identifiers.iter().map(find).collect()
    }

    async fn list(&self, _: Timestamp) -> Listing {
        Listing::CannotList
    }

    async fn deliver(&self, updates: &[PersonUpdate], until: Timestamp) -> Vec<Outcome> {
        *self.calls.lock().unwrap() += 1;
        if *self.mood.lock().unwrap() == Mood::Slow {
            self.clock.advance_to(until);
            let unsent = |_| Outcome::unsent(Ending::Deferred("time was up".into()));
            return updates.iter().map(unsent).collect();
        }
        let deliver = |update: &PersonUpdate| {
            let ending = match *self.mood.lock().unwrap() {
                Mood::Well => Ending::Updated,
                Mood::Down | Mood::Busy | Mood::Slow => Ending::Deferred("it is down".into()),
                Mood::Refusing => Ending::Refused("no".into()),
            };
            if ending == Ending::Updated {
                for change in &update.changes {
                    let Value::Text(text) = &change.value else { panic!() };
                    let place = (update.key.0.clone(), change.field.to_string());
                    self.stored.lock().unwrap().insert(place, text.clone());
                }
            }
            Outcome { attempts: 1, ..Outcome::unsent(ending) }
        };
        updates.iter().map(deliver).collect()
    }
}

struct World {
    app: App,
    clock: Arc<ManualClock>,
    targets: Vec<Arc<Fake>>,
}

/// As many targets as there are moods; each takes every field.
fn world(moods: &[Mood]) -> World {
    let definition = br#"[{"name":"phone","fieldType":"Phone","source":"Api"},
        {"name":"mobile","fieldType":"Phone","source":"Api"},
        {"name":"manager","fieldType":"PersonIdentifier","source":"Api"}]"#;
    let clock = Arc::new(ManualClock::at(BEGINNING));
    let fake = |mood: &Mood| {
        let (mood, clock) = (Mutex::new(*mood), clock.clone());
        Arc::new(Fake { mood, stored: Mutex::default(), calls: Mutex::default(), clock })
    };
    let targets: Vec<_> = moods.iter().map(fake).collect();
    let configured = targets.iter().enumerate().map(|(n, target)| ConfiguredTarget {
        name: format!("t{n}").into(),
        fields: ["phone", "mobile", "manager"].map(Arc::from).into(),
        api: target.clone(),
    });
    let app = App {
        profile: Arc::new(Profile::parse(definition).unwrap()),
        targets: configured.collect(),
        ..memory::app(clock.clone())
    };
    World { app, clock, targets }
}

fn holder(name: &str) -> LeaseHolder {
    LeaseHolder(name.to_owned())
}

impl World {
    fn wait(&self, time: Duration) {
        self.clock.advance_to(self.app.clock.now().plus(time));
    }

    fn mood(&self, target: usize, mood: Mood) {
        *self.targets[target].mood.lock().unwrap() = mood;
    }

    fn request(&self, id: ImportId, parts: &[&str], begin: Begin) -> Request {
        let received_at = self.app.clock.now();
        let part = |json: &&str| Incoming::Person(Bytes::copy_from_slice(json.as_bytes()));
        Request {
            id,
            received_at,
            key_name: "test".into(),
            form: Form::Array,
            parts: Ok(parts.iter().map(part).collect()),
            source: if begin == Begin::New { Source::Direct } else { Source::Staged },
            dry_run: false,
            begin,
            until: received_at.plus(SYNCHRONOUS),
        }
    }

    /// Imports these, a second after whatever was before.
    fn import(&self, parts: &[&str]) -> ImportId {
        self.wait(Duration::from_secs(1));
        let id = ImportId::new(self.app.clock.now(), [0; 10]);
        now(import::run(&self.app, self.request(id, parts, Begin::New))).unwrap();
        id
    }

    fn log(&self, id: ImportId) -> ImportLog {
        now(self.app.imports.find(id)).unwrap().unwrap()
    }

    /// The lines of a log, without the first.
    fn lines(&self, id: ImportId) -> Vec<String> {
        render(&self.log(id)).lines().skip(1).map(str::to_owned).collect()
    }

    fn redeliver(&self, which: Which) -> Report {
        let until = self.app.clock.now().plus(MINUTE);
        now(redelivery::run(&self.app, &holder("redelivery"), which, until)).unwrap()
    }

    fn stored(&self, target: usize) -> Vec<String> {
        let stored = self.targets[target].stored.lock().unwrap();
        stored.iter().map(|((key, field), value)| format!("{key} {field}={value}")).collect()
    }

    fn waiting(&self) -> u64 {
        now(self.app.undelivered.count()).unwrap()
    }
}

const DEFERRED: &str =
    "Warning - DeliveryDeferred - '7' not updated yet: it is down, will be delivered again";

#[test]
fn what_a_target_did_not_take_is_kept_and_arrives_when_it_is_back() {
    let world = world(&[Mood::Well, Mood::Busy]);
    let id = world.import(&[r#"{"employeeId":"7","phone":"1"}"#]);
    assert_eq!(world.log(id).state, State::Ended(Answer::Accepted));
    assert_eq!(world.log(id).summary().now(), Standing::Pending);
    assert_eq!(world.waiting(), 1);
    assert_eq!(world.redeliver(Which::Due), Report::default(), "its time has not come");
    world.wait(2 * MINUTE);
    assert_eq!(world.redeliver(Which::Due), Report { deferred: 1, ..Report::default() });
    world.mood(1, Mood::Well);
    world.wait(10 * MINUTE);
    assert_eq!(world.redeliver(Which::Due), Report { delivered: 1, ..Report::default() });
    assert_eq!(world.waiting(), 0);
    assert_eq!(world.stored(1), ["7 phone=1"]);
    assert_eq!(
        world.lines(id),
        [
            "Success - PersonUpdated - '7' updated at t0",
            &format!("{DEFERRED} at t1"),
            &format!("{DEFERRED} at t1"),
            "Success - PersonRedelivered - '7' updated at t1",
        ]
    );
    assert_eq!(world.log(id).summary().now(), Standing::Successful);
    assert_eq!(*world.targets[0].calls.lock().unwrap(), 1, "the one that had it is left alone");
    let parts = world.log(id).parts_now();
    let PartOutcome::Delivered { deliveries, .. } = &parts[0].outcome else { panic!() };
    assert_eq!(deliveries[1].outcome.attempts, 3);
}

#[test]
fn an_update_of_whom_nobody_could_tell_is_kept_and_goes_everywhere_once_somebody_can() {
    let world = world(&[Mood::Down, Mood::Down]);
    let id = world.import(&[r#"{"employeeId":"7","phone":"1"}"#, r#"{"employeeId":"ghost","phone":"1"}"#]);
    assert_eq!(world.log(id).state, State::Ended(Answer::Accepted));
    assert_eq!(world.redeliver(Which::All), Report { deferred: 2, ..Report::default() });
    world.mood(0, Mood::Well);
    world.mood(1, Mood::Busy);
    assert_eq!(
        world.redeliver(Which::All),
        Report { delivered: 1, deferred: 1, failed: 1, ..Report::default() }
    );
    assert_eq!(world.waiting(), 1, "what is left is kept for that target alone");
    world.mood(1, Mood::Well);
    assert_eq!(world.redeliver(Which::All), Report { delivered: 1, ..Report::default() });
    assert_eq!((world.stored(0), world.stored(1)), (vec!["7 phone=1".into()], vec!["7 phone=1".into()]));
    assert_eq!(
        world.lines(id)[4..],
        [
            "Success - PersonRedelivered - '7' updated at t0",
            &format!("{DEFERRED} at t1"),
            "Error - UnknownPerson - Unknown person: 'ghost'",
            "Success - PersonRedelivered - '7' updated at t1",
        ]
    );
    assert_eq!(world.log(id).summary().now(), Standing::Unsuccessful, "the ghost is nobody");
}

#[test]
fn the_newest_value_of_each_field_wins_in_whatever_order_they_arrive() {
    let world = world(&[Mood::Busy]);
    let first = world
        .import(&[r#"{"employeeId":"7","phone":"1","mobile":"1"}"#, r#"{"employeeId":"8","phone":"1"}"#]);
    let second = world.import(&[r#"{"employeeId":"7","phone":"2"}"#]);
    world.mood(0, Mood::Well);
    let third = world.import(&[r#"{"employeeId":"8","phone":"3"}"#]);
    let report = world.redeliver(Which::All);
    assert_eq!(report, Report { delivered: 2, superseded: 1, ..Report::default() });
    assert_eq!(world.stored(0), ["7 mobile=1", "7 phone=2", "8 phone=3"]);
    assert_eq!(
        world.lines(first)[2..],
        [
            "Warning - Superseded - 'phone' of '8' not updated: a later import has set it",
            // It waited until it was known what becomes of the newer one.
            "Warning - Superseded - 'phone' of '7' not updated: a later import has set it",
            "Success - PersonRedelivered - '7' updated",
        ]
    );
    for id in [first, second, third] {
        assert_eq!(world.log(id).summary().now(), Standing::Successful);
    }
    assert_eq!(world.waiting(), 0);
}

#[test]
fn a_newer_part_that_came_to_nothing_has_set_nothing() {
    let world = world(&[Mood::Busy]);
    let first = world.import(&[r#"{"employeeId":"7","phone":"1"}"#]);
    world.mood(0, Mood::Refusing);
    world.import(&[r#"{"employeeId":"7","phone":"2"}"#]);
    world.import(&[r#"{"employeeId":"7","phone":3}"#]);
    world.mood(0, Mood::Well);
    assert_eq!(world.redeliver(Which::All), Report { delivered: 1, ..Report::default() });
    assert_eq!(world.stored(0), ["7 phone=1"]);
    assert_eq!(world.lines(first)[1..], ["Success - PersonRedelivered - '7' updated"]);
}

#[test]
fn a_newer_part_that_waited_and_came_to_nothing_has_set_nothing() {
    let world = world(&[Mood::Busy]);
    let first = world.import(&[r#"{"employeeId":"7","phone":"1"}"#]);
    let second = world.import(&[r#"{"employeeId":"7","phone":"2"}"#]);
    assert_eq!(
        world.redeliver(Which::All),
        Report { deferred: 1, ..Report::default() },
        "the newer one goes first"
    );
    world.mood(0, Mood::Refusing);
    world.redeliver(Which::Of(second));
    world.mood(0, Mood::Well);
    assert_eq!(world.redeliver(Which::All), Report { delivered: 1, ..Report::default() });
    assert_eq!(world.stored(0), ["7 phone=1"]);
    assert_eq!(world.lines(first)[1..], ["Success - PersonRedelivered - '7' updated"]);
}

#[test]
fn what_was_known_by_one_identifier_is_newer_still_when_the_other_one_is_known() {
    let world = world(&[Mood::Busy]);
    let newer = ImportId::new(BEGINNING.plus(MINUTE), [0; 10]);
    let entry = |person: &Person| IndexEntry {
        person: person.key(),
        import: newer,
        part: 0,
        fields: vec!["phone".into()],
    };
    let by_upn = Person { upn: Some("joe@x.y".into()), ..Person::default() };
    now(world.app.imports.index(&[entry(&by_upn)])).unwrap();
    let both =
        Sighting { key: NativeKey("7".into()), employee_id: Some("7".into()), upn: Some("joe@x.y".into()) };
    now(world.app.directory.learn(&"t0".into(), &[both])).unwrap();
    world.import(&[r#"{"employeeId":"7","phone":"1"}"#]);
    world.mood(0, Mood::Well);
    assert_eq!(world.redeliver(Which::All), Report { superseded: 1, ..Report::default() });
}

#[test]
fn of_one_import_the_later_part_is_the_newer_one() {
    let world = world(&[Mood::Busy]);
    world.import(&[r#"{"employeeId":"7","phone":"1"}"#, r#"{"employeeId":"7","phone":"2"}"#]);
    world.mood(0, Mood::Well);
    assert_eq!(world.redeliver(Which::All), Report { delivered: 1, superseded: 1, ..Report::default() });
    assert_eq!(world.stored(0), ["7 phone=2"]);
}

#[test]
fn what_is_refused_for_good_is_not_tried_again() {
    let world = world(&[Mood::Busy]);
    let id = world.import(&[r#"{"employeeId":"7","phone":"1"}"#]);
    world.mood(0, Mood::Refusing);
    assert_eq!(world.redeliver(Which::All), Report { failed: 1, ..Report::default() });
    assert_eq!(world.waiting(), 0);
    assert_eq!(world.lines(id)[1..], ["Error - DeliveryRefused - '7' not updated: no"]);
}

#[test]
fn after_a_day_it_is_given_up_and_the_log_says_so() {
    let world = world(&[Mood::Busy, Mood::Down]);
    let id = world.import(&[r#"{"employeeId":"7","phone":"1"}"#]);
    world.mood(0, Mood::Down);
    let unknown = world.import(&[r#"{"employeeId":"9","phone":"1"}"#]);
    world.wait(DAY - 5 * MINUTE);
    assert_eq!(world.redeliver(Which::Due), Report { deferred: 3, ..Report::default() });
    world.wait(10 * MINUTE);
    assert_eq!(world.redeliver(Which::Due), Report { given_up: 3, ..Report::default() });
    assert_eq!(world.waiting(), 0);
    let given_up = "not updated, and not tried any more: it is down";
    assert_eq!(world.lines(id)[4], format!("Error - DeliveryGivenUp - '7' {given_up} at t0"));
    assert_eq!(world.lines(unknown)[2], format!("Error - DeliveryGivenUp - '9' {given_up}"));
    for id in [id, unknown] {
        assert_eq!(world.log(id).summary().now(), Standing::Unsuccessful);
    }
}

#[test]
fn a_target_at_which_nothing_arrives_is_left_alone_until_the_next_run() {
    let world = world(&[Mood::Busy]);
    let parts: Vec<_> = (0..50).map(|n| format!(r#"{{"employeeId":"{n}","phone":"1"}}"#)).collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    for _ in 0..3 {
        world.import(&parts);
    }
    let before = *world.targets[0].calls.lock().unwrap();
    let superseded = world.redeliver(Which::All).superseded;
    assert_eq!(*world.targets[0].calls.lock().unwrap() - before, 1);
    world.mood(0, Mood::Well);
    assert_eq!(
        world.redeliver(Which::All),
        Report { delivered: 50, superseded: 100 - superseded, ..Report::default() }
    );
    assert_eq!(world.waiting(), 0);
}

#[test]
fn what_nobody_got_to_in_time_is_no_attempt_and_comes_after_the_others() {
    let world = world(&[Mood::Busy]);
    let id = world.import(&[r#"{"employeeId":"7","phone":"1"}"#]);
    world.wait(Duration::from_secs(120));
    let lines = world.lines(id);
    world.mood(0, Mood::Slow);
    assert_eq!(world.redeliver(Which::Due), Report::default());
    let waiting = now(world.app.undelivered.of_import(id)).unwrap().remove(0);
    assert_eq!((waiting.attempts, world.lines(id)), (1, lines));
    assert!(waiting.next_at > world.app.clock.now(), "others are due before it");
    world.wait(Duration::from_secs(120));
    world.mood(0, Mood::Well);
    assert_eq!(world.redeliver(Which::Due), Report { delivered: 1, ..Report::default() });
}

#[test]
fn what_nobody_ever_gets_to_is_given_up_all_the_same() {
    let world = world(&[Mood::Busy]);
    let id = world.import(&[r#"{"employeeId":"7","phone":"1"}"#]);
    world.mood(0, Mood::Slow);
    world.wait(TRIED_FOR);
    assert_eq!(world.redeliver(Which::Due), Report { given_up: 1, ..Report::default() });
    assert_eq!((world.waiting(), world.log(id).summary().now()), (0, Standing::Unsuccessful));
}

#[test]
fn what_waits_for_a_newer_one_comes_after_the_others_and_that_is_no_attempt() {
    let world = world(&[Mood::Busy]);
    let older = world.import(&[r#"{"employeeId":"7","phone":"1"}"#]);
    world.import(&[r#"{"employeeId":"7","phone":"2"}"#]);
    let before = now(world.app.undelivered.of_import(older)).unwrap().remove(0);
    world.wait(2 * MINUTE);
    assert_eq!(world.redeliver(Which::Due), Report { deferred: 1, ..Report::default() });
    let waiting = now(world.app.undelivered.of_import(older)).unwrap().remove(0);
    assert!(waiting.next_at > world.app.clock.now(), "others are due before it");
    assert_eq!(Waiting { next_at: before.next_at, ..waiting }, before);
    assert_eq!(world.lines(older).len(), 1);
}

#[test]
fn what_has_waited_for_a_newer_one_for_a_day_has_its_turn_once_that_is_decided() {
    for (newer, arrives) in [(Mood::Well, "phone=2"), (Mood::Refusing, "phone=1")] {
        let world = world(&[Mood::Busy]);
        let older = world.import(&[r#"{"employeeId":"7","phone":"1","mobile":"1"}"#]);
        world.wait(DAY - MINUTE);
        let newest = world.import(&[r#"{"employeeId":"7","phone":"2"}"#]);
        world.wait(2 * MINUTE);
        world.mood(0, Mood::Well);
        assert_eq!(world.redeliver(Which::Of(older)), Report::default(), "it waits");
        world.mood(0, newer);
        world.redeliver(Which::Of(newest));
        world.mood(0, Mood::Well);
        assert_eq!(world.redeliver(Which::Of(older)), Report { delivered: 1, ..Report::default() });
        assert_eq!(world.stored(0), ["7 mobile=1".to_owned(), format!("7 {arrives}")]);
    }
}

#[test]
fn after_two_days_newer_ones_are_not_waited_for_any_more_and_the_log_says_so() {
    let world = world(&[Mood::Busy]);
    let older = world.import(&[r#"{"employeeId":"7","phone":"1","mobile":"1"}"#]);
    world.wait(2 * DAY - MINUTE);
    world.import(&[r#"{"employeeId":"7","phone":"2"}"#]);
    assert_eq!(world.redeliver(Which::Of(older)), Report::default(), "it waits");
    world.wait(MINUTE);
    assert_eq!(world.redeliver(Which::Of(older)), Report { given_up: 1, ..Report::default() });
    let given_up = "'7' not updated, and not tried any more: newer updates of the same fields wait, too";
    assert_eq!(world.lines(older)[1..], [format!("Error - DeliveryGivenUp - {given_up}")]);
    assert_eq!(world.log(older).summary().now(), Standing::Unsuccessful);
}

#[test]
fn however_long_a_target_is_down_each_import_comes_to_an_end() {
    let world = world(&[Mood::Busy]);
    let mut imports = Vec::new();
    for n in 0..16 {
        imports.push(world.import(&[&format!(r#"{{"employeeId":"7","phone":"{n}","mobile":"1"}}"#)]));
        for _ in 0..6 {
            world.wait(60 * MINUTE);
            world.redeliver(Which::Due);
        }
    }
    // One every six hours, and each waits for two days.
    let (old, young) = imports.split_at(9);
    for id in old {
        assert_eq!(world.log(*id).summary().now(), Standing::Unsuccessful, "{:?}", world.lines(*id));
    }
    assert_eq!(world.waiting(), young.len() as u64);
}

#[test]
fn what_is_left_out_is_told_once_however_often_the_rest_is_tried() {
    let world = world(&[Mood::Busy]);
    let first = world.import(&[r#"{"employeeId":"7","phone":"1","mobile":"1"}"#]);
    world.mood(0, Mood::Well);
    world.import(&[r#"{"employeeId":"7","phone":"2"}"#]);
    world.mood(0, Mood::Busy);
    for _ in 0..2 {
        world.redeliver(Which::All);
    }
    world.mood(0, Mood::Well);
    world.redeliver(Which::All);
    let told = world.lines(first).iter().filter(|line| line.contains("Superseded")).count();
    assert_eq!((told, world.stored(0)), (1, vec!["7 mobile=1".to_owned(), "7 phone=2".to_owned()]));
}

#[test]
fn only_what_one_import_waits_for_is_delivered_where_that_is_asked_for() {
    let world = world(&[Mood::Busy]);
    let first = world.import(&[r#"{"employeeId":"7","phone":"1"}"#]);
    world.import(&[r#"{"employeeId":"8","phone":"1"}"#]);
    world.mood(0, Mood::Well);
    assert_eq!(world.redeliver(Which::Of(first)), Report { delivered: 1, ..Report::default() });
    assert_eq!(world.stored(0), ["7 phone=1"]);
    assert_eq!(world.waiting(), 1);
}

#[test]
fn whoever_is_being_delivered_to_waits_and_an_import_defers() {
    let world = world(&[Mood::Busy]);
    let late = world.import(&[r#"{"employeeId":"7","phone":"1"}"#]);
    world.mood(0, Mood::Well);
    let other = holder("another run");
    let until = world.app.clock.now().plus(MINUTE);
    let run = Run { holder: &other, until, patience: world.app.clock.now() };
    let person = now(world.app.directory.resolve(&[Identifier::EmployeeId("7".into())])).unwrap();
    let people = person.into_values().map(|person| person.key()).collect();
    let held: Held = now(run.hold_late(&world.app, people)).unwrap();
    assert_eq!(world.redeliver(Which::All), Report::default(), "the other one delivers to them");
    let newer = world.import(&[r#"{"employeeId":"7","phone":"2"}"#]);
    assert_eq!(world.log(newer).state, State::Ended(Answer::Accepted));
    assert_eq!(world.stored(0), [""; 0]);
    now(held.give_back(&world.app, &other));
    assert_eq!(world.redeliver(Which::All), Report { delivered: 1, superseded: 1, ..Report::default() });
    assert_eq!(world.stored(0), ["7 phone=2"]);
    assert!(world.lines(late)[1].starts_with("Warning - Superseded"));
}

#[test]
fn an_import_that_comes_late_leaves_alone_what_newer_ones_have_set() {
    let world = world(&[Mood::Well]);
    let early = ImportId::new(world.app.clock.now(), [0; 10]);
    let mut log = now(import::run(&world.app, world.request(early, &[], Begin::New))).unwrap();
    log.id = ImportId::new(world.app.clock.now(), [1; 10]);
    log.state = State::Accepted;
    log.source = Source::Staged;
    now(world.app.imports.open(&log, None)).unwrap();
    world.import(&[r#"{"employeeId":"7","phone":"2"}"#]);
    let claim = Claim { holder: holder("worker"), until: world.app.clock.now().plus(MINUTE) };
    let claimed = now(world.app.imports.claim(log.id, &claim)).unwrap();
    assert!(matches!(claimed, Claimed::Taken(taken) if taken.state == State::Accepted));
    let parts = [
        r#"{"employeeId":"7","phone":"1","mobile":"1"}"#,
        r#"{"employeeId":"7","phone":"1"}"#,
        r#"{"employeeId":"8","phone":"1"}"#,
        r#"{"employeeId":"8","phone":"2"}"#,
    ];
    let request = world.request(log.id, &parts, Begin::Claimed(claim.holder));
    now(import::run(&world.app, request)).unwrap();
    assert_eq!(world.stored(0), ["7 mobile=1", "7 phone=2", "8 phone=2"]);
    assert_eq!(
        world.lines(log.id),
        [
            "Warning - Superseded - 'phone' of '7' not updated: a later import has set it",
            "Success - PersonUpdated - '7' updated",
            "Warning - Superseded - 'phone' of '7' not updated: a later import has set it",
            "Success - PersonUpdated - '8' updated",
            "Success - PersonUpdated - '8' updated",
        ]
    );
}

#[test]
fn a_synchronous_import_that_died_is_closed_with_what_is_unknown() {
    let world = world(&[Mood::Well]);
    let id = world.import(&[r#"{"employeeId":"7","phone":"1"}"#]);
    let mut died = world.log(id);
    died.id = ImportId::new(world.app.clock.now(), [1; 10]);
    died.state = State::Running;
    died.parts[0].outcome = PartOutcome::Pending;
    let claim = Claim { holder: holder("the one that died"), until: world.app.clock.now().plus(2 * MINUTE) };
    now(world.app.imports.open(&died, Some(&claim))).unwrap();
    let end = || now(redelivery::end_interrupted(&world.app, &holder("schedule"))).unwrap();
    for (wait, ended) in [(0, false), (119, false), (1, true), (1, true)] {
        world.wait(Duration::from_secs(wait));
        assert_eq!(end(), []);
        let log = world.log(died.id);
        assert_eq!(log.state == State::Ended(Answer::Interrupted), ended);
        let unknown = ["Error - Interrupted - Outcome of part 0 unknown"];
        assert_eq!(world.lines(died.id), unknown[..usize::from(ended)]);
    }
}
