//! The Aktion target against its simulator, over HTTP: the cases of targets.md by their numbers, and what else a bad day
//! brings. The clock is a manual one, so no test waits.

// `cfg(test)` says what is so anyway; clippy takes a helper for a test's only with it.
#[cfg(test)]
mod cases;
#[cfg(test)]
mod configuration;
#[cfg(test)]
mod http;
#[cfg(test)]
mod learning;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod look_ups;
#[cfg(test)]
mod stage;
#[cfg(test)]
mod steps;
#[cfg(test)]
pub(crate) mod troubles;
#[cfg(test)]
mod values;
