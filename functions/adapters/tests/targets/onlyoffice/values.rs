//! What is written for each field, what is resent with it, and what is refused before anything is sent.

use people_core::log::Ending;
use serde_json::{Value, json};

use super::stage::{GUEST, JOE, Stage, pairs, partly, refused};

/// What differs between two stored people: the new values.
fn changes(before: &Value, after: &Value) -> Value {
    let names = before.as_object().unwrap().keys().chain(after.as_object().unwrap().keys());
    let differing = names.filter(|name| before[name.as_str()] != after[name.as_str()]);
    Value::Object(differing.map(|name| (name.clone(), after[name.as_str()].clone())).collect())
}

#[tokio::test]
async fn each_field_changes_itself_and_nothing_else() {
    let stage = Stage::new().await;
    for (field, value, changed) in [
        ("firstName", "Jö", json!({"firstName": "Jö"})),
        ("lastName", "Möller", json!({"lastName": "Möller"})),
        ("title", "Chief", json!({"title": "Chief"})),
        ("location", "Brno", json!({"location": "Brno"})),
        ("notes", "x | y", json!({"notes": "x | y"})),
        ("sex", "female", json!({"sex": "female"})),
        ("birthDate", "1990-05-04", json!({"birthday": "1990-05-04T00:00:00.0000000Z"})),
        ("joinDate", "2023-11-01", json!({"workFrom": "2023-11-01T00:00:00.0000000Z"})),
    ] {
        let before = stage.stored(JOE).await;
        let outcome = stage.set(JOE, field, value).await;
        assert_eq!((outcome.ending, outcome.attempts), (Ending::Updated, 1), "{field}");
        assert_eq!(changes(&before, &stage.stored(JOE).await), changed);
        let again = stage.set(JOE, field, value).await;
        assert_eq!((again.ending, again.attempts), (Ending::Unchanged, 0), "{field}");
    }
}

#[tokio::test]
async fn a_profile_is_written_with_everything_that_would_be_reset() {
    let stage = Stage::new().await;
    stage.update(JOE, &[("title", Some("Chief")), ("phone", Some("1"))]).await;
    let contact = |kind: &str, value: &str| json!({"type": kind, "value": value});
    let body = json!({
        "title": "Chief",
        "isVisitor": false,
        "lead": "00000000-0000-4000-8000-000100200304",
        "contacts": [
            contact("mail", "joe@company.com"),
            contact("skype", "joe.miller"),
            contact("extmail", "joe.miller@directory.company.com"),
            contact("phone", "1"),
        ],
    });
    assert_eq!(stage.writes().await, [(format!("/api/2.0/people/{JOE}"), body)]);
    stage.set(GUEST, "title", "Visitor").await;
    let guest = stage.stored(GUEST).await;
    assert_eq!((&guest["isVisitor"], &guest["title"]), (&json!(true), &json!("Visitor")));
}

#[tokio::test]
async fn null_is_nothing_where_the_portal_has_a_nothing() {
    let stage = Stage::new().await;
    stage.update(JOE, &[("birthDate", Some("1990-05-04")), ("joinDate", Some("2023-11-01"))]).await;
    for (field, member) in [
        ("title", "title"),
        ("location", "location"),
        ("notes", "notes"),
        ("birthDate", "birthday"),
        ("joinDate", "workFrom"),
    ] {
        let outcome = stage.reset(JOE, field).await;
        assert_eq!(outcome.ending, Ending::Updated, "{field}");
        assert!(stage.stored(JOE).await[member].as_str().unwrap_or("").is_empty(), "{field}");
        assert_eq!(stage.reset(JOE, field).await.ending, Ending::Unchanged, "{field}");
    }
    for (field, why) in [
        ("firstName", "firstname cannot be cleared"),
        ("lastName", "lastname cannot be cleared"),
        ("sex", "sex cannot be cleared"),
    ] {
        let outcome = stage.update(JOE, &[(field, None), ("title", Some("T"))]).await;
        assert_eq!((outcome.ending, outcome.attempts), (refused(why), 0));
    }
    assert_eq!(stage.stored(JOE).await["title"], "");
}

#[tokio::test]
async fn columns_are_checked_to_the_last_character_before_anything_is_sent() {
    let stage = Stage::new().await;
    for (field, name, most) in [
        ("firstName", "firstname", 64),
        ("lastName", "lastname", 64),
        ("title", "title", 64),
        ("location", "location", 255),
        ("notes", "comment", 512),
    ] {
        assert_eq!(stage.set(JOE, field, &"ä".repeat(most)).await.ending, Ending::Updated, "{field}");
        stage.forget_calls().await;
        let too_long = stage.set(JOE, field, &"ä".repeat(most + 1)).await.ending;
        assert_eq!(too_long, refused(&format!("{name} has at most {most} characters")));
        let emoji = stage.set(JOE, field, "\u{1f389}").await.ending;
        assert_eq!(emoji, refused(&format!("{name} has a character that cannot be stored there")));
        assert!(stage.calls().await.is_empty());
    }
}

#[tokio::test]
async fn values_that_a_field_does_not_take_are_refused() {
    let stage = Stage::new().await;
    for (field, value, why) in [
        ("firstName", " ", "firstname cannot be empty"),
        ("sex", "Male", "sex is male or female"),
        ("birthDate", "1900-01-01", "birthday takes a date after 1900-01-01"),
        ("phone", "\u{1f389}", "contacts.phone has a character that cannot be stored there"),
    ] {
        assert_eq!(stage.set(JOE, field, value).await.ending, refused(why));
    }
    assert!(stage.calls().await.is_empty());
}

