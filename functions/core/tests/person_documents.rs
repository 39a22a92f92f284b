//! Single documents over the in-memory ports: who is given what, what is deleted, and what the log says of it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;
use people_core::batch::{Incoming, RequestFault};
use people_core::document::{Document, Link, Receiver, Slot, StoredDocument};
use people_core::document_name::{DocumentName, parse_person};
use people_core::error::StoreError;
use people_core::filing::sweep;
use people_core::id::ImportId;
use people_core::import::{self, Begin, Interrupted, SYNCHRONOUS};
use people_core::late::Run;
use people_core::later::Later;
use people_core::log::{Answer, Asked, DIED_AFTER, Form, ImportLog, Outcome, State};
use people_core::log_text::render;
use people_core::memory::{ManualClock, MemoryDirectory, MemoryDocuments, MemoryImports, MemorySpool};
use people_core::person::{Identifier, NativeKey, Person, PersonKey};
use people_core::person_documents::{Request, delete, link, list};
use people_core::ports::{
    App, Claim, Claimed, ConfiguredTarget, Directory, Documents, Found, Imports, IndexEntry, LeaseHolder,
    Listing, Opened, Page, PersonUpdate, Sighting, Stored, Target,
};
use people_core::profile::Profile;
use people_core::shown::Shown;
use people_core::summary::{Source, Summary};
use people_core::time::Timestamp;

const PDF: &[u8] = b"%PDF-1.7\n%%EOF\n";

/// The ports in memory never wait, so a future that is polled once is done.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("an in-memory port waited"),
    }
}

/// A target that says the same of everybody.
struct Always(Found);

#[async_trait]
impl Target for Always {
    async fn find(&self, identifiers: &[Identifier], _: Timestamp) -> Vec<Found> {
        vec![self.0.clone(); identifiers.len()]
    }

    async fn list(&self, _: Timestamp) -> Listing {
        Listing::CannotList
    }

    async fn deliver(&self, _: &[PersonUpdate], _: Timestamp) -> Vec<Outcome> {
        Vec::new()
    }
}

struct World {
    app: App,
    directory: Arc<MemoryDirectory>,
    imports: Arc<MemoryImports>,
    next: std::cell::Cell<u8>,
}

/// Joe is known by both identifiers; of others, the target says this.
fn world(others: Found) -> World {
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_700_757_179_000)));
    let definition = br#"[{"name":"salary","fieldType":"File","source":"Api","isList":true},
        {"name":"contract","fieldType":"File","source":"Api"},{"name":"phone","fieldType":"Phone","source":"Api"}]"#;
    let (directory, imports) =
        (Arc::new(MemoryDirectory::default()), Arc::new(MemoryImports::new(clock.clone())));
    let target =
        ConfiguredTarget { name: "t".into(), fields: Default::default(), api: Arc::new(Always(others)) };
    let app = App {
        profile: Arc::new(Profile::parse(definition).unwrap()),
        targets: Arc::new([target]),
        imports: imports.clone(),
        directory: directory.clone(),
        ..people_core::memory::app(clock)
    };
    let world = World { app, directory, imports, next: std::cell::Cell::new(0) };
    world.know("7", "joe@x.y");
    world
}

fn name(person: &str, field: &str, file: &str) -> Result<DocumentName, RequestFault> {
    DocumentName::parse(Some(person), Some(field), Some(file))
}

impl World {
    fn know(&self, id: &str, upn: &str) {
        let key = NativeKey(id.into());
        let seen = Sighting { key, employee_id: Some(id.into()), upn: Some(upn.into()) };
        now(self.directory.learn(&"t".into(), &[seen])).unwrap();
    }

    fn forget(&self, id: &str) {
        now(self.directory.forget(&"t".into(), &NativeKey(id.into()))).unwrap();
    }

    fn id(&self) -> ImportId {
        self.next.set(self.next.get() + 1);
        ImportId::new(self.app.clock.now(), [self.next.get(); 10])
    }

    fn request(&self) -> Request {
        let received_at = self.app.clock.now();
        Request { id: self.id(), received_at, key_name: "k".into(), until: received_at.plus(SYNCHRONOUS) }
    }

