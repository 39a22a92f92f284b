//! Time zones for people to read times in. Each is a rule of today, so that no data base of zones is needed: logs are kept
//! for months, and rules change once in decades.

use time::{Date, Month, OffsetDateTime, Weekday};

use crate::time::Timestamp;

const MINUTE: i64 = 60 * 1000;
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Zone {
    /// Its name, for cookies and forms: one of the IANA's, unique here.
    pub id: &'static str,
    /// The places that people know it by.
    pub places: &'static str,
    /// Minutes ahead of UTC in winter.
    offset: i16,
    summer: Summer,
}

/// When the clocks are an hour ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Summer {
    Never,
    Europe,
    NorthAmerica,
    Australia,
    NewZealand,
}

/// UTC, for whoever has chosen nothing.
pub const UTC: Zone = ZONES[0];

/// Every zone, the first one for whoever has chosen none.
pub const ZONES: [Zone; 30] = [
    zone("UTC", "UTC", 0, Summer::Never),
    zone("Pacific/Honolulu", "Honolulu", -600, Summer::Never),
    zone("America/Anchorage", "Anchorage", -540, Summer::NorthAmerica),
    zone("America/Los_Angeles", "Los Angeles, Vancouver", -480, Summer::NorthAmerica),
    zone("America/Denver", "Denver, Calgary", -420, Summer::NorthAmerica),
    zone("America/Phoenix", "Phoenix", -420, Summer::Never),
    zone("America/Chicago", "Chicago, Winnipeg", -360, Summer::NorthAmerica),
    zone("America/Mexico_City", "Mexico City", -360, Summer::Never),
    zone("America/New_York", "New York, Toronto", -300, Summer::NorthAmerica),
    zone("America/Bogota", "Bogotá, Lima", -300, Summer::Never),
    zone("America/Halifax", "Halifax", -240, Summer::NorthAmerica),
    zone("America/Sao_Paulo", "São Paulo, Buenos Aires", -180, Summer::Never),
    zone("Europe/London", "London, Dublin, Lisbon", 0, Summer::Europe),
    zone("Africa/Lagos", "Lagos, Algiers", 60, Summer::Never),
    zone("Europe/Berlin", "Berlin, Paris, Prague, Rome", 60, Summer::Europe),
    zone("Europe/Athens", "Athens, Helsinki, Kyiv", 120, Summer::Europe),
    zone("Africa/Johannesburg", "Johannesburg", 120, Summer::Never),
    zone("Europe/Istanbul", "Istanbul, Nairobi, Riyadh", 180, Summer::Never),
    zone("Asia/Dubai", "Dubai", 240, Summer::Never),
    zone("Asia/Karachi", "Karachi", 300, Summer::Never),
    zone("Asia/Kolkata", "Delhi, Mumbai", 330, Summer::Never),
    zone("Asia/Dhaka", "Dhaka", 360, Summer::Never),
    zone("Asia/Bangkok", "Bangkok, Jakarta", 420, Summer::Never),
    zone("Asia/Singapore", "Singapore, Hong Kong, Perth", 480, Summer::Never),
    zone("Asia/Tokyo", "Tokyo, Seoul", 540, Summer::Never),
    zone("Australia/Darwin", "Darwin", 570, Summer::Never),
    zone("Australia/Adelaide", "Adelaide", 570, Summer::Australia),
    zone("Australia/Brisbane", "Brisbane", 600, Summer::Never),
    zone("Australia/Sydney", "Sydney, Melbourne", 600, Summer::Australia),
    zone("Pacific/Auckland", "Auckland", 720, Summer::NewZealand),
];

const fn zone(id: &'static str, places: &'static str, offset: i16, summer: Summer) -> Zone {
    Zone { id, places, offset, summer }
}

impl Zone {
    /// The zone of this name.
    pub fn find(id: &str) -> Option<Zone> {
        ZONES.into_iter().find(|zone| zone.id == id)
    }

    /// A moment as the clocks there show it: `23 Nov 2023, 17:32:59`.
    pub fn show(&self, moment: Timestamp) -> String {
        let local = Timestamp::from_millis(moment.millis() + self.minutes(moment) * MINUTE).to_log_text();
        let (date, time) = local.split_once('T').unwrap_or_default();
        let mut pieces = date.split('-');
        let (year, month, day) = (pieces.next(), pieces.next(), pieces.next());
        let month = month.and_then(|month| MONTHS.get(month.parse::<usize>().ok()?.checked_sub(1)?));
        let day = day.unwrap_or_default().trim_start_matches('0');
        format!("{day} {} {}, {time}", month.unwrap_or(&""), year.unwrap_or_default())
    }

    /// The hour and minute that the clocks there show: `17:32`.
    pub fn clock(&self, moment: Timestamp) -> String {
        let local = Timestamp::from_millis(moment.millis() + self.minutes(moment) * MINUTE).to_log_text();
        local.get(11..16).unwrap_or_default().to_owned()
    }

    /// How far its clocks are ahead at a moment: `UTC`, `UTC+1` or `UTC−9:30`.
    pub fn ahead(&self, moment: Timestamp) -> String {
        let minutes = self.minutes(moment);
        let sign = if minutes < 0 { '−' } else { '+' };
        match (minutes.abs() / 60, minutes.abs() % 60) {
            (0, 0) => "UTC".to_owned(),
            (hours, 0) => format!("UTC{sign}{hours}"),
            (hours, minutes) => format!("UTC{sign}{hours}:{minutes:02}"),
        }
    }

