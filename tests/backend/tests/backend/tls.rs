use tokencast_backend::{Config, RunningBackend, Scheme, Tls};

use crate::support::{Client, http, start_with};

async fn start(tls: Tls) -> RunningBackend {
    start_with(Config {
        tls,
        ..Config::for_tests()
    })
    .await
}

/// A client that trusts the backend's authority and nobody else.
pub(crate) fn trusting(backend: &RunningBackend) -> Client {
    http();
    let authority = reqwest::Certificate::from_pem(backend.ca_pem().unwrap().as_bytes()).unwrap();
    let http = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([authority])
        .build()
        .unwrap();
    Client {
        http,
        url: backend.url().to_owned(),
    }
}

#[tokio::test]
async fn who_trusts_the_test_authority_gets_through() {
    let backend = start(Tls::TestAuthority).await;
    let client = trusting(&backend);
    assert!(client.url.starts_with("https://127.0.0.1:"));
    let tokens = client.sign_in().await;
    assert_eq!(client.refresh(&tokens.refresh, Some("key-1")).await.status, 200);
    let by_name = client.url.replace("127.0.0.1", "localhost");
    assert_eq!(
        Client {
            url: by_name,
            ..client
        }
        .login("ada", "lovelace")
        .await
        .status,
        200
    );
}

#[tokio::test]
async fn a_certificate_of_another_name_is_refused_by_the_client() {
    let backend = start(Tls::WrongName).await;
    let error = trusting(&backend).try_refresh("token", None).await.err().unwrap();
    assert!(error.is_connect(), "{error:?}");
    assert_eq!(backend.stats().refresh_requests, 0);
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority_is_refused_by_the_client() {
    let (backend, other) = (start(Tls::TestAuthority).await, start(Tls::TestAuthority).await);
    let client = Client {
        url: backend.url().to_owned(),
        ..trusting(&other)
    };
    let error = client.try_refresh("token", None).await.err().unwrap();
    assert!(error.is_connect(), "{error:?}");
    assert_eq!(backend.stats().refresh_requests, 0);
}

#[tokio::test]
async fn cookies_have_the_prefixes_that_bind_a_browser() {
    let backend = start_with(Config {
        tls: Tls::TestAuthority,
        ..Config::for_tests().with_scheme(Scheme::Cookie)
    })
    .await;
    let client = trusting(&backend);
    let answer = client.login("ada", "lovelace").await;
    let cookies: Vec<_> = answer
        .headers
        .get_all("set-cookie")
        .iter()
        .map(|cookie| cookie.to_str().unwrap())
        .collect();
    let pair = |cookie: &str| cookie.split(';').next().unwrap().to_owned();
    let [refresh, csrf] = cookies[..] else {
        panic!("{} cookies", cookies.len());
    };
    assert!(refresh.starts_with("__Secure-refresh=") && refresh.contains("; Path=/auth;"));
    assert!(csrf.starts_with("__Host-csrf=") && csrf.contains("; Path=/;"));
    assert!(cookies.iter().all(|cookie| !cookie.contains("Domain")));
    let said_again = pair(csrf).split_once('=').unwrap().1.to_owned();
    let request = client
        .http
        .post(format!("{}/auth/refresh", client.url))
        .header("cookie", format!("{}; {}", pair(refresh), pair(csrf)))
        .header("x-csrf-token", said_again);
    assert_eq!(request.send().await.unwrap().status(), 200);
}
