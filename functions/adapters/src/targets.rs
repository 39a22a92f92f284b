//! The people APIs that updates go to, as `targets.json` configures them. A kind of target is one module here and one
//! variant in the configuration; nothing else in the product knows a target's own words.

pub mod config;

mod aktion;
mod base_url;
mod date_format;
mod engine;
mod esystems;
mod everybody;
mod mapping;
mod oauth;
mod onlyoffice;
mod scim;
mod session;
mod transform;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use people_core::person::TargetName;
use people_core::ports::{Clock, ConfiguredTarget, Leases};
use people_core::profile::Profile;

use crate::http_client::{HttpClient, NoTls, Trust};
use crate::secrets::{Credentials, SecretStore};
use crate::share::Share;
use config::{Budget, InvalidTargets, Parts, Settings};
use engine::Engine;

/// What targets are connected with, beside their configuration.
#[derive(Clone)]
pub struct Context {
    /// The credentials.
    pub secrets: Arc<SecretStore>,
    /// The base URL of each simulator that runs here, by the name that `simulator:NAME` has.
    pub simulators: HashMap<String, String>,
    /// The time: deadlines, pauses and the age of tokens.
    pub clock: Arc<dyn Clock>,
    /// Who may change a person just now, of all processes.
    pub leases: Arc<dyn Leases>,
    /// What is going on at each target, which a new configuration does not end.
    pub engines: Engines,
    /// How much of each target's limit and rate this process may use.
    pub share: Share,
}

/// The engines of a process, by the name of their target. Targets that are made again go on with them, so that calls for one
/// person never overlap and a limit holds, also while imports under the former configuration are still at work. (Where the
/// limit itself has changed, those go on with the former one.)
#[derive(Clone, Default)]
pub struct Engines(Arc<Mutex<HashMap<TargetName, Budgeted>>>);

/// An engine, and the budget that it was made with.
type Budgeted = (Budget, Arc<Engine>);

impl Engines {
    fn of(&self, name: &TargetName, budget: Budget, context: &Context) -> Arc<Engine> {
        let mut engines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let engine = match engines.get(name) {
            Some((same, engine)) if *same == budget => return Arc::clone(engine),
            Some((_, engine)) => engine.with_budget(budget),
            None => {
                Engine::new(name.clone(), budget, Arc::clone(&context.clock), Arc::clone(&context.leases))
            }
        };
        let engine = Arc::new(engine);
        engines.insert(name.clone(), (budget, Arc::clone(&engine)));
        engine
    }
}

/// Reads `targets.json`, checks it against the profile definition, and makes its targets, in its order. Nothing is
/// called yet.
///
/// # Errors
/// Everything that is wrong with the configuration, at once.
pub fn connect(
    config: &[u8],
    profile: &Profile,
    context: Context,
) -> Result<Vec<ConfiguredTarget>, InvalidTargets> {
    let secrets = context.secrets.known();
    let settings = config::read(config, profile, &context.simulators, secrets.as_deref())?;
    let mut clients = Clients::default();
    let made = settings.into_iter().map(|settings| {
        let http = clients.of(&settings.trust)?;
        Ok(target(settings, http, &context))
    });
    made.collect::<Result<_, NoTls>>().map_err(|error| InvalidTargets(vec![error.to_string()]))
}

/// Checks `targets.json` against the profile definition as [`connect`] does, except for the credentials: whoever changes
/// the configuration need not have them. `simulators` are those that `simulator:NAME` may name.
///
/// # Errors
/// Everything that is wrong with the configuration, at once.
pub fn check(
    config: &[u8],
    profile: &Profile,
    simulators: &HashMap<String, String>,
) -> Result<(), InvalidTargets> {
    config::read(config, profile, simulators, None).map(drop)
}

/// The clients of all targets: those that trust the same share one, with its connections.
#[derive(Default)]
struct Clients(Vec<(Trust, HttpClient)>);

impl Clients {
    fn of(&mut self, trust: &Trust) -> Result<HttpClient, NoTls> {
        if let Some((_, client)) = self.0.iter().find(|(known, _)| known == trust) {
            return Ok(client.clone());
        }
        let client = HttpClient::new(trust)?;
        self.0.push((trust.clone(), client.clone()));
        Ok(client)
    }
}

fn target(settings: Settings, http: HttpClient, context: &Context) -> ConfiguredTarget {
    let parts = Parts {
        engine: context.engines.of(&settings.name, settings.budget.share(context.share), context),
        http,
        credentials: Credentials::new(Arc::clone(&context.secrets), &settings.credentials),
    };
    ConfiguredTarget { name: settings.name, fields: settings.own.fields, api: (settings.own.make)(parts) }
}
