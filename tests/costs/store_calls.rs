//! How often one refresh calls its store: a read asks another process, a write takes milliseconds.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokencast::storage::{MemoryStorage, ReadOutcome, Secrecy, SecureStorage, WriteOutcome};

use crate::Stage;

/// A store in memory that says of itself what `proof` says, and counts its calls.
#[derive(Clone, Default)]
struct Counted {
    below: MemoryStorage,
    proof: bool,
    reads: Arc<AtomicU64>,
    writes: Arc<AtomicU64>,
}

impl Counted {
    fn calls(&self) -> (u64, u64) {
        (
            self.reads.load(Ordering::SeqCst),
            self.writes.load(Ordering::SeqCst),
        )
    }
}

impl SecureStorage for Counted {
    fn entry_id(&self) -> String {
        self.below.entry_id()
    }

    fn secrecy(&self) -> Secrecy {
        Secrecy::Platform
    }

    fn may_block(&self) -> bool {
        false
    }

    fn acknowledgement_is_proof(&self) -> bool {
        self.proof
    }

    fn read(&self, name: &str) -> ReadOutcome {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.below.read(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> WriteOutcome {
        self.writes.fetch_add(1, Ordering::SeqCst);
        self.below.write(name, bytes)
    }

    fn delete(&self, name: &str) -> WriteOutcome {
        self.below.delete(name)
    }
}

fn calls_of_one_refresh(proof: bool) -> (u64, u64) {
    let store = Counted {
        proof,
        ..Counted::default()
    };
    let stage = Stage::signed_in_on(store.clone());
    let before = store.calls();
    stage.refresh();
    let after = store.calls();
    (after.0 - before.0, after.1 - before.1)
}

/// 1 what stands there, once for the look and the intent; 2 the intent, read back; 3 what the commit replaces.
#[test]
fn a_refresh_reads_three_times_and_writes_twice() {
    assert_eq!(calls_of_one_refresh(true), (3, 2));
}

/// 4 the commit, read back.
#[test]
fn where_an_acknowledgement_is_no_proof_the_commit_is_read_back() {
    assert_eq!(calls_of_one_refresh(false), (4, 2));
}
