//! What documents left behind: bytes that no slot leads to.

use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use people_adapters::s3::{read_object, write_object};
use people_core::document::{DocumentKey, Slot};
use people_core::person::Person;
use people_core::ports::Documents;
use people_core::time::Timestamp;

use crate::documents::{document, documents, objects, record_at_length, slot, the_end};
use crate::embedded::{BUCKET, Embedded, start};
use crate::logs::id;

/// Stores the bytes of a document that never is in its slot, and says where they are.
async fn leave_behind(embedded: &Embedded, slot: &Slot, part: usize) -> String {
    let key = DocumentKey::new(slot, id(7), part).as_str().to_owned();
    write_object(&embedded.aws.s3, BUCKET, &key, b"%PDF-1.7 %%EOF".to_vec()).await.unwrap();
    key
}

/// Records like one that is there, which lead to these objects; the numbers tell them apart.
async fn record_all(embedded: &Embedded, objects: Vec<(usize, String)>) {
    let (client, table) = (&embedded.aws.dynamodb, &embedded.tables.documents);
    let mut record = client.scan().table_name(table).limit(1).send().await.unwrap().items.unwrap().remove(0);
    record.remove("padding");
    let records = objects.into_iter().map(|(n, key)| {
        record.insert("slot".into(), AttributeValue::S(format!("numbered/{n}.pdf")));
        record.insert("objectKey".into(), AttributeValue::S(key));
        let put = PutRequest::builder().set_item(Some(record.clone())).build().unwrap();
        WriteRequest::builder().put_request(put).build()
    });
    for together in records.collect::<Vec<_>>().chunks(25) {
        client.batch_write_item().request_items(table, together.to_vec()).send().await.unwrap();
    }
}

#[tokio::test]
async fn bytes_that_no_slot_leads_to_are_swept_once_they_are_old_enough() {
    let embedded = start().await;
    let documents = documents(&embedded);
    let (contract, payslip) = (slot("contract", None), slot("payslips", Some("March.pdf")));
    documents.store(&document(contract.clone(), 0, b"contract")).await.unwrap();
    let left = [leave_behind(&embedded, &contract, 1).await, leave_behind(&embedded, &payslip, 0).await];
    for other in ["documents.pdf", "staged/documents", "config/targets.json", "inbox/documents/a.pdf"] {
        write_object(&embedded.aws.s3, BUCKET, other, b"{}".to_vec()).await.unwrap();
    }
    let all = objects(&embedded).await;
    let stored_at = async |key: &str| {
        let head = embedded.aws.s3.head_object().bucket(BUCKET).key(key).send().await.unwrap();
        Timestamp::from_millis(head.last_modified().unwrap().to_millis().unwrap())
    };
    let first = stored_at(&left[0]).await.min(stored_at(&left[1]).await);
    assert_eq!(documents.sweep(first, None).await.unwrap(), 0, "that is not before then");
    assert_eq!(objects(&embedded).await, all);
    let last = stored_at(&left[0]).await.max(stored_at(&left[1]).await);
    assert_eq!(documents.sweep(last.plus(Duration::from_secs(1)), None).await.unwrap(), 2);
    let stay: Vec<_> = all.into_iter().filter(|key| !left.contains(key)).collect();
    assert_eq!(objects(&embedded).await, stay, "nothing else is touched");
    assert_eq!(documents.read(&contract).await.unwrap().unwrap(), b"contract");
    assert_eq!(documents.sweep(the_end(), None).await.unwrap(), 0);
}

#[tokio::test]
async fn a_table_that_does_not_know_the_documents_of_the_bucket_sweeps_nothing() {
    let embedded = start().await;
    let documents = documents(&embedded);
    // That their objects are not there does not matter here.
    let record = async |from: usize, to: usize| {
        record_all(&embedded, (from..to).map(|n| (n, format!("documents/{n}"))).collect()).await;
    };
    let leave = async |count: usize| {
        for part in 0..count {
            leave_behind(&embedded, &slot("contract", None), part).await;
        }
    };
    leave(2).await;
    assert!(documents.sweep(the_end(), None).await.is_err(), "there is no record at all");
    let refused = documents.sweep(the_end(), Some(1)).await.unwrap_err();
    let told = "2 are without a record, and 0 have one; at most 1 would be deleted";
    assert_eq!(refused.source.to_string(), told);
    assert_eq!(documents.sweep(the_end(), Some(2)).await.unwrap(), 2, "somebody has looked at them");
    documents.store(&document(slot("contract", None), 99, b"bytes")).await.unwrap();
    leave(11).await;
    assert!(documents.sweep(the_end(), None).await.is_err());
    assert_eq!(objects(&embedded).await.len(), 12, "all are there still");
    let first = DocumentKey::new(&slot("contract", None), id(7), 0);
    embedded.aws.s3.delete_object().bucket(BUCKET).key(first.as_str()).send().await.unwrap();
    assert_eq!(
        documents.sweep(the_end(), None).await.unwrap(),
        10,
        "so many are swept where there are records"
    );
    record(1, 1_099).await;
    leave(11).await;
    assert!(documents.sweep(the_end(), None).await.is_err(), "1,099 records");
    record(1_099, 1_100).await;
    assert_eq!(documents.sweep(the_end(), None).await.unwrap(), 11, "1,100 records");
}

#[tokio::test]
async fn a_record_that_leads_nowhere_may_be_that_of_any_object() {
    let embedded = start().await;
    let documents = documents(&embedded);
    documents.store(&document(slot("contract", None), 0, b"contract")).await.unwrap();
    leave_behind(&embedded, &slot("contract", None), 1).await;
    let (client, table) = (&embedded.aws.dynamodb, &embedded.tables.documents);
    let mut record = client.scan().table_name(table).send().await.unwrap().items.unwrap().remove(0);
    record.remove("objectKey");
    client.put_item().table_name(table).set_item(Some(record)).send().await.unwrap();
    assert!(documents.sweep(the_end(), None).await.is_err());
    assert_eq!(objects(&embedded).await.len(), 2);
}

#[tokio::test]
async fn a_sweep_goes_over_all_pages() {
    let embedded = start().await;
    let documents = documents(&embedded);
    let first = slot("payslips", Some("00.pdf"));
    documents.store(&document(first.clone(), 0, b"bytes")).await.unwrap();
    // A page of DynamoDB has at most 1 MB, one of S3 at most 1,000 objects.
    for n in 1..=8 {
        let key = leave_behind(&embedded, &first, n).await;
        let others = [("slot", format!("payslips/{n:02}.pdf")), ("objectKey", key)];
        record_at_length(&embedded, 390_000, others).await;
    }
    let of = |employee_id: &str| Slot {
        person: Person { employee_id: Some(employee_id.to_owned()), ..Person::default() }.key(),
        ..slot("contract", None)
    };
    let mut recorded = Vec::new();
    for n in 0..1_000 {
        recorded.push((n, leave_behind(&embedded, &of(&n.to_string()), 0).await));
    }
    record_all(&embedded, recorded).await;
    let listed = embedded.aws.s3.list_objects_v2().bucket(BUCKET).send().await.unwrap();
    assert_eq!(listed.is_truncated(), Some(true), "there is a second page");
    let left = leave_behind(&embedded, &of("zzz"), 0).await;
    assert_eq!(documents.sweep(the_end(), None).await.unwrap(), 1);
    assert_eq!(read_object(&embedded.aws.s3, BUCKET, &left).await.unwrap(), None);
    assert!(documents.read(&first).await.unwrap().is_some());
}
