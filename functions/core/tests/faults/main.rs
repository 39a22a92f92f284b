//! Everything that can go wrong around an import, at every step: processes that die, stores that fail before or after
//! they have done what was asked, answers of targets that are lost, events that come twice or never, and two
//! redeliveries at once. After each story, when the schedule has had its time, the same things have to hold.

#![expect(clippy::unwrap_used, reason = "a test fails where something is missing")]

mod invariants;
mod stepping;

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use invariants::{End, Fake};
use people_core::batch::Incoming;
use people_core::document::{Receiver, Slot};
use people_core::id::ImportId;
use people_core::import::{self, Begin, Request, SYNCHRONOUS};
use people_core::log::{Answer, Ending, Form, ImportLog, PartOutcome, State};
use people_core::memory::{self, MemorySpool};
use people_core::person::Identifier;
use people_core::ports::{App, Claim, Claimed, Clock, ConfiguredTarget, LeaseHolder, Opened};
use people_core::profile::Profile;
use people_core::redelivery::{self, Which};
use people_core::shown::Shown;
use people_core::summary::Source;
use people_core::time::Timestamp;
use stepping::{FAULTS, Fault, Steps, StoryClock, process};

const BEGINNING: Timestamp = Timestamp::from_millis(1_700_757_179_000);
const PDF: &[u8] = b"%PDF-1.7\n%%EOF\n";

struct World {
    app: App,
    clock: Arc<StoryClock>,
    targets: [Arc<Fake>; 2],
}

fn world() -> World {
    let definition = br#"[{"name":"phone","fieldType":"Phone","source":"Api"},
        {"name":"mobile","fieldType":"Phone","source":"Api"},
        {"name":"contract","fieldType":"File","source":"Api"}]"#;
    let clock = Arc::new(StoryClock::at(BEGINNING));
    let targets = [Arc::new(Fake::default()), Arc::new(Fake::default())];
    let configured = targets.iter().enumerate().map(|(n, target)| ConfiguredTarget {
        name: format!("t{n}").into(),
        fields: ["phone", "mobile"].map(Arc::from).into(),
        api: target.clone(),
    });
    let app = App {
        profile: Arc::new(Profile::parse(definition).unwrap()),
        targets: configured.collect(),
        ..memory::app(clock.clone())
    };
    World { app, clock, targets }
}

/// The first import, and the second, which is newer; what the third sends is older than the second, and comes later.
const OLD: [&str; 3] = [
    r#"{"employeeId":"7","phone":"old","mobile":"old"}"#,
    r#"{"employeeId":"8","phone":"old"}"#,
    r#"{"employeeId":"8","phone":"older part","phone2":1}"#,
];
const STAGED: [&str; 2] =
    [r#"{"employeeId":"7","phone":"staged"}"#, r#"{"employeeId":"9","phone":"staged","mobile":"staged"}"#];
const NEW: [&str; 2] = [r#"{"employeeId":"7","phone":"new"}"#, r#"{"employeeId":"9","mobile":"new"}"#];

type Process<'a> = (Arc<Steps>, Pin<Box<dyn Future<Output = ()> + 'a>>);

/// The same numbers for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % limit
    }
}

