//! A store together with what seals its records: bytes below, records above.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use zeroize::Zeroizing;

use super::{KeyFailure, KeyWrapper, Marker, ReadOutcome, Secrecy, SecureStorage, WriteOutcome};
use crate::error::{EndReason, Failure, LockedCause, StorageFailure};
use crate::random::Random;
use crate::record::{self, DataKey, DoesNotOpen, Record, SealNonce, Sealed, Unreadable};

/// Reads and writes the record of one entry. Blocking, like the store below it.
pub(crate) struct Vault {
    pub(super) storage: Arc<dyn SecureStorage>,
    wrapper: Option<Arc<dyn KeyWrapper>>,
    pub(super) random: Arc<dyn Random>,
    pub(super) name: String,
    /// The app's own notes; none beside a store in memory.
    pub(super) marker: Option<Marker>,
    /// The platform's key failed so often that what it wrapped counts as lost.
    key_given_up: AtomicBool,
    /// Earlier launches are noted as keyless.
    pub(super) was_keyless: AtomicBool,
    /// The data key and its wrapped form, once known. Guards no I/O and no host code.
    key: Mutex<Option<KnownKey>>,
    /// In case the system has no randomness to give at the next write.
    spare_nonce: Mutex<Option<SealNonce>>,
    /// What the entry held when it was last read or written: the same bytes need not be opened again.
    seen: Mutex<Option<Seen>>,
}

/// Bytes of the entry and the record that they are.
struct Seen {
    bytes: Zeroizing<Vec<u8>>,
    record: Record,
}

#[derive(Clone)]
pub(super) struct KnownKey {
    pub(super) key: DataKey,
    pub(super) wrapped: Vec<u8>,
    id: String,
}

/// What stands in the entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Opened {
    Found(Record),
    Absent,
    /// Not now: keep the session and try again.
    Unavailable(LockedCause),
    /// The platform's key did not serve this time, for a reason that may pass.
    Keyless,
    Misconfigured {
        what: String,
        fix: String,
    },
    /// Lost for good, and why.
    Lost(EndReason),
}

impl Vault {
    pub(crate) fn new(
        storage: Arc<dyn SecureStorage>,
        wrapper: Option<Arc<dyn KeyWrapper>>,
        random: Arc<dyn Random>,
        name: String,
    ) -> Self {
        Self {
            storage,
            wrapper,
            random,
            name,
            marker: None,
            key_given_up: AtomicBool::new(false),
            was_keyless: AtomicBool::new(false),
            key: Mutex::new(None),
            spare_nonce: Mutex::new(None),
            seen: Mutex::new(None),
        }
    }

    /// Whether a commit that the store acknowledged stands there, without being read back.
    pub(crate) fn acknowledgement_is_proof(&self) -> bool {
        self.storage.acknowledgement_is_proof()
    }

    /// Whether a call may block: if not, it needs no thread and no deadline.
    pub(crate) fn may_block(&self) -> bool {
        self.storage.may_block()
    }

    /// With notes of the app's own.
    pub(crate) fn with_marker(mut self, marker: Option<Marker>) -> Self {
        self.marker = marker;
        self
    }

    /// From now on a key that does not serve is one that is gone.
    pub(crate) fn give_up_key(&self) {
        self.key_given_up.store(true, Ordering::Relaxed);
    }

    /// Reads the record.
    pub(crate) fn open(&self) -> Opened {
        let bytes = match self.storage.read(&self.name) {
            ReadOutcome::Found(bytes) => bytes,
            ReadOutcome::Absent => return Opened::Absent,
            ReadOutcome::Unavailable(cause) => return Opened::Unavailable(cause),
            ReadOutcome::Corrupt => return Opened::Lost(EndReason::StoreLost),
            ReadOutcome::Misconfigured { what, fix } => return Opened::Misconfigured { what, fix },
        };
        if let Some(record) = self.seen_as(&bytes) {
            return Opened::Found(record);
        }
        let decoded = match self.storage.secrecy() {
            Secrecy::Platform | Secrecy::Volatile => record::decode(&bytes),
            Secrecy::Sealed => match self.unseal(&bytes) {
                Ok(plain) => record::decode(&plain),
                Err(opened) => return opened,
            },
        };
        match decoded {
            Ok(record) => {
                self.saw(bytes, record.clone());
                Opened::Found(record)
            }
            Err(Unreadable::NewerFormat) => Opened::Unavailable(LockedCause::NewerFormat),
            Err(Unreadable::Corrupt) => Opened::Lost(EndReason::StoreLost),
        }
    }

    /// Replaces the record. Says nothing about what stood there: compare first, under the record lock.
    pub(crate) fn replace(&self, record: &Record) -> Result<(), Failure> {
        let (plain, whole) = record::encode(record).ok_or(Failure::Storage(StorageFailure::TooLarge))?;
        let bytes = self.as_kept(plain)?;
        let outcome = self.storage.write(&self.name, &bytes);
        if whole {
            // Whether they stand there is for a read to say; this only spares it the parsing.
            self.saw(bytes, record.clone());
        }
        settled(outcome)
    }

