//! How a request names one document: its person, its field and its file, each by itself. They are read once, here, so that
//! every way in compares and stores the same spelling.

use unicode_normalization::UnicodeNormalization;

use crate::batch::RequestFault;
use crate::file_name::{self, FileNameFault};
use crate::log::Subject;
use crate::person::{MAX_IDENTIFIER, Who};
use crate::profile::MAX_FIELD_NAME;
use crate::shown::Shown;

/// A document as a request names it. Whether there is such a person, field or file is not known yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentName {
    who: Who,
    field: String,
    file: String,
}

impl DocumentName {
    /// Reads the three names, decoded, in Unicode NFC from then on. Refused are a name that is missing or blank, one that
    /// holds U+FFFD, which is written where a character got lost, and an identifier that is too long.
    pub fn parse(
        person: Option<&str>,
        field: Option<&str>,
        file: Option<&str>,
    ) -> Result<DocumentName, RequestFault> {
        Ok(DocumentName {
            who: parse_person(person)?,
            field: parse("field", field)?,
            file: parse("fileName", file)?,
        })
    }

    /// Whose it is.
    pub fn who(&self) -> &Who {
        &self.who
    }

    /// The field's name.
    pub fn field(&self) -> &str {
        &self.field
    }

    /// The file's name.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Why no file can have this name; see [`file_name::check_file`].
    pub fn fault(&self) -> Option<FileNameFault> {
        file_name::check_file(&self.file).err()
    }

    /// Whether any profile definition could have such a field: no other one is looked for in a store.
    pub fn may_be_stored(&self) -> bool {
        self.field.len() <= MAX_FIELD_NAME && !self.field.contains('/') && self.fault().is_none()
    }

    /// What a log says that this is.
    pub fn subject(&self) -> Subject {
        let file = Shown::new(&format!("{}/{}", self.field, self.file));
        Subject::Document(Some((self.who.written.clone(), file)))
    }
}

/// Reads the name of a person by itself, with the same rules.
pub fn parse_person(text: Option<&str>) -> Result<Who, RequestFault> {
    let text = parse("person", text)?;
    Who::either(&text).map_err(|_| {
        RequestFault::invalid(format_args!("the person has more than {MAX_IDENTIFIER} characters"))
    })
}

fn parse(which: &str, text: Option<&str>) -> Result<String, RequestFault> {
    let text = text.unwrap_or_default();
    if text.trim().is_empty() {
        return Err(RequestFault::invalid(format_args!("the {which} is missing")));
    }
    if text.contains(char::REPLACEMENT_CHARACTER) {
        return Err(RequestFault::invalid(format_args!("a character of the {which} got lost on its way")));
    }
    Ok(text.nfc().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(person: &str, field: &str, file: &str) -> String {
        match DocumentName::parse(Some(person), Some(field), Some(file)) {
            Ok(name) => format!("{:?} {} {}", name.who.written.as_str(), name.field, name.file),
            Err(fault) => fault.to_string(),
        }
    }

    #[test]
    fn names_are_taken_as_they_are_in_nfc() {
        assert_eq!(fault("joe", "salary", "a__b? #1.pdf"), "\"joe\" salary a__b? #1.pdf");
        assert_eq!(fault("J\u{f6}rg", "f", "Ma\u{308}rz.pdf"), "\"J\u{f6}rg\" f M\u{e4}rz.pdf");
    }

    #[test]
    fn a_name_that_is_missing_or_damaged_is_refused() {
        assert_eq!(fault(" ", "f", "a.pdf"), "the person is missing");
        assert_eq!(fault("joe", "", "a.pdf"), "the field is missing");
        assert_eq!(fault("joe", "f", "\t"), "the fileName is missing");
        assert_eq!(fault("joe", "f", "M\u{fffd}rz.pdf"), "a character of the fileName got lost on its way");
        assert!(DocumentName::parse(None, None, None).is_err());
    }

    #[test]
    fn a_person_has_at_most_256_characters() {
        assert!(parse_person(Some(&"é".repeat(256))).is_ok());
        assert_eq!(
            parse_person(Some(&"é".repeat(257))),
            Err(RequestFault::invalid("the person has more than 256 characters"))
        );
    }

    #[test]
    fn a_field_that_no_definition_can_have_is_looked_for_nowhere() {
        let stored = |field: &str, file: &str| {
            DocumentName::parse(Some("joe"), Some(field), Some(file)).unwrap().may_be_stored()
        };
        assert!(stored(&"f".repeat(40), "a.pdf"));
        assert!(!stored(&"f".repeat(41), "a.pdf"));
        assert!(!stored("salary/a.pdf", "a.pdf"), "it would be the slot of another field's file");
        assert!(!stored("salary", "a.txt"));
    }
}
