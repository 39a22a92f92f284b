//! Random updates, troubles and repeats at each simulator, compared with a small model of what may have changed: an example
//! shows what somebody thought of, and a wiped or mixed-up person is always something that nobody thought of.

// `cfg(test)` says what is so anyway; clippy takes a helper for a test's only with it.
#[cfg(test)]
mod aktion;
#[cfg(test)]
mod esystems;
#[cfg(test)]
mod model;
#[cfg(test)]
mod onlyoffice;
#[cfg(test)]
mod play;
#[cfg(test)]
mod preview;
#[cfg(test)]
mod scim;
#[cfg(test)]
mod stage;
#[cfg(test)]
mod story;
