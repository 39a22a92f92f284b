//! CSV: separators, quotes, headers, and what a cell means.

use bytes::Bytes;

use super::super::WrittenRows;
use super::{fault, parts};
use crate::document::Content;
use crate::update::MAX_UPDATE_BYTES;

#[test]
fn a_comma_a_semicolon_or_a_tab_separates() {
    for separator in [",", ";", "\t"] {
        for end in ["\n", "\r\n", "\r"] {
            for mark in ["", "\u{feff}"] {
                let text = ["employeeId,joinDate", "007,2023-11-01", ",", "8,", ""]
                    .join(end)
                    .replace(',', separator);
                assert_eq!(
                    parts("a.csv", format!("{mark}{text}")),
                    [r#"{"employeeId":"007","joinDate":"2023-11-01"}"#, "{}", r#"{"employeeId":"8"}"#],
                    "{separator:?} {end:?}"
                );
            }
        }
    }
}

#[test]
fn the_separator_is_what_the_header_has_most_of() {
    assert_eq!(
        parts("a.csv", "employeeId;firstName\n7;a,b,c\n"),
        [r#"{"employeeId":"7","firstName":"a,b,c"}"#]
    );
    assert_eq!(
        parts("a.csv", "employeeId;\"a,b,c\";firstName\n7;x;y\n"),
        [r#"{"employeeId":"7","a,b,c":"x","firstName":"y"}"#]
    );
    assert_eq!(parts("a.csv", "\n\nemployeeId\n7\n"), [r#"{"employeeId":"7"}"#]);
}

#[test]
fn quotes_keep_separators_quotes_and_line_ends() {
    assert_eq!(
        parts("a.csv", "\"employeeId\",firstName\n\"7\",\"a, \"\"b\"\"\r\nc\"\n8,\"\"\n9,d \"e\" f\n"),
        [
            r#"{"employeeId":"7","firstName":"a, \"b\"\r\nc"}"#,
            r#"{"employeeId":"8"}"#,
            r#"{"employeeId":"9","firstName":"d \"e\" f"}"#
        ]
    );
}

#[test]
fn a_file_that_ends_within_quotes_is_refused() {
    assert_eq!(
        fault("a.csv", "employeeId,firstName\n6,x\n\n7,\"a\nb\n8,c\n"),
        "a quote that is opened in the row at line 4 is never closed"
    );
    assert_eq!(
        fault("a.csv", "\"employeeId\n7\n"),
        "a quote that is opened in the row at line 1 is never closed"
    );
    let open = format!("employeeId\n\"{}", "x\n".repeat(2 * MAX_UPDATE_BYTES));
    assert_eq!(fault("a.csv", open), "a quote that is opened in the row at line 2 is never closed");
    assert_eq!(parts("a.csv", "employeeId\n\"7\""), [r#"{"employeeId":"7"}"#]);
}

#[test]
fn a_header_names_each_column_once_and_somebody() {
    for (header, wrong) in [
        ("employeeId,joinDate,joinDate", "has 'joinDate' twice"),
        ("employeeId,,joinDate", "has no name for column 2"),
        ("joinDate,firstName", "is missing, or has neither 'userPrincipalName' nor 'employeeId'"),
        ("007,2023-11-01", "is missing, or has neither 'userPrincipalName' nor 'employeeId'"),
        ("employeeId|joinDate", "is missing, or has neither 'userPrincipalName' nor 'employeeId'"),
    ] {
        assert_eq!(fault("a.csv", format!("{header}\n1,2,3\n")), format!("its header {wrong}"));
    }
    assert_eq!(fault("a.csv", b"employeeId,M\xe4rz\n1,2\n"), "its header is not UTF-8");
    assert_eq!(fault("a.csv", b"\xff\xfee\0m\0p\0"), "its header is not UTF-8");
}

#[test]
fn a_header_has_at_most_256_kib_and_10000_columns() {
    let header = |columns: usize| {
        let names: Vec<String> = (1..columns).map(|n| format!("c{n}")).collect();
        format!("employeeId,{}\n7\n", names.join(","))
    };
    assert_eq!(
        parts("a.csv", header(10_000)),
        ["no part: the row at line 2 has 1 cells, and the header has 10000"]
    );
    assert_eq!(fault("a.csv", header(10_001)), "its header is too large");
    let long = |bytes: usize| format!("employeeId,{}\n7\n", "x".repeat(bytes - 10));
    assert_eq!(parts("a.csv", long(MAX_UPDATE_BYTES)).len(), 1);
    assert_eq!(fault("a.csv", long(MAX_UPDATE_BYTES + 1)), "its header is too large");
}

#[test]
fn a_row_with_other_cells_than_the_header_fails_alone() {
    assert_eq!(
        parts("a.csv", "employeeId,joinDate\n1\n2,,x\n\"3\n\",y\n4,z\n,\n"),
        [
            "no part: the row at line 2 has 1 cells, and the header has 2",
            "no part: the row at line 3 has 3 cells, and the header has 2",
            r#"{"employeeId":"3\n","joinDate":"y"}"#,
            r#"{"employeeId":"4","joinDate":"z"}"#,
            "{}"
        ]
    );
    let many = format!("employeeId\n{}\n7\n", ",".repeat(30_000));
    assert_eq!(
        parts("a.csv", many),
        ["no part: the row at line 2 has 30001 cells, and the header has 1", r#"{"employeeId":"7"}"#]
    );
}

#[test]
fn a_row_that_is_not_utf_8_fails_alone() {
    assert_eq!(
        parts("a.csv", b"employeeId\n1\nM\xe4rz\n2\n"),
        [r#"{"employeeId":"1"}"#, "no part: the row at line 3 is not UTF-8", r#"{"employeeId":"2"}"#]
    );
}

#[test]
fn an_empty_cell_leaves_a_field_alone_and_the_token_resets_it() {
    assert_eq!(
        parts(
            "a.csv",
            "employeeId,firstName,skills,jobTitle.en,staffMembers\n7,,,,\n8,(reset),(reset),(reset),\n9, ,(Reset),a,(reset)|x\n"
        ),
        [
            r#"{"employeeId":"7"}"#,
            r#"{"employeeId":"8","firstName":null,"skills":null,"jobTitle":null}"#,
            r#"{"employeeId":"9","firstName":" ","skills":["(Reset)"],"jobTitle":{"en":"a"},"staffMembers":["(reset)","x"]}"#
        ]
    );
}

#[test]
fn a_list_is_split_and_languages_are_one_value() {
    let header = "employeeId,jobTitle.en,skills,jobTitle.de";
    for (row, object) in [
        (
            "7,Chief,a|b||c,Chef",
            r#"{"employeeId":"7","jobTitle":{"en":"Chief","de":"Chef"},"skills":["a","b","","c"]}"#,
        ),
        ("7,,a,Chef", r#"{"employeeId":"7","jobTitle":{"de":"Chef"},"skills":["a"]}"#),
        ("7,(reset),,Chef", r#"{"employeeId":"7","jobTitle":{"de":"Chef"}}"#),
        ("7,(reset),,", r#"{"employeeId":"7","jobTitle":null}"#),
        ("7,(reset),,(reset)", r#"{"employeeId":"7","jobTitle":null}"#),
    ] {
        assert_eq!(parts("a.csv", format!("{header}\n{row}")), [object], "{row}");
    }
}

#[test]
fn a_column_that_no_field_is_called_is_in_every_object() {
    assert_eq!(
        parts("a.csv", "employeeId,joindate,firstName.en,titles.en,jobTitle.english\n7,,,,\n8,a,b,c,d"),
        [
            r#"{"employeeId":"7","joindate":"","firstName.en":"","titles.en":""}"#,
            r#"{"employeeId":"8","joindate":"a","firstName.en":"b","titles.en":"c","jobTitle":{"english":"d"}}"#
        ]
    );
}

#[test]
fn a_row_of_256_kib_of_json_is_kept_and_one_byte_more_is_not() {
    let row =
        |bytes: usize| format!("7,{}\n", "x".repeat(bytes - r#"{"employeeId":"7","firstName":""}"#.len()));
    let text = format!("employeeId,firstName\n{}{}8,y", row(MAX_UPDATE_BYTES), row(MAX_UPDATE_BYTES + 1));
    let parts_of = parts("a.csv", text);
    assert_eq!(parts_of[0].len(), MAX_UPDATE_BYTES);
    assert_eq!(parts_of[1..], ["too large", r#"{"employeeId":"8","firstName":"y"}"#]);
    let huge = format!("employeeId,firstName\n7,{}\n8,y", "x".repeat(3 * MAX_UPDATE_BYTES));
    assert_eq!(parts("a.csv", huge), ["too large", r#"{"employeeId":"8","firstName":"y"}"#]);
}

#[test]
fn rows_are_given_back_as_they_are_written() {
    let large = "x".repeat(MAX_UPDATE_BYTES + 1);
    let text = format!("\u{feff}a;\"b;c\"\n\n1;\"\"\"2\"\"\"\n{large};x\n;;\"a\nb\"\n");
    let mut rows = WrittenRows::open(&Content::Memory(Bytes::from(text))).unwrap();
    assert_eq!((rows.header(), rows.separator()), (&[b"a".to_vec(), b"b;c".to_vec()][..], b';'));
    let mut all = Vec::new();
    while let Some(row) = rows.next_row().unwrap() {
        let cells = row.cells.map(|cells| cells.into_iter().map(|cell| String::from_utf8(cell).unwrap()));
        all.push((row.line, cells.map(Iterator::collect::<Vec<_>>)));
    }
    let row = |line, cells: &[&str]| (line, Some(cells.iter().map(|cell| (*cell).to_owned()).collect()));
    assert_eq!(all, [row(3, &["1", "\"2\""]), (4, None), row(5, &["", "", "a\nb"])]);
}
