//! Who somebody is: what the directory knows, completed by asking the targets, and what it learns from them. Nobody is
//! ever guessed: where an identifier leads to several people, it leads to nobody.

use std::collections::{BTreeSet, HashMap};

use futures_util::future::join_all;

use crate::error::StoreError;
use crate::person::{Identifier, Named, Person, TargetName, Who};
use crate::ports::{App, Found, Listing, Sighting};
use crate::time::Timestamp;

/// Whom a [`Who`] means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meant {
    /// This person.
    Known(Person),
    /// Nobody knows them.
    Nobody,
    /// The two identifiers are two people; the employeeId is given back.
    TwoPeople(String),
    /// Several people have the identifier.
    Several,
    /// Nobody can tell at the moment: why.
    Unavailable(String),
}

/// What is known of each identifier of an import.
#[derive(Debug, Default)]
pub struct Resolved(HashMap<Identifier, Meant>);

/// Looks up everybody in one batch read, and asks the targets about those who are missing.
pub async fn resolve(app: &App, people: &[&Who], until: Timestamp) -> Result<Resolved, StoreError> {
    let wanted: BTreeSet<&Identifier> = people.iter().flat_map(|who| who.identifiers()).collect();
    let wanted: Vec<Identifier> = wanted.into_iter().cloned().collect();
    let known = app.directory.resolve(&wanted).await?;
    let mut resolved = Resolved(known.into_iter().map(|(id, person)| (id, Meant::Known(person))).collect());
    let missing: BTreeSet<Identifier> = people
        .iter()
        .filter(|who| !resolved.settles(who))
        .flat_map(|who| who.identifiers())
        .filter(|identifier| !resolved.0.contains_key(*identifier))
        .cloned()
        .collect();
    if !missing.is_empty() {
        ask_targets(app, missing.into_iter().collect(), until, &mut resolved).await?;
    }
    Ok(resolved)
}

async fn ask_targets(
    app: &App,
    missing: Vec<Identifier>,
    until: Timestamp,
    resolved: &mut Resolved,
) -> Result<(), StoreError> {
    let answers = join_all(app.targets.iter().map(|target| target.api.find(&missing, until))).await;
    let mut sightings: Vec<(Identifier, Vec<(TargetName, Sighting)>)> = Vec::new();
    for (index, identifier) in missing.into_iter().enumerate() {
        let mut meant = Meant::Nobody;
        let mut seen = Vec::new();
        for (target, answers) in app.targets.iter().zip(&answers) {
            match answers.get(index).unwrap_or(&Found::CannotTell) {
                Found::Person(sighting) => seen.push((target.name.clone(), answering(sighting, &identifier))),
                Found::Several => meant = Meant::Several,
                Found::Unavailable(why) if meant == Meant::Nobody => meant = Meant::Unavailable(why.clone()),
                Found::Nobody | Found::CannotTell | Found::Unavailable(_) => {}
            }
        }
        let ids: BTreeSet<_> =
            seen.iter().filter_map(|(_, sighting)| sighting.employee_id.as_ref()).collect();
        if ids.len() > 1 {
            meant = Meant::Several;
        }
        if meant == Meant::Several || seen.is_empty() {
            resolved.0.insert(identifier, meant);
        } else {
            sightings.push((identifier, seen));
        }
    }
    for (identifier, seen) in sightings {
        for (target, sighting) in seen {
            let people = app.directory.learn(&target, &[sighting]).await?;
            if let Some(person) = people.into_iter().next() {
                resolved.0.insert(identifier.clone(), Meant::Known(person));
            }
        }
    }
    Ok(())
}

/// A sighting that answers a look-up has the identifier that was asked for, also where the target does not repeat it.
pub(crate) fn answering(sighting: &Sighting, asked: &Identifier) -> Sighting {
    let mut sighting = sighting.clone();
    match asked {
        Identifier::EmployeeId(id) => drop(sighting.employee_id.get_or_insert_with(|| id.clone())),
        Identifier::Upn(upn) => drop(sighting.upn.get_or_insert_with(|| upn.clone())),
    }
    sighting
}