    /// The log without its first line, which is stored as it was given back.
    fn text(&self, log: &ImportLog) -> String {
        assert_eq!(now(self.imports.find(log.id)).unwrap().as_ref(), Some(log));
        assert_eq!(log.form, Form::Document);
        render(log).split_once('\n').unwrap().1.to_owned()
    }

    fn put(&self, person: &str, field: &str, file: &str, bytes: &[u8]) -> String {
        self.store(self.request(), Begin::New, (person, field, file, bytes))
    }

    fn store(
        &self,
        request: Request,
        begin: Begin,
        (person, field, file, bytes): (&str, &str, &str, &[u8]),
    ) -> String {
        let mut receiver = Receiver::new(Arc::new(MemorySpool));
        receiver.write(bytes).unwrap();
        let part = name(person, field, file).map(|name| Incoming::Document(name, receiver.finish().unwrap()));
        let Request { id, received_at, key_name, until } = request;
        let parts = part.map(|part| vec![part]);
        let request = import::Request {
            id,
            received_at,
            key_name,
            form: Form::Document,
            parts,
            until,
            source: Source::Document,
            dry_run: false,
            begin,
        };
        self.text(&now(import::run(&self.app, request)).unwrap())
    }

    fn link(&self, person: &str, field: &str, file: &str) -> String {
        let (log, link) = now(link(&self.app, &self.request(), name(person, field, file))).unwrap();
        let text = self.text(&log);
        assert_eq!(link.is_some(), text.starts_with("Success - FileLinked - "), "{text}");
        text
    }

    fn list(&self, person: &str) -> (Vec<String>, String) {
        let (log, documents) = now(list(&self.app, &self.request(), parse_person(Some(person)))).unwrap();
        let text = self.text(&log);
        assert_eq!(documents.is_some(), text.starts_with("Success - "), "{text}");
        let names =
            documents.unwrap_or_default().into_iter().map(|one| format!("{}/{}", one.field, one.file_name));
        (names.collect(), text)
    }

    fn delete(&self, person: &str, field: &str, file: &str) -> String {
        self.text(&now(delete(&self.app, &self.request(), name(person, field, file))).unwrap())
    }
}

#[test]
fn a_document_is_stored_linked_listed_replaced_and_deleted() {
    let world = world(Found::Nobody);
    assert_eq!(
        world.put("Joe@x.y", "salary", "a__b.pdf", PDF),
        "Success - FileUploaded - Uploaded file 'salary/a__b.pdf' for 'Joe@x.y'\n"
    );
    assert_eq!(
        world.put("7", "salary", "a__b.pdf", PDF),
        "Success - FileUploaded - Replaced file 'salary/a__b.pdf' for '7'\n"
    );
    world.put("7", "contract", "c.pdf", PDF);
    assert_eq!(
        world.link("joe@x.y", "salary", "a__b.pdf"),
        "Success - FileLinked - Link to file 'salary/a__b.pdf' of 'joe@x.y'\n"
    );
    let listed = (
        vec!["contract/c.pdf".into(), "salary/a__b.pdf".into()],
        "Success - FilesListed - 2 files of '7'\n".into(),
    );
    assert_eq!(world.list("7"), listed);
    assert_eq!(
        world.delete("7", "salary", "a__b.pdf"),
        "Success - FileDeleted - Deleted file 'salary/a__b.pdf' of '7'\n"
    );
    assert_eq!(
        world.delete("7", "salary", "a__b.pdf"),
        "Success - FileDeleted - No file 'salary/a__b.pdf' of '7'\n"
    );
    assert_eq!(
        world.link("7", "salary", "a__b.pdf"),
        "Error - FileNotFound - No file 'salary/a__b.pdf' of '7'\n"
    );
    let person = Person { employee_id: Some("7".into()), ..Person::default() }.key();
    assert_eq!(now(world.imports.of_person(&person, None, 9)).unwrap().len(), 4, "three stored, one deleted");
}

#[test]
fn a_field_that_is_no_list_gives_its_file_under_its_own_name_only() {
    let world = world(Found::Nobody);
    world.put("7", "contract", "new.pdf", PDF);
    assert!(world.link("7", "contract", "old.pdf").starts_with("Error - FileNotFound - "));
    assert!(world.delete("7", "contract", "old.pdf").contains(" - No file "));
    assert!(world.delete("7", "contract", "new.pdf").contains(" - Deleted file "));
}

