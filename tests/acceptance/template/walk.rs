//! Takes each function through everything that it does, over the wire, and notes what that needs. Each is connected by
//! itself, with the settings that it has in the cloud, so that its start counts too.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Cursor, Write};
use std::time::Duration;

use people_adapters::config::{Config, PROFILE_DEFINITION, TARGETS};
use people_adapters::http::Route;
use people_adapters::{Live, Looked};
use people_core::id::ImportId;
use people_core::log::{Answer, State};
use people_core::ports::{App, Feature, RepeatKey};
use people_core::session::{self, MAX_FAILURES, SessionToken, SignIn};
use redelivery::Asked;
use serde_json::{Value, json};
use staged_import::Came;

use super::calls::{Need, dead_letters};
use super::place::{Event, Place, answer, needs};
use super::says::Made;
use crate::http::{multipart, send};
use crate::stack::PDF;

/// What each of these functions needed, by its name. Those that look people up come before the one that enters everybody,
/// so that there is somebody to look up. The one that comes late and says so comes before one that heeds it.
pub(crate) async fn walk(functions: &[Made]) -> BTreeMap<String, BTreeSet<Need>> {
    let place = Place::new().await;
    let mut walked = BTreeMap::new();
    for name in [
        "batch-import",
        "staged-import",
        "pdf-storage",
        "import-log",
        "redelivery",
        "inbox-import",
        "directory-sync",
    ] {
        let function = functions.iter().find(|function| function.name == name).unwrap();
        let (config, notes) = place.watched(function).await;
        match name {
            "batch-import" => batch_import(&place, &config).await,
            "pdf-storage" => pdf_storage(&place, &config).await,
            "import-log" => import_log(&place, &config).await,
            "staged-import" => staged_import(&place, &config).await,
            "redelivery" => redelivery(&place, &config).await,
            "inbox-import" => inbox_import(&place, &config).await,
            _ => directory_sync(&place, &config).await,
        }
        let mut needed = needs(&notes, &function.log_group);
        if name == "staged-import" {
            needed.extend(dead_letters(&config.bucket));
        }
        walked.insert(name.to_owned(), needed);
    }
    walked
}

/// What every function does with the configuration while it runs: it is refused, deleted, and good again.
async fn configure(place: &Place, live: &Live) {
    place.push(PROFILE_DEFINITION, b"broken").await;
    assert_eq!(live.look_now().await, Looked::Refused);
    place.delete(TARGETS).await;
    assert_eq!(live.look_now().await, Looked::Refused);
    place.configure().await;
    assert_ne!(live.look_now().await, Looked::Refused);
}

async fn batch_import(place: &Place, config: &Config) {
    let live = people_adapters::connect(config).await.unwrap();
    let app = live.app().await;
    let import = async |content_type: &str, body: &[u8]| {
        let event = Event::new("PUT", Route::PeopleImport, Feature::PeopleImport, &[]);
        answer(&batch_import::handle(&app, event.body(content_type, body).request()).await).0
    };
    let one = |upn: &str| json!([{"userPrincipalName": upn, "phone": "1"}]).to_string();
    assert_eq!(import("application/json", one("joe@company.com").as_bytes()).await, 200);
    assert_eq!(import("application/json", one("unknown@company.com").as_bytes()).await, 400);
    // The second time, the first document is replaced.
    let head = "Content-Disposition: form-data; name=\"x\"; filename=\"joe@company.com__salary__March.pdf\"\r\nContent-Type: application/pdf";
    let payslip = multipart(&[(head, PDF)]);
    assert_eq!(import("multipart/form-data; boundary=b", &payslip).await, 200);
    assert_eq!(import("multipart/form-data; boundary=b", &payslip).await, 200);
    let dry_run = Event::new("PUT", Route::PeopleImport, Feature::PeopleImport, &[]).query("dryRun=true");
    let dry_run =
        dry_run.header("accept", "application/json").body("multipart/form-data; boundary=b", &payslip);
    let (status, report) = answer(&batch_import::handle(&app, dry_run.request()).await);
    assert_eq!((status, report.contains("WouldReplace")), (200, true), "{report}");
    // Known to both targets, and then to none.
    assert_eq!(import("application/json", one("sarah@company.com").as_bytes()).await, 200);
    place.remove("sarah@company.com");
    assert_eq!(import("application/json", one("sarah@company.com").as_bytes()).await, 400);
    let definition = Event::new("GET", Route::ProfileDefinition, Feature::PeopleImport, &[]);
    assert_eq!(answer(&batch_import::handle(&app, definition.request()).await).0, 200);
    // The mobile number goes to a kind that takes a lease.
    let mobile = json!([{"userPrincipalName": "joe@company.com", "mobile": "1"}]).to_string();
    assert_eq!(import("application/json", mobile.as_bytes()).await, 200);
    // What does not arrive is kept.
    place.refuse_updates(true);
    let another = one("joe@company.com").replace("\"1\"", "\"2\"");
    assert_eq!(import("application/json", another.as_bytes()).await, 202);
    place.refuse_updates(false);
    later(&app).await;
    again(&app, async || {
        let event = Event::new("PUT", Route::PeopleImport, Feature::PeopleImport, &[]);
        let event = event.header("idempotency-key", "1").body("application/json", b"[{}]");
        answer(&batch_import::handle(&app, event.request()).await).0
    })
    .await;
    configure(place, &live).await;
}

