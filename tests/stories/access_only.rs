//! Scheme `access-only`: there is no refresh token. The expired access token itself is renewed, once, within a window.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use tokencast::Notice;
use tokencast::error::EndReason;
use tokencast::profile::ServerProfile;
use tokencast::token::TokenSet;
use tokencast_backend::{Config, Fault, FaultKind, Route, Scheme};
use tokencast_testkit::eventually;

use crate::device::{ADA, Device, ROUNDED, told};
use crate::server::{Answer, Server, signed_by_nobody};

const ACCESS_LIFE: Duration = Duration::from_secs(15 * 60);
const WINDOW: Duration = Duration::from_secs(24 * 60 * 60);

async fn server() -> Server {
    by(ServerProfile::access_only).await
}

/// A server and an app that keep the idempotency contract.
async fn by_contract() -> Server {
    by(|url| Ok(ServerProfile::access_only(url)?.with_idempotency_key(Some("Idempotency-Key")))).await
}

async fn by(profile: impl Fn(&str) -> Result<ServerProfile, tokencast::profile::ProfileError>) -> Server {
    let config = Config {
        renew_window: WINDOW,
        ..Config::for_tests().with_scheme(Scheme::AccessOnly)
    };
    Server::of(super::start(config).await, profile)
}

fn token_on(device: &Device<'_>) -> String {
    device.secret("access_token")
}

