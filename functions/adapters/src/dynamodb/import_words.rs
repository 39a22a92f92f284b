//! What a list can be filtered by, as an item of an import has it: short, because every log and two indexes have it.

use std::collections::BTreeSet;

use people_core::log_text::LogKind;
use people_core::person::TargetName;

/// What is between the names of targets; none of them has it.
const BETWEEN: char = '/';

/// Kinds of lines, a letter each.
pub(super) fn write_kinds(kinds: &BTreeSet<LogKind>) -> String {
    kinds.iter().copied().map(letter).collect()
}

/// The reverse of [`write_kinds`]. A letter of a later version is left out.
pub(super) fn read_kinds(text: &str) -> BTreeSet<LogKind> {
    LogKind::ALL.into_iter().filter(|kind| text.contains(letter(*kind))).collect()
}

/// Names of targets.
pub(super) fn write_targets(targets: &BTreeSet<TargetName>) -> String {
    let names: Vec<&str> = targets.iter().map(AsRef::as_ref).collect();
    names.join(&BETWEEN.to_string())
}

/// The reverse of [`write_targets`].
pub(super) fn read_targets(text: &str) -> BTreeSet<TargetName> {
    text.split(BETWEEN).filter(|name| !name.is_empty()).map(TargetName::from).collect()
}

/// The letter of a kind, which stays what it is.
fn letter(kind: LogKind) -> char {
    match kind {
        LogKind::PersonUpdated => 'A',
        LogKind::PersonUnchanged => 'B',
        LogKind::FileUploaded => 'C',
        LogKind::FileLinked => 'D',
        LogKind::FilesListed => 'E',
        LogKind::FileDeleted => 'F',
        LogKind::InvalidPerson => 'G',
        LogKind::InvalidFile => 'H',
        LogKind::InvalidPart => 'I',
        LogKind::UnknownPerson => 'J',
        LogKind::IdentifierConflict => 'K',
        LogKind::FieldNotMapped => 'L',
        LogKind::PersonPartlyUpdated => 'M',
        LogKind::DeliveryRefused => 'N',
        LogKind::DeliveryDeferred => 'O',
        LogKind::PersonRedelivered => 'P',
        LogKind::Superseded => 'Q',
        LogKind::DeliveryGivenUp => 'R',
        LogKind::FileNotUploaded => 'S',
        LogKind::FileNotFound => 'T',
        LogKind::FileNotLinked => 'U',
        LogKind::FilesNotListed => 'V',
        LogKind::FileNotDeleted => 'W',
        LogKind::InvalidRequest => 'X',
        LogKind::TooManyParts => 'Y',
        LogKind::BodyNotReceived => 'Z',
        LogKind::Interrupted => 'a',
        LogKind::BatchImported => 'b',
        LogKind::BatchWithErrors => 'c',
        LogKind::DryRun => 'd',
        LogKind::WouldBeUpdated => 'e',
        LogKind::WouldBePartlyUpdated => 'f',
        LogKind::WouldBeUploaded => 'g',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_letter_of_its_own() {
        let all = BTreeSet::from(LogKind::ALL);
        assert_eq!(all.iter().copied().map(letter).collect::<BTreeSet<_>>().len(), LogKind::ALL.len());
        assert_eq!(read_kinds(&write_kinds(&all)), all);
        for kind in LogKind::ALL {
            assert_eq!(read_kinds(&write_kinds(&[kind].into())), [kind].into());
        }
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        assert_eq!(read_kinds("A~9"), [LogKind::PersonUpdated].into());
        assert_eq!((read_kinds(""), read_targets("")), (BTreeSet::new(), BTreeSet::new()));
    }

    #[test]
    fn targets_are_read_back() {
        for names in [&["aktion"][..], &["a_b-C", "esystems", "x"]] {
            let targets: BTreeSet<TargetName> = names.iter().map(|name| TargetName::from(*name)).collect();
            assert_eq!(read_targets(&write_targets(&targets)), targets);
        }
    }
}
