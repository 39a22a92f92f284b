//! Who somebody is: identifiers as callers write them, and the canonical person that all of them lead to. Everything
//! that is stored per person is keyed by that one, so a payslip sent under a UPN and under an employeeId is one file.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::shown::Shown;

/// The most code points of an identifier.
pub const MAX_IDENTIFIER: usize = 256;

/// One of the two ways to name a person, ready to be compared: trimmed, a UPN in lower case, an employeeId exactly.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Identifier {
    /// The number or code that the HR system has for the person.
    EmployeeId(String),
    /// The user principal name, which has the form of an e-mail address.
    Upn(String),
}

/// An identifier that is longer than [`MAX_IDENTIFIER`] code points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLong;

impl Identifier {
    /// Reads an employeeId; `None` where the text is blank.
    pub fn employee_id(text: &str) -> Result<Option<Identifier>, TooLong> {
        trimmed(text).map(|id| id.map(|id| Identifier::EmployeeId(id.to_owned())))
    }

    /// Reads a UPN; `None` where the text is blank.
    pub fn upn(text: &str) -> Result<Option<Identifier>, TooLong> {
        trimmed(text).map(|upn| upn.map(|upn| Identifier::Upn(upn.to_lowercase())))
    }

    /// The identifier's text, as it is compared.
    pub fn as_str(&self) -> &str {
        match self {
            Identifier::EmployeeId(text) | Identifier::Upn(text) => text,
        }
    }
}

fn trimmed(text: &str) -> Result<Option<&str>, TooLong> {
    let text = text.trim();
    if text.chars().nth(MAX_IDENTIFIER).is_some() {
        return Err(TooLong);
    }
    Ok((!text.is_empty()).then_some(text))
}

/// How a part names its person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// What was written, for the log: the UPN where both identifiers were given.
    pub written: Shown,
    /// How it is to be understood.
    pub named: Named,
}

/// The identifiers behind a [`Who`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// By one identifier.
    By(Identifier),
    /// By both, which must not be two people.
    ByBoth {
        /// The UPN.
        upn: Identifier,
        /// The employeeId.
        employee_id: Identifier,
    },
    /// By a text that may be either (file names, references): the UPN and the employeeId that it would be.
    ByEither {
        /// The text as a UPN.
        upn: Identifier,
        /// The text as an employeeId.
        employee_id: Identifier,
    },
}

impl Who {
    /// The person whom `text` names by UPN or employeeId. `Err` where it is blank or too long to name anybody.
    pub fn either(text: &str) -> Result<Who, TooLong> {
        match (Identifier::upn(text)?, Identifier::employee_id(text)?) {
            (Some(upn), Some(employee_id)) => {
                Ok(Who { written: Shown::new(text), named: Named::ByEither { upn, employee_id } })
            }
            _ => Err(TooLong),
        }
    }

    /// Every identifier that is to be looked up, the UPN first.
    pub fn identifiers(&self) -> impl Iterator<Item = &Identifier> {
        let (first, second) = match &self.named {
            Named::By(identifier) => (identifier, None),
            Named::ByBoth { upn, employee_id } | Named::ByEither { upn, employee_id } => {
                (upn, Some(employee_id))
            }
        };
        std::iter::once(first).chain(second)
    }
}

/// The name of a configured target, as in `targets.json`.
pub type TargetName = Arc<str>;

/// What one target calls a person: Aktion's `PersonId`, say. Opaque to everybody else.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NativeKey(pub String);

/// What one person is keyed by, everywhere: the employeeId where the directory knows one, else the UPN in lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PersonKey(String);

impl PersonKey {
    /// What is stored of somebody who is known by this identifier alone, or by none.
    pub fn of(identifier: &Identifier) -> PersonKey {
        PersonKey(identifier.as_str().to_owned())
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A person as the directory knows them: identifiers, nothing else. At least one of `employee_id` and `upn` is there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Person {
    /// The employeeId, trimmed.
    pub employee_id: Option<String>,
    /// The UPN, trimmed and in lower case.
    pub upn: Option<String>,
    /// What each target calls this person, where that is known.
    pub keys: BTreeMap<TargetName, NativeKey>,
}

impl Person {
    /// What everything of this person is stored under.
    pub fn key(&self) -> PersonKey {
        PersonKey(self.employee_id.as_ref().or(self.upn.as_ref()).cloned().unwrap_or_default())
    }

    /// The identifiers that lead to this person, the employeeId first.
    pub fn identifiers(&self) -> impl Iterator<Item = Identifier> {
        let employee_id = self.employee_id.clone().map(Identifier::EmployeeId);
        employee_id.into_iter().chain(self.upn.clone().map(Identifier::Upn))
    }

    /// Every key that something of this person may be stored under: the one of now, and those from before the other
    /// identifier was known.
    pub fn every_key(&self) -> Vec<PersonKey> {
        self.identifiers().map(|identifier| PersonKey(identifier.as_str().to_owned())).collect()
    }

    /// Whether `identifier` is one of this person's.
    pub fn is(&self, identifier: &Identifier) -> bool {
        match identifier {
            Identifier::EmployeeId(id) => self.employee_id.as_ref() == Some(id),
            Identifier::Upn(upn) => self.upn.as_ref() == Some(upn),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_upn_is_compared_without_case_and_an_employee_id_exactly() {
        assert_eq!(Identifier::upn(" Joe@Company.COM "), Ok(Some(Identifier::Upn("joe@company.com".into()))));
        assert_eq!(Identifier::employee_id(" aB7 "), Ok(Some(Identifier::EmployeeId("aB7".into()))));
    }

    #[test]
    fn a_blank_identifier_is_absent() {
        assert_eq!(Identifier::upn("  \t"), Ok(None));
        assert_eq!(Identifier::employee_id(""), Ok(None));
    }

    #[test]
    fn an_identifier_has_at_most_256_characters() {
        assert!(Identifier::upn(&"é".repeat(256)).is_ok());
        assert_eq!(Identifier::upn(&"é".repeat(257)), Err(TooLong));
    }

    #[test]
    fn a_person_is_keyed_by_the_employee_id_where_there_is_one() {
        let mut person = Person { upn: Some("joe@company.com".into()), ..Person::default() };
        assert_eq!(person.key().as_str(), "joe@company.com");
        person.employee_id = Some("7".into());
        assert_eq!(person.key().as_str(), "7");
    }
}
