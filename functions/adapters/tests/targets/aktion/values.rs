//! What is sent for which value, and what is refused before anything is sent.

use people_core::log::Ending;
use serde_json::{Value, json};

use super::stage::{JOE, Stage, refused, update};

#[tokio::test]
async fn a_text_may_have_as_many_utf_16_code_units_as_its_property_and_no_more() {
    let stage = Stage::new().await;
    for (field, property, most) in [
        ("firstName", "Name", 100),
        ("lastName", "Surname", 100),
        ("structure", "OrganizationStructure", 4000),
        ("email", "Email", 200),
        ("position", "EmployeePosition", 200),
        ("phone", "PhoneNumber", 100),
        ("mobile", "MobilPhoneNumber", 100),
        ("notes", "Desc", 4000),
        ("titleBefore", "DegreeInFrontName", 30),
        ("titleAfter", "DegreeAfterName", 30),
    ] {
        for text in ["x".repeat(most), "é".repeat(most), "🎉".repeat(most / 2)] {
            assert_eq!(stage.set(JOE, field, &text).await.ending, Ending::Updated, "{property}");
            let outcome = stage.set(JOE, field, &(text + "x")).await;
            let why = format!("{property} has at most {most} characters");
            assert_eq!((outcome.ending, outcome.attempts), (refused(&why), 0));
        }
    }
    assert!(stage.calls().await.iter().all(|call| call["status"] == 200));
}

#[tokio::test]
async fn a_column_has_its_own_length() {
    let stage = Stage::new().await;
    assert_eq!(stage.set(JOE, "costCenter", &"x".repeat(100)).await.ending, Ending::Updated);
    let outcome = stage.set(JOE, "costCenter", &"x".repeat(101)).await;
    assert_eq!(outcome.ending, refused("a2s3 has at most 100 characters"));
}

#[tokio::test]
async fn the_department_of_a_cloud_has_at_most_100_characters() {
    let stage = Stage::with(json!({
        "product": "cloud",
        "identifiers": {"employeeId": "PersonId", "userPrincipalName": "Email"},
        "fields": {"department": "Department"},
    }))
    .await;
    stage.switch(json!({"product": "cloud"})).await;
    assert_eq!(stage.set(JOE, "department", &"x".repeat(100)).await.ending, Ending::Updated);
    let outcome = stage.set(JOE, "department", &"x".repeat(101)).await;
    assert_eq!(outcome.ending, refused("Department has at most 100 characters"));
}

#[tokio::test]
async fn codes_have_exactly_their_digits_and_cannot_be_cleared() {
    let stage = Stage::new().await;
    for (field, property, exactly) in [("entryCode", "IdentifierEntryCode", 6), ("pin", "PIN", 4)] {
        assert_eq!(stage.set(JOE, field, &"7".repeat(exactly)).await.ending, Ending::Updated);
        for text in [
            "7".repeat(exactly - 1),
            "7".repeat(exactly + 1),
            "7".repeat(exactly - 1) + "x",
            "٣".repeat(exactly),
        ] {
            let outcome = stage.set(JOE, field, &text).await;
            assert_eq!(
                outcome.ending,
                refused(&format!("{property} has exactly {exactly} digits")),
                "{text}"
            );
        }
        for nothing in [None, Some("")] {
            let outcome = stage.deliver(&[update(JOE, &[(field, nothing)])]).await.remove(0);
            assert_eq!(outcome.ending, refused(&format!("{property} cannot be cleared")));
        }
    }
    assert_eq!(stage.counts().await[1], 2);
}

#[tokio::test]
async fn a_card_has_up_to_20_hexadecimal_digits_and_can_be_cleared() {
    let stage = Stage::new().await;
    for field in ["card1", "card2"] {
        assert_eq!(stage.set(JOE, field, &"aF".repeat(10)).await.ending, Ending::Updated);
        assert!(matches!(stage.set(JOE, field, &"a".repeat(21)).await.ending, Ending::Refused(_)));
        assert_eq!(stage.set(JOE, field, "").await.ending, Ending::Updated);
    }
}