/// What is not imported at once: a body is announced and sent, and another one is kept for a caller who waits in vain.
async fn later(app: &App) {
    let announcement = json!({"contentType": "application/json", "bytes": 2}).to_string();
    let event = Event::new("POST", Route::Uploads, Feature::PeopleImport, &[]);
    let event = event.body("application/json", announcement.as_bytes());
    let (status, upload) = answer(&batch_import::handle(app, event.request()).await);
    assert_eq!(status, 201, "{upload}");
    let upload: Value = serde_json::from_str(&upload).unwrap();
    let headers = upload["headers"].as_object().unwrap();
    let headers: Vec<_> =
        headers.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap())).collect();
    let url = upload["url"].as_str().unwrap();
    let path = url.splitn(4, '/').last().unwrap();
    assert_eq!(send(&format!("PUT /{path}"), url, &headers, b"[]").status, 200);
    let event = Event::new("PUT", Route::PeopleImport, Feature::PeopleImport, &[]);
    let event = event.header("prefer", "respond-async, wait=1").body("application/json", b"[]");
    assert_eq!(answer(&batch_import::handle(app, event.request()).await).0, 202);
}

async fn staged_import(place: &Place, config: &Config) {
    let live = people_adapters::connect(config).await.unwrap();
    let app = live.app().await;
    let run = async |content_type: &str, body: Vec<u8>, dry_run: bool| {
        let id = place.arrived(content_type, body, 0, dry_run).await;
        let event = json!({"detail": {"object": {"key": format!("staged/{id}")}}});
        let ends = app.clock.now().plus(Duration::from_secs(900));
        let arrived = serde_json::from_value(event).unwrap();
        assert_eq!(::staged_import::handle(&app, arrived, ends).await.unwrap(), Came::Done);
    };
    let import = async |content_type: &str, body: Vec<u8>| run(content_type, body, false).await;
    let one =
        |upn: &str| json!([{"userPrincipalName": upn, "phone": "1", "mobile": "2"}]).to_string().into_bytes();
    // Known to all, to none, and by now to nobody: the others have gone through the same before.
    for upn in ["joe@company.com", "unknown@company.com", "ceo@company.com"] {
        import("application/json", one(upn)).await;
    }
    place.remove("ceo@company.com");
    import("application/json", one("ceo@company.com")).await;
    place.refuse_updates(true);
    import("application/json", one("cio@company.com")).await;
    place.refuse_updates(false);
    let head = "Content-Disposition: form-data; name=\"x\"; filename=\"joe@company.com__salary__May.pdf\"\r\nContent-Type: application/pdf";
    for _ in 0..2 {
        import("multipart/form-data; boundary=b", multipart(&[(head, PDF)])).await;
    }
    run("multipart/form-data; boundary=b", multipart(&[(head, PDF)]), true).await;
    configure(place, &live).await;
}

