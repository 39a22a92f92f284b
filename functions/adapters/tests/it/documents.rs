//! The documents.

use std::io::Write as _;
use std::sync::Arc;

use futures_util::future::join_all;
use people_adapters::aws::connect;
use people_adapters::s3::{S3Documents, read_object, write_object};
use people_core::document::{Content, Document, DocumentKey, Receiver, Slot};
use people_core::memory::{MemoryDocuments, MemorySpool};
use people_core::person::Person;
use people_core::ports::{Documents, Stored};

use crate::embedded::{BUCKET, Embedded, beginning, settings, start};
use crate::logs::id;
use crate::lossy::Lossy;

fn slot(field: &str, name: Option<&str>) -> Slot {
    let person = Person { upn: Some("jörg@company.com".into()), ..Person::default() }.key();
    Slot { person, field: field.into(), name: name.map(str::to_owned) }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut receiver = Receiver::new(Arc::new(MemorySpool));
    receiver.write(bytes).unwrap();
    receiver.finish().unwrap().sha256
}

/// A document that is the given part of an import.
fn document(slot: Slot, part: usize, bytes: &[u8]) -> Document {
    Document {
        key: DocumentKey::new(&slot, id(1), part),
        file_name: slot.name.clone().unwrap_or_else(|| "payslip.pdf".into()),
        slot,
        content: Content::Memory(bytes.to_vec().into()),
        sha256: sha256(bytes),
        import: id(1),
        stored_at: beginning(),
    }
}

async fn documents_contract(documents: &dyn Documents) {
    let march = slot("payslips", Some("March.pdf"));
    assert_eq!(documents.read(&march).await.unwrap(), None);
    let first = document(march.clone(), 0, b"%PDF-1.7 first %%EOF");
    assert_eq!(documents.store(&first).await.unwrap(), Stored::Uploaded);
    assert_eq!(documents.store(&first).await.unwrap(), Stored::Uploaded, "the same part once more");
    assert_eq!(documents.read(&march).await.unwrap().unwrap(), b"%PDF-1.7 first %%EOF");
    let second = document(march.clone(), 1, b"%PDF-1.7 second %%EOF");
    assert_eq!(documents.store(&second).await.unwrap(), Stored::Replaced);
    assert_eq!(documents.read(&march).await.unwrap().unwrap(), b"%PDF-1.7 second %%EOF");
    let names = ["april.pdf", "APRIL.pdf", "a\"b'c;.pdf", "🎉 ü%2F.pdf", "../x/y\\z.pdf", &"é".repeat(98)];
    for (part, name) in names.into_iter().enumerate() {
        let stored =
            documents.store(&document(slot("payslips", Some(name)), 10 + part, name.as_bytes())).await;
        assert_eq!(stored.unwrap(), Stored::Uploaded, "{name}");
    }
    for name in names {
        let read = documents.read(&slot("payslips", Some(name))).await.unwrap();
        assert_eq!(read.as_deref(), Some(name.as_bytes()), "{name}");
    }
    a_field_that_is_no_list_has_one_slot(documents).await;
}

async fn a_field_that_is_no_list_has_one_slot(documents: &dyn Documents) {
    let contract = slot("contract", None);
    assert_eq!(documents.store(&document(contract.clone(), 20, b"one")).await.unwrap(), Stored::Uploaded);
    assert_eq!(documents.store(&document(contract.clone(), 21, b"two")).await.unwrap(), Stored::Replaced);
    assert_eq!(documents.read(&contract).await.unwrap().unwrap(), b"two");
    assert_eq!(documents.read(&slot("contract", Some("payslip.pdf"))).await.unwrap(), None);
}

#[tokio::test]
async fn memory_keeps_the_contract() {
    documents_contract(&MemoryDocuments::default()).await;
}

fn documents(embedded: &Embedded) -> S3Documents {
    let Embedded { aws, tables, .. } = embedded;
    S3Documents::new(aws.s3.clone(), BUCKET, aws.dynamodb.clone(), tables)
}

#[tokio::test]
async fn s3_keeps_the_contract() {
    documents_contract(&documents(&start().await)).await;
}

fn spooled(bytes: &[u8]) -> Content {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    Content::File(Arc::new(file), bytes.len() as u64)
}

#[tokio::test]
async fn a_spooled_file_arrives_byte_for_byte() {
    let embedded = start().await;
    let documents = documents(&embedded);
    for (part, size) in [100_000, 128 * 1024, 5_000_000, 1].into_iter().enumerate() {
        let bytes: Vec<u8> = (0..size).map(|n: usize| (n * 31 % 251) as u8).collect();
        let slot = slot("payslips", Some(&format!("{size}.pdf")));
        let document = Document { content: spooled(&bytes), ..document(slot.clone(), part, &bytes) };
        assert_eq!(documents.store(&document).await.unwrap(), Stored::Uploaded);
        assert!(documents.read(&slot).await.unwrap().unwrap() == bytes, "{size}");
        let again = Document { key: DocumentKey::new(&slot, id(2), part), ..document };
        assert_eq!(documents.store(&again).await.unwrap(), Stored::Replaced, "a file is read more than once");
        assert!(documents.read(&slot).await.unwrap().unwrap() == bytes, "{size}");
    }
}

