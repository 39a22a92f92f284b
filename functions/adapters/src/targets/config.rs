//! Reads `targets.json` and finds everything that is wrong with it before anything is called. A wrong mapping would
//! overwrite what it was never meant for, so nothing about it is left to be found out on real people.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

use http::Uri;
use http::uri::{Authority, Scheme};
use people_core::profile::Profile;
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::Context;
use super::aktion;
use crate::secret::Secret;
use crate::secrets::Secrets;

/// Everything that is wrong with `targets.json`, a line each; every line names the place as a JSON Pointer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the targets are not valid:\n{}", .0.join("\n"))]
pub struct InvalidTargets(pub Vec<String>);

/// One target, checked.
#[derive(Debug)]
pub(super) enum Settings {
    /// An Aktion.
    Aktion(aktion::Settings),
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Entry {
    Aktion(aktion::Entry),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File<'a> {
    #[serde(borrow)]
    targets: Vec<&'a RawValue>,
}

/// Reads and checks all targets.
pub(super) fn read(
    json: &[u8],
    profile: &Profile,
    context: &Context,
) -> Result<Vec<Settings>, InvalidTargets> {
    read_with(json, profile, &context.simulators, Some(&context.secrets))
}

/// Reads and checks all targets. Without `secrets`, credentials are not missed, and no target can be made.
pub(super) fn read_with(
    json: &[u8],
    profile: &Profile,
    simulators: &HashMap<String, String>,
    secrets: Option<&Secrets>,
) -> Result<Vec<Settings>, InvalidTargets> {
    let file: File<'_> = serde_json::from_slice(json)
        .map_err(|error| InvalidTargets(vec![format!("it is not {{\"targets\":[…]}}: {error}")]))?;
    let mut faults = Vec::new();
    let mut names = BTreeSet::new();
    let mut targets = Vec::new();
    for (index, entry) in file.targets.iter().enumerate() {
        let at = format!("/targets/{index}");
        let mut check = Check { profile, simulators, secrets, at, faults: &mut faults };
        match serde_json::from_str(entry.get()) {
            Ok(Entry::Aktion(entry)) => {
                check.name(&entry.name, &mut names);
                targets.extend(entry.check(&mut check).map(Settings::Aktion));
            }
            Err(error) => check.fault("", error),
        }
    }
    if faults.is_empty() { Ok(targets) } else { Err(InvalidTargets(faults)) }
}

/// Checks one target and collects what is wrong with it.
pub(super) struct Check<'a> {
    pub(super) profile: &'a Profile,
    simulators: &'a HashMap<String, String>,
    secrets: Option<&'a Secrets>,
    at: String,
    faults: &'a mut Vec<String>,
}

