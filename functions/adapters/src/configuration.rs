//! The configuration in the bucket: the profile definition and the targets, which are good or refused as a pair, and which
//! pair is used when the current one is not good. The answer follows from the bucket alone, so that all processes agree.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use aws_sdk_s3::Client;
use bytes::Bytes;
use futures_util::future::try_join_all;
use people_core::error::StoreError;
use people_core::ports::ConfiguredTarget;
use people_core::profile::Profile;

use crate::config::{PROFILE_DEFINITION, TARGETS};
use crate::s3::versions::{Current, Version, list_versions, read_current, read_version};
use crate::targets::config::InvalidTargets;
use crate::targets::{self, Context};

/// How many versions of each object are looked back.
const MOST_BACK: usize = 20;
/// The most bytes of each object: many times what thousands of fields take, and little beside a function's memory.
pub const MAX_CONFIGURATION: usize = 1024 * 1024;
/// How many versions of an object are read at once.
const AT_ONCE: usize = 7;

/// One of the two objects for an administrator: with what tells whether somebody else changes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    tag: String,
    /// Its bytes; one more than [`MAX_CONFIGURATION`] where there are more.
    pub bytes: Bytes,
}

/// Reads one of the two objects; `None` where there is none.
///
/// # Errors
/// When S3 fails.
pub async fn stored(s3: &Client, bucket: &str, key: &str) -> Result<Option<Stored>, StoreError> {
    Ok(match read_current(s3, bucket, key, None, MAX_CONFIGURATION).await? {
        Current::New(tag, bytes) => Some(Stored { tag, bytes }),
        Current::Same | Current::Absent => None,
    })
}

/// Puts one of the two objects in place of `known`. False where it is another one by now; nothing is changed then.
///
/// # Errors
/// When S3 fails; the object may have been stored all the same.
pub async fn replace(
    s3: &Client,
    bucket: &str,
    key: &str,
    known: Option<&Stored>,
    bytes: Bytes,
) -> Result<bool, StoreError> {
    crate::s3::versions::replace(s3, bucket, key, known.map(|stored| stored.tag.as_str()), bytes).await
}

/// Everything that is wrong with a configuration: its places and the names of its fields, never a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct Refused(pub Vec<String>);

/// The two objects; `None` where there is no such object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) definition: Option<Bytes>,
    pub(crate) targets: Option<Bytes>,
}

/// A pair that is good, and what it says.
pub(crate) struct Good {
    pub(crate) pair: Pair,
    pub(crate) profile: Arc<Profile>,
    pub(crate) targets: Arc<[ConfiguredTarget]>,
}

impl Pair {
    /// Reads the pair and makes its targets. Nothing is called.
    pub(crate) fn check(self, context: &Context) -> Result<Good, Refused> {
        let missing = |key: &str| format!("there is no {key} in the bucket");
        let (Some(definition), Some(targets)) = (&self.definition, &self.targets) else {
            let objects = [(PROFILE_DEFINITION, &self.definition), (TARGETS, &self.targets)];
            let absent = objects.iter().filter(|(_, object)| object.is_none());
            return Err(Refused(absent.map(|(key, _)| missing(key)).collect()));
        };
        let (profile, targets) =
            read(definition, targets, |profile| targets::connect(targets, profile, context.clone()))?;
        let targets = targets.into();
        Ok(Good { pair: self, profile: Arc::new(profile), targets })
    }
}

/// Checks a configuration except for its credentials: whoever changes it need not have them. `simulators` are those that
/// `simulator:NAME` may name.
///
/// # Errors
/// As where it is used: everything that is wrong with the definition, or else with the targets.
pub fn check(
    definition: &[u8],
    targets: &[u8],
    simulators: &HashMap<String, String>,
) -> Result<Profile, Refused> {
    read(definition, targets, |profile| targets::check(targets, profile, simulators))
        .map(|(profile, ())| profile)
}

/// Reads the definition, and then what `read_targets` makes of the targets.
fn read<T>(
    definition: &[u8],
    targets: &[u8],
    read_targets: impl FnOnce(&Profile) -> Result<T, InvalidTargets>,
) -> Result<(Profile, T), Refused> {
    let too_large = |(key, bytes): (&str, &[u8])| {
        (bytes.len() > MAX_CONFIGURATION).then(|| format!("{key} has more than {MAX_CONFIGURATION} bytes"))
    };
    let too_large: Vec<_> =
        [(PROFILE_DEFINITION, definition), (TARGETS, targets)].into_iter().filter_map(too_large).collect();
    if !too_large.is_empty() {
        return Err(Refused(too_large));
    }
    let not_looked_at = || "the targets are not looked at before the definition is valid".to_owned();
    let profile =
        Profile::parse(definition).map_err(|error| Refused(vec![error.to_string(), not_looked_at()]))?;
    let targets = read_targets(&profile).map_err(|error| Refused(vec![error.to_string()]))?;
    Ok((profile, targets))
}

/// The two objects as they were read last, with their ETags.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    definition: Option<(String, Bytes)>,
    targets: Option<(String, Bytes)>,
}

impl Seen {
    /// The pair that was read.
    pub(crate) fn pair(&self) -> Pair {
        let bytes = |object: &Option<(String, Bytes)>| object.as_ref().map(|(_, bytes)| bytes.clone());
        Pair { definition: bytes(&self.definition), targets: bytes(&self.targets) }
    }
}

/// How many versions of each object a pair is older than the current one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Back {
    pub(crate) definition: usize,
    pub(crate) targets: usize,
}

/// Where the configuration is.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) s3: Client,
    pub(crate) bucket: String,
}

