//! Where the record lives: the core's own stores, or the host's. A store of the host's sees sealed bytes only.

use std::fmt;
use std::sync::Arc;

use tokencast::error::LockedCause;
use tokencast::storage as core;
use zeroize::{Zeroize as _, Zeroizing};

use crate::error::SessionError;

/// A place for the session's record.
#[derive(uniffi::Object)]
#[uniffi::export(Debug)]
pub struct Storage {
    kind: &'static str,
    place: Arc<dyn core::SecureStorage>,
    key_wrapper: Option<Arc<dyn core::KeyWrapper>>,
}

#[uniffi::export]
impl Storage {
    /// In memory: for tests, and for apps that chose to keep nothing. Two sessions on one `Storage` share it.
    #[uniffi::constructor]
    pub fn memory() -> Result<Self, SessionError> {
        Ok(Self::of("memory", core::memory(), None))
    }

    /// Files in `folder`, sealed (AES-256-GCM) under a data key that `key_wrapper` guards.
    #[uniffi::constructor]
    pub fn file(folder: String, key_wrapper: Arc<dyn KeyWrapper>) -> Result<Self, SessionError> {
        if folder.is_empty() {
            return Err(SessionError::misconfigured(
                "the storage's folder has no name",
                "name a folder that only this app can read",
            ));
        }
        Ok(Self::of("file", core::file(folder), Some(key_wrapper)))
    }

    /// The platform's keyring, under the application's id such as `com.example.app`.
    ///
    /// `access_group` is a Keychain access group, which an app shares with its extensions; without it the app's own. Only iOS
    /// and macOS have them: elsewhere naming one is `Misconfigured`.
    #[uniffi::constructor(default(access_group = None))]
    pub fn keyring(application: String, access_group: Option<String>) -> Result<Self, SessionError> {
        if application.is_empty() {
            return Err(SessionError::misconfigured(
                "the keyring's application id is empty",
                "pass an id such as `com.example.app`",
            ));
        }
        if access_group.as_ref().is_some_and(String::is_empty) {
            return Err(SessionError::misconfigured(
                "the Keychain access group is empty",
                "name one that stands in the entitlement `keychain-access-groups`, or leave it out",
            ));
        }
        keyring(application, access_group)
    }

    /// A store of the host's own. The core seals what it writes there, under a data key that `key_wrapper` guards.
    #[uniffi::constructor]
    pub fn host(
        store: Arc<dyn SecureStorage>,
        key_wrapper: Arc<dyn KeyWrapper>,
    ) -> Result<Self, SessionError> {
        let unnamed = || {
            SessionError::misconfigured(
                "the host's storage has no entry id",
                "return a name that is the same at every start and in every process of the app",
            )
        };
        let entry_id = store.entry_id().map_err(|_| unnamed())?;
        if entry_id.is_empty() {
            return Err(unnamed());
        }
        Ok(Self::of(
            "host",
            HostStorage { entry_id, store },
            Some(key_wrapper),
        ))
    }
}

impl Storage {
    fn of(
        kind: &'static str,
        place: impl core::SecureStorage,
        key_wrapper: Option<Arc<dyn KeyWrapper>>,
    ) -> Self {
        Self {
            kind,
            place: Arc::new(place),
            key_wrapper: key_wrapper.map(|wrapper| Arc::new(HostKeyWrapper(wrapper)) as _),
        }
    }

    pub(crate) fn place(&self) -> Arc<dyn core::SecureStorage> {
        self.place.clone()
    }

    pub(crate) fn key_wrapper(&self) -> Option<Arc<dyn core::KeyWrapper>> {
        self.key_wrapper.clone()
    }
}

impl fmt::Debug for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Storage({})", self.kind)
    }
}

#[cfg(all(feature = "keyring", any(target_os = "ios", target_os = "macos")))]
fn keyring(application: String, access_group: Option<String>) -> Result<Storage, SessionError> {
    let mut keychain = core::keyring(application);
    if let Some(group) = access_group {
        keychain = keychain.access_group(group);
    }
    Ok(Storage::of("keyring", keychain, None))
}

#[cfg(all(feature = "keyring", not(any(target_os = "ios", target_os = "macos"))))]
fn keyring(application: String, access_group: Option<String>) -> Result<Storage, SessionError> {
    if access_group.is_some() {
        return Err(SessionError::misconfigured(
            "this system's keyring has no access groups",
            "name one on iOS and macOS only",
        ));
    }
    Ok(Storage::of("keyring", core::keyring(application), None))
}

#[cfg(not(feature = "keyring"))]
fn keyring(_: String, _: Option<String>) -> Result<Storage, SessionError> {
    Err(SessionError::misconfigured(
        "built without the feature `keyring`",
        "build with it, or use a sealed file",
    ))
}

/// A place of the host's for named entries of bytes. It may block; calls come on a thread of the library's own.
///
/// What it throws counts as "cannot be read now" for a read and as "may or may not have happened" for a write.
#[uniffi::export(with_foreign)]
pub trait SecureStorage: Send + Sync {
    /// Names the entry among all stores of this device: two sessions with the same id share one record.
    fn entry_id(&self) -> Result<String, StorageError>;

    /// Reads one entry.
    fn read(&self, name: String) -> Result<ReadOutcome, StorageError>;

    /// Replaces one entry, in one step: a crash leaves the old bytes or the new ones.
    fn write(&self, name: String, bytes: Vec<u8>) -> Result<WriteOutcome, StorageError>;

    /// Deletes one entry; an absent one counts as deleted.
    fn delete(&self, name: String) -> Result<WriteOutcome, StorageError>;
}

