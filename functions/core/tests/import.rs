//! Whole imports over the in-memory ports: what a caller is answered, what the log says, what the target was sent.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::HashMap;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;
use bytes::Bytes;
use people_core::batch::{Incoming, RequestFault, read_json};
use people_core::document::{Receiver, Slot};
use people_core::id::ImportId;
use people_core::import::{self, Begin, Request, SYNCHRONOUS};
use people_core::log::{Answer, Ending, Form, ImportLog, Outcome, State};
use people_core::log_text::render;
use people_core::memory::{ManualClock, MemoryDocuments, MemoryImports, MemorySpool};
use people_core::person::{Identifier, NativeKey, Person};
use people_core::ports::{
    App, ConfiguredTarget, Documents, Found, Imports, Listing, PersonUpdate, Sighting, Target,
};
use people_core::profile::Profile;
use people_core::summary::Source;
use people_core::time::Timestamp;
use people_core::update::Value;

const ID: &str = "97aa006e-1fb7-47c6-ad10-1c8331b7d2c7";
const PDF: &[u8] = b"%PDF-1.7\n%%EOF\n";

/// The ports in memory never wait, so a future that is polled once is done.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("an in-memory port waited"),
    }
}

/// A target that knows people by both identifiers, keeps what it is sent, and answers what it is told to.
#[derive(Default)]
struct Scripted {
    people: Mutex<Vec<Sighting>>,
    down: bool,
    /// Answers by key; without one, the update is accepted if the key is known.
    answers: HashMap<String, Ending>,
    sent: Mutex<Vec<(String, Vec<String>)>>,
}

impl Scripted {
    fn knowing(people: &[(&str, &str)]) -> Scripted {
        let people = people.iter().map(|(id, upn)| sighting(id, id, upn)).collect();
        Scripted { people: Mutex::new(people), ..Scripted::default() }
    }

    fn sent(&self) -> Vec<(String, Vec<String>)> {
        self.sent.lock().unwrap().clone()
    }
}

fn sighting(key: &str, id: &str, upn: &str) -> Sighting {
    Sighting { key: NativeKey(key.into()), employee_id: Some(id.into()), upn: Some(upn.into()) }
}

#[async_trait]
impl Target for Scripted {
    async fn find(&self, identifiers: &[Identifier], _: Timestamp) -> Vec<Found> {
        let people = self.people.lock().unwrap();
        let find = |identifier: &Identifier| {
            if self.down {
                return Found::Unavailable("t does not answer".into());
            }
            let has = |person: &&Sighting| match identifier {
                Identifier::EmployeeId(id) => person.employee_id.as_ref() == Some(id),
                Identifier::Upn(upn) => person.upn.as_ref() == Some(upn),
            };
            match people.iter().filter(has).collect::<Vec<_>>()[..] {
                [] => Found::Nobody,
                [one] => Found::Person(one.clone()),
                _ => Found::Several,
            }
        };
        identifiers.iter().map(find).collect()
    }

    async fn list(&self, _: Timestamp) -> Listing {
        Listing::Everybody(self.people.lock().unwrap().clone())
    }

    async fn deliver(&self, updates: &[PersonUpdate], _: Timestamp) -> Vec<Outcome> {
        let deliver = |update: &PersonUpdate| {
            let changes = update.changes.iter().map(|change| match &change.value {
                Value::Text(text) => format!("{}={text}", change.field),
                Value::Reset => format!("{} reset", change.field),
                _ => change.field.to_string(),
            });
            self.sent.lock().unwrap().push((update.key.0.clone(), changes.collect()));
            let known = self.people.lock().unwrap().iter().any(|person| person.key == update.key);
            let ending = if known { Ending::Updated } else { Ending::UnknownPerson };
            Outcome::unsent(self.answers.get(&update.key.0).cloned().unwrap_or(ending))
        };
        updates.iter().map(deliver).collect()
    }
}

struct World {
    app: App,
    targets: Vec<Arc<Scripted>>,
    documents: Arc<MemoryDocuments>,
    imports: Arc<MemoryImports>,
}

