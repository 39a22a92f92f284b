//! Dates as people write them: `dd.MM.yyyy` and the like, from the one form in which the product keeps them.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error};

/// A way to write a date: `yyyy`, `yy`, `MM`, `M`, `dd` and `d` stand for its parts, whatever is no letter for itself.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct DateFormat(String);

/// What a format may say.
const RULE: &str = "a date format has yyyy, yy, MM, M, dd and d, and no other letters";

impl DateFormat {
    /// Reads a format; `None` where a letter in it stands for nothing, or no part of a date is in it.
    pub(super) fn parse(text: &str) -> Option<DateFormat> {
        let is_known = |run: &str| matches!(run, "yyyy" | "yy" | "MM" | "M" | "dd" | "d");
        let mut letters = 0;
        for run in runs(text).filter(|run| run.starts_with(char::is_alphabetic)) {
            letters += 1;
            if !is_known(run) {
                return None;
            }
        }
        (letters > 0).then(|| DateFormat(text.to_owned()))
    }

    /// A date that is given as `yyyy-MM-dd`; `None` where it is none.
    pub(super) fn write(&self, date: &str) -> Option<String> {
        let mut parts = date.splitn(3, '-');
        let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
        if !people_core::time::is_date(date) {
            return None;
        }
        let short = |text: &'_ str| text.trim_start_matches('0').to_owned();
        let written = runs(&self.0).map(|run| match run {
            "yyyy" => year.to_owned(),
            "yy" => year[year.len() - 2..].to_owned(),
            "MM" => month.to_owned(),
            "M" => short(month),
            "dd" => day.to_owned(),
            "d" => short(day),
            other => other.to_owned(),
        });
        Some(written.collect())
    }
}

/// The text in pieces of one repeated character each.
fn runs(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let end = rest.find(|c| c != first).unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        rest = after;
        Some(run)
    })
}

impl fmt::Debug for DateFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for DateFormat {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<DateFormat, D::Error> {
        let text = String::deserialize(deserializer)?;
        DateFormat::parse(&text).ok_or_else(|| D::Error::custom(RULE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_written_as_its_format_says() {
        for (format, written) in [
            ("dd.MM.yyyy", "03.11.2023"),
            ("d. M. yyyy", "3. 11. 2023"),
            ("M/d/yy", "11/3/23"),
            ("yyyyMMdd", "20231103"),
            ("yyyy", "2023"),
        ] {
            assert_eq!(
                DateFormat::parse(format).unwrap().write("2023-11-03").as_deref(),
                Some(written),
                "{format}"
            );
        }
        assert_eq!(DateFormat::parse("yyyy").unwrap().write("2023-02-29"), None);
    }

    #[test]
    fn a_letter_that_stands_for_nothing_is_no_format() {
        for format in ["", "-", "YYYY-MM-dd", "yyy", "dd.mm.yyyy", "MMM", "yyyy-MM-ddT", "ddd"] {
            assert_eq!(DateFormat::parse(format), None, "{format}");
        }
    }
}
