//! Reading and writing the record: on a thread that may block, with a deadline, every write a read-compare-write
//! under the record lock. A hung write keeps the lock until its call returns: landing late it would undo a newer
//! record.

mod plain;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::defence::{Defence, Defences};
use crate::error::{EndReason, Failure, LockedCause, StorageFailure};
use crate::flight::Written;
use crate::lock::{LockGuard, LockKind, ProcessLock};
use crate::record::{Record, Ruling, arbitrate};
use crate::spawn::Spawner;
use crate::storage::{FirstLook, Opened, Vault};
use crate::time::Clock;

const READ_DEADLINE: Duration = Duration::from_secs(5);
const WRITE_DEADLINE: Duration = Duration::from_secs(10);
const RECORD_LOCK_DEADLINE: Duration = Duration::from_secs(12);
/// How often a lock that is held is asked for again: soon at first, then at ease.
const POLL_FIRST: Duration = Duration::from_millis(2);
const POLL_MOST: Duration = Duration::from_millis(50);
/// A platform key in trouble is asked again after these pauses, then at the next occasion.
const KEY_PAUSES: [Duration; 3] = [
    Duration::from_millis(50),
    Duration::from_millis(200),
    Duration::from_millis(800),
];

pub(super) struct Ledger {
    vault: Arc<Vault>,
    locks: Arc<dyn ProcessLock>,
    entry_id: String,
    /// The lock of the store's canary, which all its entries share.
    canary_id: String,
    clock: Arc<dyn Clock>,
    spawner: Arc<dyn Spawner>,
    role: Role,
    defences: Defences,
    /// This launch is noted as one without the platform's key.
    keyless: AtomicBool,
}

/// Whether this process owns the entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Owner,
    /// Reads, and changes nothing: no record, note, canary, quarantine or lock.
    Reader,
}

/// What a writer decides after reading the record under the lock.
pub(super) enum Amendment<T> {
    Write(Box<Record>),
    Leave(T),
}

/// The record lock and what was read under it, for the write that follows at once. Never held across the network.
pub(super) struct Held {
    guard: LockGuard,
    stored: Record,
}

