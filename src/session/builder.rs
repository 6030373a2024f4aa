use std::path::PathBuf;
use std::sync::Arc;

use super::AuthSession;
use super::background::BackgroundTime;
use super::core::{Core, Parts};
use super::ledger::Role;
use super::request_fields::RequestFields;
use super::shelf::Shelf;
use crate::defence::Defences;
use crate::error::{Failure, SessionError};
use crate::lock::{MemoryLocks, ProcessLock};
use crate::profile::ServerProfile;
use crate::random::{Random, SystemRandom};
use crate::registry::Registry;
use crate::spawn::{Spawner, TokioSpawner};
use crate::storage::{KeyWrapper, Secrecy, SecureStorage};
use crate::time::{Clock, SystemClock};
use crate::transport::HttpTransport;
#[cfg(feature = "reqwest")]
use crate::transport::ReqwestTransport;

const DEFAULT_ENTRY: &str = "default";

/// Collects the parts of an [`AuthSession`]. All but the storage have defaults; none is global.
#[derive(Clone)]
#[must_use]
pub struct AuthSessionBuilder {
    profile: ServerProfile,
    entry: String,
    storage: Option<Arc<dyn SecureStorage>>,
    key_wrapper: Option<Arc<dyn KeyWrapper>>,
    state_dir: Option<PathBuf>,
    locks: Option<Arc<dyn ProcessLock>>,
    transport: Option<Arc<dyn HttpTransport>>,
    #[cfg(feature = "reqwest")]
    reqwest: ReqwestTransport,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    spawner: Option<Arc<dyn Spawner>>,
    background_time: Option<Arc<dyn BackgroundTime>>,
    request_fields: Option<Arc<dyn RequestFields>>,
    registry: Registry,
    persist_access_token: bool,
    role: Role,
    defences: Defences,
}

