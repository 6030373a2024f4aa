use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use zeroize::Zeroizing;

use super::{ReadOutcome, Secrecy, SecureStorage, WriteOutcome};

/// Entries in memory. Clones share them, as two processes share a disk.
#[derive(Clone)]
pub struct MemoryStorage {
    id: u64,
    entries: Arc<Mutex<HashMap<String, Zeroizing<Vec<u8>>>>>,
}

impl Default for MemoryStorage {
    fn default() -> Self {
        // A number, not state: it only keeps two stores of one process from sharing locks.
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            entries: Arc::default(),
        }
    }
}

impl SecureStorage for MemoryStorage {
    fn entry_id(&self) -> String {
        format!("memory/{}/{}", std::process::id(), self.id)
    }

    fn secrecy(&self) -> Secrecy {
        Secrecy::Volatile
    }

    fn may_block(&self) -> bool {
        false
    }

    fn acknowledgement_is_proof(&self) -> bool {
        true
    }

    fn read(&self, name: &str) -> ReadOutcome {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries
            .get(name)
            .map_or(ReadOutcome::Absent, |bytes| ReadOutcome::Found(bytes.clone()))
    }

    fn write(&self, name: &str, bytes: &[u8]) -> WriteOutcome {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = Zeroizing::new(bytes.to_vec());
        match entries.get_mut(name) {
            Some(entry) => *entry = bytes,
            None => drop(entries.insert(name.to_owned(), bytes)),
        }
        WriteOutcome::Acknowledged
    }

    fn delete(&self, name: &str) -> WriteOutcome {
        self.entries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(name);
        WriteOutcome::Acknowledged
    }
}

impl fmt::Debug for MemoryStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStorage")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
