//! Taking over what a target says about people. The entries that may be concerned are read first, then all sightings are
//! worked in here, in order and in memory, and what differs is written in the end: a thousand sightings are a few dozen
//! requests.

use std::collections::{HashMap, HashSet};

use aws_sdk_dynamodb::types::WriteRequest;
use people_core::directory::{Merged, merge};
use people_core::person::{Identifier, NativeKey, Person, TargetName};
use people_core::ports::Sighting;
use people_core::time::Timestamp;

use super::batch::{delete, put};
use super::directory_item::{
    ENTRY, Stored, expires, identifier, of_identifier, of_key, read_person, read_pointer, write_person,
    write_pointer,
};
use super::item::{Broken, Item, is_expired, item, s};

/// An entry that is unchanged is written again when its last confirmation is this old, in seconds.
const CONFIRM_AGAIN: i64 = 24 * 60 * 60;

/// What is known of the people whom one target has sighted.
pub(super) struct Learning<'a> {
    target: &'a TargetName,
    now: Timestamp,
    /// Every entry that was asked for, there or not.
    asked: HashSet<String>,
    people: HashMap<Identifier, Person>,
    /// As read.
    stored: HashMap<Identifier, Stored<Person>>,
    pointers: HashMap<String, Stored<String>>,
    /// Where each of the target's keys leads, as read and as learnt.
    by_key: HashMap<NativeKey, Identifier>,
    removed: HashSet<Identifier>,
    /// The people who lost a key to somebody else.
    robbed: Vec<Person>,
}

impl<'a> Learning<'a> {
    /// Nothing is known yet.
    pub(super) fn new(target: &'a TargetName, now: Timestamp) -> Learning<'a> {
        Learning {
            target,
            now,
            asked: HashSet::new(),
            people: HashMap::new(),
            stored: HashMap::new(),
            pointers: HashMap::new(),
            by_key: HashMap::new(),
            removed: HashSet::new(),
            robbed: Vec::new(),
        }
    }

    /// The entries that are to be read first.
    pub(super) fn first(&mut self, seen: &[Sighting]) -> Vec<String> {
        let wanted = seen.iter().flat_map(|sighting| {
            let identifiers = sighting.identifiers().filter_map(|identifier| of_identifier(&identifier));
            identifiers.chain(of_key(self.target, &sighting.key)).collect::<Vec<_>>()
        });
        let wanted: Vec<_> = wanted.collect();
        wanted.into_iter().filter(|entry| self.asked.insert(entry.clone())).collect()
    }

    /// Takes over entries as read, and says which others are to be read now: those that they lead to, and the other
    /// identifiers of the people in them.
    pub(super) fn take(&mut self, items: HashMap<String, Item>) -> Result<Vec<String>, Broken> {
        let mut wanted = Vec::new();
        for (entry, item) in items.into_iter().filter(|(_, item)| !is_expired(item, self.now)) {
            match identifier(&entry) {
                Some(identifier) => {
                    let stored = read_person(&item)?;
                    wanted.extend(stored.value.identifiers().filter_map(|other| of_identifier(&other)));
                    self.people.insert(identifier.clone(), stored.value.clone());
                    self.stored.insert(identifier, stored);
                }
                None => {
                    let pointer = read_pointer(&item)?;
                    wanted.push(pointer.value.clone());
                    self.pointers.insert(entry, pointer);
                }
            }
        }
        Ok(wanted.into_iter().filter(|entry| self.asked.insert(entry.clone())).collect())
    }

    /// Works in the sightings, now that everything is read: each person as known after their sighting.
    pub(super) fn learn(&mut self, seen: &[Sighting]) -> Vec<Person> {
        for sighting in seen {
            let pointer = of_key(self.target, &sighting.key).and_then(|entry| self.pointers.get(&entry));
            if let Some(identifier) = pointer.and_then(|pointer| identifier(&pointer.value)) {
                self.by_key.insert(sighting.key.clone(), identifier);
            }
        }
        seen.iter().map(|sighting| self.learn_one(sighting)).collect()
    }

    fn learn_one(&mut self, seen: &Sighting) -> Person {
        let by_key = self.by_key.get(&seen.key).and_then(|identifier| self.people.get(identifier));
        let by_key = by_key.filter(|person| person.keys.get(self.target) == Some(&seen.key));
        let by_key = by_key.cloned();
        let known = |identifier: &Identifier| self.people.get(identifier);
        let Merged { person, stale, robbed } = merge(known, by_key.as_ref(), self.target, seen);
        for identifier in stale {
            self.people.remove(&identifier);
            self.removed.insert(identifier);
        }
        if let Some(robbed) = robbed {
            for identifier in robbed.identifiers() {
                if self.people.get(&identifier) == by_key.as_ref() {
                    self.people.insert(identifier, robbed.clone());
                }
            }
            self.robbed.push(robbed);
        }
        if let Some(home) = person.identifiers().next() {
            self.by_key.insert(seen.key.clone(), home);
        }
        for identifier in person.identifiers() {
            self.people.insert(identifier, person.clone());
        }
        person
    }

    /// What has to be written so that the entries say what was learnt: nothing where they say it already and were
    /// confirmed less than a day ago. No key is there twice.
    pub(super) fn writes(&self, learnt: &[Person]) -> Vec<WriteRequest> {
        let mut items: HashMap<String, Item> = HashMap::new();
        for identifier in learnt.iter().chain(&self.robbed).flat_map(Person::identifiers) {
            let Some(person) = self.people.get(&identifier) else { continue };
            if !self.is_written(person) {
                self.write(person, &mut items);
            }
        }
        let gone = self.removed.iter().filter(|identifier| !self.people.contains_key(identifier));
        let gone = gone.filter_map(of_identifier).filter_map(|entry| delete(item([(ENTRY, s(entry))])));
        let gone: Vec<_> = gone.collect();
        items.into_values().filter_map(put).chain(gone).collect()
    }

    fn is_written(&self, person: &Person) -> bool {
        let fresh = |confirmed: i64| self.now.seconds() - confirmed < CONFIRM_AGAIN;
        let identifiers = person.identifiers().all(|identifier| {
            of_identifier(&identifier).is_none()
                || self.people.get(&identifier) != Some(person)
                || self
                    .stored
                    .get(&identifier)
                    .is_some_and(|stored| stored.value == *person && fresh(stored.confirmed))
        });
        let pointer = person.keys.get(self.target).and_then(|key| of_key(self.target, key));
        let pointer = pointer.is_none_or(|entry| {
            let pointer = self.pointers.get(&entry);
            pointer.is_some_and(|pointer| {
                Some(&pointer.value) == home(person).as_ref() && fresh(pointer.confirmed)
            })
        });
        identifiers && pointer
    }

    /// A person under each identifier that is theirs, and the way there from each target's key.
    fn write(&self, person: &Person, items: &mut HashMap<String, Item>) {
        let (confirmed, expires) = (self.now.seconds(), expires(self.now));
        let theirs = person.identifiers().filter(|identifier| self.people.get(identifier) == Some(person));
        for entry in theirs.filter_map(|identifier| of_identifier(&identifier)) {
            items.insert(entry.clone(), write_person(&entry, person, confirmed, expires));
        }
        let Some(home) = home(person) else { return };
        for entry in person.keys.iter().filter_map(|(target, key)| of_key(target, key)) {
            items.insert(entry.clone(), write_pointer(&entry, &home, confirmed, expires));
        }
    }
}

/// The entry that the targets' keys lead to: the employeeId's, else the UPN's.
fn home(person: &Person) -> Option<String> {
    person.identifiers().find_map(|identifier| of_identifier(&identifier))
}
