use std::time::Duration;

use tokencast::error::{LockedCause, SessionError, StorageFailure, TryAgainCause};
use tokencast::state::{Notice, SessionEvent, SessionState};
use tokencast_testkit::{Op, Recorder, Step, ada, eventually};

use crate::device::Device;

/// Past every deadline of the storage.
const LONG: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_start_whose_read_hangs_is_locked_and_looks_again_when_asked() {
    let device = Device::new().await;
    drop(device.signed_in().await);
    device.store.script(Op::Read, "session/", [Step::Hang]);
    let session = device.start();
    eventually("the read hangs", || device.store.hanging() == 1).await;
    assert_eq!(session.state(), SessionState::Restoring);
    device.clock.advance(LONG);
    assert_eq!(
        session.restored().await,
        SessionState::Locked {
            cause: LockedCause::TimedOut
        }
    );
    // The hung call is left to itself: the next one is another.
    session.notify(Notice::Foreground);
    eventually("the session is back", || session.state().is_active()).await;
    assert_eq!(device.store.hanging(), 1);
    device.store.release();
}

/// 1 a refresh is answered, its save hangs past the deadline: the callers have the new token, the storage is
/// reported as degraded; 2 another process asks: the record lock is still held by the hung call, so its intent
/// cannot be written and nothing is sent; 3 the call returns: the save is confirmed and the other process has the
/// newer generation.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hung_write_keeps_the_record_until_its_call_returns() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    let other = device.start();
    assert!(other.restored().await.is_active());
    device.expire();
    let recorder = Recorder::on(&session);
    // The intent is written, the save hangs.
    device.store.script(Op::Write, "session/", [Step::Ok, Step::Hang]);
    let caller = tokio::spawn({
        let session = session.clone();
        async move { session.access_token().await }
    });
    eventually("the save hangs", || device.store.hanging() == 1).await;
    device.clock.advance(LONG);
    let token = caller.await.unwrap().unwrap();
    recorder
        .until(|events| {
            events
                .iter()
                .any(|event| matches!(event, SessionEvent::StorageDegraded { .. }))
        })
        .await;

    let signing_out = tokio::spawn({
        let other = other.clone();
        async move { other.sign_out().await }
    });
    // Its deadline for the record lock passes while the write hangs: nothing was written past it.
    eventually("the sign-out gives up", || {
        device.clock.advance(Duration::from_secs(1));
        signing_out.is_finished()
    })
    .await;
    assert_eq!(
        signing_out.await.unwrap(),
        Err(SessionError::StorageFailed {
            cause: StorageFailure::Held
        })
    );

    device.store.release();
    other.sign_out().await.expect("the record is free again");
    let next = device.start();
    assert_eq!(next.restored().await, SessionState::SignedOut);
    assert!(next.generation().epoch > token.generation().epoch);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hung_read_before_a_write_gives_the_record_back() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    device.store.script(Op::Read, "session/", [Step::Hang]);
    let signing_out = tokio::spawn({
        let session = session.clone();
        async move { session.sign_out().await }
    });
    eventually("the read hangs", || device.store.hanging() == 1).await;
    device.clock.advance(LONG);
    assert_eq!(
        signing_out.await.unwrap(),
        Err(SessionError::StorageFailed {
            cause: StorageFailure::Unavailable(LockedCause::TimedOut)
        })
    );
    let writes = device.store.count(Op::Write, "session/");
    // The lock is free though the call still hangs.
    session.sign_out().await.unwrap();
    eventually("both writes of a sign-out and its revocation", || {
        device.rig.server.stats().revocations == 1 && device.store.count(Op::Write, "session/") == writes + 2
    })
    .await;
    session.sign_in(ada()).await.unwrap();
    let writes = device.store.count(Op::Write, "session/");
    // The abandoned call returns and finds that its turn is over.
    device.store.release();
    eventually("nothing hangs", || device.store.hanging() == 0).await;
    assert!(device.start().restored().await.is_active());
    assert_eq!(device.store.count(Op::Write, "session/"), writes);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn others_are_told_to_try_again_while_a_flight_hangs() {
    let device = Device::new().await;
    let session = device.signed_in().await;
    let other = device.start();
    assert!(other.restored().await.is_active());
    device.expire();
    device.store.script(Op::Write, "session/", [Step::Hang]);
    let first = tokio::spawn({
        let session = session.clone();
        async move { session.access_token().await }
    });
    eventually("the intent hangs", || device.store.hanging() == 1).await;
    let second = tokio::spawn({
        let other = other.clone();
        async move { other.access_token().await }
    });
    eventually("both give up", || {
        device.clock.advance(Duration::from_secs(1));
        first.is_finished() && second.is_finished()
    })
    .await;
    assert!(matches!(
        first.await.unwrap(),
        Err(SessionError::StorageFailed { .. })
    ));
    let refused = second.await.unwrap().unwrap_err();
    let waiting = matches!(
        refused,
        SessionError::TryAgain {
            cause: TryAgainCause::Busy,
            ..
        } | SessionError::StorageFailed {
            cause: StorageFailure::Held
        }
    );
    assert!(waiting, "{refused:?}");
    assert_eq!(
        device.rig.server.stats().refresh_requests,
        0,
        "no intent, no request"
    );
    device.store.release();
}
