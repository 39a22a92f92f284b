//! What has happened to one call so far, and what it comes to when there is no answer to go by.

use crate::targets::engine::{Halt, Run};

/// Why there is no answer to go by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::targets) struct Failure {
    /// A sentence.
    pub(in crate::targets) why: String,
    /// The last answer's code.
    pub(in crate::targets) code: Option<String>,
    /// Whether what was asked may have been done all the same.
    pub(in crate::targets) unclear: bool,
    /// Whether the caller may make it anew, from what it reads then.
    pub(in crate::targets) again: bool,
    /// Whether it was for want of time, which says nothing about those who have more.
    pub(super) late: bool,
}

/// How often what has happened to one call.
pub(super) struct Tries {
    pub(super) failures: u32,
    pub(super) most_failures: u32,
    pub(super) breaks: u32,
    pub(super) code: Option<String>,
    pub(super) unclear: bool,
}

impl Tries {
    pub(super) fn new(most_failures: u32) -> Tries {
        Tries { failures: 0, most_failures, breaks: 0, code: None, unclear: false }
    }

    pub(super) fn failure(&self, why: String) -> Failure {
        Failure { why, code: self.code.clone(), unclear: self.unclear, again: false, late: false }
    }

    pub(super) fn halted(&self, run: &Run<'_>, halt: Halt) -> Failure {
        let late = !matches!(halt, Halt::Stopped(_));
        Failure { late, ..self.failure(run.reason(halt)) }
    }

    /// A failure to get a token, after what this call has met itself.
    pub(super) fn after(&self, failure: Failure) -> Failure {
        let code = self.code.clone().or(failure.code);
        Failure { code, unclear: self.unclear, ..failure }
    }
}

impl Failure {
    pub(super) fn of(why: String) -> Failure {
        Failure { why, code: None, unclear: false, again: false, late: false }
    }
}
