//! Time: what a token's life is, and whose clock says so.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokencast::error::SessionError;
use tokencast::session::{AuthSession, AuthSessionBuilder};
use tokencast_backend::{Config, Fault, FaultKind, Route};
use tokencast_testkit::{ACCESS_TTL, LeapClock, Rig, ada, stored};

const YEAR_MS: i64 = 366 * 24 * 3600 * 1000;

fn process(rig: &Rig, clock: &LeapClock) -> AuthSessionBuilder {
    rig.process().clock(Arc::new(clock.clone()))
}

async fn signed_in(rig: &Rig, clock: &LeapClock) -> AuthSession {
    let session = process(rig, clock).build().unwrap();
    session.sign_in(ada()).await.unwrap();
    session
}

/// 1 a token is there; 2 the user sets the calendar ten years ahead, then twenty back: the token goes on serving, and
/// answers are taken; 3 its life passes: it is over, whatever the calendar says.
#[tokio::test]
async fn setting_the_calendar_neither_ends_a_token_nor_prolongs_it_nor_rejects_an_answer() {
    let rig = Rig::new().await;
    let clock = LeapClock::stopped();
    let session = signed_in(&rig, &clock).await;
    for step in [10 * YEAR_MS, -20 * YEAR_MS] {
        let token = session.access_token().await.unwrap();
        clock.set_calendar(step);
        assert!(session.current_token() == Some(token.clone()), "it serves on");
        let next = session
            .rejected(token.generation())
            .await
            .expect("the answer is taken");
        assert_eq!(next.life(), ACCESS_TTL);
        clock.advance(ACCESS_TTL - Duration::from_millis(1));
        assert!(session.current_token() == Some(next));
        clock.advance(Duration::from_millis(1));
        assert_eq!(session.current_token(), None, "it is over");
    }
    assert!(session.access_token().await.is_ok());
}

/// `expires_in`, else the JWT's own `exp - iat`, else the profile's default.
#[tokio::test]
async fn a_life_is_what_the_answer_says_else_what_the_token_says_else_the_default() {
    let ttl = Duration::from_secs(120);
    let rig = Rig::with(Config {
        access_ttl: ttl,
        ..Config::for_tests()
    })
    .await;
    let opaque = FaultKind::Answer {
        status: 200,
        retry_after: None,
        content_type: None,
        body: r#"{"access_token":"opaque"}"#.into(),
        processed: false,
    };
    let default = rig.profile().default_life();
    assert!(default != ttl, "the cases differ");
    for (answer, life) in [
        (FaultKind::field("expires_in", 40), Duration::from_secs(40)),
        (FaultKind::field("expires_in", Value::Null), ttl),
        (opaque, default),
    ] {
        let clock = LeapClock::stopped();
        let session = process(&rig, &clock).entry(format!("{life:?}")).build().unwrap();
        session.sign_in(ada()).await.unwrap();
        clock.advance(ttl);
        rig.server.arm(Fault::once(Route::Refresh, answer)).unwrap();
        let token = session.access_token().await.unwrap();
        assert_eq!(token.life(), life);
        clock.advance(life - Duration::from_millis(1));
        assert!(session.current_token().is_some());
        clock.advance(Duration::from_millis(1));
        assert_eq!(session.current_token(), None);
    }
}

/// Zero or less: 1 a token is dead on arrival; 2 it is refreshed once more; 3 that one is dead too: nothing spins,
/// a hundred callers are told to try again; 4 when the pause is over and lives are lives again, all goes on.
#[tokio::test]
async fn a_token_that_is_dead_on_arrival_is_refreshed_once_more_and_nothing_spins() {
    for life in [0, -3600] {
        let rig = Rig::new().await;
        let clock = LeapClock::stopped();
        let session = signed_in(&rig, &clock).await;
        clock.advance(ACCESS_TTL);
        rig.server
            .arm(Fault::times(
                Route::Refresh,
                9999,
                FaultKind::field("expires_in", life),
            ))
            .unwrap();
        for _ in 0..100 {
            let error = session.access_token().await.unwrap_err();
            assert!(matches!(error, SessionError::TryAgain { .. }), "{error:?}");
        }
        assert_eq!(rig.server.stats().exchanges, 2);
        assert_eq!(stored(&rig.storage).unwrap()["number"], 3, "both are saved");
        assert!(session.state().is_active());
        rig.server.disarm();
        clock.advance(Duration::from_secs(60));
        let token = session.access_token().await.unwrap();
        assert!(rig.accepts(token.secret()).await);
    }
}

/// The minimum that a caller gets without asking is 10 s, and never more than half of the life.
#[tokio::test]
async fn a_token_that_is_about_to_end_is_not_handed_out() {
    let rig = Rig::new().await;
    let clock = LeapClock::stopped();
    let session = signed_in(&rig, &clock).await;
    clock.advance(ACCESS_TTL - Duration::from_secs(10));
    assert_eq!(session.access_token().await.unwrap().generation().number, 1);
    clock.advance(Duration::from_millis(1));
    assert_eq!(session.access_token().await.unwrap().generation().number, 2);
    rig.server
        .arm(Fault::once(Route::Refresh, FaultKind::field("expires_in", 8)))
        .unwrap();
    let short = session.rejected(session.generation()).await.unwrap();
    clock.advance(Duration::from_secs(4));
    assert!(
        session.access_token().await.unwrap() == short,
        "half of eight seconds"
    );
    clock.advance(Duration::from_millis(1));
    assert!(session.access_token().await.unwrap() != short);
}

/// Across restarts only the calendar is there, corrected by what the server's `Date` told: 1 a device that is thirty
/// years off signs in and keeps its access token; 2 it starts again within the token's life: the token serves; 3 and
/// again after it: one is bought.
#[tokio::test]
async fn a_kept_token_is_judged_by_the_servers_time_on_a_device_that_is_years_off() {
    for off in [0, 30 * YEAR_MS, -30 * YEAR_MS] {
        let rig = Rig::new().await;
        let clock = LeapClock::stopped();
        clock.set_calendar(off);
        let start = || process(&rig, &clock).persist_access_token().build().unwrap();
        start().sign_in(ada()).await.unwrap();
        // The server's date is told in whole seconds.
        clock.advance(ACCESS_TTL - Duration::from_secs(15));
        assert_eq!(
            start().access_token().await.unwrap().generation().number,
            1,
            "{off}"
        );
        assert_eq!(rig.server.stats().refresh_requests, 0);
        clock.advance(Duration::from_secs(16));
        assert_eq!(
            start().access_token().await.unwrap().generation().number,
            2,
            "{off}"
        );
    }
}

/// 1 a token is kept; 2 the calendar is set between two starts; 3 back: the token has at most the life it had; forward:
/// it counts as over, one is bought, and the session lives.
#[tokio::test]
async fn a_calendar_that_was_set_between_two_starts_prolongs_no_token_and_ends_no_session() {
    let rig = Rig::new().await;
    let clock = LeapClock::stopped();
    let start = || process(&rig, &clock).persist_access_token().build().unwrap();
    start().sign_in(ada()).await.unwrap();
    clock.set_calendar(-YEAR_MS);
    let kept = start().access_token().await.unwrap();
    assert_eq!(kept.generation().number, 1);
    assert!(kept.life() <= ACCESS_TTL, "{:?}", kept.life());
    clock.set_calendar(10 * YEAR_MS);
    let next = start().access_token().await.unwrap();
    assert_eq!(next.generation().number, 2);
    assert!(rig.accepts(next.secret()).await);
}
