//! Dry runs over HTTP, at targets of every kind: they say what an import would change, and change nothing.

use serde_json::{Value, json};

use crate::http::{Reply, multipart, send};
use crate::stack::{Local, PDF};
use crate::targets::writes;

const TARGETS: [&str; 4] = ["aktion", "esystems", "onlyoffice", "scim"];
const JSON: &str = "application/json";
const FORM: &str = "multipart/form-data; boundary=b";
const HEAD: &str = "Warning - DryRun - Nothing is delivered or stored: this is what would happen\n";

impl Local {
    /// Sends an import with this query.
    fn asked(&self, query: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        let headers = [&[("x-functions-key", self.key())], headers].concat();
        send(&format!("PUT /api/PeopleImport?{query}"), &self.ready().api, &headers, body)
    }

    fn dry_run(&self, content_type: &str, body: &[u8]) -> Value {
        let answer = self.asked("dryRun=true", &[("Content-Type", content_type), ("Accept", JSON)], body);
        let report = answer.json();
        assert_eq!((&report["dryRun"], &report["status"]), (&json!(true), &json!(answer.status)), "{report}");
        report
    }

    /// Everything that the simulated targets have stored.
    fn states(&self) -> Vec<Value> {
        TARGETS
            .iter()
            .map(|target| self.ask("GET /_sim/state", target, &Value::Null)["people"].clone())
            .collect()
    }

    fn writes(&self) -> usize {
        TARGETS.iter().map(|target| writes(self, target)).sum()
    }
}

