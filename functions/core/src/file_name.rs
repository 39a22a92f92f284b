//! The grammar of file names: `{userIdentifier}__{fieldName}__{fileName}.pdf`.
//! One place decides whose file it is, and every way in uses the same check for the name it is kept under.

/// The fewest bytes of UTF-8 in a file's name: one before `.pdf`.
pub const MIN_FILE: usize = 5;

/// The most bytes of UTF-8 in a file's name, `.pdf` included.
pub const MAX_FILE: usize = 200;

const SEPARATOR: &str = "__";

/// The three pieces of a file name, as they were written: nothing is trimmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileName<'a> {
    /// Who the file is for; never empty. Identifiers are compared trimmed, which is left to that comparison.
    pub person: &'a str,
    /// The field that it belongs to; never empty.
    pub field: &'a str,
    /// The name to keep it under; see [`check_file`].
    pub file: &'a str,
}

/// Why a file name is refused; the texts do not hold the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FileNameFault {
    /// One of the two separators is missing.
    #[error("the file name is not of the form person__field__name.pdf")]
    NotThreePieces,
    /// Nothing, or only blanks, before the first separator.
    #[error("the file name names no person before the first '__'")]
    NoPerson,
    /// Nothing, or only blanks, between the separators.
    #[error("the file name names no field between the first and the second '__'")]
    NoField,
    /// Another ending, or none.
    #[error("the file name does not end with .pdf")]
    NotPdf,
    /// Nothing before `.pdf`.
    #[error("the name of the file must have at least {MIN_FILE} bytes of UTF-8, .pdf included")]
    TooShort,
    /// Longer than [`MAX_FILE`].
    #[error("the name of the file must have at most {MAX_FILE} bytes of UTF-8, .pdf included")]
    TooLong,
    /// A `/`.
    #[error("the name of the file contains '/'")]
    Slash,
    /// U+0000-001F or U+007F-009F.
    #[error("the name of the file contains a control character")]
    Control,
}

/// Splits a decoded file name.
///
/// Only the first two `__` split, each found from the left: `a___b__c.pdf` is for `a`, field `_b`. That is no guess
/// about where an underscore belongs, it is the rule; a person `a_` cannot be written this way.
///
/// # Errors
/// Where a piece is missing, empty, or refused by [`check_file`].
pub fn parse(decoded: &str) -> Result<FileName<'_>, FileNameFault> {
    let (person, rest) = decoded.split_once(SEPARATOR).ok_or(FileNameFault::NotThreePieces)?;
    let (field, file) = rest.split_once(SEPARATOR).ok_or(FileNameFault::NotThreePieces)?;
    if person.trim().is_empty() {
        return Err(FileNameFault::NoPerson);
    }
    if field.trim().is_empty() {
        return Err(FileNameFault::NoField);
    }
    check_file(file)?;
    Ok(FileName { person, field, file })
}