#[tokio::test]
async fn a_sex_is_sent_as_a_number() {
    let stage = Stage::new().await;
    for (text, number) in [("1", 1), ("2", 2), ("0", 0)] {
        assert_eq!(stage.set(JOE, "sex", text).await.ending, Ending::Updated);
        assert_eq!(stage.stored(JOE).await["Sex"], number);
    }
    for wrong in ["3", "", "male", "01", " 1"] {
        let outcome = stage.set(JOE, "sex", wrong).await;
        assert_eq!(outcome.ending, refused("Sex is 0 (undefined), 1 (male) or 2 (female)"), "{wrong}");
    }
}

#[tokio::test]
async fn a_reset_clears_and_null_is_never_sent() {
    let stage = Stage::new().await;
    let filled = update(JOE, &[("phone", Some("1")), ("sex", Some("2")), ("joinDate", Some("2023-11-01"))]);
    let reset = update(JOE, &[("phone", None), ("sex", None), ("joinDate", None)]);
    let outcomes = stage.deliver(&[filled, reset]).await;
    assert!(outcomes.iter().all(|outcome| outcome.ending == Ending::Updated));
    let columns = |value: &str| json!([{"SystemName": "a2s1", "Value": value}]);
    assert_eq!(
        stage.bodies().await,
        [
            json!({"PersonId": JOE, "PhoneNumber": "1", "Sex": 2, "UdsCollection": columns("2023-11-01")}),
            json!({"PersonId": JOE, "PhoneNumber": "", "Sex": 0, "UdsCollection": columns("")}),
        ]
    );
    let joe = stage.stored(JOE).await;
    assert_eq!(
        (&joe["PhoneNumber"], &joe["Sex"], &joe["UdsCollection"]),
        (&json!(""), &json!(0), &columns(""))
    );
}

#[tokio::test]
async fn a_date_goes_as_the_column_wants_it() {
    let columns = json!({"a2s1": "datetime", "a2s2": "date", "a2s3": "bit", "a2s4": "int"});
    let fields = json!({
        "joinDate": "UdsCollection.a2s1", "birthDate": "UdsCollection.a2s2",
        "costCenter": "UdsCollection.a2s3", "notes": "UdsCollection.a2s4",
    });
    let stage = Stage::with(json!({"columns": columns, "fields": fields})).await;
    let column = |(name, sql_type): (&String, &Value)| json!({"name": name, "type": sql_type});
    stage
        .switch(json!({"columns": columns.as_object().unwrap().iter().map(column).collect::<Value>()}))
        .await;
    let all = [
        ("joinDate", Some("2023-11-01")),
        ("birthDate", Some("1990-02-28")),
        ("costCenter", Some("1")),
        ("notes", Some("-7")),
    ];
    assert_eq!(stage.deliver(&[update(JOE, &all)]).await[0].ending, Ending::Updated);
    let values: Vec<_> = stage.bodies().await[0]["UdsCollection"].as_array().unwrap().clone();
    let values: Vec<_> = values.iter().map(|column| column["Value"].as_str().unwrap().to_owned()).collect();
    assert_eq!(values, ["2023-11-01T00:00:00", "1990-02-28", "1", "-7"]);
    assert_eq!(
        stage.set(JOE, "joinDate", "0001-01-01").await.ending,
        refused("a2s1 takes a date from 1753-01-01 to 9999-12-31")
    );
    assert_eq!(stage.set(JOE, "costCenter", "yes").await.ending, refused("a2s3 takes 0 or 1"));
    assert_eq!(stage.set(JOE, "notes", "1e3").await.ending, refused("a2s4 takes a whole number"));
}

#[tokio::test]
async fn a_long_person_id_is_not_sent() {
    let stage = Stage::new().await;
    let long = "🎉".repeat(50);
    stage.people(json!([{"PersonId": long}])).await;
    assert_eq!(stage.set(&long, "firstName", "A").await.ending, Ending::Updated);
    assert_eq!(
        stage.set(&(long + "x"), "firstName", "A").await.ending,
        refused("PersonId has 1 to 100 characters")
    );
}

#[tokio::test]
async fn an_update_without_fields_is_unchanged_and_not_sent() {
    let stage = Stage::new().await;
    let outcome = stage.deliver(&[update(JOE, &[])]).await.remove(0);
    assert_eq!((outcome.ending, outcome.attempts), (Ending::Unchanged, 0));
    assert_eq!(stage.counts().await, [0; 4]);
}
