//! The entry of an ONLYOFFICE in `targets.json`, and its checks: every mapping is held against the profile definition and
//! what a portal has, because what a portal does not know it loses without a word.

use std::sync::Arc;

use serde::Deserialize;

use super::Onlyoffice;
use super::mapping::{Place, Rules};
use crate::secret::Secret;
use crate::targets::config::{BaseUrl, Budget, Check, Checked, Kind, Pairs};
use crate::targets::mapping::Mapping;
use crate::targets::transform::Written;

/// What is ONLYOFFICE's own in its entry in `targets.json`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::targets) struct Entry {
    #[serde(default)]
    product: Product,
    #[serde(rename = "identifiers")]
    _identifiers: Identifiers,
}

/// Which ONLYOFFICE it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Product {
    /// Workspace, the Community Server.
    #[default]
    Workspace,
    /// DocSpace.
    Docspace,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Identifiers {
    #[serde(rename = "userPrincipalName")]
    _user_principal_name: Upn,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Upn {
    Email,
}

/// What an ONLYOFFICE is asked with.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(in crate::targets) enum Credentials {
    /// Of a service account.
    Password(Password),
    /// Of DocSpace alone.
    ApiKey(ApiKey),
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::targets) struct Password {
    pub(super) user_name: Secret,
    pub(super) password: Secret,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::targets) struct ApiKey {
    pub(super) api_key: Secret,
}

/// A checked ONLYOFFICE.
pub(super) struct Settings {
    pub(super) mapping: Mapping<Place>,
    pub(super) base: BaseUrl,
    pub(super) product: Product,
}

impl Kind for Entry {
    /// Less than what both products are known to take: 50 calls a second and 25 (targets.md, 3.5 and 3.9).
    const BUDGET: Budget = Budget { limit: 5, rate_per_second: Some(20.0) };
    type Credentials = Credentials;
    const CREDENTIALS: &'static str =
        "{\"userName\": \"…\", \"password\": \"…\"}, or for DocSpace {\"apiKey\": \"…\"}";

    fn check(self, fields: &Pairs<Written>, check: &mut Check<'_>) -> Option<Checked> {
        let mapping = Mapping::check(fields, &Rules, check);
        let (fields, base) = (mapping.fields(), check.base.clone()?);
        let settings = Settings { mapping, base, product: self.product };
        Some(Checked { fields, make: Box::new(|parts| Arc::new(Onlyoffice::new(settings, parts))) })
    }
}
