//! Imports that concern all targets of the sample configuration: the real clients against all simulators, the stores in
//! memory. What each kind of target does by itself is tested beside this; here it is what they come to together.

// `cfg(test)` says what is so anyway; clippy takes a helper for a test's only with it.
#[cfg(test)]
mod bad_days;
#[cfg(test)]
mod directory;
#[cfg(test)]
mod people;
#[cfg(test)]
mod stage;
