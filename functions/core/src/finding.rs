//! What validation holds against a part. All findings of a part are collected, so a caller mends a part once.

use std::fmt;
use std::sync::Arc;

use crate::shown::Shown;

/// The most names that one finding lists.
pub const MAX_NAMES: usize = 20;

/// What kind of finding it is, in the order in which a log line joins them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FindingCode {
    /// Neither identifier is there, or both are null or blank.
    NoPersonIdentifier,
    /// An identifier is no string, or has more than 256 characters.
    InvalidIdentifier,
    /// Keys that the profile definition does not have.
    UnknownFields,
    /// Fields of another source than `Api`.
    NotUpdatable,
    /// The same key twice in one object.
    DuplicateFields,
    /// Values that are not of the field's type.
    InvalidValues,
    /// `PersonIdentifier` fields whose value names nobody.
    UnknownReferences,
    /// More bytes than a part may have.
    TooLarge,
}

impl FindingCode {
    /// Every code, in order.
    pub const ALL: [FindingCode; 8] = [
        FindingCode::NoPersonIdentifier,
        FindingCode::InvalidIdentifier,
        FindingCode::UnknownFields,
        FindingCode::NotUpdatable,
        FindingCode::DuplicateFields,
        FindingCode::InvalidValues,
        FindingCode::UnknownReferences,
        FindingCode::TooLarge,
    ];

    /// The code as logs and reports spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            FindingCode::NoPersonIdentifier => "NoPersonIdentifier",
            FindingCode::InvalidIdentifier => "InvalidIdentifier",
            FindingCode::UnknownFields => "UnknownFields",
            FindingCode::NotUpdatable => "NotUpdatable",
            FindingCode::DuplicateFields => "DuplicateFields",
            FindingCode::InvalidValues => "InvalidValues",
            FindingCode::UnknownReferences => "UnknownReferences",
            FindingCode::TooLarge => "TooLarge",
        }
    }

    /// One sentence for the reader of a report, without anything that the caller sent.
    pub fn message(self) -> &'static str {
        match self {
            FindingCode::NoPersonIdentifier => "Neither 'userPrincipalName' nor 'employeeId' is provided.",
            FindingCode::InvalidIdentifier => "An identifier is a string of at most 256 characters.",
            FindingCode::UnknownFields => "The profile definition has no such field.",
            FindingCode::NotUpdatable => "This field cannot be updated through the API.",
            FindingCode::DuplicateFields => "The same key is there twice.",
            FindingCode::InvalidValues => "The value is not of the field's type.",
            FindingCode::UnknownReferences => "The value names a person whom nobody knows.",
            FindingCode::TooLarge => "A person update object has at most 262144 bytes.",
        }
    }
}

/// A key of a person update object that a finding is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldName {
    /// The key as it was sent.
    pub name: Shown,
    /// The known field that was probably meant, where one is close.
    pub nearest: Option<Arc<str>>,
}

/// One finding: a code and, where it is about fields, which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What is wrong.
    pub code: FindingCode,
    /// The first [`MAX_NAMES`] fields in the order sent; none for findings about the object as a whole.
    pub names: Vec<FieldName>,
    /// How many more fields there are.
    pub more: u32,
}

impl Finding {
    /// A finding about the object as a whole.
    pub fn whole(code: FindingCode) -> Finding {
        Finding { code, names: Vec::new(), more: 0 }
    }

    /// Adds a field, or counts it where enough are listed. `nearest` is asked only for what is listed.
    pub fn add(&mut self, name: &str, nearest: impl FnOnce() -> Option<Arc<str>>) {
        if self.names.len() < MAX_NAMES {
            self.names.push(FieldName { name: Shown::new(name), nearest: nearest() });
        } else {
            self.more += 1;
        }
    }
}

/// As in the log: the code, and the names or the sentence.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.code.as_str())?;
        if self.names.is_empty() {
            return f.write_str(self.code.message());
        }
        for (index, field) in self.names.iter().enumerate() {
            write!(f, "{}{}", if index == 0 { "" } else { ", " }, field.name)?;
        }
        if self.more > 0 {
            write!(f, " and {} more", self.more)?;
        }
        Ok(())
    }
}

/// The findings of one part, at most one of each code, in the order of the codes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings(Vec<Finding>);

impl Findings {
    /// Whether the part is faultless.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The finding of this code, made where there is none yet.
    pub fn entry(&mut self, code: FindingCode) -> &mut Finding {
        let index = match self.0.binary_search_by_key(&code, |finding| finding.code) {
            Ok(index) => index,
            Err(index) => {
                self.0.insert(index, Finding::whole(code));
                index
            }
        };
        &mut self.0[index]
    }

    /// The findings in order.
    pub fn into_vec(self) -> Vec<Finding> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twenty_names_are_listed_and_the_rest_is_counted() {
        let mut finding = Finding::whole(FindingCode::UnknownFields);
        (0..20).for_each(|n| finding.add(&n.to_string(), || None));
        assert!(finding.to_string().ends_with("'18', '19'"));
        finding.add("20", || None);
        assert!(finding.to_string().ends_with("'18', '19' and 1 more"));
    }

    #[test]
    fn findings_are_kept_in_the_order_of_their_codes() {
        let mut findings = Findings::default();
        for code in FindingCode::ALL.into_iter().rev() {
            findings.entry(code);
        }
        let codes: Vec<_> = findings.into_vec().iter().map(|finding| finding.code).collect();
        assert_eq!(codes, FindingCode::ALL);
    }
}
