//! Entity tags: a caller who has an answer already is told that it still holds, and is not sent it again.

use http::HeaderMap;
use http::header::IF_NONE_MATCH;
use people_core::hex;
use sha2::{Digest, Sha256};

/// The strong tag of a text: a hash of its bytes, in quotes.
pub(super) fn of(text: &str) -> String {
    let hash = Sha256::digest(text.as_bytes());
    format!("\"{}\"", hex::encode(&hash[..16]))
}

/// Whether the caller has the answer with this tag. Tags are compared weakly (RFC 9110, 13.1.2): what stands between may
/// have compressed it.
pub(super) fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let values = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_known_by(values: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(IF_NONE_MATCH, value.parse().unwrap());
        }
        is_known(&headers, "\"a\"")
    }

    #[test]
    fn a_tag_is_found_in_lists_weak_and_strong() {
        for values in [
            &["\"a\""][..],
            &["W/\"a\""],
            &["*"],
            &["\"b\", W/\"a\""],
            &["\"b\",\"a\" , \"c\""],
            &["\"b\"", "\"a\""],
        ] {
            assert!(is_known_by(values), "{values:?}");
        }
        for values in [&[][..], &["\"b\""], &["a"], &["\"A\""], &["w/\"a\""], &["\"a"], &["\"\""]] {
            assert!(!is_known_by(values), "{values:?}");
        }
    }

    #[test]
    fn another_text_has_another_tag_and_the_same_one_the_same() {
        assert_eq!(of("x"), of("x"));
        assert_ne!(of("x"), of("y"));
        assert_eq!(of("").len(), 34);
    }
}
