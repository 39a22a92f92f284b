//! People written as JSON, NDJSON and CSV are the same people, whatever separates the cells.

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

use super::{in_memory, open, profile, rest};
use crate::check::{Checked, check};
use crate::inbox::RESET;

/// A person as columns and cells, in the order of [`COLUMNS`].
type Row = Vec<String>;

const COLUMNS: [&str; 7] =
    ["employeeId", "userPrincipalName", "joinDate", "firstName", "skills", "jobTitle.en", "jobTitle.de"];

/// The object that a row means, made in another way than by the code under test.
fn object(row: &Row) -> Value {
    let mut object = Map::new();
    for (column, cell) in COLUMNS[..4].iter().zip(row).filter(|(_, cell)| !cell.is_empty()) {
        object.insert((*column).to_owned(), if cell == RESET { Value::Null } else { json!(cell) });
    }
    match row[4].as_str() {
        "" => {}
        RESET => drop(object.insert("skills".to_owned(), Value::Null)),
        cell => drop(object.insert("skills".to_owned(), json!(cell.split('|').collect::<Vec<_>>()))),
    }
    let given: Vec<_> =
        [("en", &row[5]), ("de", &row[6])].into_iter().filter(|it| !it.1.is_empty()).collect();
    let texts: Map<_, _> =
        given.iter().filter(|it| *it.1 != RESET).map(|it| (it.0.to_owned(), json!(it.1))).collect();
    if !given.is_empty() {
        object.insert("jobTitle".to_owned(), if texts.is_empty() { Value::Null } else { texts.into() });
    }
    Value::Object(object)
}

fn csv(rows: &[Row], separator: u8, mark: bool, quotes: csv::QuoteStyle, end: csv::Terminator) -> Vec<u8> {
    let mut bytes = if mark { "\u{feff}".as_bytes().to_vec() } else { Vec::new() };
    let mut writer = csv::WriterBuilder::new()
        .delimiter(separator)
        .quote_style(quotes)
        .terminator(end)
        .from_writer(&mut bytes);
    writer.write_record(COLUMNS).unwrap();
    rows.iter().for_each(|row| writer.write_record(row).unwrap());
    writer.flush().unwrap();
    drop(writer);
    bytes
}

/// What validation says to each part, in an order that does not depend on how it was written.
fn judged(name: &str, bytes: &[u8]) -> Vec<String> {
    let parts = rest(open(name, &in_memory(bytes)).unwrap()).concat();
    let judge = |part| match check(&profile(), part) {
        Err(refused) => format!("{refused:?}"),
        Ok(Checked::Update { who, mut changes }) => {
            changes.sort_by(|one, other| one.field.cmp(&other.field));
            for change in &mut changes {
                if let crate::update::Value::MultiLang(texts) = &mut change.value {
                    texts.sort();
                }
            }
            let values = changes.iter().map(|change| format!("{}={}", change.field, value(&change.value)));
            format!("{who:?} {}", values.collect::<Vec<_>>().join(" "))
        }
        Ok(other) => panic!("{other:?}"),
    };
    parts.into_iter().map(judge).collect()
}

fn value(value: &crate::update::Value) -> String {
    use crate::update::Value;
    match value {
        Value::Reset => "reset".to_owned(),
        Value::Text(text) => format!("{text:?}"),
        Value::Texts(texts) => format!("{texts:?}"),
        Value::MultiLang(texts) => format!("{texts:?}"),
        Value::MultiLangs(texts) => format!("{texts:?}"),
    }
}

fn row() -> impl Strategy<Value = Row> {
    let text = || prop_oneof![3 => "[a-zé🎉 ,;|\t\"'\r\n(]{0,12}", 1 => Just(String::new()), 1 => Just(RESET.to_owned())];
    let date = prop_oneof![Just("2023-11-01"), Just("2023-02-30"), Just(""), Just(RESET)];
    ("[0-9]{0,3}", "[a-z@. ]{0,5}", date, text(), text(), text(), text()).prop_map(
        |(id, upn, date, name, skills, en, de)| vec![id, upn, date.to_owned(), name, skills, en, de],
    )
}

proptest! {
    #[test]
    fn a_person_is_the_same_in_every_format(
        rows in prop::collection::vec(row(), 1..8),
        separator in select(vec![b',', b';', b'\t']),
        mark: bool,
        always: bool,
        crlf: bool,
    ) {
        let objects: Vec<String> = rows.iter().map(|row| object(row).to_string()).collect();
        let mark_text = if mark { "\u{feff}" } else { "" };
        let end = if crlf { "\r\n" } else { "\n" };
        let json = judged("a.json", format!("{mark_text}[{}]", objects.join(",")).as_bytes());
        let ndjson = judged("a.ndjson", format!("{mark_text}{}", objects.join(end)).as_bytes());
        let quotes = if always { csv::QuoteStyle::Always } else { csv::QuoteStyle::Necessary };
        let terminator = if crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') };
        let csv = judged("a.csv", &csv(&rows, separator, mark, quotes, terminator));
        prop_assert_eq!(&json, &ndjson);
        prop_assert_eq!(&json, &csv);
    }
}
