//! Dry runs over the in-memory ports: they say what an import would come to, and nothing but their log is there afterwards.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;
use bytes::Bytes;
use people_core::batch::{Incoming, read_json};
use people_core::document::Receiver;
use people_core::id::ImportId;
use people_core::import::{self, Begin, Request, SYNCHRONOUS};
use people_core::log::{Answer, Ending, Form, ImportLog, Outcome, WouldChange};
use people_core::log_text::render;
use people_core::memory::{ManualClock, MemorySpool};
use people_core::person::{Identifier, NativeKey, Person, PersonKey};
use people_core::ports::{
    App, Claim, ConfiguredTarget, Found, LeaseHolder, Listing, PersonUpdate, Sighting, Target, WaitingPage,
};
use people_core::profile::Profile;
use people_core::staged::{self, Accepted};
use people_core::summary::Source;
use people_core::time::Timestamp;
use people_core::update::Value;

const PDF: &[u8] = b"%PDF-1.7\n%%EOF\n";
const HEAD: &str = "Warning - DryRun - Nothing is delivered or stored: this is what would happen\n";

/// The ports in memory never wait, so a future that is polled once is done.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("an in-memory port waited"),
    }
}

/// What a target has stored of a person, by field.
type Stored = BTreeMap<String, String>;

/// A target that stores people and shows them, or does not.
#[derive(Default)]
struct Keeper {
    people: Mutex<HashMap<String, Stored>>,
    is_hidden: bool,
    down: Mutex<bool>,
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.clone()),
        Value::Reset | Value::Texts(_) | Value::MultiLang(_) | Value::MultiLangs(_) => None,
    }
}

impl Keeper {
    fn change(&self, update: &PersonUpdate, writes: bool) -> Ending {
        if *self.down.lock().unwrap() {
            return Ending::Deferred("it is down".into());
        }
        let mut people = self.people.lock().unwrap();
        let Some(person) = people.get_mut(&update.key.0) else { return Ending::UnknownPerson };
        if update.changes.iter().any(|change| text(&change.value).as_deref() == Some("bad")) {
            return Ending::Refused("it does not take that".into());
        }
        let differs =
            update.changes.iter().filter(|change| person.get(&*change.field) != text(&change.value).as_ref());
        let fields: Vec<Arc<str>> = differs.map(|change| change.field.clone()).collect();
        if !writes {
            return WouldChange { fields, perhaps: Vec::new() }.ending();
        }
        for change in &update.changes {
            match text(&change.value) {
                Some(text) => drop(person.insert(change.field.to_string(), text)),
                None => drop(person.remove(&*change.field)),
            }
        }
        if fields.is_empty() { Ending::Unchanged } else { Ending::Updated }
    }
}

#[async_trait]
impl Target for Keeper {
    async fn find(&self, identifiers: &[Identifier], _: Timestamp) -> Vec<Found> {
        let find = |identifier: &Identifier| match identifier {
            _ if *self.down.lock().unwrap() => Found::Unavailable("it is down".into()),
            Identifier::EmployeeId(id) if self.people.lock().unwrap().contains_key(id) => {
                let key = NativeKey(id.clone());
                Found::Person(Sighting { key, employee_id: Some(id.clone()), upn: None })
            }
            Identifier::EmployeeId(_) | Identifier::Upn(_) => Found::Nobody,
        };
        identifiers.iter().map(find).collect()
    }

    async fn list(&self, _: Timestamp) -> Listing {
        Listing::CannotList
    }

    async fn deliver(&self, updates: &[PersonUpdate], _: Timestamp) -> Vec<Outcome> {
        updates.iter().map(|update| Outcome::unsent(self.change(update, true))).collect()
    }

    async fn preview(&self, updates: &[PersonUpdate], _: Timestamp) -> Vec<Outcome> {
        let preview = |update: &PersonUpdate| match self.is_hidden {
            false => Outcome::unsent(self.change(update, false)),
            true => update.may_change(),
        };
        updates.iter().map(preview).collect()
    }
}

