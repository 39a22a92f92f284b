//! All users, in the order in which they came, with their versions.
//! A version changes when its user does and never otherwise: a client may rely on it to see that nothing happened.

use serde_json::{Map, Value, json};

use super::answers::Refused;
use super::schema::{CORE, ENTERPRISE, Extras, PEOPLE, USER, find, is_extension};
use super::values;
use crate::calls::now_ms;
use crate::sample::{self, SamplePerson};

/// A stored user.
#[derive(Debug)]
pub(super) struct User {
    /// With the id, without what is made for showing.
    pub(super) attributes: Map<String, Value>,
    version: u64,
    /// Milliseconds since 1970.
    created: i64,
    changed: i64,
}

/// The users, and what is known of them beside the schema.
#[derive(Debug, Default)]
pub(super) struct Users {
    list: Vec<User>,
    pub(super) extras: Extras,
    /// The newest version there is, of any user.
    version: u64,
}

impl Users {
    /// The sample people.
    pub(super) fn sample() -> Self {
        // The sample is well-formed: a test of the state compares it.
        let people = sample::people().iter().enumerate().map(sample_user).collect();
        Users::default().replaced(&people).unwrap_or_default()
    }

    /// The users of a state in place of these. Somebody who is the same keeps their version.
    pub(super) fn replaced(&self, people: &Value) -> Result<Self, String> {
        let people = match people {
            Value::Null => &Vec::new(),
            _ => people.as_array().ok_or("people are a list")?,
        };
        let mut users = Users { version: self.version, ..Users::default() };
        users.extras =
            people.iter().filter_map(Value::as_object).flat_map(Map::keys).filter_map(extra).collect();
        for (place, person) in people.iter().enumerate() {
            let attributes = users.parse(person).map_err(|error| format!("people[{place}]: {error}"))?;
            let same = self.list.iter().find(|user| user.attributes == attributes);
            match same {
                Some(User { version, created, changed, .. }) => {
                    let (version, created, changed) = (*version, *created, *changed);
                    users.list.push(User { attributes, version, created, changed });
                }
                None => users.add(attributes),
            }
        }
        Ok(users)
    }

    fn parse(&self, person: &Value) -> Result<Map<String, Value>, String> {
        let person = person.as_object().ok_or("a user is an object")?;
        let text = |name: &str| person.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let id = text("id").ok_or("a user needs an id, a text")?;
        text("userName").ok_or("a user needs a userName, a text")?;
        if self.find(id).is_some() {
            return Err("there is another one with this id".to_owned());
        }
        let read = values::user(person, &self.extras);
        let mut attributes = read.map_err(|wrong| format!("{wrong:?}"))?;
        let groups = person.get("groups").filter(|groups| groups.is_array());
        attributes.extend(groups.map(|groups| ("groups".to_owned(), groups.clone())));
        attributes.insert("id".to_owned(), json!(id));
        Ok(attributes)
    }

    /// Adds a user whose id nobody has yet.
    pub(super) fn add(&mut self, attributes: Map<String, Value>) {
        self.version += 1;
        let now = now_ms();
        self.list.push(User { attributes, version: self.version, created: now, changed: now });
    }

    /// The user with this id.
    pub(super) fn find(&self, id: &str) -> Option<&User> {
        self.list.iter().find(|user| user.id() == id)
    }

    /// Takes over a user's attributes; their version changes if anything did.
    pub(super) fn save(&mut self, id: &str, attributes: Map<String, Value>) {
        let version = self.version + 1;
        let differing = self.list.iter_mut().find(|user| user.id() == id && user.attributes != attributes);
        if let Some(user) = differing {
            (user.attributes, user.version, user.changed) = (attributes, version, now_ms());
            self.version = version;
        }
    }

    /// Deletes a user.
    pub(super) fn remove(&mut self, id: &str) {
        self.list.retain(|user| user.id() != id);
    }

