//! What there is to send: files of people in the order in which they were named, then the PDFs. Each is hashed before
//! anything is sent, so that a run is only taken up with what it began with.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use people_core::document::Content;
use people_core::hex;
use people_core::inbox::{Batches, Format};
use people_core::memory::MemorySpool;
use people_core::profile::Profile;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::batches::Source;
use super::summary::count;
use crate::failure::{Doing, Failure};
use crate::serve::tell;

/// How much is hashed at once.
const PIECE: usize = 64 * 1024;

/// Everything that is to be sent.
pub(super) struct Inputs {
    /// The files of people.
    pub(super) rows: Vec<Rows>,
    /// The PDFs, which are one input.
    pub(super) pdfs: Vec<Pdf>,
    /// The SHA-256 over all of these.
    pdfs_sha256: [u8; 32],
}

/// A file of people.
pub(super) struct Rows {
    /// Its name, without its folder.
    pub(super) name: String,
    /// What it is.
    pub(super) format: Format,
    /// What is in it.
    pub(super) content: Content,
    sha256: [u8; 32],
}

/// A PDF.
#[derive(Clone)]
pub(super) struct Pdf {
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
}

/// What is remembered of an input, so that another one is told from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Identity {
    name: String,
    bytes: u64,
    sha256: String,
}

/// What was named, sorted out.
#[derive(Default)]
struct Named {
    rows: Vec<(PathBuf, Format)>,
    pdfs: Vec<PathBuf>,
    left_out: u64,
}

impl Inputs {
    /// Finds the files, and reads each once to its end.
    ///
    /// # Errors
    /// Where there is nothing to send, or something that cannot be: before anything is sent.
    pub(super) fn find(files: &[PathBuf], list: Option<&Path>) -> Result<Inputs, Failure> {
        let mut named = Named::default();
        for file in files {
            named.add(file)?;
        }
        if let Some(list) = list {
            let text = fs::read_to_string(list).doing(format_args!("read {}", list.display()))?;
            let paths =
                text.lines().filter_map(|line| line.split('\t').next()).filter(|path| !path.is_empty());
            named.pdfs.extend(paths.map(PathBuf::from));
        }
        if named.left_out > 0 {
            tell(&format!("{} in the folders: no PDF, left out", count(named.left_out, "file", "files")));
        }
        named.check()?;
        let mut hash = Sha256::new();
        let mut pdfs = Vec::with_capacity(named.pdfs.len());
        for path in named.pdfs {
            let (_, bytes, sha256) = read(&path)?;
            hash.update(path.file_name().unwrap_or_default().as_encoded_bytes());
            hash.update([0]);
            hash.update(sha256);
            pdfs.push(Pdf { path, bytes });
        }
        let rows = named.rows.into_iter().map(|(path, format)| Rows::open(&path, format));
        Ok(Inputs { rows: rows.collect::<Result<_, _>>()?, pdfs, pdfs_sha256: hash.finalize().into() })
    }

    /// Where the journal is if nothing else is said.
    pub(super) fn journal(&self) -> PathBuf {
        let name = self.rows.first().map_or("documents", |rows| &rows.name);
        PathBuf::from(format!("{name}.sent"))
    }

    /// What is remembered of each input.
    pub(super) fn identities(&self) -> Vec<Identity> {
        let rows = self.rows.iter().map(|rows| Identity {
            name: rows.name.clone(),
            bytes: rows.content.bytes(),
            sha256: hex::encode(&rows.sha256),
        });
        let pdfs = (!self.pdfs.is_empty()).then(|| Identity {
            name: "documents".to_owned(),
            bytes: self.pdfs.iter().map(|pdf| pdf.bytes).sum(),
            sha256: hex::encode(&self.pdfs_sha256),
        });
        rows.chain(pdfs).collect()
    }

    /// The inputs as batches.
    ///
    /// # Errors
    /// Every file that is broken as a whole, with why.
    pub(super) fn open(&self, profile: &Profile) -> Result<Vec<Source>, Failure> {
        let (mut sources, mut faults) = (Vec::new(), Vec::new());
        let spool: Arc<dyn people_core::document::Spool> = Arc::new(MemorySpool);
        for rows in &self.rows {
            match Batches::open(&rows.name, &rows.content, &spool, profile) {
                Ok(batches) => sources.push(Source::rows(&rows.name, batches)),
                Err(error) => faults.push(format!("{}: {error}", rows.name)),
            }
        }
        if !self.pdfs.is_empty() {
            sources.push(Source::pdfs(self.pdfs.clone()));
        }
        if faults.is_empty() { Ok(sources) } else { Err(Failure(faults.join("\n"))) }
    }
}