    /// Minutes ahead of UTC at a moment.
    fn minutes(&self, moment: Timestamp) -> i64 {
        let winter = i64::from(self.offset);
        let standard = moment.seconds() + winter * 60;
        let is_summer = match self.summer {
            Summer::Never => false,
            Summer::Europe => {
                // Everywhere at the same moment, 01:00 UTC.
                is_between(moment.seconds(), (Month::March, LAST, 1), (Month::October, LAST, 1))
            }
            Summer::NorthAmerica => is_between(standard, (Month::March, 2, 2), (Month::November, 1, 1)),
            Summer::Australia => !is_between(standard, (Month::April, 1, 2), (Month::October, 1, 2)),
            Summer::NewZealand => !is_between(standard, (Month::April, 1, 2), (Month::September, LAST, 2)),
        };
        winter + if is_summer { 60 } else { 0 }
    }
}

/// A Sunday of a month, the first, second or last one, and an hour of it.
type Sunday = (Month, u8, u8);
const LAST: u8 = 5;

/// Whether a moment, in seconds by the clock that the Sundays are told by, is between two Sundays of its year.
fn is_between(seconds: i64, from: Sunday, until: Sunday) -> bool {
    let Ok(moment) = OffsetDateTime::from_unix_timestamp(seconds) else { return false };
    let [from, until] = [from, until].map(|sunday| begin(moment.year(), sunday));
    from.zip(until).is_some_and(|(from, until)| from <= seconds && seconds < until)
}

fn begin(year: i32, (month, which, hour): Sunday) -> Option<i64> {
    let date = if which == LAST {
        let last = Date::from_calendar_date(year, month, month.length(year)).ok()?;
        last.checked_sub(time::Duration::days(i64::from(last.weekday().number_days_from_sunday())))?
    } else {
        let first = Date::from_calendar_date(year, month, 1).ok()?;
        let ahead = (7 - first.weekday().number_days_from_sunday()) % 7 + 7 * (which - 1);
        first.checked_add(time::Duration::days(i64::from(ahead)))?
    };
    debug_assert_eq!(date.weekday(), Weekday::Sunday);
    Some(date.midnight().assume_utc().unix_timestamp() + i64::from(hour) * 3600)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(id: &str, moment: &str) -> String {
        let moment = Timestamp::parse_rfc3339(moment).unwrap();
        let zone = Zone::find(id).unwrap();
        format!("{} {}", zone.show(moment), zone.ahead(moment))
    }

    #[test]
    fn a_moment_is_shown_as_the_clocks_show_it() {
        for (id, moment, local) in [
            ("UTC", "2023-11-23T16:32:59Z", "23 Nov 2023, 16:32:59 UTC"),
            ("Europe/Berlin", "2023-12-31T23:00:00Z", "1 Jan 2024, 00:00:00 UTC+1"),
            ("Asia/Kolkata", "2024-02-28T18:30:00Z", "29 Feb 2024, 00:00:00 UTC+5:30"),
            ("Pacific/Honolulu", "2024-01-01T09:59:59Z", "31 Dec 2023, 23:59:59 UTC−10"),
        ] {
            assert_eq!(shown(id, moment), local);
            let clock = Zone::find(id).unwrap().clock(Timestamp::parse_rfc3339(moment).unwrap());
            assert!(local.contains(&format!(", {clock}:")), "{clock}");
        }
    }

    #[test]
    fn clocks_change_when_they_do() {
        for (id, moment, local) in [
            ("Europe/Berlin", "2026-03-29T00:59:59Z", "29 Mar 2026, 01:59:59 UTC+1"),
            ("Europe/Berlin", "2026-03-29T01:00:00Z", "29 Mar 2026, 03:00:00 UTC+2"),
            ("Europe/Berlin", "2026-10-25T00:59:59Z", "25 Oct 2026, 02:59:59 UTC+2"),
            ("Europe/Berlin", "2026-10-25T01:00:00Z", "25 Oct 2026, 02:00:00 UTC+1"),
            ("Europe/London", "2026-07-01T12:00:00Z", "1 Jul 2026, 13:00:00 UTC+1"),
            ("America/New_York", "2026-03-08T06:59:59Z", "8 Mar 2026, 01:59:59 UTC−5"),
            ("America/New_York", "2026-03-08T07:00:00Z", "8 Mar 2026, 03:00:00 UTC−4"),
            ("America/New_York", "2026-11-01T05:59:59Z", "1 Nov 2026, 01:59:59 UTC−4"),
            ("America/New_York", "2026-11-01T06:00:00Z", "1 Nov 2026, 01:00:00 UTC−5"),
            ("Australia/Sydney", "2026-04-04T15:59:59Z", "5 Apr 2026, 02:59:59 UTC+11"),
            ("Australia/Sydney", "2026-04-04T16:00:00Z", "5 Apr 2026, 02:00:00 UTC+10"),
            ("Australia/Sydney", "2026-10-03T15:59:59Z", "4 Oct 2026, 01:59:59 UTC+10"),
            ("Australia/Sydney", "2026-10-03T16:00:00Z", "4 Oct 2026, 03:00:00 UTC+11"),
            ("Pacific/Auckland", "2026-04-04T14:00:00Z", "5 Apr 2026, 02:00:00 UTC+12"),
            ("Pacific/Auckland", "2026-09-26T14:00:00Z", "27 Sep 2026, 03:00:00 UTC+13"),
            ("Australia/Adelaide", "2026-12-31T13:30:00Z", "1 Jan 2027, 00:00:00 UTC+10:30"),
        ] {
            assert_eq!(shown(id, moment), local, "{moment}");
        }
    }

    #[test]
    fn each_zone_is_found_by_its_name_and_no_other() {
        for zone in ZONES {
            assert_eq!(Zone::find(zone.id), Some(zone));
        }
        assert_eq!(Zone::find("Europe/berlin"), None);
        assert_eq!(UTC.id, "UTC");
    }
}
