//! The entry of an Aktion in `targets.json`, and its checks: every mapping is held against the profile definition and
//! the table of properties, because the only column that a mistake may hit is one that somebody allowed.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use people_core::profile::{Field, FieldType, Source};
use serde::Deserialize;

use super::columns::{SqlType, TYPES};
use super::mapping::{Mapping, Place};
use super::properties::{COLUMNS, PERSON_ID, Product, Property, Rule};
use crate::secret::Secret;
use crate::targets::config::{BaseUrl, Budget, Check, Name, Pairs, default_limit, default_rate, pointer};

/// An Aktion as `targets.json` writes it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::targets) struct Entry {
    pub(in crate::targets) name: String,
    base_url: String,
    #[serde(default)]
    allow_plain_http: bool,
    #[serde(default)]
    product: Product,
    credentials: String,
    identifiers: Identifiers,
    fields: Pairs,
    #[serde(default)]
    columns: Pairs,
    #[serde(default = "default_limit")]
    limit: u32,
    #[serde(default = "default_rate")]
    rate_per_second: Option<f64>,
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
pub(super) struct Credentials {
    pub(super) user_login: Secret,
    pub(super) api_key: Secret,
}

/// A checked Aktion.
#[derive(Debug)]
pub(in crate::targets) struct Settings {
    pub(in crate::targets) name: Name,
    pub(in crate::targets) mapping: Mapping,
    pub(super) base: BaseUrl,
    pub(super) credentials: Credentials,
    pub(super) upn: Option<Upn>,
    pub(in crate::targets) budget: Budget,
}

impl Upn {
    fn name(self) -> &'static str {
        match self {
            Upn::Email => "Email",
            Upn::LoginName => "LoginName",
        }
    }
}

impl Entry {
    /// Checks it; `None` where it has faults.
    pub(in crate::targets) fn check(self, check: &mut Check<'_>) -> Option<Settings> {
        let before = check.faults();
        let base = check.base_url(&self.base_url, self.allow_plain_http);
        let credentials = check.credentials(&self.credentials, "{\"userLogin\": \"…\", \"apiKey\": \"…\"}");
        let upn = self.identifiers.user_principal_name;
        if upn == Some(Upn::LoginName) && self.product == Product::Cloud {
            check.fault("/identifiers/userPrincipalName", "LoginName is of the product next only");
        }
        let columns = columns(&self.columns, check);
        let rules = Rules { product: self.product, upn, columns: &columns };
        let mapping = rules.mapping(&self.fields, check);
        let budget = check.budget(self.limit, self.rate_per_second);
        if check.faults() > before {
            return None;
        }
        Some(Settings {
            name: self.name.into(),
            mapping,
            base: base?,
            credentials: credentials?,
            upn,
            budget,
        })
    }
}

fn columns(pairs: &Pairs, check: &mut Check<'_>) -> HashMap<String, SqlType> {
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

impl Rules<'_> {
    fn mapping(&self, pairs: &Pairs, check: &mut Check<'_>) -> Mapping {
        let mut mapping = Mapping::default();
        let mut taken: HashMap<&str, &str> = HashMap::new();
        for (field, wanted) in &pairs.0 {
            let place = pointer("/fields", field);
            if mapping.0.contains_key(field.as_str()) {
                check.fault(&place, format!("'{field}' is there twice"));
            }
            if let Some(other) = taken.insert(wanted, field).filter(|other| other != field) {
                check.fault(&place, format!("{wanted} is taken by '{other}'"));
            }
            match self.place(field, wanted, check) {
                Ok(to) => drop(mapping.0.insert(Arc::from(field.as_str()), to)),
                Err(fault) => check.fault(&place, fault),
            }
        }
        mapping
    }

    fn place(&self, field: &str, wanted: &str, check: &Check<'_>) -> Result<Place, String> {
        let field = check.profile.field(field).ok_or_else(|| format!("there is no field '{field}'"))?;
        fault_of_field(field).map_or(Ok(()), Err)?;
        if let Some(column) = wanted.strip_prefix(COLUMNS).and_then(|rest| rest.strip_prefix('.')) {
            let sql_type = self.columns.get(column);
            let sql_type = *sql_type.ok_or_else(|| format!("the column {column} is not in \"columns\""))?;
            if !sql_type.takes(field.kind) {
                return Err(format!("a {} does not fit the column {column}", field.kind));
            }
            return Ok(Place::Column(column.into(), sql_type));
        }
        if wanted == PERSON_ID || self.upn.is_some_and(|upn| upn.name() == wanted) {
            return Err(format!("{wanted} is an identifier and is never written"));
        }
        let property = Property::named(wanted).ok_or_else(|| format!("Aktion has no property '{wanted}'"))?;
        match property.only {
            Some(only) if only != self.product => {
                let product = if only == Product::Next { "next" } else { "cloud" };
                Err(format!("{wanted} is of the product {product} only"))
            }
            _ if field.kind == FieldType::Date && !matches!(property.rule, Rule::Text(_)) => {
                Err(format!("a {} does not fit {wanted}", field.kind))
            }
            _ => Ok(Place::Property(property)),
        }
    }
}

fn fault_of_field(field: &Field) -> Option<String> {
    let name = &field.name;
    if field.source != Source::Api {
        return Some(format!("'{name}' is set by somebody else: its source is {:?}", field.source));
    }
    if field.kind == FieldType::File {
        return Some(format!("'{name}' is a File, which no target takes"));
    }
    if field.is_list {
        return Some(format!("'{name}' is a list, which needs a transformation that does not exist yet"));
    }
    matches!(field.kind, FieldType::MultiLang | FieldType::PersonIdentifier).then(|| {
        format!("'{name}' is a {}, which needs a transformation that does not exist yet", field.kind)
    })
}
