//! Imports that concern several targets, over the in-memory ports: who is meant where targets know different things of
//! people, what each target is sent, and what the log says where they differ.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::HashMap;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;
use bytes::Bytes;
use people_core::batch::{Incoming, read_json};
use people_core::directory;
use people_core::document::Receiver;
use people_core::id::ImportId;
use people_core::import::{self, Begin, Request, SYNCHRONOUS};
use people_core::log::{Answer, Ending, Form, Outcome};
use people_core::log_text::render;
use people_core::memory::{ManualClock, MemoryDirectory, MemorySpool};
use people_core::person::{Identifier, NativeKey, Person, TargetName};
use people_core::ports::{App, ConfiguredTarget, Directory, Found, Listing, PersonUpdate, Sighting, Target};
use people_core::profile::Profile;
use people_core::summary::Source;
use people_core::time::Timestamp;
use proptest::prelude::*;

/// The ports in memory never wait, so a future that is polled once is done.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("an in-memory port waited"),
    }
}

/// Which identifiers a target has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Knows {
    Both,
    Ids,
    Upns,
}

/// A target, and what it is to do.
struct Fake {
    knows: Knows,
    people: Vec<Sighting>,
    fields: Vec<&'static str>,
    down: bool,
    lists: bool,
    /// What it says to every update.
    says: Ending,
    asked: Mutex<Vec<Vec<Identifier>>>,
    sent: Mutex<Vec<Sent>>,
}

/// Key, fields, and whom values name: text, key, employeeId and UPN.
type Sent = (String, Vec<String>, Vec<String>);

fn fake(knows: Knows, people: &[(&str, &str, &str)]) -> Fake {
    let people = people.iter().map(|(key, id, upn)| sighting(knows, key, id, upn)).collect();
    Fake {
        knows,
        people,
        fields: vec!["phone", "manager", "staffMembers"],
        down: false,
        lists: true,
        says: Ending::Updated,
        asked: Mutex::default(),
        sent: Mutex::default(),
    }
}

fn sighting(knows: Knows, key: &str, id: &str, upn: &str) -> Sighting {
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Sighting {
        key: NativeKey(key.into()),
        employee_id: given(id).filter(|_| knows != Knows::Upns),
        upn: given(upn).filter(|_| knows != Knows::Ids),
    }
}

#[async_trait]
impl Target for Fake {
    async fn find(&self, identifiers: &[Identifier], _: Timestamp) -> Vec<Found> {
        self.asked.lock().unwrap().push(identifiers.to_vec());
        let find = |identifier: &Identifier| {
            let (can_tell, has): (bool, Box<dyn Fn(&&Sighting) -> bool>) = match identifier {
                Identifier::EmployeeId(id) => (
                    self.knows != Knows::Upns,
                    Box::new(move |person| person.employee_id.as_ref() == Some(id)),
                ),
                Identifier::Upn(upn) => {
                    (self.knows != Knows::Ids, Box::new(move |person| person.upn.as_ref() == Some(upn)))
                }
            };
            match self.people.iter().filter(has).collect::<Vec<_>>()[..] {
                _ if !can_tell => Found::CannotTell,
                _ if self.down => Found::Unavailable("it does not answer".into()),
                [] => Found::Nobody,
                [one] => Found::Person(one.clone()),
                _ => Found::Several,
            }
        };
        identifiers.iter().map(find).collect()
    }

    async fn list(&self, _: Timestamp) -> Listing {
        match (self.lists, self.down) {
            (false, _) => Listing::CannotList,
            (true, true) => Listing::Unavailable("it does not answer".into()),
            (true, false) => Listing::Everybody(self.people.clone()),
        }
    }

    async fn deliver(&self, updates: &[PersonUpdate], _: Timestamp) -> Vec<Outcome> {
        let deliver = |update: &PersonUpdate| {
            let fields = update.changes.iter().map(|change| change.field.to_string()).collect();
            let name = |(text, person): (&String, &people_core::ports::Reference)| {
                let or_dash = |text: Option<&String>| text.map_or("-".to_owned(), Clone::clone);
                let key = or_dash(person.key.as_ref().map(|key| &key.0));
                format!(
                    "{text}: {key} {} {}",
                    or_dash(person.employee_id.as_ref()),
                    or_dash(person.upn.as_ref())
                )
            };
            let mut names: Vec<_> = update.people.iter().map(name).collect();
            names.sort();
            self.sent.lock().unwrap().push((update.key.0.clone(), fields, names));
            Outcome { code: Some("200".into()), ..Outcome::unsent(self.says.clone()) }
        };
        updates.iter().map(deliver).collect()
    }
}

