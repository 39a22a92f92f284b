//! One document of a person: a link to it, the list of them, its end. Each is logged like an import of one part, so that
//! it is known who was given whose payslip: nothing is given before its log is written, nothing deleted before it is open.

use futures_util::FutureExt;
use futures_util::future::{Either, select};

use crate::batch::RequestFault;
use crate::directory::{self, Meant};
use crate::document::{Link, Slot, StoredDocument};
use crate::document_name::DocumentName;
use crate::error::StoreError;
use crate::id::ImportId;
use crate::import::{self, Interrupted, SEVERAL};
use crate::late;
use crate::log::{Answer, Asked, Form, ImportLog, PartLog, PartOutcome, State, Subject};
use crate::log_text::send_again;
use crate::person::{Identifier, Person, PersonKey, Who};
use crate::ports::{App, IndexEntry, LeaseHolder};
use crate::shown::Shown;
use crate::summary::Source;
use crate::time::Timestamp;

/// A request for something that is stored.
#[derive(Debug)]
pub struct Request {
    /// The GUID that names it.
    pub id: ImportId,
    /// When it was received.
    pub received_at: Timestamp,
    /// The name of the key that sent it.
    pub key_name: String,
    /// When it has to be answered.
    pub until: Timestamp,
}

/// A link to a document, with the log that says so; `None` where the log says why there is none.
pub async fn link(
    app: &App,
    request: &Request,
    name: Result<DocumentName, RequestFault>,
) -> Result<(ImportLog, Option<Link>), Interrupted> {
    let name = match name {
        Ok(name) => name,
        Err(fault) => return Ok((refuse(app, request, fault).await?, None)),
    };
    let failed = |error| request.failed(error);
    let whose = whose_file(app, request, &name, Asked::Link).await.map_err(failed)?;
    let mut link = None;
    for slot in whose.iter().flat_map(|person| slots(app, person, &name)) {
        if link.is_none() {
            link = app.documents.link(&slot, name.file()).await.map_err(failed)?;
        }
    }
    let outcome = match (whose, &link) {
        (Err(outcome), _) => outcome,
        (Ok(_), Some(_)) => PartOutcome::Linked,
        (Ok(_), None) => PartOutcome::NotFound,
    };
    Ok((record(app, request, name.subject(), outcome).await?, link))
}

/// Every document of a person, with the log that says so; `None` where the log says why there is no list.
pub async fn list(
    app: &App,
    request: &Request,
    who: Result<Who, RequestFault>,
) -> Result<(ImportLog, Option<Vec<StoredDocument>>), Interrupted> {
    let who = match who {
        Ok(who) => who,
        Err(fault) => return Ok((refuse(app, request, fault).await?, None)),
    };
    let failed = |error| request.failed(error);
    let (outcome, documents) = match whose(app, request, &who, Asked::List).await.map_err(failed)? {
        Err(outcome) => (outcome, None),
        Ok(person) => {
            let documents = app.documents.list(&person).await.map_err(failed)?;
            (PartOutcome::Listed(u32::try_from(documents.len()).unwrap_or(u32::MAX)), Some(documents))
        }
    };
    let log = record(app, request, Subject::Person(Some(who.written)), outcome).await?;
    Ok((log, documents))
}

