//! Zips: what an entry becomes, the tricks that are played with them, and the limits.

use std::io::{Cursor, Write as _};

use ::zip::CompressionMethod::{Deflated, Stored};
use ::zip::ZipWriter;
use ::zip::write::SimpleFileOptions;

use super::super::zip::{Entries, LIMITS, Limits};
use super::{fault, in_memory, open, parts, shown, spool};
use crate::inbox::FileError;

const PDF: &[u8] = b"%PDF-1.7\n%%EOF\n";

/// A zip of these entries, every second one compressed.
fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (index, (name, bytes)) in entries.iter().enumerate() {
        let method = if index % 2 == 0 { Deflated } else { Stored };
        writer.start_file(*name, SimpleFileOptions::default().compression_method(method)).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// The same zip, but for these bytes wherever they are.
fn replaced(zip: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut zip = zip.to_vec();
    let places: Vec<usize> = memchr::memmem::find_iter(&zip, from).collect();
    assert!(!places.is_empty());
    places.into_iter().for_each(|place| zip[place..place + to.len()].copy_from_slice(to));
    zip
}

/// The same zip, but for these bytes of the first entry in the directory.
fn in_directory(zip: &[u8], offset: usize, bytes: &[u8]) -> Vec<u8> {
    let mut zip = zip.to_vec();
    let place = memchr::memmem::rfind(&zip, b"PK\x01\x02").unwrap() + offset;
    zip[place..place + bytes.len()].copy_from_slice(bytes);
    zip
}

#[test]
fn an_entry_is_a_file_with_the_name_behind_its_path() {
    let file = |name: &str| format!("{name}: 15 bytes, Ok(())");
    assert_eq!(
        parts(
            "a.zip",
            zip(&[
                ("joe@company.com__salary__März 2023.pdf", PDF),
                ("payslips/march/7__salary__a.PDF", PDF),
                ("../../etc/7__salary__b.pdf", PDF),
                ("/7__salary__c.pdf", PDF),
                ("C:\\x\\7__salary__d.pdf", PDF),
                ("a\\7__salary__e.pdf", PDF),
                ("7__salary__a__Ma\u{308}rz.pdf", PDF),
            ])
        ),
        [
            file("joe@company.com__salary__März 2023.pdf"),
            file("7__salary__a.PDF"),
            file("7__salary__b.pdf"),
            file("7__salary__c.pdf"),
            file("7__salary__d.pdf"),
            file("a\\7__salary__e.pdf"),
            file("7__salary__a__März.pdf"),
        ]
    );
}

#[test]
fn what_is_no_pdf_is_left_to_validation() {
    assert_eq!(
        parts("a.zip", zip(&[("readme.txt", b"hello"), ("7__salary__a.pdf", b"")])),
        ["readme.txt: 5 bytes, Err(NoHeader)", "7__salary__a.pdf: 0 bytes, Err(Empty)"]
    );
}

#[test]
fn directories_and_what_a_mac_adds_are_no_parts() {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    writer.add_directory("march/", SimpleFileOptions::default()).unwrap();
    for name in
        ["__MACOSX/march/._7__salary__a.pdf", "march/.DS_Store", ".DS_Store", "march/7__salary__a.pdf"]
    {
        writer.start_file(name, SimpleFileOptions::default()).unwrap();
        writer.write_all(PDF).unwrap();
    }
    assert_eq!(parts("a.zip", writer.finish().unwrap().into_inner()), ["7__salary__a.pdf: 15 bytes, Ok(())"]);
    let mut empty = ZipWriter::new(Cursor::new(Vec::new()));
    assert_eq!(fault("a.zip", zip(&[])), "there is nothing in it");
    empty.add_directory("march/", SimpleFileOptions::default()).unwrap();
    assert_eq!(fault("a.zip", empty.finish().unwrap().into_inner()), "there is nothing in it");
}

#[test]
fn a_name_that_is_there_twice_is_two_parts_in_order() {
    let both =
        zip(&[("7__salary__a.pdf", PDF), ("7__salary__b.pdf", b"%PDF-2.0 %%EOF"), ("8__salary__a.pdf", PDF)]);
    assert_eq!(
        parts("a.zip", replaced(&both, b"7__salary__b", b"7__salary__a")),
        [
            "7__salary__a.pdf: 15 bytes, Ok(())",
            "7__salary__a.pdf: 14 bytes, Ok(())",
            "8__salary__a.pdf: 15 bytes, Ok(())"
        ]
    );
}

#[test]
fn a_name_that_lost_a_character_or_is_not_utf_8_is_refused() {
    let zips = zip(&[("7__salary__M?rz.pdf", PDF), ("7__salary__XXrz.pdf", PDF), ("8__salary__b.pdf", PDF)]);
    assert_eq!(
        parts("a.zip", replaced(&zips, b"XX", b"\xe4\xe4")),
        [
            "no file: the file name contains '?', as clients write where they lost a character",
            "no file: its name '7__salary__\u{fffd}\u{fffd}rz.pdf' is not UTF-8",
            "8__salary__b.pdf: 15 bytes, Ok(())"
        ]
    );
}

#[test]
fn a_symbolic_link_and_an_encrypted_entry_fail_alone() {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file("8__salary__b.pdf", SimpleFileOptions::default()).unwrap();
    writer.write_all(PDF).unwrap();
    writer.add_symlink("x/7__salary__a.pdf", "/etc/passwd", SimpleFileOptions::default()).unwrap();
    assert_eq!(
        parts("a.zip", writer.finish().unwrap().into_inner()),
        ["8__salary__b.pdf: 15 bytes, Ok(())", "no file: '7__salary__a.pdf' is a symbolic link"]
    );
    let one = zip(&[("8__salary__b.pdf", PDF), ("7__salary__a.pdf", PDF)]);
    assert_eq!(
        parts("a.zip", in_directory(&one, 8, &[1, 0])),
        ["8__salary__b.pdf: 15 bytes, Ok(())", "no file: '7__salary__a.pdf' is encrypted"]
    );
    for method in [12_u16, 9, 14, 93, 99, 1000] {
        assert_eq!(
            parts("a.zip", in_directory(&one, 10, &method.to_le_bytes()))[1],
            "no file: '7__salary__a.pdf' is compressed in a way that is not accepted",
            "{method}"
        );
    }
}

#[test]
fn a_damaged_entry_fails_alone() {
    let two = zip(&[("8__salary__b.pdf", PDF), ("7__salary__a.pdf", b"%PDF-2.0 %%EOF")]);
    let damaged = ["8__salary__b.pdf: 15 bytes, Ok(())", "no file: '7__salary__a.pdf' is damaged"];
    assert_eq!(parts("a.zip", replaced(&two, b"%PDF-2.0", b"%PDF-2.1")), damaged, "another checksum");
    assert_eq!(parts("a.zip", in_directory(&two, 24, &13_u32.to_le_bytes())), damaged, "more than it says");
    assert_eq!(
        parts("a.zip", in_directory(&two, 42, &1_u32.to_le_bytes())),
        damaged,
        "no local header there"
    );
    assert_eq!(
        parts("a.zip", in_directory(&two, 42, &u32::MAX.to_le_bytes())),
        damaged,
        "far behind the end"
    );
    assert_eq!(
        parts("a.zip", in_directory(&two, 20, &u32::MAX.to_le_bytes()))[0],
        damaged[0],
        "longer than the file"
    );
}

#[test]
fn a_zip_without_a_good_directory_is_refused() {
    let two = zip(&[("8__salary__b.pdf", PDF), ("7__salary__a.pdf", PDF)]);
    let refused = "it is not a zip file, or its directory is damaged";
    for bytes in [b"hello".to_vec(), Vec::new(), two[..two.len() - 23].to_vec(), in_directory(&two, 0, b"XX")]
    {
        assert_eq!(fault("a.zip", bytes), refused);
    }
    let count = |bytes: &[u8], offset: usize, count: u16| {
        let mut bytes = bytes.to_vec();
        let place = memchr::memmem::rfind(&bytes, b"PK\x05\x06").unwrap() + offset;
        bytes[place..place + 2].copy_from_slice(&count.to_le_bytes());
        bytes
    };
    let more = count(&count(&two, 8, 3), 10, 3);
    assert_eq!(fault("a.zip", more), refused);
}

/// What becomes of a zip under these limits.
fn limited(bytes: &[u8], limits: Limits) -> Vec<String> {
    let opened = Entries::open(&in_memory(bytes), spool(), limits);
    let read = opened.and_then(|mut entries| {
        entries.check()?;
        let mut parts = Vec::new();
        while let Some(part) = entries.part()? {
            parts.push(shown(&part));
        }
        Ok(parts)
    });
    match read {
        Ok(parts) => parts,
        Err(FileError::Fault(fault)) => vec![format!("fault: {fault}")],
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn entries_are_counted_before_they_are_read() {
    let names: Vec<String> = (0..=10_000).map(|n| format!("{n}__salary__a.pdf")).collect();
    let entries: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), PDF)).collect();
    assert_eq!(parts("a.zip", zip(&entries[..10_000])).len(), 10_000);
    assert_eq!(fault("a.zip", zip(&entries)), "it has 10001 entries, at most 10000 are allowed");
}

