//! ONLYOFFICE's look-ups and lists: who is found, by what, and in which pages.
//! A directory is built from these, so what they cap and hide is tried here.

use serde_json::{Value, json};

use super::onlyoffice_portal::{CIO, JOE, NOBODY, Portal, is_failure, response};
use crate::onlyoffice;

/// The user names of a list.
async fn user_names(portal: &Portal, path: &str) -> Vec<String> {
    let reply = portal.get(path).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let text = |person: &Value| person["userName"].as_str().unwrap().to_owned();
    response(&reply).as_array().unwrap().iter().map(text).collect()
}

#[tokio::test]
async fn an_email_finds_one_person_exactly_and_in_any_case() {
    let portal = Portal::start().await;
    for email in ["joe@company.com", "JOE@Company.com", "joe%40company.com"] {
        assert_eq!(response(&portal.get(&format!("/email?email={email}")).await)["id"], JOE, "{email}");
    }
    for email in ["", "joe", "oe@company.com", "unknown@company.com"] {
        is_failure(&portal.get(&format!("/email?email={email}")).await, 404);
    }
    is_failure(&portal.get("/email").await, 404);
}

#[tokio::test]
async fn a_person_is_read_by_id_or_user_name() {
    let portal = Portal::start().await;
    for id in [JOE, "joe", "Joe", "joe.json", "{00000000-0000-4000-8000-000100200300}"] {
        assert_eq!(response(&portal.get(&format!("/{id}")).await)["id"], JOE, "{id}");
    }
    is_failure(&portal.get(&format!("/{NOBODY}")).await, 404);
    assert_eq!(response(&portal.get("/@self").await)["email"], onlyoffice::USER_NAME);
}

#[tokio::test]
async fn a_list_is_paged_and_says_how_many_there_are() {
    let portal = Portal::start().await;
    let all = portal.get("").await.json();
    assert_eq!((&all["count"], &all["total"]), (&json!(206), &json!(206)));
    assert!(all.get("startIndex").is_none() && all.get("nextIndex").is_none());
    let page = portal.get("?count=100&startIndex=100").await.json();
    assert_eq!(
        (&page["count"], &page["startIndex"], &page["nextIndex"]),
        (&json!(100), &json!(100), &json!(200))
    );
    let last = portal.get("?startIndex=200&count=100").await.json();
    assert_eq!((&last["count"], last.get("nextIndex")), (&json!(6), None));
    let beyond = portal.get("?startIndex=206").await.json();
    assert_eq!((beyond.get("count"), &beyond["response"], &beyond["total"]), (None, &json!([]), &json!(206)));
}

#[tokio::test]
async fn an_answer_has_at_most_1000_people() {
    let portal = Portal::start().await;
    let person = |number: usize| json!({"id": format!("00000000-0000-4000-8000-{number:012}"), "email": format!("p{number}@x")});
    portal.put_people((0..1001).map(person).collect()).await;
    for path in ["", "?count=1001", "?count=5000", "?count=0"] {
        let page = portal.get(path).await.json();
        assert_eq!(
            (&page["count"], &page["total"], &page["nextIndex"]),
            (&json!(1000), &json!(1001), &json!(1000)),
            "{path}"
        );
    }
}

#[tokio::test]
async fn only_the_active_are_listed_unless_a_status_is_named() {
    let portal = Portal::start().await;
    portal.client.switch(json!({"suspended": ["joe"]})).await;
    portal.put_profile(CIO, json!({"disable": true})).await;
    assert_eq!(user_names(&portal, "").await.len(), 204);
    for status in ["Terminated", "terminated", "2"] {
        assert_eq!(user_names(&portal, &format!("/status/{status}")).await, ["joe", "cio"]);
    }
    for (status, many) in [("Active", 204), ("All", 206), ("7", 206), ("Default", 204), ("LeaveOfAbsence", 0)]
    {
        assert_eq!(user_names(&portal, &format!("/status/{status}")).await.len(), many, "{status}");
    }
    is_failure(&portal.get("/status/gone").await, 400);
    assert_eq!(
        response(&portal.get("/email?email=joe@company.com").await)["status"],
        2,
        "an e-mail finds everybody"
    );
}

