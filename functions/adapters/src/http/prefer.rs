//! Whether a caller would rather not wait for an import (RFC 7240). A preference that cannot be read is no fault: the caller
//! is answered as if it was not there.

use std::fmt;
use std::time::Duration;

use http::HeaderMap;

/// The longest that a caller is let wait: an HTTP API of API Gateway gives up after 30 s, and the answer has to get there.
const LONGEST: u64 = 25;

/// What a caller wants who would rather not wait.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RespondAsync {
    /// For how many seconds it would wait all the same, at most 25, where it said so.
    wait: Option<u64>,
}

impl RespondAsync {
    /// Reads the `Prefer` headers; `None` where there is no `respond-async`. Of a preference that is there twice, the first
    /// one counts.
    pub fn of(headers: &HeaderMap) -> Option<RespondAsync> {
        let values = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
        let preferences: Vec<(String, String)> =
            values.flat_map(|value| split(value, ',')).filter_map(preference).collect();
        let first = |name: &str| preferences.iter().find(|(known, _)| known == name).map(|(_, value)| value);
        first("respond-async").filter(|value| value.is_empty())?;
        Some(RespondAsync { wait: first("wait").and_then(|value| seconds(value)) })
    }

    /// How long the caller waits for the answer that an import has in the end.
    pub fn wait(self) -> Duration {
        Duration::from_secs(self.wait.unwrap_or(0))
    }

    /// What was done for a caller who is answered before the import has ended, as a `Preference-Applied`.
    pub fn applied_at_once(self) -> String {
        match self.wait {
            None => "respond-async".to_owned(),
            Some(_) => format!("respond-async, {self}"),
        }
    }
}

/// What was done for a caller whose import has ended in time, as a `Preference-Applied`.
impl fmt::Display for RespondAsync {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "wait={}", self.wait.unwrap_or(0))
    }
}

/// The pieces between separators that are in no quoted string.
fn split(text: &str, separator: char) -> Vec<&str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let is_between = |character: char| {
        let was_escaped = std::mem::take(&mut is_escaped);
        match character {
            '"' if !was_escaped => is_quoted = !is_quoted,
            '\\' if !was_escaped => is_escaped = is_quoted,
            _ => {}
        }
        character == separator && !is_quoted
    };
    text.split(is_between).collect()
}

/// A preference's name in lower case, and its value; its parameters are left out, as the two that are known have none.
fn preference(text: &str) -> Option<(String, String)> {
    let text = split(text, ';').first()?.trim();
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    let value = value.trim();
    let unquoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
    Some((name.trim().to_ascii_lowercase(), unquoted.unwrap_or(value).to_owned()))
}

fn seconds(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(LONGEST).min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[&str]) -> Option<Option<u64>> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("prefer", value.parse().unwrap());
        }
        RespondAsync::of(&headers).map(|asked| asked.wait)
    }

    #[test]
    fn whoever_says_respond_async_does_not_wait() {
        for values in [
            &["respond-async"][..],
            &["Respond-Async"],
            &["respond-async="],
            &["respond-async=\"\""],
            &["return=minimal", "respond-async"],
            &["foo; bar=\"a, b\", respond-async; x=y"],
            &["handling=lenient,,respond-async,"],
        ] {
            assert_eq!(of(values), Some(None), "{values:?}");
        }
    }

    #[test]
    fn whoever_does_not_say_so_waits() {
        for values in [
            &[][..],
            &[""],
            &["wait=10"],
            &["respond-async=false"],
            &["respond-asynchronously"],
            &["x=\"respond-async\""],
            &["x=\"a, respond-async\""],
            &["x=\"\\\", respond-async\""],
            &["x; respond-async"],
        ] {
            assert_eq!(of(values), None, "{values:?}");
        }
    }

    #[test]
    fn a_wait_is_taken_up_to_25_seconds() {
        for (value, wait) in [
            ("respond-async, wait=10", Some(10)),
            ("wait=10, respond-async", Some(10)),
            ("respond-async, WAIT = \"10\"", Some(10)),
            ("respond-async, wait=0", Some(0)),
            ("respond-async, wait=25", Some(25)),
            ("respond-async, wait=26", Some(25)),
            ("respond-async, wait=99999999999999999999999", Some(25)),
            ("respond-async, wait=10, wait=5", Some(10)),
            ("respond-async, wait=soon, wait=5", None),
            ("respond-async, wait=-1", None),
            ("respond-async, wait=1.5", None),
            ("respond-async, wait", None),
            ("respond-async; wait=10", None),
        ] {
            assert_eq!(of(&[value]), Some(wait), "{value}");
        }
        assert_eq!(of(&["wait=3", "respond-async"]), Some(Some(3)), "in two headers");
    }

    #[test]
    fn what_was_done_is_said() {
        let asked = |wait| RespondAsync { wait };
        assert_eq!(asked(None).applied_at_once(), "respond-async");
        assert_eq!(asked(Some(7)).applied_at_once(), "respond-async, wait=7");
        assert_eq!(asked(Some(7)).to_string(), "wait=7");
        assert_eq!(asked(Some(7)).wait(), Duration::from_secs(7));
        assert_eq!(asked(None).wait(), Duration::ZERO);
    }
}
