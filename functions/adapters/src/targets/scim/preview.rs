//! What an update would change of a user: the differences that a delivery would write, read and compared as it does.

use async_trait::async_trait;
use people_core::log::{Outcome, WouldChange};
use people_core::ports::PersonUpdate;

use super::Scim;
use crate::targets::engine::{PersonAtATime, Run};

/// Looks at users where a delivery would change them.
pub(super) struct Look<'a>(pub(super) &'a Scim);

impl Look<'_> {
    async fn look(&self, run: &Run<'_>, update: &PersonUpdate) -> Outcome {
        let wanted = match self.0.wanted(update) {
            Ok(wanted) => wanted,
            Err(ending) => return Outcome::unsent(ending),
        };
        let (code, compared) = self.0.compare(run, &update.key.0, &wanted).await;
        let ending = compared.map_or_else(
            |ending| ending,
            |(_, _, differences)| {
                let places = update.changes.iter().zip(&wanted);
                let differing = places.filter(|(_, (place, _))| differences.are_at(place));
                let fields = differing.map(|(change, _)| change.field.clone()).collect();
                WouldChange { fields, perhaps: Vec::new() }.ending()
            },
        );
        Outcome { code, duration_ms: run.elapsed_ms(), ..Outcome::unsent(ending) }
    }
}

#[async_trait]
impl PersonAtATime for Look<'_> {
    /// Ids are compared exactly (RFC 7643, 3.1).
    fn person(&self, update: &PersonUpdate) -> String {
        update.key.0.clone()
    }

    async fn deliver_one(&self, run: &Run<'_>, update: &PersonUpdate) -> Outcome {
        self.look(run, update).await
    }
}
