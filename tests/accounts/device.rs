//! One device: sealed files, lock files, a server, and a count of what goes to it.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_core::future::BoxFuture;
use tokencast::Accounts;
use tokencast::accounts::AccountList;
use tokencast::session::{AuthSession, AuthSessionBuilder};
use tokencast::storage::{self, KeyFailure, KeyWrapper, ReadOutcome, SecureStorage};
use tokencast::transport::{HttpTransport, ReqwestTransport, TransportError};
use tokencast::wire::{HttpRequest, HttpResponse};
use zeroize::Zeroizing;

use tokencast_testkit::{FaultStorage, Rig};

pub(crate) struct Device {
    pub(crate) rig: Rig,
    pub(crate) storage: FaultStorage,
    folder: tempfile::TempDir,
    transport: Tapped,
}

/// The default transport, counted, and cut off when the device is offline.
#[derive(Clone, Default)]
struct Tapped {
    real: ReqwestTransport,
    sent: Arc<AtomicU64>,
    offline: Arc<AtomicU64>,
}

impl HttpTransport for Tapped {
    fn send(&self, request: HttpRequest) -> BoxFuture<'static, Result<HttpResponse, TransportError>> {
        if self.offline.load(Ordering::Relaxed) > 0 {
            return Box::pin(async { Err(TransportError::NotSent) });
        }
        self.sent.fetch_add(1, Ordering::Relaxed);
        self.real.send(request)
    }
}

/// A platform key of the test's own.
struct Xor;

impl KeyWrapper for Xor {
    fn wrap(&self, data_key: &[u8; 32]) -> Result<Vec<u8>, KeyFailure> {
        Ok(data_key.iter().map(|byte| byte ^ 0x5a).collect())
    }

    fn unwrap(&self, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyFailure> {
        Ok(Zeroizing::new(wrapped.iter().map(|byte| byte ^ 0x5a).collect()))
    }
}

impl Device {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            rig: Rig::new().await,
            storage: FaultStorage::new(storage::file(folder.path().join("data"))),
            folder,
            transport: Tapped::default(),
        }
    }

    /// What a process builds its sessions from: a registry of its own, the device's store and locks.
    pub(crate) fn template(&self) -> AuthSessionBuilder {
        AuthSession::builder(self.rig.profile())
            .storage(self.storage.clone())
            .key_wrapper(Arc::new(Xor))
            .state_dir(self.folder.path().join("state"))
            .transport(self.transport.clone())
            .clock(self.rig.clock.clone())
    }

    /// The accounts as a process that starts now has them.
    pub(crate) fn accounts(&self) -> Accounts {
        Accounts::new(self.template()).unwrap()
    }

    /// Accounts of a store that seals nothing.
    pub(crate) fn in_memory(&self) -> Accounts {
        Accounts::new(self.rig.process()).unwrap()
    }

    pub(crate) fn list_in_memory(&self) -> String {
        let ReadOutcome::Found(bytes) = self.rig.storage.read("accounts") else {
            panic!("there is no list")
        };
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    pub(crate) fn requests(&self) -> u64 {
        self.transport.sent.load(Ordering::Relaxed)
    }

    pub(crate) fn go_offline(&self) {
        self.transport.offline.store(1, Ordering::Relaxed);
    }

    pub(crate) fn go_online(&self) {
        self.transport.offline.store(0, Ordering::Relaxed);
    }

    /// Name and text of each file that the device keeps.
    pub(crate) fn files(&self) -> Vec<(String, String)> {
        let folders = ["data", "state"].map(|name| self.folder.path().join(name));
        let listings = folders.iter().filter_map(|folder| fs::read_dir(folder).ok());
        let paths = listings.flatten().map(|entry| entry.unwrap().path());
        let read = |path: std::path::PathBuf| {
            let text = fs::read(&path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            Some((name, text.ok()?))
        };
        let mut files: Vec<_> = paths.filter_map(read).collect();
        files.sort();
        files
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.files().into_iter().map(|(name, _)| name).collect()
    }

    pub(crate) fn file(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join("data").join(name)
    }
}

pub(crate) fn ids(list: &AccountList) -> Vec<&str> {
    list.accounts.iter().map(|account| account.id.as_str()).collect()
}
