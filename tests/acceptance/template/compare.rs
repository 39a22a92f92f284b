//! The comparisons: each gives back what the template says otherwise than the code, a line each, in both directions.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use people_adapters::config::VARIABLES;
use people_adapters::http::{Function, Route};
use serde_json::json;

use super::says::Templates;

/// The variable with the credentials, which only functions that call targets have.
const SECRETS: &str = "PEOPLE_TARGET_SECRETS";
/// The functions that call targets.
pub(crate) const CALLING: [&str; 3] = ["batch-import", "directory-sync", "pdf-storage"];

/// Every crate that becomes a function.
fn crates() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../functions");
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    entries
        .filter(|entry| entry.path().join("src/main.rs").exists())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

pub(crate) fn functions(templates: &Templates) -> Vec<String> {
    let made = templates.functions(&json!({})).into_iter().map(|function| function.name).collect();
    differences(&crates(), &made, "the template")
}

/// The variables that the configuration reads against those that each function has.
pub(crate) fn variables(templates: &Templates) -> Vec<String> {
    let functions = templates.functions(&json!({}));
    let complaints = functions.iter().flat_map(|function| {
        let is_due = |name: &&str| **name != *SECRETS || CALLING.contains(&function.name.as_str());
        let due = VARIABLES.iter().copied().filter(is_due).map(str::to_owned).collect();
        differences(&due, &function.variables.keys().cloned().collect(), &function.name)
    });
    complaints.collect()
}

/// The table of routes against the events of the API.
pub(crate) fn routes(templates: &Templates) -> Vec<String> {
    let mut due: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for function in Function::ALL {
        let routes = Route::ALL.into_iter().filter(|route| route.function() == function);
        due.insert(function.name(), routes.map(|route| format!("ANY {}", route.path())).collect());
    }
    let functions = templates.functions(&json!({}));
    let complaints = functions.iter().flat_map(|function| {
        let due = due.remove(function.name.as_str()).unwrap_or_default();
        differences(&due, &function.routes, &function.name)
    });
    let mut complaints: Vec<_> = complaints.collect();
    complaints.extend(due.into_values().flatten().map(|route| format!("nothing answers {route}")));
    complaints
}

fn differences(due: &BTreeSet<String>, there: &BTreeSet<String>, place: &str) -> Vec<String> {
    let missing = due.difference(there).map(|name| format!("{place} lacks {name}"));
    let superfluous = there.difference(due).map(|name| format!("{place} has {name}, which nothing needs"));
    missing.chain(superfluous).collect()
}
