//! How every page looks, on a telephone and on a desk, by day and by night: it stays in its width, nothing serious is in the
//! way of anybody, and the keyboard reaches everything. Pictures of all of them are left in `target/tmp/console`.

use std::fs;
use std::path::{Path, PathBuf};

use people_core::health::HOURS;
use people_core::id::ImportId;
use people_core::log::{
    Answer, Delivery, Ending, Form, ImportLog, Outcome, PartLog, PartOutcome, State, Subject,
};
use people_core::ports::App;
use people_core::shown::Shown;
use people_core::summary::Source;
use people_core::time::Timestamp;
use serde_json::{Value, json};

use super::browser::{self, Browser, Screen, Scripts};
use super::{console, id, is_down, of_aktion, run_schedule, sign_in, sign_in_with};
use crate::http::multipart;
use crate::stack::{Local, PDF};

/// The checker of accessibility, and how it comes here.
const AXE: &str = "4.14.1";
/// A page has fewer bytes than this, its style not counted.
const MOST_BYTES: u64 = 60_000;
const TAB: char = '\u{e004}';

const SCREENS: [Screen; 4] = [
    Screen { width: 375, dark: false },
    Screen { width: 375, dark: true },
    Screen { width: 1440, dark: false },
    Screen { width: 1440, dark: true },
];

/// The checker's script; `None` where it is not installed, which is a failure where `CI` is set.
fn axe() -> Option<String> {
    let tool = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../target/tools/axe-{AXE}"));
    let script = fs::read_to_string(tool.join("node_modules/axe-core/axe.min.js"));
    if script.is_err() {
        browser::missing("axe-core", &format!("npm install --prefix {} axe-core@{AXE}", tool.display()));
    }
    script.ok()
}

/// How pages are looked at.
struct Looks<'a> {
    browser: &'a Browser,
    axe: Option<String>,
    pictures: PathBuf,
}

impl Looks<'_> {
    /// The page on every screen, with a picture of each.
    fn at(&self, page: &str) {
        for screen in SCREENS {
            self.browser.look(screen);
            let name = format!("{page}-{}", screen.name());
            self.browser.picture(&self.pictures.join(format!("{name}.png")));
            let wide = self.browser.run("return [document.documentElement.scrollWidth, window.innerWidth]");
            assert!(wide[0].as_u64() <= wide[1].as_u64(), "{name} is too wide: {wide}");
            self.serves_everybody(&name);
        }
        self.can_be_used_by_keyboard(page);
        let bytes = self.browser.run("return performance.getEntriesByType('navigation')[0].decodedBodySize");
        assert!(bytes.as_u64().is_some_and(|bytes| bytes > 0 && bytes < MOST_BYTES), "{page}: {bytes}");
    }

    fn serves_everybody(&self, name: &str) {
        let Some(axe) = &self.axe else { return };
        let found = self.browser.run(&format!(
            "{axe}; return axe.run({{resultTypes: ['violations']}}).then(found => found.violations.map(
               one => [one.impact, one.id, one.nodes.map(node => node.target.join(' ') + ': ' + node.failureSummary)]))"
        ));
        let serious = |one: &&Value| one[0] == "serious" || one[0] == "critical";
        let serious: Vec<_> = found.as_array().unwrap().iter().filter(serious).collect();
        assert!(serious.is_empty(), "{name}: {serious:#?}");
        for one in found.as_array().unwrap() {
            eprintln!("{name}: {one}");
        }
    }

    /// Tab goes through everything that can be used, in its order, and shows where it is.
    fn can_be_used_by_keyboard(&self, page: &str) {
        let usable = self.browser.run(
            "const usable = [...document.querySelectorAll('a[href], button, input, select, summary')]
               .filter(one => one.type !== 'hidden' && one.checkVisibility());
             document.activeElement.blur(); window.usable = usable; return usable.length",
        );
        let usable = usable.as_u64().unwrap();
        assert!(usable > 0, "{page}");
        let mut reached: Vec<u64> = Vec::new();
        // A field for a date has several places of its own to stop at.
        for _ in 0..usable * 4 {
            self.browser.key(TAB);
            let focus = self.browser.run(
                "const one = document.activeElement, style = getComputedStyle(one);
                 const place = one.getBoundingClientRect();
                 return [window.usable.indexOf(one), style.outlineStyle !== 'none' && place.right > 0, one.outerHTML]",
            );
            let Some(number) = focus[0].as_u64() else { break };
            if reached.last() != Some(&number) {
                assert_eq!(focus[1], true, "{page}: nothing shows that the focus is on {}", focus[2]);
                reached.push(number);
            }
            if number + 1 == usable {
                break;
            }
        }
        assert_eq!(reached, (0..usable).collect::<Vec<_>>(), "{page}");
    }
}

