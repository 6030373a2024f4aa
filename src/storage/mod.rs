//! Where the record lives. A store is synchronous and may block: the session calls it on a thread of its own,
//! with a deadline.

mod file;
mod journal;
mod key;
#[cfg(feature = "keyring")]
mod keyring;
#[cfg(any(windows, test))]
pub(crate) mod local_data;
mod marker;
mod memory;
mod plain;
mod trust;
mod vault;

use std::sync::Arc;

use zeroize::Zeroizing;

use crate::error::LockedCause;

pub use crate::record::DataKey;
pub use file::FileStorage;
pub use key::{KeyFailure, KeyWrapper};
#[cfg(feature = "keyring")]
pub use keyring::KeyringStorage;
pub use memory::MemoryStorage;

pub(crate) use journal::Journal;
pub(crate) use marker::{EVERY_EPOCH, Marker};
pub(crate) use trust::FirstLook;
pub(crate) use vault::{Opened, Vault};

/// A place for named entries of bytes.
///
/// `Unavailable` is never taken as "no session" and never leads to a delete. The names are `session/<hash>`,
/// `canary`, `quarantine` and what later versions add: visible ASCII, at most 80 characters.
pub trait SecureStorage: Send + Sync + 'static {
    /// Names the entry among all stores of this device: two sessions with the same id share one record.
    fn entry_id(&self) -> String;

    /// Whether the place itself keeps what it is given from others.
    fn secrecy(&self) -> Secrecy;

    /// What guards the key of a [`Sealed`](Secrecy::Sealed) storage when the builder is given no `key_wrapper`. A storage
    /// that passes calls on to another passes this one on too.
    fn key_wrapper(&self) -> Option<Arc<dyn KeyWrapper>> {
        None
    }

    /// Whether a call may block. One that never does is called where the session runs, without a deadline.
    fn may_block(&self) -> bool {
        true
    }

    /// Whether an acknowledged write surely stands there. The commit of a refresh is then not read back; an intent
    /// and the end of a session are, whatever the store says of itself.
    fn acknowledgement_is_proof(&self) -> bool {
        false
    }

    /// Reads one entry.
    fn read(&self, name: &str) -> ReadOutcome;

    /// Replaces one entry, in one step: a crash leaves the old bytes or the new ones.
    fn write(&self, name: &str, bytes: &[u8]) -> WriteOutcome;

    /// Deletes one entry; an absent one counts as deleted.
    fn delete(&self, name: &str) -> WriteOutcome;
}

/// Who keeps the bytes secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secrecy {
    /// The platform (Keychain, Secret Service): the record is stored as it is.
    Platform,
    /// Nobody (a file, the host's own store): the core seals the record under a key that a [`KeyWrapper`]
    /// guards.
    Sealed,
    /// Nobody, and nothing is written to a disk: a store in memory.
    Volatile,
}

/// What a read found.
#[derive(Clone, PartialEq, Eq)]
pub enum ReadOutcome {
    /// The bytes.
    Found(Zeroizing<Vec<u8>>),
    /// The place was readable and has no such entry.
    Absent,
    /// The place cannot be read now.
    Unavailable(LockedCause),
    /// The entry is there and damaged.
    Corrupt,
    /// The set-up is wrong.
    Misconfigured {
        /// What is wrong.
        what: String,
        /// What to do about it.
        fix: String,
    },
}

impl std::fmt::Debug for ReadOutcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Found(bytes) => write!(f, "Found({} bytes)", bytes.len()),
            Self::Absent => f.write_str("Absent"),
            Self::Unavailable(cause) => f.debug_tuple("Unavailable").field(cause).finish(),
            Self::Corrupt => f.write_str("Corrupt"),
            Self::Misconfigured { what, .. } => f.debug_struct("Misconfigured").field("what", what).finish(),
        }
    }
}

/// What became of a write or delete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteOutcome {
    /// Done, and it will survive a crash.
    Acknowledged,
    /// Nothing was written.
    Unavailable(LockedCause),
    /// It may or may not have been written: it will be read back.
    Unconfirmed,
    /// The set-up is wrong; nothing was written.
    Misconfigured {
        /// What is wrong.
        what: String,
        /// What to do about it.
        fix: String,
    },
}

/// A store in memory, for tests and for hosts that chose to keep nothing.
pub fn memory() -> MemoryStorage {
    MemoryStorage::default()
}

/// The platform's keyring, under the application's id such as `com.example.app`.
///
/// Linux: the Secret Service. iOS and macOS: the Keychain. Windows: a sealed file, its key in the Credential Manager. On
/// other systems every call answers `Misconfigured`.
#[cfg(feature = "keyring")]
pub fn keyring(application: impl Into<String>) -> KeyringStorage {
    KeyringStorage::new(application)
}

/// Files in `folder`, sealed under a data key that the builder's `key_wrapper` guards.
pub fn file(folder: impl Into<std::path::PathBuf>) -> FileStorage {
    FileStorage::new(folder)
}
