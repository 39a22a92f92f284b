//! What has not arrived: kept, looked at, delivered again, and never over what is newer.

use serde_json::{Value, json};

use crate::http::{Reply, send};
use crate::stack::Local;

const TARGETS: [&str; 4] = ["aktion", "esystems", "onlyoffice", "scim"];

fn as_support(local: &Local, request: &str) -> Reply {
    let key = local.ready().keys["ImportLogs"].as_str();
    send(request, &local.ready().api, &[("x-functions-key", key)], b"")
}

fn waiting(local: &Local) -> Value {
    as_support(local, "GET /api/Undelivered?summary=1").json()["undelivered"].clone()
}

/// Every target hangs up, or none.
fn all_down(local: &Local, down: bool) {
    let rules = if down { json!([{"close": "before"}]) } else { json!([]) };
    for target in TARGETS {
        local.fault_at(target, &rules);
    }
}

fn run_schedule(local: &Local) -> Value {
    send("POST /_local/run/redelivery", &local.ready().api, &[], b"").json()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_target_took_is_kept_listed_and_delivered_when_they_are_back() {
    let local = Local::start().await;
    all_down(&local, true);
    let update =
        |id: u32, phone: &str| json!({"employeeId": id.to_string(), "phone": phone, "mobile": phone});
    let older = local.json(&json!([update(100_200_300, "old"), update(100_200_301, "old")]));
    let newer = local.json(&json!([update(100_200_300, "new")]));
    assert_eq!((older.status, newer.status), (202, 202));
    assert!(local.log(&newer).starts_with(
        "Warning - DeliveryDeferred - '100200300' not updated yet: aktion does not answer, will be delivered again at aktion\n"
    ));
    assert_eq!(waiting(&local), 9);
    let report = local.look_up(newer.text(), &[("Accept", "application/json")]).json();
    assert_eq!((&report["status"], &report["now"]), (&json!(202), &json!("pending")));
    assert_eq!(report["counts"], json!({"parts": 1, "succeeded": 0, "failed": 0, "pending": 1}));

    can_be_listed(&local);
    let again = format!("POST /api/ImportLogs/{}/redeliveries", newer.text());
    assert_eq!(as_support(&local, &format!("{again}?plan=true")).json()["undelivered"], 3);
    assert_eq!(as_support(&local, &again).json()["undelivered"], 3, "nobody is back");
    all_down(&local, false);
    let came = as_support(&local, &again).json();
    assert_eq!((&came["delivered"], &came["undelivered"]), (&json!(3), &json!(0)), "{came}");

    let ran = run_schedule(&local);
    assert_eq!(
        ran,
        json!({"delivered": 3, "superseded": 3, "failed": 0, "givenUp": 0, "deferred": 0, "swept": 0}),
        "one person is up to date already"
    );
    assert_eq!(waiting(&local), 0);
    assert_eq!(as_support(&local, "GET /api/Undelivered").json(), json!({"undelivered": []}));
    for (id, phone) in [("100200300", "new"), ("100200301", "old")] {
        let stored = local.stored("aktion", "PersonId", id);
        assert_eq!(
            (&stored["PhoneNumber"], &stored["MobilPhoneNumber"]),
            (&json!(phone), &json!(phone)),
            "{id}"
        );
    }
    let log = local.log(&older);
    for line in [
        "\nWarning - Superseded - 'mobile', 'phone' of '100200300' not updated: a later import has set it at aktion\n",
        "\nSuccess - PersonRedelivered - '100200301' updated at scim\n",
    ] {
        assert!(log.contains(line), "{log}");
    }
    for answer in [&older, &newer] {
        let report = local.look_up(answer.text(), &[("Accept", "application/json")]).json();
        assert_eq!(
            (&report["status"], &report["now"]),
            (&json!(202), &json!("successful")),
            "the answer stays"
        );
    }
    let errors = as_support(&local, "GET /api/ImportLogs?errorsOnly=true").json();
    assert_eq!(errors["imports"], json!([]));
}

/// Three updates wait for aktion, and three for one of the people.
fn can_be_listed(local: &Local) {
    let list = as_support(local, "GET /api/Undelivered?target=aktion&limit=2").json();
    assert_eq!(list["undelivered"].as_array().unwrap().len(), 2, "{list}");
    let first = &list["undelivered"][0];
    assert_eq!((&first["target"], &first["attempts"]), (&json!("aktion"), &json!(1)));
    assert_eq!(first["reason"], "aktion does not answer");
    let next = list["next"].as_str().unwrap();
    let rest = as_support(local, &format!("GET /api/Undelivered?target=aktion&limit=2&cursor={next}")).json();
    assert_eq!((rest["undelivered"].as_array().unwrap().len(), &rest["next"]), (1, &Value::Null), "{rest}");
    let whose = as_support(local, "GET /api/Undelivered?person=100200301").json();
    assert_eq!(whose["undelivered"].as_array().unwrap().len(), 3, "{whose}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_support_sees_what_is_undelivered_and_what_is_asked_for_has_to_be_there() {
    let local = Local::start().await;
    let id = "0192f0c1-7c00-7a3b-8c4d-000102030405";
    let again = format!("POST /api/ImportLogs/{id}/redeliveries");
    for (request, status) in [
        ("GET /api/Undelivered", 200),
        ("GET /api/Undelivered?limit=0", 400),
        ("GET /api/Undelivered?what=1", 400),
        ("DELETE /api/Undelivered", 405),
        (again.as_str(), 404),
        (&format!("{again}?plan=maybe"), 400),
        (&again.replace("POST", "GET"), 405),
        ("POST /api/ImportLogs/x/redeliveries", 404),
    ] {
        assert_eq!(as_support(&local, request).status, status, "{request}");
        let key = local.ready().keys["PeopleImport"].as_str();
        let other = send(request, &local.ready().api, &[("x-functions-key", key)], b"");
        assert_eq!(other.status, if status == 405 { 405 } else { 401 }, "{request}");
    }
}