impl World {
    fn wait(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Runs processes to their end or death, one step of one of them after the other, in an order that the seed gives.
    fn drive(&self, mut processes: Vec<Process<'_>>, seed: u64) {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let mut context = Context::from_waker(Waker::noop());
        while !processes.is_empty() {
            let chosen = random.below(processes.len());
            let (steps, process) = &mut processes[chosen];
            if matches!(process.as_mut().poll(&mut context), Poll::Ready(())) || steps.is_dead() {
                drop(processes.swap_remove(chosen));
            }
            self.clock.advance(Duration::from_millis(5));
        }
    }

    /// Waits for something that does not go wrong.
    fn ask<T>(&self, what: impl Future<Output = T>) -> T {
        let mut answer = None;
        self.drive(vec![(Arc::default(), Box::pin(async { answer = Some(what.await) }))], 1);
        answer.unwrap()
    }

    fn id(&self, number: u8) -> ImportId {
        ImportId::new(Timestamp::from_millis(BEGINNING.millis() + i64::from(number)), [number; 10])
    }

    fn request(&self, number: u8, parts: &[&str], begin: Begin) -> Request {
        let mut parts: Vec<_> =
            parts.iter().map(|json| Incoming::Person(Bytes::copy_from_slice(json.as_bytes()))).collect();
        let mut receiver = Receiver::new(Arc::new(MemorySpool));
        receiver.write(PDF).unwrap();
        receiver.write(&[b'\n', number]).unwrap();
        parts.push(Incoming::File("7__contract__Contract.pdf".into(), receiver.finish().unwrap()));
        Request {
            id: self.id(number),
            received_at: self.now(),
            key_name: "test".into(),
            form: Form::Multipart,
            parts: Ok(parts),
            source: if begin == Begin::New { Source::Direct } else { Source::Staged },
            dry_run: false,
            begin,
            until: self.now().plus(SYNCHRONOUS),
        }
    }

    /// A synchronous import in a process of its own.
    fn import(&self, number: u8, parts: &'static [&'static str], steps: Steps) -> Process<'_> {
        let steps = Arc::new(steps);
        let app = process(&self.app, &steps);
        (
            steps,
            Box::pin(async move { drop(import::run(&app, self.request(number, parts, Begin::New)).await) }),
        )
    }

    /// Accepts the body that comes later.
    fn accept(&self, number: u8) {
        let log = ImportLog {
            id: self.id(number),
            received_at: self.now(),
            key_name: Shown::new("test"),
            state: State::Accepted,
            fault: None,
            parts: Vec::new(),
            names_targets: true,
            dry_run: false,
            form: Form::Multipart,
            source: Source::Staged,
            later: Vec::new(),
        };
        assert_eq!(self.ask(self.app.imports.open(&log, None)).unwrap(), Opened::New);
    }

    /// What an event starts, or the schedule: the import of a body that has arrived, if nobody else has it.
    fn staged(&self, number: u8, who: &str, steps: Steps) -> Process<'_> {
        let steps = Arc::new(steps);
        let app = process(&self.app, &steps);
        let holder = LeaseHolder(who.to_owned());
        let run = async move {
            let claim = Claim { holder: holder.clone(), until: self.now().plus(Duration::from_secs(120)) };
            if let Ok(Claimed::Taken(_)) = app.imports.claim(self.id(number), &claim).await {
                drop(import::run(&app, self.request(number, &STAGED, Begin::Claimed(holder))).await);
            }
        };
        (steps, Box::pin(run))
    }

    fn redelivery(&self, who: &str, steps: Steps) -> Process<'_> {
        let steps = Arc::new(steps);
        let app = process(&self.app, &steps);
        let holder = LeaseHolder(who.to_owned());
        let run = async move {
            let until = self.now().plus(Duration::from_secs(60));
            let _ = redelivery::end_interrupted(&app, &holder).await;
            let _ = redelivery::run(&app, &holder, Which::All, until).await;
        };
        (steps, Box::pin(run))
    }

    fn log(&self, number: u8) -> Option<ImportLog> {
        self.ask(self.app.imports.find(self.id(number))).unwrap()
    }

    /// Lets the schedule do its work, with targets that are up.
    fn recover(&self) {
        for target in &self.targets {
            *target.is_down.lock().unwrap() = false;
        }
        for round in 0..4 {
            self.wait(600);
            if self.log(2).is_some_and(|log| !matches!(log.state, State::Ended(_))) {
                self.drive(vec![self.staged(2, &format!("schedule {round}"), Steps::default())], 1);
            }
            self.drive(vec![self.redelivery(&format!("round {round}"), Steps::default())], 1);
        }
    }

    fn stored(&self) -> Vec<BTreeMap<(String, String), String>> {
        self.targets.iter().map(|target| target.stored.lock().unwrap().clone()).collect()
    }

    /// What has to hold at the end of every story.
    fn check(&self, story: &str) {
        let logs: Vec<ImportLog> = (1..=3).filter_map(|number| self.log(number)).collect();
        let waiting = self.ask(self.app.undelivered.count()).unwrap();
        End { logs: &logs, targets: &self.targets, waiting }.check(story);
        self.no_older_value_won(story, &logs);
    }

    /// Where the newer import did not come to nothing, its values are there.
    fn no_older_value_won(&self, story: &str, logs: &[ImportLog]) {
        let Some(newer) = logs.iter().find(|log| log.id == self.id(3)) else { return };
        for (n, stored) in self.stored().into_iter().enumerate() {
            for (part, person, field) in [(0, "7", "phone"), (1, "9", "mobile")] {
                let PartOutcome::Delivered { deliveries, .. } = &newer.parts_now()[part].outcome else {
                    continue;
                };
                let at = deliveries.iter().find(|delivery| *delivery.target == *format!("t{n}")).unwrap();
                if at.outcome.ending == Ending::Updated {
                    let value = stored.get(&(person.to_owned(), field.to_owned())).map(String::as_str);
                    assert_eq!(value, Some("new"), "{story}: {person} {field} at t{n}");
                }
            }
        }
        let uploaded = matches!(newer.parts_now()[2].outcome, PartOutcome::Uploaded | PartOutcome::Replaced);
        if uploaded {
            assert_eq!(self.contract().last(), Some(&3), "{story}: the newest contract is there");
        }
    }

    fn contract(&self) -> Vec<u8> {
        let joe = [Identifier::EmployeeId("7".into())];
        let person = self.ask(self.app.directory.resolve(&joe)).unwrap().remove(&joe[0]).unwrap().key();
        let slot = Slot { person, field: "contract".into(), name: None };
        self.ask(self.app.documents.read(&slot)).unwrap().unwrap_or_default()
    }
}

