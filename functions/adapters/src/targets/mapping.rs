//! Which profile field is which property at one target. Every kind of target has its own properties and rules; what they have
//! in common, and what would overwrite the wrong thing, is found here when the configuration is read.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use people_core::ports::PersonUpdate;
use people_core::update::Change;

use super::config::{Check, Pairs, pointer};
use super::transform::{Sent, Shape, Wanted, Written};

/// The properties of a kind of target, as one target is configured.
pub(super) trait Properties {
    /// Where a value goes.
    type Place;

    /// The property of this name, if it takes values of this shape; else why not, as an administrator reads it.
    fn place(&self, property: &str, shape: Shape) -> Result<Self::Place, String>;

    /// Whether a property takes a text that the configuration itself brings in; else why not, without the text.
    fn takes(&self, place: &Self::Place, text: &str) -> Result<(), String>;
}

/// A checked mapping: no two fields have the same property.
#[derive(Debug)]
pub(super) struct Mapping<P>(HashMap<Arc<str>, (Wanted, P)>);

impl<P> Mapping<P> {
    /// Checks the fields of a target, and notes what is wrong with them.
    pub(super) fn check<R: Properties<Place = P>>(
        fields: &Pairs<Written>,
        rules: &R,
        check: &mut Check<'_>,
    ) -> Mapping<P> {
        let mut mapping = HashMap::new();
        let mut taken: HashMap<&str, &str> = HashMap::new();
        let mut seen = HashSet::new();
        for (field, Written(wanted)) in &fields.0 {
            let at = pointer("/fields", field);
            if !seen.insert(field) {
                check.fault(&at, format!("'{field}' is there twice"));
            }
            if let Some(other) = taken.insert(&wanted.to, field).filter(|other| other != field) {
                check.fault(&at, format!("{} is taken by '{other}'", wanted.to));
            }
            match place(field, wanted, rules, check) {
                Ok(place) => drop(mapping.insert(Arc::from(field.as_str()), (wanted.clone(), place))),
                Err(fault) => check.fault(&at, fault),
            }
        }
        Mapping(mapping)
    }

    /// The profile fields that are mapped.
    pub(super) fn fields(&self) -> BTreeSet<Arc<str>> {
        self.0.keys().cloned().collect()
    }

    /// What an update comes to, in its order. `Err` says in a sentence without values why it must not be sent.
    pub(super) fn values<'a>(&'a self, update: &'a PersonUpdate) -> Result<Vec<(&'a P, Sent<'a>)>, String> {
        let value = |change: &'a Change| {
            let (wanted, place) =
                self.0.get(&change.field).ok_or_else(|| format!("{} is not mapped", change.field))?;
            Ok((place, wanted.apply(change, update)?))
        };
        update.changes.iter().map(value).collect()
    }
}

