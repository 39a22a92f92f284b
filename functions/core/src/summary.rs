//! The summary of an import log: what a list of logs shows of each. It is stored beside the log, so that a list needs
//! not read what became of every part.

use std::collections::BTreeSet;

use crate::id::ImportId;
use crate::later::News;
use crate::log::{Answer, ImportLog, PartOutcome, State, has_died};
use crate::log_text::{self, LogKind};
use crate::person::TargetName;
use crate::shown::Shown;
use crate::time::Timestamp;

/// An import in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The request id.
    pub id: ImportId,
    /// When the request was received, to the second.
    pub received_at: Timestamp,
    /// The name of the API key that sent it.
    pub key_name: Shown,
    /// Whether it is still running, or how it ended.
    pub state: State,
    /// Which way it came in.
    pub source: Source,
    /// Whether nothing was to be delivered or stored.
    pub dry_run: bool,
    /// How many parts it has; none where the request itself was at fault.
    pub parts: usize,
    /// How many of them succeeded.
    pub succeeded: usize,
    /// How many failed; a fault of the request counts as one.
    pub failed: usize,
    /// The kinds of the lines that its log has; empty for a log from before there was such a list.
    pub kinds: BTreeSet<LogKind>,
    /// The targets that its updates went to, or were to; none before the import has ended.
    pub targets: BTreeSet<TargetName>,
    /// Whether anything of it was delivered again after it had ended, or tried to be.
    pub redelivered: bool,
}

/// Which way an import came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// As the body of a request.
    Direct,
    /// As a request for single documents.
    Document,
    /// As a body that was stored first: it is large, or its caller does not wait.
    Staged,
    /// As a part of a file that was dropped into the inbox.
    Inbox,
}

/// What holds of an import now. The status that was answered never changes; this may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Everything that was sent has been done.
    Successful,
    /// Nothing is final that failed, and something is still to be done.
    Pending,
    /// Something failed.
    Unsuccessful,
}

impl Summary {
    /// The summary as it is shown at this moment: what an import still owed when it died has failed.
    #[must_use]
    pub fn seen_at(mut self, now: Timestamp) -> Summary {
        if has_died((self.state, self.source), self.received_at, now) {
            if self.pending() > 0 {
                self.kinds.insert(LogKind::Interrupted);
            }
            self.failed += self.pending();
        }
        self
    }

    /// What was answered; nothing while the import runs.
    pub fn answered(&self) -> Option<Answer> {
        match self.state {
            State::Accepted | State::Running => None,
            State::Ended(answer) => Some(answer),
        }
    }

    /// How many parts are not decided yet.
    pub fn pending(&self) -> usize {
        self.parts.saturating_sub(self.succeeded + self.failed)
    }

    /// What holds now. An import that is running has nothing final to say, even where a part was refused already.
    pub fn now(&self) -> Standing {
        match (self.state, self.pending() > 0, self.failed > 0) {
            (State::Accepted, _, _) | (State::Running, true, _) | (State::Running, false, false) => {
                Standing::Pending
            }
            (State::Ended(_), true, false) => Standing::Pending,
            (State::Running, false, true) | (State::Ended(_), _, true) => Standing::Unsuccessful,
            (State::Ended(_), false, false) => Standing::Successful,
        }
    }
}

/// A source and what may be asked for beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// What came in this way.
    Source(Source),
    /// What was delivered again, however it came in.
    Redelivery,
}

impl Origin {
    /// Reads the name of a source, or `redelivery`.
    pub fn parse(text: &str) -> Option<Origin> {
        if text == "redelivery" {
            return Some(Origin::Redelivery);
        }
        Source::ALL.into_iter().find(|source| source.as_str() == text).map(Origin::Source)
    }
}

impl Source {
    /// Every source.
    pub const ALL: [Source; 4] = [Source::Direct, Source::Document, Source::Staged, Source::Inbox];

