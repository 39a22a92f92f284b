//! HTTP to an event of API Gateway (payload format 2.0) and its result back, through the translation that runs in
//! Lambda.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{COOKIE, HOST, SET_COOKIE};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use lambda_http::request::LambdaRequest;
use people_adapters::http::{Parameters, Route};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// The most bytes of an event, as JSON: 6 MiB.
pub(crate) const MAX_EVENT: usize = 6 * 1024 * 1024;

/// The event that API Gateway would make of a request; `parameters` are those of its route.
pub(crate) fn event(head: &Parts, body: &Bytes, route: Route, parameters: &Parameters) -> String {
    let path = percent_decode_str(head.uri.path()).decode_utf8_lossy();
    let route = format!("ANY {}", route.path());
    let mut event = json!({
        "version": "2.0",
        "routeKey": route,
        "rawPath": path,
        "rawQueryString": head.uri.query().unwrap_or_default(),
        "headers": headers(&head.headers),
        "requestContext": {
            "stage": "$default", "time": "", "timeEpoch": 0, "accountId": "local", "apiId": "local", "requestId": "local",
            "domainName": "localhost", "routeKey": route,
            "http": {"method": head.method.as_str(), "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": ""},
        },
        "pathParameters": parameters.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect::<Map<_, _>>(),
        "isBase64Encoded": false,
    });
    // An event has the cookies apart, and lacks them where there are none.
    let cookies = cookies(&head.headers);
    if !cookies.is_empty() {
        event["cookies"] = json!(cookies);
    }
    if !body.is_empty() {
        match std::str::from_utf8(body) {
            Ok(text) if is_text(&head.headers) => event["body"] = json!(text),
            _ => {
                event["body"] = json!(STANDARD.encode(body));
                event["isBase64Encoded"] = json!(true);
            }
        }
    }
    event.to_string()
}

fn cookies(headers: &HeaderMap) -> Vec<&str> {
    let lines = headers.get_all(COOKIE).into_iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(';')).map(str::trim).filter(|cookie| !cookie.is_empty()).collect()
}

/// API Gateway names the host itself, has cookies apart, and joins headers that are there twice with a comma.
fn headers(headers: &HeaderMap) -> Map<String, Value> {
    let mut joined: Map<String, Value> = Map::new();
    let passed =
        |name: &&HeaderName| ["host", "x-forwarded-proto", "cookie"].iter().all(|own| **name != *own);
    for name in headers.keys().filter(passed) {
        let values: Vec<_> =
            headers.get_all(name).iter().map(|v| String::from_utf8_lossy(v.as_bytes())).collect();
        joined.insert(name.as_str().to_owned(), json!(values.join(",")));
    }
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    joined.insert("host".to_owned(), json!(host));
    joined
}

fn is_text(headers: &HeaderMap) -> bool {
    let content_type = headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let content_type = content_type.to_ascii_lowercase();
    ["text/", "application/json", "application/xml", "application/javascript"]
        .iter()
        .any(|prefix| content_type.starts_with(prefix))
}

/// The event as Lambda's adapter reads it.
pub(crate) fn request(event: &str) -> Result<LambdaRequest, serde_json::Error> {
    serde_json::from_str(event)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    status_code: u16,
    #[serde(default)]
    headers: std::collections::BTreeMap<String, String>,
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
    #[serde(default)]
    cookies: Vec<String>,
}

/// A handler's result as the HTTP response that API Gateway would make of it.
pub(crate) fn response(result: &str) -> Response<Bytes> {
    let Ok(answer) = serde_json::from_str::<Answer>(result) else { return broken() };
    let body = answer.body.unwrap_or_default();
    let body =
        if answer.is_base64_encoded { STANDARD.decode(body).unwrap_or_default() } else { body.into_bytes() };
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = StatusCode::from_u16(answer.status_code).unwrap_or(StatusCode::BAD_GATEWAY);
    for (name, value) in answer.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    for cookie in answer.cookies.into_iter().filter_map(|cookie| HeaderValue::try_from(cookie).ok()) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

/// What API Gateway answers where a function failed.
pub(crate) fn broken() -> Response<Bytes> {
    let mut response = Response::new(Bytes::from_static(b"{\"message\":\"Internal Server Error\"}"));
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response
}