    /// Checks what every user must have: a user name that is nobody else's.
    pub(super) fn check(
        &self,
        attributes: &Map<String, Value>,
        id: &str,
        exact: bool,
    ) -> Result<(), Refused> {
        let fold = |name: &str| if exact { name.to_owned() } else { name.to_lowercase() };
        let name = |attributes: &Map<String, Value>| attributes.get("userName")?.as_str().map(fold);
        let wanted = name(attributes).filter(|name| !name.trim().is_empty());
        let wanted = wanted.ok_or_else(|| Refused::bad("invalidValue", "A user needs a userName."))?;
        let mut others = self.list.iter().filter(|user| user.id() != id);
        if others.any(|user| name(&user.attributes).as_ref() == Some(&wanted)) {
            return Err(Refused::taken("userName"));
        }
        Ok(())
    }

    /// Everyone.
    pub(super) fn all(&self) -> &[User] {
        &self.list
    }

    /// Everything stored.
    pub(super) fn state(&self) -> Value {
        self.list.iter().map(|user| Value::Object(user.attributes.clone())).collect()
    }
}

impl User {
    /// The id, given by this server.
    pub(super) fn id(&self) -> &str {
        self.attributes.get("id").and_then(Value::as_str).unwrap_or("")
    }

    /// The version as an ETag.
    pub(super) fn etag(&self) -> String {
        format!("W/\"{}\"", self.version)
    }

    /// The user as they are shown, `base` being the URL before `/Users`.
    pub(super) fn shown(&self, base: &str, etag: bool) -> Map<String, Value> {
        let mut shown = self.attributes.clone();
        shown.remove("password");
        let extensions = self.attributes.keys().filter(|name| is_extension(name)).map(String::as_str);
        shown.insert("schemas".to_owned(), [CORE].into_iter().chain(extensions).collect());
        let mut meta = json!({
            "resourceType": "User",
            "created": timestamp(self.created),
            "lastModified": timestamp(self.changed),
            "location": format!("{base}/Users/{}", self.id()),
        });
        if etag {
            meta["version"] = json!(self.etag());
        }
        shown.insert("meta".to_owned(), meta);
        shown
    }
}

/// A member of a state's user that the schema does not know.
fn extra(name: &String) -> Option<String> {
    let known = find(name, &Extras::new()).is_some() || USER.iter().any(|attribute| attribute.name == name);
    (!known).then(|| name.clone())
}

fn sample_user((place, person): (usize, &SamplePerson)) -> Value {
    let SamplePerson { employee_id, email, first_name, last_name, department } = person;
    let full_name = format!("{first_name} {last_name}");
    let mut user = json!({
        "id": format!("u-{employee_id}"),
        "externalId": employee_id,
        "userName": email,
        "active": true,
        "name": {"givenName": first_name, "familyName": last_name, "formatted": full_name},
        "displayName": full_name,
        "title": "Specialist",
        "preferredLanguage": "en",
        "emails": [{"type": "work", "value": email, "primary": true}],
        ENTERPRISE: {
            "employeeNumber": employee_id,
            "department": department,
            "costCenter": format!("{department}-1"),
            "manager": {"value": "u-100200302"},
        },
    });
    // Every second one, joe among them, has something that a careless update would wipe.
    if place % 2 == 0 {
        let private = format!("+420 700 {employee_id}");
        user["phoneNumbers"] = json!([{"type": "home", "value": private}]);
        user["addresses"] = json!([{"type": "home", "locality": "Brno", "country": "CZ"}]);
        user[PEOPLE] = json!({"skills": ["First aid"]});
    }
    user
}

/// A moment as SCIM writes it, to the second, in UTC.
fn timestamp(milliseconds: i64) -> String {
    let seconds = milliseconds.div_euclid(1000);
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Counted in eras of 400 years that begin on a first of March, so that the leap day is a year's last.
    let since = days + 719_468;
    let (era, day) = (since.div_euclid(146_097), since.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_scim_does() {
        assert_eq!(timestamp(0), "1970-01-01T00:00:00Z");
        assert_eq!(timestamp(951_782_400_000), "2000-02-29T00:00:00Z");
        assert_eq!(timestamp(1_735_689_599_999), "2024-12-31T23:59:59Z");
        assert_eq!(timestamp(1_735_689_600_000), "2025-01-01T00:00:00Z");
    }
}
