//! What tests of the core share: a server, a session on it, a clock to hold.

#![allow(clippy::missing_panics_doc, clippy::unwrap_used)] // a test's tools fail by panicking

mod fault_storage;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokencast::lock::MemoryLocks;
use tokencast::profile::ServerProfile;
use tokencast::publish::Subscription;
use tokencast::session::{AuthSession, AuthSessionBuilder};
use tokencast::state::SessionEvent;
use tokencast::storage::{self, MemoryStorage};
use tokencast::time::{BootTime, Clock, SystemClock, WallTime};
use tokencast::token::Credentials;
use tokencast_backend::{Backend, Config, RunningBackend};

pub use fault_storage::{FaultStorage, Op, Step};

pub const ACCESS_TTL: Duration = Duration::from_secs(300);

/// The system's clocks, moved forward by hand. Sleeping stays real.
#[derive(Debug, Default)]
pub struct MovedClock {
    moved_ms: AtomicU64,
}

impl MovedClock {
    pub fn advance(&self, by: Duration) {
        self.moved_ms.fetch_add(by.as_millis() as u64, Ordering::SeqCst);
    }

    fn moved(&self) -> Duration {
        Duration::from_millis(self.moved_ms.load(Ordering::SeqCst))
    }
}

impl Clock for MovedClock {
    fn boot(&self) -> BootTime {
        SystemClock.boot() + self.moved()
    }

    fn wall(&self) -> WallTime {
        SystemClock.wall() + self.moved()
    }

    fn sleep(&self, duration: Duration) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
        SystemClock.sleep(duration)
    }
}

/// A server and what one device has: a store, locks, a clock.
#[derive(Debug)]
pub struct Rig {
    pub server: RunningBackend,
    pub storage: MemoryStorage,
    pub locks: Arc<MemoryLocks>,
    pub clock: Arc<MovedClock>,
}

impl Rig {
    pub async fn new() -> Self {
        Self::with(Config {
            access_ttl: ACCESS_TTL,
            ..Config::for_tests()
        })
        .await
    }

    pub async fn with(config: Config) -> Self {
        let server = Backend::start(config).await.expect("the backend starts");
        Self {
            server,
            storage: storage::memory(),
            locks: Arc::default(),
            clock: Arc::default(),
        }
    }

    pub fn profile(&self) -> ServerProfile {
        ServerProfile::rotation(self.server.url()).expect("a loopback address")
    }

    /// A builder for one process of this device: same store and locks, memory of its own.
    pub fn process(&self) -> AuthSessionBuilder {
        self.process_with(self.profile())
    }

    pub fn process_with(&self, profile: ServerProfile) -> AuthSessionBuilder {
        AuthSession::builder(profile)
            .storage(self.storage.clone())
            .locks(self.locks.clone())
            .clock(self.clock.clone())
    }

    /// A session that is signed in.
    pub async fn signed_in(&self) -> AuthSession {
        let session = self.process().build().expect("all parts are given");
        session.sign_in(ada()).await.expect("the demo user signs in");
        session
    }

    /// Moves the client's and the server's clock past the access token's end.
    pub fn expire(&self) {
        let past = ACCESS_TTL + Duration::from_secs(1);
        self.clock.advance(past);
        self.server.advance_clock(past);
    }

    /// Whether the server accepts the token.
    pub async fn accepts(&self, token: &str) -> bool {
        let call = http()
            .get(format!("{}/api/me", self.server.url()))
            .bearer_auth(token);
        call.send()
            .await
            .expect("the server answers")
            .status()
            .is_success()
    }
}

/// A plain client, as an app would have one of its own.
pub fn http() -> reqwest::Client {
    // The second of two tests finds it installed.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}

pub fn ada() -> Credentials {
    Credentials::password("ada", "lovelace")
}

/// Collects the events of a session.
#[derive(Debug)]
pub struct Recorder {
    seen: Arc<Mutex<Vec<SessionEvent>>>,
    _keep: Subscription,
}

impl Recorder {
    pub fn on(session: &AuthSession) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let sink = seen.clone();
        let keep = session.subscribe(move |event| sink.lock().unwrap().push(event.clone()));
        Self { seen, _keep: keep }
    }

    pub fn events(&self) -> Vec<SessionEvent> {
        self.seen.lock().unwrap().clone()
    }

    /// Waits until `fits` is true of what was seen; the test fails after a minute.
    pub async fn until(&self, fits: impl Fn(&[SessionEvent]) -> bool) {
        eventually("the expected events", || fits(&self.seen.lock().unwrap())).await;
    }
}

/// Waits for a condition; a minute without it is a failure, not a slow machine.
pub async fn eventually(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..6000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never came: {what}");
}
