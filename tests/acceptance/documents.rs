//! Single documents: in, listed, linked, replaced and deleted, each step in the log; and names that try to get out.

use std::collections::BTreeMap;

use people_adapters::aws::{self, AwsSettings};
use people_adapters::secret::Secret;
use serde_json::{Value, json};

use crate::http::{Reply, multipart, raw, send};
use crate::stack::{Local, PDF};

const MARCH: &str = "/api/Documents/joe@company.com/salary/March%202023.pdf";

impl Local {
    /// Sends a request for documents, with their key.
    fn documents(&self, request: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        let headers = [&[("x-functions-key", self.ready().keys["Documents"].as_str())], headers].concat();
        send(request, &self.ready().api, &headers, body)
    }

    fn put_pdf(&self, path: &str, body: &[u8]) -> Reply {
        self.documents(&format!("PUT {path}"), &[("Content-Type", "application/pdf")], body)
    }

    fn get(&self, path: &str) -> Reply {
        self.documents(&format!("GET {path}"), &[], b"")
    }

    fn delete(&self, path: &str) -> Reply {
        self.documents(&format!("DELETE {path}"), &[], b"")
    }

    /// The log that an answer points to, without its first line.
    fn log_at(&self, answer: &Reply) -> String {
        let id = answer.headers["location"].rsplit('/').next().unwrap();
        let log = self.look_up(id, &[]);
        assert_eq!(log.status, 200);
        log.text().split_once('\n').unwrap().1.to_owned()
    }

