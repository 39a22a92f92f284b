//! What has not arrived yet: what a caller may ask for, and how a page, a number and the result of a redelivery are shown.

use people_core::hex;
use people_core::id::ImportId;
use people_core::ports::WaitingPage;
use people_core::redelivery::Report;
use people_core::time::Timestamp;
use people_core::undelivered::{Place, Waiting};
use serde::Serialize;

use super::list::{DEFAULT_LIMIT, read_limit};
use super::query::{InvalidQuery, Query};

/// What a cursor begins with: the version of what is inside.
const VERSION: char = '1';
/// What is between the values in a cursor. No target's name has it.
const BETWEEN: char = '/';

/// What a caller asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UndeliveredRequest {
    /// How many there are.
    Summary,
    /// A page of them.
    Page(WaitingPage),
}

impl UndeliveredRequest {
    /// Reads `summary` (`1`), or `cursor`, `limit` (1 to 200), `target` and `person`. Any other parameter but the key is
    /// refused.
    pub fn parse(query: Option<&str>) -> Result<UndeliveredRequest, InvalidQuery> {
        let mut query = Query::parse(query)?;
        if let Some(summary) = query.take("summary") {
            query.finish()?;
            return match summary.as_str() {
                "1" => Ok(UndeliveredRequest::Summary),
                _ => Err(InvalidQuery::Value("summary", "not 1")),
            };
        }
        let (limit, cursor) = (query.take("limit"), query.take("cursor"));
        let (target, person) = (query.take("target"), query.take("person"));
        query.finish()?;
        Ok(UndeliveredRequest::Page(WaitingPage {
            after: cursor.map(|cursor| read_cursor(&cursor)).transpose()?,
            due: None,
            target: target.map(Into::into),
            person,
            limit: limit.map_or(Ok(DEFAULT_LIMIT), |limit| read_limit(&limit))?,
        }))
    }
}

/// Reads `plan` (`true` or `false`): whether what would be tried is only counted.
pub fn is_plan(query: Option<&str>) -> Result<bool, InvalidQuery> {
    let mut query = Query::parse(query)?;
    let plan = query.take("plan");
    query.finish()?;
    match plan.as_deref() {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(InvalidQuery::Value("plan", "neither true nor false")),
    }
}

/// What a page after this entry is asked for with.
pub fn write_cursor(last: &Waiting) -> String {
    let Place { import, part, target } = &last.place;
    let target = target.as_deref().unwrap_or_default();
    let inside = format!("{}{BETWEEN}{import}{BETWEEN}{part}{BETWEEN}{target}", last.next_at.millis());
    format!("{VERSION}{}", hex::encode(inside.as_bytes()))
}

/// Where a page begins that is asked for with this.
pub fn read_cursor(text: &str) -> Result<(Timestamp, Place), InvalidQuery> {
    let place = || {
        let inside = String::from_utf8(hex::decode_all(text.strip_prefix(VERSION)?)?).ok()?;
        let mut values = inside.splitn(4, BETWEEN);
        let next_at = Timestamp::from_millis(values.next()?.parse().ok()?);
        let import = ImportId::parse(values.next()?)?;
        let part = values.next()?.parse().ok()?;
        let target = Some(values.next()?).filter(|target| !target.is_empty()).map(Into::into);
        Some((next_at, Place { import, part, target }))
    };
    place().ok_or(InvalidQuery::Value("cursor", "none that an answer had as 'next'"))
}

#[derive(Serialize)]
struct List<'a> {
    undelivered: Vec<Entry<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    request_id: String,
    part: usize,
    person: &'a str,
    /// Null where nobody could tell yet who is meant, so that it has gone nowhere.
    target: Option<&'a str>,
    reason: &'a str,
    attempts: u32,
    next_at: String,
}

