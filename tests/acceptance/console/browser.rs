//! Chromium without a screen, driven over WebDriver: what a person does, and what only a browser can tell. It is a client of
//! our own, because a few requests are all that it takes.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

const DRIVER: &str = "chromedriver";
const INSTALL: &str = "apt-get install chromium chromium-driver";
/// How long an element is waited for, in milliseconds.
const PATIENCE_MS: u32 = 20_000;
/// What WebDriver calls the member with the id of an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
/// One browser at a time: each takes as much of the machine as all other tests together.
static TURN: Mutex<()> = Mutex::new(());

/// Whether pages may run scripts.
#[derive(Clone, Copy)]
pub(super) enum Scripts {
    Allowed,
    Forbidden,
}

/// What a page is looked at on.
#[derive(Clone, Copy)]
pub(super) struct Screen {
    pub(super) width: u32,
    pub(super) dark: bool,
}

impl Screen {
    /// The name of a picture.
    pub(super) fn name(self) -> String {
        format!("{}-{}", self.width, if self.dark { "dark" } else { "light" })
    }
}

/// A browser, until it is dropped.
pub(super) struct Browser {
    driver: Child,
    /// Held so that the driver can go on writing.
    _output: BufReader<ChildStdout>,
    url: String,
    session: String,
    profile: TempDir,
    _turn: MutexGuard<'static, ()>,
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It ends its browser with itself; nothing here may panic, because a test may be panicking already.
        let ended = TcpStream::connect(self.url.trim_start_matches("http://")).and_then(|mut socket| {
            socket.write_all(b"GET /shutdown HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")?;
            socket.read_to_end(&mut Vec::new())
        });
        if ended.is_err() {
            let _ = self.driver.kill();
        }
        let _ = self.driver.wait();
    }
}

/// Says that a tool is missing, which is a failure where `CI` is set.
pub(super) fn missing(tool: &str, install: &str) {
    #[expect(clippy::disallowed_methods, reason = "whether a missing tool is a failure is said by CI alone")]
    let in_ci = std::env::var_os("CI").is_some();
    assert!(!in_ci, "{tool} is missing: {install}");
    eprintln!("skipped: {tool} is missing; {install}");
}

