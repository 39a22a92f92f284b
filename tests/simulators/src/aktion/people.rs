//! All people of an Aktion, in the order in which they came.
//! Keys are compared without regard to case, as the database behind the target does.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::person::{IDENTIFIERS, Person};
use crate::sample;
use crate::switches::Switches;

/// The people, with where to find each.
#[derive(Debug, Default)]
pub(super) struct People {
    list: Vec<Person>,
    places: HashMap<String, usize>,
}

/// A page, both numbers from 1.
#[derive(Debug, Clone, Copy)]
pub(super) struct Page {
    pub(super) number: usize,
    pub(super) size: usize,
}

impl People {
    /// The sample people.
    pub(super) fn sample() -> Self {
        let person = |person: sample::SamplePerson| {
            json!({
                "PersonId": person.employee_id,
                "Name": person.first_name,
                "Surname": person.last_name,
                "OrganizationStructure": person.department,
                "Email": person.email,
                "LoginName": person.email,
            })
        };
        // The sample is well-formed: a test of the state compares it.
        People::parse(&sample::people().into_iter().map(person).collect()).unwrap_or_default()
    }

    /// Reads the people of a state; null is nobody.
    pub(super) fn parse(people: &Value) -> Result<Self, String> {
        let mut parsed = People::default();
        let people = match people {
            Value::Null => &Vec::new(),
            _ => people.as_array().ok_or("people are a list")?,
        };
        for (place, person) in people.iter().enumerate() {
            let person = Person::parse(person).map_err(|error| format!("people[{place}]: {error}"))?;
            if parsed.find(person.id()).is_some() {
                return Err(format!("people[{place}]: there is another one with this PersonId"));
            }
            parsed.add(person);
        }
        Ok(parsed)
    }

    /// Adds a person whose key nobody has yet.
    pub(super) fn add(&mut self, person: Person) {
        self.places.insert(person.id().to_lowercase(), self.list.len());
        self.list.push(person);
    }

    /// The person with this key.
    pub(super) fn find(&self, id: &str) -> Option<&Person> {
        self.list.get(*self.places.get(&id.to_lowercase())?)
    }

    /// The person with this key, to change them. The key itself stays as it is.
    pub(super) fn find_mut(&mut self, id: &str) -> Option<&mut Person> {
        self.list.get_mut(*self.places.get(&id.to_lowercase())?)
    }

    /// Whether somebody else has this identifier. A card is the same card whichever of the two it is.
    pub(super) fn is_taken(&self, identifier: &str, value: &str, owner: &str) -> bool {
        let owner = owner.to_lowercase();
        let [entry_code, cards @ ..] = &IDENTIFIERS;
        let compared = if identifier == *entry_code { std::slice::from_ref(entry_code) } else { cards };
        let has =
            |person: &&Person| compared.iter().any(|name| person.text(name).eq_ignore_ascii_case(value));
        self.list.iter().filter(has).any(|person| person.id().to_lowercase() != owner)
    }

    /// Everything stored.
    pub(super) fn state(&self) -> Value {
        self.list.iter().map(Person::state).collect()
    }

    /// A page of people as a reading shows it, or all of them.
    pub(super) fn shown(&self, page: Option<Page>, switches: &Switches) -> Value {
        let total = self.list.len();
        let Page { number, size } = page.unwrap_or(Page { number: 1, size: total.max(1) });
        let skipped = (number - 1).saturating_mul(size);
        let people = self.list.iter().skip(skipped).take(size).map(|person| person.shown(switches));
        let paging = json!({
            "PageNumber": number,
            "PageSize": size,
            "TotalRecords": total,
            "TotalPages": total.div_ceil(size),
        });
        json!({"Persons": people.collect::<Value>(), "Paging": paging})
    }
}
