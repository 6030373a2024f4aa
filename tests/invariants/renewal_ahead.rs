//! Time: renewal ahead of expiry, only in the foreground.

use std::time::Duration;

use tokencast::Notice;
use tokencast_backend::{Config, Fault, FaultKind, Route};
use tokencast_testkit::{Rig, eventually};

async fn short_lived() -> Rig {
    Rig::with(Config {
        access_ttl: Duration::from_secs(2),
        ..Config::for_tests()
    })
    .await
}

/// 1 a token of 2 s is there; 2 nobody asks for it, the app is in the foreground; 3 it is renewed again and again,
/// each time before its end: `current_token` has one whenever it is looked at.
#[tokio::test]
async fn in_the_foreground_the_token_is_renewed_before_its_end() {
    let rig = short_lived().await;
    let session = rig.signed_in().await;
    session.notify(Notice::Foreground);
    eventually("three renewals that nobody asked for", || {
        rig.server.stats().exchanges >= 3
    })
    .await;
    session.notify(Notice::Background);
    let token = session.current_token().expect("one is there");
    assert!(rig.accepts(token.secret()).await);
}

/// In the background nothing wakes up: the token ends, and the next caller gets a new one.
#[tokio::test]
async fn in_the_background_nothing_is_renewed_until_somebody_asks() {
    let rig = short_lived().await;
    let session = rig.signed_in().await;
    eventually("the token's end", || session.current_token().is_none()).await;
    assert_eq!(rig.server.stats().refresh_requests, 0);
    assert!(session.access_token().await.is_ok());
}

/// 1 the renewal ahead fails; 2 it is tried again after a pause, and the token serves meanwhile.
#[tokio::test]
async fn a_renewal_that_fails_is_tried_again_while_the_token_lives() {
    let rig = Rig::with(Config {
        access_ttl: Duration::from_secs(30),
        ..Config::for_tests()
    })
    .await;
    let session = rig.signed_in().await;
    // Four fifths of the life have passed: the timer is due at once.
    rig.clock.advance(Duration::from_secs(26));
    rig.server
        .arm(Fault::once(Route::Refresh, FaultKind::status(503)))
        .unwrap();
    session.notify(Notice::Foreground);
    eventually("the second try", || rig.server.stats().exchanges == 1).await;
    assert_eq!(rig.server.stats().refresh_requests, 2);
}

/// A timer holds nothing: a session that nobody holds any more is gone.
#[tokio::test]
async fn a_timer_keeps_no_session_alive() {
    let rig = Rig::with(Config {
        access_ttl: Duration::from_secs(4),
        ..Config::for_tests()
    })
    .await;
    let session = rig.signed_in().await;
    session.notify(Notice::Foreground);
    drop(session);
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(rig.server.stats().refresh_requests, 0);
}

/// 1 the app is in the foreground, a timer is set; 2 it goes to the background; 3 the timer's time comes, and the
/// token's end: nothing is asked.
#[tokio::test]
async fn a_timer_that_was_set_in_the_foreground_does_nothing_in_the_background() {
    let rig = short_lived().await;
    let session = rig.signed_in().await;
    session.notify(Notice::Foreground);
    session.notify(Notice::Background);
    eventually("the token's end", || session.current_token().is_none()).await;
    assert_eq!(rig.server.stats().refresh_requests, 0);
}
