//! What an update would change of a person: what a delivery would find missing, and whether the writes that would follow can
//! be made from the person as they are.

use std::sync::Arc;

use async_trait::async_trait;
use people_core::log::{Ending, Outcome, WouldChange};
use people_core::ports::PersonUpdate;

use super::mapping::Place;
use super::people::{self, Read};
use super::person::{Missing, Person};
use super::progress::{Progress, Write};
use super::{NOT_SHOWN, Onlyoffice, call, person};
use crate::targets::engine::{PersonAtATime, Run};

/// Looks at people where a delivery would change them.
pub(super) struct Look<'a>(pub(super) &'a Onlyoffice);

impl Look<'_> {
    async fn ending(&self, run: &Run<'_>, update: &PersonUpdate) -> Ending {
        let target = self.0;
        let (id, wanted) = match target.wanted(update) {
            Ok(wanted) => wanted,
            Err(ending) => return ending,
        };
        let person: Person = match people::get(&target.session, run, id).await {
            Read::Person(person) if person.email().is_some() => person,
            Read::Person(_) => return Ending::Refused(target.why(NOT_SHOWN)),
            Read::Nobody => return Ending::UnknownPerson,
            Read::Unavailable(why) => return Ending::Deferred(why),
        };
        let missing = person.missing(&wanted);
        let (mut progress, mut why) = (Progress::default(), missing.left());
        while let Some(write) = target.next_write(&missing, &progress) {
            match call(update, id, (&person, &wanted), (write, &missing)) {
                Ok(_) => progress.done(write),
                Err(unfit) => {
                    why = Some(unfit.to_owned());
                    break;
                }
            }
        }
        let fields = self.written(update, &missing, &progress);
        let would = WouldChange { fields, perhaps: Vec::new() };
        match why.map(|why| target.why(&why)) {
            None => would.ending(),
            Some(why) if would.fields.is_empty() => Ending::Refused(why),
            Some(why) => Ending::WouldPartlyUpdate(Box::new(would), why),
        }
    }

    /// The fields that these writes would save.
    fn written(&self, update: &PersonUpdate, missing: &Missing, progress: &Progress) -> Vec<Arc<str>> {
        let (contacts, profile) = (progress.is_done(Write::Contacts), progress.is_done(Write::Profile));
        // It was mapped before.
        let places = self.0.mapping.values(update).unwrap_or_default();
        let changed = |place: &Place| match place {
            Place::Contact(kind) => (contacts || profile) && missing.contacts.contains(kind),
            Place::Field(field) => profile && missing.fields.contains(&field.name),
        };
        let fields = update.changes.iter().zip(places).filter(|(_, (place, _))| changed(place));
        fields.map(|(change, _)| change.field.clone()).collect()
    }
}

#[async_trait]
impl PersonAtATime for Look<'_> {
    fn person(&self, update: &PersonUpdate) -> String {
        person(update)
    }

    async fn deliver_one(&self, run: &Run<'_>, update: &PersonUpdate) -> Outcome {
        let ending = self.ending(run, update).await;
        Outcome { duration_ms: run.elapsed_ms(), ..Outcome::unsent(ending) }
    }
}
