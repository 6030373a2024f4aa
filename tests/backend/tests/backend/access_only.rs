//! The scheme `access-only`: an expired access token renews itself, once, within a window.

use std::time::Duration;

use futures_util::future::join_all;
use tokencast_backend::{Config, RunningBackend, Scheme};

use super::start_with;
use crate::support::{Client, DAY, MINUTE};

async fn start() -> (RunningBackend, Client) {
    let config = Config {
        renew_window: DAY,
        ..Config::for_tests().with_scheme(Scheme::AccessOnly)
    };
    let backend = start_with(config).await;
    let client = Client::of(&backend);
    (backend, client)
}

async fn sign_in(client: &Client) -> String {
    client.login("ada", "lovelace").await.access()
}

#[tokio::test]
async fn an_expired_access_token_is_renewed_once() {
    let (backend, client) = start().await;
    let answer = client.login("ada", "lovelace").await;
    assert!(answer.json.get("refresh_token").is_none());
    let old = answer.access();
    backend.advance_clock(16 * MINUTE);
    assert_eq!(client.get("/api/me", &old).await.status, 401);
    let new = client.renew(&old, None).await.access();
    assert_eq!(client.get("/api/me", &new).await.status, 200);
    assert_eq!(client.renew(&old, None).await.error(), (401, "already_exchanged"));
    backend.advance_clock(16 * MINUTE);
    let query = format!("/auth/refresh?token={new}");
    assert_eq!(
        client.get(&query, "").await.status,
        200,
        "as the mission draws it"
    );
}

#[tokio::test]
async fn too_early_says_when_to_come_and_changes_nothing() {
    let (backend, client) = start().await;
    let access = sign_in(&client).await;
    let early = client.renew(&access, None).await;
    assert_eq!(early.error(), (425, "too_early"));
    let rest: u64 = early.header("retry-after").parse().unwrap();
    assert!((890..=901).contains(&rest), "{rest}");
    backend.advance_clock(Duration::from_secs(rest));
    assert_eq!(client.renew(&access, None).await.status, 200);
}

#[tokio::test]
async fn too_late_is_expired_to_the_second() {
    let (backend, client) = start().await;
    let (one, other) = (sign_in(&client).await, sign_in(&client).await);
    backend.advance_clock(DAY + 14 * MINUTE);
    assert_eq!(client.renew(&one, None).await.status, 200);
    backend.advance_clock(2 * MINUTE);
    assert_eq!(client.renew(&other, None).await.error(), (401, "expired"));
}

#[tokio::test]
async fn a_tampered_token_is_invalid() {
    let (backend, client) = start().await;
    let access = sign_in(&client).await;
    backend.advance_clock(16 * MINUTE);
    let (head, signature) = access.rsplit_once('.').unwrap();
    let turned: String = signature.chars().rev().collect();
    for forged in [
        format!("{head}.{turned}"),
        format!("{head}."),
        "x".into(),
        "a.b.c".into(),
    ] {
        assert_eq!(client.renew(&forged, None).await.error(), (401, "invalid_token"));
    }
    assert_eq!(client.renew(&access, None).await.status, 200);
}

#[tokio::test]
async fn of_fifty_at_once_one_wins() {
    let (backend, client) = start().await;
    let access = sign_in(&client).await;
    backend.advance_clock(16 * MINUTE);
    let answers = join_all((0..50).map(|_| client.renew(&access, None))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    let lost = answers
        .iter()
        .filter(|answer| answer.error() == (401, "already_exchanged"));
    assert_eq!(lost.count(), 49);
}

#[tokio::test]
async fn spent_tokens_are_remembered_as_long_as_they_could_be_renewed_and_swept_then() {
    let (backend, client) = start().await;
    let access = sign_in(&client).await;
    backend.advance_clock(16 * MINUTE);
    assert_eq!(client.renew(&access, None).await.status, 200);
    assert_eq!(backend.remembered_renewals().await.unwrap(), 1);
    backend.advance_clock(DAY - 2 * MINUTE);
    assert_eq!(
        client.renew(&access, None).await.error(),
        (401, "already_exchanged")
    );
    // When the memory of it is gone, its window is too.
    backend.advance_clock(DAY);
    assert_eq!(client.renew(&access, None).await.error(), (401, "expired"));
    assert_eq!(backend.remembered_renewals().await.unwrap(), 0);
}

#[tokio::test]
async fn with_a_key_the_same_token_gets_the_same_successor_until_that_is_renewed() {
    let (backend, client) = start().await;
    let (old, other) = (sign_in(&client).await, sign_in(&client).await);
    backend.advance_clock(16 * MINUTE);
    let answers = join_all((0..20).map(|_| client.renew(&old, Some("key-1")))).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    assert_eq!((backend.stats().exchanges, backend.stats().replays), (1, 19));
    assert_eq!(
        client.renew(&old, Some("key-2")).await.error(),
        (401, "already_exchanged")
    );
    assert_eq!(
        client.renew(&other, Some("key-1")).await.error(),
        (422, "idempotency_mismatch")
    );

    backend.advance_clock(60 * MINUTE);
    let again = client.renew(&old, Some("key-1")).await.access();
    assert_eq!(
        client.get("/api/me", &again).await.status,
        200,
        "it lives from now"
    );
    backend.advance_clock(16 * MINUTE);
    // One successor, in however many copies: renewed once.
    assert_eq!(client.renew(&again, Some("key-3")).await.status, 200);
    assert_eq!(
        client.renew(&answers[0].access(), None).await.error(),
        (401, "already_exchanged")
    );
    assert_eq!(
        client.renew(&old, Some("key-1")).await.error(),
        (409, "superseded")
    );
    backend.advance_clock(2 * MINUTE);
    assert_eq!(
        client.renew(&old, Some("key-1")).await.error(),
        (401, "already_exchanged")
    );
}

#[tokio::test]
async fn any_token_of_a_session_signs_it_out() {
    let (backend, client) = start().await;
    let old = sign_in(&client).await;
    backend.advance_clock(16 * MINUTE);
    let new = client.renew(&old, None).await.access();
    assert_eq!(client.logout(&old).await.status, 200);
    assert_eq!(client.logout(&old).await.status, 200);
    assert_eq!(backend.stats().revocations, 1);
    backend.advance_clock(16 * MINUTE);
    assert_eq!(client.renew(&new, None).await.error(), (401, "invalid_token"));
}
