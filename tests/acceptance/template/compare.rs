//! The comparisons: each gives back what the template says otherwise than the code, a line each, in both directions.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use people_adapters::config::VARIABLES;
use people_adapters::dynamodb::{self, Tables};
use people_adapters::http::{Function, Route};
use serde_json::json;

use super::calls::Need;
use super::read::{Deployed, text};
use super::says::{Index, Made, Permission, STAGE, Table, Templates, with_secret, with_stage};

/// What functions are in a template.
pub(crate) const FUNCTIONS: &str = "AWS::Serverless::Function";
/// The variable that leads to the credentials, which only functions that call targets have.
pub(crate) const SECRET: &str = "PEOPLE_TARGET_SECRET";
/// The one that holds them itself, which no function has in the cloud: whoever may see its settings would see them.
const SECRETS: &str = "PEOPLE_TARGET_SECRETS";
/// The variable with the share of each target, which they alone have too.
pub(crate) const SHARE: &str = "PEOPLE_TARGET_SHARE";
/// The functions that call targets.
pub(crate) const CALLING: [&str; 6] =
    ["batch-import", "directory-sync", "inbox-import", "pdf-storage", "redelivery", "staged-import"];

/// Every crate that becomes a function.
pub(crate) fn crates() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../functions");
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    entries
        .filter(|entry| entry.path().join("src/main.rs").exists())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

pub(crate) fn functions(templates: &Templates) -> Vec<String> {
    let functions = templates.functions(&json!({}));
    let made = functions.iter().map(|function| function.name.clone()).collect();
    let binaries = functions.into_iter().map(|function| function.binary).collect();
    [
        differences(&crates(), &made, "the template"),
        differences(&crates(), &binaries, "what the template builds"),
        differences(&crates(), &packages(&templates.workspace), "what Cargo.toml packages"),
    ]
    .concat()
}

/// What `cargo lambda build` makes, in the words of the workspace's `Cargo.toml`.
fn packages(workspace: &str) -> BTreeSet<String> {
    let section = workspace.split("[workspace.metadata.lambda.build]").nth(1).expect("the section");
    let list = section.lines().find_map(|line| line.strip_prefix("packages = ")).expect("the packages");
    serde_json::from_str(list).unwrap()
}

/// The variables that the configuration reads against those that each function has.
pub(crate) fn variables(templates: &Templates) -> Vec<String> {
    let functions = templates.functions(&with_secret());
    let complaints = functions.iter().flat_map(|function| {
        let calls = CALLING.contains(&function.name.as_str());
        let is_due = |name: &&str| **name != *SECRETS && (![SECRET, SHARE].contains(name) || calls);
        let due = VARIABLES.iter().copied().filter(is_due).map(str::to_owned).collect();
        differences(&due, &function.variables.keys().cloned().collect(), &function.name)
    });
    complaints.collect()
}

/// Where each function looks, against where the stores are and what the roles and the alarms are about.
pub(crate) fn places(templates: &Templates) -> Vec<String> {
    let parameters = with_stage(&json!({}));
    let top = Deployed::new(&templates.top, &parameters);
    let [stores, permissions, alarms] =
        ["Stores", "Permissions", "Alarms"].map(|nested| templates.given(&top, nested));
    let made = Deployed::new(&templates.stores, &stores).resources("AWS::S3::Bucket");
    let (bucket, prefix) = (&made[0].1["Properties"]["BucketName"], &stores["Prefix"]);
    let letters = &made[1].1["Properties"]["BucketName"];
    let own_letters = json!(format!("{}-dead-letters", text(bucket)));
    let mut there = vec![
        ("the bucket of the dead letters".to_owned(), letters.clone(), &own_letters),
        ("the bucket of the roles".to_owned(), permissions["BucketName"].clone(), bucket),
        ("the bucket that is shown".to_owned(), top.output("BucketName").unwrap_or_default(), bucket),
        ("the prefix of the roles".to_owned(), permissions["Prefix"].clone(), prefix),
        ("the prefix of the alarms".to_owned(), alarms["Prefix"].clone(), prefix),
        ("the prefix that is shown".to_owned(), top.output("TablePrefix").unwrap_or_default(), prefix),
    ];
    for function in templates.functions(&json!({})) {
        let variable = |name: &str| json!(function.variables.get(name));
        there.push((format!("the bucket of {}", function.name), variable("PEOPLE_BUCKET"), bucket));
        there.push((format!("the prefix of {}", function.name), variable("PEOPLE_TABLE_PREFIX"), prefix));
    }
    let wrong = there.into_iter().filter(|(_, is, due)| is != *due);
    wrong.map(|(name, is, due)| format!("{name} is {is}, and has to be {due}")).collect()
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

/// The tables of the adapters, whose names the functions build from their prefix, against those that are made.
pub(crate) fn tables(templates: &Templates) -> Vec<String> {
    let due = due_tables(&Tables::with_prefix(&format!("people-{STAGE}")));
    let made: BTreeMap<_, _> =
        templates.tables().into_iter().map(|table| (table.name.clone(), table)).collect();
    let mut complaints = differences(&names(&due), &names(&made), "infra/stores.yaml");
    for (name, table) in &due {
        if made.get(name).is_some_and(|made| made != table) {
            complaints.push(format!("{name} has to be {table:?}, and is {:?}", made[name]));
        }
    }
    complaints
}

fn names(tables: &BTreeMap<String, Table>) -> BTreeSet<String> {
    tables.keys().cloned().collect()
}

fn due_tables(tables: &Tables) -> BTreeMap<String, Table> {
    let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let index = |index: &dynamodb::Index| {
        let projected = index.projected.iter().map(|name| (*name).to_owned()).collect();
        (index.name.to_owned(), Index { key: own(index.key), projected })
    };
    let table = |schema: dynamodb::Schema<'_>| Table {
        name: schema.name.to_owned(),
        key: own(schema.key),
        expires: Some(schema.time_to_live.to_owned()),
        indexes: schema.indexes.iter().map(index).collect(),
    };
    tables.schemas().into_iter().map(|schema| (schema.name.to_owned(), table(schema))).collect()
}

/// What a function did against what it may do.
pub(crate) fn calls(function: &Made, needs: &BTreeSet<Need>) -> Vec<String> {
    let name = &function.name;
    let refused =
        needs.iter().filter(|need| !function.permissions.iter().any(|allowed| covers(allowed, need)));
    let unused =
        function.permissions.iter().filter(|allowed| !needs.iter().any(|need| covers(allowed, need)));
    let refused = refused.map(|need| format!("{name} does {need}, and may not"));
    let unused = unused.map(|allowed| format!("{name} may {allowed}, and never does"));
    refused.chain(unused).collect()
}

/// What can be narrowed by a condition has to be.
fn covers(allowed: &Permission, need: &Need) -> bool {
    let holds = match (&allowed.condition, &need.context) {
        (None, None) => true,
        (Some((key, value)), Some((asked, given))) => key == asked && is_like(value, given),
        (Some(_), None) | (None, Some(_)) => false,
    };
    holds && allowed.action == need.action && is_like(&allowed.resource, &need.resource)
}

fn is_like(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => pattern == name,
    }
}

fn differences(due: &BTreeSet<String>, there: &BTreeSet<String>, place: &str) -> Vec<String> {
    let missing = due.difference(there).map(|name| format!("{place} lacks {name}"));
    let superfluous = there.difference(due).map(|name| format!("{place} has {name}, which nothing needs"));
    missing.chain(superfluous).collect()
}
