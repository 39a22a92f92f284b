//! Filters: read from their text, and applied to a user or to one item of a list.
//! They are the language of look-ups and of value paths, so both are read by this one parser.

use std::cmp::Ordering;

use serde_json::{Map, Value};

use super::paths::{Scope, Step, steps};
use super::schema::Shape;

/// How deep parentheses and brackets may be nested.
const DEEPEST: usize = 32;

/// A condition that something meets or not.
#[derive(Debug, Clone)]
pub(super) enum Filter {
    All(Vec<Filter>),
    Any(Vec<Filter>),
    Not(Box<Filter>),
    Present(Vec<Step>),
    Compared(Vec<Step>, Operator, Value),
    /// An item of the list meets the condition.
    Within(Vec<Step>, Box<Filter>),
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Contains,
    StartsWith,
    EndsWith,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

impl Operator {
    fn parse(word: &str) -> Option<Self> {
        Some(match word.to_ascii_lowercase().as_str() {
            "eq" => Operator::Equal,
            "ne" => Operator::NotEqual,
            "co" => Operator::Contains,
            "sw" => Operator::StartsWith,
            "ew" => Operator::EndsWith,
            "gt" => Operator::Greater,
            "ge" => Operator::GreaterOrEqual,
            "lt" => Operator::Less,
            "le" => Operator::LessOrEqual,
            _ => return None,
        })
    }

    /// Whether values of this kind can be compared so: only texts have parts, and true and null have no order.
    fn takes(self, value: &Value) -> bool {
        match self {
            Operator::Equal | Operator::NotEqual => !value.is_array() && !value.is_object(),
            Operator::Contains | Operator::StartsWith | Operator::EndsWith => value.is_string(),
            Operator::Greater | Operator::GreaterOrEqual | Operator::Less | Operator::LessOrEqual => {
                value.is_string() || value.is_number()
            }
        }
    }
}

impl Filter {
    /// Reads a filter; `None` when it is malformed or names what does not exist.
    pub(super) fn parse(text: &str, scope: Scope<'_>) -> Option<Filter> {
        let (filter, rest) = Filter::begin(text, scope)?;
        rest.trim_matches(' ').is_empty().then_some(filter)
    }

    /// Reads a filter at the beginning of a text; gives what follows it.
    pub(super) fn begin<'t>(text: &'t str, scope: Scope<'_>) -> Option<(Filter, &'t str)> {
        let mut parser = Parser { rest: text, depth: 0 };
        let filter = parser.any_of(scope)?;
        Some((filter, parser.rest.trim_start_matches(' ')))
    }

    /// Whether the filter asks for one of these attributes of a user.
    pub(super) fn asks_for(&self, names: &[&str]) -> bool {
        match self {
            Filter::All(filters) | Filter::Any(filters) => {
                filters.iter().any(|filter| filter.asks_for(names))
            }
            Filter::Not(filter) => filter.asks_for(names),
            Filter::Present(path) | Filter::Compared(path, _, _) | Filter::Within(path, _) => {
                path.first().is_some_and(|step| names.contains(&step.name.as_str()))
            }
        }
    }

    /// Whether a user or an item meets it. `exact_user_name` says how user names are compared.
    pub(super) fn meets(&self, members: &Map<String, Value>, exact_user_name: bool) -> bool {
        let meets = |filter: &Filter| filter.meets(members, exact_user_name);
        match self {
            Filter::All(filters) => filters.iter().all(meets),
            Filter::Any(filters) => filters.iter().any(meets),
            Filter::Not(filter) => !meets(filter),
            Filter::Present(path) => reached(members, path).into_iter().any(is_something),
            Filter::Within(path, filter) => reached(members, path)
                .into_iter()
                .filter_map(Value::as_object)
                .any(|item| filter.meets(item, exact_user_name)),
            Filter::Compared(path, operator, wanted) => {
                let exact = path
                    .last()
                    .is_some_and(|step| step.attribute.exact || (exact_user_name && step.name == "userName"));
                let values = reached(members, path);
                match (values.is_empty(), operator) {
                    (true, Operator::Equal) => wanted.is_null(),
                    (true, Operator::NotEqual) => !wanted.is_null(),
                    _ => values.into_iter().any(|value| compared(value, *operator, wanted, exact)),
                }
            }
        }
    }
}

/// The values at the end of a path, those of every item where it leads through a list.
fn reached<'v>(members: &'v Map<String, Value>, path: &[Step]) -> Vec<&'v Value> {
    let Some((first, rest)) = path.split_first() else { return Vec::new() };
    let mut values: Vec<&Value> = members.get(&first.name).into_iter().flat_map(items).collect();
    for step in rest {
        values = values.into_iter().filter_map(|value| value.get(&step.name)).flat_map(items).collect();
    }
    values.retain(|value| !value.is_null());
    values
}

fn items(value: &Value) -> std::slice::Iter<'_, Value> {
    value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice).iter()
}

fn is_something(value: &Value) -> bool {
    value.as_str() != Some("") && value.as_object().is_none_or(|members| !members.is_empty())
}

