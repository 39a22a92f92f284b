//! What several targets say about people, brought together before anything of it is learnt: so it does not matter which
//! of them is learnt first, and what they contradict each other in joins nobody.

use std::collections::{BTreeSet, HashMap};

use crate::person::{Identifier, NativeKey, TargetName};
use crate::ports::Sighting;

/// The people whom one target sighted.
#[derive(Debug)]
pub(super) struct Sighted {
    pub(super) target: TargetName,
    pub(super) people: Vec<Sighting>,
    /// The keys that lead to nobody any more, because nobody can tell who that is.
    pub(super) unclear: Vec<NativeKey>,
    /// What it calls those whose employeeId says nothing.
    doubted: BTreeSet<NativeKey>,
}

impl Sighted {
    /// Nobody is unclear yet. Whoever was sighted twice counts once.
    pub(super) fn new(target: TargetName, people: Vec<Sighting>) -> Sighted {
        let mut seen: HashMap<NativeKey, usize> = HashMap::new();
        let mut once: Vec<Sighting> = Vec::with_capacity(people.len());
        for sighting in people {
            match seen.get(&sighting.key) {
                None => {
                    seen.insert(sighting.key.clone(), once.len());
                    once.push(sighting);
                }
                Some(before) => {
                    let before = &mut once[*before];
                    before.employee_id = before.employee_id.take().or(sighting.employee_id);
                    before.upn = before.upn.take().or(sighting.upn);
                }
            }
        }
        Sighted { target, people: once, unclear: Vec::new(), doubted: BTreeSet::new() }
    }

    /// Takes identifiers from those who have them.
    fn strip(&mut self, is_doubtful: impl Fn(&Identifier) -> bool) {
        let (unclear, doubted) = (&mut self.unclear, &mut self.doubted);
        self.people.retain_mut(|person| {
            let was_nobody = person.identifiers().next().is_none();
            if person.employee_id.take_if(|id| is_doubtful(&Identifier::EmployeeId(id.clone()))).is_some() {
                doubted.insert(person.key.clone());
            }
            person.upn.take_if(|upn| is_doubtful(&Identifier::Upn(upn.clone())));
            let is_clear = was_nobody || person.identifiers().next().is_some();
            if !is_clear {
                unclear.push(person.key.clone());
            }
            is_clear
        });
    }

    /// Those who are left with a UPN, and of whom something was doubtful, begin anew: whoever was known under their UPN or
    /// key may be somebody else. Gives back the UPNs.
    fn anew(&mut self, doubtful: &BTreeSet<Identifier>) -> Vec<Identifier> {
        let mut upns = Vec::new();
        for person in self.people.iter().filter(|person| person.employee_id.is_none()) {
            let upn = person.upn.clone().map(Identifier::Upn);
            if upn.as_ref().is_some_and(|upn| doubtful.contains(upn)) {
                self.unclear.push(person.key.clone());
                upns.extend(upn);
            }
        }
        upns
    }

    /// How many people here have each identifier.
    fn counts(&self) -> HashMap<Identifier, usize> {
        let mut counts = HashMap::new();
        for identifier in self.people.iter().flat_map(Sighting::identifiers) {
            *counts.entry(identifier).or_default() += 1;
        }
        counts
    }
}

/// Makes the sightings agree, and gives back the identifiers that lead to nobody any more:
///
/// 1. An identifier that several people of one target have says nothing there. A UPN that has several employeeIds, be it at
///    one target or at two, says nothing anywhere.
/// 2. Whoever has a UPN of which another target knows the employeeId has that employeeId, unless another person of the same
///    target has it: then nobody can tell who this one is.
pub(super) fn unite(sighted: &mut [Sighted]) -> Vec<Identifier> {
    let disputed = disputed(sighted);
    let mut doubtful = disputed.clone();
    for target in sighted.iter_mut() {
        let mut shared = target.counts();
        shared.retain(|_, count| *count > 1);
        target.strip(|identifier| shared.contains_key(identifier) || disputed.contains(identifier));
        doubtful.extend(shared.into_keys());
        // Whoever has this UPN was said to have an employeeId that says nothing: it may be anybody's.
        let doubted = target.people.iter().filter(|person| target.doubted.contains(&person.key));
        doubtful.extend(doubted.filter_map(|person| person.upn.clone().map(Identifier::Upn)));
    }
    let people = sighted.iter().flat_map(|target| &target.people);
    let both = people.filter_map(|person| Some((person.upn.clone()?, person.employee_id.clone()?)));
    let employee_ids: HashMap<String, String> = both.collect();
    sighted.iter_mut().for_each(|target| complete(target, &employee_ids));
    let people = sighted.iter().flat_map(|target| &target.people);
    let clear: BTreeSet<_> = people.flat_map(Sighting::identifiers).collect();
    let anew: Vec<_> = sighted.iter_mut().flat_map(|target| target.anew(&doubtful)).collect();
    doubtful.retain(|identifier| !clear.contains(identifier));
    doubtful.extend(anew);
    doubtful.into_iter().collect()
}

/// The UPNs that have several employeeIds.
fn disputed(sighted: &[Sighted]) -> BTreeSet<Identifier> {
    let mut employee_ids: HashMap<&str, &str> = HashMap::new();
    let mut disputed = BTreeSet::new();
    for person in sighted.iter().flat_map(|target| &target.people) {
        let (Some(upn), Some(id)) = (&person.upn, &person.employee_id) else { continue };
        if *employee_ids.entry(upn).or_insert(id) != id {
            disputed.insert(Identifier::Upn(upn.clone()));
        }
    }
    disputed
}

/// Gives employeeIds to those of a target who have a UPN alone.
fn complete(target: &mut Sighted, employee_ids: &HashMap<String, String>) {
    let deduced = |person: &Sighting| match &person.employee_id {
        None => employee_ids.get(person.upn.as_ref()?).cloned(),
        Some(_) => None,
    };
    let mut times: HashMap<String, usize> = HashMap::new();
    for id in target.people.iter().filter_map(|person| person.employee_id.clone().or_else(|| deduced(person)))
    {
        *times.entry(id).or_default() += 1;
    }
    let unclear = &mut target.unclear;
    target.people.retain_mut(|person| {
        let Some(id) = deduced(person) else { return true };
        let is_clear = times.get(&id) == Some(&1);
        if is_clear {
            person.employee_id = Some(id);
        } else {
            unclear.push(person.key.clone());
        }
        is_clear
    });
}
