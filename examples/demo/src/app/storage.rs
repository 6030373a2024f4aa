//! The system's keyring if one answers, else a sealed file.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use tokencast::storage::{self, KeyWrapper, ReadOutcome, Secrecy, SecureStorage, WriteOutcome};

use crate::cli::StorageChoice;
use crate::control::{StorageUsed, random_name};

/// The demo's entries in a keyring are found under this name.
const APPLICATION: &str = "dev.tokencast.demo";
/// A keyring that asks its user first, or hangs, is not waited for longer.
const PROBE: Duration = Duration::from_secs(3);

/// Opens the storage, and says which it is and why.
///
/// Errors: a keyring was asked for and does not answer.
pub(crate) fn open(choice: StorageChoice, folder: &Path) -> Result<(Arc<Traced>, StorageUsed), String> {
    let keyring = |words: &str| {
        let used = StorageUsed {
            choice: StorageChoice::Keyring,
            words: words.into(),
        };
        (Arc::new(Traced::new(storage::keyring(APPLICATION))), used)
    };
    let file = |words: String| {
        let used = StorageUsed {
            choice: StorageChoice::File,
            words,
        };
        (Arc::new(Traced::new(storage::file(folder.join("session")))), used)
    };
    match choice {
        StorageChoice::File => Ok(file("a sealed file under a throw-away key".into())),
        StorageChoice::Keyring => match probe(storage::keyring(APPLICATION), PROBE) {
            Ok(()) => Ok(keyring("the system's keyring")),
            Err(why) => Err(format!("no keyring answers: {why}; try `--storage file`")),
        },
        StorageChoice::Auto => match probe(storage::keyring(APPLICATION), PROBE) {
            Ok(()) => Ok(keyring("the system's keyring")),
            Err(why) => Ok(file(format!(
                "a sealed file under a throw-away key (no keyring answers: {why})"
            ))),
        },
    }
}

/// Whether the store keeps, gives back and deletes what it is given.
fn probe(store: impl SecureStorage, deadline: Duration) -> Result<(), String> {
    let (answer, answered) = mpsc::channel();
    // A call that hangs keeps its thread until the process ends.
    thread::spawn(move || {
        // Nobody listens any more: nobody to tell.
        let _ = answer.send(try_out(&store));
    });
    answered
        .recv_timeout(deadline)
        .unwrap_or_else(|_| Err(format!("it did not answer within {} s", deadline.as_secs())))
}

fn try_out(store: &impl SecureStorage) -> Result<(), String> {
    let canary = random_name::<16>().map_err(|_| "no random bytes")?;
    let name = format!("canary/{canary}");
    match store.write(&name, canary.as_bytes()) {
        WriteOutcome::Acknowledged => {}
        WriteOutcome::Unavailable(cause) => return Err(cause.to_string()),
        WriteOutcome::Unconfirmed => return Err("it does not confirm a write".into()),
        WriteOutcome::Misconfigured { what, .. } => return Err(what),
    }
    let kept = matches!(store.read(&name), ReadOutcome::Found(bytes) if *bytes == canary.as_bytes());
    let deleted = store.delete(&name) == WriteOutcome::Acknowledged;
    match (kept, deleted) {
        (true, true) => Ok(()),
        (false, _) => Err("it does not give back what it was given".into()),
        (true, false) => Err("it does not delete".into()),
    }
}

/// A store that remembers which entries were used, so that the demo leaves nothing behind.
pub(crate) struct Traced {
    inner: Box<dyn SecureStorage>,
    names: Mutex<BTreeSet<String>>,
}

impl Traced {
    fn new(inner: impl SecureStorage) -> Self {
        Self {
            inner: Box::new(inner),
            names: Mutex::default(),
        }
    }

    /// Deletes the entries.
    pub(crate) fn forget(&self) {
        let names = std::mem::take(&mut *self.names.lock().unwrap_or_else(PoisonError::into_inner));
        for name in names {
            // The demo is ending: there is no later attempt.
            let _ = self.inner.delete(&name);
        }
    }

    fn note(&self, name: &str) {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        names.insert(name.to_owned());
    }
}

impl SecureStorage for Traced {
    fn entry_id(&self) -> String {
        self.inner.entry_id()
    }

    fn secrecy(&self) -> Secrecy {
        self.inner.secrecy()
    }

    fn key_wrapper(&self) -> Option<Arc<dyn KeyWrapper>> {
        self.inner.key_wrapper()
    }

    fn read(&self, name: &str) -> ReadOutcome {
        self.note(name);
        self.inner.read(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> WriteOutcome {
        self.note(name);
        self.inner.write(name, bytes)
    }

    fn delete(&self, name: &str) -> WriteOutcome {
        self.inner.delete(name)
    }
}

#[cfg(test)]
mod tests {
    use tokencast::error::LockedCause;

    use super::*;

    struct Broken(WriteOutcome);

    impl SecureStorage for Broken {
        fn entry_id(&self) -> String {
            "broken".into()
        }

        fn secrecy(&self) -> Secrecy {
            Secrecy::Platform
        }

        fn read(&self, _: &str) -> ReadOutcome {
            ReadOutcome::Absent
        }

        fn write(&self, _: &str, _: &[u8]) -> WriteOutcome {
            self.0.clone()
        }

        fn delete(&self, _: &str) -> WriteOutcome {
            WriteOutcome::Acknowledged
        }
    }

    struct Hung;

    impl SecureStorage for Hung {
        fn entry_id(&self) -> String {
            "hung".into()
        }

        fn secrecy(&self) -> Secrecy {
            Secrecy::Platform
        }

        fn read(&self, _: &str) -> ReadOutcome {
            ReadOutcome::Absent
        }

        fn write(&self, _: &str, _: &[u8]) -> WriteOutcome {
            loop {
                thread::park();
            }
        }

        fn delete(&self, _: &str) -> WriteOutcome {
            WriteOutcome::Acknowledged
        }
    }

    #[test]
    fn a_store_that_keeps_and_deletes_passes_and_nothing_of_the_probe_stays() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(
            probe(storage::file(folder.path()), Duration::from_secs(60)),
            Ok(())
        );
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_store_that_is_locked_forgets_or_hangs_does_not_pass() {
        let locked = Broken(WriteOutcome::Unavailable(LockedCause::DeviceLocked));
        assert!(
            probe(locked, Duration::from_secs(60))
                .unwrap_err()
                .contains("locked")
        );
        let forgetful = Broken(WriteOutcome::Acknowledged);
        assert!(
            probe(forgetful, Duration::from_secs(60))
                .unwrap_err()
                .contains("give back")
        );
        assert!(
            probe(Hung, Duration::from_millis(1))
                .unwrap_err()
                .contains("did not answer")
        );
    }

    #[test]
    fn what_was_used_is_deleted_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let (store, used) = open(StorageChoice::File, folder.path()).unwrap();
        assert_eq!(used.choice, StorageChoice::File);
        store.write("session/a", b"x");
        store.forget();
        assert_eq!(store.read("session/a"), ReadOutcome::Absent);
    }
}
