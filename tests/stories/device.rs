//! Devices with a disk, processes and a user.

use std::sync::Arc;
use std::time::Duration;

use tokencast::error::{EndReason, SessionError, TryAgainCause};
use tokencast::lock::MemoryLocks;
use tokencast::profile::ServerProfile;
use tokencast::session::AuthSession;
use tokencast::state::{Cause, SessionEvent, SessionState};
use tokencast::storage::{self, MemoryStorage, SecureStorage as _};
use tokencast::token::{Credentials, TokenSet};
use tokencast_backend::{Fault, FaultKind, Route};
use tokencast_testkit::{ENTRY, Process, Recorder, asks, snapshot, stored};

use crate::server::{Server, signed_by_nobody};

pub(crate) const ADA: [&str; 2] = ["ada", "lovelace"];
/// A token is over when so much more than its life has passed: its end is rounded up to a second.
pub(crate) const ROUNDED: Duration = Duration::from_secs(2);

/// What outlives a process.
pub(crate) struct Device<'a> {
    server: &'a Server,
    storage: MemoryStorage,
    locks: Arc<MemoryLocks>,
}

impl Server {
    pub(crate) fn device(&self) -> Device<'_> {
        Device {
            server: self,
            storage: storage::memory(),
            locks: Arc::default(),
        }
    }
}

impl Server {
    /// Whoever signs in last is signed in: the first device's app is told.
    pub(crate) async fn keeps_the_second_device_only(&self, access_life: Duration) {
        let (phone, tablet) = (self.device(), self.device());
        let on_phone = phone.signed_in().await;
        let on_tablet = tablet.signed_in().await;
        let (reason, said) = (EndReason::SignedInElsewhere, "401 signed_in_elsewhere");
        phone.ends(on_phone, access_life, reason, said).await;
        let token = on_tablet.session.access_token().await.unwrap();
        assert!(self.accepts(token.secret()).await);
    }
}

