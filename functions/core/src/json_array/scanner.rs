//! Checks JSON while it arrives and finds the elements of its outermost array. `serde_json` wants a value at once; this
//! holds a bit for each array and object that is open, and no text.

mod nesting;

use std::ops::Range;

use nesting::Nesting;

/// What a scanner came upon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// An element of the outermost array that ends in the text at hand, and begins in it or at its start.
    Element(Range<usize>),
    /// The end of the text at hand.
    Over,
    /// What is no JSON. Up to here the text has been looked at: with the byte at fault, but not with a control character
    /// in a string, as `serde_json` places it.
    Broken(usize),
}

/// What may come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Value,
    /// Behind `[`.
    ValueOrEnd,
    Key,
    /// Behind `{`.
    KeyOrEnd,
    Colon,
    /// Behind a value that is in an array or an object.
    CommaOrEnd,
    /// In a string.
    Text,
    /// Behind `\`.
    Escape,
    /// Behind `\u`.
    Hex,
    /// In `null`, `true` or `false`.
    Word,
    Minus,
    Zero,
    Integer,
    Point,
    Fraction,
    Exponent,
    ExponentSign,
    ExponentDigits,
    /// Behind the outermost value.
    Nothing,
}

/// Takes a text in pieces.
pub(super) struct Scanner {
    state: State,
    nesting: Nesting,
    is_array: bool,
    /// Where the current element begins in the text at hand.
    begun: Option<usize>,
    /// Whether the string is a key.
    is_key: bool,
    /// What is missing of a word.
    word: &'static [u8],
    /// How many digits of an escape are missing.
    digits: u8,
    /// Whether those that are there are hexadecimal.
    is_hex: bool,
}

impl Scanner {
    /// A scanner at the start of a text.
    pub(super) fn new() -> Scanner {
        Scanner {
            state: State::Value,
            nesting: Nesting::default(),
            is_array: false,
            begun: None,
            is_key: false,
            word: b"",
            digits: 0,
            is_hex: true,
        }
    }

    /// Whether the outermost value is an array.
    pub(super) fn is_array(&self) -> bool {
        self.is_array
    }

    /// How deep arrays and objects are nested, the outermost one counted.
    pub(super) fn depth(&self) -> usize {
        self.nesting.deepest()
    }

    /// Whether the text is JSON if nothing else comes.
    pub(super) fn is_complete(&self) -> bool {
        self.nesting.depth() == 0 && (self.state == State::Nothing || self.state.may_end())
    }

    /// Where the element that goes on behind the text at hand begins in it. From now on the next text is at hand.
    pub(super) fn carry(&mut self) -> Option<usize> {
        let begun = self.begun;
        self.begun = begun.map(|_| 0);
        begun
    }

    /// Reads on in the text at hand.
    pub(super) fn next(&mut self, text: &[u8], from: usize) -> Step {
        let mut at = from;
        while let Some(&byte) = text.get(at) {
            let goes_on = match self.state {
                State::Text => {
                    at += plain(&text[at..]);
                    let Some(&byte) = text.get(at) else { break };
                    if byte < b' ' {
                        return Step::Broken(at);
                    }
                    if byte == b'"'
                        && let Some(length) = self.next_text(&text[at + 1..])
                    {
                        self.is_key = !self.is_key;
                        at += 1 + length;
                        continue;
                    }
                    self.leave_text(byte)
                }
                State::Escape | State::Hex | State::Word => self.in_word(byte),
                State::Minus
                | State::Zero
                | State::Integer
                | State::Point
                | State::Fraction
                | State::Exponent
                | State::ExponentSign
                | State::ExponentDigits => {
                    let next = self.state.number(byte);
                    // What ends a number is not part of it.
                    if next.is_none() && self.state.may_end() {
                        if self.end_value() {
                            return self.element(at);
                        }
                        continue;
                    }
                    next.map(|next| {
                        self.state = next;
                        false
                    })
                }
                State::Value
                | State::ValueOrEnd
                | State::Key
                | State::KeyOrEnd
                | State::Colon
                | State::CommaOrEnd
                | State::Nothing => self.between(byte, at),
            };
            at += 1;
            match goes_on {
                None => return Step::Broken(at),
                Some(true) => return self.element(at),
                Some(false) => {}
            }
        }
        Step::Over
    }

    fn element(&mut self, end: usize) -> Step {
        Step::Element(self.begun.take().unwrap_or_default()..end)
    }

    /// A value has ended; whether it is an element.
    fn end_value(&mut self) -> bool {
        let depth = self.nesting.depth();
        self.state = if depth == 0 { State::Nothing } else { State::CommaOrEnd };
        depth == 1 && self.is_array
    }

    /// How far it is from the end of a string in an object into the next one, if nothing else is between them. Most bodies
    /// consist of such strings: this is a short way past the states.
    fn next_text(&self, behind: &[u8]) -> Option<usize> {
        let separator = if self.is_key { b':' } else { b',' };
        match behind {
            [first, b'"', ..] if *first == separator && self.nesting.in_object() => Some(2),
            [first, b' ', b'"', ..] if *first == separator && self.nesting.in_object() => Some(3),
            _ => None,
        }
    }

