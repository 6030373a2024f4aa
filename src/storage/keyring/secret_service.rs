//! Linux: the Secret Service over D-Bus.

use std::sync::{Arc, Mutex, PoisonError};

use keyring_core::api::CredentialStoreApi;
use keyring_core::{Entry, Error};
use zbus_secret_service_keyring_store::Store;
use zeroize::Zeroizing;

use crate::error::LockedCause;
use crate::storage::{ReadOutcome, WriteOutcome};

/// A connection to the Secret Service, made at the first use and made anew when it broke.
#[derive(Default)]
pub(super) struct SecretService(Mutex<Option<Arc<Store>>>);

impl SecretService {
    pub(super) fn read(&self, application: &str, name: &str) -> ReadOutcome {
        let found = self.entry(application, name).and_then(|entry| entry.get_secret());
        match found {
            Ok(bytes) => ReadOutcome::Found(Zeroizing::new(bytes)),
            Err(Error::NoEntry) => ReadOutcome::Absent,
            Err(Error::BadEncoding(secret) | Error::BadDataFormat(secret, _)) => {
                drop(Zeroizing::new(secret));
                ReadOutcome::Corrupt
            }
            Err(error) => ReadOutcome::Unavailable(self.cause(&error)),
        }
    }

    pub(super) fn write(&self, application: &str, name: &str, bytes: &[u8]) -> WriteOutcome {
        match self
            .entry(application, name)
            .and_then(|entry| entry.set_secret(bytes))
        {
            Ok(()) => WriteOutcome::Acknowledged,
            Err(error) => match self.cause(&error) {
                // The call may have been answered after it was carried out.
                LockedCause::Unavailable => WriteOutcome::Unconfirmed,
                cause => WriteOutcome::Unavailable(cause),
            },
        }
    }

    pub(super) fn delete(&self, application: &str, name: &str) -> WriteOutcome {
        match self
            .entry(application, name)
            .and_then(|entry| entry.delete_credential())
        {
            Ok(()) | Err(Error::NoEntry) => WriteOutcome::Acknowledged,
            Err(error) => WriteOutcome::Unavailable(self.cause(&error)),
        }
    }

    fn entry(&self, application: &str, name: &str) -> Result<Entry, Error> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let store = match known {
            Some(store) => store,
            None => {
                // Connecting blocks on D-Bus: not under the mutex.
                let made = Store::new()?;
                let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                slot.get_or_insert(made).clone()
            }
        };
        store.build(application, name, None)
    }

    /// Never prints the error: it can hold the secret.
    fn cause(&self, error: &Error) -> LockedCause {
        match error {
            Error::NoStorageAccess(_) => LockedCause::DeviceLocked,
            Error::PlatformFailure(_) => {
                let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                // The bus or the daemon went away: connect again next time. Never connected: no service.
                if slot.take().is_some() {
                    LockedCause::Unavailable
                } else {
                    LockedCause::NoService
                }
            }
            _ => LockedCause::Unavailable,
        }
    }
}
