use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use super::{LockFailure, LockGuard, LockKind, ProcessLock};

type Held = Arc<Mutex<HashSet<(String, LockKind)>>>;

/// Locks within one process, for stores in memory and for tests that play several processes. Clones share them.
#[derive(Clone, Default)]
pub struct MemoryLocks(Held);

impl ProcessLock for MemoryLocks {
    fn try_acquire(&self, entry_id: &str, kind: LockKind) -> Result<Option<LockGuard>, LockFailure> {
        let name = (entry_id.to_owned(), kind);
        let taken = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(name.clone());
        Ok(taken.then(|| {
            LockGuard::new(Release {
                held: self.0.clone(),
                name,
            })
        }))
    }
}

struct Release {
    held: Held,
    name: (String, LockKind),
}

impl Drop for Release {
    fn drop(&mut self) {
        self.held
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.name);
    }
}

impl fmt::Debug for MemoryLocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MemoryLocks")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_held_until_its_guard_is_dropped() {
        let locks = MemoryLocks::default();
        let held = locks.try_acquire("a", LockKind::Flight).unwrap();
        assert!(held.is_some());
        assert!(
            locks
                .clone()
                .try_acquire("a", LockKind::Flight)
                .unwrap()
                .is_none()
        );
        assert!(locks.try_acquire("a", LockKind::Record).unwrap().is_some());
        assert!(locks.try_acquire("b", LockKind::Flight).unwrap().is_some());
        drop(held);
        assert!(locks.try_acquire("a", LockKind::Flight).unwrap().is_some());
    }
}
