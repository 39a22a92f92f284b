//! What the templates say about the functions and the tables, in the words that the comparisons use.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::{Value, json};

use super::calls::{SECRET, SECRET_KEY};
use super::compare::FUNCTIONS;
use super::read::{Deployed, entries, list, read, text};

/// The stage that the tests deploy in their minds.
pub(crate) const STAGE: &str = "test";

/// The template and what it includes.
#[derive(Clone)]
pub(crate) struct Templates {
    pub(crate) top: Value,
    pub(crate) stores: Value,
    pub(crate) permissions: Value,
    pub(crate) alarms: Value,
    /// The `Cargo.toml` of the workspace.
    pub(crate) workspace: String,
}

/// A function as the template makes it.
#[derive(Debug)]
pub(crate) struct Made {
    /// The folder that it is built from.
    pub(crate) name: String,
    /// The binary that is built there.
    pub(crate) binary: String,
    /// The variables of its environment, with their values.
    pub(crate) variables: BTreeMap<String, String>,
    /// The routes that lead to it, `ANY /path`.
    pub(crate) routes: BTreeSet<String>,
    /// Where its log goes.
    pub(crate) log_group: String,
    /// What it may do.
    pub(crate) permissions: BTreeSet<Permission>,
}

/// One action on one resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Permission {
    pub(crate) action: String,
    /// The resource, whose name may end in `*`.
    pub(crate) resource: String,
    /// What else has to hold: a key of the request and its value, which may end in `*`.
    pub(crate) condition: Option<(String, String)>,
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.action, self.resource)?;
        self.condition.iter().try_for_each(|(key, value)| write!(f, " where {key} is {value}"))
    }
}

/// A table as the template makes it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) key: Vec<String>,
    pub(crate) expires: Option<String>,
    pub(crate) indexes: BTreeMap<String, Index>,
}

/// An index of a table.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Index {
    pub(crate) key: Vec<String>,
    /// What it holds beside the keys.
    pub(crate) projected: BTreeSet<String>,
}

impl Templates {
    pub(crate) fn read() -> Templates {
        Templates {
            top: read("template.yaml"),
            stores: read("infra/stores.yaml"),
            permissions: read("infra/permissions.yaml"),
            alarms: read("infra/alarms.yaml"),
            workspace: include_str!("../../../Cargo.toml").to_owned(),
        }
    }

    /// The functions, deployed with these parameters beside the stage.
    pub(crate) fn functions(&self, parameters: &Value) -> Vec<Made> {
        let parameters = with_stage(parameters);
        let top = Deployed::new(&self.top, &parameters);
        let given = self.given(&top, "Permissions");
        let permissions = Deployed::new(&self.permissions, &given);
        let globals = top.globals();
        top.resources(FUNCTIONS)
            .into_iter()
            .map(|(_, function)| made(&globals, &function, &permissions))
            .collect()
    }

    /// The tables.
    pub(crate) fn tables(&self) -> Vec<Table> {
        let parameters = with_stage(&json!({}));
        let given = self.given(&Deployed::new(&self.top, &parameters), "Stores");
        let stores = Deployed::new(&self.stores, &given).resources("AWS::DynamoDB::Table");
        stores.iter().map(|(_, table)| self::table(&table["Properties"])).collect()
    }

    /// What the top template gives to a nested one.
    pub(crate) fn given(&self, top: &Deployed<'_>, nested: &str) -> Value {
        let stacks = top.resources("AWS::CloudFormation::Stack");
        let (_, stack) = stacks.into_iter().find(|(id, _)| id == nested).expect("the nested stack");
        stack["Properties"]["Parameters"].clone()
    }
}

/// The parameters of a stack whose targets have credentials.
pub(crate) fn with_secret() -> Value {
    json!({"TargetSecretArn": SECRET, "TargetSecretKeyArn": SECRET_KEY})
}

pub(crate) fn with_stage(parameters: &Value) -> Value {
    let mut parameters = parameters.clone();
    parameters["Stage"] = json!(STAGE);
    parameters
}