#[test]
fn what_was_stored_is_found_whatever_became_of_its_field() {
    let mut world = world(Found::Nobody);
    world.put("7", "salary", "a.pdf", PDF);
    world.put("7", "contract", "c.pdf", PDF);
    world.app.profile =
        Arc::new(Profile::parse(br#"[{"name":"salary","fieldType":"File","source":"Api"}]"#).unwrap());
    assert!(world.link("7", "salary", "a.pdf").starts_with("Success"));
    assert!(world.delete("7", "contract", "c.pdf").contains(" - Deleted file "));
    assert_eq!(
        world.put("7", "contract", "c.pdf", PDF),
        "Error - InvalidFile - Invalid file in part 0: there is no field 'contract'\n"
    );
}

#[test]
fn a_person_who_left_is_found_by_what_is_stored_of_them() {
    let world = world(Found::Nobody);
    world.put("7", "salary", "a.pdf", PDF);
    world.forget("7");
    assert_eq!(world.put("7", "salary", "b.pdf", PDF), "Error - UnknownPerson - Unknown person: '7'\n");
    assert!(world.link("7", "salary", "a.pdf").starts_with("Success - FileLinked - "));
    assert!(world.link("7", "salary", "b.pdf").starts_with("Error - FileNotFound - "));
    assert_eq!(world.list(" 7 ").0, ["salary/a.pdf"]);
    assert_eq!(world.list("joe@x.y").1, "Error - UnknownPerson - Unknown person: 'joe@x.y'\n");
    assert!(world.delete("7", "salary", "a.pdf").contains(" - Deleted file "));
    assert_eq!(world.delete("7", "salary", "a.pdf"), "Error - UnknownPerson - Unknown person: '7'\n");
}

#[test]
fn what_was_stored_before_the_employee_id_was_known_is_not_given_and_not_said_to_be_deleted() {
    let world = world(Found::Nobody);
    let seen = |employee_id: Option<&str>| Sighting {
        key: NativeKey("9".into()),
        employee_id: employee_id.map(str::to_owned),
        upn: Some("ann@x.y".into()),
    };
    now(world.directory.learn(&"t".into(), &[seen(None)])).unwrap();
    world.put("ann@x.y", "salary", "a.pdf", PDF);
    now(world.directory.learn(&"t".into(), &[seen(Some("9"))])).unwrap();
    assert!(world.link("ann@x.y", "salary", "a.pdf").starts_with("Error - FileNotFound - "));
    let refused = "Error - FileNotDeleted - 'salary/a.pdf' of 'ann@x.y' not deleted: \
        there is one under this name from before the employeeId was known\n";
    assert_eq!(world.delete("ann@x.y", "salary", "a.pdf"), refused);
    assert!(world.delete("ann@x.y", "salary", "b.pdf").contains(" - No file "));
}

#[test]
fn a_mistyped_person_does_not_look_like_an_erasure() {
    let world = world(Found::Nobody);
    for log in [world.delete("8", "salary", "a.pdf"), world.link("8", "salary", "a.pdf"), world.list("8").1] {
        assert_eq!(log, "Error - UnknownPerson - Unknown person: '8'\n");
    }
}

#[test]
fn another_case_of_an_employee_id_is_another_person() {
    let world = world(Found::Nobody);
    world.know("ab", "ab@x.y");
    world.put("ab", "salary", "a.pdf", PDF);
    world.forget("ab");
    assert_eq!(world.list("AB").1, "Error - UnknownPerson - Unknown person: 'AB'\n");
    assert_eq!(world.list("ab").0, ["salary/a.pdf"]);
}

#[test]
fn nothing_is_given_or_deleted_while_nobody_can_tell_who_is_meant() {
    let world = world(Found::Unavailable("t does not answer".into()));
    let why = "t does not answer, send it again\n";
    assert_eq!(
        world.link("8", "salary", "a.pdf"),
        format!("Error - FileNotLinked - 'salary/a.pdf' of '8' not linked: {why}")
    );
    assert_eq!(world.list("8").1, format!("Error - FilesNotListed - Files of '8' not listed: {why}"));
    assert_eq!(
        world.delete("8", "salary", "a.pdf"),
        format!("Error - FileNotDeleted - 'salary/a.pdf' of '8' not deleted: {why}")
    );
    assert!(world.put("8", "salary", "a.pdf", PDF).starts_with("Error - FileNotUploaded - "));
}

#[test]
fn several_people_with_one_identifier_are_nobody() {
    let world = world(Found::Several);
    assert_eq!(
        world.list("8").1,
        "Error - FilesNotListed - Files of '8' not listed: several people have this identifier\n"
    );
}

#[test]
fn names_that_cannot_be_are_refused() {
    let world = world(Found::Nobody);
    assert_eq!(world.link("7", "", "a.pdf"), "Error - InvalidRequest - the field is missing\n");
    let invalid = "Error - InvalidFile - Invalid file in part 0: the name of the file contains '/'\n";
    assert_eq!(world.put("7", "salary", "a/b.pdf", PDF), invalid);
    assert_eq!(world.link("7", "salary", "a/b.pdf"), invalid);
    assert_eq!(world.delete("7", "salary", "a/b.pdf"), invalid);
    assert_eq!(
        world.put("7", "phone", "a.txt", b"x"),
        "Error - InvalidFile - Invalid file in part 0: the file name does not end with .pdf | 'phone' takes no file | it does not start with %PDF-\n"
    );
    assert!(world.link("7", &"f".repeat(5000), "a.pdf").starts_with("Error - FileNotFound - "));
}

/// What the stores are asked to do here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    Open,
    Index,
    Close,
    Link,
    List,
    Delete,
    Sweep(Timestamp),
}

/// How a call goes wrong.
#[derive(Debug, Clone, Copy)]
enum Fault {
    Fails,
    NeverEnds,
}

/// Both stores, which note the calls in order; one of the calls goes wrong before it does anything.
struct Watched {
    imports: Arc<dyn Imports>,
    documents: Arc<dyn Documents>,
    fault: Option<(Call, Fault)>,
    calls: Mutex<Vec<Call>>,
}

impl Watched {
    async fn called(&self, call: Call) -> Result<(), StoreError> {
        self.calls.lock().unwrap().push(call);
        match self.fault.filter(|(wrong, _)| *wrong == call) {
            Some((_, Fault::Fails)) => Err(StoreError::new("do as asked", "it is broken")),
            Some((_, Fault::NeverEnds)) => std::future::pending().await,
            None => Ok(()),
        }
    }
}

#[async_trait]
impl Imports for Watched {
    async fn open(&self, log: &ImportLog, claim: Option<&Claim>) -> Result<Opened, StoreError> {
        self.called(Call::Open).await?;
        self.imports.open(log, claim).await
    }

    async fn claim(&self, id: ImportId, claim: &Claim) -> Result<Claimed, StoreError> {
        self.imports.claim(id, claim).await
    }

    async fn begin(&self, log: &ImportLog, holder: &LeaseHolder) -> Result<(), StoreError> {
        self.imports.begin(log, holder).await
    }

    async fn append(&self, id: ImportId, later: &[Later]) -> Result<(), StoreError> {
        self.imports.append(id, later).await
    }

    async fn unfinished(&self, before: Timestamp, limit: usize) -> Result<Vec<ImportId>, StoreError> {
        self.imports.unfinished(before, limit).await
    }

    async fn sample(
        &self,
        from: Timestamp,
        to: Timestamp,
        limit: usize,
    ) -> Result<Vec<ImportLog>, StoreError> {
        self.imports.sample(from, to, limit).await
    }

    async fn newer(
        &self,
        person: &PersonKey,
        than: (ImportId, usize),
    ) -> Result<Vec<IndexEntry>, StoreError> {
        self.imports.newer(person, than).await
    }

    async fn index(&self, entries: &[IndexEntry]) -> Result<(), StoreError> {
        self.called(Call::Index).await?;
        self.imports.index(entries).await
    }

    async fn close(&self, log: &ImportLog, holder: &LeaseHolder) -> Result<(), StoreError> {
        self.called(Call::Close).await?;
        self.imports.close(log, holder).await
    }

    async fn find(&self, id: ImportId) -> Result<Option<ImportLog>, StoreError> {
        self.imports.find(id).await
    }

    async fn list(&self, page: &Page) -> Result<Vec<Summary>, StoreError> {
        self.imports.list(page).await
    }

    async fn summaries(&self, ids: &[ImportId]) -> Result<Vec<Summary>, StoreError> {
        self.imports.summaries(ids).await
    }

    async fn of_person(
        &self,
        person: &PersonKey,
        before: Option<(ImportId, usize)>,
        limit: usize,
    ) -> Result<Vec<IndexEntry>, StoreError> {
        self.imports.of_person(person, before, limit).await
    }
}

#[async_trait]
impl Documents for Watched {
    async fn store(&self, document: &Document) -> Result<Stored, StoreError> {
        self.documents.store(document).await
    }

    async fn read(&self, slot: &Slot) -> Result<Option<Vec<u8>>, StoreError> {
        self.documents.read(slot).await
    }

    async fn is_taken(&self, slot: &Slot) -> Result<bool, StoreError> {
        self.documents.is_taken(slot).await
    }

    async fn link(&self, slot: &Slot, file_name: &str) -> Result<Option<Link>, StoreError> {
        self.called(Call::Link).await?;
        self.documents.link(slot, file_name).await
    }

    async fn list(&self, person: &PersonKey) -> Result<Vec<StoredDocument>, StoreError> {
        self.called(Call::List).await?;
        self.documents.list(person).await
    }

    async fn delete(&self, slot: &Slot, file_name: &str, import: ImportId) -> Result<bool, StoreError> {
        self.called(Call::Delete).await?;
        self.documents.delete(slot, file_name, import).await
    }

    async fn sweep(&self, stored_before: Timestamp, most: Option<usize>) -> Result<usize, StoreError> {
        self.called(Call::Sweep(stored_before)).await?;
        self.documents.sweep(stored_before, most).await
    }
}

/// One request about a document that is there, over watched stores, and all that can be seen of it.
struct Observed {
    /// The log that was given back, and whether a link or a list came with it.
    result: Result<(ImportLog, bool), Interrupted>,
    calls: Vec<Call>,
    /// Whether the document is there now.
    there: bool,
    /// The log that is stored now.
    stored: Option<ImportLog>,
    /// Whether the request ended when it had to, and not before.
    took_its_time: bool,
}

/// Carries out a request under an id that is new, or taken.
fn observe(asked: Asked, fault: Option<(Call, Fault)>, taken: bool) -> Observed {
    let mut world = world(Found::Nobody);
    world.put("7", "salary", "a.pdf", PDF);
    let (imports, documents) = (world.app.imports.clone(), world.app.documents.clone());
    let watched = Arc::new(Watched { imports, documents, fault, calls: Mutex::default() });
    (world.app.imports, world.app.documents) = (watched.clone(), watched.clone());
    let mut request = world.request();
    if taken {
        request.id = ImportId::new(request.received_at, [1; 10]);
    }
    let file = || name("7", "salary", "a.pdf");
    let result = match asked {
        Asked::Link => now(link(&world.app, &request, file())).map(|(log, link)| (log, link.is_some())),
        Asked::List => now(list(&world.app, &request, parse_person(Some("7"))))
            .map(|(log, documents)| (log, documents.is_some())),
        Asked::Deletion => now(delete(&world.app, &request, file())).map(|log| (log, false)),
    };
    let joe = Person { employee_id: Some("7".into()), ..Person::default() }.key();
    Observed {
        result,
        calls: watched.calls.lock().unwrap().clone(),
        there: !now(watched.documents.list(&joe)).unwrap().is_empty(),
        stored: now(world.imports.find(request.id)).unwrap(),
        took_its_time: world.app.clock.now() == request.until,
    }
}

const EVERYTHING: [Asked; 3] = [Asked::Link, Asked::List, Asked::Deletion];

#[test]
fn a_log_is_written_before_anything_is_given_and_open_before_anything_is_deleted() {
    for (asked, calls) in [
        (Asked::Link, vec![Call::Link, Call::Open]),
        (Asked::List, vec![Call::List, Call::Open]),
        // A document may be in either of two slots.
        (Asked::Deletion, vec![Call::Link, Call::Open, Call::Index, Call::Delete, Call::Delete, Call::Close]),
    ] {
        let seen = observe(asked, None, false);
        let (log, given) = seen.result.unwrap();
        assert_eq!(seen.calls, calls);
        assert_eq!((given, seen.there), (asked != Asked::Deletion, asked != Asked::Deletion), "{asked:?}");
        assert_eq!(seen.stored, Some(log));
    }
}

#[test]
fn nothing_is_given_or_deleted_whose_log_cannot_be_opened() {
    for (fault, taken) in [(Some((Call::Open, Fault::Fails)), false), (None, true)] {
        for asked in EVERYTHING {
            let seen = observe(asked, fault, taken);
            let interrupted = seen.result.unwrap_err();
            assert!(!interrupted.opened, "{asked:?}: nobody can look it up");
            assert!(seen.there, "{asked:?}");
            assert_eq!(seen.calls.last(), Some(&Call::Open), "{asked:?}: nothing happens afterwards");
            assert_eq!(seen.stored.is_some(), taken, "{asked:?}: only what was there before");
        }
    }
}

#[test]
fn what_cannot_be_read_is_not_given_and_not_logged() {
    for (asked, call) in [(Asked::Link, Call::Link), (Asked::List, Call::List), (Asked::Deletion, Call::Link)]
    {
        let seen = observe(asked, Some((call, Fault::Fails)), false);
        assert!(!seen.result.unwrap_err().opened, "{asked:?}");
        assert_eq!((seen.calls, seen.stored), (vec![call], None));
    }
}

#[test]
fn a_deletion_that_cannot_be_carried_out_is_in_the_log_and_deletes_nothing() {
    let (failed, late) = (
        "a store of this service failed",
        "whether it was deleted is not known, as the stores did not answer in time",
    );
    for (call, fault, answer, why) in [
        (Call::Index, Fault::Fails, Answer::StoreFailed, failed),
        (Call::Delete, Fault::Fails, Answer::StoreFailed, failed),
        (Call::Index, Fault::NeverEnds, Answer::Unavailable, late),
        (Call::Delete, Fault::NeverEnds, Answer::Unavailable, late),
    ] {
        let seen = observe(Asked::Deletion, Some((call, fault)), false);
        let (log, _) = seen.result.unwrap();
        let text =
            format!("Error - FileNotDeleted - 'salary/a.pdf' of '7' not deleted: {why}, send it again\n");
        assert_eq!((log.state, render(&log).split_once('\n').unwrap().1), (State::Ended(answer), &*text));
        assert_eq!(seen.stored, Some(log), "the log is closed as it was answered");
        assert!(seen.there);
        assert_eq!(seen.took_its_time, matches!(fault, Fault::NeverEnds), "the caller waits no longer");
        let before: &[Call] = if call == Call::Index { &[] } else { &[Call::Index] };
        assert_eq!(seen.calls, [&[Call::Link, Call::Open], before, &[call, Call::Close]].concat());
    }
}

#[test]
fn a_deletion_whose_log_cannot_be_closed_can_be_looked_up_and_dies() {
    let seen = observe(Asked::Deletion, Some((Call::Close, Fault::Fails)), false);
    assert!(seen.result.unwrap_err().opened);
    assert!(!seen.there, "it is deleted already");
    let log = seen.stored.unwrap();
    assert_eq!(log.state, State::Running);
    let died = log.received_at.plus(DIED_AFTER);
    assert!(render(&log.seen_at(died)).ends_with("\nError - Interrupted - Outcome of part 0 unknown\n"));
}

#[test]
fn what_is_swept_is_older_than_anything_that_can_still_be_stored() {
    let mut world = world(Found::Nobody);
    let started = world.app.clock.now();
    let before = Timestamp::from_millis(started.millis() - 30 * 24 * 60 * 60 * 1000);
    for (fault, error) in [
        (None, None),
        (Some(Fault::Fails), Some("do as asked")),
        (Some(Fault::NeverEnds), Some("sweep the documents")),
    ] {
        let (imports, documents) = (world.app.imports.clone(), Arc::new(MemoryDocuments::default()));
        let fault = fault.map(|fault| (Call::Sweep(before), fault));
        let watched = Arc::new(Watched { imports, documents, fault, calls: Mutex::default() });
        world.app.documents = watched.clone();
        let until = started.plus(SYNCHRONOUS);
        let swept = now(sweep(&world.app, None, until));
        assert_eq!(swept.map_err(|failed| failed.action), error.map_or(Ok(0), Err));
        assert_eq!(*watched.calls.lock().unwrap(), [Call::Sweep(before)]);
        let waited = matches!(fault, Some((_, Fault::NeverEnds)));
        assert_eq!(world.app.clock.now() == until, waited, "it ends when it has to, and not before");
    }
}

#[test]
fn a_deletion_waits_for_a_late_import_that_may_store_the_same() {
    let world = world(Found::Nobody);
    world.put("7", "salary", "a.pdf", PDF);
    let joe = Person { employee_id: Some("7".into()), ..Person::default() }.key();
    let late = LeaseHolder("late".into());
    let until = world.app.clock.now().plus(SYNCHRONOUS);
    let run = Run::waiting(&late, until, until);
    let held = now(run.hold_late(&world.app, [joe].into())).unwrap();
    let refused = "Error - FileNotDeleted - 'salary/a.pdf' of '7' not deleted: \
        another import delivers to this person, send it again\n";
    assert_eq!(world.delete("7", "salary", "a.pdf"), refused);
    assert_eq!(world.list("7").0, ["salary/a.pdf"]);
    now(held.give_back(&world.app, &late));
    assert!(world.delete("7", "salary", "a.pdf").contains(" - Deleted file "));
    let again = Run::waiting(&late, until, until);
    let joe = Person { employee_id: Some("7".into()), ..Person::default() }.key();
    assert!(
        now(again.hold_late(&world.app, [joe].into())).unwrap().busy.is_empty(),
        "it gave its lease back"
    );
}

/// Stores the file by an import that is older than what `before` does, and carried out after it.
fn store_late(before: impl FnOnce(&mut World)) -> (String, bool) {
    let mut world = world(Found::Nobody);
    let old = world.request();
    let claim = Claim { holder: LeaseHolder("late".into()), until: old.until };
    world.put("7", "salary", "a.pdf", PDF);
    before(&mut world);
    let log = ImportLog {
        id: old.id,
        received_at: old.received_at,
        key_name: Shown::new("k"),
        state: State::Running,
        fault: None,
        parts: Vec::new(),
        names_targets: false,
        dry_run: false,
        form: Form::Document,
        source: Source::Document,
        later: Vec::new(),
    };
    now(world.app.imports.open(&log, Some(&claim))).unwrap();
    let said = world.store(old, Begin::Claimed(claim.holder), ("7", "salary", "a.pdf", PDF));
    let there = world.link("7", "salary", "a.pdf").starts_with("Success - ");
    (said, there)
}

#[test]
fn a_late_import_does_not_store_what_is_deleted_or_may_be_about_to_be() {
    let superseded = "Warning - Superseded - 'salary/a.pdf' for '7' not uploaded: \
        a later request has replaced or deleted it\n";
    let deleted = |world: &mut World| drop(world.delete("7", "salary", "a.pdf"));
    assert_eq!(store_late(deleted), (superseded.to_owned(), false));
    let refused = "Error - FileNotUploaded - 'salary/a.pdf' for '7' not uploaded: \
        another request of this person is under way, send it again\n";
    // It has deleted the file, and died before it could say so.
    let dies = |world: &mut World| {
        let (imports, documents) = (world.app.imports.clone(), world.app.documents.clone());
        let fault = Some((Call::Close, Fault::Fails));
        let watched = Arc::new(Watched { imports, documents, fault, calls: Mutex::default() });
        let whole = std::mem::replace(&mut world.app.imports, watched);
        let name = name("7", "salary", "a.pdf");
        assert!(now(delete(&world.app, &world.request(), name)).is_err());
        world.app.imports = whole;
    };
    assert_eq!(store_late(dies), (refused.to_owned(), false));
    // Another one delivers to the person for a long time.
    let delivers = |world: &mut World| {
        world.delete("7", "salary", "a.pdf");
        let joe = Person { employee_id: Some("7".into()), ..Person::default() }.key();
        let (until, other) = (world.app.clock.now().plus(SYNCHRONOUS), LeaseHolder("other".into()));
        assert!(now(Run::waiting(&other, until, until).hold_late(&world.app, [joe].into())).is_ok());
    };
    assert_eq!(store_late(delivers), (refused.to_owned(), false));
    let nothing = |_: &mut World| {};
    let (said, there) = store_late(nothing);
    assert!(said.starts_with("Warning - Superseded - ") && there, "a newer file is there: {said}");
}
