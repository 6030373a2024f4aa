//! What tests of the core share: a server, a session on it, a clock to hold, a store that fails by script, processes
//! that die, and the record as another process writes it.

#![allow(clippy::missing_panics_doc, clippy::unwrap_used)] // a test's tools fail by panicking

mod clock;
mod fault_storage;
mod process;
mod record;
mod trace;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokencast::error::{SessionError, TryAgainCause};
use tokencast::lock::MemoryLocks;
use tokencast::profile::ServerProfile;
use tokencast::publish::Subscription;
use tokencast::session::{AuthSession, AuthSessionBuilder};
use tokencast::state::SessionEvent;
use tokencast::storage::{self, MemoryStorage};
use tokencast::token::{AccessToken, Credentials, TokenSet};
use tokencast_backend::{Backend, Config, RunningBackend};

pub use clock::{LeapClock, MovedClock};
pub use fault_storage::{FaultStorage, Op, REFUSED, Step};
pub use process::Process;
pub use record::{ENTRY, erase, put, renewed_elsewhere, snapshot, stored};

pub const ACCESS_TTL: Duration = Duration::from_secs(300);

/// A server and what one device has: a store, locks, a clock.
#[derive(Debug)]
pub struct Rig {
    pub server: RunningBackend,
    pub storage: MemoryStorage,
    pub locks: Arc<MemoryLocks>,
    pub clock: Arc<MovedClock>,
    /// Whether the server keeps the idempotency contract.
    contract: bool,
}

impl Rig {
    pub async fn new() -> Self {
        Self::with(Config {
            access_ttl: ACCESS_TTL,
            ..Config::for_tests()
        })
        .await
    }

    /// A server that rotates plainly: a spent token presented again ends the session, whatever key comes with it.
    /// What a client does wrong cannot be forgiven there.
    pub async fn plain() -> Self {
        Self::with(Config {
            access_ttl: ACCESS_TTL,
            idempotency: false,
            ..Config::for_tests()
        })
        .await
    }

    pub async fn with(config: Config) -> Self {
        trace::into_the_output();
        let contract = config.idempotency;
        let server = Backend::start(config).await.expect("the backend starts");
        Self {
            server,
            storage: storage::memory(),
            locks: Arc::default(),
            clock: Arc::default(),
            contract,
        }
    }

    pub fn profile(&self) -> ServerProfile {
        self.profile_at(self.server.url())
    }

    /// The same server at another address, such as a proxy's.
    pub fn profile_at(&self, url: &str) -> ServerProfile {
        let profile = ServerProfile::rotation(url).expect("a loopback address");
        if self.contract {
            profile
        } else {
            profile.with_idempotency_key(None)
        }
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

    /// Tokens of a sign-in that the app made on its own.
    pub async fn tokens_of_another_sign_in(&self) -> TokenSet {
        let login = http()
            .post(format!("{}/auth/login", self.server.url()))
            .header("content-type", "application/x-www-form-urlencoded")
            .body("username=ada&password=lovelace");
        let text = login.send().await.unwrap().text().await.unwrap();
        let body: serde_json::Value = serde_json::from_str(&text).unwrap();
        TokenSet::refresh_token(body["refresh_token"].as_str().unwrap())
            .access_token(body["access_token"].as_str().unwrap())
            .expires_in(ACCESS_TTL)
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

/// A caller in a task of its own.
pub fn asks(session: &AuthSession) -> tokio::task::JoinHandle<Result<AccessToken, SessionError>> {
    let session = session.clone();
    tokio::spawn(async move { session.access_token().await })
}

/// Another process or call is at work: nothing is lost.
pub fn is_busy(error: &SessionError) -> bool {
    let busy = TryAgainCause::Busy;
    matches!(error, SessionError::TryAgain { cause, .. } if *cause == busy)
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
