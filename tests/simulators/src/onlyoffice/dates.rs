//! Dates as the portal reads and writes them: ISO 8601 in, seven decimals and a `Z` out.
//! The portal's clock is UTC, so a date is nothing but milliseconds since 1970 in between.

const DAY_MS: i64 = 86_400_000;

/// Milliseconds since 1970 of `yyyy-MM-dd`, with or without a time and an offset; without one it is UTC.
pub(super) fn parse(text: &str) -> Option<i64> {
    let (date, time) = text.trim().split_once(['T', ' ']).unwrap_or((text.trim(), ""));
    let mut parts = date.split('-').map(|part| digits(part, 9999));
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    if parts.next().is_some() || year == 0 || !(1..=12).contains(&month) {
        return None;
    }
    if !(1..=days_of_month(year, month)).contains(&day) {
        return None;
    }
    Some(days_since_1970(year, month, day) * DAY_MS + time_ms(time)?)
}

/// The date on the wire.
pub(super) fn format(milliseconds: i64) -> String {
    let (days, rest) = (milliseconds.div_euclid(DAY_MS), milliseconds.rem_euclid(DAY_MS));
    let (year, month, day) = date_of(days);
    let (seconds, decimals) = (rest / 1000, (rest % 1000) * 10_000);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{decimals:07}Z")
}

/// A time of day without its offset; empty is midnight.
fn time_ms(text: &str) -> Option<i64> {
    if text.is_empty() {
        return Some(0);
    }
    let (time, offset) = match text.find(['Z', 'z', '+', '-']) {
        Some(at) => (text.get(..at)?, text.get(at..)?),
        None => (text, "Z"),
    };
    let (clock, decimals) = time.split_once('.').unwrap_or((time, "0"));
    let mut parts = clock.split(':').map(|part| digits(part, 59));
    let hours = parts.next()?.filter(|hours| *hours < 24)?;
    let (minutes, seconds) = (parts.next()??, parts.next().unwrap_or(Some(0))?);
    digits(decimals, i64::MAX)?;
    let milliseconds: i64 = format!("{decimals:0<3}").get(..3)?.parse().ok()?;
    let local = ((hours * 60 + minutes) * 60 + seconds) * 1000 + milliseconds;
    parts.next().is_none().then_some(local - offset_ms(offset)?)
}

fn offset_ms(offset: &str) -> Option<i64> {
    if offset.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let sign = if offset.starts_with('-') { -1 } else { 1 };
    let (hours, minutes) = offset.get(1..)?.split_once(':')?;
    Some(sign * (digits(hours, 14)? * 60 + digits(minutes, 59)?) * 60_000)
}

fn digits(text: &str, most: i64) -> Option<i64> {
    let all = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| all && *number <= most)
}

fn days_of_month(year: i64, month: i64) -> i64 {
    let next = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    days_since_1970(next.0, next.1, 1) - days_since_1970(year, month, 1)
}

/// Years are counted from March here, so that the leap day is the last one.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year - 719_468
}

fn date_of(days: i64) -> (i64, i64, i64) {
    // Never a later year than the right one, on either side of 1970.
    let mut year = 1970 + days.div_euclid(if days < 0 { 365 } else { 366 });
    while days_since_1970(year + 1, 1, 1) <= days {
        year += 1;
    }
    let mut month = 1;
    while month < 12 && days_since_1970(year, month + 1, 1) <= days {
        month += 1;
    }
    (year, month, days - days_since_1970(year, month, 1) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_with_and_without_a_time_and_written_in_utc() {
        for (text, written) in [
            ("1970-01-01", "1970-01-01T00:00:00.0000000Z"),
            ("1900-01-01", "1900-01-01T00:00:00.0000000Z"),
            ("2024-02-29T23:59:59.5", "2024-02-29T23:59:59.5000000Z"),
            ("1999-12-31T12:00", "1999-12-31T12:00:00.0000000Z"),
            ("2026-01-01T01:30:00.1234567+02:00", "2025-12-31T23:30:00.1230000Z"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.0000000Z"),
        ] {
            assert_eq!(parse(text).map(format).as_deref(), Some(written), "{text}");
        }
        for wrong in
            ["", "x", "2023-02-29", "2023-13-01", "2023-1", "2023-01-01T24:00", "2023-01-01T1", "+1-01-01"]
        {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
