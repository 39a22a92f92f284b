//! What a browser says beside the path: its cookies, the form that it sends, and which page sent it.

use std::net::{IpAddr, Ipv6Addr};

use http::HeaderMap;
use http::header::{HOST, ORIGIN};
use http::request::Parts;
use lambda_http::RequestExt;
use lambda_http::request::RequestContext;
use people_core::lookup::Filter;
use people_core::session::SessionToken;
use people_core::zone::{UTC, Zone};

use super::cookies;
use crate::http::filter;
use crate::http::query::{InvalidQuery, Query};

/// The most bytes of a form; ours have a few hundred.
const MAX_FORM: usize = 8 * 1024;
/// A request of a browser.
#[derive(Debug, Clone)]
pub struct Visit {
    /// What its session is known by, where it has one.
    pub token: Option<SessionToken>,
    /// The zone in which times are shown.
    pub zone: Zone,
    /// Where it comes from, as far as that can be told.
    pub place: String,
    /// The path and the query, to come back to.
    pub path: String,
    /// Whether a page of another site has sent it.
    pub is_foreign: bool,
}

impl Visit {
    /// Reads the head of a request.
    pub fn of(head: &Parts) -> Visit {
        let path = head.uri.path_and_query().map(ToString::to_string);
        Visit {
            token: cookies::session(&head.headers),
            zone: cookies::time_zone(&head.headers).and_then(Zone::find).unwrap_or(UTC),
            place: place(head),
            path: path.unwrap_or_default(),
            is_foreign: is_foreign(&head.headers),
        }
    }

    /// Whether a form was sent by a page of this session.
    pub fn sent(&self, form: &Form) -> bool {
        let is_own = |token: &SessionToken| form.get(Form::TOKEN) == Some(&token.form_token());
        self.token.as_ref().is_some_and(is_own) && !self.is_foreign
    }
}

/// The parameters of a form, or of a query.
#[derive(Debug, Clone, Default)]
pub struct Form(Vec<(String, String)>);

impl Form {
    /// The name of the parameter that proves where a form comes from.
    pub const TOKEN: &str = "token";

    /// Reads a query. One that cannot be read says nothing.
    pub fn of_query(query: Option<&str>) -> Form {
        Form(Query::parse(query).map(Query::into_pairs).unwrap_or_default())
    }

    /// Reads the body of a form (`application/x-www-form-urlencoded`). One that is too long, is no text or has a name twice
    /// says nothing, so that nothing happens.
    pub fn of_body(body: &[u8]) -> Form {
        let body = std::str::from_utf8(body).ok().filter(|body| body.len() <= MAX_FORM);
        Form::of_query(body)
    }

    /// What a list of logs is to be narrowed by. What is empty is not said.
    ///
    /// # Errors
    /// What is said and not understood.
    pub fn filter(&self) -> Result<Filter, InvalidQuery> {
        let said = self.0.iter().filter(|(_, value)| !value.is_empty());
        filter::take(&mut Query::of_pairs(said.cloned().collect()))
    }

    /// The value of a parameter, unless it is empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(known, _)| known == name)?;
        Some(value.as_str()).filter(|value| !value.is_empty())
    }
}

/// Browsers say whether a page of the same site has sent a request. Older ones say which site, or do not say it: of a page
/// without a referrer, that is `null`.
fn is_foreign(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return site != "same-origin";
    }
    match text(ORIGIN.as_str()) {
        None | Some("null") => false,
        Some(origin) => origin.split_once("://").map(|(_, host)| host) != text(HOST.as_str()),
    }
}

/// The address; of IPv6 the network, because one household or office has as many addresses as it likes.
fn place(head: &Parts) -> String {
    let Some(RequestContext::ApiGatewayV2(context)) = head.request_context_ref() else {
        return String::new();
    };
    let address = context.http.source_ip.as_deref().unwrap_or_default();
    match address.parse() {
        Ok(IpAddr::V6(address)) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).to_string()
        }
        Ok(IpAddr::V4(_)) | Err(_) => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(address: &str, headers: &str) -> Visit {
        let event = format!(
            r#"{{"version":"2.0","routeKey":"ANY /console","rawPath":"/console","rawQueryString":"a=b%20c",
            "headers":{{"host":"people.example"{headers}}},"isBase64Encoded":false,
            "requestContext":{{"stage":"$default","http":{{"method":"POST","path":"/console","sourceIp":"{address}"}}}}}}"#
        );
        Visit::of(&lambda_http::request::from_str(&event).unwrap().into_parts().0)
    }

    #[test]
    fn where_a_visit_comes_from_is_its_address_or_its_network() {
        for (address, place) in [
            ("192.0.2.1", "192.0.2.1"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("2001:db8:1:2::7", "2001:db8:1:2::"),
            ("", ""),
        ] {
            assert_eq!(event(address, "").place, place);
        }
        assert_eq!(event("", "").path, "/console?a=b%20c");
    }

    #[test]
    fn a_form_of_another_site_is_none_of_ours() {
        for (headers, ours) in [
            ("", true),
            (r#","sec-fetch-site":"same-origin""#, true),
            (r#","sec-fetch-site":"same-site""#, false),
            (r#","sec-fetch-site":"cross-site","origin":"https://people.example""#, false),
            (r#","sec-fetch-site":"none""#, false),
            (r#","origin":"null""#, true),
            (r#","origin":"https://people.example""#, true),
            (r#","origin":"https://people.example.evil.example""#, false),
            (r#","origin":"people.example""#, false),
        ] {
            assert_eq!(!event("", headers).is_foreign, ours, "{headers}");
        }
    }

    #[test]
    fn a_form_of_a_session_holds_its_token() {
        let token = SessionToken::new([7; 32]);
        let visit = Visit { token: Some(token.clone()), ..event("", "") };
        let form = |value: &str| Form::of_body(format!("x=1&token={value}").as_bytes());
        assert!(visit.sent(&form(&token.form_token())));
        for other in ["", &token.to_text(), &SessionToken::new([8; 32]).form_token()] {
            assert!(!visit.sent(&form(other)), "{other}");
        }
        let foreign = Visit { is_foreign: true, ..visit };
        assert!(!foreign.sent(&form(&token.form_token())));
    }

    #[test]
    fn a_form_is_read_up_to_its_limit() {
        let form = Form::of_body(b"a=b+c%2Bd&%C3%A9=");
        assert_eq!((form.get("a"), form.get("é"), form.get("x")), (Some("b c+d"), None, None));
        let long = |bytes: usize| Form::of_body(format!("a={}", "x".repeat(bytes - 2)).as_bytes());
        assert!(long(MAX_FORM).get("a").is_some() && long(MAX_FORM + 1).get("a").is_none());
        assert!(Form::of_body(b"a=1&b=\xff").get("a").is_none());
    }
}
