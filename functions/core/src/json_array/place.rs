//! Where in a text a fault is. The text is gone when it shows, so that what its sentence needs is counted on the way.

use std::fmt;

/// How far a text has been read, in lines and bytes.
#[derive(Default)]
pub(super) struct Place {
    /// Line ends so far.
    lines: usize,
    /// Bytes since the last one.
    column: usize,
    /// Whether a comma is the last that was read, but for white space.
    comma: bool,
    /// The same without the last byte.
    comma_before: bool,
}

/// A place in a text, as the log says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fault {
    line: usize,
    column: usize,
    behind_comma: bool,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The public examples of the documented API end their arrays with a comma, so that fault is worth a sentence.
        let hint = if self.behind_comma { ": a comma must be followed by a value" } else { "" };
        write!(f, "line {}, column {}{hint}", self.line, self.column)
    }
}

impl Place {
    /// Goes on over `text`.
    pub(super) fn pass(&mut self, text: &[u8]) {
        let Some((_, before)) = text.split_last() else { return };
        (self.lines, self.column) = self.behind(text);
        (self.comma_before, self.comma) = (self.ends_with_comma(before), self.ends_with_comma(text));
    }

    /// The place after the first `length` bytes of `text`, which comes next. A fault is at the byte before it.
    pub(super) fn fault(&self, text: &[u8], length: usize) -> Fault {
        let (lines, column) = self.behind(&text[..length]);
        let behind_comma = match length.checked_sub(1) {
            Some(before) => self.ends_with_comma(&text[..before]),
            None => self.comma_before,
        };
        Fault { line: lines + 1, column, behind_comma }
    }

    fn behind(&self, text: &[u8]) -> (usize, usize) {
        match memchr::memrchr(b'\n', text) {
            Some(last) => {
                let lines = 1 + memchr::memchr_iter(b'\n', &text[..last]).count();
                (self.lines + lines, text.len() - last - 1)
            }
            None => (self.lines, self.column + text.len()),
        }
    }

    fn ends_with_comma(&self, text: &[u8]) -> bool {
        text.trim_ascii_end().last().map_or(self.comma, |last| *last == b',')
    }
}
