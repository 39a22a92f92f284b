//! `Extra`: the rules of an import for one field, and how a user is found by them.
//! Whatever they refuse is refused for that row alone, as the rest of the list may be right.

use std::cmp::Ordering;

use regex_lite::Regex;
use serde_json::{Map, Value};

use super::answers::Failure;
use super::columns::{Column, Type};
use super::listing;
use super::store::{self, Store};
use crate::switches::Switches;

/// The member of a row.
const FIELD: &str = "UserId";

/// The other fields of a link that a rule may name; a row has none of them, so nothing is checked.
const WITHOUT_VALUES: [&str; 3] = ["DepartmentId", "ModifiedBy", "CreatedBy"];

/// All rules for the user of a row.
#[derive(Debug, Default)]
pub(super) struct Rules(Vec<Rule>);

#[derive(Debug)]
struct Rule {
    column: Option<&'static Column>,
    is_required: bool,
    is_unique: bool,
    max: Option<String>,
    min: Option<String>,
    pattern: Option<Regex>,
    default: Option<String>,
}

/// What a row names, checked and not yet looked up.
#[derive(Debug)]
pub(super) struct Sought {
    column: &'static Column,
    value: Value,
}

impl Rules {
    /// Reads the rules; null is none.
    pub(super) fn parse(extra: Option<&Value>) -> Result<Self, Failure> {
        let Some(extra) = extra.filter(|extra| !extra.is_null()) else { return Ok(Rules::default()) };
        let rules = extra.as_array().ok_or_else(|| Failure::mismatch("Extra"))?;
        let parsed = rules.iter().map(parse_rule).collect::<Result<Vec<_>, _>>()?;
        Ok(Rules(parsed.into_iter().flatten().collect()))
    }

    /// What a row names. `earlier` has the values of the rows before it and gets this one's.
    pub(super) fn check(
        &self,
        row: &Value,
        earlier: &mut Vec<String>,
        switches: &Switches,
    ) -> Result<Sought, Failure> {
        let column = self.0.iter().find_map(|rule| rule.column);
        let column = column.map_or_else(|| listing::lookup_column(""), Ok)?;
        let mut text = text_of(row, switches)?;
        if text.is_empty() {
            let fits = |default: &&String| column.parse(default.as_str()).is_ok();
            let default = self.0.iter().filter_map(|rule| rule.default.as_ref()).find(fits);
            text = default.cloned().unwrap_or_default();
        }
        let is_again = earlier.contains(&text.to_lowercase());
        for rule in &self.0 {
            rule.check(&text, is_again)?;
        }
        if text.is_empty() {
            return Err(Failure::unconvertible("UserId is empty"));
        }
        earlier.push(text.to_lowercase());
        sought(column, &text, switches)
    }
}

/// What a single call names: a value, and the field that it is looked up in.
pub(super) fn single(body: &Value, switches: &Switches) -> Result<Sought, Failure> {
    let user = body.get(FIELD).and_then(Value::as_object).ok_or_else(|| Failure::mismatch(FIELD))?;
    let value = text(user, "Value")?.ok_or_else(|| Failure::unconvertible("Value is empty"))?;
    let column = listing::lookup_column(&text(user, "Field")?.unwrap_or_default())?;
    sought(column, &value, switches)
}

impl Sought {
    /// The key of the one user whom this is.
    pub(super) fn find(&self, store: &Store, switches: &Switches) -> Result<i64, Failure> {
        let what = || format!("UserId {}", self.value);
        match store.users_with(self.column, &self.value).as_slice() {
            [] => Err(Failure::unknown("unknown_user_status", &what(), switches)),
            [user] => Ok(store::id(user)),
            _ => Err(Failure::ambiguous(&what())),
        }
    }
}

fn sought(column: &'static Column, text: &str, switches: &Switches) -> Result<Sought, Failure> {
    let is_lenient = column.holds == Type::Number && !switches.flag("strict_user_id");
    let value = column.parse(if is_lenient { text.trim() } else { text })?;
    if column.holds == Type::Number
        && !is_lenient
        && value.as_i64().map(|id| id.to_string()).as_deref() != Some(text)
    {
        return Err(Failure::unconvertible(&format!("UserId: {text}")));
    }
    Ok(Sought { column, value })
}

fn text_of(row: &Value, switches: &Switches) -> Result<String, Failure> {
    let row = row.as_object().ok_or_else(|| Failure::mismatch("Users"))?;
    match row.get(FIELD) {
        Some(Value::Number(number)) if !switches.flag("strict_user_id") => Ok(number.to_string()),
        _ => text(row, FIELD).map(Option::unwrap_or_default),
    }
}

impl Rule {
    fn check(&self, text: &str, is_again: bool) -> Result<(), Failure> {
        let is_over = |limit: &Option<String>, wrong| {
            limit.as_ref().is_some_and(|limit| !text.is_empty() && compare(text, limit) == wrong)
        };
        let broken = [
            ("is required", self.is_required && text.is_empty()),
            ("is not unique", self.is_unique && is_again),
            ("is over its maximum", is_over(&self.max, Ordering::Greater)),
            ("is under its minimum", is_over(&self.min, Ordering::Less)),
            (
                "does not fit its pattern",
                self.pattern.as_ref().is_some_and(|pattern| !pattern.is_match(text)),
            ),
        ];
        let broken = broken.into_iter().find(|(_, is_broken)| *is_broken);
        broken.map_or(Ok(()), |(why, _)| Err(Failure::unconvertible(&format!("UserId {text} {why}"))))
    }
}

/// Numbers by their value, everything else as text without case.
fn compare(text: &str, limit: &str) -> Ordering {
    match (text.trim().parse::<f64>(), limit.trim().parse::<f64>()) {
        (Ok(text), Ok(limit)) => text.total_cmp(&limit),
        _ => text.to_lowercase().cmp(&limit.to_lowercase()),
    }
}

/// A rule for the user; `None` for one about a field that a row does not have.
fn parse_rule(rule: &Value) -> Result<Option<Rule>, Failure> {
    let rule = rule.as_object().ok_or_else(|| Failure::mismatch("Extra"))?;
    let name = text(rule, "Name")?.ok_or_else(|| Failure::mismatch("Name is required"))?;
    let column = text(rule, "FieldName")?.map(|name| listing::lookup_column(&name)).transpose();
    let pattern = text(rule, "Pattern")?.map(|pattern| Regex::new(&pattern)).transpose();
    if WITHOUT_VALUES.contains(&name.as_str()) {
        return Ok(None);
    }
    if name != FIELD {
        return Err(Failure::mismatch(&format!("there is no field {name}")));
    }
    Ok(Some(Rule {
        column: column?,
        is_required: flag(rule, "Required")?,
        is_unique: flag(rule, "Unique")?,
        max: text(rule, "Max")?,
        min: text(rule, "Min")?,
        pattern: pattern.map_err(|_| Failure::unconvertible("Pattern"))?,
        default: text(rule, "DefaultValue")?,
    }))
}

/// A text; `None` when it is missing, null or empty.
fn text(members: &Map<String, Value>, name: &str) -> Result<Option<String>, Failure> {
    match members.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
        Some(_) => Err(Failure::mismatch(&format!("{name} is a text"))),
    }
}

/// A flag, off when it is missing or null.
pub(super) fn flag(members: &Map<String, Value>, name: &str) -> Result<bool, Failure> {
    match members.get(name) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => Err(Failure::mismatch(&format!("{name} is true or false"))),
    }
}
