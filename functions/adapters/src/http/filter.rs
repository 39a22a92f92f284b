//! What a list of logs can be narrowed by: the parameters, each checked by itself, so that a mistake is named instead of
//! leading to an empty list.

use std::time::Duration;

use people_core::log::Answer;
use people_core::log_text::LogKind;
use people_core::lookup::Filter;
use people_core::person::{TargetName, Who};
use people_core::shown::MAX_SHOWN;
use people_core::summary::Origin;
use people_core::time::Timestamp;

use super::query::{InvalidQuery, Query};
use super::status;

/// The most characters of a target's name.
const MAX_TARGET: usize = 40;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Takes every parameter of a filter out of the query.
pub(super) fn take(query: &mut Query) -> Result<Filter, InvalidQuery> {
    let mut read = |name: &'static str, takes: &'static str| (query.take(name), (name, takes));
    let filter = Filter {
        person: value(read("person", "blank or longer than 256 characters"), person)?,
        key_name: value(read("keyName", "blank or longer than 128 characters"), key_name)?,
        status: value(read("status", "no status that an import is answered with"), answers)?,
        kind: value(read("kind", "no kind of line that a log has"), LogKind::parse)?,
        target: value(read("target", "no name that a target can have"), target)?,
        from: value(read("from", "neither a time (RFC 3339) nor a date"), |text| {
            moment(text, Duration::ZERO)
        })?,
        to: value(read("to", "neither a time (RFC 3339) nor a date"), |text| moment(text, DAY))?,
        source: value(
            read("source", "none of direct, document, staged, inbox and redelivery"),
            Origin::parse,
        )?,
        dry_run: value(read("dryRun", "neither true nor false"), boolean)?,
        errors_only: value(read("errorsOnly", "neither true nor false"), boolean)?.unwrap_or_default(),
    };
    match (filter.from, filter.to) {
        (Some(from), Some(to)) if to <= from => Err(InvalidQuery::Value("to", "not later than 'from'")),
        _ => Ok(filter),
    }
}

type Sent = (Option<String>, (&'static str, &'static str));

