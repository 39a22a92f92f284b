//! The embedded S3 has versions as S3 has them: what the configuration relies on, over the wire.

use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata;
use people_adapters::aws::connect;
use people_adapters::configuration::{Stored, replace, stored};
use people_adapters::s3::read_object;

use crate::embedded::{BUCKET, s3, settings, start};

const KEY: &str = "config/targets.json";

/// Puts an object and gives back the id of its version.
async fn put(s3: &Client, key: &str, bytes: &'static str) -> Option<String> {
    let body = bytes.as_bytes().to_vec().into();
    let answer = s3.put_object().bucket(BUCKET).key(key).body(body).send().await.unwrap();
    answer.version_id().map(str::to_owned)
}

async fn read(s3: &Client, version: &str) -> Vec<u8> {
    let answer = s3.get_object().bucket(BUCKET).key(KEY).version_id(version).send().await.unwrap();
    assert_eq!(answer.version_id(), Some(version));
    answer.body.collect().await.unwrap().to_vec()
}

/// The ids of the versions and of the delete markers that a list shows.
async fn listed(s3: &Client, most: i32) -> (Vec<String>, Vec<String>) {
    let answer = s3.list_object_versions().bucket(BUCKET).prefix(KEY).max_keys(most).send().await.unwrap();
    let versions = answer.versions().iter().filter_map(|version| version.version_id().map(str::to_owned));
    let markers = answer.delete_markers().iter().filter_map(|marker| marker.version_id().map(str::to_owned));
    (versions.collect(), markers.collect())
}

#[tokio::test]
async fn every_version_can_be_read_and_the_newest_is_the_object() {
    let embedded = start().await;
    let client = &embedded.aws.s3;
    let first = put(client, KEY, "first").await.unwrap();
    let second = put(client, KEY, "second").await.unwrap();
    put(client, "config/targets.json.old", "another").await.unwrap();
    assert_eq!(read_object(client, BUCKET, KEY).await.unwrap().unwrap(), b"second");
    assert_eq!(
        (read(client, &first).await, read(client, &second).await),
        (b"first".into(), b"second".into())
    );
    assert_eq!(listed(client, 2).await, (vec![second.clone(), first.clone()], vec![]));
    assert_eq!(listed(client, 1).await, (vec![second.clone()], vec![]));

    let deleted = client.delete_object().bucket(BUCKET).key(KEY).send().await.unwrap();
    assert_eq!(read_object(client, BUCKET, KEY).await.unwrap(), None);
    let marker = deleted.version_id().unwrap().to_owned();
    assert_eq!(listed(client, 3).await, (vec![second.clone(), first.clone()], vec![marker.clone()]));
    let refused = client.get_object().bucket(BUCKET).key(KEY).version_id(marker).send().await.unwrap_err();
    assert_eq!(refused.code(), Some("MethodNotAllowed"));
    let unknown = client.get_object().bucket(BUCKET).key(KEY).version_id("../x").send().await.unwrap_err();
    assert_eq!(unknown.code(), Some("NoSuchVersion"));

    let url = s3(embedded.objects.path()).await;
    let restarted = connect(&settings(&embedded.dynamodb, &url)).await.s3;
    assert_eq!(read(&restarted, &first).await, b"first", "versions are there after a restart");
    let third = put(&restarted, KEY, "third").await.unwrap();
    assert_eq!(listed(&restarted, 4).await.0, [third, second, first]);
    assert_eq!(read_object(&restarted, BUCKET, KEY).await.unwrap().unwrap(), b"third");
}

#[tokio::test]
async fn only_the_configuration_has_versions() {
    let embedded = start().await;
    let client = &embedded.aws.s3;
    assert_eq!(put(client, "documents/a.pdf", "%PDF-").await, None);
    let listed = client.list_object_versions().bucket(BUCKET).send().await.unwrap();
    assert!(listed.versions().is_empty());
    let buckets = client.list_buckets().send().await.unwrap();
    assert_eq!(buckets.buckets().len(), 1, "where the versions are is no bucket");
}

