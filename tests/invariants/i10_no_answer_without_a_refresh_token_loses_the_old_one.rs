use tokencast_backend::{Config, Fault, FaultKind, Route};

use tokencast_testkit::{ACCESS_TTL, Rig, stored};

/// The server keeps its refresh token and answers with an access token alone, as `null`, `""` or nothing: the
/// stored refresh token stays and serves again.
#[tokio::test]
async fn the_old_refresh_token_is_kept_and_presented_again() {
    // A grace window makes the server accept the kept token although it rotated.
    let rig = Rig::with(Config {
        access_ttl: ACCESS_TTL,
        idempotency: false,
        reuse_leeway: std::time::Duration::from_secs(3600 * 24),
        ..Config::for_tests()
    })
    .await;
    let session = rig.process().build().unwrap();
    session.sign_in(tokencast_testkit::ada()).await.unwrap();
    rig.expire();
    rig.server
        .arm(Fault::once(
            Route::Refresh,
            FaultKind::field("refresh_token", serde_json::Value::Null),
        ))
        .unwrap();
    let second = session.access_token().await.unwrap();
    assert_eq!(second.generation().number, 2);
    rig.expire();
    let third = session.access_token().await.unwrap();
    assert_eq!(third.generation().number, 3);
    assert!(rig.accepts(third.secret()).await);
}

/// The same refresh token comes back, or none in any spelling: it stays, under a key that is drawn anew all the same,
/// and the next request presents it.
#[tokio::test]
async fn a_token_that_stays_is_kept_under_a_new_key() {
    for spelling in ["null", "empty", "the same"] {
        let rig = Rig::with(Config {
            access_ttl: ACCESS_TTL,
            idempotency: false,
            reuse_leeway: std::time::Duration::from_secs(3600 * 24),
            ..Config::for_tests()
        })
        .await;
        let session = rig.process().build().unwrap();
        session.sign_in(tokencast_testkit::ada()).await.unwrap();
        let before = stored(&rig.storage).unwrap();
        let value = match spelling {
            "null" => serde_json::Value::Null,
            "empty" => "".into(),
            _ => before["credential"]["refresh_token"].clone(),
        };
        rig.expire();
        rig.server
            .arm(Fault::once(
                Route::Refresh,
                FaultKind::field("refresh_token", value),
            ))
            .unwrap();
        assert_eq!(session.access_token().await.unwrap().generation().number, 2);
        let after = stored(&rig.storage).unwrap();
        assert!(
            after["credential"]["refresh_token"] == before["credential"]["refresh_token"],
            "{spelling}"
        );
        assert!(
            after["attempt_key"] != before["attempt_key"],
            "{spelling}: a new key"
        );
        drop(session);
        rig.expire();
        let next = rig.process().build().unwrap();
        assert!(next.access_token().await.is_ok(), "{spelling}");
    }
}
