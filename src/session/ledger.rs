//! Reading and writing the record: on a thread that may block, with a deadline, every write a read-compare-write
//! under the record lock. A hung write keeps the lock until its call returns: landing late it would undo a newer
//! record.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::error::{EndReason, Failure, LockedCause, StorageFailure};
use crate::flight::Written;
use crate::lock::{LockGuard, LockKind, ProcessLock};
use crate::record::{Record, Ruling, arbitrate};
use crate::spawn::Spawner;
use crate::storage::{Opened, Vault};
use crate::time::Clock;

const READ_DEADLINE: Duration = Duration::from_secs(5);
const WRITE_DEADLINE: Duration = Duration::from_secs(10);
const RECORD_LOCK_DEADLINE: Duration = Duration::from_secs(12);
/// How often a lock that is held is asked for again: soon at first, then at ease.
const POLL_FIRST: Duration = Duration::from_millis(2);
const POLL_MOST: Duration = Duration::from_millis(50);

pub(super) struct Ledger {
    vault: Arc<Vault>,
    locks: Arc<dyn ProcessLock>,
    entry_id: String,
    clock: Arc<dyn Clock>,
    spawner: Arc<dyn Spawner>,
}

/// What a writer decides after reading the record under the lock.
pub(super) enum Amendment<T> {
    Write(Box<Record>),
    Leave(T),
}

/// What became of an amendment.
pub(super) enum Amended<T> {
    /// Written and read back.
    Wrote(Record),
    Left(T),
}

impl Ledger {
    pub(super) fn new(
        vault: Vault,
        locks: Arc<dyn ProcessLock>,
        entry_id: String,
        clock: Arc<dyn Clock>,
        spawner: Arc<dyn Spawner>,
    ) -> Self {
        Self {
            vault: Arc::new(vault),
            locks,
            entry_id,
            clock,
            spawner,
        }
    }

    pub(super) fn entry_id(&self) -> &str {
        &self.entry_id
    }

    /// Takes one of the entry's locks, waiting at most `within`.
    pub(super) async fn lock(&self, kind: LockKind, within: Duration) -> Result<LockGuard, Failure> {
        let give_up = self.clock.boot() + within;
        let mut pause = POLL_FIRST;
        loop {
            match self.locks.try_acquire(&self.entry_id, kind) {
                Ok(Some(guard)) => return Ok(guard),
                Ok(None) => {}
                Err(failure) => {
                    let fix = "give the app a private folder for lock files with `.state_dir(…)`";
                    return Err(Failure::misconfigured(failure.to_string(), fix));
                }
            }
            if self.clock.boot() >= give_up {
                return Err(match kind {
                    LockKind::Flight => Failure::LockHeld,
                    LockKind::Record => Failure::Storage(StorageFailure::Held),
                });
            }
            self.clock.sleep(pause).await;
            pause = (pause * 2).min(POLL_MOST);
        }
    }

    /// Reads the record. A read that hangs is abandoned.
    pub(super) async fn read(&self) -> Opened {
        let vault = self.vault.clone();
        let timed_out = Opened::Unavailable(LockedCause::TimedOut);
        self.blocking(READ_DEADLINE, move || vault.open())
            .await
            .unwrap_or(timed_out)
    }

    /// Writes a flight's draft, if the record under the lock is older or the same: refresh.md's invariant 4.
    pub(super) async fn write(&self, draft: Record) -> Written {
        let decided = self.amend(move |stored| {
            let Some(stored) = stored else {
                // An active process never re-creates an entry: the next start decides what its absence means.
                return Ok(Amendment::Leave(Err(Failure::Locked(LockedCause::Vanished))));
            };
            Ok(match arbitrate(&stored, &draft) {
                Ruling::Land => Amendment::Write(Box::new(draft.over(&stored))),
                Ruling::Adopt => Amendment::Leave(Ok(Written::Adopt(stored))),
                Ruling::Discard => Amendment::Leave(Ok(Written::Discarded(stored))),
            })
        });
        match decided.await {
            Ok(Amended::Wrote(record)) => Written::Landed(record),
            Ok(Amended::Left(Ok(written))) => written,
            Ok(Amended::Left(Err(failure))) | Err(failure) => Written::Failed(failure),
        }
    }

    /// One read-compare-write. `decide` gets the stored record, or `None` when there is none, and runs under the
    /// record lock. A record that is lost for good is put into quarantine and counts as none.
    pub(super) async fn amend<T: Send + 'static>(
        &self,
        decide: impl FnOnce(Option<Record>) -> Result<Amendment<T>, Failure> + Send + 'static,
    ) -> Result<Amended<T>, Failure> {
        let guard = self.lock(LockKind::Record, RECORD_LOCK_DEADLINE).await?;
        let vault = self.vault.clone();
        let job = move || {
            let amended = amend(&vault, decide);
            drop(guard);
            amended
        };
        self.blocking(WRITE_DEADLINE, job)
            .await
            .unwrap_or(Err(Failure::Storage(StorageFailure::Unconfirmed)))
    }

    /// Runs `job` where it may block; `None` when it has not answered in time. The job itself goes on.
    async fn blocking<T: Send + 'static>(
        &self,
        within: Duration,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        if self.vault.is_instant() {
            return Some(job());
        }
        let (answer, answered) = oneshot::channel();
        self.spawner.spawn_blocking(Box::new(move || {
            // Nobody waits any longer: the deadline passed.
            let _ = answer.send(job());
        }));
        tokio::select! {
            biased;
            answer = answered => answer.ok(),
            () = self.clock.sleep(within) => None,
        }
    }
}

fn amend<T>(
    vault: &Vault,
    decide: impl FnOnce(Option<Record>) -> Result<Amendment<T>, Failure>,
) -> Result<Amended<T>, Failure> {
    let stored = match vault.open() {
        Opened::Found(record) => Some(record),
        Opened::Absent => None,
        Opened::Lost(_) => {
            vault.quarantine();
            None
        }
        Opened::Unavailable(cause) => return Err(Failure::Storage(StorageFailure::Unavailable(cause))),
        Opened::Misconfigured { what, fix } => return Err(Failure::Misconfigured { what, fix }),
    };
    let draft = match decide(stored)? {
        Amendment::Leave(left) => return Ok(Amended::Left(left)),
        Amendment::Write(draft) => *draft,
    };
    let replaced = vault.replace(&draft);
    if let Err(failure) = &replaced
        && *failure != Failure::Storage(StorageFailure::Unconfirmed)
    {
        return Err(failure.clone());
    }
    // Read back: a write reported failed may have landed, and one reported done may not.
    match vault.open() {
        Opened::Found(found) if found == written_form(&draft, &found) => Ok(Amended::Wrote(draft)),
        Opened::Found(_) if replaced.is_err() => Err(Failure::Storage(StorageFailure::Unconfirmed)),
        Opened::Found(_) | Opened::Absent | Opened::Lost(EndReason::StoreLost) => {
            Err(Failure::Storage(StorageFailure::ReadBackDiffers))
        }
        _ => Err(Failure::Storage(StorageFailure::Unconfirmed)),
    }
}

/// The draft as it must read back: a record too large is written without its access token.
fn written_form(draft: &Record, found: &Record) -> Record {
    let mut draft = draft.clone();
    if found.credential.access_token.is_none() {
        draft.credential.access_token = None;
    }
    draft
}
