//! Files of the inbox: taken once, gone on with after an end or a crash, told of in a log of their own.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use people_core::batch::Incoming;
use people_core::id::ImportId;
use people_core::import::{self, Begin, Request};
use people_core::inbox::run::{Report, run};
use people_core::log::{Answer, Ending, Form, ImportLog, Outcome, State};
use people_core::log_text::render;
use people_core::memory::{self, ManualClock, MemoryInbox};
use people_core::person::{Identifier, NativeKey};
use people_core::ports::{App, Clock, ConfiguredTarget, Found, LeaseHolder, Listing, PersonUpdate};
use people_core::ports::{Page, Sighting, Target};
use people_core::profile::Profile;
use people_core::summary::{Source, Standing};
use people_core::time::Timestamp;
use people_core::update::Value;

const DROPPED: Timestamp = Timestamp::from_millis(1_700_757_179_000);
const MINUTE: Duration = Duration::from_secs(60);
const RUN: Duration = Duration::from_secs(890);

fn poll<T>(future: std::pin::Pin<&mut impl Future<Output = T>>) -> Poll<T> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// The ports in memory never wait, so a future that is polled once is done.
fn now<T>(future: impl Future<Output = T>) -> T {
    match poll(pin!(future)) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("an in-memory port waited"),
    }
}

/// A target that takes everything, but for what its switches say.
#[derive(Default)]
struct Fake {
    /// What each person has there, by key and field.
    stored: Mutex<BTreeMap<(String, String), String>>,
    /// How many updates came.
    updates: AtomicUsize,
    /// After so many calls nothing comes back any more; 0 for never.
    hangs_after: AtomicUsize,
    calls: AtomicUsize,
    /// How long each call takes.
    slow: Mutex<Option<(Arc<ManualClock>, Duration)>>,
}