fn value<T>(
    (sent, (name, takes)): Sent,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, InvalidQuery> {
    sent.map(|text| parse(&text).ok_or(InvalidQuery::Value(name, takes))).transpose()
}

fn person(text: &str) -> Option<String> {
    Who::either(text).ok().map(|_| text.to_owned())
}

fn key_name(text: &str) -> Option<String> {
    let is_one = !text.trim().is_empty() && text.chars().nth(MAX_SHOWN).is_none();
    is_one.then(|| text.to_owned())
}

fn answers(text: &str) -> Option<Vec<Answer>> {
    let answers: Vec<_> = Answer::ALL.into_iter().filter(|answer| status(*answer).as_str() == text).collect();
    Some(answers).filter(|answers| !answers.is_empty())
}

fn target(text: &str) -> Option<TargetName> {
    let is_one = (1..=MAX_TARGET).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    is_one.then(|| text.into())
}

/// A moment; of a date its beginning, and `later`. The `+` of a zone arrives as a blank where it was not encoded.
fn moment(text: &str, later: Duration) -> Option<Timestamp> {
    let zoned = || text.rsplit_once(' ').map(|(time, zone)| format!("{time}+{zone}"));
    Timestamp::parse_date(text)
        .map(|day| day.plus(later))
        .or_else(|| Timestamp::parse_rfc3339(text))
        .or_else(|| Timestamp::parse_rfc3339(&zoned()?))
}

fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use people_core::summary::Source;

    use super::*;

    fn parse(query: &str) -> Result<Filter, String> {
        let mut query = Query::parse(Some(query)).unwrap();
        let filter = take(&mut query).map_err(|invalid| invalid.to_string())?;
        query.finish().map_err(|invalid| invalid.to_string())?;
        Ok(filter)
    }

    fn time(text: &str) -> Option<Timestamp> {
        Timestamp::parse_rfc3339(text)
    }

    #[test]
    fn everything_combines() {
        let filter = parse(
            "person=+Joe%40company.com&keyName=payroll+%26+co&status=422&kind=UnknownPerson&target=aktion\
             &from=2026-11-23&to=2026-11-23&source=redelivery&dryRun=false&errorsOnly=true",
        );
        let expected = Filter {
            person: Some(" Joe@company.com".into()),
            key_name: Some("payroll & co".into()),
            status: Some(vec![Answer::PartlyFailed]),
            kind: Some(LogKind::UnknownPerson),
            target: Some("aktion".into()),
            from: time("2026-11-23T00:00:00Z"),
            to: time("2026-11-24T00:00:00Z"),
            source: Some(Origin::Redelivery),
            dry_run: Some(false),
            errors_only: true,
        };
        assert_eq!(filter, Ok(expected));
        assert_eq!(parse("code=k"), Ok(Filter::default()));
    }

    #[test]
    fn a_status_may_be_several_answers() {
        let failed = [Answer::StoreFailed, Answer::Interrupted, Answer::Unavailable];
        assert_eq!(parse("status=503").unwrap().status, Some(failed.to_vec()));
        for answer in Answer::ALL {
            let status = parse(&format!("status={}", status(answer).as_u16())).unwrap().status;
            assert!(status.unwrap().contains(&answer));
        }
    }

    #[test]
    fn every_source_and_every_kind_can_be_asked_for() {
        for source in Source::ALL {
            let filter = parse(&format!("source={}", source.as_str())).unwrap();
            assert_eq!(filter.source, Some(Origin::Source(source)));
        }
        for kind in LogKind::ALL {
            assert_eq!(parse(&format!("kind={kind:?}")).unwrap().kind, Some(kind));
        }
    }

    #[test]
    fn a_time_has_a_zone_and_a_date_is_a_whole_day() {
        let zoned = time("2026-11-23T12:00:00Z");
        for text in ["2026-11-23T13:00:00%2B01:00", "2026-11-23T13:00:00+01:00", "2026-11-23T12:00:00Z"] {
            let filter = parse(&format!("from={text}")).unwrap();
            assert_eq!(filter.from, zoned, "{text}");
        }
        assert_eq!(parse("to=2026-11-23").unwrap().to, time("2026-11-24T00:00:00Z"));
    }

    #[test]
    fn names_are_as_long_as_they_can_be_and_no_longer() {
        for (name, most) in [("person", 256), ("keyName", 128), ("target", 40)] {
            assert!(parse(&format!("{name}={}", "a".repeat(most))).is_ok(), "{name}");
            assert!(parse(&format!("{name}={}", "a".repeat(most + 1))).is_err(), "{name}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (query, problem) in [
            ("person=+", "The parameter 'person' is blank or longer than 256 characters."),
            ("keyName=", "The parameter 'keyName' is blank or longer than 128 characters."),
            ("status=418", "The parameter 'status' is no status that an import is answered with."),
            ("status=+422", "The parameter 'status' is no status that an import is answered with."),
            ("kind=unknownperson", "The parameter 'kind' is no kind of line that a log has."),
            ("target=a/b", "The parameter 'target' is no name that a target can have."),
            ("from=yesterday", "The parameter 'from' is neither a time (RFC 3339) nor a date."),
            ("from=2026-11-23T12:00:00", "The parameter 'from' is neither a time (RFC 3339) nor a date."),
            ("to=2026-02-30", "The parameter 'to' is neither a time (RFC 3339) nor a date."),
            ("from=2026-11-23&to=2026-11-22", "The parameter 'to' is not later than 'from'."),
            (
                "source=mail",
                "The parameter 'source' is none of direct, document, staged, inbox and redelivery.",
            ),
            ("dryRun=1", "The parameter 'dryRun' is neither true nor false."),
            ("errorsOnly=", "The parameter 'errorsOnly' is neither true nor false."),
        ] {
            assert_eq!(parse(query).unwrap_err(), problem, "{query}");
        }
    }
}
