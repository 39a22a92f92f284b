//! Random sequences of updates, faults and repeats: what was not named never changes, and what is reported as updated is
//! there.

use people_core::log::{Ending, Outcome};
use serde_json::{Value, json};

use super::stage::{GUEST, JOE, SARAH, Stage, update};

const PEOPLE: [&str; 3] = [JOE, SARAH, GUEST];
/// Fields, what they are stored as, and whether they can be reset.
const FIELDS: [(&str, &str, bool); 9] = [
    ("phone", "contacts.phone", true),
    ("skype", "contacts.skype", true),
    ("mail", "contacts.mail", true),
    ("firstName", "firstName", false),
    ("title", "title", true),
    ("location", "location", true),
    ("notes", "notes", true),
    ("sex", "sex", false),
    ("birthDate", "birthday", true),
];

/// Numbers that are the same in every run of a seed.
struct Random(u64);

impl Random {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % most as u64) as usize
    }

    fn value(&mut self, field: &str) -> Option<String> {
        let number = self.below(4);
        match field {
            "sex" => Some(["male", "female"][number % 2].to_owned()),
            "firstName" => Some(format!("N{number}")),
            _ if number == 0 => None,
            "birthDate" => Some(format!("199{number}-05-04")),
            _ => Some(format!("v{number}")),
        }
    }

    /// The changes of an update: one to three fields, each once.
    fn changes(&mut self) -> Vec<(&'static str, Option<String>)> {
        let mut changes: Vec<(&'static str, Option<String>)> = Vec::new();
        for _ in 0..=self.below(3) {
            let (field, ..) = FIELDS[self.below(FIELDS.len())];
            if changes.iter().all(|(known, _)| *known != field) {
                changes.push((field, self.value(field)));
            }
        }
        changes
    }

    fn fault(&mut self) -> Value {
        let envelope = json!({"status": 1, "statusCode": 500, "error": {"message": "?"}});
        let mut rule = match self.below(9) {
            0 => json!({"close": "before"}),
            1 => json!({"close": "after"}),
            2 => json!({"status": 500, "body": envelope}),
            3 => json!({"status": 503, "headers": {"Retry-After": "1"}}),
            4 => json!({"status": 401, "body": "Unauthorized"}),
            5 => json!({"status": 200, "body": "<html></html>"}),
            6 => json!({"status": 502}),
            _ => return json!([]),
        };
        (rule["path"], rule["skip"], rule["times"]) =
            (json!("/people"), json!(self.below(3)), json!(1 + self.below(3)));
        if self.below(2) == 0 {
            rule["method"] = json!("PUT");
        }
        json!([rule])
    }
}

/// What a person has of a field, as a text, and the person without it.
fn taken_out(stored: &Value, field: &str) -> (String, Value) {
    let (_, place, _) = FIELDS.into_iter().find(|(known, ..)| *known == field).unwrap();
    let mut rest = stored.clone();
    if let Some(kind) = place.strip_prefix("contacts.") {
        let contacts = rest["contacts"].as_array_mut().unwrap();
        let is_it = |contact: &Value| contact["type"] == kind;
        let value = contacts.iter().find(|contact| is_it(contact)).map(|contact| contact["value"].clone());
        let value = value.and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default();
        // The first of the type is the field, and a reset removes the others too.
        if value.is_empty() {
            contacts.retain(|contact| !is_it(contact));
        } else if let Some(first) = contacts.iter().position(is_it) {
            contacts.remove(first);
        }
        return (value, rest);
    }
    let value = rest.as_object_mut().unwrap().remove(place);
    let text = value.as_ref().and_then(Value::as_str).unwrap_or_default();
    (if field == "birthDate" { text.chars().take(10).collect() } else { text.to_owned() }, rest)
}

/// The person without all of these fields.
fn without(stored: &Value, fields: &[(&str, Option<String>)]) -> Value {
    let named = |stored: Value, field: &str| taken_out(&stored, field).1;
    let rest = fields.iter().fold(stored.clone(), |stored, (field, _)| named(stored, field));
    json!([rest["isVisitor"], rest["lead"], rest["groups"], rest["status"], rest["lastName"], rest])
}

fn check(before: &Value, after: &Value, changes: &[(&str, Option<String>)], outcome: &Outcome) {
    assert_eq!(without(before, changes), without(after, changes), "{changes:?} {outcome:?}");
    for (field, value) in changes {
        let [was, is] = [before, after].map(|stored| taken_out(stored, field).0);
        let wanted = value.clone().unwrap_or_default();
        match outcome.ending {
            Ending::Updated | Ending::Unchanged => assert_eq!(is, wanted, "{field} {outcome:?}"),
            Ending::Refused(_) | Ending::UnknownPerson => assert_eq!(is, was, "{field} {outcome:?}"),
            Ending::PartlyUpdated(_) | Ending::Deferred(_) => assert!(is == was || is == wanted, "{field}"),
        }
    }
}

#[tokio::test]
async fn nothing_that_was_not_named_ever_changes_and_what_is_updated_is_there() {
    let mut updated = 0;
    for seed in 1..=4 {
        let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ seed);
        let stage = Stage::new().await;
        for _ in 0..40 {
            let changes = random.changes();
            let who = PEOPLE[random.below(PEOPLE.len())];
            stage.faults(random.fault()).await;
            for _ in 0..=random.below(2) {
                let before = stage.stored(who).await;
                let fields: Vec<_> =
                    changes.iter().map(|(field, value)| (*field, value.as_deref())).collect();
                let outcome = stage.deliver(&[update(who, &fields)]).await.remove(0);
                check(&before, &stage.stored(who).await, &changes, &outcome);
                updated += usize::from(outcome.ending == Ending::Updated);
            }
        }
    }
    assert!(updated > 80, "{updated}");
}
