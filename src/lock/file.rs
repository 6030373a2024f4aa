use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::path::PathBuf;

use super::{LockFailure, LockGuard, LockKind, ProcessLock};

/// `flock`, on Windows `LockFileEx`, on files in a folder that all processes of the app share. The system frees them when a
/// process dies; the files of an entry that may be used again are never unlinked, or two processes could hold one name.
#[derive(Clone, Debug)]
pub struct FileLocks {
    folder: PathBuf,
}

impl FileLocks {
    /// Lock files in `folder`, which is made when the first lock is taken.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    fn path(&self, entry_id: &str, kind: LockKind) -> PathBuf {
        let digest = ring::digest::digest(&ring::digest::SHA256, entry_id.as_bytes());
        let hash: String = digest.as_ref()[..12]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        self.folder.join(format!("{hash}.{}.lock", kind.name()))
    }

    fn open(&self, entry_id: &str, kind: LockKind) -> io::Result<File> {
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&self.folder)?;
        // Rust opens with O_CLOEXEC, on Windows not inheritable: a child process must not keep the lock alive.
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(self.path(entry_id, kind))
    }
}

impl ProcessLock for FileLocks {
    fn try_acquire(&self, entry_id: &str, kind: LockKind) -> Result<Option<LockGuard>, LockFailure> {
        let failed = |reason: String| LockFailure { reason };
        let file = self
            .open(entry_id, kind)
            .map_err(|error| failed(error.kind().to_string()))?;
        let taken = try_lock(&file).map_err(|error| failed(error.to_string()))?;
        Ok(taken.then(|| LockGuard::new(file)))
    }

    fn forget(&self, entry_id: &str) {
        for kind in [LockKind::Flight, LockKind::Record] {
            // An empty file that stays harms nobody.
            let _ = std::fs::remove_file(self.path(entry_id, kind));
        }
    }
}

/// Through rustix: std's locks do not work on Android in this Rust.
#[cfg(unix)]
fn try_lock(file: &File) -> io::Result<bool> {
    use rustix::fs::{FlockOperation, flock};
    use rustix::io::Errno;
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK | Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

#[cfg(windows)]
use try_lock_by_std as try_lock;

#[cfg(any(windows, test))]
fn try_lock_by_std(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(std::fs::TryLockError::WouldBlock) => Ok(false),
        Err(std::fs::TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_handles_of_one_process_exclude_each_other_too() {
        let folder = tempfile::tempdir().unwrap();
        let [one, two] = [0, 1].map(|_| FileLocks::new(folder.path().join("locks")));
        let held = one.try_acquire("entry", LockKind::Record).unwrap().unwrap();
        assert!(two.try_acquire("entry", LockKind::Record).unwrap().is_none());
        assert!(two.try_acquire("entry", LockKind::Flight).unwrap().is_some());
        drop(held);
        assert!(two.try_acquire("entry", LockKind::Record).unwrap().is_some());
    }

    #[test]
    fn windows_way_to_lock_excludes_other_handles_until_its_own_is_closed() {
        let folder = tempfile::tempdir().unwrap();
        let locks = FileLocks::new(folder.path().join("locks"));
        let [one, two] = [0, 1].map(|_| locks.open("entry", LockKind::Record).unwrap());
        assert!(try_lock_by_std(&one).unwrap());
        assert!(!try_lock_by_std(&two).unwrap());
        drop(one);
        assert!(try_lock_by_std(&two).unwrap());
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_an_error_and_no_lock() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(
            FileLocks::new(file.path())
                .try_acquire("entry", LockKind::Flight)
                .is_err()
        );
    }
}
