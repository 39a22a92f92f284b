//! The parameters in a query, decoded as forms encode them. Each route takes those that it knows and refuses the rest: a
//! parameter that is ignored would be answered with something else than was asked for.

use people_core::shown::Shown;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, utf8_percent_encode};

/// The parameter that a key is sent in.
pub(super) const KEY: &str = "code";
/// What is encoded in a query: all but what RFC 3986 leaves alone everywhere.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The parameters that are left of a query.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Query(Vec<(String, String)>);

/// Why a query is refused, for the caller; a value is never repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidQuery {
    /// What is decoded is no UTF-8.
    #[error("The query is not UTF-8.")]
    NotUtf8,
    /// Which of the two is meant?
    #[error("The parameter {0} is there twice.")]
    Twice(Shown),
    /// The route does not have this parameter.
    #[error("There is no parameter {0} here.")]
    Unknown(Shown),
    /// The value is none that the parameter can have: its name, and what it takes.
    #[error("The parameter '{0}' is {1}.")]
    Value(&'static str, &'static str),
}

impl Query {
    /// Reads the query of a URL (`application/x-www-form-urlencoded`): `+` is a blank, and a `%` that starts no escape
    /// stands for itself.
    pub(super) fn parse(query: Option<&str>) -> Result<Query, InvalidQuery> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for (name, value) in split(query) {
            let name = decode(name)?;
            if pairs.iter().any(|(known, _)| *known == name) {
                return Err(InvalidQuery::Twice(Shown::new(&name)));
            }
            pairs.push((name, decode(value)?));
        }
        Ok(Query(pairs))
    }

    /// Takes the value of a parameter out.
    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        let place = self.0.iter().position(|(known, _)| known == name)?;
        Some(self.0.remove(place).1)
    }

    /// Parameters that were read already.
    pub(super) fn of_pairs(pairs: Vec<(String, String)>) -> Query {
        Query(pairs)
    }

    /// The parameters that are left, by name and value.
    pub(super) fn into_pairs(self) -> Vec<(String, String)> {
        self.0
    }

    /// Refuses what nobody has taken out. The key may always be there.
    pub(super) fn finish(mut self) -> Result<(), InvalidQuery> {
        self.take(KEY);
        match self.0.into_iter().next() {
            None => Ok(()),
            Some((name, _)) => Err(InvalidQuery::Unknown(Shown::new(&name))),
        }
    }
}

/// The first value of a parameter, whatever else is in the query; `None` where there is none, or it is no UTF-8.
pub(super) fn first(query: Option<&str>, name: &str) -> Option<String> {
    let is_meant = |sent: &str| decode(sent).is_ok_and(|sent| sent == name);
    let (_, value) = split(query).find(|(sent, _)| is_meant(sent))?;
    decode(value).ok()
}

/// Whether a query has this parameter as `true`, whatever else is in it. The name may be in any case, and with `-` or `_`:
/// nothing that reads like it is passed over.
pub(super) fn flag(query: Option<&str>, name: &'static str) -> Result<bool, InvalidQuery> {
    let is_meant =
        |sent: &str| decode(sent).is_ok_and(|sent| sent.replace(['-', '_'], "").eq_ignore_ascii_case(name));
    let mut values = split(query).filter(|(sent, _)| is_meant(sent)).map(|(_, value)| decode(value));
    match (values.next(), values.next()) {
        (None, _) => Ok(false),
        (Some(_), Some(_)) => Err(InvalidQuery::Twice(Shown::new(name))),
        (Some(value), None) => match value.as_deref() {
            Ok("true") => Ok(true),
            Ok("false") => Ok(false),
            Ok(_) | Err(_) => Err(InvalidQuery::Value(name, "neither true nor false")),
        },
    }
}

/// What a query says beside the key, as it was sent.
pub(super) fn beside_the_key(query: Option<&str>) -> impl Iterator<Item = &str> {
    let is_key = |pair: &str| split(Some(pair)).any(|(name, _)| decode(name).is_ok_and(|name| name == KEY));
    query.unwrap_or_default().split('&').filter(move |pair| !pair.is_empty() && !is_key(pair))
}

/// The parameters once more, but for the key and this one, each followed by `&`: for a link that leads on.
pub(super) fn again(query: Option<&str>, without: &str) -> String {
    let pairs = beside_the_key(query).flat_map(|pair| split(Some(pair)));
    let pairs = pairs.filter_map(|(name, value)| Some((decode(name).ok()?, decode(value).ok()?)));
    let encoded = |text: &str| utf8_percent_encode(text, ENCODED).to_string();
    let again = pairs.filter(|(name, _)| name != without);
    again.map(|(name, value)| format!("{}={}&", encoded(&name), encoded(&value))).collect()
}