/// Whether a write is read back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ReadBack {
    Always,
    /// Not where the store's acknowledgement is proof.
    WhereNeeded,
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
        (entry_id, canary_id): (String, String),
        clock: Arc<dyn Clock>,
        spawner: Arc<dyn Spawner>,
        role: Role,
        defences: Defences,
    ) -> Self {
        Self {
            vault: Arc::new(vault),
            locks,
            entry_id,
            canary_id,
            clock,
            spawner,
            role,
            defences,
            keyless: AtomicBool::new(false),
        }
    }

    /// Whether this process may write.
    pub(super) fn role(&self) -> Role {
        self.role
    }

    pub(super) fn entry_id(&self) -> &str {
        &self.entry_id
    }

    /// Takes one of the entry's locks, waiting at most `within`.
    pub(super) async fn lock(&self, kind: LockKind, within: Duration) -> Result<LockGuard, Failure> {
        self.lock_of(&self.entry_id, kind, within).await
    }

    async fn lock_of(&self, name: &str, kind: LockKind, within: Duration) -> Result<LockGuard, Failure> {
        let give_up = self.clock.boot() + within;
        let mut pause = POLL_FIRST;
        loop {
            match self.locks.try_acquire(name, kind) {
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

    /// Reads the record for a flight. If the record lock is free, what was read comes with it: the write that follows
    /// need not read again what it replaces.
    pub(super) async fn read_to_write(&self) -> (Opened, Option<Held>) {
        // Whatever is wrong with the lock, the write will say.
        let guard = self
            .locks
            .try_acquire(&self.entry_id, LockKind::Record)
            .unwrap_or_default();
        let opened = self.read().await;
        let held = match (guard, &opened) {
            (Some(guard), Opened::Found(record)) => Some(Held {
                guard,
                stored: record.clone(),
            }),
            _ => None,
        };
        (opened, held)
    }

    /// Forgets what was read and written last.
    pub(super) fn forget(&self) {
        self.vault.forget();
    }

    /// Reads the record at a start, or when a locked storage is asked again: what does not stand there is proven
    /// not to, and a platform key in trouble gets its tries.
    pub(super) async fn first_look(&self) -> FirstLook {
        let mut seen = self.look(|vault| vault.first_look()).await;
        for pause in KEY_PAUSES {
            if seen != FirstLook::Opened(Opened::Keyless) {
                break;
            }
            self.clock.sleep(pause).await;
            seen = self.look(|vault| vault.first_look()).await;
        }
        match (seen, self.role) {
            (FirstLook::Doubted, _) if !self.defences.stand(Defence::TrustedAbsence) => {
                FirstLook::Opened(Opened::Absent)
            }
            (FirstLook::Doubted, Role::Reader) => self.look(|vault| vault.prove_by_reading()).await,
            (FirstLook::Doubted, Role::Owner) => {
                let proven = self.under_the_canarys_lock(|vault| vault.prove()).await;
                proven.unwrap_or_else(|failure| FirstLook::Opened(not_now(failure)))
            }
            (FirstLook::Opened(Opened::Keyless), Role::Owner) => {
                if self.note_keyless_launch().await {
                    self.vault.give_up_key();
                    return FirstLook::Opened(Opened::Lost(EndReason::KeyLost));
                }
                FirstLook::Opened(Opened::Unavailable(LockedCause::Unavailable))
            }
            (FirstLook::Opened(Opened::Keyless), Role::Reader) => {
                FirstLook::Opened(Opened::Unavailable(LockedCause::Unavailable))
            }
            (seen, Role::Owner) if self.vault.found_its_key() => {
                self.forget_keyless_launches().await;
                seen
            }
            (seen, _) => seen,
        }
    }

    /// Whether the store keeps what it is given.
    pub(super) async fn prove_working(&self) -> Result<(), Failure> {
        self.under_the_canarys_lock(|vault| vault.prove_working()).await?
    }

    /// Notes in the app's own folder that the sessions up to `epoch` were signed out; the store did not take it.
    /// Needs no lock: a hung write may hold the record's.
    pub(super) async fn note_sign_out(&self, epoch: u64) -> bool {
        let vault = self.vault.clone();
        let noted = self.blocking(WRITE_DEADLINE, move || vault.note_sign_out(epoch));
        noted.await.unwrap_or(false)
    }

    /// Counts each launch once. True when the key counts as lost.
    async fn note_keyless_launch(&self) -> bool {
        if self.keyless.swap(true, Ordering::Relaxed) {
            return false;
        }
        let Ok(guard) = self.lock(LockKind::Record, RECORD_LOCK_DEADLINE).await else {
            return false;
        };
        let vault = self.vault.clone();
        let job = move || (vault.note_keyless_launch(), drop(guard)).0;
        self.blocking(WRITE_DEADLINE, job).await.unwrap_or(false)
    }

    async fn forget_keyless_launches(&self) {
        if let Ok(guard) = self.lock(LockKind::Record, RECORD_LOCK_DEADLINE).await {
            let vault = self.vault.clone();
            let job = move || (vault.forget_keyless_launches(), drop(guard)).0;
            let _ = self.blocking(WRITE_DEADLINE, job).await;
        }
    }

    async fn look(&self, look: impl FnOnce(&Vault) -> FirstLook + Send + 'static) -> FirstLook {
        let vault = self.vault.clone();
        let timed_out = FirstLook::Opened(Opened::Unavailable(LockedCause::TimedOut));
        self.blocking(READ_DEADLINE, move || look(&vault))
            .await
            .unwrap_or(timed_out)
    }

    /// The record lock first, then the canary's. Both stay with a call that hangs.
    async fn under_the_canarys_lock<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Vault) -> T + Send + 'static,
    ) -> Result<T, Failure> {
        let record = self.lock(LockKind::Record, RECORD_LOCK_DEADLINE).await?;
        let canary = self.lock_of(&self.canary_id, LockKind::Record, RECORD_LOCK_DEADLINE);
        let canary = canary.await?;
        let vault = self.vault.clone();
        let job = move || {
            let done = job(&vault);
            drop((canary, record));
            done
        };
        self.blocking(WRITE_DEADLINE, job)
            .await
            .ok_or(Failure::Locked(LockedCause::TimedOut))
    }

    /// Writes a flight's draft, if the record under the lock is older or the same: refresh.md's invariant 4.
    pub(super) async fn write(&self, draft: Record, held: Option<Held>) -> Written {
        let defences = self.defences;
        // A commit that is lost leaves the intent, with the key to ask for the same answer again. An intent that is
        // lost leaves nothing, and an end that is lost brings a session back.
        let commits = draft.inflight.is_none() && !draft.is_tombstone();
        let read_back = if commits {
            ReadBack::WhereNeeded
        } else {
            ReadBack::Always
        };
        let decided = self.amend_as(held, read_back, move |stored| {
            let Some(stored) = stored else {
                // An active process never re-creates an entry: the next start decides what its absence means.
                return Ok(Amendment::Leave(Err(Failure::Locked(LockedCause::Vanished))));
            };
            Ok(match ruling(defences, &stored, &draft) {
                Ruling::Land if !defences.stand(Defence::StoredKeyStays) => {
                    let attempt_key = draft.attempt_key.clone();
                    Amendment::Write(Box::new(Record {
                        attempt_key,
                        ..draft.over(&stored)
                    }))
                }
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
        self.amend_as(None, ReadBack::Always, decide).await
    }

    async fn amend_as<T: Send + 'static>(
        &self,
        held: Option<Held>,
        read_back: ReadBack,
        decide: impl FnOnce(Option<Record>) -> Result<Amendment<T>, Failure> + Send + 'static,
    ) -> Result<Amended<T>, Failure> {
        if self.role == Role::Reader {
            return Err(read_only());
        }
        let (guard, known) = match held {
            Some(Held { guard, stored }) => (guard, Some(stored)),
            None => (self.lock(LockKind::Record, RECORD_LOCK_DEADLINE).await?, None),
        };
        let vault = self.vault.clone();
        let turn = Turn::new(guard);
        let defences = self.defences;
        let job = {
            let turn = turn.clone();
            move || {
                let amended = amend(&vault, &turn, (known, read_back), defences, decide);
                turn.end();
                amended
            }
        };
        match self.blocking(WRITE_DEADLINE, job).await {
            Some(amended) => amended,
            None => Err(Failure::Storage(turn.abandon(defences))),
        }
    }

    /// Reads something else of the app's own, where a read may block.
    pub(super) async fn aside(&self, job: impl FnOnce() + Send + 'static) {
        let _ = self.blocking(READ_DEADLINE, job).await;
    }

    /// Runs `job` where it may block; `None` when it has not answered in time. The job itself goes on.
    async fn blocking<T: Send + 'static>(
        &self,
        within: Duration,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        if !self.vault.may_block() {
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

fn not_now(failure: Failure) -> Opened {
    match failure {
        Failure::Misconfigured { what, fix } => Opened::Misconfigured { what, fix },
        Failure::Locked(cause) | Failure::Storage(StorageFailure::Unavailable(cause)) => {
            Opened::Unavailable(cause)
        }
        _ => Opened::Unavailable(LockedCause::Unavailable),
    }
}

/// One writer's time with the record lock. The lock goes with the deadline, unless a write is under way: that one
/// may land whenever its call returns.
#[derive(Clone)]
struct Turn(Arc<Mutex<TurnState>>);

struct TurnState {
    guard: Option<LockGuard>,
    writing: bool,
    wrote: bool,
}

impl Turn {
    fn new(guard: LockGuard) -> Self {
        Self(Arc::new(Mutex::new(TurnState {
            guard: Some(guard),
            writing: false,
            wrote: false,
        })))
    }

    /// Runs a write, unless the turn was taken away.
    fn write<T>(&self, write: impl FnOnce() -> T) -> Option<T> {
        {
            let mut state = self.state();
            state.guard.as_ref()?;
            (state.writing, state.wrote) = (true, true);
        }
        let written = write();
        self.state().writing = false;
        Some(written)
    }

    fn end(&self) {
        self.state().guard = None;
    }

    /// Nobody waits any longer. Says what is known of the write.
    fn abandon(&self, defences: Defences) -> StorageFailure {
        let mut state = self.state();
        if !state.writing || !defences.stand(Defence::HungWriteKeepsLock) {
            state.guard = None;
        }
        if state.wrote {
            StorageFailure::Unconfirmed
        } else {
            StorageFailure::Unavailable(LockedCause::TimedOut)
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, TurnState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The comparison of a flight's draft with the stored record.
fn ruling(defences: Defences, stored: &Record, draft: &Record) -> Ruling {
    if !defences.stand(Defence::CompareBeforeWrite)
        || (draft.is_tombstone() && !defences.stand(Defence::LookBeforeEnding))
    {
        return Ruling::Land;
    }
    match arbitrate(stored, draft) {
        Ruling::Discard if !defences.stand(Defence::NewerEpochWins) => Ruling::Land,
        ruling => ruling,
    }
}

fn amend<T>(
    vault: &Vault,
    turn: &Turn,
    (known, read_back): (Option<Record>, ReadBack),
    defences: Defences,
    decide: impl FnOnce(Option<Record>) -> Result<Amendment<T>, Failure>,
) -> Result<Amended<T>, Failure> {
    let abandoned = || Failure::Storage(StorageFailure::Unavailable(LockedCause::TimedOut));
    let stored = match known.map_or_else(|| vault.open(), Opened::Found) {
        Opened::Found(record) => Some(record),
        Opened::Absent => None,
        Opened::Lost(_) => {
            turn.write(|| vault.quarantine()).ok_or_else(abandoned)?;
            None
        }
        Opened::Unavailable(cause) => return Err(Failure::Storage(StorageFailure::Unavailable(cause))),
        Opened::Keyless => {
            let cause = LockedCause::Unavailable;
            return Err(Failure::Storage(StorageFailure::Unavailable(cause)));
        }
        Opened::Misconfigured { what, fix } => return Err(Failure::Misconfigured { what, fix }),
    };
    let epoch = stored.as_ref().map(|stored| stored.generation.epoch);
    let forgets = !defences.stand(Defence::PendingRevocationsKept);
    let forgotten = stored.as_ref().filter(|_| forgets).cloned();
    let mut draft = match decide(stored)? {
        Amendment::Leave(left) => return Ok(Amended::Left(left)),
        Amendment::Write(draft) => *draft,
    };
    if let Some(found) = forgotten.filter(|found| found.generation < draft.generation) {
        draft
            .revoke_pending
            .retain(|pending| !found.revoke_pending.contains(pending));
    }
    if draft.is_tombstone() && !defences.stand(Defence::Tombstone) {
        turn.write(|| vault.delete());
        return Ok(Amended::Wrote(draft));
    }
    let new_epoch = epoch.is_none_or(|epoch| draft.generation.epoch > epoch);
    // A new session is this installation's, whatever stood there before.
    if draft.install_id.is_empty() || (new_epoch && !draft.is_tombstone()) {
        draft.install_id = turn.write(|| vault.install_id()).ok_or_else(abandoned)?;
    }
    let replaced = turn.write(|| vault.replace(&draft)).ok_or_else(abandoned)?;
    if let Err(failure) = &replaced
        && *failure != Failure::Storage(StorageFailure::Unconfirmed)
    {
        return Err(failure.clone());
    }
    let checked = if draft.inflight.is_some() {
        Defence::IntentReadBack
    } else {
        Defence::ReadBack
    };
    if !defences.stand(checked) {
        return replaced.map(|()| Amended::Wrote(draft));
    }
    let spared = read_back == ReadBack::WhereNeeded && !new_epoch && vault.acknowledgement_is_proof();
    if spared && replaced.is_ok() {
        return Ok(Amended::Wrote(draft));
    }
    // Read back: a write reported failed may have landed, and one reported done may not.
    match vault.open() {
        Opened::Found(found) if is_as_written(&found, &draft) => {
            if new_epoch {
                turn.write(|| vault.note_landing(draft.generation.epoch, epoch.is_none()));
            }
            Ok(Amended::Wrote(draft))
        }
        Opened::Found(_) if replaced.is_err() => Err(Failure::Storage(StorageFailure::Unconfirmed)),
        Opened::Found(_) | Opened::Absent | Opened::Lost(EndReason::StoreLost) => {
            Err(Failure::Storage(StorageFailure::ReadBackDiffers))
        }
        _ => Err(Failure::Storage(StorageFailure::Unconfirmed)),
    }
}

/// Whether the draft read back: a record too large is written without its access token.
fn is_as_written(found: &Record, draft: &Record) -> bool {
    if found.credential.access_token.is_some() || draft.credential.access_token.is_none() {
        return found == draft;
    }
    let mut smaller = draft.clone();
    smaller.credential.access_token = None;
    *found == smaller
}

pub(super) fn read_only() -> Failure {
    Failure::misconfigured(
        "this session is read-only",
        "sign in and out in the process that owns the session, which is built without `.read_only()`",
    )
}
