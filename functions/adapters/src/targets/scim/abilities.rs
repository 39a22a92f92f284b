//! What a SCIM server says that it is able to do. Whether updates need a lease, whole users or lists depends on it, so it is
//! asked before anything else, and not again for an hour.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use people_core::time::Timestamp;
use serde_json::Value;

use super::answers::Reply;
use super::calls::{Call, Wire};
use crate::targets::engine::Run;
use crate::targets::session::Session;

/// How long what it said holds.
const HOUR: Duration = Duration::from_secs(3600);
/// How long it is not asked again after it did not answer.
const AFTER_FAILURE: Duration = Duration::from_secs(60);
/// How often it is asked again after a failure: it goes without, too.
const REPETITIONS: u32 = 1;

/// What a server is able to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Able {
    /// To change a part of a user.
    pub(super) patch: bool,
    /// To find users by their attributes.
    pub(super) filter: bool,
    /// To refuse a change of a user who is not any more as they were read.
    pub(super) etag: bool,
}

/// What is assumed of a server that does not say it.
const USUAL: Able = Able { patch: true, filter: true, etag: false };

/// What one server is able to do, as far as it is known.
#[derive(Default)]
pub(super) struct Abilities {
    known: Mutex<Option<(Timestamp, Able)>>,
    /// Whether a user came without a version. The server may go on announcing them, so it is never forgotten.
    has_no_versions: AtomicBool,
    /// Held by whoever asks.
    gate: tokio::sync::Mutex<()>,
}

impl Abilities {
    /// What the server is able to do: as it said within the last hour, or says now. A server that says nothing is taken
    /// for a usual one.
    pub(super) async fn get(&self, run: &Run<'_>, session: &Arc<Session<Wire>>) -> Able {
        let able = self.said(run, session).await;
        Able { etag: able.etag && !self.has_no_versions.load(Ordering::Relaxed), ..able }
    }

    async fn said(&self, run: &Run<'_>, session: &Arc<Session<Wire>>) -> Able {
        let now = session.engine().now();
        if let Some(able) = self.known(now) {
            return able;
        }
        let Ok(_gate) = tokio::time::timeout(run.remaining(), self.gate.lock()).await else { return USUAL };
        if let Some(able) = self.known(now) {
            return able;
        }
        let reply = session.call(run, &Call::Abilities, REPETITIONS, &mut 0).await;
        let (holds, able) = match reply {
            Ok(reply) => (HOUR, read(&reply)),
            // A run that ends says nothing about the server.
            Err(_) if run.go_on().is_err() => return USUAL,
            Err(_) => (AFTER_FAILURE, USUAL),
        };
        *self.lock() = Some((now.plus(holds), able));
        able
    }

    /// A user came without a version: there are none, whatever the server says.
    pub(super) fn no_versions(&self) {
        self.has_no_versions.store(true, Ordering::Relaxed);
    }

    fn known(&self, now: Timestamp) -> Option<Able> {
        let known = self.lock();
        known.filter(|(until, _)| now < *until).map(|(_, able)| able)
    }

    fn lock(&self) -> MutexGuard<'_, Option<(Timestamp, Able)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(reply: &Reply) -> Able {
    let said = reply.status.is_success().then(|| serde_json::from_slice::<Value>(&reply.body).ok()).flatten();
    let supported = |what: &str, usual: bool| {
        let said = said.as_ref().and_then(|said| said.get(what)).and_then(|what| what.get("supported"));
        match said {
            Some(Value::Bool(is)) => *is,
            Some(Value::String(text)) => text.eq_ignore_ascii_case("true"),
            _ => usual,
        }
    };
    Able {
        patch: supported("patch", USUAL.patch),
        filter: supported("filter", USUAL.filter),
        etag: supported("etag", USUAL.etag),
    }
}
