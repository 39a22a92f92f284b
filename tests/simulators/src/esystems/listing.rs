//! Lists: filtered, ordered, cut into pages, and reduced to the fields that were asked for.
//! Pages are counted from zero in a call and from a switch in its answer, as nobody can tell from the documents.

use serde_json::Value;

use super::answers::{self, Failure};
use super::columns::{self, Column, ID, Record, Type, USER};
use super::filters;
use crate::message::{Answer, Request};
use crate::switches::Switches;

/// How many records a page has when the call does not say it.
pub(super) const DEFAULT_PAGE_SIZE: usize = 50;

/// The most records of a page.
const LARGEST_PAGE: usize = 1000;

/// A kind of list: what its records are called, the columns to filter and order by, and those to show.
pub(super) struct Listed {
    pub(super) kind: &'static str,
    pub(super) searched: &'static [Column],
    pub(super) shown: &'static [Column],
}

/// Answers a call for a list of these records.
pub(super) fn answer(
    request: &Request,
    switches: &Switches,
    listed: &Listed,
    mut records: Vec<&Record>,
) -> Result<Answer, Failure> {
    let text = |name| request.parameter(name).unwrap_or_default();
    let filters = filters::parse(&text("Filters"), listed.searched)?;
    let orders = parse_orders(&text("Orders"), listed.searched)?;
    let fields = parse_fields(&text("Fields"), listed.shown)?;
    let size = number(request, "PageSize", 1, LARGEST_PAGE)?.unwrap_or(DEFAULT_PAGE_SIZE);
    let page = number(request, "CurrentPage", 0, usize::MAX)?.unwrap_or(0);
    records.retain(|record| filters.iter().all(|filter| filter.accepts(record)));
    for (column, is_descending) in orders.iter().rev() {
        records.sort_by(|one, other| {
            let ordering = column.compare(one, other.get(column.member).unwrap_or(&Value::Null));
            if *is_descending { ordering.reverse() } else { ordering }
        });
    }
    let total = records.len();
    let last = total.div_ceil(size).saturating_sub(1);
    let served = if switches.flag("repeat_last_page") { page.min(last) } else { page };
    let data = records.into_iter().skip(served.saturating_mul(size)).take(size);
    let data: Vec<_> = data.map(|record| reduced(record, &fields)).collect();
    Ok(answers::list(listed.kind, total, shown_page(page, switches), size, &data))
}

/// A page's number as an answer tells it.
pub(super) fn shown_page(page: usize, switches: &Switches) -> u64 {
    (page as u64).saturating_add(switches.count("meta_page_base").unwrap_or(0))
}

/// A record as it is answered: texts that are empty are left out.
pub(super) fn shown(record: &Record) -> Value {
    reduced(record, &[])
}

/// The same with only the fields named, the key, and those of a user that are never missing.
fn reduced(record: &Record, fields: &[&str]) -> Value {
    let is_shown = |name: &str| {
        fields.is_empty() || [ID, "Creation_Date", "Is_Active"].contains(&name) || fields.contains(&name)
    };
    let members = record.iter().filter(|(name, value)| is_shown(name) && value.as_str() != Some(""));
    Value::Object(members.map(|(name, value)| (name.clone(), value.clone())).collect())
}

/// `Name ASC, Id DESC`.
fn parse_orders(text: &str, columns: &'static [Column]) -> Result<Vec<(&'static Column, bool)>, Failure> {
    let parse = |order: &str| {
        let mut words = order.split_whitespace();
        let column = columns::find(columns, words.next().unwrap_or(""))?;
        let is_descending = match words.next().map(str::to_uppercase).as_deref() {
            None | Some("ASC") => false,
            Some("DESC") => true,
            Some(_) => return Err(Failure::unconvertible(&format!("Orders: {order}"))),
        };
        Ok((column, is_descending))
    };
    text.split(',').filter(|order| !order.trim().is_empty()).map(parse).collect()
}

/// `Name, Email`; nothing or `*` are all.
fn parse_fields(text: &str, columns: &'static [Column]) -> Result<Vec<&'static str>, Failure> {
    let names = text.split(',').map(str::trim).filter(|name| !name.is_empty() && *name != "*");
    names.map(|name| columns::find(columns, name).map(|column| column.member)).collect()
}

fn number(request: &Request, name: &str, least: usize, most: usize) -> Result<Option<usize>, Failure> {
    let Some(text) = request.parameter(name).filter(|text| !text.is_empty()) else { return Ok(None) };
    let is_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|number| is_digits && (least..=most).contains(number));
    number.map(Some).ok_or_else(|| Failure::unconvertible(&format!("{name}: {text}")))
}

/// Whether a column can be what a look-up goes by: users are not looked up by dates or flags.
pub(super) fn lookup_column(name: &str) -> Result<&'static Column, Failure> {
    let column = columns::find(USER, name)?;
    match column.holds {
        Type::Number | Type::Text => Ok(column),
        Type::Date | Type::Flag => Err(Failure::mismatch(&format!("{name} is no key"))),
    }
}
