//! Users, departments, and who is linked to which department.
//! Users are only read by this API, so nothing here creates or changes one.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::columns::{Column, DEPARTMENT, ID, Record, Type, USER};
use super::{DEPARTMENTS, NEVER};
use crate::sample;

/// The key of the first sample user.
const FIRST_USER: usize = 35_001;

/// Everything stored about people.
#[derive(Debug, Default)]
pub(super) struct Store {
    users: Vec<Record>,
    places: HashMap<i64, usize>,
    pub(super) departments: Vec<Department>,
}

/// A department and the keys of those linked to it, in the order in which they came.
#[derive(Debug)]
pub(super) struct Department {
    pub(super) record: Record,
    pub(super) users: Vec<i64>,
}

/// The key of a user.
pub(super) fn id(user: &Record) -> i64 {
    user.get(ID).and_then(Value::as_i64).unwrap_or_default()
}

impl Store {
    /// The sample people, each linked to the department of the sample.
    pub(super) fn sample() -> Self {
        let people = sample::people();
        let users = people.iter().enumerate().map(|(place, person)| {
            json!({
                "Id": FIRST_USER + place,
                "Name": format!("{} {}", person.first_name, person.last_name),
                "Username": person.email,
                "Email": person.email,
                "External_Id": person.employee_id,
                "Creation_Date": "2024-01-15T08:00:00Z",
                "Last_Login": if place % 2 == 0 { "2026-10-01T06:30:00Z" } else { NEVER },
            })
        });
        let departments = DEPARTMENTS.iter().enumerate().map(|(place, (name, id))| {
            let linked = people.iter().enumerate().filter(|(_, person)| person.department == *name);
            let linked: Vec<_> = linked.map(|(place, _)| FIRST_USER + place).collect();
            json!({"Id": id, "Name": name, "ExternalId": format!("DE{:03}", place + 1), "Users": linked})
        });
        // The sample is well-formed: a test of the state compares it.
        Store::parse(&users.collect(), &departments.collect()).unwrap_or_default()
    }

    /// Reads people and departments of a state; null is none.
    pub(super) fn parse(people: &Value, departments: &Value) -> Result<Self, String> {
        let mut store = Store::default();
        for (place, person) in list(people, "people")?.iter().enumerate() {
            let user = parse_user(person).map_err(|error| format!("people[{place}]: {error}"))?;
            if store.user(id(&user)).is_some() {
                return Err(format!("people[{place}]: there is another one with this Id"));
            }
            store.places.insert(id(&user), store.users.len());
            store.users.push(user);
        }
        for (place, department) in list(departments, "departments")?.iter().enumerate() {
            let parsed = store.parse_department(department);
            let parsed = parsed.map_err(|error| format!("departments[{place}]: {error}"))?;
            store.departments.push(parsed);
        }
        Ok(store)
    }

    fn parse_department(&self, department: &Value) -> Result<Department, String> {
        let members = department.as_object().ok_or("a department is an object")?;
        let mut record = Record::new();
        for column in DEPARTMENT {
            record.insert(column.member.to_owned(), member(members, column, "")?);
        }
        let key = record.get(ID).cloned().unwrap_or_default();
        if key == "" || self.departments.iter().any(|other| other.record.get(ID) == Some(&key)) {
            return Err("a department has an Id of its own".to_owned());
        }
        refuse_others(members, DEPARTMENT, Some("Users"))?;
        let mut users = Vec::new();
        for user in list(members.get("Users").unwrap_or(&Value::Null), "Users")? {
            let known = user.as_i64().filter(|id| self.user(*id).is_some() && !users.contains(id));
            users.push(known.ok_or_else(|| format!("{user} is no user, or is there twice"))?);
        }
        Ok(Department { record, users })
    }

    /// The people as the state shows them.
    pub(super) fn people_state(&self) -> Value {
        self.users.iter().cloned().map(Value::Object).collect()
    }

    /// The departments as the state shows them.
    pub(super) fn departments_state(&self) -> Value {
        let state = |department: &Department| {
            let mut state = department.record.clone();
            state.insert("Users".to_owned(), json!(department.users));
            Value::Object(state)
        };
        self.departments.iter().map(state).collect()
    }

    /// All users.
    pub(super) fn users(&self) -> Vec<&Record> {
        self.users.iter().collect()
    }

    /// The user with this key.
    pub(super) fn user(&self, key: i64) -> Option<&Record> {
        self.users.get(*self.places.get(&key)?)
    }

    /// The users with these keys, in their order.
    pub(super) fn users_of(&self, keys: &[i64]) -> Vec<&Record> {
        keys.iter().filter_map(|key| self.user(*key)).collect()
    }

    /// The users whose column has this value.
    pub(super) fn users_with(&self, column: &Column, value: &Value) -> Vec<&Record> {
        self.users.iter().filter(|user| column.compare(user, value).is_eq()).collect()
    }
}

fn list<'a>(value: &'a Value, name: &str) -> Result<&'a [Value], String> {
    match value {
        Value::Null => Ok(&[]),
        _ => value.as_array().map(Vec::as_slice).ok_or_else(|| format!("{name} are a list")),
    }
}

fn parse_user(person: &Value) -> Result<Record, String> {
    let members = person.as_object().ok_or("a person is an object")?;
    let mut record = Record::new();
    for column in USER {
        let default = if column.holds == Type::Date { NEVER } else { "" };
        record.insert(column.member.to_owned(), member(members, column, default)?);
    }
    refuse_others(members, USER, None)?;
    Ok(record)
}

/// A member of a state; a text has a default, a flag is on unless it is off, and a key is never missing.
fn member(members: &Map<String, Value>, column: &Column, default: &str) -> Result<Value, String> {
    let value = members.get(column.member).unwrap_or(&Value::Null);
    let is_key = |value: &Value| value.as_i64().is_some_and(|key| (1..=i64::from(i32::MAX)).contains(&key));
    match (column.holds, value) {
        (Type::Text | Type::Date, Value::Null) => Ok(Value::from(default)),
        (Type::Text | Type::Date, Value::String(_)) | (Type::Flag, Value::Bool(_)) => Ok(value.clone()),
        (Type::Flag, Value::Null) => Ok(Value::Bool(true)),
        (Type::Number, value) if is_key(value) => Ok(value.clone()),
        (Type::Number | Type::Text | Type::Date | Type::Flag, _) => {
            Err(format!("{} is not {value}", column.member))
        }
    }
}

fn refuse_others(members: &Map<String, Value>, columns: &[Column], also: Option<&str>) -> Result<(), String> {
    let is_known = |name: &str| columns.iter().any(|column| column.member == name) || also == Some(name);
    let unknown = members.keys().find(|name| !is_known(name));
    unknown.map_or(Ok(()), |name| Err(format!("there is no member {name}")))
}
