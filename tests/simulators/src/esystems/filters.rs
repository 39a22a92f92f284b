//! `Filters`: conditions on the fields of a list, joined by AND.
//! Values may be quoted with doubled quotes or bare; a list that uses the wrong separator must not work by accident.

use std::cmp::Ordering;

use serde_json::Value;

use super::answers::Failure;
use super::columns::{self, Column, Record, Type};

/// One condition.
#[derive(Debug)]
pub(super) struct Filter {
    column: &'static Column,
    operator: Operator,
    values: Vec<Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    In,
    NotIn,
    Like,
}

/// Their spellings; one that begins like another comes before it.
const OPERATORS: [(&str, Operator); 9] = [
    ("<>", Operator::NotEqual),
    (">=", Operator::GreaterOrEqual),
    ("<=", Operator::LessOrEqual),
    ("=", Operator::Equal),
    (">", Operator::Greater),
    ("<", Operator::Less),
    ("NotIn", Operator::NotIn),
    ("In", Operator::In),
    ("Like", Operator::Like),
];

/// Reads all conditions: `(Field op value) AND (…)`, or without the parentheses.
pub(super) fn parse(text: &str, columns: &'static [Column]) -> Result<Vec<Filter>, Failure> {
    let mut scan = Scan(text.trim());
    let mut filters = Vec::new();
    while !scan.0.is_empty() {
        if !filters.is_empty() && !scan.word("AND") {
            return Err(scan.wrong());
        }
        filters.push(scan.condition(columns)?);
    }
    Ok(filters)
}

impl Filter {
    /// Whether a record meets the condition.
    pub(super) fn accepts(&self, record: &Record) -> bool {
        let compares = |wanted: &[Ordering]| {
            self.values.iter().any(|value| wanted.contains(&self.column.compare(record, value)))
        };
        match self.operator {
            Operator::Equal | Operator::In => compares(&[Ordering::Equal]),
            Operator::NotEqual | Operator::NotIn => !compares(&[Ordering::Equal]),
            Operator::Greater => compares(&[Ordering::Greater]),
            Operator::GreaterOrEqual => compares(&[Ordering::Greater, Ordering::Equal]),
            Operator::Less => compares(&[Ordering::Less]),
            Operator::LessOrEqual => compares(&[Ordering::Less, Ordering::Equal]),
            Operator::Like => self.values.iter().any(|value| {
                like(&lower(record.get(self.column.member).unwrap_or(&Value::Null)), &lower(value))
            }),
        }
    }
}

/// What is left of the text.
struct Scan<'a>(&'a str);

impl<'a> Scan<'a> {
    fn wrong(&self) -> Failure {
        Failure::unconvertible(&format!("Filters: {}", self.0))
    }

    fn eat(&mut self, text: &str) -> bool {
        let Some(begin) = self.0.get(..text.len()).filter(|begin| begin.eq_ignore_ascii_case(text)) else {
            return false;
        };
        self.0 = self.0[begin.len()..].trim_start();
        true
    }

    /// A word, which ends where no letter follows.
    fn word(&mut self, text: &str) -> bool {
        let ends = self.0.get(text.len()..).is_some_and(|rest| !rest.starts_with(char::is_alphanumeric));
        ends && self.eat(text)
    }

    fn condition(&mut self, columns: &'static [Column]) -> Result<Filter, Failure> {
        let is_closed = self.eat("(");
        let end = self.0.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(self.0.len());
        let (name, rest) = self.0.split_at(end);
        if name.is_empty() {
            return Err(self.wrong());
        }
        self.0 = rest.trim_start();
        let column = columns::find(columns, name)?;
        let is_word = |text: &str| text.starts_with(char::is_alphabetic);
        let found = OPERATORS
            .iter()
            .find(|(text, _)| if is_word(text) { self.word(text) } else { self.eat(text) })
            .map(|(_, operator)| *operator);
        let operator = found.ok_or_else(|| self.wrong())?;
        let raw = self.value(is_closed)?;
        let values = match (operator, column.holds) {
            (Operator::Like, _) => vec![Value::from(unquoted(raw))],
            (Operator::In | Operator::NotIn, Type::Number) => items(column, raw, ',')?,
            (Operator::In | Operator::NotIn, Type::Text | Type::Date | Type::Flag) => {
                items(column, raw, ';')?
            }
            _ => vec![column.parse(&unquoted(raw))?],
        };
        Ok(Filter { column, operator, values })
    }

    /// The text up to the closing parenthesis, or up to the next AND or the end where there is none.
    fn value(&mut self, is_closed: bool) -> Result<&'a str, Failure> {
        let text = self.0;
        let (mut depth, mut quotes) = (0_usize, Quotes::default());
        for (at, c) in text.char_indices() {
            if quotes.are_open_after(c) {
                continue;
            }
            let begins_and = || text[at..].get(..5).is_some_and(|word| word.eq_ignore_ascii_case(" and "));
            match c {
                '(' => depth += 1,
                ')' if depth > 0 => depth -= 1,
                ')' if is_closed => {
                    self.0 = text[at + 1..].trim_start();
                    return Ok(&text[..at]);
                }
                ' ' if !is_closed && begins_and() => {
                    self.0 = text[at..].trim_start();
                    return Ok(&text[..at]);
                }
                _ => {}
            }
        }
        if is_closed || quotes.open {
            return Err(self.wrong());
        }
        self.0 = "";
        Ok(text)
    }
}

/// Whether one is between quotes: only a quote where a value begins opens them, so `O'Brien` needs none.
struct Quotes {
    open: bool,
    at_begin: bool,
}

impl Default for Quotes {
    fn default() -> Self {
        Quotes { open: false, at_begin: true }
    }
}

impl Quotes {
    fn are_open_after(&mut self, c: char) -> bool {
        match c {
            '\'' if self.open => {
                // A doubled one opens them again at once.
                (self.open, self.at_begin) = (false, true);
            }
            '\'' if self.at_begin => (self.open, self.at_begin) = (true, false),
            _ if self.open => {}
            ' ' | ';' | ',' => self.at_begin |= c != ' ',
            _ => self.at_begin = false,
        }
        self.open
    }
}

fn items(column: &Column, raw: &str, separator: char) -> Result<Vec<Value>, Failure> {
    let (mut values, mut begin, mut quotes) = (Vec::new(), 0, Quotes::default());
    for (at, c) in raw.char_indices() {
        if !quotes.are_open_after(c) && c == separator {
            values.push(column.parse(&unquoted(&raw[begin..at]))?);
            begin = at + c.len_utf8();
        }
    }
    values.push(column.parse(&unquoted(&raw[begin..]))?);
    Ok(values)
}

fn unquoted(raw: &str) -> String {
    let text = raw.trim();
    let inner = text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
    inner.map_or_else(|| text.to_owned(), |inner| inner.replace("''", "'"))
}

fn lower(value: &Value) -> Vec<char> {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text.to_lowercase().chars().collect()
}

/// The pattern of SQL: `%` is any text, `_` any one character.
fn like(text: &[char], pattern: &[char]) -> bool {
    match (pattern, text) {
        ([], _) => text.is_empty(),
        (['%', rest @ ..], _) => (0..=text.len()).any(|skipped| like(&text[skipped..], rest)),
        (['_', rest @ ..], [_, text @ ..]) => like(text, rest),
        ([wanted, rest @ ..], [found, text @ ..]) => wanted == found && like(text, rest),
        (_, []) => false,
    }
}
