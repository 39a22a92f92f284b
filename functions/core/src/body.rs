//! The bodies and files that wait in the bucket to be imported: where they are kept. Their keys are made here and nowhere
//! else.

use crate::id::ImportId;

/// How the key of a body begins that waits for its import.
const STAGED: &str = "staged/";
/// How the key of a body begins that holds what failed of an import.
const FAILED: &str = "failed/";
/// How the key of a file begins that an HR export dropped.
const INBOX: &str = "inbox/";
/// How the key of such a file begins when all of it was imported.
const DONE: &str = "inbox-done/";
/// How the key of such a file begins when it could not be imported.
const GIVEN_UP: &str = "inbox-failed/";
/// A name of a file that was settled has at most this many bytes; a longer one is cut.
const MAX_NAME: usize = 100;

/// The key of the S3 object that holds a body of an import: `staged/{import}` or `failed/{import}`. Each import has at most
/// one of each.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BodyKey(String);

impl BodyKey {
    /// Where the body of this import waits.
    pub fn staged(import: ImportId) -> BodyKey {
        BodyKey(format!("{STAGED}{import}"))
    }

    /// Where what failed of this import is, as a body of its own.
    pub fn failed(import: ImportId) -> BodyKey {
        BodyKey(format!("{FAILED}{import}"))
    }

    /// The import whose body waits under this key; `None` where it is no such key.
    pub fn import_of(key: &str) -> Option<ImportId> {
        let import = ImportId::parse(key.strip_prefix(STAGED)?)?;
        // A GUID in upper case names the same import and another object.
        (BodyKey::staged(import).0 == key).then_some(import)
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The key of the S3 object that holds a file of an HR export: `inbox/{name}`, and later `inbox-done/{import}-{name}` or
/// `inbox-failed/{import}-{name}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct InboxKey(String);

impl InboxKey {
    /// How the keys of the files begin that wait.
    pub const WAITING: &str = INBOX;

    /// Where a file of this name waits.
    pub fn waiting(name: &str) -> InboxKey {
        InboxKey(format!("{INBOX}{name}"))
    }

    /// Where a file of this name goes when this import is through with it. Of a name of more than 100 bytes, the end is kept
    /// after a `~`.
    pub fn settled(name: &str, import: ImportId, done: bool) -> InboxKey {
        let folder = if done { DONE } else { GIVEN_UP };
        if name.len() <= MAX_NAME {
            return InboxKey(format!("{folder}{import}-{name}"));
        }
        let surplus = name.len() - (MAX_NAME - 1);
        let end = name.char_indices().map(|(at, _)| at).find(|at| *at >= surplus).unwrap_or(name.len());
        InboxKey(format!("{folder}{import}-~{}", &name[end..]))
    }

    /// The name of the file that waits under this key; `None` where none does: the key is that of a folder, or in one.
    pub fn name_of(key: &str) -> Option<&str> {
        let name = key.strip_prefix(INBOX)?;
        (!name.is_empty() && !name.contains('/')).then_some(name)
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0192f0c1-7c00-7a3b-8c4d-000102030405";

    fn id() -> ImportId {
        ImportId::parse(ID).unwrap()
    }

    #[test]
    fn a_key_names_its_import() {
        assert_eq!(BodyKey::staged(id()).as_str(), format!("staged/{ID}"));
        assert_eq!(BodyKey::failed(id()).as_str(), format!("failed/{ID}"));
        assert_eq!(BodyKey::import_of(&format!("staged/{ID}")), Some(id()));
        for other in [
            format!("failed/{ID}"),
            format!("staged/{}", ID.to_uppercase()),
            format!("staged/{ID}/"),
            format!("staged/{ID}/x"),
            format!("x/staged/{ID}"),
            "staged/".into(),
            ID.into(),
        ] {
            assert_eq!(BodyKey::import_of(&other), None, "{other}");
        }
    }

    #[test]
    fn only_what_is_right_below_the_inbox_is_a_file_in_it() {
        for (key, name) in [
            ("inbox/people.csv", Some("people.csv")),
            ("inbox/ü 50%.csv", Some("ü 50%.csv")),
            ("inbox/", None),
            ("inbox/folder/", None),
            ("inbox/folder/people.csv", None),
            ("inbox-done/people.csv", None),
            ("people.csv", None),
        ] {
            assert_eq!(InboxKey::name_of(key), name, "{key}");
            if let Some(name) = name {
                assert_eq!(InboxKey::waiting(name).as_str(), key);
            }
        }
    }

    #[test]
    fn a_settled_file_is_named_after_its_import() {
        let settled = |name: &str, done| InboxKey::settled(name, id(), done).0;
        assert_eq!(settled("people.csv", true), format!("inbox-done/{ID}-people.csv"));
        assert_eq!(settled("people.csv", false), format!("inbox-failed/{ID}-people.csv"));
    }

    #[test]
    fn a_name_of_100_bytes_is_whole_and_of_a_longer_one_the_end_is_kept() {
        let settled = |name: String| {
            let key = InboxKey::settled(&name, id(), true).0;
            key.strip_prefix(&format!("inbox-done/{ID}-")).unwrap().to_owned()
        };
        let of = |letters: usize| "x".repeat(letters) + ".csv";
        assert_eq!(settled(of(96)), of(96));
        assert_eq!(settled(of(97)), format!("~{}", of(95)));
        assert_eq!(settled(of(97)).len(), 100);
        assert_eq!(settled("é".repeat(51)), format!("~{}", "é".repeat(49)), "no letter is cut");
    }
}
