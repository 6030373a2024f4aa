use std::sync::Arc;
use std::time::Duration;

use tokencast::error::{EndReason, SessionError};
use tokencast::profile::ServerProfile;
use tokencast_backend::{Config, Fault, FaultKind, Route};
use tokencast_fault_proxy::{Fault as NetworkFault, FaultProxy};

use tokencast_testkit::{ACCESS_TTL, LeapClock, Rig, ada, asks, put, stored};

const REFRESH: &str = "/auth/refresh";

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
    let rig = Rig::plain().await;
    let session = rig.process().build().unwrap();
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
    let rig = Rig::plain().await;
    let session = rig.process().build().unwrap();
    session.sign_in(ada()).await.unwrap();
    rig.expire();
    rig.server
        .arm(Fault::once(Route::Refresh, FaultKind::DropBeforeCommit {}))
        .unwrap();
    assert!(session.access_token().await.is_ok());
    assert_eq!(rig.server.stats().exchanges, 1);
}

/// The network between a real client and a real server loses answers in every way it can; the proxy's log says that
/// the server did its work and the client did not hear of it. Under the contract the same request is repeated until
/// it does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_the_contract_no_way_of_losing_an_answer_loses_the_session() {
    let rig = Rig::new().await;
    let proxy = FaultProxy::start(rig.server.url()).await.unwrap();
    let session = rig
        .process_with(ServerProfile::rotation(&proxy.url()).unwrap())
        .build()
        .unwrap();
    session.sign_in(ada()).await.unwrap();
    let faults = [
        NetworkFault::CutAfterAnswer,
        NetworkFault::CutInBody,
        NetworkFault::Truncate,
        NetworkFault::Garble,
    ];
    for (exchanges, fault) in (1..).zip(faults) {
        rig.expire();
        proxy.next(REFRESH, fault);
        let token = session
            .access_token()
            .await
            .unwrap_or_else(|error| panic!("{fault:?}: {error}"));
        assert!(rig.accepts(token.secret()).await, "{fault:?}");
        assert_eq!(rig.server.stats().exchanges, exchanges, "{fault:?}");
        let log: Vec<_> = proxy
            .log()
            .into_iter()
            .filter(|met| met.path == REFRESH)
            .collect();
        let [.., lost, told] = &log[..] else {
            panic!("two requests")
        };
        assert!(lost.lost_a_success() && lost.fault == Some(fault), "{lost:?}");
        assert!(told.succeeded() && !told.lost_a_success(), "{told:?}");
    }
    // A copy that the network makes costs nothing either.
    rig.expire();
    proxy.next(REFRESH, NetworkFault::Duplicate);
    assert!(session.access_token().await.is_ok());
    let stats = rig.server.stats();
    assert_eq!((stats.exchanges, stats.replays, stats.reuse_detected), (5, 5, 0));
}

/// Without the contract an answer that had begun is not asked for again within the flight: the head is a sign that
/// the server did its work.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_contract_an_answer_that_broke_off_is_not_asked_for_at_once() {
    for fault in [
        NetworkFault::CutInBody,
        NetworkFault::Truncate,
        NetworkFault::Garble,
    ] {
        let rig = Rig::plain().await;
        let proxy = FaultProxy::start(rig.server.url()).await.unwrap();
        let profile = rig.profile_at(&proxy.url());
        let session = rig.process_with(profile).build().unwrap();
        session.sign_in(ada()).await.unwrap();
        rig.expire();
        proxy.next(REFRESH, fault);
        assert!(matches!(
            session.access_token().await.unwrap_err(),
            SessionError::TryAgain { .. }
        ));
        assert!(session.state().is_active(), "{fault:?}");
        assert_eq!(rig.server.stats().refresh_requests, 1, "{fault:?}");
        // The log proves whose loss it is: the server committed, the answer never arrived.
        assert!(
            proxy
                .log()
                .iter()
                .any(tokencast_fault_proxy::Exchange::lost_a_success)
        );
    }
}

