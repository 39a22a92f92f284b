//! The import: from parts that have arrived to a log that is closed. Every entry point runs this function; they differ
//! in where the bytes come from and who waits.

mod carry_out;

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use crate::batch::{Incoming, RequestFault};
use crate::check::{Checked, References, Refused, check, names};
use crate::directory::{self, Meant, Resolved};
use crate::error::StoreError;
use crate::finding::{Finding, FindingCode};
use crate::id::ImportId;
use crate::log::{Answer, Ending, Form, ImportLog, PartLog, PartOutcome, State};
use crate::person::{Person, Who};
use crate::ports::{App, Claim, LeaseHolder, Opened};
use crate::shown::Shown;
use crate::summary::Source;
use crate::time::Timestamp;
use carry_out::CarryOut;

/// How long a caller waits at most: an HTTP API of API Gateway gives up after 30 s, and the answer has to get there.
pub const SYNCHRONOUS: Duration = Duration::from_secs(25);

/// How long after its last delivery an import may still write down how it ended.
pub(crate) const CLOSING: Duration = Duration::from_secs(60);
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
    /// Which way it came in.
    pub source: Source,
    /// Whether nothing is delivered or stored: its log says what would happen.
    pub dry_run: bool,
    /// How its log begins.
    pub begin: Begin,
    /// When what is not delivered yet is left.
    pub until: Timestamp,
}

/// How the log of an import begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begin {
    /// The import is new: its log is opened.
    New,
    /// Its log is open, and this holder has claimed it. It may be older than others, and leaves alone what they have set.
    Claimed(LeaseHolder),
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
pub(crate) type Part = Result<(Checked, Meant), PartLog>;

/// Carries out an import. Nothing is delivered or filed before its log is open; whatever happens to a part afterwards is
/// in the log that is given back, closed. What has not arrived for a reason that passes is kept to be delivered again.
pub async fn run(app: &App, request: Request) -> Result<ImportLog, Interrupted> {
    let Request { id, until, begin, .. } = request;
    let before = |error| Interrupted { id, opened: begin != Begin::New, error };
    let (fault, parts) = match request.parts {
        Ok(parts) => (None, parts),
        Err(fault) => (Some(fault), Vec::new()),
    };
    let parts: Vec<_> = parts.into_iter().map(|part| check(&app.profile, part)).collect();
    let (parts, people) = resolve(app, parts, look_ups_until(app, until)).await.map_err(before)?;
    let mut log = ImportLog {
        id,
        received_at: request.received_at,
        key_name: Shown::new(&request.key_name),
        state: State::Running,
        fault,
        parts: parts.iter().map(entry).collect(),
        names_targets: app.targets.len() > 1,
        dry_run: request.dry_run,
        form: request.form,
        source: request.source,
        later: Vec::new(),
    };
    let claim = claim(id, until);
    let holder = match &begin {
        Begin::New => claim.holder.clone(),
        Begin::Claimed(holder) => holder.clone(),
    };
    let is_late = begin != Begin::New;
    match begin {
        Begin::New if log.pending() == 0 => {
            log.state = State::Ended(log.answer());
            open(app, &log, None).await?;
            carry_out::index_refused(app, &log, &parts).await;
            report(app, &log);
            return Ok(log);
        }
        Begin::New => open(app, &log, Some(&claim)).await?,
        Begin::Claimed(_) => begin_again(app, &log, &holder).await.map_err(before)?,
    }
    let failed = |error| Interrupted { id, opened: true, error };
    let carrying = CarryOut { app, parts: &parts, people: &people, holder: &holder, is_late, until };
    let stored = carrying.run(&mut log).await;
    if !stored && is_late {
        // Nobody waits for it, so nobody would send it again: it is run again from its start.
        return Err(failed(StoreError::new("carry out an import", "a store failed on the way")));
    }
    log.state = State::Ended(if stored { log.answer() } else { Answer::StoreFailed });
    app.imports.close(&log, &holder).await.map_err(failed)?;
    report(app, &log);
    Ok(log)
}

/// The claim of whoever makes an import and delivers until then. Nobody else has its id, so nobody else has the claim.
pub(crate) fn claim(id: ImportId, until: Timestamp) -> Claim {
    Claim { holder: LeaseHolder(id.to_string()), until: until.plus(CLOSING) }
}

/// Opens the log of a request whose id is new.
pub(crate) async fn open(app: &App, log: &ImportLog, claim: Option<&Claim>) -> Result<(), Interrupted> {
    let error = match app.imports.open(log, claim).await {
        Ok(Opened::New) => return Ok(()),
        Ok(Opened::Before) => StoreError::new("open the import log", "the import id is taken"),
        Err(error) => error,
    };
    Err(Interrupted { id: log.id, opened: false, error })
}

/// Begins the log of an import that has been claimed. What a run before this one, which died, has kept is delivered by
/// this one.
async fn begin_again(app: &App, log: &ImportLog, holder: &LeaseHolder) -> Result<(), StoreError> {
    app.imports.begin(log, holder).await?;
    let kept = app.undelivered.of_import(log.id).await?;
    let kept: Vec<_> = kept.into_iter().map(|waiting| waiting.place).collect();
    if kept.is_empty() { Ok(()) } else { app.undelivered.remove(&kept).await }
}

/// Look-ups have a third of the time, so that those whom nobody can find do not keep the others from being delivered.
pub(crate) fn look_ups_until(app: &App, until: Timestamp) -> Timestamp {
    let now = app.clock.now();
    now.plus(until.since(now) / 3)
}

/// Finds out whom each part means, and whom its references mean; those of a part that is refused anyway too, so that all
/// that is wrong with it is told at once.
pub(crate) async fn resolve(
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
        Ok((part, meant)) => PartLog { subject: part.subject(), outcome: without_a_person(part, meant) },
    }
}

/// How a part ends that means nobody in particular; pending where it means somebody.
fn without_a_person(part: &Checked, meant: &Meant) -> PartOutcome {
    match meant {
        Meant::Known(_) => PartOutcome::Pending,
        Meant::Nobody => PartOutcome::UnknownPerson,
        Meant::TwoPeople(employee_id) => PartOutcome::IdentifierConflict(Shown::new(employee_id)),
        Meant::Several => PartOutcome::Refused { why: SEVERAL.to_owned(), passing: false },
        Meant::Unavailable(why) => match part {
            Checked::Update { .. } => PartOutcome::Deferred(why.clone()),
            Checked::File { .. } => PartOutcome::not_now(why),
        },
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
