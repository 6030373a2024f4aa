//! Authorised calls: the token goes where the profile says, a 401 is refreshed and replayed once.

use tokencast::error::SessionError;
use tokencast::session::SendError;
use tokencast_backend::{Fault, FaultKind, Route};

use tokencast_testkit::Rig;

#[tokio::test]
async fn an_expired_token_is_refreshed_and_the_call_replayed_once() {
    let rig = Rig::new().await;
    let session = rig.signed_in().await;
    // The server's clock alone: the app believes that its token is good.
    rig.server.expire_access_tokens();
    let call = || tokencast_testkit::http().post(format!("{}/api/notes", rig.server.url()));
    let response = session
        .send(
            call()
                .header("content-type", "application/json")
                .body(r#"{"text":"once"}"#),
        )
        .await
        .unwrap();
    assert_eq!(response.status(), 201);
    let stats = rig.server.stats();
    assert_eq!((stats.notes, stats.exchanges, stats.api_rejected), (1, 1, 1));
}

#[tokio::test]
async fn the_token_goes_to_listed_origins_only_and_is_dropped_on_a_redirect_elsewhere() {
    let rig = Rig::new().await;
    let session = rig.signed_in().await;
    let elsewhere = Rig::new().await;
    let direct = session
        .send(tokencast_testkit::http().get(format!("{}/api/me", elsewhere.server.url())))
        .await;
    assert!(matches!(
        direct,
        Err(SendError::Session(SessionError::Misconfigured { .. }))
    ));

    let target = format!("{}/api/me", elsewhere.server.url());
    rig.server
        .arm(Fault::once(Route::Me, FaultKind::redirect(307, &target)))
        .unwrap();
    let response = session
        .send(tokencast_testkit::http().get(format!("{}/api/me", rig.server.url())))
        .await
        .unwrap();
    assert_eq!(response.url().as_str(), target);
    assert_eq!(response.status(), 401, "the other server saw no token");
    assert_eq!(response.url().as_str(), target);

    let here = format!("{}/api/me", rig.server.url());
    rig.server
        .arm(Fault::once(Route::Me, FaultKind::redirect(302, &here)))
        .unwrap();
    let response = session.send(tokencast_testkit::http().get(&here)).await.unwrap();
    assert_eq!(response.status(), 200, "a redirect on the same origin keeps it");
}
