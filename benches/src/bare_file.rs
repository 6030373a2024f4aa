//! A file by the standard library: the floor of the rows with a sealed file.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

pub(crate) struct BareFile {
    folder: PathBuf,
    bytes: Vec<u8>,
}

impl BareFile {
    pub(crate) fn new(folder: &Path, size: usize) -> Self {
        Self {
            folder: folder.to_owned(),
            bytes: vec![b'x'; size],
        }
    }

    pub(crate) fn read(&self) -> Result<(), String> {
        fs::read(self.folder.join("floor"))
            .map(drop)
            .map_err(|error| error.to_string())
    }

    /// In one step, and through to the disk: a temporary file, its name, the folder.
    pub(crate) fn write(&self) -> Result<(), String> {
        self.replace().map_err(|error| error.to_string())
    }

    fn replace(&self) -> std::io::Result<()> {
        let temporary = self.folder.join("floor.tmp");
        let mut file = File::create(&temporary)?;
        file.write_all(&self.bytes)?;
        file.sync_all()?;
        fs::rename(temporary, self.folder.join("floor"))?;
        File::open(&self.folder)?.sync_all()
    }
}