/// The story: an import at targets of which one is down; then a body that was accepted before the newer import comes
/// with two events at once, beside that import and two redeliveries. One process has a fault.
fn play(seed: u64, faulty: usize, step: usize, fault: Fault) -> (World, Vec<usize>) {
    let world = world();
    let mut random = Random(seed | 1);
    let steps = |number: usize| if number == faulty { Steps::failing(step, fault) } else { Steps::default() };
    *world.targets[random.below(2)].is_down.lock().unwrap() = true;
    let first = world.import(1, &OLD, steps(0));
    let mut all = vec![Arc::clone(&first.0)];
    world.drive(vec![first], seed);
    world.wait(1);
    world.accept(2);
    world.wait(1);
    for target in &world.targets {
        *target.is_down.lock().unwrap() = random.below(3) == 0;
    }
    let processes = vec![
        world.staged(2, "event", steps(1)),
        world.staged(2, "the event again", steps(2)),
        world.import(3, &NEW, steps(3)),
        world.redelivery("one", steps(4)),
        world.redelivery("other", steps(5)),
    ];
    all.extend(processes.iter().map(|(steps, _)| Arc::clone(steps)));
    world.drive(processes, seed);
    let made = all.iter().map(|steps| steps.made()).collect();
    (world, made)
}

#[test]
fn whatever_goes_wrong_at_whatever_step_the_same_things_hold_at_the_end() {
    for seed in 1..=STORIES {
        let (_, made) = play(seed, usize::MAX, 0, Fault::FailsBefore);
        let mut random = Random(seed.wrapping_mul(31) | 1);
        for (faulty, made) in made.into_iter().enumerate() {
            for fault in FAULTS {
                let step = random.below(made.max(1));
                let story = format!("seed {seed}, process {faulty}, step {step}, {fault:?}");
                let (world, _) = play(seed, faulty, step, fault);
                world.recover();
                world.check(&story);
            }
        }
    }
}

/// How many orders of events are tried, each with 24 faults.
const STORIES: u64 = 60;

#[test]
fn every_step_of_an_import_may_be_its_last_or_fail() {
    let (_, made) = play(1, usize::MAX, 0, Fault::FailsBefore);
    for faulty in [0, 3] {
        for step in 0..made[faulty] + 5 {
            for fault in FAULTS {
                let (world, _) = play(1, faulty, step, fault);
                world.recover();
                world.check(&format!("process {faulty}, step {step}, {fault:?}"));
            }
        }
    }
}

#[test]
fn sending_the_same_again_gives_the_same_end() {
    let (world, made) = play(1, usize::MAX, 0, Fault::FailsBefore);
    world.recover();
    let whole = world.stored();
    for step in 0..made[3] {
        for fault in FAULTS {
            let (world, _) = play(1, 3, step, fault);
            world.recover();
            world.wait(1);
            let again = world.import(200, &NEW, Steps::default());
            world.drive(vec![again], 1);
            for (now, whole) in world.stored().iter().zip(&whole) {
                for (person, field) in [("7", "phone"), ("9", "mobile")] {
                    let place = (person.to_owned(), field.to_owned());
                    assert_eq!(now[&place], whole[&place], "step {step}, {fault:?}");
                }
            }
            let again = world.log(200).unwrap();
            assert!(
                matches!(again.state, State::Ended(Answer::Succeeded)),
                "{}",
                people_core::log_text::render(&again)
            );
        }
    }
}
