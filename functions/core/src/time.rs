//! Moments and dates. Core has no clock of its own: a moment comes from the `Clock` port, so deadlines can be tested.

use std::time::Duration;

use time::format_description::BorrowedFormatItem;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

const SECONDS: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]");

/// A moment, in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The moment this many milliseconds after 1970-01-01T00:00:00Z.
    pub const fn from_millis(millis: i64) -> Timestamp {
        Timestamp(millis)
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970-01-01T00:00:00Z, the unit of DynamoDB's time to live.
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// This much later.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Timestamp {
        Timestamp(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// How long from `earlier` until this moment; zero where that is not earlier.
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0).max(0).unsigned_abs())
    }

    /// `yyyy-MM-ddTHH:mm:ss` in UTC without a zone, as the documented import log shows a time.
    pub fn to_log_text(self) -> String {
        OffsetDateTime::from_unix_timestamp(self.seconds())
            .ok()
            .and_then(|moment| moment.format(SECONDS).ok())
            .unwrap_or_default()
    }

    /// `yyyy-MM-ddTHH:mm:ssZ` (RFC 3339), as the JSON report shows a time.
    pub fn to_rfc3339(self) -> String {
        self.to_log_text() + "Z"
    }

    /// Reads back what [`Timestamp::to_rfc3339`] wrote, and nothing else of RFC 3339.
    pub fn from_rfc3339(text: &str) -> Option<Timestamp> {
        let moment = PrimitiveDateTime::parse(text.strip_suffix('Z')?, SECONDS).ok()?;
        Some(Timestamp(moment.assume_utc().unix_timestamp() * 1000))
    }
}

/// Moments that people write and that commands take.
impl Timestamp {
    /// The moment that an RFC 3339 time names, of any zone; `None` where it is no such time. What is finer than a
    /// millisecond is cut off.
    pub fn parse_rfc3339(text: &str) -> Option<Timestamp> {
        let moment = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        i64::try_from(moment.unix_timestamp_nanos().div_euclid(1_000_000)).ok().map(Timestamp)
    }

    /// The beginning of the day `yyyy-MM-dd` in UTC; `None` where it is no such date.
    pub fn parse_date(text: &str) -> Option<Timestamp> {
        if is_date(text) { Timestamp::parse_rfc3339(&format!("{text}T00:00:00Z")) } else { None }
    }

    /// The beginning of its second.
    #[must_use]
    pub fn to_second(self) -> Timestamp {
        Timestamp(self.0 - self.0.rem_euclid(1000))
    }

    /// The beginning of its hour.
    #[must_use]
    pub fn to_hour(self) -> Timestamp {
        Timestamp(self.0 - self.0.rem_euclid(60 * 60 * 1000))
    }
}

/// Whether `text` is a `yyyy-MM-dd` of the (proleptic Gregorian) calendar, years 0000 to 9999. The digits are read here,
/// because a general parser takes ten times as long, and a batch may have a thousand dates.
pub fn is_date(text: &str) -> bool {
    let &[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = text.as_bytes() else { return false };
    if ![y1, y2, y3, y4, m1, m2, d1, d2].iter().all(u8::is_ascii_digit) {
        return false;
    }
    let number =
        |digits: &[u8]| digits.iter().fold(0_u16, |number, digit| number * 10 + u16::from(digit - b'0'));
    let (month, day) = (number(&[m1, m2]) as u8, number(&[d1, d2]) as u8);
    let Ok(month) = time::Month::try_from(month) else { return false };
    time::Date::from_calendar_date(i32::from(number(&[y1, y2, y3, y4])), month, day).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_shown_in_utc_to_the_second() {
        let moment = Timestamp::from_millis(1_700_757_179_999);
        assert_eq!(moment.to_log_text(), "2023-11-23T16:32:59");
        assert_eq!(moment.to_rfc3339(), "2023-11-23T16:32:59Z");
        let to_the_second = Timestamp::from_millis(1_700_757_179_000);
        assert_eq!(Timestamp::from_rfc3339(&moment.to_rfc3339()), Some(to_the_second));
        for text in ["", "Z", "2023-11-23T16:32:59", "2023-13-23T16:32:59Z", "2023-11-23T16:32:59.1Z"] {
            assert_eq!(Timestamp::from_rfc3339(text), None, "{text}");
        }
    }

    #[test]
    fn times_and_dates_are_read() {
        for (text, millis) in [
            ("2023-11-23T16:32:59Z", 1_700_757_179_000),
            ("2023-11-23T17:32:59.9876+01:00", 1_700_757_179_987),
            ("1969-12-31T23:59:59.999Z", -1),
        ] {
            assert_eq!(Timestamp::parse_rfc3339(text), Some(Timestamp::from_millis(millis)), "{text}");
        }
        assert_eq!(Timestamp::parse_date("2023-11-23"), Some(Timestamp::from_millis(1_700_697_600_000)));
        for text in ["", "2023-11-23T16:32:59", "2023-02-29T00:00:00Z", "tomorrow", "1700757179"] {
            assert_eq!((Timestamp::parse_rfc3339(text), Timestamp::parse_date(text)), (None, None), "{text}");
        }
    }

    #[test]
    fn seconds_and_hours_begin_before_what_is_in_them() {
        for (millis, second, hour) in
            [(0, 0, 0), (3_599_999, 3_599_000, 0), (3_600_000, 3_600_000, 3_600_000)]
        {
            let moment = Timestamp::from_millis(millis);
            assert_eq!((moment.to_second().millis(), moment.to_hour().millis()), (second, hour));
        }
        assert_eq!(Timestamp::from_millis(-1).to_hour().millis(), -3_600_000);
    }

    #[test]
    fn only_real_calendar_dates_are_dates() {
        for text in ["2024-02-29", "0001-01-01", "9999-12-31", "2023-11-01"] {
            assert!(is_date(text), "{text}");
        }
        for text in [
            "",
            "2023-02-29",
            "2023-13-01",
            "2023-00-10",
            "2023-1-01",
            "23-01-01",
            "2023-11-01T00:00",
            "+023-01-01",
            "２０23-01",
            "2023/11/01",
            " 2023-11-1",
        ] {
            assert!(!is_date(text), "{text}");
        }
    }
}
