//! `infra/openapi.yaml` as data, and what it holds against an answer. An answer may have nothing that is not said there,
//! because integrators generate their clients from it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::http::Reply;
use crate::template::read::{entries, read, text};

/// Headers that say how an answer is sent, not what it is.
const OF_THE_CONNECTION: [&str; 4] = ["connection", "content-length", "content-type", "date"];

/// The document.
pub(crate) struct Document(Value);

/// One method of one path.
#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) id: String,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) summary: String,
    /// Whether it needs neither a key nor a session.
    pub(crate) is_open: bool,
    pub(crate) statuses: BTreeSet<u16>,
}

impl Document {
    pub(crate) fn read() -> Document {
        let mut document = read("infra/openapi.yaml");
        close(&mut document);
        Document(document)
    }

    pub(crate) fn paths(&self) -> BTreeSet<&str> {
        entries(&self.0["paths"]).map(|(path, _)| path.as_str()).collect()
    }

    /// What a schema enumerates.
    pub(crate) fn words(&self, schema: &str) -> Vec<&str> {
        self.0["components"]["schemas"][schema]["enum"].as_array().unwrap().iter().map(text).collect()
    }

    pub(crate) fn operations(&self) -> Vec<Operation> {
        let of_path = |(path, item): (&String, &Value)| {
            let methods = entries(item).filter(|(method, _)| *method != "parameters");
            let operation = |(method, operation): (&String, &Value)| Operation {
                id: text(&operation["operationId"]).to_owned(),
                method: method.to_uppercase(),
                path: path.clone(),
                summary: text(&operation["summary"]).to_owned(),
                is_open: operation["security"] == json!([])
                    || operation["security"].as_array().is_some_and(|ways| ways.contains(&json!({}))),
                statuses: entries(&operation["responses"])
                    .map(|(status, _)| status.parse().unwrap())
                    .collect(),
            };
            methods.map(operation).collect::<Vec<_>>()
        };
        entries(&self.0["paths"]).flat_map(of_path).collect()
    }

    /// What the document holds against this answer of an operation.
    pub(crate) fn complaints(&self, id: &str, reply: &Reply) -> Vec<String> {
        let mut items = entries(&self.0["paths"]).flat_map(|(_, item)| entries(item));
        let (method, operation) = items.find(|(_, operation)| operation["operationId"] == id).unwrap();
        let response = self.resolved(&operation["responses"][reply.status.to_string()]);
        if response.is_null() {
            return vec![format!("{} is no status of it", reply.status)];
        }
        let mut complaints = self.of_headers(response, reply);
        if method != "head" {
            complaints.extend(self.of_body(response, reply));
        }
        complaints
    }

    fn of_headers(&self, response: &Value, reply: &Reply) -> Vec<String> {
        let declared = |name: &str| {
            let mut headers = entries(&response["headers"]);
            headers.any(|(declared, _)| declared.eq_ignore_ascii_case(name))
        };
        let unknown = reply.headers.keys();
        let unknown = unknown.filter(|name| !OF_THE_CONNECTION.contains(&name.as_str()) && !declared(name));
        let mut complaints: Vec<_> = unknown.map(|name| format!("{name} is not said")).collect();
        for (name, header) in entries(&response["headers"]) {
            let header = self.resolved(header);
            match reply.headers.get(&name.to_ascii_lowercase()) {
                None if header["required"] == true => complaints.push(format!("{name} is missing")),
                None => {}
                Some(value) => {
                    let is_number = self.resolved(&header["schema"])["type"] == "integer";
                    let number = value.parse::<u64>().ok().filter(|_| is_number);
                    let value = number.map_or(json!(value), |number| json!(number));
                    complaints.extend(self.of_value(&header["schema"], &value));
                }
            }
        }
        complaints
    }

    fn of_body(&self, response: &Value, reply: &Reply) -> Vec<String> {
        let Some(sent) = reply.headers.get("content-type") else {
            // An error may be without the body that others of its status have.
            let may_be_empty = response.get("content").is_none() || reply.status >= 400;
            let is_right = reply.body.is_empty() && may_be_empty;
            return if is_right { Vec::new() } else { vec!["its body has no type".to_owned()] };
        };
        let name = sent.split(';').next().unwrap_or_default();
        let Some(content) = response["content"].get(name) else { return vec![format!("it is no {name}")] };
        // A text of JSON texts is none.
        let is_json = name.ends_with("json") && name != "application/x-ndjson";
        let value = if is_json { reply.json() } else { json!(reply.text()) };
        self.of_value(&content["schema"], &value)
    }

    /// What a schema of the document holds against a value.
    fn of_value(&self, schema: &Value, value: &Value) -> Vec<String> {
        let mut schema = schema.clone();
        schema["components"] = self.0["components"].clone();
        let options = jsonschema::draft202012::options().should_validate_formats(true);
        let validator = options.build(&schema).unwrap();
        validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect()
    }

    /// What the document holds against its own examples.
    pub(crate) fn wrong_examples(&self) -> Vec<String> {
        let mut found = Vec::new();
        self.examples(&self.0, &mut found);
        assert!(!found.is_empty());
        found.into_iter().flat_map(|(schema, value)| self.of_value(schema, value)).collect()
    }

    /// Every example below a value, with its schema.
    fn examples<'a>(&'a self, value: &'a Value, found: &mut Vec<(&'a Value, &'a Value)>) {
        if let (Some(schema), Some(examples)) = (value.get("schema"), value.get("examples")) {
            found.extend(entries(examples).map(|(_, example)| (schema, &example["value"])));
        }
        if let (Some(schema), Some(example)) = (value.get("schema"), value.get("example")) {
            found.push((schema, example));
        }
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.examples(item, found)),
            Value::Object(members) => members.values().for_each(|member| self.examples(member, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn resolved<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value.get("$ref") {
            Some(reference) => self.0.pointer(text(reference).trim_start_matches('#')).unwrap(),
            None => value,
        }
    }
}

/// Members that a schema does not list are not there. It does not say so itself, because clients have to bear new ones.
fn close(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(close),
        Value::Object(members) => {
            members.values_mut().for_each(close);
            if members.contains_key("properties") && !members.contains_key("additionalProperties") {
                members.insert("additionalProperties".to_owned(), json!(false));
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
