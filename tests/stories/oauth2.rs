//! Scheme `oauth2`: the refresh grant of RFC 6749 §6 with rotation, revocation (RFC 7009), and clients with and without
//! a secret.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokencast::error::{EndReason, SessionError};
use tokencast::profile::{OAuthClient, ServerProfile};
use tokencast::token::TokenSet;
use tokencast_backend::{Config, Fault, FaultKind, OAuthClient as Registered, Route, Scheme};
use tokencast_testkit::eventually;

use crate::device::{Device, ROUNDED, told};
use crate::server::{Answer, Server};
use crate::wire::Wire;

const ACCESS_LIFE: Duration = Duration::from_secs(15 * 60);
const REFRESH_LIFE: Duration = Duration::from_secs(14 * 24 * 60 * 60);
/// With all that means something in a form, in HTTP Basic and in UTF-8.
const ODD_ID: &str = "my:app";
const ODD_SECRET: &str = "s+cr:t %&=é";
/// The one thing that this server says when a grant is over.
const OVER: &str = "400 invalid_grant";

/// As an app should be registered.
async fn public() -> (Server, Wire) {
    server(OAuthClient::public("app"), Registered::public("app"), None).await
}

/// The app's requests are heard on their way.
async fn server(client: OAuthClient, registered: Registered, key: Option<&str>) -> (Server, Wire) {
    let config = Config {
        oauth_client: registered,
        ..Config::for_tests().with_scheme(Scheme::OAuth2)
    };
    let backend = super::start(config).await;
    let wire = Wire::to(backend.url()).await;
    let profile = profile(wire.url(), client).with_idempotency_key(key);
    (Server::of(backend, |_| Ok(profile)), wire)
}

fn profile(url: &str, client: OAuthClient) -> ServerProfile {
    let (token, revoke) = (format!("{url}/oauth/token"), format!("{url}/oauth/revoke"));
    ServerProfile::oauth2(&token, Some(&revoke), client).unwrap()
}

fn token_on(device: &Device<'_>) -> String {
    device.secret("refresh_token")
}

/// By somebody who is no app, at a server whose client is public.
async fn refresh(server: &Server, token: &str) -> Answer {
    let fields = [
        ("client_id", "app"),
        ("grant_type", "refresh_token"),
        ("refresh_token", token),
    ];
    server.post("/oauth/token", &fields).await
}

