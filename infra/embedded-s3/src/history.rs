//! Which versions an object has: the names of files, so that they outlive the process and need no index that could
//! contradict them.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{fs, io};

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// One version of an object. Its id is the moment at which it was made and a letter; later ids are larger.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version {
    nanos: u64,
    /// Whether it says that the object was deleted.
    pub(crate) deleted: bool,
}

impl Version {
    /// The id that callers see.
    pub(crate) fn id(&self) -> String {
        format!("{:020}{}", self.nanos, if self.deleted { 'd' } else { 'v' })
    }

    fn parse(id: &str) -> Option<Version> {
        let (nanos, kind) = id.split_at_checked(20)?;
        let deleted = match kind {
            "d" => true,
            "v" => false,
            _ => return None,
        };
        Some(Version { nanos: nanos.parse().ok()?, deleted })
    }

    /// When it was made.
    pub(crate) fn made_at(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_nanos(self.nanos)
    }
}

/// The folder of all versions: a folder for each bucket, in it one for each key, in it a file for each version.
#[derive(Debug)]
pub(crate) struct History {
    root: PathBuf,
}

impl History {
    pub(crate) fn in_folder(root: &Path) -> History {
        History { root: root.to_owned() }
    }

    /// The place of a version within its bucket.
    pub(crate) fn place(key: &str, version: &Version) -> String {
        format!("{}/{}", folder(key), version.id())
    }

    /// The versions of an object, newest first.
    pub(crate) fn of(&self, bucket: &str, key: &str) -> io::Result<Vec<Version>> {
        let names = names(&self.root.join(bucket).join(folder(key)))?;
        let mut versions: Vec<_> = names.iter().filter_map(|name| Version::parse(name)).collect();
        versions.sort();
        versions.reverse();
        Ok(versions)
    }

    /// The keys that have versions and begin like this, in order.
    pub(crate) fn keys(&self, bucket: &str, prefix: &str) -> io::Result<Vec<String>> {
        let names = names(&self.root.join(bucket))?;
        let keys = names.iter().map(|name| percent_decode_str(name).decode_utf8_lossy().into_owned());
        let mut keys: Vec<_> = keys.filter(|key| key.starts_with(prefix)).collect();
        keys.sort();
        Ok(keys)
    }

    /// A version that comes after all that the object has, also where the clock was set back.
    pub(crate) fn next(&self, bucket: &str, key: &str, deleted: bool) -> io::Result<Version> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        let newest = self.of(bucket, key)?.first().map_or(0, |version| version.nanos);
        Ok(Version { nanos: now.max(newest + 1), deleted })
    }

    /// Notes that the object was deleted.
    pub(crate) fn mark_deleted(&self, bucket: &str, key: &str) -> io::Result<Version> {
        let version = self.next(bucket, key, true)?;
        let file = self.root.join(bucket).join(History::place(key, &version));
        fs::create_dir_all(self.root.join(bucket).join(folder(key)))?;
        fs::write(file, b"")?;
        Ok(version)
    }
}

fn folder(key: &str) -> String {
    utf8_percent_encode(key, NON_ALPHANUMERIC).to_string()
}

fn names(folder: &Path) -> io::Result<Vec<String>> {
    match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        entries => entries?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect(),
    }
}