    /// As it goes into the storage: sealed, where that keeps no secrets itself.
    pub(super) fn as_kept(&self, plain: Zeroizing<Vec<u8>>) -> Result<Zeroizing<Vec<u8>>, Failure> {
        if self.storage.secrecy() != Secrecy::Sealed {
            return Ok(plain);
        }
        let known = self.key_to_seal_with()?;
        let sealed = Sealed::seal(&plain, &self.name, &known.key, &known.wrapped, self.nonce()?);
        let sealed = sealed.map_err(|DoesNotOpen| Failure::Storage(StorageFailure::TooLarge))?;
        Ok(Zeroizing::new(sealed.to_text().into_bytes()))
    }

    /// Deletes the record, which only a test does that has taken [`crate::defence::Defence::Tombstone`] out.
    pub(crate) fn delete(&self) {
        let _ = self.storage.delete(&self.name);
    }

    /// Moves bytes that are lost to this session out of the way, for a later look, before a new record replaces
    /// them. Best effort: what cannot be copied is replaced all the same.
    pub(crate) fn quarantine(&self) {
        if let ReadOutcome::Found(bytes) = self.storage.read(&self.name) {
            let _ = self.storage.write("quarantine", &bytes);
        }
        self.forget();
        *self.key.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Forgets the record that was seen last, when its session is closed.
    pub(crate) fn forget(&self) {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn seen_as(&self, bytes: &[u8]) -> Option<Record> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let same = seen.as_ref().filter(|seen| seen.bytes.as_slice() == bytes)?;
        Some(same.record.clone())
    }

    fn saw(&self, bytes: Zeroizing<Vec<u8>>, record: Record) {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(Seen { bytes, record });
    }

    pub(super) fn unseal(&self, bytes: &[u8]) -> Result<Zeroizing<Vec<u8>>, Opened> {
        let sealed = Sealed::parse(bytes).map_err(|unreadable| match unreadable {
            Unreadable::NewerFormat => Opened::Unavailable(LockedCause::NewerFormat),
            Unreadable::Corrupt => Opened::Lost(EndReason::StoreLost),
        })?;
        let known = self.key.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let known = match known.filter(|known| known.id == sealed.key_id) {
            Some(known) => known,
            None => self.unwrap_key(&sealed)?,
        };
        sealed
            .open(&self.name, &known.key)
            .map_err(|DoesNotOpen| Opened::Lost(EndReason::StoreLost))
    }

    fn unwrap_key(&self, sealed: &Sealed) -> Result<KnownKey, Opened> {
        let wrapper = self.wrapper.as_ref().ok_or_else(|| {
            let Failure::Misconfigured { what, fix } = no_wrapper() else {
                unreachable!("made just above")
            };
            Opened::Misconfigured { what, fix }
        })?;
        let bytes = wrapper
            .unwrap(&sealed.wrapped_key)
            .map_err(|failure| match failure {
                KeyFailure::Locked => Opened::Unavailable(LockedCause::DeviceLocked),
                KeyFailure::Transient if self.key_given_up.load(Ordering::Relaxed) => {
                    Opened::Lost(EndReason::KeyLost)
                }
                KeyFailure::Transient => Opened::Keyless,
                KeyFailure::Gone => Opened::Lost(EndReason::KeyLost),
            })?;
        let key = DataKey::from_bytes(&bytes).ok_or(Opened::Lost(EndReason::KeyLost))?;
        Ok(self.remember(key, sealed.wrapped_key.clone()))
    }

    /// A nonce for one write, with another in reserve: the write of an intent thus has that of the commit, which must
    /// not fail for want of randomness.
    fn nonce(&self) -> Result<SealNonce, Failure> {
        let mut spare = self.spare_nonce.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = SealNonce::draw(&*self.random);
        let nonce = fresh
            .or_else(|missing| spare.take().ok_or(missing))
            .map_err(Failure::no_randomness)?;
        if spare.is_none() {
            *spare = SealNonce::draw(&*self.random).ok();
        }
        Ok(nonce)
    }

    fn key_to_seal_with(&self) -> Result<KnownKey, Failure> {
        if let Some(known) = self.key.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            return Ok(known);
        }
        let wrapper = self.wrapper.as_ref().ok_or_else(no_wrapper)?;
        let key = DataKey::draw(&*self.random).map_err(Failure::no_randomness)?;
        let wrapped = wrapper.wrap(key.as_bytes()).map_err(|failure| match failure {
            KeyFailure::Locked => Failure::Locked(LockedCause::DeviceLocked),
            KeyFailure::Transient | KeyFailure::Gone => Failure::Locked(LockedCause::Unavailable),
        })?;
        Ok(self.remember(key, wrapped))
    }

