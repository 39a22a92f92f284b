//! The log of the calls a simulator received, and how many of them are in flight.
//! Tests read from it what a client really sent, so a call is there before it is answered.

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use serde_json::{Map, Value, json};

use crate::message::Request;

/// Every call since the start or since they were last forgotten.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    /// How many calls were forgotten: a call that ends later must not be taken for another one.
    forgotten: usize,
    kept: Vec<Call>,
    in_flight: usize,
}

/// One call as it arrived. Its parts are shared with the request, not copied.
#[derive(Debug)]
struct Call {
    method: Method,
    path: String,
    query: String,
    headers: HeaderMap,
    body: Bytes,
    status: Option<StatusCode>,
    at: i64,
    in_flight: usize,
}

/// Which call ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CallId(usize);

impl Calls {
    /// Logs a call; tells its id and how many are in flight with it.
    pub(crate) fn begin(&mut self, request: &Request) -> (CallId, usize) {
        self.in_flight += 1;
        self.kept.push(Call {
            method: request.method.clone(),
            path: request.path.clone(),
            query: request.query.clone(),
            headers: request.headers.clone(),
            body: request.body.clone(),
            status: None,
            at: now_ms(),
            in_flight: self.in_flight,
        });
        (CallId(self.forgotten + self.kept.len() - 1), self.in_flight)
    }

    /// Notes how a call ended: with a status, or with a dropped connection.
    pub(crate) fn end(&mut self, id: CallId, status: Option<StatusCode>) {
        self.in_flight = self.in_flight.saturating_sub(1);
        let place = id.0.checked_sub(self.forgotten);
        if let Some(call) = place.and_then(|place| self.kept.get_mut(place)) {
            call.status = status;
        }
    }

    /// Forgets the log; the calls in flight stay in flight.
    pub(crate) fn forget(&mut self) {
        self.forgotten += self.kept.len();
        self.kept.clear();
    }

    /// The log as the control API shows it.
    pub(crate) fn to_json(&self) -> Value {
        self.kept.iter().map(Call::to_json).collect()
    }
}

impl Call {
    fn to_json(&self) -> Value {
        json!({
            "method": self.method.as_str(),
            "path": self.path,
            "query": self.query,
            "headers": headers(&self.headers),
            "body": String::from_utf8_lossy(&self.body),
            "status": self.status.map(|status| status.as_u16()),
            "at": self.at,
            "inFlight": self.in_flight,
        })
    }
}

/// Lower-case names; a header that was sent more than once has its values joined.
fn headers(headers: &HeaderMap) -> Map<String, Value> {
    let text = |name| {
        let values = headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
        values.collect::<Vec<_>>().join(", ")
    };
    headers.keys().map(|name| (name.as_str().to_owned(), Value::from(text(name)))).collect()
}

/// The wall clock in milliseconds since 1970.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
