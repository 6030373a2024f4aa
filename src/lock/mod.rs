//! Locks between processes. Two for each storage entry: the flight lock (one exchange; held across the network)
//! and the record lock (one read-compare-write; never held across the network).

#[cfg(any(unix, windows))]
mod file;
mod memory;

use std::any::Any;
use std::fmt;

#[cfg(any(unix, windows))]
pub use file::FileLocks;
pub use memory::MemoryLocks;

/// A lock that all processes with the same entry share. Never blocks: the session polls it with a deadline.
pub trait ProcessLock: Send + Sync + 'static {
    /// Takes the lock unless somebody holds it (`Ok(None)`).
    fn try_acquire(&self, entry_id: &str, kind: LockKind) -> Result<Option<LockGuard>, LockFailure>;

    /// The entry is gone for good and its id is never used again: what was kept for its locks can go too. Called with neither
    /// of them held by the caller.
    fn forget(&self, _entry_id: &str) {}
}

/// Which of an entry's two locks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LockKind {
    /// Held for one exchange, across the network.
    Flight,
    /// Held for one read-compare-write.
    Record,
}

impl LockKind {
    /// The lock's short name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Flight => "flight",
            Self::Record => "record",
        }
    }
}

/// A held lock; dropping it releases it.
pub struct LockGuard {
    _held: Box<dyn Any + Send>,
}

impl LockGuard {
    /// Holds whatever releases the lock when dropped.
    pub fn new(held: impl Any + Send) -> Self {
        Self {
            _held: Box::new(held),
        }
    }
}

impl fmt::Debug for LockGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LockGuard")
    }
}

/// A lock that cannot be taken for a reason other than being held.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the lock's folder cannot be used: {reason}")]
pub struct LockFailure {
    /// What the system said.
    pub reason: String,
}
