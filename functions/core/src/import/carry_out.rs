//! The part of an import that changes something: between a log that is open and one that is closed.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use futures_util::future::join;

use super::Part;
use crate::check::Checked;
use crate::delivery::{self, Ready};
use crate::directory::Meant;
use crate::error::StoreError;
use crate::filing;
use crate::id::ImportId;
use crate::late::{self, Deletion, Held, Late, Newer};
use crate::log::{ImportLog, PartOutcome, Subject};
use crate::person::{Identifier, Named, Person, PersonKey, Who};
use crate::ports::{App, IndexEntry, LeaseHolder};
use crate::time::Timestamp;
use crate::undelivered::{self, Update};
use crate::update;

/// What an import enters into the person index. A part that means nobody, or is refused, is entered without fields under the
/// identifiers that it has, so that whoever looks for the person finds it, and no redelivery heeds it.
fn index(log: &ImportLog, parts: &[Part]) -> Vec<IndexEntry> {
    if log.dry_run {
        return Vec::new();
    }
    let entries = |(part, checked): (usize, &Part)| {
        let (people, fields) = match checked {
            Ok((checked, Meant::Known(person))) => (vec![person.key()], fields(checked)),
            Ok((checked, _)) => (written(checked.who()), Vec::new()),
            Err(refused) => (named(&refused.subject), Vec::new()),
        };
        people.into_iter().map(move |person| IndexEntry {
            person,
            import: log.id,
            part,
            fields: fields.clone(),
        })
    };
    parts.iter().enumerate().flat_map(entries).collect()
}

/// Enters what an import that ended at once was about. Nothing depends on it but that the import is found, so it ends as
/// it would have where that fails.
pub(super) async fn index_refused(app: &App, log: &ImportLog, parts: &[Part]) {
    let entries = index(log, parts);
    if entries.is_empty() {
        return;
    }
    if let Err(error) = app.imports.index(&entries).await {
        tracing::warn!(import.id = %log.id, %error, "an import is not found by its people");
    }
}

fn fields(checked: &Checked) -> Vec<Arc<str>> {
    match checked {
        Checked::Update { changes, .. } => changes.iter().map(|change| change.field.clone()).collect(),
        Checked::File { field, .. } => vec![field.clone()],
    }
}

/// What somebody is looked for by whom nobody knows. A text that may be either is taken for a UPN where it has an at sign.
fn written(who: &Who) -> Vec<PersonKey> {
    match &who.named {
        Named::By(identifier) => vec![PersonKey::of(identifier)],
        Named::ByEither { upn, employee_id } => {
            let is_upn = matches!(upn, Identifier::Upn(text) if text.contains('@'));
            vec![PersonKey::of(if is_upn { upn } else { employee_id })]
        }
        Named::ByBoth { upn, employee_id } => vec![PersonKey::of(upn), PersonKey::of(employee_id)],
    }
}

/// The same for a part of which only the log knows, where it says whom it names.
fn named(subject: &Subject) -> Vec<PersonKey> {
    let whose = match subject {
        Subject::Person(whose) => whose.as_ref(),
        Subject::Document(names) => names.as_ref().map(|(whose, _)| whose),
        Subject::Unknown => None,
    };
    let who = whose.and_then(|whose| Who::either(whose.as_str()).ok());
    who.map_or_else(Vec::new, |who| written(&who))
}

/// The part of an import that changes something.
pub(super) struct CarryOut<'a> {
    pub(super) app: &'a App,
    pub(super) parts: &'a [Part],
    pub(super) people: &'a HashMap<String, Person>,
    pub(super) holder: &'a LeaseHolder,
    /// Whether there may be newer imports.
    pub(super) is_late: bool,
    pub(super) until: Timestamp,
}