/// By somebody who is no app.
async fn renew(server: &Server, token: &str, key: Option<&str>) -> Answer {
    server.post_under(key, "/auth/refresh", &[("token", token)]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_lives_through_expiry_and_a_restart() {
    for server in [server().await, by_contract().await] {
        server.device().lives_through_a_restart(ACCESS_LIFE).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_expired_token_is_renewed_until_the_end_of_the_window() {
    let server = server().await;
    let device = server.device();
    let process = device.signed_in().await;
    device.renews(&process, ACCESS_LIFE + WINDOW - ROUNDED * 2).await;
    device.renews(&process, ACCESS_LIFE).await;
    assert_eq!(told(&process.session), ["SignedIn", "Renewed", "Renewed"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_the_window_it_is_too_late_and_the_app_is_told() {
    let server = server().await;
    let device = server.device();
    let process = device.signed_in().await;
    let (reason, said) = (EndReason::Expired, "401 expired");
    device.ends(process, ACCESS_LIFE + WINDOW, reason, said).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_renews_a_token_a_second_time_is_refused() {
    let server = server().await;
    let device = server.device();
    let process = device.signed_in().await;
    let old = token_on(&device);
    device.renews(&process, ACCESS_LIFE).await;
    assert_eq!(
        renew(&server, &old, None).await.refusal(),
        "401 already_exchanged"
    );
    device.renews(&process, ACCESS_LIFE).await;
}

/// 1 the app's token expires; 2 somebody else renews it; 3 the app presents it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_that_comes_second_is_told_that_its_token_was_used() {
    for server in [server().await, by_contract().await] {
        let device = server.device();
        let process = device.signed_in().await;
        server.pass(ACCESS_LIFE + ROUNDED);
        let winner = renew(&server, &token_on(&device), None).await;
        let (reason, said) = (EndReason::ReuseDetected, "401 already_exchanged");
        device.ends(process, Duration::ZERO, reason, said).await;
        assert!(server.accepts(winner.access_token()).await);
    }
}

/// 1 the app's clock runs ahead: it takes its token for expired; 2 for the server it lives; 3 the app waits as long as
/// the server says, and asks nothing meanwhile; 4 then the token is renewed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_early_is_a_wait_and_nothing_is_lost() {
    let server = server().await;
    let device = server.device();
    let process = device.signed_in().await;
    server.clock.advance(ACCESS_LIFE);
    let wait = device.waits(&process, "ServerBusy 425 too_early").await;
    assert!(
        wait > ACCESS_LIFE - Duration::from_secs(60) && wait <= ACCESS_LIFE + ROUNDED,
        "{wait:?}"
    );
    device.waits(&process, "ServerBusy 425 too_early").await;
    assert_eq!(server.backend.stats().refresh_requests, 1);
    device.renews(&process, wait).await;
    let history = told(&process.session);
    assert_eq!(history[..2], ["SignedIn", "ServerBusy 425 too_early"]);
    assert_eq!(history.last().unwrap(), "Renewed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_renewed_ahead_of_its_end() {
    let server = server().await;
    let device = server.device();
    let process = device.signed_in().await;
    let token = process.session.access_token().await.unwrap();
    // Less is left than a caller is given otherwise, and the time to renew ahead has come.
    server.pass(ACCESS_LIFE - Duration::from_secs(8));
    process.session.notify(Notice::Foreground);
    let again = process.session.access_token().await.unwrap();
    let longer = process.session.access_token_with(ACCESS_LIFE).await.unwrap();
    assert_eq!([again.generation(), longer.generation()], [token.generation(); 2]);
    assert_eq!(server.backend.stats().refresh_requests, 0);
    process.session.notify(Notice::Background);
    device.renews(&process, Duration::from_secs(8)).await;
    assert_eq!(server.backend.stats().refresh_requests, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tampered_token_buys_nothing() {
    let server = server().await;
    let device = server.device();
    let genuine = server.login(ADA).await;
    let forged = TokenSet::only_access_token(signed_by_nobody(genuine.access_token()));
    let process = device.adopting(forged).await;
    let (reason, said) = (EndReason::Revoked, "401 invalid_token");
    device.ends(process, ACCESS_LIFE, reason, said).await;
    assert_eq!(renew(&server, genuine.access_token(), None).await.status, 200);
}

/// In its three ways: no answer, half of one, nobody there to hear it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_key_a_lost_answer_is_asked_for_again() {
    let server = by_contract().await;
    server.device().loses_no_answer(ACCESS_LIFE, Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_key_a_lost_answer_ends_the_session_and_the_app_is_told_that_it_was_interrupted() {
    let server = server().await;
    let (reason, said) = (EndReason::InterruptedRotation, "401 already_exchanged");
    let device = server.device();
    let process = device.signed_in().await;
    let lost = Fault::once(Route::Refresh, FaultKind::DropAfterCommit {});
    server.backend.arm(lost).unwrap();
    device.ends(process, ACCESS_LIFE, reason.clone(), said).await;

    let process = device.signed_in().await;
    device.dies_in_its_refresh(process, ACCESS_LIFE).await;
    device.ends(device.start(), Duration::ZERO, reason, said).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_gets_one_successor_however_often_it_asks() {
    let server = by_contract().await;
    let old = server.login(ADA).await;
    server.pass(ACCESS_LIFE + ROUNDED);
    let mut successors = Vec::new();
    for _ in 0..3 {
        successors.push(id(renew(&server, old.access_token(), Some("mine"))
            .await
            .access_token()));
    }
    successors.dedup();
    assert_eq!(successors.len(), 1);
    let other = renew(&server, old.access_token(), Some("another")).await;
    assert_eq!(other.refusal(), "401 already_exchanged");
}

/// The database holds one line for each renewed token, until nobody could renew that any more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_database_forgets_renewed_tokens_whose_window_has_passed() {
    let server = server().await;
    let remembered = async || server.backend.remembered_renewals().await.unwrap();
    let (device, other) = (server.device(), server.device());
    let process = device.signed_in().await;
    let first = token_on(&device);
    for count in 1..=3 {
        device.renews(&process, ACCESS_LIFE).await;
        assert_eq!(remembered().await, count);
    }
    process.kill();
    server.pass(WINDOW + ACCESS_LIFE * 2);
    let process = other.signed_in().await;
    other.renews(&process, ACCESS_LIFE).await;
    assert_eq!(remembered().await, 1, "the other's own");
    // Forgotten, and worth nothing all the same.
    assert_eq!(renew(&server, &first, None).await.refusal(), "401 expired");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_device_is_a_second_session_and_signing_out_ends_one() {
    let server = server().await;
    let (phone, tablet) = (server.device(), server.device());
    let (on_phone, on_tablet) = (phone.signed_in().await, tablet.signed_in().await);
    let token = token_on(&phone);
    on_phone.session.sign_out().await.unwrap();
    eventually("the revocation", || server.backend.stats().revocations == 1).await;
    tablet.renews(&on_tablet, ACCESS_LIFE).await;
    assert_eq!(renew(&server, &token, None).await.refusal(), "401 invalid_token");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_password_ends_the_session_and_the_app_is_told() {
    let server = server().await;
    let (reason, said) = (EndReason::PasswordChanged, "401 password_changed");
    server
        .device()
        .ends_with_the_password(ACCESS_LIFE, reason, said)
        .await;
}

/// What stays the same in each copy of one token.
fn id(token: &str) -> String {
    let payload = token.split('.').nth(1).unwrap();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
    claims["jti"].as_str().unwrap().to_owned()
}