struct World {
    app: App,
    targets: Vec<Arc<Fake>>,
}

fn world(targets: Vec<Fake>) -> World {
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_700_757_179_000)));
    let definition = br#"[{"name":"phone","fieldType":"Phone","source":"Api"},
        {"name":"joinDate","fieldType":"Date","source":"Api"},
        {"name":"manager","fieldType":"PersonIdentifier","source":"Api"},
        {"name":"staffMembers","fieldType":"PersonIdentifier","source":"Api","isList":true},
        {"name":"salary","fieldType":"File","source":"Api","isList":true}]"#;
    let targets: Vec<_> = targets.into_iter().map(Arc::new).collect();
    let configured = targets.iter().enumerate().map(|(n, target)| ConfiguredTarget {
        name: format!("t{n}").into(),
        fields: target.fields.iter().copied().map(Arc::from).collect(),
        api: target.clone(),
    });
    let app = App {
        profile: Arc::new(Profile::parse(definition).unwrap()),
        targets: configured.collect(),
        ..people_core::memory::app(clock)
    };
    World { app, targets }
}

impl World {
    fn parts(&self, parts: Vec<Incoming>) -> (Answer, String) {
        static NEXT: Mutex<u8> = Mutex::new(0);
        let mut next = NEXT.lock().unwrap();
        *next = next.wrapping_add(1);
        let received_at = self.app.clock.now();
        let request = Request {
            id: ImportId::new(received_at, [*next; 10]),
            received_at,
            key_name: "test".into(),
            form: Form::Array,
            parts: Ok(parts),
            source: Source::Direct,
            dry_run: false,
            begin: Begin::New,
            until: received_at.plus(SYNCHRONOUS),
        };
        let log = now(import::run(&self.app, request)).unwrap();
        (log.answer_given(), render(&log).split_once('\n').unwrap().1.to_owned())
    }

    fn check(&self, body: &str, answer: Answer, lines: &[&str]) {
        let parts = read_json(&Bytes::from(body.to_owned())).unwrap();
        let log: String = lines.iter().map(|line| format!("{line}\n")).collect();
        assert_eq!(self.parts(parts), (answer, log), "{body}");
    }

    fn sync(&self) {
        let report = now(directory::sync(&self.app, self.app.clock.now())).unwrap();
        assert!(report.failed.is_empty());
    }

    fn known(&self, text: &str) -> Option<Person> {
        let identifier = identifier(text);
        now(self.app.directory.resolve(std::slice::from_ref(&identifier))).unwrap().remove(&identifier)
    }

    /// Keys and fields of what a target was sent.
    fn sent(&self, target: usize) -> Vec<String> {
        let sent = self.targets[target].sent.lock().unwrap();
        sent.iter().map(|(key, fields, _)| format!("{key}: {}", fields.join(" "))).collect()
    }

    /// Whom the values named, in each update that a target was sent.
    fn named(&self, target: usize) -> Vec<Vec<String>> {
        self.targets[target].sent.lock().unwrap().iter().map(|(_, _, names)| names.clone()).collect()
    }
}

fn identifier(text: &str) -> Identifier {
    match text.contains('@') {
        true => Identifier::Upn(text.into()),
        false => Identifier::EmployeeId(text.into()),
    }
}

fn file(name: &str) -> Incoming {
    let mut receiver = Receiver::new(Arc::new(MemorySpool));
    receiver.write(b"%PDF-1.7\n%%EOF\n").unwrap();
    Incoming::File(name.into(), receiver.finish().unwrap())
}

const JOE: (&str, &str, &str) = ("k7", "7", "joe@x.y");
const ANN: (&str, &str, &str) = ("k8", "8", "ann@x.y");

fn saying(says: Ending) -> Fake {
    Fake { says, ..fake(Knows::Both, &[JOE]) }
}

const PHONE: &str = r#"[{"employeeId":"7","phone":"1"}]"#;

// ---- What the log says ----

