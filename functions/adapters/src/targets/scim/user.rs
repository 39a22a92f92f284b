//! A user as a SCIM server shows them. Names of attributes are compared without regard to case, as RFC 7643 has it; what is
//! not known here is kept as it came, because a server that takes whole users alone gets it back.

use http::HeaderValue;
use http::header::ETAG;
use people_core::person::NativeKey;
use people_core::ports::Sighting;
use serde_json::{Map, Value, json};

use super::answers::Reply;
use super::attributes::{EMPLOYEE_NUMBER, ENTERPRISE};
use super::settings::{EmployeeId, Identifiers, Upn};

/// A user. It holds personal data and is never shown.
#[derive(Clone)]
pub(super) struct User(Map<String, Value>);

/// Users that were found, or a page of all.
pub(super) struct Users {
    pub(super) users: Vec<User>,
    /// How many there are said to be.
    pub(super) total: Option<u64>,
}

impl Users {
    /// Reads a list; `None` where it is none. A list without `Resources` is empty.
    pub(super) fn read(body: &[u8]) -> Option<Users> {
        let list: Map<String, Value> = serde_json::from_slice(body).ok()?;
        let total = get(&list, "totalResults").and_then(Value::as_u64);
        let users = match get(&list, "Resources") {
            Some(Value::Array(users)) => {
                users.iter().map(|user| user.as_object().cloned().map(User)).collect()
            }
            None | Some(Value::Null) if total.is_some() => Some(Vec::new()),
            _ => None,
        };
        Some(Users { users: users?, total })
    }
}

impl User {
    /// Reads the user with this id; `None` where it is none, or another one.
    pub(super) fn read(body: &[u8], id: &str) -> Option<User> {
        let user = User(serde_json::from_slice(body).ok()?);
        (user.id() == id).then_some(user)
    }

    /// The id that the server gave; empty where it did not.
    pub(super) fn id(&self) -> &str {
        self.text("id").unwrap_or_default()
    }

    /// Whether the user is not switched off.
    pub(super) fn is_active(&self) -> bool {
        match self.get("active") {
            Some(Value::Bool(is_active)) => *is_active,
            Some(Value::String(text)) => !text.eq_ignore_ascii_case("false"),
            _ => true,
        }
    }

    /// The version that an answer with this user names, for a change that must not meet another one.
    pub(super) fn version(&self, reply: &Reply) -> Option<HeaderValue> {
        let of_meta = self.get("meta").and_then(|meta| get(meta.as_object()?, "version"));
        let of_meta = of_meta.and_then(|version| HeaderValue::try_from(version.as_str()?).ok());
        of_meta.or_else(|| reply.headers.get(ETAG).cloned()).filter(|version| !version.is_empty())
    }

    /// The user as the directory knows people. Somebody without an id is nobody.
    pub(super) fn sighting(&self, identifiers: Identifiers) -> Option<Sighting> {
        let id = Some(self.id()).filter(|id| is_id(id))?;
        let employee_id = match identifiers.employee_id {
            Some(EmployeeId::ExternalId) => self.text("externalId"),
            Some(EmployeeId::EmployeeNumber) => {
                let company = self.get(ENTERPRISE).and_then(Value::as_object);
                company.and_then(|company| get(company, EMPLOYEE_NUMBER)).and_then(Value::as_str)
            }
            None => None,
        };
        let upn = match identifiers.user_principal_name {
            Some(Upn::UserName) => self.text("userName"),
            Some(Upn::Emails) => self.email(),
            None => None,
        };
        let trimmed = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        Some(Sighting {
            key: NativeKey(id.to_owned()),
            employee_id: employee_id.and_then(trimmed),
            upn: upn.and_then(trimmed).map(|upn| upn.to_lowercase()),
        })
    }

    /// The primary address; else the only one for work, or the only one.
    fn email(&self) -> Option<&str> {
        let all: Vec<_> = self.items("emails").iter().filter_map(Value::as_object).collect();
        let is_primary = |item: &Map<String, Value>| get(item, "primary") == Some(&Value::Bool(true));
        let is_for_work = |item: &Map<String, Value>| is_of_type(item, "work");
        let only = |meets: &dyn Fn(&Map<String, Value>) -> bool| {
            let mut having = all.iter().filter(|item| meets(item));
            having.next().filter(|_| having.next().is_none())
        };
        let chosen = only(&is_primary).or_else(|| only(&is_for_work)).or_else(|| only(&|_| true))?;
        get(chosen, "value")?.as_str()
    }

