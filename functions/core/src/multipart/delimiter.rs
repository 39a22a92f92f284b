//! Finds the delimiter lines in a body that comes in chunks.
//! Kept apart because it alone sees every byte: it has to run as fast as memory, whatever the bytes are.

use super::Boundary;
use bytes::{Buf, Bytes};
use memchr::memmem::Finder;

/// The most blanks that may stand behind a delimiter before its line end; with more, the line is data.
pub const MAX_PADDING: usize = 1024;

/// A delimiter line, as far as it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    Delimiter,
    Closing,
}

/// What bytes are that begin like a delimiter.
enum Verdict {
    Data,
    Undecided,
    /// A delimiter line of this many bytes, line end included.
    Found(Line, usize),
}

/// Looks for the lines of one boundary.
pub(super) struct Delimiter {
    /// The line end before the delimiter, two hyphens, the boundary. Its first byte occurs in it only once, so
    /// that no second delimiter begins inside a first.
    needle: Bytes,
    finder: Finder<'static>,
    line_end: &'static [u8],
    /// What came last, if a delimiter may have begun in it.
    held: Vec<u8>,
    /// So many bytes of `held` were only imagined, or belong to the line before.
    foreign: usize,
}

impl Delimiter {
    /// For delimiters as they have to be, at the start of a body.
    pub(super) fn after_crlf(boundary: &Boundary) -> Delimiter {
        Delimiter::new(b"\r\n", boundary)
    }

    /// For delimiters in a body whose lines end with LF, at its start.
    pub(super) fn after_lf(boundary: &Boundary) -> Delimiter {
        Delimiter::new(b"\n", boundary)
    }

    fn new(line_end: &'static [u8], boundary: &Boundary) -> Delimiter {
        let needle = Bytes::from([line_end, b"--", boundary.as_bytes()].concat());
        let finder = Finder::new(&needle).into_owned();
        Delimiter { needle, finder, line_end, held: line_end.to_vec(), foreign: line_end.len() }
    }

    /// Takes bytes from `chunk` up to and with the next delimiter line, or all of them; passes on those before it.
    pub(super) fn seek(&mut self, chunk: &mut Bytes, mut content: impl FnMut(Bytes)) -> Option<Line> {
        if !self.held.is_empty() {
            match self.resume(chunk) {
                Verdict::Undecided => return None,
                Verdict::Found(line, _) => return Some(line),
                Verdict::Data => self.release(&mut content),
            }
        }
        let (start, verdict) = self.first_in(chunk);
        let before = chunk.split_to(start.min(chunk.len()));
        if !before.is_empty() {
            content(before);
        }
        match verdict {
            Verdict::Found(line, length) => {
                chunk.advance(length.min(chunk.len()));
                self.at_line_start();
                Some(line)
            }
            Verdict::Undecided | Verdict::Data => {
                self.held.extend_from_slice(chunk);
                chunk.clear();
                None
            }
        }
    }

    /// Decides about the held bytes with those that follow; takes these only where they belong to a delimiter.
    fn resume(&mut self, chunk: &mut Bytes) -> Verdict {
        let had = self.held.len();
        let enough = (self.needle.len() + 2 + MAX_PADDING + 2).saturating_sub(had);
        self.held.extend(chunk.iter().take(enough));
        let verdict = self.judge(&self.held);
        match verdict {
            Verdict::Undecided => chunk.clear(),
            Verdict::Found(_, length) => {
                chunk.advance(length.saturating_sub(had).min(chunk.len()));
                self.at_line_start();
            }
            Verdict::Data => self.held.truncate(had),
        }
        verdict
    }

    /// Whether the held bytes are the closing delimiter if the body ends here.
    pub(super) fn closes_at_the_end(&self) -> bool {
        let tail = self.held.strip_prefix(self.needle.as_ref()).and_then(|tail| tail.strip_prefix(b"--"));
        tail.is_some_and(|rest| rest.iter().all(|byte| matches!(byte, b' ' | b'\t')))
    }

    /// The held bytes are no delimiter, as the next ones or the end of the body show, and none begins in them.
    pub(super) fn release(&mut self, mut content: impl FnMut(Bytes)) {
        let held = self.held.get(self.foreign..).unwrap_or_default();
        if !held.is_empty() {
            content(Bytes::copy_from_slice(held));
        }
        self.held.clear();
        self.foreign = 0;
    }

    /// The end of one line is also the line end before the next.
    fn at_line_start(&mut self) {
        self.held.clear();
        self.held.extend_from_slice(self.line_end);
        self.foreign = self.line_end.len();
    }