/// `superseded`, and a newer record: 1 the request of 1.1 is held up in the network; 2 another process, whose lock
/// was not seen, renews twice: the record is 1.3; 3 the request arrives: 409; 4 the process looks again and goes on
/// from 1.3.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn superseded_with_a_newer_record_uses_that_one() {
    let rig = Rig::new().await;
    let proxy = FaultProxy::start(rig.server.url()).await.unwrap();
    let session = rig
        .process_with(ServerProfile::rotation(&proxy.url()).unwrap())
        .build()
        .unwrap();
    session.sign_in(ada()).await.unwrap();
    rig.expire();
    proxy.next(REFRESH, NetworkFault::HoldRequest);
    let caller = tokio::spawn({
        let session = session.clone();
        async move { session.access_token().await }
    });
    proxy.wait_until_held(1).await;
    let locks = std::sync::Arc::new(tokencast::lock::MemoryLocks::default());
    let other = rig.process().locks(locks).persist_access_token().build().unwrap();
    other.access_token().await.unwrap();
    rig.expire();
    let theirs = other.access_token().await.unwrap();
    assert_eq!(theirs.generation().number, 3);
    proxy.release();
    let token = caller.await.unwrap().unwrap();
    assert!(token == theirs || token.generation() >= theirs.generation());
    let stats = rig.server.stats();
    assert_eq!(
        (stats.superseded, stats.exchanges, stats.reuse_detected),
        (1, 2, 0)
    );
}

/// `superseded`, and nothing newer: 1 a device is set back to a backup of 1.1 while 1.3 was reached elsewhere; 2 it
/// presents 1.1: 409, the session is kept and waits as long as the server says; 3 the one try after that gets the
/// final verdict, which ends it: that is intended.
#[tokio::test]
async fn superseded_with_nothing_newer_waits_and_then_takes_the_final_verdict() {
    let rig = Rig::new().await;
    let session = rig.signed_in().await;
    let backup = stored(&rig.storage).unwrap();
    for _ in 0..2 {
        rig.expire();
        session.access_token().await.unwrap();
    }
    drop(session);
    put(&rig.storage, &backup);
    let restored = rig.process().build().unwrap();
    for _ in 0..20 {
        match restored.access_token().await.unwrap_err() {
            SessionError::TryAgain { after, .. } => {
                assert!(
                    after > Duration::from_secs(60) && after <= Duration::from_secs(120),
                    "{after:?}"
                );
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(restored.state().is_active());
    assert_eq!(rig.server.stats().superseded, 1, "asked once");
    rig.clock.advance(Duration::from_secs(121));
    rig.server.advance_clock(Duration::from_secs(121));
    let reason = EndReason::InterruptedRotation;
    assert_eq!(
        restored.access_token().await.unwrap_err(),
        SessionError::SignInRequired { reason }
    );
}

/// No answer ever comes: 1 the same request is repeated, under its key; 2 at the flight's deadline that ends, the caller
/// is told, and nothing but the intent has changed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_the_contract_the_repetitions_end_with_the_flights_deadline() {
    let rig = Rig::new().await;
    let clock = LeapClock::default();
    let session = rig.process().clock(Arc::new(clock.clone())).build().unwrap();
    session.sign_in(ada()).await.unwrap();
    let before = stored(&rig.storage).unwrap();
    clock.advance(ACCESS_TTL);
    rig.server
        .arm(Fault::times(Route::Refresh, 9999, FaultKind::DropBeforeCommit {}))
        .unwrap();
    let caller = asks(&session);
    clock
        .leap_until("the flight's deadline", || caller.is_finished())
        .await;
    let error = caller.await.unwrap().unwrap_err();
    assert!(matches!(error, SessionError::TryAgain { .. }), "{error:?}");
    // Pauses of 0.1, 0.2, 0.4, 0.8, 1.6 and then 2 s: fifteen fit into 20 s.
    let sent = rig.server.stats().faults;
    assert!((3..=15).contains(&sent), "{sent} requests");
    let mut after = stored(&rig.storage).unwrap();
    after.as_object_mut().unwrap().remove("inflight");
    assert!(after == before && session.state().is_active());
}

/// A server without keys that forgives a repetition for a while: inside `reuse_leeway` an answer that broke off is asked
/// for again at once, outside it is not.
#[tokio::test]
async fn inside_the_reuse_leeway_an_answer_that_broke_off_is_asked_for_again() {
    for (leeway, requests) in [(30, 2), (0, 1)] {
        let rig = Rig::with(Config {
            access_ttl: ACCESS_TTL,
            idempotency: false,
            reuse_leeway: Duration::from_secs(30),
            ..Config::for_tests()
        })
        .await;
        let mut json = serde_json::to_value(rig.profile()).unwrap();
        json["reuse_leeway_seconds"] = leeway.into();
        let profile = serde_json::from_value(json).unwrap();
        let session = rig.process_with(profile).build().unwrap();
        session.sign_in(ada()).await.unwrap();
        rig.expire();
        rig.server
            .arm(Fault::once(Route::Refresh, FaultKind::CutBody {}))
            .unwrap();
        assert_eq!(session.access_token().await.is_ok(), requests == 2);
        let stats = rig.server.stats();
        assert_eq!((stats.refresh_requests, stats.reuse_detected), (requests, 0));
        assert!(session.state().is_active());
    }
}
