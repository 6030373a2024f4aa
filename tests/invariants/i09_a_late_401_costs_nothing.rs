use tokencast::error::{SessionError, TryAgainCause};

use tokencast_testkit::Rig;

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
