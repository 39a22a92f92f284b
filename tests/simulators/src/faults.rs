//! Fault rules: calls that are delayed, answered by the rule instead of the target, or cut off.
//! They bring about what a target does on a bad day and no switch describes.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::Deserialize;
use serde_json::Value;

use crate::identifiers;
use crate::message::{Answer, Request};

/// When the connection is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Close {
    Before,
    After,
}

/// A rule as it is sent. Everything may be missing or null: it then matches every call, for ever, and does nothing.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    method: Option<String>,
    path: Option<String>,
    person: Option<String>,
    skip: Option<u64>,
    times: Option<u64>,
    delay_ms: Option<u64>,
    status: Option<u16>,
    body: Option<Value>,
    headers: Option<BTreeMap<String, String>>,
    close: Option<Close>,
}

/// A rule in force, with what is left of its counts.
#[derive(Debug)]
struct Fault {
    rule: Rule,
    skip: u64,
    times: Option<u64>,
    answer: Option<Answer>,
}

/// What a rule does to the call it has caught.
#[derive(Debug, Clone, Default)]
pub(crate) struct Effect {
    pub(crate) delay_ms: u64,
    pub(crate) close: Option<Close>,
    pub(crate) answer: Option<Answer>,
}

/// Tells what else the target calls a person.
type AlsoCalled<'a> = &'a dyn Fn(&str) -> Vec<String>;

/// The rules in force, in their order.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<Fault>);

impl Faults {
    /// Reads all rules, or says what is wrong with one.
    pub(crate) fn parse(rules: &Value) -> Result<Self, String> {
        let rules = Vec::<Rule>::deserialize(rules).map_err(|error| format!("fault rules: {error}"))?;
        rules.into_iter().map(Fault::new).collect::<Result<_, _>>().map(Faults)
    }

    /// How many rules there are, used up or not.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// What the first rule that catches this call does to it. `relative` is the path below the target's base.
    pub(crate) fn catch(&mut self, request: &Request, relative: &str, also_called: AlsoCalled<'_>) -> Effect {
        let caught = self.0.iter_mut().find_map(|fault| fault.catch(request, relative, also_called));
        caught.unwrap_or_default()
    }
}

impl Fault {
    fn new(rule: Rule) -> Result<Self, String> {
        let status = rule.status.or(rule.body.as_ref().map(|_| 200));
        let answer = status.map(|status| answer(status, &rule)).transpose()?;
        Ok(Fault { skip: rule.skip.unwrap_or(0), times: rule.times, answer, rule })
    }

    fn catch(&mut self, request: &Request, relative: &str, also_called: AlsoCalled<'_>) -> Option<Effect> {
        if self.times == Some(0) || !self.rule.matches(request, relative, also_called) {
            return None;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return None;
        }
        self.times = self.times.map(|times| times - 1);
        let delay_ms = self.rule.delay_ms.unwrap_or(0);
        Some(Effect { delay_ms, close: self.rule.close, answer: self.answer.clone() })
    }
}

impl Rule {
    fn matches(&self, request: &Request, relative: &str, also_called: AlsoCalled<'_>) -> bool {
        let named = |person: &String| {
            identifiers::names(request, person)
                || also_called(person).iter().any(|own| identifiers::names(request, own))
        };
        let begins = |path: &str, prefix: &str| path.to_lowercase().starts_with(&prefix.to_lowercase());
        self.method.as_ref().is_none_or(|method| request.method.as_str().eq_ignore_ascii_case(method))
            && (self.path.as_ref()).is_none_or(|path| begins(&request.path, path) || begins(relative, path))
            && self.person.as_ref().is_none_or(named)
    }
}

/// The rule's own answer. A body that is not text is sent as JSON; the media type follows from the body's beginning
/// unless the rule names one.
fn answer(status: u16, rule: &Rule) -> Result<Answer, String> {
    let status = StatusCode::from_u16(status).ok().filter(|status| (200..600).contains(&status.as_u16()));
    let status = status.ok_or("a fault's status is between 200 and 599")?;
    let text = match &rule.body {
        None => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    let mut headers = HeaderMap::new();
    if let Some(media_type) = guessed_media_type(&text) {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    }
    for (name, value) in rule.headers.iter().flatten() {
        let wrong = |_| format!("{name} is no header that can be sent");
        let header = HeaderName::try_from(name).map_err(|error| wrong(error.to_string()))?;
        if header == CONTENT_LENGTH || header == TRANSFER_ENCODING {
            return Err(format!("{name} follows from the body"));
        }
        headers.insert(header, HeaderValue::try_from(value).map_err(|error| wrong(error.to_string()))?);
    }
    Ok(Answer { status, headers, body: Bytes::from(text) })
}

fn guessed_media_type(body: &str) -> Option<&'static str> {
    match body.trim_start().chars().next()? {
        '<' => Some("text/html"),
        '{' | '[' => Some("application/json"),
        _ => Some("text/plain"),
    }
}
