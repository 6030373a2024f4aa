//! An entry that holds something else than a record: kept, sealed and doubted as a record is.

use zeroize::Zeroizing;

use super::{FirstLook, Opened, ReadOutcome, Secrecy, Vault, WriteOutcome};
use crate::error::{EndReason, Failure, StorageFailure};
use crate::record::{DoesNotOpen, Sealed};

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
        let bytes = match self.storage.secrecy() {
            Secrecy::Platform | Secrecy::Volatile => Zeroizing::new(plain.to_vec()),
            Secrecy::Sealed => {
                let known = self.key_to_seal_with()?;
                let sealed = Sealed::seal(plain, &self.name, &known.key, &known.wrapped, self.nonce()?);
                let sealed = sealed.map_err(|DoesNotOpen| Failure::Storage(StorageFailure::TooLarge))?;
                Zeroizing::new(sealed.to_text().into_bytes())
            }
        };
        match self.storage.write(&self.name, &bytes) {
            WriteOutcome::Acknowledged | WriteOutcome::Unconfirmed => {}
            WriteOutcome::Unavailable(cause) => {
                return Err(Failure::Storage(StorageFailure::Unavailable(cause)));
            }
            WriteOutcome::Misconfigured { what, fix } => return Err(Failure::Misconfigured { what, fix }),
        }
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
        match self.storage.delete(&self.name) {
            WriteOutcome::Acknowledged | WriteOutcome::Unconfirmed => {}
            WriteOutcome::Unavailable(cause) => {
                return Err(Failure::Storage(StorageFailure::Unavailable(cause)));
            }
            WriteOutcome::Misconfigured { what, fix } => return Err(Failure::Misconfigured { what, fix }),
        }
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
