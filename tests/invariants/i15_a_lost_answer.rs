use tokencast::error::{EndReason, SessionError};
use tokencast_backend::{Config, Fault, FaultKind, Route};

use tokencast_testkit::{ACCESS_TTL, Rig, ada};

/// With the idempotency contract: 1 the server exchanges and the answer is lost; 2 the same request with the same
/// key is repeated within the flight; 3 the server answers with the same successor.
#[tokio::test]
async fn under_the_contract_every_lost_answer_is_asked_for_again() {
    for fault in [
        FaultKind::DropBeforeCommit {},
        FaultKind::DropAfterCommit {},
        FaultKind::CutBody {},
        FaultKind::garbage_json(),
    ] {
        let rig = Rig::new().await;
        let session = rig.signed_in().await;
        rig.expire();
        rig.server
            .arm(Fault::times(Route::Refresh, 2, fault.clone()))
            .unwrap();
        let token = session
            .access_token()
            .await
            .unwrap_or_else(|error| panic!("{fault:?}: {error}"));
        assert!(rig.accepts(token.secret()).await, "{fault:?}");
        assert_eq!(
            (rig.server.stats().exchanges, rig.server.stats().reuse_detected),
            (1, 0),
            "{fault:?}"
        );
    }
}

/// 1 every answer of the first process is lost; 2 it dies; 3 the next process finds the intent and presents the
/// token again with the same key: the session lives.
#[tokio::test]
async fn under_the_contract_the_next_process_asks_again_with_the_same_key() {
    let rig = Rig::new().await;
    let session = rig.signed_in().await;
    rig.expire();
    // Each repeat doubles its pause: seven of them pass the flight's deadline of 20 s or the answer is found lost.
    rig.server
        .arm(Fault::times(Route::Refresh, 3, FaultKind::garbage_json()))
        .unwrap();
    assert!(session.access_token().await.is_err());
    drop(session);
    rig.server.disarm();
    let next = rig.process().build().unwrap();
    assert!(next.access_token().await.is_ok());
    let stats = rig.server.stats();
    assert_eq!((stats.exchanges, stats.reuse_detected), (1, 0));
    assert!(stats.replays >= 1);
}

/// Plain rotation: an answer lost after the server's commit is the named risk. The token is presented again, the
/// server takes that for reuse, and the app is told that its rotation was interrupted.
#[tokio::test]
async fn without_the_contract_a_lost_answer_ends_as_an_interrupted_rotation() {
    let rig = Rig::with(Config {
        access_ttl: ACCESS_TTL,
        idempotency: false,
        ..Config::for_tests()
    })
    .await;
    let session = rig
        .process_with(rig.profile().with_idempotency_key(None))
        .build()
        .unwrap();
    session.sign_in(ada()).await.unwrap();
    rig.expire();
    rig.server
        .arm(Fault::once(Route::Refresh, FaultKind::DropAfterCommit {}))
        .unwrap();
    let error = session.access_token().await.unwrap_err();
    assert_eq!(
        error,
        SessionError::SignInRequired {
            reason: EndReason::InterruptedRotation
        }
    );
    assert_eq!(
        rig.server.stats().refresh_requests,
        2,
        "once more, as nothing of an answer had come"
    );
}

/// The same before the commit: the one repetition finds the token unspent.
#[tokio::test]
async fn without_the_contract_a_connection_that_ended_before_the_commit_costs_nothing() {
    let rig = Rig::with(Config {
        access_ttl: ACCESS_TTL,
        idempotency: false,
        ..Config::for_tests()
    })
    .await;
    let session = rig
        .process_with(rig.profile().with_idempotency_key(None))
        .build()
        .unwrap();
    session.sign_in(ada()).await.unwrap();
    rig.expire();
    rig.server
        .arm(Fault::once(Route::Refresh, FaultKind::DropBeforeCommit {}))
        .unwrap();
    assert!(session.access_token().await.is_ok());
    assert_eq!(rig.server.stats().exchanges, 1);
}