    /// The source's name, as it is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Source::Direct => "direct",
            Source::Document => "document",
            Source::Staged => "staged",
            Source::Inbox => "inbox",
        }
    }
}

impl Standing {
    /// What holds of two things together: the worse.
    #[must_use]
    pub fn and(self, other: Standing) -> Standing {
        match (self, other) {
            (Standing::Unsuccessful, _) | (_, Standing::Unsuccessful) => Standing::Unsuccessful,
            (Standing::Pending, _) | (_, Standing::Pending) => Standing::Pending,
            (Standing::Successful, Standing::Successful) => Standing::Successful,
        }
    }

    /// The word that is shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Standing::Successful => "successful",
            Standing::Pending => "pending",
            Standing::Unsuccessful => "unsuccessful",
        }
    }
}

impl ImportLog {
    /// The summary of this log.
    pub fn summary(&self) -> Summary {
        let now = self.parts_now();
        let count = |standing| now.iter().filter(|part| part.outcome.standing() == standing).count();
        Summary {
            id: self.id,
            received_at: Timestamp::from_millis(self.received_at.seconds() * 1000),
            key_name: self.key_name.clone(),
            state: self.state,
            source: self.source,
            dry_run: self.dry_run,
            parts: self.parts.len(),
            succeeded: count(Standing::Successful),
            failed: count(Standing::Unsuccessful) + usize::from(self.fault.is_some()),
            kinds: log_text::lines(self).into_iter().map(|line| line.kind).collect(),
            targets: self.targets(),
            redelivered: !self.later.is_empty(),
        }
    }