fn form(fields: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    fields.iter().map(owned).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_of_a_public_client_lives_and_its_refreshes_are_the_forms_of_the_rfc() {
    let (server, wire) = public().await;
    let device = server.device();
    device.lives_through_a_restart(ACCESS_LIFE).await;

    let sent = wire.sent("/oauth/token");
    let grants = sent.iter().map(|sent| sent.form());
    let (sign_ins, refreshes): (Vec<_>, Vec<_>) =
        grants.partition(|form| form.contains(&("grant_type".into(), "password".into())));
    assert_eq!((sign_ins.len(), refreshes.len()), (1, 3));
    let mut presented = Vec::new();
    for refresh in refreshes {
        let (_, token) = refresh.last().unwrap().clone();
        let expected = [
            ("client_id", "app"),
            ("grant_type", "refresh_token"),
            ("refresh_token", &token),
        ];
        assert!(
            refresh == form(&expected),
            "other fields, or a token beside its field"
        );
        presented.push(token);
    }
    assert!(
        sent.iter()
            .all(|sent| sent.method == "POST" && sent.target == "/oauth/token")
    );
    assert!(sent.iter().all(|sent| sent.header("authorization").is_none()));
    assert!(sent.iter().all(|sent| sent.header("idempotency-key").is_none()));

    // Rotation: each of them was another one, and those that were presented are worth nothing now.
    assert_eq!(refresh(&server, &presented[0]).await.refusal(), OVER);
    presented.push(token_on(&device));
    presented.sort();
    presented.dedup();
    assert_eq!(presented.len(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_with_a_secret_in_the_body_lives_through_a_restart() {
    let client = OAuthClient::post(ODD_ID, ODD_SECRET);
    let (server, wire) = server(client, Registered::post(ODD_ID, ODD_SECRET), None).await;
    server.device().lives_through_a_restart(ACCESS_LIFE).await;
    for sent in wire.sent("/oauth/token") {
        assert!(sent.header("authorization").is_none());
        assert!(sent.form().contains(&("client_id".into(), ODD_ID.into())));
        assert!(sent.form().contains(&("client_secret".into(), ODD_SECRET.into())));
    }
}

/// RFC 6749 §2.3.1: each of the two is form-encoded before they are joined.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_with_a_secret_in_the_header_lives_through_a_restart() {
    let client = OAuthClient::basic(ODD_ID, ODD_SECRET);
    let (server, wire) = server(client, Registered::basic(ODD_ID, ODD_SECRET), None).await;
    server.device().lives_through_a_restart(ACCESS_LIFE).await;
    let sent = wire.sent("/oauth/token");
    assert_eq!(sent.len(), 4);
    let expected = format!("Basic {}", STANDARD.encode("my%3Aapp:s%2Bcr%3At+%25%26%3D%C3%A9"));
    for sent in sent {
        assert_eq!(sent.header("authorization"), Some(expected.as_str()));
        let names = sent.form().into_iter().map(|(name, _)| name);
        assert!(names.into_iter().all(|name| !name.starts_with("client_")));
    }
}

/// 1 the app is signed in; 2 an update of it comes with a wrong secret; 3 it is told that it is set up wrongly, and
/// keeps the session; 4 the next update mends it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_client_secret_is_a_wrong_set_up_and_no_session_is_lost() {
    for (right, registered, wrong) in [
        (
            OAuthClient::post("app", "right"),
            Registered::post("app", "right"),
            OAuthClient::post("app", "wrong"),
        ),
        (
            OAuthClient::basic("app", "right"),
            Registered::basic("app", "right"),
            OAuthClient::basic("app", "wrong"),
        ),
    ] {
        let (server, wire) = server(right, registered, None).await;
        let device = server.device();
        device.signed_in().await.kill();
        let token = token_on(&device);
        server.pass(ACCESS_LIFE + ROUNDED);

        let updated = device.start_with(profile(wire.url(), wrong));
        let error = updated.session.access_token().await.unwrap_err();
        let SessionError::Misconfigured { what, fix } = error else {
            panic!("{error:?}");
        };
        assert!(what.contains("401 invalid_client"), "{what}");
        assert!(fix.contains("registration"), "{fix}");
        assert!(updated.session.state().is_active());
        assert_eq!(
            told(&updated.session),
            ["Restored", "Misconfigured 401 invalid_client"]
        );
        assert!(token_on(&device) == token, "the session's token is another");
        updated.kill();

        let mended = device.start();
        let token = mended.session.access_token().await.unwrap();
        assert!(server.accepts(token.secret()).await);
        assert_eq!(
            (server.backend.stats().logins, server.backend.stats().exchanges),
            (1, 1)
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_ends_a_grant_is_told_as_revoked() {
    let (server, _wire) = public().await;
    let reason = EndReason::Revoked;

    // A token that was never one.
    let device = server.device();
    let unknown = device.adopting(TokenSet::refresh_token("nobody's")).await;
    device.ends(unknown, Duration::ZERO, reason.clone(), OVER).await;

    // A thief was first.
    let device = server.device();
    let app = device.signed_in().await;
    assert_eq!(refresh(&server, &token_on(&device)).await.status, 200);
    device.ends(app, ACCESS_LIFE, reason.clone(), OVER).await;
    assert_eq!(server.backend.stats().reuse_detected, 1);

    // Its time was over.
    let device = server.device();
    let app = device.signed_in().await;
    device.ends(app, REFRESH_LIFE, reason, OVER).await;
}

/// It is a text for developers (RFC 6749 §5.2): nothing hangs on it, neither under the code that ends a grant nor under
/// any other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_description_is_no_verdict() {
    let (server, _wire) = public().await;
    let answer = |status, error: &str, description: &str| FaultKind::Answer {
        status,
        retry_after: None,
        content_type: None,
        body: format!(r#"{{"error":"{error}","error_description":"{description}"}}"#),
        processed: false,
    };
    let device = server.device();
    let process = device.signed_in().await;
    for (status, error) in [
        (400, "invalid_request"),
        (503, "temporarily_unavailable"),
        (400, ""),
    ] {
        let fault = answer(status, error, "invalid_grant: the token is expired or revoked");
        server.backend.arm(Fault::once(Route::Refresh, fault)).unwrap();
        server.pass(ACCESS_LIFE + ROUNDED);
        let told = format!("ServerBusy {status} {error}");
        device.waits(&process, told.trim_end()).await;
    }
    device.renews(&process, ACCESS_LIFE).await;
    for description in ["expired", "reuse_detected", "password_changed", "try again later"] {
        let device = server.device();
        let process = device.signed_in().await;
        let fault = answer(400, "invalid_grant", description);
        server.backend.arm(Fault::once(Route::Refresh, fault)).unwrap();
        device.ends(process, ACCESS_LIFE, EndReason::Revoked, OVER).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_order_in_which_a_server_lists_the_scope_does_not_matter() {
    let (server, _wire) = public().await;
    let device = server.device();
    let process = device.signed_in().await;
    for scope in ["api profile", "profile api", "", "profile"] {
        let fault = FaultKind::field("scope", scope);
        server.backend.arm(Fault::once(Route::Refresh, fault)).unwrap();
        device.renews(&process, ACCESS_LIFE).await;
    }
    assert_eq!(server.backend.stats().faults, 4, "each answer said another scope");
    assert_eq!(told(&process.session).len(), 5);
}

/// RFC 7009: the refresh token, as a form, under the client's own authentication.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signing_out_revokes_the_token_by_the_rfc() {
    let client = OAuthClient::basic(ODD_ID, ODD_SECRET);
    let (server, wire) = server(client, Registered::basic(ODD_ID, ODD_SECRET), None).await;
    let device = server.device();
    let process = device.signed_in().await;
    device.renews(&process, ACCESS_LIFE).await;
    let token = token_on(&device);
    process.session.sign_out().await.unwrap();
    eventually("the revocation", || server.backend.stats().revocations == 1).await;
    eventually("its crossing out", || {
        device
            .record()
            .get("revoke_pending")
            .is_none_or(|waiting| waiting.as_array().is_some_and(Vec::is_empty))
    })
    .await;

    let sent = wire.sent("/oauth/revoke");
    assert_eq!((sent.len(), sent[0].method.as_str()), (1, "POST"));
    let expected = [("token", &*token), ("token_type_hint", "refresh_token")];
    assert!(sent[0].form() == form(&expected), "other fields");
    assert!(sent[0].header("authorization").unwrap().starts_with("Basic "));

    // A thief who had it before has nothing now.
    let thief = server.device();
    let process = thief.adopting(TokenSet::refresh_token(token)).await;
    thief
        .ends(process, Duration::ZERO, EndReason::Revoked, OVER)
        .await;
}

/// What the server does not know any more is gone, which is all that was asked (RFC 7009 §2.2).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signing_out_of_a_grant_that_is_over_is_done_at_once() {
    let (server, wire) = public().await;
    let device = server.device();
    let process = device.adopting(TokenSet::refresh_token("nobody's")).await;
    process.session.sign_out().await.unwrap();
    eventually("the revocation", || wire.sent("/oauth/revoke").len() == 1).await;
    assert_eq!(told(&process.session), ["Adopted", "SignOutAsked", "SignedOut"]);
    assert_eq!(server.backend.stats().revocations, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_contract_a_lost_answer_loses_no_session_and_without_it_the_grant() {
    let key = Some("Idempotency-Key");
    let client = OAuthClient::public("app");
    let (by_contract, _wire) = server(client, Registered::public("app"), key).await;
    let device = by_contract.device();
    let process = device.signed_in().await;
    device.dies_in_its_refresh(process, ACCESS_LIFE).await;
    device.renews(&device.start(), Duration::ZERO).await;
    assert_eq!(by_contract.backend.stats().replays, 1);

    let (plain, _wire) = public().await;
    let device = plain.device();
    let process = device.signed_in().await;
    device.dies_in_its_refresh(process, ACCESS_LIFE).await;
    let reason = EndReason::InterruptedRotation;
    device.ends(device.start(), Duration::ZERO, reason, OVER).await;
}
