//! The items of the directory: a person under each identifier, and for each target's own key the way to the person.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use people_core::person::{Identifier, NativeKey, Person, TargetName};
use people_core::time::Timestamp;

use super::item::{Broken, EXPIRES, Item, item, n, number, s, text};

/// What leads to a person: an identifier, or a target's key.
pub(super) const KEY: [&str; 1] = [ENTRY];
pub(super) const ENTRY: &str = "entry";
const EMPLOYEE_ID: &str = "employeeId";
const UPN: &str = "upn";
/// What each target calls the person.
pub(super) const KEYS: &str = "keys";
/// In the item of a target's key: the entry that has the person.
const LEADS_TO: &str = "leadsTo";
/// When the entry was last confirmed, in seconds since 1970.
const CONFIRMED: &str = "confirmed";
/// The most bytes of a partition key. What is longer is not kept, so it leads to nobody.
const MAX_ENTRY: usize = 2048;

/// A person as an entry has them, and when that was last confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stored<T> {
    pub(super) value: T,
    pub(super) confirmed: i64,
}

/// The entry of an identifier.
pub(super) fn of_identifier(identifier: &Identifier) -> Option<String> {
    let entry = match identifier {
        Identifier::EmployeeId(id) => format!("E#{id}"),
        Identifier::Upn(upn) => format!("U#{upn}"),
    };
    (entry.len() <= MAX_ENTRY).then_some(entry)
}

/// The entry of what a target calls a person.
pub(super) fn of_key(target: &TargetName, key: &NativeKey) -> Option<String> {
    let entry = format!("T#{target}#{}", key.0);
    (entry.len() <= MAX_ENTRY).then_some(entry)
}

/// The identifier that an entry is of.
pub(super) fn identifier(entry: &str) -> Option<Identifier> {
    match entry.split_once('#')? {
        ("E", id) => Some(Identifier::EmployeeId(id.to_owned())),
        ("U", upn) => Some(Identifier::Upn(upn.to_owned())),
        _ => None,
    }
}

/// The item that has a person.
pub(super) fn write_person(entry: &str, person: &Person, confirmed: i64, expires: i64) -> Item {
    let keys = person.keys.iter().map(|(target, key)| (target.to_string(), s(key.0.as_str()))).collect();
    let mut item = item([
        (ENTRY, s(entry)),
        (KEYS, AttributeValue::M(keys)),
        (CONFIRMED, n(confirmed)),
        (EXPIRES, n(expires)),
    ]);
    let identifiers = [(EMPLOYEE_ID, &person.employee_id), (UPN, &person.upn)];
    for (name, identifier) in identifiers {
        item.extend(identifier.as_ref().map(|text| (name.to_owned(), s(text.as_str()))));
    }
    item
}

/// The item that leads from a target's key to a person's entry.
pub(super) fn write_pointer(entry: &str, leads_to: &str, confirmed: i64, expires: i64) -> Item {
    item([(ENTRY, s(entry)), (LEADS_TO, s(leads_to)), (CONFIRMED, n(confirmed)), (EXPIRES, n(expires))])
}

/// The person of an item.
pub(super) fn read_person(item: &Item) -> Result<Stored<Person>, Broken> {
    let identifier = |name: &'static str| match item.get(name) {
        None => Ok(None),
        Some(_) => text(item, name).map(|text| Some(text.to_owned())),
    };
    let keys = item.get(KEYS).and_then(|keys| keys.as_m().ok()).ok_or(Broken(KEYS))?;
    let key = |(target, key): (&String, &AttributeValue)| {
        let key = key.as_s().map_err(|_| Broken(KEYS))?;
        Ok((TargetName::from(target.as_str()), NativeKey(key.clone())))
    };
    let keys = keys.iter().map(key).collect::<Result<BTreeMap<_, _>, Broken>>()?;
    let person = Person { employee_id: identifier(EMPLOYEE_ID)?, upn: identifier(UPN)?, keys };
    Ok(Stored { value: person, confirmed: number(item, CONFIRMED)? })
}

/// The entry that a target's key leads to.
pub(super) fn read_pointer(item: &Item) -> Result<Stored<String>, Broken> {
    Ok(Stored { value: text(item, LEADS_TO)?.to_owned(), confirmed: number(item, CONFIRMED)? })
}

/// When an entry that is confirmed now is to expire.
pub(super) fn expires(now: Timestamp) -> i64 {
    now.plus(super::directory::KEPT).seconds()
}
