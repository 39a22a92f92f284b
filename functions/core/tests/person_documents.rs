//! Single documents over the in-memory ports: who is given what, what is deleted, and what the log says of it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;
use people_core::batch::{Incoming, RequestFault};
use people_core::document::Receiver;
use people_core::document_name::{DocumentName, parse_person};
use people_core::id::ImportId;
use people_core::import::{self, SYNCHRONOUS};
use people_core::log::{Form, ImportLog, Outcome};
use people_core::log_text::render;
use people_core::memory::{
    ManualClock, MemoryDirectory, MemoryDocuments, MemoryImports, MemoryKeys, MemorySpool,
};
use people_core::person::{Identifier, NativeKey, Person};
use people_core::person_documents::{Request, delete, link, list};
use people_core::ports::{
    App, ConfiguredTarget, Directory, Found, Imports, Listing, PersonUpdate, Sighting, Target,
};
use people_core::profile::Profile;
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
    let definition = br#"[{"name":"salary","fieldType":"File","source":"Api","isList":true},
        {"name":"contract","fieldType":"File","source":"Api"},{"name":"phone","fieldType":"Phone","source":"Api"}]"#;
    let (directory, imports) = (Arc::new(MemoryDirectory::default()), Arc::new(MemoryImports::default()));
    let target =
        ConfiguredTarget { name: "t".into(), fields: Default::default(), api: Arc::new(Always(others)) };
    let app = App {
        profile: Arc::new(Profile::parse(definition).unwrap()),
        targets: Arc::new([target]),
        imports: imports.clone(),
        documents: Arc::new(MemoryDocuments::default()),
        directory: directory.clone(),
        keys: Arc::new(MemoryKeys::default()),
        clock: Arc::new(ManualClock::at(Timestamp::from_millis(1_700_757_179_000))),
        spool: Arc::new(MemorySpool),
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
        let mut receiver = Receiver::new(Arc::new(MemorySpool));
        receiver.write(bytes).unwrap();
        let part = name(person, field, file).map(|name| Incoming::Document(name, receiver.finish().unwrap()));
        let Request { id, received_at, key_name, until } = self.request();
        let parts = part.map(|part| vec![part]);
        let request = import::Request { id, received_at, key_name, form: Form::Document, parts, until };
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
    assert_eq!(now(world.imports.of_person(&person)).unwrap().len(), 5, "three stored, two to be deleted");
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
