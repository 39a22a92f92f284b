//! How an update that was delivered again has ended, and what of it is tried once more.

use super::Ended;
use crate::directory::Meant;
use crate::import::{Part, SEVERAL};
use crate::later::News;
use crate::log::{Delivery, Ending, Outcome, PartOutcome};
use crate::person::TargetName;
use crate::shown::Shown;
use crate::time::Timestamp;
use crate::undelivered::{Kept, Place, Waiting, next_attempt};

/// How an update ends whose person is not known, or that is no valid update any more.
pub(super) fn without_a_person(kept: &Kept, part: &Part) -> News {
    let (outcome, ending) = match part {
        Ok((_, Meant::Unavailable(why))) => {
            (PartOutcome::Deferred(why.clone()), Ending::Deferred(why.clone()))
        }
        Ok((_, Meant::Nobody)) => (PartOutcome::UnknownPerson, Ending::UnknownPerson),
        Ok((_, Meant::TwoPeople(id))) => (
            PartOutcome::IdentifierConflict(Shown::new(id)),
            Ending::Refused("its two identifiers are two persons".to_owned()),
        ),
        Ok((_, Meant::Several | Meant::Known(_))) => (
            PartOutcome::Refused { why: SEVERAL.to_owned(), passing: false },
            Ending::Refused(SEVERAL.to_owned()),
        ),
        Err(entry) => {
            let why = "the profile definition, or a person whom it names, is not what it was".to_owned();
            (entry.outcome.clone(), Ending::Refused(why))
        }
    };
    unsent(kept, outcome, ending)
}

/// The end of an update that is not waited for any more.
pub(super) fn gave_up(kept: Kept, why: &str) -> Ended {
    let news = unsent(&kept, PartOutcome::GivenUp(why.to_owned()), Ending::GivenUp(why.to_owned()));
    (kept, news)
}

/// How an update ended that was not sent this time: its part, where it has gone nowhere yet, or its delivery.
fn unsent(kept: &Kept, outcome: PartOutcome, ending: Ending) -> News {
    match &kept.waiting.place.target {
        None => News::Part(outcome),
        Some(target) => News::Delivery(Delivery {
            target: target.clone(),
            outcome: Outcome { attempts: kept.waiting.attempts, ..Outcome::unsent(ending) },
            superseded: Vec::new(),
        }),
    }
}

/// What became of an update that was delivered again: the attempts are all that there were.
pub(super) fn delivered(kept: Kept, outcome: PartOutcome) -> Ended {
    let Some(target) = kept.waiting.place.target.clone() else { return (kept, News::Part(outcome)) };
    let deliveries = match outcome {
        PartOutcome::Delivered { deliveries, .. } => deliveries,
        _ => Vec::new(),
    };
    let no_target = || Delivery {
        target: target.clone(),
        outcome: Outcome::unsent(Ending::Refused("it does not take these fields any more".to_owned())),
        superseded: Vec::new(),
    };
    let mut delivery = deliveries.into_iter().next().unwrap_or_else(no_target);
    delivery.outcome.attempts = delivery.outcome.attempts.saturating_add(kept.waiting.attempts);
    (kept, News::Delivery(delivery))
}

/// Whether time was up before anything was sent of an update.
pub(super) fn was_not_tried(kept: &Kept, news: &News) -> bool {
    let is_untried = |delivery: &Delivery, attempts| {
        matches!(delivery.outcome.ending, Ending::Deferred(_)) && delivery.outcome.attempts <= attempts
    };
    match news {
        News::Delivery(delivery) => is_untried(delivery, kept.waiting.attempts),
        News::Part(PartOutcome::Delivered { deliveries, .. }) => {
            !deliveries.is_empty() && deliveries.iter().all(|delivery| is_untried(delivery, 0))
        }
        News::Part(outcome) => matches!(outcome, PartOutcome::Deferred(_)),
    }
}

/// What of an update is tried again, and when; the pause does not grow where nobody got to it. What is deferred beyond its
/// time is given up instead.
pub(super) fn keep_again(kept: &Kept, news: &mut News, is_untried: bool, now: Timestamp) -> Vec<Kept> {
    let is_over = kept.is_over(now);
    let waits = |target: Option<TargetName>, attempts: u32, reason: &str| {
        let place = Place { target, ..kept.waiting.place.clone() };
        let next_at = next_attempt(&place, kept.since, attempts, now)?;
        let waiting = Waiting { place, reason: reason.to_owned(), attempts, next_at, ..kept.waiting.clone() };
        Some(Kept { waiting, ..kept.clone() })
    };
    let attempts = kept.waiting.attempts.saturating_add(u32::from(!is_untried));
    match news {
        News::Part(outcome @ PartOutcome::Deferred(_)) => {
            let PartOutcome::Deferred(why) = outcome else { return Vec::new() };
            let again = waits(None, attempts, why);
            if is_over {
                *outcome = PartOutcome::GivenUp(std::mem::take(why));
            }
            again.into_iter().collect()
        }
        News::Part(PartOutcome::Delivered { deliveries, .. }) => deliveries
            .iter_mut()
            .filter_map(|delivery| again_at(delivery, is_over, |at, why| waits(at, 1, why)))
            .collect(),
        News::Delivery(delivery) => {
            again_at(delivery, is_over, |at, why| waits(at, attempts, why)).into_iter().collect()
        }
        News::Part(_) => Vec::new(),
    }
}

fn again_at(
    delivery: &mut Delivery,
    is_over: bool,
    waits: impl Fn(Option<TargetName>, &str) -> Option<Kept>,
) -> Option<Kept> {
    let Ending::Deferred(why) = &mut delivery.outcome.ending else { return None };
    if is_over {
        delivery.outcome.ending = Ending::GivenUp(std::mem::take(why));
        return None;
    }
    let again = waits(Some(delivery.target.clone()), why);
    // What it leaves out is told once, when it is decided.
    delivery.superseded.clear();
    again
}
