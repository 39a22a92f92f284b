//! Which attributes an answer has: those the caller asked for, or all but those the caller left out.
//! A client that asks for less than it needs must find out here: the version, too, is only there when asked for.

use serde_json::{Map, Value};

use super::paths::{Scope, Step, steps};
use super::schema::Extras;
use crate::message::Request;

/// What is shown whatever was asked for.
const ALWAYS: [&str; 2] = ["schemas", "id"];

/// What a caller asked for.
#[derive(Debug)]
pub(super) struct Wanted {
    only: Option<Vec<Vec<Step>>>,
    without: Vec<Vec<Step>>,
}

impl Wanted {
    /// What a call's query says; names that do not exist are as good as left out.
    pub(super) fn parse(request: &Request, extras: &Extras) -> Self {
        let paths = |name: &str| {
            let names = request.parameter(name).filter(|names| !names.trim().is_empty())?;
            Some(names.split(',').filter_map(|name| steps(name.trim(), Scope::User(extras))).collect())
        };
        Wanted { only: paths("attributes"), without: paths("excludedAttributes").unwrap_or_default() }
    }

    /// What is left of a user.
    pub(super) fn of(&self, user: Map<String, Value>) -> Value {
        let always: Map<String, Value> =
            ALWAYS.iter().filter_map(|name| Some(((*name).to_owned(), user.get(*name)?.clone()))).collect();
        let user = Value::Object(user);
        let chosen = match &self.only {
            Some(paths) => chosen(&user, &paths.iter().map(Vec::as_slice).collect::<Vec<_>>()),
            None => user,
        };
        let left = left(&chosen, &self.without.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let mut members = left.as_object().cloned().unwrap_or_default();
        members.extend(always);
        Value::Object(members)
    }
}

/// Of a value what the paths lead to.
fn chosen(value: &Value, paths: &[&[Step]]) -> Value {
    if paths.iter().any(|path| path.is_empty()) {
        return value.clone();
    }
    match value {
        Value::Array(items) => items.iter().map(|item| chosen(item, paths)).collect(),
        Value::Object(members) => {
            let inner = members.iter().map(|(name, value)| (name, value, below(name, paths)));
            let inner = inner.filter(|(_, _, below)| !below.is_empty());
            Value::Object(inner.map(|(name, value, below)| (name.clone(), chosen(value, &below))).collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

/// Of a value what the paths do not lead to.
fn left(value: &Value, paths: &[&[Step]]) -> Value {
    match value {
        Value::Array(items) => items.iter().map(|item| left(item, paths)).collect(),
        Value::Object(members) => {
            let inner = members.iter().map(|(name, value)| (name, value, below(name, paths)));
            let inner = inner.filter(|(_, _, below)| !below.iter().any(|path| path.is_empty()));
            Value::Object(inner.map(|(name, value, below)| (name.clone(), left(value, &below))).collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

/// The rest of the paths that begin with this name.
fn below<'p>(name: &str, paths: &[&'p [Step]]) -> Vec<&'p [Step]> {
    let rest =
        |path: &&'p [Step]| path.split_first().filter(|(step, _)| step.name == name).map(|(_, rest)| rest);
    paths.iter().filter_map(rest).collect()
}
