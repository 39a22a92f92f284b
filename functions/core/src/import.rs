//! The import: from parts that have arrived to a log that is closed. Every entry point runs this function; they differ
//! in where the bytes come from and who waits.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use futures_util::future::join;

use crate::batch::{Incoming, RequestFault};
use crate::check::{Checked, References, Refused, check, names};
use crate::delivery::{self, Ready};
use crate::directory::{self, Meant, Resolved};
use crate::error::StoreError;
use crate::filing;
use crate::finding::{Finding, FindingCode};
use crate::id::ImportId;
use crate::log::{Answer, Ending, Form, ImportLog, PartLog, PartOutcome, State};
use crate::person::{Person, Who};
use crate::ports::{App, IndexEntry, Opened};
use crate::shown::Shown;
use crate::time::Timestamp;

/// How long a caller waits at most: an HTTP API of API Gateway gives up after 30 s, and the answer has to get there.
pub const SYNCHRONOUS: Duration = Duration::from_secs(25);

/// What is said where nobody can be meant, because several people are.
pub(crate) const SEVERAL: &str = "several people have this identifier";

/// A request that has been read to its end.
#[derive(Debug)]
pub struct Request {
    /// The GUID that names it.
    pub id: ImportId,
    /// When it was received.
    pub received_at: Timestamp,
    /// The name of the key that sent it.
    pub key_name: String,
    /// What its parts are.
    pub form: Form,
    /// Its parts, or why there are none.
    pub parts: Result<Vec<Incoming>, RequestFault>,
    /// When what is not delivered yet is left.
    pub until: Timestamp,
}

/// A store of ours failed, so the import could not be carried out or not be recorded.
#[derive(Debug)]
pub struct Interrupted {
    /// The import.
    pub id: ImportId,
    /// Whether its log was opened: then the caller can look it up.
    pub opened: bool,
    /// What failed.
    pub error: StoreError,
}

/// A part on its way: what it is, and whom it means. `Err` where its log entry is final already.
type Part = Result<(Checked, Meant), PartLog>;

/// Carries out an import. Nothing is delivered or filed before its log is open; whatever happens to a part afterwards is
/// in the log that is given back, closed.
pub async fn run(app: &App, request: Request) -> Result<ImportLog, Interrupted> {
    let id = request.id;
    let before = |error| Interrupted { id, opened: false, error };
    let (fault, parts) = match request.parts {
        Ok(parts) => (None, parts),
        Err(fault) => (Some(fault), Vec::new()),
    };
    let parts: Vec<_> = parts.into_iter().map(|part| check(&app.profile, part)).collect();
    let (parts, people) = resolve(app, parts, look_ups_until(app, request.until)).await.map_err(before)?;
    let mut log = ImportLog {
        id,
        received_at: request.received_at,
        key_name: Shown::new(&request.key_name),
        state: State::Running,
        fault,
        parts: parts.iter().map(entry).collect(),
        names_targets: app.targets.len() > 1,
        form: request.form,
    };
    let pending = log.parts.iter().any(|part| part.outcome == PartOutcome::Pending);
    if !pending {
        log.state = State::Ended(log.answer());
    }
    open(app, &log).await?;
    if pending {
        let stored = carry_out(app, (&parts, &people), request.until, &mut log).await;
        log.state = State::Ended(if stored { log.answer() } else { Answer::StoreFailed });
        let closed = app.imports.close(&log).await;
        closed.map_err(|error| Interrupted { id, opened: true, error })?;
    }
    report(app, &log);
    Ok(log)
}

/// Opens the log of a request whose id is new.
pub(crate) async fn open(app: &App, log: &ImportLog) -> Result<(), Interrupted> {
    let error = match app.imports.open(log).await {
        Ok(Opened::New) => return Ok(()),
        Ok(Opened::Before) => StoreError::new("open the import log", "the import id is taken"),
        Err(error) => error,
    };
    Err(Interrupted { id: log.id, opened: false, error })
}

/// Look-ups have a third of the time, so that those whom nobody can find do not keep the others from being delivered.
pub(crate) fn look_ups_until(app: &App, until: Timestamp) -> Timestamp {
    let now = app.clock.now();
    now.plus(until.since(now) / 3)
}

/// Finds out whom each part means, and whom its references mean; those of a part that is refused anyway too, so that all
/// that is wrong with it is told at once.
async fn resolve(
    app: &App,
    parts: Vec<Result<Checked, Refused>>,
    until: Timestamp,
) -> Result<(Vec<Part>, HashMap<String, Person>), StoreError> {
    let references: Vec<References> = parts
        .iter()
        .map(|part| part.as_ref().map_or_else(|refused| refused.references.clone(), Checked::references))
        .collect();
    let people = parts.iter().flatten().map(Checked::who);
    let people: Vec<&Who> = people.chain(references.iter().flatten().map(|(_, who)| who)).collect();
    let resolved = directory::resolve(app, &people, until).await?;
    let parts: Vec<_> = parts
        .into_iter()
        .zip(&references)
        .map(|(part, references)| judge(&resolved, part, references))
        .collect();
    let named = named(&resolved, &parts);
    Ok((parts, named))
}

/// The people whom values of these parts name, by the text that names them.
fn named(resolved: &Resolved, parts: &[Part]) -> HashMap<String, Person> {
    let mut people = HashMap::new();
    for (part, _) in parts.iter().flatten() {
        let Checked::Update { changes, .. } = part else { continue };
        for text in changes.iter().flat_map(names) {
            if let Ok(Meant::Known(person)) = Who::either(text).map(|who| resolved.meant(&who)) {
                people.insert(text.clone(), person);
            }
        }
    }
    people
}