/// What waits is delivered, refused, and tried again; a body whose event was lost is taken up.
async fn redelivery(place: &Place, config: &Config) {
    let live = people_adapters::connect(config).await.unwrap();
    let app = live.app().await;
    let run = async || {
        let ends = app.clock.now().plus(Duration::from_secs(300));
        ::redelivery::handle(&app, Asked { all: true, ..Asked::default() }, ends).await.unwrap()
    };
    // What the others have left behind.
    run().await;
    for upn in ["cio@company.com", "joe@company.com"] {
        place.waits(upn).await;
    }
    let id = place.arrived("application/json", b"[]".to_vec(), 300, false).await;
    let report = run().await;
    let id = ImportId::parse(&id).unwrap();
    let taken_up = app.imports.find(id).await.unwrap().unwrap();
    assert!(matches!(taken_up.state, State::Ended(Answer::Failed)), "{taken_up:?}");
    assert_eq!(report.delivered, 6, "{report:?}");
    let sweep = Asked { sweep: true, ..Asked::default() };
    ::redelivery::handle(&app, sweep, app.clock.now().plus(Duration::from_secs(300))).await.unwrap();
    // A document is stored, and takes the place of another.
    let head = "Content-Disposition: form-data; name=\"x\"; filename=\"joe@company.com__salary__July.pdf\"\r\nContent-Type: application/pdf";
    for _ in 0..2 {
        place.arrived("multipart/form-data; boundary=b", multipart(&[(head, PDF)]), 300, false).await;
        run().await;
    }
    place.remove("cio@company.com");
    place.waits("cio@company.com").await;
    place.waits("unknown@company.com").await;
    run().await;
    configure(place, &live).await;
}

/// Files of which all, some and nothing is imported.
async fn inbox_import(place: &Place, config: &Config) {
    let live = people_adapters::connect(config).await.unwrap();
    let app = live.app().await;
    let run =
        async || ::inbox_import::handle(&app, app.clock.now().plus(Duration::from_secs(900))).await.unwrap();
    let csv = "userPrincipalName,phone,mobile\ncfo@company.com,1,2\nunknown@company.com,1,2\n";
    place.push("inbox/people.csv", csv.as_bytes()).await;
    place.push("inbox/broken.json", b"[").await;
    let ran = run().await;
    assert_eq!((ran.done, ran.failed, ran.left), (1, 1, 0));
    place.remove("person001@company.com");
    place.push("inbox/gone.csv", b"userPrincipalName,phone\nperson001@company.com,1\n").await;
    assert_eq!(run().await.failed, 1);
    for _ in 0..2 {
        let pdf = zip_of("cfo@company.com__salary__June.pdf", PDF);
        place.push("inbox/payslips.zip", &pdf).await;
        assert_eq!(run().await.done, 1);
    }
    place.refuse_updates(true);
    place.push("inbox/later.csv", b"userPrincipalName,phone\njoe@company.com,3\ncfo@company.com,3\n").await;
    place.waits("joe@company.com").await;
    assert_eq!(run().await.done, 1);
    place.refuse_updates(false);
    configure(place, &live).await;
}

fn zip_of(name: &str, content: &[u8]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
    zip.write_all(content).unwrap();
    zip.finish().unwrap().into_inner()
}

async fn pdf_storage(place: &Place, config: &Config) {
    let live = people_adapters::connect(config).await.unwrap();
    let app = live.app().await;
    let call = async |method: &str, person: &str| {
        let names = [("person", person), ("field", "salary"), ("fileName", "March.pdf")];
        let event = Event::new(method, Route::Document, Feature::Documents, &names);
        let event = if method == "PUT" { event.body("application/pdf", PDF) } else { event };
        pdf_storage::handle(&app, event.request()).await
    };
    assert_eq!(call("PUT", "cfo@company.com").await.status(), 201);
    assert_eq!(call("PUT", "cfo@company.com").await.status(), 200);
    assert_eq!(call("PUT", "unknown@company.com").await.status(), 404);
    let person = [("person", "cfo@company.com")];
    let list = Event::new("GET", Route::PersonsDocuments, Feature::Documents, &person);
    assert_eq!(pdf_storage::handle(&app, list.request()).await.status(), 200);
    let linked = call("GET", "cfo@company.com").await;
    let link = linked.headers()["location"].to_str().unwrap();
    let path = link.splitn(4, '/').last().unwrap();
    assert_eq!(send(&format!("GET /{path}"), link, &[], b"").body, PDF);
    assert_eq!(call("DELETE", "cfo@company.com").await.status(), 204);
    assert_eq!(call("GET", "cfo@company.com").await.status(), 404);
    again(&app, async || {
        let names = [("person", "unknown@company.com"), ("field", "salary"), ("fileName", "March.pdf")];
        let event = Event::new("PUT", Route::Document, Feature::Documents, &names);
        let event = event.header("idempotency-key", "1").body("application/pdf", PDF);
        answer(&pdf_storage::handle(&app, event.request()).await).0
    })
    .await;
    configure(place, &live).await;
}

