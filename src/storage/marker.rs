//! What the app notes in its own folder, beside the lock files: that it is installed, what it has seen of the
//! store, and sign-outs that the store did not take yet. It holds no secret and is lost with the installation.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::file;
use crate::error::LockedCause;

/// Ends whatever session stands in the entry: its epoch could not be read.
pub(crate) const EVERY_EPOCH: u64 = u64::MAX;

/// The notes on one entry. Changed under the entry's record lock, but for the sign-outs: those are files of their
/// own, because a hung write may hold that lock.
#[derive(Debug)]
pub(crate) struct Marker {
    folder: PathBuf,
    name: String,
}

/// What stands in the marker file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Marking {
    /// A first start, or the first after a reinstallation.
    Missing,
    /// There was one, and it cannot be read any more.
    Damaged,
    Noted(Noted),
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Noted {
    /// Drawn once for each installation; records carry it.
    pub(crate) install_id: String,
    /// What the store's canary said when it was last proven.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) canary: Option<String>,
    /// A record has been written here.
    #[serde(default)]
    pub(crate) had_record: bool,
    /// Launches in a row at which the platform's key did not serve.
    #[serde(default)]
    pub(crate) keyless_launches: u32,
}

impl Marker {
    /// Notes on the entry in `folder`, which is made at the first write.
    pub(crate) fn new(folder: PathBuf, entry_id: &str) -> Self {
        let name = name_of(entry_id);
        Self { folder, name }
    }

    pub(crate) fn read(&self) -> Result<Marking, LockedCause> {
        let bytes = match file::read_limited(&self.path("marker")) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Marking::Missing),
            // A phone before its first unlock keeps this file closed too.
            Err(error) => return Err(unavailable("read", &error)),
        };
        Ok(serde_json::from_slice(&bytes).map_or(Marking::Damaged, Marking::Noted))
    }

    pub(crate) fn write(&self, noted: &Noted) -> Result<(), LockedCause> {
        // Strings, numbers and flags: nothing that JSON cannot hold.
        let text = serde_json::to_vec(noted).expect("notes serialise");
        self.replace(&self.path("marker"), &text)
    }

    /// Notes a sign-out whose tombstone could not be written: sessions up to that epoch are not restored.
    pub(crate) fn note_sign_out(&self, epoch: u64) -> Result<(), LockedCause> {
        self.replace(&self.path(&format!("signed-out.{epoch}")), b"")
    }

    /// The newest epoch that was signed out and may still stand in the store.
    pub(crate) fn signed_out(&self) -> Result<Option<u64>, LockedCause> {
        Ok(self.sign_outs()?.into_iter().max())
    }

    /// The store holds a record of `epoch` now: sign-outs of older ones are done.
    pub(crate) fn forget_sign_outs_before(&self, epoch: u64) {
        for noted in self.sign_outs().unwrap_or_default() {
            if noted < epoch || noted == EVERY_EPOCH {
                // One that stays blocks an epoch that is over.
                let _ = fs::remove_file(self.path(&format!("signed-out.{noted}")));
            }
        }
    }

    /// The entry is gone for good, and with it what was noted of it. A note that stays is a file too many.
    pub(crate) fn erase(&self) {
        for noted in self.sign_outs().unwrap_or_default() {
            let _ = fs::remove_file(self.path(&format!("signed-out.{noted}")));
        }
        let _ = fs::remove_file(self.path("marker"));
    }

    fn sign_outs(&self) -> Result<Vec<u64>, LockedCause> {
        let listing = match fs::read_dir(&self.folder) {
            Ok(listing) => listing,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(unavailable("listed", &error)),
        };
        let prefix = format!("{}.signed-out.", self.name);
        let mut epochs = Vec::new();
        for entry in listing {
            let entry = entry.map_err(|error| unavailable("listed", &error))?;
            let name = entry.file_name();
            epochs.extend(
                name.to_str()
                    .and_then(|name| name.strip_prefix(&prefix)?.parse::<u64>().ok()),
            );
        }
        Ok(epochs)
    }

    fn replace(&self, path: &Path, bytes: &[u8]) -> Result<(), LockedCause> {
        file::replace(&self.folder, path, bytes).map_err(|error| unavailable("written", &error))
    }

    fn path(&self, kind: &str) -> PathBuf {
        self.folder.join(format!("{}.{kind}", self.name))
    }
}

/// What the app's notes on an entry are called, which may itself be called after a user.
pub(super) fn name_of(entry_id: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, entry_id.as_bytes());
    digest.as_ref()[..12]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn unavailable(what: &str, error: &io::Error) -> LockedCause {
    tracing::warn!(kind = ?error.kind(), "the app's own marker could not be {what}");
    LockedCause::Unavailable
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marker(folder: &tempfile::TempDir) -> Marker {
        Marker::new(folder.path().join("state"), "store/session/x")
    }

    #[test]
    fn what_is_noted_is_read_by_the_next_start() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(marker(&folder).read(), Ok(Marking::Missing));
        let noted = Noted {
            install_id: "ab".into(),
            canary: Some("cd".into()),
            had_record: true,
            keyless_launches: 2,
        };
        marker(&folder).write(&noted).unwrap();
        assert_eq!(marker(&folder).read(), Ok(Marking::Noted(noted)));
    }

    #[test]
    fn a_damaged_marker_is_not_a_missing_one() {
        let folder = tempfile::tempdir().unwrap();
        marker(&folder).write(&Noted::default()).unwrap();
        fs::write(marker(&folder).path("marker"), "{").unwrap();
        assert_eq!(marker(&folder).read(), Ok(Marking::Damaged));
    }

    #[test]
    fn a_marker_that_cannot_be_read_is_unavailable() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(marker(&folder).path("marker")).unwrap();
        assert_eq!(marker(&folder).read(), Err(LockedCause::Unavailable));
    }

    #[test]
    fn a_sign_out_is_noted_until_a_newer_epoch_stands_in_the_store() {
        let folder = tempfile::tempdir().unwrap();
        let marker = marker(&folder);
        assert_eq!(marker.signed_out(), Ok(None));
        marker.note_sign_out(4).unwrap();
        marker.note_sign_out(2).unwrap();
        assert_eq!(marker.signed_out(), Ok(Some(4)));
        marker.forget_sign_outs_before(4);
        assert_eq!(marker.signed_out(), Ok(Some(4)));
        marker.note_sign_out(EVERY_EPOCH).unwrap();
        marker.forget_sign_outs_before(5);
        assert_eq!(marker.signed_out(), Ok(None));
    }

    #[test]
    fn two_entries_of_one_folder_have_notes_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        marker(&folder).note_sign_out(1).unwrap();
        let other = Marker::new(folder.path().join("state"), "store/session/y");
        assert_eq!(other.signed_out(), Ok(None));
    }
}
