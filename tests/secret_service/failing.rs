//! A real keyring that locks, dies or loses its bus.

use std::time::Duration;

use tokencast::error::{EndReason, LockedCause, SessionError};
use tokencast::session::AuthSession;
use tokencast::state::{Notice, SessionState};
use tokencast::storage::{self, ReadOutcome, SecureStorage as _, WriteOutcome};
use tokencast_testkit::{ENTRY, Rig, ada, eventually};

use crate::private::{PrivateService, alone};

const APPLICATION: &str = "dev.tokencast.failing";

fn launch(rig: &Rig, service: &PrivateService) -> AuthSession {
    rig.process()
        .storage(storage::keyring(APPLICATION))
        .state_dir(service.folder())
        .build()
        .unwrap()
}

async fn signed_in(rig: &Rig, service: &PrivateService) -> AuthSession {
    let session = launch(rig, service);
    assert_eq!(session.restored().await, SessionState::SignedOut);
    session.sign_in(ada()).await.unwrap();
    session
}

/// Past every pause that a failed refresh brings.
fn wait_out(rig: &Rig) {
    rig.clock.advance(Duration::from_secs(3600));
}

#[test]
fn a_locked_keyring_keeps_the_session_and_gives_it_back() {
    let name = "failing::a_locked_keyring_keeps_the_session_and_gives_it_back";
    alone(name, async |mut service| {
        let rig = Rig::new().await;
        let session = signed_in(&rig, &service).await;
        service.lock();
        let token = session.access_token().await.unwrap();
        assert!(
            rig.accepts(token.secret()).await,
            "a token in memory keeps working"
        );
        rig.expire();
        session.access_token().await.unwrap_err();
        assert!(session.state().is_active());
        let next = launch(&rig, &service);
        let restored = next.restored().await;
        let cause = LockedCause::DeviceLocked;
        assert_eq!(restored, SessionState::Locked { cause });
        assert_eq!(rig.server.stats().refresh_requests, 0);

        // The user comes back: the daemon starts anew, unlocked.
        service.kill_keyring();
        service.start_keyring();
        next.notify(Notice::Unlocked);
        comes_back(&next).await;
        wait_out(&rig);
        rig.expire();
        next.access_token().await.unwrap();
    });
}

#[test]
fn a_keyring_daemon_that_is_killed_spends_no_token_and_is_found_again() {
    let name = "failing::a_keyring_daemon_that_is_killed_spends_no_token_and_is_found_again";
    alone(name, async |mut service| {
        let rig = Rig::new().await;
        let session = signed_in(&rig, &service).await;
        service.kill_keyring();
        rig.expire();
        session.access_token().await.unwrap_err();
        assert_eq!(rig.server.stats().refresh_requests, 0);
        assert!(session.state().is_active());
        let next = launch(&rig, &service);
        let restored = next.restored().await;
        assert!(matches!(restored, SessionState::Locked { .. }), "{restored:?}");

        service.start_keyring();
        for _ in 0..60 {
            wait_out(&rig);
            if session.access_token().await.is_ok() {
                break;
            }
        }
        let token = session.access_token().await.unwrap();
        assert!(rig.accepts(token.secret()).await);
        next.notify(Notice::Unlocked);
        comes_back(&next).await;
    });
}

#[test]
fn a_bus_that_is_gone_keeps_the_session() {
    let name = "failing::a_bus_that_is_gone_keeps_the_session";
    alone(name, async |mut service| {
        let rig = Rig::new().await;
        let session = signed_in(&rig, &service).await;
        service.kill_bus();
        let token = session.access_token().await.unwrap();
        assert!(
            rig.accepts(token.secret()).await,
            "a token in memory keeps working"
        );
        rig.expire();
        session.access_token().await.unwrap_err();
        assert!(session.state().is_active());
        assert_eq!(rig.server.stats().refresh_requests, 0);
        let next = launch(&rig, &service);
        let restored = next.restored().await;
        assert!(matches!(restored, SessionState::Locked { .. }), "{restored:?}");

        // A sign-out that no keyring takes is noted, and blocks what stands there.
        session.sign_out().await.unwrap_err();
        let noted = std::fs::read_dir(service.folder())
            .unwrap()
            .any(|file| file.unwrap().file_name().to_string_lossy().contains("signed-out"));
        assert!(noted);
    });
}

