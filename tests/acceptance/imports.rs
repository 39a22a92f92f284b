//! What goes in, what is answered, and what the target and the bucket hold afterwards.

use people_adapters::aws::{self, AwsSettings};
use people_adapters::secret::Secret;
use serde_json::json;

use crate::http::{multipart, send};
use crate::stack::{Local, PDF};

const WORKED_EXAMPLE: &str = r#"[{"userPrincipalName":"joe@company.com","unknownField":"Hello"},
     {"userPrincipalName":"unknown@company.com","joinDate":"2023-11-01"},
     {"name":"Sarah McAllister","joinDate":"2023-11-01"}]"#;

#[tokio::test(flavor = "multi_thread")]
async fn the_worked_example_is_answered_and_logged_to_the_byte() {
    let local = Local::start().await;
    let answer = local.import("application/json", WORKED_EXAMPLE);
    assert_eq!((answer.status, answer.body.len()), (400, 36));
    assert_eq!(
        local.log(&answer),
        "Error - InvalidPerson - Invalid person in part 0: UnknownFields: 'unknownField'\n\
         Error - InvalidPerson - Invalid person in part 2: NoPersonIdentifier: Neither 'userPrincipalName' nor 'employeeId' is provided. | UnknownFields: 'name'\n\
         Error - UnknownPerson - Unknown person: 'unknown@company.com'\n"
    );
    assert_eq!(local.updates(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_report_has_the_same_findings_in_part_order() {
    let local = Local::start().await;
    let headers = [("Content-Type", "application/json"), ("Accept", "application/json")];
    let answer = local.put(&headers, WORKED_EXAMPLE.replace("unknownField", "joindate").as_bytes());
    let report = answer.json();
    assert_eq!((answer.status, &report["status"], &report["dryRun"]), (400, &json!(400), &json!(false)));
    assert_eq!(report["counts"], json!({"parts": 3, "succeeded": 0, "failed": 3, "pending": 0}));
    let outcomes: Vec<_> = report["parts"].as_array().unwrap().iter().map(|part| &part["outcome"]).collect();
    assert_eq!(outcomes, ["Invalid", "UnknownPerson", "Invalid"]);
    assert_eq!(
        report["parts"][0]["findings"],
        json!([{"code": "UnknownFields", "pointer": "/0/joindate", "field": "joindate", "nearest": "joinDate",
                "message": "The profile definition has no such field. Was 'joinDate' meant?",
                "documentation": "/docs#UnknownFields"}])
    );
    assert_eq!(report["parts"][2]["findings"][0]["pointer"], "/2");
    let id = report["requestId"].as_str().unwrap();
    assert_eq!(local.look_up(id, &[("Accept", "application/json")]).json(), report);
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_updated_by_either_identifier() {
    let local = Local::start().await;
    let answer = local.json(&json!([
        {"userPrincipalName": "Joe@Company.com", "joinDate": "2023-11-01", "firstName": "Joseph"},
        {"employeeId": "100200301", "phone": "+49 1", "website": null},
        {"employeeId": "200199", "userPrincipalName": "person199@company.com", "department": "IT"},
    ]));
    assert_eq!(answer.status, 200);
    assert_eq!(
        local.log(&answer),
        "Success - PersonUpdated - 'Joe@Company.com' updated\nSuccess - PersonUpdated - '100200301' updated\n\
         Success - PersonUpdated - 'person199@company.com' updated\n"
    );
    assert_eq!(local.column("100200300", "a2s1"), "2023-11-01");
    assert_eq!(local.person("100200300")["Name"], "Joseph");
    assert_eq!(local.person("100200301")["PhoneNumber"], "+49 1");
    let again = local.json(&json!([{"employeeId": "100200301", "phone": "+49 1"}]));
    assert_eq!(local.log(&again), "Success - PersonUnchanged - '100200301' unchanged\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_with_people_and_files_ends_each_part_on_its_own() {
    let local = Local::start().await;
    let body = multipart(&[
        ("Content-Type: application/json", br#"{"userPrincipalName":"joe@company.com","phone":"1"}"#),
        (
            "Content-Disposition: form-data; name=\"x\"; filename=\"joe@company.com__salary__März.pdf\"\r\nContent-Type: application/pdf",
            PDF,
        ),
        (
            "Content-Disposition: form-data; name=x; filename*=UTF-8''100200300__salary__M%C3%A4rz.pdf\r\nContent-Type: application/pdf",
            PDF,
        ),
        ("Content-Type: application/json", b"{"),
        (
            "Content-Disposition: form-data; filename=\"sarah@company.com__contract__c.pdf\"\r\nContent-Type: application/pdf",
            b"%PDF-",
        ),
        ("Content-Type: text/plain", b"hello"),
        ("Content-Type: application/json", br#"{"employeeId":"100200301","skills":["a"],"phone":"2"}"#),
    ]);
    let answer = local.import("multipart/form-data; boundary=b", body);
    assert_eq!(answer.status, 422);
    assert_eq!(
        local.log(&answer),
        "Error - InvalidPart - Part 3: not valid JSON\n\
         Error - InvalidFile - Invalid file in part 4: it does not end with %%EOF\n\
         Error - InvalidPart - Part 5: content type 'text/plain' is not accepted\n\
         Success - PersonUpdated - 'joe@company.com' updated\n\
         Success - FileUploaded - Uploaded file 'salary/März.pdf' for 'joe@company.com'\n\
         Success - FileUploaded - Replaced file 'salary/März.pdf' for '100200300'\n\
         Success - PersonUpdated - '100200301' updated\n"
    );
    assert_eq!(objects(&local).await, [PDF]);
}

/// The bytes of every object below `documents/`.
async fn objects(local: &Local) -> Vec<Vec<u8>> {
    let ready = local.ready();
    let s3 = aws::connect(&AwsSettings::At {
        dynamodb: ready.dynamodb.clone(),
        s3: ready.s3.clone(),
        secrets_manager: None,
        region: ready.region.clone(),
        access_key_id: ready.access_key_id.clone(),
        secret_access_key: Secret::new(ready.secret_access_key.clone()),
    })
    .await
    .s3;
    let listed = s3.list_objects_v2().bucket(&ready.bucket).prefix("documents/").send().await.unwrap();
    let mut objects = Vec::new();
    for object in listed.contents() {
        let key = object.key().unwrap();
        assert!(key.starts_with("documents/100200300/salary/"), "{key}");
        let got = s3.get_object().bucket(&ready.bucket).key(key).send().await.unwrap();
        objects.push(got.body.collect().await.unwrap().to_vec());
    }
    objects
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_documents_and_the_directory_survive_a_restart() {
    let local = Local::start().await;
    let file = "Content-Disposition: form-data; filename=\"joe@company.com__contract__c.pdf\"\r\nContent-Type: application/pdf";
    let body = multipart(&[(file, PDF)]);
    let first = local.import("multipart/form-data; boundary=b", &body);
    let log = local.log(&first);
    let (api, key) = (local.ready().api.clone(), local.key().to_owned());
    let local = local.restart().await;
    assert_eq!((local.ready().api.as_str(), local.key()), (api.as_str(), key.as_str()));
    assert_eq!(local.log(&first), log);
    let second = local.import("multipart/form-data; boundary=b", &body);
    assert_eq!(
        local.log(&second),
        "Success - FileUploaded - Replaced file 'contract/c.pdf' for 'joe@company.com'\n"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_is_new_at_the_target_is_found_by_a_look_up() {
    let local = Local::start().await;
    local.state(&json!({"people": [{"PersonId": "777", "Email": "New@Company.com", "Name": "Nia"}]}));
    let answer = local.json(&json!([{"userPrincipalName": "new@company.com", "firstName": "Nina"}]));
    assert_eq!(local.log(&answer), "Success - PersonUpdated - 'new@company.com' updated\n");
    assert_eq!(local.person("777")["Name"], "Nina");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_is_gone_at_the_target_is_unknown() {
    let local = Local::start().await;
    local.state(&json!({"people": []}));
    let answer = local.json(&json!([{"employeeId": "100200300", "firstName": "X"}, {"userPrincipalName": "sarah@company.com", "phone": "1"}]));
    assert_eq!(answer.status, 400);
    assert_eq!(
        local.log(&answer),
        "Error - UnknownPerson - Unknown person: '100200300'\nError - UnknownPerson - Unknown person: 'sarah@company.com'\n"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_directory_is_filled_by_its_function() {
    let local = Local::start().await;
    let run = send("POST /_local/run/directory-sync", &local.ready().api, &[], b"");
    assert_eq!(
        (run.status, run.json()),
        (
            200,
            json!({"listed": [
                {"target": "aktion", "people": 205},
                {"target": "esystems", "people": 205},
                {"target": "onlyoffice", "people": 206},
                {"target": "scim", "people": 205},
            ], "failed": []})
        )
    );
    assert_eq!(send("POST /_local/run/nothing", &local.ready().api, &[], b"").status, 404);
}
