//! The templates as data: YAML with CloudFormation's tags, and what becomes of it for given parameters. Resolved as a
//! deployment does it, because what counts are the names that functions and policies have in the end.

use std::fs;
use std::path::Path;

use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Value, json};

pub(crate) const REGION: &str = "eu-central-1";
pub(crate) const ACCOUNT: &str = "123456789012";

/// A template file below the top folder, tags in their long form.
pub(crate) fn read(file: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{file}: {error}"));
    plain(&Yaml::load_from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}"))[0])
}

fn plain(yaml: &Yaml<'_>) -> Value {
    match yaml {
        Yaml::Value(Scalar::String(text)) => json!(text),
        Yaml::Value(Scalar::Integer(number)) => json!(number),
        Yaml::Value(Scalar::Boolean(value)) => json!(value),
        Yaml::Value(Scalar::Null) => Value::Null,
        Yaml::Sequence(items) => items.iter().map(plain).collect(),
        Yaml::Mapping(entries) => {
            let entry =
                |(key, value): (&Yaml<'_>, &Yaml<'_>)| (key.as_str().unwrap().to_owned(), plain(value));
            Value::Object(entries.iter().map(entry).collect())
        }
        Yaml::Tagged(tag, value) => {
            let name = if tag.suffix == "Ref" { "Ref".to_owned() } else { format!("Fn::{}", tag.suffix) };
            Value::Object(Map::from_iter([(name, plain(value))]))
        }
        other => panic!("what is {other:?}?"),
    }
}

/// A template that is deployed with these parameters; the others have their defaults.
pub(crate) struct Deployed<'a> {
    template: &'a Value,
    parameters: &'a Value,
}

impl<'a> Deployed<'a> {
    pub(crate) fn new(template: &'a Value, parameters: &'a Value) -> Deployed<'a> {
        Deployed { template, parameters }
    }

    /// Its resources of a type, by their logical ids, with every property resolved.
    pub(crate) fn resources(&self, of_type: &str) -> Vec<(String, Value)> {
        let of_type = |resource: &Value| resource["Type"] == of_type;
        let exists =
            |resource: &Value| resource["Condition"].as_str().is_none_or(|name| self.condition(name));
        entries(&self.template["Resources"])
            .filter(|(_, resource)| of_type(resource) && exists(resource))
            .map(|(id, resource)| (id.clone(), self.value(resource).unwrap_or_default()))
            .collect()
    }

    /// What it shows to others, such as `Key.Arn`.
    pub(crate) fn output(&self, name: &str) -> Option<Value> {
        self.value(&self.template["Outputs"][name]["Value"])
    }

    /// What all functions have that do not say otherwise.
    pub(crate) fn globals(&self) -> Value {
        self.value(&self.template["Globals"]["Function"]).unwrap_or_default()
    }

    /// `None` where nothing is to be said, as by `AWS::NoValue`.
    fn value(&self, value: &Value) -> Option<Value> {
        match value {
            Value::Array(items) => Some(items.iter().filter_map(|item| self.value(item)).collect()),
            Value::Object(object) => match object.iter().next() {
                Some((name, given)) if object.len() == 1 && (name == "Ref" || name.starts_with("Fn::")) => {
                    self.intrinsic(name, given)
                }
                _ => {
                    let entries =
                        object.iter().filter_map(|(key, value)| Some((key.clone(), self.value(value)?)));
                    Some(Value::Object(entries.collect()))
                }
            },
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Some(value.clone()),
        }
    }

    fn intrinsic(&self, name: &str, given: &Value) -> Option<Value> {
        match name {
            "Ref" => self.reference(text(given)),
            "Fn::GetAtt" => Some(given.clone()),
            "Fn::Sub" => Some(json!(self.substitute(text(given)))),
            "Fn::If" => self.value(&given[if self.condition(text(&given[0])) { 1 } else { 2 }]),
            "Fn::Equals" => Some(json!(self.value(&given[0]) == self.value(&given[1]))),
            "Fn::Not" => Some(json!(self.value(&given[0]) == Some(json!(false)))),
            "Fn::Join" => {
                let parts = self.value(&given[1])?;
                let parts: Vec<_> = parts.as_array().into_iter().flatten().map(text).collect();
                Some(json!(parts.join(text(&given[0]))))
            }
            other => panic!("{other} is not known here"),
        }
    }

    fn condition(&self, name: &str) -> bool {
        self.value(&self.template["Conditions"][name]) == Some(json!(true))
    }

    fn reference(&self, name: &str) -> Option<Value> {
        match name {
            "AWS::NoValue" => None,
            "AWS::Region" => Some(json!(REGION)),
            "AWS::AccountId" => Some(json!(ACCOUNT)),
            "AWS::Partition" => Some(json!("aws")),
            "AWS::URLSuffix" => Some(json!("amazonaws.com")),
            _ => {
                let Some(parameter) = self.template["Parameters"].get(name) else {
                    return self.resource(name);
                };
                let given = self.parameters.get(name).or(parameter.get("Default"));
                let given = given.unwrap_or_else(|| panic!("{name} is not given")).clone();
                let is_list = parameter["Type"].as_str().is_some_and(|kind| kind.contains("List"));
                Some(if is_list { text(&given).split(',').map(|item| json!(item)).collect() } else { given })
            }
        }
    }

    /// A log group refers to itself by its name; where another resource is meant, its logical id does here.
    fn resource(&self, id: &str) -> Option<Value> {
        let log_group = self.template["Resources"][id]["Properties"].get("LogGroupName");
        log_group.map_or_else(|| Some(json!(id)), |name| self.value(name))
    }

    fn substitute(&self, text: &str) -> String {
        let mut pieces = text.split("${");
        let mut result = pieces.next().unwrap_or_default().to_owned();
        for piece in pieces {
            let (name, rest) = piece.split_once('}').expect("a closing brace");
            match self.reference(name) {
                Some(Value::String(value)) => result += &value,
                Some(value) => result += &value.to_string(),
                None => {}
            }
            result += rest;
        }
        result
    }
}

/// The entries of an object; none where there is none.
pub(crate) fn entries(object: &Value) -> impl Iterator<Item = (&String, &Value)> {
    object.as_object().into_iter().flatten()
}

/// A value that has to be a text.
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

/// One value or a list of them.
pub(crate) fn list(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(items) => items.iter().map(text).collect(),
        Value::Null => Vec::new(),
        one => vec![text(one)],
    }
}
