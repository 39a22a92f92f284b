//! Who somebody is: what the directory knows, completed by asking the targets, and what it learns from them. Nobody is
//! ever guessed: where an identifier leads to several people, it leads to nobody.

mod union;

use std::collections::{BTreeSet, HashMap};

use futures_util::future::join_all;
use futures_util::{StreamExt, stream};

use crate::error::StoreError;
use crate::person::{Identifier, Named, NativeKey, Person, PersonKey, TargetName, Who};
use crate::ports::{App, Found, Listing, Sighting};
use crate::time::Timestamp;
use union::{Sighted, unite};

/// How many keys of one target are forgotten at once.
const AT_ONCE: usize = 8;

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
    let mut sighted: Vec<Vec<Sighting>> = vec![Vec::new(); app.targets.len()];
    let mut found: Vec<(Identifier, Vec<(usize, NativeKey)>)> = Vec::new();
    for (index, identifier) in missing.into_iter().enumerate() {
        let mut meant = Meant::Nobody;
        let mut seen = Vec::new();
        let mut employee_ids = BTreeSet::new();
        for (target, answers) in answers.iter().enumerate() {
            match answers.get(index).unwrap_or(&Found::CannotTell) {
                Found::Person(sighting) => {
                    let sighting = answering(sighting, &identifier);
                    employee_ids.extend(sighting.employee_id.clone());
                    seen.push((target, sighting.key.clone()));
                    sighted[target].push(sighting);
                }
                Found::Several => meant = Meant::Several,
                Found::Unavailable(why) if meant == Meant::Nobody => meant = Meant::Unavailable(why.clone()),
                Found::Nobody | Found::CannotTell | Found::Unavailable(_) => {}
            }
        }
        if employee_ids.len() > 1 {
            meant = Meant::Several;
        }
        if meant == Meant::Several || seen.is_empty() {
            resolved.0.insert(identifier, meant);
        } else {
            found.push((identifier, seen));
        }
    }
    let learnt = learn(app, sighted).await?;
    for (identifier, seen) in found {
        // The last one is known best: each target that is learnt adds to what the ones before said.
        let person = seen.iter().rev().find_map(|at| learnt.person(at));
        resolved.0.insert(identifier, person.cloned().map_or(Meant::Several, Meant::Known));
    }
    resolved.bring_up_to_date(&learnt);
    Ok(())
}

/// The people who were learnt.
#[derive(Debug, Default)]
struct Learnt {
    /// By the number of a target and its key.
    keys: HashMap<(usize, NativeKey), PersonKey>,
    /// As they are known now.
    people: HashMap<PersonKey, Person>,
}

impl Learnt {
    fn person(&self, at: &(usize, NativeKey)) -> Option<&Person> {
        self.people.get(self.keys.get(at)?)
    }
}

