//! Everything that a running stack has kept of what it was sent, so that a test can say what is nowhere in it: the import
//! logs as they are shown, every item of every table but the updates that wait to be delivered, every object but documents
//! and the configuration, and whatever else a test adds, such as what the process has printed.

use people_adapters::aws::{self, AwsSettings};
use people_adapters::secret::Secret;
use serde_json::Value;

use super::text;

/// What may be looked for, each with the place where it was found.
#[derive(Default)]
pub(crate) struct Everything(Vec<(String, String)>);

/// Where objects may hold what was sent: the PDFs, and what administrators wrote.
const LEFT_OUT: [&str; 2] = ["documents/", "config/"];

impl Everything {
    /// What is in the stores of the stack with this ready file.
    pub(crate) async fn stored(ready: &Value) -> Everything {
        let aws = aws::connect(&AwsSettings::At {
            dynamodb: text(ready, "/dynamodb").to_owned(),
            s3: text(ready, "/s3").to_owned(),
            secrets_manager: None,
            region: text(ready, "/region").to_owned(),
            access_key_id: text(ready, "/accessKeyId").to_owned(),
            secret_access_key: Secret::new(text(ready, "/secretAccessKey").to_owned()),
        })
        .await;
        let mut all = Everything::default();
        for table in ready["tables"].as_array().unwrap().iter().filter_map(Value::as_str) {
            let mut pages = aws.dynamodb.scan().table_name(table).into_paginator().items().send();
            while let Some(item) = pages.next().await {
                let mut item = item.unwrap();
                if table == "people-undelivered" {
                    assert!(item.remove("update").is_some(), "nothing waits without its update");
                }
                let item = format!("{item:?}");
                // Bytes are shown as numbers, in which nothing would be found.
                assert!(!item.contains("Blob"), "{table}: {item}");
                all.add(&format!("table {table}"), item);
            }
        }
        let bucket = text(ready, "/bucket");
        let mut pages = aws.s3.list_objects_v2().bucket(bucket).into_paginator().send();
        while let Some(page) = pages.next().await {
            for object in page.unwrap().contents() {
                let key = object.key().unwrap();
                all.add("keys of objects", key);
                if !LEFT_OUT.iter().any(|folder| key.starts_with(folder)) {
                    let got = aws.s3.get_object().bucket(bucket).key(key).send().await.unwrap();
                    all.add(&format!("object {key}"), format!("{:?}", got.metadata()));
                    let bytes = got.body.collect().await.unwrap().to_vec();
                    all.add(&format!("object {key}"), String::from_utf8_lossy(&bytes));
                }
            }
        }
        all
    }

    pub(crate) fn add(&mut self, place: &str, what: impl Into<String>) {
        self.0.push((place.to_owned(), what.into().to_lowercase()));
    }

    /// The places where a text is, in any case, as it is or as a URL has it. A short one counts as a word of its own
    /// only.
    pub(crate) fn places(&self, wanted: &str) -> Vec<&str> {
        let wanted = wanted.to_lowercase();
        let encoded: String = wanted.bytes().map(in_url).collect();
        let is_in = |what: &str| {
            [&wanted, &encoded].iter().any(|wanted| match wanted.len() {
                0..8 => is_word(what, wanted),
                _ => what.contains(wanted.as_str()),
            })
        };
        let mut places: Vec<_> =
            self.0.iter().filter(|(_, what)| is_in(what)).map(|(place, _)| place.as_str()).collect();
        places.dedup();
        places
    }

    /// Fails with everything of this that is somewhere.
    pub(crate) fn has_none_of(&self, wanted: &[String]) {
        let found = wanted.iter().map(|wanted| (wanted, self.places(wanted)));
        let found: Vec<_> = found.filter(|(_, places)| !places.is_empty()).collect();
        assert!(found.is_empty(), "{found:#?}");
    }
}

fn in_url(byte: u8) -> String {
    match byte {
        b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02x}"),
    }
}

fn is_word(text: &str, word: &str) -> bool {
    let is_part = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    text.match_indices(word).any(|(at, _)| {
        !is_part(text[..at].chars().next_back()) && !is_part(text[at + word.len()..].chars().next())
    })
}

#[test]
fn a_text_is_found_in_any_case_and_as_a_url_has_it() {
    let mut all = Everything::default();
    all.add("here", "a PlantedValue and https://x/?a=planted%2Dvalue%20%2B1, 0917 and 10917");
    for (wanted, found) in [
        ("plantedvalue", true),
        ("PLANTED VALUE", false),
        ("value +1", true),
        ("0917", true),
        ("917", false),
        ("1091", false),
    ] {
        assert_eq!(!all.places(wanted).is_empty(), found, "{wanted}");
    }
}
