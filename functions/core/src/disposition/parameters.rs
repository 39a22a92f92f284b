//! Takes a Content-Disposition value apart into its parameters.
//! Ours, because many clients do not escape quotes, and a reader by the RFC alone cuts their names short.

use super::UnreadableHeaders;

/// One parameter; its value is not decoded.
#[derive(Debug)]
pub(super) struct Parameter {
    /// Lower case.
    pub name: String,
    /// None: it has none, its quotes do not close, or there are some in its midst.
    pub value: Option<Vec<u8>>,
}

impl Parameter {
    /// What is behind `filename` in the name of a file name: nothing, or `*` and more. Others, such as `filename2`,
    /// are none.
    pub(super) fn file_name_kind(&self) -> Option<&str> {
        self.name.strip_prefix("filename").filter(|kind| kind.is_empty() || kind.starts_with('*'))
    }
}

/// The parameters behind the disposition type, in their order.
pub(super) fn parse(value: &[u8]) -> Result<Vec<Parameter>, UnreadableHeaders> {
    let (kind, mut rest) = until(value, b";");
    if kind.contains(&b'=') {
        return Err(UnreadableHeaders::Malformed);
    }
    let mut parameters: Vec<Parameter> = Vec::new();
    let mut after_file_name = false;
    loop {
        rest = skip_blanks(rest);
        if let Some(behind) = rest.strip_prefix(b";") {
            rest = behind;
            continue;
        }
        if rest.is_empty() {
            return Ok(parameters);
        }
        let (parameter, behind) = parameter(rest);
        rest = behind;
        let (is_file_name, readable) = parameter
            .as_ref()
            .map_or((false, false), |it| (it.file_name_kind().is_some(), it.value.is_some()));
        after_file_name |= is_file_name;
        if after_file_name && !readable {
            return Err(UnreadableHeaders::Malformed);
        }
        parameters.extend(parameter);
    }
}

/// The first parameter, if it is one, and what is behind it.
fn parameter(bytes: &[u8]) -> (Option<Parameter>, &[u8]) {
    let (name, behind) = until(bytes, b"=;");
    let name = name.trim_ascii();
    let (value, behind) = match behind.strip_prefix(b"=").map(skip_blanks) {
        Some([b'"', quoted @ ..]) => unquote(quoted),
        Some(value) => {
            let (value, behind) = until(value, b";");
            ((!value.contains(&b'"')).then(|| value.trim_ascii_end().to_vec()), behind)
        }
        None => (None, behind),
    };
    if name.is_empty() || !name.iter().all(is_token_byte) {
        return (None, behind);
    }
    (Some(Parameter { name: String::from_utf8_lossy(name).to_ascii_lowercase(), value }), behind)
}

/// RFC 9110, 5.6.2.
fn is_token_byte(byte: &u8) -> bool {
    byte.is_ascii_graphic() && !b"\"\\/()<>@,:;=[]?{}".contains(byte)
}

/// The content of quotes whose first is gone, and what is behind their last.
///
/// `\"` is `"` and `\\` is `\`; any other backslash stands for itself. Quotes end only where blanks and then `;` or
/// the end of the value follow.
fn unquote(bytes: &[u8]) -> (Option<Vec<u8>>, &[u8]) {
    let mut value = Vec::new();
    let mut lone_backslash = false;
    let mut rest = bytes;
    loop {
        rest = match rest {
            [] => return (None, rest),
            [b'"', behind @ ..] if matches!(skip_blanks(behind), [] | [b';', ..]) => {
                if lone_backslash && is_unescaped_share(bytes) {
                    value.insert(0, b'\\');
                }
                return (Some(value), behind);
            }
            [b'\\', byte @ (b'"' | b'\\'), behind @ ..] | [byte, behind @ ..] => {
                lone_backslash |= *byte == b'\\' && rest.get(1) != Some(&b'\\');
                value.push(*byte);
                behind
            }
        };
    }
}

/// `\\server\share\…` from a client that escapes no backslashes, as its single ones show: the two that it begins
/// with are two, or it would no longer be seen that this is a path.
fn is_unescaped_share(quoted: &[u8]) -> bool {
    matches!(quoted, [b'\\', b'\\', third, ..] if *third != b'\\')
}

fn skip_blanks(bytes: &[u8]) -> &[u8] {
    let blanks = bytes.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    bytes.get(blanks..).unwrap_or_default()
}

/// What stands before the first of `ends`, and what begins with it.
fn until<'a>(bytes: &'a [u8], ends: &[u8]) -> (&'a [u8], &'a [u8]) {
    let end = bytes.iter().position(|byte| ends.contains(byte)).unwrap_or(bytes.len());
    bytes.split_at_checked(end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The parameters as `name>value`, unreadable values as `!`.
    #[track_caller]
    fn check(value: &str, expected: &[&str]) {
        let parameters = parse(value.as_bytes()).expect("a readable disposition");
        let text = |value: Vec<u8>| String::from_utf8(value).unwrap();
        let parameters: Vec<String> = parameters
            .into_iter()
            .map(|it| format!("{}>{}", it.name, it.value.map_or("!".to_owned(), text)))
            .collect();
        assert_eq!(parameters, expected, "{value}");
    }

    #[test]
    fn parameters_keep_their_order_and_their_values() {
        check("form-data; NAME=a; filename=\"b\"", &["name>a", "filename>b"]);
        check("form-data;name = \"a\" ;;x= y z ;", &["name>a", "x>y z"]);
        check("", &[]);
        check("form-data", &[]);
    }

    #[test]
    fn what_is_no_parameter_is_skipped_before_the_file_name() {
        check("form-data; junk; =x; a b=c; \"=d; filename=e", &["junk>!", "filename>e"]);
        check("form-data; x=a\"b; filename=e", &["x>!", "filename>e"]);
    }

    #[test]
    fn backslashes_escape_quotes_and_themselves_only() {
        check(r#"x; a="\"\\\c""#, &[r#"a>"\\c"#]);
        check(r#"x; a="\\b\c""#, &[r"a>\\b\c"]);
        check(r#"x; a="\\b\\c""#, &[r"a>\b\c"]);
        check(r#"x; a="\\\b\c""#, &[r"a>\\b\c"]);
    }
}
