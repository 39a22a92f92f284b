//! The target people APIs as HTTP servers that behave like the real ones, as far as their contracts tell.
//! They exist so that clients can be tried against every answer a target may give, without a real person at risk.
//!
//! A simulator is started on a listener and stops when it is dropped:
//!
//! ```text
//! let aktion = Simulator::aktion(simulators::free_port().await?)?;
//! let base_url = aktion.url();
//! ```
//!
//! Each serves the control API on the same port, below `/_sim`:
//!
//! | request | effect; every success is 200 with JSON, every mistake 400 with `{"error"}` |
//! |---|---|
//! | `GET`, `PUT /_sim/state` | everything stored, and replaces it; both answer what is stored then |
//! | `GET`, `DELETE /_sim/calls` | every call received, in order (`at` in milliseconds since 1970), and forgets them |
//! | `GET`, `PUT /_sim/switches` | reads all, and sets those named: all of them, or none if one is unknown or mistyped |
//! | `PUT /_sim/faults` | replaces the fault rules and starts counting anew; answers how many there are |
//! | `DELETE /_sim` | back to the beginning: state, switches, faults, calls, tokens |
//!
//! What happens to a call, in this order:
//!
//! 1. It is logged when its body has been read; `status` is null until it is answered, and stays null when the
//!    connection is dropped instead. `inFlight` counts it too. A caller that hangs up does not end its call.
//! 2. The first fault rule that matches and is not used up is taken; `skip` and `times` count at this moment.
//!    `close` wins over `status`; `body` without `status` answers 200; neither of them does the target's work, and
//!    neither looks at `limit`. A rule with `delay_ms` alone goes on as usual afterwards.
//! 3. With more than `limit` calls in flight it is throttled at once, without any latency.
//! 4. It waits for `latency_ms` and the rule's `delay_ms`, in flight all the while.
//! 5. The target's work is done, one call at a time, and answered.

pub mod aktion;
pub mod esystems;
pub mod onlyoffice;
pub mod scim;

mod calls;
mod control;
mod faults;
mod harness;
mod identifiers;
mod message;
mod sample;
mod secrets_manager;
mod server;
mod switches;

#[cfg(test)]
mod tests;

pub use server::{Simulator, Start, TARGETS, free_port};
