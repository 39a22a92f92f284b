//! Collects the header section of a part, and reads its lines.
//! Kept apart because a bad header is a fault of its part alone: it must never end the reading of the body.

use bytes::Bytes;
use memchr::memmem;

/// The most bytes in the header section of a part, its blank line not counted.
pub const MAX_HEADER_SECTION: usize = 16 * 1024;

/// The most lines in a header section, the folded ones counted.
pub const MAX_HEADER_LINES: usize = 64;

/// The headers of a part as they came; nothing in them has been looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderSection {
    /// The lines with their line ends, without the blank line; empty when the part has no headers.
    Lines(Bytes),
    /// More than [`MAX_HEADER_SECTION`] bytes, which were skipped.
    TooLarge,
}

/// One header: folds undone, no blanks around the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Lower case.
    pub name: String,
    /// Any bytes but NUL, CR and LF.
    pub value: Vec<u8>,
}

/// Why no header of a section counts; the texts hold nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnreadableSection {
    /// [`HeaderSection::TooLarge`].
    #[error("the headers have more than {MAX_HEADER_SECTION} bytes")]
    TooLarge,
    /// More than [`MAX_HEADER_LINES`].
    #[error("the headers have more than {MAX_HEADER_LINES} lines")]
    TooManyLines,
    /// No colon, no name or a blank in it, a fold without a header, or NUL, CR or LF inside a line.
    #[error("a header line is malformed")]
    Malformed,
}

impl HeaderSection {
    /// All headers in their order, with repeated ones.
    ///
    /// A fold (RFC 9112, 5.2: CRLF and a blank) is one space; other blanks around it stay, since a file name may
    /// have been folded there.
    ///
    /// # Errors
    /// One malformed line, or one line too many, makes all of them unreadable.
    pub fn headers(&self) -> Result<Vec<Header>, UnreadableSection> {
        let HeaderSection::Lines(section) = self else { return Err(UnreadableSection::TooLarge) };
        let mut headers: Vec<Header> = Vec::new();
        for (count, line) in lines(section).enumerate() {
            if count >= MAX_HEADER_LINES {
                return Err(UnreadableSection::TooManyLines);
            }
            if line.iter().any(|byte| matches!(byte, b'\0' | b'\r' | b'\n')) {
                return Err(UnreadableSection::Malformed);
            }
            if let [b' ' | b'\t', folded @ ..] = line {
                let header = headers.last_mut().ok_or(UnreadableSection::Malformed)?;
                header.value.push(b' ');
                header.value.extend_from_slice(folded);
            } else {
                headers.push(header(line)?);
            }
        }
        for header in &mut headers {
            header.value = header.value.trim_ascii().to_vec();
        }
        Ok(headers)
    }
}

/// The lines of a section without their line ends; the last may have none.
fn lines(section: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = section;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = memmem::find(rest, b"\r\n").unwrap_or(rest.len());
        let (line, behind) = rest.split_at_checked(end)?;
        rest = behind.get(2..).unwrap_or_default();
        Some(line)
    })
}

fn header(line: &[u8]) -> Result<Header, UnreadableSection> {
    let colon = memchr::memchr(b':', line).ok_or(UnreadableSection::Malformed)?;
    let (name, value) = line.split_at_checked(colon).ok_or(UnreadableSection::Malformed)?;
    let name = str::from_utf8(name).map_err(|_| UnreadableSection::Malformed)?;
    if name.is_empty() || name.contains([' ', '\t']) {
        return Err(UnreadableSection::Malformed);
    }
    Ok(Header { name: name.to_ascii_lowercase(), value: value.get(1..).unwrap_or_default().to_vec() })
}

/// A header section while it comes in.
#[derive(Default)]
pub(super) struct Head {
    lines: Vec<u8>,
    too_large: bool,
    /// The last three bytes that came, at first the line end before the headers: a blank line may begin in them.
    seam: Option<Vec<u8>>,
}

impl Head {
    /// Takes the headers from `piece`; true if the blank line was among them.
    pub(super) fn take(&mut self, piece: &mut Bytes) -> bool {
        let end = self.blank_line_end(piece);
        let part = piece.split_to(end.unwrap_or(piece.len()).min(piece.len()));
        // With the blank line, which is not counted.
        if self.too_large || self.lines.len() + part.len() > MAX_HEADER_SECTION + 2 {
            self.too_large = true;
            self.lines = Vec::new();
        } else {
            self.lines.extend_from_slice(&part);
        }
        if end.is_some() && !self.too_large {
            self.lines.truncate(self.lines.len().saturating_sub(2));
        }
        end.is_some()
    }

