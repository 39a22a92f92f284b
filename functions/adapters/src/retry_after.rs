//! How long a server asks to be left alone, from its `Retry-After` header. Every kind of target may send one, in one of
//! two shapes, and none may make us wait for ever.

use std::time::{Duration, UNIX_EPOCH};

use http::HeaderMap;
use http::header::RETRY_AFTER;
use people_core::time::Timestamp;

/// How long to wait, at most `most`: the seconds that the header names, or the time from `now` until the date that it
/// names (any of the three formats of RFC 9110; nothing for one that has passed). `None` where there is no such header, or
/// one that is neither.
pub fn retry_after(headers: &HeaderMap, now: Timestamp, most: Duration) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More seconds than fit are more than anybody waits.
        text.parse().map_or(most, Duration::from_secs)
    } else {
        let date = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        let millis = i64::try_from(date.as_millis()).unwrap_or(i64::MAX);
        Timestamp::from_millis(millis).since(now)
    };
    Some(wait.min(most))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    /// 1994-11-06T08:49:30Z: seven seconds before the date of RFC 9110's examples.
    const NOW: Timestamp = Timestamp::from_millis(784_111_770_000);
    const MOST: Duration = Duration::from_secs(60);

    fn wait(value: &[u8]) -> Option<Duration> {
        let value = HeaderValue::from_bytes(value).unwrap();
        retry_after(&HeaderMap::from_iter([(RETRY_AFTER, value)]), NOW, MOST)
    }

    #[test]
    fn seconds_are_taken_up_to_the_most() {
        for (text, seconds) in
            [("0", 0), ("3", 3), (" 3 ", 3), ("59", 59), ("60", 60), ("61", 60), ("99999999999999999999", 60)]
        {
            assert_eq!(wait(text.as_bytes()), Some(Duration::from_secs(seconds)), "{text}");
        }
    }

    #[test]
    fn a_date_is_read_in_each_of_the_three_formats() {
        for text in
            ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"]
        {
            assert_eq!(wait(text.as_bytes()), Some(Duration::from_secs(7)), "{text}");
        }
    }

    #[test]
    fn a_date_that_has_passed_is_no_wait_and_a_far_one_is_the_most() {
        assert_eq!(wait(b"Sun, 06 Nov 1994 08:49:29 GMT"), Some(Duration::ZERO));
        assert_eq!(wait(b"Sun, 06 Nov 1994 08:50:30 GMT"), Some(MOST));
        assert_eq!(wait(b"Sun, 06 Nov 1994 08:50:31 GMT"), Some(MOST));
        assert_eq!(wait(b"Fri, 31 Dec 9999 23:59:59 GMT"), Some(MOST));
    }

    #[test]
    fn what_is_neither_is_not_there() {
        for text in
            ["", " ", "-1", "+3", "1.5", "soon", "1994-11-06T08:49:37Z", "Sun, 31 Feb 1994 08:49:37 CET"]
        {
            assert_eq!(wait(text.as_bytes()), None, "{text}");
        }
        assert_eq!(wait(&[0xff]), None);
        assert_eq!(retry_after(&HeaderMap::new(), NOW, MOST), None);
    }
}
