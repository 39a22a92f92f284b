//! `people config`: a new profile definition and new targets for a deployment. Both are checked together before anything
//! is written, because the service refuses what does not fit and would go on with the version before.

use std::collections::HashMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use people_adapters::aws::Aws;
use people_adapters::config::{PROFILE_DEFINITION, TARGETS};
use people_adapters::s3::{read_object, write_object};
use people_adapters::targets;
use people_core::profile::Profile;

use crate::definition::fields;
use crate::failure::{Doing, Failure};
use crate::place::Place;
use crate::serve::{say, tell};

/// One of the two files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    Definition,
    Targets,
}

impl Piece {
    fn file(self) -> &'static str {
        match self {
            Piece::Definition => "profile-definition.json",
            Piece::Targets => "targets.json",
        }
    }

    fn object(self) -> &'static str {
        match self {
            Piece::Definition => PROFILE_DEFINITION,
            Piece::Targets => TARGETS,
        }
    }
}

/// The two files, as far as they are there.
#[derive(Default)]
struct Files {
    definition: Option<Vec<u8>>,
    targets: Option<Vec<u8>>,
}

/// The two files that hold together, or are to.
#[derive(Clone, Copy)]
struct Pair<'a> {
    definition: &'a [u8],
    targets: &'a [u8],
}

/// Checks what a folder would make of the configuration, and says what it found. The bucket is read only where a file is
/// missing in the folder.
///
/// # Errors
/// Everything that is wrong, each with its place.
pub async fn check(folder: &Path, place: &Place) -> Result<(), Failure> {
    let new = Files::of_folder(folder)?;
    let stored = match (&new.definition, &new.targets) {
        (Some(_), Some(_)) => Files::default(),
        _ => Files::of_bucket(&open(place).await?, place.bucket()?).await?,
    };
    let profile = pair(&new, &stored)?.check(&place.simulators())?;
    say(&format!("The configuration is valid: {}.", fields(&profile)));
    Ok(())
}

/// Checks what a folder makes of the configuration, and writes what is new to the bucket.
///
/// # Errors
/// Everything that is wrong, each with its place; nothing is written then.
pub async fn push(folder: &Path, place: &Place) -> Result<(), Failure> {
    let new = Files::of_folder(folder)?;
    let bucket = place.bucket()?;
    let aws = open(place).await?;
    let stored = Files::of_bucket(&aws, bucket).await?;
    let wanted = pair(&new, &stored)?;
    let profile = wanted.check(&place.simulators())?;
    let changed = order(&stored, wanted, &place.simulators());
    if changed.is_empty() {
        say(&format!("Nothing has changed: {}.", fields(&profile)));
        return Ok(());
    }
    for piece in changed {
        let bytes = wanted.get(piece).to_vec();
        let what = || format!("store {} in the bucket {bucket}", piece.object());
        write_object(&aws.s3, bucket, piece.object(), bytes).await.doing(what())?;
        say(&format!("{} is stored.", piece.object()));
    }
    tell(&format!("{}; the service takes it up within a minute.", fields(&profile)));
    Ok(())
}

async fn open(place: &Place) -> Result<Aws, Failure> {
    tell(&format!("At {place}, bucket {}:", place.bucket()?));
    place.connect().await
}

impl Files {
    fn of_folder(folder: &Path) -> Result<Files, Failure> {
        let read = |piece: Piece| {
            let file = folder.join(piece.file());
            match fs::read(&file) {
                Ok(bytes) => Ok(Some(bytes)),
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
                Err(error) => Err(error).doing(format_args!("read {}", file.display())),
            }
        };
        let files = Files { definition: read(Piece::Definition)?, targets: read(Piece::Targets)? };
        if files.definition.is_none() && files.targets.is_none() {
            let (folder, one, other) = (folder.display(), Piece::Definition.file(), Piece::Targets.file());
            return Err(Failure(format!("there is neither {one} nor {other} in {folder}")));
        }
        Ok(files)
    }

    async fn of_bucket(aws: &Aws, bucket: &str) -> Result<Files, Failure> {
        let read = async |piece: Piece| {
            let object = read_object(&aws.s3, bucket, piece.object()).await;
            object.doing(format_args!("use {} in the bucket {bucket}", piece.object()))
        };
        Ok(Files { definition: read(Piece::Definition).await?, targets: read(Piece::Targets).await? })
    }

    fn get(&self, piece: Piece) -> Option<&[u8]> {
        match piece {
            Piece::Definition => self.definition.as_deref(),
            Piece::Targets => self.targets.as_deref(),
        }
    }
}

