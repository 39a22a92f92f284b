//! The header `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): a key that a caller makes up for a request, so
//! that sending it again is harmless.

use http::HeaderMap;
use http::header::HeaderName;
use http::request::Parts;
use people_core::ports::{ApiKey, RepeatKey};
use sha2::{Digest, Sha256};

use super::body::Fingerprint;
use super::query;

/// The header of the request.
const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The header of an answer that was given before.
pub(super) const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
/// The most characters of a key.
const MAX_KEY: usize = 255;

/// A key that is none, or two of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("There has to be one Idempotency-Key of 1 to {MAX_KEY} visible ASCII characters.")]
pub(super) struct InvalidKey;

/// Whether the body is compared with that of another request.
pub(super) fn fingerprint_of(head: &Parts) -> Fingerprint {
    if head.headers.contains_key(KEY) { Fingerprint::Wanted } else { Fingerprint::NotWanted }
}

/// What the request is named by; `None` where its caller made no key up.
pub(super) fn key(head: &Parts, api_key: &ApiKey) -> Result<Option<RepeatKey>, InvalidKey> {
    let Some(key) = sent(&head.headers)? else { return Ok(None) };
    Ok(Some(RepeatKey::new(&api_key.hash, head.method.as_str(), head.uri.path(), &key)))
}

/// What the request is: its body, and what its query asks for beside the API key.
pub(super) fn fingerprint(head: &Parts, body: [u8; 32]) -> [u8; 32] {
    let mut hash = Sha256::new_with_prefix(body);
    for pair in query::beside_the_key(head.uri.query()) {
        hash.update(pair);
        hash.update("&");
    }
    hash.finalize().into()
}

fn sent(headers: &HeaderMap) -> Result<Option<String>, InvalidKey> {
    let mut values = headers.get_all(KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let value = value.to_str().map_err(|_| InvalidKey)?.trim_matches([' ', '\t']);
    // The draft wants a string of RFC 9651, in quotes; many clients send the key as it is.
    let key = match value.strip_prefix('"') {
        Some(quoted) => unquoted(quoted)?,
        None => value.to_owned(),
    };
    let is_key = (1..=MAX_KEY).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
    if is_key && values.next().is_none() { Ok(Some(key)) } else { Err(InvalidKey) }
}

/// The string behind its opening quotation mark (RFC 9651, 4.2.5).
fn unquoted(quoted: &str) -> Result<String, InvalidKey> {
    let mut key = String::with_capacity(quoted.len());
    let mut rest = quoted.chars();
    loop {
        match rest.next() {
            Some('\\') => key.push(rest.next().filter(|next| matches!(next, '"' | '\\')).ok_or(InvalidKey)?),
            Some('"') => return if rest.next().is_none() { Ok(key) } else { Err(InvalidKey) },
            Some(next) => key.push(next),
            None => return Err(InvalidKey),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::Request;
    use people_core::ports::KeyHash;
    use people_core::time::Timestamp;

    use super::*;

    fn head(target: &str, keys: &[&str]) -> Parts {
        let request = keys.iter().fold(Request::put(target), |request, key| request.header(KEY, *key));
        request.body(()).unwrap().into_parts().0
    }

    fn read(keys: &[&str]) -> Result<Option<String>, InvalidKey> {
        sent(&head("/", keys).headers)
    }

    #[test]
    fn a_key_is_quoted_or_bare() {
        for (value, key) in [
            (r#""8e03978e-40d5-43dd-bc93-6894a57f9324""#, "8e03978e-40d5-43dd-bc93-6894a57f9324"),
            ("8e03978e-40d5-43dd-bc93-6894a57f9324", "8e03978e-40d5-43dd-bc93-6894a57f9324"),
            (r#" "a\"b\\c" "#, r#"a"b\c"#),
            (r"a\b", r"a\b"),
            ("a,b;c=d", "a,b;c=d"),
            ("~", "~"),
        ] {
            assert_eq!(read(&[value]), Ok(Some(key.to_owned())), "{value}");
        }
        assert_eq!(read(&[]), Ok(None));
    }

    #[test]
    fn a_key_of_255_characters_is_taken_and_one_of_256_is_not() {
        let (most, over) = ("k".repeat(255), "k".repeat(256));
        let quoted = |key: &str| format!("\"{key}\"");
        assert_eq!(read(&[&most]), Ok(Some(most.clone())));
        assert_eq!(read(&[&quoted(&most)]), Ok(Some(most.clone())));
        for key in [over.clone(), quoted(&over)] {
            assert_eq!(read(&[&key]), Err(InvalidKey));
        }
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for value in
            ["", " ", "\"\"", "\"a", "\"a\" b", "\"a\";b=c", r#""a\b""#, r#""a\"#, "a b", "\"a b\"", "\""]
        {
            assert_eq!(read(&[value]), Err(InvalidKey), "{value:?}");
        }
        assert_eq!(read(&["a", "a"]), Err(InvalidKey));
        let mut umlaut = HeaderMap::new();
        umlaut.insert(KEY, http::HeaderValue::from_bytes("ü".as_bytes()).unwrap());
        assert_eq!(sent(&umlaut), Err(InvalidKey));
    }

    #[test]
    fn the_query_is_a_part_of_the_request_but_for_the_api_key() {
        let of = |target: &str| fingerprint(&head(target, &[]), [1; 32]);
        assert_eq!(of("/?person=a&code=x&field=b"), of("/?code=y&person=a&field=b"));
        assert_eq!(of("/?%63ode=x"), of("/"));
        for other in
            ["/", "/?person=a", "/?person=a&field=c", "/?person=a&field=b&x=", "/?person=a%26field=b"]
        {
            assert_ne!(of("/?person=a&field=b"), of(other), "{other}");
        }
        assert_ne!(fingerprint(&head("/", &[]), [2; 32]), of("/"));
    }

    #[test]
    fn a_key_is_that_of_one_path_and_api_key() {
        let api_key = |key: &str| ApiKey::new(KeyHash::of(key), "n", [], Timestamp::from_millis(0));
        let of = |target: &str, sent: &str, of: &str| key(&head(target, &[sent]), &api_key(of));
        let one = of("/a?code=x", "1", "k").unwrap();
        assert!(one.is_some());
        assert_eq!(one, of("/a", "\"1\"", "k").unwrap());
        for other in [of("/b", "1", "k"), of("/a", "2", "k"), of("/a", "1", "other")] {
            assert_ne!(other.unwrap(), one);
        }
        assert_eq!(key(&head("/a", &[]), &api_key("k")), Ok(None));
    }
}