/// Checks the name of a file alone, the third piece: `.pdf` in any case, [`MIN_FILE`] to [`MAX_FILE`] bytes of
/// UTF-8, no `/`, no control character. So it is neither `.` nor `..`, and may contain `__`.
///
/// Expects Unicode NFC, which may be shorter than what was sent.
///
/// # Errors
/// The first of these rules that does not hold.
pub fn check_file(file: &str) -> Result<(), FileNameFault> {
    if !file.as_bytes().last_chunk::<4>().is_some_and(|end| end.eq_ignore_ascii_case(b".pdf")) {
        return Err(FileNameFault::NotPdf);
    }
    if file.len() < MIN_FILE {
        return Err(FileNameFault::TooShort);
    }
    if file.len() > MAX_FILE {
        return Err(FileNameFault::TooLong);
    }
    if file.contains('/') {
        return Err(FileNameFault::Slash);
    }
    if file.contains(char::is_control) {
        return Err(FileNameFault::Control);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(name: &str, person: &str, field: &str, file: &str) {
        assert_eq!(parse(name), Ok(FileName { person, field, file }));
    }

    #[track_caller]
    fn check_fault(name: &str, expected: FileNameFault) {
        assert_eq!(parse(name), Err(expected), "{name:?}");
    }

    #[test]
    fn three_pieces_name_person_field_and_file() {
        check("joe@company.com__salary__March 2023.pdf", "joe@company.com", "salary", "March 2023.pdf");
        check("007__salary__März.PDF", "007", "salary", "März.PDF");
        check("joe__salary__a.b.Pdf", "joe", "salary", "a.b.Pdf");
        check("joe__salary__...pdf", "joe", "salary", "...pdf");
    }

    #[test]
    fn only_the_first_two_separators_split() {
        check("joe__salary__a__b.pdf", "joe", "salary", "a__b.pdf");
        check("joe__salary____.pdf", "joe", "salary", "__.pdf");
    }

    #[test]
    fn three_underscores_split_at_the_first_two() {
        check("joe___salary__a.pdf", "joe", "_salary", "a.pdf");
        check("joe__salary___a.pdf", "joe", "salary", "_a.pdf");
        check("___salary__a__b.pdf".trim_start_matches('_'), "salary", "a", "b.pdf");
    }

    #[test]
    fn single_underscores_stay() {
        check("joe_doe__pay_slip__a_b.pdf", "joe_doe", "pay_slip", "a_b.pdf");
    }

    #[test]
    fn nothing_is_trimmed() {
        check(" joe __ salary __ a.pdf", " joe ", " salary ", " a.pdf");
    }

    #[test]
    fn each_piece_is_needed() {
        check_fault("", FileNameFault::NotThreePieces);
        check_fault("March 2023.pdf", FileNameFault::NotThreePieces);
        check_fault("joe__salary.pdf", FileNameFault::NotThreePieces);
        check_fault("joe_salary_a.pdf", FileNameFault::NotThreePieces);
        check_fault("__salary__a.pdf", FileNameFault::NoPerson);
        check_fault(" __salary__a.pdf", FileNameFault::NoPerson);
        check_fault("joe____a.pdf", FileNameFault::NoField);
        check_fault("joe__ __a.pdf", FileNameFault::NoField);
        check_fault("joe__salary__", FileNameFault::NotPdf);
    }

    #[test]
    fn the_file_is_a_pdf() {
        check_fault("joe__salary__a.txt", FileNameFault::NotPdf);
        check_fault("joe__salary__apdf", FileNameFault::NotPdf);
        check_fault("joe__salary__a.pdf ", FileNameFault::NotPdf);
        check_fault("joe__salary__.", FileNameFault::NotPdf);
        check_fault("joe__salary__..", FileNameFault::NotPdf);
        check_fault("joe__salary__ä", FileNameFault::NotPdf);
    }

    #[test]
    fn the_file_has_5_to_200_bytes() {
        assert_eq!(check_file("a.pdf"), Ok(()));
        assert_eq!(check_file(".pdf"), Err(FileNameFault::TooShort));
        let of = |bytes: usize| format!("{}.pdf", "x".repeat(bytes - 4));
        assert_eq!(check_file(&of(MAX_FILE)), Ok(()));
        assert_eq!(check_file(&of(MAX_FILE + 1)), Err(FileNameFault::TooLong));
        assert_eq!(check_file(&format!("{}.pdf", "ä".repeat(98))), Ok(()));
        assert_eq!(check_file(&format!("{}x.pdf", "ä".repeat(98))), Err(FileNameFault::TooLong));
    }

    #[test]
    fn the_file_has_no_slash_and_no_control_character() {
        check_fault("joe__salary__a/b.pdf", FileNameFault::Slash);
        for control in ['\0', '\t', '\n', '\r', '\u{1f}', '\u{7f}', '\u{80}', '\u{9f}'] {
            check_fault(&format!("joe__salary__a{control}b.pdf"), FileNameFault::Control);
        }
        check("joe__salary__a\\b\u{a0}c.pdf", "joe", "salary", "a\\b\u{a0}c.pdf");
    }

    proptest! {
        #[test]
        fn the_pieces_make_the_name_again(name in "[a_/\\x00.]{0,9}(__)?[a_ ]{0,4}__[a_.é]{0,5}(\\.pdf)?") {
            if let Ok(FileName { person, field, file }) = parse(&name) {
                prop_assert_eq!(format!("{person}__{field}__{file}"), name.clone());
                prop_assert!(!person.contains("__") && !field.contains("__"));
            }
        }
    }
}
