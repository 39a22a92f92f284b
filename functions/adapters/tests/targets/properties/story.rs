//! What a random sequence consists of, the same for all kinds of target: a world, and steps with updates and troubles. A kind
//! says which updates there are, what each names, and what its server may answer on a bad day.

use std::fmt;
use std::io;

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use simulators::Simulator;
use tokio::net::TcpListener;

use super::model::{Fate, Flat, Named};

/// JSON that is printed as JSON, so that a story that failed can be read.
#[derive(Clone, PartialEq)]
pub(super) struct Json(pub(super) Value);

impl fmt::Debug for Json {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)
    }
}

/// Where a story begins, and how the target behaves all along.
#[derive(Debug, Clone)]
pub(super) struct World {
    /// What the simulator stores.
    pub(super) state: Json,
    /// Its switches.
    pub(super) switches: Json,
    /// Members of the target's entry in `targets.json`.
    pub(super) members: Json,
}

/// An update of one person; `None` resets a field.
#[derive(Debug, Clone)]
pub(super) struct Update {
    pub(super) key: &'static str,
    pub(super) fields: Vec<(&'static str, Option<String>)>,
}

/// Updates that are delivered together, and what goes wrong meanwhile.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) updates: Vec<Update>,
    pub(super) faults: Vec<Json>,
    pub(super) switches: Json,
    /// Whether the deadline comes before an answer that takes long.
    pub(super) hurry: bool,
    /// Whether every second update is delivered by another import at the same time.
    pub(super) at_once: bool,
}

/// A world and what happens there.
#[derive(Debug, Clone)]
pub(super) struct Story {
    pub(super) world: World,
    pub(super) steps: Vec<Step>,
}

/// A kind of target, as a story needs it.
pub(super) trait Kind {
    /// Whether two processes at once are kept apart: where they read, merge and write.
    const KEEPS_PROCESSES_APART: bool = false;

    /// Whether a status from 500 on is a refusal.
    const FAILURES_ARE_REFUSALS: bool = false;

    /// Starts its simulator.
    fn start(listener: TcpListener) -> io::Result<Simulator>;

    /// The profile definition, the entry in `targets.json` and the credentials.
    fn configuration() -> (Value, Value, Value);

    /// Where stories begin.
    fn worlds() -> BoxedStrategy<World>;

    /// The updates that there may be.
    fn updates() -> BoxedStrategy<Update>;

    /// Whom a key means: most targets compare keys without regard to case.
    fn person(key: &str) -> String {
        key.to_lowercase()
    }

    /// Beginnings of paths that a fault may be for; "" is every path.
    fn paths() -> &'static [&'static str];

    /// What the server answers instead of working, as members of a fault rule. None of them claims that something was done.
    fn answers() -> Vec<Value>;

    /// Switches that may be set for one step.
    fn switches() -> Vec<Value>;

    /// What is stored, each value at a place of its own; what is empty is at none.
    fn flat(state: &Value) -> Flat;

    /// What an update names, and the values that are there when it is done.
    fn named(world: &World, update: &Update) -> Vec<Named>;

    /// How an update ends on a good day.
    fn fate(world: &World, update: &Update) -> Fate;

    /// What is wrong with a call that must never be made.
    fn forbidden(call: &Value) -> Option<String>;

    /// What no place tells, such as the order of a list: whether it was kept.
    fn kept(_before: &Value, _after: &Value, _named: &[Named]) -> Result<(), String> {
        Ok(())
    }
}

/// Stories of a kind of target.
pub(super) fn stories<K: Kind>() -> impl Strategy<Value = Story> {
    (K::worlds(), proptest::collection::vec(steps::<K>(), 1..8))
        .prop_map(|(world, steps)| Story { world, steps })
}

fn steps<K: Kind>() -> impl Strategy<Value = Step> {
    let updates = proptest::collection::vec(K::updates(), 1..6);
    let faults = proptest::collection::vec(faults::<K>(), 0..4);
    let switches = prop_oneof![3 => Just(json!({})), 1 => select(K::switches())];
    (updates, faults, switches, proptest::bool::weighted(0.2), proptest::bool::weighted(0.2)).prop_map(
        |(updates, faults, switches, hurry, at_once)| {
            let switches = Json(switches);
            Step { updates, faults, switches, hurry, at_once }
        },
    )
}

fn faults<K: Kind>() -> impl Strategy<Value = Json> {
    let passing = [
        json!({"status": 500}),
        json!({"status": 500, "body": "<html>echoed-by-the-server</html>"}),
        json!({"status": 502}),
        json!({"status": 503}),
        json!({"status": 503, "headers": {"retry-after": "2"}}),
        json!({"status": 429}),
        json!({"status": 429, "headers": {"retry-after": "3"}}),
        json!({"status": 429, "headers": {"retry-after": "86400"}}),
        json!({"close": "before"}),
        json!({"close": "after"}),
        json!({"delay_ms": 30}),
        json!({"delay_ms": 30, "close": "after"}),
    ];
    let effects = select(passing.into_iter().chain(K::answers()).collect::<Vec<_>>());
    let times = prop_oneof![4 => (1_u64..6).prop_map(Some), 1 => Just(None)];
    (select(K::paths()), 0_u64..4, times, effects).prop_map(|(path, skip, times, mut rule)| {
        rule["path"] = json!(path);
        rule["skip"] = json!(skip);
        rule["times"] = json!(times);
        Json(rule)
    })
}

impl Step {
    /// Whether a call may have done its work although nobody was told.
    pub(super) fn loses_answers(&self) -> bool {
        let loses = |fault: &Json| fault.0["close"] == "after" || !fault.0["delay_ms"].is_null();
        self.hurry || self.faults.iter().any(loses)
    }

    /// Whether the target refuses something here that it would take on another day.
    pub(super) fn refuses<K: Kind>(&self) -> bool {
        let is_refusal = |status: u64| match status {
            0 | 401 | 408 | 412 | 429 => false,
            500 => K::FAILURES_ARE_REFUSALS,
            501.. => false,
            _ => true,
        };
        let switched_off = |name: &str| self.switches.0[name] == false;
        switched_off("may_write")
            || switched_off("may_edit")
            || self.faults.iter().any(|fault| is_refusal(fault.0["status"].as_u64().unwrap_or(0)))
    }
}