/// No service ever: 1 the bus has no keyring; 2 the state says so, a sign-in fails and its token is revoked, no plain
/// file takes the secret; 3 a keyring is there: all is well.
#[test]
fn a_bus_without_a_keyring_leaves_the_choice_to_the_host() {
    let name = "failing::a_bus_without_a_keyring_leaves_the_choice_to_the_host";
    alone(name, async |mut service| {
        let rig = Rig::new().await;
        service.kill_keyring();
        let session = launch(&rig, &service);
        let cause = LockedCause::NoService;
        assert_eq!(session.restored().await, SessionState::Locked { cause });
        let error = session.sign_in(ada()).await.unwrap_err();
        assert!(matches!(error, SessionError::StorageFailed { .. }), "{error:?}");
        eventually("the unsaved sign-in's revocation", || {
            rig.server.stats().revocations == 1
        })
        .await;
        assert!(!session.state().is_active());

        service.start_keyring();
        let next = launch(&rig, &service);
        next.restored().await;
        next.sign_in(ada()).await.unwrap();
        assert!(launch(&rig, &service).restored().await.is_active());
    });
}

/// 1 an item is taken out of the real keyring under an active session; 2 the session is locked, presents nothing and
/// makes nothing anew; 3 the next start finds a keyring that works and no item: the session was lost, and it says so.
#[test]
fn an_item_that_vanishes_locks_the_session_until_the_next_start_decides() {
    let name = "failing::an_item_that_vanishes_locks_the_session_until_the_next_start_decides";
    alone(name, async |service| {
        let rig = Rig::new().await;
        let session = signed_in(&rig, &service).await;
        rig.expire();
        assert_eq!(behind_its_back(Behind::Delete).await, WriteOutcome::Acknowledged);
        let cause = LockedCause::Vanished;
        assert_eq!(
            session.access_token().await.unwrap_err(),
            SessionError::Locked { cause: cause.clone() }
        );
        assert_eq!(session.state(), SessionState::Locked { cause });
        let absent = tokio::task::spawn_blocking(|| storage::keyring(APPLICATION).read(ENTRY));
        assert_eq!(absent.await.unwrap(), ReadOutcome::Absent, "never made anew");
        assert_eq!(rig.server.stats().refresh_requests, 0);
        let reason = EndReason::StoreLost;
        let lost = SessionState::SignInRequired {
            reason,
            account: None,
            history: Default::default(),
        };
        assert_eq!(launch(&rig, &service).restored().await, lost);
    });
}

/// 1 the newest record is damaged in the real keyring; 2 the active session presents nothing, the older token in its
/// memory least of all; 3 the next start says that the session was lost, and a sign-in begins anew.
#[test]
fn a_damaged_item_is_never_answered_with_an_older_token() {
    let name = "failing::a_damaged_item_is_never_answered_with_an_older_token";
    alone(name, async |service| {
        let rig = Rig::new().await;
        let session = signed_in(&rig, &service).await;
        rig.expire();
        assert_eq!(behind_its_back(Behind::Damage).await, WriteOutcome::Acknowledged);
        session.access_token().await.unwrap_err();
        assert_eq!(rig.server.stats().refresh_requests, 0);
        let next = launch(&rig, &service);
        let reason = EndReason::StoreLost;
        let lost = SessionState::SignInRequired {
            reason,
            account: None,
            history: Default::default(),
        };
        assert_eq!(next.restored().await, lost);
        next.sign_in(ada()).await.unwrap();
        assert!(launch(&rig, &service).restored().await.is_active());
    });
}

enum Behind {
    Delete,
    Damage,
}

/// What another program does to the session's item.
async fn behind_its_back(deed: Behind) -> WriteOutcome {
    let done = tokio::task::spawn_blocking(move || {
        let keyring = storage::keyring(APPLICATION);
        match deed {
            Behind::Delete => keyring.delete(ENTRY),
            Behind::Damage => keyring.write(ENTRY, b"not a record"),
        }
    });
    done.await.unwrap()
}

/// A locked session looks again when it is told to; the daemon may need a moment.
async fn comes_back(session: &AuthSession) {
    for _ in 0..100 {
        if session.state().is_active() {
            return;
        }
        session.notify(Notice::Unlocked);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    eventually("the session is back", || session.state().is_active()).await;
}
