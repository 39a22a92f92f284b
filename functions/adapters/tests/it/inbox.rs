//! The files that HR exports dropped.

use async_trait::async_trait;
use people_adapters::s3::{S3Inbox, read_object, write_object};
use people_adapters::system::FileSpool;
use people_core::document::{Content, MAX_IN_MEMORY};
use people_core::memory::{MemoryInbox, MemorySpool};
use people_core::ports::{Inbox, InboxFile};

use crate::embedded::{BUCKET, Embedded, beginning, start};
use crate::logs::id;

/// Drops files, and says where settled ones are.
#[async_trait]
trait Folder {
    async fn drop_in(&self, name: &str, bytes: &[u8]);
    async fn settled(&self) -> Vec<String>;
}

#[async_trait]
impl Folder for MemoryInbox {
    async fn drop_in(&self, name: &str, bytes: &[u8]) {
        self.put(name, bytes.to_vec(), beginning());
    }

    async fn settled(&self) -> Vec<String> {
        MemoryInbox::settled(self)
    }
}

#[async_trait]
impl Folder for Embedded {
    async fn drop_in(&self, name: &str, bytes: &[u8]) {
        write_object(&self.aws.s3, BUCKET, &format!("inbox/{name}"), bytes.to_vec()).await.unwrap();
    }

    async fn settled(&self) -> Vec<String> {
        let listed = self.aws.s3.list_objects_v2().bucket(BUCKET).prefix("inbox-").send().await.unwrap();
        listed.contents().iter().map(|object| object.key().unwrap().to_owned()).collect()
    }
}

fn inbox(embedded: &Embedded) -> S3Inbox {
    S3Inbox::new(embedded.aws.s3.clone(), BUCKET)
}

async fn waiting(inbox: &dyn Inbox) -> Vec<String> {
    let mut names: Vec<_> = inbox.list(1000).await.unwrap().into_iter().map(|file| file.name).collect();
    names.sort();
    names
}

async fn file(inbox: &dyn Inbox, name: &str) -> InboxFile {
    inbox.list(1000).await.unwrap().into_iter().find(|file| file.name == name).unwrap()
}

async fn bytes(inbox: &dyn Inbox, file: &InboxFile) -> Option<Vec<u8>> {
    let content = inbox.fetch(file, &MemorySpool).await.unwrap()?;
    assert_eq!(file.bytes, content.bytes());
    match content {
        Content::Memory(bytes) => Some(bytes.to_vec()),
        Content::File(..) => None,
    }
}

const NAMES: [&str; 6] = ["a b.csv", "a+b.csv", "ü 50%.csv", "%2B&=\"'<>.json", "people.zip", "🎉.ndjson"];

async fn inbox_contract(inbox: &dyn Inbox, folder: &dyn Folder) {
    assert_eq!(inbox.list(10).await.unwrap(), []);
    for name in NAMES {
        folder.drop_in(name, name.as_bytes()).await;
    }
    let mut sorted = NAMES;
    sorted.sort_unstable();
    assert_eq!(waiting(inbox).await, sorted);
    for name in NAMES {
        assert_eq!(bytes(inbox, &file(inbox, name).await).await.unwrap(), name.as_bytes());
    }
    assert_eq!((inbox.list(5).await.unwrap().len(), inbox.list(0).await.unwrap().len()), (5, 0));
    for (number, name) in NAMES.into_iter().enumerate() {
        let file = file(inbox, name).await;
        inbox.settle(&file, id(1), number % 2 == 0).await.unwrap();
        assert_eq!(bytes(inbox, &file).await, None);
        inbox.settle(&file, id(1), number % 2 == 0).await.unwrap();
    }
    assert_eq!(waiting(inbox).await, [""; 0]);
    let mut settled: Vec<_> = NAMES
        .into_iter()
        .enumerate()
        .map(|(n, name)| format!("inbox-{}/{}-{name}", ["done", "failed"][n % 2], id(1)))
        .collect();
    settled.sort();
    assert_eq!(folder.settled().await, settled);
    another_version_waits_for_its_own_turn(inbox, folder).await;
    the_same_file_is_settled_anew_for_another_import(inbox, folder).await;
}

