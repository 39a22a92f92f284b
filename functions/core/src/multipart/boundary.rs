//! Reads the boundary from a Content-Type header.
//! Kept apart because clients write it in more ways than the RFCs allow, and all of them name one boundary.

use super::MultipartFault;

/// The most bytes that a boundary may have (RFC 2046, 5.1.1).
pub const MAX_BOUNDARY: usize = 70;

/// The boundary of a multipart body: 1 to [`MAX_BOUNDARY`] bytes, no control character among them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Boundary(Vec<u8>);

impl Boundary {
    /// Reads the `boundary` parameter of a whole Content-Type value; whether it says multipart is not looked at.
    ///
    /// The parameter may stand anywhere among others and in any case. In quotes `\x` is `x` (RFC 9110, 5.6.4);
    /// without quotes it goes on to the next `;`, whatever characters it has, and blanks around it do not count
    /// (WHATWG MIME Sniffing, 4.4). Whatever is no parameter is skipped.
    ///
    /// # Errors
    /// `NoBoundary`, `TwoBoundaries` (also when they are equal), and `BadBoundary`.
    pub fn parse(content_type: impl AsRef<[u8]>) -> Result<Boundary, MultipartFault> {
        let (_, mut rest) = cut(content_type.as_ref(), b";");
        let mut found = None;
        while !rest.is_empty() {
            let (name, value, behind) = parameter(rest);
            rest = behind;
            if !name.trim_ascii().eq_ignore_ascii_case(b"boundary") {
                continue;
            }
            let Some(value) = value else { return Err(MultipartFault::BadBoundary) };
            if found.replace(value).is_some() {
                return Err(MultipartFault::TwoBoundaries);
            }
        }
        let boundary = found.ok_or(MultipartFault::NoBoundary)?;
        let fits = (1..=MAX_BOUNDARY).contains(&boundary.len()) && !boundary.iter().any(u8::is_ascii_control);
        if fits { Ok(Boundary(boundary)) } else { Err(MultipartFault::BadBoundary) }
    }

    /// The boundary's bytes, without the hyphens that stand before it in the body.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The first parameter: its name, its value (None: quotes that do not close), and what is behind its `;`.
fn parameter(bytes: &[u8]) -> (&[u8], Option<Vec<u8>>, &[u8]) {
    let (name, _) = cut(bytes, b"=;");
    let Some(b'=') = bytes.get(name.len()) else {
        let (_, behind) = cut(bytes, b";");
        return (b"", None, behind);
    };
    let value = bytes.get(name.len() + 1..).unwrap_or_default().trim_ascii_start();
    match value.strip_prefix(b"\"") {
        Some(quoted) => {
            let (value, behind) = unquote(quoted);
            (name, value, cut(behind, b";").1)
        }
        None => {
            let (value, behind) = cut(value, b";");
            (name, Some(value.trim_ascii_end().to_vec()), behind)
        }
    }
}

/// The content of a quoted string whose first quote is gone, and what is behind its last.
fn unquote(bytes: &[u8]) -> (Option<Vec<u8>>, &[u8]) {
    let mut value = Vec::new();
    let mut rest = bytes;
    loop {
        rest = match rest {
            [b'"', behind @ ..] => return (Some(value), behind),
            [b'\\', byte, behind @ ..] | [byte, behind @ ..] => {
                value.push(*byte);
                behind
            }
            [] => return (None, rest),
        };
    }
}

/// What stands before the first of `ends`, and what stands behind it.
fn cut<'a>(bytes: &'a [u8], ends: &[u8]) -> (&'a [u8], &'a [u8]) {
    let mut pieces = bytes.splitn(2, |byte| ends.contains(byte));
    (pieces.next().unwrap_or_default(), pieces.next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(content_type: &str, expected: Result<&str, MultipartFault>) {
        let found = Boundary::parse(content_type).map(|it| String::from_utf8(it.0).unwrap());
        assert_eq!(found, expected.map(str::to_owned), "{content_type}");
    }

    #[test]
    fn clients_write_it_in_many_ways() {
        check("multipart/form-data; boundary=abc", Ok("abc"));
        check("multipart/form-data;boundary=abc", Ok("abc"));
        check("Multipart/Form-Data ; BOUNDARY = abc ; charset=utf-8", Ok("abc"));
        check("multipart/form-data; charset=utf-8; boundary=\"abc\"", Ok("abc"));
        check("multipart/form-data; boundary=x", Ok("x"));
        check(
            "multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxk",
            Ok("----WebKitFormBoundary7MA4YWxk"),
        );
        check("multipart/form-data; boundary==_a=(b)/c:d?e,f'g'", Ok("=_a=(b)/c:d?e,f'g'"));
        check("multipart/form-data; boundary=\"a;b = \\\"c\\\\\"; x", Ok("a;b = \"c\\"));
        check("multipart/form-data; x=\"; boundary=no\"; boundary=yes", Ok("yes"));
        check("multipart/form-data; junk; ;; =; boundary=abc; junk; \"", Ok("abc"));
        check("multipart/form-data; boundary=\"abc\" junk; x=y", Ok("abc"));
    }

    #[test]
    fn one_is_needed_and_no_more() {
        check("multipart/form-data", Err(MultipartFault::NoBoundary));
        check("", Err(MultipartFault::NoBoundary));
        check("boundary=abc", Err(MultipartFault::NoBoundary));
        check("multipart/form-data; boundary", Err(MultipartFault::NoBoundary));
        check("multipart/form-data; xboundary=abc", Err(MultipartFault::NoBoundary));
        check("multipart/form-data; boundary=a; boundary=b", Err(MultipartFault::TwoBoundaries));
        check(
            "multipart/form-data; boundary=a, multipart/form-data; Boundary=a",
            Err(MultipartFault::TwoBoundaries),
        );
    }

    #[test]
    fn its_length_has_limits() {
        let of = |bytes: usize| format!("multipart/form-data; boundary={}", "x".repeat(bytes));
        check(&of(1), Ok("x"));
        check(&of(MAX_BOUNDARY), Ok(&"x".repeat(MAX_BOUNDARY)));
        check(&of(0), Err(MultipartFault::BadBoundary));
        check(&of(MAX_BOUNDARY + 1), Err(MultipartFault::BadBoundary));
        check("multipart/form-data; boundary=\"\"", Err(MultipartFault::BadBoundary));
    }

    #[test]
    fn what_cannot_be_a_line_is_refused() {
        check("multipart/form-data; boundary=\"abc", Err(MultipartFault::BadBoundary));
        check("multipart/form-data; boundary=\"abc\\\"", Err(MultipartFault::BadBoundary));
        check("multipart/form-data; boundary=a\r\nb", Err(MultipartFault::BadBoundary));
        check("multipart/form-data; boundary=a\0b", Err(MultipartFault::BadBoundary));
    }
}