    /// The bytes behind the link that is answered for a path, and the log that says that it was given.
    fn follow(&self, path: &str) -> (Vec<u8>, String) {
        let answer = self.get(path);
        assert_eq!(answer.status, 302, "{answer:?}");
        assert_eq!(answer.headers["cache-control"], "no-store");
        let url = &answer.headers["location"];
        assert!(url.contains("X-Amz-Expires=300&"), "five minutes");
        let (address, target) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
        let request = format!("GET /{target} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        let object = raw(&format!("http://{address}"), request.as_bytes());
        assert_eq!((object.status, object.headers["content-type"].as_str()), (200, "application/pdf"));
        let log = self.look_up(answer.text(), &[]);
        assert!(!log.text().contains("X-Amz"), "no link is in a log");
        (object.body, log.text().split_once('\n').unwrap().1.to_owned())
    }

    /// The names in the list of a person.
    fn listed(&self, path: &str) -> Vec<String> {
        let answer = self.get(path);
        assert_eq!((answer.status, answer.headers["content-type"].as_str()), (200, "application/json"));
        let name =
            |one: &Value| format!("{}/{}", one["field"].as_str().unwrap(), one["fileName"].as_str().unwrap());
        answer.json()["documents"].as_array().unwrap().iter().map(name).collect()
    }
}

/// The keys of every object below `documents/`.
async fn objects(local: &Local) -> Vec<String> {
    let ready = local.ready();
    let settings = AwsSettings::At {
        dynamodb: ready.dynamodb.clone(),
        s3: ready.s3.clone(),
        secrets_manager: None,
        region: ready.region.clone(),
        access_key_id: ready.access_key_id.clone(),
        secret_access_key: Secret::new(ready.secret_access_key.clone()),
    };
    let s3 = aws::connect(&settings).await.s3;
    let listed = s3.list_objects_v2().bucket(&ready.bucket).prefix("documents/").send().await.unwrap();
    listed.contents().iter().map(|object| object.key().unwrap().to_owned()).collect()
}

/// Another PDF.
fn pdf(text: &str) -> Vec<u8> {
    format!("%PDF-1.7\n{text}\n%%EOF\n").into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_goes_in_is_listed_linked_replaced_and_deleted_and_each_step_is_logged() {
    let local = Local::start().await;
    let new = local.put_pdf(MARCH, PDF);
    assert_eq!(new.status, 201);
    assert_eq!(
        local.log(&new),
        "Success - FileUploaded - Uploaded file 'salary/March 2023.pdf' for 'joe@company.com'\n"
    );
    let list = local.get("/api/Documents/100200300");
    assert_eq!(list.status, 200);
    let documents = &list.json()["documents"];
    assert_eq!(documents.as_array().unwrap().len(), 1);
    let one = &documents[0];
    assert_eq!((&one["field"], &one["fileName"]), (&json!("salary"), &json!("March 2023.pdf")));
    assert_eq!((&one["bytes"], &one["importId"]), (&json!(PDF.len()), &json!(new.text())));
    assert_eq!(one["sha256"].as_str().unwrap().len(), 64);
    assert!(one["storedAt"].as_str().unwrap().ends_with('Z'));
    assert_eq!(local.log_at(&list), "Success - FilesListed - 1 file of '100200300'\n");

    let (bytes, log) = local.follow(MARCH);
    assert!(bytes == PDF);
    assert_eq!(log, "Success - FileLinked - Link to file 'salary/March 2023.pdf' of 'joe@company.com'\n");

    let other = pdf("another");
    let again = local.put_pdf("/api/Documents?person=100200300&field=salary&fileName=March+2023.pdf", &other);
    assert_eq!(again.status, 200);
    assert_eq!(
        local.log(&again),
        "Success - FileUploaded - Replaced file 'salary/March 2023.pdf' for '100200300'\n"
    );
    assert!(local.follow(MARCH).0 == other);
    assert_eq!(objects(&local).await.len(), 1);

    let gone = local.delete(MARCH);
    assert_eq!((gone.status, gone.body.len()), (204, 0));
    assert_eq!(
        local.log_at(&gone),
        "Success - FileDeleted - Deleted file 'salary/March 2023.pdf' of 'joe@company.com'\n"
    );
    assert_eq!(objects(&local).await.len(), 0);
    let absent = local.delete(MARCH);
    assert_eq!(absent.status, 204);
    assert_eq!(
        local.log_at(&absent),
        "Success - FileDeleted - No file 'salary/March 2023.pdf' of 'joe@company.com'\n"
    );
    let missing = local.get(MARCH);
    assert_eq!(missing.status, 404);
    assert_eq!(
        local.log(&missing),
        "Error - FileNotFound - No file 'salary/March 2023.pdf' of 'joe@company.com'\n"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_single_document_and_one_in_an_import_are_the_same() {
    let local = Local::start().await;
    let file = "Content-Disposition: form-data; filename=\"joe@company.com__salary__a__b.pdf\"\r\nContent-Type: application/pdf";
    assert_eq!(local.import("multipart/form-data; boundary=b", multipart(&[(file, PDF)])).status, 200);
    let path = "/api/Documents/100200300/salary/a__b.pdf";
    assert!(local.follow(path).0 == PDF);
    assert_eq!(local.put_pdf(path, &pdf("single")).status, 200);
    let again = local.import("multipart/form-data; boundary=b", multipart(&[(file, PDF)]));
    assert_eq!(
        local.log(&again),
        "Success - FileUploaded - Replaced file 'salary/a__b.pdf' for 'joe@company.com'\n"
    );
    assert_eq!(local.listed("/api/Documents/joe@company.com"), ["salary/a__b.pdf"]);
}

/// Requests with a PDF, the status of each, and its line.
const FAULTS: &str = "\
PUT /api/Documents/joe@company.com/phone/a.pdf = 400 InvalidFile - Invalid file in part 0: 'phone' takes no file
PUT /api/Documents/joe@company.com/salary/a.txt = 400 InvalidFile - Invalid file in part 0: the file name does not end with .pdf
GET /api/Documents/joe@company.com/salary/a.txt = 400 InvalidFile - Invalid file in part 0: the file name does not end with .pdf
GET /api/Documents/joe@company.com/pay/a.pdf = 404 FileNotFound - No file 'pay/a.pdf' of 'joe@company.com'
PUT /api/Documents/nobody@company.com/salary/a.pdf = 404 UnknownPerson - Unknown person: 'nobody@company.com'
GET /api/Documents/nobody@company.com/salary/a.pdf = 404 UnknownPerson - Unknown person: 'nobody@company.com'
DELETE /api/Documents/nobody@company.com/salary/a.pdf = 404 UnknownPerson - Unknown person: 'nobody@company.com'
GET /api/Documents/nobody@company.com = 404 UnknownPerson - Unknown person: 'nobody@company.com'
PUT /api/Documents?field=salary&fileName=a.pdf = 400 InvalidRequest - the person is missing
GET /api/Documents = 400 InvalidRequest - the person is missing
GET /api/Documents?person=7&fileName=a.pdf = 400 InvalidRequest - the field is missing
GET /api/Documents?person=7&field=salary = 400 InvalidRequest - the fileName is missing
DELETE /api/Documents?person=7 = 400 InvalidRequest - the field is missing
GET /api/Documents?person=7&person=8 = 400 InvalidRequest - The parameter 'person' is there twice.
GET /api/Documents?person=%FF = 400 InvalidRequest - The query is not UTF-8.
GET /api/Documents/%FF = 400 InvalidRequest - a character of the person got lost on its way";

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_said_and_logged() {
    let local = Local::start().await;
    for case in FAULTS.lines() {
        let (request, expected) = case.split_once(" = ").unwrap();
        let (status, line) = expected.split_once(' ').unwrap();
        let answer = local.documents(request, &[("Content-Type", "application/pdf")], PDF);
        assert_eq!(answer.status.to_string(), status, "{request}");
        assert_eq!(local.log(&answer), format!("Error - {line}\n"), "{request}");
    }
    for (header, body, line) in [
        (
            ("Content-Type", "application/pdf"),
            b"hello" as &[u8],
            "InvalidFile - Invalid file in part 0: it does not start with %PDF-",
        ),
        (
            ("Content-Type", "application/octet-stream"),
            b"%PDF-",
            "InvalidFile - Invalid file in part 0: it does not end with %%EOF",
        ),
        (("Content-Type", "application/pdf"), b"", "InvalidFile - Invalid file in part 0: it is empty"),
        (("Content-Type", "text/plain"), PDF, "InvalidRequest - the content type is not application/pdf"),
        (("Content-Encoding", "gzip"), PDF, "InvalidRequest - a Content-Encoding is not accepted"),
    ] {
        let answer = local.documents(&format!("PUT {MARCH}"), &[header], body);
        assert_eq!((answer.status, local.log(&answer)), (400, format!("Error - {line}\n")));
    }
    assert_eq!(objects(&local).await.len(), 0);
    for headers in [&[("Content-Type", "Application/Octet-Stream; x=y")] as &[_], &[]] {
        assert!(local.documents(&format!("PUT {MARCH}"), headers, PDF).status < 300);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_report_says_the_status_that_was_answered() {
    let local = Local::start().await;
    let json = [("Accept", "application/json")];
    for (request, body, status, outcome) in [
        (format!("PUT {MARCH}"), PDF, 201, "Uploaded"),
        (format!("PUT {MARCH}"), PDF, 200, "Replaced"),
        (format!("GET {MARCH}"), b"", 302, "Linked"),
        ("GET /api/Documents/joe@company.com/salary/no.pdf".into(), b"", 404, "NotFound"),
        ("DELETE /api/Documents/nobody/salary/no.pdf".into(), b"", 404, "UnknownPerson"),
    ] {
        let answer = local.documents(&request, &json, body);
        let report = answer.json();
        assert_eq!((answer.status, &report["status"]), (status, &json!(status)), "{request}");
        assert_eq!(report["parts"][0]["outcome"], outcome);
        let id = report["requestId"].as_str().unwrap();
        assert_eq!(local.look_up(id, &json).json(), report);
    }
    let gone = local.documents(&format!("DELETE {MARCH}"), &json, b"");
    assert_eq!((gone.status, gone.body.len()), (204, 0));
    let id = gone.headers["location"].rsplit('/').next().unwrap();
    let report = local.look_up(id, &json).json();
    assert_eq!((&report["status"], &report["parts"][0]["outcome"]), (&json!(204), &json!("Deleted")));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_keys_of_the_feature_are_taken_and_only_methods_that_there_are() {
    let local = Local::start().await;
    let api = local.ready().api.clone();
    for request in [format!("PUT {MARCH}"), format!("GET {MARCH}"), format!("DELETE {MARCH}")] {
        for key in [local.key(), local.ready().keys["ImportLogs"].as_str(), "wrong"] {
            let answer = send(&request, &api, &[("x-functions-key", key)], PDF);
            assert_eq!((answer.status, answer.body.len()), (401, 0), "{request}");
        }
    }
    for (request, allowed) in [
        (format!("POST {MARCH}"), "GET, PUT, DELETE"),
        (format!("HEAD {MARCH}"), "GET, PUT, DELETE"),
        ("PATCH /api/Documents?person=7".into(), "GET, PUT, DELETE"),
        ("PUT /api/Documents/joe@company.com".into(), "GET"),
        ("DELETE /api/Documents/joe@company.com".into(), "GET"),
    ] {
        let answer = local.documents(&request, &[], b"");
        assert_eq!((answer.status, answer.headers["allow"].as_str()), (405, allowed), "{request}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_name_is_made_of_it_stays_in_the_persons_folder() {
    let local = Local::start().await;
    let nasty = "../..%2F/a b/🎉";
    let plain = "../..//a b/🎉";
    let people = json!({"people": [
        {"PersonId": nasty, "Email": "n@company.com"}, {"PersonId": plain, "Email": "p@company.com"},
    ]});
    local.state(&people);
    let encoded = "..%2F..%252F%2Fa%20b%2F%F0%9F%8E%89";
    let other = "..%2F..%2F%2Fa%20b%2F%F0%9F%8E%89";
    for (path, body) in [
        (format!("/api/Documents/{encoded}/salary/..%25%2Epdf"), pdf("0")),
        (format!("/api/Documents?person={encoded}&field=salary&fileName=50%25%3F+%23.pdf"), pdf("1")),
        (format!("/api/Documents/{other}/salary/a%252Eb.pdf"), pdf("2")),
        (format!("/api/Documents/{other}/salary/a%2Eb.pdf"), pdf("3")),
        (format!("/api/Documents/{other}/salary/Ma%CC%88rz.pdf"), pdf("4")),
    ] {
        assert_eq!(local.put_pdf(&path, &body).status, 201, "{path}");
        assert!(local.follow(&path).0 == body, "{path}");
    }
    assert_eq!(local.put_pdf(&format!("/api/Documents/{other}/salary/M%C3%A4rz.pdf"), &pdf("5")).status, 200);
    let keys = objects(&local).await;
    let mut folders = BTreeMap::new();
    for key in &keys {
        let [_, person, "salary", _] = key.split('/').collect::<Vec<_>>()[..] else { panic!("{key}") };
        *folders.entry(person.to_owned()).or_insert(0) += 1;
    }
    let mut sizes: Vec<_> = folders.into_values().collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [2, 3], "one folder for each of the two: {keys:?}");
    assert_eq!(local.listed("/api/Documents?person=n@company.com"), ["salary/..%.pdf", "salary/50%? #.pdf"]);
    assert_eq!(
        local.listed(&format!("/api/Documents/{other}")),
        ["salary/März.pdf", "salary/a%2Eb.pdf", "salary/a.b.pdf"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_stored_of_people_who_left_can_still_be_read_and_erased() {
    let local = Local::start().await;
    assert_eq!(local.put_pdf(MARCH, PDF).status, 201);
    local.nobody();
    // An update that concerns every target: whoever says that Joe is gone is believed for itself alone.
    let update = local.json(&json!([{"employeeId": "100200300", "mobile": "1", "department": "IT"}]));
    assert_eq!(local.log(&update), "Error - UnknownPerson - Unknown person: '100200300'\n");
    let path = "/api/Documents/100200300/salary/March%202023.pdf";
    assert_eq!(local.put_pdf(path, PDF).status, 404);
    assert!(local.follow(path).0 == PDF);
    assert_eq!(local.listed("/api/Documents/100200300"), ["salary/March 2023.pdf"]);
    assert_eq!(local.delete(path).status, 204);
    assert_eq!(local.delete(path).status, 404, "nothing is known of the person any more");
    assert_eq!(objects(&local).await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_no_event_can_hold_is_streamed() {
    let local = Local::start().await;
    let sized = |bytes: usize| {
        let mut body = b"%PDF-1.7\n".to_vec();
        body.extend((body.len()..bytes - 6).map(|n| (n * 31 % 251) as u8));
        body.extend_from_slice(b"%%EOF\n");
        body
    };
    for bytes in [5_000_000, 9_000_000] {
        let body = sized(bytes);
        assert!(local.put_pdf(MARCH, &body).status < 300);
        assert!(local.follow(MARCH).0 == body, "{bytes}");
    }
    const MAX: usize = 100 * 1024 * 1024;
    assert_eq!(local.put_pdf(MARCH, &sized(MAX)).status, 200);
    let large = local.put_pdf(MARCH, &sized(MAX + 1));
    assert_eq!((large.status, large.body.len(), large.headers.contains_key("location")), (413, 0, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn while_nobody_can_tell_who_is_meant_nothing_is_given_or_deleted() {
    let local = Local::start().await;
    local.fault(&json!([{"path": "/", "times": null, "status": 503}]));
    for request in [
        "GET /api/Documents/ghost/salary/a.pdf",
        "DELETE /api/Documents/ghost/salary/a.pdf",
        "GET /api/Documents/ghost",
    ] {
        let answer = local.documents(request, &[], b"");
        assert_eq!(answer.status, 503, "{request}");
        assert!(answer.headers.contains_key("retry-after"));
        assert!(local.log(&answer).ends_with(", send it again\n"), "{request}");
    }
}
