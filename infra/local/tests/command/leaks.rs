//! Nothing that an import brings, and nothing that opens a target, is in what is left of it: not in what the process prints,
//! not in the logs, tables and objects, whatever the targets answered.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::administrator::{serve_with, write};
use super::everything::Everything;
use super::{send, text};

/// A field of every type, each with a value that is nowhere else.
fn values() -> Value {
    json!({
        "firstName": "Planted-First", "lastName": "Planted-Last", "costCenter": "Planted-Cost",
        "department": "Planted-Department", "birthDate": "1931-03-07", "joinDate": "1932-04-08",
        "phone": "+420 700 111 901", "mobile": "+420 700 111 902", "website": "https://planted.example/joe",
        "skills": ["Planted-Skill"], "jobTitle": {"en": "Planted-Title", "cs": "Planted-Titul"},
        "pin": "0917", "card": "C0FFEE4711DECAF0",
    })
}

/// The same as texts, and what opens the targets. The values are here a second time so that none is forgotten.
fn planted() -> Vec<String> {
    let mut planted = Vec::new();
    for value in values().as_object().unwrap().values() {
        match value {
            Value::Object(texts) => planted.extend(texts.values().cloned()),
            Value::Array(texts) => planted.extend(texts.iter().cloned()),
            other => planted.push(other.clone()),
        }
    }
    let mut planted: Vec<_> = planted.iter().map(|value| value.as_str().unwrap().to_owned()).collect();
    planted.extend([
        "Planted-Unknown".to_owned(),
        "Planted-Broken".to_owned(),
        "Planted-Payslip".to_owned(),
        simulators::aktion::API_KEY.to_owned(),
        simulators::esystems::CLIENT_SECRET.to_owned(),
        simulators::onlyoffice::PASSWORD.to_owned(),
        simulators::scim::TOKEN.to_owned(),
    ]);
    planted
}

/// The sample configuration with a field for the PIN and one for the card, and one department more.
fn configure(folder: &Path) {
    let mut definition: Value =
        serde_json::from_str(include_str!("../../../profile-definition.json")).unwrap();
    let field = |name: &str| json!({"name": name, "fieldType": "String", "source": "Api"});
    definition.as_array_mut().unwrap().extend([field("pin"), field("card")]);
    let mut targets: Value = serde_json::from_str(include_str!("../../../targets.json")).unwrap();
    for target in targets["targets"].as_array_mut().unwrap() {
        let fields = &mut target["fields"];
        if let Some(Value::Object(departments)) = fields.pointer_mut("/department/values") {
            let it = departments["IT"].clone();
            departments.insert("Planted-Department".to_owned(), it);
        } else if fields["firstName"] == "Name" {
            (fields["pin"], fields["card"]) = (json!("PIN"), json!("IdentifierCard1"));
        }
    }
    write(folder, "profile-definition.json", definition.to_string());
    write(folder, "targets.json", targets.to_string());
}

