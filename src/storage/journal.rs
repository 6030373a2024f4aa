//! Lines that outlive a process, beside the marker. Two files take turns, so that nothing is copied and no reader meets
//! half a file. Several processes append; nothing here is needed for a session to live, so nobody acts on a failure.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;

use super::marker;

/// A file that is as long as this is put aside: enough for 64 of the longest lines.
pub(crate) const FULL: u64 = 24 * 1024;

/// The lines of one entry in the app's own folder.
#[derive(Debug)]
pub(crate) struct Journal {
    folder: PathBuf,
    name: String,
}

impl Journal {
    /// Lines on the entry in `folder`, which is there once a record was written: the marker comes first.
    pub(crate) fn new(folder: PathBuf, entry_id: &str) -> Self {
        let name = marker::name_of(entry_id);
        Self { folder, name }
    }

    /// What stands there, oldest first; nothing, if it cannot be read.
    pub(crate) fn read(&self) -> String {
        let tails = [self.old(), self.new_one()].map(|path| tail(&path).unwrap_or_default());
        tails.join("\n")
    }

    /// How much was written since the files took turns.
    pub(crate) fn length(&self) -> u64 {
        fs::metadata(self.new_one()).map_or(0, |file| file.len())
    }

    /// Deletes all lines.
    pub(crate) fn erase(&self) {
        for file in [self.old(), self.new_one()] {
            // A file that stays holds causes and times, and no secret.
            let _ = fs::remove_file(file);
        }
    }

    /// Adds whole lines, in one write: lines of two processes do not mix. Says how much longer the file is for it.
    pub(crate) fn append(&self, lines: &[String]) -> io::Result<u64> {
        let mut open = self.open()?;
        if open.metadata()?.len() >= FULL {
            self.take_turns(&open)?;
            open = self.open()?;
        }
        // A write that was cut short may have left half a line: what follows begins on one of its own.
        let text = format!("\n{}\n", lines.join("\n"));
        open.write_all(text.as_bytes())?;
        Ok(text.len() as u64)
    }

    /// Puts the full file aside. Only one process does, or the second would put an empty file over the full one.
    fn take_turns(&self, full: &File) -> io::Result<()> {
        #[cfg(unix)]
        if rustix::fs::flock(full, rustix::fs::FlockOperation::NonBlockingLockExclusive).is_err() {
            return Ok(());
        }
        #[cfg(not(unix))]
        let _ = full;
        if self.length() >= FULL {
            fs::rename(self.new_one(), self.old())?;
        }
        Ok(())
    }

    fn open(&self) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(self.new_one())
    }

    fn new_one(&self) -> PathBuf {
        self.folder.join(format!("{}.history", self.name))
    }

    fn old(&self) -> PathBuf {
        self.folder.join(format!("{}.history.old", self.name))
    }
}

/// The end of a file, which may have become longer than we make it.
fn tail(path: &std::path::Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(2 * FULL)))?;
    let mut bytes = Vec::new();
    file.take(2 * FULL).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn journal(folder: &tempfile::TempDir) -> Journal {
        Journal::new(folder.path().to_owned(), "store/session/x")
    }

    fn lines(journal: &Journal) -> Vec<String> {
        let text = journal.read();
        let lines = text.lines().filter(|line| !line.is_empty());
        lines.map(str::to_owned).collect()
    }

    #[test]
    fn what_is_appended_is_read_by_the_next_process() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(lines(&journal(&folder)), Vec::<String>::new());
        journal(&folder).append(&["one".into(), "two".into()]).unwrap();
        journal(&folder).append(&["three".into()]).unwrap();
        assert_eq!(lines(&journal(&folder)), ["one", "two", "three"]);
    }

    #[test]
    fn it_is_bounded_and_never_without_the_last_64_of_the_longest_lines() {
        let folder = tempfile::tempdir().unwrap();
        let journal = journal(&folder);
        for number in 0..1000 {
            journal.append(&[format!("{number:0>380}")]).unwrap();
            let kept = lines(&journal);
            assert_eq!(
                kept.last()
                    .unwrap()
                    .trim_start_matches('0')
                    .parse::<u32>()
                    .unwrap_or(0),
                number
            );
            assert!(
                kept.len() >= 64.min(number as usize + 1),
                "{number}: {}",
                kept.len()
            );
        }
        let size: u64 = fs::read_dir(folder.path())
            .unwrap()
            .map(|file| file.unwrap().metadata().unwrap().len())
            .sum();
        assert!(size < 2 * FULL + 1024, "{size}");
    }

    #[test]
    fn half_a_line_spoils_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let journal = journal(&folder);
        journal.append(&["one".into()]).unwrap();
        journal.open().unwrap().write_all(b"hal").unwrap();
        journal.append(&["two".into()]).unwrap();
        assert_eq!(lines(&journal), ["one", "hal", "two"]);
    }

    #[test]
    fn threads_that_write_at_once_lose_no_line_of_the_last() {
        let folder = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let journal = journal(&folder);
                scope.spawn(move || {
                    for number in 0..40 {
                        journal.append(&[format!("{thread}/{number:0>300}")]).unwrap();
                    }
                });
            }
        });
        let kept = lines(&journal(&folder));
        assert!(kept.len() >= 64, "{}", kept.len());
        for thread in 0..4 {
            assert!(kept.contains(&format!("{thread}/{:0>300}", 39)), "{thread}");
        }
    }

    #[test]
    fn a_folder_that_takes_nothing_is_an_error_and_reads_as_nothing() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let journal = Journal::new(file.path().to_owned(), "x");
        assert!(journal.append(&["one".into()]).is_err());
        assert_eq!((lines(&journal).len(), journal.length()), (0, 0));
    }

    #[test]
    fn a_file_that_somebody_filled_is_read_at_its_end_only() {
        let folder = tempfile::tempdir().unwrap();
        let journal = journal(&folder);
        journal.append(&["one".into()]).unwrap();
        fs::write(journal.new_one(), vec![b'x'; 1024 * 1024]).unwrap();
        assert!(journal.read().len() as u64 <= 2 * FULL + 1);
        journal.append(&["two".into()]).unwrap();
        assert_eq!(lines(&journal).last().unwrap(), "two");
    }
}
