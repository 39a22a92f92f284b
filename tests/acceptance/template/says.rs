//! What the templates say about the functions and the tables, in the words that the comparisons use.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::read::{Deployed, entries, read, text};

/// The stage that the tests deploy in their minds.
pub(crate) const STAGE: &str = "test";

/// The template and what it includes.
#[derive(Clone)]
pub(crate) struct Templates {
    pub(crate) top: Value,
    pub(crate) stores: Value,
}

/// A function as the template makes it.
#[derive(Debug)]
pub(crate) struct Made {
    /// The folder that it is built from.
    pub(crate) name: String,
    /// The variables of its environment, with their values.
    pub(crate) variables: BTreeMap<String, String>,
    /// The routes that lead to it, `ANY /path`.
    pub(crate) routes: BTreeSet<String>,
}

impl Templates {
    pub(crate) fn read() -> Templates {
        Templates { top: read("template.yaml"), stores: read("infra/stores.yaml") }
    }

    /// The functions, deployed with these parameters beside the stage.
    pub(crate) fn functions(&self, parameters: &Value) -> Vec<Made> {
        let parameters = with_stage(parameters);
        let top = Deployed::new(&self.top, &parameters);
        let globals = top.globals();
        top.resources("AWS::Serverless::Function")
            .into_iter()
            .map(|(_, function)| made(&globals, &function["Properties"]))
            .collect()
    }
}

pub(crate) fn with_stage(parameters: &Value) -> Value {
    let mut parameters = parameters.clone();
    parameters["Stage"] = json!(STAGE);
    parameters
}

fn made(globals: &Value, function: &Value) -> Made {
    let variables =
        [globals, function].into_iter().flat_map(|from| entries(&from["Environment"]["Variables"]));
    let shown = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    Made {
        name: text(&function["CodeUri"]).trim_start_matches("functions/").to_owned(),
        variables: variables.map(|(name, value)| (name.clone(), shown(value))).collect(),
        routes: entries(&function["Events"])
            .filter(|(_, event)| event["Type"] == "HttpApi")
            .map(|(_, event)| &event["Properties"])
            .map(|event| format!("{} {}", text(&event["Method"]), text(&event["Path"])))
            .collect(),
    }
}
