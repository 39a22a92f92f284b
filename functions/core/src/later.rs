//! What happens to the parts of an import after it has been closed: deliveries that are tried again, and how they end.

use crate::log::{Delivery, ImportLog, PartLog, PartOutcome};
use crate::time::Timestamp;

/// One thing that happened to a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Later {
    /// When it happened.
    pub at: Timestamp,
    /// The part's number.
    pub part: usize,
    /// What happened.
    pub news: News,
}

/// What became of a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// The part as a whole has another outcome: it is known by now who is meant, say.
    Part(PartOutcome),
    /// A delivery was tried again; its attempts are all that there were.
    Delivery(Delivery),
}

impl ImportLog {
    /// The parts as they are now: what was found when the import was closed, and what has happened since.
    pub fn parts_now(&self) -> Vec<PartLog> {
        let mut parts = self.parts.clone();
        for later in &self.later {
            if let Some(part) = parts.get_mut(later.part) {
                later.news.change(&mut part.outcome);
            }
        }
        parts
    }

    /// The log as it was when the import was closed, which is what its caller was answered.
    #[must_use]
    pub fn as_answered(mut self) -> ImportLog {
        self.later.clear();
        self
    }
}

impl News {
    fn change(&self, outcome: &mut PartOutcome) {
        match (self, outcome) {
            (News::Part(news), outcome) => outcome.clone_from(news),
            (News::Delivery(news), PartOutcome::Delivered { deliveries, .. }) => {
                match deliveries.iter_mut().find(|delivery| delivery.target == news.target) {
                    Some(delivery) => delivery.clone_from(news),
                    None => deliveries.push(news.clone()),
                }
            }
            // A delivery of a part that never got so far: the part is what it is.
            (News::Delivery(_), _) => {}
        }
    }
}