#[test]
fn an_entry_inflates_to_at_most_100_mib() {
    let zeros = vec![0_u8; 100 * 1024 * 1024 + 1];
    let bomb =
        zip(&[("7__salary__a.pdf", &zeros), ("8__salary__b.pdf", PDF), ("9__salary__c.pdf", &zeros[1..])]);
    assert!(bomb.len() < 300_000);
    let mut batches = open("a.zip", &in_memory(&bomb)).unwrap();
    let parts: Vec<String> = batches.next_batch().unwrap().unwrap().iter().map(shown).collect();
    assert_eq!(
        parts,
        [
            "no file: '7__salary__a.pdf' has more than 104857600 bytes",
            "8__salary__b.pdf: 15 bytes, Ok(())",
            "9__salary__c.pdf: 104857600 bytes, Err(NoHeader)"
        ]
    );
}

#[test]
fn sizes_that_an_entry_claims_are_not_believed() {
    let less = in_directory(&zip(&[("7__salary__a.pdf", PDF)]), 24, &3_u32.to_le_bytes());
    assert_eq!(limited(&less, LIMITS), ["no file: '7__salary__a.pdf' is damaged"]);
    let more = in_directory(&zip(&[("7__salary__a.pdf", PDF)]), 24, &u32::MAX.to_le_bytes()[..3]);
    assert_eq!(limited(&more, LIMITS), ["7__salary__a.pdf: 15 bytes, Ok(())"]);
}

