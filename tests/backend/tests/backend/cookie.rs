//! The scheme `cookie`: the refresh token in a cookie that no script reads, guarded by a double submit.

use std::collections::BTreeMap;

use reqwest::header::SET_COOKIE;
use tokencast_backend::{Config, RunningBackend, Scheme};

use super::start_with;
use crate::jwt;
use crate::support::{Answer, Client};

async fn start() -> (RunningBackend, Client) {
    let backend = start_with(Config::for_tests().with_scheme(Scheme::Cookie)).await;
    let client = Client::of(&backend);
    (backend, client)
}

/// What a browser would keep: values and, for the tests, attributes.
#[derive(Clone)]
struct Jar(BTreeMap<String, (String, Vec<String>)>);

impl Jar {
    fn of(answer: &Answer) -> Self {
        let cookies = answer.headers.get_all(SET_COOKIE).iter().map(|cookie| {
            let mut parts = cookie.to_str().unwrap().split("; ");
            let (name, value) = parts.next().unwrap().split_once('=').unwrap();
            let mut attributes: Vec<_> = parts.map(str::to_owned).collect();
            attributes.sort();
            (name.to_owned(), (value.to_owned(), attributes))
        });
        Self(cookies.collect())
    }

    fn value(&self, name: &str) -> &str {
        &self.0[name].0
    }

    fn attributes(&self, name: &str) -> &[String] {
        &self.0[name].1
    }

    fn header(&self) -> String {
        let pairs: Vec<_> = self
            .0
            .iter()
            .map(|(name, (value, _))| format!("{name}={value}"))
            .collect();
        pairs.join("; ")
    }
}

async fn sign_in(client: &Client) -> Jar {
    let answer = client.login("ada", "lovelace").await;
    assert_eq!(answer.status, 200);
    Jar::of(&answer)
}

async fn send(client: &Client, path: &str, cookie: &str, csrf: Option<&str>, key: Option<&str>) -> Answer {
    let mut request = client.http.post(format!("{}{path}", client.url));
    if !cookie.is_empty() {
        request = request.header("cookie", cookie);
    }
    if let Some(csrf) = csrf {
        request = request.header("x-csrf-token", csrf);
    }
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    Answer::of(request.send().await.unwrap()).await
}

async fn refresh(client: &Client, jar: &Jar, key: Option<&str>) -> Answer {
    send(
        client,
        "/auth/refresh",
        &jar.header(),
        Some(jar.value("csrf")),
        key,
    )
    .await
}

#[tokio::test]
async fn the_refresh_token_is_in_the_cookie_only_and_the_access_token_names_nobody() {
    let (_backend, client) = start().await;
    let answer = client.login("ada", "lovelace").await;
    assert_eq!(
        jwt::names(&answer.json),
        ["access_token", "expires_in", "token_type"]
    );
    let jar = Jar::of(&answer);
    assert!(!answer.json.to_string().contains(jar.value("refresh")));
    assert_eq!(
        jar.attributes("refresh"),
        [
            "HttpOnly",
            "Max-Age=1209600",
            "Path=/auth",
            "SameSite=Strict",
            "Secure"
        ]
    );
    assert_eq!(
        jar.attributes("csrf"),
        ["Max-Age=1209600", "Path=/", "SameSite=Strict", "Secure"]
    );
    let (_, claims) = jwt::read(&answer.access());
    assert_eq!(jwt::names(&claims), ["exp", "iat", "jti", "sub", "type"]);
    assert!(!claims.to_string().contains("ada"));
}

#[tokio::test]
async fn a_refresh_rotates_the_cookie_and_the_csrf_token() {
    let (_backend, client) = start().await;
    let old = sign_in(&client).await;
    let answer = refresh(&client, &old, None).await;
    let new = Jar::of(&answer);
    assert_eq!(client.get("/api/me", &answer.access()).await.status, 200);
    assert_eq!(
        jwt::names(&answer.json),
        ["access_token", "expires_in", "token_type"]
    );
    assert!(old.value("refresh") != new.value("refresh") && old.value("csrf") != new.value("csrf"));
    assert_eq!(old.attributes("refresh"), new.attributes("refresh"));
    assert_eq!(refresh(&client, &new, None).await.status, 200);
    assert_eq!(
        refresh(&client, &old, None).await.error(),
        (401, "reuse_detected")
    );
}

