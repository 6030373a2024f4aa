//! A folder in the cache that is either complete or made anew: its stamp is written last.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

const STAMP: &str = ".ready";

/// The folder `name` in `cache`, made by `make` unless it is there complete. The name carries the versions of what is
/// inside: another version is another folder.
///
/// Two callers at once are held apart by a lock file, and the second finds the work done.
///
/// # Errors
/// Those of `make`, and of the file system. The folder then has no stamp, and the next call starts over.
pub(crate) fn ensure(cache: &Path, name: &str, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let folder = cache.join(name);
    let stamp = folder.join(STAMP);
    if stamp.exists() {
        return Ok(folder);
    }
    fs::create_dir_all(cache)?;
    let lock = File::create(cache.join(format!("{name}.lock")))?;
    lock.lock()
        .with_context(|| format!("{name}: the lock beside it cannot be taken"))?;
    if stamp.exists() {
        return Ok(folder);
    }
    clear(&folder)?;
    make(&folder).with_context(|| format!("{} could not be made", folder.display()))?;
    fs::write(&stamp, "")?;
    Ok(folder)
}

/// Removes what a killed run left. It may be a system root in which another file system is still mounted, which is
/// not ours to empty: hence `--one-file-system`.
fn clear(folder: &Path) -> Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    let status = std::process::Command::new("rm")
        .args(["-rf", "--one-file-system"])
        .arg(folder)
        .status()?;
    anyhow::ensure!(
        status.success(),
        "{} is incomplete and could not be removed",
        folder.display()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    fn file_in(folder: &Path, name: &str) -> Result<()> {
        fs::create_dir_all(folder)?;
        Ok(fs::write(folder.join(name), "")?)
    }

    #[test]
    fn a_complete_folder_is_made_once() -> Result<()> {
        let cache = tempfile::tempdir()?;
        let made = ensure(cache.path(), "tool-1", |folder| file_in(folder, "tool"))?;
        let again = ensure(cache.path(), "tool-1", |_| bail!("made twice"))?;
        assert_eq!(made, again);
        assert!(made.join("tool").exists());
        Ok(())
    }

    #[test]
    fn another_version_is_another_folder() -> Result<()> {
        let cache = tempfile::tempdir()?;
        let one = ensure(cache.path(), "tool-1", |folder| file_in(folder, "tool"))?;
        let two = ensure(cache.path(), "tool-2", |folder| file_in(folder, "tool"))?;
        assert_ne!(one, two);
        assert!(one.join("tool").exists());
        Ok(())
    }

    #[test]
    fn a_failed_attempt_leaves_no_stamp_and_its_rests_are_gone_the_next_time() -> Result<()> {
        let cache = tempfile::tempdir()?;
        let failed = ensure(cache.path(), "tool-1", |folder| {
            file_in(folder, "half")?;
            bail!("the network went away")
        });
        assert!(failed.is_err());
        let folder = ensure(cache.path(), "tool-1", |folder| file_in(folder, "whole"))?;
        assert!(folder.join("whole").exists());
        assert!(!folder.join("half").exists());
        Ok(())
    }

    #[test]
    fn two_callers_at_once_make_it_once() -> Result<()> {
        let cache = tempfile::tempdir()?;
        let times = std::sync::atomic::AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    ensure(cache.path(), "tool-1", |folder| {
                        times.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                        file_in(folder, "tool")
                    })
                });
            }
        });
        assert_eq!(times.into_inner(), 1);
        Ok(())
    }
}