/// An import whose deliveries ended in many ways.
fn of_a_day(at: Timestamp, number: u8) -> ImportLog {
    let why = || "the target does not answer".to_owned();
    let part = |(place, ms): (usize, u32)| {
        let is_bad = usize::from(number / 4) % 6 == 3;
        let ending = match place % 9 {
            0..=2 if is_bad => Ending::Deferred(why()),
            3 if is_bad => Ending::Refused(why()),
            4 => Ending::Unchanged,
            _ => Ending::Updated,
        };
        let outcome = Outcome { ending, code: Some("200/0".to_owned()), attempts: 1, duration_ms: ms };
        let target = if place % 3 == 0 { "scim" } else { "aktion" };
        let deliveries = vec![Delivery { target: target.into(), outcome, superseded: Vec::new() }];
        let subject = Subject::Person(Some(Shown::new(&format!("person{place:03}@company.com"))));
        PartLog { subject, outcome: PartOutcome::Delivered { deliveries, unmapped: Vec::new() } }
    };
    let took = |place: usize| 40 + (place as u32 * 37 + u32::from(number) * 91) % 300;
    ImportLog {
        id: ImportId::new(at, [number; 10]),
        received_at: at,
        key_name: Shown::new("HR nightly export"),
        state: State::Ended(Answer::Succeeded),
        fault: None,
        parts: (0..usize::from(number % 5) * 3 + 1).map(|place| part((place, took(place)))).collect(),
        names_targets: true,
        dry_run: false,
        form: Form::Array,
        source: Source::Inbox,
        later: Vec::new(),
    }
}

/// A day's imports, some of them through the API.
async fn a_day(local: &Local, app: &App) -> ImportId {
    let now = app.clock.now().millis();
    for number in 0..(HOURS as u8 * 4) {
        let at = Timestamp::from_millis(now - i64::from(number) * 15 * 60 * 1000 - 60_000);
        app.imports.open(&of_a_day(at, number), None).await.unwrap();
    }
    let worked_example = json!([
        {"userPrincipalName": "joe@company.com", "unknownField": "Hello"},
        {"userPrincipalName": "unknown@company.com", "joinDate": "2023-11-01"},
        {"name": "Sarah McAllister", "joinDate": "2023-11-01"},
    ]);
    local.json(&worked_example);
    let file = "Content-Type: application/pdf\r\n\
                Content-Disposition: form-data; name=f; filename=\"joe@company.com__salary__March 2023.pdf\"";
    local.import("multipart/form-data; boundary=b", multipart(&[(file, PDF)]));
    is_down(local, "aktion", true);
    local.json(&of_aktion("sarah@company.com", "Smith"));
    let names = "x".repeat(200);
    let mixed = json!([
        {"userPrincipalName": "joe@company.com", "lastName": "Miller", "mobile": "1", "department": "Nowhere"},
        {"userPrincipalName": format!("{names}@company.com"), "lastName": "Miller"},
        {"employeeId": "100200302", names: 1, "birthday": "1.1.2000", "joinDate": "soon"},
        {"employeeId": "100200303", "phone": "123", "mobile": "123"},
    ]);
    let mixed = id(&local.json(&mixed));
    is_down(local, "aktion", false);
    run_schedule(local);
    is_down(local, "aktion", true);
    local.json(&of_aktion("joe@company.com", "Millar"));
    mixed
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_serves_everybody_on_every_screen() {
    let local = Local::start().await;
    let Some(browser) = Browser::start(Scripts::Allowed) else { return };
    let mixed = a_day(&local, &local.app().await).await;
    let pictures = Path::new(env!("CARGO_TARGET_TMPDIR")).join("console");
    fs::create_dir_all(&pictures).unwrap();
    let looks = Looks { browser: &browser, axe: axe(), pictures };
    let console = console(&local);
    browser.open(&console);
    looks.at("sign-in");
    sign_in_with(&browser, "wrong");
    browser.sees("This key does not open the console.");
    looks.at("wrong-key");
    sign_in(&browser, &local);
    for (page, path) in [
        ("list", String::new()),
        ("errors", "?errorsOnly=true".to_owned()),
        ("filters", "?person=joe%40company.com&errorsOnly=true".to_owned()),
        ("import", format!("/imports/{mixed}")),
        ("person", "/people?person=joe%40company.com".to_owned()),
        ("nobody", "/people?person=nobody".to_owned()),
        ("undelivered", "/undelivered".to_owned()),
        ("targets", "/targets".to_owned()),
        ("missing", "/imports/0192f0c1-7c00-7a3b-8c4d-000102030405".to_owned()),
    ] {
        browser.open(&format!("{console}{path}"));
        looks.at(page);
    }
    browser.open(&format!("{console}/targets"));
    browser.run("document.querySelectorAll('details').forEach(one => one.open = true)");
    looks.at("targets-with-numbers");
}