impl Resolved {
    /// Whether nothing more has to be asked to know whom this means.
    fn settles(&self, who: &Who) -> bool {
        let known = |identifier| matches!(self.0.get(identifier), Some(Meant::Known(_)));
        match &who.named {
            Named::By(identifier) => known(identifier),
            Named::ByBoth { upn, employee_id } => known(upn) && known(employee_id),
            Named::ByEither { upn, employee_id } => known(upn) || known(employee_id),
        }
    }

    fn one(&self, identifier: &Identifier) -> Meant {
        self.0.get(identifier).cloned().unwrap_or(Meant::Nobody)
    }

    /// Whom this means.
    pub fn meant(&self, who: &Who) -> Meant {
        match &who.named {
            Named::By(identifier) => self.one(identifier),
            Named::ByBoth { upn, employee_id } => {
                both(self.one(upn), self.one(employee_id), (upn, employee_id))
            }
            Named::ByEither { upn, employee_id } => either(self.one(upn), self.one(employee_id)),
        }
    }
}

/// Two identifiers for one person contradict each other where they lead to two people, and where the person whom one of
/// them leads to is known under another value of the other one, which itself leads nowhere.
fn both(by_upn: Meant, by_id: Meant, (upn, id): (&Identifier, &Identifier)) -> Meant {
    let two = || Meant::TwoPeople(id.as_str().to_owned());
    match (by_upn, by_id) {
        (Meant::Known(one), Meant::Known(other)) => {
            if one.key() == other.key() {
                Meant::Known(other)
            } else {
                two()
            }
        }
        (Meant::Known(person), Meant::Nobody) if person.employee_id.is_some() && !person.is(id) => two(),
        (Meant::Nobody, Meant::Known(person)) if person.upn.is_some() && !person.is(upn) => two(),
        (Meant::Known(person), Meant::Nobody) | (Meant::Nobody, Meant::Known(person)) => Meant::Known(person),
        (Meant::Several, _) | (_, Meant::Several) => Meant::Several,
        (Meant::Unavailable(why), _) | (_, Meant::Unavailable(why)) => Meant::Unavailable(why),
        (by_upn, _) => by_upn,
    }
}

fn either(by_upn: Meant, by_id: Meant) -> Meant {
    match (by_upn, by_id) {
        (Meant::Known(one), Meant::Known(other)) => {
            if one.key() == other.key() {
                Meant::Known(one)
            } else {
                Meant::Several
            }
        }
        (Meant::Known(person), _) | (_, Meant::Known(person)) => Meant::Known(person),
        (Meant::Several, _) | (_, Meant::Several) => Meant::Several,
        (Meant::Unavailable(why), _) | (_, Meant::Unavailable(why)) => Meant::Unavailable(why),
        (by_upn, _) => by_upn,
    }
}

/// What a scheduled run found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncReport {
    /// How many people each target that can list them listed.
    pub listed: Vec<(TargetName, usize)>,
    /// The targets that could not be asked, and why.
    pub failed: Vec<(TargetName, String)>,
}

/// Takes over everybody from the targets that can list people. An identifier that several people of one target have is
/// taken out of the directory. A target that cannot be asked is reported and changes nothing.
pub async fn sync(app: &App, until: Timestamp) -> Result<SyncReport, StoreError> {
    let mut report = SyncReport { listed: Vec::new(), failed: Vec::new() };
    for target in app.targets.iter() {
        match target.api.list(until).await {
            Listing::CannotList => {}
            Listing::Unavailable(why) => report.failed.push((target.name.clone(), why)),
            Listing::Everybody(mut people) => {
                let shared = without_shared(&mut people);
                app.directory.release(&shared).await?;
                app.directory.learn(&target.name, &people).await?;
                report.listed.push((target.name.clone(), people.len()));
            }
        }
    }
    Ok(report)
}

/// Takes the identifiers that several people have from all of them, and gives these identifiers back.
fn without_shared(people: &mut [Sighting]) -> Vec<Identifier> {
    let mut times: HashMap<Identifier, usize> = HashMap::new();
    for identifier in people.iter().flat_map(Sighting::identifiers) {
        *times.entry(identifier).or_default() += 1;
    }
    times.retain(|_, times| *times > 1);
    for person in people.iter_mut() {
        let shared = |id: Identifier| times.contains_key(&id);
        person.employee_id.take_if(|id| shared(Identifier::EmployeeId(id.clone())));
        person.upn.take_if(|upn| shared(Identifier::Upn(upn.clone())));
    }
    times.into_keys().collect()
}

