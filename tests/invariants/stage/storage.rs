use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use tokencast::error::LockedCause;
use tokencast::storage::{MemoryStorage, ReadOutcome, Secrecy, SecureStorage, WriteOutcome};

/// What becomes of one write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Step {
    #[default]
    Ok,
    /// Refused, and nothing is written.
    Fail,
    /// Written, and reported as failed.
    WriteThenFail,
    /// Acknowledged, and not written.
    DropWrite,
    /// Written, and from then on nothing can be read until the script is mended.
    WriteThenBlind,
    /// Waits until it is released; then it lands.
    Hang,
}

/// One process' way to a disk that others share (`disk`), with failures by a script. Clones share the script.
#[derive(Clone)]
pub(crate) struct Scripted {
    disk: MemoryStorage,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    script: Mutex<Script>,
    changed: Condvar,
}

#[derive(Default)]
struct Script {
    next: VecDeque<Step>,
    then: Step,
    blind: bool,
    released: bool,
    hanging: usize,
    reads: usize,
    writes: usize,
    deletes: usize,
}

impl Scripted {
    pub(crate) fn on(disk: &MemoryStorage) -> Self {
        Self {
            disk: disk.clone(),
            shared: Arc::default(),
        }
    }

    /// The next writes go like this, one by one.
    pub(crate) fn next(&self, steps: impl IntoIterator<Item = Step>) {
        self.script().next.extend(steps);
    }

    /// All writes after those go like this.
    pub(crate) fn then(&self, step: Step) {
        self.script().then = step;
    }

    /// Everything works again.
    pub(crate) fn mend(&self) {
        let mut script = self.script();
        script.next.clear();
        script.then = Step::Ok;
        script.blind = false;
    }

    /// Lets the writes that hang land, and later ones pass.
    pub(crate) fn release(&self) {
        self.script().released = true;
        self.shared.changed.notify_all();
    }

    pub(crate) fn hanging(&self) -> usize {
        self.script().hanging
    }

    pub(crate) fn reads(&self) -> usize {
        self.script().reads
    }

    /// Writes that were asked for.
    pub(crate) fn writes(&self) -> usize {
        self.script().writes
    }

    pub(crate) fn deletes(&self) -> usize {
        self.script().deletes
    }

    fn script(&self) -> std::sync::MutexGuard<'_, Script> {
        self.shared.script.lock().unwrap()
    }

    fn hang(&self) {
        let mut script = self.script();
        script.hanging += 1;
        // A test that fails before it releases must not wait for ever at its end.
        let (mut script, _) = self
            .shared
            .changed
            .wait_timeout_while(script, Duration::from_secs(60), |script| !script.released)
            .unwrap();
        script.hanging -= 1;
    }
}

impl SecureStorage for Scripted {
    fn entry_id(&self) -> String {
        self.disk.entry_id()
    }

    fn secrecy(&self) -> Secrecy {
        Secrecy::Platform
    }

    fn read(&self, name: &str) -> ReadOutcome {
        let blind = {
            let mut script = self.script();
            script.reads += 1;
            script.blind
        };
        if blind {
            return ReadOutcome::Unavailable(LockedCause::DeviceLocked);
        }
        self.disk.read(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> WriteOutcome {
        let step = {
            let mut script = self.script();
            script.writes += 1;
            let then = script.then;
            script.next.pop_front().unwrap_or(then)
        };
        match step {
            Step::Ok => self.disk.write(name, bytes),
            Step::Fail => WriteOutcome::Unavailable(LockedCause::Unavailable),
            Step::WriteThenFail => {
                self.disk.write(name, bytes);
                WriteOutcome::Unconfirmed
            }
            Step::DropWrite => WriteOutcome::Acknowledged,
            Step::WriteThenBlind => {
                let outcome = self.disk.write(name, bytes);
                self.script().blind = true;
                outcome
            }
            Step::Hang => {
                self.hang();
                self.disk.write(name, bytes)
            }
        }
    }

    fn delete(&self, name: &str) -> WriteOutcome {
        self.script().deletes += 1;
        self.disk.delete(name)
    }
}