impl Rows {
    fn open(path: &Path, format: Format) -> Result<Rows, Failure> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let (file, bytes, sha256) = read(path)?;
        Ok(Rows { name, format, content: Content::File(Arc::new(file), bytes), sha256 })
    }
}

impl Named {
    fn add(&mut self, path: &Path) -> Result<(), Failure> {
        if path.is_dir() {
            return self.add_folder(path);
        }
        let name = path.to_string_lossy();
        match Format::of(&name) {
            Some(format @ (Format::Json | Format::Ndjson | Format::Csv)) => {
                self.rows.push((path.to_owned(), format));
            }
            None if is_pdf(path) => self.pdfs.push(path.to_owned()),
            Some(Format::Zip) | None => {
                return Err(Failure(format!(
                    "{name}: it ends with none of .json, .ndjson, .jsonl, .csv and .pdf, and is no folder"
                )));
            }
        }
        Ok(())
    }

    /// The PDFs of a folder and of those in it, in the order of their names. What is hidden is left out.
    fn add_folder(&mut self, folder: &Path) -> Result<(), Failure> {
        let reading = || format!("read the folder {}", folder.display());
        let mut entries =
            fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>).doing(reading())?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let path = entry.path();
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                continue;
            }
            // A link to a folder is not followed: it may lead back.
            if entry.file_type().doing(reading())?.is_dir() {
                self.add_folder(&path)?;
            } else if is_pdf(&path) {
                self.pdfs.push(path);
            } else {
                self.left_out += 1;
            }
        }
        Ok(())
    }

    /// What is there twice would be sent twice, of two PDFs with one name the second would take the place of the first, and
    /// a name over two lines cannot be listed.
    fn check(&self) -> Result<(), Failure> {
        let (mut seen, mut of_name) = (HashSet::new(), HashMap::new());
        for path in self.rows.iter().map(|(path, _)| path).chain(&self.pdfs) {
            let shown = path.display();
            let real = path.canonicalize().doing(format_args!("read {shown}"))?;
            if !seen.insert(real) {
                return Err(Failure(format!("{shown} is there twice")));
            }
            if path.to_str().is_none_or(|path| path.contains(['\t', '\n', '\r'])) {
                return Err(Failure(format!("{shown}: its path is not UTF-8, or has a tab or a line end")));
            }
        }
        for pdf in &self.pdfs {
            if let Some(other) = of_name.insert(pdf.file_name(), pdf) {
                let (one, other) = (other.display(), pdf.display());
                return Err(Failure(format!(
                    "{one} and {other} have one name: the second would replace the first"
                )));
            }
        }
        if seen.is_empty() { Err(Failure("there is nothing to send".to_owned())) } else { Ok(()) }
    }
}

fn is_pdf(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("pdf"))
}

/// A file, its size and its SHA-256.
fn read(path: &Path) -> Result<(File, u64, [u8; 32]), Failure> {
    let reading = || format!("read {}", path.display());
    let mut file = File::open(path).doing(reading())?;
    let (mut hash, mut bytes, mut piece) = (Sha256::new(), 0, vec![0; PIECE]);
    loop {
        match file.read(&mut piece).doing(reading())? {
            0 => return Ok((file, bytes, hash.finalize().into())),
            read => {
                hash.update(&piece[..read]);
                bytes += read as u64;
            }
        }
    }
}

impl Identity {
    /// What differs, for the person at the terminal.
    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

/// What is sent, in words.
impl fmt::Display for Inputs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.rows.iter().map(|rows| rows.name.as_str()).collect();
        f.write_str(&names.join(", "))?;
        match self.pdfs.len() {
            0 => Ok(()),
            pdfs => {
                let and = if names.is_empty() { "" } else { " and " };
                write!(f, "{and}{}", count(pdfs as u64, "PDF", "PDFs"))
            }
        }
    }
}