/// How a sighting changes what is known: the person as known now, and the identifiers that lead to them no longer.
/// `known` says who is known under an identifier, `by_key` who is known under the target's own key.
pub fn merge<'a>(
    known: impl Fn(&Identifier) -> Option<&'a Person>,
    by_key: Option<&'a Person>,
    target: &TargetName,
    seen: &Sighting,
) -> (Person, Vec<Identifier>) {
    let by_id = seen.employee_id.clone().and_then(|id| known(&Identifier::EmployeeId(id)));
    let by_upn = seen.upn.clone().and_then(|upn| known(&Identifier::Upn(upn)));
    // A UPN moves from person to person; an employeeId does not.
    let same = |person: &&Person| may_be_one(&person.employee_id, &seen.employee_id);
    let before = by_id.or(by_upn.filter(same)).or(by_key.filter(same)).cloned().unwrap_or_default();
    let mut person = before.clone();
    person.employee_id = seen.employee_id.clone().or(person.employee_id);
    person.upn = seen.upn.clone().or(person.upn);
    person.keys.insert(target.clone(), seen.key.clone());
    let is_theirs = |identifier: &Identifier, employee_id: &Option<String>| {
        known(identifier).is_some_and(|holder| may_be_one(&holder.employee_id, employee_id))
    };
    // What the sighting does not name may have passed to somebody else, or been released, since it was learnt.
    if seen.upn.is_none() {
        let employee_id = person.employee_id.clone();
        person.upn.take_if(|upn| !is_theirs(&Identifier::Upn(upn.clone()), &employee_id));
    }
    if seen.employee_id.is_none() {
        person.employee_id.take_if(|id| known(&Identifier::EmployeeId(id.clone())).is_none());
    }
    let stale = before.identifiers().filter(|identifier| !person.is(identifier));
    let stale = stale.filter(|identifier| is_theirs(identifier, &person.employee_id)).collect();
    (person, stale)
}

