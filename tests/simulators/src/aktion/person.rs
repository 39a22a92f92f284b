//! One person as Aktion stores them, and the rules of their fields.
//! The table of fields is here alone: what is checked, saved, echoed and shown follows from it.

use serde_json::{Map, Value, json};

use super::answers::date;
use super::columns;
use crate::calls::now_ms;
use crate::switches::Switches;

/// The key.
pub(super) const ID: &str = "PersonId";

/// The collection of user columns.
pub(super) const COLLECTION: &str = "UdsCollection";

/// What is wrong with a person that has no key.
pub(super) const ID_MISSING: &str = "PersonId: The PersonId field is required.";

/// The identifiers that only one person can have, in the order in which conflicts are reported.
pub(super) const IDENTIFIERS: [&str; 3] = ["IdentifierEntryCode", "IdentifierCard1", "IdentifierCard2"];

const PIN: &str = "PIN";
const LOCK: &str = "Lock";
const LAST_CHANGE: &str = "TimeLastChange";

/// A field of a person.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) rule: Rule,
    product: Product,
}

/// Which values a field takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// At most so many UTF-16 code units.
    Text(usize),
    /// Exactly so many digits.
    Digits(usize),
    /// At most so many hexadecimal digits.
    Hex(usize),
    /// 0, 1 or 2, as a number.
    Sex,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Product {
    Both,
    Next,
    Cloud,
}

const fn field(name: &'static str, rule: Rule) -> Field {
    Field { name, rule, product: Product::Both }
}

const fn only(product: Product, name: &'static str, rule: Rule) -> Field {
    Field { name, rule, product }
}

/// Every field but the user columns.
pub(super) const FIELDS: [Field; 18] = [
    field(ID, Rule::Text(100)),
    field("Name", Rule::Text(100)),
    field("Surname", Rule::Text(100)),
    only(Product::Next, "OrganizationStructure", Rule::Text(4000)),
    field("Email", Rule::Text(200)),
    only(Product::Next, "LoginName", Rule::Text(100)),
    field(IDENTIFIERS[0], Rule::Digits(6)),
    field(IDENTIFIERS[1], Rule::Hex(20)),
    only(Product::Next, IDENTIFIERS[2], Rule::Hex(20)),
    only(Product::Cloud, "Department", Rule::Text(100)),
    field("EmployeePosition", Rule::Text(200)),
    field("PhoneNumber", Rule::Text(100)),
    field("MobilPhoneNumber", Rule::Text(100)),
    field("Desc", Rule::Text(4000)),
    field("DegreeInFrontName", Rule::Text(30)),
    field("DegreeAfterName", Rule::Text(30)),
    field("Sex", Rule::Sex),
    field(PIN, Rule::Digits(4)),
];

impl Field {
    /// Whether the product that is simulated has the field.
    pub(super) fn is_of(&self, switches: &Switches) -> bool {
        let cloud = switches.value("product") == "cloud";
        match self.product {
            Product::Both => true,
            Product::Next => !cloud,
            Product::Cloud => cloud,
        }
    }

    /// What is wrong with a value that is not null, in the words of the framework.
    pub(super) fn error(&self, value: &Value) -> Option<String> {
        let name = self.name;
        let Some(text) = value.as_str() else {
            let fits = self.rule == Rule::Sex && value.as_u64().is_some_and(|number| number <= 2);
            return (!fits).then(|| format!("{name}: The value is not valid for {name}."));
        };
        let length = text.encode_utf16().count();
        let pattern = |expression| {
            format!("{name}: The field {name} must match the regular expression '{expression}'.")
        };
        let lengths = |least, most| {
            format!(
                "{name}: The field {name} must be a string with a minimum length of {least} and a maximum length \
                 of {most}."
            )
        };
        match self.rule {
            Rule::Text(most) if length > most => Some(lengths(0, most)),
            Rule::Digits(exactly) if length != exactly => Some(lengths(exactly, exactly)),
            Rule::Digits(_) if !text.bytes().all(|b| b.is_ascii_digit()) => Some(pattern("[0-9]+")),
            Rule::Hex(most) if length > most => Some(lengths(0, most)),
            Rule::Hex(_) if !text.bytes().all(|b| b.is_ascii_hexdigit()) => Some(pattern("[0-9a-fA-F]+")),
            Rule::Sex => Some(format!("{name}: The value is not valid for {name}.")),
            Rule::Text(_) | Rule::Digits(_) | Rule::Hex(_) => None,
        }
    }

    /// The value of a field that has none: what clearing sets, and what one never set is compared as.
    pub(super) fn cleared(&self) -> Value {
        if self.rule == Rule::Sex { json!(0) } else { json!("") }
    }
}