struct World {
    app: App,
    clock: Arc<ManualClock>,
    targets: Vec<Arc<Keeper>>,
    imports: Mutex<u8>,
}

fn key() -> PersonKey {
    Person { employee_id: Some("7".into()), ..Person::default() }.key()
}

/// Two targets: "open" shows its people, "shut" does not; it takes the phone alone.
fn world() -> World {
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_700_757_179_000)));
    let field = |name: &str, kind: &str, list: bool| {
        format!(r#"{{"name":"{name}","fieldType":"{kind}","source":"Api","isList":{list}}}"#)
    };
    let definition = [
        field("title", "String", false),
        field("phone", "Phone", false),
        field("nowhere", "String", false),
        field("salary", "File", true),
        field("contract", "File", false),
    ];
    let joe = || HashMap::from([("7".to_owned(), Stored::from([("title".to_owned(), "Dr".to_owned())]))]);
    let keeper = |is_hidden| Arc::new(Keeper { people: Mutex::new(joe()), is_hidden, ..Keeper::default() });
    let targets = vec![keeper(false), keeper(true)];
    let fields: [&[&str]; 2] = [&["title", "phone"], &["phone"]];
    let names = ["open", "shut"].into_iter().zip(fields).zip(&targets);
    let configured = names.map(|((name, fields), target)| ConfiguredTarget {
        name: name.into(),
        fields: fields.iter().copied().map(Arc::from).collect(),
        api: target.clone(),
    });
    let app = App {
        profile: Arc::new(Profile::parse(format!("[{}]", definition.join(",")).as_bytes()).unwrap()),
        targets: configured.collect(),
        ..people_core::memory::app(clock.clone())
    };
    World { app, clock, targets, imports: Mutex::new(0) }
}

fn json(body: &str) -> Vec<Incoming> {
    read_json(&Bytes::from(body.to_owned())).unwrap()
}

fn file(name: &str) -> Incoming {
    let mut receiver = Receiver::new(Arc::new(MemorySpool));
    receiver.write(PDF).unwrap();
    Incoming::File(name.into(), receiver.finish().unwrap())
}

impl World {
    fn id(&self) -> ImportId {
        let mut imports = self.imports.lock().unwrap();
        *imports += 1;
        ImportId::new(self.app.clock.now(), [*imports; 10])
    }

    fn run(&self, parts: Vec<Incoming>, dry_run: bool) -> ImportLog {
        self.run_as(self.id(), parts, dry_run, Begin::New)
    }

    fn run_as(&self, id: ImportId, parts: Vec<Incoming>, dry_run: bool, begin: Begin) -> ImportLog {
        let received_at = self.app.clock.now();
        let request = Request {
            id,
            received_at,
            key_name: "test".into(),
            form: Form::Multipart,
            parts: Ok(parts),
            source: if begin == Begin::New { Source::Direct } else { Source::Staged },
            dry_run,
            begin,
            until: received_at.plus(SYNCHRONOUS),
        };
        let log = now(import::run(&self.app, request)).unwrap();
        assert_eq!(
            now(self.app.imports.find(id)).unwrap().as_ref(),
            Some(&log),
            "the log is what was answered"
        );
        assert_eq!((log.dry_run, log.summary().dry_run), (dry_run, dry_run));
        log
    }

    /// The answer to a dry run, and its lines behind the one that says that it was one.
    fn look(&self, parts: Vec<Incoming>) -> (Answer, String) {
        let log = self.run(parts, true);
        let text = render(&log);
        let lines = text.split_once('\n').unwrap().1.strip_prefix(HEAD).unwrap_or_else(|| panic!("{text}"));
        (log.answer_given(), lines.to_owned())
    }

