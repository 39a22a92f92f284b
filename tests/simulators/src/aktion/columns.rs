//! The user-defined columns of an installation and which texts their SQL types take.
//! They differ from place to place, so they are a switch and not part of the model.

use serde_json::{Value, json};

use super::answers::Outcome;
use crate::switches::Switches;

/// What the switch `columns` takes.
pub(super) const WANTED: &str =
    "a list of {\"name\",\"type\",\"read_only\"} with a type of bit, int, date, datetime or nvarchar(n)";

/// A column's SQL type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SqlType {
    Bit,
    Int,
    Date,
    DateTime,
    /// With its length in UTF-16 code units; `None` is `max`.
    NVarChar(Option<usize>),
}

/// The columns the sample configuration writes to.
pub(super) fn sample() -> Value {
    let column = |name| json!({"name": name, "type": "nvarchar(100)", "read_only": false});
    ["a2s1", "a2s2", "a2s3", "a2s4"].map(column).into_iter().collect()
}

/// Whether a value of the switch is a list of columns.
pub(super) fn are_columns(value: &Value) -> bool {
    let is_column = |column: &Value| {
        let Some(members) = column.as_object() else { return false };
        members.keys().all(|name| ["name", "type", "read_only"].contains(&name.as_str()))
            && members.get("name").is_some_and(Value::is_string)
            && sql_type(column).is_some()
            && members.get("read_only").is_none_or(Value::is_boolean)
    };
    value.as_array().is_some_and(|columns| columns.iter().all(is_column))
}

/// The names of all columns.
pub(super) fn names(switches: &Switches) -> impl Iterator<Item = &str> {
    let columns = switches.value("columns").as_array().into_iter().flatten();
    columns.filter_map(|column| column.get("name")?.as_str())
}

/// The column's proper name, if it can take the value. An empty value clears a column of any type.
pub(super) fn check<'a>(name: &str, value: &str, switches: &'a Switches) -> Result<&'a str, Outcome> {
    let fail = |issue: &str| Outcome::ColumnFailed(format!("{name}: {issue}"));
    let proper = |column: &'a Value| column.get("name")?.as_str();
    let mut columns = switches.value("columns").as_array().into_iter().flatten();
    let column = columns.find(|column| proper(column).is_some_and(|known| known.eq_ignore_ascii_case(name)));
    let (column, proper) =
        column.and_then(|column| Some((column, proper(column)?))).ok_or_else(|| fail("unknown column"))?;
    if column.get("read_only") == Some(&Value::Bool(true)) {
        return Err(fail("the column is read-only"));
    }
    let fits = value.is_empty() || sql_type(column).is_some_and(|sql_type| sql_type.takes(value));
    if fits { Ok(proper) } else { Err(fail("the value cannot be converted to the type of the column")) }
}

fn sql_type(column: &Value) -> Option<SqlType> {
    let text = column.get("type")?.as_str()?.to_ascii_lowercase();
    match text.as_str() {
        "bit" => Some(SqlType::Bit),
        "int" => Some(SqlType::Int),
        "date" => Some(SqlType::Date),
        "datetime" | "datetime2" => Some(SqlType::DateTime),
        _ => match text.strip_prefix("nvarchar(")?.strip_suffix(')')?.trim() {
            "max" => Some(SqlType::NVarChar(None)),
            length => length.parse().ok().map(|length| SqlType::NVarChar(Some(length))),
        },
    }
}

impl SqlType {
    fn takes(self, value: &str) -> bool {
        match self {
            SqlType::Bit => value == "0" || value == "1",
            SqlType::Int => value.parse::<i32>().is_ok(),
            SqlType::Date => is_date(value),
            SqlType::DateTime => match value.split_once('T') {
                Some((date, time)) => is_date(date) && is_time(time),
                None => is_date(value),
            },
            SqlType::NVarChar(length) => length.is_none_or(|length| value.encode_utf16().count() <= length),
        }
    }
}

/// `YYYY-MM-DD`, a day that exists.
fn is_date(text: &str) -> bool {
    let Some([year, month, day]) = numbers(text, '-', [4, 2, 2]) else { return false };
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u32::from(leap),
        _ => 31,
    };
    year >= 1 && (1..=12).contains(&month) && (1..=days).contains(&day)
}

/// `hh:mm:ss`, without a zone.
fn is_time(text: &str) -> bool {
    numbers(text, ':', [2, 2, 2])
        .is_some_and(|[hour, minute, second]| hour < 24 && minute < 60 && second < 60)
}

/// Three numbers with exactly so many digits each.
fn numbers(text: &str, between: char, widths: [usize; 3]) -> Option<[u32; 3]> {
    let parts: Vec<&str> = text.split(between).collect();
    let parts: [&str; 3] = parts.try_into().ok()?;
    let fits = |(part, width): (&str, usize)| part.len() == width && part.bytes().all(|b| b.is_ascii_digit());
    if !parts.into_iter().zip(widths).all(fits) {
        return None;
    }
    Some([parts[0].parse().ok()?, parts[1].parse().ok()?, parts[2].parse().ok()?])
}
