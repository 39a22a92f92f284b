//! How a caller's text is shown in a log: cut and escaped, so that no name can forge a line or flood one.

use std::fmt;

/// The most code points of a name or identifier that a log shows.
pub const MAX_SHOWN: usize = 128;

/// A name or an identifier as a log keeps it: at most 128 code points, a longer one as its first 127 and `…`. Cutting
/// happens when it is made, escaping when it is displayed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Shown(String);

impl Shown {
    /// Keeps what is shown of `text`.
    pub fn new(text: &str) -> Shown {
        match text.char_indices().nth(MAX_SHOWN) {
            None => Shown(text.to_owned()),
            Some(_) => Shown(text.chars().take(MAX_SHOWN - 1).chain(['…']).collect()),
        }
    }

    /// The text, cut but not escaped.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text without apostrophes around it, for where nothing has to tell it from what is beside it.
    pub fn unquoted(&self) -> String {
        visible(&self.0)
    }
}

/// A text in which everything can be seen: of the characters that [`Shown`] escapes, `'` and `\` stand for themselves.
pub fn visible(text: &str) -> String {
    let mut visible = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\'' | '\\' => visible.push(character),
            _ if must_be_escaped(character) => visible.extend(character.escape_unicode()),
            _ => visible.push(character),
        }
    }
    visible
}

/// Between apostrophes and escaped: control characters, bidirectional marks, line separators, `'` and `\` are written
/// `\u{hex}`.
impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("'")?;
        for character in self.0.chars() {
            if must_be_escaped(character) {
                write!(f, "{}", character.escape_unicode())?;
            } else {
                fmt::Write::write_char(f, character)?;
            }
        }
        f.write_str("'")
    }
}

fn must_be_escaped(character: char) -> bool {
    matches!(character,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{61c}' | '\u{200e}' | '\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\'' | '\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, shown: &str) {
        assert_eq!(Shown::new(text).to_string(), shown);
    }

    #[test]
    fn plain_text_is_shown_as_it_is() {
        check("joe@company.com", "'joe@company.com'");
        check("Jörg 日本 🎉", "'Jörg 日本 🎉'");
        check("", "''");
    }

    #[test]
    fn what_could_forge_a_line_is_escaped() {
        check("a'b\\c", r"'a\u{27}b\u{5c}c'");
        check("x\nError - y\r\0", r"'x\u{a}Error - y\u{d}\u{0}'");
        check(
            "\u{202e}\u{2066}\u{200f}\u{85}\u{2028}\u{61c}",
            r"'\u{202e}\u{2066}\u{200f}\u{85}\u{2028}\u{61c}'",
        );
    }

    #[test]
    fn without_apostrophes_only_what_cannot_be_seen_is_escaped() {
        assert_eq!(Shown::new("O'Brien\\joe \u{202e}x\n").unquoted(), r"O'Brien\joe \u{202e}x\u{a}");
    }

    #[test]
    fn a_name_of_128_code_points_is_whole_and_one_of_129_is_cut() {
        check(&"é".repeat(128), &format!("'{}'", "é".repeat(128)));
        check(&"é".repeat(129), &format!("'{}…'", "é".repeat(127)));
    }

    #[test]
    fn a_name_is_counted_before_it_is_escaped() {
        check(&"\n".repeat(128), &format!("'{}'", r"\u{a}".repeat(128)));
    }
}
