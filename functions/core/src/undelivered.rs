//! An update that has not arrived somewhere: what is kept of it, and when it is tried again.

use std::fmt;
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::error::StoreError;
use crate::id::ImportId;
use crate::log::{Delivery, Ending, ImportLog, PartOutcome, Subject};
use crate::log_text::send_again;
use crate::person::TargetName;
use crate::ports::App;
use crate::shown::Shown;
use crate::time::Timestamp;

/// How long an update is tried again, from when it was delivered first.
pub const TRIED_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// How long an update waits for newer ones of the same fields, from when it was delivered first.
pub const WAITS_FOR: Duration = Duration::from_secs(2 * 24 * 60 * 60);

/// What is waited before each attempt after the first; the last one is repeated.
const PAUSES: [Duration; 6] = [
    Duration::from_secs(60),
    Duration::from_secs(5 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(2 * 60 * 60),
    Duration::from_secs(5 * 60 * 60),
    Duration::from_secs(10 * 60 * 60),
];
/// A pause is this much longer or shorter, in per cent at most, so that what failed together does not come back together.
const JITTER: u32 = 20;

/// Where an update is missing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The import that it is part of.
    pub import: ImportId,
    /// The part's number.
    pub part: usize,
    /// The target; none where nobody could tell who is meant, so that it has gone nowhere yet.
    pub target: Option<TargetName>,
}

/// What may be shown of an update that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Where it is missing.
    pub place: Place,
    /// Whom it names, as the caller wrote it.
    pub person: Shown,
    /// Why it did not arrive the last time.
    pub reason: String,
    /// How often it has been tried.
    pub attempts: u32,
    /// When it is tried again.
    pub next_at: Timestamp,
}

impl Waiting {
    /// Whether its caller named this person: compared trimmed, and UPNs without regard to case.
    pub fn names(&self, person: &str) -> bool {
        let wanted = Shown::new(person.trim());
        let named = Shown::new(self.person.as_str().trim());
        named == wanted
            || (wanted.as_str().contains('@')
                && named.as_str().to_lowercase() == wanted.as_str().to_lowercase())
    }
}

/// An update that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// What may be shown of it.
    pub waiting: Waiting,
    /// When it was delivered first, in vain.
    pub since: Timestamp,
    /// What is to be delivered.
    pub update: Update,
}

impl Kept {
    /// Whether its day is over: it is not kept again.
    pub fn is_over(&self, now: Timestamp) -> bool {
        now >= self.since.plus(TRIED_FOR)
    }

    /// The same, to be looked at again in a minute, because newer updates of the same fields wait; `None` where it has waited
    /// for [`WAITS_FOR`]. That may be longer than it is tried: it has its turn once it is known what they came to.
    pub fn later(&self, now: Timestamp) -> Option<Kept> {
        let next_at = now.plus(jittered(PAUSES[0], &self.waiting.place, self.waiting.attempts));
        let waiting = Waiting { next_at, ..self.waiting.clone() };
        (now < self.since.plus(WAITS_FOR)).then(|| Kept { waiting, ..self.clone() })
    }
}

/// A person update object as JSON, with the identifiers that its person is known by. `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Update(pub String);

impl fmt::Debug for Update {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Update(***)")
    }
}

/// When something is tried again that has failed `attempts` times by now: after about 1, 5 and 30 minutes, 2, 5 and 10
/// hours, the last time after [`TRIED_FOR`]. `None` where that has passed.
pub fn next_attempt(place: &Place, since: Timestamp, attempts: u32, now: Timestamp) -> Option<Timestamp> {
    let end = since.plus(TRIED_FOR);
    if now >= end {
        return None;
    }
    let pause = usize::try_from(attempts.saturating_sub(1)).ok().and_then(|done| PAUSES.get(done));
    let pause = *pause.unwrap_or(&PAUSES[PAUSES.len() - 1]);
    Some(now.plus(jittered(pause, place, attempts)).min(end))
}

fn jittered(pause: Duration, place: &Place, attempts: u32) -> Duration {
    pause / 100 * (100 - JITTER + jitter(place, attempts))
}

/// Keeps everything of an import that has ended for a reason that passes; `update` gives what a part is to deliver. Where
/// it cannot be kept, `false` is given back, and the log says that it has to be sent again.
pub(crate) async fn keep(app: &App, log: &mut ImportLog, update: impl Fn(usize) -> Option<Update>) -> bool {
    let (import, since) = (log.id, app.clock.now());
    let mut kept = Vec::new();
    for (number, part) in log.parts.iter_mut().enumerate() {
        let Subject::Person(Some(person)) = &part.subject else { continue };
        for (target, reason) in deferred(&part.outcome) {
            let place = Place { import, part: number, target };
            let Some((next_at, update)) = next_attempt(&place, since, 1, since).zip(update(number)) else {
                continue;
            };
            let waiting = Waiting { place, person: person.clone(), reason, attempts: 1, next_at };
            kept.push(Kept { waiting, since, update });
        }
    }
    if kept.is_empty() {
        return true;
    }
    let Err(error) = app.undelivered.keep(&kept).await else { return true };
    tracing::error!(import.id = %import, %error, "updates that did not arrive could not be kept");
    keep_none(log);
    false
}