impl Browser {
    /// Starts a browser with nothing in it; `None` where none is installed, which is a failure where `CI` is set.
    pub(super) fn start(scripts: Scripts) -> Option<Browser> {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let mut command = Command::new(DRIVER);
        command.arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null());
        let Ok(mut driver) = command.spawn() else {
            missing(DRIVER, INSTALL);
            return None;
        };
        let mut output = BufReader::new(driver.stdout.take().unwrap());
        let url = format!("http://127.0.0.1:{}", port(&mut output));
        let profile = TempDir::new().unwrap();
        let mut browser =
            Browser { driver, _output: output, url, session: String::new(), profile, _turn: turn };
        let wanted = capabilities(browser.profile.path(), scripts);
        let session = browser.command("POST", "session", &wanted);
        browser.session = format!("session/{}/", session["sessionId"].as_str().unwrap());
        browser.ask("POST", "timeouts", &json!({"implicit": PATIENCE_MS}));
        Some(browser)
    }

    fn command(&self, method: &str, path: &str, body: &Value) -> Value {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let (status, answer) = call(&self.url, &format!("{method} /{path}"), &body);
        let mut value = answer["value"].clone();
        assert_eq!(status, 200, "{path}: {}", value["message"].take());
        value
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        self.command(method, &format!("{}{path}", self.session), body)
    }

    /// Goes to a page.
    pub(super) fn open(&self, url: &str) {
        self.ask("POST", "url", &json!({"url": url}));
    }

    /// Where the browser is.
    pub(super) fn url(&self) -> String {
        self.ask("GET", "url", &Value::Null).as_str().unwrap().to_owned()
    }

    fn element(&self, path: &str) -> String {
        let found = self.ask("POST", "element", &json!({"using": "xpath", "value": path}));
        found[ELEMENT].as_str().unwrap().to_owned()
    }

    /// Waits for a text within one element of the page's content.
    pub(super) fn sees(&self, text: &str) {
        self.element(&format!("//main//*[contains(normalize-space(.), {})]", quoted(text)));
    }

    /// Waits for a heading of the page.
    pub(super) fn is_at(&self, heading: &str) {
        self.element(&format!("//h1[contains(normalize-space(.), {})]", quoted(heading)));
    }

    /// Presses the button, or follows the link, that begins with these words.
    pub(super) fn press(&self, words: &str) {
        let words = quoted(words);
        let path = format!("(//button | //a)[starts-with(normalize-space(.), {words})]");
        let element = self.element(&path);
        self.ask("POST", &format!("element/{element}/click"), &json!({}));
    }

    /// Types into the field with this label.
    pub(super) fn fill(&self, label: &str, text: &str) {
        let path = format!("//*[@id = //label[normalize-space(.) = {}]/@for]", quoted(label));
        let element = self.element(&path);
        self.ask("POST", &format!("element/{element}/clear"), &json!({}));
        self.ask("POST", &format!("element/{element}/value"), &json!({"text": text}));
    }

    /// Presses a key, wherever the focus is.
    pub(super) fn key(&self, key: char) {
        let keys = json!([{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]);
        let keyboard = json!({"type": "key", "id": "keyboard", "actions": keys});
        self.ask("POST", "actions", &json!({"actions": [keyboard]}));
    }

    /// The value of a cookie of the page.
    pub(super) fn cookie(&self, name: &str) -> Value {
        self.ask("GET", &format!("cookie/{name}"), &Value::Null)
    }

    /// What a script gives back that runs from outside: no policy of the page forbids it, and it works where pages may run
    /// none.
    pub(super) fn run(&self, script: &str) -> Value {
        self.ask("POST", "execute/sync", &json!({"script": script, "args": []}))
    }

    /// Looks at the page on another screen.
    pub(super) fn look(&self, screen: Screen) {
        let size = json!({"width": screen.width, "height": 800, "deviceScaleFactor": 1, "mobile": false});
        self.tool("Emulation.setDeviceMetricsOverride", &size);
        let theme = if screen.dark { "dark" } else { "light" };
        let features = json!([{"name": "prefers-color-scheme", "value": theme}]);
        self.tool("Emulation.setEmulatedMedia", &json!({"features": features}));
    }

    /// Leaves a picture of the whole page in a file.
    pub(super) fn picture(&self, file: &Path) {
        let picture = self.tool("Page.captureScreenshot", &json!({"captureBeyondViewport": true}));
        fs::write(file, STANDARD.decode(picture["data"].as_str().unwrap()).unwrap()).unwrap();
    }

    /// What the browser's own tools for developers can do.
    fn tool(&self, name: &str, parameters: &Value) -> Value {
        self.ask("POST", "goog/cdp/execute", &json!({"cmd": name, "params": parameters}))
    }
}

/// Calls the driver, which keeps connections open whatever it is told: an answer ends where its length says.
fn call(url: &str, request: &str, body: &str) -> (u16, Value) {
    let mut socket = TcpStream::connect(url.trim_start_matches("http://")).unwrap();
    let head = format!("{request} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {}\r\n\r\n", body.len());
    socket.write_all(&[head.as_bytes(), body.as_bytes()].concat()).unwrap();
    let mut answer = BufReader::new(socket);
    let (mut status, mut length) = (0, 0);
    for line in answer.by_ref().lines().map(Result::unwrap).take_while(|line| !line.is_empty()) {
        let line = line.to_ascii_lowercase();
        if let Some(text) = line.strip_prefix("http/1.1 ") {
            status = text[..3].parse().unwrap();
        } else if let Some(text) = line.strip_prefix("content-length:") {
            length = text.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    answer.read_exact(&mut body).unwrap();
    (status, serde_json::from_slice(&body).unwrap())
}

/// The port that the driver says it listens on.
fn port(output: &mut impl BufRead) -> u16 {
    let said = "started successfully on port ";
    let mut lines = output.lines().map(Result::unwrap);
    let line = lines.find(|line| line.contains(said)).expect("the driver says where it listens");
    let (_, port) = line.split_once(said).unwrap();
    port.trim_end_matches('.').parse().unwrap()
}

fn capabilities(profile: &Path, scripts: Scripts) -> Value {
    let profile = format!("--user-data-dir={}", profile.display());
    let arguments = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--hide-scrollbars",
        &profile,
    ];
    let scripts = match scripts {
        Scripts::Allowed => 1,
        Scripts::Forbidden => 2,
    };
    let preferences = json!({"profile.managed_default_content_settings.javascript": scripts});
    let options = json!({"args": arguments, "prefs": preferences});
    json!({"capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}})
}

/// A text as an `XPath` has it, which knows no escapes.
fn quoted(text: &str) -> String {
    assert!(!text.contains('\''), "{text}");
    format!("'{text}'")
}