/// The names and values as they were sent.
fn split(query: Option<&str>) -> impl Iterator<Item = (&str, &str)> {
    let pairs = query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

fn decode(text: &str) -> Result<String, InvalidQuery> {
    let text = text.replace('+', " ");
    let decoded = percent_decode(text.as_bytes()).decode_utf8();
    decoded.map(Into::into).map_err(|_| InvalidQuery::NotUtf8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_repeats_everything_but_the_key_and_the_place() {
        let query = "person=J%C3%B6+%3E%26&code=secret&cursor=1a&limit=2&%63ode=secret&=x";
        assert_eq!(again(Some(query), "cursor"), "person=J%C3%B6%20%3E%26&limit=2&=x&");
        assert_eq!(again(None, "cursor"), "");
    }

    #[test]
    fn values_are_decoded_as_forms_encode_them() {
        let query = "a=b+c%2Bd&%C3%A9=50%25%20%F0%9F%8E%89&empty=&bare&equal=x=y&percent=100%&&code=k";
        let mut query = Query::parse(Some(query)).unwrap();
        for (name, value) in [
            ("a", "b c+d"),
            ("é", "50% 🎉"),
            ("empty", ""),
            ("bare", ""),
            ("equal", "x=y"),
            ("percent", "100%"),
        ] {
            assert_eq!(query.take(name).as_deref(), Some(value), "{name}");
            assert_eq!(query.take(name), None, "{name}");
        }
        assert_eq!(query.finish(), Ok(()));
        assert_eq!(Query::parse(None).unwrap().finish(), Ok(()));
        assert_eq!(Query::parse(Some("")).unwrap().finish(), Ok(()));
    }

    #[test]
    fn the_first_value_is_found_whatever_else_is_there() {
        for query in [
            "code=k%2Bk+",
            "&&a=1&a=2&code=k%2Bk+&a",
            "code=k%2Bk+&code=other",
            "a=%FF&%FF=a&xcode=x&%63ode=k%2Bk%20",
        ] {
            assert_eq!(first(Some(query), "code").as_deref(), Some("k+k "), "{query}");
        }
        for query in ["xcode=k", "Code=k", "a=code=k", "code=%FF&code=k", ""] {
            assert_eq!(first(Some(query), "code"), None, "{query}");
        }
        assert_eq!(first(None, "code"), None);
    }

    #[test]
    fn a_flag_is_true_or_false_and_nothing_that_looks_like_it_is_passed_over() {
        let read = |query| flag(Some(query), "dryRun");
        for query in [
            "dryRun=true",
            "a=1&dryRun=true&code=k",
            "dryrun=true",
            "dry_run=true",
            "Dry-Run=true",
            "DRYRUN=%74rue",
            "a=%FF&dryRun=true",
        ] {
            assert_eq!(read(query), Ok(true), "{query}");
        }
        for query in ["", "dryRun=false", "xdryRun=true", "dryRunx=1", "%FF=true"] {
            assert_eq!(read(query), Ok(false), "{query}");
        }
        let wrong = Err(InvalidQuery::Value("dryRun", "neither true nor false"));
        for query in
            ["dryRun", "dryRun=", "dryRun=1", "dryRun=True", "dryRun=true+", "dryrun=yes", "dryRun=%FF"]
        {
            assert_eq!(read(query), wrong, "{query}");
        }
        let twice = Err(InvalidQuery::Twice(Shown::new("dryRun")));
        assert_eq!(read("dryRun=true&dryRun=true"), twice);
        assert_eq!(read("dryRun=false&dryrun=true"), twice);
        assert_eq!(flag(None, "dryRun"), Ok(false));
    }

    #[test]
    fn what_is_there_twice_or_is_no_utf_8_or_unknown_is_refused() {
        let refused = |query| Query::parse(Some(query)).and_then(Query::finish).unwrap_err().to_string();
        assert_eq!(refused("a=1&%61=1"), "The parameter 'a' is there twice.");
        assert_eq!(refused("code=1&code=1"), "The parameter 'code' is there twice.");
        assert_eq!(refused("a=%FF"), "The query is not UTF-8.");
        assert_eq!(refused("code=1&it%27s%0A=secret"), r"There is no parameter 'it\u{27}s\u{a}' here.");
    }
}