impl Source {
    /// The two objects as they are now. What has not changed since `seen` is not sent again.
    pub(crate) async fn read(&self, seen: &Seen) -> Result<Seen, StoreError> {
        let (definition, targets) = tokio::try_join!(
            self.object(PROFILE_DEFINITION, &seen.definition),
            self.object(TARGETS, &seen.targets)
        )?;
        Ok(Seen { definition, targets })
    }

    async fn object(
        &self,
        key: &str,
        seen: &Option<(String, Bytes)>,
    ) -> Result<Option<(String, Bytes)>, StoreError> {
        let known = seen.as_ref().map(|(tag, _)| tag.as_str());
        Ok(match read_current(&self.s3, &self.bucket, key, known, MAX_CONFIGURATION).await? {
            Current::Same => seen.clone(),
            Current::New(tag, bytes) => Some((tag, bytes)),
            Current::Absent => None,
        })
    }

    /// The newest good pair among the versions, where there is one.
    pub(crate) async fn newest_good(&self, context: &Context) -> Result<Option<(Good, Back)>, StoreError> {
        let (mut definitions, mut targets) =
            tokio::try_join!(self.history(PROFILE_DEFINITION), self.history(TARGETS))?;
        for back in candidates(&definitions.versions, &targets.versions) {
            let furthest = back.definition + back.targets;
            tokio::try_join!(definitions.read_to(self, furthest), targets.read_to(self, furthest))?;
            let Some(definition) = definitions.bytes(back.definition) else { continue };
            let Some(targets) = targets.bytes(back.targets) else { continue };
            let pair = Pair { definition: Some(definition), targets: Some(targets) };
            if let Ok(good) = pair.check(context) {
                return Ok(Some((good, back)));
            }
        }
        Ok(None)
    }

    /// The bytes of a version; `None` where it says that the object was deleted, and where it cannot be had.
    async fn version(&self, key: &str, version: &Version) -> Result<Option<Bytes>, StoreError> {
        let Some(id) = version.id.as_deref() else { return Ok(None) };
        read_version(&self.s3, &self.bucket, key, id, MAX_CONFIGURATION).await
    }

    async fn history(&self, key: &'static str) -> Result<History, StoreError> {
        let most = i32::try_from(MOST_BACK + 1).unwrap_or(i32::MAX);
        let versions = list_versions(&self.s3, &self.bucket, key, most).await?;
        Ok(History { key, versions, read: Vec::new() })
    }
}

/// The versions of an object, newest first, and what has been read of them.
struct History {
    key: &'static str,
    versions: Vec<Version>,
    /// The newest ones; `None` where a version has no bytes.
    read: Vec<Option<Bytes>>,
}

impl History {
    /// Reads so many steps back, as far as there are versions; some at once, as a request may wait for them.
    async fn read_to(&mut self, source: &Source, furthest: usize) -> Result<(), StoreError> {
        while let Some(rest) = self.versions.get(self.read.len()..)
            && !rest.is_empty()
            && self.read.len() <= furthest
        {
            let block = rest.iter().take(AT_ONCE).map(|version| source.version(self.key, version));
            let block = try_join_all(block).await?;
            self.read.extend(block);
        }
        Ok(())
    }

    /// The bytes of a version that has been read; `None` where it has none.
    fn bytes(&self, back: usize) -> Option<Bytes> {
        self.read.get(back).cloned().flatten()
    }
}

/// Every pair of versions in the order in which they are tried: fewest steps back first, and among equals first the one
/// that undoes the later changes. Where two changes are of one moment, the targets' is undone first.
fn candidates(definitions: &[Version], targets: &[Version]) -> Vec<Back> {
    let pairs = (0..definitions.len())
        .flat_map(|definition| (0..targets.len()).map(move |targets| Back { definition, targets }));
    let mut pairs: Vec<_> = pairs.collect();
    pairs.sort_by_cached_key(|back| {
        let undone = definitions[..back.definition].iter().chain(&targets[..back.targets]);
        let mut undone: Vec<_> = undone.map(|version| version.made_at).collect();
        undone.sort_unstable_by_key(|&moment| Reverse(moment));
        (back.definition + back.targets, Reverse(undone))
    });
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(definitions: &[i64], targets: &[i64]) -> Vec<(usize, usize)> {
        let versions = |moments: &[i64]| -> Vec<Version> {
            moments.iter().map(|&made_at| Version { id: None, made_at }).collect()
        };
        let candidates = candidates(&versions(definitions), &versions(targets));
        candidates.iter().map(|back| (back.definition, back.targets)).collect()
    }

    #[test]
    fn fewest_steps_back_come_first_and_then_what_undoes_the_latest_change() {
        assert_eq!(order(&[9, 1], &[5, 2]), [(0, 0), (1, 0), (0, 1), (1, 1)]);
        assert_eq!(order(&[5, 2], &[9, 1]), [(0, 0), (0, 1), (1, 0), (1, 1)]);
        assert_eq!(
            order(&[10, 5, 1], &[8, 7, 0]),
            [(0, 0), (1, 0), (0, 1), (1, 1), (2, 0), (0, 2), (1, 2), (2, 1), (2, 2)]
        );
    }

    #[test]
    fn of_two_changes_of_one_moment_the_targets_are_undone_first() {
        assert_eq!(order(&[5, 1], &[5, 1]), [(0, 0), (0, 1), (1, 0), (1, 1)]);
    }

    #[test]
    fn where_an_object_has_no_version_there_is_no_pair() {
        assert_eq!(order(&[], &[5, 1]), []);
    }
}
