use std::sync::Arc;
use std::time::Duration;

use tokencast::error::{SessionError, TryAgainCause};

use tokencast::session::AuthSession;
use tokencast_testkit::{ACCESS_TTL, LeapClock, Rig, ada};

#[tokio::test]
async fn a_report_of_an_older_generation_is_answered_with_the_current_token() {
    let rig = Rig::new().await;
    let session = rig.signed_in().await;
    let old = session.access_token().await.unwrap();
    let new = session.rejected(old.generation()).await.unwrap();
    assert!(new.generation() > old.generation());
    for _ in 0..100 {
        assert_eq!(session.rejected(old.generation()).await.unwrap(), new);
    }
    assert_eq!(rig.server.stats().exchanges, 1);
}

/// A server whose resources refuse every token must not be refreshed against in a loop.
#[tokio::test]
async fn a_refusal_straight_after_a_refresh_gets_one_more_exchange_then_a_breaker() {
    let rig = Rig::new().await;
    let session = rig.signed_in().await;
    let mut generation = session.access_token().await.unwrap().generation();
    let mut exchanged = 0;
    let error = loop {
        match session.rejected(generation).await {
            Ok(token) => generation = token.generation(),
            Err(error) => break error,
        }
        exchanged += 1;
        assert!(exchanged < 10, "a loop");
    };
    assert!(
        matches!(
            error,
            SessionError::TryAgain {
                cause: TryAgainCause::Server,
                ..
            }
        ),
        "{error:?}"
    );
    assert_eq!(rig.server.stats().exchanges, exchanged);
    assert!(exchanged <= 2, "{exchanged} exchanges");
    for _ in 0..100 {
        assert!(session.rejected(generation).await.is_err());
    }
    assert_eq!(rig.server.stats().exchanges, exchanged, "the breaker is open");
    rig.clock.advance(std::time::Duration::from_secs(61));
    rig.server.advance_clock(std::time::Duration::from_secs(61));
    assert!(session.access_token().await.is_ok(), "and closes again");
}

#[tokio::test]
async fn a_generation_that_this_session_never_had_costs_nothing_either() {
    let rig = Rig::new().await;
    let session = rig.signed_in().await;
    let current = session.access_token().await.unwrap();
    for (epoch, number) in [(1, 2), (9, 1), (0, 0), (u64::MAX, u64::MAX)] {
        let answer = session
            .rejected(tokencast::Generation::new(epoch, number))
            .await
            .unwrap();
        assert_eq!(answer, current);
    }
    assert_eq!(rig.server.stats().exchanges, 0);
}

async fn on_a_stopped_clock(rig: &Rig) -> (AuthSession, LeapClock) {
    let clock = LeapClock::stopped();
    let session = rig.process().clock(Arc::new(clock.clone())).build().unwrap();
    session.sign_in(ada()).await.unwrap();
    (session, clock)
}

/// Each time that the second token in a row is refused straight after its renewal the breaker opens for longer: 60 s,
/// doubling to 10 minutes. Callers are told how long.
#[tokio::test]
async fn the_breaker_opens_for_a_minute_and_twice_as_long_each_time_up_to_ten_minutes() {
    let rig = Rig::new().await;
    let (session, clock) = on_a_stopped_clock(&rig).await;
    for open_for in [60, 120, 240, 480, 600, 600] {
        let before = rig.server.stats().exchanges;
        let told = loop {
            match session.rejected(session.generation()).await {
                Ok(_) => assert!(rig.server.stats().exchanges <= before + 2, "a loop"),
                Err(SessionError::TryAgain { after, .. }) => break after,
                Err(other) => panic!("{other:?}"),
            }
        };
        assert_eq!(told, Duration::from_secs(open_for));
        clock.advance(Duration::from_secs(open_for) - Duration::from_millis(1));
        assert!(session.access_token().await.is_err(), "still open");
        clock.advance(Duration::from_millis(1));
    }
}

/// "Straight after" is ten seconds, and the row ends with a token that served: 1 the first token is refused at once,
/// the second serves for its whole life; 2 so does the third; 3 that one's successor is refused at once: that is
/// the first of a row, and one more exchange is made.
#[tokio::test]
async fn a_token_that_served_ends_the_row_of_refused_ones() {
    let rig = Rig::new().await;
    let (session, clock) = on_a_stopped_clock(&rig).await;
    for _ in 0..5 {
        clock.advance(Duration::from_secs(11));
        session
            .rejected(session.generation())
            .await
            .expect("long enough after");
    }
    session
        .rejected(session.generation())
        .await
        .expect("one more exchange");
    for _ in 0..2 {
        clock.advance(ACCESS_TTL);
        session.access_token().await.unwrap();
    }
    session
        .rejected(session.generation())
        .await
        .expect("the first of a row");
}
