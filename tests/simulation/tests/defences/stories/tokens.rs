//! Which token is served to whom, and who hears of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokencast::defence::Defence;
use tokencast_backend::{Config, Fault, FaultKind, Route};
use tokencast_testkit::{ACCESS_TTL, LeapClock, Rig, ada};

use super::{Device, assert_bites, unless};

fn make_busy(device: &Device) {
    let busy = Fault::times(Route::Refresh, 99, FaultKind::status(503));
    device.rig.server.arm(busy).unwrap();
}

/// 1 a token has 100 s left, a caller wants 120; 2 the refresh fails.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_valid_token_is_served_while_the_server_is_busy() {
    assert_bites(Defence::ValidTokenServed, |out| async move {
        let device = Device::under_the_contract(out).await;
        let (session, _) = device.signed_in().await;
        device.clock.advance(ACCESS_TTL - Duration::from_secs(100));
        make_busy(&device);
        let answer = session.access_token_with(Duration::from_secs(120)).await;
        unless(answer.is_err(), "a caller gets an error while a token is valid")
    })
    .await;
}

/// 1 the host reports the current token as rejected; 2 the refresh fails.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rejected_token_is_not_served_again() {
    assert_bites(Defence::RefusedTokenWithheld, |out| async move {
        let device = Device::under_the_contract(out).await;
        let (session, _) = device.signed_in().await;
        make_busy(&device);
        assert!(session.rejected(session.generation()).await.is_err());
        unless(
            session.current_token().is_some(),
            "a token that servers refuse is still served",
        )
    })
    .await;
}

/// Three callers report the same, old generation.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_report_costs_no_exchange() {
    assert_bites(Defence::LateReportFromMemory, |out| async move {
        let device = Device::under_the_contract(out).await;
        let (session, _) = device.signed_in().await;
        let old = session.generation();
        for _ in 0..3 {
            let _ = session.rejected(old).await;
        }
        let exchanges = device.rig.server.stats().exchanges;
        unless(
            exchanges != 1,
            "each late report of one generation is an exchange",
        )
    })
    .await;
}

/// A server whose resources refuse every token.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_rejected_at_once_are_not_fetched_for_ever() {
    assert_bites(Defence::Breaker, |out| async move {
        let device = Device::under_the_contract(out).await;
        let (session, _) = device.signed_in().await;
        for _ in 0..20 {
            let _ = session.rejected(session.generation()).await;
        }
        let exchanges = device.rig.server.stats().exchanges;
        unless(
            exchanges > 2,
            "tokens that are refused at once are fetched in a loop",
        )
    })
    .await;
}

/// A server that does not rotate: 1 an answer without a refresh token; 2 the next refresh.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_without_a_refresh_token_loses_none() {
    assert_bites(Defence::OldTokenKept, |out| async move {
        let rig = Rig::with(Config {
            access_ttl: ACCESS_TTL,
            idempotency: false,
            reuse_leeway: Duration::from_secs(3600 * 24),
            ..Config::for_tests()
        })
        .await;
        let device = Device {
            rig,
            clock: LeapClock::default(),
            out,
        };
        let (session, _) = device.signed_in().await;
        device.expire();
        let without = FaultKind::field("refresh_token", serde_json::Value::Null);
        device
            .rig
            .server
            .arm(Fault::once(Route::Refresh, without))
            .unwrap();
        session.access_token().await.unwrap();
        device.expire();
        unless(
            session.access_token().await.is_err(),
            "the session has no token to present any more",
        )
    })
    .await;
}

/// A listener that panics once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_that_panicked_hears_the_next_event() {
    assert_bites(Defence::FailingListenerSkipped, |out| async move {
        let device = Device::under_the_contract(out).await;
        let session = device.process().build().unwrap();
        session.restored().await;
        let calls = Arc::new(AtomicU64::new(0));
        let counted = calls.clone();
        let _keep = session.subscribe(move |_| {
            assert!(
                counted.fetch_add(1, Ordering::SeqCst) > 0,
                "the host's own mistake"
            );
        });
        device
            .comes("the first event", || calls.load(Ordering::SeqCst) > 0)
            .await;
        session.sign_in(ada()).await.unwrap();
        let heard = device
            .comes("the next", || calls.load(Ordering::SeqCst) > 1)
            .await;
        unless(!heard, "a listener that panicked once is told nothing any more")
    })
    .await;
}