async fn another_version_waits_for_its_own_turn(inbox: &dyn Inbox, folder: &dyn Folder) {
    folder.drop_in("next.csv", b"old").await;
    let old = file(inbox, "next.csv").await;
    folder.drop_in("next.csv", b"newer").await;
    let (new, before) = (file(inbox, "next.csv").await, folder.settled().await);
    assert_ne!(old.version, new.version);
    assert_eq!(bytes(inbox, &old).await, None);
    inbox.settle(&old, id(1), true).await.unwrap();
    assert_eq!(folder.settled().await, before, "what is gone is not moved");
    assert_eq!(bytes(inbox, &new).await.unwrap(), b"newer");
}

async fn the_same_file_is_settled_anew_for_another_import(inbox: &dyn Inbox, folder: &dyn Folder) {
    for number in [5, 6] {
        folder.drop_in("same.csv", b"same").await;
        inbox.settle(&file(inbox, "same.csv").await, id(number), true).await.unwrap();
        assert!(folder.settled().await.contains(&format!("inbox-done/{}-same.csv", id(number))));
    }
}

#[tokio::test]
async fn memory_keeps_the_contract() {
    let inbox = MemoryInbox::default();
    inbox_contract(&inbox, &inbox).await;
}

#[tokio::test]
async fn s3_keeps_the_contract() {
    let embedded = start().await;
    inbox_contract(&inbox(&embedded), &embedded).await;
}

#[tokio::test]
async fn folders_and_what_is_in_them_are_left_out() {
    let embedded = start().await;
    embedded.drop_in("", b"").await;
    embedded.drop_in("folder/", b"").await;
    embedded.drop_in("folder/people.csv", b"x").await;
    write_object(&embedded.aws.s3, BUCKET, "inbox-done/people.csv", b"x".to_vec()).await.unwrap();
    embedded.drop_in("people.csv", b"x").await;
    assert_eq!(waiting(&inbox(&embedded)).await, ["people.csv"]);
}

#[tokio::test]
async fn the_oldest_files_of_all_pages_come_first() {
    let embedded = start().await;
    let bucket = embedded.objects.path().join(BUCKET).join("inbox");
    std::fs::create_dir_all(&bucket).unwrap();
    for n in 0..1005_u64 {
        // The name that sorts last is the oldest.
        let file = std::fs::File::create(bucket.join(format!("{n:04}.csv"))).unwrap();
        let at = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_790_000_000 - n);
        file.set_modified(at).unwrap();
    }
    let names: Vec<_> = inbox(&embedded).list(3).await.unwrap().into_iter().map(|file| file.name).collect();
    assert_eq!(names, ["1004.csv", "1003.csv", "1002.csv"]);
}

#[tokio::test]
async fn a_file_is_in_memory_up_to_its_limit_and_spooled_above() {
    let embedded = start().await;
    let inbox = inbox(&embedded);
    for (size, is_spooled) in
        [(0, false), (MAX_IN_MEMORY, false), (MAX_IN_MEMORY + 1, true), (3_000_000, true)]
    {
        let bytes: Vec<u8> = (0..size).map(|n| (n * 31 % 251) as u8).collect();
        embedded.drop_in("people.csv", &bytes).await;
        let file = file(&inbox, "people.csv").await;
        let content = inbox.fetch(&file, &FileSpool).await.unwrap().unwrap();
        assert_eq!((content.bytes(), file.bytes), (size as u64, size as u64));
        match content {
            Content::Memory(read) => assert!(!is_spooled && read == bytes, "{size}"),
            Content::File(read, _) => {
                let mut all = vec![0; size];
                std::os::unix::fs::FileExt::read_exact_at(&*read, &mut all, 0).unwrap();
                assert!(is_spooled && all == bytes, "{size}");
            }
        }
    }
}

#[tokio::test]
async fn what_was_settled_has_the_bytes_of_the_file_also_under_a_long_name() {
    let embedded = start().await;
    let inbox = inbox(&embedded);
    for (name, settled) in
        [("x".repeat(100), "x".repeat(100)), ("y".repeat(101), format!("~{}", "y".repeat(99)))]
    {
        embedded.drop_in(&name, name.as_bytes()).await;
        inbox.settle(&file(&inbox, &name).await, id(1), false).await.unwrap();
        let key = format!("inbox-failed/{}-{settled}", id(1));
        let bytes = read_object(&embedded.aws.s3, BUCKET, &key).await.unwrap();
        assert_eq!(bytes, Some(name.into_bytes()));
    }
}