#[test]
fn all_entries_together_inflate_to_at_most_so_many_bytes() {
    let three = zip(&[("7__salary__a.pdf", PDF), ("8__salary__b.pdf", PDF), ("9__salary__c.pdf", PDF)]);
    assert_eq!(limited(&three, Limits { inflated_bytes: 45, ..LIMITS }).len(), 3);
    assert_eq!(
        limited(&three, Limits { inflated_bytes: 44, ..LIMITS }),
        ["fault: its entries have more than 44 bytes together"]
    );
    assert_eq!(LIMITS.inflated_bytes, 2_147_483_648);
}

#[test]
fn entries_that_share_their_bytes_count_each_time() {
    let two = zip(&[("7__salary__a.pdf", PDF), ("8__salary__b.pdf", PDF)]);
    let shared = replaced(&two, b"8__salary__b", b"7__salary__a");
    let first = in_directory(&shared, 42, &0_u32.to_le_bytes());
    assert_eq!(limited(&first, Limits { inflated_bytes: 29, ..LIMITS }).len(), 1);
}

#[test]
fn a_directory_is_read_up_to_its_limit() {
    let one = zip(&[("7__salary__a.pdf", PDF)]);
    let read = |bytes: u64| limited(&one, Limits { directory_bytes: bytes, ..LIMITS });
    let least = (1..4096).find(|bytes| read(*bytes)[0].starts_with('7')).unwrap();
    assert_eq!(read(least - 1), ["fault: it is not a zip file, or its directory is damaged"]);
}

#[test]
fn a_run_goes_on_without_inflating_what_is_done() {
    let names: Vec<String> = (0..60).map(|n| format!("{n}__salary__a.pdf")).collect();
    let entries: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), PDF)).collect();
    let content = in_memory(&zip(&entries));
    let mut batches = open("a.zip", &content).unwrap();
    batches.pass_over(1).unwrap();
    let batch = batches.next_batch().unwrap().unwrap();
    assert_eq!((batch.len(), shown(&batch[0])), (10, "50__salary__a.pdf: 15 bytes, Ok(())".to_owned()));
    assert!(batches.next_batch().unwrap().is_none());
    batches.pass_over(u64::MAX).unwrap();
    assert!(batches.next_batch().unwrap().is_none());
}