#[tokio::test]
async fn a_filter_compares_one_field() {
    let portal = Portal::start().await;
    let by = |rest: &str| format!("?filterBy=userName&filterValue={rest}");
    assert_eq!(user_names(&portal, &by("erson00")).await.len(), 10);
    assert_eq!(user_names(&portal, &by("Person00&filterOp=startsWith")).await.len(), 10);
    assert_eq!(user_names(&portal, &by("JOE&filterOp=equals")).await, ["joe"]);
    assert_eq!(user_names(&portal, &by("oe&filterOp=equals")).await, Vec::<String>::new());
    assert_eq!(user_names(&portal, "?filterBy=lead&filterOp=present").await, ["joe"]);
    assert_eq!(user_names(&portal, "?filterBy=department&filterOp=equals&filterValue=hr").await.len(), 51);
    let paged = portal.get("?filterBy=userName&filterValue=person&count=10").await.json();
    assert_eq!((&paged["count"], &paged["total"]), (&json!(10), &json!(200)), "filtered first, then paged");
}

#[tokio::test]
async fn a_group_filters_by_its_id_and_a_search_fails_inside_on_another_value() {
    let portal = Portal::start().await;
    let group = "?filterBy=group&filterValue=00000000-0000-4000-9000-000000000001";
    assert_eq!(user_names(&portal, group).await.len(), 52);
    assert_eq!(user_names(&portal, &format!("/@search/joe{group}")).await, ["joe"]);
    let failed = portal.get("/@search/joe?filterBy=group&filterValue=IT").await;
    assert_eq!((failed.status, response(&failed)), (200, json!({})));
    is_failure(&portal.get("?filterBy=group&filterValue=IT").await, 500);
}

#[tokio::test]
async fn a_search_finds_the_active_by_any_of_their_texts() {
    let portal = Portal::start().await;
    for (text, found) in [
        ("joe", "joe"),
        ("MILLER", "joe"),
        ("ceo@company", "ceo"),
        ("Clara", "ceo"),
        ("directory.company", "joe"),
    ] {
        assert_eq!(user_names(&portal, &format!("/@search/{text}")).await, [found], "{text}");
    }
    assert_eq!(user_names(&portal, "/@search/nobody").await, Vec::<String>::new());
    portal.client.switch(json!({"suspended": ["joe"]})).await;
    assert_eq!(user_names(&portal, "/@search/miller").await, Vec::<String>::new());
}

#[tokio::test]
async fn fields_limit_the_members_and_contacts_are_then_absent() {
    let portal = Portal::start().await;
    let joe = response(&portal.get(&format!("/{JOE}?fields=id,Email")).await);
    assert_eq!(joe, json!({"id": JOE, "email": "joe@company.com"}));
    let listed = response(&portal.get("?count=1&fields=userName").await);
    assert_eq!(listed, json!([{"userName": "joe"}]));
}

#[tokio::test]
async fn a_list_can_be_sorted() {
    let portal = Portal::start().await;
    let sorted = user_names(&portal, "?sortBy=userName&count=2").await;
    assert_eq!(sorted, ["ceo", "cfo"]);
    assert_eq!(user_names(&portal, "?sortBy=userName&sortOrder=descending&count=1").await, ["sarah"]);
}

#[tokio::test]
async fn updated_since_leaves_out_who_has_not_changed() {
    let portal = Portal::start().await;
    assert_eq!(user_names(&portal, "?updatedSince=2020-01-01T00:00:00Z").await.len(), 206);
    assert_eq!(user_names(&portal, "?updatedSince=2999-01-01").await, Vec::<String>::new());
}
