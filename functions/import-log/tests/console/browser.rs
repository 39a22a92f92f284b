//! A browser as far as the console needs one: it keeps cookies, and sends events of API Gateway to the real handler.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use lambda_http::Body;
use lambda_http::request::from_str;
use people_adapters::http::Route;
use people_core::memory::{self, ManualClock};
use people_core::ports::{ApiKey, App, Feature, KeyHash};
use people_core::time::Timestamp;
use serde_json::{Value, json};

/// The key that opens the console.
pub(crate) const KEY: &str = "logs-key";
pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_700_757_179_000);

/// A service on stores in memory, with its clock.
pub(crate) struct Service {
    pub(crate) app: App,
    pub(crate) clock: Arc<ManualClock>,
}

impl Service {
    pub(crate) async fn new() -> Service {
        Service::with_key_name("support").await
    }

    /// With this name of the key that opens the console.
    pub(crate) async fn with_key_name(name: &str) -> Service {
        let clock = Arc::new(ManualClock::at(NOW));
        let app = memory::app(Arc::clone(&clock) as _);
        for (key, name, feature) in
            [(KEY, name, Feature::ImportLogs), ("import-key", "payroll", Feature::PeopleImport)]
        {
            app.keys.create(&ApiKey::new(KeyHash::of(key), name, [feature], NOW)).await.unwrap();
        }
        Service { app, clock }
    }

    /// A browser that has been here before.
    pub(crate) async fn signed_in(&self) -> Browser {
        let browser = Browser::new(&self.app);
        let answer = browser.post("/console/sign-in", &[("key", KEY)]).await;
        assert_eq!((answer.status, answer.header("location")), (303, "/console"), "{}", answer.body);
        browser
    }
}

pub(crate) struct Browser {
    app: App,
    cookies: Mutex<BTreeMap<String, String>>,
    /// Further headers of each request.
    pub(crate) headers: Vec<(&'static str, &'static str)>,
    pub(crate) address: &'static str,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: http::HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    pub(crate) fn has(&self, text: &str) -> bool {
        self.body.contains(text)
    }

    /// The paths of its links with this text.
    pub(crate) fn link(&self, text: &str) -> Option<String> {
        let before =
            self.body.split(&format!("\">{text}</a>")).next().filter(|_| self.has(&format!(">{text}</a>")));
        before.and_then(|before| before.rsplit("href=\"").next()).map(|path| path.replace("&amp;", "&"))
    }

    /// What its forms prove where they come from with.
    pub(crate) fn token(&self) -> String {
        let after = self.body.split("name=\"token\" value=\"").nth(1).expect("a form");
        after.split('"').next().unwrap().to_owned()
    }
}

impl Browser {
    pub(crate) fn new(app: &App) -> Browser {
        Browser { app: app.clone(), cookies: Mutex::default(), headers: Vec::new(), address: "192.0.2.1" }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None).await
    }

    /// Sends a form, as it is given.
    pub(crate) async fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        let body: Vec<_> = form.iter().map(|(name, value)| format!("{name}={value}")).collect();
        self.send("POST", path, Some(body.join("&"))).await
    }

    /// Sends a form of a page of this session.
    pub(crate) async fn submit(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        let token = self.get("/console").await.token();
        self.post(path, &[&[("token", token.as_str())], form].concat()).await
    }

    pub(crate) async fn send(&self, method: &str, path: &str, body: Option<String>) -> Answer {
        let event = self.event(method, path, body).to_string();
        let answer = import_log::handle(&self.app, from_str(&event).unwrap()).await;
        let (head, body) = answer.into_parts();
        let mut cookies = self.cookies.lock().unwrap();
        for cookie in head.headers.get_all("set-cookie") {
            let (name, value) = cookie.to_str().unwrap().split(';').next().unwrap().split_once('=').unwrap();
            cookies.insert(name.to_owned(), value.to_owned());
        }
        let body = match body {
            Body::Text(text) => text,
            other => panic!("no text: {other:?}"),
        };
        Answer { status: head.status.as_u16(), headers: head.headers, body }
    }

    fn event(&self, method: &str, path: &str, body: Option<String>) -> Value {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let (route, parameters) = Route::find(path).expect("a route");
        let cookies = self.cookies.lock().unwrap();
        let cookies: Vec<_> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut headers = json!({"host": "people.example"});
        for (name, value) in &self.headers {
            headers[name] = json!(value);
        }
        let key = format!("ANY {}", route.path());
        let mut event = json!({
            "version": "2.0", "routeKey": key, "rawPath": path, "rawQueryString": query, "headers": headers,
            "pathParameters": parameters.into_iter().map(|(n, v)| (n.to_owned(), json!(v))).collect::<serde_json::Map<_, _>>(),
            "requestContext": {
                "routeKey": key, "stage": "$default",
                "http": {"method": method, "path": path, "sourceIp": self.address},
            },
            "isBase64Encoded": false,
        });
        if !cookies.is_empty() {
            event["cookies"] = json!(cookies);
        }
        if let Some(body) = body {
            event["body"] = json!(body);
        }
        event
    }
}
