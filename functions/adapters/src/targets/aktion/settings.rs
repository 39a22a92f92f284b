//! The entry of an Aktion in `targets.json`, and its checks: every mapping is held against the profile definition and
//! the table of properties, because the only column that a mistake may hit is one that somebody allowed.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde::Deserialize;

use super::Aktion;
use super::columns::{SqlType, TYPES};
use super::mapping::Place;
use super::properties::{COLUMNS, PERSON_ID, Product, Property, Rule};
use crate::secret::Secret;
use crate::targets::config::{BaseUrl, Budget, Check, Checked, Kind, Pairs, pointer};
use crate::targets::mapping::{Mapping, Properties};
use crate::targets::transform::{Shape, Written};

/// What is Aktion's own in its entry in `targets.json`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::targets) struct Entry {
    #[serde(default)]
    product: Product,
    identifiers: Identifiers,
    #[serde(default)]
    columns: Pairs<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Identifiers {
    #[serde(rename = "employeeId")]
    _employee_id: EmployeeId,
    user_principal_name: Option<Upn>,
}

#[derive(Deserialize)]
enum EmployeeId {
    PersonId,
}

/// The property that holds the UPN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum Upn {
    /// The e-mail address.
    Email,
    /// The login name; Aktion.NEXT alone has it.
    LoginName,
}

/// What an Aktion is asked with.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::targets) struct Credentials {
    pub(super) user_login: Secret,
    pub(super) api_key: Secret,
}

/// A checked Aktion.
pub(super) struct Settings {
    pub(super) mapping: Mapping<Place>,
    pub(super) base: BaseUrl,
    pub(super) upn: Option<Upn>,
}

impl Upn {
    fn name(self) -> &'static str {
        match self {
            Upn::Email => "Email",
            Upn::LoginName => "LoginName",
        }
    }
}

impl Kind for Entry {
    /// Nothing is published about how many calls Aktion takes (targets.md, 1.6).
    const BUDGET: Budget = Budget { limit: 1, rate_per_second: Some(5.0) };
    type Credentials = Credentials;
    const CREDENTIALS: &'static str = "{\"userLogin\": \"…\", \"apiKey\": \"…\"}";

    fn check(self, fields: &Pairs<Written>, check: &mut Check<'_>) -> Option<Checked> {
        let upn = self.identifiers.user_principal_name;
        if upn == Some(Upn::LoginName) && self.product == Product::Cloud {
            check.fault("/identifiers/userPrincipalName", "LoginName is of the product next only");
        }
        let columns = columns(&self.columns, check);
        let mapping = Mapping::check(fields, &Rules { product: self.product, upn, columns: &columns }, check);
        let (fields, base) = (mapping.fields(), check.base.clone()?);
        let settings = Settings { mapping, base, upn };
        Some(Checked { fields, make: Box::new(|parts| Arc::new(Aktion::new(settings, parts))) })
    }
}

fn columns(pairs: &Pairs<String>, check: &mut Check<'_>) -> HashMap<String, SqlType> {
    let mut columns = HashMap::new();
    let mut names = HashSet::new();
    for (name, text) in &pairs.0 {
        let place = pointer("/columns", name);
        if name.trim().is_empty() || !names.insert(name.to_lowercase()) {
            check.fault(&place, "a column has a name of its own");
        }
        match SqlType::parse(text) {
            Some(sql_type) => drop(columns.insert(name.clone(), sql_type)),
            None => check.fault(&place, format!("'{text}' is none of {TYPES}")),
        }
    }
    columns
}

struct Rules<'a> {
    product: Product,
    upn: Option<Upn>,
    columns: &'a HashMap<String, SqlType>,
}

impl Properties for Rules<'_> {
    type Place = Place;

    fn place(&self, property: &str, shape: Shape) -> Result<Place, String> {
        let unfit = || match shape {
            Shape::Texts | Shape::People => {
                format!("a list does not fit {property}: \"first\" or \"join\" makes one text of it")
            }
            Shape::Date | Shape::Text | Shape::Person => format!("a {shape:?} does not fit {property}"),
        };
        if let Some(column) = property.strip_prefix(COLUMNS).and_then(|rest| rest.strip_prefix('.')) {
            let sql_type = self.columns.get(column);
            let sql_type = *sql_type.ok_or_else(|| format!("the column {column} is not in \"columns\""))?;
            let place = Place::Column(column.into(), sql_type);
            return sql_type.fits(shape).then_some(place).ok_or_else(unfit);
        }
        if property == PERSON_ID || self.upn.is_some_and(|upn| upn.name() == property) {
            return Err(format!("{property} is an identifier and is never written"));
        }
        let known =
            Property::named(property).ok_or_else(|| format!("Aktion has no property '{property}'"))?;
        match (known.only, shape) {
            (Some(only), _) if only != self.product => {
                let product = if only == Product::Next { "next" } else { "cloud" };
                Err(format!("{property} is of the product {product} only"))
            }
            (_, Shape::Texts | Shape::People) => Err(unfit()),
            (_, Shape::Date) if !matches!(known.rule, Rule::Text(_)) => Err(unfit()),
            (_, Shape::Date | Shape::Text | Shape::Person) => Ok(Place::Property(known)),
        }
    }

    fn takes(&self, place: &Place, text: &str) -> Result<(), String> {
        match place {
            Place::Property(property) => property.send(Some(text.into())).map(drop),
            Place::Column(name, sql_type) => sql_type.send(name, text.into()).map(drop),
        }
    }
}
