//! A new password ends every session that the old one began.

use tokencast_backend::{Config, Scheme};

use super::start_with;
use crate::support::{Client, MINUTE};

#[tokio::test]
async fn only_the_right_password_can_be_changed() {
    let backend = start_with(Config::for_tests()).await;
    let client = Client::of(&backend);
    let tokens = client.sign_in().await;
    for (name, old) in [("ada", "Lovelace"), ("ada", "analytical"), ("nobody", "lovelace")] {
        assert_eq!(
            client.change_password(name, old, "analytical").await.error(),
            (401, "invalid_credentials")
        );
    }
    assert_eq!(
        client.change_password("ada", "lovelace", "").await.error(),
        (400, "invalid_request")
    );
    assert_eq!(client.refresh(&tokens.refresh, None).await.status, 200);
    assert_eq!(backend.stats().password_changes, 0);
}

#[tokio::test]
async fn every_scheme_of_families_says_that_the_password_was_changed() {
    for scheme in [Scheme::Rotation, Scheme::ExchangeOnce] {
        let backend = start_with(Config::for_tests().with_scheme(scheme)).await;
        let client = Client::of(&backend);
        let (phone, tablet) = (client.sign_in().await, client.sign_in().await);
        let answer = client.change_password("ada", "lovelace", "analytical").await;
        assert_eq!(answer.status, 204);
        assert_eq!(
            client.login("ada", "lovelace").await.error(),
            (401, "invalid_credentials")
        );
        for tokens in [&phone, &tablet] {
            let answer = client.refresh_pair(tokens, Some("key-1")).await;
            assert_eq!(answer.error(), (401, "password_changed"), "{scheme}");
        }
        let new = client.login("ada", "analytical").await.tokens();
        assert_eq!(client.refresh_pair(&new, None).await.status, 200, "{scheme}");
    }
}

#[tokio::test]
async fn an_access_token_that_renews_itself_does_so_no_more() {
    let backend = start_with(Config::for_tests().with_scheme(Scheme::AccessOnly)).await;
    let client = Client::of(&backend);
    let signed_in = client.login("ada", "lovelace").await.access();
    backend.advance_clock(16 * MINUTE);
    let renewed = client.renew(&signed_in, None).await.access();
    client.change_password("ada", "lovelace", "analytical").await;
    backend.advance_clock(16 * MINUTE);
    assert_eq!(
        client.renew(&renewed, None).await.error(),
        (401, "password_changed")
    );
    let new = client.login("ada", "analytical").await.access();
    backend.advance_clock(16 * MINUTE);
    assert_eq!(client.renew(&new, None).await.status, 200);
}

#[tokio::test]
async fn at_the_token_endpoint_it_is_an_invalid_grant() {
    let backend = start_with(Config::for_tests().with_scheme(Scheme::OAuth2)).await;
    let client = Client::of(&backend);
    let sign_in = [
        ("grant_type", "password"),
        ("client_id", "app"),
        ("username", "ada"),
        ("password", "lovelace"),
    ];
    let tokens = client.post("/oauth/token", &sign_in).await.tokens();
    client.change_password("ada", "lovelace", "analytical").await;
    let refresh = [
        ("grant_type", "refresh_token"),
        ("client_id", "app"),
        ("refresh_token", &tokens.refresh),
    ];
    let answer = client.post("/oauth/token", &refresh).await;
    assert_eq!(answer.error(), (400, "invalid_grant"));
    let said = answer.json["error_description"].as_str().unwrap();
    assert!(said.contains("password"), "{said}");
}

#[tokio::test]
async fn of_two_changes_at_once_one_wins() {
    let backend = start_with(Config::for_tests()).await;
    let client = Client::of(&backend);
    let names: Vec<String> = (0..8).map(|n| format!("new-{n}")).collect();
    let changes = names
        .iter()
        .map(|new| client.change_password("ada", "lovelace", new));
    let answers = futures_util::future::join_all(changes).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 204).count(), 1);
    let mut works = 0;
    for name in &names {
        works += u32::from(client.login("ada", name).await.status == 200);
    }
    assert_eq!(works, 1);
}
