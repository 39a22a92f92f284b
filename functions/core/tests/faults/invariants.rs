//! What has to hold at the end of every story, whichever stores it was played on: the adapters' tests play theirs on real
//! ones and end here, too.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use people_core::id::ImportId;
use people_core::log::{Ending, ImportLog, Outcome, PartOutcome, State};
use people_core::person::{Identifier, NativeKey};
use people_core::ports::{Found, Listing, PersonUpdate, Sighting, Target};
use people_core::summary::Standing;
use people_core::time::Timestamp;
use people_core::update::Value;

/// A target that takes everything while it is up, and remembers which import wrote what.
#[derive(Default)]
pub(crate) struct Fake {
    pub(crate) is_down: Mutex<bool>,
    pub(crate) stored: Mutex<BTreeMap<(String, String), String>>,
    pub(crate) written: Mutex<Vec<(ImportId, String)>>,
}

#[async_trait]
impl Target for Fake {
    async fn find(&self, identifiers: &[Identifier], _: Timestamp) -> Vec<Found> {
        let sighting =
            |id: &str| Sighting { key: NativeKey(id.into()), employee_id: Some(id.into()), upn: None };
        identifiers.iter().map(|identifier| Found::Person(sighting(identifier.as_str()))).collect()
    }

    async fn list(&self, _: Timestamp) -> Listing {
        Listing::CannotList
    }

    async fn deliver(&self, updates: &[PersonUpdate], _: Timestamp) -> Vec<Outcome> {
        let deliver = |update: &PersonUpdate| {
            if *self.is_down.lock().unwrap() {
                return Outcome::unsent(Ending::Deferred("it is down".into()));
            }
            for change in &update.changes {
                let Value::Text(text) = &change.value else { unreachable!("only texts are sent") };
                self.stored
                    .lock()
                    .unwrap()
                    .insert((update.key.0.clone(), change.field.to_string()), text.clone());
            }
            self.written.lock().unwrap().push((update.import, update.key.0.clone()));
            Outcome { attempts: 1, ..Outcome::unsent(Ending::Updated) }
        };
        updates.iter().map(deliver).collect()
    }
}

/// How a story ended. The targets are `t0`, `t1` and so on.
pub(crate) struct End<'a> {
    pub(crate) logs: &'a [ImportLog],
    pub(crate) targets: &'a [Arc<Fake>],
    /// How many updates wait.
    pub(crate) waiting: u64,
}

impl End<'_> {
    pub(crate) fn check(&self, story: &str) {
        for log in self.logs {
            assert!(matches!(log.state, State::Ended(_)), "{story}: every accepted import ends, {}", log.id);
            for (number, part) in log.parts_now().iter().enumerate() {
                let is_open = matches!(part.outcome, PartOutcome::Pending)
                    || part.outcome.standing() == Standing::Pending;
                assert!(!is_open, "{story}: part {number} has one outcome, {:?}", part.outcome);
            }
        }
        self.nothing_is_delivered_that_is_not_in_a_log(story);
        assert_eq!(self.waiting, 0, "{story}: nothing waits for ever");
    }

    fn nothing_is_delivered_that_is_not_in_a_log(&self, story: &str) {
        for (n, target) in self.targets.iter().enumerate() {
            for (import, person) in target.written.lock().unwrap().iter() {
                let log = self.logs.iter().find(|log| log.id == *import);
                let log =
                    log.unwrap_or_else(|| unreachable!("{story}: {import} has no log and was delivered"));
                let told = log.parts_now().iter().any(|part| {
                    let about = format!("{:?}", part.subject).contains(&format!("{person:?}"));
                    about && may_have_arrived(&part.outcome, &format!("t{n}"))
                });
                assert!(told, "{story}: t{n} was told of {person} by {import}, and the log does not say so");
            }
        }
    }
}

/// Whether a log with this outcome says that the update may have arrived at the target.
fn may_have_arrived(outcome: &PartOutcome, target: &str) -> bool {
    match outcome {
        PartOutcome::Interrupted => true,
        PartOutcome::Delivered { deliveries, .. } => deliveries.iter().any(|delivery| {
            let maybe =
                matches!(delivery.outcome.ending, Ending::Updated | Ending::Superseded | Ending::Refused(_));
            *delivery.target == *target && maybe
        }),
        _ => false,
    }
}