/// What a read found.
#[derive(Clone, PartialEq, Eq, uniffi::Enum)]
#[uniffi::export(Debug)]
pub enum ReadOutcome {
    /// The bytes.
    Found {
        /// As they were written.
        bytes: Vec<u8>,
    },
    /// The place was readable and has no such entry.
    Absent,
    /// The place cannot be read now.
    Unavailable {
        /// Why.
        cause: LockedCause,
    },
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

impl fmt::Debug for ReadOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Found { bytes } => write!(f, "Found({} bytes)", bytes.len()),
            Self::Absent => f.write_str("Absent"),
            Self::Unavailable { cause } => write!(f, "Unavailable({cause:?})"),
            Self::Corrupt => f.write_str("Corrupt"),
            Self::Misconfigured { what, .. } => write!(f, "Misconfigured({what})"),
        }
    }
}

/// What became of a write or delete: an enum, because a zero is none of its values.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum WriteOutcome {
    /// Done, and it will survive a crash.
    Acknowledged,
    /// Nothing was written.
    Unavailable {
        /// Why.
        cause: LockedCause,
    },
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

/// A store of the host's threw. Its text is dropped: it may quote what the store was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum StorageError {
    /// Something was thrown.
    #[error("the host's storage threw")]
    Threw,
}

impl From<uniffi::UnexpectedUniFFICallbackError> for StorageError {
    fn from(_: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Threw
    }
}

/// Wraps one 32-byte data key with a key that the platform guards, such as one in the Android Keystore.
///
/// Called when a session is restored and when its first record is written, never at the commit of an exchange.
#[uniffi::export(with_foreign)]
pub trait KeyWrapper: Send + Sync {
    /// Wraps a data key. The result, which is never empty, is stored beside the record in clear.
    fn wrap(&self, data_key: Vec<u8>) -> Result<Vec<u8>, KeyFailure>;

    /// Gives back the data key that was wrapped.
    fn unwrap(&self, wrapped: Vec<u8>) -> Result<Vec<u8>, KeyFailure>;
}

/// Why the platform's key did not serve. (No name that ends in `Error`: Python has a `KeyError` of its own.)
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum KeyFailure {
    /// The device is locked, or the user did not pass the gate.
    #[error("the key is locked")]
    Locked,
    /// Something that may pass; also whatever else the host throws.
    #[error("the key is not available now")]
    Transient,
    /// The key was deleted or invalidated: what it wrapped is lost.
    #[error("the key is gone")]
    Gone,
}

impl From<uniffi::UnexpectedUniFFICallbackError> for KeyFailure {
    fn from(_: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Transient
    }
}

impl From<KeyFailure> for core::KeyFailure {
    fn from(error: KeyFailure) -> Self {
        match error {
            KeyFailure::Locked => Self::Locked,
            KeyFailure::Transient => Self::Transient,
            KeyFailure::Gone => Self::Gone,
        }
    }
}

struct HostStorage {
    /// Asked for once: locks are held under it.
    entry_id: String,
    store: Arc<dyn SecureStorage>,
}

impl core::SecureStorage for HostStorage {
    fn entry_id(&self) -> String {
        format!("host/{}", self.entry_id)
    }

    fn secrecy(&self) -> core::Secrecy {
        core::Secrecy::Sealed
    }

    fn read(&self, name: &str) -> core::ReadOutcome {
        match self.store.read(name.to_owned()) {
            Ok(ReadOutcome::Found { bytes }) => core::ReadOutcome::Found(Zeroizing::new(bytes)),
            Ok(ReadOutcome::Absent) => core::ReadOutcome::Absent,
            Ok(ReadOutcome::Unavailable { cause }) => core::ReadOutcome::Unavailable(cause),
            Ok(ReadOutcome::Corrupt) => core::ReadOutcome::Corrupt,
            Ok(ReadOutcome::Misconfigured { what, fix }) => core::ReadOutcome::Misconfigured { what, fix },
            Err(StorageError::Threw) => core::ReadOutcome::Unavailable(LockedCause::Unavailable),
        }
    }

    fn write(&self, name: &str, bytes: &[u8]) -> core::WriteOutcome {
        written(self.store.write(name.to_owned(), bytes.to_vec()))
    }

    fn delete(&self, name: &str) -> core::WriteOutcome {
        written(self.store.delete(name.to_owned()))
    }
}

fn written(outcome: Result<WriteOutcome, StorageError>) -> core::WriteOutcome {
    match outcome {
        Ok(WriteOutcome::Acknowledged) => core::WriteOutcome::Acknowledged,
        Ok(WriteOutcome::Unavailable { cause }) => core::WriteOutcome::Unavailable(cause),
        Ok(WriteOutcome::Unconfirmed) | Err(StorageError::Threw) => core::WriteOutcome::Unconfirmed,
        Ok(WriteOutcome::Misconfigured { what, fix }) => core::WriteOutcome::Misconfigured { what, fix },
    }
}

struct HostKeyWrapper(Arc<dyn KeyWrapper>);

impl core::KeyWrapper for HostKeyWrapper {
    fn wrap(&self, data_key: &[u8; 32]) -> Result<Vec<u8>, core::KeyFailure> {
        let wrapped = self.0.wrap(data_key.to_vec())?;
        if wrapped.is_empty() {
            return Err(core::KeyFailure::Transient);
        }
        Ok(wrapped)
    }

    fn unwrap(&self, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, core::KeyFailure> {
        let mut data_key = self.0.unwrap(wrapped.to_vec())?;
        // Anything else is a slip of the host's, not a lost key: never end a session for it.
        if data_key.len() != 32 {
            data_key.zeroize();
            return Err(core::KeyFailure::Transient);
        }
        Ok(Zeroizing::new(data_key))
    }
}