    /// The targets of all deliveries, those that happened later included.
    fn targets(&self) -> BTreeSet<TargetName> {
        let later = self.later.iter().filter_map(|later| match &later.news {
            News::Delivery(delivery) => Some(&delivery.target),
            News::Part(_) => None,
        });
        let outcomes = self.parts.iter().map(|part| &part.outcome);
        let news = self.later.iter().filter_map(|later| match &later.news {
            News::Part(outcome) => Some(outcome),
            News::Delivery(_) => None,
        });
        let delivered = outcomes.chain(news).filter_map(|outcome| match outcome {
            PartOutcome::Delivered { deliveries, .. } => Some(deliveries),
            _ => None,
        });
        delivered.flatten().map(|delivery| &delivery.target).chain(later).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::RequestFault;
    use crate::later::Later;
    use crate::log::{DIED_AFTER, Delivery, Ending, Form, Outcome, PartLog, Subject};

    const BEGINNING: Timestamp = Timestamp::from_millis(1_700_757_179_999);

    fn log(state: State, outcomes: &[PartOutcome]) -> ImportLog {
        let part = |outcome: &PartOutcome| PartLog { subject: Subject::Unknown, outcome: outcome.clone() };
        ImportLog {
            id: ImportId::new(BEGINNING, [0; 10]),
            received_at: BEGINNING,
            key_name: Shown::new("payroll"),
            state,
            fault: None,
            parts: outcomes.iter().map(part).collect(),
            names_targets: true,
            dry_run: false,
            form: Form::Array,
            source: Source::Direct,
            later: Vec::new(),
        }
    }

    /// Succeeded, failed and pending parts, and what holds.
    fn of(log: &ImportLog) -> (usize, usize, usize, &'static str) {
        counted(&log.summary())
    }

    fn counted(summary: &Summary) -> (usize, usize, usize, &'static str) {
        (summary.succeeded, summary.failed, summary.pending(), summary.now().as_str())
    }

    #[test]
    fn every_part_is_counted_once() {
        use PartOutcome::{Pending, UnknownPerson, Uploaded};
        let ended = State::Ended(Answer::PartlyFailed);
        assert_eq!(of(&log(State::Ended(Answer::Succeeded), &[Uploaded, Uploaded])), (2, 0, 0, "successful"));
        assert_eq!(of(&log(ended, &[Uploaded, UnknownPerson])), (1, 1, 0, "unsuccessful"));
        assert_eq!(of(&log(ended, &[Uploaded, Pending])), (1, 0, 1, "pending"));
        assert_eq!(of(&log(ended, &[UnknownPerson, Pending])), (0, 1, 1, "unsuccessful"));
        assert_eq!(of(&log(State::Running, &[UnknownPerson, Pending])), (0, 1, 1, "pending"));
    }

    #[test]
    fn a_fault_of_the_request_is_one_error() {
        let faulty = ImportLog {
            fault: Some(RequestFault::TooManyParts(51)),
            ..log(State::Ended(Answer::TooManyParts), &[])
        };
        assert_eq!(of(&faulty), (0, 1, 0, "unsuccessful"));
        assert_eq!(faulty.summary().parts, 0);
    }

    #[test]
    fn what_an_import_still_owed_when_it_died_has_failed() {
        let outcomes = [PartOutcome::Uploaded, PartOutcome::Pending, PartOutcome::Pending];
        let log = log(State::Running, &outcomes);
        let died = log.received_at.to_second().plus(DIED_AFTER);
        for (late, holds) in [(-1, (1, 0, 2, "pending")), (0, (1, 2, 0, "unsuccessful"))] {
            let now = Timestamp::from_millis(died.millis() + late);
            assert_eq!(counted(&log.summary().seen_at(now)), holds, "{late} ms");
            let owed = log.clone().seen_at(now).parts.split_off(1);
            let interrupted = owed.iter().all(|part| part.outcome == PartOutcome::Interrupted);
            assert_eq!(interrupted, late == 0, "{late} ms: the log says the same");
        }
    }

    #[test]
    fn what_was_owed_when_it_died_is_a_kind_of_line_too() {
        let log = log(State::Running, &[PartOutcome::Uploaded, PartOutcome::Pending]);
        assert_eq!(log.summary().kinds, BTreeSet::from([LogKind::FileUploaded]));
        let late = log.received_at.plus(2 * DIED_AFTER);
        let kinds = BTreeSet::from([LogKind::FileUploaded, LogKind::Interrupted]);
        assert_eq!(log.summary().seen_at(late).kinds, kinds);
        assert_eq!(log.seen_at(late).summary().kinds, kinds, "the log says the same");
    }

    #[test]
    fn every_target_counts_also_one_that_came_later() {
        let delivery = |target: &str| Delivery {
            target: target.into(),
            outcome: Outcome::unsent(Ending::Updated),
            superseded: Vec::new(),
        };
        let delivered = |targets: &[&str]| PartOutcome::Delivered {
            deliveries: targets.iter().map(|target| delivery(target)).collect(),
            unmapped: Vec::new(),
        };
        let later = |part, news| Later { at: BEGINNING, part, news };
        let why = PartOutcome::Deferred("why".into());
        let mut log = log(State::Ended(Answer::Accepted), &[delivered(&["b", "a"]), why]);
        assert!(!log.summary().redelivered);
        log.later = vec![later(1, News::Part(delivered(&["d"]))), later(0, News::Delivery(delivery("c")))];
        let summary = log.summary();
        assert_eq!(summary.targets, ["a", "b", "c", "d"].map(Into::into).into());
        assert!(summary.redelivered && summary.kinds.contains(&LogKind::PersonRedelivered));
    }

    #[test]
    fn an_import_that_has_ended_does_not_die() {
        let ended = log(State::Ended(Answer::Succeeded), &[PartOutcome::Uploaded]).summary();
        assert_eq!(ended.clone().seen_at(BEGINNING.plus(10 * DIED_AFTER)), ended);
    }

    #[test]
    fn the_time_is_kept_to_the_second() {
        assert_eq!(log(State::Running, &[]).summary().received_at.millis(), 1_700_757_179_000);
    }
}