/// What targets do to the imports of one round: their fault rules.
type Round = Vec<(&'static str, Value)>;

/// Everything that was sent, and what it was sent with, in one text.
fn echo() -> String {
    format!("<html>{}</html>", planted().join(" "))
}

/// A rule for every call to a target that changes somebody.
fn on_writes(name: &str, members: &Value) -> Value {
    let write = match name {
        "aktion" => json!({"method": "POST", "path": "/person/update"}),
        "onlyoffice" => json!({"method": "PUT"}),
        _ => json!({"method": "PATCH"}),
    };
    let mut rule = write.as_object().unwrap().clone();
    rule.extend(members.as_object().unwrap().clone());
    Value::Object(rule)
}

/// An answer in a target's own words that repeats everything.
fn in_own_words(name: &str, number: u16) -> Value {
    match name {
        "aktion" => json!({
            "Result": {"Message": echo(), "Code": number, "ModelStateErr": [echo()]}, "Request": values(),
        }),
        "esystems" => json!({
            "Errors": [echo()], "Type": echo(), "Title": echo(), "StatusCode": 400, "Instance": echo(),
            "RequestKey": echo(),
        }),
        "onlyoffice" => json!({"status": 1, "error": {"message": echo(), "type": echo(), "stack": echo()}}),
        _ => json!({"schemas": [echo()], "status": "400", "scimType": "Planted-Title", "detail": echo()}),
    }
}

const ALL: [&str; 4] = ["aktion", "esystems", "onlyoffice", "scim"];

fn rounds() -> Vec<Round> {
    let everywhere = |rule: &dyn Fn(&str) -> Value| -> Round {
        ALL.map(|name| (name, json!([on_writes(name, &rule(name))]))).to_vec()
    };
    vec![
        vec![],
        everywhere(&|name| json!({"status": 400, "body": in_own_words(name, 1002)})),
        everywhere(&|name| json!({"status": 403, "body": in_own_words(name, 1102)})),
        everywhere(&|name| json!({"status": 409, "body": in_own_words(name, 9999)})),
        everywhere(&|_| json!({"status": 500, "body": echo()})),
        everywhere(&|_| json!({"status": 200, "body": echo()})),
        everywhere(&|_| json!({"close": "after", "times": 1})),
        everywhere(&|name| {
            let status = if name == "aktion" { 401 } else { 503 };
            let headers = json!({"Retry-After": "1"});
            json!({"status": status, "times": 1, "headers": headers, "body": in_own_words(name, 1008)})
        }),
        vec![
            (
                "aktion",
                json!([
                    on_writes("aktion", &json!({"status": 401, "body": in_own_words("aktion", 1000)})),
                    {"path": "/login", "status": 401, "body": in_own_words("aktion", 1004)},
                ]),
            ),
            (
                "esystems",
                json!([
                    on_writes("esystems", &json!({"status": 401, "body": echo()})),
                    {"method": "POST", "status": 400, "body": {"error": echo(), "error_description": echo()}},
                ]),
            ),
            (
                "onlyoffice",
                json!([
                    on_writes("onlyoffice", &json!({"status": 401, "body": echo()})),
                    {"method": "POST", "status": 500, "body": in_own_words("onlyoffice", 0)},
                ]),
            ),
            (
                "scim",
                json!([on_writes(
                    "scim",
                    &json!({"status": 429, "headers": {"Retry-After": "3600"}, "body": echo()})
                ),]),
            ),
        ],
    ]
}

/// Sends a request whose body is a part of each kind, one of them a PDF.
fn multipart(api: &str, key: &str) -> String {
    let person =
        json!({"employeeId": "100200300", "firstName": "Planted-First", "planted": "Planted-Unknown"});
    let body = format!(
        "--b\r\nContent-Type: application/json\r\n\r\n{person}\r\n\
         --b\r\nContent-Type: application/json\r\n\r\n{{\"employeeId\":\"100200300\",\"phone\":\"Planted-Broken\r\n\
         --b\r\nContent-Disposition: form-data; filename=\"joe@company.com__salary__a.pdf\"\r\nContent-Type: application/pdf\r\n\r\n%PDF-1.7 Planted-Payslip\n%%EOF\n\r\n\
         --b\r\nContent-Disposition: form-data; filename=\"joe@company.com__salary__b.pdf\"\r\nContent-Type: application/pdf\r\n\r\nPlanted-Payslip\r\n\
         --b\r\nContent-Type: text/plain\r\n\r\nPlanted-Broken\r\n--b--\r\n"
    );
    let length = body.len();
    let head = format!(
        "PUT /api/PeopleImport HTTP/1.1\r\nHost: x\r\nConnection: close\r\nx-functions-key: {key}\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: {length}\r\n\r\n"
    );
    let mut socket = TcpStream::connect(api.strip_prefix("http://").unwrap()).unwrap();
    socket.write_all((head + &body).as_bytes()).unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    answer.rsplit("\r\n").next().unwrap().to_owned()
}

/// The imports of a round; gives back their GUIDs. Each has two people with everything, and one with much that is wrong.
fn import(api: &str, key: &str, round: usize) -> Vec<String> {
    let person = |number: usize| {
        let mut person = values();
        person["employeeId"] = json!((200_000 + number).to_string());
        person["staffMembers"] = json!(["sarah@company.com"]);
        person
    };
    // Two people have one card and one PIN, so Aktion refuses it of the second and repeats all that it was sent.
    let wrong = json!({
        "userPrincipalName": "ceo@company.com", "planted": "Planted-Unknown", "joinDate": "Planted-Broken",
        "phone": ["Planted-Broken"], "nickname": "Planted-Unknown", "staffMembers": ["Planted-Unknown"],
    });
    let bodies = [
        json!([person(2 * round), person(2 * round + 1), wrong]).to_string(),
        "[{\"firstName\":\"Planted-Broken\",}]".to_owned(),
        "{\"firstName\":\"Planted-Broken\"}".to_owned(),
    ];
    let many = if round == 0 { &bodies[..] } else { &bodies[..1] };
    many.iter().map(|body| send("PUT /api/PeopleImport", api, key, body).unwrap().1).collect()
}

/// What the targets were sent to be let in: tokens, and what tokens were had with.
fn tokens(calls: &Value) -> Vec<String> {
    let mut tokens = Vec::new();
    for call in calls.as_array().unwrap() {
        let header = call["headers"]["authorization"].as_str().unwrap_or_default();
        tokens.push(header.trim_start_matches("Bearer ").to_owned());
        let query = call["query"].as_str().unwrap_or_default();
        tokens.extend(query.split('&').filter_map(|pair| pair.strip_prefix("Token=")).map(str::to_owned));
    }
    tokens.retain(|token| !token.is_empty());
    tokens.sort();
    tokens.dedup();
    tokens
}

#[tokio::test(flavor = "multi_thread")]
async fn no_value_and_no_secret_is_left_anywhere_whatever_the_targets_answer() {
    let folder = TempDir::new().unwrap();
    configure(folder.path());
    let (running, ready) = serve_with(folder.path(), &["--config", "."]);
    let api = text(&ready, "/api");
    let key = text(&ready, "/keys/PeopleImport");
    let mut imports = vec![multipart(api, key)];
    for (number, round) in rounds().iter().enumerate() {
        for name in ALL {
            let rules = round.iter().find(|(other, _)| *other == name);
            let rules = rules.map_or_else(|| "[]".to_owned(), |(_, rules)| rules.to_string());
            let url = text(&ready, &format!("/simulators/{name}"));
            let (status, told) = send("PUT /_sim/faults", url, "", &rules).unwrap();
            assert_eq!(status, 200, "{told}");
        }
        imports.extend(import(api, key, number));
    }
    let mut all = Everything::stored(&ready).await;
    let logs = text(&ready, "/keys/ImportLogs");
    for id in &imports {
        for accept in ["text/plain", "application/json"] {
            let logs = format!("{logs}\r\nAccept: {accept}");
            let (status, log) = send(&format!("GET /api/ImportLogs/{id}"), api, &logs, "").unwrap();
            assert_eq!(status, 200, "{id}: {log}");
            all.add("import log", log);
        }
    }
    all.add("list", send("GET /api/ImportLogs", api, logs, "").unwrap().1);
    let mut wanted = planted();
    wanted.extend(
        ["PeopleImport", "Documents", "ImportLogs"]
            .map(|name| text(&ready["keys"], &format!("/{name}")).to_owned()),
    );
    wanted.push(text(&ready, "/secretAccessKey").to_owned());
    for name in ALL {
        let calls = send("GET /_sim/calls", text(&ready, &format!("/simulators/{name}")), "", "").unwrap().1;
        let tokens = tokens(&serde_json::from_str(&calls).unwrap());
        assert!(!tokens.is_empty(), "{name} was never called");
        wanted.extend(tokens);
    }
    running.signal("-INT");
    let output = running.output();
    assert_eq!(output.status.code(), Some(0));
    for printed in [output.stdout, output.stderr] {
        all.add("what the process printed", String::from_utf8(printed).unwrap());
    }
    for (there, place) in [
        ("joe@company.com", "table people-directory"),
        ("200000", "import log"),
        ("refuses our log-in", "what the process printed"),
        ("documents/100200300/salary/", "keys of objects"),
    ] {
        assert!(all.places(there).contains(&place), "{there} is in {:?}", all.places(there));
    }
    all.has_none_of(&wanted);
}