impl AuthSessionBuilder {
    pub(super) fn new(profile: ServerProfile) -> Self {
        Self {
            profile,
            entry: DEFAULT_ENTRY.into(),
            storage: None,
            key_wrapper: None,
            state_dir: None,
            locks: None,
            transport: None,
            #[cfg(feature = "reqwest")]
            reqwest: ReqwestTransport::default(),
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom::default()),
            spawner: None,
            background_time: None,
            request_fields: None,
            registry: Registry::default(),
            persist_access_token: false,
            role: Role::Owner,
            defences: Defences::default(),
        }
    }

    /// Where the record lives. Required; see [`crate::storage`].
    pub fn storage(mut self, storage: impl SecureStorage) -> Self {
        self.storage = Some(Arc::new(storage));
        self
    }

    /// As [`storage`](Self::storage), for one that is shared already.
    pub fn shared_storage(mut self, storage: Arc<dyn SecureStorage>) -> Self {
        self.storage = Some(storage);
        self
    }

    /// Guards the key that seals the record of a storage that keeps no secrets itself. Default: what the storage brings.
    pub fn key_wrapper(mut self, wrapper: Arc<dyn KeyWrapper>) -> Self {
        self.key_wrapper = Some(wrapper);
        self
    }

    /// The entry's name, for apps with several sessions. Default: `default`.
    pub fn entry(mut self, name: impl Into<String>) -> Self {
        self.entry = name.into();
        self
    }

    /// A private folder that all processes of the app share, for lock files and a marker. It must go when the app
    /// is uninstalled and must not be in a backup: the marker tells this installation from an earlier one. Default
    /// on Linux: `$XDG_STATE_HOME/tokencast`, on Windows: `%LOCALAPPDATA%\tokencast`; on a phone the host names it.
    pub fn state_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.state_dir = Some(folder.into());
        self
    }

    /// Locks of the host's own. Without a `.state_dir(…)` there is no marker then: a reinstallation is not told, nor
    /// is a sign-out blocked that the storage did not take.
    pub fn locks(mut self, locks: Arc<dyn ProcessLock>) -> Self {
        self.locks = Some(locks);
        self
    }

    /// A transport of the host's own for the profile's endpoints.
    pub fn transport(mut self, transport: impl HttpTransport) -> Self {
        self.transport = Some(Arc::new(transport));
        self
    }

    /// The default transport with other settings; `send` uses them too.
    #[cfg(feature = "reqwest")]
    pub fn reqwest(mut self, transport: ReqwestTransport) -> Self {
        self.reqwest = transport;
        self
    }

    /// Another clock, for tests and simulations.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Another source of randomness, for simulations.
    pub fn random(mut self, random: Arc<dyn Random>) -> Self {
        self.random = random;
        self
    }

    /// Where the core's tasks run. Default: the tokio runtime in which `build` is called.
    pub fn spawner(mut self, spawner: Arc<dyn Spawner>) -> Self {
        self.spawner = Some(spawner);
        self
    }

    /// How to ask the platform for time when the app is in the background: a phone stops a process soon after it has
    /// left the screen. Without it an exchange takes the chance.
    pub fn background_time(mut self, background_time: Arc<dyn BackgroundTime>) -> Self {
        self.background_time = Some(background_time);
        self
    }

    /// What the app adds to its sign-in, refresh and revocation requests, such as a device's id. See [`RequestFields`].
    pub fn request_fields(mut self, request_fields: Arc<dyn RequestFields>) -> Self {
        self.request_fields = Some(request_fields);
        self
    }

    /// The open entries of this process: two sessions on one entry with one registry are one session.
    pub fn registry(mut self, registry: Registry) -> Self {
        self.registry = registry;
        self
    }

    /// Keeps the access token in the record too, so that a restart or another process need not refresh.
    pub fn persist_access_token(mut self) -> Self {
        self.persist_access_token = true;
        self
    }

    /// Only reads, as an app extension does: the session never refreshes, it waits for the generation of the process
    /// that owns the entry, which must keep its access token
    /// ([`persist_access_token`](Self::persist_access_token)). It writes nothing and takes no lock; signing in or
    /// out answers `Misconfigured`.
    pub fn read_only(mut self) -> Self {
        self.role = Role::Reader;
        self
    }

    /// Takes one defence out, for the test that shows what is lost without it. Never in an app.
    #[cfg(feature = "danger-switches")]
    pub fn danger_without(mut self, defence: crate::defence::Defence) -> Self {
        self.defences = self.defences.without(defence);
        #[cfg(feature = "reqwest")]
        {
            self.reqwest = self.reqwest.danger_without(defence);
        }
        self
    }

    /// Makes the session. Does no I/O; restoring starts on its own.
    ///
    /// Errors: `Misconfigured` when a part is missing.
    pub fn build(self) -> Result<AuthSession, SessionError> {
        let registry = self.registry.clone();
        Ok(AuthSession::through(Core::open(self.parts()?, registry)?))
    }

    /// What several sessions are built from, and the entry of that name beside theirs. Does no I/O.
    pub(crate) fn with_shelf(mut self, name: &str) -> Result<(Self, Shelf), SessionError> {
        if self.entry != DEFAULT_ENTRY {
            return Err(Failure::misconfigured(
                "the sessions of a list of accounts have entries of their own",
                "leave `.entry(…)` out; for a second list use another storage",
            )
            .into());
        }
        let parts = self.clone().parts()?;
        // All of them on one: a default of its own for each would keep nobody out.
        self.spawner = Some(parts.spawner.clone());
        if parts.notes.is_none() {
            self.locks = Some(parts.locks.clone());
        }
        Ok((self, Shelf::new(parts, name)))
    }

    fn parts(self) -> Result<Parts, SessionError> {
        let storage = self.storage.ok_or_else(|| {
            Failure::misconfigured("the session has no storage", "call `.storage(…)` on the builder")
        })?;
        let spawner: Arc<dyn Spawner> = match self.spawner {
            Some(spawner) => spawner,
            None => Arc::new(TokioSpawner::current().ok_or_else(|| {
                Failure::misconfigured(
                    "there is no tokio runtime here",
                    "call `build` inside one, or give the builder a `.spawner(…)`",
                )
            })?),
        };
        let key_wrapper = self.key_wrapper.or_else(|| storage.key_wrapper());
        if storage.secrecy() == Secrecy::Sealed && key_wrapper.is_none() {
            return Err(Failure::misconfigured(
                "this storage keeps no secrets itself and there is no KeyWrapper",
                "give the builder `.key_wrapper(…)`, or use a storage of the platform",
            )
            .into());
        }
        let volatile = storage.secrecy() == Secrecy::Volatile;
        let folder = match (&self.locks, self.state_dir) {
            (_, Some(folder)) => Some(folder),
            (Some(_), None) => None,
            (None, None) if volatile => None,
            (None, None) => default_state_dir(),
        };
        let locks = match (self.locks, &folder) {
            (Some(locks), _) => locks,
            // Never taken by a reader.
            (None, _) if self.role == Role::Reader => Arc::new(MemoryLocks::default()),
            (None, None) if volatile => Arc::new(MemoryLocks::default()),
            (None, folder) => file_locks(folder.clone())?,
        };
        let transport = match self.transport {
            Some(transport) => transport,
            #[cfg(feature = "reqwest")]
            None => Arc::new(self.reqwest.clone()) as Arc<dyn HttpTransport>,
            #[cfg(not(feature = "reqwest"))]
            None => {
                return Err(Failure::misconfigured(
                    "built without the feature `reqwest`",
                    "give the builder a `.transport(…)`",
                )
                .into());
            }
        };
        Ok(Parts {
            profile: self.profile,
            entry: self.entry,
            storage,
            key_wrapper,
            locks,
            notes: folder.filter(|_| !volatile),
            role: self.role,
            transport,
            #[cfg(feature = "reqwest")]
            resources: self.reqwest,
            clock: self.clock,
            random: self.random,
            spawner,
            background_time: self.background_time,
            request_fields: self.request_fields,
            persist_access_token: self.persist_access_token,
            defences: self.defences,
        })
    }
}