/// The model's spelling of a member's name.
pub(super) fn proper_name(name: &str) -> Option<&'static str> {
    let known = FIELDS.iter().map(|field| field.name).chain([COLLECTION]);
    known.into_iter().find(|known| known.eq_ignore_ascii_case(name))
}

/// What was sent, as far as the model knows it.
pub(super) fn echo(sent: &Map<String, Value>) -> Value {
    let known = sent.iter().filter_map(|(name, value)| Some((proper_name(name)?.to_owned(), value.clone())));
    Value::Object(known.collect())
}

/// A stored person.
#[derive(Debug)]
pub(super) struct Person {
    /// Under the model's names; fields that were never set are missing.
    fields: Map<String, Value>,
    /// Names and values of the user columns that were ever set.
    columns: Vec<(String, String)>,
    /// Milliseconds since 1970.
    changed: i64,
}

impl Person {
    /// A person of whom nothing is known but the key.
    pub(super) fn new(id: &str) -> Self {
        let fields = Map::from_iter([(ID.to_owned(), json!(id))]);
        Person { fields, columns: Vec::new(), changed: now_ms() }
    }

    /// Reads a person of the state.
    pub(super) fn parse(value: &Value) -> Result<Self, String> {
        let members = value.as_object().ok_or("a person is an object")?;
        let mut person = Person::new("");
        for (name, value) in members {
            let name = proper_name(name).unwrap_or(name);
            match name {
                COLLECTION => person.columns = parse_columns(value)?,
                LAST_CHANGE => {}
                _ => {
                    person.fields.insert(name.to_owned(), value.clone());
                }
            }
        }
        if person.id().trim().is_empty() {
            return Err("a person needs a PersonId, a text".to_owned());
        }
        Ok(person)
    }

    /// The key as it was first spelt.
    pub(super) fn id(&self) -> &str {
        self.text(ID)
    }

    /// A field's text; empty when there is none.
    pub(super) fn text(&self, name: &str) -> &str {
        self.fields.get(name).and_then(Value::as_str).unwrap_or("")
    }

    /// Sets a field; tells whether it differed.
    pub(super) fn set(&mut self, field: &Field, value: Value) -> bool {
        let stored = self.fields.get(field.name).filter(|value| !value.is_null());
        let differs = *stored.unwrap_or(&field.cleared()) != value;
        if differs {
            self.fields.insert(field.name.to_owned(), value);
            self.changed = now_ms();
        }
        differs
    }

    /// Sets a user column; tells whether it differed.
    pub(super) fn set_column(&mut self, name: &str, value: &str) -> bool {
        let stored = self.columns.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(name));
        let differs = stored.as_ref().map_or("", |(_, stored)| stored) != value;
        if differs {
            match stored {
                Some((_, stored)) => *stored = value.to_owned(),
                None => self.columns.push((name.to_owned(), value.to_owned())),
            }
            self.changed = now_ms();
        }
        differs
    }

    /// Everything stored.
    pub(super) fn state(&self) -> Value {
        let column = |(name, value): &(String, String)| json!({"SystemName": name, "Value": value});
        let mut members = self.fields.clone();
        members.insert(COLLECTION.to_owned(), self.columns.iter().map(column).collect());
        Value::Object(members)
    }

    /// The person as a reading shows them: flat, everything but the PIN.
    pub(super) fn shown(&self, switches: &Switches) -> Value {
        let mut members = Map::new();
        for field in FIELDS.iter().filter(|field| field.name != PIN) {
            let nothing = if field.rule == Rule::Sex { field.cleared() } else { Value::Null };
            members.insert(field.name.to_owned(), self.fields.get(field.name).cloned().unwrap_or(nothing));
        }
        let identifiers = IDENTIFIERS.iter().map(|name| self.text(name)).filter(|text| !text.is_empty());
        let column = |name: &str| {
            let stored = self.columns.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
            json!({"SystemName": name, "Value": stored.map(|(_, value)| value)})
        };
        members.insert("Identifiers".to_owned(), identifiers.collect());
        members.insert(LOCK.to_owned(), self.fields.get(LOCK).cloned().unwrap_or(json!(0)));
        members.insert(LAST_CHANGE.to_owned(), date(self.changed, switches));
        members.insert(COLLECTION.to_owned(), columns::names(switches).map(column).collect());
        Value::Object(members)
    }
}

fn parse_columns(value: &Value) -> Result<Vec<(String, String)>, String> {
    let parse = |column: &Value| {
        let name = column.get("SystemName")?.as_str()?;
        let value = column.get("Value").filter(|value| !value.is_null());
        Some((name.to_owned(), value.map_or(Some(""), Value::as_str)?.to_owned()))
    };
    if value.is_null() {
        return Ok(Vec::new());
    }
    let columns = value.as_array().and_then(|columns| columns.iter().map(parse).collect());
    columns.ok_or_else(|| "UdsCollection is a list of {\"SystemName\",\"Value\"}, all texts".to_owned())
}
