//! JSON arrays and NDJSON.

use super::{fault, parts};
use crate::update::MAX_UPDATE_BYTES;

#[test]
fn elements_are_given_without_the_blanks_around_them() {
    assert_eq!(
        parts("a.json", " [ {\"a\" : 1} ,\r\n\t2 , \"x y\",null,[1, 2]\n] \n"),
        ["{\"a\" : 1}", "2", "\"x y\"", "null", "[1, 2]"]
    );
    assert_eq!(parts("a.json", "\u{feff}[1]"), ["1"]);
}

#[test]
fn brackets_commas_and_quotes_in_strings_separate_nothing() {
    let elements = [r#"{"a":"],[\""}"#, r#""\\""#, r#"{"b":{"c":[",",{"d":"}"}]}}"#, r#""é, [""#];
    assert_eq!(parts("a.json", format!("[{}]", elements.join(","))), elements);
}

#[test]
fn a_file_of_many_reads_is_cut_in_the_same_places() {
    let elements: Vec<String> =
        (0..9_000).map(|n| format!(r#"{{"employeeId":"{n}","é":"\"[{n}"}}"#)).collect();
    assert_eq!(parts("a.json", format!("[{}]", elements.join(" ,\n"))), elements);
    assert_eq!(parts("a.ndjson", elements.join("\r\n")), elements);
}

#[test]
fn what_is_no_array_is_refused() {
    for text in ["{}", "1", "\"x\"", "null", "x", "{\"a\":[1]}", "]"] {
        assert_eq!(fault("a.json", text), "it is not a JSON array", "{text}");
    }
}

#[test]
fn a_syntax_error_is_placed_wherever_it_is() {
    let hint = ": a comma must be followed by a value";
    for (text, place) in [
        ("[{}".to_owned(), "line 1, column 3".to_owned()),
        ("[{},\n]".to_owned(), format!("line 2, column 1{hint}")),
        ("[{\"a\":1,}]".to_owned(), format!("line 1, column 9{hint}")),
        ("[{}] x".to_owned(), "line 1, column 6".to_owned()),
        ("[{}][{}]".to_owned(), "line 1, column 5".to_owned()),
        ("[1 2]".to_owned(), "line 1, column 4".to_owned()),
        (format!("[{}{{]", "{},\n".repeat(400)), "line 401, column 2".to_owned()),
    ] {
        assert_eq!(fault("a.json", &text), format!("it is not valid JSON at {place}"), "{text:.20}");
    }
}

#[test]
fn an_array_is_utf_8_to_its_last_byte() {
    for (bytes, byte) in [
        (&b"[\"\xff\"]"[..], 2),
        (b"[\"\xc3\"]", 2),
        (b"[\"\xe9\xa9\"]", 2),
        (b"[\"\xed\xa0\x80\"]", 2),
        (b"[\"\xc0\xaf\"]", 2),
        (b"[\"a\xf5\x80\x80\x80\"]", 3),
        (b"[\"\xe0\x80\x80\"]", 2),
        (b"[\"\xf0\x80\x80\x80\"]", 2),
        (b"[\"\xf4\x90\x80\x80\"]", 2),
        (b"[1]\xef", 3),
    ] {
        let fault = fault("a.json", bytes);
        assert!(
            fault == format!("it is not UTF-8 at byte {byte}")
                || fault == "it is not valid JSON at line 1, column 4",
            "{bytes:?}: {fault}"
        );
    }
    assert_eq!(
        parts("a.json", "[\"é日🎉\u{d7ff}\u{e000}\u{10ffff}\"]"),
        ["\"é日🎉\u{d7ff}\u{e000}\u{10ffff}\""]
    );
}

#[test]
fn an_array_is_at_most_64_deep() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert_eq!(parts("a.json", nested(64)), [nested(63)]);
    assert_eq!(fault("a.json", nested(65)), "its JSON is nested deeper than 64");
    assert_eq!(fault("a.json", "[".repeat(100_000)), "its JSON is nested deeper than 64");
    assert_eq!(parts("a.json", format!("[\"{}\"]", "[".repeat(99))).len(), 1);
}

#[test]
fn an_object_of_256_kib_is_kept_and_one_byte_more_is_not() {
    let object = |bytes: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(bytes - 8));
    let (fits, too_large) = (object(MAX_UPDATE_BYTES), object(MAX_UPDATE_BYTES + 1));
    assert_eq!(parts("a.json", format!("[{too_large}, {fits} ,1]")), ["too large", &fits, "1"]);
    assert_eq!(parts("a.ndjson", format!("{too_large}\r\n{fits}\r\n1")), ["too large", &fits, "1"]);
    assert_eq!(parts("a.ndjson", format!("{}\n1", object(3 * MAX_UPDATE_BYTES))), ["too large", "1"]);
}

#[test]
fn a_line_is_a_part_whatever_is_in_it() {
    assert_eq!(
        parts("a.ndjson", "\u{feff}{\"a\":1}\n\n  \r\n{\r\n[1] \n x\n{\"b\":2}"),
        ["{\"a\":1}", "{", "[1]", "x", "{\"b\":2}"]
    );
    assert_eq!(parts("a.ndjson", b"{}\n\xff\n{}").len(), 3);
}
