//! What of an update a user does not have yet, and how it is written. Every operation has a path to exactly what the update
//! names: one without a path, or with a whole list in it, would wipe what was not named.

use serde_json::{Map, Value, json};

use super::attributes::{At, ENTERPRISE, Place};
use super::user::{User, get};
use crate::targets::transform::Sent;

/// The schema of a PATCH's body.
const MESSAGE: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
/// The manager's object, as a path of steps.
const MANAGER: [&str; 2] = [ENTERPRISE, "manager"];

/// What an update wants of a user.
pub(super) type Wanted<'a> = Vec<(&'a Place, Sent<'a>)>;

/// What differs between a user and an update. It holds personal data and is never shown.
pub(super) struct Differences<'a>(Vec<Difference<'a>>);

struct Difference<'a> {
    place: &'a Place,
    /// `None` is a reset.
    value: Option<Value>,
    /// How the type of a typed item is spelt there; `None` where there is no such item.
    kind: Option<String>,
}

impl<'a> Differences<'a> {
    /// What of an update the user does not have yet. `Err` says in a sentence without values why it cannot be written.
    pub(super) fn between(user: &User, wanted: &'a Wanted<'a>) -> Result<Differences<'a>, String> {
        let mut all = Vec::new();
        for (place, sent) in wanted {
            all.extend(difference(user, place, sent)?);
        }
        Ok(Differences(all))
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether there is one at this place.
    pub(super) fn are_at(&self, place: &Place) -> bool {
        self.0.iter().any(|difference| difference.place == place)
    }

    /// The body of a PATCH; `None` where nothing differs. With `adds` no value relies on the server to find an item by its
    /// type: values are added. What is to be reset was just read, so it is named all the same.
    pub(super) fn patch(&self, adds: bool) -> Option<Vec<u8>> {
        let mut operations = Vec::new();
        // One item for all that it gets, however many members those are.
        let mut added: Vec<(&str, &str, Map<String, Value>)> = Vec::new();
        for Difference { place, value, kind } in &self.0 {
            let path = &*place.path;
            match (&place.at, value) {
                (At::Typed { list, kind: own, member }, Some(value)) if adds || kind.is_none() => {
                    let known = added.iter().position(|(name, kind, _)| name == list && kind == own);
                    let at = known.unwrap_or_else(|| {
                        let item = Map::from_iter([("type".to_owned(), json!(own))]);
                        added.push((list, own, item));
                        added.len() - 1
                    });
                    added[at].2.insert((*member).to_owned(), value.clone());
                }
                (At::Typed { list, member, .. }, _) => {
                    let kind = Value::from(kind.as_deref().unwrap_or_default());
                    operations.push(operation(&format!("{list}[type eq {kind}].{member}"), value.as_ref()));
                }
                (At::Text(_) | At::Texts(_) | At::Manager, _) => {
                    operations.push(operation(path, value.as_ref()))
                }
            }
        }
        let add = |(list, _, item)| json!({"op": "add", "path": list, "value": [item]});
        operations.extend(added.into_iter().map(add));
        let body = json!({"schemas": [MESSAGE], "Operations": operations});
        // Texts under text keys: it cannot fail.
        (!operations.is_empty()).then(|| serde_json::to_vec(&body).unwrap_or_default())
    }

    /// The whole user with the update, for a server that takes nothing less.
    pub(super) fn whole(&self, user: &User) -> Vec<u8> {
        let mut user = user.clone();
        for Difference { place, value, .. } in &self.0 {
            let value = value.clone();
            match &place.at {
                At::Text(steps) | At::Texts(steps) => {
                    let steps: Vec<&str> = steps.iter().map(|step| &**step).collect();
                    user.put(&steps, value);
                }
                At::Manager => user.put(&MANAGER, value),
                At::Typed { list, kind, member } => user.put_typed(list, kind, member, value),
            }
        }
        user.to_json()
    }
}

fn operation(path: &str, value: Option<&Value>) -> Value {
    match value {
        Some(value) => json!({"op": "replace", "path": path, "value": value}),
        None => json!({"op": "remove", "path": path}),
    }
}

