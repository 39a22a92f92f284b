//! `PUT people/{id}`: the profile, and everything that is reset because it was not sent.
//! Workspace and DocSpace share the path and nothing else, so each has its own half here.

use serde_json::{Value, json};

use super::answers::Failure;
use super::binder::Bound;
use super::contacts::{Contacts, check_column};
use super::dates;
use super::person::{ACTIVE, Person, TERMINATED};
use crate::calls::now_ms;
use crate::switches::Switches;

/// Who asks for a change.
#[derive(Debug, Clone, Copy)]
pub(super) struct Caller {
    pub(super) is_self: bool,
    pub(super) is_admin: bool,
}

/// A date that stands for none: 1900-01-01.
const RESET_DATE_MS: i64 = -2_208_988_800_000;

/// The columns of texts and their lengths.
const COLUMNS: [(&str, usize); 5] =
    [("firstName", 64), ("lastName", 64), ("title", 64), ("location", 255), ("notes", 512)];

/// Changes a person as Workspace does. On a failure the person may be half changed, so it is to be thrown away.
pub(super) fn workspace(
    person: &mut Person,
    bound: &Bound,
    caller: Caller,
    switches: &Switches,
) -> Result<Contacts, Failure> {
    if !person.is("isLDAP") && !person.is("isSSO") && !person.is_listed(switches, "sso") {
        for (parameter, member) in
            [("firstname", "firstName"), ("lastname", "lastName"), ("location", "location")]
        {
            set_text(person, bound, parameter, member);
        }
        if caller.is_admin {
            set_text(person, bound, "title", "title");
        }
    }
    check_names(person)?;
    set_text(person, bound, "comment", "notes");
    if let Some(sex @ ("male" | "female")) = bound.text("sex").map(|sex| sex.to_lowercase()).as_deref() {
        person.set("sex", json!(sex));
    }
    set_date(person, bound, "birthday", "birthday")?;
    set_date(person, bound, "worksfrom", "workFrom")?;
    if let Some(groups) = bound.guids("department") {
        person.groups = groups;
    }
    if caller.is_admin {
        person
            .set("lead", bound.text("lead").filter(|lead| !lead.is_empty()).map_or(Value::Null, Value::from));
    }
    set_disabled(person, bound)?;
    set_visitor(person, bound.flag("isVisitor")?.unwrap_or(false), caller);
    check_columns(person)?;
    store_contacts(person, Contacts::of(bound.contacts()?), switches)
}

/// Changes a person as DocSpace does: names, comment and contacts are everybody's own affair.
pub(super) fn docspace(
    person: &mut Person,
    bound: &Bound,
    caller: Caller,
    switches: &Switches,
) -> Result<Contacts, Failure> {
    let mut contacts = None;
    if caller.is_self {
        for (parameter, member) in
            [("firstname", "firstName"), ("lastname", "lastName"), ("comment", "notes")]
        {
            set_text(person, bound, parameter, member);
        }
        check_names(person)?;
        check_columns(person)?;
        contacts = bound.docspace_contacts()?;
    }
    set_disabled(person, bound)?;
    if let Some(is_user) = bound.flag("isUser")? {
        set_visitor(person, is_user, caller);
    }
    match contacts {
        Some(items) => store_contacts(person, Contacts::of(items), switches),
        None => Ok(person.contacts.clone()),
    }
}

/// Stores contacts; gives them as they were before the storage had its way with them.
pub(super) fn store_contacts(
    person: &mut Person,
    contacts: Contacts,
    switches: &Switches,
) -> Result<Contacts, Failure> {
    person.contacts = contacts.stored(switches.flag("pipe_storage"))?;
    person.changed = now_ms();
    Ok(contacts)
}

fn set_text(person: &mut Person, bound: &Bound, parameter: &str, member: &str) {
    if let Some(text) = bound.text(parameter) {
        person.set(member, json!(text));
    }
}

fn check_names(person: &Person) -> Result<(), Failure> {
    let are_valid = ["firstName", "lastName"].iter().all(|name| !person.text(name).trim().is_empty());
    if are_valid { Ok(()) } else { Err(Failure::Internal("Incorrect user name.")) }
}

fn check_columns(person: &Person) -> Result<(), Failure> {
    COLUMNS.iter().try_for_each(|(name, length)| check_column(person.text(name), *length))
}

fn set_date(person: &mut Person, bound: &Bound, parameter: &str, member: &str) -> Result<(), Failure> {
    let Some(text) = bound.text(parameter).filter(|text| !text.is_empty()) else { return Ok(()) };
    let date = dates::parse(&text).ok_or(Failure::InvalidArgument("The text is no date."))?;
    let stored = if date == RESET_DATE_MS { Value::Null } else { json!(dates::format(date)) };
    person.set(member, stored);
    Ok(())
}

fn set_disabled(person: &mut Person, bound: &Bound) -> Result<(), Failure> {
    let Some(disable) = bound.flag("disable")? else { return Ok(()) };
    if disable && person.is("isOwner") {
        return Err(Failure::InvalidOperation("The owner cannot be disabled."));
    }
    let (status, terminated) =
        if disable { (TERMINATED, json!(dates::format(now_ms()))) } else { (ACTIVE, Value::Null) };
    person.set("status", json!(status));
    person.set("terminated", terminated);
    Ok(())
}

/// Whoever is more than a plain user stays one, and nobody becomes or ceases to be a guest by themselves.
fn set_visitor(person: &mut Person, is_visitor: bool, caller: Caller) {
    let may_become_guest = !person.is("isOwner") && !person.is("isAdmin");
    if !caller.is_self && (!is_visitor || may_become_guest) {
        person.set("isVisitor", json!(is_visitor));
    }
}
