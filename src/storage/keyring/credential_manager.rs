//! Windows: the Credential Manager takes 2,560 bytes, fewer than a record has. So a sealed file, and its key there.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use keyring_core::api::CredentialStoreApi;
use keyring_core::{Entry, Error};
use windows_native_keyring_store::Store;
use zeroize::Zeroizing;

use super::key_place::{KeptKeys, KeyPlace};
use crate::storage::local_data::{self, records_folder};
use crate::storage::{FileStorage, KeyFailure, KeyWrapper, ReadOutcome, SecureStorage, WriteOutcome};

/// Which folder holds the sealed files; the user's local app data unless the host names one.
#[derive(Clone, Debug, Default)]
pub(super) struct CredentialManager {
    pub(super) folder: Option<PathBuf>,
}

impl CredentialManager {
    pub(super) fn entry_id(&self, application: &str) -> String {
        let place = self.files(application).map(|files| files.entry_id());
        format!("keyring/{application}/{}", place.unwrap_or_default())
    }

    pub(super) fn read(&self, application: &str, name: &str) -> ReadOutcome {
        match self.files(application) {
            Some(files) => files.read(name),
            None => {
                let (what, fix) = homeless();
                ReadOutcome::Misconfigured { what, fix }
            }
        }
    }

    pub(super) fn write(&self, application: &str, name: &str, bytes: &[u8]) -> WriteOutcome {
        match self.files(application) {
            Some(files) => files.write(name, bytes),
            None => refused(),
        }
    }

    pub(super) fn delete(&self, application: &str, name: &str) -> WriteOutcome {
        match self.files(application) {
            Some(files) => files.delete(name),
            None => refused(),
        }
    }

    pub(super) fn key_wrapper(&self, application: &str) -> Arc<dyn KeyWrapper> {
        Arc::new(KeptKeys(Credentials {
            application: application.to_owned(),
        }))
    }

    fn files(&self, application: &str) -> Option<FileStorage> {
        let folder = self.folder.clone();
        let folder = folder.or_else(|| Some(records_folder(&local_data::of_this_user()?, application)))?;
        Some(FileStorage::new(folder))
    }
}

fn refused() -> WriteOutcome {
    let (what, fix) = homeless();
    WriteOutcome::Misconfigured { what, fix }
}

fn homeless() -> (String, String) {
    (
        "this user has no local app data folder".into(),
        "name a folder with `.folder(…)`".into(),
    )
}

/// Generic credentials of this user, one a key, on this machine only.
struct Credentials {
    application: String,
}

impl Credentials {
    fn entry(&self, name: &str) -> Result<Entry, Error> {
        // By default a credential would roam to the user's other machines.
        let here = HashMap::from([("persistence", "Local")]);
        Store::new()?.build(&self.application, name, Some(&here))
    }
}

impl KeyPlace for Credentials {
    fn read(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, KeyFailure> {
        match self.entry(name).and_then(|entry| entry.get_secret()) {
            Ok(key) => Ok(Some(Zeroizing::new(key))),
            Err(Error::NoEntry) => Ok(None),
            Err(error) => Err(failure(error)),
        }
    }

    fn write(&self, name: &str, key: &[u8]) -> Result<(), KeyFailure> {
        let entry = self.entry(name);
        entry.and_then(|entry| entry.set_secret(key)).map_err(failure)
    }
}

/// Never prints the error: it can hold the secret.
fn failure(error: Error) -> KeyFailure {
    match error {
        // This logon session has no credentials, as that of a service before its user's.
        Error::NoStorageAccess(_) => KeyFailure::Locked,
        Error::BadEncoding(secret) | Error::BadDataFormat(secret, _) => {
            drop(Zeroizing::new(secret));
            KeyFailure::Transient
        }
        _ => KeyFailure::Transient,
    }
}
