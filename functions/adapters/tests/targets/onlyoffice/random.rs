//! Random sequences of updates, faults and repeats: what was not named never changes, and what is reported as updated is
//! there.

use people_core::log::{Ending, Outcome};
use serde_json::{Value, json};

use super::stage::{GUEST, JOE, SARAH, Stage, update};

const PEOPLE: [&str; 3] = [JOE, SARAH, GUEST];
/// Fields, and what they are stored as.
const FIELDS: [(&str, &str); 9] = [
    ("phone", "contacts.phone"),
    ("skype", "contacts.skype"),
    ("mail", "contacts.mail"),
    ("firstName", "firstName"),
    ("title", "title"),
    ("location", "location"),
    ("notes", "notes"),
    ("sex", "sex"),
    ("birthDate", "birthday"),
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
            let (field, _) = FIELDS[self.below(FIELDS.len())];
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

/// What a person has of a field, as a text, and the person without it. A contact is the first of its type; where it is to
/// be reset, it is all of them.
fn taken_out(stored: &Value, field: &str, is_reset: bool) -> (String, Value) {
    let (_, place) = FIELDS.into_iter().find(|(known, _)| *known == field).unwrap();
    let mut rest = stored.clone();
    if let Some(kind) = place.strip_prefix("contacts.") {
        let contacts = rest["contacts"].as_array_mut().unwrap();
        let is_it = |contact: &Value| contact["type"] == kind;
        let first = contacts.iter().position(is_it);
        let value = first.map(|first| contacts[first]["value"].as_str().unwrap().to_owned());
        if is_reset {
            contacts.retain(|contact| !is_it(contact));
        } else if let Some(first) = first {
            contacts.remove(first);
        }
        return (value.unwrap_or_default(), rest);
    }
    let value = rest.as_object_mut().unwrap().remove(place);
    let text = value.as_ref().and_then(Value::as_str).unwrap_or_default();
    (if field == "birthDate" { text.chars().take(10).collect() } else { text.to_owned() }, rest)
}

/// The person without all of these fields.
fn without(stored: &Value, changes: &[(&str, Option<String>)]) -> Value {
    let taken =
        |stored: Value, (field, value): &(&str, Option<String>)| taken_out(&stored, field, value.is_none()).1;
    changes.iter().fold(stored.clone(), taken)
}

fn check(before: &Value, after: &Value, changes: &[(&str, Option<String>)], outcome: &Outcome) {
    assert_eq!(without(before, changes), without(after, changes), "{changes:?} {outcome:?}");
    for (field, value) in changes {
        let [was, is] = [before, after].map(|stored| taken_out(stored, field, value.is_none()).0);
        let wanted = value.clone().unwrap_or_default();
        match outcome.ending {
            Ending::Updated | Ending::Unchanged => assert_eq!(is, wanted, "{field} {outcome:?}"),
            Ending::Refused(_) | Ending::UnknownPerson | Ending::Superseded | Ending::GivenUp(_) => {
                assert_eq!(is, was, "{field} {outcome:?}");
            }
            Ending::PartlyUpdated(_) | Ending::Deferred(_) => assert!(is == was || is == wanted, "{field}"),
            Ending::WouldUpdate(_) | Ending::WouldPartlyUpdate(..) => panic!("{outcome:?} was no dry run"),
        }
    }
}

/// Three people with something in everything that a careless write resets or wipes.
fn people() -> Value {
    let contacts = [
        ("mail", "a@x.org"),
        ("phone", "1"),
        ("GTalk", "g"),
        ("extmail", "e@x.org"),
        ("phone", "2"),
        ("phone", "skype"),
        ("own", "o"),
    ];
    let contacts: Value =
        contacts.iter().map(|(kind, value)| json!({"type": kind, "value": value})).collect();
    let person = |id: &&str| {
        json!({
            "id": id, "email": format!("{id}@x.org"), "firstName": "F", "lastName": "L", "title": "T",
            "location": "B", "notes": "N", "sex": "male", "lead": SARAH, "isVisitor": *id == GUEST,
            "workFrom": "2020-01-02T00:00:00.0000000Z", "cultureName": "cs-CZ", "contacts": contacts,
        })
    };
    PEOPLE.iter().map(person).collect()
}

/// Plays a sequence, and counts the updates that were saved.
async fn play(stage: &Stage, mut random: Random) -> usize {
    let mut updated = 0;
    stage.people(people()).await;
    for _ in 0..60 {
        let changes = random.changes();
        let who = PEOPLE[random.below(PEOPLE.len())];
        stage.faults(random.fault()).await;
        for _ in 0..=random.below(2) {
            let before = stage.stored(who).await;
            let fields: Vec<_> = changes.iter().map(|(field, value)| (*field, value.as_deref())).collect();
            let outcome = stage.deliver(&[update(who, &fields)]).await.remove(0);
            check(&before, &stage.stored(who).await, &changes, &outcome);
            updated += usize::from(outcome.ending == Ending::Updated);
        }
    }
    updated
}

#[tokio::test]
async fn nothing_that_was_not_named_ever_changes_and_what_is_updated_is_there() {
    let mut updated = [0; 2];
    for seed in 1..=3 {
        let seed = 0x9e37_79b9_7f4a_7c15 ^ seed;
        updated[0] += play(&Stage::new().await, Random(seed)).await;
        updated[1] += play(&Stage::docspace("docspace_old").await, Random(seed)).await;
    }
    assert!(updated[0] > 80 && updated[1] > 10, "{updated:?}");
}