fn place<R: Properties>(
    field: &str,
    wanted: &Wanted,
    rules: &R,
    check: &Check<'_>,
) -> Result<R::Place, String> {
    let field = check.profile.field(field).ok_or_else(|| format!("there is no field '{field}'"))?;
    let shape = wanted.shape(field)?;
    let place = rules.place(&wanted.to, shape)?;
    for text in wanted.texts() {
        rules.takes(&place, &text)?;
    }
    Ok(place)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use people_core::profile::Profile;
    use serde_json::json;

    use crate::targets::config::{InvalidTargets, read};

    /// What is wrong with these fields of an Aktion, a line each, from behind "/targets/0".
    fn faults(fields: &str) -> Vec<String> {
        let entry = |(name, kind, is_list): (&str, &str, bool)| json!({"name": name, "fieldType": kind, "source": "Api", "isList": is_list});
        let entries = [
            ("text", "String", false),
            ("other", "String", false),
            ("date", "Date", false),
            ("title", "MultiLang", false),
            ("person", "PersonIdentifier", false),
            ("texts", "String", true),
            ("persons", "PersonIdentifier", true),
        ];
        let profile: Vec<_> = entries.map(entry).to_vec();
        let profile = Profile::parse(json!(profile).to_string().as_bytes()).unwrap();
        let targets = format!(
            r#"{{"targets":[{{"name":"a","kind":"aktion","baseUrl":"https://a","credentials":"a",
            "identifiers":{{"employeeId":"PersonId"}},"columns":{{"a1":"date","a2":"nvarchar(8)"}},"fields":{fields}}}]}}"#
        );
        let read = read(targets.as_bytes(), &profile, &HashMap::new(), None);
        let InvalidTargets(faults) = read.err().unwrap_or(InvalidTargets(Vec::new()));
        faults.iter().map(|fault| fault.strip_prefix("/targets/0").unwrap().to_owned()).collect()
    }

    fn fault(fields: &str) -> String {
        let faults = faults(fields);
        assert_eq!(faults.len(), 1, "{fields}: {faults:?}");
        faults[0].clone()
    }

    #[test]
    fn every_step_may_be_there_where_it_fits() {
        for fields in [
            "{}",
            r#"{"text":"Name"}"#,
            r#"{"text":{"to":"Name"}}"#,
            r#"{"text":{"to":"Sex","values":{"f":"2","m":"1","":"0"}}}"#,
            r#"{"text":{"to":"PIN","constant":"0000"}}"#,
            r#"{"date":{"to":"Desc","dateFormat":"d. M. yyyy"}}"#,
            r#"{"date":{"to":"PIN","dateFormat":"ddMM"}}"#,
            r#"{"date":{"to":"UdsCollection.a1","dateFormat":"yyyy-MM-dd"}}"#,
            r#"{"title":{"to":"EmployeePosition","language":["en","de"]}}"#,
            r#"{"person":"Desc"}"#,
            r#"{"person":{"to":"Desc","person":"userPrincipalName"}}"#,
            r#"{"texts":{"to":"Desc","join":", "}}"#,
            r#"{"persons":{"to":"Desc","first":true}}"#,
            r#"{"persons":{"to":"Desc","person":"employeeId","join":"; ","values":{"1":"x"}}}"#,
        ] {
            assert_eq!(faults(fields), [""; 0], "{fields}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_told_with_the_field() {
        let members =
            "expected one of `to`, `language`, `person`, `values`, `dateFormat`, `first`, `join`, `constant`";
        for (written, why) in [
            ("5", "invalid type: integer `5`, expected the name of a property, or an object with \"to\""),
            ("null", "invalid type: null, expected the name of a property, or an object with \"to\""),
            (
                r#"["Name"]"#,
                "invalid type: sequence, expected the name of a property, or an object with \"to\"",
            ),
            ("{}", "missing field `to`"),
            (r#"{"join":", "}"#, "missing field `to`"),
            (r#"{"to":"Name","to":"Desc"}"#, "duplicate field `to`"),
            (r#"{"to":"Name","upper":true}"#, &format!("unknown field `upper`, {members}")),
            (r#"{"to":"Name","constant":null}"#, "invalid type: null, expected a string"),
            (r#"{"to":"Name","values":null}"#, "invalid type: null, expected an object"),
            (r#"{"to":"Name","values":{}}"#, "\"values\" is empty"),
            (r#"{"to":"Name","values":{"a":"1","b":"2","a":"3"}}"#, "'a' is there twice in \"values\""),
            (r#"{"to":"Name","values":{"a":1}}"#, "invalid type: integer `1`, expected a string"),
            (
                r#"{"to":"Name","language":5}"#,
                "invalid type: integer `5`, expected the code of a language, or a list of such",
            ),
            (
                r#"{"to":"Name","person":"upn"}"#,
                "unknown variant `upn`, expected `employeeId` or `userPrincipalName`",
            ),
            (
                r#"{"to":"Name","dateFormat":"DD.MM.YYYY"}"#,
                "a date format has yyyy, yy, MM, M, dd and d, and no other letters",
            ),
            (r#"{"to":"Name","first":"yes"}"#, "invalid type: string \"yes\", expected a boolean"),
        ] {
            assert_eq!(fault(&format!(r#"{{"text":{written}}}"#)), format!("/fields/text: {why}"));
        }
        assert_eq!(
            faults(r#"{"text":5,"a/b":{},"other":"Nam"}"#),
            [
                "/fields/text: invalid type: integer `5`, expected the name of a property, or an object with \"to\"",
                "/fields/a~1b: missing field `to`",
                "/fields/other: Aktion has no property 'Nam'",
            ]
        );
    }

    #[test]
    fn what_a_property_does_not_take_is_told_with_the_field() {
        for (field, written, why) in [
            ("text", r#""""#, "Aktion has no property ''"),
            ("texts", r#""Desc""#, "a list does not fit Desc: \"first\" or \"join\" makes one text of it"),
            ("persons", r#""Desc""#, "a list does not fit Desc: \"first\" or \"join\" makes one text of it"),
            ("date", r#""Sex""#, "a Date does not fit Sex"),
            ("date", r#""UdsCollection.a2""#, "a Date does not fit UdsCollection.a2"),
            ("text", r#"{"to":"Name","join":","}"#, "\"join\" is for a list, and 'text' is none"),
            ("title", r#""Name""#, "'title' is a MultiLang: \"language\" says which text of it, \"en\" say"),
        ] {
            let fields = format!(r#"{{"{field}":{written}}}"#);
            assert_eq!(fault(&fields), format!("/fields/{field}: {why}"));
        }
    }

    #[test]
    fn a_text_of_the_configuration_has_to_fit_its_property() {
        let long = "x".repeat(101);
        let fits = &long[1..];
        assert_eq!(faults(&format!(r#"{{"text":{{"to":"Name","constant":"{fits}"}}}}"#)), [""; 0]);
        assert_eq!(faults(&format!(r#"{{"text":{{"to":"Name","values":{{"{long}":"{fits}"}}}}}}"#)), [""; 0]);
        for (field, written, why) in [
            ("text", format!(r#"{{"to":"Name","constant":"{long}"}}"#), "Name has at most 100 characters"),
            (
                "text",
                format!(r#"{{"to":"Name","values":{{"a":"b","c":"{long}"}}}}"#),
                "Name has at most 100 characters",
            ),
            (
                "text",
                r#"{"to":"Sex","values":{"f":"female"}}"#.to_owned(),
                "Sex is 0 (undefined), 1 (male) or 2 (female)",
            ),
            ("text", r#"{"to":"PIN","values":{"none":""}}"#.to_owned(), "PIN cannot be cleared"),
            ("date", r#"{"to":"PIN","dateFormat":"dM"}"#.to_owned(), "PIN has exactly 4 digits"),
            (
                "date",
                r#"{"to":"UdsCollection.a1","dateFormat":"dd.MM.yyyy"}"#.to_owned(),
                "a1 takes a date from 0001-01-01 to 9999-12-31",
            ),
            // As short as 1.1.2001 it would fit.
            (
                "date",
                r#"{"to":"UdsCollection.a2","dateFormat":"d.M.yyyy"}"#.to_owned(),
                "a2 has at most 8 characters",
            ),
        ] {
            assert_eq!(fault(&format!(r#"{{"{field}":{written}}}"#)), format!("/fields/{field}: {why}"));
        }
    }

    #[test]
    fn a_field_is_mapped_once_and_a_property_is_of_one_field() {
        let twice = "/fields/text: 'text' is there twice";
        assert_eq!(faults(r#"{"text":"Name","text":"Surname"}"#), [twice]);
        assert_eq!(faults(r#"{"text":"Name","text":{"to":"Name","constant":"x"}}"#), [twice]);
        assert_eq!(
            faults(r#"{"text":"Nam","text":"Name"}"#),
            ["/fields/text: Aktion has no property 'Nam'", twice]
        );
        assert_eq!(
            fault(r#"{"text":{"to":"Name"},"other":{"to":"Name","constant":"x"}}"#),
            "/fields/other: Name is taken by 'text'"
        );
    }
}