/// Deletes a document. The log that is given back says whether there was one.
pub async fn delete(
    app: &App,
    request: &Request,
    name: Result<DocumentName, RequestFault>,
) -> Result<ImportLog, Interrupted> {
    let name = match name {
        Ok(name) => name,
        Err(fault) => return refuse(app, request, fault).await,
    };
    let whose = whose_file(app, request, &name, Asked::Deletion).await;
    let person = match whose.map_err(|error| request.failed(error))? {
        Ok(person) => person,
        Err(outcome) => return record(app, request, name.subject(), outcome).await,
    };
    let failed = |error| request.failed(error);
    if !is_there(app, &person, &name).await.map_err(failed)? {
        let outcome = absent(app, &person, &name).await.map_err(failed)?;
        return record(app, request, name.subject(), outcome).await;
    }
    let mut log = request.log(app, Some((name.subject(), PartOutcome::Pending)));
    let claim = import::claim(request.id, request.until);
    import::open(app, &log, Some(&claim)).await?;
    let deleted = carry_out(app, request, &claim.holder, &person, &name).boxed();
    let deleted = match select(deleted, app.clock.sleep_until(request.until)).await {
        Either::Left((deleted, _)) => deleted,
        Either::Right(_) => Ok(not_now(
            Asked::Deletion,
            "whether it was deleted is not known, as the stores did not answer in time",
        )),
    };
    let stored = deleted.is_ok();
    let outcome = deleted.unwrap_or_else(|error| {
        tracing::error!(import.id = %request.id, error = %error, "a document was not deleted");
        not_now(Asked::Deletion, "a store of this service failed")
    });
    log.parts = vec![PartLog { subject: name.subject(), outcome }];
    log.state = State::Ended(if stored { log.answer() } else { Answer::StoreFailed });
    let closed = app.imports.close(&log, &claim.holder).await;
    closed.map_err(|error| Interrupted { id: request.id, opened: true, error })?;
    import::report(app, &log);
    Ok(log)
}

/// Like an import, beside those that may be late: one of them that began before does not store after this what it would
/// have deleted.
async fn carry_out(
    app: &App,
    request: &Request,
    holder: &LeaseHolder,
    person: &PersonKey,
    name: &DocumentName,
) -> Result<PartOutcome, StoreError> {
    let entry =
        IndexEntry { person: person.clone(), import: request.id, part: 0, fields: vec![name.field().into()] };
    app.imports.index(&[entry]).await?;
    let run = late::Run::waiting(holder, request.until, app.clock.now());
    let held = run.hold_beside(app, [person.clone()].into()).await?;
    if !held.busy.is_empty() {
        return Ok(not_now(Asked::Deletion, "another import delivers to this person"));
    }
    let deleted = delete_all(app, request, person, name).await;
    held.give_back(app, holder).await;
    deleted
}

