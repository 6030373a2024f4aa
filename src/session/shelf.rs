//! An entry beside those of the sessions, in the same storage and under the same kind of lock: for the list of accounts.

use zeroize::Zeroizing;

use futures_core::future::BoxFuture;

use super::core::Parts;
use super::ledger::Ledger;
use crate::error::{Failure, SessionError};
use crate::spawn::Spawner;
use crate::storage::{Marker, Vault};
use std::sync::Arc;

/// Reads and writes one entry as a whole.
pub(crate) struct Shelf {
    ledger: Ledger,
    spawner: Arc<dyn Spawner>,
}

impl Shelf {
    /// The entry of that name in the storage of those parts.
    pub(super) fn new(parts: Parts, name: &str) -> Self {
        let store_id = parts.storage.entry_id();
        let entry_id = format!("{store_id}/{name}");
        let marker = parts.notes.map(|folder| Marker::new(folder, &entry_id));
        let vault = Vault::new(parts.storage, parts.key_wrapper, parts.random, name.to_owned());
        let ledger = Ledger::new(
            vault.with_marker(marker),
            parts.locks,
            (entry_id, format!("{store_id}/canary")),
            parts.clock,
            parts.spawner.clone(),
            parts.role,
            parts.defences,
        );
        Self {
            ledger,
            spawner: parts.spawner,
        }
    }

    /// What stands there; `None` when surely nothing does, or what did is lost.
    pub(crate) async fn read(&self) -> Result<Option<Zeroizing<Vec<u8>>>, SessionError> {
        self.ledger.read_plain().await.map_err(SessionError::from)
    }

    /// One read-compare-write that excludes other processes. `decide` says what to write, if anything.
    pub(crate) async fn amend<T: Send + 'static>(
        &self,
        decide: impl FnOnce(Option<&[u8]>) -> Result<(Option<Vec<u8>>, T), Failure> + Send + 'static,
    ) -> Result<T, SessionError> {
        let amended = self.ledger.amend_plain(decide).await;
        amended.map_err(SessionError::from)
    }

    /// Whether this process may change anything.
    pub(crate) fn may_write(&self) -> bool {
        self.ledger.role() == super::ledger::Role::Owner
    }

    pub(crate) fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.spawner.spawn(task);
    }
}
