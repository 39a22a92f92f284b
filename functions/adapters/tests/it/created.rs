//! What the embedded S3 tells of the objects that were created.

use std::sync::{Arc, Mutex};

use aws_sdk_s3::Client;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use embedded_s3::{Created, How, event};
use people_adapters::aws::connect;
use people_adapters::s3::{create_bucket, write_object};
use tokio::sync::mpsc;

use crate::embedded::{BUCKET, s3_that_tells, settings};

/// An S3 and what it tells. Everything is gone with the folder.
async fn telling() -> (Client, Arc<Mutex<Vec<Created>>>, tempfile::TempDir) {
    let (folder, told) = (tempfile::tempdir().unwrap(), Arc::new(Mutex::new(Vec::new())));
    let telling = Arc::clone(&told);
    let url = s3_that_tells(folder.path(), move |created| telling.lock().unwrap().push(created)).await;
    let s3 = connect(&settings(&url, &url)).await.s3;
    create_bucket(&s3, BUCKET).await.unwrap();
    (s3, told, folder)
}

/// Of each object that was told of: how it came to be, its key and its size.
fn seen(told: &Mutex<Vec<Created>>) -> Vec<(How, String, u64)> {
    let told = std::mem::take(&mut *told.lock().unwrap());
    assert!(told.is_sorted_by_key(|created| created.sequencer.clone()), "{told:?}");
    told.into_iter().map(|created| (created.how, created.key, created.size)).collect()
}

async fn put_in_parts(s3: &Client, key: &str) {
    let begun = s3.create_multipart_upload().bucket(BUCKET).key(key).send().await.unwrap();
    let upload = begun.upload_id().unwrap();
    let part = s3.upload_part().bucket(BUCKET).key(key).upload_id(upload).part_number(1);
    let part = part.body(b"one part".to_vec().into()).send().await.unwrap();
    let part = CompletedPart::builder().part_number(1).set_e_tag(part.e_tag).build();
    let parts = CompletedMultipartUpload::builder().parts(part).build();
    let request = s3.complete_multipart_upload().bucket(BUCKET).key(key).upload_id(upload);
    request.multipart_upload(parts).send().await.unwrap();
}

#[tokio::test]
async fn each_way_to_create_an_object_is_told_of() {
    let (s3, told, _folder) = telling().await;
    write_object(&s3, BUCKET, "inbox/a b.csv", b"people".to_vec()).await.unwrap();
    assert_eq!(seen(&told), [(How::Put, "inbox/a b.csv".to_owned(), 6)]);
    let source = format!("{BUCKET}/inbox/a%20b.csv");
    s3.copy_object().bucket(BUCKET).key("inbox-done/c").copy_source(source).send().await.unwrap();
    assert_eq!(seen(&told), [(How::Copy, "inbox-done/c".to_owned(), 6)]);
    put_in_parts(&s3, "inbox/parts").await;
    assert_eq!(seen(&told), [(How::CompleteMultipartUpload, "inbox/parts".to_owned(), 8)]);
    write_object(&s3, BUCKET, "config/x", b"12".to_vec()).await.unwrap();
    let version = s3.head_object().bucket(BUCKET).key("config/x").send().await.unwrap().version_id;
    assert_eq!(told.lock().unwrap()[0].version_id, version);
    assert_eq!(seen(&told), [(How::Put, "config/x".to_owned(), 2)]);
}

#[tokio::test]
async fn what_was_not_stored_is_not_told_of() {
    let (s3, told, _folder) = telling().await;
    write_object(&s3, BUCKET, "staged/a", b"a".to_vec()).await.unwrap();
    seen(&told);
    let put = |key: &str| s3.put_object().bucket(BUCKET).key(key).body(b"b".to_vec().into());
    assert!(put("staged/a").if_none_match("*").send().await.is_err());
    assert!(
        put("staged/b").checksum_sha256("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=").send().await.is_err()
    );
    s3.delete_object().bucket(BUCKET).key("staged/a").send().await.unwrap();
    assert_eq!(seen(&told), []);
}

#[tokio::test]
async fn an_object_can_be_read_when_it_is_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let (sender, mut created) = mpsc::unbounded_channel();
    let url = s3_that_tells(folder.path(), move |created| sender.send(created).unwrap()).await;
    let s3 = connect(&settings(&url, &url)).await.s3;
    create_bucket(&s3, BUCKET).await.unwrap();
    let writing = {
        let s3 = s3.clone();
        tokio::spawn(async move {
            for n in 0..20 {
                let put = s3.put_object().bucket(BUCKET).key(format!("staged/{n}")).content_type("text/x");
                put.body(vec![n; 1000].into()).send().await.unwrap();
            }
        })
    };
    for n in 0..20 {
        let created = created.recv().await.unwrap();
        assert_eq!(created.key, format!("staged/{n}"));
        let object = s3.get_object().bucket(&created.bucket).key(&created.key).send().await.unwrap();
        assert_eq!(object.content_type(), Some("text/x"));
        assert_eq!(object.e_tag().unwrap().trim_matches('"'), created.etag);
        assert_eq!(object.body.collect().await.unwrap().to_vec(), vec![n; 1000]);
    }
    writing.await.unwrap();
}

#[tokio::test]
async fn the_event_is_one_that_lambda_reads() {
    let (s3, told, _folder) = telling().await;
    write_object(&s3, BUCKET, "inbox/ü a+b.csv", b"people".to_vec()).await.unwrap();
    let created = told.lock().unwrap().remove(0);
    let record = &event(&created, "eu-central-1")["Records"][0];
    assert_eq!(record["eventName"], "ObjectCreated:Put");
    assert_eq!(record["s3"]["object"]["key"], "inbox/%C3%BC+a%2Bb.csv");
    assert_eq!(record["s3"]["bucket"]["name"], BUCKET);
}
