//! Takes each function through everything that it does, over the wire, and notes what that needs. Each is connected by
//! itself, with the settings that it has in the cloud, so that its start counts too.

use std::collections::{BTreeMap, BTreeSet};

use people_adapters::config::{Config, PROFILE_DEFINITION, TARGETS};
use people_adapters::http::Route;
use people_adapters::{Live, Looked};
use people_core::ports::Feature;
use serde_json::json;

use super::calls::Need;
use super::place::{Event, Place, answer, needs};
use super::says::Made;
use crate::http::{multipart, send};
use crate::stack::PDF;

/// What each of these functions needed, by its name. Those that look people up come before the one that enters everybody,
/// so that there is somebody to look up.
pub(crate) async fn walk(functions: &[Made]) -> BTreeMap<String, BTreeSet<Need>> {
    let place = Place::new().await;
    let mut walked = BTreeMap::new();
    for name in ["batch-import", "pdf-storage", "import-log", "directory-sync"] {
        let function = functions.iter().find(|function| function.name == name).unwrap();
        let (config, notes) = place.watched(function).await;
        match name {
            "batch-import" => batch_import(&place, &config).await,
            "pdf-storage" => pdf_storage(&place, &config).await,
            "import-log" => import_log(&config).await,
            _ => directory_sync(&place, &config).await,
        }
        walked.insert(name.to_owned(), needs(&notes, &function.log_group));
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
    // Known to both targets, and then to none.
    assert_eq!(import("application/json", one("sarah@company.com").as_bytes()).await, 200);
    place.remove("sarah@company.com");
    assert_eq!(import("application/json", one("sarah@company.com").as_bytes()).await, 400);
    let definition = Event::new("GET", Route::ProfileDefinition, Feature::PeopleImport, &[]);
    assert_eq!(answer(&batch_import::handle(&app, definition.request()).await).0, 200);
    // The mobile number goes to a kind that takes a lease.
    let mobile = json!([{"userPrincipalName": "joe@company.com", "mobile": "1"}]).to_string();
    assert_eq!(import("application/json", mobile.as_bytes()).await, 200);
    configure(place, &live).await;
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
    configure(place, &live).await;
}

async fn import_log(config: &Config) {
    let app = people_adapters::connect_to_logs(config).await;
    let id = "01890a5d-ac96-774b-bcce-b302099a8057";
    let event = Event::new("GET", Route::ImportLog, Feature::ImportLogs, &[("requestId", id)]);
    assert_eq!(answer(&import_log::handle(&app, event.request()).await).0, 404);
    for query in ["", "errorsOnly=true"] {
        let event = Event::new("GET", Route::ImportLogs, Feature::ImportLogs, &[]).query(query);
        assert_eq!(answer(&import_log::handle(&app, event.request()).await).0, 200);
    }
}

async fn directory_sync(place: &Place, config: &Config) {
    let live = people_adapters::connect(config).await.unwrap();
    assert_eq!(directory_sync::handle(&live.app().await).await.unwrap().listed.len(), 3);
    configure(place, &live).await;
}