#[test]
fn targets_that_agree_have_one_line() {
    for (says, answer, line) in [
        ([Ending::Updated, Ending::Unchanged], Answer::Succeeded, "Success - PersonUpdated - '7' updated"),
        (
            [Ending::Unchanged, Ending::Unchanged],
            Answer::Succeeded,
            "Success - PersonUnchanged - '7' unchanged",
        ),
        (
            [Ending::UnknownPerson, Ending::UnknownPerson],
            Answer::Failed,
            "Error - UnknownPerson - Unknown person: '7'",
        ),
    ] {
        world(says.map(saying).into()).check(PHONE, answer, &[line]);
    }
}

#[test]
fn targets_that_differ_have_a_line_each_in_the_order_of_the_configuration() {
    let world = world(vec![
        saying(Ending::Unchanged),
        saying(Ending::PartlyUpdated("one field was refused".into())),
        saying(Ending::Refused("no".into())),
        fake(Knows::Both, &[ANN]),
    ]);
    world.check(
        PHONE,
        Answer::Failed,
        &[
            "Success - PersonUnchanged - '7' unchanged at t0",
            "Error - PersonPartlyUpdated - '7' updated, but one field was refused at t1",
            "Error - DeliveryRefused - '7' not updated: no at t2",
            "Error - UnknownPerson - Unknown person: '7' at t3",
        ],
    );
}

#[test]
fn a_failure_at_the_only_target_that_a_part_concerns_names_it_where_there_are_others() {
    let other = Fake { fields: vec!["joinDate"], ..fake(Knows::Both, &[JOE]) };
    let both = world(vec![saying(Ending::Refused("no".into())), other]);
    both.check(PHONE, Answer::Failed, &["Error - DeliveryRefused - '7' not updated: no at t0"]);
    let alone = world(vec![saying(Ending::Refused("no".into()))]);
    alone.check(PHONE, Answer::Failed, &["Error - DeliveryRefused - '7' not updated: no"]);
    let gone = Fake { fields: vec!["joinDate"], ..fake(Knows::Both, &[JOE]) };
    world(vec![saying(Ending::UnknownPerson), gone]).check(
        PHONE,
        Answer::Failed,
        &["Error - UnknownPerson - Unknown person: '7'"],
    );
}

#[test]
fn a_part_concerns_only_the_targets_that_take_one_of_its_fields() {
    let down =
        Fake { fields: vec!["joinDate"], says: Ending::Refused("no".into()), ..fake(Knows::Both, &[JOE]) };
    let world = world(vec![fake(Knows::Both, &[JOE]), down]);
    world.check(
        r#"[{"employeeId":"7","phone":"1"},{"employeeId":"7","phone":"1","joinDate":"2023-11-01"},{"employeeId":"7"}]"#,
        Answer::PartlyFailed,
        &[
            "Success - PersonUpdated - '7' updated",
            "Success - PersonUpdated - '7' updated at t0",
            "Error - DeliveryRefused - '7' not updated: no at t1",
            "Success - PersonUnchanged - '7' unchanged",
        ],
    );
    assert_eq!(
        (world.sent(0), world.sent(1)),
        (vec!["k7: phone".into(), "k7: phone".into()], vec!["k7: joinDate".into()])
    );
}

#[test]
fn a_target_that_is_down_keeps_the_others_from_nothing() {
    let world = world(vec![Fake { down: true, ..fake(Knows::Both, &[]) }, fake(Knows::Both, &[JOE])]);
    world.check(
        r#"[{"employeeId":"7","phone":"1"},{"employeeId":"9","phone":"1"}]"#,
        Answer::Accepted,
        &[
            "Warning - DeliveryDeferred - '7' not updated yet: it does not answer, will be delivered again at t0",
            "Success - PersonUpdated - '7' updated at t1",
            "Warning - DeliveryDeferred - '9' not updated yet: it does not answer, will be delivered again",
        ],
    );
}

#[test]
fn nobody_anywhere_is_the_documented_line() {
    let world = world(vec![fake(Knows::Both, &[JOE]), fake(Knows::Upns, &[JOE]), fake(Knows::Ids, &[JOE])]);
    world.check(
        r#"[{"userPrincipalName":"unknown@x.y","phone":"1"}]"#,
        Answer::Failed,
        &["Error - UnknownPerson - Unknown person: 'unknown@x.y'"],
    );
}

