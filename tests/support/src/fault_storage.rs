//! A store that fails by script.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokencast::error::LockedCause;
use tokencast::storage::{KeyWrapper, ReadOutcome, Secrecy, SecureStorage, WriteOutcome};

/// Which of a store's calls a step is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    Read,
    Write,
    Delete,
}

/// What one call does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// What the store below does.
    Ok,
    /// Nothing is read or written: unavailable, and why.
    Fail(LockedCause),
    /// A write lands and is reported as unconfirmed: the reply was lost.
    WriteThenFail,
    /// A write is acknowledged and does not land: a lying commit. A read finds nothing.
    DropWrite,
    /// A write lands, and from then on nothing can be read until the script is mended.
    WriteThenBlind,
    /// The call does not return until [`FaultStorage::release`]; then it does what the store below does.
    Hang,
    /// A read finds damaged bytes.
    Corrupt,
    /// Nothing is read or written: the app may not use this store, as without an entitlement.
    Misconfigured,
}

/// Nothing is read or written, for no named reason.
pub const REFUSED: Step = Step::Fail(LockedCause::Unavailable);

/// Any store, with steps to be taken instead of its own. Clones share the script, as the processes of one device
/// share a store.
#[derive(Clone)]
pub struct FaultStorage {
    below: Arc<dyn SecureStorage>,
    secrecy: Option<Secrecy>,
    script: Arc<(Mutex<Script>, Condvar)>,
}

