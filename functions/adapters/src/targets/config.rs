//! Reads `targets.json` and finds everything that is wrong with it before anything is called. A wrong mapping would
//! overwrite what it was never meant for, so nothing about it is left to be found out on real people.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use people_core::ports::Target;
use people_core::profile::Profile;
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

pub(super) use super::base_url::BaseUrl;
use super::engine::Engine;
use super::transform::Written;
use super::{aktion, esystems, onlyoffice, scim};
use crate::http_client::{Authorities, HttpClient, Trust};
use crate::secret::Secret;
use crate::secrets::{Credentials, Secrets};
use crate::share::Share;

/// How the base URL of a simulator begins that runs on this machine; its name follows.
const SIMULATOR: &str = "simulator:";

/// Everything that is wrong with `targets.json`, a line each; every line names the place as a JSON Pointer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the targets are not valid:\n{}", .0.join("\n"))]
pub struct InvalidTargets(pub Vec<String>);

/// Every kind of target there is. A new one is a file beside this one, a variant here, and the arm that it then needs.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum KindName {
    /// Aktion.NEXT and Aktion CLOUD.
    Aktion,
    /// eSystems (Agile.Now).
    Esystems,
    /// ONLYOFFICE Workspace and DocSpace.
    Onlyoffice,
    /// Servers of SCIM 2.0.
    Scim,
}

impl KindName {
    fn check(self, own: &Own<'_>, check: &mut Check<'_>) -> (Option<Checked>, Budget) {
        match self {
            KindName::Aktion => check.kind::<aktion::Entry>(own),
            KindName::Esystems => check.kind::<esystems::Entry>(own),
            KindName::Onlyoffice => check.kind::<onlyoffice::Entry>(own),
            KindName::Scim => check.kind::<scim::Entry>(own),
        }
    }
}

/// What a kind of target reads of its entry in `targets.json`, beside what all kinds have.
pub(super) trait Kind: DeserializeOwned {
    /// What a target of this kind is asked for where its entry does not say it.
    const BUDGET: Budget;
    /// What it is logged in with.
    type Credentials: DeserializeOwned;
    /// The same as it is told to an administrator.
    const CREDENTIALS: &'static str;

    /// Checks the entry, notes what is wrong with it, and tells how the target is made. Nothing is called.
    fn check(self, fields: &Pairs<Written>, check: &mut Check<'_>) -> Option<Checked>;
}

/// An entry that has been checked.
pub(super) struct Checked {
    /// The profile fields that the target takes.
    pub(super) fields: BTreeSet<Arc<str>>,
    /// Makes the target.
    pub(super) make: Box<dyn FnOnce(Parts) -> Arc<dyn Target>>,
}

/// What a target is made of, beside its entry.
pub(super) struct Parts {
    /// What goes on there.
    pub(super) engine: Arc<Engine>,
    /// The connections.
    pub(super) http: HttpClient,
    /// What it is logged in with.
    pub(super) credentials: Credentials,
}

/// One target, checked, with what all kinds have in common.
pub(super) struct Settings {
    /// Its name.
    pub(super) name: Arc<str>,
    /// The name of its credentials.
    pub(super) credentials: String,
    /// How much it is asked for.
    pub(super) budget: Budget,
    /// Whom it is called at.
    pub(super) trust: Trust,
    /// The rest.
    pub(super) own: Checked,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File<'a> {
    #[serde(borrow)]
    targets: Vec<Pairs<&'a RawValue>>,
}

/// Reads and checks all targets. Without `secrets`, credentials are not missed: nobody knows them yet. `simulators` are those
/// that `simulator:NAME` may name.
pub(super) fn read(
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
    for (index, entry) in file.targets.into_iter().enumerate() {
        let at = format!("/targets/{index}");
        let mut check =
            Check { profile, simulators, secrets, at, faults: &mut faults, base: None, plain_http: false };
        targets.extend(check.target(entry, &mut names));
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
    /// Where the target is; `None` where that is wrong.
    pub(super) base: Option<BaseUrl>,
    plain_http: bool,
}

/// The members of an entry that nobody has read yet.
struct Members<'a>(BTreeMap<String, &'a RawValue>);

impl Check<'_> {
    /// Notes a fault at a place below the target: a JSON Pointer, or nothing.
    pub(super) fn fault(&mut self, place: &str, fault: impl fmt::Display) {
        self.faults.push(format!("{}{place}: {fault}", self.at));
    }

    /// How many faults there are so far, of all targets.
    pub(super) fn faults(&self) -> usize {
        self.faults.len()
    }

    /// First what all kinds have, then what this one has.
    fn target(&mut self, entry: Pairs<&RawValue>, names: &mut BTreeSet<String>) -> Option<Settings> {
        let mut members = Members(BTreeMap::new());
        for (name, value) in entry.0 {
            if members.0.insert(name.clone(), value).is_some() {
                self.fault(&pointer("", &name), "it is there twice");
            }
        }
        let name: Option<String> = self.required(&mut members, "name");
        name.iter().for_each(|name| self.name(name, names));
        let kind: Option<KindName> = self.required(&mut members, "kind");
        let plain = self.optional(&mut members, "allowPlainHttp").unwrap_or(false);
        let url: Option<String> = self.required(&mut members, "baseUrl");
        self.plain_http = plain;
        self.base = url.as_deref().and_then(|url| self.base_url("/baseUrl", url));
        let private = self.optional(&mut members, "allowPrivateAddresses").unwrap_or(false);
        // A simulator runs on this machine.
        let private_addresses = private || url.is_some_and(|url| url.starts_with(SIMULATOR));
        let authorities =
            self.optional(&mut members, "certificateAuthority").and_then(|pem| self.authorities(pem));
        let trust = Trust { authorities, private_addresses };
        let credentials: Option<String> = self.required(&mut members, "credentials");
        let limit: Option<u32> = self.optional(&mut members, "limit");
        let rate: Option<Option<f64>> = self.optional(&mut members, "ratePerSecond");
        let fields: Option<Pairs<Box<RawValue>>> = self.required(&mut members, "fields");
        let fields = self.written(fields.unwrap_or_default());
        let before = self.faults();
        let own =
            Own { members: members.rest(), fields, credentials: credentials.as_deref().unwrap_or_default() };
        let (checked, usual) = kind?.check(&own, self);
        let budget = Budget {
            limit: limit.map_or(usual.limit, |limit| limit as usize),
            rate_per_second: rate.unwrap_or(usual.rate_per_second),
        };
        self.budget(budget);
        let checked = checked.filter(|_| self.faults() == before)?;
        Some(Settings { name: name?.into(), credentials: credentials?, budget, trust, own: checked })
    }

