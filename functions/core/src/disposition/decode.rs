//! Decodes a file name, in each of the ways in which clients encode it, and checks that nothing of it was lost.
//! Decoding strictly is what keeps two names two: a name that was repaired may be another person's.

use super::UnreadableHeaders::{self, *};
use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use unicode_normalization::UnicodeNormalization;

use crate::hex;

type Decoded<T> = Result<T, UnreadableHeaders>;

/// Base64 as in RFC 2045, but clients may leave the padding out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Charset {
    Utf8,
    Latin1,
    Ascii,
}

impl Charset {
    /// Names in any case; RFC 5987, 3.2.1 asks for UTF-8 and ISO-8859-1.
    fn parse(name: &[u8]) -> Decoded<Charset> {
        match name.to_ascii_lowercase().as_slice() {
            b"utf-8" | b"utf8" => Ok(Charset::Utf8),
            b"iso-8859-1" | b"latin1" => Ok(Charset::Latin1),
            b"us-ascii" | b"ascii" => Ok(Charset::Ascii),
            _ => Err(UnknownCharset),
        }
    }

    fn decode(self, bytes: Vec<u8>) -> Decoded<String> {
        match self {
            Charset::Ascii if !bytes.is_ascii() => Err(BrokenEncoding),
            Charset::Utf8 | Charset::Ascii => String::from_utf8(bytes).map_err(|_| NotUtf8),
            Charset::Latin1 => Ok(bytes.into_iter().map(char::from).collect()),
        }
    }
}

/// One of the numbered continuations of a file name (RFC 2231, 3 and 4.1).
pub(super) struct Piece<'a> {
    number: usize,
    encoded: bool,
    value: &'a [u8],
}

impl<'a> Piece<'a> {
    /// From what is behind `filename*` in the parameter's name, such as `0*`; no leading zeros.
    pub(super) fn parse(number: &str, value: &'a [u8]) -> Decoded<Piece<'a>> {
        let (digits, encoded) = number.strip_suffix('*').map_or((number, false), |digits| (digits, true));
        let number: usize = digits.parse().map_err(|_| BrokenEncoding)?;
        if number.to_string() == digits { Ok(Piece { number, encoded, value }) } else { Err(BrokenEncoding) }
    }
}

/// The value of `filename*` (RFC 5987, 3.2.1); it may also have come in quotes, or with raw UTF-8 and blanks.
pub(super) fn extended(value: &[u8]) -> Decoded<String> {
    let (charset, value) = charset_of(value)?;
    charset.decode(unescaped(value, charset)?)
}

/// Continuations in any order. Only a first piece that is encoded names a charset, and others may be only then.
pub(super) fn continued(mut pieces: Vec<Piece<'_>>) -> Decoded<String> {
    pieces.sort_by_key(|piece| piece.number);
    if pieces.windows(2).any(|two| matches!(two, [one, other] if one.number == other.number)) {
        return Err(TwoFileNames);
    }
    if pieces.iter().enumerate().any(|(at, piece)| piece.number != at) {
        return Err(MissingPiece);
    }
    let mut charset = None;
    if let Some(first) = pieces.first_mut().filter(|first| first.encoded) {
        let (named, value) = charset_of(first.value)?;
        first.value = value;
        charset = Some(named);
    }
    let mut bytes = Vec::new();
    for piece in pieces {
        match charset {
            Some(charset) if piece.encoded => bytes.extend(unescaped(piece.value, charset)?),
            None if piece.encoded => return Err(BrokenEncoding),
            Some(charset) => bytes.extend(literal(piece.value, charset)?),
            None => bytes.extend_from_slice(piece.value),
        }
    }
    charset.unwrap_or(Charset::Utf8).decode(bytes)
}

/// The charset and the rest of `charset'language'rest`.
fn charset_of(value: &[u8]) -> Decoded<(Charset, &[u8])> {
    let mut fields = value.splitn(3, |byte| *byte == b'\'');
    match (fields.next(), fields.next(), fields.next()) {
        (Some(charset), Some(_), Some(rest)) => Ok((Charset::parse(charset.trim_ascii())?, rest)),
        _ => Err(BrokenEncoding),
    }
}

/// Raw bytes are UTF-8, so that beyond ASCII they contradict any other charset.
fn literal(value: &[u8], charset: Charset) -> Decoded<&[u8]> {
    if charset == Charset::Utf8 || value.is_ascii() { Ok(value) } else { Err(BrokenEncoding) }
}

fn unescaped(value: &[u8], charset: Charset) -> Decoded<Vec<u8>> {
    if !all_escapes_valid(value) {
        return Err(BrokenEncoding);
    }
    Ok(percent_encoding::percent_decode(literal(value, charset)?).collect())
}

/// Whether two hexadecimal digits follow every `%`.
fn all_escapes_valid(value: &[u8]) -> bool {
    value.split(|byte| *byte == b'%').skip(1).all(
        |behind| matches!(behind, [high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit()),
    )
}

/// The value of `filename`: encoded words, or all of it percent-encoded, or three characters of it (WHATWG HTML,
/// 4.10.21.8), or as it is. Each way excludes the next, and none is tried on what another one decoded.
pub(super) fn plain(value: &[u8]) -> Decoded<String> {
    let text = str::from_utf8(value).map_err(|_| NotUtf8)?;
    if let Some(words) = encoded_words(text) {
        return decode_words(words);
    }
    if text.is_ascii() && !text.contains([' ', '\t']) && all_escapes_valid(value) {
        return Charset::Utf8.decode(percent_encoding::percent_decode(value).collect());
    }
    let text = text.replace("%22", "\"");
    let text = text.replace("%0D", "\r").replace("%0d", "\r");
    Ok(text.replace("%0A", "\n").replace("%0a", "\n"))
}

/// An encoded word (RFC 2047, 2): charset, encoding, text.
type Word<'a> = (&'a str, &'a str, &'a str);

/// The encoded words of a value that has nothing but them and blanks.
fn encoded_words(value: &str) -> Option<Vec<Word<'_>>> {
    let words: Option<Vec<Word<'_>>> =
        value.split([' ', '\t']).filter(|word| !word.is_empty()).map(word).collect();
    words.filter(|words| !words.is_empty())
}

