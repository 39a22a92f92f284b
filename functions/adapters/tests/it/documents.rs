//! The documents.

use std::io::Write as _;
use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::future::join_all;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use people_adapters::aws::connect;
use people_adapters::s3::{S3Documents, read_object, write_object};
use people_core::document::{Content, Document, DocumentKey, Receiver, Slot};
use people_core::memory::{MemoryDocuments, MemorySpool};
use people_core::person::Person;
use people_core::ports::{Documents, Stored};
use people_core::time::Timestamp;

use crate::embedded::{BUCKET, Embedded, beginning, settings, start};
use crate::logs::id;
use crate::lossy::Lossy;

pub(crate) fn slot(field: &str, name: Option<&str>) -> Slot {
    let person = Person { upn: Some("jörg@company.com".into()), ..Person::default() }.key();
    Slot { person, field: field.into(), name: name.map(str::to_owned) }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut receiver = Receiver::new(Arc::new(MemorySpool));
    receiver.write(bytes).unwrap();
    receiver.finish().unwrap().sha256
}

/// A document that is the given part of an import.
pub(crate) fn document(slot: Slot, part: usize, bytes: &[u8]) -> Document {
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
    assert!(!documents.is_taken(&march).await.unwrap());
    let first = document(march.clone(), 0, b"%PDF-1.7 first %%EOF");
    assert_eq!(documents.store(&first).await.unwrap(), Stored::Uploaded);
    assert_eq!(documents.store(&first).await.unwrap(), Stored::Uploaded, "the same part once more");
    assert_eq!(documents.read(&march).await.unwrap().unwrap(), b"%PDF-1.7 first %%EOF");
    assert!(documents.is_taken(&march).await.unwrap());
    for free in
        [slot("payslips", Some("march.pdf")), slot("payslips", None), slot("march", Some("March.pdf"))]
    {
        assert!(!documents.is_taken(&free).await.unwrap(), "{free:?}");
    }
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
    a_link_leads_to_what_is_in_the_slot_under_its_name(documents).await;
    a_persons_documents_are_listed_in_order(documents).await;
    what_is_deleted_is_gone_and_can_be_stored_again(documents).await;
    what_a_later_import_has_stored_stays(documents).await;
    what_is_in_a_slot_is_never_swept(documents).await;
}

async fn what_is_in_a_slot_is_never_swept(documents: &dyn Documents) {
    assert_eq!(documents.sweep(the_end(), None).await.unwrap(), 0, "nothing was left behind");
    for name in ["March.pdf", "🎉 ü%2F.pdf", "late.pdf"] {
        assert!(documents.read(&slot("payslips", Some(name))).await.unwrap().is_some(), "{name}");
    }
}

/// Whatever was stored was stored before.
pub(crate) fn the_end() -> Timestamp {
    Timestamp::from_millis(i64::MAX)
}

/// The same, as a part of another import.
fn of(import: u8, document: Document) -> Document {
    let key = DocumentKey::new(&document.slot, id(import), 0);
    Document { key, import: id(import), ..document }
}

async fn what_a_later_import_has_stored_stays(documents: &dyn Documents) {
    for slot in [slot("late", None), slot("payslips", Some("late.pdf"))] {
        let document = |import, bytes| of(import, document(slot.clone(), 0, bytes));
        let (old, new) = (document(8, b"old"), document(9, b"new"));
        assert_eq!(documents.store(&new).await.unwrap(), Stored::Uploaded);
        for _ in 0..2 {
            assert_eq!(documents.store(&old).await.unwrap(), Stored::Superseded);
        }
        assert_eq!(documents.read(&slot).await.unwrap().unwrap(), b"new");
        assert_eq!(documents.store(&new).await.unwrap(), Stored::Uploaded, "the same once more");
        assert_eq!(documents.store(&document(10, b"newer")).await.unwrap(), Stored::Replaced);
    }
}

async fn a_link_leads_to_what_is_in_the_slot_under_its_name(documents: &dyn Documents) {
    let (list, single) = (slot("links", Some("a.pdf")), slot("link", None));
    assert_eq!(documents.link(&list, "a.pdf").await.unwrap(), None, "nothing has no link");
    documents.store(&document(list.clone(), 30, b"list")).await.unwrap();
    documents.store(&document(single.clone(), 31, b"single")).await.unwrap();
    assert!(documents.link(&list, "a.pdf").await.unwrap().is_some());
    assert!(documents.link(&single, "payslip.pdf").await.unwrap().is_some());
    assert_eq!(documents.link(&single, "a.pdf").await.unwrap(), None, "another name is another file");
}