    /// What one kind says to an entry.
    fn kind<K: Kind>(&mut self, own: &Own<'_>) -> (Option<Checked>, Budget) {
        self.credentials::<K>(own.credentials);
        let checked = match serde_json::from_str::<K>(&own.members) {
            Ok(kind) => kind.check(&own.fields, self),
            Err(error) => {
                self.fault("", without_place(&error));
                None
            }
        };
        (checked, K::BUDGET)
    }

    fn required<T: DeserializeOwned>(&mut self, members: &mut Members<'_>, name: &str) -> Option<T> {
        if !members.0.contains_key(name) {
            self.fault("", format!("it has no \"{name}\""));
        }
        self.optional(members, name)
    }

    fn optional<T: DeserializeOwned>(&mut self, members: &mut Members<'_>, name: &str) -> Option<T> {
        let value = members.0.remove(name)?;
        let read = serde_json::from_str(value.get());
        read.map_err(|error| self.fault(&pointer("", name), without_place(&error))).ok()
    }

    /// Where each field goes, of those of which that can be read.
    fn written(&mut self, fields: Pairs<Box<RawValue>>) -> Pairs<Written> {
        let mut read = |field: String, json: Box<RawValue>| match serde_json::from_str(json.get()) {
            Ok(written) => Some((field, written)),
            Err(error) => {
                self.fault(&pointer("/fields", &field), without_place(&error));
                None
            }
        };
        Pairs(fields.0.into_iter().filter_map(|(field, json)| read(field, json)).collect())
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

    /// The address that a URL at this place stands for.
    pub(super) fn base_url(&mut self, place: &str, text: &str) -> Option<BaseUrl> {
        let result = match text.strip_prefix(SIMULATOR) {
            Some(name) => match self.simulators.get(name) {
                Some(url) => BaseUrl::parse(url, true),
                None => Err(format!("there is no simulator '{name}' here")),
            },
            None => BaseUrl::parse(text, self.plain_http),
        };
        result.map_err(|fault| self.fault(place, fault)).ok()
    }

    fn authorities(&mut self, pem: String) -> Option<Authorities> {
        Authorities::parse(&pem).map_err(|error| self.fault("/certificateAuthority", error)).ok()
    }

    /// Whether the credentials are there, in the shape that the kind wants, as far as they are known.
    fn credentials<K: Kind>(&mut self, name: &str) {
        let Some(secrets) = self.secrets else { return };
        match secrets.get(name).map(Secret::reveal) {
            None => self.fault("/credentials", format!("there are no credentials '{name}'")),
            // The error is not shown: it quotes what it met.
            Some(json) if serde_json::from_str::<K::Credentials>(json).is_err() => {
                self.fault("/credentials", format!("the credentials '{name}' are not {}", K::CREDENTIALS));
            }
            Some(_) => {}
        }
    }

    fn budget(&mut self, budget: Budget) {
        if !(1..=1000).contains(&budget.limit) {
            self.fault("/limit", "it is not between 1 and 1000");
        }
        if budget.rate_per_second.is_some_and(|rate| !(0.001..=1000.0).contains(&rate)) {
            self.fault("/ratePerSecond", "it is neither null nor between 0.001 and 1000");
        }
    }
}

/// What is of one kind in an entry.
struct Own<'a> {
    /// The members that not all kinds have, as JSON.
    members: String,
    fields: Pairs<Written>,
    credentials: &'a str,
}

impl Members<'_> {
    /// What is left, as a JSON object.
    fn rest(&self) -> String {
        let members = self
            .0
            .iter()
            .map(|(name, value)| format!("{}:{}", serde_json::Value::from(name.as_str()), value.get()));
        format!("{{{}}}", members.collect::<Vec<_>>().join(","))
    }
}

/// What is wrong, without the line and column of a text that nobody has.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or(text.clone(), |(what, _)| what.to_owned())
}

/// How much a target is asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Budget {
    /// Calls at once.
    pub(super) limit: usize,
    /// Calls a second; `None` is as many as there are.
    pub(super) rate_per_second: Option<f64>,
}

impl Budget {
    /// What a process may use of it.
    pub(super) fn share(self, share: Share) -> Budget {
        let rate_per_second = self.rate_per_second.map(|rate| share.of_rate(rate));
        Budget { limit: share.of_limit(self.limit), rate_per_second }
    }
}

/// The members of a JSON object, in their order, also those that are there twice.
#[derive(Debug)]
pub(super) struct Pairs<T>(pub(super) Vec<(String, T)>);

impl<T> Default for Pairs<T> {
    fn default() -> Pairs<T> {
        Pairs(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Pairs<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Pairs<T>, D::Error> {
        deserializer.deserialize_map(PairsVisitor(PhantomData))
    }
}

struct PairsVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for PairsVisitor<T> {
    type Value = Pairs<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs<T>, A::Error> {
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
