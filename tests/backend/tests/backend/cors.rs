use tokencast_backend::{Config, RunningBackend};

use crate::support::{Answer, Client, start, start_with};

const PAGE: &str = "http://127.0.0.1:4000";

async fn preflight(backend: &RunningBackend, origin: &str) -> Answer {
    let client = Client::of(backend);
    let request = client
        .http
        .request(reqwest::Method::OPTIONS, format!("{}/api/notes", client.url))
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header(
            "access-control-request-headers",
            "authorization,content-type,idempotency-key",
        );
    Answer::of(request.send().await.unwrap()).await
}

#[tokio::test]
async fn a_page_of_a_configured_origin_may_call_and_sees_the_challenge() {
    let config = Config {
        cors_origins: vec![PAGE.parse().unwrap()],
        ..Config::for_tests()
    };
    let backend = start_with(config).await;
    let answer = preflight(&backend, PAGE).await;
    assert_eq!(answer.header("access-control-allow-origin"), PAGE);
    assert_eq!(
        answer.header("access-control-allow-headers"),
        "authorization,content-type,idempotency-key"
    );
    assert_eq!(answer.header("access-control-allow-methods"), "GET,POST");
    assert_eq!(answer.header("access-control-max-age"), "60");
    assert_eq!(answer.header("access-control-allow-credentials"), "");

    let client = Client::of(&backend);
    let refused = client
        .http
        .get(format!("{}/api/me", client.url))
        .header("origin", PAGE);
    let refused = Answer::of(refused.send().await.unwrap()).await;
    assert_eq!(refused.status, 401);
    assert_eq!(refused.header("access-control-allow-origin"), PAGE);
    assert!(
        refused
            .header("access-control-expose-headers")
            .contains("www-authenticate")
    );
}

#[tokio::test]
async fn a_page_of_another_origin_may_not() {
    let config = Config {
        cors_origins: vec![PAGE.parse().unwrap()],
        ..Config::for_tests()
    };
    let backend = start_with(config).await;
    for origin in [
        "http://127.0.0.1:4001",
        "https://127.0.0.1:4000",
        "http://localhost:4000",
        "null",
        "*",
    ] {
        let answer = preflight(&backend, origin).await;
        assert_eq!(answer.header("access-control-allow-origin"), "", "{origin}");
    }
}

#[tokio::test]
async fn the_origins_can_change_while_it_runs() {
    let backend = start().await;
    assert_eq!(
        preflight(&backend, PAGE)
            .await
            .header("access-control-allow-origin"),
        ""
    );
    backend.set_cors_origins([PAGE]).unwrap();
    assert_eq!(
        preflight(&backend, PAGE)
            .await
            .header("access-control-allow-origin"),
        PAGE
    );
    assert!(backend.set_cors_origins(["not an origin"]).is_err());
    assert_eq!(
        preflight(&backend, PAGE)
            .await
            .header("access-control-allow-origin"),
        PAGE,
        "unchanged"
    );
    backend.set_cors_origins::<&str>([]).unwrap();
    assert_eq!(
        preflight(&backend, PAGE)
            .await
            .header("access-control-allow-origin"),
        ""
    );
}
