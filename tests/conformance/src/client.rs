//! The client under test: one process of an app, that can die and start again on what it stored.

use std::sync::Arc;
use std::time::Duration;

use tokencast::lock::MemoryLocks;
use tokencast::spawn::TokioSpawner;
use tokencast::storage::{self, KeyFailure, KeyWrapper, SecureStorage};
use tokencast::token::TokenSet;
use tokencast::{AccessToken, AuthSession, Generation, ServerProfile, SessionError};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

use crate::clock::QuickClock;
use crate::listening::Listening;
use crate::{SoakError, Storage};

/// One session on one device.
pub(crate) struct Device {
    profile: ServerProfile,
    storage: Arc<dyn SecureStorage>,
    sealed: bool,
    locks: Arc<MemoryLocks>,
    clock: QuickClock,
    transport: Listening,
    process: Option<Process>,
    _folder: Option<tempfile::TempDir>,
}

struct Process {
    session: AuthSession,
    runtime: Option<Runtime>,
}

impl Device {
    pub(crate) fn new(
        profile: &ServerProfile,
        kind: Storage,
        clock: QuickClock,
        transport: Listening,
    ) -> Result<Self, SoakError> {
        let folder = match kind {
            Storage::Memory => None,
            Storage::File => Some(tempfile::tempdir().map_err(|error| SoakError::Client(error.to_string()))?),
        };
        let storage: Arc<dyn SecureStorage> = match &folder {
            None => Arc::new(storage::memory()),
            Some(folder) => Arc::new(storage::file(folder.path())),
        };
        let mut device = Self {
            profile: profile.clone(),
            storage,
            sealed: folder.is_some(),
            locks: Arc::default(),
            clock,
            transport,
            process: None,
            _folder: folder,
        };
        device.start()?;
        Ok(device)
    }

    pub(crate) fn session(&self) -> &AuthSession {
        &self
            .process
            .as_ref()
            .expect("a device has a process from `new` on")
            .session
    }

    pub(crate) async fn adopt(&self, tokens: TokenSet) -> Result<(), SoakError> {
        let adopted = self.session().adopt(tokens).await;
        adopted.map_err(|error| SoakError::Client(error.to_string()))
    }

    /// Dies at once, finishing nothing, and starts again.
    pub(crate) fn kill_and_start(&mut self) -> Result<(), SoakError> {
        self.process = None;
        self.start()
    }

    /// So many callers ask for a token at one time.
    pub(crate) fn callers(&self, count: usize) -> JoinSet<Result<AccessToken, SessionError>> {
        let mut callers = JoinSet::new();
        for _ in 0..count {
            let session = self.session().clone();
            callers.spawn(async move { session.access_token().await });
        }
        callers
    }

    /// So many callers, every second of whom was told by a resource that the token of `refused` is not accepted.
    pub(crate) fn callers_and_rejecters(
        &self,
        count: usize,
        refused: Generation,
    ) -> JoinSet<Result<AccessToken, SessionError>> {
        let mut callers = JoinSet::new();
        for number in 0..count {
            let session = self.session().clone();
            callers.spawn(async move {
                if number % 2 == 0 {
                    session.rejected(refused).await
                } else {
                    session.access_token().await
                }
            });
        }
        callers
    }

    fn start(&mut self) -> Result<(), SoakError> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(|error| SoakError::Client(error.to_string()))?;
        let spawner = Arc::new(TokioSpawner::new(runtime.handle().clone()));
        let builder = AuthSession::builder(self.profile.clone())
            .shared_storage(self.storage.clone())
            .locks(self.locks.clone())
            .clock(Arc::new(self.clock.clone()))
            .transport(self.transport.clone())
            .spawner(spawner);
        let builder = if self.sealed {
            builder.key_wrapper(Arc::new(Bare))
        } else {
            builder
        };
        let session = builder
            .build()
            .map_err(|error| SoakError::Client(error.to_string()))?;
        self.process = Some(Process {
            session,
            runtime: Some(runtime),
        });
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// The seal is under test, not the platform's key.
struct Bare;

impl KeyWrapper for Bare {
    fn wrap(&self, key: &[u8; 32]) -> Result<Vec<u8>, KeyFailure> {
        Ok(key.to_vec())
    }

    fn unwrap(&self, wrapped: &[u8]) -> Result<zeroize::Zeroizing<Vec<u8>>, KeyFailure> {
        Ok(zeroize::Zeroizing::new(wrapped.to_vec()))
    }
}

/// What a caller is told to wait, at least a little.
pub(crate) fn wait_after(error: &SessionError) -> Duration {
    match error {
        SessionError::TryAgain { after, .. } => *after + Duration::from_secs(1),
        _ => Duration::from_secs(5),
    }
}
