//! Why the local stack ends, in words for the person at the terminal.

use std::fmt::Display;

/// A failure, as one or more lines of text.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Failure(pub String);

/// Adds what was being done to whatever went wrong.
pub trait Doing<T> {
    /// `could not {what}: {error}`.
    fn doing(self, what: impl Display) -> Result<T, Failure>;
}

impl<T, E: Display> Doing<T> for Result<T, E> {
    fn doing(self, what: impl Display) -> Result<T, Failure> {
        self.map_err(|error| Failure(format!("could not {what}: {error}")))
    }
}
