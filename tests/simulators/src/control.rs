//! The control API below `/_sim`: how a test looks into a simulator and sets it up.
//! Its calls are answered at once and never logged, delayed or counted.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::faults::Faults;
use crate::harness::{Kind, World};
use crate::message::{Answer, Request};

/// The longest body the control API reads: a state may hold many people.
pub(crate) const LONGEST_BODY: usize = 256 * 1024 * 1024;

/// Whether a path belongs to the control API.
pub(crate) fn is_control_path(path: &str) -> bool {
    path == "/_sim" || path.starts_with("/_sim/")
}

/// Whether a call is for the control API.
pub(crate) fn is_control(request: &Request) -> bool {
    is_control_path(&request.path)
}

/// Does what a control call asks for.
pub(crate) fn answer<K: Kind>(world: &mut World<K>, request: &Request) -> Answer {
    match result(world, request) {
        Ok(body) => Answer::json(StatusCode::OK, &body),
        Err((status, error)) => Answer::json(status, &json!({ "error": error })),
    }
}

type Refused = (StatusCode, String);

fn result<K: Kind>(world: &mut World<K>, request: &Request) -> Result<Value, Refused> {
    let wrong = |error: String| (StatusCode::BAD_REQUEST, error);
    let (get, put, delete) = (Method::GET, Method::PUT, Method::DELETE);
    let method = &request.method;
    match request.path.trim_end_matches('/') {
        "/_sim" if *method == delete => {
            world.reset();
            Ok(json!({}))
        }
        "/_sim/state" if *method == get => Ok(world.kind.state()),
        "/_sim/state" if *method == put => {
            world.kind.replace(&body(request)?).map_err(wrong)?;
            Ok(world.kind.state())
        }
        "/_sim/calls" if *method == get => Ok(world.calls.to_json()),
        "/_sim/calls" if *method == delete => {
            world.calls.forget();
            Ok(json!([]))
        }
        "/_sim/switches" if *method == get => Ok(world.switches.to_json()),
        "/_sim/switches" if *method == put => {
            world.switches.merge(&body(request)?).map_err(wrong)?;
            world.kind.switched(&mut world.switches);
            Ok(world.switches.to_json())
        }
        "/_sim/faults" if *method == put => {
            world.faults = Faults::parse(&body(request)?).map_err(wrong)?;
            Ok(json!({ "rules": world.faults.len() }))
        }
        "/_sim" | "/_sim/state" | "/_sim/calls" | "/_sim/switches" | "/_sim/faults" => {
            Err((StatusCode::METHOD_NOT_ALLOWED, format!("{method} is not possible here")))
        }
        other => Err((StatusCode::NOT_FOUND, format!("there is no {other}"))),
    }
}

fn body(request: &Request) -> Result<Value, Refused> {
    if request.too_long {
        return Err((StatusCode::PAYLOAD_TOO_LARGE, format!("the body is over {LONGEST_BODY} bytes")));
    }
    serde_json::from_slice(&request.body)
        .map_err(|error| (StatusCode::BAD_REQUEST, format!("no JSON: {error}")))
}
