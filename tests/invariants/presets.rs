//! Each preset against the reference backend of its scheme: sign in, refresh, restart, refresh again, sign out.

use std::time::Duration;

use tokencast::error::{EndReason, SessionError};
use tokencast::profile::{OAuthClient, ServerProfile};
use tokencast_backend::{Config, Scheme};
use tokencast_testkit::{Rig, ada};

async fn lives(scheme: Scheme, preset: impl Fn(&str) -> ServerProfile) {
    let config = Config {
        idempotency: false,
        ..Config::for_tests().with_scheme(scheme)
    };
    let past = config.access_ttl + Duration::from_secs(1);
    let rig = Rig::with(config).await;
    let profile = preset(rig.server.url());
    let session = rig.process_with(profile.clone()).build().unwrap();
    session.sign_in(ada()).await.unwrap();
    let mut served = session.access_token().await.unwrap();
    drop(session);
    for turn in 0..3 {
        rig.clock.advance(past);
        rig.server.advance_clock(past);
        let process = rig.process_with(profile.clone()).build().unwrap();
        let token = process.access_token().await.unwrap();
        assert!(rig.accepts(token.secret()).await, "{scheme} {turn}");
        assert_ne!(token.secret(), served.secret(), "{scheme} {turn}");
        served = token;
    }
    assert_eq!(rig.server.stats().exchanges, 3, "{scheme}");
    // The device's copy, held by somebody who does not know of the sign-out.
    let copy = tokencast_testkit::stored(&rig.storage).unwrap();
    let last = rig.process_with(profile.clone()).build().unwrap();
    last.restored().await;
    last.sign_out().await.unwrap();
    let revoked = async {
        while rig.server.stats().revocations == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), revoked)
        .await
        .expect("a revocation");
    tokencast_testkit::put(&rig.storage, &copy);
    rig.clock.advance(past);
    rig.server.advance_clock(past);
    let thief = rig.process_with(profile).build().unwrap();
    let error = thief.access_token().await.unwrap_err();
    assert!(
        matches!(&error, SessionError::SignInRequired { reason } if *reason != EndReason::SignedOut),
        "{scheme} {error:?}"
    );
}

#[tokio::test]
async fn a_session_of_rotation_lives_and_ends() {
    lives(Scheme::Rotation, |url| {
        ServerProfile::rotation(url).unwrap().with_idempotency_key(None)
    })
    .await;
}

#[tokio::test]
async fn a_session_of_exchange_once_lives_and_ends() {
    lives(Scheme::ExchangeOnce, |url| {
        ServerProfile::exchange_once(url).unwrap()
    })
    .await;
}

#[tokio::test]
async fn a_session_without_a_refresh_token_lives_and_ends() {
    lives(Scheme::AccessOnly, |url| ServerProfile::access_only(url).unwrap()).await;
}

#[tokio::test]
async fn a_session_of_an_oauth_client_lives_and_ends() {
    lives(Scheme::OAuth2, |url| {
        let token = format!("{url}/oauth/token");
        let revoke = format!("{url}/oauth/revoke");
        ServerProfile::oauth2(&token, Some(&revoke), OAuthClient::public("app")).unwrap()
    })
    .await;
}
