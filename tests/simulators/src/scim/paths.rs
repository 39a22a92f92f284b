//! Names of attributes as they are written in filters, in PATCH and in the query, resolved against the schema.
//! An attribute has many spellings: any case, with or without its schema's URN, and through its members.

use super::schema::{Attribute, CORE, Extras, Shape, USER, find, is_extension};

/// Where a path is read: in a user, or between the brackets of a value path.
#[derive(Debug, Clone, Copy)]
pub(super) enum Scope<'a> {
    User(&'a Extras),
    Inside(&'static Attribute),
}

/// One step down: the proper name of a member, and what it is.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) name: String,
    pub(super) attribute: &'static Attribute,
}

/// The steps to an attribute; `None` when there is no such one.
pub(super) fn steps(path: &str, scope: Scope<'_>) -> Option<Vec<Step>> {
    match scope {
        Scope::User(extras) if is_extension(path) => in_extension(path, extras),
        Scope::User(extras) => {
            let (first, rest) = head(path);
            let (name, attribute) = find(first, extras)?;
            below(Step { name: name.to_owned(), attribute }, rest)
        }
        Scope::Inside(attribute) => {
            let (first, rest) = head(path);
            below(member(attribute, first)?, rest)
        }
    }
}

fn in_extension(path: &str, extras: &Extras) -> Option<Vec<Step>> {
    if let Some(rest) = after(path, CORE) {
        return (!is_extension(rest)).then(|| steps(rest, Scope::User(extras)))?;
    }
    if let Some((name, attribute)) = find(path, extras) {
        return Some(vec![Step { name: name.to_owned(), attribute }]);
    }
    let known = USER.iter().map(|attribute| attribute.name).chain(extras.iter().map(String::as_str));
    let (urn, rest) =
        known.filter_map(|urn| Some((urn, after(path, urn)?))).max_by_key(|(urn, _)| urn.len())?;
    let (name, attribute) = find(urn, extras)?;
    below(Step { name: name.to_owned(), attribute }, Some(rest))
}

/// What follows a URN and a colon.
fn after<'a>(path: &'a str, urn: &str) -> Option<&'a str> {
    let begin = path.get(..urn.len())?;
    path.get(urn.len()..)?.strip_prefix(':').filter(|_| begin.eq_ignore_ascii_case(urn))
}

fn below(first: Step, mut rest: Option<&str>) -> Option<Vec<Step>> {
    let mut steps = vec![first];
    while let Some(path) = rest {
        let (name, further) = head(path);
        let step = member(steps.last()?.attribute, name)?;
        steps.push(step);
        rest = further;
    }
    Some(steps)
}

fn head(path: &str) -> (&str, Option<&str>) {
    path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)))
}

/// A member of an attribute as a step.
pub(super) fn member(attribute: &'static Attribute, name: &str) -> Option<Step> {
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '$');
    let member = attribute.member(name).filter(|_| begins)?;
    let is_any = matches!(member.shape, Shape::Any);
    Some(Step { name: if is_any { name } else { member.name }.to_owned(), attribute: member })
}