#[cfg(any(unix, windows))]
fn file_locks(folder: Option<PathBuf>) -> Result<Arc<dyn ProcessLock>, SessionError> {
    let folder = folder.ok_or_else(|| {
        Failure::misconfigured(
            "there is no folder for lock files",
            "call `.state_dir(…)` with a private folder that all processes of the app share",
        )
    })?;
    Ok(Arc::new(crate::lock::FileLocks::new(folder)))
}

#[cfg(not(any(unix, windows)))]
fn file_locks(_: Option<PathBuf>) -> Result<Arc<dyn ProcessLock>, SessionError> {
    Err(Failure::misconfigured(
        "this version has no lock files on this system",
        "call `.locks(…)`",
    )
    .into())
}

#[cfg(all(unix, not(any(target_os = "android", target_os = "ios"))))]
fn default_state_dir() -> Option<PathBuf> {
    let given = std::env::var_os("XDG_STATE_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute());
    let state = given.or_else(|| Some(std::env::home_dir()?.join(".local/state")))?;
    Some(state.join("tokencast"))
}

#[cfg(windows)]
fn default_state_dir() -> Option<PathBuf> {
    use crate::storage::local_data;
    Some(local_data::notes_folder(&local_data::of_this_user()?))
}

#[cfg(not(any(windows, all(unix, not(any(target_os = "android", target_os = "ios"))))))]
fn default_state_dir() -> Option<PathBuf> {
    None
}

impl std::fmt::Debug for AuthSessionBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuthSessionBuilder")
            .field("entry", &self.entry)
            .finish_non_exhaustive()
    }
}