fn world(targets: Vec<Scripted>) -> World {
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_700_757_179_000)));
    let field = |name: &str, kind: &str, list: bool| {
        format!(r#"{{"name":"{name}","fieldType":"{kind}","source":"Api","isList":{list}}}"#)
    };
    let definition = [
        field("joinDate", "Date", false),
        field("phone", "Phone", false),
        field("skills", "String", true),
        field("manager", "PersonIdentifier", false),
        field("staffMembers", "PersonIdentifier", true),
        field("salary", "File", true),
        field("contract", "File", false),
    ];
    let targets: Vec<_> = targets.into_iter().map(Arc::new).collect();
    let configured = targets.iter().enumerate().map(|(n, target)| ConfiguredTarget {
        name: format!("t{n}").into(),
        fields: ["joinDate", "phone", "manager", "staffMembers"].map(Arc::from).into(),
        api: target.clone(),
    });
    let documents = Arc::new(MemoryDocuments::default());
    let imports = Arc::new(MemoryImports::new(clock.clone()));
    let app = App {
        profile: Arc::new(Profile::parse(format!("[{}]", definition.join(",")).as_bytes()).unwrap()),
        targets: configured.collect(),
        imports: imports.clone(),
        documents: documents.clone(),
        ..people_core::memory::app(clock)
    };
    World { app, targets, documents, imports }
}

impl World {
    fn run(&self, id: ImportId, parts: Result<Vec<Incoming>, RequestFault>) -> ImportLog {
        let received_at = self.app.clock.now();
        let until = received_at.plus(SYNCHRONOUS);
        let request = Request {
            id,
            received_at,
            key_name: "test".into(),
            form: Form::Array,
            parts,
            until,
            source: Source::Direct,
            dry_run: false,
            begin: Begin::New,
        };
        let log = now(import::run(&self.app, request)).unwrap();
        assert_eq!(now(self.imports.find(id)).unwrap().as_ref(), Some(&log), "the log is what was answered");
        assert!(matches!(log.state, State::Ended(_)));
        log
    }

    fn parts(&self, parts: Result<Vec<Incoming>, RequestFault>) -> (Answer, String) {
        static NEXT: Mutex<u8> = Mutex::new(0);
        let mut next = NEXT.lock().unwrap();
        *next = next.wrapping_add(1);
        let log = self.run(ImportId::new(self.app.clock.now(), [*next; 10]), parts);
        (log.answer_given(), render(&log).split_once('\n').unwrap().1.to_owned())
    }

    /// The answer to a JSON body, and the log without its first line.
    fn json(&self, body: &str) -> (Answer, String) {
        self.parts(read_json(&Bytes::from(body.to_owned())))
    }

    fn check(&self, body: &str, answer: Answer, log: &str) {
        assert_eq!(self.json(body), (answer, log.to_owned()), "{body}");
    }
}

fn file(name: &str, bytes: &[u8]) -> Incoming {
    let mut receiver = Receiver::new(Arc::new(MemorySpool));
    receiver.write(bytes).unwrap();
    Incoming::File(name.into(), receiver.finish().unwrap())
}

fn joe() -> World {
    world(vec![Scripted::knowing(&[("100200300", "joe@company.com"), ("100200301", "sarah@company.com")])])
}

#[test]
fn the_worked_example_is_logged_as_documented() {
    let world = world(vec![Scripted::knowing(&[("100200300", "joe@company.com")])]);
    let body = br#"[{"userPrincipalName":"joe@company.com","unknownField":"Hello"},
     {"userPrincipalName":"unknown@company.com","joinDate":"2023-11-01"},
     {"name":"Sarah McAllister","joinDate":"2023-11-01"}]"#;
    let log = world.run(ImportId::parse(ID).unwrap(), read_json(&Bytes::from_static(body)));
    assert_eq!(
        render(&log),
        "2023-11-23T16:32:59 - RequestId: 97aa006e-1fb7-47c6-ad10-1c8331b7d2c7\n\
         Error - InvalidPerson - Invalid person in part 0: UnknownFields: 'unknownField'\n\
         Error - InvalidPerson - Invalid person in part 2: NoPersonIdentifier: Neither 'userPrincipalName' nor 'employeeId' is provided. | UnknownFields: 'name'\n\
         Error - UnknownPerson - Unknown person: 'unknown@company.com'\n"
    );
    assert_eq!(log.answer_given(), Answer::Failed);
    assert!(world.targets[0].sent().is_empty());
}