/// Whether two people may be one, going by their employeeIds.
pub(crate) fn may_be_one(one: &Option<String>, other: &Option<String>) -> bool {
    one.is_none() || other.is_none() || one == other
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::person::NativeKey;

    fn person(employee_id: &str, upn: &str) -> Person {
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Person { employee_id: given(employee_id), upn: given(upn), ..Person::default() }
    }

    fn meant(known: &[(&str, Meant)], upn: &str, id: &str) -> Meant {
        let identifier = |text: &str| match text.contains('@') {
            true => Identifier::Upn(text.into()),
            false => Identifier::EmployeeId(text.into()),
        };
        let resolved =
            Resolved(known.iter().map(|(text, meant)| (identifier(text), meant.clone())).collect());
        let named = Named::ByBoth { upn: identifier(upn), employee_id: identifier(id) };
        resolved.meant(&Who { written: crate::shown::Shown::new(upn), named })
    }

    #[test]
    fn two_identifiers_of_one_person_mean_that_person() {
        let joe = Meant::Known(person("7", "joe@x.y"));
        assert_eq!(meant(&[("joe@x.y", joe.clone()), ("7", joe.clone())], "joe@x.y", "7"), joe);
    }

    #[test]
    fn identifiers_that_contradict_each_other_are_two_people() {
        let (joe, ann) = (Meant::Known(person("7", "joe@x.y")), Meant::Known(person("8", "ann@x.y")));
        let two = Meant::TwoPeople("8".into());
        assert_eq!(meant(&[("joe@x.y", joe.clone()), ("8", ann.clone())], "joe@x.y", "8"), two);
        assert_eq!(meant(&[("joe@x.y", joe)], "joe@x.y", "8"), two);
        assert_eq!(meant(&[("8", ann)], "new@x.y", "8"), two);
    }

    #[test]
    fn an_identifier_that_nobody_has_does_not_contradict_a_person_without_one() {
        let (joe, ann) = (Meant::Known(person("", "joe@x.y")), Meant::Known(person("8", "")));
        assert_eq!(meant(&[("joe@x.y", joe.clone())], "joe@x.y", "7"), joe);
        assert_eq!(meant(&[("8", ann.clone())], "ann@x.y", "8"), ann);
        assert_eq!(meant(&[], "ann@x.y", "8"), Meant::Nobody);
    }

    #[test]
    fn what_cannot_be_told_is_not_taken_for_known() {
        let down = Meant::Unavailable("down".into());
        let joe = Meant::Known(person("7", "joe@x.y"));
        assert_eq!(meant(&[("joe@x.y", joe.clone()), ("7", down.clone())], "joe@x.y", "7"), down);
        assert_eq!(meant(&[("joe@x.y", joe), ("7", Meant::Several)], "joe@x.y", "7"), Meant::Several);
    }

    fn seen(id: &str, upn: &str) -> Sighting {
        let Person { employee_id, upn, .. } = person(id, upn);
        Sighting { key: NativeKey(id.into()), employee_id, upn }
    }

    /// What these people and a sighting come to: employeeId, UPN, and the identifiers that are stale.
    fn merged(
        people: &[(&str, &str)],
        by_key: Option<(&str, &str)>,
        seen: &Sighting,
    ) -> (String, String, Vec<String>) {
        let people: Vec<_> = people.iter().map(|(id, upn)| person(id, upn)).collect();
        let by_key = by_key.map(|(id, upn)| person(id, upn));
        // The last one who has an identifier holds it.
        let known = |identifier: &Identifier| people.iter().rev().find(|person| person.is(identifier));
        let (now, stale) = merge(known, by_key.as_ref(), &"t".into(), seen);
        let stale = stale.iter().map(|identifier| identifier.as_str().to_owned()).collect();
        (now.employee_id.unwrap_or_default(), now.upn.unwrap_or_default(), stale)
    }

    fn result(id: &str, upn: &str, stale: &[&str]) -> (String, String, Vec<String>) {
        (id.into(), upn.into(), stale.iter().map(|identifier| (*identifier).to_owned()).collect())
    }

    #[test]
    fn a_renamed_person_is_the_same_and_the_old_name_leads_nowhere() {
        assert_eq!(
            merged(&[("7", "joe@x.y")], None, &seen("7", "joseph@x.y")),
            result("7", "joseph@x.y", &["joe@x.y"])
        );
    }

    #[test]
    fn a_upn_that_passed_to_somebody_else_does_not_join_two_people() {
        assert_eq!(merged(&[("7", "joe@x.y")], None, &seen("8", "joe@x.y")), result("8", "joe@x.y", &[]));
    }

    #[test]
    fn a_upn_that_is_gone_is_not_given_back_to_its_last_owner() {
        let moved = [("7", "joe@x.y"), ("8", "joe@x.y")];
        assert_eq!(merged(&moved, None, &seen("7", "")), result("7", "", &[]));
        let released = (Some(("7", "joe@x.y")), seen("7", ""));
        assert_eq!(merged(&[], released.0, &released.1), result("7", "", &[]));
    }

    #[test]
    fn an_old_name_that_leads_to_somebody_else_by_now_is_left_alone() {
        let moved = [("7", "joe@x.y"), ("8", "joe@x.y")];
        assert_eq!(merged(&moved, None, &seen("7", "joseph@x.y")), result("7", "joseph@x.y", &[]));
    }

    #[test]
    fn a_target_without_upns_leaves_the_known_one() {
        assert_eq!(merged(&[("7", "joe@x.y")], None, &seen("7", "")), result("7", "joe@x.y", &[]));
    }

    #[test]
    fn an_identifier_that_two_listed_people_have_is_taken_from_both() {
        let mut people = [seen("7", "a@x.y"), seen("8", "a@x.y"), seen("9", "b@x.y")];
        assert_eq!(without_shared(&mut people), [Identifier::Upn("a@x.y".into())]);
        assert_eq!(people.map(|person| person.upn), [None, None, Some("b@x.y".into())]);
    }
}