fn made(globals: &Value, function: &Value, permissions: &Deployed<'_>) -> Made {
    let binary = function["Metadata"]["BuildProperties"]["Binary"].as_str().unwrap_or("everything");
    let function = &function["Properties"];
    let variables =
        [globals, function].into_iter().flat_map(|from| entries(&from["Environment"]["Variables"]));
    let shown = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    Made {
        name: text(&function["CodeUri"]).trim_start_matches("functions/").to_owned(),
        binary: binary.to_owned(),
        variables: variables.map(|(name, value)| (name.clone(), shown(value))).collect(),
        routes: entries(&function["Events"])
            .filter(|(_, event)| event["Type"] == "HttpApi")
            .map(|(_, event)| &event["Properties"])
            .map(|event| format!("{} {}", text(&event["Method"]), text(&event["Path"])))
            .collect(),
        log_group: text(&function["LoggingConfig"]["LogGroup"]).to_owned(),
        permissions: allowed(text(&function["Role"]), permissions),
    }
}

/// What a role allows, in inline policies and in those that it shares.
fn allowed(role: &str, permissions: &Deployed<'_>) -> BTreeSet<Permission> {
    let output = role.strip_prefix("Permissions.Outputs.").expect("a role of infra/permissions.yaml");
    let arn = permissions.output(output).unwrap_or_else(|| panic!("there is no output {output}"));
    let id = text(&arn).trim_end_matches(".Arn").to_owned();
    let roles = permissions.resources("AWS::IAM::Role");
    let (_, role) = roles.iter().find(|(known, _)| *known == id).unwrap_or_else(|| panic!("no role {id}"));
    let inline = role["Properties"]["Policies"].as_array().into_iter().flatten();
    inline
        .flat_map(|policy| policy["PolicyDocument"]["Statement"].as_array().into_iter().flatten())
        .flat_map(statement)
        .collect()
}

/// How the conditions of a statement may compare. The calls make one of these of all: what has many values in a request is
/// one need for each, and what a request may lack is there as its default.
const OPERATORS: [&str; 4] =
    ["StringEquals", "StringLike", "ForAllValues:StringEquals", "StringEqualsIfExists"];

/// A statement as one permission for each action, resource and value of its condition. That is all that it means, as calls
/// need something by each key of a condition (see [`super::calls`]).
fn statement(statement: &Value) -> Vec<Permission> {
    assert_eq!(statement["Effect"], "Allow", "{statement}");
    let mut conditions = Vec::new();
    for (operator, keys) in entries(&statement["Condition"]) {
        assert!(OPERATORS.contains(&operator.as_str()), "{operator} is not known here");
        for (key, values) in entries(keys) {
            conditions.extend(list(values).into_iter().map(|value| Some((key.clone(), value.to_owned()))));
        }
    }
    if conditions.is_empty() {
        conditions.push(None);
    }
    let mut permissions = Vec::new();
    for action in list(&statement["Action"]) {
        for resource in list(&statement["Resource"]) {
            permissions.extend(conditions.iter().map(|condition| Permission {
                action: action.to_owned(),
                resource: resource.to_owned(),
                condition: condition.clone(),
            }));
        }
    }
    permissions
}

fn table(table: &Value) -> Table {
    let expires = &table["TimeToLiveSpecification"];
    let indexes = table["GlobalSecondaryIndexes"].as_array().into_iter().flatten();
    Table {
        name: text(&table["TableName"]).to_owned(),
        key: key(&table["KeySchema"]),
        expires: (expires["Enabled"] == true).then(|| text(&expires["AttributeName"]).to_owned()),
        indexes: indexes.map(|index| (text(&index["IndexName"]).to_owned(), self::index(index))).collect(),
    }
}

fn index(index: &Value) -> Index {
    let projection = &index["Projection"];
    let projected = list(&projection["NonKeyAttributes"]).into_iter().map(str::to_owned).collect();
    Index { key: key(&index["KeySchema"]), projected }
}

/// The attributes of a key: first the partition's, then the one that sorts. What is out of place says so.
fn key(schema: &Value) -> Vec<String> {
    let attributes = schema.as_array().into_iter().flatten().zip(["HASH", "RANGE"]);
    let named =
        attributes.map(|(attribute, due)| match (text(&attribute["AttributeName"]), &attribute["KeyType"]) {
            (name, kind) if kind == due => name.to_owned(),
            (name, kind) => format!("{name} as {kind}"),
        });
    named.collect()
}
