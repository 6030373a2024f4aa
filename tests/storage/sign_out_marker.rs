use tokencast::error::{EndReason, LockedCause, SessionError};
use tokencast::state::{Notice, SessionState};
use tokencast_testkit::{Op, Step, ada, eventually};

use crate::device::Device;

/// 1 the store takes no writes; 2 the user signs out: memory is signed out, the call says that the store is not;
/// 3 the app starts again, the store still takes no writes: the session that stands there is not restored; 4 the
/// store takes writes again: the next start leaves a tombstone and revokes.
#[tokio::test]
async fn a_sign_out_that_the_store_did_not_take_blocks_the_next_start() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    device
        .store
        .always(Op::Write, "", Step::Fail(LockedCause::DeviceLocked));
    assert!(matches!(
        session.sign_out().await,
        Err(SessionError::StorageFailed { .. })
    ));
    assert_eq!(session.state(), SessionState::SignedOut);
    drop(session);
    assert_eq!(device.notes("signed-out"), 1);

    let next = device.start();
    assert_eq!(next.restored().await, SessionState::SignedOut);
    let signed_out = SessionError::SignInRequired {
        reason: EndReason::SignedOut,
    };
    assert_eq!(next.access_token().await.unwrap_err(), signed_out);
    assert!(
        next.sign_out().await.is_err(),
        "it is still not saved, and says so"
    );
    drop(next);
    assert_eq!(device.rig.server.stats().revocations, 0);

    device.store.mend();
    let last = device.start();
    assert_eq!(last.restored().await, SessionState::SignedOut);
    eventually("the revocation", || device.rig.server.stats().revocations == 1).await;
    assert_eq!(device.notes("signed-out"), 0);
    assert_eq!(last.generation().epoch, 2);
    last.sign_in(ada()).await.unwrap();
    assert!(device.start().restored().await.is_active());
}

#[tokio::test]
async fn a_sign_out_that_was_not_saved_is_tried_again_on_a_notice() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    device
        .store
        .always(Op::Write, "", Step::Fail(LockedCause::DeviceLocked));
    session.sign_out().await.unwrap_err();
    device.store.mend();
    session.notify(Notice::Unlocked);
    eventually("the revocation", || device.rig.server.stats().revocations == 1).await;
    assert_eq!(
        device.start().generation().epoch,
        0,
        "nothing is known before restoring"
    );
    let next = device.start();
    next.restored().await;
    assert_eq!(next.generation().epoch, 2);
}

/// The session that stands in the store is newer than the sign-out that was noted: it is another one.
#[tokio::test]
async fn a_sign_in_after_a_sign_out_that_was_not_saved_is_restored() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    device
        .store
        .always(Op::Write, "", Step::Fail(LockedCause::DeviceLocked));
    session.sign_out().await.unwrap_err();
    device.store.mend();
    session.sign_in(ada()).await.unwrap();
    assert_eq!(device.notes("signed-out"), 0);
    assert!(device.start().restored().await.is_active());
    session.notify(Notice::Foreground);
    eventually("the old token's revocation", || {
        device.rig.server.stats().revocations == 1
    })
    .await;
    assert!(session.state().is_active());
}

/// The store was not readable when the user signed out: whatever stands there is over.
#[tokio::test]
async fn a_sign_out_of_a_session_that_could_not_be_read_blocks_the_next_start() {
    let device = Device::new().await;
    drop(device.signed_in().await);
    let device_locked = Step::Fail(LockedCause::DeviceLocked);
    device.store.always(Op::Read, "", device_locked.clone());
    device.store.always(Op::Write, "", device_locked);
    let session = device.start();
    assert!(matches!(session.restored().await, SessionState::Locked { .. }));
    session.sign_out().await.unwrap_err();
    drop(session);
    device.store.mend();
    assert_eq!(device.start().restored().await, SessionState::SignedOut);
    eventually("the revocation", || device.rig.server.stats().revocations == 1).await;
}

/// 1 the tombstone's write hangs; 2 its deadline passes: the call says that the store failed, memory is signed out; 3 a
/// start meanwhile restores nothing; 4 the write lands after all: the next start is signed out too, and revokes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_out_that_hangs_past_its_deadline_is_told_and_blocks_the_next_start() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    device.store.next_writes([Step::Hang]);
    let caller = tokio::spawn({
        let session = session.clone();
        async move { session.sign_out().await }
    });
    eventually("the tombstone at the store", || device.store.hanging() == 1).await;
    device
        .clock
        .leap_until("the write's deadline", || caller.is_finished())
        .await;
    let error = caller.await.unwrap().unwrap_err();
    assert!(matches!(error, SessionError::StorageFailed { .. }), "{error:?}");
    assert_eq!(
        (session.state(), session.current_token()),
        (SessionState::SignedOut, None)
    );
    assert_eq!(device.notes("signed-out"), 1);
    assert_eq!(device.start().restored().await, SessionState::SignedOut);
    device.store.release();
    eventually("the late landing", || device.store.hanging() == 0).await;
    assert_eq!(device.start().restored().await, SessionState::SignedOut);
    eventually("the revocation", || device.rig.server.stats().revocations == 1).await;
}
