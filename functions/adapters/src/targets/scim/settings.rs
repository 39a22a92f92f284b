//! The entry of a SCIM server in `targets.json`, and its checks. A server takes almost any path, so a misspelt one is found
//! here or on people.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde::Deserialize;

use super::Scim;
use super::attributes::{Place, Rules, Takes, is_name};
use crate::secret::Secret;
use crate::targets::config::{BaseUrl, Budget, Check, Checked, Kind, Pairs, pointer};
use crate::targets::mapping::Mapping;
use crate::targets::oauth::{self, Grant};
use crate::targets::transform::Written;

/// What the URNs of SCIM itself begin with.
const RESERVED: &str = "urn:ietf:params:scim:";

/// What is a SCIM server's own in its entry in `targets.json`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::targets) struct Entry {
    identifiers: Identifiers,
    /// Where tokens are had; without it the credentials are one.
    token_url: Option<String>,
    /// What a token is asked for.
    scope: Option<String>,
    /// The members of the server's own extensions that may be mapped.
    #[serde(default)]
    extensions: Pairs<Pairs<String>>,
}

/// Which attributes name a person.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Identifiers {
    pub(super) employee_id: Option<EmployeeId>,
    pub(super) user_principal_name: Option<Upn>,
}

/// The attribute that holds the employeeId.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum EmployeeId {
    #[serde(rename = "externalId")]
    ExternalId,
    #[serde(rename = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber")]
    EmployeeNumber,
}

/// The attribute that holds the UPN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum Upn {
    #[serde(rename = "userName")]
    UserName,
    /// The primary e-mail address; else the only one for work, or the only one.
    #[serde(rename = "emails")]
    Emails,
}

/// What a SCIM server is asked with.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(in crate::targets) enum Credentials {
    Token(StaticToken),
    Client(oauth::Credentials),
}

/// A token that is kept with the credentials.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::targets) struct StaticToken {
    pub(super) token: Secret,
}

/// A checked SCIM server.
pub(super) struct Settings {
    pub(super) mapping: Mapping<Place>,
    pub(super) base: BaseUrl,
    pub(super) identifiers: Identifiers,
    /// Where tokens are had, where they are not among the credentials.
    pub(super) grant: Option<Grant>,
}

impl Kind for Entry {
    /// Servers say by 429 and 503 when it is too much.
    const BUDGET: Budget = Budget { limit: 10, rate_per_second: None };
    type Credentials = Credentials;
    const CREDENTIALS: &'static str = "{\"token\": \"…\"} or {\"clientId\": \"…\", \"clientSecret\": \"…\"}";

    fn check(self, fields: &Pairs<Written>, check: &mut Check<'_>) -> Option<Checked> {
        let identifiers = self.identifiers;
        if identifiers.employee_id.is_none() && identifiers.user_principal_name.is_none() {
            check.fault("/identifiers", "it names neither \"employeeId\" nor \"userPrincipalName\"");
        }
        if self.token_url.is_none() && self.scope.is_some() {
            check.fault("/scope", "it is for tokens that are asked for at a \"tokenUrl\"");
        }
        let grant = self.token_url.as_deref().map(|url| Grant::check(url, self.scope, check));
        let extensions = extensions(&self.extensions, check);
        let mapping = Mapping::check(fields, &Rules { identifiers, extensions: &extensions }, check);
        let (fields, base) = (mapping.fields(), check.base.clone()?);
        let grant = match grant {
            Some(grant) => Some(grant?),
            None => None,
        };
        let settings = Settings { mapping, base, identifiers, grant };
        Some(Checked { fields, make: Box::new(|parts| Arc::new(Scim::new(settings, parts))) })
    }
}

fn extensions(
    pairs: &Pairs<Pairs<String>>,
    check: &mut Check<'_>,
) -> HashMap<String, HashMap<String, Takes>> {
    // A server does not look at the case of either (RFC 7644, 3.10).
    let lower = str::to_ascii_lowercase;
    let urns: HashSet<_> = pairs.0.iter().map(|(urn, _)| lower(urn)).collect();
    let (mut extensions, mut seen) = (HashMap::new(), HashSet::new());
    for (urn, members) in &pairs.0 {
        let place = pointer("/extensions", urn);
        if !urn.starts_with("urn:") || urn.contains(|c: char| c.is_whitespace() || c.is_control() || c == '"')
        {
            check.fault(&place, "an extension is named by its URN, as urn:example:2.0:User");
        }
        // Another spelling of what is known would be a way round its rules.
        if lower(urn).starts_with(RESERVED) {
            check.fault(&place, "URNs of SCIM itself are no server's own: the enterprise extension is known");
        }
        let (mut known, mut spelt) = (HashMap::new(), HashSet::new());
        for (member, takes) in &members.0 {
            let place = pointer(&place, member);
            if !is_name(member) {
                check.fault(&place, "a member's name is a letter, then letters, digits, $, - and _");
            }
            if urns.contains(&lower(&format!("{urn}:{member}"))) {
                check.fault(&place, "with it the URN is another extension's");
            }
            if !spelt.insert(lower(member)) {
                check.fault(&place, "it is there twice");
            }
            match Takes::parse(takes) {
                Some(takes) => drop(known.insert(member.clone(), takes)),
                None => check.fault(&place, format!("'{takes}' is none of text, texts, person and people")),
            }
        }
        if !seen.insert(lower(urn)) {
            check.fault(&place, "it is there twice");
        }
        extensions.insert(urn.clone(), known);
    }
    extensions
}