#[async_trait]
impl Target for Fake {
    async fn find(&self, identifiers: &[Identifier], _: Timestamp) -> Vec<Found> {
        let find = |identifier: &Identifier| match identifier {
            Identifier::EmployeeId(id) if id != "ghost" => Found::Person(Sighting {
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

    async fn deliver(&self, updates: &[PersonUpdate], _: Timestamp) -> Vec<Outcome> {
        let hangs_after = self.hangs_after.load(Ordering::Relaxed);
        if hangs_after > 0 && self.calls.fetch_add(1, Ordering::Relaxed) >= hangs_after {
            std::future::pending::<()>().await;
        }
        self.updates.fetch_add(updates.len(), Ordering::Relaxed);
        if let Some((clock, duration)) = &*self.slow.lock().unwrap() {
            clock.advance_to(clock.now().plus(*duration));
        }
        for update in updates {
            for change in &update.changes {
                let Value::Text(text) = &change.value else { panic!() };
                let place = (update.key.0.clone(), change.field.to_string());
                self.stored.lock().unwrap().insert(place, text.clone());
            }
        }
        updates.iter().map(|_| Outcome { attempts: 1, ..Outcome::unsent(Ending::Updated) }).collect()
    }
}

struct World {
    app: App,
    clock: Arc<ManualClock>,
    inbox: Arc<MemoryInbox>,
    target: Arc<Fake>,
}

fn world() -> World {
    let definition = br#"[{"name":"phone","fieldType":"Phone","source":"Api"},
        {"name":"salary","fieldType":"File","source":"Api","isList":true}]"#;
    let clock = Arc::new(ManualClock::at(DROPPED.plus(MINUTE)));
    let (inbox, target) = (Arc::new(MemoryInbox::default()), Arc::new(Fake::default()));
    let api: Arc<dyn Target> = Arc::clone(&target) as Arc<dyn Target>;
    let configured = ConfiguredTarget { name: "t".into(), fields: [Arc::from("phone")].into(), api };
    let app = App {
        profile: Arc::new(Profile::parse(definition).unwrap()),
        targets: [configured].into(),
        inbox: Arc::clone(&inbox) as Arc<_>,
        ..memory::app(Arc::clone(&clock) as Arc<_>)
    };
    World { app, clock, inbox, target }
}

fn holder(name: &str) -> LeaseHolder {
    LeaseHolder(name.to_owned())
}

impl World {
    fn run(&self) -> Report {
        now(run(&self.app, &holder("one"), self.clock.now().plus(RUN))).unwrap()
    }

    /// Every log, the oldest import first.
    fn logs(&self) -> Vec<ImportLog> {
        let page = Page { limit: 1000, ..Page::default() };
        let mut ids: Vec<_> = now(self.app.imports.list(&page)).unwrap().iter().map(|log| log.id).collect();
        ids.sort();
        ids.into_iter().map(|id| now(self.app.imports.find(id)).unwrap().unwrap()).collect()
    }

    fn phone(&self, person: &str) -> Option<String> {
        self.target.stored.lock().unwrap().get(&(person.to_owned(), "phone".to_owned())).cloned()
    }

    fn settled(&self) -> Vec<String> {
        let name = |key: &String| key.replace(&self.logs()[0].id.to_string(), "ID");
        self.inbox.settled().iter().map(name).collect()
    }
}

fn people(count: usize) -> String {
    let rows: String = (0..count).map(|n| format!("{n},+{n}\n")).collect();
    format!("employeeId,phone\n{rows}")
}

fn report(done: usize, failed: usize, left: usize) -> Report {
    Report { done, failed, left }
}

#[test]
fn a_file_becomes_imports_of_50_and_a_log_that_leads_to_them() {
    let world = world();
    world.inbox.put("people.csv", people(120), DROPPED);
    assert_eq!(world.run(), report(1, 0, 0));
    let logs = world.logs();
    let [file, batches @ ..] = &logs[..] else { panic!() };
    assert_eq!(batches.iter().map(|log| log.parts.len()).collect::<Vec<_>>(), [50, 50, 20]);
    for log in &logs {
        assert_eq!((log.source, log.state), (Source::Inbox, State::Ended(Answer::Succeeded)));
        assert_eq!((log.key_name.as_str(), log.received_at), ("people.csv", DROPPED));
    }
    let lines = format!(
        "2023-11-23T16:32:59 - RequestId: {}\n\
         Success - BatchImported - 50 parts, 0 failed, 0 pending: import {}\n\
         Success - BatchImported - 50 parts, 0 failed, 0 pending: import {}\n\
         Success - BatchImported - 20 parts, 0 failed, 0 pending: import {}\n",
        file.id, batches[0].id, batches[1].id, batches[2].id
    );
    assert_eq!(render(file), lines);
    assert_eq!(world.settled(), ["inbox-done/ID-people.csv"]);
    assert_eq!((world.phone("0"), world.phone("119")), (Some("+0".into()), Some("+119".into())));
    assert_eq!(world.run(), report(0, 0, 0));
}

#[test]
fn dropping_a_file_again_changes_nothing_but_the_logs() {
    let world = world();
    world.inbox.put("people.csv", people(60), DROPPED);
    world.run();
    let stored = world.target.stored.lock().unwrap().clone();
    world.inbox.put("people.csv", people(60), DROPPED.plus(MINUTE));
    assert_eq!(world.run(), report(1, 0, 0));
    assert_eq!(*world.target.stored.lock().unwrap(), stored);
    assert_eq!(world.logs().len(), 6);
}

#[test]
fn a_file_at_fault_is_put_aside_and_the_others_are_imported() {
    let world = world();
    world.inbox.put("a.json", "[{\"employeeId\":\"1\"},]", DROPPED);
    world.inbox.put("b.txt", "x", DROPPED.plus(MINUTE));
    world.inbox.put("c.csv", "employeeId,fone\n1,2\n", DROPPED.plus(2 * MINUTE));
    world.inbox.put("d.csv", "employeeId,phone\n7,8\nghost,9\n", DROPPED.plus(3 * MINUTE));
    assert_eq!(world.run(), report(1, 3, 0));
    let folders: Vec<_> =
        world.inbox.settled().iter().map(|key| key[..key.find('/').unwrap()].to_owned()).collect();
    assert_eq!(folders, ["inbox-done", "inbox-failed", "inbox-failed", "inbox-failed"]);
    let texts: Vec<String> = world.logs().iter().map(render).collect();
    assert!(
        texts[0].contains("Error - InvalidRequest - it is not valid JSON at line 1, column 21: a comma"),
        "{}",
        texts[0]
    );
    assert!(texts[1].contains("Error - InvalidRequest - its name ends with none of"), "{}", texts[1]);
    assert!(
        texts[2].contains("Error - BatchWithErrors - 1 parts, 1 failed, 0 pending: import "),
        "{}",
        texts[2]
    );
    assert!(
        texts[4].contains("Error - BatchWithErrors - 2 parts, 1 failed, 0 pending: import "),
        "{}",
        texts[4]
    );
    assert_eq!(world.logs()[4].state, State::Ended(Answer::PartlyFailed));
    assert_eq!(world.logs()[4].summary().now(), Standing::Unsuccessful);
    assert_eq!(world.phone("7"), Some("8".into()));
}

#[test]
fn a_run_whose_time_is_up_leaves_the_rest_to_the_next() {
    let world = world();
    world.inbox.put("people.csv", people(220), DROPPED);
    world.inbox.put("more.csv", people(1), DROPPED.plus(MINUTE));
    *world.target.slow.lock().unwrap() = Some((Arc::clone(&world.clock), Duration::from_secs(300)));
    let until = world.clock.now().plus(Duration::from_secs(600));
    let first = now(run(&world.app, &holder("one"), until)).unwrap();
    assert_eq!(first, report(0, 0, 2));
    assert_eq!((world.logs().len(), world.target.updates.load(Ordering::Relaxed)), (3, 100));
    assert_eq!(world.logs()[0].parts.len(), 2);
    *world.target.slow.lock().unwrap() = None;
    let second = now(run(&world.app, &holder("two"), world.clock.now().plus(RUN))).unwrap();
    assert_eq!(second, report(2, 0, 0));
    assert_eq!((world.logs().len(), world.target.updates.load(Ordering::Relaxed)), (8, 221));
}

#[test]
fn where_there_is_no_time_left_nothing_more_is_listed() {
    let world = world();
    for n in 0..101 {
        world.inbox.put(&format!("{n}.csv"), people(1), DROPPED);
    }
    let ran = now(run(&world.app, &holder("one"), world.clock.now()));
    assert_eq!(ran.unwrap(), report(0, 0, 100), "one page of them");
}

#[test]
fn a_run_that_died_is_taken_up_when_its_claim_is_over() {
    let world = world();
    world.inbox.put("people.csv", people(150), DROPPED);
    world.target.hangs_after.store(1, Ordering::Relaxed);
    let until = world.clock.now().plus(RUN);
    {
        let one = holder("one");
        let mut dying = pin!(run(&world.app, &one, until));
        assert!(poll(dying.as_mut()).is_pending());
        let other = now(run(&world.app, &holder("two"), until)).unwrap();
        assert_eq!(other, report(0, 0, 1), "somebody is at work on it");
    }
    world.target.hangs_after.store(0, Ordering::Relaxed);
    assert_eq!(world.target.updates.load(Ordering::Relaxed), 50);
    world.clock.advance_to(until.plus(2 * MINUTE));
    assert_eq!(now(run(&world.app, &holder("two"), world.clock.now().plus(RUN))).unwrap(), report(1, 0, 0));
    assert_eq!((world.logs().len(), world.target.updates.load(Ordering::Relaxed)), (4, 150));
    assert!(world.logs().iter().all(|log| log.state == State::Ended(Answer::Succeeded)));
}

#[test]
fn what_was_sent_after_the_file_was_dropped_is_newer() {
    let world = world();
    world.inbox.put("people.csv", "employeeId,phone\n7,old\n7,older no more\n8,x\n", DROPPED);
    let sent = Request {
        id: ImportId::new(DROPPED.plus(Duration::from_secs(1)), [0; 10]),
        received_at: DROPPED.plus(Duration::from_secs(1)),
        key_name: "payroll".into(),
        form: Form::Array,
        parts: Ok(vec![Incoming::Person(Bytes::from_static(br#"{"employeeId":"7","phone":"new"}"#))]),
        source: Source::Direct,
        dry_run: false,
        begin: Begin::New,
        until: world.clock.now().plus(MINUTE),
    };
    now(import::run(&world.app, sent)).unwrap();
    assert_eq!(world.run(), report(1, 0, 0));
    assert_eq!((world.phone("7"), world.phone("8")), (Some("new".into()), Some("x".into())));
    assert!(render(&world.logs()[1]).contains("Warning - Superseded - 'phone' of '7' not updated"));
}

#[test]
fn the_last_row_of_a_person_wins_across_batches() {
    let world = world();
    let rows: String = (0..130).map(|n| format!("7,+{n}\n")).collect();
    world.inbox.put("people.csv", format!("employeeId,phone\n{rows}"), DROPPED);
    assert_eq!(world.run(), report(1, 0, 0));
    assert_eq!(world.phone("7"), Some("+129".into()));
}

#[test]
fn a_log_of_a_very_long_file_has_2000_lines() {
    let world = world();
    let rows = |count: usize| "1\n".repeat(count);
    world.inbox.put("a.ndjson", rows(50 * 2000), DROPPED);
    world.inbox.put("b.ndjson", rows(50 * 2000 + 1), DROPPED.plus(MINUTE));
    assert_eq!(world.run(), report(0, 2, 0));
    let page = Page { limit: 10_000, ..Page::default() };
    let lists: Vec<_> = now(world.app.imports.list(&page)).unwrap();
    let mut lines: Vec<usize> = lists.iter().map(|log| log.parts).filter(|parts| *parts > 50).collect();
    lines.sort_unstable();
    assert_eq!(lines, [1001, 2000]);
    assert_eq!(lists.len(), 2000 + 2001 + 2);
}
