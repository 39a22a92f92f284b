//! `people config`: a new profile definition and new targets for a deployment. Both are checked together before anything
//! is written, because the service refuses what does not fit and would go on with the version before.

use std::collections::HashMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use aws_sdk_s3::Client;
use bytes::Bytes;
use people_adapters::aws::Aws;
use people_adapters::config::{PROFILE_DEFINITION, TARGETS};
use people_adapters::configuration::{self, Stored, replace, stored};
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
    const ALL: [Piece; 2] = [Piece::Definition, Piece::Targets];

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

/// The two objects in the bucket, as far as they are there.
struct Objects {
    definition: Option<Stored>,
    targets: Option<Stored>,
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
        _ => Objects::of_bucket(&open(place).await?.s3, place.bucket()?).await?.files(),
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
    let objects = Objects::of_bucket(&aws.s3, bucket).await?;
    let stored = objects.files();
    let wanted = pair(&new, &stored)?;
    let profile = wanted.check(&place.simulators())?;
    let changed = order(&stored, wanted, &place.simulators());
    if changed.is_empty() {
        say(&format!("Nothing has changed: {}.", fields(&profile)));
        return Ok(());
    }
    write(&aws.s3, bucket, &changed, &objects, wanted).await?;
    tell(&format!("{}; the service takes it up within a minute.", fields(&profile)));
    Ok(())
}

/// Stores what has changed since `objects` were read. Afterwards both are read again: of two pushes at once that each
/// store another object, which were checked against what was there before, at least one sees the other's.
async fn write(
    s3: &Client,
    bucket: &str,
    changed: &[Piece],
    objects: &Objects,
    wanted: Pair<'_>,
) -> Result<(), Failure> {
    let meanwhile = |piece: Piece| {
        Failure(format!("{} in the bucket {bucket} was changed meanwhile: push again", piece.object()))
    };
    for &piece in changed {
        let what = || format!("store {} in the bucket {bucket}", piece.object());
        let bytes = Bytes::copy_from_slice(wanted.get(piece));
        if !replace(s3, bucket, piece.object(), objects.get(piece), bytes).await.doing(what())? {
            return Err(meanwhile(piece));
        }
        say(&format!("{} is stored.", piece.object()));
    }
    let now = Objects::of_bucket(s3, bucket).await?.files();
    let other = Piece::ALL.into_iter().find(|&piece| now.get(piece) != Some(wanted.get(piece)));
    other.map_or(Ok(()), |piece| Err(meanwhile(piece)))
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

    fn get(&self, piece: Piece) -> Option<&[u8]> {
        match piece {
            Piece::Definition => self.definition.as_deref(),
            Piece::Targets => self.targets.as_deref(),
        }
    }
}

impl Objects {
    async fn of_bucket(s3: &Client, bucket: &str) -> Result<Objects, Failure> {
        let read = async |piece: Piece| {
            let object = stored(s3, bucket, piece.object()).await;
            object.doing(format_args!("use {} in the bucket {bucket}", piece.object()))
        };
        Ok(Objects { definition: read(Piece::Definition).await?, targets: read(Piece::Targets).await? })
    }

    fn get(&self, piece: Piece) -> Option<&Stored> {
        match piece {
            Piece::Definition => self.definition.as_ref(),
            Piece::Targets => self.targets.as_ref(),
        }
    }

    fn files(&self) -> Files {
        let bytes = |piece| self.get(piece).map(|object| object.bytes.to_vec());
        Files { definition: bytes(Piece::Definition), targets: bytes(Piece::Targets) }
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
        configuration::check(self.definition, self.targets, simulators)
            .map_err(|refused| Failure(refused.to_string()))
    }
}

/// What has to be written, in an order in which what is stored in between is valid too, as somebody may read it then.
fn order(stored: &Files, wanted: Pair<'_>, simulators: &HashMap<String, String>) -> Vec<Piece> {
    let is_new = |piece: &Piece| stored.get(*piece) != Some(wanted.get(*piece));
    let changed = Piece::ALL.into_iter().filter(is_new).collect::<Vec<_>>();
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
    use people_adapters::aws;
    use people_adapters::s3::{create_bucket, write_object};
    use people_adapters::secret::Secret;

    use super::*;

    fn definition(fields: &[&str]) -> Vec<u8> {
        let field = |name: &&str| format!(r#"{{"name":"{name}","fieldType":"String","source":"Api"}}"#);
        format!("[{}]", fields.iter().map(field).collect::<Vec<_>>().join(",")).into_bytes()
    }

    /// Targets that take one field.
    fn targets(field: &str) -> Vec<u8> {
        let sample: serde_json::Value = serde_json::from_slice(crate::sample::TARGETS).unwrap();
        let mut targets = sample;
        targets["targets"].as_array_mut().unwrap().truncate(1);
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

    /// An S3 with a bucket, which is there as long as the folder.
    async fn bucket(folder: &Path) -> Client {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let access = embedded_s3::Access { key_id: "id", secret_key: "secret" };
        embedded_s3::serve(folder, listener, access, |_| {}).unwrap();
        let settings = aws::AwsSettings::At {
            dynamodb: url.clone(),
            s3: url,
            secrets_manager: None,
            region: "eu-central-1".into(),
            access_key_id: "id".into(),
            secret_access_key: Secret::new("secret".into()),
        };
        let s3 = aws::connect(&settings).await.s3;
        create_bucket(&s3, "bbb").await.unwrap();
        s3
    }

    #[tokio::test]
    async fn what_somebody_else_pushed_meanwhile_is_not_lost_and_told() {
        let folder = tempfile::TempDir::new().unwrap();
        let s3 = bucket(folder.path()).await;
        let (d, t, other) = (definition(&["a"]), targets("a"), targets("b"));
        let wanted = Pair { definition: &d, targets: &t };
        let before = Objects::of_bucket(&s3, "bbb").await.unwrap();
        let push = async |changed: &[Piece], objects: &Objects| {
            write(&s3, "bbb", changed, objects, wanted).await.map_err(|failure| failure.0)
        };
        let meanwhile = "config/targets.json in the bucket bbb was changed meanwhile: push again";
        write_object(&s3, "bbb", TARGETS, other.clone()).await.unwrap();
        assert_eq!(push(&[Piece::Definition], &before).await.unwrap_err(), meanwhile, "the other object");
        assert_eq!(push(&[Piece::Targets], &before).await.unwrap_err(), meanwhile, "there was none");
        let before = Objects::of_bucket(&s3, "bbb").await.unwrap();
        write_object(&s3, "bbb", TARGETS, targets("c")).await.unwrap();
        assert_eq!(push(&[Piece::Targets], &before).await.unwrap_err(), meanwhile, "another one");
        assert_eq!(Objects::of_bucket(&s3, "bbb").await.unwrap().files().targets, Some(targets("c")));
        let before = Objects::of_bucket(&s3, "bbb").await.unwrap();
        push(&[Piece::Targets], &before).await.unwrap();
    }
}
