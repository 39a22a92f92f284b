//! The address that a target is reached under, checked when the configuration is read.

use std::fmt;

use http::Uri;
use http::uri::{Authority, Scheme};

/// Where a target is. `Debug` prints the host alone.
#[derive(Clone)]
pub(super) struct BaseUrl {
    scheme: Scheme,
    authority: Authority,
    prefix: String,
}

impl BaseUrl {
    /// Reads a URL; `Err` says what is wrong with it.
    pub(super) fn parse(text: &str, allow_plain_http: bool) -> Result<BaseUrl, String> {
        let wrong = || "it is not a URL like https://host/path".to_owned();
        let parts = text.parse::<Uri>().map_err(|_| wrong())?.into_parts();
        let (Some(scheme), Some(authority)) = (parts.scheme, parts.authority) else { return Err(wrong()) };
        let path = parts.path_and_query;
        if authority.host().is_empty() || authority.as_str().contains('@') || text.contains(['?', '#']) {
            return Err(wrong());
        }
        match scheme.as_str() {
            "https" => {}
            "http" if allow_plain_http => {}
            "http" => return Err("plain http needs \"allowPlainHttp\": true".to_owned()),
            _ => return Err(wrong()),
        }
        let prefix = path.map(|path| path.path().trim_end_matches('/').to_owned()).unwrap_or_default();
        Ok(BaseUrl { scheme, authority, prefix })
    }

    /// The URL of a call: `path_and_query` begins with a slash and has only characters that a URL may have.
    pub(super) fn join(&self, path_and_query: &str) -> Uri {
        Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(format!("{}{path_and_query}", self.prefix))
            .build()
            .unwrap_or_default()
    }
}

impl fmt::Debug for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.authority.host())
    }
}