/// Target, outcome, and what would change, of one part.
fn told(part: &Value) -> Vec<Value> {
    let targets = part["targets"].as_array().unwrap().iter();
    targets.map(|at| json!([at["target"], at["outcome"], at["wouldChange"]])).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_dry_run_says_would_change_is_what_the_import_changes() {
    let local = Local::start().await;
    let update = json!({"userPrincipalName": "joe@company.com", "firstName": "Joe", "department": "Finance", "mobile": "+420 1"});
    let unknown = json!({"employeeId": "0", "mobile": "1"});
    let [update, unknown] = [&update, &unknown].map(Value::to_string);
    let person = "Content-Type: application/json";
    let file = "Content-Type: application/pdf\r\nContent-Disposition: form-data; filename=\"joe@company.com__salary__May.pdf\"";
    let body = multipart(&[(person, update.as_bytes()), (person, unknown.as_bytes()), (file, PDF)]);
    let before = local.states();

    let report = local.dry_run(FORM, &body);
    assert_eq!((&report["status"], &report["now"]), (&json!(422), &json!("unsuccessful")), "{report}");
    assert_eq!(
        told(&report["parts"][0]),
        [
            json!(["aktion", "WouldUpdate", ["department", "mobile"]]),
            json!(["esystems", "WouldUpdate", ["department"]]),
            json!(["onlyoffice", "WouldUpdate", ["mobile"]]),
            json!(["scim", "WouldUpdate", ["department", "mobile"]]),
        ]
    );
    let outcomes = ["WouldUpdate", "UnknownPerson", "WouldUpload"];
    assert_eq!(
        report["parts"].as_array().unwrap().iter().map(|part| &part["outcome"]).collect::<Vec<_>>(),
        outcomes
    );
    assert_eq!(
        local.look_up(report["requestId"].as_str().unwrap(), &[]).text().split_once('\n').unwrap().1,
        format!(
            "{HEAD}Success - WouldBeUpdated - 'joe@company.com' would be updated: 'department', 'mobile'\n\
             Error - UnknownPerson - Unknown person: '0'\n\
             Success - WouldBeUploaded - Would upload file 'salary/May.pdf' for 'joe@company.com'\n"
        )
    );
    assert_eq!((local.writes(), local.states() == before), (0, true), "nothing is written anywhere");
    let support = [("x-functions-key", local.ready().keys["ImportLogs"].as_str())];
    let list = send("GET /api/ImportLogs", &local.ready().api, &support, b"").json();
    assert_eq!(list["imports"][0]["dryRun"], true, "{list}");
    let documents = [("x-functions-key", local.ready().keys["Documents"].as_str())];
    let listed = || send("GET /api/Documents/joe@company.com", &local.ready().api, &documents, b"").json();
    assert_eq!(listed()["documents"], json!([]));

    let real = local.import(FORM, &body);
    assert_eq!(real.status, 422);
    assert!(local.log(&real).starts_with("Success - PersonUpdated - 'joe@company.com' updated\n"));
    assert_eq!(listed()["documents"].as_array().unwrap().len(), 1);
    let aktion = local.person("100200300");
    assert_eq!(
        json!([aktion["OrganizationStructure"], aktion["MobilPhoneNumber"]]),
        json!(["Finance", "+420 1"])
    );

    let (again, written) = (local.dry_run(FORM, &body), local.writes());
    assert_eq!(told(&again["parts"][0]), TARGETS.map(|target| json!([target, "Unchanged", null])), "{again}");
    assert_eq!(again["parts"][2]["outcome"], "WouldReplace");
    assert_eq!(local.dry_run(FORM, &body)["counts"], again["counts"]);
    assert_eq!(local.writes(), written);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_certainly_a_dry_run_or_none_is_refused() {
    let local = Local::start().await;
    let body = br#"[{"employeeId":"100200300","phone":"+420 777"}]"#;
    for query in ["dryRun=1", "dryRun=True", "dryRun", "dryrun=yes", "dryRun=true&dryRun=false"] {
        let answer = local.asked(query, &[("Content-Type", JSON)], body);
        assert_eq!(answer.status, 400, "{query}");
        assert!(answer.json()["detail"].as_str().unwrap().contains("'dryRun'"), "{}", answer.text());
        let announced = send(
            &format!("POST /api/PeopleImport/uploads?{query}"),
            &local.ready().api,
            &[("x-functions-key", local.key())],
            br#"{"contentType":"application/json","bytes":2}"#,
        );
        assert_eq!(announced.status, 400, "{query}");
    }
    assert_eq!(local.writes(), 0);
    assert_eq!(local.asked("dryRun=false", &[("Content-Type", JSON)], body).status, 200);
    assert_eq!(local.person("100200300")["PhoneNumber"], "+420 777");
    let faulty = local.asked("dryRun=true", &[("Content-Type", JSON)], b"no JSON");
    assert_eq!(faulty.status, 400);
    assert!(local.log(&faulty).starts_with(&format!("{HEAD}Error - InvalidRequest - ")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_whose_caller_does_not_wait_is_one_too() {
    let local = Local::start().await;
    let body = br#"[{"employeeId":"100200300","phone":"+420 777"}]"#;
    let waiting = local.asked("dryRun=true", &[("Content-Type", JSON), ("Prefer", "respond-async")], body);
    assert_eq!(waiting.status, 202);
    let announced = send(
        "POST /api/PeopleImport/uploads?dryRun=true",
        &local.ready().api,
        &[("x-functions-key", local.key())],
        json!({"contentType": JSON, "bytes": body.len()}).to_string().as_bytes(),
    );
    assert_eq!(announced.status, 201, "{}", announced.text());
    let upload = announced.json();
    assert_eq!(crate::uploads::put(&upload, &[], body).status, 200);
    for id in [waiting.text(), upload["requestId"].as_str().unwrap()] {
        let report = local.report(id).await;
        assert_eq!((&report["dryRun"], &report["status"]), (&json!(true), &json!(200)), "{report}");
        assert_eq!(told(&report["parts"][0]), [json!(["aktion", "WouldUpdate", ["phone"]])]);
    }
    assert_eq!(local.writes(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_and_the_import_itself_are_two_requests() {
    let local = Local::start().await;
    let body = br#"[{"employeeId":"100200300","phone":"+420 777"}]"#;
    let headers = [("Content-Type", JSON), ("Idempotency-Key", "one")];
    let looked = local.asked("dryRun=true", &headers, body);
    let again = local.asked("dryRun=true", &headers, body);
    assert_eq!((looked.status, again.status, &again.body), (200, 200, &looked.body));
    assert_eq!(local.asked("", &headers, body).status, 409, "the key is the dry run's");
    assert_eq!(local.writes(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_is_down_is_not_taken_for_one_that_agrees() {
    let local = Local::start().await;
    local.fault_at("scim", &json!([{"close": "before"}]));
    let report = local.dry_run(JSON, br#"[{"userPrincipalName":"joe@company.com","department":"HR"}]"#);
    assert_eq!(report["status"], 400, "{report}");
    assert_eq!(report["parts"][0]["targets"][2]["outcome"], "Refused", "{report}");
    let message = report["parts"][0]["targets"][2]["message"].as_str().unwrap();
    assert!(message.ends_with(", send it again"), "{message}");
    let support = [("x-functions-key", local.ready().keys["ImportLogs"].as_str())];
    let waiting = send("GET /api/Undelivered?summary=1", &local.ready().api, &support, b"").json();
    assert_eq!((waiting["undelivered"].as_u64(), local.writes()), (Some(0), 0));
}
