//! The user columns of an installation: their SQL types, and the text that each takes. Aktion answers a wrong text only
//! after it has saved the rest, so it is found here.

use std::borrow::Cow;

use people_core::time::is_date;

use super::properties::is_longer;
use crate::targets::transform::Shape;

/// A column's SQL type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SqlType {
    Bit,
    Int,
    /// A day.
    Date,
    /// A day and a time, with the first and the last day that it can hold.
    Moment(&'static str, &'static str),
    /// With its length in UTF-16 code units; `None` is `max`.
    NVarChar(Option<usize>),
}

/// What `columns` in `targets.json` may say.
pub(super) const TYPES: &str =
    "bit, int, date, datetime, datetime2, smalldatetime, nvarchar(1) to nvarchar(4000), or nvarchar(max)";

impl SqlType {
    /// Reads a type as the installation's help page prints it, in any case.
    pub(super) fn parse(text: &str) -> Option<SqlType> {
        let text = text.to_ascii_lowercase();
        Some(match text.as_str() {
            "bit" => SqlType::Bit,
            "int" => SqlType::Int,
            "date" => SqlType::Date,
            "datetime" => SqlType::Moment("1753-01-01", "9999-12-31"),
            "datetime2" => SqlType::Moment("0001-01-01", "9999-12-31"),
            "smalldatetime" => SqlType::Moment("1900-01-01", "2079-06-06"),
            _ => match text.strip_prefix("nvarchar(")?.strip_suffix(')')? {
                "max" => SqlType::NVarChar(None),
                length => {
                    let length = length.parse().ok().filter(|length| (1..=4000).contains(length))?;
                    SqlType::NVarChar(Some(length))
                }
            },
        })
    }

    /// Whether a value of this shape could ever be written to the column.
    pub(super) fn fits(self, shape: Shape) -> bool {
        match (shape, self) {
            (Shape::Texts | Shape::People, _) => false,
            (Shape::Date, SqlType::NVarChar(length)) => length.is_none_or(|length| length >= 10),
            (Shape::Date, SqlType::Bit | SqlType::Int) => false,
            (Shape::Date | Shape::Text | Shape::Person, _) => true,
        }
    }

    /// The text that is sent to the column of this name; "" clears a column of any type. `Err` is a sentence without
    /// the value.
    pub(super) fn send<'a>(self, column: &str, text: Cow<'a, str>) -> Result<Cow<'a, str>, String> {
        if text.is_empty() {
            return Ok(text);
        }
        let fault = match self {
            SqlType::Bit if !matches!(&*text, "0" | "1") => Some("takes 0 or 1".to_owned()),
            SqlType::Int if text.parse::<i32>().is_err() => Some("takes a whole number".to_owned()),
            SqlType::Date => day(&text, "0001-01-01", "9999-12-31").err(),
            SqlType::Moment(first, last) => return moment(column, text, (first, last)),
            SqlType::NVarChar(Some(most)) if is_longer(&text, most) => {
                Some(format!("has at most {most} characters"))
            }
            SqlType::Bit | SqlType::Int | SqlType::NVarChar(_) => None,
        };
        fault.map_or(Ok(text), |fault| Err(format!("{column} {fault}")))
    }
}

/// Dates are compared as texts: all of them have ten characters.
fn day(text: &str, first: &str, last: &str) -> Result<(), String> {
    let fits = is_date(text) && (first..=last).contains(&text);
    fits.then_some(()).ok_or_else(|| format!("takes a date from {first} to {last}"))
}

/// A day gets midnight as its time; a text may have a time of its own, `YYYY-MM-DDThh:mm:ss`.
fn moment<'a>(column: &str, text: Cow<'a, str>, (first, last): (&str, &str)) -> Result<Cow<'a, str>, String> {
    let (date, time) = text.split_once('T').map_or((&*text, None), |(date, time)| (date, Some(time)));
    day(date, first, last).map_err(|fault| format!("{column} {fault}"))?;
    match time {
        None => Ok(Cow::Owned(format!("{date}T00:00:00"))),
        Some(time) if is_time(time) => Ok(text),
        Some(_) => Err(format!("{column} takes a time like 23:59:59, without a zone")),
    }
}

fn is_time(text: &str) -> bool {
    let digits = |place: usize, below: u8| {
        let pair = text.as_bytes().get(place..place + 2)?;
        pair.iter().all(u8::is_ascii_digit).then(|| (pair[0] - b'0') * 10 + (pair[1] - b'0') < below)
    };
    let colons = text.len() == 8 && text.as_bytes()[2] == b':' && text.as_bytes()[5] == b':';
    colons && [(0, 24), (3, 60), (6, 60)].into_iter().all(|(place, below)| digits(place, below) == Some(true))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(sql_type: &str, text: &str) -> Option<String> {
        SqlType::parse(sql_type).unwrap().send("a2s1", text.into()).ok().map(Cow::into_owned)
    }

    #[test]
    fn a_date_gets_midnight_only_where_the_column_has_a_time() {
        for with_time in ["datetime", "DateTime2", "smalldatetime"] {
            assert_eq!(sent(with_time, "2023-11-01").as_deref(), Some("2023-11-01T00:00:00"), "{with_time}");
        }
        for without in ["date", "nvarchar(10)", "nvarchar(max)"] {
            assert_eq!(sent(without, "2023-11-01").as_deref(), Some("2023-11-01"), "{without}");
        }
    }

    #[test]
    fn a_text_of_another_type_is_refused() {
        for (sql_type, text) in [
            ("bit", "2"),
            ("bit", "true"),
            ("int", "1.5"),
            ("int", "2147483648"),
            ("date", "2023-02-29"),
            ("date", "0000-01-01"),
            ("datetime", "1752-12-31"),
            ("smalldatetime", "1899-12-31"),
            ("datetime", "2023-11-01T24:00:00"),
            ("datetime", "2023-11-01T10:00:00Z"),
            ("nvarchar(3)", "1234"),
            ("nvarchar(3)", "\u{1f389}\u{1f389}"),
        ] {
            assert_eq!(sent(sql_type, text), None, "{sql_type} {text}");
        }
        for (sql_type, text) in [
            ("bit", "0"),
            ("bit", "1"),
            ("int", "-2147483648"),
            ("datetime", "1753-01-01T23:59:59"),
            ("nvarchar(4)", "\u{1f389}\u{1f389}"),
            ("int", ""),
            ("bit", ""),
        ] {
            assert_eq!(sent(sql_type, text).as_deref(), Some(text), "{sql_type} {text}");
        }
    }

    #[test]
    fn only_known_types_are_read() {
        for text in ["", "text", "nvarchar", "nvarchar(0)", "nvarchar(4001)", "nvarchar(-1)", "nvarchar( 5)"]
        {
            assert_eq!(SqlType::parse(text), None, "{text}");
        }
    }
}
