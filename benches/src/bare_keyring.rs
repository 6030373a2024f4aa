//! The Secret Service by bare keyring-core: the floor of every row that has it.

use std::sync::Arc;

use keyring_core::api::CredentialStoreApi;
use keyring_core::{Entry, Error};
use zbus_secret_service_keyring_store::Store;

/// One entry, as large as a session's record.
pub(crate) struct BareEntry {
    store: Arc<Store>,
    application: String,
    bytes: Vec<u8>,
}

impl BareEntry {
    /// Connects. The application's id keeps it apart from the session's entry.
    pub(crate) fn connect(application: &str, size: usize) -> Result<Self, String> {
        Ok(Self {
            store: Store::new().map_err(told)?,
            application: format!("{application}.floor"),
            bytes: vec![b'x'; size],
        })
    }

    pub(crate) fn read(&self) -> Result<(), String> {
        let read = self.entry()?.get_secret().map_err(told)?;
        (read.len() == self.bytes.len())
            .then_some(())
            .ok_or_else(|| "the entry has another size".into())
    }

    pub(crate) fn write(&self) -> Result<(), String> {
        self.entry()?.set_secret(&self.bytes).map_err(told)
    }

    fn entry(&self) -> Result<Entry, String> {
        // Built for each call, as a session's store does.
        self.store.build(&self.application, "floor", None).map_err(told)
    }
}

/// Not the error itself: it can hold what is stored.
fn told(error: Error) -> String {
    match error {
        Error::NoEntry => "there is no such entry".into(),
        _ => "the Secret Service does not serve: run it by `cargo xtask bench`".into(),
    }
}
