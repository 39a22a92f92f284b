//! What failed of an import, as a body of its own: what it has, and when there is none.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use people_core::batch::RequestFault;
use people_core::document::Content;
use people_core::failed::{Failed, link};
use people_core::id::ImportId;
use people_core::later::{Later, News};
use people_core::log::{Delivery, Ending, Form, ImportLog, Outcome, PartLog, PartOutcome, State, Subject};
use people_core::memory::{self, ManualClock, MemoryBodies};
use people_core::ports::{App, Bodies};
use people_core::shown::Shown;
use people_core::summary::Source;
use people_core::time::Timestamp;

const NOW: Timestamp = Timestamp::from_millis(1_700_757_179_000);

/// The ports in memory never wait, so a future that is polled once is done.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("an in-memory port waited"),
    }
}

fn id() -> ImportId {
    ImportId::new(NOW, [1; 10])
}

fn delivered(ending: Ending) -> PartOutcome {
    let outcome = Outcome::unsent(ending);
    let delivery = Delivery { target: "t".into(), outcome, superseded: Vec::new() };
    PartOutcome::Delivered { deliveries: vec![delivery], unmapped: Vec::new() }
}

/// A staged import whose parts ended so.
fn log(outcomes: Vec<PartOutcome>) -> ImportLog {
    let part = |outcome| PartLog { subject: Subject::Person(None), outcome };
    let log = ImportLog {
        id: id(),
        received_at: NOW,
        key_name: Shown::new("test"),
        state: State::Running,
        fault: None,
        parts: outcomes.into_iter().map(part).collect(),
        names_targets: false,
        dry_run: false,
        form: Form::Array,
        source: Source::Staged,
        later: Vec::new(),
    };
    ImportLog { state: State::Ended(log.answer()), ..log }
}

/// What there is of an import with this log and, where it waits, this body.
fn failed(log: &ImportLog, body: Option<&'static str>) -> (Failed, Option<(String, Bytes)>) {
    let bodies = Arc::new(MemoryBodies::default());
    let app = App { bodies: bodies.clone(), ..memory::app(Arc::new(ManualClock::at(NOW))) };
    now(app.imports.open(log, None)).unwrap();
    if let Some(body) = body {
        let content = Content::Memory(Bytes::from_static(body.as_bytes()));
        now(bodies.put(id(), "application/json; x=y", &content)).unwrap();
    }
    (now(link(&app, id())).unwrap(), bodies.failed(id()))
}

#[test]
fn what_failed_by_now_is_a_body_of_the_same_content_type() {
    let outcomes = vec![
        delivered(Ending::Updated),
        PartOutcome::UnknownPerson,
        delivered(Ending::Deferred("it is down".into())),
        delivered(Ending::Deferred("it is down".into())),
        delivered(Ending::Superseded),
        PartOutcome::Interrupted,
    ];
    let PartOutcome::Delivered { deliveries, .. } = delivered(Ending::GivenUp("it is down".into())) else {
        panic!()
    };
    let later = vec![Later { at: NOW, part: 3, news: News::Delivery(deliveries[0].clone()) }];
    let log = ImportLog { later, ..log(outcomes) };
    let (failed, body) = failed(&log, Some(r#"[ 0, { "a": 1 } ,2,3,4, 5 ]"#));
    assert!(matches!(failed, Failed::Link(_)), "{failed:?}");
    let (content_type, bytes) = body.unwrap();
    assert_eq!(content_type, "application/json; x=y");
    assert_eq!(bytes, r#"[{ "a": 1 },3,5]"#);
}

#[test]
fn there_is_none_where_nothing_failed_or_the_body_is_not_kept() {
    let unknown = || log(vec![PartOutcome::UnknownPerson]);
    let body = Some("[1]");
    for (log, body, expected) in [
        (log(vec![delivered(Ending::Unchanged)]), body, Failed::Nothing),
        (log(vec![PartOutcome::Deferred("it is down".into())]), body, Failed::Nothing),
        (unknown(), None, Failed::Gone),
        (ImportLog { source: Source::Direct, ..unknown() }, body, Failed::Gone),
        (ImportLog { source: Source::Document, ..unknown() }, body, Failed::Gone),
        (ImportLog { source: Source::Inbox, ..unknown() }, body, Failed::Gone),
        (ImportLog { state: State::Running, ..unknown() }, body, Failed::Unfinished),
        (ImportLog { state: State::Accepted, ..unknown() }, body, Failed::Unfinished),
        (
            ImportLog { fault: Some(RequestFault::TooManyParts(51)), parts: Vec::new(), ..unknown() },
            body,
            Failed::NoParts,
        ),
    ] {
        assert_eq!(failed(&log, body), (expected, None));
    }
    let app = memory::app(Arc::new(ManualClock::at(NOW)));
    assert_eq!(now(link(&app, id())).unwrap(), Failed::Unknown);
}

#[test]
fn a_body_that_is_another_one_gives_no_link() {
    let app = memory::app(Arc::new(ManualClock::at(NOW)));
    now(app.imports.open(&log(vec![PartOutcome::UnknownPerson; 2]), None)).unwrap();
    now(app.bodies.put(id(), "application/json", &Content::Memory(Bytes::from_static(b"[1]")))).unwrap();
    assert!(now(link(&app, id())).is_err());
}
