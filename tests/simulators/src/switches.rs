//! The switches of a simulator: their names, defaults and types, and their present values.
//! A test that misspells a switch must be told, not be left with a test that checks nothing.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// One switch as a kind of target declares it.
#[derive(Debug)]
pub(crate) struct Switch {
    pub(crate) name: &'static str,
    pub(crate) default: Value,
    pub(crate) wants: Wants,
}

/// Which values a switch takes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Wants {
    Flag,
    Count,
    CountOrNull,
    Number,
    OneOf(&'static [&'static str]),
    /// Anything else: what it wants in words, and the check.
    Other(&'static str, fn(&Value) -> bool),
}

impl Wants {
    fn accepts(self, value: &Value) -> bool {
        match self {
            Wants::Flag => value.is_boolean(),
            Wants::Count => value.is_u64(),
            Wants::CountOrNull => value.is_null() || value.is_u64(),
            Wants::Number => value.is_number(),
            Wants::OneOf(texts) => value.as_str().is_some_and(|text| texts.contains(&text)),
            Wants::Other(_, check) => check(value),
        }
    }

    fn in_words(self) -> String {
        match self {
            Wants::Flag => "true or false".to_owned(),
            Wants::Count => "a whole number from 0".to_owned(),
            Wants::CountOrNull => "a whole number from 0, or null".to_owned(),
            Wants::Number => "a number".to_owned(),
            Wants::OneOf(texts) => format!("one of \"{}\"", texts.join("\", \"")),
            Wants::Other(words, _) => words.to_owned(),
        }
    }
}

/// All switches of one simulator with their present values.
#[derive(Debug)]
pub(crate) struct Switches {
    wanted: BTreeMap<&'static str, Wants>,
    values: Map<String, Value>,
}

impl Switches {
    /// The switches every simulator has, and those of its kind, all at their defaults.
    pub(crate) fn with(own: Vec<Switch>) -> Self {
        let common = [
            Switch { name: "latency_ms", default: json!(0), wants: Wants::Count },
            Switch { name: "limit", default: Value::Null, wants: Wants::CountOrNull },
        ];
        let (mut wanted, mut values) = (BTreeMap::new(), Map::new());
        for switch in common.into_iter().chain(own) {
            wanted.insert(switch.name, switch.wants);
            values.insert(switch.name.to_owned(), switch.default);
        }
        Switches { wanted, values }
    }

    /// Sets those named, or none of them when one is unknown or of the wrong type.
    pub(crate) fn merge(&mut self, changes: &Value) -> Result<(), String> {
        let changes = changes.as_object().ok_or("switches are set by a JSON object")?;
        for (name, value) in changes {
            let wants = self.wanted.get(name.as_str()).ok_or_else(|| format!("there is no switch {name}"))?;
            if !wants.accepts(value) {
                return Err(format!("{name} wants {}", wants.in_words()));
            }
        }
        self.values.extend(changes.clone());
        Ok(())
    }

    /// All of them, as the control API shows them.
    pub(crate) fn to_json(&self) -> Value {
        Value::Object(self.values.clone())
    }

    /// A switch's value; null for one that does not exist.
    pub(crate) fn value(&self, name: &str) -> &Value {
        self.values.get(name).unwrap_or(&Value::Null)
    }

    /// Whether a switch is on.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.value(name).as_bool().unwrap_or(false)
    }

    /// Whether a switch is on; it is off afterwards.
    pub(crate) fn take(&mut self, name: &str) -> bool {
        let was_on = self.flag(name);
        if was_on {
            self.values.insert(name.to_owned(), Value::Bool(false));
        }
        was_on
    }

    /// A whole number; `None` when the switch is null.
    pub(crate) fn count(&self, name: &str) -> Option<u64> {
        self.value(name).as_u64()
    }

    /// A number with decimals.
    pub(crate) fn number(&self, name: &str) -> f64 {
        self.value(name).as_f64().unwrap_or(0.0)
    }
}
