//! What may be stored after updates that ended so or so, told from what was stored before: the whole promise that the outcomes
//! of a target make, in one place.

use std::collections::{BTreeMap, BTreeSet};

use people_core::log::{Ending, Outcome};
use serde_json::Value;

/// Everything stored, by place.
pub(super) type Flat = BTreeMap<String, Value>;

/// A value that an update gives to a place; `None` empties it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Named {
    pub(super) place: String,
    pub(super) value: Option<Value>,
    /// What has the same number goes in one call, and is there whole or not at all.
    pub(super) call: u8,
}

/// How an update ends on a good day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is done.
    Done,
    /// Some of it is done, or all of it, or the target refuses it.
    Depends,
    /// The target knows nobody of that key.
    Unknown,
    /// It is refused.
    Refused,
}

/// An update, what it names, and how it ended.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) named: Vec<Named>,
    pub(super) outcome: Outcome,
    pub(super) fate: Fate,
}

/// What is known of the circumstances.
#[derive(Debug, Clone, Copy)]
pub(super) struct Circumstances {
    /// Whether the updates were applied one after another, as far as they are of one person.
    pub(super) in_order: bool,
    /// Whether answers were lost.
    pub(super) lost: bool,
    /// Whether refusals were made up.
    pub(super) refuses: bool,
    /// Whether nothing went wrong at all.
    pub(super) good_day: bool,
}

/// How much of an update may be there.
enum Extent {
    All,
    Some,
    Nothing,
}

impl Told {
    fn extent(&self, circumstances: Circumstances) -> Extent {
        match &self.outcome.ending {
            Ending::Updated | Ending::Unchanged => Extent::All,
            // No target says so.
            Ending::Superseded | Ending::GivenUp(_) => Extent::Nothing,
            Ending::WouldUpdate(_) | Ending::WouldPartlyUpdate(..) => Extent::Nothing,
            Ending::PartlyUpdated(_) => Extent::Some,
            Ending::Deferred(_) if self.outcome.attempts > 0 => Extent::Some,
            Ending::Deferred(_) => Extent::Nothing,
            // Where nobody could look, it is said so.
            Ending::Refused(why) if why.contains("may be saved") => Extent::Some,
            // Whoever is gone after a first call is unknown, and what that call did is gone with them.
            Ending::UnknownPerson if circumstances.refuses && self.outcome.attempts > 1 => Extent::Some,
            // A server that has done something, loses the answer and then makes up a refusal cannot be seen through.
            Ending::Refused(_) | Ending::UnknownPerson if circumstances.lost && circumstances.refuses => {
                Extent::Some
            }
            Ending::Refused(_) | Ending::UnknownPerson => Extent::Nothing,
        }
    }

    /// Whether it may end so.
    fn ends_well(&self, circumstances: Circumstances) -> bool {
        let done = self.outcome.ending.succeeded();
        match (&self.outcome.ending, self.fate) {
            (Ending::WouldUpdate(_) | Ending::WouldPartlyUpdate(..), _) => false,
            (Ending::Deferred(_), _) => !circumstances.good_day,
            (_, Fate::Done) if done => true,
            (Ending::UnknownPerson, Fate::Done | Fate::Depends) => circumstances.refuses,
            (Ending::UnknownPerson, Fate::Unknown) => true,
            // Where nobody could look, whoever is not there is only refused.
            (Ending::Refused(_), Fate::Unknown) => !circumstances.good_day,
            (_, Fate::Unknown) => circumstances.refuses && !done,
            (Ending::Refused(_) | Ending::PartlyUpdated(_), Fate::Done) => circumstances.refuses,
            (_, Fate::Done | Fate::Depends) => true,
            (Ending::Refused(_), Fate::Refused) => true,
            (Ending::UnknownPerson, Fate::Refused) => true,
            (Ending::Superseded | Ending::GivenUp(_), Fate::Refused) => false,
            (Ending::Updated | Ending::Unchanged | Ending::PartlyUpdated(_), Fate::Refused) => false,
        }
    }
}

/// Compares what is stored with what was told.
pub(super) fn check(
    (before, after): (&Flat, &Flat),
    told: &[Told],
    circumstances: Circumstances,
) -> Result<(), String> {
    for told in told {
        if !told.ends_well(circumstances) {
            return Err(format!("it must not end so: {told:?}"));
        }
    }
    let named = told.iter().flat_map(|told| told.named.iter().map(|named| &named.place));
    let places: BTreeSet<_> = before.keys().chain(after.keys()).chain(named).collect();
    for place in places {
        let possible = possible(before.get(place), place, told, circumstances);
        let there = after.get(place);
        if !possible.contains(&there) {
            return Err(format!("{place} is {there:?} and not one of {possible:?}: {told:?}"));
        }
    }
    told.iter().enumerate().try_for_each(|(number, _)| whole((before, after), told, number))
}

/// Which values a place may have.
fn possible<'a>(
    before: Option<&'a Value>,
    place: &str,
    told: &'a [Told],
    circumstances: Circumstances,
) -> Vec<Option<&'a Value>> {
    let mut possible = vec![before];
    let mut is_overwritten = false;
    for told in told {
        let values = told.named.iter().filter(|named| named.place == place).map(|named| named.value.as_ref());
        for value in values {
            match told.extent(circumstances) {
                Extent::All if circumstances.in_order => possible = vec![value],
                Extent::All => {
                    is_overwritten = true;
                    possible.push(value);
                }
                Extent::Some => possible.push(value),
                Extent::Nothing => {}
            }
        }
    }
    if is_overwritten {
        possible.remove(0);
    }
    possible
}

/// What goes in one call is there whole or not at all. It can be told where no other update names any of it, and where
/// the target does not say itself that it took a part only.
fn whole((before, after): (&Flat, &Flat), told: &[Told], number: usize) -> Result<(), String> {
    let own = &told[number];
    if own.fate != Fate::Done || matches!(own.outcome.ending, Ending::PartlyUpdated(_)) {
        return Ok(());
    }
    let others =
        || told.iter().enumerate().filter(|(other, _)| *other != number).flat_map(|(_, told)| &told.named);
    let calls: BTreeSet<_> = own.named.iter().map(|named| named.call).collect();
    for call in calls {
        let parts: Vec<_> = own.named.iter().filter(|named| named.call == call).collect();
        if parts.iter().any(|part| others().any(|other| other.place == part.place)) {
            continue;
        }
        let changes = |part: &&&Named| before.get(&part.place) != part.value.as_ref();
        let is_there = |part: &&Named| after.get(&part.place) == part.value.as_ref();
        let there: Vec<_> = parts.iter().filter(changes).map(is_there).collect();
        if there.contains(&true) && there.contains(&false) {
            return Err(format!("a part of a call is there: {own:?}"));
        }
    }
    Ok(())
}
