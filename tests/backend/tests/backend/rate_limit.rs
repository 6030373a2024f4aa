//! Not more than the server is set to answer.

use std::num::NonZeroU32;

use tokencast_backend::{Config, NewUser, Scheme};

use crate::support::{Client, MINUTE, start_with};

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
    backend.advance_clock(std::time::Duration::from_secs(wait));
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
