//! Scheme `cookie`: the refresh token in a cookie, which lives in the core's storage and nowhere else.

use std::time::Duration;

use tokencast::error::EndReason;
use tokencast::profile::ServerProfile;
use tokencast::token::TokenSet;
use tokencast_backend::{Config, Scheme};
use tokencast_testkit::Recorder;

use crate::device::{ADA, sign_in};
use crate::server::Server;

const ACCESS_LIFE: Duration = Duration::from_secs(15 * 60);
const REFRESH_LIFE: Duration = Duration::from_secs(14 * 24 * 60 * 60);

async fn server() -> Server {
    let backend = super::start(Config::for_tests().with_scheme(Scheme::Cookie)).await;
    Server::of(backend, ServerProfile::cookie)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_lives_through_expiry_and_a_restart() {
    server().await.device().lives_through_a_restart(ACCESS_LIFE).await;
}

/// What the host can get hold of: tokens, events, states, and everything as `Debug` prints it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neither_cookie_ever_reaches_the_host() {
    let server = server().await;
    let device = server.device();
    let process = device.start();
    let heard = Recorder::on(&process.session);
    sign_in(&process.session, ADA).await;
    let mut secrets = cookies(&device.record());
    let mut tokens = vec![process.session.access_token().await.unwrap()];
    for _ in 0..2 {
        server.pass(ACCESS_LIFE + Duration::from_secs(2));
        tokens.push(process.session.access_token().await.unwrap());
        secrets.extend(cookies(&device.record()));
    }
    assert_eq!(secrets.len(), 6, "two cookies, thrice");
    secrets.sort();
    secrets.dedup();
    assert_eq!(secrets.len(), 6, "all of them rotate");

    let session = &process.session;
    let mut seen = format!(
        "{:?} {:?} {:?} {session:?}",
        heard.events(),
        session.state(),
        session.profile()
    );
    // The others came to their end.
    assert!(server.accepts(tokens[2].secret()).await);
    for token in &tokens {
        seen += token.secret();
        seen += &format!("{token:?}");
    }
    assert!(seen.contains("ada"), "the search itself works");
    for secret in &secrets {
        assert!(!seen.contains(secret), "a cookie reached the host");
    }
}

/// After a sign-in in a webview the app hands the cookies over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn adopted_cookies_go_on_as_the_cores_own() {
    let server = server().await;
    let device = server.device();
    let process = device.adopting(from_a_webview(&server).await).await;
    let token = process.session.access_token().await.unwrap();
    assert!(server.accepts(token.secret()).await);
    process.kill();
    let process = device.start();
    let token = process.session.access_token().await.unwrap();
    assert!(server.accepts(token.secret()).await);
    assert_eq!(server.backend.stats().reuse_detected, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_password_ends_the_session_and_the_app_is_told() {
    let server = server().await;
    let (phone, tablet) = (server.device(), server.device());
    let (on_phone, on_tablet) = (phone.signed_in().await, tablet.signed_in().await);
    server.change_password(ADA, "analytical").await;
    phone
        .ends(
            on_phone,
            ACCESS_LIFE,
            EndReason::PasswordChanged,
            "401 password_changed",
        )
        .await;
    tablet
        .ends(
            on_tablet,
            ACCESS_LIFE,
            EndReason::PasswordChanged,
            "401 password_changed",
        )
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forged_cookie_buys_nothing() {
    let server = server().await;
    let device = server.device();
    let process = device
        .adopting(TokenSet::cookies("refresh=forged; csrf=mine"))
        .await;
    device
        .ends(process, ACCESS_LIFE, EndReason::Revoked, "401 invalid_token")
        .await;
}

/// The owner refreshed, and a thief presents the cookie that was stolen before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stolen_cookie_ends_the_session_at_its_second_use_and_the_app_is_told() {
    let server = server().await;
    let (owners, thiefs) = (server.device(), server.device());
    let cookies = from_a_webview(&server).await;
    let (owner, thief) = (owners.start(), thiefs.start());
    owner.session.adopt(cookies.clone()).await.unwrap();
    owner.session.access_token().await.unwrap();
    thief.session.adopt(cookies).await.unwrap();
    thiefs
        .ends(
            thief,
            Duration::ZERO,
            EndReason::ReuseDetected,
            "401 reuse_detected",
        )
        .await;
    owners
        .ends(owner, ACCESS_LIFE, EndReason::ReuseDetected, "401 reuse_detected")
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cookie_that_came_to_its_end_is_told_so() {
    let server = server().await;
    let device = server.device();
    let process = device.signed_in().await;
    device
        .ends(process, REFRESH_LIFE, EndReason::Expired, "401 expired")
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signing_out_ends_it_at_the_server_too() {
    let server = server().await;
    let device = server.device();
    let process = device.signed_in().await;
    let cookies = device.secret("cookie");
    process.session.sign_out().await.unwrap();
    tokencast_testkit::eventually("the revocation", || server.backend.stats().revocations == 1).await;
    let thief = server.device();
    let process = thief.adopting(TokenSet::cookies(cookies)).await;
    thief
        .ends(process, ACCESS_LIFE, EndReason::Revoked, "401 invalid_token")
        .await;
}

/// The values of the stored cookies.
fn cookies(record: &serde_json::Value) -> Vec<String> {
    let text = record["credential"]["cookie"].as_str().unwrap();
    let pairs = text.split("; ").map(|pair| pair.split_once('=').unwrap());
    pairs.map(|(_, value)| value.to_owned()).collect()
}

async fn from_a_webview(server: &Server) -> TokenSet {
    let answer = server.login(ADA).await;
    let cookies: Vec<String> = answer
        .headers
        .get_all("set-cookie")
        .iter()
        .map(|cookie| cookie.to_str().unwrap().split(';').next().unwrap().to_owned())
        .collect();
    assert_eq!(cookies.len(), 2);
    TokenSet::cookies(cookies.join("; "))
}
