use std::time::Duration;

use tokencast::error::{EndReason, SessionError, TryAgainCause};
use tokencast::state::{Notice, SessionState};
use tokencast_backend::{Fault, FaultKind, Route};

use tokencast_testkit::{Rig, stored};

#[tokio::test]
async fn everything_that_is_not_a_verdict_is_transient() {
    let rig = Rig::new().await;
    for fault in [
        FaultKind::status(408),
        FaultKind::status(425),
        FaultKind::status(400),
        FaultKind::status(401),
        FaultKind::status(403),
        FaultKind::status(500),
        FaultKind::status(503),
        FaultKind::html(502, false),
        FaultKind::html(200, false),
        FaultKind::prose(401, "your session has expired"),
        unknown_code(),
        FaultKind::status(504),
        FaultKind::too_many_requests(0),
    ] {
        // A process of its own each time: the last failure's cooldown is not what this is about.
        let session = rig.process().entry(format!("{fault:?}")).build().unwrap();
        session.sign_in(tokencast_testkit::ada()).await.unwrap();
        rig.expire();
        rig.server
            .arm(Fault::times(Route::Refresh, 9, fault.clone()))
            .unwrap();
        let error = session.access_token().await.unwrap_err();
        assert!(
            matches!(
                error,
                SessionError::TryAgain {
                    cause: TryAgainCause::Server,
                    ..
                }
            ),
            "{fault:?}: {error:?}"
        );
        assert!(session.state().is_active(), "{fault:?}");
        rig.server.disarm();
        rig.clock.advance(Duration::from_secs(31));
        assert!(
            session.access_token().await.is_ok(),
            "{fault:?}: the old refresh token still works"
        );
    }
    assert_eq!(rig.server.stats().reuse_detected, 0);
}

#[tokio::test]
async fn a_listed_verdict_ends_it_with_its_reason_and_for_good() {
    let rig = Rig::new().await;
    for (code, reason) in [
        ("expired", EndReason::Expired),
        ("reuse_detected", EndReason::ReuseDetected),
        ("password_changed", EndReason::PasswordChanged),
        ("signed_in_elsewhere", EndReason::SignedInElsewhere),
        ("invalid_token", EndReason::Revoked),
    ] {
        let build = || rig.process().entry(code).build().unwrap();
        let session = build();
        session.sign_in(tokencast_testkit::ada()).await.unwrap();
        rig.expire();
        let body = format!(r#"{{"error":"{code}"}}"#);
        let verdict = FaultKind::Answer {
            status: 401,
            retry_after: None,
            content_type: None,
            body,
            processed: false,
        };
        rig.server.arm(Fault::once(Route::Refresh, verdict)).unwrap();
        let error = session.access_token().await.unwrap_err();
        assert_eq!(
            error,
            SessionError::SignInRequired {
                reason: reason.clone()
            }
        );
        let ended = SessionState::SignInRequired {
            reason: reason.clone(),
            account: Some("ada".into()),
            history: Default::default(),
        };
        assert_eq!(session.state(), ended);
        // The tombstone: the next process knows, and asks the server nothing.
        let before = rig.server.stats().refresh_requests;
        let next = build();
        assert_eq!(next.restored().await, ended);
        assert_eq!(
            next.access_token().await.unwrap_err(),
            SessionError::SignInRequired { reason }
        );
        assert_eq!(rig.server.stats().refresh_requests, before);
        // And a sign-in begins a new epoch on the same entry.
        next.sign_in(tokencast_testkit::ada()).await.unwrap();
        assert_eq!(next.generation().epoch, 2);
        assert!(next.access_token().await.is_ok());
    }
}

#[tokio::test]
async fn no_network_is_transient_and_its_end_ends_the_wait() {
    let rig = Rig::new().await;
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let session = rig.signed_in().await;
    rig.expire();
    let away = tokencast::profile::ServerProfile::rotation(&format!("http://{closed}")).unwrap();
    let offline = rig.process_with(away).build().unwrap();
    let error = offline.access_token().await.unwrap_err();
    assert!(
        matches!(
            error,
            SessionError::TryAgain {
                cause: TryAgainCause::Offline,
                ..
            }
        ),
        "{error:?}"
    );
    offline.notify(Notice::Online);
    let error = offline.access_token().await.unwrap_err();
    assert!(
        matches!(
            error,
            SessionError::TryAgain {
                cause: TryAgainCause::Offline,
                ..
            }
        ),
        "{error:?}"
    );
    assert!(session.access_token().await.is_ok(), "nothing was spent");
}

/// After every transient answer the record is what it was, but for the note that its token was presented.
#[tokio::test]
async fn a_transient_answer_changes_nothing_that_is_stored() {
    let rig = Rig::new().await;
    let session = rig.signed_in().await;
    let before = stored(&rig.storage).unwrap();
    rig.expire();
    let faults = [
        FaultKind::status(408),
        FaultKind::status(500),
        FaultKind::status(401),
        FaultKind::html(502, false),
        FaultKind::too_many_requests(30),
    ];
    for (tried, fault) in (1..).zip(faults) {
        rig.server
            .arm(Fault::once(Route::Refresh, fault.clone()))
            .unwrap();
        assert!(session.access_token().await.is_err(), "{fault:?}");
        let mut after = stored(&rig.storage).unwrap();
        let intent = after.as_object_mut().unwrap().remove("inflight").unwrap();
        assert_eq!(intent["count"], tried, "{fault:?}");
        assert!(after == before, "{fault:?}: nothing else changed");
        assert_eq!(session.generation().number, 1);
        rig.clock.advance(Duration::from_secs(60));
    }
    assert!(session.access_token().await.is_ok());
}

/// `Retry-After` is the server's to say: nothing is asked before, and the callers are told how long.
#[tokio::test]
async fn nothing_is_asked_before_the_server_wants_to_be_asked() {
    let rig = Rig::new().await;
    let session = rig.signed_in().await;
    rig.expire();
    rig.server
        .arm(Fault::once(Route::Refresh, FaultKind::too_many_requests(90)))
        .unwrap();
    for _ in 0..50 {
        match session.access_token().await.unwrap_err() {
            SessionError::TryAgain { after, .. } => {
                assert!(
                    after <= Duration::from_secs(90) && after > Duration::from_secs(20),
                    "{after:?}"
                );
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(rig.server.stats().refresh_requests, 1);
    rig.clock.advance(Duration::from_secs(91));
    assert!(session.access_token().await.is_ok());
}

/// A code that the profile does not list, under the status of those that it does.
fn unknown_code() -> FaultKind {
    FaultKind::Answer {
        status: 401,
        retry_after: None,
        content_type: None,
        body: r#"{"error":"csrf_mismatch"}"#.into(),
        processed: false,
    }
}
