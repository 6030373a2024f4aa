//! The scheme `salted`: refresh tokens signed with the user's salt, which a new password replaces.

use std::time::Duration;

use serde_json::json;
use tokencast_backend::{Config, RunningBackend, Scheme};

use super::start_with;
use crate::jwt;
use crate::support::{Client, DAY, MINUTE, Tokens};

const HOUR: Duration = Duration::from_secs(60 * 60);

async fn start() -> (RunningBackend, Client) {
    let backend = start_with(Config::for_tests().with_scheme(Scheme::Salted)).await;
    let client = Client::of(&backend);
    (backend, client)
}

fn with_refresh(tokens: &Tokens, refresh: String) -> Tokens {
    Tokens {
        refresh,
        ..tokens.clone()
    }
}

#[tokio::test]
async fn a_refresh_gives_an_access_token_and_leaves_the_refresh_token_as_it_is() {
    let (backend, client) = start().await;
    let answer = client.login("ada", "lovelace").await;
    assert_eq!(answer.json["expires_in"], 3600);
    let tokens = answer.tokens();
    for _ in 0..2 {
        backend.advance_clock(HOUR + MINUTE);
        assert_eq!(client.get("/api/me", &tokens.access).await.status, 401);
        let answer = client.refresh_pair(&tokens, None).await;
        assert_eq!(
            jwt::names(&answer.json),
            ["access_token", "expires_in", "token_type"]
        );
        assert_eq!(client.get("/api/me", &answer.access()).await.status, 200);
    }
}

#[tokio::test]
async fn access_tokens_are_rs256_and_refresh_tokens_hs256_by_the_salt_that_kid_names() {
    let (_backend, client) = start().await;
    let tokens = client.sign_in().await;
    let (header, claims) = jwt::read(&tokens.access);
    assert_eq!(header["alg"], "RS256");
    assert_eq!(jwt::names(&claims), ["exp", "iat", "jti", "sub", "type"]);
    let keys = client.get("/jwks.json", "").await.json["keys"].clone();
    assert_eq!(keys[0]["kid"], header["kid"]);
    assert_eq!(
        jwt::names(&keys[0]),
        ["alg", "e", "kid", "kty", "n", "use"],
        "nothing private"
    );
    let (header, claims) = jwt::read(&tokens.refresh);
    assert_eq!(header["alg"], "HS256");
    assert_eq!(jwt::names(&claims), ["exp", "iat", "jti", "sub", "type"]);
    assert_eq!(
        claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(),
        7 * 86_400
    );
    let other = client.sign_in().await;
    assert_eq!(
        jwt::read(&other.refresh).0["kid"],
        header["kid"],
        "one salt for the user"
    );
}

#[tokio::test]
async fn a_changed_password_ends_every_session_and_says_so() {
    let (backend, client) = start().await;
    let (phone, tablet) = (client.sign_in().await, client.sign_in().await);
    assert_eq!(
        client
            .change_password("ada", "lovelace", "analytical")
            .await
            .status,
        204
    );
    for tokens in [&phone, &tablet] {
        assert_eq!(
            client.refresh_pair(tokens, None).await.error(),
            (401, "password_changed")
        );
    }
    let new = client.login("ada", "analytical").await.tokens();
    assert_eq!(client.refresh_pair(&new, None).await.status, 200);
    // As long as an old token could have lived, it is told why.
    backend.advance_clock(6 * DAY);
    assert_eq!(
        client.refresh_pair(&phone, None).await.error(),
        (401, "password_changed")
    );
}

#[tokio::test]
async fn who_only_knows_the_name_of_an_old_salt_is_not_told_that_it_is_old() {
    let (_backend, client) = start().await;
    let old = client.sign_in().await;
    client.change_password("ada", "lovelace", "analytical").await;
    let (header, claims) = jwt::read(&old.refresh);
    for key in [
        &b""[..],
        header["kid"].as_str().unwrap().as_bytes(),
        b"guess",
        old.refresh.as_bytes(),
    ] {
        let forged = with_refresh(&old, jwt::hs256(&header, &claims, key));
        assert_eq!(
            client.refresh_pair(&forged, None).await.error(),
            (401, "invalid_token")
        );
    }
    let unknown = jwt::hs256(
        &json!({"alg": "HS256", "typ": "JWT", "kid": "nobody"}),
        &claims,
        b"x",
    );
    assert_eq!(
        client
            .refresh_pair(&with_refresh(&old, unknown), None)
            .await
            .error(),
        (401, "invalid_token")
    );
    assert_eq!(
        client.refresh_pair(&old, None).await.error(),
        (401, "password_changed")
    );
}

