//! What a run of parts says, kept to be searched: one file for each part, in the cache.

use std::fs::{self, File, OpenOptions};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{Read as _, Write as _};
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::folders::Folders;

/// The reference backend puts this before every token it issues.
pub(crate) const MARK_VARIABLE: &str = "TOKENCAST_TOKEN_MARK";

/// What the parts of this run said so far.
#[derive(Debug)]
pub(crate) struct Kept {
    folder: PathBuf,
    mark: String,
}

impl Kept {
    /// Forgets what the last run of this clone said, and draws the mark of this one.
    pub(crate) fn begin(folders: &Folders) -> Result<Kept> {
        let mut hasher = DefaultHasher::new();
        folders.repository.hash(&mut hasher);
        let folder = folders.cache.join(format!("said-{:08x}", hasher.finish() as u32));
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => fs::create_dir_all(&folder)?,
        }
        let mut random = [0; 12];
        File::open("/dev/urandom")?.read_exact(&mut random)?;
        let hex: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Kept {
            folder,
            mark: format!("mark{hex}"),
        })
    }

    /// What every token of this run begins with.
    pub(crate) fn mark(&self) -> &str {
        &self.mark
    }

    /// What a part said, as far as it can be read.
    pub(crate) fn said_by(&self, part: &str) -> String {
        let bytes = fs::read(self.path_of(part)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Where a part's words go, after those that are there.
    pub(crate) fn file_of(&self, part: &str) -> Result<File> {
        let path = self.path_of(part);
        let file = OpenOptions::new().create(true).append(true).open(&path);
        file.with_context(|| format!("{} cannot be written", path.display()))
    }

    pub(crate) fn add(&self, part: &str, bytes: &[u8]) -> Result<()> {
        Ok(self.file_of(part)?.write_all(bytes)?)
    }

    /// The files so far, in the order of their names.
    pub(crate) fn files(&self) -> Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            files.push(entry?.path());
        }
        files.sort();
        Ok(files)
    }

    fn path_of(&self, part: &str) -> PathBuf {
        self.folder.join(format!("{part}.log"))
    }
}
