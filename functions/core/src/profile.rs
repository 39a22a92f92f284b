//! The profile definition: which fields a person may have. It is read and checked once, when it is loaded, so that
//! nothing on the request path can meet a definition that contradicts itself.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use foldhash::fast::RandomState;
use serde::Deserialize;

/// The most characters of a field's name.
pub const MAX_FIELD_NAME: usize = 40;
/// The keys of a person update object that name the person; no field may be called so.
pub const RESERVED: [&str; 2] = ["userPrincipalName", "employeeId"];

/// What kind of value a field takes, besides null.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum FieldType {
    /// Any string.
    String,
    /// Any string; shown as an e-mail address.
    Email,
    /// Any string; shown as a telephone number.
    Phone,
    /// Any string; shown as a link.
    Link,
    /// `yyyy-MM-dd`, a real calendar date.
    Date,
    /// A non-empty object from two-letter lower-case language codes to strings.
    MultiLang,
    /// The UPN or employeeId of a known person.
    PersonIdentifier,
    /// A PDF; never in JSON.
    File,
}

impl FieldType {
    fn may_be_a_list(self) -> bool {
        matches!(
            self,
            FieldType::String | FieldType::MultiLang | FieldType::File | FieldType::PersonIdentifier
        )
    }
}

/// Who may set a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Source {
    /// The import.
    Api,
    /// The person, in the app.
    User,
    /// Microsoft Entra.
    Entra,
}

/// One field of the definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its name, a key of the person update object.
    pub name: Arc<str>,
    /// The kind of its value.
    pub kind: FieldType,
    /// Who sets it.
    pub source: Source,
    /// Whether the value is an array of that kind.
    pub is_list: bool,
}

/// A checked profile definition.
#[derive(Debug, Clone, Default)]
pub struct Profile {
    fields: Vec<Field>,
    /// Looked up for every key of every object; the names in it are the administrator's, so nobody can make them collide.
    by_name: HashMap<Arc<str>, usize, RandomState>,
}

/// Everything that is wrong with a profile definition, a line each; every line names the place as a JSON Pointer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the profile definition is not valid:\n{}", .0.join("\n"))]
pub struct InvalidDefinition(pub Vec<String>);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Entry {
    name: String,
    field_type: FieldType,
    source: Source,
    #[serde(default)]
    is_list: bool,
}

impl Profile {
    /// Reads a definition: a JSON array with one `{"name", "fieldType", "source", "isList"}` a field (`isList` may be
    /// left out).
    pub fn parse(json: &[u8]) -> Result<Profile, InvalidDefinition> {
        let entries: Vec<&serde_json::value::RawValue> = serde_json::from_slice(json)
            .map_err(|error| InvalidDefinition(vec![format!("it is not a JSON array: {error}")]))?;
        let mut profile = Profile::default();
        let mut faults = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            match serde_json::from_str::<Entry>(entry.get()) {
                Ok(entry) => profile.add(index, entry, &mut faults),
                Err(error) => faults.push(format!("/{index}: {error}")),
            }
        }
        if faults.is_empty() { Ok(profile) } else { Err(InvalidDefinition(faults)) }
    }

    fn add(&mut self, index: usize, entry: Entry, faults: &mut Vec<String>) {
        let name: Arc<str> = entry.name.into();
        if let Some(fault) = fault_of_name(&name) {
            faults.push(format!("/{index}/name: {fault}"));
        }
        if self.by_name.insert(Arc::clone(&name), self.fields.len()).is_some() {
            faults.push(format!("/{index}/name: '{name}' is there twice"));
        }
        if entry.is_list && !entry.field_type.may_be_a_list() {
            faults.push(format!("/{index}/isList: a field of type {:?} cannot be a list", entry.field_type));
        }
        self.fields.push(Field {
            name,
            kind: entry.field_type,
            source: entry.source,
            is_list: entry.is_list,
        });
    }

    /// The field of this name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.position(name).map(|index| &self.fields[index])
    }

    /// Every field, in the order of the definition.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// The updatable field, or identifier, that `name` was probably meant to be: at most two edits away, and fewer than
    /// half of its letters, without regard to case.
    pub fn nearest(&self, name: &str) -> Option<Arc<str>> {
        let wanted: Vec<char> = name.chars().take(MAX_FIELD_NAME + 3).flat_map(char::to_lowercase).collect();
        let allowed = 2.min(wanted.len().saturating_sub(1) / 2);
        let updatable =
            self.fields.iter().filter(|field| field.source == Source::Api).map(|field| &field.name);
        let reserved = RESERVED.map(Arc::from);
        updatable
            .chain(&reserved)
            .map(|known| {
                (edits(&wanted, &known.chars().flat_map(char::to_lowercase).collect::<Vec<_>>()), known)
            })
            .filter(|(distance, _)| *distance <= allowed)
            .min_by_key(|(distance, _)| *distance)
            .map(|(_, known)| Arc::clone(known))
    }
}