fn difference<'a>(user: &User, place: &'a Place, sent: &Sent<'_>) -> Result<Option<Difference<'a>>, String> {
    let one = |value: Option<Value>| Ok(Some(Difference { place, value, kind: None }));
    match &place.at {
        At::Text(steps) => {
            let (stored, wanted) = (user.at(steps.iter().map(|step| &**step)), text(place, sent)?);
            if stored.and_then(Value::as_str) == wanted && stored.is_some() == wanted.is_some() {
                return Ok(None);
            }
            one(wanted.map(Value::from))
        }
        At::Texts(steps) => {
            let (stored, wanted) = (user.at(steps.iter().map(|step| &**step)), texts(place, sent)?);
            if has_all(stored, wanted.as_deref()) {
                return Ok(None);
            }
            one(wanted.map(Value::from))
        }
        At::Manager => {
            let (stored, wanted) = (user.at(MANAGER), text(place, sent)?);
            let stored = stored.filter(|stored| stored.as_object().is_none_or(|members| !members.is_empty()));
            if stored.and_then(manager) == wanted && stored.is_some() == wanted.is_some() {
                return Ok(None);
            }
            one(wanted.map(|id| manager_value(stored, id)))
        }
        At::Typed { list, kind, member } => typed(user, place, (list, kind, member), text(place, sent)?),
    }
}

/// What differs in an item of a list. Where several items have the type, a path would lead to all of them.
fn typed<'a>(
    user: &User,
    place: &'a Place,
    (list, kind, member): (&str, &str, &str),
    wanted: Option<&str>,
) -> Result<Option<Difference<'a>>, String> {
    let items: Vec<_> = user.typed(list, kind).collect();
    let is_there = |item: &&Map<String, Value>| {
        let stored = get(item, member).filter(|stored| !stored.is_null());
        stored.and_then(Value::as_str) == wanted && stored.is_some() == wanted.is_some()
    };
    let (is_all, value) = (items.iter().all(is_there), wanted.map(Value::from));
    match items.as_slice() {
        [] if wanted.is_none() => Ok(None),
        [_, ..] if is_all => Ok(None),
        [] => Ok(Some(Difference { place, value, kind: None })),
        [item] => {
            let kind = get(item, "type").and_then(Value::as_str).map(str::to_owned);
            Ok(Some(Difference { place, value, kind }))
        }
        [_, _, ..] => Err(format!("the person has several {list} of the type {kind}")),
    }
}

fn text<'a>(place: &Place, sent: &'a Sent<'_>) -> Result<Option<&'a str>, String> {
    match sent {
        Sent::Reset => Ok(None),
        Sent::Text(text) => Ok(Some(text)),
        Sent::Texts(_) => Err(format!("{} is one text", place.path)),
    }
}

fn texts<'a>(place: &Place, sent: &'a Sent<'_>) -> Result<Option<Vec<&'a str>>, String> {
    match sent {
        Sent::Reset => Ok(None),
        Sent::Texts(texts) => Ok(Some(texts.iter().map(|text| &**text).collect())),
        Sent::Text(_) => Err(format!("{} is a list", place.path)),
    }
}

/// Whether a list is the same: a server may give it in another order (RFC 7643, 2.4).
fn has_all(stored: Option<&Value>, wanted: Option<&[&str]>) -> bool {
    match (stored, wanted) {
        (None, None) => true,
        (Some(Value::Array(stored)), Some(wanted)) => {
            let mut stored: Vec<_> = stored.iter().map(Value::as_str).collect();
            let mut wanted: Vec<_> = wanted.iter().map(|text| Some(*text)).collect();
            stored.sort_unstable();
            wanted.sort_unstable();
            stored == wanted
        }
        (Some(_), Some(_)) | (Some(_), None) | (None, Some(_)) => false,
    }
}

/// The id of a manager; some servers show it alone.
fn manager(stored: &Value) -> Option<&str> {
    stored.as_str().or_else(|| get(stored.as_object()?, "value")?.as_str())
}

/// A manager as they are written. A URL that goes with the id follows it, or it would lead to the former one.
fn manager_value(stored: Option<&Value>, id: &str) -> Value {
    let url = || {
        let stored = stored?.as_object()?;
        let (url, former) = (get(stored, "$ref")?.as_str()?, get(stored, "value")?.as_str()?);
        let before = url.strip_suffix(former).filter(|before| before.ends_with('/'))?;
        Some(format!("{before}{id}"))
    };
    match url() {
        Some(url) => json!({"value": id, "$ref": url}),
        None => json!({ "value": id }),
    }
}