/// Whom a part means, unless it is refused, or a person whom one of its values names is unknown.
fn judge(resolved: &Resolved, part: Result<Checked, Refused>, references: &References) -> Part {
    let mut unknown = Finding::whole(FindingCode::UnknownReferences);
    let mut named = BTreeSet::new();
    let mut unavailable = None;
    for (field, who) in references {
        match resolved.meant(who) {
            Meant::Known(_) => {}
            Meant::Unavailable(why) => unavailable = Some(why),
            Meant::Nobody | Meant::TwoPeople(_) | Meant::Several => {
                if named.insert(field) {
                    unknown.add(field, || None);
                }
            }
        }
    }
    let unknown = (!unknown.names.is_empty()).then_some(unknown);
    match (part, unknown, unavailable) {
        (Err(Refused { mut entry, .. }), unknown, _) => {
            if let PartOutcome::InvalidPerson(findings) = &mut entry.outcome {
                findings.extend(unknown);
                findings.sort_by_key(|finding| finding.code);
            }
            Err(entry)
        }
        (Ok(part), Some(unknown), _) => {
            Err(PartLog { subject: part.subject(), outcome: PartOutcome::InvalidPerson(vec![unknown]) })
        }
        (Ok(part), None, Some(why)) => Ok((part, Meant::Unavailable(why))),
        (Ok(part), None, None) => {
            let meant = resolved.meant(part.who());
            Ok((part, meant))
        }
    }
}

/// What the log says of a part before anything is delivered.
fn entry(part: &Part) -> PartLog {
    match part {
        Err(entry) => entry.clone(),
        Ok((part, meant)) => PartLog { subject: part.subject(), outcome: without_a_person(meant) },
    }
}

/// How a part ends that means nobody in particular; pending where it means somebody.
fn without_a_person(meant: &Meant) -> PartOutcome {
    match meant {
        Meant::Known(_) => PartOutcome::Pending,
        Meant::Nobody => PartOutcome::UnknownPerson,
        Meant::TwoPeople(employee_id) => PartOutcome::IdentifierConflict(Shown::new(employee_id)),
        Meant::Several => PartOutcome::Refused { why: SEVERAL.to_owned(), passing: false },
        Meant::Unavailable(why) => PartOutcome::not_now(why),
    }
}

fn index(import: ImportId, parts: &[Part]) -> Vec<IndexEntry> {
    let entry = |(part, checked): (usize, &Part)| {
        let (checked, Meant::Known(person)) = checked.as_ref().ok()? else { return None };
        let fields = match checked {
            Checked::Update { changes, .. } => changes.iter().map(|change| change.field.clone()).collect(),
            Checked::File { field, .. } => vec![field.clone()],
        };
        Some(IndexEntry { person: person.key(), import, part, fields })
    };
    parts.iter().enumerate().filter_map(entry).collect()
}

/// Writes the person index, delivers and files what is pending, and enters the outcomes. `false` where a store of ours
/// failed.
async fn carry_out(
    app: &App,
    (parts, people): (&[Part], &HashMap<String, Person>),
    until: Timestamp,
    log: &mut ImportLog,
) -> bool {
    if let Err(error) = app.imports.index(&index(log.id, parts)).await {
        tracing::error!(import.id = %log.id, error = %error, "the person index was not written");
        // Nothing is delivered that the index does not have: a later import could not see it.
        for part in log.parts.iter_mut().filter(|part| part.outcome == PartOutcome::Pending) {
            part.outcome = PartOutcome::not_now("a store of this service failed");
        }
        return false;
    }
    let mut updates: Vec<Ready<'_>> = Vec::new();
    let mut files: Vec<filing::File<'_>> = Vec::new();
    for (number, part) in parts.iter().enumerate() {
        let Some((checked, person)) = known(part) else { continue };
        match checked {
            Checked::Update { changes, .. } => updates.push(Ready { part: number, person, changes }),
            Checked::File { field, is_list, name, upload, .. } => {
                files.push(filing::File { part: number, person, field, is_list: *is_list, name, upload });
            }
        }
    }
    let run = delivery::Run { import: log.id, people, until };
    let delivered = delivery::deliver(app, run, &updates);
    let filed = filing::file(app, filing::Run { import: log.id, stored_at: log.received_at, until }, &files);
    let (delivered, filed) = join(delivered, filed).await;
    let mut stored = true;
    for (part, outcome) in filed {
        stored &= outcome.is_ok();
        log.parts[part].outcome =
            outcome.unwrap_or_else(|_| PartOutcome::not_now("the document store failed"));
    }
    for (part, outcome) in delivered {
        log.parts[part].outcome = outcome;
    }
    stored
}

fn known(part: &Part) -> Option<(&Checked, &Person)> {
    match part {
        Ok((checked, Meant::Known(person))) => Some((checked, person)),
        _ => None,
    }
}

/// The one line that an operator reads of an import: numbers, never a person.
pub(crate) fn report(app: &App, log: &ImportLog) {
    let failed_deliveries = log.parts.iter().filter_map(|part| match &part.outcome {
        PartOutcome::Delivered { deliveries, .. } => Some(deliveries),
        _ => None,
    });
    let unavailable = failed_deliveries
        .flatten()
        .filter(|delivery| matches!(delivery.outcome.ending, Ending::Deferred(_)))
        .count();
    tracing::info!(
        import.id = %log.id,
        parts = log.parts.len(),
        succeeded = log.succeeded(),
        deliveries.unavailable = unavailable,
        duration_ms = app.clock.now().since(log.received_at).as_millis(),
        "import {} ended", log.id,
    );
}