async fn delete_all(
    app: &App,
    request: &Request,
    person: &PersonKey,
    name: &DocumentName,
) -> Result<PartOutcome, StoreError> {
    let mut outcome = PartOutcome::Absent;
    for slot in slots(app, person, name) {
        match app.documents.delete(&slot, name.file(), request.id).await {
            Ok(true) => outcome = PartOutcome::Deleted,
            Ok(false) => {}
            // What is gone is said to be gone, whatever became of the other slot.
            Err(error) if outcome == PartOutcome::Deleted => {
                tracing::error!(import.id = %request.id, error = %error, "one more slot may hold the document");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(outcome)
}

/// Whether there is such a document. What is not there needs no entry in the person index, which would say that a part
/// named a field.
async fn is_there(app: &App, person: &PersonKey, name: &DocumentName) -> Result<bool, StoreError> {
    for slot in slots(app, person, name) {
        if app.documents.link(&slot, name.file()).await?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// How a deletion ends where the person has no such document. One that was stored under the same UPN, before an employeeId
/// was known, may be somebody else's, who had that UPN: it stays, and that is said, because it must not look erased.
async fn absent(app: &App, person: &PersonKey, name: &DocumentName) -> Result<PartOutcome, StoreError> {
    for former in name.who().identifiers().filter_map(key).filter(|key| key != person) {
        if is_there(app, &former, name).await? {
            let why = "there is one under this name from before the employeeId was known".to_owned();
            return Ok(PartOutcome::Unserved { asked: Asked::Deletion, why, passing: false });
        }
    }
    Ok(PartOutcome::Absent)
}

/// Where a document may be: as the profile definition says now, then as an earlier one may have said, because what was
/// stored must be found, and can be erased, whatever became of its field.
fn slots(app: &App, person: &PersonKey, name: &DocumentName) -> Vec<Slot> {
    if !name.may_be_stored() {
        return Vec::new();
    }
    let slot = |file: Option<&str>| Slot {
        person: person.clone(),
        field: name.field().to_owned(),
        name: file.map(str::to_owned),
    };
    let mut slots = vec![slot(Some(name.file())), slot(None)];
    if app.profile.field(name.field()).is_some_and(|field| !field.is_list) {
        slots.reverse();
    }
    slots
}

async fn whose_file(
    app: &App,
    request: &Request,
    name: &DocumentName,
    asked: Asked,
) -> Result<Result<PersonKey, PartOutcome>, StoreError> {
    match name.fault() {
        Some(fault) => Ok(Err(PartOutcome::InvalidFile(fault.to_string()))),
        None => whose(app, request, name.who(), asked).await,
    }
}

/// The person who is meant, or how the request ends because nobody is.
async fn whose(
    app: &App,
    request: &Request,
    who: &Who,
    asked: Asked,
) -> Result<Result<PersonKey, PartOutcome>, StoreError> {
    let until = import::look_ups_until(app, request.until);
    match directory::resolve(app, &[who], until).await?.meant(who) {
        Meant::Known(person) => Ok(Ok(person.key())),
        Meant::Nobody => left(app, who, asked).await,
        Meant::TwoPeople(_) | Meant::Several => Ok(Err(several(asked))),
        Meant::Unavailable(why) => Ok(Err(not_now(asked, &why))),
    }
}

/// Somebody whom nobody knows any more is still found by what is stored of them, under the identifier that they were known
/// by. In lower case the text counts only where it looks like a UPN: employeeIds are compared exactly.
async fn left(app: &App, who: &Who, asked: Asked) -> Result<Result<PersonKey, PartOutcome>, StoreError> {
    let mut keys: Vec<PersonKey> = who.identifiers().filter_map(key).collect();
    keys.dedup();
    let mut found = Vec::new();
    for key in keys {
        if !app.documents.list(&key).await?.is_empty() {
            found.push(key);
        }
    }
    Ok(match found.len() {
        0 | 1 => found.pop().ok_or(PartOutcome::UnknownPerson),
        _ => Err(several(asked)),
    })
}

fn key(identifier: &Identifier) -> Option<PersonKey> {
    let person = match identifier {
        Identifier::EmployeeId(id) => Person { employee_id: Some(id.clone()), ..Person::default() },
        Identifier::Upn(upn) if upn.contains('@') => Person { upn: Some(upn.clone()), ..Person::default() },
        Identifier::Upn(_) => return None,
    };
    Some(person.key())
}

fn several(asked: Asked) -> PartOutcome {
    PartOutcome::Unserved { asked, why: SEVERAL.to_owned(), passing: false }
}

fn not_now(asked: Asked, why: &str) -> PartOutcome {
    PartOutcome::Unserved { asked, why: send_again(why), passing: true }
}

/// The log of a request that names nothing.
async fn refuse(app: &App, request: &Request, fault: RequestFault) -> Result<ImportLog, Interrupted> {
    let log = ImportLog { fault: Some(fault), ..request.log(app, None) };
    write(app, log).await
}

/// The log of a request after which nothing more happens.
async fn record(
    app: &App,
    request: &Request,
    subject: Subject,
    outcome: PartOutcome,
) -> Result<ImportLog, Interrupted> {
    write(app, request.log(app, Some((subject, outcome)))).await
}

async fn write(app: &App, mut log: ImportLog) -> Result<ImportLog, Interrupted> {
    log.state = State::Ended(log.answer());
    import::open(app, &log, None).await?;
    import::report(app, &log);
    Ok(log)
}

impl Request {
    fn log(&self, app: &App, part: Option<(Subject, PartOutcome)>) -> ImportLog {
        ImportLog {
            id: self.id,
            received_at: self.received_at,
            key_name: Shown::new(&self.key_name),
            state: State::Running,
            fault: None,
            parts: part.into_iter().map(|(subject, outcome)| PartLog { subject, outcome }).collect(),
            names_targets: app.targets.len() > 1,
            dry_run: false,
            form: Form::Document,
            source: Source::Document,
            later: Vec::new(),
        }
    }

    fn failed(&self, error: StoreError) -> Interrupted {
        Interrupted { id: self.id, opened: false, error }
    }
}
