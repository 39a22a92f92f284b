//! Lists of people: by status or by search, filtered, sorted and in pages.
//! A client's directory comes from here, so what the portal caps and hides is the same as in reality.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::answers::{Envelope, Failure};
use super::dates;
use super::people::People;
use super::person::Person;
use crate::message::Request;
use crate::switches::Switches;

/// The most people in one answer, also when the call asks for more or does not say.
const MOST: usize = 1000;

/// Which people a list is about.
#[derive(Debug)]
pub(super) enum Selection {
    /// Those whose status is one of these bits.
    Status(u64),
    /// The active ones who have this text somewhere.
    Search(String),
}

impl Selection {
    /// A status by its name or number, in any case.
    pub(super) fn status(text: &str) -> Result<Self, Failure> {
        let named = [("active", 1), ("terminated", 2), ("leaveofabsence", 4), ("default", 5), ("all", 7)];
        let is_it =
            |(name, number): &&(&str, u64)| *name == text.to_lowercase() || number.to_string() == text;
        let status = named.iter().find(is_it).map(|(_, number)| *number);
        status.map(Selection::Status).ok_or(Failure::InvalidArgument("There is no such status."))
    }

    fn has(&self, person: &Person, switches: &Switches) -> bool {
        match self {
            Selection::Status(bits) => person.status(switches) & bits != 0,
            Selection::Search(text) => {
                let text = text.to_lowercase();
                let has = |name| person.text(name).to_lowercase().contains(&text);
                person.status(switches) & 5 != 0
                    && (["firstName", "lastName", "userName", "email"].into_iter().any(has)
                        || person.contacts.contain(&text))
            }
        }
    }
}

/// The answer to a list. `show` gives a person as the caller sees them.
pub(super) fn list(
    people: &People,
    selection: &Selection,
    request: &Request,
    switches: &Switches,
    show: impl Fn(&Person) -> Map<String, Value>,
) -> Result<Envelope, Failure> {
    let filter = Filter::parse(request);
    let group = match filter.as_ref().and_then(Filter::group) {
        Some(Err(_)) if matches!(selection, Selection::Search(_)) => return Ok(Envelope::one(json!({}))),
        group => group.transpose()?,
    };
    let since = request.parameter("updatedSince").and_then(|text| dates::parse(&text));
    let found = people.list.iter().filter(|person| {
        selection.has(person, switches)
            && since.is_none_or(|since| person.changed >= since)
            && group.is_none_or(|group| person.groups.contains(&group))
    });
    let mut found: Vec<_> = match filter.filter(|_| group.is_none()) {
        Some(filter) => found.filter(|person| filter.matches(&show(person))).collect(),
        None => found.collect(),
    };
    sort(&mut found, request, &show);
    Ok(page(&found, request, show))
}

fn page(found: &[&Person], request: &Request, show: impl Fn(&Person) -> Map<String, Value>) -> Envelope {
    let number = |name| request.parameter(name).and_then(|text| text.parse().ok());
    let start: usize = number("startIndex").unwrap_or(0);
    let count: usize = number("count").filter(|count| *count > 0).unwrap_or(MOST).min(MOST);
    let shown: Vec<_> =
        found.iter().skip(start).take(count).map(|person| chosen(show(person), request)).collect();
    let end = start.saturating_add(shown.len());
    let is_last = shown.is_empty() || end >= found.len();
    let mut envelope = Envelope::one(Value::Null);
    envelope.count = shown.len();
    envelope.start_index = start;
    envelope.next_index = if is_last { 0 } else { end };
    envelope.total = found.len();
    envelope.response = Value::Array(shown);
    envelope
}

/// The members that the call asks for, or all of them.
pub(super) fn chosen(mut members: Map<String, Value>, request: &Request) -> Value {
    if let Some(fields) = request.parameter("fields").filter(|fields| !fields.trim().is_empty()) {
        let fields: Vec<_> = fields.split(',').map(|field| field.trim().to_lowercase()).collect();
        members.retain(|name, _| fields.contains(&name.to_lowercase()));
    }
    Value::Object(members)
}

/// `filterBy`, `filterOp` and `filterValue`.
struct Filter {
    field: String,
    operation: String,
    value: String,
}

impl Filter {
    fn parse(request: &Request) -> Option<Self> {
        let text = |name| request.parameter(name).unwrap_or_default().to_lowercase();
        let filter =
            Filter { field: text("filterBy"), operation: text("filterOp"), value: text("filterValue") };
        (!filter.field.is_empty()).then_some(filter)
    }

    /// The group to filter by, or that the value is no group's id.
    fn group(&self) -> Option<Result<Uuid, Failure>> {
        let is_group = self.field == "group" && !self.value.is_empty();
        let wrong = |_| Failure::Internal("Guid should contain 32 digits with 4 dashes.");
        is_group.then(|| Uuid::parse_str(&self.value).map_err(wrong))
    }

    fn matches(&self, members: &Map<String, Value>) -> bool {
        let member = members.iter().find(|(name, _)| name.to_lowercase() == self.field);
        let text = member.map(|(_, value)| text(value)).unwrap_or_default();
        match self.operation.as_str() {
            "present" => !text.is_empty(),
            "equals" => text == self.value,
            "startswith" => text.starts_with(&self.value),
            _ => text.contains(&self.value),
        }
    }
}

fn sort(found: &mut [&Person], request: &Request, show: &impl Fn(&Person) -> Map<String, Value>) {
    let Some(field) = request.parameter("sortBy").filter(|field| !field.is_empty()) else { return };
    let key = |person: &&Person| {
        let members = show(person);
        members.iter().find(|(name, _)| name.eq_ignore_ascii_case(&field)).map(|(_, value)| text(value))
    };
    found.sort_by_cached_key(key);
    if request.parameter("sortOrder").is_some_and(|order| order.eq_ignore_ascii_case("descending")) {
        found.reverse();
    }
}

/// A member as the filter compares it: in lower case.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.to_lowercase(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            value.to_string().to_lowercase()
        }
    }
}
