//! Which call a method and a path are.
//! Paths are read here and nowhere else, so that what is not in the contract is not there by accident.

use http::Method;

use crate::message::decode;

/// What the portal's calls begin with.
const BASE: &str = "/api/2.0";

/// A call, with what its path says. Texts are in lower case: no identifier in a path has a case that counts.
#[derive(Debug)]
pub(super) enum Call {
    LogIn,
    List,
    ByEmail,
    Myself,
    Status(String),
    Search(String),
    Person(String),
    Profile(String),
    Contacts(Change, String),
}

/// What is done to contacts.
#[derive(Debug, Clone, Copy)]
pub(super) enum Change {
    Update,
    Set,
    Delete,
}

impl Call {
    /// The call; `None` when there is no such one.
    pub(super) fn parse(method: &Method, path: &str) -> Option<Self> {
        let parts: Vec<_> =
            below_base(path)?.split('/').filter(|part| !part.is_empty()).map(decode).collect();
        let parts: Vec<_> = parts.iter().map(|part| part.to_lowercase()).collect();
        let parts: Vec<_> = parts.iter().map(String::as_str).collect();
        Some(match (method.as_str(), parts.as_slice()) {
            ("POST", ["authentication"]) => Call::LogIn,
            ("GET", ["people"]) => Call::List,
            ("GET", ["people", "email"]) => Call::ByEmail,
            ("GET", ["people", "@self"]) => Call::Myself,
            ("GET", ["people", "status", status]) => Call::Status((*status).to_owned()),
            ("GET", ["people", "@search", text]) => Call::Search((*text).to_owned()),
            ("GET", ["people", id]) => Call::Person((*id).to_owned()),
            ("PUT", ["people", id]) => Call::Profile((*id).to_owned()),
            ("PUT", ["people", id, "contacts"]) => Call::Contacts(Change::Update, (*id).to_owned()),
            ("POST", ["people", id, "contacts"]) => Call::Contacts(Change::Set, (*id).to_owned()),
            ("DELETE", ["people", id, "contacts"]) => Call::Contacts(Change::Delete, (*id).to_owned()),
            _ => return None,
        })
    }
}

/// The path below the base, without `.json` at its end; `None` when it is not below the base.
pub(super) fn below_base(path: &str) -> Option<&str> {
    let (base, rest) = path.split_at_checked(BASE.len())?;
    let is_below = base.eq_ignore_ascii_case(BASE) && (rest.is_empty() || rest.starts_with('/'));
    is_below.then(|| rest.strip_suffix(".json").unwrap_or(rest))
}
