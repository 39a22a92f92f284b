//! From updates to outcomes: which target takes which fields, under which key it knows the person, and what it said.

mod keys;
mod preview;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use futures_util::future::join_all;

use crate::check::names;
use crate::id::ImportId;
use crate::late::Newer;
use crate::log::{Delivery, Ending, Outcome, PartOutcome};
use crate::person::{NativeKey, Person, PersonKey, TargetName};
use crate::ports::{App, ConfiguredTarget, PersonUpdate, Reference};
use crate::time::Timestamp;
use crate::update::Change;
use keys::{Keys, Wanted};

/// Why an update waits for another one of the same person.
const BUSY: &str = "another update of this person is under way";

/// What updates that are delivered together have in common.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    /// The people whom values of type `PersonIdentifier` name, by the text that names them.
    pub people: &'a HashMap<String, Person>,
    /// Those to whom another import delivers just now.
    pub busy: &'a BTreeSet<PersonKey>,
    /// When what is not delivered yet is left.
    pub until: Timestamp,
    /// Whether nothing is changed anywhere: the outcomes are what would happen.
    pub dry_run: bool,
}

/// An update of a known person.
#[derive(Debug, Clone, Copy)]
pub struct Ready<'a> {
    /// Its number: what its outcome is given back by. Updates of one person are delivered in this order.
    pub part: usize,
    /// The import that it is part of.
    pub import: ImportId,
    /// Whom it updates.
    pub person: &'a Person,
    /// The fields, in the order sent.
    pub changes: &'a [Change],
    /// The only target that it goes to; every target where there is none.
    pub only: Option<&'a TargetName>,
    /// What newer imports have set, which is left out, or may set yet, for which it waits.
    pub newer: &'a Newer,
}

/// Delivers each update to every target that takes one of its fields, all targets at once. Gives back the outcome of
/// each part.
pub async fn deliver(app: &App, run: Run<'_>, updates: &[Ready<'_>]) -> Vec<(usize, PartOutcome)> {
    let outcomes =
        join_all(app.targets.iter().map(|target| At { app, target, run }.deliver_or_leave(updates))).await;
    let mut by_part: BTreeMap<usize, Vec<Delivery>> = BTreeMap::new();
    for (part, delivery) in outcomes.into_iter().flatten() {
        by_part.entry(part).or_default().push(delivery);
    }
    let outcome = |update: &Ready<'_>| {
        let deliveries = by_part.remove(&update.part).unwrap_or_default();
        (update.part, PartOutcome::Delivered { deliveries, unmapped: unmapped(app, update.changes) })
    };
    updates.iter().map(outcome).collect()
}

fn unmapped(app: &App, changes: &[Change]) -> Vec<Arc<str>> {
    let taken = |field: &Arc<str>| app.targets.iter().any(|target| target.fields.contains(field));
    changes.iter().map(|change| change.field.clone()).filter(|field| !taken(field)).collect()
}

/// The deliveries of one import at one target.
#[derive(Clone, Copy)]
struct At<'a> {
    app: &'a App,
    target: &'a ConfiguredTarget,
    run: Run<'a>,
}

/// Updates that are sent, each with the key of its person.
type Sent<'a> = Vec<(Ready<'a>, NativeKey)>;