    /// Everything that an import may leave behind beside its log.
    fn left(&self) -> String {
        let people: Vec<_> = self
            .targets
            .iter()
            .map(|target| format!("{:?}", target.people.lock().unwrap().iter().collect::<BTreeMap<_, _>>()))
            .collect();
        let indexed = now(self.app.imports.of_person(&key(), None, 100)).unwrap();
        let documents = now(self.app.documents.list(&key())).unwrap();
        let page = WaitingPage { limit: 100, ..WaitingPage::default() };
        let waiting = now(self.app.undelivered.list(&page)).unwrap();
        let known = now(self.app.directory.resolve(&[Identifier::EmployeeId("7".into())])).unwrap();
        let announced = now(self.app.leases.is_announced("late")).unwrap();
        format!("{people:?} {indexed:?} {documents:?} {waiting:?} {known:?} {announced}")
    }
}

#[test]
fn a_dry_run_says_what_would_happen_and_leaves_nothing_but_its_log() {
    let world = world();
    world.run(json(r#"[{"employeeId":"7"}]"#), false);
    let parts = || {
        let mut parts = json(
            r#"[{"employeeId":"7","title":"Dr"},{"employeeId":"7","title":"Ing","phone":"1"},{"employeeId":"8","title":"x"},
            {"employeeId":"7","nowhere":"x"},{"employeeId":"7","titel":"x"},{"employeeId":"7","phone":"bad"},{"employeeId":"7"}]"#,
        );
        parts.extend(["7__contract__a.pdf", "7__contract__b.pdf", "9__contract__a.pdf"].map(file));
        parts
    };
    let before = world.left();
    let (answer, lines) = world.look(parts());
    assert_eq!(
        lines,
        "Error - InvalidPerson - Invalid person in part 4: UnknownFields: 'titel'\n\
         Success - PersonUnchanged - '7' unchanged\n\
         Success - WouldBeUpdated - '7' would be updated: 'title', 'phone'\n\
         Error - UnknownPerson - Unknown person: '8'\n\
         Error - FieldNotMapped - 'nowhere' of '7' goes to no target\n\
         Error - DeliveryRefused - '7' not updated: it does not take that at open\n\
         Success - WouldBeUpdated - '7' would be updated: perhaps 'phone' at shut\n\
         Success - PersonUnchanged - '7' unchanged\n\
         Success - WouldBeUploaded - Would upload file 'contract/a.pdf' for '7'\n\
         Success - WouldBeUploaded - Would replace file 'contract/b.pdf' for '7'\n\
         Error - UnknownPerson - Unknown person: '9'\n"
    );
    assert_eq!(world.left(), before);
    assert!(!lines.contains("PersonUpdated") && !lines.contains("FileUploaded"));
    let real = world.run(parts(), false);
    assert_eq!((answer, Answer::PartlyFailed), (real.answer_given(), answer));
    assert_ne!(world.left(), before);
    assert_eq!(
        world.look(parts().split_off(8)).1,
        "Success - WouldBeUploaded - Would replace file 'contract/b.pdf' for '7'\nError - UnknownPerson - Unknown person: '9'\n"
    );
}

#[test]
fn a_dry_run_is_answered_like_the_import_itself() {
    for (body, answer) in [
        (r#"[{"employeeId":"7","title":"Ing"}]"#, Answer::Succeeded),
        (r#"[{"employeeId":"7","title":"bad"}]"#, Answer::Failed),
        (r#"[{"employeeId":"8"}]"#, Answer::Failed),
        (r#"[{"employeeId":"8"},{"employeeId":"7","phone":"1"}]"#, Answer::PartlyFailed),
    ] {
        let world = world();
        assert_eq!(world.look(json(body)).0, answer, "{body}");
        assert_eq!(world.run(json(body), false).answer_given(), answer, "{body}");
    }
}

#[test]
fn of_a_field_that_an_earlier_part_changes_nobody_can_tell() {
    let world = world();
    let body = r#"[{"employeeId":"7","title":"Dr"},{"employeeId":"7","title":"Ing"},{"employeeId":"7","title":"Dr"}]"#;
    assert_eq!(
        world.look(json(body)).1,
        "Success - PersonUnchanged - '7' unchanged\n\
         Success - WouldBeUpdated - '7' would be updated: 'title'\n\
         Success - WouldBeUpdated - '7' would be updated: perhaps 'title'\n"
    );
}

#[test]
fn what_cannot_be_found_out_now_has_to_be_asked_again_and_is_not_kept() {
    let world = world();
    *world.targets[0].down.lock().unwrap() = true;
    world.run(json(r#"[{"employeeId":"7"}]"#), false);
    *world.targets[1].down.lock().unwrap() = true;
    let before = world.left();
    let mut parts = json(r#"[{"employeeId":"7","title":"Ing","phone":"1"},{"employeeId":"8","title":"x"}]"#);
    parts.push(file("8__contract__a.pdf"));
    let (answer, lines) = world.look(parts);
    assert_eq!(answer, Answer::Failed);
    assert_eq!(
        lines,
        "Error - DeliveryRefused - '7' not updated: it is down, send it again at open\n\
         Success - WouldBeUpdated - '7' would be updated: perhaps 'phone' at shut\n\
         Error - DeliveryRefused - '8' not updated: it is down, send it again\n\
         Error - FileNotUploaded - 'contract/a.pdf' for '8' not uploaded: it is down, send it again\n"
    );
    assert_eq!(world.left(), before);
}

#[test]
fn whom_a_target_does_not_know_any_more_stays_in_the_directory() {
    let world = world();
    world.run(json(r#"[{"employeeId":"7"}]"#), false);
    world.targets[0].people.lock().unwrap().clear();
    let before = world.left();
    let (_, lines) = world.look(json(r#"[{"employeeId":"7","title":"Ing"}]"#));
    assert_eq!(lines, "Error - UnknownPerson - Unknown person: '7'\n");
    assert_eq!(world.left(), before);
}

#[test]
fn a_body_that_was_stored_first_is_looked_at_the_same_way() {
    let world = world();
    let (id, at) = (world.id(), world.app.clock.now());
    let accepted =
        Accepted { id, received_at: at, key_name: "test".into(), form: Form::Multipart, dry_run: true };
    assert!(now(staged::accept(&world.app, accepted)).unwrap().dry_run);
    let holder = LeaseHolder("me".into());
    let claim = Claim { holder: holder.clone(), until: at.plus(SYNCHRONOUS) };
    now(world.app.imports.claim(id, &claim)).unwrap();
    let log = world.run_as(id, json(r#"[{"employeeId":"7","title":"Ing"}]"#), true, Begin::Claimed(holder));
    assert!(
        render(&log).ends_with(&format!("{HEAD}Success - WouldBeUpdated - '7' would be updated: 'title'\n"))
    );
    assert!(!now(world.app.leases.is_announced("late")).unwrap());
    assert!(now(world.app.imports.of_person(&key(), None, 100)).unwrap().is_empty());
}

#[test]
fn an_older_import_does_not_mind_a_dry_run() {
    let world = world();
    let (old, at) = (world.id(), world.app.clock.now());
    let accepted =
        Accepted { id: old, received_at: at, key_name: "test".into(), form: Form::Multipart, dry_run: false };
    now(staged::accept(&world.app, accepted)).unwrap();
    world.clock.advance_to(at.plus(std::time::Duration::from_secs(1)));
    world.run(json(r#"[{"employeeId":"7","title":"Ing"}]"#), true);
    let holder = LeaseHolder("me".into());
    let claim = Claim { holder: holder.clone(), until: at.plus(2 * SYNCHRONOUS) };
    now(world.app.imports.claim(old, &claim)).unwrap();
    let log = world.run_as(old, json(r#"[{"employeeId":"7","title":"MSc"}]"#), false, Begin::Claimed(holder));
    assert!(render(&log).ends_with("Success - PersonUpdated - '7' updated\n"), "{}", render(&log));
}
