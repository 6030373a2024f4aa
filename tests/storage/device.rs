//! One device: a keyring that fails by script, a folder of the app's own, a server.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokencast::session::{AuthSession, AuthSessionBuilder};
use tokencast::storage::{MemoryStorage, SecureStorage};
use tokencast_testkit::{FaultStorage, LeapClock, Rig, ada};

pub(crate) struct Device {
    pub(crate) rig: Rig,
    pub(crate) store: FaultStorage,
    pub(crate) clock: Arc<LeapClock>,
    folder: tempfile::TempDir,
}

impl Device {
    pub(crate) async fn new() -> Self {
        Self::with_store(FaultStorage::new(MemoryStorage::default()).as_keyring()).await
    }

    pub(crate) async fn with_store(store: FaultStorage) -> Self {
        Self {
            rig: Rig::new().await,
            store,
            clock: Arc::default(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// A builder for one process, or one launch, of the app.
    pub(crate) fn launch(&self) -> AuthSessionBuilder {
        self.launch_on(self.store.clone())
    }

    pub(crate) fn launch_on(&self, store: impl SecureStorage) -> AuthSessionBuilder {
        AuthSession::builder(self.rig.profile())
            .storage(store)
            .state_dir(self.state_dir())
            .clock(self.clock.clone())
    }

    pub(crate) fn start(&self) -> AuthSession {
        self.launch().build().unwrap()
    }

    pub(crate) async fn signed_in(&self) -> AuthSession {
        let session = self.start();
        session.sign_in(ada()).await.unwrap();
        session
    }

    /// Moves the clocks of the device and the server past the access token's end.
    pub(crate) fn expire(&self) {
        let past = tokencast_testkit::ACCESS_TTL + Duration::from_secs(1);
        self.clock.advance(past);
        self.rig.server.advance_clock(past);
    }

    pub(crate) fn state_dir(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    pub(crate) fn files(&self) -> PathBuf {
        self.folder.path().join("files")
    }

    /// What an uninstallation takes with it.
    pub(crate) fn uninstall(&self) {
        // Nothing runs when an app is uninstalled; here a line of its history may still be on its way.
        while self.state_dir().exists() {
            let _ = std::fs::remove_dir_all(self.state_dir());
        }
    }

    /// The files of the app's own folder whose name holds `part`.
    pub(crate) fn notes(&self, part: &str) -> usize {
        let Ok(listing) = std::fs::read_dir(self.state_dir()) else {
            return 0;
        };
        listing
            .filter(|entry| {
                entry
                    .as_ref()
                    .unwrap()
                    .file_name()
                    .to_str()
                    .unwrap()
                    .contains(part)
            })
            .count()
    }
}