/// A page as JSON; `found` has one entry more than is asked for where there is a next page.
pub(super) fn render(limit: usize, found: &[Waiting]) -> String {
    let shown = found.get(..limit).unwrap_or(found);
    let more = found.len() > shown.len();
    let next = shown.last().filter(|_| more).map(write_cursor);
    serde_json::to_string(&List { undelivered: shown.iter().map(entry).collect(), next }).unwrap_or_default()
}

fn entry(waiting: &Waiting) -> Entry<'_> {
    Entry {
        request_id: waiting.place.import.to_string(),
        part: waiting.place.part,
        person: waiting.person.as_str(),
        target: waiting.place.target.as_deref(),
        reason: &waiting.reason,
        attempts: waiting.attempts,
        next_at: waiting.next_at.to_rfc3339(),
    }
}

/// What was tried of one import, and what is left.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Redelivered {
    request_id: String,
    delivered: usize,
    superseded: usize,
    failed: usize,
    given_up: usize,
    undelivered: usize,
}

impl Redelivered {
    pub(super) fn new(import: ImportId, report: Report, left: usize) -> Redelivered {
        Redelivered {
            request_id: import.to_string(),
            delivered: report.delivered,
            superseded: report.superseded,
            failed: report.failed,
            given_up: report.given_up,
            undelivered: left,
        }
    }
}

#[cfg(test)]
mod tests {
    use people_core::shown::Shown;

    use super::*;

    fn waiting(part: usize, target: Option<&str>) -> Waiting {
        let import = ImportId::parse("97aa006e-1fb7-47c6-ad10-1c8331b7d2c7").unwrap();
        Waiting {
            place: Place { import, part, target: target.map(Into::into) },
            person: Shown::new("joe@company.com"),
            reason: "aktion does not answer".to_owned(),
            attempts: 2,
            next_at: Timestamp::from_millis(1_700_757_179_123),
        }
    }

    #[test]
    fn a_cursor_goes_on_after_the_last_entry() {
        for target in [None, Some("aktion")] {
            let last = waiting(49, target);
            let cursor = write_cursor(&last);
            assert_eq!(read_cursor(&cursor), Ok((last.next_at, last.place)));
            for broken in [&cursor[1..], &format!("{cursor}0"), "", "1", "1zz"] {
                assert!(read_cursor(broken).is_err(), "{broken}");
            }
        }
    }

    #[test]
    fn a_page_has_a_cursor_where_there_is_more() {
        let found = [waiting(0, Some("aktion")), waiting(1, None)];
        assert_eq!(
            render(2, &found),
            r#"{"undelivered":[{"requestId":"97aa006e-1fb7-47c6-ad10-1c8331b7d2c7","part":0,"person":"joe@company.com","target":"aktion","reason":"aktion does not answer","attempts":2,"nextAt":"2023-11-23T16:32:59Z"},{"requestId":"97aa006e-1fb7-47c6-ad10-1c8331b7d2c7","part":1,"person":"joe@company.com","target":null,"reason":"aktion does not answer","attempts":2,"nextAt":"2023-11-23T16:32:59Z"}]}"#
        );
        assert!(render(1, &found).ends_with(&format!(r#"}}],"next":"{}"}}"#, write_cursor(&found[0]))));
        assert_eq!(render(1, &[]), r#"{"undelivered":[]}"#);
    }

    #[test]
    fn what_is_asked_for_is_read_or_refused() {
        let parse = |query| UndeliveredRequest::parse(Some(query));
        assert_eq!(parse("summary=1&code=k"), Ok(UndeliveredRequest::Summary));
        let page = WaitingPage {
            target: Some("a".into()),
            person: Some("joe@x.y".into()),
            limit: 200,
            ..WaitingPage::default()
        };
        assert_eq!(parse("target=a&person=joe%40x.y&limit=200"), Ok(UndeliveredRequest::Page(page)));
        for refused in ["summary=2", "summary=1&limit=3", "limit=0", "limit=201", "cursor=x", "what=1"] {
            assert!(parse(refused).is_err(), "{refused}");
        }
    }
}
