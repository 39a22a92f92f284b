//! What a dry run can tell of updates that come one after another. A target is asked as it is now, but a later update of
//! a person would meet what an earlier one has set.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::log::{Ending, Outcome, WouldChange};
use crate::person::NativeKey;
use crate::ports::PersonUpdate;

/// The outcomes of updates that would be delivered in this order, from what each would come to alone: a field that an
/// earlier update of the same person would change may change or not.
pub(super) fn one_after_another(updates: &[PersonUpdate], alone: Vec<Outcome>) -> Vec<Outcome> {
    let mut set: BTreeMap<&NativeKey, BTreeSet<Arc<str>>> = BTreeMap::new();
    let mut outcomes = Vec::with_capacity(alone.len());
    for (update, outcome) in updates.iter().zip(alone) {
        let set = set.entry(&update.key).or_default();
        let ending = match outcome.ending {
            Ending::Unchanged => after(update, WouldChange::default(), set).ending(),
            Ending::WouldUpdate(would) => after(update, *would, set).ending(),
            Ending::WouldPartlyUpdate(would, why) => {
                Ending::WouldPartlyUpdate(Box::new(after(update, *would, set)), why)
            }
            ending @ (Ending::Updated
            | Ending::PartlyUpdated(_)
            | Ending::UnknownPerson
            | Ending::Refused(_)
            | Ending::Deferred(_)
            | Ending::Superseded
            | Ending::GivenUp(_)) => ending,
        };
        outcomes.push(Outcome { ending, ..outcome });
    }
    outcomes
}

/// What an update would change after others that have `set` these fields; its own are among them then.
fn after(update: &PersonUpdate, alone: WouldChange, set: &mut BTreeSet<Arc<str>>) -> WouldChange {
    let mut would = WouldChange::default();
    for field in update.changes.iter().map(|change| &change.field) {
        if set.contains(field) || alone.perhaps.contains(field) {
            would.perhaps.push(field.clone());
        } else if alone.fields.contains(field) {
            would.fields.push(field.clone());
        }
    }
    set.extend(would.fields.iter().chain(&would.perhaps).cloned());
    would
}

impl PersonUpdate {
    /// The preview of an update of which nobody can tell what it would change.
    pub fn may_change(&self) -> Outcome {
        let perhaps = self.changes.iter().map(|change| change.field.clone()).collect();
        Outcome::unsent(WouldChange { fields: Vec::new(), perhaps }.ending())
    }
}
