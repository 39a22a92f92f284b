//! What all simulators have in common: the way of a call from its arrival to its answer.
//! A kind of target brings its state and its behaviour; the log, the switches and the faults are here, once.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::StatusCode;
use serde_json::Value;

use crate::calls::{CallId, Calls};
use crate::control;
use crate::faults::{Close, Effect, Faults};
use crate::message::{Answer, Request};
use crate::switches::{Switch, Switches};

/// A kind of target: what it stores and how it answers. It is asked one call at a time.
pub(crate) trait Kind: Send + Sized + 'static {
    /// The longest body it reads; more is answered 413.
    const LONGEST_BODY: usize;

    /// The target with the sample people.
    fn sample() -> Self;

    /// Its own switches, without those every simulator has.
    fn switches() -> Vec<Switch>;

    /// Told after switches were set; what is an event and no setting happens here.
    fn switched(&mut self, _switches: &mut Switches) {}

    /// Everything stored, in the target's own names.
    fn state(&self) -> Value;

    /// Takes over a state as [`Kind::state`] gives it, or says what is wrong with it and changes nothing.
    fn replace(&mut self, state: &Value) -> Result<(), String>;

    /// The path below the target's base, for fault rules that name it so.
    fn relative_path(path: &str) -> String;

    /// How else the target itself calls the person with this identifier: a fault rule for somebody catches the calls
    /// that name them by its own key, too.
    fn also_called(&self, _identifier: &str) -> Vec<String> {
        Vec::new()
    }

    /// Does the work and answers.
    fn handle(&mut self, request: &Request, switches: &Switches) -> Answer;

    /// Answers a call over `limit`.
    fn throttled(request: &Request, switches: &Switches) -> Answer;
}

/// Everything about one simulator that changes.
pub(crate) struct World<K> {
    pub(crate) kind: K,
    pub(crate) switches: Switches,
    pub(crate) faults: Faults,
    pub(crate) calls: Calls,
}

impl<K: Kind> World<K> {
    /// Back to the beginning. The calls in flight go on, and are counted until they end.
    pub(crate) fn reset(&mut self) {
        self.kind = K::sample();
        self.switches = Switches::with(K::switches());
        self.faults = Faults::default();
        self.calls.forget();
    }
}

/// One simulator, shared by all its connections.
pub(crate) struct Harness<K>(Mutex<World<K>>);

/// What was decided about a call when it arrived.
struct Arrival {
    effect: Effect,
    throttled: bool,
    latency_ms: u64,
}

impl<K: Kind> Harness<K> {
    /// A simulator at its beginning.
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Harness(Mutex::new(World {
            kind: K::sample(),
            switches: Switches::with(K::switches()),
            faults: Faults::default(),
            calls: Calls::default(),
        })))
    }

    /// Answers a call; `None` means that the connection is to be dropped instead.
    pub(crate) async fn answer(&self, request: Request) -> Option<Answer> {
        if control::is_control(&request) {
            return Some(control::answer(&mut self.world(), &request));
        }
        let (mut in_flight, arrival) = self.arrive(&request);
        if !arrival.throttled {
            wait(arrival.latency_ms.saturating_add(arrival.effect.delay_ms)).await;
        }
        let answer = self.work(&request, arrival);
        in_flight.status = answer.as_ref().map(|answer| answer.status);
        answer
    }

    fn arrive(&self, request: &Request) -> (InFlight<'_, K>, Arrival) {
        let mut world = self.world();
        let (id, in_flight) = world.calls.begin(request);
        let World { kind, faults, .. } = &mut *world;
        let also_called = |person: &str| kind.also_called(person);
        let effect = faults.catch(request, &K::relative_path(&request.path), &also_called);
        let over = world.switches.count("limit").is_some_and(|limit| in_flight as u64 > limit);
        let throttled = over && effect.close.is_none() && effect.answer.is_none();
        let latency_ms = world.switches.count("latency_ms").unwrap_or(0);
        drop(world);
        (InFlight { harness: self, id, status: None }, Arrival { effect, throttled, latency_ms })
    }

    fn work(&self, request: &Request, arrival: Arrival) -> Option<Answer> {
        let mut world = self.world();
        let World { kind, switches, .. } = &mut *world;
        let close = arrival.effect.close;
        if arrival.throttled {
            return Some(K::throttled(request, switches));
        }
        if close == Some(Close::Before) {
            return None;
        }
        if close.is_none() && arrival.effect.answer.is_some() {
            return arrival.effect.answer;
        }
        let answer = if request.too_long {
            Answer::page(StatusCode::PAYLOAD_TOO_LARGE)
        } else {
            kind.handle(request, switches)
        };
        if close == Some(Close::After) { None } else { Some(answer) }
    }

    /// A call that panicked must not take the others with it, so a poisoned lock is used as it is.
    fn world(&self) -> MutexGuard<'_, World<K>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts a call as in flight until it is dropped, also when the simulator is stopped in the middle of it.
struct InFlight<'a, K: Kind> {
    harness: &'a Harness<K>,
    id: CallId,
    status: Option<StatusCode>,
}

impl<K: Kind> Drop for InFlight<'_, K> {
    fn drop(&mut self) {
        self.harness.world().calls.end(self.id, self.status);
    }
}

async fn wait(milliseconds: u64) {
    if milliseconds > 0 {
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    }
}