#[test]
fn a_person_is_updated_under_the_targets_own_key() {
    let world = joe();
    let body = r#"[{"userPrincipalName":"Joe@Company.com","joinDate":"2023-11-01","phone":null}]"#;
    world.check(body, Answer::Succeeded, "Success - PersonUpdated - 'Joe@Company.com' updated\n");
    assert_eq!(
        world.targets[0].sent(),
        [("100200300".to_owned(), vec!["joinDate=2023-11-01".to_owned(), "phone reset".to_owned()])]
    );
}

#[test]
fn the_same_person_twice_is_updated_in_part_order() {
    let world = joe();
    let body =
        r#"[{"employeeId":"100200300","phone":"1"},{"userPrincipalName":"joe@company.com","phone":"2"}]"#;
    assert_eq!(world.json(body).0, Answer::Succeeded);
    let phones: Vec<_> = world.targets[0].sent().into_iter().map(|(_, changes)| changes[0].clone()).collect();
    assert_eq!(phones, ["phone=1", "phone=2"]);
}

#[test]
fn an_update_without_fields_is_correlated_and_sends_nothing() {
    let world = joe();
    world.check(
        r#"[{"employeeId":"100200300"},{"employeeId":"nobody"}]"#,
        Answer::PartlyFailed,
        "Success - PersonUnchanged - '100200300' unchanged\nError - UnknownPerson - Unknown person: 'nobody'\n",
    );
    assert!(world.targets[0].sent().is_empty());
}

#[test]
fn identifiers_of_two_people_change_nothing() {
    let world = joe();
    world.check(
        r#"[{"userPrincipalName":"joe@company.com","employeeId":"100200301","phone":"1"}]"#,
        Answer::Failed,
        "Error - IdentifierConflict - 'joe@company.com' and '100200301' are two persons\n",
    );
    assert!(world.targets[0].sent().is_empty());
}

#[test]
fn a_field_that_goes_to_no_target_fails_the_part_and_the_others_are_delivered() {
    let world = joe();
    world.check(
        r#"[{"employeeId":"100200300","skills":["a"],"phone":"1"}]"#,
        Answer::Failed,
        "Success - PersonUpdated - '100200300' updated\nError - FieldNotMapped - 'skills' of '100200300' goes to no target\n",
    );
    assert_eq!(world.targets[0].sent()[0].1, ["phone=1"]);
}

#[test]
fn a_reference_to_nobody_keeps_the_part_from_every_target() {
    let world = joe();
    world.check(
        r#"[{"employeeId":"100200300","manager":"ghost","staffMembers":["sarah@company.com","x","y"],"phone":"1"},
            {"employeeId":"100200300","manager":"sarah@company.com","staffMembers":null}]"#,
        Answer::PartlyFailed,
        "Error - InvalidPerson - Invalid person in part 0: UnknownReferences: 'manager', 'staffMembers'\n\
         Success - PersonUpdated - '100200300' updated\n",
    );
    assert_eq!(world.targets[0].sent().len(), 1);
}

#[test]
fn an_unknown_reference_is_told_together_with_the_other_findings() {
    let world = joe();
    world.check(
        r#"[{"employeeId":"100200300","manager":"ghost","nothing":1,"phone":7}]"#,
        Answer::Failed,
        "Error - InvalidPerson - Invalid person in part 0: UnknownFields: 'nothing' | InvalidValues: 'phone' | UnknownReferences: 'manager'\n",
    );
}