#[tokio::test]
async fn the_contract_holds_behind_the_cookie() {
    let (_backend, client) = start().await;
    let (old, other) = (sign_in(&client).await, sign_in(&client).await);
    let first = Jar::of(&refresh(&client, &old, Some("key-1")).await);
    let again = Jar::of(&refresh(&client, &old, Some("key-1")).await);
    assert!(first.value("refresh") == again.value("refresh"), "one successor");
    assert_eq!(
        refresh(&client, &other, Some("key-1")).await.error(),
        (422, "idempotency_mismatch")
    );
    assert_eq!(refresh(&client, &again, Some("key-2")).await.status, 200);
    assert_eq!(
        refresh(&client, &old, Some("key-1")).await.error(),
        (409, "superseded")
    );
}

#[tokio::test]
async fn without_the_same_csrf_token_twice_nothing_is_done() {
    let (backend, client) = start().await;
    let (jar, other) = (sign_in(&client).await, sign_in(&client).await);
    let all = jar.header();
    let csrf = jar.value("csrf");
    let only_refresh = format!("refresh={}", jar.value("refresh"));
    let empty = format!("{only_refresh}; csrf=");
    let twice = format!("{all}; csrf={csrf}");
    for path in ["/auth/refresh", "/auth/logout"] {
        for (cookie, header) in [
            (all.as_str(), None),
            (&all, Some("")),
            (&all, Some("guess")),
            (&all, Some(other.value("csrf"))),
            (&all, Some(&csrf[1..])),
            (&only_refresh, Some(csrf)),
            (&empty, Some("")),
            (&twice, Some(csrf)),
            ("", Some(csrf)),
        ] {
            let answer = send(&client, path, cookie, header, None).await;
            assert_eq!(answer.error(), (403, "csrf_mismatch"));
            assert!(answer.headers.get(SET_COOKIE).is_none());
        }
    }
    assert_eq!((backend.stats().exchanges, backend.stats().revocations), (0, 0));
    assert_eq!(refresh(&client, &jar, None).await.status, 200);
}

#[tokio::test]
async fn a_forged_or_missing_refresh_cookie_is_no_session() {
    let (_backend, client) = start().await;
    for cookie in ["csrf=c", "csrf=c; refresh=", "csrf=c; refresh=forged"] {
        let answer = send(&client, "/auth/refresh", cookie, Some("c"), None).await;
        assert_eq!(answer.error(), (401, "invalid_token"));
    }
}

#[tokio::test]
async fn signing_out_ends_the_session_and_clears_both_cookies() {
    let (backend, client) = start().await;
    let jar = sign_in(&client).await;
    let answer = send(
        &client,
        "/auth/logout",
        &jar.header(),
        Some(jar.value("csrf")),
        None,
    )
    .await;
    assert_eq!(answer.status, 200);
    let cleared = Jar::of(&answer);
    for name in ["refresh", "csrf"] {
        assert_eq!(cleared.value(name), "");
        assert!(cleared.attributes(name).contains(&"Max-Age=0".to_owned()));
        let path = |jar: &Jar| {
            jar.attributes(name)
                .iter()
                .find(|attribute| attribute.starts_with("Path="))
                .cloned()
        };
        assert_eq!(
            path(&cleared),
            path(&jar),
            "another path would clear another cookie"
        );
    }
    assert_eq!(refresh(&client, &jar, None).await.error(), (401, "invalid_token"));
    assert_eq!(backend.stats().revocations, 1);
}

#[tokio::test]
async fn a_changed_password_ends_it_and_says_so() {
    let (_backend, client) = start().await;
    let jar = sign_in(&client).await;
    client.change_password("ada", "lovelace", "analytical").await;
    assert_eq!(
        refresh(&client, &jar, None).await.error(),
        (401, "password_changed")
    );
}

#[tokio::test]
async fn pages_of_other_origins_may_send_no_cookies_even_when_they_may_call() {
    let page = "http://127.0.0.1:4000";
    let config = Config {
        cors_origins: vec![page.parse().unwrap()],
        ..Config::for_tests().with_scheme(Scheme::Cookie)
    };
    let backend = start_with(config).await;
    let client = Client::of(&backend);
    let request = client
        .http
        .request(reqwest::Method::OPTIONS, format!("{}/auth/refresh", client.url))
        .header("origin", page)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "x-csrf-token");
    let answer = Answer::of(request.send().await.unwrap()).await;
    assert_eq!(answer.header("access-control-allow-origin"), page);
    assert_eq!(answer.header("access-control-allow-credentials"), "");
    assert!(
        !answer
            .header("access-control-allow-headers")
            .contains("x-csrf-token")
    );
}