    /// What has come, as the section of a part.
    pub(super) fn into_section(self) -> HeaderSection {
        if self.too_large || self.lines.len() > MAX_HEADER_SECTION {
            return HeaderSection::TooLarge;
        }
        HeaderSection::Lines(self.lines.into())
    }

    /// Where the blank line ends in this piece, if it does; the first line may be it.
    fn blank_line_end(&mut self, piece: &[u8]) -> Option<usize> {
        let seam = self.seam.get_or_insert_with(|| b"\r\n".to_vec());
        let before = seam.len();
        seam.extend(piece.iter().take(3));
        if let Some(at) = memmem::find(seam, b"\r\n\r\n") {
            return Some((at + 4).saturating_sub(before));
        }
        if piece.len() > 3 {
            seam.clear();
            seam.extend_from_slice(piece.last_chunk::<3>().map_or(piece, |last| last.as_slice()));
        } else {
            seam.drain(..seam.len().saturating_sub(3));
        }
        memmem::find(piece, b"\r\n\r\n").map(|at| at + 4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The headers as `name=value`, one after the other.
    #[track_caller]
    fn check(section: &str, expected: Result<&[&str], UnreadableSection>) {
        let headers = HeaderSection::Lines(Bytes::from(section.to_owned())).headers().map(|headers| {
            headers
                .into_iter()
                .map(|header| format!("{}={}", header.name, String::from_utf8(header.value).unwrap()))
                .collect::<Vec<String>>()
        });
        assert_eq!(headers, expected.map(|it| it.iter().map(|it| (*it).to_owned()).collect()), "{section:?}");
    }

    #[test]
    fn names_are_lower_case_and_values_trimmed() {
        check("", Ok(&[]));
        check("Content-Type: application/pdf\r\nX:\r\n", Ok(&["content-type=application/pdf", "x="]));
        check("A:1\r\na: \t2 \r\n", Ok(&["a=1", "a=2"]));
        check("A: b:c\r\n", Ok(&["a=b:c"]));
        check("A: Grüße", Ok(&["a=Grüße"]));
    }

    #[test]
    fn folds_are_one_space() {
        check("A: 1\r\n 2\r\n\t3\r\nB: 4\r\n", Ok(&["a=1 2 3", "b=4"]));
        check("A: 1 \r\n  2\r\n", Ok(&["a=1   2"]));
        check("A:\r\n 1\r\n", Ok(&["a=1"]));
        check("A: 1\r\n \r\n", Ok(&["a=1"]));
    }

    #[test]
    fn a_malformed_line_spoils_the_section() {
        for line in ["A", "A 1", "A : 1", ": 1", "A B: 1", "A: \0", "A: 1\n2", "A: 1\r2", "A: 1\nB: 2", "\r"]
        {
            check(&format!("X: 1\r\n{line}\r\n"), Err(UnreadableSection::Malformed));
        }
        check(" 1\r\nA: 1\r\n", Err(UnreadableSection::Malformed));
    }

    #[test]
    fn lines_are_limited() {
        let many = |count: usize| HeaderSection::Lines("A: 1\r\n".repeat(count).into()).headers();
        assert_eq!(many(MAX_HEADER_LINES).map(|headers| headers.len()), Ok(MAX_HEADER_LINES));
        assert_eq!(many(MAX_HEADER_LINES + 1), Err(UnreadableSection::TooManyLines));
        assert_eq!(HeaderSection::TooLarge.headers(), Err(UnreadableSection::TooLarge));
    }

    #[test]
    fn the_blank_line_is_found_wherever_pieces_end() {
        for whole in ["\r\nrest", "A: 1\r\n\r\nrest", "A: \r\r\n\r\nrest", "A: 1\r\n\r \r\n\r\n\r\nrest"] {
            let expected = whole.find("\r\n\r\n").map_or(0, |at| at + 2);
            for first in 0..whole.len() {
                for second in first..whole.len() {
                    let mut head = Head::default();
                    let pieces = [&whole[..first], &whole[first..second], &whole[second..]];
                    let mut pieces = pieces.map(|piece| Bytes::from(piece.to_owned())).into_iter();
                    let rest = pieces.by_ref().find_map(|mut piece| head.take(&mut piece).then_some(piece));
                    let rest: Vec<u8> = rest.into_iter().chain(pieces).flatten().collect();
                    let HeaderSection::Lines(lines) = head.into_section() else { panic!("too large") };
                    assert_eq!(lines, whole[..expected], "{whole:?} {first} {second}");
                    assert_eq!(rest, whole.as_bytes()[expected + 2..], "{whole:?} {first} {second}");
                }
            }
        }
    }
}