    fn remember(&self, key: DataKey, wrapped: Vec<u8>) -> KnownKey {
        let known = KnownKey {
            key,
            id: record::key_id(&wrapped),
            wrapped,
        };
        *self.key.lock().unwrap_or_else(PoisonError::into_inner) = Some(known.clone());
        known
    }
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vault")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// What a storage said of a write or a deletion.
pub(super) fn settled(outcome: WriteOutcome) -> Result<(), Failure> {
    match outcome {
        WriteOutcome::Acknowledged => Ok(()),
        WriteOutcome::Unavailable(cause) => Err(Failure::Storage(StorageFailure::Unavailable(cause))),
        WriteOutcome::Unconfirmed => Err(Failure::Storage(StorageFailure::Unconfirmed)),
        WriteOutcome::Misconfigured { what, fix } => Err(Failure::Misconfigured { what, fix }),
    }
}

fn no_wrapper() -> Failure {
    Failure::misconfigured(
        "this storage keeps no secrets itself and there is no KeyWrapper",
        "give the builder `.key_wrapper(…)`, or use a storage of the platform",
    )
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::super::FileStorage;
    use super::*;
    use crate::random::SystemRandom;
    use crate::record::samples::session;

    /// Adds one to each byte: enough to tell wrapped from not.
    #[derive(Default)]
    struct Rot1 {
        unwraps: AtomicUsize,
        failure: Mutex<Option<KeyFailure>>,
    }

    impl KeyWrapper for Rot1 {
        fn wrap(&self, data_key: &[u8; 32]) -> Result<Vec<u8>, KeyFailure> {
            Ok(data_key.iter().map(|byte| byte.wrapping_add(1)).collect())
        }

        fn unwrap(&self, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyFailure> {
            self.unwraps.fetch_add(1, Ordering::Relaxed);
            match *self.failure.lock().unwrap() {
                Some(failure) => Err(failure),
                None => Ok(Zeroizing::new(
                    wrapped.iter().map(|byte| byte.wrapping_sub(1)).collect(),
                )),
            }
        }
    }

    fn vault(folder: &std::path::Path, wrapper: Option<Arc<Rot1>>) -> Vault {
        let wrapper = wrapper.map(|wrapper| wrapper as Arc<dyn KeyWrapper>);
        Vault::new(
            Arc::new(FileStorage::new(folder)),
            wrapper,
            Arc::new(SystemRandom::default()),
            "session/x".into(),
        )
    }

    #[test]
    fn a_sealed_record_is_opened_by_the_next_process_and_unwrapped_once() {
        let folder = tempfile::tempdir().unwrap();
        let record = session(1, 1, "r3fr3sh");
        vault(folder.path(), Some(Arc::default()))
            .replace(&record)
            .unwrap();
        let on_disk = std::fs::read(folder.path().join("session_x")).unwrap();
        assert!(!String::from_utf8(on_disk).unwrap().contains("r3fr3sh"));

        let wrapper = Arc::new(Rot1::default());
        let next = vault(folder.path(), Some(wrapper.clone()));
        assert_eq!(next.open(), Opened::Found(record.clone()));
        next.replace(&record).unwrap();
        assert_eq!(next.open(), Opened::Found(record));
        assert_eq!(wrapper.unwraps.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn each_trouble_of_the_platforms_key_is_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        vault(folder.path(), Some(Arc::default()))
            .replace(&session(1, 1, "r"))
            .unwrap();
        for (failure, seen) in [
            (KeyFailure::Locked, Opened::Unavailable(LockedCause::DeviceLocked)),
            (KeyFailure::Transient, Opened::Keyless),
            (KeyFailure::Gone, Opened::Lost(EndReason::KeyLost)),
        ] {
            let wrapper = Rot1 {
                failure: Mutex::new(Some(failure)),
                ..Rot1::default()
            };
            assert_eq!(vault(folder.path(), Some(Arc::new(wrapper))).open(), seen);
        }
        assert!(matches!(
            vault(folder.path(), None).open(),
            Opened::Misconfigured { .. }
        ));
        assert!(matches!(
            vault(folder.path(), None).replace(&session(1, 2, "r")),
            Err(Failure::Misconfigured { .. })
        ));
    }

    #[test]
    fn damaged_bytes_are_lost_and_kept_in_quarantine() {
        let folder = tempfile::tempdir().unwrap();
        let damaged = vault(folder.path(), Some(Arc::default()));
        damaged.replace(&session(1, 1, "r")).unwrap();
        let path = folder.path().join("session_x");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, &text[..text.len() - 9]).unwrap();
        assert_eq!(damaged.open(), Opened::Lost(EndReason::StoreLost));
        damaged.quarantine();
        assert!(folder.path().join("quarantine").exists());
    }

    #[test]
    fn a_record_of_a_newer_version_locks_and_is_not_lost() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("session_x"), "tokencast-sealed/9 whatever").unwrap();
        let old = vault(folder.path(), Some(Arc::default()));
        assert_eq!(old.open(), Opened::Unavailable(LockedCause::NewerFormat));
    }
}
