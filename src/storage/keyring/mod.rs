#[cfg(windows)]
mod credential_manager;
#[cfg(any(windows, test))]
mod key_place;
#[cfg(any(target_os = "ios", target_os = "macos"))]
mod keychain;
#[cfg(any(target_os = "ios", target_os = "macos", test))]
mod os_status;
#[cfg(target_os = "linux")]
mod secret_service;

use std::fmt;
use std::sync::Arc;

use super::{KeyWrapper, ReadOutcome, Secrecy, SecureStorage, WriteOutcome};

#[cfg(windows)]
use credential_manager::CredentialManager as Service;
#[cfg(any(target_os = "ios", target_os = "macos"))]
use keychain::Keychain as Service;
#[cfg(target_os = "linux")]
use secret_service::SecretService as Service;

/// The platform's keyring through keyring-core, one item an entry; on Windows a sealed file whose key is an item. It holds
/// its own store handle and never sets keyring-core's process default.
pub struct KeyringStorage {
    application: String,
    service: Service,
}

impl KeyringStorage {
    /// Items under the application's id. Does no I/O.
    pub fn new(application: impl Into<String>) -> Self {
        Self {
            application: application.into(),
            service: Service::default(),
        }
    }

    /// Items in a Keychain access group, which an app shares with its extensions. Default: the app's own group. Keep it:
    /// a session is not found in another.
    #[cfg(any(target_os = "ios", target_os = "macos"))]
    #[must_use]
    pub fn access_group(mut self, group: impl Into<String>) -> Self {
        self.service.access_group = Some(group.into());
        self
    }

    /// Items in the user's login keychain, for tools that are signed without entitlements.
    #[cfg(target_os = "macos")]
    #[must_use]
    pub fn login_keychain(mut self) -> Self {
        self.service.legacy = true;
        self
    }

    /// Sealed files in `folder`. Default: a folder of the application's in the user's local app data. Keep it: a session is
    /// not found in another.
    #[cfg(windows)]
    #[must_use]
    pub fn folder(mut self, folder: impl Into<std::path::PathBuf>) -> Self {
        self.service.folder = Some(folder.into());
        self
    }
}

impl SecureStorage for KeyringStorage {
    fn entry_id(&self) -> String {
        #[cfg(any(windows, target_os = "ios", target_os = "macos"))]
        return self.service.entry_id(&self.application);
        #[cfg(not(any(windows, target_os = "ios", target_os = "macos")))]
        format!("keyring/{}", self.application)
    }

    fn secrecy(&self) -> Secrecy {
        if cfg!(windows) {
            Secrecy::Sealed
        } else {
            Secrecy::Platform
        }
    }

    fn key_wrapper(&self) -> Option<Arc<dyn KeyWrapper>> {
        #[cfg(windows)]
        return Some(self.service.key_wrapper(&self.application));
        #[cfg(not(windows))]
        None
    }

    /// The Secret Service answers when the item is in its collection and that is written. A read would ask the same
    /// process, which proves no more.
    fn acknowledgement_is_proof(&self) -> bool {
        cfg!(target_os = "linux")
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

impl fmt::Debug for KeyringStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyringStorage")
            .field("application", &self.application)
            .finish_non_exhaustive()
    }
}

/// Systems without a keyring of ours.
#[cfg(not(any(windows, target_os = "linux", target_os = "ios", target_os = "macos")))]
#[derive(Default)]
struct Service;

#[cfg(not(any(windows, target_os = "linux", target_os = "ios", target_os = "macos")))]
impl Service {
    fn read(&self, _: &str, _: &str) -> ReadOutcome {
        let (what, fix) = missing();
        ReadOutcome::Misconfigured { what, fix }
    }

    fn write(&self, _: &str, _: &str, _: &[u8]) -> WriteOutcome {
        let (what, fix) = missing();
        WriteOutcome::Misconfigured { what, fix }
    }

    fn delete(&self, _: &str, _: &str) -> WriteOutcome {
        let (what, fix) = missing();
        WriteOutcome::Misconfigured { what, fix }
    }
}

#[cfg(not(any(windows, target_os = "linux", target_os = "ios", target_os = "macos")))]
fn missing() -> (String, String) {
    (
        "this version has no keyring for this system".into(),
        "use a sealed file with a KeyWrapper, or a store of the host's own".into(),
    )
}