/// A request that is sent again is answered twice; one that comes to nothing is given up.
async fn again(app: &App, send: impl AsyncFn() -> u16) {
    assert_eq!(send().await, send().await);
    let nobodys = ImportId::parse("01890a5d-ac96-774b-bcce-b302099a8057").unwrap();
    app.repeats.release(&RepeatKey([0; 32]), nobodys).await.unwrap();
}

/// What failed is given where its body is kept.
async fn failed(place: &Place, app: &App) {
    for (body, status) in [(Some(&b"[1]"[..]), 303), (None, 410)] {
        let id = place.failed(body).await;
        let event = Event::new("GET", Route::Failed, Feature::ImportLogs, &[("requestId", &id)]);
        let led = import_log::handle(app, event.request()).await;
        assert_eq!(led.status(), status);
        if let Some(link) = led.headers().get("location") {
            let link = link.to_str().unwrap();
            let path = link.splitn(4, '/').last().unwrap();
            assert_eq!(send(&format!("GET /{path}"), link, &[], b"").body, b"[1]");
        }
    }
}

async fn import_log(place: &Place, config: &Config) {
    let app = people_adapters::connect_to_logs(config).await;
    place.failed(None).await;
    let id = "01890a5d-ac96-774b-bcce-b302099a8057";
    let event = Event::new("GET", Route::ImportLog, Feature::ImportLogs, &[("requestId", id)]);
    assert_eq!(answer(&import_log::handle(&app, event.request()).await).0, 404);
    for (route, query) in [
        (Route::ImportLogs, ""),
        (Route::ImportLogs, "errorsOnly=true"),
        (Route::ImportLogs, "person=ghost%40company.com"),
        (Route::Undelivered, ""),
        (Route::Undelivered, "summary=1"),
    ] {
        let event = Event::new("GET", route, Feature::ImportLogs, &[]).query(query);
        assert_eq!(answer(&import_log::handle(&app, event.request()).await).0, 200);
    }
    failed(place, &app).await;
    console(place, &app).await;
}

/// Somebody signs in, after a wrong key too many, looks around, has something delivered, and signs out.
async fn console(place: &Place, app: &App) {
    let visit = async |method: &str, route: Route, id: &str, (cookie, form): (&str, &str)| {
        let event = Event::new(method, route, Feature::ImportLogs, &[("requestId", id)]);
        let event = event.header("cookie", cookie).body("application/x-www-form-urlencoded", form.as_bytes());
        import_log::handle(app, event.request()).await
    };
    for _ in 0..MAX_FAILURES {
        let wrong = visit("POST", Route::ConsoleSignIn, "", ("", "key=wrong")).await;
        assert_eq!(wrong.status(), 401);
    }
    let token = SessionToken::new([7; 32]);
    assert_eq!(
        session::sign_in(app, Feature::ImportLogs.as_str(), &token, "elsewhere").await.unwrap(),
        SignIn::Done
    );
    let cookie = format!("__Host-session={}", token.to_text());
    let form = format!("token={}", token.form_token());
    let id = place.waits("sarah@company.com").await;
    for route in [
        Route::Console,
        Route::ConsoleImport,
        Route::ConsoleLog,
        Route::ConsolePerson,
        Route::ConsoleUndelivered,
        Route::ConsoleTargets,
    ] {
        assert_eq!(visit("GET", route, &id, (&cookie, "")).await.status(), 200, "{route:?}");
    }
    for route in [Route::ConsoleDeliver, Route::ConsoleTimeZone, Route::ConsoleSignOut] {
        assert_eq!(visit("POST", route, &id, (&cookie, &form)).await.status(), 303, "{route:?}");
    }
}

async fn directory_sync(place: &Place, config: &Config) {
    let live = people_adapters::connect(config).await.unwrap();
    assert_eq!(directory_sync::handle(&live.app().await).await.unwrap().listed.len(), 3);
    configure(place, &live).await;
}