#[test]
fn a_target_that_is_down_defers_and_nothing_of_a_file_is_kept() {
    let world = world(vec![Scripted { down: true, ..Scripted::default() }]);
    let person = Incoming::Person(Bytes::from_static(br#"{"employeeId":"7","phone":"1"}"#));
    let (answer, log) = world.parts(Ok(vec![person, file("7__salary__March.pdf", PDF)]));
    assert_eq!(answer, Answer::PartlyFailed, "one of the two is pending");
    assert_eq!(
        log,
        "Warning - DeliveryDeferred - '7' not updated yet: t does not answer, will be delivered again\n\
         Error - FileNotUploaded - 'salary/March.pdf' for '7' not uploaded: t does not answer, send it again\n"
    );
}

#[test]
fn several_people_with_one_identifier_are_nobody() {
    let world = world(vec![Scripted::knowing(&[("1", "a@x.y"), ("2", "a@x.y")])]);
    world.check(
        r#"[{"userPrincipalName":"a@x.y","phone":"1"}]"#,
        Answer::Failed,
        "Error - DeliveryRefused - 'a@x.y' not updated: several people have this identifier\n",
    );
}

#[test]
fn targets_that_disagree_about_who_somebody_is_are_not_guessed_between() {
    let world = world(vec![Scripted::knowing(&[("1", "a@x.y")]), Scripted::knowing(&[("2", "a@x.y")])]);
    assert!(world.json(r#"[{"userPrincipalName":"a@x.y","phone":"1"}]"#).1.contains("several people"));
}

#[test]
fn each_target_has_its_line_where_they_differ() {
    let refusing = Scripted {
        answers: HashMap::from([("1".to_owned(), Ending::Refused("t1 says no".into()))]),
        ..Scripted::knowing(&[("1", "a@x.y")])
    };
    let world = world(vec![Scripted::knowing(&[("1", "a@x.y")]), refusing]);
    world.check(
        r#"[{"employeeId":"1","phone":"1"}]"#,
        Answer::Failed,
        "Success - PersonUpdated - '1' updated at t0\nError - DeliveryRefused - '1' not updated: t1 says no at t1\n",
    );
}

#[test]
fn a_key_that_is_gone_is_corrected_and_the_person_found_again() {
    let world = joe();
    let body = r#"[{"userPrincipalName":"joe@company.com","phone":"1"}]"#;
    assert_eq!(world.json(body).0, Answer::Succeeded);
    world.targets[0].people.lock().unwrap()[0] = sighting("new", "100200300", "joe@company.com");
    world.check(body, Answer::Succeeded, "Success - PersonUpdated - 'joe@company.com' updated\n");
    let keys: Vec<_> = world.targets[0].sent().into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, ["100200300", "100200300", "new"]);
    world.targets[0].people.lock().unwrap().clear();
    world.check(body, Answer::Failed, "Error - UnknownPerson - Unknown person: 'joe@company.com'\n");
}

#[test]
fn a_person_who_is_gone_is_not_taken_for_whoever_has_the_name_now() {
    let world = joe();
    assert_eq!(world.json(r#"[{"userPrincipalName":"joe@company.com","phone":"1"}]"#).0, Answer::Succeeded);
    *world.targets[0].people.lock().unwrap() = vec![sighting("8", "8", "joe@company.com")];
    world.check(
        r#"[{"employeeId":"100200300","phone":"2"}]"#,
        Answer::Failed,
        "Error - UnknownPerson - Unknown person: '100200300'\n",
    );
    let keys: Vec<_> = world.targets[0].sent().into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, ["100200300", "100200300"]);
    let body = r#"[{"userPrincipalName":"joe@company.com","phone":"3"}]"#;
    assert_eq!(world.json(body).0, Answer::Succeeded, "the name leads to its new owner from then on");
    assert_eq!(world.targets[0].sent().last().unwrap().0, "8");
}

#[test]
fn a_payslip_sent_under_either_identifier_is_one_document() {
    let world = joe();
    let name = "joe@company.com__salary__March 2023.pdf";
    let (answer, log) =
        world.parts(Ok(vec![file(name, PDF), file("100200300__salary__March 2023.pdf", PDF)]));
    assert_eq!(answer, Answer::Succeeded);
    assert_eq!(
        log,
        "Success - FileUploaded - Uploaded file 'salary/March 2023.pdf' for 'joe@company.com'\n\
         Success - FileUploaded - Replaced file 'salary/March 2023.pdf' for '100200300'\n"
    );
    let person = Person { employee_id: Some("100200300".into()), ..Person::default() }.key();
    let slot = Slot { person, field: "salary".into(), name: Some("March 2023.pdf".into()) };
    assert_eq!(now(world.documents.read(&slot)).unwrap().as_deref(), Some(PDF));
}

#[test]
fn a_field_that_is_no_list_keeps_one_file() {
    let world = joe();
    let (_, log) = world
        .parts(Ok(vec![file("100200300__contract__a.pdf", PDF), file("100200300__contract__b.pdf", PDF)]));
    assert!(log.ends_with("Replaced file 'contract/b.pdf' for '100200300'\n"), "{log}");
}

#[test]
fn files_are_checked_and_refused_by_part() {
    let world = joe();
    for (name, bytes, reason) in [
        ("x.pdf", PDF, "person__field__name.pdf"),
        ("joe@company.com__phone__a.pdf", PDF, "'phone' takes no file"),
        ("joe@company.com__nothing__a.pdf", PDF, "there is no field 'nothing'"),
        ("joe@company.com__salary__a.pdf", b"hello" as &[u8], "it does not start with %PDF-"),
        ("joe@company.com__salary__a.pdf", b"", "it is empty"),
        (" __salary__a.pdf", PDF, ""),
    ] {
        let (answer, log) = world.parts(Ok(vec![file(name, bytes)]));
        assert_eq!(answer, Answer::Failed);
        assert!(
            log.starts_with("Error - InvalidFile - Invalid file in part 0: ") && log.contains(reason),
            "{log}"
        );
        assert_eq!(log.lines().count(), 1, "{log}");
    }
    let (_, log) = world.parts(Ok(vec![file("ghost__salary__a.pdf", PDF)]));
    assert_eq!(log, "Error - UnknownPerson - Unknown person: 'ghost'\n");
}

#[test]
fn a_fault_of_the_request_is_one_line() {
    let world = joe();
    world.check(
        "[",
        Answer::Failed,
        "Error - InvalidRequest - the body is not valid JSON at line 1, column 1\n",
    );
    let body = format!("[{}]", vec![r#"{"employeeId":"100200300","phone":"1"}"#; 51].join(","));
    world.check(&body, Answer::TooManyParts, "Error - TooManyParts - 51 parts, at most 50 are allowed\n");
    assert!(world.targets[0].sent().is_empty());
}

#[test]
fn a_name_cannot_forge_a_line() {
    let world = joe();
    let body = r#"[{"employeeId":"x'\nSuccess - PersonUpdated - 'joe' updated\u202e","a\r\nError - b":1},{"employeeId":"\u2028"}]"#;
    let (_, log) = world.json(body);
    assert_eq!(log.lines().count(), 2, "{log}");
    assert!(log.chars().all(|character| character == '\n' || !character.is_control()), "{log}");
    assert!(!log.contains('\u{202e}') && !log.contains('\u{2028}'), "{log}");
}

#[test]
fn what_was_done_to_a_person_is_indexed_newest_first() {
    let world = joe();
    world.json(r#"[{"userPrincipalName":"joe@company.com","phone":"1"},{"employeeId":"ghost"},{"employeeId":"100200300","joinDate":null}]"#);
    let person = Person { employee_id: Some("100200300".into()), ..Person::default() }.key();
    let entries = now(world.imports.of_person(&person, None, 9)).unwrap();
    let entries: Vec<_> = entries.iter().map(|entry| (entry.part, entry.fields[0].to_string())).collect();
    assert_eq!(entries, [(2, "joinDate".to_owned()), (0, "phone".to_owned())]);
}
