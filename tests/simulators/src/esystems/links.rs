//! Linking users to a department, one or a list, and unlinking.
//! A list may also unlink everybody whom it does not name, which is why nobody should ask for that.

use serde_json::Value;

use super::answers::{self, Failure};
use super::columns::{self, LINK};
use super::listing::{self, DEFAULT_PAGE_SIZE};
use super::path;
use super::rules::{self, Rules};
use super::store::{self, Store};
use crate::message::{Answer, Request};
use crate::switches::Switches;

/// Links a list of users to the department at `place`.
pub(super) fn patch(
    store: &mut Store,
    place: usize,
    request: &Request,
    switches: &Switches,
) -> Result<Answer, Failure> {
    let is_replacing = deletes_others(request)?;
    let body = body(request)?;
    let members = body.as_object().ok_or_else(|| Failure::mismatch("the body is no object"))?;
    let rules = Rules::parse(members.get("Extra"))?;
    let is_full = rules::flag(members, "IsFullValidation")?;
    let rows = match members.get("Users") {
        None | Some(Value::Null) => &[],
        Some(rows) => rows.as_array().map(Vec::as_slice).ok_or_else(|| Failure::mismatch("Users"))?,
    };
    let (mut found, mut failures, mut earlier) = (Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        let user = rules.check(row, &mut earlier, switches).and_then(|user| user.find(store, switches));
        match user {
            Ok(user) if found.contains(&user) => {}
            Ok(user) => found.push(user),
            Err(failure) => failures.push(failure),
        }
    }
    let failure = failures.into_iter().reduce(|first, next| if is_full { first.and(next) } else { first });
    match failure {
        Some(failure) if !switches.flag("partial_apply") => return Err(failure),
        Some(_) | None => link(store, place, &found, is_replacing),
    }
    failure.map_or_else(|| Ok(linked(store, found, switches)), Err)
}

/// Links one user to the department at `place`.
pub(super) fn post(
    store: &mut Store,
    place: usize,
    request: &Request,
    switches: &Switches,
) -> Result<Answer, Failure> {
    let user = rules::single(&body(request)?, switches)?.find(store, switches)?;
    link(store, place, &[user], false);
    Ok(single(store, user))
}

/// Unlinks one user from the department at `place`.
pub(super) fn delete(
    store: &mut Store,
    place: usize,
    sub: &str,
    request: &Request,
    switches: &Switches,
) -> Result<Answer, Failure> {
    let column = columns::find(LINK, &request.parameter("SubName").unwrap_or_default())?;
    let value = column.parse(&path::key(sub)?)?;
    let linked = store.users_of(&store.departments[place].users).into_iter();
    let with_value: Vec<_> =
        linked.filter(|user| column.compare(user, &value).is_eq()).map(store::id).collect();
    match with_value.as_slice() {
        [] => Err(Failure::unknown("unknown_user_status", &format!("UserId {value}"), switches)),
        [user] => {
            store.departments[place].users.retain(|linked| linked != user);
            Ok(single(store, *user))
        }
        _ => Err(Failure::ambiguous(&format!("UserId {value}"))),
    }
}

fn link(store: &mut Store, place: usize, found: &[i64], is_replacing: bool) {
    let Some(department) = store.departments.get_mut(place) else { return };
    if is_replacing {
        department.users.retain(|user| found.contains(user));
    }
    for user in found {
        if !department.users.contains(user) {
            department.users.push(*user);
        }
    }
}

/// The users of this call by their keys, whatever order they were sent in: none is promised.
fn linked(store: &Store, mut found: Vec<i64>, switches: &Switches) -> Answer {
    found.sort_unstable();
    let data: Vec<_> = store.users_of(&found).into_iter().map(listing::shown).collect();
    answers::list("User", data.len(), listing::shown_page(0, switches), DEFAULT_PAGE_SIZE, &data)
}

fn single(store: &Store, user: i64) -> Answer {
    answers::single(&store.user(user).map(listing::shown).unwrap_or_default())
}

/// The flag is a text, in any case.
fn deletes_others(request: &Request) -> Result<bool, Failure> {
    let text = request.parameter("DeleteNotExists").unwrap_or_default();
    match text.to_lowercase().as_str() {
        "" | "false" => Ok(false),
        "true" => Ok(true),
        _ => Err(Failure::unconvertible(&format!("DeleteNotExists: {text}"))),
    }
}

fn body(request: &Request) -> Result<Value, Failure> {
    if request.media_type() != "application/json" {
        return Err(Failure::mismatch("the body is no application/json"));
    }
    serde_json::from_slice(&request.body).map_err(|_| Failure::mismatch("the body is no JSON"))
}
