//! A real keyring that locks, dies or loses its bus.

use std::time::Duration;

use tokencast::error::LockedCause;
use tokencast::session::AuthSession;
use tokencast::state::{Notice, SessionState};
use tokencast::storage;
use tokencast_testkit::{Rig, ada, eventually};

use crate::private::{PrivateService, alone};

fn launch(rig: &Rig, service: &PrivateService) -> AuthSession {
    rig.process()
        .storage(storage::keyring("dev.tokencast.failing"))
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
