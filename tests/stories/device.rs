//! A server that somebody else may share, and devices with a disk, processes and a user.

use std::sync::Arc;
use std::time::Duration;

use tokencast::error::{EndReason, SessionError};
use tokencast::lock::MemoryLocks;
use tokencast::profile::{ProfileError, ServerProfile};
use tokencast::session::AuthSession;
use tokencast::state::SessionState;
use tokencast::storage::{self, MemoryStorage};
use tokencast::token::{Credentials, TokenSet};
use tokencast_backend::RunningBackend;
use tokencast_testkit::{MovedClock, Process, http, stored};

pub(crate) const ADA: [&str; 2] = ["ada", "lovelace"];

/// A server of one scheme; its clock and the devices' are one.
pub(crate) struct Server {
    pub(crate) backend: RunningBackend,
    profile: ServerProfile,
    clock: Arc<MovedClock>,
}

impl Server {
    pub(crate) fn of(
        backend: RunningBackend,
        profile: impl Fn(&str) -> Result<ServerProfile, ProfileError>,
    ) -> Self {
        Self {
            profile: profile(backend.url()).unwrap(),
            backend,
            clock: Arc::default(),
        }
    }

    pub(crate) fn device(&self) -> Device<'_> {
        Device {
            server: self,
            storage: storage::memory(),
            locks: Arc::default(),
        }
    }

    pub(crate) fn pass(&self, time: Duration) {
        self.clock.advance(time);
        self.backend.advance_clock(time);
    }

    /// Whether the resource accepts the token.
    pub(crate) async fn accepts(&self, token: &str) -> bool {
        let call = http()
            .get(format!("{}/api/me", self.backend.url()))
            .bearer_auth(token);
        call.send().await.unwrap().status().is_success()
    }

    /// On the server's own page, in some browser.
    pub(crate) async fn change_password(&self, [name, old]: [&str; 2], new: &str) {
        let fields = format!("username={name}&password={old}&new_password={new}");
        let status = self.post("/auth/password", fields).await.status();
        assert_eq!(status, 204);
    }

    /// A sign-in of the app's own, or of a thief's: what the server answers.
    pub(crate) async fn login(&self) -> reqwest::Response {
        self.post("/auth/login", "username=ada&password=lovelace".into())
            .await
    }

    /// Its tokens, the refresh token spoilt as `spoil` says.
    pub(crate) async fn tokens(&self, spoil: impl Fn(&str) -> String) -> TokenSet {
        let text = self.login().await.text().await.unwrap();
        let body: serde_json::Value = serde_json::from_str(&text).unwrap();
        let value = |name: &str| body[name].as_str().unwrap();
        TokenSet::refresh_token(spoil(value("refresh_token")))
            .access_token(value("access_token"))
            .expires_in(Duration::from_secs(body["expires_in"].as_u64().unwrap()))
    }

    async fn post(&self, path: &str, form: String) -> reqwest::Response {
        let request = http()
            .post(format!("{}{path}", self.backend.url()))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form);
        request.send().await.unwrap()
    }
}

/// What outlives a process.
pub(crate) struct Device<'a> {
    server: &'a Server,
    storage: MemoryStorage,
    locks: Arc<MemoryLocks>,
}

impl Device<'_> {
    /// The app starts.
    pub(crate) fn start(&self) -> Process {
        Process::start(
            AuthSession::builder(self.server.profile.clone())
                .storage(self.storage.clone())
                .locks(self.locks.clone())
                .clock(self.server.clock.clone()),
        )
    }

    pub(crate) async fn signed_in(&self) -> Process {
        let process = self.start();
        sign_in(&process.session, ADA).await;
        process
    }

    /// The record on the disk.
    pub(crate) fn record(&self) -> serde_json::Value {
        stored(&self.storage).unwrap()
    }

    /// Sign in, expire, refresh; the process dies, another one starts and refreshes.
    pub(crate) async fn lives_through_a_restart(&self, access_life: Duration) {
        let past = access_life + Duration::from_secs(2);
        let process = self.signed_in().await;
        let first = process.session.access_token().await.unwrap();
        assert!(self.server.accepts(first.secret()).await);
        self.server.pass(past);
        assert!(!self.server.accepts(first.secret()).await);
        let second = process.session.access_token().await.unwrap();
        assert!(second.generation() > first.generation());
        assert!(self.server.accepts(second.secret()).await);
        process.kill();

        self.server.pass(past);
        let process = self.start();
        assert!(process.session.restored().await.is_active());
        let third = process.session.access_token().await.unwrap();
        assert!(self.server.accepts(third.secret()).await);
        self.server.pass(past);
        let fourth = process.session.access_token().await.unwrap();
        assert!(self.server.accepts(fourth.secret()).await);
        assert_eq!(self.server.backend.stats().logins, 1, "nobody signed in again");
        assert_eq!(self.server.backend.stats().exchanges, 3);
    }

    /// The session ends at its next refresh. The app is told why, then and at its next start, and the server is asked
    /// no more.
    pub(crate) async fn ends(&self, process: Process, access_life: Duration, reason: EndReason) {
        self.server.pass(access_life + Duration::from_secs(2));
        let told = process.session.access_token().await.unwrap_err();
        assert_eq!(
            told,
            SessionError::SignInRequired {
                reason: reason.clone()
            }
        );
        assert_tells(&process.session.state(), &reason);
        process.kill();

        let asked = self.server.backend.stats().refresh_requests;
        let process = self.start();
        assert_tells(&process.session.restored().await, &reason);
        let told = process.session.access_token().await.unwrap_err();
        assert_eq!(told, SessionError::SignInRequired { reason });
        assert_eq!(self.server.backend.stats().refresh_requests, asked);
    }
}

pub(crate) async fn sign_in(session: &AuthSession, [name, password]: [&str; 2]) {
    session
        .sign_in(Credentials::password(name, password))
        .await
        .unwrap();
}

/// As somebody would who knows what such a token looks like and has not the key.
pub(crate) fn signed_by_nobody(token: &str) -> String {
    let (head, signature) = token.rsplit_once('.').unwrap();
    format!("{head}.{}", signature.chars().rev().collect::<String>())
}

fn assert_tells(state: &SessionState, why: &EndReason) {
    let SessionState::SignInRequired { reason, .. } = state else {
        panic!("{state:?}");
    };
    assert_eq!(reason, why);
}
