//! `person/update`: the body, the rules of its fields, and what is saved of it.
//! Nothing here is atomic but what the contract says is, so a refused update may have changed the person.

use serde_json::{Map, Value};

use super::answers::Outcome;
use super::columns;
use super::people::People;
use super::person::{COLLECTION, FIELDS, Field, ID, ID_MISSING, IDENTIFIERS, Person, proper_name};
use crate::message::Request;
use crate::switches::Switches;

/// What an update that keeps all rules asks for.
struct Change {
    id: String,
    fields: Vec<(&'static Field, Value)>,
    /// Names and values of user columns, in their order.
    columns: Vec<(String, String)>,
}

/// The members of the body.
pub(super) fn body(request: &Request) -> Result<Map<String, Value>, Outcome> {
    let refused = |error: String| Outcome::BindingFailed(vec![error]);
    match serde_json::from_slice(&request.body) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(refused("The request body is no JSON object.".to_owned())),
        Err(error) => Err(refused(format!("The request body could not be read: {error}."))),
    }
}

/// Does the update; every way it can end is an outcome.
pub(super) fn run(people: &mut People, sent: &Map<String, Value>, switches: &Switches) -> Outcome {
    save(people, sent, switches).unwrap_or_else(|refused| refused)
}

fn save(people: &mut People, sent: &Map<String, Value>, switches: &Switches) -> Result<Outcome, Outcome> {
    let mut change = Change::parse(sent, switches).map_err(Outcome::BindingFailed)?;
    let is_new = people.find(&change.id).is_none();
    if is_new && !switches.flag("upsert_unknown") {
        return Err(Outcome::PersonUnknown);
    }
    let conflict = change.drop_taken(people);
    if conflict.is_some() && switches.flag("atomic_identifiers") {
        return Err(Outcome::Duplicate);
    }
    if is_new {
        people.add(Person::new(&change.id));
    }
    let person = people.find_mut(&change.id).ok_or(Outcome::PersonUnknown)?;
    let mut differs = false;
    for (field, value) in change.fields {
        differs |= person.set(field, value);
    }
    for (name, value) in &change.columns {
        let name = columns::check(name, value, switches)?;
        differs |= person.set_column(name, value);
    }
    Ok(match conflict {
        Some(conflict) => conflict,
        None if is_new => Outcome::Created,
        None if differs => Outcome::Saved,
        None => Outcome::Unchanged(change.id),
    })
}

impl Change {
    /// Checks every member before anything is done; the errors name each that is wrong.
    fn parse(sent: &Map<String, Value>, switches: &Switches) -> Result<Self, Vec<String>> {
        let (mut fields, mut errors) = (Vec::new(), Vec::new());
        let member =
            |name| sent.iter().find(|(key, _)| proper_name(key) == Some(name)).map(|(_, value)| value);
        for field in FIELDS.iter().filter(|field| field.name != ID && field.is_of(switches)) {
            match member(field.name) {
                None => {}
                Some(Value::Null) if !switches.flag("null_clears") => {}
                Some(Value::Null) => fields.push((field, field.cleared())),
                Some(value) => match field.error(value) {
                    Some(error) => errors.push(error),
                    None => fields.push((field, value.clone())),
                },
            }
        }
        let id = parse_id(member(ID)).map_err(|error| errors.insert(0, error));
        let columns = parse_columns(member(COLLECTION)).map_err(|error| errors.push(error));
        match (id, columns) {
            (Ok(id), Ok(columns)) if errors.is_empty() => Ok(Change { id, fields, columns }),
            _ => Err(errors),
        }
    }

    /// Leaves out the identifiers that somebody else has; tells the first of them.
    fn drop_taken(&mut self, people: &People) -> Option<Outcome> {
        let mut first = None;
        let owner = people.find(&self.id);
        for (name, outcome) in
            IDENTIFIERS.into_iter().zip([Outcome::EntryCodeTaken, Outcome::Card1Taken, Outcome::Card2Taken])
        {
            let place = self.fields.iter().position(|(field, _)| field.name == name);
            let Some((place, value)) = place.and_then(|at| Some((at, self.fields[at].1.as_str()?))) else {
                continue;
            };
            let is_own = owner.is_some_and(|owner| owner.text(name) == value);
            if !value.is_empty() && !is_own && people.is_taken(name, value, &self.id) {
                self.fields.remove(place);
                first = first.or(Some(outcome));
            }
        }
        first
    }
}

/// The key: the framework takes a text of blanks for a missing one.
fn parse_id(value: Option<&Value>) -> Result<String, String> {
    let [field, ..] = &FIELDS;
    match value {
        None | Some(Value::Null) => Err(ID_MISSING.to_owned()),
        Some(value) => match (value.as_str(), field.error(value)) {
            (_, Some(error)) => Err(error),
            (Some(id), None) if !id.trim().is_empty() => Ok(id.to_owned()),
            (_, None) => Err(ID_MISSING.to_owned()),
        },
    }
}

/// The user columns; a missing name is an unknown column later, a missing value is an empty one.
fn parse_columns(value: Option<&Value>) -> Result<Vec<(String, String)>, String> {
    let Some(value) = value.filter(|value| !value.is_null()) else { return Ok(Vec::new()) };
    let parse = |column: &Value| {
        let members = column.as_object()?;
        let text = |name: &str| match members.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)) {
            None | Some((_, Value::Null)) => Some(String::new()),
            Some((_, value)) => value.as_str().map(str::to_owned),
        };
        Some((text("SystemName")?, text("Value")?))
    };
    let columns = value.as_array().and_then(|columns| columns.iter().map(parse).collect());
    columns.ok_or_else(|| format!("{COLLECTION}: The value is not valid for {COLLECTION}."))
}
