//! The scheme `exchange-once`: its row is deleted, and deleting nothing means that it was exchanged before.

use futures_util::future::join_all;
use tokencast_backend::{Config, RunningBackend, Scheme};

use super::start_with;
use crate::support::{Client, DAY, MINUTE, Tokens};

async fn start(idempotency: bool) -> (RunningBackend, Client) {
    let config = Config {
        idempotency,
        ..Config::for_tests().with_scheme(Scheme::ExchangeOnce)
    };
    let backend = start_with(config).await;
    let client = Client::of(&backend);
    (backend, client)
}

#[tokio::test]
async fn a_pair_is_exchanged_once_and_again_is_refused_without_harm_to_the_new_pair() {
    for idempotency in [false, true] {
        let (backend, client) = start(idempotency).await;
        let old = client.sign_in().await;
        backend.advance_clock(16 * MINUTE);
        assert_eq!(client.get("/api/me", &old.access).await.status, 401);
        let new = client.refresh_pair(&old, None).await.tokens();
        for _ in 0..2 {
            let again = client.refresh_pair(&old, None).await;
            assert_eq!(again.error(), (401, "already_exchanged"));
        }
        assert_eq!(client.get("/api/me", &new.access).await.status, 200);
        assert_eq!(client.refresh_pair(&new, None).await.status, 200);
        assert_eq!(backend.stats().exchanges, 2);
    }
}

#[tokio::test]
async fn of_fifty_at_once_one_wins() {
    let (_backend, client) = start(false).await;
    let old = client.sign_in().await;
    let answers = join_all((0..50).map(|_| client.refresh_pair(&old, None))).await;
    let won = answers.iter().filter(|answer| answer.status == 200);
    assert_eq!(won.count(), 1);
}

#[tokio::test]
async fn a_refresh_token_works_beside_its_own_access_token_only() {
    let (backend, client) = start(true).await;
    let (mine, other) = (client.sign_in().await, client.sign_in().await);
    let stolen = Tokens {
        access: other.access.clone(),
        refresh: mine.refresh.clone(),
    };
    let swapped = Tokens {
        access: mine.access.clone(),
        refresh: other.refresh.clone(),
    };
    let (head, signature) = mine.access.rsplit_once('.').unwrap();
    let turned: String = signature.chars().rev().collect();
    let forged = Tokens {
        access: format!("{head}.{turned}"),
        ..mine.clone()
    };
    let cut = Tokens {
        refresh: mine.refresh[..mine.refresh.len() - 1].to_owned(),
        ..mine.clone()
    };
    let foreign = start(true).await;
    let foreign = foreign.1.sign_in().await;
    for pair in [stolen, swapped, forged, cut, foreign] {
        for key in [None, Some("key-1")] {
            assert_eq!(
                client.refresh_pair(&pair, key).await.error(),
                (401, "invalid_token")
            );
        }
    }
    assert_eq!(backend.stats().exchanges, 0);
    for pair in [mine, other] {
        assert_eq!(
            client.refresh_pair(&pair, None).await.status,
            200,
            "nothing happened to it"
        );
    }
}

#[tokio::test]
async fn the_query_form_of_the_mission_works_too() {
    let (_backend, client) = start(false).await;
    let old = client.sign_in().await;
    let query = format!(
        "/auth/refresh?access_token={}&refresh_token={}",
        old.access, old.refresh
    );
    let new = client.get(&query, "").await.tokens();
    assert_eq!(client.get(&query, "").await.error(), (401, "already_exchanged"));
    assert_eq!(client.refresh_pair(&new, None).await.status, 200);
    let without = format!("/auth/refresh?refresh_token={}", new.refresh);
    assert_eq!(client.get(&without, "").await.error(), (400, "invalid_request"));
}

#[tokio::test]
async fn an_expired_pair_is_told_so() {
    let (backend, client) = start(false).await;
    let old = client.sign_in().await;
    backend.advance_clock(14 * DAY);
    assert_eq!(client.refresh_pair(&old, None).await.error(), (401, "expired"));
}

#[tokio::test]
async fn with_a_key_the_same_pair_gets_the_same_successor_and_an_access_token_that_fits_it() {
    let (backend, client) = start(true).await;
    let old = client.sign_in().await;
    let first = client.refresh_pair(&old, Some("key-1")).await.tokens();
    backend.advance_clock(60 * MINUTE);
    let again = client.refresh_pair(&old, Some("key-1")).await.tokens();
    assert!(again.refresh == first.refresh);
    assert_eq!(client.get("/api/me", &again.access).await.status, 200);
    assert_eq!(client.refresh_pair(&again, Some("key-2")).await.status, 200);
    assert_eq!(
        client.refresh_pair(&old, Some("key-1")).await.error(),
        (409, "superseded")
    );
    assert_eq!(
        client.refresh_pair(&old, Some("key-9")).await.error(),
        (401, "reuse_detected")
    );
    assert_eq!((backend.stats().exchanges, backend.stats().replays), (2, 1));
}

#[tokio::test]
async fn with_idempotency_off_a_key_means_nothing() {
    let (_backend, client) = start(false).await;
    let old = client.sign_in().await;
    assert_eq!(client.refresh_pair(&old, Some("key-1")).await.status, 200);
    assert_eq!(
        client.refresh_pair(&old, Some("key-1")).await.error(),
        (401, "already_exchanged")
    );
}

#[tokio::test]
async fn either_token_of_a_pair_signs_out() {
    let (backend, client) = start(true).await;
    let (one, other) = (client.sign_in().await, client.sign_in().await);
    assert_eq!(client.logout(&one.refresh).await.status, 200);
    assert_eq!(client.logout(&other.access).await.status, 200);
    assert_eq!(client.logout("unknown").await.status, 200);
    assert_eq!(backend.stats().revocations, 2);
    for pair in [one, other] {
        assert_eq!(
            client.refresh_pair(&pair, None).await.error(),
            (401, "invalid_token")
        );
    }
}
