use tokencast::error::{EndReason, LockedCause, SessionError};
use tokencast::state::{SessionEvent, SessionState};
use tokencast_testkit::{Op, Recorder, Step, ada, eventually};

use crate::device::Device;

fn degraded(events: &[SessionEvent]) -> bool {
    events
        .iter()
        .any(|event| matches!(event, SessionEvent::StorageDegraded { .. }))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_is_refused_is_served_from_memory_and_tried_again() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    device.expire();
    let recorder = Recorder::on(&session);
    let refused = Step::Fail(LockedCause::Unavailable);
    device
        .store
        .script(Op::Write, "session/", [Step::Ok, refused.clone(), refused]);
    let token = session.access_token().await.unwrap();
    assert!(device.rig.accepts(token.secret()).await);
    recorder.until(degraded).await;
    eventually("three writes of the new token", || {
        device.store.count(Op::Write, "session/") >= 5
    })
    .await;
    drop(session);
    let next = device.start();
    eventually("the new generation is stored", || {
        next.generation() == token.generation()
    })
    .await;
    device.expire();
    assert!(next.access_token().await.is_ok());
}

#[tokio::test]
async fn a_commit_reported_failed_that_landed_is_read_back() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    device.expire();
    let recorder = Recorder::on(&session);
    device
        .store
        .script(Op::Write, "session/", [Step::WriteThenFail, Step::WriteThenFail]);
    let token = session.access_token().await.unwrap();
    assert_eq!(
        device.store.count(Op::Write, "session/"),
        3,
        "nothing is written twice"
    );
    assert!(!degraded(&recorder.events()));
    let next = device.start();
    assert!(next.restored().await.is_active());
    assert_eq!(next.generation(), token.generation());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_acknowledged_that_did_not_land_is_noticed() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    device.expire();
    let recorder = Recorder::on(&session);
    device
        .store
        .script(Op::Write, "session/", [Step::Ok, Step::DropWrite]);
    let token = session.access_token().await.unwrap();
    recorder.until(degraded).await;
    eventually("the save is repeated", || {
        device.store.count(Op::Write, "session/") >= 4
    })
    .await;
    let next = device.start();
    next.restored().await;
    assert_eq!(next.generation(), token.generation());
}

#[tokio::test]
async fn an_intent_that_cannot_be_written_spends_no_token() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    device.expire();
    for step in [Step::Fail(LockedCause::DeviceLocked), Step::DropWrite] {
        device.store.always(Op::Write, "session/", step);
        session.access_token().await.unwrap_err();
        device.clock.advance(std::time::Duration::from_secs(3600));
    }
    assert_eq!(device.rig.server.stats().refresh_requests, 0);
    assert!(session.state().is_active());
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_never_replaced_by_the_spent_token_in_memory() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    device.expire();
    for step in [Step::Fail(LockedCause::Unavailable), Step::Corrupt] {
        device.store.always(Op::Read, "session/", step);
        session.access_token().await.unwrap_err();
        device.clock.advance(std::time::Duration::from_secs(3600));
    }
    assert_eq!(device.rig.server.stats().refresh_requests, 0);
    assert_eq!(device.store.count(Op::Write, "session/"), 1);
}

#[tokio::test]
async fn a_keyring_that_locks_under_a_session_leaves_its_token_in_use() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    let locked = Step::Fail(LockedCause::DeviceLocked);
    device.store.always(Op::Read, "", locked.clone());
    device.store.always(Op::Write, "", locked);
    let token = session.access_token().await.unwrap();
    assert!(device.rig.accepts(token.secret()).await);
    device.expire();
    session.access_token().await.unwrap_err();
    assert!(session.state().is_active(), "the session is kept");
    assert_eq!(
        device.start().restored().await,
        SessionState::Locked {
            cause: LockedCause::DeviceLocked
        }
    );
}

#[tokio::test]
async fn a_system_without_a_keyring_leaves_the_choice_to_the_host() {
    let device = Device::new().await;
    let none = Step::Fail(LockedCause::NoService);
    device.store.always(Op::Read, "", none.clone());
    device.store.always(Op::Write, "", none);
    let session = device.start();
    assert_eq!(
        session.restored().await,
        SessionState::Locked {
            cause: LockedCause::NoService
        }
    );
    assert!(matches!(
        session.sign_in(ada()).await,
        Err(SessionError::StorageFailed { .. })
    ));
    eventually("the unsaved sign-in's token is revoked", || {
        device.rig.server.stats().revocations == 1
    })
    .await;
    assert!(!device.files().exists(), "never a silent plain file");
}

#[tokio::test]
async fn a_damaged_record_ends_in_a_sign_in_and_is_kept_in_quarantine() {
    let device = Device::new().await;
    drop(device.signed_in().await);
    device.store.always(Op::Read, "session/", Step::Corrupt);
    let session = device.start();
    assert_eq!(
        session.restored().await,
        SessionState::SignInRequired {
            reason: EndReason::StoreLost,
            account: None,
            history: Default::default(),
        }
    );
    device.store.mend();
    session.sign_in(ada()).await.unwrap();
    assert!(device.start().restored().await.is_active());
}
