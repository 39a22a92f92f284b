//! All people of a portal and its groups, in the order in which they came.
//! People are found by their id, user name or e-mail, each in any case.

use std::collections::HashMap;

use serde_json::{Value, json};
use uuid::Uuid;

use super::person::Person;
use crate::sample::{self, SamplePerson};

/// The people and groups, with where to find each person.
#[derive(Debug, Default)]
pub(super) struct People {
    pub(super) list: Vec<Person>,
    pub(super) groups: Vec<Group>,
    ids: HashMap<Uuid, usize>,
    user_names: HashMap<String, usize>,
    emails: HashMap<String, usize>,
}

/// A department.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) id: Uuid,
    pub(super) name: String,
    manager: Option<String>,
}

impl Group {
    /// As a state and a profile have it.
    pub(super) fn to_json(&self) -> Value {
        json!({"id": self.id.to_string(), "name": self.name, "manager": self.manager})
    }

    fn parse(value: &Value) -> Option<Self> {
        let text = |name| value.get(name).and_then(Value::as_str).map(str::to_owned);
        Some(Group { id: Uuid::parse_str(&text("id")?).ok()?, name: text("name")?, manager: text("manager") })
    }
}

impl People {
    /// The sample people, and the account that imports them as the portal's owner.
    pub(super) fn sample() -> Self {
        let groups = sample::DEPARTMENTS
            .iter()
            .enumerate()
            .map(|(place, name)| json!({"id": group_id(place), "name": name, "manager": null}));
        let importer = json!({
            "id": "00000000-0000-4000-8000-000000000001",
            "email": super::USER_NAME,
            "firstName": "People",
            "lastName": "Importer",
            "isAdmin": true,
            "isOwner": true,
            "contacts": [{"type": "mail", "value": super::USER_NAME}],
        });
        let people = sample::people().iter().map(person).chain([importer]).collect();
        // The sample is well-formed: a test of the state compares it.
        People::parse(&people, &groups.collect()).unwrap_or_default()
    }

    /// Reads the people and groups of a state; null is none.
    pub(super) fn parse(people: &Value, groups: &Value) -> Result<Self, String> {
        let mut parsed = People { groups: parse_groups(groups)?, ..People::default() };
        for (place, person) in list(people, "people")?.iter().enumerate() {
            let person = Person::parse(person).map_err(|error| format!("people[{place}]: {error}"))?;
            if parsed.ids.contains_key(&person.id) {
                return Err(format!("people[{place}]: there is another one with this id"));
            }
            parsed.add(person);
        }
        Ok(parsed)
    }

    /// The person with this id.
    pub(super) fn by_id(&self, id: Uuid) -> Option<&Person> {
        self.list.get(*self.ids.get(&id)?)
    }

    /// The person with this id or, when it is none, this user name.
    pub(super) fn by_id_or_user_name(&self, text: &str) -> Option<&Person> {
        match Uuid::parse_str(text) {
            Ok(id) => self.by_id(id),
            Err(_) => self.list.get(*self.user_names.get(&text.to_lowercase())?),
        }
    }

    /// The person with this e-mail.
    pub(super) fn by_email(&self, email: &str) -> Option<&Person> {
        self.list.get(*self.emails.get(&email.to_lowercase())?)
    }

    /// Puts a changed person in the place of the former one. Ids, user names and e-mails do not change.
    pub(super) fn replace(&mut self, person: Person) {
        if let Some(place) = self.ids.get(&person.id)
            && let Some(stored) = self.list.get_mut(*place)
        {
            *stored = person;
        }
    }

    fn add(&mut self, person: Person) {
        let place = self.list.len();
        self.ids.insert(person.id, place);
        self.user_names.entry(person.text("userName").to_lowercase()).or_insert(place);
        if !person.text("email").is_empty() {
            self.emails.entry(person.text("email").to_lowercase()).or_insert(place);
        }
        self.list.push(person);
    }
}

fn group_id(place: usize) -> String {
    format!("00000000-0000-4000-9000-{:012}", place + 1)
}

fn person_id(employee_id: &str) -> String {
    format!("00000000-0000-4000-8000-{employee_id:0>12}")
}

/// A sample person. Joe has something in every member that a careless update resets, and `person199` is a guest.
fn person(person: &SamplePerson) -> Value {
    let department = sample::DEPARTMENTS.iter().position(|name| *name == person.department);
    let mut members = json!({
        "id": person_id(&person.employee_id),
        "email": person.email,
        "firstName": person.first_name,
        "lastName": person.last_name,
        "groups": department.map(group_id).as_slice(),
        "contacts": [{"type": "mail", "value": person.email}],
        "isVisitor": person.email == "person199@company.com",
    });
    if person.email == "joe@company.com" {
        members["title"] = json!("Engineer");
        members["location"] = json!("Prague");
        members["notes"] = json!("On site on Mondays");
        members["sex"] = json!("male");
        members["cultureName"] = json!("en-US");
        members["lead"] = json!(person_id("100200304"));
        members["contacts"] = json!([
            {"type": "mail", "value": person.email},
            {"type": "skype", "value": "joe.miller"},
            {"type": "extmail", "value": "joe.miller@directory.company.com"},
        ]);
    }
    members
}

fn parse_groups(groups: &Value) -> Result<Vec<Group>, String> {
    let groups: Option<Vec<_>> = list(groups, "groups")?.iter().map(Group::parse).collect();
    groups.ok_or_else(|| "groups are a list of {\"id\",\"name\",\"manager\"}, the id a GUID".to_owned())
}

fn list<'a>(value: &'a Value, name: &str) -> Result<&'a [Value], String> {
    match value {
        Value::Null => Ok(&[]),
        _ => value.as_array().map(Vec::as_slice).ok_or_else(|| format!("{name} are a list")),
    }
}
