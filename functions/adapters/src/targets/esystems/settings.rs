//! The entry of an eSystems in `targets.json`, and its checks. The rules that a list of links is sent with are here too: they
//! come from the configuration alone, each at the level where eSystems reads it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Esystems;
use super::calls::{Department, Wire};
use super::user::Column;
use crate::targets::config::{Budget, Check, Checked, Kind, Pairs, Parts};
use crate::targets::mapping::{Mapping, Properties};
use crate::targets::oauth::{self, Credentials, Grant};
use crate::targets::transform::{Shape, Written};

/// Where tokens are had unless the entry says otherwise.
const TOKEN_URL: &str = "/oAuth/rest/v2/Token";
/// The only property there is.
const DEPARTMENT: &str = "Department";
/// The most bytes that a department may take in a path: web servers of this kind take 260 between two slashes.
const MAX_DEPARTMENT: usize = 255;

/// What is eSystems' own in its entry in `targets.json`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::targets) struct Entry {
    identifiers: Identifiers,
    #[serde(default = "by_id")]
    addressed_by: Column,
    #[serde(default)]
    validation: Validation,
    token_url: Option<String>,
    scope: Option<String>,
}

/// Which columns hold the identifiers.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Identifiers {
    employee_id: Option<EmployeeId>,
    user_principal_name: Option<Upn>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
enum EmployeeId {
    #[serde(rename = "External_Id")]
    ExternalId,
}

#[derive(Debug, Clone, Copy, Deserialize)]
enum Upn {
    Email,
    Username,
}

/// What eSystems is to check of each user whom it is sent; nothing is sent of what is not there.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Validation {
    required: Option<bool>,
    unique: Option<bool>,
    max: Option<String>,
    min: Option<String>,
    pattern: Option<String>,
    default_value: Option<String>,
    is_full_validation: Option<bool>,
}

/// How users are written in a list of links, and what is checked of them.
pub(super) struct Rules {
    pub(super) addressed_by: Column,
    extra: Option<Extra>,
    is_full_validation: Option<bool>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Extra {
    name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    field_name: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    required: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unique: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    min: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pattern: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    default_value: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    extra: Option<[&'a Extra; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_full_validation: Option<bool>,
    users: Vec<Link<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Link<'a> {
    user_id: &'a str,
}

/// A checked eSystems.
pub(super) struct Settings {
    pub(super) mapping: Mapping<()>,
    pub(super) wire: Wire,
    pub(super) identifiers: Identifiers,
    pub(super) rules: Rules,
}

fn by_id() -> Column {
    Column::Id
}

impl Identifiers {
    /// The column of the employeeId.
    pub(super) fn employee_id(self) -> Option<Column> {
        self.employee_id.map(|EmployeeId::ExternalId| Column::ExternalId)
    }

    /// The column of the UPN.
    pub(super) fn upn(self) -> Option<Column> {
        self.user_principal_name.map(|upn| match upn {
            Upn::Email => Column::Email,
            Upn::Username => Column::Username,
        })
    }
}

impl Rules {
    fn new(addressed_by: Column, validation: Validation) -> Rules {
        let Validation { required, unique, max, min, pattern, default_value, is_full_validation } =
            validation;
        let field_name = (addressed_by != Column::Id).then(|| addressed_by.field());
        let is_empty = field_name.is_none() && required.is_none() && unique.is_none();
        let is_empty = is_empty && [&max, &min, &pattern, &default_value].iter().all(|text| text.is_none());
        let extra = Extra { name: "UserId", field_name, required, unique, max, min, pattern, default_value };
        Rules { addressed_by, extra: (!is_empty).then_some(extra), is_full_validation }
    }

    /// The body that links these users.
    pub(super) fn body<'a>(&'a self, users: impl Iterator<Item = &'a str>) -> Vec<u8> {
        let body = Body {
            extra: self.extra.as_ref().map(|extra| [extra]),
            is_full_validation: self.is_full_validation,
            users: users.map(|user_id| Link { user_id }).collect(),
        };
        // Texts and flags under text keys: it cannot fail.
        serde_json::to_vec(&body).unwrap_or_default()
    }
}

impl Kind for Entry {
    /// Nothing is published about how many calls eSystems takes (targets.md, 2.8).
    const BUDGET: Budget = Budget { limit: 4, rate_per_second: None };
    type Credentials = Credentials;
    const CREDENTIALS: &'static str = oauth::CREDENTIALS;

    fn check(self, fields: &Pairs<Written>, check: &mut Check<'_>) -> Option<Checked> {
        let Entry { identifiers, addressed_by, validation, .. } = self;
        if identifiers.employee_id().or(identifiers.upn()).is_none() {
            check.fault("/identifiers", "it has neither \"employeeId\" nor \"userPrincipalName\"");
        }
        for (name, text) in [
            ("max", &validation.max),
            ("min", &validation.min),
            ("pattern", &validation.pattern),
            ("defaultValue", &validation.default_value),
        ] {
            if text.as_ref().is_some_and(String::is_empty) {
                check.fault(&format!("/validation/{name}"), "it is empty");
            }
        }
        let mapping = Mapping::check(fields, &Departments, check);
        let fields = mapping.fields();
        let token_url = self.token_url.as_deref().unwrap_or(TOKEN_URL);
        let grant = Grant::check(token_url, self.scope, check);
        let (base, grant) = (check.base.clone()?, grant?);
        let rules = Rules::new(addressed_by, validation);
        let make = move |parts: Parts| {
            let wire = Wire { target: parts.engine.name().into(), base, grant };
            let settings = Settings { mapping, wire, identifiers, rules };
            Arc::new(Esystems::new(settings, parts)) as Arc<_>
        };
        Some(Checked { fields, make: Box::new(make) })
    }
}

/// What may be mapped.
struct Departments;

impl Properties for Departments {
    type Place = ();

    fn place(&self, property: &str, shape: Shape) -> Result<(), String> {
        if ["Id", "Username", "Email", "External_Id", "ExternalId"].contains(&property) {
            return Err(format!("{property} is an identifier and is never written"));
        }
        if property != DEPARTMENT {
            return Err(format!(
                "eSystems has no property '{property}' that can be written, only {DEPARTMENT}"
            ));
        }
        match shape {
            Shape::Text => Ok(()),
            Shape::Texts | Shape::People => {
                Err(format!("a list does not fit {property}: \"first\" or \"join\" makes one text of it"))
            }
            Shape::Date | Shape::Person => Err(format!("a {shape:?} does not fit {property}")),
        }
    }

    fn takes(&self, (): &(), text: &str) -> Result<(), String> {
        department(text).map(drop)
    }
}

/// The department of this Id. `Err` is a sentence without the value.
pub(super) fn department(id: &str) -> Result<Department, String> {
    if id.trim().is_empty() {
        return Err(format!("{DEPARTMENT} cannot be empty"));
    }
    let department = Department::new(id);
    match department.len() > MAX_DEPARTMENT {
        true => Err(format!("{DEPARTMENT} is too long for a URL")),
        false => Ok(department),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_department_is_as_long_as_a_path_may_have_it() {
        assert!(department(&"x".repeat(255)).is_ok());
        assert!(department(&"x".repeat(256)).is_err());
        // "base64%7C" and four characters for three.
        assert!(department(&" x".repeat(91)).is_ok());
        assert!(department(&" x".repeat(92)).is_err());
    }
}
