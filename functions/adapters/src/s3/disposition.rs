//! The name under which a browser saves a document. It is the caller's text in a header, so every character of it that
//! means something there is escaped.

use std::fmt::Write as _;

/// The value of a Content-Disposition: the name as RFC 6266 and 5987 write it, after one in ASCII for old readers.
pub(super) fn attachment(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '-' | '_' | '.' | '(' | ')');
    let fallback: String = name.chars().map(|c| if plain(c) { c } else { '_' }).collect();
    let mut header = format!("attachment; filename=\"{fallback}\"; filename*=UTF-8''");
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.') {
            header.push(char::from(byte));
        } else {
            let _ = write!(header, "%{byte:02X}");
        }
    }
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_name_is_itself() {
        assert_eq!(
            attachment("March 2026.pdf"),
            "attachment; filename=\"March 2026.pdf\"; filename*=UTF-8''March%202026.pdf"
        );
    }

    #[test]
    fn no_name_leaves_its_quotes_or_its_line() {
        assert_eq!(
            attachment("a\"/\\\r\n;é🎉.pdf"),
            "attachment; filename=\"a_______".to_owned()
                + "_.pdf\"; filename*=UTF-8''a%22%2F%5C%0D%0A%3B%C3%A9%F0%9F%8E%89.pdf"
        );
    }
}
