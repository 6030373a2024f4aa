//! The ledger of an entry that holds no record but a list, and the end of one that held a record.

use zeroize::Zeroizing;

use super::{Ledger, READ_DEADLINE, RECORD_LOCK_DEADLINE, Role, WRITE_DEADLINE, read_only};
use crate::error::{Failure, LockedCause};
use crate::lock::{LockGuard, LockKind};
use crate::storage::{FirstLook, Opened, Vault};

type Plain = Zeroizing<Vec<u8>>;

impl Ledger {
    /// What stands in the entry. `None`: surely nothing, or something that is lost for good.
    pub(in crate::session) async fn read_plain(&self) -> Result<Option<Plain>, Failure> {
        let vault = self.vault.clone();
        let timed_out = Err(Opened::Unavailable(LockedCause::TimedOut));
        let read = self.blocking(READ_DEADLINE, move || vault.open_plain());
        match read.await.unwrap_or(timed_out) {
            Ok(Some(found)) => Ok(Some(found)),
            Ok(None) if self.role == Role::Reader => settled(self.look(Vault::prove_by_reading).await),
            Ok(None) => settled(self.under_the_canarys_lock(Vault::prove_nothing).await?),
            Err(opened) => settled(FirstLook::Opened(opened)),
        }
    }

    /// One read-compare-write under the record lock. `decide` gets what stands there, and says what to write, if anything.
    pub(in crate::session) async fn amend_plain<T: Send + 'static>(
        &self,
        decide: impl FnOnce(Option<&[u8]>) -> Result<(Option<Vec<u8>>, T), Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        if self.role == Role::Reader {
            return Err(read_only());
        }
        self.under_the_canarys_lock(move |vault| amend(vault, decide))
            .await?
    }

    /// Deletes a record that stands for no session any more, with the app's notes on it. `false`: something is still to be
    /// revoked at the server of that profile. Under the flight lock, so that no exchange can land.
    pub(in crate::session) async fn erase(
        &self,
        profile_id: String,
        flight: LockGuard,
    ) -> Result<bool, Failure> {
        let guard = self.lock(LockKind::Record, RECORD_LOCK_DEADLINE).await?;
        let vault = self.vault.clone();
        let job = move || {
            let erased = erase(&vault, &profile_id);
            drop((guard, flight));
            erased
        };
        let timed_out = Err(Failure::Locked(LockedCause::TimedOut));
        let erased = self.blocking(WRITE_DEADLINE, job).await.unwrap_or(timed_out)?;
        if erased {
            self.locks.forget(&self.entry_id);
        }
        Ok(erased)
    }
}

fn erase(vault: &Vault, profile_id: &str) -> Result<bool, Failure> {
    match vault.open() {
        // Another process signed in since.
        Opened::Found(record) if !record.is_tombstone() => return Err(Failure::LockHeld),
        Opened::Found(record) => {
            let mut pending = record.revoke_pending.iter();
            if pending.any(|pending| pending.profile_id == profile_id) {
                return Ok(false);
            }
        }
        Opened::Absent | Opened::Lost(_) => {}
        opened => return settled(FirstLook::Opened(opened)).map(|_| false),
    }
    vault.erase().map(|()| true)
}

fn amend<T>(
    vault: &Vault,
    decide: impl FnOnce(Option<&[u8]>) -> Result<(Option<Vec<u8>>, T), Failure>,
) -> Result<T, Failure> {
    let stored = match vault.open_plain() {
        Ok(Some(found)) => Some(found),
        Ok(None) => settled(vault.prove_nothing())?,
        Err(Opened::Lost(_)) => {
            vault.quarantine();
            None
        }
        Err(opened) => settled(FirstLook::Opened(opened))?,
    };
    let created = stored.is_none();
    let (draft, value) = decide(stored.as_ref().map(|stored| stored.as_slice()))?;
    if let Some(draft) = draft {
        vault.replace_plain(&draft)?;
        if created {
            vault.note_landing(0, true);
        }
    }
    Ok(value)
}

/// What a look at an entry without a readable content means.
fn settled(seen: FirstLook) -> Result<Option<Plain>, Failure> {
    match seen {
        FirstLook::Opened(Opened::Unavailable(cause)) => Err(Failure::Locked(cause)),
        FirstLook::Opened(Opened::Keyless) | FirstLook::Doubted => {
            Err(Failure::Locked(LockedCause::Unavailable))
        }
        FirstLook::Opened(Opened::Misconfigured { what, fix }) => Err(Failure::Misconfigured { what, fix }),
        FirstLook::Opened(Opened::Absent | Opened::Lost(_) | Opened::Found(_))
        | FirstLook::Gone
        | FirstLook::SignedOut(_)
        | FirstLook::Stale(_) => Ok(None),
    }
}