async fn a_persons_documents_are_listed_in_order(documents: &dyn Documents) {
    let joe = Person { employee_id: Some("7".into()), ..Person::default() }.key();
    assert_eq!(documents.list(&joe).await.unwrap(), []);
    for (part, (field, name)) in
        [("b", Some("ä.pdf")), ("b", Some("a.pdf")), ("a", None), ("B", Some("z.pdf"))]
            .into_iter()
            .enumerate()
    {
        let slot = Slot { person: joe.clone(), ..slot(field, name) };
        documents.store(&document(slot, 40 + part, field.as_bytes())).await.unwrap();
    }
    let list = documents.list(&joe).await.unwrap();
    let names: Vec<_> = list.iter().map(|one| format!("{}/{}", one.field, one.file_name)).collect();
    assert_eq!(names, ["B/z.pdf", "a/payslip.pdf", "b/a.pdf", "b/ä.pdf"]);
    let first = &list[0];
    assert_eq!((first.bytes, first.sha256, first.import), (1, sha256(b"B"), id(1)));
    assert_eq!(first.stored_at.seconds(), beginning().seconds());
}

async fn what_is_deleted_is_gone_and_can_be_stored_again(documents: &dyn Documents) {
    let (list, single) = (slot("payslips", Some("gone.pdf")), slot("gone", None));
    assert!(!documents.delete(&list, "gone.pdf", id(1)).await.unwrap(), "nothing was there");
    for part in [50, 51] {
        documents.store(&document(list.clone(), part, b"list")).await.unwrap();
        assert!(documents.delete(&list, "gone.pdf", id(1)).await.unwrap());
        assert_eq!(documents.read(&list).await.unwrap(), None);
        assert!(!documents.is_taken(&list).await.unwrap());
        assert_eq!(documents.link(&list, "gone.pdf").await.unwrap(), None);
        assert!(!documents.delete(&list, "gone.pdf", id(1)).await.unwrap());
    }
    documents.store(&document(single.clone(), 52, b"single")).await.unwrap();
    assert!(!documents.delete(&single, "other.pdf", id(1)).await.unwrap(), "another name is another file");
    assert!(documents.read(&single).await.unwrap().is_some());
    assert!(documents.delete(&single, "payslip.pdf", id(1)).await.unwrap());
    let left = documents.list(&single.person).await.unwrap();
    assert!(left.iter().all(|one| one.field != "gone" && one.file_name != "gone.pdf"));
}

async fn a_field_that_is_no_list_has_one_slot(documents: &dyn Documents) {
    let contract = slot("contract", None);
    assert_eq!(documents.store(&document(contract.clone(), 20, b"one")).await.unwrap(), Stored::Uploaded);
    assert_eq!(documents.store(&document(contract.clone(), 21, b"two")).await.unwrap(), Stored::Replaced);
    assert_eq!(documents.read(&contract).await.unwrap().unwrap(), b"two");
    assert!(documents.is_taken(&contract).await.unwrap());
    assert_eq!(documents.read(&slot("contract", Some("payslip.pdf"))).await.unwrap(), None);
}

#[tokio::test]
async fn memory_keeps_the_contract() {
    documents_contract(&MemoryDocuments::default()).await;
}

