//! The scheme `single-device`: a login ends the one before.

use tokencast_backend::{Config, RunningBackend, Scheme};

use super::{shared_database, start_with};
use crate::jwt;
use crate::support::{Client, Tokens};

fn config() -> Config {
    Config::for_tests().with_scheme(Scheme::SingleDevice)
}

async fn start() -> (RunningBackend, Client) {
    let backend = start_with(config()).await;
    let client = Client::of(&backend);
    (backend, client)
}

#[tokio::test]
async fn the_second_device_ends_the_first_which_is_told_why() {
    let (_backend, client) = start().await;
    let first = client.sign_in().await;
    assert_eq!(client.refresh_pair(&first, None).await.status, 200);
    let second = client.sign_in().await;
    assert_eq!(
        client.refresh_pair(&first, None).await.error(),
        (401, "signed_in_elsewhere")
    );
    let renewed = client.refresh_pair(&second, None).await.access();
    assert_eq!(client.get("/api/me", &renewed).await.status, 200);
}

#[tokio::test]
async fn another_users_login_ends_nobodys() {
    let (backend, client) = start().await;
    backend.create_user("grace", "hopper").await.unwrap();
    let ada = client.sign_in().await;
    client.login("grace", "hopper").await.tokens();
    assert_eq!(client.refresh_pair(&ada, None).await.status, 200);
}

#[tokio::test]
async fn each_is_told_what_ended_it_first() {
    let (_backend, client) = start().await;
    let first = client.sign_in().await;
    let second = client.sign_in().await;
    client.change_password("ada", "lovelace", "analytical").await;
    assert_eq!(
        client.refresh_pair(&first, None).await.error(),
        (401, "signed_in_elsewhere")
    );
    assert_eq!(
        client.refresh_pair(&second, None).await.error(),
        (401, "password_changed")
    );
}

#[tokio::test]
async fn a_forged_token_is_not_told_of_the_other_device() {
    let (_backend, client) = start().await;
    let first = client.sign_in().await;
    client.sign_in().await;
    let (header, claims) = jwt::read(&first.refresh);
    let forged = Tokens {
        refresh: jwt::hs256(&header, &claims, b"guess"),
        ..first
    };
    assert_eq!(
        client.refresh_pair(&forged, None).await.error(),
        (401, "invalid_token")
    );
}

#[tokio::test]
async fn logins_that_come_at_once_leave_one_session() {
    let (_backend, client) = start().await;
    let logins = futures_util::future::join_all((0..20).map(|_| client.sign_in())).await;
    let mut alive = 0;
    for tokens in &logins {
        let answer = client.refresh_pair(tokens, None).await;
        if answer.status == 200 {
            alive += 1;
        } else {
            assert_eq!(answer.error(), (401, "signed_in_elsewhere"));
        }
    }
    assert_eq!(alive, 1);
}

#[tokio::test]
async fn keys_salts_and_reasons_outlive_a_restart() {
    let (database, _kept) = shared_database().await;
    let at = || Config {
        database: database.clone(),
        ..config()
    };
    let backend = start_with(at()).await;
    let client = Client::of(&backend);
    let (first, second) = (client.sign_in().await, client.sign_in().await);
    let keys = client.get("/jwks.json", "").await.json;
    backend.shutdown().await;

    let backend = start_with(at()).await;
    let client = Client::of(&backend);
    assert_eq!(client.get("/jwks.json", "").await.json, keys);
    assert_eq!(client.get("/api/me", &second.access).await.status, 200);
    assert_eq!(client.refresh_pair(&second, None).await.status, 200);
    assert_eq!(
        client.refresh_pair(&first, None).await.error(),
        (401, "signed_in_elsewhere")
    );
}
