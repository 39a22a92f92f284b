//! A made-up person update with every field that can be sent, so that an integrator sees each kind of value once: as the
//! object, and as the CSV that means the same. Whoever tries it out on the sample people changes nobody real.

use super::{Node, is_told, object};
use crate::inbox::LIST_SEPARATOR;
use crate::profile::{Field, FieldType, Profile, RESERVED};

/// Who is updated, and who else there is.
const UPN: &str = "joe@company.com";
const OTHERS: [&str; 2] = ["sarah@company.com", "ceo@company.com"];
const LANGUAGES: [(&str, &str); 2] = [("de", "Leitung"), ("en", "Head of unit")];
/// What fits fields that many definitions have.
const NAMED: [(&str, [&str; 2]); 6] = [
    ("firstName", ["Joe", "Joseph"]),
    ("lastName", ["Miller", "Smith"]),
    ("department", ["IT", "Finance"]),
    ("costCenter", ["4711", "4712"]),
    ("skills", ["German", "Rust"]),
    ("birthDate", ["1985-07-14", "1985-07-15"]),
];

/// The example as JSON.
pub(super) fn json(profile: &Profile) -> Node {
    let [upn, _] = RESERVED;
    let fields = profile.fields().iter().filter(is_told).map(|field| (field.name.to_string(), value(field)));
    Node::Object([(upn.to_owned(), UPN.into())].into_iter().chain(fields).collect())
}

fn value(field: &Field) -> Node {
    let one = |text: &str| match field.kind {
        FieldType::MultiLang => object(LANGUAGES.map(|(language, text)| (language, text.into()))),
        _ => text.into(),
    };
    match (texts(field), field.is_list) {
        ([text, _], false) => one(text),
        ([text, _], true) if field.kind == FieldType::MultiLang => Node::List(vec![one(text)]),
        (texts, true) => Node::List(texts.map(one).into()),
    }
}

/// Two values; a field that is no list has the first one.
fn texts(field: &Field) -> [&'static str; 2] {
    let named = NAMED.iter().find(|(name, _)| **name == *field.name).map(|(_, texts)| *texts);
    match field.kind {
        FieldType::String | FieldType::MultiLang | FieldType::File => named.unwrap_or(["Text", "More text"]),
        FieldType::Date => named.filter(|texts| texts[0].len() == 10).unwrap_or(["2023-11-01", "2024-02-29"]),
        FieldType::Email => [UPN, OTHERS[0]],
        FieldType::Phone => ["+1 202 555 0123", "+1 202 555 0124"],
        FieldType::Link => ["https://company.com", "https://company.com/joe"],
        FieldType::PersonIdentifier => OTHERS,
    }
}

/// The example as CSV with a header, separated by commas. A list of texts in several languages has no column, so it is left
/// out.
pub fn csv(profile: &Profile) -> String {
    let [upn, _] = RESERVED;
    let mut columns = vec![(upn.to_owned(), UPN.to_owned())];
    for field in profile.fields().iter().filter(is_told) {
        match (field.kind, field.is_list) {
            (FieldType::MultiLang, true) => {}
            (FieldType::MultiLang, false) => {
                let column =
                    |(language, text): (&str, &str)| (format!("{}.{language}", field.name), text.into());
                columns.extend(LANGUAGES.map(column));
            }
            (_, true) => {
                columns.push((field.name.to_string(), texts(field).join(&LIST_SEPARATOR.to_string())));
            }
            (_, false) => columns.push((field.name.to_string(), texts(field)[0].to_owned())),
        }
    }
    // Neither the names nor what is made up here has anything that would have to be quoted.
    let (names, cells): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
    format!("{}\r\n{}\r\n", names.join(","), cells.join(","))
}