#[derive(Debug, Default)]
struct Script {
    /// Taken one by one.
    next: HashMap<(Op, &'static str), VecDeque<Step>>,
    /// Taken when none of those is left.
    always: HashMap<(Op, &'static str), Step>,
    counts: HashMap<(Op, &'static str), u64>,
    /// Grows by one with each release: a call that hangs waits for it to change.
    releases: u64,
    hanging: u64,
}

impl FaultStorage {
    pub fn new(below: impl SecureStorage) -> Self {
        Self {
            below: Arc::new(below),
            secrecy: None,
            script: Arc::default(),
        }
    }

    /// Says of itself that the platform keeps its secrets: a store in memory then plays a keyring.
    pub fn as_keyring(mut self) -> Self {
        self.secrecy = Some(Secrecy::Platform);
        self
    }

    /// The next writes of a record take these steps.
    pub fn next_writes(&self, steps: impl IntoIterator<Item = Step>) {
        self.script(Op::Write, "session/", steps);
    }

    /// All writes of a record after those take this step until [`mend`](Self::mend).
    pub fn all_writes(&self, step: Step) {
        self.always(Op::Write, "session/", step);
    }

    /// The next calls of that kind on entries whose name begins with `prefix` (`session/`, `canary`, …) take these
    /// steps, one each.
    pub fn script(&self, op: Op, prefix: &'static str, steps: impl IntoIterator<Item = Step>) {
        self.edit().next.entry((op, prefix)).or_default().extend(steps);
    }

    /// All calls of that kind take this step until [`mend`](Self::mend).
    pub fn always(&self, op: Op, prefix: &'static str, step: Step) {
        self.edit().always.insert((op, prefix), step);
    }

    /// Forgets all steps that were not taken. What hangs goes on hanging.
    pub fn mend(&self) {
        let mut script = self.edit();
        script.next.clear();
        script.always.clear();
    }

    /// Lets all calls that hang go on.
    pub fn release(&self) {
        self.edit().releases += 1;
        self.script.1.notify_all();
    }

    /// How many calls hang now.
    pub fn hanging(&self) -> u64 {
        self.edit().hanging
    }

    /// How often entries whose name begins with `prefix` were called.
    pub fn count(&self, op: Op, prefix: &str) -> u64 {
        let script = self.edit();
        let fitting = script
            .counts
            .iter()
            .filter(|((of, name), _)| *of == op && name.starts_with(prefix));
        fitting.map(|(_, count)| count).sum()
    }

    /// Any call at all that changes the store.
    pub fn changes(&self) -> u64 {
        self.count(Op::Write, "") + self.count(Op::Delete, "")
    }

    fn edit(&self) -> MutexGuard<'_, Script> {
        self.script.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The step of this call. A call that hangs has hung when this returns.
    fn step(&self, op: Op, name: &str) -> Step {
        let mut script = self.edit();
        *script.counts.entry((op, family(name))).or_default() += 1;
        let scripted = script
            .next
            .iter_mut()
            .filter(|((of, prefix), _)| *of == op && name.starts_with(prefix))
            .find_map(|(_, steps)| steps.pop_front());
        let step = scripted.or_else(|| {
            let always = script.always.iter();
            always
                .filter(|((of, prefix), _)| *of == op && name.starts_with(prefix))
                .map(|(_, step)| step.clone())
                .next()
        });
        let step = step.unwrap_or(Step::Ok);
        if step == Step::Hang {
            script.hanging += 1;
            let seen = script.releases;
            // A test that ends without releasing must not keep its runtime waiting for ever.
            let patience = Duration::from_secs(120);
            let (mut script, _) = self
                .script
                .1
                .wait_timeout_while(script, patience, |script| script.releases == seen)
                .unwrap_or_else(PoisonError::into_inner);
            script.hanging -= 1;
            return Step::Ok;
        }
        step
    }

    fn change(&self, op: Op, name: &str, change: impl FnOnce() -> WriteOutcome) -> WriteOutcome {
        match self.step(op, name) {
            Step::Ok | Step::Hang => change(),
            Step::Fail(cause) => WriteOutcome::Unavailable(cause),
            Step::WriteThenFail => {
                change();
                WriteOutcome::Unconfirmed
            }
            Step::WriteThenBlind => {
                let outcome = change();
                self.always(Op::Read, "", Step::Fail(LockedCause::DeviceLocked));
                outcome
            }
            Step::DropWrite => WriteOutcome::Acknowledged,
            Step::Corrupt => WriteOutcome::Unconfirmed,
            Step::Misconfigured => WriteOutcome::Misconfigured {
                what: NO_ENTITLEMENT.into(),
                fix: GIVE_IT.into(),
            },
        }
    }
}

impl SecureStorage for FaultStorage {
    fn entry_id(&self) -> String {
        self.below.entry_id()
    }

    fn secrecy(&self) -> Secrecy {
        self.secrecy.unwrap_or_else(|| self.below.secrecy())
    }

    fn key_wrapper(&self) -> Option<Arc<dyn KeyWrapper>> {
        self.below.key_wrapper()
    }

    fn read(&self, name: &str) -> ReadOutcome {
        match self.step(Op::Read, name) {
            Step::Ok | Step::Hang | Step::WriteThenFail | Step::WriteThenBlind => self.below.read(name),
            Step::Fail(cause) => ReadOutcome::Unavailable(cause),
            Step::DropWrite => ReadOutcome::Absent,
            Step::Corrupt => ReadOutcome::Corrupt,
            Step::Misconfigured => ReadOutcome::Misconfigured {
                what: NO_ENTITLEMENT.into(),
                fix: GIVE_IT.into(),
            },
        }
    }

    fn write(&self, name: &str, bytes: &[u8]) -> WriteOutcome {
        self.change(Op::Write, name, || self.below.write(name, bytes))
    }

    fn delete(&self, name: &str) -> WriteOutcome {
        self.change(Op::Delete, name, || self.below.delete(name))
    }
}

impl std::fmt::Debug for FaultStorage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FaultStorage")
            .field("script", &self.edit())
            .finish_non_exhaustive()
    }
}

const NO_ENTITLEMENT: &str = "the app has no keychain entitlement";
const GIVE_IT: &str = "add the keychain access group to the app's entitlements";

fn family(name: &str) -> &'static str {
    ["session/", "canary", "quarantine"]
        .into_iter()
        .find(|family| name.starts_with(family))
        .unwrap_or("other")
}
