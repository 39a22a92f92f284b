//! Every fault of a request and of a part: a clear line, no 5xx, and nothing lost that was not at fault.

use std::io::Write;
use std::net::{Shutdown, TcpStream};

use serde_json::json;

use crate::http::{Reply, multipart, raw, read, send};
use crate::stack::{Local, PDF};

const JSON: &str = "application/json";
const FORM: &str = "multipart/form-data; boundary=b";

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_of_the_request_changes_nothing_and_is_one_line() {
    let local = Local::start().await;
    let part = multipart(&[("Content-Type: application/json", br#"{"employeeId":"100200300","phone":"1"}"#)]);
    let cut = &part[..part.len() - 8];
    let with_lf = String::from_utf8(part.clone()).unwrap().replace("\r\n", "\n");
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        (
            "text/plain",
            b"[]".to_vec(),
            "the content type is neither application/json nor multipart/form-data",
        ),
        ("", b"[]".to_vec(), "the Content-Type header is missing"),
        (JSON, b"".to_vec(), "the body is not valid JSON at line 1, column 0"),
        (JSON, b"{}".to_vec(), "the body is not a JSON array"),
        (JSON, b"[]".to_vec(), "the array is empty"),
        (
            JSON,
            b"[{}, ]".to_vec(),
            "the body is not valid JSON at line 1, column 6: a comma must be followed by a value",
        ),
        (JSON, b"[\"\xff\"]".to_vec(), "the body is not UTF-8 at byte 2"),
        (JSON, ("[".repeat(65) + &"]".repeat(65)).into_bytes(), "the JSON is nested deeper than 64"),
        ("multipart/form-data", part.clone(), "the content type has no boundary"),
        (
            "multipart/form-data; boundary=x",
            part.clone(),
            "the boundary of the content type is not in the multipart body",
        ),
        (FORM, cut.to_vec(), "the multipart body is cut: the closing delimiter is missing"),
        (FORM, with_lf.into_bytes(), "the lines of the multipart body end with LF alone, CRLF is required"),
        (FORM, b"--b--".to_vec(), "the body has no parts"),
    ];
    for (content_type, body, reason) in cases {
        let answer = local.import(content_type, body);
        assert_eq!(answer.status, 400, "{reason}");
        assert_eq!(local.log(&answer), format!("Error - InvalidRequest - {reason}\n"));
    }
    let encoded = local.put(&[("Content-Type", JSON), ("Content-Encoding", "gzip")], b"[{}]");
    assert_eq!(local.log(&encoded), "Error - InvalidRequest - a Content-Encoding is not accepted\n");
    assert_eq!(local.updates(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_problem_document_is_sent_to_those_who_prefer_json() {
    let local = Local::start().await;
    let answer = local.put(&[("Content-Type", JSON), ("Accept", "application/problem+json")], b"{}");
    assert_eq!((answer.status, answer.headers["content-type"].as_str()), (400, "application/problem+json"));
    let problem = answer.json();
    assert_eq!(problem["status"], 400);
    assert_eq!(problem["detail"], "the body is not a JSON array");
    let log = local.look_up(problem["requestId"].as_str().unwrap(), &[("Accept", JSON)]).json();
    let (message, documentation) = ("the body is not a JSON array", "/docs#InvalidRequest");
    let fault = json!({"code": "InvalidRequest", "message": message, "documentation": documentation});
    assert_eq!(log["fault"], fault);
    let default =
        local.put(&[("Content-Type", JSON), ("Accept", "application/json, text/plain, */*")], b"{}");
    assert_eq!(default.body.len(), 36);
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_parts_are_taken_and_fifty_one_are_logged_as_too_many() {
    let local = Local::start().await;
    let people = |count: usize| vec![json!({"employeeId": "100200300"}); count];
    assert_eq!(local.json(&json!(people(50))).status, 200);
    let many = local.json(&json!(people(51)));
    assert_eq!(
        (many.status, local.log(&many)),
        (413, "Error - TooManyParts - 51 parts, at most 50 are allowed\n".into())
    );
    let form = |count: usize| multipart(&vec![("X-A: b", br#"{"employeeId":"100200300"}"# as &[u8]); count]);
    assert_eq!(local.import(FORM, form(50)).status, 200);
    let many = local.import(FORM, form(51));
    assert_eq!(
        (many.status, local.log(&many)),
        (413, "Error - TooManyParts - 51 parts, at most 50 are allowed\n".into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_of_a_part_fails_that_part_alone() {
    let local = Local::start().await;
    let good = json!({"employeeId": "100200300", "phone": "1"});
    let big = "x".repeat(1024 * 1024);
    let many: serde_json::Map<_, _> = (0..300).map(|n| (format!("f{n}"), json!(n))).collect();
    let answer =
        local.json(&json!([good, 7, {"employeeId": "100200301", "lastName": big}, many, {"employeeId": 7}]));
    assert_eq!(answer.status, 422);
    let log = local.log(&answer);
    let lines: Vec<_> = log.lines().collect();
    assert_eq!(lines.len(), 5, "{log}");
    assert_eq!(lines[0], "Error - InvalidPart - Part 1: not a JSON object");
    assert_eq!(
        lines[1],
        "Error - InvalidPerson - Invalid person in part 2: TooLarge: A person update object has at most 262144 bytes."
    );
    assert!(lines[2].ends_with(" and 280 more"), "{log}");
    assert_eq!(lines[3], "Error - InvalidPerson - Invalid person in part 4: InvalidIdentifier: 'employeeId'");
    assert_eq!(lines[4], "Success - PersonUpdated - '100200300' updated");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_largest_log_fits_and_can_be_read() {
    let local = Local::start().await;
    let name = |n: usize| "\u{1f600}".repeat(125) + &format!("{n:03}");
    let members: Vec<_> = (0..40).map(|n| format!("\"{}\":1,\"{}\":1", name(n), name(n))).collect();
    let object = format!("{{{}}}", members.join(","));
    let answer = local.import(JSON, format!("[{}]", vec![object; 50].join(",")));
    assert_eq!(answer.status, 400);
    let log = local.log(&answer);
    assert_eq!(log.lines().count(), 50);
    assert!(log.lines().all(|line| line.contains(" more | DuplicateFields: ") && line.ends_with(" more")));
}

#[tokio::test(flavor = "multi_thread")]
async fn names_full_of_marks_forge_nothing() {
    let local = Local::start().await;
    let name = "a'\n\r\"\u{202e}\u{2066}Success - PersonUpdated - 'joe' updated";
    let answer =
        local.json(&json!([{"employeeId": name, name: 1}, {"employeeId": "100200300", "phone": "1"}]));
    assert_eq!(answer.status, 422);
    let log = local.log(&answer);
    assert_eq!(log.lines().count(), 2, "{log}");
    assert!(log.chars().all(|character| character == '\n'
        || !(character.is_control() || ('\u{2028}'..='\u{2069}').contains(&character))));
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_asked_for_and_have_one_feature_each() {
    let local = Local::start().await;
    let (api, logs_key) = (local.ready().api.clone(), local.ready().keys["ImportLogs"].clone());
    let import = |headers: &[(&str, &str)], query: &str| {
        send(
            &format!("PUT /api/PeopleImport{query}"),
            &api,
            &[headers, &[("Content-Type", JSON)]].concat(),
            b"[{}]",
        )
    };
    let long = "k".repeat(16 * 1024);
    for answer in [
        import(&[], ""),
        import(&[("x-functions-key", "wrong")], ""),
        import(&[("x-functions-key", &logs_key)], ""),
        import(&[("x-functions-key", &long)], ""),
        import(&[("x-functions-key", "wrong")], &format!("?code={}", local.key())),
        import(&[], "?code=wrong"),
    ] {
        assert_eq!((answer.status, answer.body.len()), (401, 0));
        assert!(!answer.headers.contains_key("location"));
    }
    assert_eq!(import(&[], &format!("?a=1&code={}", local.key())).status, 400);
    let look_up = send(
        "GET /api/ImportLogs/97aa006e-1fb7-47c6-ad10-1c8331b7d2c7",
        &api,
        &[("x-functions-key", local.key())],
        b"",
    );
    assert_eq!((look_up.status, look_up.body.len()), (401, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_and_methods_that_do_not_exist_are_said_to() {
    let local = Local::start().await;
    let api = local.ready().api.clone();
    for id in [
        "x",
        "97aa006e-1fb7-47c6-ad10-1c8331b7d2c7",
        "%00%20%2F..",
        "..%2f..%2fetc",
        "%F0%9F",
        "'or'1'='1",
        "97AA006E1FB747C6AD101C8331B7D2C7",
    ] {
        assert_eq!(local.look_up(id, &[]).status, 404, "{id}");
    }
    for path in ["/", "/api", "/api/PeopleImports", "/api/ImportLogs/a/b", "/healthz2"] {
        assert_eq!(send(&format!("GET {path}"), &api, &[], b"").status, 404, "{path}");
    }
    for (method, path, allowed) in [
        ("GET", "/api/PeopleImport", "PUT"),
        ("POST", "/api/PeopleImport", "PUT"),
        ("DELETE", "/api/ImportLogs/x", "GET"),
    ] {
        let answer = send(&format!("{method} {path}"), &api, &[], b"");
        assert_eq!((answer.status, answer.headers["allow"].as_str()), (405, allowed), "{method} {path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_of_16_kb_is_borne() {
    let local = Local::start().await;
    let long = "x".repeat(16 * 1024);
    let headers = [("Content-Type", JSON), ("X-Long", long.as_str()), ("Accept", long.as_str())];
    assert_eq!(local.put(&headers, br#"[{"employeeId":"100200300"}]"#).status, 200);
    assert_eq!(local.import(&format!("multipart/form-data; boundary={long}"), b"").status, 400);
    let named =
        format!("Content-Disposition: form-data; filename=\"{long}\"\r\nContent-Type: application/pdf");
    let answer = local.import(FORM, multipart(&[(&named, PDF), ("A: b", br#"{"employeeId":"100200300"}"#)]));
    assert_eq!(answer.status, 422, "{}", local.log(&answer));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_and_query_of_10_240_bytes_are_looked_at_and_longer_ones_are_not() {
    let local = Local::start().await;
    let path = |bytes: usize| {
        let start = "/api/Documents/%FF?code=";
        format!("GET {start}{}", "k".repeat(bytes - start.len()))
    };
    for (bytes, status) in [(10_240, 401), (10_241, 414)] {
        assert_eq!(send(&path(bytes), &local.ready().api, &[], b"").status, status, "{bytes}");
    }
    let escapes = format!("GET /api/Documents/{}", "%FF".repeat(3_000));
    assert_eq!(send(&escapes, &local.ready().api, &[], b"").status, 401);
}

/// A body of this many bytes that is one person update and padding.
fn padded(bytes: usize) -> Vec<u8> {
    let mut body = br#"[{"employeeId":"100200300"}"#.to_vec();
    body.resize(bytes - 1, b' ');
    body.push(b']');
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_100_mib_is_taken_and_one_byte_more_is_not() {
    let local = Local::start().await;
    const MAX: usize = 100 * 1024 * 1024;
    let answer = local.import(JSON, padded(MAX));
    assert_eq!(
        (answer.status, local.log(&answer)),
        (200, "Success - PersonUnchanged - '100200300' unchanged\n".into())
    );
    let answer = local.import(JSON, padded(MAX + 1));
    assert_eq!((answer.status, answer.body.len(), answer.headers.contains_key("location")), (413, 0, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn lambda_limits_refuse_what_no_event_can_hold() {
    let local = Local::start_with(true).await;
    assert_eq!(local.import(JSON, padded(6 * 1024 * 1024 - 64 * 1024)).status, 200);
    let answer = local.import(JSON, padded(6 * 1024 * 1024));
    assert_eq!((answer.status, answer.body.len()), (413, 0));
    let pdf = [b"%PDF-1.7\n".to_vec(), vec![0xff; 5 * 1024 * 1024], b"%%EOF".to_vec()].concat();
    let part = (
        "Content-Disposition: form-data; filename=\"100200300__contract__a.pdf\"\r\nContent-Type: application/pdf",
        pdf.as_slice(),
    );
    assert_eq!(local.import(FORM, multipart(&[part])).status, 413);
}

#[tokio::test(flavor = "multi_thread")]
async fn chunked_bodies_and_expectations_work_and_a_cut_one_is_a_fault() {
    let local = Local::start().await;
    let chunked = [("Content-Type", JSON), ("Transfer-Encoding", "chunked")];
    let body = b"e\r\n[{\"employeeId\"\r\ne\r\n:\"100200300\"}]\r\n0\r\n\r\n";
    assert_eq!(local.put(&chunked, body).status, 200);
    let head = |length: usize| {
        format!(
            "PUT /api/PeopleImport HTTP/1.1\r\nHost: x\r\nConnection: close\r\nx-functions-key: {}\r\nContent-Type: {JSON}\r\nContent-Length: {length}\r\n",
            local.key()
        )
    };
    let mut socket = TcpStream::connect(local.ready().api.strip_prefix("http://").unwrap()).unwrap();
    socket.write_all(format!("{}\r\n[{{\"employeeId\":", head(100)).as_bytes()).unwrap();
    socket.shutdown(Shutdown::Write).unwrap();
    let answer: Reply = read(&mut socket);
    assert_eq!(
        (answer.status, local.log(&answer)),
        (400, "Error - InvalidRequest - the body was cut\n".into())
    );
    let expect =
        |head: String| raw(&local.ready().api, format!("{head}Expect: 100-continue\r\n\r\n").as_bytes());
    let too_large = expect(head(104_857_601));
    assert_eq!((too_large.status, too_large.body.len()), (413, 0), "what is announced need not be sent");
    let unknown = expect(head(104_857_601).replace(local.key(), "wrong"));
    assert_eq!((unknown.status, unknown.body.len()), (401, 0));
    let expecting =
        raw(&local.ready().api, format!("{}Expect: 100-continue\r\n\r\n[{{}}]", head(4)).as_bytes());
    assert_eq!(expecting.status, 100);
    assert!(String::from_utf8(expecting.body).unwrap().starts_with("HTTP/1.1 400 "));
}