    /// Whether it is one of the addresses, also where it does not name the user.
    pub(super) fn has_email(&self, address: &str) -> bool {
        let items = self.items("emails").iter().filter_map(Value::as_object);
        let mut values = items.filter_map(|item| get(item, "value")?.as_str());
        values.any(|value| value.trim().to_lowercase() == address.to_lowercase())
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str()
    }

    fn get(&self, name: &str) -> Option<&Value> {
        get(&self.0, name)
    }

    /// What is there under one name or several; null and the empty list are nothing (RFC 7643, 2.5).
    pub(super) fn at<'a>(&self, steps: impl IntoIterator<Item = &'a str>) -> Option<&Value> {
        let mut steps = steps.into_iter();
        let first = self.get(steps.next()?);
        let value = steps.try_fold(first?, |value, step| get(value.as_object()?, step))?;
        let is_nothing = value.is_null() || value.as_array().is_some_and(Vec::is_empty);
        (!is_nothing).then_some(value)
    }

    /// The items of a list.
    fn items(&self, list: &str) -> &[Value] {
        self.get(list).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// The items of a list that are of a type.
    pub(super) fn typed<'a>(
        &'a self,
        list: &str,
        kind: &'a str,
    ) -> impl Iterator<Item = &'a Map<String, Value>> {
        let items = self.items(list).iter().filter_map(Value::as_object);
        items.filter(move |item| is_of_type(item, kind))
    }

    /// Sets what is under one name or several, or takes it away. An object that is empty then goes too.
    pub(super) fn put(&mut self, steps: &[&str], value: Option<Value>) {
        if let [urn, _] = steps
            && urn.starts_with("urn:")
            && value.is_some()
        {
            self.name_schema(urn);
        }
        put(&mut self.0, steps, value);
    }

    /// Sets a member of the only item of a type, or takes it away. Without such an item a new one has it.
    pub(super) fn put_typed(&mut self, list: &str, kind: &str, member: &str, value: Option<Value>) {
        let key = key(&self.0, list);
        let items = self.0.entry(key).or_insert_with(|| json!([]));
        if !items.is_array() {
            *items = json!([]);
        }
        let Some(items) = items.as_array_mut() else { return };
        let own = items.iter_mut().filter_map(Value::as_object_mut).find(|item| is_of_type(item, kind));
        match (own, value) {
            (Some(item), value) => put(item, &[member], value),
            (None, Some(value)) => items.push(json!({"type": kind, member: value})),
            (None, None) => {}
        }
    }

    /// Says that the user has something of this extension.
    fn name_schema(&mut self, urn: &str) {
        let key = key(&self.0, "schemas");
        let Some(Value::Array(schemas)) = self.0.get_mut(&key) else { return };
        let is_it = |schema: &Value| schema.as_str().is_some_and(|schema| schema.eq_ignore_ascii_case(urn));
        if !schemas.iter().any(is_it) {
            schemas.push(urn.into());
        }
    }

    /// All of the user, as JSON.
    pub(super) fn to_json(&self) -> Vec<u8> {
        // Only texts are keys: it cannot fail.
        serde_json::to_vec(&self.0).unwrap_or_default()
    }
}

/// Whether a text can be the id of a user: a URL ends with it, which must not lead elsewhere.
pub(super) fn is_id(id: &str) -> bool {
    !id.trim().is_empty() && id != "." && id != ".."
}

/// A member, in any case.
pub(super) fn get<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    members
        .get(name)
        .or_else(|| members.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value))
}

/// How a member is spelt here, if it is there.
fn key(members: &Map<String, Value>, name: &str) -> String {
    let known = members.keys().find(|key| key.eq_ignore_ascii_case(name));
    known.cloned().unwrap_or_else(|| name.to_owned())
}

fn put(members: &mut Map<String, Value>, steps: &[&str], value: Option<Value>) {
    match steps {
        [] => {}
        [name] => {
            let key = key(members, name);
            match value {
                Some(value) => drop(members.insert(key, value)),
                None => drop(members.remove(&key)),
            }
        }
        [name, rest @ ..] => {
            let key = key(members, name);
            let inner = members.entry(key.clone()).or_insert_with(|| json!({}));
            if !inner.is_object() {
                *inner = json!({});
            }
            let Some(inner) = inner.as_object_mut() else { return };
            put(inner, rest, value);
            if inner.is_empty() {
                members.remove(&key);
            }
        }
    }
}

fn is_of_type(item: &Map<String, Value>, kind: &str) -> bool {
    get(item, "type").and_then(Value::as_str).is_some_and(|own| own.eq_ignore_ascii_case(kind))
}