impl CarryOut<'_> {
    /// Writes the person index, delivers and files what is pending, keeps what has not arrived, and enters the outcomes.
    /// `false` where a store of ours failed. In a dry run it is only found out what would come of it.
    pub(super) async fn run(&self, log: &mut ImportLog) -> bool {
        if log.dry_run {
            let stored = self.deliver(&Prepared::default(), log).await;
            undelivered::keep_none(log);
            return stored;
        }
        let prepared = match self.prepare(log).await {
            Ok(prepared) => prepared,
            Err(error) => {
                tracing::error!(import.id = %log.id, %error, "an import could not begin to deliver");
                // Nothing is delivered that the index does not have: a later import could not see it.
                for part in &mut log.parts {
                    if let PartOutcome::Pending | PartOutcome::Deferred(_) = part.outcome {
                        part.outcome = PartOutcome::not_now("a store of this service failed");
                    }
                }
                return false;
            }
        };
        let stored = self.deliver(&prepared, log).await;
        prepared.held.give_back(self.app, self.holder).await;
        let update = |part: usize| {
            let (checked, meant) = self.parts.get(part)?.as_ref().ok()?;
            update_of(checked, meant)
        };
        undelivered::keep(self.app, log, update).await && stored
    }

    async fn prepare(&self, log: &ImportLog) -> Result<Prepared, StoreError> {
        self.app.imports.index(&index(log, self.parts)).await?;
        let people: BTreeSet<PersonKey> =
            self.parts.iter().filter_map(known).map(|(_, person)| person.key()).collect();
        let run = late::Run::waiting(self.holder, self.until, self.app.clock.now());
        if !self.is_late {
            let held = run.hold_beside(self.app, people).await?;
            return Ok(Prepared { held, newer: HashMap::new(), unstored: BTreeMap::new() });
        }
        let held = run.hold_late(self.app, people).await?;
        match (self.newer(log.id).await, self.unstored(log.id, &held).await) {
            (Ok(newer), Ok(unstored)) => Ok(Prepared { held, newer, unstored }),
            (Err(error), _) | (_, Err(error)) => {
                held.give_back(self.app, self.holder).await;
                Err(error)
            }
        }
    }

    /// What newer imports have set of each part.
    async fn newer(&self, import: ImportId) -> Result<HashMap<usize, Newer>, StoreError> {
        let mut numbers = Vec::new();
        let mut updates = Vec::new();
        for (number, part) in self.parts.iter().enumerate() {
            if let Some((Checked::Update { changes, .. }, person)) = known(part) {
                let fields = changes.iter().map(|change| &change.field).collect();
                numbers.push(number);
                updates.push(Late {
                    person: person.every_key(),
                    part: (import, number),
                    fields,
                    own_import: false,
                });
            }
        }
        Ok(numbers.into_iter().zip(late::newer(self.app, &updates).await?).collect())
    }

    /// The files that are not stored, and why: newer requests have deleted them, or may be about to.
    async fn unstored(
        &self,
        import: ImportId,
        held: &Held,
    ) -> Result<BTreeMap<usize, PartOutcome>, StoreError> {
        let mut unstored = BTreeMap::new();
        for (number, part) in self.parts.iter().enumerate() {
            let Some((Checked::File { field, is_list, name, .. }, person)) = known(part) else { continue };
            let name = is_list.then_some(name.as_str());
            let deletion = if held.busy.contains(&person.key()) {
                Deletion::Undecided
            } else {
                late::deletion(self.app, person, (import, number), field, name).await?
            };
            let outcome = match deletion {
                Deletion::No => continue,
                Deletion::Done => PartOutcome::Superseded,
                Deletion::Undecided => PartOutcome::not_now("another request of this person is under way"),
            };
            unstored.insert(number, outcome);
        }
        Ok(unstored)
    }

    async fn deliver(&self, prepared: &Prepared, log: &mut ImportLog) -> bool {
        let nothing = Newer::default();
        let mut updates: Vec<Ready<'_>> = Vec::new();
        let mut files: Vec<filing::File<'_>> = Vec::new();
        for (part, checked) in self.parts.iter().enumerate() {
            let Some((checked, person)) = known(checked) else { continue };
            match checked {
                Checked::Update { changes, .. } => {
                    let newer = prepared.newer.get(&part).unwrap_or(&nothing);
                    updates.push(Ready { part, import: log.id, person, changes, only: None, newer });
                }
                Checked::File { field, is_list, name, upload, .. } => match prepared.unstored.get(&part) {
                    Some(why) => log.parts[part].outcome = why.clone(),
                    None => files.push(filing::File { part, person, field, is_list: *is_list, name, upload }),
                },
            }
        }
        let (app, until, dry_run) = (self.app, self.until, log.dry_run);
        let run = delivery::Run { people: self.people, busy: &prepared.held.busy, until, dry_run };
        let delivered = delivery::deliver(app, run, &updates);
        let run = filing::Run { import: log.id, stored_at: log.received_at, until, dry_run };
        let filed = filing::file(app, run, &files);
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
}

/// What has to be known before anything is delivered.
#[derive(Default)]
struct Prepared {
    held: Held,
    newer: HashMap<usize, Newer>,
    /// The files that are not stored, and how they end.
    unstored: BTreeMap<usize, PartOutcome>,
}

fn known(part: &Part) -> Option<(&Checked, &Person)> {
    match part {
        Ok((checked, Meant::Known(person))) => Some((checked, person)),
        _ => None,
    }
}

/// An update as it is kept: its person is named by what they are known by, because a UPN may be another's by then.
fn update_of(checked: &Checked, meant: &Meant) -> Option<Update> {
    let Checked::Update { who, changes, .. } = checked else { return None };
    Some(Update(match meant {
        Meant::Known(person) => {
            update::write(person.identifiers().take(1).collect::<Vec<_>>().iter(), changes)
        }
        Meant::Nobody | Meant::TwoPeople(_) | Meant::Several | Meant::Unavailable(_) => {
            update::write(who.identifiers(), changes)
        }
    }))
}