#[tokio::test]
async fn a_replaced_object_is_gone_and_the_new_one_has_its_name() {
    let embedded = start().await;
    let documents = documents(&embedded);
    let slot = slot("payslips", Some("Müller \"1\".pdf"));
    let (old, new) = (document(slot.clone(), 0, b"old"), document(slot, 1, b"new"));
    documents.store(&old).await.unwrap();
    documents.store(&new).await.unwrap();
    let s3 = &embedded.aws.s3;
    assert_eq!(read_object(s3, BUCKET, old.key.as_str()).await.unwrap(), None);
    let head = s3.head_object().bucket(BUCKET).key(new.key.as_str()).send().await.unwrap();
    assert_eq!((head.content_type(), head.content_length()), (Some("application/pdf"), Some(3)));
    let name = "attachment; filename=\"M_ller _1_.pdf\"; filename*=UTF-8''M%C3%BCller%20%221%22.pdf";
    assert_eq!(head.content_disposition(), Some(name));
}

/// The keys of all objects in the bucket.
async fn objects(embedded: &Embedded) -> Vec<String> {
    let listed = embedded.aws.s3.list_objects_v2().bucket(BUCKET).send().await.unwrap();
    listed.contents().iter().filter_map(|object| object.key().map(str::to_owned)).collect()
}

/// The documents on a way that loses answers of DynamoDB.
async fn lossy_documents(embedded: &Embedded) -> (Lossy, S3Documents) {
    let lossy = Lossy::to(&embedded.dynamodb).await;
    let aws = connect(&settings(&lossy.url, &embedded.s3)).await;
    (lossy, S3Documents::new(aws.s3, BUCKET, aws.dynamodb, &embedded.tables))
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_at_once_in_one_slot_one_stays_and_can_be_read() {
    let embedded = start().await;
    let documents = documents(&embedded);
    let slot = slot("contract", None);
    for round in 0..5 {
        let new: Vec<_> = (0..8)
            .map(|n| document(slot.clone(), round * 8 + n, format!("{round}.{n}").as_bytes()))
            .collect();
        let stored = join_all(new.iter().map(|document| documents.store(document))).await;
        let first = stored.iter().filter(|stored| matches!(stored, Ok(Stored::Uploaded))).count();
        let later = stored.iter().filter(|stored| matches!(stored, Ok(Stored::Replaced))).count();
        let expected = if round == 0 { (1, 7) } else { (0, 8) };
        assert_eq!((first, later), expected, "{stored:?}");
        let objects = objects(&embedded).await;
        let kept = new.iter().position(|document| objects == [document.key.as_str()]);
        let kept = format!("{round}.{}", kept.unwrap());
        assert_eq!(documents.read(&slot).await.unwrap().unwrap(), kept.as_bytes());
    }
}

#[tokio::test]
async fn a_record_whose_answer_was_lost_replaces_like_any_other() {
    let embedded = start().await;
    let (lossy, documents) = lossy_documents(&embedded).await;
    let slot = slot("contract", None);
    for (part, expected) in [Stored::Uploaded, Stored::Replaced, Stored::Replaced].into_iter().enumerate() {
        let new = document(slot.clone(), part, &[b'0', part as u8]);
        let mut lost = lossy.lose("PutItem").lost;
        assert_eq!(documents.store(&new).await.unwrap(), expected);
        assert!(lost.try_recv().is_ok(), "an answer was lost");
        assert_eq!(objects(&embedded).await, [new.key.as_str()]);
        assert_eq!(documents.read(&slot).await.unwrap().unwrap(), [b'0', part as u8]);
    }
}

#[tokio::test]
async fn a_record_whose_answer_was_lost_takes_nothing_from_whoever_came_next() {
    let embedded = start().await;
    let (lossy, ours) = lossy_documents(&embedded).await;
    let theirs = documents(&embedded);
    let slot = slot("contract", None);
    theirs.store(&document(slot.clone(), 0, b"old")).await.unwrap();
    let lost = lossy.lose("PutItem");
    let mine = document(slot.clone(), 1, b"ours");
    let (stored, ()) = tokio::join!(ours.store(&mine), async {
        lost.lost.await.unwrap();
        let next = theirs.store(&document(slot.clone(), 2, b"theirs")).await;
        assert_eq!(next.unwrap(), Stored::Replaced);
        lost.end.send(()).unwrap();
    });
    assert!(stored.is_err(), "nobody knows whether it was ever there");
    assert_eq!(theirs.read(&slot).await.unwrap().unwrap(), b"theirs");
}

#[tokio::test]
async fn a_document_that_did_not_arrive_as_it_was_sent_is_not_recorded() {
    let embedded = start().await;
    let documents = documents(&embedded);
    let slot = slot("contract", None);
    let wrong = Document { sha256: [0; 32], ..document(slot.clone(), 0, b"bytes") };
    assert!(documents.store(&wrong).await.is_err());
    assert_eq!(documents.read(&slot).await.unwrap(), None);
    let cut = Document { content: Content::File(Arc::new(tempfile::tempfile().unwrap()), 9), ..wrong };
    assert!(documents.store(&cut).await.is_err());
    assert_eq!(documents.read(&slot).await.unwrap(), None);
}

#[tokio::test]
async fn an_object_is_written_and_read_back() {
    let embedded = start().await;
    let s3 = &embedded.aws.s3;
    for bytes in [b"{}".to_vec(), Vec::new(), b"[1]".to_vec()] {
        write_object(s3, BUCKET, "config/targets.json", bytes.clone()).await.unwrap();
        assert_eq!(read_object(s3, BUCKET, "config/targets.json").await.unwrap(), Some(bytes));
    }
    assert_eq!(read_object(s3, BUCKET, "config/missing.json").await.unwrap(), None);
}
