//! The SCIM target against its simulator, over HTTP: the cases of targets.md by their numbers, what else a bad day brings, and
//! a server that nobody here wrote. The clock is a manual one, so no test waits.

// `cfg(test)` says what is so anyway; clippy takes a helper for a test's only with it.
#[cfg(test)]
mod cases;
#[cfg(test)]
mod configuration;
#[cfg(test)]
mod log_ins;
#[cfg(test)]
mod look_ups;
#[cfg(test)]
mod stage;
#[cfg(test)]
mod third_party;
#[cfg(test)]
mod troubles;
#[cfg(test)]
mod values;
#[cfg(test)]
mod whole_users;
