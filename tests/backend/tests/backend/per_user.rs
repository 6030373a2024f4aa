//! The scheme `per-user`: one refresh token for each user, with an empty payload.

use std::collections::HashSet;

use serde_json::json;
use tokencast_backend::{Config, RunningBackend, Scheme};

use super::start_with;
use crate::jwt;
use crate::support::{Client, DAY, MINUTE, Tokens};

async fn start() -> (RunningBackend, Client) {
    let backend = start_with(Config::for_tests().with_scheme(Scheme::PerUser)).await;
    let client = Client::of(&backend);
    (backend, client)
}

#[tokio::test]
async fn an_expired_access_token_and_the_users_refresh_token_give_an_access_token_only() {
    let (backend, client) = start().await;
    let answer = client.login("ada", "lovelace").await;
    assert_eq!(answer.json["expires_in"], 30 * 60);
    let tokens = answer.tokens();
    for _ in 0..2 {
        backend.advance_clock(31 * MINUTE);
        assert_eq!(client.get("/api/me", &tokens.access).await.status, 401);
        let answer = client.refresh_pair(&tokens, None).await;
        assert_eq!(
            jwt::names(&answer.json),
            ["access_token", "expires_in", "token_type"]
        );
        let me = client.get("/api/me", &answer.access()).await;
        assert_eq!((me.status, me.json["name"].as_str()), (200, Some("ada")));
    }
}

#[tokio::test]
async fn payloads_are_empty_and_yet_no_two_logins_of_one_second_get_the_same_token() {
    let (backend, client) = start().await;
    let mut seen = HashSet::new();
    for user in 0..8 {
        let name = format!("user-{user}");
        backend.create_user(&name, "password").await.unwrap();
        for _ in 0..4 {
            let refresh = client.login(&name, "password").await.tokens().refresh;
            let (header, payload) = jwt::read(&refresh);
            assert_eq!(payload, json!({}));
            assert_eq!(jwt::names(&header), ["alg", "nonce", "typ"]);
            assert!(seen.insert(refresh), "two logins got one token");
        }
    }
}

#[tokio::test]
async fn a_genuine_token_that_is_not_the_stored_one_is_refused() {
    let (backend, client) = start().await;
    backend.create_user("grace", "hopper").await.unwrap();
    let ada = client.sign_in().await;
    let grace = client.login("grace", "hopper").await.tokens();
    let mixed = Tokens {
        refresh: grace.refresh.clone(),
        ..ada.clone()
    };
    assert_eq!(
        client.refresh_pair(&mixed, None).await.error(),
        (401, "invalid_token")
    );
    let newer = client.sign_in().await;
    assert_eq!(
        client.refresh_pair(&ada, None).await.error(),
        (401, "signed_in_elsewhere")
    );
    let mixed = Tokens {
        refresh: newer.refresh.clone(),
        ..ada
    };
    assert_eq!(
        client.refresh_pair(&mixed, None).await.error(),
        (401, "invalid_token")
    );
    assert_eq!(client.refresh_pair(&newer, None).await.status, 200);
    assert_eq!(client.refresh_pair(&grace, None).await.status, 200);
}

#[tokio::test]
async fn a_tampered_token_of_either_kind_is_invalid() {
    let (_backend, client) = start().await;
    let tokens = client.sign_in().await;
    for refresh in jwt::tampered(&tokens.refresh) {
        let pair = Tokens {
            refresh,
            ..tokens.clone()
        };
        assert_eq!(
            client.refresh_pair(&pair, None).await.error(),
            (401, "invalid_token")
        );
    }
    for access in jwt::tampered(&tokens.access) {
        let pair = Tokens {
            access,
            ..tokens.clone()
        };
        assert_eq!(
            client.refresh_pair(&pair, None).await.error(),
            (401, "invalid_token")
        );
    }
    assert_eq!(client.refresh_pair(&tokens, None).await.status, 200);
}

/// The stored token's equality would refuse it as well; a session that has ended is told why before that.
#[tokio::test]
async fn a_forged_token_is_not_told_of_the_other_device_and_signs_nobody_out() {
    let (backend, client) = start().await;
    let first = client.sign_in().await;
    let second = client.sign_in().await;
    let forge = |tokens: &Tokens| {
        let (header, claims) = jwt::read(&tokens.refresh);
        jwt::hs256(&header, &claims, b"guess")
    };
    let forged = Tokens {
        refresh: forge(&first),
        ..first
    };
    assert_eq!(
        client.refresh_pair(&forged, None).await.error(),
        (401, "invalid_token")
    );
    assert_eq!(client.logout(&forge(&second)).await.status, 200);
    assert_eq!(client.refresh_pair(&second, None).await.status, 200);
    assert_eq!(backend.stats().revocations, 0);
}

#[tokio::test]
async fn it_lives_two_weeks() {
    let (backend, client) = start().await;
    let tokens = client.sign_in().await;
    backend.advance_clock(14 * DAY - MINUTE);
    assert_eq!(client.refresh_pair(&tokens, None).await.status, 200);
    backend.advance_clock(2 * MINUTE);
    assert_eq!(client.refresh_pair(&tokens, None).await.error(), (401, "expired"));
}

#[tokio::test]
async fn a_changed_password_ends_it_and_says_so() {
    let (_backend, client) = start().await;
    let tokens = client.sign_in().await;
    client.change_password("ada", "lovelace", "analytical").await;
    assert_eq!(
        client.refresh_pair(&tokens, None).await.error(),
        (401, "password_changed")
    );
    let new = client.login("ada", "analytical").await.tokens();
    assert_eq!(client.refresh_pair(&new, None).await.status, 200);
    assert_eq!(
        client.refresh_pair(&tokens, None).await.error(),
        (401, "password_changed")
    );
}

#[tokio::test]
async fn either_token_signs_out() {
    let (backend, client) = start().await;
    for which in [
        |tokens: &Tokens| tokens.refresh.clone(),
        |tokens: &Tokens| tokens.access.clone(),
    ] {
        let tokens = client.sign_in().await;
        for _ in 0..2 {
            assert_eq!(client.logout(&which(&tokens)).await.status, 200);
        }
        assert_eq!(
            client.refresh_pair(&tokens, None).await.error(),
            (401, "invalid_token")
        );
    }
    assert_eq!(backend.stats().revocations, 2);
}
