//! What a target calls somebody, where the directory does not know it. One call asks about everybody of an import, those
//! whom values name too, because the time of a look-up is nearly the same for one person and for all.

use std::collections::{BTreeMap, BTreeSet};

use crate::directory::{answering, may_be_one};
use crate::import::SEVERAL;
use crate::log::Ending;
use crate::person::{Identifier, NativeKey, Person, PersonKey};
use crate::ports::{App, ConfiguredTarget, Found, Sighting};
use crate::time::Timestamp;

/// Somebody whose key is asked for.
#[derive(Debug, Clone)]
pub(super) struct Wanted<'a> {
    pub(super) person: &'a Person,
    /// The keys under which the target has just said that there is nobody.
    pub(super) gone: BTreeSet<&'a NativeKey>,
}

/// The keys that a target gave, or why there is none.
#[derive(Debug, Default)]
pub(super) struct Keys(BTreeMap<PersonKey, Result<NativeKey, Ending>>);

impl Keys {
    /// The key of a person; whoever was not asked about is unknown.
    pub(super) fn found(&self, person: &PersonKey) -> Result<NativeKey, Ending> {
        self.0.get(person).cloned().unwrap_or(Err(Ending::UnknownPerson))
    }
}

/// Asks a target what it calls these people, by every identifier that the directory has of them.
pub(super) async fn ask(
    app: &App,
    target: &ConfiguredTarget,
    wanted: BTreeMap<PersonKey, Wanted<'_>>,
    until: Timestamp,
) -> Keys {
    let asked: Vec<(&PersonKey, &Wanted<'_>, Identifier)> = wanted
        .iter()
        .flat_map(|(key, wanted)| {
            wanted.person.identifiers().map(move |identifier| (key, wanted, identifier))
        })
        .collect();
    let mut keys = Keys::default();
    if asked.is_empty() {
        return keys;
    }
    let identifiers: Vec<_> = asked.iter().map(|(_, _, identifier)| identifier.clone()).collect();
    let answers = target.api.find(&identifiers, until).await;
    let mut seen: Vec<Sighting> = Vec::new();
    for ((person, wanted, identifier), answer) in asked.into_iter().zip(answers) {
        let result = judge(wanted, &identifier, answer, &mut seen);
        let result = match keys.0.remove(person) {
            None => result,
            Some(before) => agree(before, result),
        };
        keys.0.insert(person.clone(), result);
    }
    if let Err(error) = app.directory.learn(&target.name, &seen).await {
        tracing::warn!(error = %error, "the directory could not take over what {} said", target.name);
    }
    keys
}

/// What an answer says about the person who is wanted. Whoever is found is noted in `seen`.
fn judge(
    wanted: &Wanted<'_>,
    asked: &Identifier,
    answer: Found,
    seen: &mut Vec<Sighting>,
) -> Result<NativeKey, Ending> {
    match answer {
        // A list may still have whom the target itself has just called unknown.
        Found::Person(sighting) if wanted.gone.contains(&sighting.key) => Err(Ending::UnknownPerson),
        Found::Person(sighting) => {
            let sighting = answering(&sighting, asked);
            let key = sighting.key.clone();
            // A UPN moves from person to person: whoever has it now need not be the one who is meant.
            let is_meant = may_be_one(&sighting.employee_id, &wanted.person.employee_id);
            seen.push(sighting);
            if is_meant { Ok(key) } else { Err(Ending::UnknownPerson) }
        }
        Found::Nobody | Found::CannotTell => Err(Ending::UnknownPerson),
        Found::Several => Err(Ending::Refused(SEVERAL.to_owned())),
        Found::Unavailable(why) => Err(Ending::Deferred(why)),
    }
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
