//! What failed of an import, as a body of its own: mended or not, it can be sent again as it is.

use serde_json::json;

use crate::http::{Reply, multipart, send};
use crate::stack::{Local, PDF};

const JSON: &str = "application/json";

impl Local {
    /// Sends a body whose caller does not wait, and waits until it is imported; gives back its id.
    async fn staged(&self, content_type: &str, body: &[u8]) -> String {
        let answer = self.put(&[("Content-Type", content_type), ("Prefer", "respond-async")], body);
        assert_eq!(answer.status, 202, "{}", answer.text());
        self.report(answer.text()).await;
        answer.text().to_owned()
    }

    fn failed(&self, request: &str, accept: &str) -> Reply {
        let headers = [("x-functions-key", self.ready().keys["ImportLogs"].as_str()), ("Accept", accept)];
        send(request, &self.ready().api, &headers, b"")
    }

    /// What failed of an import: its content type and its bytes.
    fn linked(&self, id: &str) -> Reply {
        let answer = self.failed(&format!("GET /api/ImportLogs/{id}/failed"), "*/*");
        assert_eq!((answer.status, answer.body.len()), (303, 0), "{}", answer.text());
        assert_eq!(answer.headers["cache-control"], "no-store");
        let link = &answer.headers["location"];
        let path = link.splitn(4, '/').last().unwrap();
        let body = send(&format!("GET /{path}"), link, &[], b"");
        assert_eq!(body.status, 200, "{}", body.text());
        assert_eq!(
            body.headers.get("content-encoding"),
            None,
            "it is sent as it is, and so it can be sent again"
        );
        body
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_is_sent_again_as_it_was() {
    let local = Local::start().await;
    let bad = r#"{ "userPrincipalName":"unknown@company.com", "phone":"ü" }"#;
    let body = format!(r#"[{{"employeeId":"100200300","phone":"1"}}, {bad} ,{{"employeeId":7}}]"#);
    let failed = local.linked(&local.staged(JSON, body.as_bytes()).await);
    assert_eq!(
        (failed.headers["content-type"].as_str(), failed.text()),
        (JSON, &*format!(r#"[{bad},{{"employeeId":7}}]"#))
    );
    let again = local.import(JSON, &failed.body);
    assert_eq!(again.status, 400);
    assert!(local.log(&again).contains("Error - UnknownPerson - Unknown person: 'unknown@company.com'\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_of_a_form_keep_their_headers_and_their_bytes() {
    let local = Local::start().await;
    let file = |name: &str| {
        format!(
            "Content-Disposition: form-data; filename=\"{name}\"\r\nX-Other: 1\r\nContent-Type: application/pdf"
        )
    };
    let (good, bad) =
        (file("joe@company.com__contract__c.pdf"), file("unknown@company.com__contract__ü.pdf"));
    let update = br#"{"employeeId":"100200300","phone":"1"}"#;
    let body = multipart(&[(&good, PDF), ("Content-Type: application/json", update), (&bad, PDF)]);
    let content_type = "multipart/form-data; boundary=b";
    let failed = local.linked(&local.staged(content_type, &body).await);
    assert_eq!(failed.headers["content-type"], content_type);
    assert_eq!(failed.body, multipart(&[(&bad, PDF)]));
    assert_eq!(local.import(content_type, &failed.body).status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_there_is_no_such_body_the_answer_says_why() {
    let local = Local::start().await;
    let one = |upn: &str| json!([{"userPrincipalName": upn, "phone": "1"}]).to_string();
    let good = local.staged(JSON, one("joe@company.com").as_bytes()).await;
    let faulty = local.staged(JSON, b"no JSON").await;
    let direct = local.import(JSON, one("unknown@company.com"));
    let unknown = "01890a5d-ac96-774b-bcce-b302099a8057";
    for (id, status, kind) in [
        (good.as_str(), 204, None),
        (&faulty, 404, Some("NoParts")),
        (direct.text(), 410, Some("BodyNotKept")),
        (unknown, 404, Some("NotFound")),
        ("no-guid", 404, Some("NotFound")),
    ] {
        let answer = local.failed(&format!("GET /api/ImportLogs/{id}/failed"), JSON);
        assert_eq!(answer.status, status, "{id}");
        let said = kind.map(|kind| json!(format!("urn:people-import:problem:{kind}")));
        assert_eq!(said.is_some().then(|| answer.json()["type"].clone()), said);
    }
    let request = format!("/api/ImportLogs/{good}/failed");
    assert_eq!(local.failed(&format!("POST {request}"), JSON).status, 405);
    let other = [("x-functions-key", local.key())];
    assert_eq!(send(&format!("GET {request}"), &local.ready().api, &other, b"").status, 401);
}
