//! Looking imports up over HTTP: by whom, by what and by when, and taking along what is found.

use serde_json::{Value, json};

use crate::http::{Reply, send};
use crate::stack::Local;

fn get(local: &Local, query: &str, accept: &str) -> Reply {
    let key = local.ready().keys["ImportLogs"].as_str();
    let headers = [("x-functions-key", key), ("Accept", accept)];
    send(&format!("GET /api/ImportLogs{query}"), &local.ready().api, &headers, b"")
}

/// The GUIDs of a page.
fn ids(local: &Local, query: &str) -> Vec<String> {
    let answer = get(local, query, "application/json");
    assert_eq!(answer.status, 200, "{query}: {answer:?}");
    let page = answer.json();
    let imports = page["imports"].as_array().unwrap().iter();
    imports.map(|import| import["requestId"].as_str().unwrap().to_owned()).collect()
}

/// Three imports: Joe is updated, Joe beside somebody unknown and a part that is refused, and a refused part alone.
fn three(local: &Local) -> [String; 3] {
    let bodies = [
        r#"[{"userPrincipalName":"joe@company.com","phone":"1"}]"#,
        r#"[{"employeeId":"100200300","phone":"2"},{"userPrincipalName":"Ghost@company.com","phone":"3"},{"userPrincipalName":"sarah@company.com","unknownField":1}]"#,
        r#"[{"employeeId":"100200301","unknownField":1}]"#,
    ];
    bodies.map(|body| {
        let id = local.import("application/json", body).text().to_owned();
        // Ids of one millisecond have no order: the next one is of a later one.
        while local.import("application/json", r#"[{"employeeId":"200000"}]"#).text()[..13] == id[..13] {}
        id
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_found_by_every_identifier_and_in_every_part() {
    let local = Local::start().await;
    let [updated, partly, refused] = three(&local);
    for (person, found) in [
        ("joe%40company.com", vec![&partly, &updated]),
        ("JOE%40company.com", vec![&partly, &updated]),
        ("100200300", vec![&partly, &updated]),
        ("ghost%40company.com", vec![&partly]),
        ("sarah%40company.com", vec![&refused, &partly]),
        ("100200301", vec![&refused, &partly]),
        ("cfo%40company.com", vec![]),
    ] {
        assert_eq!(ids(&local, &format!("?person={person}")).iter().collect::<Vec<_>>(), found, "{person}");
    }
    assert_eq!(ids(&local, "?person=100200300&errorsOnly=true"), std::slice::from_ref(&partly));
    assert_eq!(ids(&local, "?person=100200300&status=200"), std::slice::from_ref(&updated));
    let page = get(&local, "?person=100200300&limit=1", "*/*").json();
    let next = page["next"].as_str().unwrap();
    assert_eq!(ids(&local, &format!("?person=100200300&limit=1&cursor={next}")), [updated]);
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_combine() {
    let local = Local::start().await;
    let [updated, partly, refused] = three(&local);
    for (query, found) in [
        ("?status=422", vec![&partly]),
        ("?status=400", vec![&refused]),
        ("?kind=UnknownPerson", vec![&partly]),
        ("?kind=InvalidPerson", vec![&refused, &partly]),
        ("?kind=InvalidPerson&status=422", vec![&partly]),
        ("?kind=PersonUpdated&target=aktion", vec![&partly, &updated]),
        ("?target=aktion&errorsOnly=true", vec![&partly]),
        ("?target=nobody", vec![]),
        ("?errorsOnly=true&keyName=local-PeopleImport", vec![&refused, &partly]),
        ("?errorsOnly=true&keyName=another", vec![]),
        ("?errorsOnly=true&source=direct&dryRun=false", vec![&refused, &partly]),
        ("?source=redelivery", vec![]),
        ("?dryRun=true", vec![]),
        ("?errorsOnly=true&from=2020-01-01&to=2999-12-31", vec![&refused, &partly]),
        ("?to=2020-01-01", vec![]),
        ("?from=2999-01-01T00:00:00Z", vec![]),
    ] {
        assert_eq!(ids(&local, query).iter().collect::<Vec<_>>(), found, "{query}");
    }
    let wrong = get(&local, "?kind=Nothing", "text/csv");
    assert_eq!((wrong.status, wrong.headers["content-type"].as_str()), (400, "application/problem+json"));
    assert_eq!(wrong.json()["detail"], "The parameter 'kind' is no kind of line that a log has.");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_found_can_be_taken_along() {
    let local = Local::start().await;
    let [updated, partly, _] = three(&local);
    let ndjson = get(&local, "?person=joe%40company.com", "application/x-ndjson");
    assert_eq!(ndjson.headers["content-type"], "application/x-ndjson");
    let rows: Vec<Value> = ndjson.text().lines().map(|row| serde_json::from_str(row).unwrap()).collect();
    let row = |row: &Value| json!([row["requestId"], row["part"], row["kind"], row["status"], row["source"]]);
    let expected = [
        json!([partly, 0, "PersonUpdated", 422, "direct"]),
        json!([updated, 0, "PersonUpdated", 200, "direct"]),
    ];
    assert_eq!(rows.iter().map(row).collect::<Vec<_>>(), expected, "the lines of this person alone");
    let csv = get(&local, "?kind=UnknownPerson", "text/csv");
    assert_eq!(csv.headers["content-type"], "text/csv; charset=utf-8; header=present");
    let lines: Vec<_> = csv.text().split_terminator("\r\n").collect();
    assert_eq!(lines[0], "time,requestId,keyName,source,status,part,severity,kind,text,at");
    assert_eq!(lines.len(), 4, "{}", csv.text());
    assert!(
        lines[3].ends_with(",1,Error,UnknownPerson,Unknown person: 'Ghost@company.com',"),
        "{}",
        lines[3]
    );
    let text = get(&local, "?errorsOnly=true", "text/plain");
    assert_eq!(text.headers["content-type"], "text/plain; charset=utf-8");
    let logs: Vec<_> = text.text().split("\n\n").collect();
    assert_eq!(logs.len(), 2);
    assert_eq!(logs[1], local.look_up(&partly, &[]).text());
    assert!(!text.headers.contains_key("link"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_leads_to_the_rest_and_carries_no_key() {
    let local = Local::start().await;
    let [updated, partly, _] = three(&local);
    let key = &local.ready().keys["ImportLogs"];
    let query = format!("?code={key}&person=joe%40company.com&limit=1");
    let first = get(&local, &query, "text/plain");
    assert_eq!(first.text(), local.look_up(&partly, &[]).text());
    let link = first.headers["link"].strip_suffix(">; rel=\"next\"").unwrap();
    assert!(!link.contains(key.as_str()) && !link.contains("code="), "{link}");
    let query = link.strip_prefix("</api/ImportLogs").unwrap();
    let second = get(&local, query, "text/plain");
    assert_eq!(second.text(), local.look_up(&updated, &[]).text());
    assert!(!second.headers.contains_key("link"));
}