impl Device<'_> {
    /// The app starts.
    pub(crate) fn start(&self) -> Process {
        self.start_with(self.server.profile.clone())
    }

    /// The app starts in a version that describes the server in another way.
    pub(crate) fn start_with(&self, profile: ServerProfile) -> Process {
        Process::start(
            AuthSession::builder(profile)
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

    /// The app starts with tokens that it got elsewhere.
    pub(crate) async fn adopting(&self, tokens: TokenSet) -> Process {
        let process = self.start();
        process.session.adopt(tokens).await.unwrap();
        process
    }

    /// Another device, restored from a backup of this one.
    pub(crate) fn backup(&self) -> Self {
        let storage = storage::memory();
        storage.write(ENTRY, &snapshot(&self.storage).unwrap());
        Self {
            server: self.server,
            storage,
            locks: Arc::default(),
        }
    }

    /// The record on the disk.
    pub(crate) fn record(&self) -> serde_json::Value {
        stored(&self.storage).unwrap()
    }

    /// What the disk holds of that name: what a thief of it has.
    pub(crate) fn secret(&self, name: &str) -> String {
        self.record()["credential"][name].as_str().unwrap().to_owned()
    }

    /// Sign in, expire, refresh; the process dies, another one starts and refreshes.
    pub(crate) async fn lives_through_a_restart(&self, access_life: Duration) {
        let past = access_life + ROUNDED;
        let process = self.signed_in().await;
        let first = process.session.access_token().await.unwrap();
        assert!(self.server.accepts(first.secret()).await);
        self.server.pass(past);
        assert!(!self.server.accepts(first.secret()).await);
        let second = process.session.access_token().await.unwrap();
        assert!(second.generation() > first.generation());
        assert!(self.server.accepts(second.secret()).await);
        assert_eq!(told(&process.session), ["SignedIn", "Renewed"]);
        process.kill();

        self.server.pass(past);
        let process = self.start();
        assert!(process.session.restored().await.is_active());
        let third = process.session.access_token().await.unwrap();
        assert!(self.server.accepts(third.secret()).await);
        self.server.pass(past);
        let fourth = process.session.access_token().await.unwrap();
        assert!(self.server.accepts(fourth.secret()).await);
        assert_eq!(told(&process.session), ["Restored", "Renewed", "Renewed"]);
        assert_eq!(self.server.backend.stats().logins, 1, "nobody signed in again");
        assert_eq!(self.server.backend.stats().exchanges, 3);
    }

    /// The token is over, and the session gets a new one that the server accepts.
    pub(crate) async fn renews(&self, process: &Process, access_life: Duration) {
        let before = process.session.generation();
        self.server.pass(access_life + ROUNDED);
        let token = process.session.access_token().await.unwrap();
        assert!(token.generation() > before);
        assert!(self.server.accepts(token.secret()).await);
    }

    /// The process dies after the server did its part of a refresh, and before it heard of it.
    pub(crate) async fn dies_in_its_refresh(&self, process: Process, access_life: Duration) {
        self.server.pass(access_life + ROUNDED);
        self.server.backend.hold_refreshes();
        let caller = asks(&process.session);
        self.server.backend.wait_until_held(1).await;
        process.kill();
        caller.abort();
        self.server.backend.release();
    }

    /// The session ends at its next refresh, for the reason that the server gives as `said`. The app is told why, then
    /// and at its next start, and the server is asked no more.
    pub(crate) async fn ends(&self, process: Process, access_life: Duration, reason: EndReason, said: &str) {
        self.server.pass(access_life + ROUNDED);
        let heard = Recorder::on(&process.session);
        let refused = process.session.access_token().await.unwrap_err();
        let ended = SessionError::SignInRequired {
            reason: reason.clone(),
        };
        assert_eq!(refused, ended);
        assert_tells(&process.session, &reason);
        let last = told(&process.session).pop().unwrap();
        assert_eq!(last, format!("Ended({reason:?}) {said}"));
        let state = SessionEvent::StateChanged(process.session.state());
        heard.until(|events| events.last() == Some(&state)).await;
        process.kill();

        let asked = self.server.backend.stats().refresh_requests;
        let process = self.start();
        process.session.restored().await;
        assert_tells(&process.session, &reason);
        assert_eq!(told(&process.session), [format!("Ended({reason:?})")]);
        assert_eq!(process.session.access_token().await.unwrap_err(), ended);
        assert_eq!(self.server.backend.stats().refresh_requests, asked);
    }

    /// A refresh comes to nothing, for what the history calls `cause`, and nothing is lost: how long to wait.
    pub(crate) async fn waits(&self, process: &Process, cause: &str) -> Duration {
        let (credential, generation) = (self.record()["credential"].clone(), process.session.generation());
        let error = process.session.access_token().await.unwrap_err();
        let SessionError::TryAgain { after, cause: why } = error else {
            panic!("{error:?}");
        };
        assert_eq!(why, TryAgainCause::Server);
        assert!(process.session.state().is_active());
        assert_eq!(told(&process.session).pop().unwrap(), cause);
        assert_eq!(process.session.generation(), generation);
        assert!(self.record()["credential"] == credential, "the record is another");
        after
    }

    /// The owner changes the password elsewhere, and signs in with the new one.
    pub(crate) async fn ends_with_the_password(&self, access_life: Duration, reason: EndReason, said: &str) {
        let process = self.signed_in().await;
        self.server.change_password(ADA, "analytical").await;
        self.ends(process, access_life, reason, said).await;
        let process = self.start();
        sign_in(&process.session, ["ada", "analytical"]).await;
        self.renews(&process, access_life).await;
    }

    /// Answers are lost, whole and in part, and a process dies in its refresh: for as long as nobody starts the app.
    /// Each time the same answer comes again, and the user signs in once.
    pub(crate) async fn loses_no_answer(&self, access_life: Duration, unused_for: Duration) {
        let server = self.server;
        let process = self.signed_in().await;
        for fault in [FaultKind::DropAfterCommit {}, FaultKind::CutBody {}] {
            server.backend.arm(Fault::once(Route::Refresh, fault)).unwrap();
            self.renews(&process, access_life).await;
        }
        let expected = ["SignedIn", "AnswerLost", "Renewed", "AnswerLost", "Renewed"];
        assert_eq!(told(&process.session), expected);
        self.dies_in_its_refresh(process, access_life).await;
        server.pass(unused_for);
        let process = self.start();
        let token = process.session.access_token().await.unwrap();
        assert!(server.accepts(token.secret()).await);
        assert_eq!(told(&process.session), ["Restored", "Interrupted", "Renewed"]);
        let stats = server.backend.stats();
        let counted = (stats.exchanges, stats.replays, stats.logins, stats.reuse_detected);
        assert_eq!(counted, (3, 3, 1, 0));
    }

    /// A refresh token that nobody signed, however much happened to the real session meanwhile.
    pub(crate) async fn ends_forged(&self, access_life: Duration) {
        let login = self.server.login(ADA).await;
        let forged = TokenSet::refresh_token(signed_by_nobody(login.refresh_token()));
        let process = self.adopting(forged.access_token(login.access_token())).await;
        self.server.change_password(ADA, "analytical").await;
        self.ends(process, access_life, EndReason::Revoked, "401 invalid_token")
            .await;
        assert_eq!(self.server.backend.stats().exchanges, 0);
    }
}

pub(crate) async fn sign_in(session: &AuthSession, [name, password]: [&str; 2]) {
    session
        .sign_in(Credentials::password(name, password))
        .await
        .unwrap();
}

/// The history, each transition as `Cause status code`.
pub(crate) fn told(session: &AuthSession) -> Vec<String> {
    let words = |told: &tokencast::state::Transition| {
        let cause = match &told.cause {
            Cause::Interrupted { .. } => "Interrupted".to_owned(),
            cause => format!("{cause:?}"),
        };
        let status = told.status.map(|status| status.to_string());
        let words = [Some(cause), status, told.server_code.clone()];
        words.into_iter().flatten().collect::<Vec<_>>().join(" ")
    };
    session.history().iter().map(words).collect()
}

/// By the state and by the end of the history that goes with it.
fn assert_tells(session: &AuthSession, why: &EndReason) {
    let state = session.state();
    let SessionState::SignInRequired { reason, history, .. } = state else {
        panic!("{state:?}");
    };
    assert_eq!(reason, *why);
    assert_eq!(history.last(), session.history().last());
}
