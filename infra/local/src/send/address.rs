//! Where an import API is. It is looked at before anything is sent, because a key that went over an open line is known to
//! whoever listens.

use std::fmt;
use std::net::IpAddr;

use http::Uri;
use people_adapters::http::Route;

/// The base URL of an import API, without a slash at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address(String);

/// Why a text is no such address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAddress {
    /// It is no URL, or has more than a scheme, a host, a port and a path.
    #[error("it is no address like https://people.example.com")]
    NotAnAddress,
    /// What is sent could be read on its way.
    #[error("it is not https, and not on this machine")]
    Open,
}

impl Address {
    /// Reads a URL. One of `http` has to be on this machine.
    ///
    /// # Errors
    /// Where it is none, or would send people over an open line.
    pub fn parse(text: &str) -> Result<Address, InvalidAddress> {
        let uri: Uri = text.parse().map_err(|_| InvalidAddress::NotAnAddress)?;
        let (Some(scheme), Some(host)) = (uri.scheme_str(), uri.host()) else {
            return Err(InvalidAddress::NotAnAddress);
        };
        if uri.query().is_some() || uri.authority().is_some_and(|it| it.as_str().contains('@')) {
            return Err(InvalidAddress::NotAnAddress);
        }
        match scheme {
            "https" => {}
            "http" if is_this_machine(host) => {}
            "http" => return Err(InvalidAddress::Open),
            _ => return Err(InvalidAddress::NotAnAddress),
        }
        Ok(Address(text.trim_end_matches('/').to_owned()))
    }

    /// The URL of a route that has no parameters.
    pub(super) fn of(&self, route: Route) -> String {
        format!("{}{}", self.0, route.path())
    }

    /// The URL of the log of an import.
    pub(super) fn of_log(&self, import: &str) -> String {
        self.of(Route::ImportLog).replace("{requestId}", import)
    }
}

fn is_this_machine(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_https_or_on_this_machine() {
        for text in [
            "https://people.example.com",
            "https://people.example.com:8443/prod/",
            "https://10.0.0.1",
            "http://127.0.0.1:3000",
            "http://localhost:3000/",
            "http://[::1]:3000",
        ] {
            let address = Address::parse(text).unwrap();
            assert_eq!(address.to_string(), text.trim_end_matches('/'));
            assert_eq!(address.of(Route::Health), format!("{address}/healthz"));
        }
        for text in ["http://people.example.com", "http://10.0.0.1", "http://localhost.example.com"] {
            assert_eq!(Address::parse(text), Err(InvalidAddress::Open), "{text}");
        }
        for text in
            ["", "people.example.com", "/api", "ftp://a", "https://a?code=b", "https://u:p@a", "https://"]
        {
            assert_eq!(Address::parse(text), Err(InvalidAddress::NotAnAddress), "{text}");
        }
    }
}