#[test]
fn a_file_is_of_whomever_any_target_knows_and_goes_to_none() {
    let world = world(vec![
        fake(Knows::Upns, &[]),
        fake(Knows::Both, &[JOE]),
        Fake { down: true, ..fake(Knows::Both, &[]) },
    ]);
    let parts = ["joe@x.y__salary__a.pdf", "7__salary__a.pdf", "9__salary__a.pdf"].map(file);
    let (answer, log) = world.parts(parts.into());
    assert_eq!(
        (answer, log.as_str()),
        (
            Answer::PartlyFailed,
            "Success - FileUploaded - Uploaded file 'salary/a.pdf' for 'joe@x.y'\n\
             Success - FileUploaded - Replaced file 'salary/a.pdf' for '7'\n\
             Error - FileNotUploaded - 'salary/a.pdf' for '9' not uploaded: it does not answer, send it again\n"
        )
    );
    assert!((0..3).all(|target| world.sent(target).is_empty()));
}

// ---- Whom values name ----

const STAFF: &str =
    r#"[{"employeeId":"7","manager":" Ann@x.y ","staffMembers":["8","joe@x.y"],"phone":"1"}]"#;

#[test]
fn each_target_is_told_whom_values_name_under_its_own_keys() {
    let world = world(vec![
        fake(Knows::Both, &[JOE, ANN]),
        fake(Knows::Upns, &[("g7", "", "joe@x.y"), ("g8", "", "ann@x.y")]),
        Fake { fields: vec!["phone", "manager"], ..fake(Knows::Both, &[("s7", "7", "joe@x.y")]) },
        Fake { fields: vec!["phone"], ..fake(Knows::Ids, &[JOE]) },
    ]);
    world.check(STAFF, Answer::Succeeded, &["Success - PersonUpdated - '7' updated"]);
    let known = |key: &str, other: &str| {
        vec![vec![
            format!(" Ann@x.y : {key} 8 ann@x.y"),
            format!("8: {key} 8 ann@x.y"),
            format!("joe@x.y: {other} 7 joe@x.y"),
        ]]
    };
    assert_eq!(world.named(0), known("k8", "k7"));
    assert_eq!(world.named(1), known("g8", "g7"));
    assert_eq!(world.named(2), [[" Ann@x.y : - 8 ann@x.y"]], "nobody there: the target decides");
    assert_eq!(world.named(3), [[""; 0]], "it takes no such field");
}

#[test]
fn one_look_up_at_a_target_asks_about_everybody_whom_the_directory_misses_there() {
    let world =
        world(vec![fake(Knows::Both, &[JOE, ANN]), Fake { lists: false, ..fake(Knows::Both, &[JOE, ANN]) }]);
    world.sync();
    world.check(STAFF, Answer::Succeeded, &["Success - PersonUpdated - '7' updated"]);
    assert!(world.targets[0].asked.lock().unwrap().is_empty());
    let everybody = ["7", "joe@x.y", "8", "ann@x.y"].map(identifier).to_vec();
    assert_eq!(*world.targets[1].asked.lock().unwrap(), [everybody]);
}

#[test]
fn an_update_waits_where_a_target_cannot_be_asked_about_somebody_named() {
    let down = Fake { down: true, lists: false, ..fake(Knows::Both, &[JOE, ANN]) };
    let world = world(vec![fake(Knows::Both, &[JOE, ANN]), down]);
    world.sync();
    now(world.app.directory.learn(&"t1".into(), &[sighting(Knows::Both, "k7", "7", "joe@x.y")])).unwrap();
    world.check(
        r#"[{"employeeId":"7","phone":"0"},{"employeeId":"7","manager":"8"},{"employeeId":"7","phone":"2"},
            {"employeeId":"7","manager":"7"},{"employeeId":"7","manager":null}]"#,
        Answer::Accepted,
        &[
            "Success - PersonUpdated - '7' updated",
            "Success - PersonUpdated - '7' updated at t0",
            "Warning - DeliveryDeferred - '7' not updated yet: it does not answer, will be delivered again at t1",
            "Success - PersonUpdated - '7' updated at t0",
            "Warning - DeliveryDeferred - '7' not updated yet: it does not answer, will be delivered again at t1",
            "Success - PersonUpdated - '7' updated at t0",
            "Warning - DeliveryDeferred - '7' not updated yet: it does not answer, will be delivered again at t1",
            "Success - PersonUpdated - '7' updated at t0",
            "Warning - DeliveryDeferred - '7' not updated yet: it does not answer, will be delivered again at t1",
        ],
    );
    assert_eq!(world.sent(1), ["k7: phone"], "the later ones of a person wait with the one that waits");
}