#[tokio::test]
async fn a_tampered_token_of_either_kind_is_invalid() {
    let (_backend, client) = start().await;
    let tokens = client.sign_in().await;
    for refresh in jwt::tampered(&tokens.refresh) {
        let pair = with_refresh(&tokens, refresh);
        assert_eq!(
            client.refresh_pair(&pair, None).await.error(),
            (401, "invalid_token")
        );
    }
    for access in jwt::tampered(&tokens.access) {
        assert_eq!(client.get("/api/me", &access).await.status, 401);
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

/// RFC 8725 §2.1: the public key is public; it must sign nothing.
#[tokio::test]
async fn the_public_key_used_as_a_shared_secret_makes_no_access_token() {
    let (_backend, client) = start().await;
    let tokens = client.sign_in().await;
    let keys = client.get("/jwks.json", "").await.json;
    let key = &keys["keys"][0];
    let (header, claims) = jwt::read(&tokens.access);
    let confused = json!({"alg": "HS256", "typ": "JWT", "kid": header["kid"]});
    let n = key["n"].as_str().unwrap();
    let raw = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, n).unwrap();
    for secret in [
        n.as_bytes(),
        &raw,
        key.to_string().as_bytes(),
        keys.to_string().as_bytes(),
    ] {
        for header in [&confused, &header] {
            let forged = jwt::hs256(header, &claims, secret);
            assert_eq!(client.get("/api/me", &forged).await.status, 401);
            let pair = Tokens {
                access: forged,
                ..tokens.clone()
            };
            assert_eq!(
                client.refresh_pair(&pair, None).await.error(),
                (401, "invalid_token")
            );
        }
    }
    // Nor does a token of one kind pass for the other.
    assert_eq!(client.get("/api/me", &tokens.refresh).await.status, 401);
    let swapped = Tokens {
        access: tokens.refresh.clone(),
        refresh: tokens.access.clone(),
    };
    assert_eq!(
        client.refresh_pair(&swapped, None).await.error(),
        (401, "invalid_token")
    );
    let twice = with_refresh(&tokens, tokens.access.clone());
    assert_eq!(
        client.refresh_pair(&twice, None).await.error(),
        (401, "invalid_token")
    );
}

#[tokio::test]
async fn a_refresh_token_lives_seven_days() {
    let (backend, client) = start().await;
    let tokens = client.sign_in().await;
    backend.advance_clock(7 * DAY - MINUTE);
    assert_eq!(client.refresh_pair(&tokens, None).await.status, 200);
    backend.advance_clock(2 * MINUTE);
    assert_eq!(client.refresh_pair(&tokens, None).await.error(), (401, "expired"));
}

#[tokio::test]
async fn tokens_of_two_sessions_or_two_users_do_not_go_together() {
    let (backend, client) = start().await;
    backend.create_user("grace", "hopper").await.unwrap();
    let (phone, tablet) = (client.sign_in().await, client.sign_in().await);
    let grace = client.login("grace", "hopper").await.tokens();
    for foreign in [&tablet, &grace] {
        let mixed = with_refresh(&phone, foreign.refresh.clone());
        assert_eq!(
            client.refresh_pair(&mixed, None).await.error(),
            (401, "invalid_token")
        );
    }
}

#[tokio::test]
async fn either_token_signs_its_session_out_and_no_other() {
    let (backend, client) = start().await;
    for which in [
        |tokens: &Tokens| tokens.refresh.clone(),
        |tokens: &Tokens| tokens.access.clone(),
    ] {
        let (phone, tablet) = (client.sign_in().await, client.sign_in().await);
        for _ in 0..2 {
            assert_eq!(client.logout(&which(&phone)).await.status, 200);
        }
        assert_eq!(
            client.refresh_pair(&phone, None).await.error(),
            (401, "invalid_token")
        );
        assert_eq!(client.refresh_pair(&tablet, None).await.status, 200);
    }
    assert_eq!(backend.stats().revocations, 2);
}
