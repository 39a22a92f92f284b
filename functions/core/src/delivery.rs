//! From updates to outcomes: which target takes which fields, under which key it knows the person, and what it said.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use futures_util::future::join_all;

use crate::directory::may_be_one;
use crate::id::ImportId;
use crate::log::{Delivery, Ending, Outcome, PartOutcome};
use crate::person::{Identifier, NativeKey, Person};
use crate::ports::{App, ConfiguredTarget, Found, PersonUpdate, Sighting};
use crate::time::Timestamp;
use crate::update::Change;

/// An update of a known person.
#[derive(Debug, Clone, Copy)]
pub struct Ready<'a> {
    /// The part's number.
    pub part: usize,
    /// Whom it updates.
    pub person: &'a Person,
    /// The fields, in the order sent.
    pub changes: &'a [Change],
}

/// Delivers each update to every target that takes one of its fields, all targets at once. Gives back the outcome of
/// each part.
pub async fn deliver(
    app: &App,
    import: ImportId,
    updates: &[Ready<'_>],
    until: Timestamp,
) -> Vec<(usize, PartOutcome)> {
    let outcomes = join_all(app.targets.iter().map(|target| {
        let wanted: Vec<_> = updates
            .iter()
            .filter(|update| update.changes.iter().any(|change| target.fields.contains(&change.field)))
            .copied()
            .collect();
        deliver_at(app, target, import, wanted, until)
    }))
    .await;
    let mut by_part: BTreeMap<usize, Vec<Delivery>> = BTreeMap::new();
    for (target, outcomes) in app.targets.iter().zip(outcomes) {
        for (part, outcome) in outcomes {
            by_part.entry(part).or_default().push(Delivery { target: target.name.clone(), outcome });
        }
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

/// Delivers at one target. Where the target does not know the person under the key that the directory had, it is asked
/// once more, and a new key is tried once.
async fn deliver_at(
    app: &App,
    target: &ConfiguredTarget,
    import: ImportId,
    updates: Vec<Ready<'_>>,
    until: Timestamp,
) -> Vec<(usize, Outcome)> {
    let mut outcomes: BTreeMap<usize, Outcome> = BTreeMap::new();
    let known: Vec<_> = updates.iter().map(|update| update.person.keys.get(&target.name).cloned()).collect();
    let missing: Vec<_> =
        updates.iter().zip(&known).filter(|(_, key)| key.is_none()).map(|(u, _)| *u).collect();
    let found = find_keys(app, target, (&missing, &HashMap::new()), until).await;
    let mut sent = Vec::new();
    for (update, known) in updates.into_iter().zip(known) {
        match known.map(Ok).or_else(|| found.get(&update.part).cloned()) {
            Some(Ok(key)) => sent.push((update, key)),
            Some(Err(ending)) => drop(outcomes.insert(update.part, Outcome::unsent(ending))),
            None => drop(outcomes.insert(update.part, Outcome::unsent(Ending::UnknownPerson))),
        }
    }
    send(target, import, &sent, until, &mut outcomes).await;
    let mut gone = Vec::new();
    for (update, key) in &sent {
        if outcomes.get(&update.part).is_some_and(|outcome| outcome.ending == Ending::UnknownPerson) {
            if let Err(error) = app.directory.forget(&target.name, key).await {
                tracing::warn!(import.id = %import, error = %error, "the directory keeps a key that is gone");
            }
            gone.push(*update);
        }
    }
    let old: HashMap<usize, &NativeKey> = sent.iter().map(|(update, key)| (update.part, key)).collect();
    let found = find_keys(app, target, (&gone, &old), until).await;
    let mut again = Vec::new();
    for update in gone {
        match found.get(&update.part) {
            Some(Ok(key)) => again.push((update, key.clone())),
            Some(Err(ending)) => {
                if let Some(outcome) = outcomes.get_mut(&update.part) {
                    outcome.ending = ending.clone();
                }
            }
            None => {}
        }
    }
    send(target, import, &again, until, &mut outcomes).await;
    outcomes.into_iter().collect()
}

async fn send(
    target: &ConfiguredTarget,
    import: ImportId,
    updates: &[(Ready<'_>, NativeKey)],
    until: Timestamp,
    outcomes: &mut BTreeMap<usize, Outcome>,
) {
    if updates.is_empty() {
        return;
    }
    let requests: Vec<_> = updates
        .iter()
        .map(|(update, key)| PersonUpdate {
            import,
            key: key.clone(),
            changes: update
                .changes
                .iter()
                .filter(|change| target.fields.contains(&change.field))
                .cloned()
                .collect(),
            people: Arc::default(),
        })
        .collect();
    let answers = target.api.deliver(&requests, until).await;
    outcomes.extend(updates.iter().map(|(update, _)| update.part).zip(answers));
}

/// Asks a target what it calls these people, by every identifier that the directory has of them, other than under the
/// keys that are gone. Answers by part.
async fn find_keys(
    app: &App,
    target: &ConfiguredTarget,
    (updates, gone): (&[Ready<'_>], &HashMap<usize, &NativeKey>),
    until: Timestamp,
) -> HashMap<usize, Result<NativeKey, Ending>> {
    let asked: Vec<(&Ready<'_>, Identifier)> = updates
        .iter()
        .flat_map(|update| update.person.identifiers().map(move |identifier| (update, identifier)))
        .collect();
    if asked.is_empty() {
        return HashMap::new();
    }
    let identifiers: Vec<_> = asked.iter().map(|(_, identifier)| identifier.clone()).collect();
    let answers = target.api.find(&identifiers, until).await;
    let mut found: HashMap<usize, Result<NativeKey, Ending>> = HashMap::new();
    let mut seen: Vec<Sighting> = Vec::new();
    for ((update, _), answer) in asked.into_iter().zip(answers) {
        let part = update.part;
        let result = match answer {
            // A UPN moves from person to person: whoever has it now need not be the one who is meant.
            // A list may still have whom the target itself has just called unknown.
            Found::Person(sighting) if gone.get(&update.part) == Some(&&sighting.key) => {
                Err(Ending::UnknownPerson)
            }
            Found::Person(sighting) if !may_be_one(&sighting.employee_id, &update.person.employee_id) => {
                seen.push(sighting);
                Err(Ending::UnknownPerson)
            }
            Found::Person(sighting) => {
                let key = sighting.key.clone();
                seen.push(sighting);
                Ok(key)
            }
            Found::Nobody | Found::CannotTell => Err(Ending::UnknownPerson),
            Found::Several => Err(Ending::Refused("several people have this identifier".to_owned())),
            Found::Unavailable(why) => Err(Ending::Deferred(why)),
        };
        let result = match found.remove(&part) {
            None => result,
            Some(before) => agree(before, result),
        };
        found.insert(part, result);
    }
    if let Err(error) = app.directory.learn(&target.name, &seen).await {
        tracing::warn!(error = %error, "the directory could not take over what {} said", target.name);
    }
    found
}

/// What two identifiers of one person come to at one target.
fn agree(one: Result<NativeKey, Ending>, other: Result<NativeKey, Ending>) -> Result<NativeKey, Ending> {
    match (one, other) {
        (Ok(one), Ok(other)) if one != other => {
            Err(Ending::Refused("the two identifiers are two people there".to_owned()))
        }
        (Ok(key), Ok(_) | Err(Ending::UnknownPerson)) | (Err(Ending::UnknownPerson), Ok(key)) => Ok(key),
        (Err(ending @ Ending::Refused(_)), _) | (_, Err(ending @ Ending::Refused(_))) => Err(ending),
        (Err(Ending::UnknownPerson), Err(ending)) | (Err(ending), _) | (_, Err(ending)) => Err(ending),
    }
}
