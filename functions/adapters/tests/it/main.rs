//! The stores against their contracts: one suite for each port, which the twin in memory and the adapter over the wire
//! both pass, so that what is tested with the one holds for the other.

#![expect(clippy::unwrap_used, reason = "a test fails where something is missing")]

mod aws;
mod bodies;
mod busy;
mod claims;
mod configuration;
mod created;
mod directory;
mod documents;
mod embedded;
mod faults;
mod faulty;
mod gate;
mod imports;
mod inbox;
#[path = "../../../core/tests/faults/invariants.rs"]
mod invariants;
mod keys;
mod later;
mod leases;
mod list;
mod logs;
mod lookup;
mod lossy;
mod measured;
mod newer;
mod rates;
mod repeats;
mod sample;
mod secrets;
mod sessions;
mod swept;
mod undelivered;
mod uploads;
mod versions;