// ---- Who is meant ----

#[test]
fn a_target_that_knows_upns_alone_is_reached_by_employee_id() {
    for (both, listed) in [(0, false), (0, true), (1, false), (1, true)] {
        let mut targets = vec![fake(Knows::Both, &[JOE]), fake(Knows::Upns, &[("g7", "", "joe@x.y")])];
        if both == 1 {
            targets.reverse();
        }
        let world = world(targets);
        if listed {
            world.sync();
        }
        world.check(PHONE, Answer::Succeeded, &["Success - PersonUpdated - '7' updated"]);
        assert_eq!(
            (world.sent(both), world.sent(1 - both)),
            (vec!["k7: phone".into()], vec!["g7: phone".into()])
        );
    }
}

#[test]
fn a_person_known_by_upn_turns_out_to_be_the_one_with_the_employee_id() {
    let world = world(vec![
        Fake { lists: false, ..fake(Knows::Both, &[JOE]) },
        fake(Knows::Upns, &[("g7", "", "joe@x.y")]),
    ]);
    world.sync();
    assert_eq!(world.known("joe@x.y").unwrap().key().as_str(), "joe@x.y");
    world.check(
        r#"[{"userPrincipalName":"joe@x.y","employeeId":"7","phone":"1"},{"userPrincipalName":"joe@x.y","employeeId":"8","phone":"1"}]"#,
        Answer::PartlyFailed,
        &[
            "Success - PersonUpdated - '7' updated",
            "Error - IdentifierConflict - 'joe@x.y' and '8' are two persons",
        ].map(|line| line.replace("'7' updated", "'joe@x.y' updated")).each_ref().map(String::as_str),
    );
    assert_eq!((world.sent(0).len(), world.sent(1).len()), (1, 1));
}

#[test]
fn targets_that_give_one_upn_to_two_people_are_not_guessed_between() {
    let other = fake(Knows::Both, &[("k8", "8", "joe@x.y")]);
    let world = world(vec![fake(Knows::Both, &[JOE]), other, fake(Knows::Upns, &[("g", "", "joe@x.y")])]);
    let several = "not updated: several people have this identifier";
    for _ in 0..2 {
        world.check(
            r#"[{"userPrincipalName":"joe@x.y","phone":"1"},{"employeeId":"7","phone":"1"},{"employeeId":"8","phone":"1"}]"#,
            Answer::Failed,
            &[
                &format!("Error - DeliveryRefused - 'joe@x.y' {several}"),
                "Success - PersonUpdated - '7' updated at t0",
                "Error - UnknownPerson - Unknown person: '7' at t1",
                "Error - UnknownPerson - Unknown person: '7' at t2",
                "Error - UnknownPerson - Unknown person: '8' at t0",
                "Success - PersonUpdated - '8' updated at t1",
                "Error - UnknownPerson - Unknown person: '8' at t2",
            ],
        );
        world.sync();
    }
    assert!(world.sent(2).is_empty(), "the account with that UPN may be anybody's");
}

#[test]
fn two_targets_that_give_one_employee_id_two_upns_mean_one_person() {
    let renamed = fake(Knows::Both, &[("k7", "7", "joseph@x.y")]);
    let world = world(vec![fake(Knows::Both, &[("a7", "7", "joe@x.y")]), renamed]);
    for body in [
        PHONE,
        r#"[{"userPrincipalName":"joe@x.y","phone":"1"}]"#,
        r#"[{"userPrincipalName":"joseph@x.y","phone":"1"}]"#,
    ] {
        let parts = read_json(&Bytes::from(body)).unwrap();
        assert_eq!(world.parts(parts).0, Answer::Succeeded, "{body}");
    }
    assert_eq!(world.known("7").unwrap().keys.len(), 2);
    assert_eq!((world.sent(0).len(), world.sent(1).len()), (3, 3));
}

