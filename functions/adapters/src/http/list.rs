//! The list of the logs: what a caller may ask for, and how a page is shown. A cursor is opaque, so that what is inside may
//! change.

use people_core::id::ImportId;
use people_core::lookup::{Found, Wanted};
use people_core::summary::Summary;
use serde::Serialize;
use uuid::Uuid;

use super::query::{InvalidQuery, Query};
use super::{filter, status};

/// The most logs of one page.
const MAX_LIMIT: usize = 200;
/// How many logs a page has where nothing is said.
pub(super) const DEFAULT_LIMIT: usize = 50;
/// What a cursor begins with: the version of what is inside.
const VERSION: char = '1';

/// A page as a caller asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListRequest(Wanted);

impl ListRequest {
    /// Reads `cursor`, `limit` (1 to 200) and what the list is to be narrowed by. Any other parameter but the key is refused.
    pub fn parse(query: Option<&str>) -> Result<ListRequest, InvalidQuery> {
        let mut query = Query::parse(query)?;
        let (limit, cursor) = (query.take("limit"), query.take("cursor"));
        let filter = filter::take(&mut query)?;
        query.finish()?;
        Ok(ListRequest(Wanted {
            filter,
            before: cursor.map(|cursor| read_cursor(&cursor)).transpose()?,
            limit: limit.map_or(Ok(DEFAULT_LIMIT), |limit| read_limit(&limit))?,
        }))
    }

    /// What is to be looked up.
    pub fn wanted(&self) -> &Wanted {
        &self.0
    }
}

pub(super) fn read_limit(text: &str) -> Result<usize, InvalidQuery> {
    let limit = text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten();
    limit
        .filter(|limit| (1..=MAX_LIMIT).contains(limit))
        .ok_or(InvalidQuery::Value("limit", "no number from 1 to 200"))
}

pub(super) fn write_cursor(last: ImportId) -> String {
    format!("{VERSION}{}", Uuid::from_bytes(*last.as_bytes()).simple())
}

fn read_cursor(text: &str) -> Result<ImportId, InvalidQuery> {
    let id = text.strip_prefix(VERSION).filter(|id| id.len() == 32);
    let id = id.and_then(|id| Uuid::try_parse(id).ok());
    id.and_then(|id| ImportId::parse(&id.hyphenated().to_string()))
        .ok_or(InvalidQuery::Value("cursor", "none that an answer had as 'next'"))
}

#[derive(Serialize)]
struct List<'a> {
    imports: Vec<Entry<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    request_id: String,
    time: String,
    key_name: &'a str,
    /// Null while the import runs.
    status: Option<u16>,
    now: &'static str,
    parts: usize,
    updated: usize,
    errors: usize,
    dry_run: bool,
    source: &'static str,
}

/// The page as JSON.
pub(super) fn render(found: &Found) -> String {
    let list =
        List { imports: found.imports.iter().map(entry).collect(), next: found.next.map(write_cursor) };
    serde_json::to_string(&list).unwrap_or_default()
}

fn entry(summary: &Summary) -> Entry<'_> {
    Entry {
        request_id: summary.id.to_string(),
        time: summary.received_at.to_rfc3339(),
        key_name: summary.key_name.as_str(),
        status: summary.answered().map(|answer| status(answer).as_u16()),
        now: summary.now().as_str(),
        parts: summary.parts,
        updated: summary.succeeded,
        errors: summary.failed,
        dry_run: summary.dry_run,
        source: summary.source.as_str(),
    }
}

#[cfg(test)]
mod tests {
    use people_core::log::{Answer, State};
    use people_core::shown::Shown;
    use people_core::summary::Source;
    use people_core::time::Timestamp;

    use super::*;

    fn summary(last: u8) -> Summary {
        let received_at = Timestamp::from_millis(1_700_757_179_000);
        Summary {
            id: ImportId::new(received_at, [last; 10]),
            received_at,
            key_name: Shown::new("payroll \"ü\""),
            state: State::Ended(Answer::PartlyFailed),
            source: Source::Direct,
            dry_run: false,
            parts: 3,
            succeeded: 1,
            failed: 2,
            kinds: [].into(),
            targets: [].into(),
            redelivered: false,
        }
    }

    #[test]
    fn a_page_is_as_documented() {
        let running = Summary { state: State::Running, failed: 0, ..summary(1) };
        let page = render(&Found { imports: vec![summary(2), running], next: None });
        assert_eq!(
            page,
            r#"{"imports":[{"requestId":"018bfd07-0a78-7202-8202-020202020202","time":"2023-11-23T16:32:59Z","#
                .to_owned()
                + r#""keyName":"payroll \"ü\"","status":422,"now":"unsuccessful","parts":3,"updated":1,"errors":2,"#
                + r#""dryRun":false,"source":"direct"},"#
                + r#"{"requestId":"018bfd07-0a78-7101-8101-010101010101","time":"2023-11-23T16:32:59Z","#
                + r#""keyName":"payroll \"ü\"","status":null,"now":"pending","parts":3,"updated":1,"errors":0,"#
                + r#""dryRun":false,"source":"direct"}]}"#
        );
    }

    #[test]
    fn a_cursor_leads_on() {
        let next = Some(summary(2).id);
        let page = render(&Found { imports: Vec::new(), next });
        let page: serde_json::Value = serde_json::from_str(&page).unwrap();
        assert_eq!(page["imports"], serde_json::json!([]), "a page may be empty although there is more");
        let query = format!("cursor={}&errorsOnly=true", page["next"].as_str().unwrap());
        let request = ListRequest::parse(Some(&query)).unwrap();
        let filter = people_core::lookup::Filter { errors_only: true, ..Default::default() };
        assert_eq!(request.wanted(), &Wanted { filter, before: next, limit: 50 });
        assert_eq!(render(&Found { imports: Vec::new(), next: None }), r#"{"imports":[]}"#);
    }

    #[test]
    fn a_limit_is_1_to_200() {
        let limit =
            |text: &str| ListRequest::parse(Some(&format!("limit={text}"))).map(|r| r.wanted().limit).ok();
        assert_eq!((limit("1"), limit("200")), (Some(1), Some(200)));
        for text in ["0", "201", "", "x", "-1", "%2B5", "1.0", "99999999999999999999999"] {
            assert_eq!(limit(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let next = write_cursor(summary(1).id);
        for (query, problem) in [
            ("limit=0", "The parameter 'limit' is no number from 1 to 200."),
            ("errorsOnly=1", "The parameter 'errorsOnly' is neither true nor false."),
            ("cursor=", "The parameter 'cursor' is none that an answer had as 'next'."),
            (
                &format!("cursor=2{}", &next[1..]),
                "The parameter 'cursor' is none that an answer had as 'next'.",
            ),
            (&format!("cursor={next}0"), "The parameter 'cursor' is none that an answer had as 'next'."),
            ("cursor=1zz", "The parameter 'cursor' is none that an answer had as 'next'."),
            ("sort=time", "There is no parameter 'sort' here."),
            ("limit=1&limit=1", "The parameter 'limit' is there twice."),
        ] {
            assert_eq!(ListRequest::parse(Some(query)).unwrap_err().to_string(), problem, "{query}");
        }
    }
}