fn fault_of_name(name: &str) -> Option<String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if name.is_empty() || name.len() > MAX_FIELD_NAME || !name.chars().all(allowed) {
        return Some(format!("{name:?} is not 1 to {MAX_FIELD_NAME} of A-Z a-z 0-9 _ -"));
    }
    if name.contains("__") {
        return Some(format!(
            "'{name}' has two underscores in a row, which separate the pieces of a file name"
        ));
    }
    RESERVED.contains(&name).then(|| format!("'{name}' is reserved: it names the person"))
}

/// How many letters have to be put in, taken out, changed or swapped with their neighbour (optimal string alignment).
fn edits(a: &[char], b: &[char]) -> usize {
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let mut least = (last[j] + usize::from(x != y)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                least = least.min(before_last[j - 1] + 1);
            }
            row.push(least);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or_default()
}

/// As the definition spells it.
impl fmt::Display for FieldType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(json: &str) -> Vec<String> {
        Profile::parse(json.as_bytes()).unwrap_err().0
    }

    fn entry(name: &str, kind: &str, is_list: bool) -> String {
        format!(r#"{{"name":"{name}","fieldType":"{kind}","source":"Api","isList":{is_list}}}"#)
    }

    #[test]
    fn a_definition_is_read() {
        let profile = Profile::parse(format!("[{}]", entry("skills", "String", true)).as_bytes()).unwrap();
        let field = profile.field("skills").unwrap();
        assert_eq!((field.kind, field.source, field.is_list), (FieldType::String, Source::Api, true));
    }

    #[test]
    fn is_list_may_be_left_out() {
        let profile = Profile::parse(br#"[{"name":"a","fieldType":"Date","source":"Entra"}]"#).unwrap();
        assert!(!profile.field("a").unwrap().is_list);
    }

    #[test]
    fn every_fault_is_reported_with_its_place() {
        let json = format!(
            "[{},{},{},{},{}]",
            entry("a", "String", false),
            entry("a", "String", false),
            entry("employeeId", "String", false),
            entry("b", "Date", true),
            entry("c", "Datum", false)
        );
        let faults = faults(&json);
        assert_eq!(faults.len(), 4, "{faults:?}");
        assert!(faults[0].starts_with("/1/name: 'a' is there twice"));
        assert!(faults[1].starts_with("/2/name: 'employeeId' is reserved"));
        assert!(faults[2].starts_with("/3/isList: a field of type Date cannot be a list"));
        assert!(faults[3].starts_with("/4: unknown variant `Datum`"));
    }

    #[test]
    fn a_name_has_1_to_40_plain_characters_and_no_double_underscore() {
        for name in ["a", &"x".repeat(40), "a_b-C9"] {
            assert!(
                Profile::parse(format!("[{}]", entry(name, "String", false)).as_bytes()).is_ok(),
                "{name}"
            );
        }
        for name in ["", &"x".repeat(41), "a__b", "a b", "é", "a.b"] {
            assert_eq!(faults(&format!("[{}]", entry(name, "String", false))).len(), 1, "{name}");
        }
    }

    #[test]
    fn only_some_types_can_be_lists() {
        for kind in ["String", "MultiLang", "File", "PersonIdentifier"] {
            assert!(Profile::parse(format!("[{}]", entry("a", kind, true)).as_bytes()).is_ok(), "{kind}");
        }
        for kind in ["Email", "Phone", "Link", "Date"] {
            assert_eq!(faults(&format!("[{}]", entry("a", kind, true))).len(), 1, "{kind}");
        }
    }

    #[test]
    fn what_is_no_array_or_has_an_unknown_member_is_refused() {
        assert_eq!(faults("{}").len(), 1);
        assert_eq!(faults("[1]").len(), 1);
        assert!(
            faults(r#"[{"name":"a","fieldType":"Date","source":"Api","list":true}]"#)[0].contains("`list`")
        );
    }

    #[test]
    fn a_near_name_is_found_and_a_far_one_is_not() {
        let profile = Profile::parse(format!("[{}]", entry("joinDate", "Date", false)).as_bytes()).unwrap();
        for near in ["joindate", "JoinDate", "jionDate", "joinDat", "joinDates", "joinDat3s"] {
            assert_eq!(profile.nearest(near).as_deref(), Some("joinDate"), "{near}");
        }
        assert_eq!(profile.nearest("employeeID").as_deref(), Some("employeeId"));
        for far in ["unknownField", "date", "", "x", &"joinDate".repeat(9)] {
            assert_eq!(profile.nearest(far), None, "{far}");
        }
    }
}