impl<'a> At<'a> {
    /// What becomes of the updates that concern this target: those of whose fields something is left are delivered.
    async fn deliver_or_leave(self, updates: &[Ready<'a>]) -> Vec<(usize, Delivery)> {
        let concerned = |update: &&Ready<'a>| {
            update.only.is_none_or(|only| *only == self.target.name) && self.mapped(update).next().is_some()
        };
        let concerned: Vec<Ready<'a>> = updates.iter().filter(concerned).copied().collect();
        let (wanted, left): (Vec<Ready<'a>>, Vec<_>) =
            concerned.iter().copied().partition(|update| self.taken(update).next().is_some());
        let (busy, wanted): (Vec<Ready<'a>>, Vec<_>) = wanted.into_iter().partition(|update| {
            self.run.busy.contains(&update.person.key()) || update.newer.is_undecided(&self.target.name)
        });
        let mut outcomes: BTreeMap<usize, Outcome> = self.deliver(wanted).await.into_iter().collect();
        let unsent = |update: &Ready<'a>, ending| (update.part, Outcome::unsent(ending));
        outcomes.extend(left.iter().map(|update| unsent(update, Ending::Superseded)));
        outcomes.extend(busy.iter().map(|update| unsent(update, Ending::Deferred(BUSY.to_owned()))));
        let delivery = |update: &Ready<'a>| {
            let outcome = outcomes.remove(&update.part)?;
            let newer = update.newer.set.get(&self.target.name);
            let fields = self.mapped(update).map(|change| change.field.clone());
            let superseded =
                fields.filter(|field| newer.is_some_and(|newer| newer.contains(field))).collect();
            Some((update.part, Delivery { target: self.target.name.clone(), outcome, superseded }))
        };
        concerned.iter().filter_map(delivery).collect()
    }

    /// Delivers. Where the target does not know a person under the key that the directory had, it is asked once more, and
    /// a new key is tried once.
    async fn deliver(self, updates: Vec<Ready<'a>>) -> Vec<(usize, Outcome)> {
        let keys = self.ask(self.missing(&updates)).await;
        let mut outcomes: BTreeMap<usize, Outcome> = BTreeMap::new();
        let sent = self.to_be_sent(updates, &keys, &mut outcomes);
        self.send(&sent, &keys, &mut outcomes).await;
        let gone = self.forget_gone(&sent, &outcomes).await;
        let new = self.ask(gone.clone()).await;
        let mut again = Vec::new();
        for (update, _) in sent {
            let Some(outcome) = outcomes.get_mut(&update.part) else { continue };
            if outcome.ending != Ending::UnknownPerson {
                continue;
            }
            match new.found(&update.person.key()) {
                Ok(key) => again.push((update, key)),
                Err(ending) => outcome.ending = ending,
            }
        }
        let before: Vec<_> = again.iter().filter_map(|(update, _)| outcomes.get(&update.part)).collect();
        let before: Vec<_> = before.into_iter().map(|outcome| outcome.attempts).collect();
        self.send(&again, &keys, &mut outcomes).await;
        for ((update, _), attempts) in again.iter().zip(before) {
            if let Some(outcome) = outcomes.get_mut(&update.part) {
                outcome.attempts += attempts;
            }
        }
        outcomes.into_iter().collect()
    }

    async fn ask(self, wanted: BTreeMap<PersonKey, Wanted<'_>>) -> Keys {
        keys::ask(self.app, self.target, wanted, self.run.until).await
    }

    /// The fields of an update that this target takes.
    fn mapped(self, update: &Ready<'a>) -> impl Iterator<Item = &'a Change> {
        update.changes.iter().filter(move |change| self.target.fields.contains(&change.field))
    }

    /// The fields of an update that go to this target.
    fn taken(self, update: &Ready<'a>) -> impl Iterator<Item = &'a Change> {
        let newer = update.newer.set.get(&self.target.name);
        self.mapped(update).filter(move |change| newer.is_none_or(|fields| !fields.contains(&change.field)))
    }

    /// The people whom values of an update name that go to this target, with the texts that name them.
    fn named(self, update: &Ready<'a>) -> impl Iterator<Item = (&'a String, &'a Person)> {
        let texts = self.taken(update).flat_map(names);
        texts.filter_map(move |text| Some((text, self.run.people.get(text)?)))
    }

    /// Everybody whom the directory knows under no key of this target.
    fn missing(self, updates: &[Ready<'a>]) -> BTreeMap<PersonKey, Wanted<'a>> {
        let named = updates.iter().flat_map(|update| self.named(update)).map(|(_, person)| person);
        let people = updates.iter().map(|update| update.person).chain(named);
        let missing = people.filter(|person| !person.keys.contains_key(&self.target.name));
        missing.map(|person| (person.key(), Wanted { person, gone: BTreeSet::new() })).collect()
    }

    fn key(self, person: &Person, keys: &Keys) -> Result<NativeKey, Ending> {
        person.keys.get(&self.target.name).cloned().map_or_else(|| keys.found(&person.key()), Ok)
    }

    /// The updates whose person has a key, and nobody of whom the target could not be asked; the others get their outcome.
    /// After an update that is deferred, the later ones of that person are deferred too.
    fn to_be_sent(
        self,
        updates: Vec<Ready<'a>>,
        keys: &Keys,
        outcomes: &mut BTreeMap<usize, Outcome>,
    ) -> Sent<'a> {
        let mut sent = Vec::new();
        let mut deferred: BTreeMap<PersonKey, Ending> = BTreeMap::new();
        for update in updates {
            let person = update.person.key();
            let late = deferred.get(&person).cloned().or_else(|| self.unavailable(&update, keys));
            let ending = match (self.key(update.person, keys), late) {
                (Ok(key), None) => {
                    sent.push((update, key));
                    continue;
                }
                (Err(ending), _) => ending,
                (Ok(_), Some(late)) => deferred.entry(person).or_insert(late).clone(),
            };
            outcomes.insert(update.part, Outcome::unsent(ending));
        }
        sent
    }

    /// Why the target could not be asked about somebody whom a value names.
    fn unavailable(self, update: &Ready<'a>, keys: &Keys) -> Option<Ending> {
        let deferred = |ending: &Ending| matches!(ending, Ending::Deferred(_));
        self.named(update).find_map(|(_, person)| self.key(person, keys).err().filter(deferred))
    }

    /// Whoever is named as this target knows them. Where nobody is known there, or several are, there is no key: only the
    /// target can tell whether it needs one.
    fn references(self, update: &Ready<'a>, keys: &Keys) -> Arc<HashMap<String, Reference>> {
        let reference = |person: &Person| Reference {
            key: self.key(person, keys).ok(),
            employee_id: person.employee_id.clone(),
            upn: person.upn.clone(),
        };
        Arc::new(self.named(update).map(|(text, person)| (text.clone(), reference(person))).collect())
    }

    async fn send(self, updates: &Sent<'a>, keys: &Keys, outcomes: &mut BTreeMap<usize, Outcome>) {
        if updates.is_empty() {
            return;
        }
        let request = |(update, key): &(Ready<'a>, NativeKey)| PersonUpdate {
            import: update.import,
            key: key.clone(),
            changes: self.taken(update).cloned().collect(),
            people: self.references(update, keys),
        };
        let requests: Vec<_> = updates.iter().map(request).collect();
        let (api, until) = (&self.target.api, self.run.until);
        let answers = match self.run.dry_run {
            false => api.deliver(&requests, until).await,
            true => preview::one_after_another(&requests, api.preview(&requests, until).await),
        };
        outcomes.extend(updates.iter().map(|(update, _)| update.part).zip(answers));
    }

    /// Takes the keys out of the directory under which the target knows nobody, and says whose they were.
    async fn forget_gone<'s>(
        self,
        sent: &'s Sent<'a>,
        outcomes: &BTreeMap<usize, Outcome>,
    ) -> BTreeMap<PersonKey, Wanted<'s>> {
        let mut gone: BTreeMap<PersonKey, Wanted<'s>> = BTreeMap::new();
        for (update, key) in sent {
            let ending = outcomes.get(&update.part).map(|outcome| &outcome.ending);
            if ending != Some(&Ending::UnknownPerson) {
                continue;
            }
            let wanted = gone.entry(update.person.key());
            let wanted = wanted.or_insert_with(|| Wanted { person: update.person, gone: BTreeSet::new() });
            if wanted.gone.insert(key)
                && !self.run.dry_run
                && let Err(error) = self.app.directory.forget(&self.target.name, key).await
            {
                let import = update.import;
                tracing::warn!(import.id = %import, error = %error, "the directory keeps a key that is gone");
            }
        }
        gone
    }
}
