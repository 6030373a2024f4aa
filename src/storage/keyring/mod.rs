use std::fmt;

use super::{ReadOutcome, Secrecy, SecureStorage, WriteOutcome};

/// The platform's keyring through keyring-core, one item an entry. It holds its own store handle and never sets
/// keyring-core's process default.
pub struct KeyringStorage {
    application: String,
    #[cfg(target_os = "linux")]
    service: linux::SecretService,
}

impl KeyringStorage {
    /// Items under the application's id. Does no I/O.
    pub fn new(application: impl Into<String>) -> Self {
        Self {
            application: application.into(),
            #[cfg(target_os = "linux")]
            service: linux::SecretService::default(),
        }
    }
}

impl fmt::Debug for KeyringStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyringStorage")
            .field("application", &self.application)
            .finish_non_exhaustive()
    }
}

#[cfg(target_os = "linux")]
impl SecureStorage for KeyringStorage {
    fn entry_id(&self) -> String {
        format!("keyring/{}", self.application)
    }

    fn secrecy(&self) -> Secrecy {
        Secrecy::Platform
    }

    fn read(&self, name: &str) -> ReadOutcome {
        self.service.read(&self.application, name)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> WriteOutcome {
        self.service.write(&self.application, name, bytes)
    }

    fn delete(&self, name: &str) -> WriteOutcome {
        self.service.delete(&self.application, name)
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::sync::{Arc, Mutex, PoisonError};

    use keyring_core::api::CredentialStoreApi;
    use keyring_core::{Entry, Error};
    use zbus_secret_service_keyring_store::Store;
    use zeroize::Zeroizing;

    use super::super::{ReadOutcome, WriteOutcome};
    use crate::error::LockedCause;

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
}

#[cfg(not(target_os = "linux"))]
impl SecureStorage for KeyringStorage {
    fn entry_id(&self) -> String {
        format!("keyring/{}", self.application)
    }

    fn secrecy(&self) -> Secrecy {
        Secrecy::Platform
    }

    fn read(&self, _: &str) -> ReadOutcome {
        let (what, fix) = missing();
        ReadOutcome::Misconfigured { what, fix }
    }

    fn write(&self, _: &str, _: &[u8]) -> WriteOutcome {
        let (what, fix) = missing();
        WriteOutcome::Misconfigured { what, fix }
    }

    fn delete(&self, _: &str) -> WriteOutcome {
        let (what, fix) = missing();
        WriteOutcome::Misconfigured { what, fix }
    }
}

#[cfg(not(target_os = "linux"))]
fn missing() -> (String, String) {
    (
        "this version has no keyring for this system".into(),
        "use a sealed file with a KeyWrapper, or a store of the host's own".into(),
    )
}