impl Check<'_> {
    /// Notes a fault at a place below the target: a JSON Pointer, or nothing.
    pub(super) fn fault(&mut self, place: &str, fault: impl fmt::Display) {
        self.faults.push(format!("{}{place}: {fault}", self.at));
    }

    /// How many faults there are so far, of all targets.
    pub(super) fn faults(&self) -> usize {
        self.faults.len()
    }

    fn name(&mut self, name: &str, names: &mut BTreeSet<String>) {
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if name.is_empty() || name.len() > 40 || !name.chars().all(allowed) {
            self.fault("/name", format!("{name:?} is not 1 to 40 of A-Z a-z 0-9 _ -"));
        }
        if !names.insert(name.to_owned()) {
            self.fault("/name", format!("'{name}' is there twice"));
        }
    }

    /// The address that a base URL stands for.
    pub(super) fn base_url(&mut self, text: &str, allow_plain_http: bool) -> Option<BaseUrl> {
        let result = match text.strip_prefix("simulator:") {
            Some(name) => match self.simulators.get(name) {
                Some(url) => BaseUrl::parse(url, true),
                None => Err(format!("there is no simulator '{name}' here")),
            },
            None => BaseUrl::parse(text, allow_plain_http),
        };
        result.map_err(|fault| self.fault("/baseUrl", fault)).ok()
    }

    /// The credentials of this name, in the shape that the kind of target wants; `None` without a fault where credentials
    /// are not at hand at all.
    pub(super) fn credentials<T: DeserializeOwned>(&mut self, name: &str, shape: &str) -> Option<T> {
        let Some(json) = self.secrets?.get(name).map(Secret::reveal) else {
            self.fault("/credentials", format!("there are no credentials '{name}'"));
            return None;
        };
        let read = serde_json::from_str(json);
        // The error is not shown: it quotes what it met.
        read.map_err(|_| self.fault("/credentials", format!("the credentials '{name}' are not {shape}"))).ok()
    }

    /// The checked budget.
    pub(super) fn budget(&mut self, limit: u32, rate_per_second: Option<f64>) -> Budget {
        if !(1..=1000).contains(&limit) {
            self.fault("/limit", "it is not between 1 and 1000");
        }
        if rate_per_second.is_some_and(|rate| !(0.001..=1000.0).contains(&rate)) {
            self.fault("/ratePerSecond", "it is neither null nor between 0.001 and 1000");
        }
        Budget { limit: limit as usize, rate_per_second }
    }
}

/// How much a target is asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Budget {
    /// Calls at once.
    pub(super) limit: usize,
    /// Calls a second; `None` is as many as there are.
    pub(super) rate_per_second: Option<f64>,
}

/// One call at once, where `targets.json` does not say it.
pub(super) fn default_limit() -> u32 {
    1
}

/// Five calls a second, where `targets.json` does not say it.
pub(super) fn default_rate() -> Option<f64> {
    Some(5.0)
}

/// Where a target is. `Debug` prints the host alone.
#[derive(Clone)]
pub(super) struct BaseUrl {
    scheme: Scheme,
    authority: Authority,
    prefix: String,
}

impl BaseUrl {
    fn parse(text: &str, allow_plain_http: bool) -> Result<BaseUrl, String> {
        let wrong = || "it is not a URL like https://host/path".to_owned();
        let parts = text.parse::<Uri>().map_err(|_| wrong())?.into_parts();
        let (Some(scheme), Some(authority)) = (parts.scheme, parts.authority) else { return Err(wrong()) };
        let path = parts.path_and_query;
        if authority.host().is_empty() || authority.as_str().contains('@') || text.contains(['?', '#']) {
            return Err(wrong());
        }
        match scheme.as_str() {
            "https" => {}
            "http" if allow_plain_http => {}
            "http" => return Err("plain http needs \"allowPlainHttp\": true".to_owned()),
            _ => return Err(wrong()),
        }
        let prefix = path.map(|path| path.path().trim_end_matches('/').to_owned()).unwrap_or_default();
        Ok(BaseUrl { scheme, authority, prefix })
    }

    /// The URL of a call: `path_and_query` begins with a slash and has only characters that a URL may have.
    pub(super) fn join(&self, path_and_query: &str) -> Uri {
        Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(format!("{}{path_and_query}", self.prefix))
            .build()
            .unwrap_or_default()
    }
}

impl fmt::Debug for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.authority.host())
    }
}

/// The members of a JSON object of texts, in their order, also those that are there twice.
#[derive(Debug, Default)]
pub(super) struct Pairs(pub(super) Vec<(String, String)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Pairs, D::Error> {
        deserializer.deserialize_map(PairsVisitor)
    }
}

struct PairsVisitor;

impl<'de> Visitor<'de> for PairsVisitor {
    type Value = Pairs;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of strings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = map.next_entry()? {
            pairs.push(pair);
        }
        Ok(Pairs(pairs))
    }
}

/// A piece of a JSON Pointer (RFC 6901).
pub(super) fn pointer(place: &str, name: &str) -> String {
    format!("{place}/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// A name, shared by all who tell it.
pub(super) type Name = Arc<str>;