#[tokio::test]
async fn all_contacts_together_have_1024_characters() {
    let stage = Stage::new().await;
    // "skype|" and "|" make 7, "phone|" and "|" too.
    let kept = "s".repeat(500);
    stage.contacts(&[("skype", &kept)]).await;
    assert_eq!(stage.set(JOE, "phone", &"ä".repeat(510)).await.ending, Ending::Updated);
    assert_eq!(stage.stored_contacts(JOE).await[1].1.chars().count(), 510);
    let before = stage.stored(JOE).await;
    let outcome = stage.set(JOE, "phone", &"ä".repeat(511)).await;
    let why = "portal has no room for all contacts of this person: they have 1024 characters in all";
    assert_eq!((outcome.ending, outcome.attempts), (refused(why), 0));
    assert_eq!(stage.stored(JOE).await, before);
    // A single value that could never be there is refused without a look.
    stage.forget_calls().await;
    assert_eq!(
        stage.set(JOE, "phone", &"1".repeat(1018)).await.ending,
        refused("contacts.phone is too long")
    );
    assert!(stage.calls().await.is_empty());
}

#[tokio::test]
async fn contacts_that_would_not_survive_are_not_written_again() {
    let stage = Stage::new().await;
    stage.switch(json!({"pipe_storage": false})).await;
    for broken in ["1|2", "", "\u{1f389}"] {
        stage.contacts(&[("icq", broken), ("skype", "joe")]).await;
        for (field, value) in [("phone", "1"), ("title", "T")] {
            let outcome = stage.set(JOE, field, value).await;
            let why = "portal has a contact of this person that would not survive if it was saved again";
            assert_eq!((outcome.ending, outcome.attempts), (refused(why), 0));
        }
    }
    assert_eq!(stage.counts().await[2], 0);
    // Unless it is the one that is replaced.
    stage.contacts(&[("phone", "1|2"), ("skype", "joe")]).await;
    assert_eq!(stage.set(JOE, "phone", "3").await.ending, Ending::Updated);
}

#[tokio::test]
async fn a_value_takes_the_place_of_the_first_of_its_type_and_a_reset_removes_all_of_it() {
    let stage = Stage::new().await;
    let contacts = [("GTalk", "g"), ("phone", "1"), ("extphone", "2"), ("phone", "3"), ("own", "x")];
    stage.contacts(&contacts).await;
    assert_eq!(stage.set(JOE, "phone", "9").await.ending, Ending::Updated);
    let mut expected = contacts;
    expected[1].1 = "9";
    assert_eq!(stage.stored_contacts(JOE).await, pairs(&expected));
    assert_eq!(stage.reset(JOE, "phone").await.ending, Ending::Updated);
    assert_eq!(stage.stored_contacts(JOE).await, pairs(&[("GTalk", "g"), ("extphone", "2"), ("own", "x")]));
}

#[tokio::test]
async fn nothing_is_written_where_private_data_is_hidden() {
    let stage = Stage::new().await;
    stage.switch(json!({"may_view_private": false})).await;
    let before = stage.stored(JOE).await;
    for (field, value) in [("phone", "1"), ("title", "T")] {
        let why = "portal does not show us this person's e-mail address and contacts, so that nothing can be changed safely";
        let outcome = stage.set(JOE, field, value).await;
        assert_eq!((outcome.ending, outcome.attempts), (refused(why), 0));
    }
    assert_eq!(stage.stored(JOE).await, before);
}

#[tokio::test]
async fn who_has_left_is_unknown() {
    let stage = Stage::new().await;
    stage.switch(json!({"suspended": ["joe@company.com"]})).await;
    let outcome = stage.set(JOE, "phone", "1").await;
    assert_eq!((outcome.ending, outcome.attempts), (Ending::UnknownPerson, 0));
}

#[tokio::test]
async fn what_ldap_or_sso_has_the_say_about_is_refused_and_the_rest_is_saved() {
    let stage = Stage::new().await;
    stage.switch(json!({"sso": ["joe@company.com"]})).await;
    let why = "portal leaves firstname, title of this person to LDAP or SSO";
    let both = [("firstName", Some("J")), ("title", Some("T"))];
    let outcome = stage.update(JOE, &both).await;
    assert_eq!((outcome.ending, outcome.attempts), (refused(why), 0));
    let outcome = stage.update(JOE, &[both[0], both[1], ("phone", Some("1")), ("notes", Some("n"))]).await;
    assert_eq!((outcome.ending, outcome.attempts), (partly(why), 1));
    let joe = stage.stored(JOE).await;
    assert_eq!(
        (&joe["notes"], &joe["firstName"], &joe["title"]),
        (&json!("n"), &json!("Joe"), &json!("Engineer"))
    );
    // What is as it should be is no fault.
    let same = [("firstName", Some("Joe")), ("phone", Some("2"))];
    assert_eq!(stage.update(JOE, &same).await.ending, Ending::Updated);
}

#[tokio::test]
async fn an_update_of_nothing_calls_nobody() {
    let stage = Stage::new().await;
    assert_eq!(stage.update(JOE, &[]).await.ending, Ending::Unchanged);
    assert!(stage.calls().await.is_empty());
}
