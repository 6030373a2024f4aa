use tokencast_backend::{Config, Fault, FaultKind, Route};

use tokencast_testkit::{ACCESS_TTL, Rig};

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
    let session = rig
        .process_with(rig.profile().with_idempotency_key(None))
        .build()
        .unwrap();
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
