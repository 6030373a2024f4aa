//! Not more than the server is set to answer.

use std::num::NonZeroU32;
use std::time::Duration;

use tokencast_backend::{Config, NewUser, RunningBackend, Scheme};

use crate::support::{Answer, Client, MINUTE, start_with};

#[tokio::test]
async fn too_many_sign_ins_of_one_user_wait_and_another_user_does_not() {
    let backend = start_with(Config {
        rate_limit: NonZeroU32::new(3),
        users: vec![NewUser::new("ada", "lovelace"), NewUser::new("grace", "hopper")],
        ..Config::for_tests()
    })
    .await;
    let client = Client::of(&backend);
    for password in ["wrong", "lovelace", "wrong"] {
        assert_ne!(client.login("ada", password).await.status, 429);
    }
    let refused = client.login("ada", "lovelace").await;
    assert_eq!(refused.error(), (429, "rate_limited"));
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=20).contains(&wait), "{wait}");
    assert_eq!(client.login("grace", "hopper").await.status, 200);
    backend.advance_clock(Duration::from_secs(wait));
    assert_eq!(client.login("ada", "lovelace").await.status, 200);
}

#[tokio::test]
async fn too_many_refreshes_with_one_token_wait_and_nothing_happens_to_it() {
    let backend = start_with(Config {
        rate_limit: NonZeroU32::new(2),
        ..Config::for_tests()
    })
    .await;
    let client = Client::of(&backend);
    let tokens = client.sign_in().await;
    for _ in 0..2 {
        assert_eq!(client.refresh(&tokens.refresh, Some("key-1")).await.status, 200);
    }
    assert_eq!(
        client.refresh(&tokens.refresh, None).await.error(),
        (429, "rate_limited")
    );
    backend.advance_clock(MINUTE);
    // Without a key it would have been reuse.
    assert_eq!(client.refresh(&tokens.refresh, Some("key-1")).await.status, 200);
    assert_eq!(backend.stats().reuse_detected, 0);
}

#[tokio::test]
async fn one_address_is_limited_too_whatever_it_presents() {
    let backend = start_with(Config {
        rate_limit: NonZeroU32::new(1),
        ..Config::for_tests().with_scheme(Scheme::ExchangeOnce)
    })
    .await;
    let client = Client::of(&backend);
    let mut statuses = Vec::new();
    for guess in 0..21 {
        statuses.push(client.login(&format!("user-{guess}"), "guess").await.status);
    }
    assert_eq!((statuses[19], statuses[20]), (401, 429));
}

#[tokio::test]
async fn the_password_grant_at_the_token_endpoint_waits_and_another_user_does_not() {
    let (backend, client) = of_two_a_minute(Scheme::OAuth2).await;
    let sign_in = async |name, password| {
        let fields = [
            ("grant_type", "password"),
            ("client_id", "app"),
            ("username", name),
            ("password", password),
        ];
        client.post("/oauth/token", &fields).await
    };
    for _ in 0..2 {
        assert_eq!(sign_in("ada", "wrong").await.error(), (400, "invalid_grant"));
    }
    let wait = told_to_wait(&sign_in("ada", "lovelace").await);
    assert_eq!(sign_in("grace", "hopper").await.status, 200);
    backend.advance_clock(wait);
    assert_eq!(sign_in("ada", "lovelace").await.status, 200);
}

#[tokio::test]
async fn the_refresh_grant_at_the_token_endpoint_waits_and_nothing_happens_to_its_token() {
    let (backend, client) = of_two_a_minute(Scheme::OAuth2).await;
    let post = async |fields: &[(&str, &str)]| {
        let fields = [&[("client_id", "app")], fields].concat();
        client.post("/oauth/token", &fields).await
    };
    let sign_in = [
        ("grant_type", "password"),
        ("username", "ada"),
        ("password", "lovelace"),
    ];
    let tokens = post(&sign_in).await.tokens();
    let refresh = [
        ("grant_type", "refresh_token"),
        ("refresh_token", tokens.refresh.as_str()),
    ];
    let unknown = async || post(&[("grant_type", "refresh_token"), ("refresh_token", "guess")]).await;
    for _ in 0..2 {
        assert_eq!(unknown().await.error(), (400, "invalid_grant"));
    }
    let wait = told_to_wait(&unknown().await);
    let next = post(&refresh).await.tokens();
    // The second time is reuse and the third is not even looked at.
    assert_eq!(post(&refresh).await.error(), (400, "invalid_grant"));
    told_to_wait(&post(&refresh).await);
    assert_eq!(
        (backend.stats().exchanges, backend.stats().refresh_requests),
        (1, 6)
    );
    assert!(next.refresh != tokens.refresh);
    backend.advance_clock(wait);
    assert_eq!(unknown().await.error(), (400, "invalid_grant"));
}

#[tokio::test]
async fn changes_of_one_users_password_wait_together_with_sign_ins_and_another_users_do_not() {
    let (backend, client) = of_two_a_minute(Scheme::Rotation).await;
    let change = client.change_password("ada", "wrong", "analytical").await;
    assert_eq!(change.error(), (401, "invalid_credentials"));
    // Guessing is no easier by turns.
    assert_eq!(client.login("ada", "wrong").await.status, 401);
    let wait = told_to_wait(&client.change_password("ada", "lovelace", "analytical").await);
    assert_eq!(backend.stats().password_changes, 0);
    assert_eq!(
        client.change_password("grace", "hopper", "cobol").await.status,
        204
    );
    backend.advance_clock(wait);
    let change = client.change_password("ada", "lovelace", "analytical").await;
    assert_eq!((change.status, backend.stats().password_changes), (204, 2));
}

async fn of_two_a_minute(scheme: Scheme) -> (RunningBackend, Client) {
    let backend = start_with(Config {
        rate_limit: NonZeroU32::new(2),
        users: vec![NewUser::new("ada", "lovelace"), NewUser::new("grace", "hopper")],
        ..Config::for_tests().with_scheme(scheme)
    })
    .await;
    let client = Client::of(&backend);
    (backend, client)
}

/// For how long, by `Retry-After`.
#[track_caller]
fn told_to_wait(answer: &Answer) -> Duration {
    assert_eq!(answer.error(), (429, "rate_limited"));
    let seconds: u64 = answer.header("retry-after").parse().unwrap();
    assert!((1..=30).contains(&seconds), "{seconds}");
    Duration::from_secs(seconds)
}