#[tokio::test]
async fn what_the_caller_has_already_is_not_sent_again() {
    let embedded = start().await;
    let client = &embedded.aws.s3;
    put(client, KEY, "first").await;
    let answer = client.get_object().bucket(BUCKET).key(KEY).send().await.unwrap();
    let read = || client.get_object().bucket(BUCKET).key(KEY).if_none_match(answer.e_tag().unwrap()).send();
    let same = read().await.unwrap_err();
    assert_eq!(same.raw_response().unwrap().status().as_u16(), 304);
    put(client, KEY, "second").await;
    assert!(read().await.is_ok());
}

#[tokio::test]
async fn what_arrives_with_a_wrong_checksum_is_not_kept() {
    let embedded = start().await;
    let client = &embedded.aws.s3;
    put(client, KEY, "first").await;
    for (key, left) in [(KEY, Some(b"first".to_vec())), ("documents/a.pdf", None)] {
        let wrong = aws_sdk_s3::primitives::ByteStream::from_static(b"wrong");
        let put = client.put_object().bucket(BUCKET).key(key).body(wrong);
        let refused = put.checksum_sha256("A".repeat(43) + "=").send().await.unwrap_err();
        assert_eq!(refused.code(), Some("BadDigest"));
        assert_eq!(read_object(client, BUCKET, key).await.unwrap(), left);
    }
    assert_eq!(listed(client, 9).await.0.len(), 1);
}

#[tokio::test]
async fn an_object_is_replaced_only_in_place_of_the_one_that_is_meant() {
    let embedded = start().await;
    let client = &embedded.aws.s3;
    let replace = async |known: Option<&Stored>, text: &'static str| {
        replace(client, BUCKET, KEY, known, text.into()).await.unwrap()
    };
    let current = async || stored(client, BUCKET, KEY).await.unwrap();
    assert!(replace(None, "first").await);
    let first = current().await;
    assert!(!replace(None, "second").await);
    assert!(replace(first.as_ref(), "second").await);
    assert!(!replace(first.as_ref(), "third").await);
    assert_eq!(current().await.unwrap().bytes, "second");
    let second = current().await;
    client.delete_object().bucket(BUCKET).key(KEY).send().await.unwrap();
    assert!(!replace(second.as_ref(), "third").await);
    assert!(replace(None, "third").await);
    assert_eq!(listed(client, 9).await.0.len(), 3, "what is refused makes no version");
}

#[tokio::test]
async fn a_process_that_ended_between_the_version_and_the_object_serves_the_version() {
    let embedded = start().await;
    let client = &embedded.aws.s3;
    put(client, KEY, "first").await;
    let file = embedded.objects.path().join(BUCKET).join(KEY);
    let before = std::fs::read(&file).unwrap();
    let second = put(client, KEY, "second").await;
    std::fs::write(&file, before).unwrap();
    let answer = client.get_object().bucket(BUCKET).key(KEY).send().await.unwrap();
    assert_eq!(answer.version_id().map(str::to_owned), second);
    assert_eq!(answer.body.collect().await.unwrap().to_vec(), b"second");
}

#[tokio::test]
async fn a_key_is_listed_as_it_is_also_where_lists_are_url_encoded() {
    let embedded = start().await;
    let client = &embedded.aws.s3;
    put(client, "documents/a%2Fb%20c/x.pdf", "x").await;
    let list = || client.list_objects_v2().bucket(BUCKET).prefix("documents/a%2F");
    let keys = |answer: aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output| {
        answer.contents().iter().filter_map(|object| object.key().map(str::to_owned)).collect::<Vec<_>>()
    };
    assert_eq!(keys(list().send().await.unwrap()), ["documents/a%2Fb%20c/x.pdf"]);
    let encoded = list().encoding_type(aws_sdk_s3::types::EncodingType::Url).send().await.unwrap();
    assert_eq!(encoded.prefix(), Some("documents/a%252F"));
    assert_eq!(keys(encoded), ["documents/a%252Fb%2520c/x.pdf"]);
}
