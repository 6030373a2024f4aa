use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::{LockFailure, LockGuard, LockKind, ProcessLock};

/// `flock` on files in a folder that all processes of the app share. The kernel frees them when a process dies;
/// the files are never unlinked, or two processes could hold one name.
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

    fn open(&self, entry_id: &str, kind: LockKind) -> io::Result<File> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.folder)?;
        let digest = ring::digest::digest(&ring::digest::SHA256, entry_id.as_bytes());
        let hash: String = digest.as_ref()[..12]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let path = self.folder.join(format!("{hash}.{}.lock", kind.name()));
        // Rust opens with O_CLOEXEC: a child process must not keep the lock alive.
        OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
    }
}

impl ProcessLock for FileLocks {
    fn try_acquire(&self, entry_id: &str, kind: LockKind) -> Result<Option<LockGuard>, LockFailure> {
        let failed = |reason: String| LockFailure { reason };
        let file = self
            .open(entry_id, kind)
            .map_err(|error| failed(error.kind().to_string()))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(LockGuard::new(file))),
            Err(Errno::WOULDBLOCK | Errno::INTR) => Ok(None),
            Err(error) => Err(failed(error.to_string())),
        }
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
    fn a_folder_that_cannot_be_made_is_an_error_and_no_lock() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(
            FileLocks::new(file.path())
                .try_acquire("entry", LockKind::Flight)
                .is_err()
        );
    }
}