#[test]
fn whether_somebody_is_known_is_what_all_targets_say_together() {
    let knows = |knows, down| Fake { down, ..fake(knows, &[JOE]) };
    let (nobody, down) = (|knows| fake(knows, &[ANN]), |knows| Fake { down: true, ..fake(knows, &[]) });
    let twice = || fake(Knows::Both, &[("a", "7", ""), ("b", "7", "")]);
    let (known, unknown) = ("Success - PersonUnchanged", "Error - UnknownPerson");
    let (unavailable, several) =
        ("it does not answer, will be delivered again", "several people have this identifier");
    let cases: Vec<(Vec<Fake>, &str)> = vec![
        (vec![down(Knows::Both), knows(Knows::Both, false)], known),
        (vec![knows(Knows::Both, false), down(Knows::Both)], known),
        (vec![down(Knows::Both), nobody(Knows::Both)], unavailable),
        (vec![nobody(Knows::Both), down(Knows::Both)], unavailable),
        (vec![nobody(Knows::Both), nobody(Knows::Ids)], unknown),
        // It answers that it cannot tell, down or not: nobody has to wait for it.
        (vec![nobody(Knows::Both), down(Knows::Upns)], unknown),
        (vec![knows(Knows::Upns, false), nobody(Knows::Ids)], unknown),
        (vec![knows(Knows::Upns, false), knows(Knows::Ids, false)], known),
        (vec![knows(Knows::Upns, false)], unknown),
        (vec![twice(), knows(Knows::Both, false)], several),
        (vec![down(Knows::Both), twice()], several),
        (vec![twice(), down(Knows::Both)], several),
    ];
    for (number, (targets, expected)) in cases.into_iter().enumerate() {
        let part = Incoming::Person(Bytes::from_static(br#"{"employeeId":"7"}"#));
        let (_, log) = world(targets).parts(vec![part]);
        assert!(log.lines().last().unwrap().contains(expected), "case {number}: {log}");
    }
}

// ---- The union ----

#[test]
fn a_target_that_cannot_be_listed_changes_nothing_of_what_the_others_say() {
    let down = Fake { down: true, ..fake(Knows::Both, &[ANN]) };
    let world = world(vec![down, Fake { lists: false, ..fake(Knows::Both, &[]) }, fake(Knows::Both, &[JOE])]);
    let report = now(directory::sync(&world.app, world.app.clock.now())).unwrap();
    assert_eq!(report.listed, [("t2".into(), 1)]);
    assert_eq!(report.failed, [("t0".into(), "it does not answer".to_owned())]);
    assert!(world.known("joe@x.y").is_some() && world.known("8").is_none());
}

#[test]
fn an_employee_id_that_two_people_of_one_target_have_is_told_by_another_target() {
    let twice = fake(Knows::Both, &[("a7", "7", "joe@x.y"), ("admin", "7", "admin@x.y")]);
    let world = world(vec![twice, fake(Knows::Both, &[JOE])]);
    world.sync();
    let joe = world.known("7").unwrap();
    assert_eq!(joe.keys, [("t0", "a7"), ("t1", "k7")].map(|(t, k)| (t.into(), NativeKey(k.into()))).into());
    assert_eq!(world.known("admin@x.y").unwrap().key().as_str(), "admin@x.y");
}

#[test]
fn an_account_whose_name_passed_to_somebody_else_is_theirs() {
    let directory: Arc<dyn Directory> = Arc::new(MemoryDirectory::default());
    let both =
        |joe: &'static str, ann: &'static str| fake(Knows::Both, &[("k7", "7", joe), ("k8", "8", ann)]);
    let upns = |upn: &'static str| fake(Knows::Upns, &[("g", "", upn)]);
    for (joe, ann, upn, owner) in
        [("joe@x.y", "ann@x.y", "joe@x.y", "7"), ("joe@x.y", "ann@x.y", "ann@x.y", "8")]
    {
        let mut world = world(vec![upns(upn), both(joe, ann)]);
        world.app.directory = Arc::clone(&directory);
        world.sync();
        for id in ["7", "8"] {
            assert_eq!(world.known(id).unwrap().keys.contains_key("t0"), id == owner, "{upn}: {id}");
        }
    }
}

/// One of a few people, as a target has them: a human, and whether each identifier is known there; with a wrong identifier
/// where the target is mistaken.
#[derive(Debug, Clone)]
struct Known {
    human: usize,
    id: Option<usize>,
    upn: Option<usize>,
}

fn listed(known: &[Known]) -> Vec<Sighting> {
    let person = |(n, known): (usize, &Known)| Sighting {
        key: NativeKey(format!("{}-{n}", known.human)),
        employee_id: known.id.map(|id| id.to_string()),
        upn: known.upn.map(|upn| format!("p{upn}@x.y")),
    };
    known.iter().enumerate().map(person).collect()
}

const HUMANS: usize = 5;

/// A target that is right about everybody it knows.
fn right() -> impl Strategy<Value = Vec<Known>> {
    let human = |human: usize| {
        (any::<bool>(), any::<bool>(), any::<bool>()).prop_map(move |(there, id, upn)| {
            there.then(|| Known { human, id: id.then_some(human), upn: upn.then_some(human) })
        })
    };
    (0..HUMANS).map(human).collect::<Vec<_>>().prop_map(|known| known.into_iter().flatten().collect())
}

/// A target that may be wrong about anybody, and know people twice.
fn wrong() -> impl Strategy<Value = Vec<Known>> {
    let some = || proptest::option::of(0..HUMANS);
    let known = (0..HUMANS, some(), some()).prop_map(|(human, id, upn)| Known { human, id, upn });
    proptest::collection::vec(known, 0..6)
}

/// The directory after these targets were synchronized, one configuration after the other.
fn synchronized(configurations: &[&[(TargetName, Vec<Sighting>)]]) -> World {
    let directory: Arc<dyn Directory> = Arc::new(MemoryDirectory::default());
    let mut last = world(Vec::new());
    for targets in configurations {
        let fakes =
            targets.iter().map(|(_, people)| Fake { people: people.clone(), ..fake(Knows::Both, &[]) });
        let mut world = world(fakes.collect());
        let named = targets.iter().zip(world.app.targets.iter());
        world.app.targets = named
            .map(|((name, _), target)| ConfiguredTarget { name: name.clone(), ..target.clone() })
            .collect();
        world.app.directory = Arc::clone(&directory);
        world.sync();
        last = world;
    }
    last
}

fn everybody(world: &World) -> HashMap<String, Option<Person>> {
    let names = (0..HUMANS).flat_map(|n| [n.to_string(), format!("p{n}@x.y")]);
    names.map(|name| (name.clone(), world.known(&name))).collect()
}

fn named(targets: &[Vec<Known>]) -> Vec<(TargetName, Vec<Sighting>)> {
    targets.iter().enumerate().map(|(n, known)| (format!("t{n}").into(), listed(known))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_union_of_targets_that_are_right_is_the_same_in_every_order(
        (targets, order) in proptest::collection::vec(right(), 1..5)
            .prop_flat_map(|targets| { let n = named(&targets); (Just(targets), Just(n).prop_shuffle()) })
    ) {
        let configured = named(&targets);
        let world = synchronized(&[&configured]);
        prop_assert_eq!(everybody(&world), everybody(&synchronized(&[&order])));
        for (number, known) in targets.iter().flatten().map(|known| (known.human, known)) {
            let linked = targets.iter().flatten().any(|k| k.human == number && k.id.is_some() && k.upn.is_some());
            for name in [known.id.map(|id| id.to_string()), known.upn.map(|upn| format!("p{upn}@x.y"))].into_iter().flatten() {
                let person = world.known(&name).unwrap();
                let whose = |key: &NativeKey| key.0.starts_with(&format!("{number}-"));
                prop_assert!(person.keys.values().all(whose), "{:?}", person);
                if linked {
                    let there = targets.iter().flatten().filter(|k| k.human == number && (k.id.is_some() || k.upn.is_some()));
                    prop_assert_eq!(person.keys.len(), there.count());
                }
            }
        }
    }

    #[test]
    fn targets_that_contradict_each_other_join_nobody(
        before in proptest::collection::vec(wrong(), 1..5), after in proptest::collection::vec(wrong(), 1..5)
    ) {
        let (before, after) = (named(&before), named(&after));
        let world = synchronized(&[&before, &after]);
        for person in everybody(&world).into_values().flatten() {
            for (target, key) in &person.keys {
                let listing = after.iter().find(|(name, _)| name == target);
                let seen = listing.and_then(|(_, people)| people.iter().find(|person| person.key == *key));
                let Some(seen) = seen else { continue };
                let all = || after.iter().flat_map(|(_, people)| people);
                let mut ids: Vec<_> = all().filter(|p| p.upn.is_some() && p.upn == seen.upn).filter_map(|p| p.employee_id.clone()).collect();
                ids.extend(seen.employee_id.clone());
                if let (Some(id), [first, others @ ..]) = (&person.employee_id, ids.as_slice())
                    && others.iter().all(|other| other == first)
                {
                    prop_assert_eq!(id, first, "{:?} {:?}", person, seen);
                }
            }
        }
    }
}