    /// Where the first delimiter begins, or may begin at the end; else all of it is data.
    fn first_in(&self, chunk: &[u8]) -> (usize, Verdict) {
        let mut from = 0;
        while let Some(found) = self.finder.find(chunk.get(from..).unwrap_or_default()) {
            let at = from + found;
            match self.judge(chunk.get(at..).unwrap_or_default()) {
                Verdict::Data => from = at + self.needle.len(),
                verdict => return (at, verdict),
            }
        }
        let from = from.max((chunk.len() + 1).saturating_sub(self.needle.len()));
        let end = chunk.get(from..).unwrap_or_default();
        match self.needle.first().and_then(|first| memchr::memrchr(*first, end)) {
            Some(at) if self.needle.starts_with(end.get(at..).unwrap_or_default()) => {
                (from + at, Verdict::Undecided)
            }
            _ => (chunk.len(), Verdict::Data),
        }
    }

    fn judge(&self, bytes: &[u8]) -> Verdict {
        let Some(tail) = bytes.strip_prefix(self.needle.as_ref()) else {
            return if self.needle.starts_with(bytes) { Verdict::Undecided } else { Verdict::Data };
        };
        let blanks =
            tail.iter().take(MAX_PADDING + 1).take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        let found = |line, end| Verdict::Found(line, self.needle.len() + blanks + end);
        match tail.get(blanks..).unwrap_or_default() {
            _ if blanks > MAX_PADDING => Verdict::Data,
            [b'\r', b'\n', ..] => found(Line::Delimiter, 2),
            [b'\n', ..] if self.line_end == b"\n" => found(Line::Delimiter, 1),
            [b'-', b'-', rest @ ..] if blanks == 0 => match behind_closing(rest) {
                Behind::LineEnd => found(Line::Closing, 2),
                Behind::Nothing => Verdict::Undecided,
                Behind::Data => Verdict::Data,
            },
            [] | [b'\r'] => Verdict::Undecided,
            [b'-'] if blanks == 0 => Verdict::Undecided,
            _ => Verdict::Data,
        }
    }
}

/// What follows the two hyphens of what may be the closing delimiter.
enum Behind {
    LineEnd,
    /// So far; the end of the body would do as well.
    Nothing,
    Data,
}

/// Blanks and a line end, here also LF alone, make it the closing one; a file may go on in any other way.
fn behind_closing(rest: &[u8]) -> Behind {
    let blanks = rest.iter().take(MAX_PADDING + 1).take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    match rest.get(blanks..).unwrap_or_default() {
        _ if blanks > MAX_PADDING => Behind::Data,
        [b'\r', b'\n', ..] | [b'\n', ..] => Behind::LineEnd,
        [] | [b'\r'] => Behind::Nothing,
        _ => Behind::Data,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds the chunks to a delimiter with the boundary `b`: content as it is passed on, lines as `<>` and `</>`.
    #[track_caller]
    fn check(chunks: &[&'static str], expected: &str) {
        let mut delimiter =
            Delimiter::after_crlf(&Boundary::parse("multipart/form-data; boundary=b").unwrap());
        let mut seen = String::new();
        for chunk in chunks {
            let mut chunk = Bytes::from(*chunk);
            while !chunk.is_empty() {
                let line = delimiter.seek(&mut chunk, |piece| seen.push_str(str::from_utf8(&piece).unwrap()));
                seen.push_str(match line {
                    Some(Line::Delimiter) => "<>",
                    Some(Line::Closing) => "</>",
                    None => "",
                });
            }
        }
        assert_eq!(seen, expected);
    }

    #[test]
    fn chunks_may_end_inside_a_delimiter() {
        check(&["--b\r\nx\r\n--b--\n"], "<>x</>\n");
        check(&["-", "-b", "\r", "\nx\r", "\n--", "b-", "-", " ", "\n"], "<>x</>\n");
        check(&["--b ", "\t", "\r", "\nx"], "<>x");
    }

    #[test]
    fn held_bytes_come_back_when_they_were_data() {
        check(&["--", "c"], "--c");
        check(&["x\r", "\n--", "c"], "x\r\n--c");
        check(&["x\r\n--b ", " ", "c"], "x\r\n--b  c");
        check(&["x\r\n--b\r", "\r\n--b--\n"], "x\r\n--b\r</>\n");
        check(&["x\r", "\r", "\n--b--\n"], "x\r</>\n");
    }

    #[test]
    fn one_line_end_serves_two_delimiters() {
        check(&["--b\r\n--b\r\n\r\n--b--\n"], "<><></>\n");
    }
}
