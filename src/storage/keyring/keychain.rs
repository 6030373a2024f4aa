//! iOS and macOS: one Keychain item an entry, readable after the first unlock, on this device only, never synchronised.
//! These are fixed from the first release: writes to an item made with another policy fail.

use std::collections::HashMap;
use std::sync::Arc;

use keyring_core::api::CredentialStoreApi;
use keyring_core::{Entry, Error};
use zeroize::Zeroizing;

use super::os_status::Meaning;
use crate::error::LockedCause;
use crate::storage::{ReadOutcome, WriteOutcome};

const POLICY: &str = "after-first-unlock-this-device-only";

/// Which Keychain, and which items of it. Knows no connection: each call stands alone.
#[derive(Clone, Debug, Default)]
pub(super) struct Keychain {
    pub(super) access_group: Option<String>,
    /// The login keychain, for tools that are signed without entitlements.
    #[cfg(target_os = "macos")]
    pub(super) legacy: bool,
}

impl Keychain {
    /// Groups hold items of their own: sessions in two of them are two.
    pub(super) fn entry_id(&self, application: &str) -> String {
        match &self.access_group {
            Some(group) => format!("keyring/{application}/{group}"),
            None => format!("keyring/{application}"),
        }
    }

    pub(super) fn read(&self, application: &str, name: &str) -> ReadOutcome {
        match self.entry(application, name).and_then(|entry| entry.get_secret()) {
            Ok(bytes) => ReadOutcome::Found(Zeroizing::new(bytes)),
            Err(error) => match meaning(error) {
                Meaning::Absent => ReadOutcome::Absent,
                Meaning::Locked => ReadOutcome::Unavailable(LockedCause::DeviceLocked),
                Meaning::NotEntitled { what, fix } => ReadOutcome::Misconfigured { what, fix },
                Meaning::Unknown => ReadOutcome::Unavailable(LockedCause::Unavailable),
            },
        }
    }

    pub(super) fn write(&self, application: &str, name: &str, bytes: &[u8]) -> WriteOutcome {
        let entry = self.entry(application, name);
        written(entry.and_then(|entry| entry.set_secret(bytes)))
    }

    pub(super) fn delete(&self, application: &str, name: &str) -> WriteOutcome {
        let entry = self.entry(application, name);
        written(entry.and_then(|entry| entry.delete_credential()))
    }

    fn entry(&self, application: &str, name: &str) -> Result<Entry, Error> {
        #[cfg(target_os = "macos")]
        if self.legacy {
            let store = apple_native_keyring_store::keychain::Store::new()?;
            return store.build(application, name, None);
        }
        let mut settings = HashMap::from([("cloud-sync", "false")]);
        if let Some(group) = &self.access_group {
            settings.insert("access-group", group);
        }
        let store: Arc<_> = apple_native_keyring_store::protected::Store::new_with_configuration(&settings)?;
        store.build(
            application,
            name,
            Some(&HashMap::from([("access-policy", POLICY)])),
        )
    }
}

fn written(outcome: Result<(), Error>) -> WriteOutcome {
    match outcome.map_err(meaning) {
        Ok(()) | Err(Meaning::Absent) => WriteOutcome::Acknowledged,
        Err(Meaning::Locked) => WriteOutcome::Unavailable(LockedCause::DeviceLocked),
        Err(Meaning::NotEntitled { what, fix }) => WriteOutcome::Misconfigured { what, fix },
        Err(Meaning::Unknown) => WriteOutcome::Unconfirmed,
    }
}

/// Never prints the error: it can hold the secret.
fn meaning(error: Error) -> Meaning {
    match error {
        Error::NoEntry => Meaning::Absent,
        Error::PlatformFailure(inner) | Error::NoStorageAccess(inner) => {
            match inner.downcast_ref::<security_framework::base::Error>() {
                Some(error) => Meaning::of(error.code()),
                None => Meaning::Unknown,
            }
        }
        Error::BadEncoding(secret) | Error::BadDataFormat(secret, _) => {
            drop(Zeroizing::new(secret));
            Meaning::Unknown
        }
        _ => Meaning::Unknown,
    }
}