/// What holds with the new files: what is not among them stays as it is stored.
fn pair<'a>(new: &'a Files, stored: &'a Files) -> Result<Pair<'a>, Failure> {
    let of = |piece: Piece| {
        let missing =
            || Failure(format!("there is no {} in the folder, and none in the bucket", piece.file()));
        new.get(piece).or(stored.get(piece)).ok_or_else(missing)
    };
    Ok(Pair { definition: of(Piece::Definition)?, targets: of(Piece::Targets)? })
}

impl Pair<'_> {
    fn get(&self, piece: Piece) -> &[u8] {
        match piece {
            Piece::Definition => self.definition,
            Piece::Targets => self.targets,
        }
    }

    fn check(&self, simulators: &HashMap<String, String>) -> Result<Profile, Failure> {
        let profile = Profile::parse(self.definition).map_err(|invalid| Failure(invalid.to_string()))?;
        match targets::check(self.targets, &profile, simulators) {
            Ok(()) => Ok(profile),
            Err(invalid) => Err(Failure(invalid.to_string())),
        }
    }
}

/// What has to be written, in an order in which what is stored in between is valid too, as somebody may read it then.
fn order(stored: &Files, wanted: Pair<'_>, simulators: &HashMap<String, String>) -> Vec<Piece> {
    let is_new = |piece: &Piece| stored.get(*piece) != Some(wanted.get(*piece));
    let changed = [Piece::Definition, Piece::Targets].into_iter().filter(is_new).collect::<Vec<_>>();
    let (Some(definition), Some(targets)) = (stored.get(Piece::Definition), stored.get(Piece::Targets))
    else {
        return changed;
    };
    let holds = |pair: Pair<'_>| pair.check(simulators).is_ok();
    if changed.len() < 2 || holds(Pair { targets, ..wanted }) {
        return changed;
    }
    if holds(Pair { definition, ..wanted }) {
        return vec![Piece::Targets, Piece::Definition];
    }
    tell("Neither file fits the other's stored version, so the service may refuse the pair for a moment.");
    changed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definition(fields: &[&str]) -> Vec<u8> {
        let field = |name: &&str| format!(r#"{{"name":"{name}","fieldType":"String","source":"Api"}}"#);
        format!("[{}]", fields.iter().map(field).collect::<Vec<_>>().join(",")).into_bytes()
    }

    /// Targets that take one field.
    fn targets(field: &str) -> Vec<u8> {
        let sample: serde_json::Value = serde_json::from_slice(crate::sample::TARGETS).unwrap();
        let mut targets = sample;
        targets["targets"][0]["fields"] = serde_json::json!({field: "Name"});
        targets.to_string().into_bytes()
    }

    fn order_of(stored: (&[&str], &str), wanted: (&[&str], &str)) -> Vec<Piece> {
        let stored = Files { definition: Some(definition(stored.0)), targets: Some(targets(stored.1)) };
        let (definition, targets) = (definition(wanted.0), targets(wanted.1));
        let simulators = HashMap::from([("aktion".to_owned(), "http://127.0.0.1:1".to_owned())]);
        let wanted = Pair { definition: &definition, targets: &targets };
        wanted.check(&simulators).unwrap();
        order(&stored, wanted, &simulators)
    }

    #[test]
    fn what_is_stored_in_between_is_valid_too() {
        use Piece::{Definition, Targets};
        for (stored, wanted, expected) in [
            ((&["a"][..], "a"), (&["a"][..], "a"), &[][..]),
            ((&["a"], "a"), (&["a", "b"], "a"), &[Definition]),
            ((&["a", "b"], "a"), (&["a", "b"], "b"), &[Targets]),
            // A field is added, and mapped: the definition has to know it first.
            ((&["a"], "a"), (&["a", "b"], "b"), &[Definition, Targets]),
            // A field is taken out: its mapping has to go first.
            ((&["a", "b"], "b"), (&["a"], "a"), &[Targets, Definition]),
            // One is replaced by another: no order is safe.
            ((&["a"], "a"), (&["b"], "b"), &[Definition, Targets]),
        ] {
            assert_eq!(order_of(stored, wanted), expected, "{stored:?} {wanted:?}");
        }
    }

    #[test]
    fn into_an_empty_bucket_the_definition_goes_first() {
        let (definition, targets) = (definition(&["a"]), targets("a"));
        let wanted = Pair { definition: &definition, targets: &targets };
        let order = order(&Files::default(), wanted, &HashMap::new());
        assert_eq!(order, [Piece::Definition, Piece::Targets]);
    }
}
