use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::{ReadOutcome, Secrecy, SecureStorage, WriteOutcome};
use crate::error::LockedCause;

/// The largest file that is read: a sealed record of 256 KiB and its base64.
const LIMIT: u64 = 1024 * 1024;

/// One file an entry, readable by its owner. A write goes to a temporary file, is forced to the disk and renamed
/// over the old one: a crash leaves the old bytes or the new ones, and a hung write cannot land later.
#[derive(Clone, Debug)]
pub struct FileStorage {
    folder: PathBuf,
}

impl FileStorage {
    /// Files in `folder`, which is made at the first write.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        let safe = |c: char| {
            if c.is_ascii_alphanumeric() || c == '-' {
                c
            } else {
                '_'
            }
        };
        self.folder.join(name.chars().map(safe).collect::<String>())
    }
}

/// Replaces a file of `folder` in one step, for the app's own notes.
pub(super) fn replace(folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    put(folder, path, bytes).map_err(|trouble| match trouble {
        Trouble::Before(error) | Trouble::During(error) => error,
    })
}

fn put(folder: &Path, path: &Path, bytes: &[u8]) -> Result<(), Trouble> {
    make_private(folder).map_err(Trouble::Before)?;
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(format!(".{}.tmp", std::process::id()));
    let temporary = PathBuf::from(temporary);
    let written = write_through(&temporary, bytes);
    if let Err(error) = written {
        // Half a file under a temporary name serves nobody; the old record is untouched.
        let _ = fs::remove_file(&temporary);
        return Err(Trouble::Before(error));
    }
    fs::rename(&temporary, path).map_err(Trouble::During)?;
    settle(folder, path).map_err(Trouble::During)
}

/// Whether the old bytes are surely still in place.
enum Trouble {
    Before(io::Error),
    During(io::Error),
}

impl SecureStorage for FileStorage {
    fn entry_id(&self) -> String {
        // Absolute, so that relative spellings of one folder share their locks. Links are not followed: that
        // would be I/O, which no constructor does.
        let folder = std::path::absolute(&self.folder);
        format!(
            "file/{}",
            folder.unwrap_or_else(|_| self.folder.clone()).display()
        )
    }

    fn secrecy(&self) -> Secrecy {
        Secrecy::Sealed
    }

    fn read(&self, name: &str) -> ReadOutcome {
        match read_limited(&self.path(name)) {
            Ok(bytes) if bytes.len() as u64 > LIMIT => ReadOutcome::Corrupt,
            Ok(bytes) => ReadOutcome::Found(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => ReadOutcome::Absent,
            Err(error) => unreadable(&self.folder, &error),
        }
    }

    fn write(&self, name: &str, bytes: &[u8]) -> WriteOutcome {
        match put(&self.folder, &self.path(name), bytes) {
            Ok(()) => WriteOutcome::Acknowledged,
            Err(Trouble::During(error)) => {
                tracing::warn!(kind = ?error.kind(), "a record's file could not be put in place");
                WriteOutcome::Unconfirmed
            }
            Err(Trouble::Before(error)) => {
                tracing::warn!(kind = ?error.kind(), "a record's file could not be written");
                WriteOutcome::Unavailable(LockedCause::Unavailable)
            }
        }
    }

    fn delete(&self, name: &str) -> WriteOutcome {
        match fs::remove_file(self.path(name)) {
            Ok(()) => WriteOutcome::Acknowledged,
            Err(error) if error.kind() == io::ErrorKind::NotFound => WriteOutcome::Acknowledged,
            Err(_) => WriteOutcome::Unavailable(LockedCause::Unavailable),
        }
    }
}

fn unreadable(folder: &Path, error: &io::Error) -> ReadOutcome {
    // Windows denies also what another program, such as a virus scanner, has open or what is being replaced: it passes.
    let denied = error.kind() == io::ErrorKind::PermissionDenied && !cfg!(windows);
    if denied || error.kind() == io::ErrorKind::NotADirectory {
        return ReadOutcome::Misconfigured {
            what: format!("the session's folder {} cannot be read", folder.display()),
            fix: "give the app a folder of its own".into(),
        };
    }
    ReadOutcome::Unavailable(LockedCause::Unavailable)
}

pub(super) fn read_limited(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::new());
    File::open(path)?.take(LIMIT + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn write_through(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn make_private(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// A rename is durable once its folder is.
#[cfg(unix)]
fn settle(folder: &Path, _: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Windows forces no folder. Forcing the file under its new name, with a handle that may write, is the most there is.
#[cfg(not(unix))]
fn settle(_: &Path, path: &Path) -> io::Result<()> {
    OpenOptions::new().write(true).open(path)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_replaced_whole_and_leaves_no_temporary_file() {
        let folder = tempfile::tempdir().unwrap();
        let store = FileStorage::new(folder.path().join("deep/er"));
        assert_eq!(store.read("session/a"), ReadOutcome::Absent);
        for text in ["first", "second and longer"] {
            assert_eq!(
                store.write("session/a", text.as_bytes()),
                WriteOutcome::Acknowledged
            );
            assert_eq!(
                store.read("session/a"),
                ReadOutcome::Found(Zeroizing::new(text.into()))
            );
        }
        assert_eq!(fs::read_dir(folder.path().join("deep/er")).unwrap().count(), 1);
        assert_eq!(store.delete("session/a"), WriteOutcome::Acknowledged);
        assert_eq!(store.read("session/a"), ReadOutcome::Absent);
    }

    #[test]
    fn a_name_cannot_leave_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let store = FileStorage::new(folder.path().join("inner"));
        store.write("../../outside", b"x");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_file_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let store = FileStorage::new(folder.path());
        store.write("session/a", b"x");
        let mode = fs::metadata(store.path("session/a"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_folder_that_is_a_file_is_a_matter_for_the_developer() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let store = FileStorage::new(file.path());
        assert!(matches!(store.read("a"), ReadOutcome::Misconfigured { .. }));
        assert_eq!(
            store.write("a", b"x"),
            WriteOutcome::Unavailable(LockedCause::Unavailable)
        );
    }

    #[test]
    fn an_endless_file_is_corrupt() {
        let folder = tempfile::tempdir().unwrap();
        let store = FileStorage::new(folder.path());
        fs::write(store.path("a"), vec![b'x'; 2 * 1024 * 1024]).unwrap();
        assert_eq!(store.read("a"), ReadOutcome::Corrupt);
    }
}
