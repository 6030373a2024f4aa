use std::time::Duration;

use tokencast::state::SessionEvent;
use tokencast_testkit::{Recorder, Rig, ada, eventually};

/// 1 the token has expired and the server holds its answer; 2 the only caller asks and goes away; 3 the server
/// lets go; 4 the new token arrives all the same, saved.
#[tokio::test]
async fn a_caller_that_goes_away_only_stops_waiting() {
    let rig = Rig::new().await;
    let session = rig.signed_in().await;
    rig.expire();
    rig.server.hold_refreshes();
    let caller = tokio::spawn({
        let session = session.clone();
        async move { session.access_token().await }
    });
    rig.server.wait_until_held(1).await;
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    let recorder = Recorder::on(&session);
    rig.server.release();
    recorder
        .until(|events| {
            events.iter().any(
                |event| matches!(event, SessionEvent::AccessTokenChanged(t) if t.generation().number == 2),
            )
        })
        .await;
    assert!(session.current_token().unwrap().life() > Duration::ZERO);
    assert_eq!(rig.server.stats().exchanges, 1);
}

/// 1 a hundred callers wait for one exchange; 2 all but one go away, the one that began it among them; 3 the answer
/// comes: the last one has it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_callers_that_stay_are_answered() {
    let rig = Rig::new().await;
    let session = rig.signed_in().await;
    rig.expire();
    rig.server.hold_refreshes();
    let asks = || {
        let session = session.clone();
        tokio::spawn(async move { session.access_token().await })
    };
    let first = asks();
    rig.server.wait_until_held(1).await;
    let mut callers: Vec<_> = (0..99).map(|_| asks()).collect();
    let last = callers.pop().unwrap();
    for caller in std::iter::once(first).chain(callers) {
        caller.abort();
        assert!(caller.await.is_err());
    }
    rig.server.release();
    assert_eq!(last.await.unwrap().unwrap().generation().number, 2);
    assert_eq!(rig.server.stats().refresh_requests, 1);
}

/// A sign-in whose caller leaves is finished and saved too: its tokens exist at the server.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_in_outlives_its_caller() {
    let rig = Rig::new().await;
    let session = rig.process().build().unwrap();
    session.restored().await;
    let slow = tokencast_backend::FaultKind::DelayAnswer { ms: 200 };
    rig.server
        .arm(tokencast_backend::Fault::once(
            tokencast_backend::Route::Login,
            slow,
        ))
        .unwrap();
    let caller = tokio::spawn({
        let session = session.clone();
        async move { session.sign_in(ada()).await }
    });
    eventually("the sign-in at the server", || rig.server.stats().faults == 1).await;
    caller.abort();
    eventually("the session", || session.state().is_active()).await;
    assert!(rig.process().build().unwrap().restored().await.is_active());
}
