//! How a SCIM server finds, lists, shows, replaces and creates users (SC-01, SC-02, SC-08, SC-09, SC-11).
//! A client learns from these who somebody is, so what they leave out is tested too.

use serde_json::{Value, json};

use super::client::Client;
use super::scim_client::{CORE, ENTERPRISE, JOE, PEOPLE};

#[tokio::test]
async fn sc_01_a_name_with_a_quote_and_a_backslash_finds_nobody() {
    let client = Client::scim().await;
    let reply = client.filtered(r#"userName eq "a\"b\\c""#).await;
    assert_eq!((reply.status, &reply.json()["totalResults"]), (200, &json!(0)));
    assert_eq!(reply.json()["Resources"], json!([]));
    let mut state = client.get("/_sim/state").await.json();
    state["people"][0]["userName"] = json!(r#"a"b\c"#);
    client.control("PUT /_sim/state", state).await;
    assert_eq!(client.filtered(r#"userName eq "a\"b\\c""#).await.user_names(), [r#"a"b\c"#]);
    assert_eq!(client.filtered(r#"userName eq "a"b""#).await.refused(), (400, "invalidFilter".into()));
}

#[tokio::test]
async fn sc_02_two_users_may_have_the_same_external_id() {
    let client = Client::scim().await;
    let mut state = client.get("/_sim/state").await.json();
    state["people"][1]["externalId"] = json!("100200300");
    client.control("PUT /_sim/state", state).await;
    assert_eq!(client.filtered(r#"externalId eq "100200300""#).await.json()["totalResults"], 2);
}

#[tokio::test]
async fn sc_08_a_put_replaces_everything_that_it_does_not_name() {
    let client = Client::scim().await;
    let mut state = client.get("/_sim/state").await.json();
    state["people"][0]["urn:other:User"] = json!({"badge": [1, {"a": null}]});
    state["people"][0]["oddity"] = json!("kept");
    state["people"][0]["password"] = json!("secret");
    client.control("PUT /_sim/state", state).await;
    let path = format!("/Users/{JOE}");
    let read = client.scim_get(&path).await.json();
    let stored = client.user(JOE).await;
    assert!(
        read.get("password").is_none()
            && read["schemas"].as_array().unwrap().contains(&json!("urn:other:User"))
    );
    assert_eq!(
        client.scim_call(&format!("PUT {path}"), &read).await.json(),
        read,
        "what was read changes nothing"
    );
    assert_eq!(client.user(JOE).await, stored);
    let little =
        json!({"schemas": [CORE], "userName": "joe@company.com", "id": "other", "meta": {"version": "x"}});
    assert_eq!(client.scim_call(&format!("PUT {path}"), &little).await.status, 200);
    let expected = json!({"id": JOE, "userName": "joe@company.com", "password": "secret"});
    assert_eq!(client.user(JOE).await, expected);
}

#[tokio::test]
async fn sc_09_an_inactive_user_is_found_and_shown_as_such() {
    let client = Client::scim().await;
    client.patch_joe(json!({"op": "replace", "path": "active", "value": false})).await;
    let reply = client.filtered(r#"userName eq "joe@company.com""#).await;
    assert_eq!(reply.json()["Resources"][0]["active"], false);
}

#[tokio::test]
async fn sc_11_a_server_may_page_by_five_though_asked_for_a_hundred() {
    let client = Client::scim().await;
    let mut state = client.get("/_sim/state").await.json();
    state["pageSize"] = json!(5);
    assert_eq!(client.control("PUT /_sim/state", state).await.json()["pageSize"], 5);
    let mut seen = Vec::new();
    loop {
        let reply = client.scim_get(&format!("/Users?startIndex={}&count=100", seen.len() + 1)).await;
        let page = reply.user_names();
        assert_eq!(
            (&reply.json()["totalResults"], &reply.json()["itemsPerPage"]),
            (&json!(205), &json!(page.len()))
        );
        assert_eq!(reply.json()["startIndex"], seen.len() + 1);
        if page.is_empty() {
            break;
        }
        assert_eq!(page.len(), 5);
        seen.extend(page);
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 205);
    assert_eq!(client.scim_get("/ServiceProviderConfig").await.json()["filter"]["maxResults"], 5);
    client.control("DELETE /_sim", Value::Null).await;
    assert_eq!(client.scim_get("/Users").await.user_names().len(), 100);
}

#[tokio::test]
async fn a_page_has_at_most_a_hundred_users() {
    let client = Client::scim().await;
    for (query, users) in [
        ("?count=100", 100),
        ("?count=101", 100),
        ("?count=99", 99),
        ("?count=0", 0),
        ("?count=-1", 0),
        ("?startIndex=0&count=3", 3),
        ("?startIndex=-5&count=3", 3),
        ("?startIndex=205", 1),
        ("?startIndex=206", 0),
    ] {
        let reply = client.scim_get(&format!("/Users{query}")).await;
        assert_eq!(
            (reply.user_names().len(), &reply.json()["totalResults"]),
            (users, &json!(205)),
            "{query}"
        );
    }
    assert_eq!(client.scim_get("/Users?count=x").await.refused(), (400, "invalidValue".into()));
}

#[tokio::test]
async fn filters_find_whom_they_describe() {
    let client = Client::scim().await;
    let joe = vec!["joe@company.com".to_owned()];
    let urn = |name: &str| format!("{ENTERPRISE}:{name}");
    for filter in [
        r#"userName eq "joe@company.com""#.to_owned(),
        r#"USERNAME EQ "JOE@Company.com""#.to_owned(),
        format!(r#"{CORE}:userName eq "joe@company.com""#),
        r#"externalId eq "100200300""#.to_owned(),
        r#"id eq "u-100200300""#.to_owned(),
        format!(r#"{} eq "100200300""#, urn("employeeNumber")),
        format!(r#"{} eq "100200300""#, urn("EMPLOYEEnumber")),
        r#"userName sw "joe@""#.to_owned(),
        r#"userName co "oe@c" and active eq true"#.to_owned(),
        r#"name.givenName eq "Joe" and not (name.familyName ne "Miller")"#.to_owned(),
        r#"emails eq "joe@company.com""#.to_owned(),
        r#"emails.value eq "joe@company.com""#.to_owned(),
        r#"emails[type eq "work" and value sw "joe@"]"#.to_owned(),
        r#"(userName eq "nobody" or userName eq "joe@company.com")and title pr"#.to_owned(),
        r#"userName eq "nobody" and title pr or userName eq "joe@company.com""#.to_owned(),
        r#"userName eq "joe\u0040company.com""#.to_owned(),
        r#"phoneNumbers pr and userName ew "e@company.com" and nickName eq null"#.to_owned(),
        r#"meta.version pr and userName eq "joe@company.com""#.to_owned(),
        format!(r#"{} eq "u-100200302" and userName lt "k" and userName ge "j""#, urn("manager.value")),
    ] {
        assert_eq!(client.filtered(&filter).await.user_names(), joe, "{filter}");
    }
    let nobody =
        [r#"externalId eq "ABC""#, "nickName pr", r#"userName eq "*""#, "password pr", "active eq \"true\""];
    for filter in nobody {
        assert_eq!(client.filtered(filter).await.json()["totalResults"], 0, "{filter}");
    }
    assert_eq!(client.filtered(r#"userName ne "joe@company.com""#).await.json()["totalResults"], 204);
}

#[tokio::test]
async fn ids_of_ours_are_compared_with_regard_to_case() {
    let client = Client::scim().await;
    client.patch_joe(json!({"op": "replace", "path": "externalId", "value": "abc"})).await;
    assert_eq!(client.filtered(r#"externalId eq "abc""#).await.json()["totalResults"], 1);
    assert_eq!(client.filtered(r#"externalId eq "ABC""#).await.json()["totalResults"], 0);
}

#[tokio::test]
async fn a_filter_that_cannot_be_read_is_refused() {
    let client = Client::scim().await;
    let deep = |many| format!("{}title pr{}", "(".repeat(many), ")".repeat(many));
    assert_eq!(client.filtered(&deep(32)).await.status, 200);
    for filter in [
        "",
        "userName",
        "userName eq",
        "userName eq joe",
        "userName eq 'joe'",
        r#"userName eq "joe"#,
        r#"userName is "joe""#,
        r#"userName eq"joe""#,
        r#"userName eq "joe" and"#,
        r#"userName eq "joe" title pr"#,
        r#"(userName eq "joe""#,
        r#"userName eq "joe")"#,
        r#"userName eq "\x""#,
        r#"nobodyKnows eq "joe""#,
        r#"emails[nope eq "x"]"#,
        r#"name eq "x""#,
        "active co true",
        "userName gt true",
        "userName eq [1]",
        "not title pr",
        &deep(33),
    ] {
        assert_eq!(client.filtered(filter).await.refused(), (400, "invalidFilter".into()), "{filter}");
    }
}

#[tokio::test]
async fn the_switch_filter_takes_filters_away() {
    let client = Client::scim().await;
    client.switch(json!({"filter": false})).await;
    assert_eq!(client.filtered(r#"userName eq "joe@company.com""#).await.refused(), (501, String::new()));
    assert_eq!(client.scim_get("/Users?count=3").await.user_names().len(), 3);
    assert_eq!(client.scim_get("/ServiceProviderConfig").await.json()["filter"]["supported"], false);
}

#[tokio::test]
async fn user_names_have_case_only_where_the_switch_says_so() {
    let client = Client::scim().await;
    let found =
        async || client.filtered(r#"userName eq "JOE@company.com""#).await.json()["totalResults"].clone();
    assert_eq!(found().await, 1);
    client.switch(json!({"case_exact_user_name": true})).await;
    assert_eq!(found().await, 0);
    let schema = client.scim_get(&format!("/Schemas/{CORE}")).await.json();
    let attributes = schema["attributes"].as_array().unwrap().clone();
    assert!(attributes.iter().any(|one| one["name"] == "userName" && one["caseExact"] == true));
}

#[tokio::test]
async fn only_what_was_asked_for_is_shown() {
    let client = Client::scim().await;
    let get = async |query: &str| client.scim_get(&format!("/Users/{JOE}?{query}")).await.json();
    let keys = |user: &Value| user.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&get("attributes=userName").await), ["id", "schemas", "userName"]);
    let user =
        get(&format!("attributes=USERNAME,emails.value,meta.version,nope,{ENTERPRISE}:department")).await;
    assert_eq!(keys(&user), ["emails", "id", "meta", "schemas", ENTERPRISE, "userName"]);
    assert_eq!(user["emails"], json!([{"value": "joe@company.com"}]));
    assert_eq!(user[ENTERPRISE], json!({"department": "IT"}));
    assert_eq!(keys(&user["meta"]), ["version"]);
    let user = get(&format!("excludedAttributes=id,name.formatted,emails,{PEOPLE}")).await;
    assert_eq!((user.get("emails"), user.get(PEOPLE), &user["id"]), (None, None, &json!(JOE)));
    assert_eq!(user["name"], json!({"givenName": "Joe", "familyName": "Miller"}));
    let list = client.scim_get("/Users?count=1&attributes=externalId").await.json();
    assert_eq!(keys(&list["Resources"][0]), ["externalId", "id", "schemas"]);
}

#[tokio::test]
async fn a_user_who_is_shown_has_the_form_of_the_rfc() {
    let client = Client::scim().await;
    let reply = client.scim_get(&format!("/scim/v2/Users/{JOE}")).await;
    let user = reply.json();
    assert!(reply.head.contains("content-type: application/scim+json"));
    assert_eq!(user["schemas"], json!([CORE, ENTERPRISE, PEOPLE]));
    assert_eq!(user["meta"]["resourceType"], "User");
    assert_eq!(user["meta"]["location"], format!("http://sim/scim/v2/Users/{JOE}"));
    assert_eq!(
        user["meta"]["version"].as_str(),
        reply.header("etag").map(|tag| tag.replace("w/", "W/")).as_deref()
    );
    assert_eq!(user["emails"], json!([{"type": "work", "value": "joe@company.com", "primary": true}]));
    assert_eq!(user[ENTERPRISE]["employeeNumber"], "100200300");
}

#[tokio::test]
async fn users_are_created_with_an_id_of_the_servers() {
    let client = Client::scim().await;
    let new =
        json!({"schemas": [CORE], "userName": "New@company.com", "id": "mine", "title": null, "emails": []});
    let reply = client.scim_call("POST /Users", &new).await;
    let user = reply.json();
    let id = user["id"].as_str().unwrap();
    let location = user["meta"]["location"].as_str().unwrap();
    assert_eq!((reply.status, reply.header("location")), (201, Some(location.to_lowercase().as_str())));
    assert_ne!(id, "mine");
    assert_eq!(client.user(id).await, json!({"id": id, "userName": "New@company.com"}));
    let again = json!({"schemas": [CORE], "userName": "new@COMPANY.com"});
    assert_eq!(client.scim_call("POST /Users", &again).await.refused(), (409, "uniqueness".into()));
}

#[tokio::test]
async fn a_whole_user_that_is_wrong_changes_nothing() {
    let client = Client::scim().await;
    let before = client.get("/_sim/state").await.json();
    let user =
        |name: &str, value: Value| json!({"schemas": [CORE], "userName": "joe@company.com", name: value});
    for (body, kind) in [
        (json!({"userName": "x"}), "invalidSyntax"),
        (json!({"schemas": [ENTERPRISE], "userName": "x"}), "invalidSyntax"),
        (user("nope", json!(1)), "invalidSyntax"),
        (user("urn:other:User", json!({"a": 1})), "invalidSyntax"),
        (user("name", json!({"nope": "x"})), "invalidSyntax"),
        (json!([]), "invalidSyntax"),
        (json!({"schemas": [CORE]}), "invalidValue"),
        (user("userName", json!("  ")), "invalidValue"),
        (user("userName", json!(5)), "invalidValue"),
        (user("active", json!("true")), "invalidValue"),
        (user("emails", json!({"value": "x"})), "invalidValue"),
        (
            user("emails", json!([{"primary": true, "value": "a"}, {"primary": true, "value": "b"}])),
            "invalidValue",
        ),
    ] {
        for call in ["POST /Users", "PUT /Users/u-100200300"] {
            let refused = client.scim_call(call, &body).await.refused();
            assert_eq!(refused, (400, kind.to_owned()), "{call} {body}");
        }
    }
    let taken = user("userName", json!("sarah@company.com"));
    assert_eq!(
        client.scim_call("PUT /Users/u-100200300", &taken).await.refused(),
        (409, "uniqueness".into())
    );
    assert_eq!(client.scim_call("PUT /Users/nobody", &user("title", json!("x"))).await.refused().0, 404);
    assert_eq!(client.get("/_sim/state").await.json(), before);
}