fn compared(value: &Value, operator: Operator, wanted: &Value, exact: bool) -> bool {
    let (value, wanted) = (folded(value, exact), folded(wanted, exact));
    let texts = value.as_str().zip(wanted.as_str());
    let order = texts.map(|(value, wanted)| value.cmp(wanted)).or_else(|| {
        let (value, wanted) = (value.as_f64()?, wanted.as_f64()?);
        value.partial_cmp(&wanted)
    });
    match operator {
        Operator::Equal => value == wanted,
        Operator::NotEqual => value != wanted,
        Operator::Contains => texts.is_some_and(|(value, wanted)| value.contains(wanted)),
        Operator::StartsWith => texts.is_some_and(|(value, wanted)| value.starts_with(wanted)),
        Operator::EndsWith => texts.is_some_and(|(value, wanted)| value.ends_with(wanted)),
        Operator::Greater => order == Some(Ordering::Greater),
        Operator::GreaterOrEqual => order.is_some_and(Ordering::is_ge),
        Operator::Less => order == Some(Ordering::Less),
        Operator::LessOrEqual => order.is_some_and(Ordering::is_le),
    }
}

fn folded(value: &Value, exact: bool) -> Value {
    match value {
        Value::String(text) if !exact => Value::String(text.to_lowercase()),
        _ => value.clone(),
    }
}

/// What is left of the text.
struct Parser<'t> {
    rest: &'t str,
    depth: usize,
}

impl<'t> Parser<'t> {
    fn any_of(&mut self, scope: Scope<'_>) -> Option<Filter> {
        let mut filters = vec![self.all_of(scope)?];
        while self.keyword("or") {
            filters.push(self.all_of(scope)?);
        }
        Some(Filter::Any(filters))
    }

    fn all_of(&mut self, scope: Scope<'_>) -> Option<Filter> {
        let mut filters = vec![self.unit(scope)?];
        while self.keyword("and") {
            filters.push(self.unit(scope)?);
        }
        Some(Filter::All(filters))
    }

    fn unit(&mut self, scope: Scope<'_>) -> Option<Filter> {
        self.skip_blanks();
        if let Some(inner) = self.enclosed('(', ')', scope) {
            return inner;
        }
        let name = self.name();
        self.skip_blanks();
        if name.eq_ignore_ascii_case("not")
            && let Some(inner) = self.enclosed('(', ')', scope)
        {
            return inner.map(|inner| Filter::Not(Box::new(inner)));
        }
        let path = steps(name, scope)?;
        let attribute = path.last()?.attribute;
        if let Some(inner) = self.enclosed('[', ']', Scope::Inside(attribute)) {
            return inner.map(|inner| Filter::Within(path, Box::new(inner)));
        }
        self.condition(path)
    }

    fn condition(&mut self, mut path: Vec<Step>) -> Option<Filter> {
        let word = self.name();
        if word.eq_ignore_ascii_case("pr") {
            return Some(Filter::Present(path));
        }
        let operator = Operator::parse(word)?;
        self.rest = self.rest.strip_prefix(' ')?;
        self.skip_blanks();
        let value = self.value()?;
        // What has members is compared by its value.
        if let Some(last) = path.last()
            && matches!(last.attribute.shape, Shape::Complex(_))
        {
            let value = super::paths::member(last.attribute, "value")?;
            path.push(value);
        }
        operator.takes(&value).then_some(Filter::Compared(path, operator, value))
    }

    /// A filter between two signs, if the first one is next; the inner `None` is a malformed one.
    fn enclosed(&mut self, open: char, close: char, scope: Scope<'_>) -> Option<Option<Filter>> {
        self.rest = self.rest.strip_prefix(open)?;
        self.depth += 1;
        if self.depth > DEEPEST {
            return Some(None);
        }
        let inner = self.any_of(scope);
        self.depth -= 1;
        self.skip_blanks();
        let closed = self.rest.strip_prefix(close);
        self.rest = closed.unwrap_or(self.rest);
        Some(inner.filter(|_| closed.is_some()))
    }

    fn value(&mut self) -> Option<Value> {
        let end = if self.rest.starts_with('"') { end_of_text(self.rest)? } else { self.word_end() };
        let (value, rest) = self.rest.split_at(end);
        self.rest = rest;
        let ends = rest.is_empty() || rest.starts_with([' ', ')', ']']);
        serde_json::from_str(value).ok().filter(|_| ends)
    }

    fn word_end(&self) -> usize {
        self.rest.find([' ', ')', ']']).unwrap_or(self.rest.len())
    }

    fn name(&mut self) -> &'t str {
        let is_of_name = |c: char| c.is_ascii_alphanumeric() || "$_-:.".contains(c);
        let end = self.rest.find(|c| !is_of_name(c)).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        self.rest = rest;
        name
    }

    /// Whether a word is next, as a whole; it is taken then.
    fn keyword(&mut self, word: &str) -> bool {
        let before = self.rest;
        self.skip_blanks();
        let found = self.name().eq_ignore_ascii_case(word);
        if !found {
            self.rest = before;
        }
        found
    }

    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start_matches(' ');
    }
}

/// Where the JSON string ends with which a text begins.
fn end_of_text(text: &str) -> Option<usize> {
    let mut escaped = false;
    let is_end = |(_, c): &(usize, char)| {
        let ends = *c == '"' && !escaped;
        escaped = *c == '\\' && !escaped;
        ends
    };
    text.char_indices().skip(1).find(is_end).map(|(at, _)| at + 1)
}