/// Enters that nothing of an import is kept: what would have been has to be sent again.
pub(crate) fn keep_none(log: &mut ImportLog) {
    let refused = |why: String| Ending::Refused(send_again(&why));
    for part in &mut log.parts {
        end_deferred(&mut part.outcome, |why| PartOutcome::not_now(&why), refused);
    }
}

/// Has everything that waits of an import tried again with the next run of the schedule: how many updates that is, or
/// `None` where there is no such import. The log says where something is missing, so no update is read.
pub async fn hasten(app: &App, import: ImportId) -> Result<Option<usize>, StoreError> {
    let Some(log) = app.imports.find(import).await? else { return Ok(None) };
    app.undelivered.due_now(&missing(&log), app.clock.now()).await.map(Some)
}

/// Where updates of an import have not arrived yet, as its log says.
pub fn missing(log: &ImportLog) -> Vec<Place> {
    let parts = log.parts_now().into_iter().enumerate();
    let places = parts.flat_map(|(part, entry)| {
        let deferred = deferred(&entry.outcome).into_iter();
        deferred.map(move |(target, _)| Place { import: log.id, part, target }).collect::<Vec<_>>()
    });
    places.collect()
}

/// Where an update is to be delivered again, and why.
fn deferred(outcome: &PartOutcome) -> Vec<(Option<TargetName>, String)> {
    match outcome {
        PartOutcome::Deferred(why) => vec![(None, why.clone())],
        PartOutcome::Delivered { deliveries, .. } => {
            let deferred = |delivery: &Delivery| match &delivery.outcome.ending {
                Ending::Deferred(why) => Some((Some(delivery.target.clone()), why.clone())),
                _ => None,
            };
            deliveries.iter().filter_map(deferred).collect()
        }
        _ => Vec::new(),
    }
}

/// What is deferred ends so.
fn end_deferred(
    outcome: &mut PartOutcome,
    part: impl Fn(String) -> PartOutcome,
    delivery: impl Fn(String) -> Ending,
) {
    match outcome {
        PartOutcome::Deferred(why) => *outcome = part(std::mem::take(why)),
        PartOutcome::Delivered { deliveries, .. } => {
            for one in deliveries {
                if let Ending::Deferred(why) = &mut one.outcome.ending {
                    one.outcome.ending = delivery(std::mem::take(why));
                }
            }
        }
        _ => {}
    }
}

/// From 0 to twice [`JITTER`]: the same for the same attempt, and spread evenly over all others.
fn jitter(place: &Place, attempts: u32) -> u32 {
    let mut digest = Sha256::new();
    digest.update(place.import.as_bytes());
    digest.update(place.part.to_le_bytes());
    digest.update(attempts.to_le_bytes());
    digest.update(place.target.as_deref().unwrap_or_default());
    u32::from(digest.finalize()[0]) % (2 * JITTER + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SINCE: Timestamp = Timestamp::from_millis(1_700_757_179_000);

    fn place(part: usize) -> Place {
        Place { import: ImportId::new(SINCE, [7; 10]), part, target: Some("aktion".into()) }
    }

    #[test]
    fn the_pauses_grow_and_are_a_fifth_off_at_most() {
        let minutes = [1.0, 5.0, 30.0, 120.0, 300.0, 600.0, 600.0];
        for (attempts, minutes) in (1..).zip(minutes) {
            for part in 0..200 {
                let next = next_attempt(&place(part), SINCE, attempts, SINCE).unwrap();
                let off = next.since(SINCE).as_secs_f64() / 60.0 / minutes;
                assert!((0.8..=1.2).contains(&off), "{attempts}: {off}");
            }
        }
    }

    #[test]
    fn what_failed_together_does_not_come_back_together() {
        let next = |part| next_attempt(&place(part), SINCE, 1, SINCE).unwrap().millis();
        let moments: std::collections::HashSet<_> = (0..200).map(next).collect();
        assert!(moments.len() > 20, "{}", moments.len());
    }

    #[test]
    fn the_last_attempt_is_after_a_day() {
        let end = SINCE.plus(TRIED_FOR);
        let before = Timestamp::from_millis(end.millis() - 1);
        assert_eq!(next_attempt(&place(0), SINCE, 9, before), Some(end));
        assert_eq!(next_attempt(&place(0), SINCE, 9, end), None);
    }

    #[test]
    fn nothing_of_an_update_is_shown() {
        assert_eq!(format!("{:?}", Update("{\"birthDate\":1}".into())), "Update(***)");
    }
}