fn word(text: &str) -> Option<Word<'_>> {
    let mut fields = text.strip_prefix("=?")?.strip_suffix("?=")?.split('?');
    let word = (fields.next()?, fields.next()?, fields.next()?);
    fields.next().is_none().then_some(word)
}

/// Joins words without the blanks between them (RFC 2047, 6.2). Neighbours of one charset are joined before they
/// are decoded, since clients cut in the midst of a character.
fn decode_words(words: Vec<Word<'_>>) -> Decoded<String> {
    let mut runs: Vec<(Charset, Vec<u8>)> = Vec::new();
    for (charset, encoding, text) in words {
        // RFC 2231, 5: a language may follow the charset.
        let charset = Charset::parse(charset.split('*').next().unwrap_or_default().as_bytes())?;
        let bytes = match encoding {
            "B" | "b" => BASE64.decode(text).map_err(|_| BrokenEncoding)?,
            "Q" | "q" => decode_q(text, charset)?,
            _ => return Err(BrokenEncoding),
        };
        match runs.last_mut() {
            Some((last, run)) if *last == charset => run.extend(bytes),
            _ => runs.push((charset, bytes)),
        }
    }
    runs.into_iter().map(|(charset, bytes)| charset.decode(bytes)).collect()
}

/// RFC 2047, 4.2: `_` is a space and `=XX` a byte.
fn decode_q(text: &str, charset: Charset) -> Decoded<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut rest = literal(text.as_bytes(), charset)?;
    loop {
        rest = match rest {
            [] => return Ok(bytes),
            [b'=', high, low, behind @ ..] => {
                bytes.push(digit(*high)? << 4 | digit(*low)?);
                behind
            }
            [b'=', ..] => return Err(BrokenEncoding),
            [byte, behind @ ..] => {
                bytes.push(if *byte == b'_' { b' ' } else { *byte });
                behind
            }
        };
    }
}

fn digit(digit: u8) -> Decoded<u8> {
    hex::digit(digit).ok_or(BrokenEncoding)
}

/// The last segment of a decoded name, in Unicode NFC.
///
/// Refused where a character was lost anywhere in the name, its path included: that client loses characters. A `/`
/// that was itself encoded (`%2F`) separates like any other: no file system has it in a name, so it came from a
/// path that was encoded as a whole. `\` separates only after a drive (`C:\`) or share (`\\`): elsewhere file names
/// contain it. An empty name stays empty.
pub(crate) fn last_segment(decoded: &str) -> Decoded<String> {
    nothing_lost(decoded)?;
    let windows = matches!(decoded.as_bytes(), [b'\\', b'\\', ..])
        || matches!(decoded.as_bytes(), [drive, b':', b'\\', ..] if drive.is_ascii_alphabetic());
    let segment = decoded.rsplit(|it| it == '/' || (windows && it == '\\')).next().unwrap_or_default();
    if segment.is_empty() && !decoded.is_empty() {
        return Err(NoLastSegment);
    }
    Ok(segment.nfc().collect())
}

fn nothing_lost(decoded: &str) -> Decoded<()> {
    let is_reference = |behind: &str| {
        let digits = behind.trim_start_matches(|it: char| it.is_ascii_digit());
        digits.len() < behind.len() && digits.starts_with(';')
    };
    if decoded.contains('?') {
        return Err(LostCharacter("'?'"));
    }
    if decoded.contains(char::REPLACEMENT_CHARACTER) {
        return Err(LostCharacter("U+FFFD"));
    }
    if decoded.split("&#").skip(1).any(is_reference) {
        return Err(LostCharacter("a character reference"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(result: Decoded<String>, expected: Decoded<&str>) {
        assert_eq!(result, expected.map(str::to_owned));
    }

    #[test]
    fn no_value_is_decoded_twice() {
        check(plain(b"%2541.pdf"), Ok("%41.pdf"));
        check(plain(b"=?utf-8?Q?%41.pdf?="), Ok("%41.pdf"));
        check(plain(b"=?utf-8?Q?=3D=3Futf-8=3FQ=3Fa=3F=3D?="), Ok("=?utf-8?Q?a?="));
        check(extended(b"utf-8''=%3Futf-8%3FQ%3Fa%3F="), Ok("=?utf-8?Q?a?="));
    }

    #[test]
    fn blanks_alone_are_no_encoded_words() {
        check(plain(b" "), Ok(" "));
        check(plain(b""), Ok(""));
    }

    #[test]
    fn hexadecimal_digits_have_any_case() {
        check(plain(b"=?utf-8?Q?=c3=A4?="), Ok("ä"));
        check(plain(b"%c3%A4"), Ok("ä"));
        check(plain(b"=?utf-8?Q?=+1?="), Err(BrokenEncoding));
    }

    #[test]
    fn a_path_is_split_where_its_system_splits() {
        check(last_segment("a/b\\c"), Ok("b\\c"));
        check(last_segment("C:\\a/b\\c"), Ok("c"));
        check(last_segment("\\\\a\\b"), Ok("b"));
        check(last_segment("\\a\\b"), Ok("\\a\\b"));
        check(last_segment("1:\\b"), Ok("1:\\b"));
        check(last_segment("/"), Err(NoLastSegment));
        check(last_segment(""), Ok(""));
    }
}
