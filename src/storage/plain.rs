//! An entry that holds something else than a record: kept, sealed and doubted as a record is.

use zeroize::Zeroizing;

use super::vault::settled;
use super::{FirstLook, Opened, ReadOutcome, Secrecy, Vault, WriteOutcome};
use crate::error::{EndReason, Failure, StorageFailure};

impl Vault {
    /// What stands in the entry; `None` when nothing does, and that is proven only by
    /// [`prove_absence`](Self::prove_absence).
    pub(crate) fn open_plain(&self) -> Result<Option<Zeroizing<Vec<u8>>>, Opened> {
        match self.storage.read(&self.name) {
            ReadOutcome::Found(bytes) if self.storage.secrecy() == Secrecy::Sealed => {
                self.unseal(&bytes).map(Some)
            }
            ReadOutcome::Found(bytes) => Ok(Some(bytes)),
            ReadOutcome::Absent => Ok(None),
            ReadOutcome::Unavailable(cause) => Err(Opened::Unavailable(cause)),
            ReadOutcome::Corrupt => Err(Opened::Lost(EndReason::StoreLost)),
            ReadOutcome::Misconfigured { what, fix } => Err(Opened::Misconfigured { what, fix }),
        }
    }

    /// Replaces what stands in the entry, and reads it back.
    pub(crate) fn replace_plain(&self, plain: &[u8]) -> Result<(), Failure> {
        let bytes = self.as_kept(Zeroizing::new(plain.to_vec()))?;
        settled_by_reading(self.storage.write(&self.name, &bytes))?;
        match self.open_plain() {
            Ok(Some(found)) if found.as_slice() == plain => Ok(()),
            Ok(_) => Err(Failure::Storage(StorageFailure::ReadBackDiffers)),
            Err(_) => Err(Failure::Storage(StorageFailure::Unconfirmed)),
        }
    }

    /// Whether what is not there may be believed to be nothing. Under the canary's lock.
    pub(crate) fn prove_nothing(&self) -> FirstLook {
        if self.storage.secrecy() == Secrecy::Volatile {
            return FirstLook::Opened(Opened::Absent);
        }
        self.prove_absence()
    }

    /// Deletes the entry and the app's notes on it, for an account that is removed. Nothing else deletes a record.
    pub(crate) fn erase(&self) -> Result<(), Failure> {
        self.forget();
        settled_by_reading(self.storage.delete(&self.name))?;
        match self.storage.read(&self.name) {
            ReadOutcome::Absent => {}
            _ => return Err(Failure::Storage(StorageFailure::Unconfirmed)),
        }
        if let Some(marker) = &self.marker {
            marker.erase();
        }
        Ok(())
    }
}

/// An outcome that the read which follows decides on, if the storage does not.
fn settled_by_reading(outcome: WriteOutcome) -> Result<(), Failure> {
    match settled(outcome) {
        Err(Failure::Storage(StorageFailure::Unconfirmed)) => Ok(()),
        settled => settled,
    }
}