/// Takes over those whom look-ups sighted at each target, as far as it is clear who they are.
async fn learn(app: &App, sighted: Vec<Vec<Sighting>>) -> Result<Learnt, StoreError> {
    let targets = app.targets.iter().zip(sighted);
    let mut sighted: Vec<_> =
        targets.map(|(target, people)| Sighted::new(target.name.clone(), people)).collect();
    unite(&mut sighted);
    let mut learnt = Learnt::default();
    for (number, target) in sighted.iter().enumerate().filter(|(_, target)| !target.people.is_empty()) {
        let people = app.directory.learn(&target.target, &target.people).await?;
        for (sighting, person) in target.people.iter().zip(people) {
            learnt.keys.insert((number, sighting.key.clone()), person.key());
            learnt.people.insert(person.key(), person);
        }
    }
    Ok(learnt)
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

    /// Whoever was known before may be known under more identifiers and keys now.
    fn bring_up_to_date(&mut self, learnt: &Learnt) {
        for person in learnt.people.values() {
            for identifier in person.identifiers() {
                if let Some(Meant::Known(known)) = self.0.get_mut(&identifier) {
                    known.clone_from(person);
                }
            }
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

/// Takes over everybody from the targets that can list people, all of whom are asked at once: the directory is the union
/// of what they know, in whatever order they are configured. (Where two give one employeeId two UPNs, the later one has the
/// say.) An identifier that leads to several people is taken out of the directory. A target that cannot be asked is
/// reported and changes nothing.
pub async fn sync(app: &App, until: Timestamp) -> Result<SyncReport, StoreError> {
    let listings = join_all(app.targets.iter().map(|target| target.api.list(until))).await;
    let mut report = SyncReport { listed: Vec::new(), failed: Vec::new() };
    let mut sighted = Vec::new();
    for (target, listing) in app.targets.iter().zip(listings) {
        match listing {
            Listing::CannotList => {}
            Listing::Unavailable(why) => report.failed.push((target.name.clone(), why)),
            Listing::Everybody(people) => {
                report.listed.push((target.name.clone(), people.len()));
                sighted.push(Sighted::new(target.name.clone(), people));
            }
        }
    }
    app.directory.release(&unite(&mut sighted)).await?;
    for Sighted { target, people, unclear, .. } in &sighted {
        let forgotten: Vec<_> = unclear.iter().map(|key| app.directory.forget(target, key)).collect();
        let forgotten: Vec<_> = stream::iter(forgotten).buffer_unordered(AT_ONCE).collect().await;
        forgotten.into_iter().collect::<Result<(), _>>()?;
        app.directory.learn(target, people).await?;
    }
    Ok(report)
}

/// How a sighting changes what is known.
#[derive(Debug)]
pub struct Merged {
    /// The person as known now.
    pub person: Person,
    /// The identifiers that lead to nobody any more.
    pub stale: Vec<Identifier>,
    /// Who had the target's key until now, where that is somebody else: as known without it.
    pub robbed: Option<Person>,
}

/// Works a sighting into what is known. `known` says who is known under an identifier, `by_key` who is known under the
/// target's own key.
pub fn merge<'a>(
    known: impl Fn(&Identifier) -> Option<&'a Person>,
    by_key: Option<&'a Person>,
    target: &TargetName,
    seen: &Sighting,
) -> Merged {
    let by_id = seen.employee_id.clone().and_then(|id| known(&Identifier::EmployeeId(id)));
    let by_upn = seen.upn.clone().and_then(|upn| known(&Identifier::Upn(upn)));
    // A UPN moves from person to person; an employeeId does not.
    let same = |person: &&Person| may_be_one(&person.employee_id, &seen.employee_id);
    let by_upn = by_upn.filter(same);
    let before = by_id.or(by_upn).or(by_key.filter(same)).cloned().unwrap_or_default();
    let mut person = before.clone();
    // Whoever was known by the UPN alone turns out to be this person.
    for (other, key) in by_upn.iter().flat_map(|person| &person.keys) {
        person.keys.entry(other.clone()).or_insert_with(|| key.clone());
    }
    person.employee_id = seen.employee_id.clone().or(person.employee_id);
    person.upn = seen.upn.clone().or(person.upn);
    person.keys.insert(target.clone(), seen.key.clone());
    let is_theirs =
        |identifier: &Identifier| known(identifier).is_some_and(|holder| holder.key() == before.key());
    // What the sighting does not name may have passed to somebody else, or been released, since it was learnt.
    if seen.upn.is_none() {
        person.upn.take_if(|upn| !is_theirs(&Identifier::Upn(upn.clone())));
    }
    if seen.employee_id.is_none() {
        person.employee_id.take_if(|id| known(&Identifier::EmployeeId(id.clone())).is_none());
    }
    let stale = before.identifiers().filter(|identifier| !person.is(identifier));
    let mut stale: Vec<_> = stale.filter(|identifier| is_theirs(identifier)).collect();
    let robbed = robbed(by_key, &before, &person, target);
    // With the last key the person goes too.
    if let Some(gone) = robbed.as_ref().filter(|robbed| robbed.keys.is_empty()) {
        let theirs = gone.identifiers().filter(|identifier| !person.is(identifier));
        stale.extend(theirs.filter(|identifier| known(identifier) == by_key));
    }
    Merged { person, stale, robbed: robbed.filter(|robbed| !robbed.keys.is_empty()) }
}

/// Who had a key of `target` that is the key of `person` now, without it. Nobody was robbed where it was the same person.
fn robbed(by_key: Option<&Person>, before: &Person, person: &Person, target: &TargetName) -> Option<Person> {
    let holder = by_key.filter(|holder| holder.key() != before.key() && holder.key() != person.key())?;
    let mut holder = holder.clone();
    holder.keys.remove(target);
    Some(holder)
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
        let Merged { person: now, stale, .. } = merge(known, by_key.as_ref(), &"t".into(), seen);
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
}
