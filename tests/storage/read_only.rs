use std::time::Duration;

use tokencast::error::{EndReason, SessionError, TryAgainCause};
use tokencast::session::AuthSession;
use tokencast::state::SessionState;
use tokencast_testkit::{Op, Step, ada, eventually};

use crate::device::Device;

async fn owner(device: &Device) -> AuthSession {
    let session = device.launch().persist_access_token().build().unwrap();
    session.sign_in(ada()).await.unwrap();
    session
}

fn reader(device: &Device) -> AuthSession {
    device.launch().read_only().build().unwrap()
}

#[tokio::test]
async fn a_reader_serves_the_owners_token_and_changes_nothing() {
    let device = Device::new().await;
    let owner = owner(&device).await;
    // Written when the sign-in is over and done.
    eventually("the owner's history", || device.notes(".history") == 1).await;
    let (changes, notes) = (device.store.changes(), device.notes(""));
    let reader = reader(&device);
    let token = reader.access_token().await.unwrap();
    assert_eq!(
        token.generation(),
        owner.access_token().await.unwrap().generation()
    );
    assert!(device.rig.accepts(token.secret()).await);
    for refused in [
        reader.sign_in(ada()).await.unwrap_err(),
        reader.sign_out().await.unwrap_err(),
    ] {
        assert!(
            matches!(refused, SessionError::Misconfigured { .. }),
            "{refused:?}"
        );
    }
    assert!(reader.state().is_active());
    assert_eq!((device.store.changes(), device.notes("")), (changes, notes));
    assert_eq!(device.rig.server.stats().logins, 1);
}

/// 1 the token expires; 2 the reader asks, and waits; 3 the owner refreshes; 4 the reader has the new generation.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_waits_for_the_owners_generation() {
    let device = Device::new().await;
    let owner = owner(&device).await;
    let reader = reader(&device);
    reader.restored().await;
    device.expire();
    let reads = device.store.count(Op::Read, "session/");
    let waiting = tokio::spawn({
        let reader = reader.clone();
        async move { reader.access_token().await }
    });
    eventually("the reader has looked twice", || {
        device.store.count(Op::Read, "session/") >= reads + 2
    })
    .await;
    assert_eq!(device.rig.server.stats().refresh_requests, 0);
    let renewed = owner.access_token().await.unwrap();
    let token = waiting.await.unwrap().unwrap();
    assert_eq!(
        (token.generation(), token.secret()),
        (renewed.generation(), renewed.secret())
    );
    assert_eq!(device.rig.server.stats().refresh_requests, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_whose_owner_does_nothing_is_told_to_try_again() {
    let device = Device::new().await;
    let _owner = owner(&device).await;
    let reader = reader(&device);
    reader.restored().await;
    device.expire();
    let waiting = tokio::spawn({
        let reader = reader.clone();
        async move { reader.access_token().await }
    });
    eventually("the deadline", || {
        device.clock.advance(Duration::from_secs(1));
        waiting.is_finished()
    })
    .await;
    let refused = waiting.await.unwrap().unwrap_err();
    assert!(
        matches!(
            refused,
            SessionError::TryAgain {
                cause: TryAgainCause::Busy,
                ..
            }
        ),
        "{refused:?}"
    );
    assert!(reader.state().is_active(), "the session goes on");
    assert_eq!(device.rig.server.stats().refresh_requests, 0);
}

#[tokio::test]
async fn a_tombstone_tells_the_reader_that_the_session_ended() {
    let device = Device::new().await;
    let owner = owner(&device).await;
    let reader = reader(&device);
    reader.restored().await;
    owner.sign_out().await.unwrap();
    device.expire();
    assert_eq!(
        reader.access_token().await.unwrap_err(),
        SessionError::SignInRequired {
            reason: EndReason::SignedOut
        }
    );
    assert_eq!(reader.state(), SessionState::SignedOut);
    owner.sign_in(ada()).await.unwrap();
    // The call is answered from what is known, and the record is looked at for the next.
    reader.access_token().await.ok();
    eventually("the reader follows", || reader.state().is_active()).await;
}

#[tokio::test]
async fn a_reader_that_finds_nothing_proves_it_by_reading_alone() {
    let device = Device::new().await;
    let reader_first = reader(&device);
    assert!(matches!(
        reader_first.restored().await,
        SessionState::Locked { .. }
    ));
    assert_eq!((device.store.changes(), device.notes("")), (0, 0));
    let owner = device.start();
    assert_eq!(owner.restored().await, SessionState::SignedOut);
    let (changes, notes) = (device.store.changes(), device.notes(""));
    assert_eq!(reader(&device).restored().await, SessionState::SignedOut);
    assert_eq!((device.store.changes(), device.notes("")), (changes, notes));
}

#[tokio::test]
async fn a_reader_leaves_damaged_bytes_where_they_are() {
    let device = Device::new().await;
    drop(owner(&device).await);
    let changes = device.store.changes();
    device.store.always(Op::Read, "session/", Step::Corrupt);
    assert_eq!(
        reader(&device).restored().await,
        SessionState::SignInRequired {
            reason: EndReason::StoreLost,
            account: None,
            history: Default::default(),
        }
    );
    assert_eq!(device.store.changes(), changes);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_that_keeps_no_access_token_is_a_matter_for_the_developer() {
    let device = Device::new().await;
    let owner = device.signed_in().await;
    let reader = reader(&device);
    reader.restored().await;
    device.expire();
    owner.access_token().await.unwrap();
    let waiting = tokio::spawn({
        let reader = reader.clone();
        async move { reader.access_token().await }
    });
    eventually("the deadline", || {
        device.clock.advance(Duration::from_secs(1));
        waiting.is_finished()
    })
    .await;
    let refused = waiting.await.unwrap().unwrap_err();
    assert!(
        matches!(&refused, SessionError::Misconfigured { fix, .. } if fix.contains("persist_access_token")),
        "{refused:?}"
    );
}
