//! What an update would change of a person at Aktion. An update is not preceded by a reading, so one that cannot be read
//! may be changed all the same.

use std::sync::Arc;

use async_trait::async_trait;
use people_core::log::{Ending, Outcome, WouldChange};
use people_core::ports::PersonUpdate;

use super::Aktion;
use super::mapping::body;
use super::people::Read;
use super::stored::Stored;
use crate::targets::engine::{PersonAtATime, Run};
use crate::targets::session::REPETITIONS;

/// Looks at people where a delivery would change them.
pub(super) struct Look<'a>(pub(super) &'a Aktion);

impl Look<'_> {
    async fn ending(&self, run: &Run<'_>, update: &PersonUpdate) -> Ending {
        let body = match self.0.body(update) {
            Ok(body) => body,
            Err(ending) => return ending,
        };
        match self.0.people.get(run, body.person_id, REPETITIONS).await {
            Read::Person(person) => self.differences(&person, update).ending(),
            Read::Nobody => Ending::UnknownPerson,
            Read::Hidden(_) => update.may_change().ending,
            Read::Unavailable(why) => Ending::Deferred(why),
        }
    }

    /// What a person does not have, field by field, compared as it is after an update whose answer was lost.
    fn differences(&self, person: &Stored, update: &PersonUpdate) -> WouldChange {
        let mut would = WouldChange::default();
        for change in &update.changes {
            let alone = PersonUpdate {
                import: update.import,
                key: update.key.clone(),
                changes: vec![change.clone()],
                people: Arc::clone(&update.people),
            };
            match body(&self.0.mapping, &alone) {
                Ok(body) if !body.has_unreadable() && person.has_all(&body) => {}
                Ok(body) if !body.has_unreadable() => would.fields.push(change.field.clone()),
                Ok(_) | Err(_) => would.perhaps.push(change.field.clone()),
            }
        }
        would
    }
}

#[async_trait]
impl PersonAtATime for Look<'_> {
    fn person(&self, update: &PersonUpdate) -> String {
        self.0.person(update)
    }

    async fn deliver_one(&self, run: &Run<'_>, update: &PersonUpdate) -> Outcome {
        let ending = self.ending(run, update).await;
        Outcome { duration_ms: run.elapsed_ms(), ..Outcome::unsent(ending) }
    }
}
