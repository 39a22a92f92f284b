//! PATCH as RFC 7644 has it, to the letter: what is not selected by a path is replaced as a whole.
//! A client that replaces a list, or replaces without a path, must find here what it destroys.

use serde_json::{Map, Value};

use super::answers::Refused;
use super::filter::Filter;
use super::paths::{Scope, Step, member, steps};
use super::schema::{Extras, Shape, find};
use super::values::{ReadOnly, Wrong, is_primary, one, whole};

/// The schema of a PATCH's body.
const MESSAGE: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// What an operation does where its path leads.
#[derive(Debug, Clone, Copy)]
enum Action<'a> {
    Add(&'a Value),
    Replace(&'a Value),
    Remove,
}

/// One step of a path; with a filter it leads to those items of a list that meet it.
#[derive(Debug)]
struct Level {
    step: Step,
    filter: Option<Filter>,
}

/// A user's attributes after all operations. One that fails undoes all, as the user given is not touched.
pub(super) fn patched(
    user: &Map<String, Value>,
    body: &Map<String, Value>,
    extras: &Extras,
) -> Result<Map<String, Value>, Refused> {
    let syntax = |detail: &str| Refused::bad("invalidSyntax", detail);
    let schemas = get(body, "schemas").and_then(Value::as_array);
    if !schemas.is_some_and(|schemas| schemas.iter().any(|schema| schema == MESSAGE)) {
        return Err(syntax("The schemas of a PATCH are its PatchOp."));
    }
    let operations = get(body, "Operations").and_then(Value::as_array).filter(|list| !list.is_empty());
    let mut user = user.clone();
    for operation in operations.ok_or_else(|| syntax("Operations are a list that is not empty."))? {
        let operation = operation.as_object().ok_or_else(|| syntax("An operation is an object."))?;
        operate(&mut user, operation, extras)?;
    }
    Ok(user)
}

/// A member of a body, in any case.
pub(super) fn get<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    members.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

fn operate(
    user: &mut Map<String, Value>,
    operation: &Map<String, Value>,
    extras: &Extras,
) -> Result<(), Refused> {
    let op = get(operation, "op").and_then(Value::as_str).unwrap_or("").to_ascii_lowercase();
    let value = || {
        get(operation, "value").ok_or_else(|| Refused::bad("invalidValue", "The operation needs a value."))
    };
    let action = match op.as_str() {
        "add" => Action::Add(value()?),
        "replace" => Action::Replace(value()?),
        "remove" => Action::Remove,
        _ => return Err(Refused::bad("invalidSyntax", "An op is add, replace or remove.")),
    };
    match get(operation, "path") {
        Some(Value::String(path)) => change(user, &levels(path, extras, action)?, action),
        None | Some(Value::Null) => everywhere(user, action, extras),
        Some(_) => Err(Refused::bad("invalidPath", "A path is a text.")),
    }
}

/// An operation without a path: on each attribute that its value names.
fn everywhere(user: &mut Map<String, Value>, action: Action<'_>, extras: &Extras) -> Result<(), Refused> {
    let (Action::Add(value) | Action::Replace(value)) = action else {
        return Err(Refused::bad("noTarget", "A remove needs a path."));
    };
    let members = value.as_object().ok_or_else(|| Wrong::Type("value".to_owned()).in_patch())?;
    for (key, value) in members.iter().filter(|(key, _)| *key != "schemas") {
        let (name, attribute) = find(key, extras).ok_or_else(|| Wrong::Unknown(key.clone()).in_patch())?;
        let step = Step { name: name.to_owned(), attribute };
        act(user, &step, action.with(value))?;
    }
    Ok(())
}

/// Reads a path: an attribute, or `attribute[filter]` with or without a member behind it.
fn levels(path: &str, extras: &Extras, action: Action<'_>) -> Result<Vec<Level>, Refused> {
    let no_path = || Refused::bad("invalidPath", "The path is malformed or not part of the schema.");
    let begin = path.find('[');
    let plain = steps(path.get(..begin.unwrap_or(path.len())).unwrap_or(path), Scope::User(extras));
    let mut levels: Vec<Level> =
        plain.ok_or_else(no_path)?.into_iter().map(|step| Level { step, filter: None }).collect();
    if let (Some(begin), Some(last)) = (begin, levels.last_mut()) {
        let list = last.step.attribute;
        if !(list.many && matches!(list.shape, Shape::Complex(_)) || matches!(list.shape, Shape::Any)) {
            return Err(no_path());
        }
        let (filter, rest) = path
            .get(begin + 1..)
            .and_then(|text| Filter::begin(text, Scope::Inside(list)))
            .ok_or_else(|| Refused::bad("invalidFilter", "The filter of the path cannot be read."))?;
        last.filter = Some(filter);
        let rest = rest.strip_prefix(']').ok_or_else(no_path)?;
        if !rest.is_empty() {
            let name = rest.strip_prefix('.').ok_or_else(no_path)?;
            levels.push(Level { step: member(list, name).ok_or_else(no_path)?, filter: None });
        }
    }
    let is_required = |level: &Level| level.step.attribute.required && matches!(action, Action::Remove);
    match levels.iter().find(|level| level.step.attribute.is_read_only() || is_required(level)) {
        Some(level) if is_required(level) => {
            Err(Refused::bad("mutability", format!("{} is required.", level.step.name)))
        }
        Some(level) => Err(Wrong::ReadOnly(level.step.name.clone()).in_patch()),
        None => Ok(levels),
    }
}

fn change(members: &mut Map<String, Value>, levels: &[Level], action: Action<'_>) -> Result<(), Refused> {
    let Some((level, rest)) = levels.split_first() else { return Ok(()) };
    let is_list = level.step.attribute.many || members.get(&level.step.name).is_some_and(Value::is_array);
    if level.filter.is_some() || (is_list && !rest.is_empty()) {
        return change_items(members, level, rest, action);
    }
    if rest.is_empty() {
        return act(members, &level.step, action);
    }
    within(members, &level.step, |inner| change(inner, rest, action))
}

/// Changes the members of one attribute; without any it is unassigned.
fn within(
    members: &mut Map<String, Value>,
    step: &Step,
    change: impl FnOnce(&mut Map<String, Value>) -> Result<(), Refused>,
) -> Result<(), Refused> {
    let inner = members.entry(step.name.clone()).or_insert_with(|| Value::Object(Map::new()));
    let inner = inner.as_object_mut().ok_or_else(|| Wrong::Type(step.name.clone()).in_patch())?;
    change(inner)?;
    if inner.is_empty() {
        members.remove(&step.name);
    }
    Ok(())
}

/// Changes those items of a list that meet the level's filter, all of them without one.
fn change_items(
    members: &mut Map<String, Value>,
    level: &Level,
    rest: &[Level],
    action: Action<'_>,
) -> Result<(), Refused> {
    let (name, attribute) = (&level.step.name, level.step.attribute);
    let mut items = members.remove(name).map_or_else(Vec::new, in_list);
    let meets = |item: &Value| {
        let filter = level.filter.as_ref();
        filter.is_none_or(|filter| item.as_object().is_some_and(|item| filter.meets(item, false)))
    };
    let picked: Vec<usize> = (0..items.len()).filter(|at| items.get(*at).is_some_and(meets)).collect();
    if picked.is_empty() && !matches!(action, Action::Remove) {
        return Err(Refused::bad("noTarget", format!("No value of {name} meets the filter.")));
    }
    for at in &picked {
        let Some(item) = items.get_mut(*at) else { continue };
        if !rest.is_empty() {
            let members = item.as_object_mut().ok_or_else(|| Wrong::Type(name.clone()).in_patch())?;
            change(members, rest, action)?;
            continue;
        }
        let read = |value| one(attribute, name, value, ReadOnly::Refused).map_err(Wrong::in_patch);
        match action {
            Action::Remove => *item = Value::Null,
            Action::Replace(value) => *item = read(value)?.unwrap_or(Value::Null),
            Action::Add(value) => match (item.as_object_mut(), read(value)?) {
                (Some(item), Some(Value::Object(more))) => item.extend(more),
                (_, more) => *item = more.unwrap_or_else(|| item.take()),
            },
        }
    }
    let mut items = one_primary(items, &picked, name)?;
    items.retain(|item| !item.is_null() && item.as_object().is_none_or(|members| !members.is_empty()));
    if !items.is_empty() {
        members.insert(name.clone(), Value::Array(items));
    }
    Ok(())
}

/// Does the operation on one attribute as a whole.
fn act(members: &mut Map<String, Value>, step: &Step, action: Action<'_>) -> Result<(), Refused> {
    let (name, attribute) = (&step.name, step.attribute);
    if attribute.is_read_only() {
        return Err(Wrong::ReadOnly(name.clone()).in_patch());
    }
    let (Action::Add(value) | Action::Replace(value)) = action else {
        members.remove(name);
        return Ok(());
    };
    let stored = members.get(name);
    let is_list = attribute.many || (stored.is_some_and(Value::is_array) && matches!(action, Action::Add(_)));
    let has_members = match attribute.shape {
        Shape::Text | Shape::Flag => false,
        Shape::Complex(_) => !attribute.many,
        Shape::Any => stored.is_some_and(Value::is_object),
    };
    if let (true, Value::Object(more)) = (has_members, value) {
        return within(members, step, |inner| {
            more.iter().try_for_each(|(key, value)| {
                let step = member(attribute, key).ok_or_else(|| Wrong::Unknown(key.clone()).in_patch())?;
                act(inner, &step, action.with(value))
            })
        });
    }
    let read = if is_list {
        let items = Value::Array(in_list(value.clone()));
        whole(attribute, name, &items, ReadOnly::Refused).map_err(Wrong::in_patch)?
    } else {
        one(attribute, name, value, ReadOnly::Refused).map_err(Wrong::in_patch)?
    };
    match (action, read) {
        (Action::Add(_), Some(Value::Array(more))) if is_list => append(members, step, more),
        (_, Some(read)) => {
            members.insert(name.clone(), read);
            Ok(())
        }
        (Action::Replace(_), None) => {
            members.remove(name);
            Ok(())
        }
        (Action::Add(_) | Action::Remove, None) => Ok(()),
    }
}

/// Appends to a list what it does not have yet.
fn append(members: &mut Map<String, Value>, step: &Step, more: Vec<Value>) -> Result<(), Refused> {
    let mut items = members.remove(&step.name).map_or_else(Vec::new, in_list);
    let before = items.len();
    for item in more {
        if !items.contains(&item) {
            items.push(item);
        }
    }
    let added: Vec<usize> = (before..items.len()).collect();
    members.insert(step.name.clone(), Value::Array(one_primary(items, &added, &step.name)?));
    Ok(())
}

/// A list in which a changed item that is primary is the only one.
fn one_primary(mut items: Vec<Value>, changed: &[usize], name: &str) -> Result<Vec<Value>, Refused> {
    let mut primary = changed.iter().filter(|at| items.get(**at).is_some_and(is_primary));
    let Some(chosen) = primary.next().copied() else { return Ok(items) };
    if primary.next().is_some() {
        return Err(Wrong::SeveralPrimary(name.to_owned()).in_patch());
    }
    for (at, item) in items.iter_mut().enumerate() {
        if at != chosen && is_primary(item) {
            item["primary"] = Value::Bool(false);
        }
    }
    Ok(items)
}

fn in_list(value: Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items,
        Value::Null => Vec::new(),
        one => vec![one],
    }
}

impl<'a> Action<'a> {
    /// The same action with another value.
    fn with(self, value: &'a Value) -> Self {
        match self {
            Action::Add(_) => Action::Add(value),
            Action::Replace(_) => Action::Replace(value),
            Action::Remove => Action::Remove,
        }
    }
}
