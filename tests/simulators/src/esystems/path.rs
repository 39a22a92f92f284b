//! Paths: which call one names, and the keys in it.
//! A key may be spelled in base64, which is what makes its encoding worth a file of its own.

use http::Method;

use super::answers::Failure;
use crate::message::decode;

/// Where the resources are.
const BASE: &str = "/endpoint/rest/api/v1";

/// Where tokens are.
const TOKEN: &str = "/oauth/rest/v2/token";

/// How a key begins that is spelled in base64.
const BASE64: &str = "base64|";

/// A call by its path, with the keys in it decoded from the path, though not from base64.
#[derive(Debug)]
pub(super) enum Route {
    Token,
    Departments,
    Department(String),
    DepartmentUsers(String),
    DepartmentUser(String),
    Link(String, String),
    Users,
    User(String),
}

impl Route {
    /// The call that a path names; fixed parts have no case.
    pub(super) fn parse(path: &str) -> Option<Self> {
        let path = path.trim_end_matches('/');
        if path.eq_ignore_ascii_case(TOKEN) {
            return Some(Route::Token);
        }
        let rest = path.get(BASE.len()..).filter(|_| path.to_ascii_lowercase().starts_with(BASE))?;
        let mut segments = rest.strip_prefix('/')?.split('/');
        let mut fixed = || segments.next().map(str::to_ascii_lowercase);
        let resource = fixed()?;
        let key = segments.next().map(decode);
        let below = segments.next().map(str::to_ascii_lowercase);
        let sub = segments.next().map(decode);
        if segments.next().is_some() {
            return None;
        }
        match (resource.as_str(), key, below.as_deref(), sub) {
            ("departments", None, None, None) => Some(Route::Departments),
            ("department", Some(key), None, None) => Some(Route::Department(key)),
            ("department", Some(key), Some("users"), None) => Some(Route::DepartmentUsers(key)),
            ("department", Some(key), Some("user"), None) => Some(Route::DepartmentUser(key)),
            ("department", Some(key), Some("user"), Some(sub)) => Some(Route::Link(key, sub)),
            ("users", None, None, None) => Some(Route::Users),
            ("user", Some(key), None, None) => Some(Route::User(key)),
            _ => None,
        }
    }

    /// The methods the call has, as the header tells them.
    pub(super) fn methods(&self) -> &'static str {
        match self {
            Route::Token | Route::DepartmentUser(_) => "POST",
            Route::DepartmentUsers(_) => "GET, PATCH",
            Route::Link(..) => "DELETE",
            Route::Departments | Route::Department(_) | Route::Users | Route::User(_) => "GET",
        }
    }

    /// Whether the call has this method.
    pub(super) fn takes(&self, method: &Method) -> bool {
        self.methods().split(", ").any(|name| name == method.as_str())
    }
}

/// The path below the base.
pub(super) fn relative(path: &str) -> String {
    let path = path.to_ascii_lowercase();
    path.strip_prefix(BASE).filter(|rest| rest.starts_with('/')).unwrap_or(&path).to_owned()
}

/// A key as it is meant: from base64 where it says so.
pub(super) fn key(text: &str) -> Result<String, Failure> {
    let Some(encoded) = text.strip_prefix(BASE64) else { return Ok(text.to_owned()) };
    let decoded = from_base64(encoded).and_then(|bytes| String::from_utf8(bytes).ok());
    decoded.ok_or_else(|| Failure::unconvertible(&format!("Id: {text}")))
}

/// Standard base64, with its padding.
fn from_base64(text: &str) -> Option<Vec<u8>> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = text.trim_end_matches('=');
    if !text.len().is_multiple_of(4) || text.len() - digits.len() > 2 {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut held) = (0_u32, 0_u32);
    for digit in digits.bytes() {
        let value = ALPHABET.iter().position(|known| *known == digit)?;
        (bits, held) = (bits << 6 | u32::try_from(value).ok()?, held + 6);
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held & 0xff) as u8);
        }
    }
    Some(bytes)
}