    /// At a quotation mark or a backslash in a string. As below, the answer is whether an element ends with the byte.
    fn leave_text(&mut self, byte: u8) -> Option<bool> {
        if byte == b'\\' {
            self.state = State::Escape;
            Some(false)
        } else if self.is_key {
            self.state = State::Colon;
            Some(false)
        } else {
            Some(self.end_value())
        }
    }

    /// In an escape or a word. `None` where the byte is not allowed.
    fn in_word(&mut self, byte: u8) -> Option<bool> {
        match self.state {
            State::Escape if byte == b'u' => {
                (self.state, self.digits, self.is_hex) = (State::Hex, 4, true);
                Some(false)
            }
            State::Escape => {
                self.state = State::Text;
                br#""\/bfnrt"#.contains(&byte).then_some(false)
            }
            // All four are read before they are judged, as `serde_json` does.
            State::Hex => {
                self.digits -= 1;
                self.is_hex &= byte.is_ascii_hexdigit();
                if self.digits > 0 {
                    return Some(false);
                }
                self.state = State::Text;
                self.is_hex.then_some(false)
            }
            _ => {
                let (expected, rest) = self.word.split_first()?;
                self.word = rest;
                (byte == *expected).then(|| rest.is_empty() && self.end_value())
            }
        }
    }

    /// Between values. `None` where the byte is not allowed.
    fn between(&mut self, byte: u8, at: usize) -> Option<bool> {
        self.state = match (self.state, byte) {
            (State::KeyOrEnd | State::Key, b'"') => {
                self.is_key = true;
                State::Text
            }
            (State::Colon, b':') => State::Value,
            (State::CommaOrEnd, b',') if self.nesting.in_object() => State::Key,
            (State::CommaOrEnd, b',') => State::Value,
            (state, b' ' | b'\n' | b'\t' | b'\r') => state,
            (State::CommaOrEnd | State::KeyOrEnd, b'}') if self.nesting.in_object() => return self.close(),
            (State::CommaOrEnd | State::ValueOrEnd, b']') if !self.nesting.in_object() => {
                return self.close();
            }
            (State::Value | State::ValueOrEnd, _) => self.begin(byte, at)?,
            _ => return None,
        };
        Some(false)
    }

    fn close(&mut self) -> Option<bool> {
        self.nesting.close();
        Some(self.end_value())
    }

    /// A value begins.
    fn begin(&mut self, byte: u8, at: usize) -> Option<State> {
        match self.nesting.depth() {
            0 => self.is_array = byte == b'[',
            1 if self.is_array => self.begun = Some(at),
            _ => {}
        }
        Some(match byte {
            b'"' => {
                self.is_key = false;
                State::Text
            }
            b'{' => {
                self.nesting.open(true);
                State::KeyOrEnd
            }
            b'[' => {
                self.nesting.open(false);
                State::ValueOrEnd
            }
            b'-' => State::Minus,
            b'0' => State::Zero,
            b'1'..=b'9' => State::Integer,
            _ => {
                let words: [&'static [u8]; 3] = [b"null", b"true", b"false"];
                let word = words.into_iter().find(|word| word[0] == byte)?;
                self.word = &word[1..];
                State::Word
            }
        })
    }
}

impl State {
    /// Whether a number may end here.
    fn may_end(self) -> bool {
        matches!(self, State::Zero | State::Integer | State::Fraction | State::ExponentDigits)
    }

    /// Where a byte leads to in a number; `None` where it is not part of one.
    fn number(self, byte: u8) -> Option<State> {
        match (self, byte) {
            (State::Minus, b'0') => Some(State::Zero),
            (State::Minus | State::Integer, b'0'..=b'9') => Some(State::Integer),
            (State::Zero | State::Integer, b'.') => Some(State::Point),
            (State::Point | State::Fraction, b'0'..=b'9') => Some(State::Fraction),
            (State::Zero | State::Integer | State::Fraction, b'e' | b'E') => Some(State::Exponent),
            (State::Exponent, b'+' | b'-') => Some(State::ExponentSign),
            (State::Exponent | State::ExponentSign | State::ExponentDigits, b'0'..=b'9') => {
                Some(State::ExponentDigits)
            }
            _ => None,
        }
    }
}

/// How many bytes there are before the first that ends a string, begins an escape or is a control character. Eight at
/// a time: a byte has its highest bit set in `found` where it is one of them, and only above such a one by mistake.
fn plain(text: &[u8]) -> usize {
    const ONES: u64 = u64::MAX / 255;
    let (words, rest) = text.as_chunks::<8>();
    for (number, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let (quote, backslash) = (word ^ (ONES * u64::from(b'"')), word ^ (ONES * u64::from(b'\\')));
        let found = (word.wrapping_sub(ONES * 0x20) & !word)
            | (quote.wrapping_sub(ONES) & !quote)
            | (backslash.wrapping_sub(ONES) & !backslash);
        let found = found & (ONES << 7);
        if found != 0 {
            return number * 8 + found.trailing_zeros() as usize / 8;
        }
    }
    let ends = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
    words.len() * 8 + rest.iter().position(ends).unwrap_or(rest.len())
}