pub(crate) fn documents(embedded: &Embedded) -> S3Documents {
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

#[tokio::test]
async fn of_a_document_that_comes_too_late_nothing_stays() {
    let embedded = start().await;
    let documents = documents(&embedded);
    let document = |import| of(import, document(slot("contract", None), 0, b"%PDF-"));
    documents.store(&document(9)).await.unwrap();
    assert_eq!(documents.store(&document(8)).await.unwrap(), Stored::Superseded);
    assert_eq!(objects(&embedded).await, [document(9).key.as_str()]);
}

/// The keys of all objects in the bucket.
pub(crate) async fn objects(embedded: &Embedded) -> Vec<String> {
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

/// What is at this URL for somebody without a key: the bytes, where it is given out.
async fn fetch(url: &str) -> Option<Bytes> {
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    let answer = client.get(url.parse().unwrap()).await.unwrap();
    let given = answer.status().is_success();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    given.then_some(body)
}

#[tokio::test]
async fn a_link_works_without_a_key_for_five_minutes_and_says_so() {
    let embedded = start().await;
    let documents = documents(&embedded);
    let slot = slot("payslips", Some("50% ü.pdf"));
    let bytes = b"%PDF-1.7\r\n\x00\xff%%EOF";
    documents.store(&document(slot.clone(), 0, bytes)).await.unwrap();
    let link = documents.link(&slot, "50% ü.pdf").await.unwrap().unwrap();
    assert_eq!(format!("{link:?}"), "***");
    let url = link.reveal();
    assert!(url.contains("X-Amz-Expires=300&") && url.contains("X-Amz-SignedHeaders=host&"), "{url}");
    assert_eq!(fetch(url).await.as_deref(), Some(&bytes[..]));
    let longer = url.replace("X-Amz-Expires=300&", "X-Amz-Expires=301&");
    for url in [longer.as_str(), url.split_once('?').unwrap().0] {
        assert_eq!(fetch(url).await, None, "only as it was signed");
    }
}

/// Records a document like the one that is there, with other attributes, in an item of at least so many bytes: a page of
/// DynamoDB has at most 1 MB.
pub(crate) async fn record_at_length<const N: usize>(
    embedded: &Embedded,
    bytes: usize,
    others: [(&str, String); N],
) {
    let (client, table) = (&embedded.aws.dynamodb, &embedded.tables.documents);
    let mut record = client.scan().table_name(table).limit(1).send().await.unwrap().items.unwrap().remove(0);
    let padding = ("padding", "x".repeat(bytes));
    let texts = others.into_iter().chain([padding]);
    record.extend(texts.map(|(name, text)| (name.to_owned(), AttributeValue::S(text))));
    client.put_item().table_name(table).set_item(Some(record)).send().await.unwrap();
}

#[tokio::test]
async fn a_list_goes_over_all_pages() {
    let embedded = start().await;
    let documents = documents(&embedded);
    let first = slot("payslips", Some("00.pdf"));
    documents.store(&document(first.clone(), 0, b"bytes")).await.unwrap();
    for n in 1..25 {
        let name = format!("{n:02}.pdf");
        let names = [("slot", format!("payslips/{name}")), ("fileName", name)];
        record_at_length(&embedded, 100_000, names).await;
    }
    let list = documents.list(&first.person).await.unwrap();
    let names: Vec<_> = list.into_iter().map(|one| one.file_name).collect();
    assert_eq!(names, (0..25).map(|n| format!("{n:02}.pdf")).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_that_races_replacements_leaves_a_whole_document_or_none() {
    let embedded = start().await;
    let documents = documents(&embedded);
    let slot = slot("contract", None);
    for round in 0..10 {
        let new: Vec<_> =
            (0..4).map(|n| document(slot.clone(), round * 4 + n, &[round as u8, n as u8])).collect();
        let (stored, deleted) = tokio::join!(
            join_all(new.iter().map(|document| documents.store(document))),
            join_all((0..3).map(|_| documents.delete(&slot, "payslip.pdf", id(1)))),
        );
        assert!(
            stored.iter().all(Result::is_ok) && deleted.iter().all(Result::is_ok),
            "{stored:?} {deleted:?}"
        );
        let objects = objects(&embedded).await;
        match documents.read(&slot).await.unwrap() {
            None => assert_eq!(objects, [""; 0]),
            Some(bytes) => {
                let kept = new.iter().position(|document| objects == [document.key.as_str()]).unwrap();
                assert_eq!(bytes, [round as u8, kept as u8]);
            }
        }
    }
}

#[tokio::test]
async fn a_deletion_whose_answer_was_lost_is_one() {
    let embedded = start().await;
    let (lossy, documents) = lossy_documents(&embedded).await;
    let slot = slot("contract", None);
    documents.store(&document(slot.clone(), 0, b"bytes")).await.unwrap();
    let mut lost = lossy.lose("DeleteItem").lost;
    assert!(documents.delete(&slot, "payslip.pdf", id(1)).await.unwrap());
    assert!(lost.try_recv().is_ok(), "an answer was lost");
    assert_eq!(objects(&embedded).await, [""; 0]);
}

#[tokio::test]
async fn a_deletion_whose_answer_was_lost_takes_nothing_from_whoever_came_next() {
    let embedded = start().await;
    let (lossy, ours) = lossy_documents(&embedded).await;
    let theirs = documents(&embedded);
    let slot = slot("contract", None);
    theirs.store(&document(slot.clone(), 0, b"old")).await.unwrap();
    let lost = lossy.lose("DeleteItem");
    let (deleted, ()) = tokio::join!(ours.delete(&slot, "payslip.pdf", id(1)), async {
        lost.lost.await.unwrap();
        let next = theirs.store(&document(slot.clone(), 1, b"theirs")).await;
        assert_eq!(next.unwrap(), Stored::Uploaded);
        lost.end.send(()).unwrap();
    });
    assert!(deleted.unwrap(), "what was seen is gone");
    assert_eq!(theirs.read(&slot).await.unwrap().unwrap(), b"theirs");
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
