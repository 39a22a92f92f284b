//! Whether a call speaks of a certain person, by any identifier in its path, query or body.
//! Fault rules need it, and `1002003` must not stand for `100200300`, so whole identifiers are compared.

use serde_json::Value;

use crate::message::{Request, decode, form_pairs};

/// Whether the call names the person. The path, the query's values and a body that is not JSON are decoded and cut
/// at every character that no identifier has; in a JSON body whole string values are compared, at any depth. Case
/// does not count.
pub(crate) fn names(request: &Request, person: &str) -> bool {
    in_text(&decode(&request.path), person)
        || form_pairs(&request.query).any(|(_, value)| in_text(&value, person))
        || in_text(&decode(&request.query), person)
        || in_body(request, person)
}

fn in_body(request: &Request, person: &str) -> bool {
    if let Ok(body) = serde_json::from_slice::<Value>(&request.body) {
        return in_json(&body, person);
    }
    let text = String::from_utf8_lossy(&request.body);
    let is_form = request.media_type() == "application/x-www-form-urlencoded";
    if is_form { form_pairs(&text).any(|(_, value)| in_text(&value, person)) } else { in_text(&text, person) }
}

fn in_json(value: &Value, person: &str) -> bool {
    match value {
        Value::String(text) => same(text, person),
        Value::Array(items) => items.iter().any(|item| in_json(item, person)),
        Value::Object(members) => members.values().any(|member| in_json(member, person)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// The whole text, or one identifier in it.
fn in_text(text: &str, person: &str) -> bool {
    let ends_one = |c: char| !(c.is_alphanumeric() || "@._-+".contains(c));
    same(text, person) || text.split(ends_one).any(|part| same(part, person))
}

fn same(text: &str, person: &str) -> bool {
    text.to_lowercase() == person.to_lowercase()
}
