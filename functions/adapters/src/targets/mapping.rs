//! Which profile field is which property at one target. Every kind of target has its own properties and rules; what they have
//! in common, and what would overwrite the wrong thing, is found here when the configuration is read.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use people_core::ports::PersonUpdate;
use people_core::update::Change;

use super::config::{Check, Pairs, pointer};
use super::transform::{Sent, Shape, Wanted, Written};

/// The properties of a kind of target, as one target is configured.
pub(super) trait Properties {
    /// Where a value goes.
    type Place;

    /// The property of this name, if it takes values of this shape; else why not, as an administrator reads it.
    fn place(&self, property: &str, shape: Shape) -> Result<Self::Place, String>;

    /// Whether a property takes a text that the configuration itself brings in; else why not, without the text.
    fn takes(&self, place: &Self::Place, text: &str) -> Result<(), String>;
}

/// A checked mapping: no two fields have the same property.
#[derive(Debug)]
pub(super) struct Mapping<P>(HashMap<Arc<str>, (Wanted, P)>);

impl<P> Mapping<P> {
    /// Checks the fields of a target, and notes what is wrong with them.
    pub(super) fn check<R: Properties<Place = P>>(
        fields: &Pairs<Written>,
        rules: &R,
        check: &mut Check<'_>,
    ) -> Mapping<P> {
        let mut mapping = HashMap::new();
        let mut taken: HashMap<&str, &str> = HashMap::new();
        for (field, Written(wanted)) in &fields.0 {
            let at = pointer("/fields", field);
            if mapping.contains_key(field.as_str()) {
                check.fault(&at, format!("'{field}' is there twice"));
            }
            if let Some(other) = taken.insert(&wanted.to, field).filter(|other| other != field) {
                check.fault(&at, format!("{} is taken by '{other}'", wanted.to));
            }
            match place(field, wanted, rules, check) {
                Ok(place) => drop(mapping.insert(Arc::from(field.as_str()), (wanted.clone(), place))),
                Err(fault) => check.fault(&at, fault),
            }
        }
        Mapping(mapping)
    }

    /// The profile fields that are mapped.
    pub(super) fn fields(&self) -> BTreeSet<Arc<str>> {
        self.0.keys().cloned().collect()
    }

    /// What an update comes to, in its order. `Err` says in a sentence without values why it must not be sent.
    pub(super) fn values<'a>(&'a self, update: &'a PersonUpdate) -> Result<Vec<(&'a P, Sent<'a>)>, String> {
        let value = |change: &'a Change| {
            let (wanted, place) =
                self.0.get(&change.field).ok_or_else(|| format!("{} is not mapped", change.field))?;
            Ok((place, wanted.apply(change, update)?))
        };
        update.changes.iter().map(value).collect()
    }
}

fn place<R: Properties>(
    field: &str,
    wanted: &Wanted,
    rules: &R,
    check: &Check<'_>,
) -> Result<R::Place, String> {
    let field = check.profile.field(field).ok_or_else(|| format!("there is no field '{field}'"))?;
    let shape = wanted.shape(field)?;
    let place = rules.place(&wanted.to, shape)?;
    for text in wanted.texts() {
        rules.takes(&place, text)?;
    }
    Ok(place)
}
