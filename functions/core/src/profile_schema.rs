//! A profile definition as JSON Schema 2020-12 of one person update, so that integrators can check what they send with a
//! validator of their own, with an example of one. It accepts exactly the objects that [`update`](crate::update) has
//! nothing against.
//!
//! The patterns mean the same in ECMA 262 (flag `u`), in Python and in Rust. Classes are spelled out, because `\s` and
//! `\d` differ; a length goes with `$` where no blanks may precede it, because in Python `$` also matches before a last
//! line break; and nothing in them can be made to backtrack for long.

mod example;

use serde::ser::{Serialize, Serializer};

use crate::person::MAX_IDENTIFIER;
use crate::profile::{Field, FieldType, Profile, RESERVED, Source};
use crate::update::MAX_REFERENCES;

pub use self::example::csv as example_as_csv;

const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";
const COMMENT: &str = "No matter of shape, and so not told here: an object has at most 256 KiB and no key twice, its \
    strings are Unicode text, and whoever is named, also by a PersonIdentifier, has to be known.";
const DESCRIPTION: &str = "Names a person by userPrincipalName or employeeId. A field that is not named stays as it is; \
    a value overwrites it, null resets it, and [] resets a list.";

/// What is trimmed, Unicode's `White_Space`, as the inside of a class.
const BLANK: &str = r"\u0009-\u000d\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000";

/// `yyyy-MM-dd`: the days of a year by the length of its months, and 29 February of leap years.
const DATE: &str = "^(?:[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])\
    |(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)\
    |02-(?:0[1-9]|1[0-9]|2[0-8]))\
    |(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29)$";

/// The schema as JSON text. It follows the order of the definition: the same definition gives the same text.
pub fn print(profile: &Profile) -> String {
    // Texts, numbers and objects with text keys cannot fail to be written.
    serde_json::to_string_pretty(&schema(profile)).unwrap_or_default()
}

fn schema(profile: &Profile) -> Node {
    let identifiers = RESERVED.map(|name| (name.to_owned(), object([("$ref", reference("Identifier"))])));
    let fields = profile.fields().iter().filter(is_told).map(|field| (field.name.to_string(), of(field)));
    object([
        ("$schema", DIALECT.into()),
        ("$comment", COMMENT.into()),
        ("title", "Person update".into()),
        ("description", DESCRIPTION.into()),
        ("type", "object".into()),
        ("properties", Node::Object(identifiers.into_iter().chain(fields).collect())),
        ("additionalProperties", false.into()),
        ("anyOf", Node::List(RESERVED.map(is_given).into())),
        ("$defs", definitions()),
        ("examples", Node::List(vec![example::json(profile)])),
    ])
}

/// Whether a person update may have this field.
fn is_told(field: &&Field) -> bool {
    field.source == Source::Api && field.kind != FieldType::File
}

/// An identifier is there where it is neither null nor blank.
fn is_given(name: &str) -> Node {
    let not_blank = object([("type", "string".into()), ("pattern", format!("[^{BLANK}]").into())]);
    object([("required", Node::List(vec![name.into()])), ("properties", object([(name, not_blank)]))])
}

fn of(field: &Field) -> Node {
    let (json_type, definition) = match field.kind {
        FieldType::Date => ("string", Some("Date")),
        FieldType::PersonIdentifier => ("string", Some("PersonIdentifier")),
        FieldType::MultiLang => ("object", Some("MultiLang")),
        FieldType::String | FieldType::Email | FieldType::Phone | FieldType::Link | FieldType::File => {
            ("string", None)
        }
    };
    let mut node = match (field.is_list, definition) {
        (false, Some(name)) => object([("$ref", reference(name))]),
        (false, None) => object([("type", or_null(json_type))]),
        (true, _) => object([("type", or_null("array")), ("items", element(json_type, definition))]),
    };
    if field.is_list && field.kind == FieldType::PersonIdentifier {
        node.add("maxItems", MAX_REFERENCES.into());
    }
    node.add("description", field.kind.to_string().into());
    node
}

/// In a list nothing is null, which the definitions allow.
fn element(json_type: &str, definition: Option<&str>) -> Node {
    let mut node = object([("type", json_type.into())]);
    if let Some(name) = definition {
        node.add("$ref", reference(name));
    }
    node
}

fn reference(definition: &str) -> Node {
    format!("#/$defs/{definition}").into()
}

fn or_null(json_type: &str) -> Node {
    Node::List(vec![json_type.into(), "null".into()])
}

fn definitions() -> Node {
    let name = format!("[^{BLANK}](?:[\\s\\S]{{0,{}}}[^{BLANK}])?[{BLANK}]*", MAX_IDENTIFIER - 2);
    let about = format!("At most {MAX_IDENTIFIER} characters, blanks around not counted; blank is absent");
    let mut date = text("yyyy-MM-dd", DATE.to_owned());
    date.add("maxLength", 10.into());
    object([
        ("Identifier", text(&about, format!("^[{BLANK}]*(?:{name})?$"))),
        (
            "PersonIdentifier",
            text("The userPrincipalName or employeeId of a known person", format!("^[{BLANK}]*{name}$")),
        ),
        ("Date", date),
        ("MultiLang", languages()),
    ])
}

fn languages() -> Node {
    let code = object([("type", "string".into()), ("pattern", "^[a-z]{2}$".into()), ("maxLength", 2.into())]);
    object([
        ("description", "Two-letter language codes, each with a text".into()),
        ("type", or_null("object")),
        ("propertyNames", code),
        ("additionalProperties", element("string", None)),
        ("minProperties", 1.into()),
    ])
}

fn text(description: &str, pattern: String) -> Node {
    object([("description", description.into()), ("type", or_null("string")), ("pattern", pattern.into())])
}

/// JSON whose members stay in their order.
enum Node {
    Flag(bool),
    Number(usize),
    Text(String),
    List(Vec<Node>),
    Object(Vec<(String, Node)>),
}

fn object<const N: usize>(members: [(&str, Node); N]) -> Node {
    Node::Object(members.into_iter().map(|(name, node)| (name.to_owned(), node)).collect())
}

impl Node {
    fn add(&mut self, name: &str, node: Node) {
        if let Node::Object(members) = self {
            members.push((name.to_owned(), node));
        }
    }
}

impl From<bool> for Node {
    fn from(flag: bool) -> Node {
        Node::Flag(flag)
    }
}

impl From<usize> for Node {
    fn from(number: usize) -> Node {
        Node::Number(number)
    }
}

impl From<&str> for Node {
    fn from(text: &str) -> Node {
        Node::Text(text.to_owned())
    }
}

impl From<String> for Node {
    fn from(text: String) -> Node {
        Node::Text(text)
    }
}

impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Node::Flag(flag) => serializer.serialize_bool(*flag),
            Node::Number(number) => number.serialize(serializer),
            Node::Text(text) => serializer.serialize_str(text),
            Node::List(nodes) => serializer.collect_seq(nodes),
            Node::Object(members) => serializer.collect_map(members.iter().map(|(name, node)| (name, node))),
        }
    }
}
