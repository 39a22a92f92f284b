//! Who somebody is: a look-up that is not sure of a user must not name one.

use people_core::person::{Identifier, NativeKey};
use people_core::ports::{Found, Listing, Sighting};
use serde_json::{Value, json};

use super::stage::{BASE, Stage, crowd};

fn id(text: &str) -> Identifier {
    Identifier::EmployeeId(text.to_owned())
}

fn upn(text: &str) -> Identifier {
    Identifier::Upn(text.to_owned())
}

fn person(key: &str, employee_id: Option<&str>, upn: Option<&str>) -> Sighting {
    let text = |text: Option<&str>| text.map(str::to_owned);
    Sighting { key: NativeKey(key.to_owned()), employee_id: text(employee_id), upn: text(upn) }
}

fn joe() -> Found {
    Found::Person(person("35001", Some("100200300"), Some("joe@company.com")))
}

fn unavailable(why: &str) -> Found {
    Found::Unavailable(why.to_owned())
}

async fn queries(stage: &Stage) -> Vec<String> {
    let calls = stage.calls().await;
    let read = calls.iter().filter(|call| call["method"] == "GET");
    read.map(|call| call["query"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn people_are_found_by_either_identifier_in_the_order_asked() {
    let stage = Stage::new().await;
    let asked = [id("100200301"), upn("joe@company.com"), id("nobody"), id("100200300"), upn("nobody@x")];
    let sarah = Found::Person(person("35002", Some("100200301"), Some("sarah@company.com")));
    assert_eq!(stage.find(&asked).await, [sarah, joe(), Found::Nobody, joe(), Found::Nobody]);
    let mut queries = queries(&stage).await;
    queries.sort();
    let page = "CurrentPage=0&PageSize=1000&Filters=";
    let expected =
        ["(Email%20In%20joe@company.com%3Bnobody@x)", "(External_Id%20In%20100200301%3Bnobody%3B100200300)"];
    assert_eq!(queries, expected.map(|condition| format!("{page}{condition}")));
}

#[tokio::test]
async fn a_user_name_may_be_the_upn() {
    let identifiers = json!({"userPrincipalName": "Username"});
    let stage = Stage::with(json!({ "identifiers": identifiers })).await;
    stage.put(json!([{"Id": 7, "Username": " Joe@X.org ", "Email": "other@x.org"}]), json!([])).await;
    let found = stage.find(&[upn("joe@x.org"), upn("other@x.org"), id("7")]).await;
    // The server compares with blanks: only a list shows who has them.
    assert_eq!(found, [Found::Nobody, Found::Nobody, Found::CannotTell]);
    assert_eq!(stage.list().await, Listing::Everybody(vec![person("7", None, Some("joe@x.org"))]));
}

#[tokio::test]
async fn one_call_asks_for_fifty_values_at_most() {
    let stage = Stage::new().await;
    for (count, calls) in [(1, 1), (50, 1), (51, 2), (101, 3)] {
        stage.forget_calls().await;
        let asked: Vec<_> = (0..count).map(|n| id(&(200_000 + n).to_string())).collect();
        let found = stage.find(&asked).await;
        let all = found.iter().enumerate().all(|(n, found)| match found {
            Found::Person(sighting) => sighting.key.0 == (35_006 + n).to_string(),
            _ => false,
        });
        assert!(all, "{count}: {found:?}");
        assert_eq!(queries(&stage).await.len(), calls, "{count}");
    }
}

#[tokio::test]
async fn identifiers_of_two_kinds_that_alternate_are_still_few_calls() {
    let stage = Stage::new().await;
    let asked: Vec<_> = (0..50)
        .flat_map(|n| [id(&(200_000 + n).to_string()), upn(&format!("person{n:03}@company.com"))])
        .collect();
    let found = stage.find(&asked).await;
    assert!(found.chunks(2).all(|pair| pair[0] == pair[1] && matches!(pair[0], Found::Person(_))));
    assert_eq!(queries(&stage).await.len(), 2);
}

#[tokio::test]
async fn a_condition_never_gets_longer_than_a_url_may_be() {
    let stage = Stage::new().await;
    let asked: Vec<_> = (0..50).map(|n| id(&format!("{n:02}{}", "x".repeat(200)))).collect();
    assert!(stage.find(&asked).await.iter().all(|found| *found == Found::Nobody));
    let queries = queries(&stage).await;
    assert_eq!(queries.len(), 6);
    assert!(queries.iter().all(|query| query.len() < 2000));
    // "External_Id%20In%20" has 19 bytes, and each letter here six.
    stage.forget_calls().await;
    let (fits, long) = ("é".repeat(313), "é".repeat(314));
    assert_eq!(stage.find(&[id(&fits), id(&long)]).await, [Found::Nobody, Found::CannotTell]);
    assert_eq!(super::look_ups::queries(&stage).await.len(), 1);
}

#[tokio::test]
async fn a_value_that_looks_like_a_filter_is_only_a_value() {
    let stage = Stage::new().await;
    let values = ["O'Brien", "a;b", "x) AND (Id > 0", "a b", "50%", "'", "a,b", "ü&=#?", "In", "a+b"];
    let people: Value = (1..).zip(values).map(|(n, value)| json!({"Id": n, "External_Id": value})).collect();
    stage.put(people, json!([])).await;
    let found = stage.find(&values.map(id)).await;
    for (n, (value, found)) in (1..).zip(values.iter().zip(found)) {
        assert_eq!(found, Found::Person(person(&n.to_string(), Some(value), None)), "{value}");
    }
    assert_eq!(stage.find(&[id("x) AND (Id > 1")]).await, [Found::Nobody]);
}

#[tokio::test]
async fn a_value_that_the_server_does_not_take_tells_nothing_and_harms_nobody() {
    let stage = Stage::new().await;
    let fault = json!({"path": "/Users", "person": "O", "status": 400});
    stage.faults(json!([fault])).await;
    assert_eq!(stage.find(&[id("O'Brien"), id("100200300")]).await, [Found::CannotTell, joe()]);
    stage.faults(json!([{"path": "/Users", "status": 400}])).await;
    let why = unavailable("esystems does not take our look-up");
    assert_eq!(stage.find(&[id("1"), id("2")]).await, [why.clone(), why]);
}

#[tokio::test]
async fn an_employee_id_is_compared_exactly_and_a_upn_without_case() {
    let stage = Stage::new().await;
    let people = json!([{"Id": 1, "External_Id": "aB7", "Email": "Joe@Company.com"}]);
    stage.put(people, json!([])).await;
    let found = Found::Person(person("1", Some("aB7"), Some("joe@company.com")));
    assert_eq!(
        stage.find(&[id("ab7"), id("aB7"), upn("joe@company.com")]).await,
        [Found::Nobody, found.clone(), found]
    );
}

#[tokio::test]
async fn an_identifier_of_two_users_is_several() {
    let stage = Stage::new().await;
    let people = json!([
        {"Id": 1, "External_Id": "7", "Email": "a@x"}, {"Id": 2, "External_Id": "7", "Email": "A@x"},
        {"Id": 3, "External_Id": "8"}, {"Id": 4, "External_Id": "8", "Is_Active": false},
    ]);
    stage.put(people, json!([])).await;
    let found = stage.find(&[id("7"), upn("a@x"), id("8")]).await;
    assert_eq!(found, [Found::Several, Found::Several, Found::Person(person("3", Some("8"), None))]);
}

#[tokio::test]
async fn whoever_is_not_active_is_nobody() {
    let stage = Stage::new().await;
    let people = json!([{"Id": 1, "External_Id": "7", "Is_Active": false}, {"Id": 2, "External_Id": "8"}]);
    stage.put(people, json!([])).await;
    assert_eq!(stage.find(&[id("7")]).await, [Found::Nobody]);
    assert_eq!(stage.list().await, Listing::Everybody(vec![person("2", Some("8"), None)]));
}

#[tokio::test]
async fn a_server_that_ignores_the_filter_names_nobody_else() {
    let stage = Stage::new().await;
    let data = json!([{"Id": 1, "External_Id": "1"}, {"Id": 2, "External_Id": "2"}]);
    stage.faults(json!([{"path": "/Users", "body": {"Data": data}}])).await;
    let found = stage.find(&[id("2"), id("3")]).await;
    assert_eq!(found, [Found::Person(person("2", Some("2"), None)), Found::Nobody]);
}

#[tokio::test]
async fn everybody_is_listed_page_by_page() {
    let stage = Stage::new().await;
    for (base, count, pages) in [(1, 0, 1), (1, 1, 1), (0, 999, 1), (1, 1000, 1), (0, 1001, 2), (1, 2001, 3)]
    {
        stage.switch(json!({"meta_page_base": base})).await;
        stage.put(crowd(1..count + 1), json!([])).await;
        stage.forget_calls().await;
        let Listing::Everybody(people) = stage.list().await else { panic!("no list") };
        assert_eq!(people.len(), count);
        assert!((1..).zip(&people).all(|(n, one)| *one == person(&n.to_string(), None, None)));
        let expected: Vec<_> = (0..pages).map(|n| format!("CurrentPage={n}&PageSize=1000")).collect();
        assert_eq!(queries(&stage).await, expected);
    }
    assert_eq!(stage.calls().await[0]["path"], format!("{BASE}/Users"));
}

#[tokio::test]
async fn a_list_without_a_total_ends_where_nobody_is_new() {
    let stage = Stage::new().await;
    for meta in [Value::Null, json!({}), json!({"TotalItems": 0})] {
        let page = |ids: std::ops::Range<usize>| json!({"path": "/Users", "times": 1, "body": {"Meta": meta.clone(), "Data": crowd(ids)}});
        let pages = if meta.is_null() {
            vec![page(1..3), page(3..4), page(3..4)]
        } else {
            vec![page(1..3), page(3..4), page(0..0)]
        };
        stage.faults(pages.into_iter().map(without_null_meta).collect()).await;
        let Listing::Everybody(people) = stage.list().await else { panic!("no list") };
        assert_eq!(people.len(), 3);
    }
}

fn without_null_meta(mut rule: Value) -> Value {
    let body = rule["body"].as_object_mut().unwrap();
    if body["Meta"].is_null() {
        body.remove("Meta");
    }
    rule
}

#[tokio::test]
async fn a_list_that_never_gets_complete_is_no_list() {
    let stage = Stage::new().await;
    let page = json!({"Meta": {"TotalItems": 5}, "Data": crowd(1..3)});
    stage.faults(json!([{"path": "/Users", "body": page}])).await;
    assert_eq!(stage.list().await, Listing::Unavailable("esystems does not list everybody".to_owned()));
    assert_eq!(queries(&stage).await.len(), 2);
}

#[tokio::test]
async fn a_list_without_an_end_is_given_up() {
    let stage = Stage::new().await;
    let page = |n: usize| json!({"path": "/Users", "times": 1, "body": {"Data": [{"Id": n}]}});
    stage.faults((1..2002).map(page).collect()).await;
    assert_eq!(stage.list().await, Listing::Unavailable("esystems does not list everybody".to_owned()));
    assert_eq!(queries(&stage).await.len(), 2000);
}

#[tokio::test]
async fn a_target_that_cannot_be_read_is_not_one_without_people() {
    let stage = Stage::new().await;
    for (rule, why) in [
        (json!({"status": 403}), "esystems gives us no right to see its users"),
        (json!({"status": 404}), "esystems has no list of users"),
        (
            json!({"status": 404, "body": "<html>"}),
            "esystems does not know this call: its base URL may be wrong",
        ),
        (json!({"status": 500}), "esystems does not answer"),
        (json!({"status": 200, "body": "<html>"}), "esystems answers in a way that we do not understand"),
        (json!({"close": "before"}), "esystems does not answer"),
    ] {
        let mut rule = rule;
        rule["path"] = json!("/Users");
        stage.faults(json!([rule])).await;
        assert_eq!(stage.find(&[id("1"), id("2")]).await, [unavailable(why), unavailable(why)]);
        assert_eq!(stage.list().await, Listing::Unavailable(why.to_owned()));
    }
    stage.faults(json!([])).await;
    assert_eq!(stage.find(&[id("100200300")]).await, [joe()]);
}

#[tokio::test]
async fn without_a_column_for_it_an_identifier_tells_nothing() {
    let stage = Stage::with(json!({"identifiers": {"employeeId": "External_Id"}})).await;
    assert_eq!(stage.find(&[upn("joe@company.com")]).await, [Found::CannotTell]);
    assert!(stage.calls().await.is_empty());
    let found = Found::Person(person("35001", Some("100200300"), None));
    assert_eq!(stage.find(&[id("100200300")]).await, [found]);
}
