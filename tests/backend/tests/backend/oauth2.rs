//! The scheme `oauth2`: token endpoint, refresh grant with rotation, revocation, client authentication.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokencast_backend::{Config, Fault, FaultKind, OAuthClient, Route, RunningBackend, Scheme};

use super::start_with;
use crate::support::{Answer, Client};

const SIGN_IN: [(&str, &str); 3] = [
    ("grant_type", "password"),
    ("username", "ada"),
    ("password", "lovelace"),
];

async fn start(oauth_client: OAuthClient) -> (RunningBackend, Client) {
    let config = Config {
        oauth_client,
        ..Config::for_tests().with_scheme(Scheme::OAuth2)
    };
    let backend = start_with(config).await;
    let client = Client::of(&backend);
    (backend, client)
}

async fn start_public() -> (RunningBackend, Client) {
    start(OAuthClient::public("app")).await
}

async fn token(client: &Client, fields: &[(&str, &str)]) -> Answer {
    client
        .post("/oauth/token", &[&[("client_id", "app")], fields].concat())
        .await
}

async fn refresh(client: &Client, refresh_token: &str, key: Option<&str>) -> Answer {
    let fields = [
        ("client_id", "app"),
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh_token),
    ];
    let mut request = client
        .http
        .post(format!("{}/oauth/token", client.url))
        .form(&fields);
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    Answer::of(request.send().await.unwrap()).await
}

#[tokio::test]
async fn the_refresh_grant_rotates_and_a_reused_token_ends_the_grant() {
    let (backend, client) = start_public().await;
    let old = token(&client, &SIGN_IN).await.tokens();
    let answer = refresh(&client, &old.refresh, None).await;
    assert_eq!(answer.header("cache-control"), "no-store");
    let new = answer.tokens();
    assert_eq!(client.get("/api/me", &new.access).await.status, 200);
    assert_eq!(
        refresh(&client, &old.refresh, None).await.error(),
        (400, "invalid_grant")
    );
    assert_eq!(
        refresh(&client, &new.refresh, None).await.error(),
        (400, "invalid_grant")
    );
    assert_eq!((backend.stats().logins, backend.stats().reuse_detected), (1, 1));
}

#[tokio::test]
async fn the_contract_holds_there_too() {
    let (_backend, client) = start_public().await;
    let old = token(&client, &SIGN_IN).await.tokens();
    let new = refresh(&client, &old.refresh, Some("key-1")).await.tokens();
    let again = refresh(&client, &old.refresh, Some("key-1")).await.tokens();
    assert!(again.refresh == new.refresh);
    assert_eq!(refresh(&client, &new.refresh, Some("key-2")).await.status, 200);
    assert_eq!(
        refresh(&client, &old.refresh, Some("key-1")).await.error(),
        (409, "superseded")
    );
}

#[tokio::test]
async fn errors_are_those_of_the_rfc() {
    let (_backend, client) = start_public().await;
    let tokens = token(&client, &SIGN_IN).await.tokens();
    let grant = ("grant_type", "refresh_token");
    let presented = ("refresh_token", tokens.refresh.as_str());
    for (fields, error) in [
        (&[][..], (400, "invalid_request")),
        (&[grant], (400, "invalid_request")),
        (&[grant, presented, presented], (400, "invalid_request")),
        (
            &[("grant_type", "client_credentials")],
            (400, "unsupported_grant_type"),
        ),
        (&[grant, ("refresh_token", "unknown")], (400, "invalid_grant")),
        (&[grant, presented, ("scope", "admin")], (400, "invalid_scope")),
        (
            &[("grant_type", "password"), ("username", "ada"), ("password", "x")],
            (400, "invalid_grant"),
        ),
    ] {
        assert_eq!(token(&client, fields).await.error(), error);
    }
    assert_eq!(
        token(&client, &[grant, presented, ("scope", "api")]).await.status,
        200
    );
    assert_eq!(client.login("ada", "lovelace").await.error(), (404, "not_found"));
}

#[tokio::test]
async fn revocation_ends_the_grant_and_is_success_for_any_token() {
    let (backend, client) = start_public().await;
    let old = token(&client, &SIGN_IN).await.tokens();
    let new = refresh(&client, &old.refresh, None).await.tokens();
    for token in [old.refresh.as_str(), &new.refresh, "unknown"] {
        let fields = [
            ("client_id", "app"),
            ("token", token),
            ("token_type_hint", "refresh_token"),
        ];
        assert_eq!(client.post("/oauth/revoke", &fields).await.status, 200);
    }
    assert_eq!(
        refresh(&client, &new.refresh, None).await.error(),
        (400, "invalid_grant")
    );
    assert_eq!(backend.stats().revocations, 1);
}

#[tokio::test]
async fn a_public_client_says_its_id_and_no_secret() {
    let (_backend, client) = start_public().await;
    assert_eq!(
        client.post("/oauth/token", &SIGN_IN).await.error(),
        (401, "invalid_client")
    );
    let with = |id, secret| [&SIGN_IN[..], &[("client_id", id), ("client_secret", secret)]].concat();
    for (id, secret) in [("app", "guess"), ("other", "")] {
        let answer = client.post("/oauth/token", &with(id, secret)).await;
        assert_eq!(answer.error(), (401, "invalid_client"));
    }
}

#[tokio::test]
async fn a_client_with_a_secret_sends_it_in_the_body_or_in_the_header_as_it_was_registered() {
    let (id, secret) = ("my:app", "s+cr:t %&=é");
    let in_body = [&SIGN_IN[..], &[("client_id", id), ("client_secret", secret)]].concat();
    let wrong_body = [&SIGN_IN[..], &[("client_id", id), ("client_secret", "s")]].concat();
    let header = |secret: &str| {
        let encoded = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        format!(
            "Basic {}",
            STANDARD.encode(format!("{}:{}", encoded(id), encoded(secret)))
        )
    };
    let by_header = async |client: &Client, secret: &str| {
        let request = client.http.post(format!("{}/oauth/token", client.url));
        let request = request.form(&SIGN_IN).header("authorization", header(secret));
        Answer::of(request.send().await.unwrap()).await
    };

    let (_backend, client) = start(OAuthClient::post(id, secret)).await;
    assert_eq!(client.post("/oauth/token", &in_body).await.status, 200);
    assert_eq!(
        client.post("/oauth/token", &wrong_body).await.error(),
        (401, "invalid_client")
    );
    assert_eq!(by_header(&client, secret).await.error(), (401, "invalid_client"));

    let (_backend, client) = start(OAuthClient::basic(id, secret)).await;
    assert_eq!(by_header(&client, secret).await.status, 200);
    let refused = by_header(&client, "wrong").await;
    assert_eq!(refused.error(), (401, "invalid_client"));
    assert!(refused.header("www-authenticate").starts_with("Basic "));
    assert_eq!(
        client.post("/oauth/token", &in_body).await.error(),
        (401, "invalid_client")
    );
    let both = client.http.post(format!("{}/oauth/token", client.url));
    let both = both.form(&in_body).header("authorization", header(secret));
    let both = Answer::of(both.send().await.unwrap()).await;
    assert_eq!(both.error(), (400, "invalid_request"));
    let revoked = client.post("/oauth/revoke", &[("token", "x")]).await;
    assert_eq!(revoked.error(), (401, "invalid_client"));
}

#[tokio::test]
async fn faults_tell_a_refresh_from_a_sign_in_at_the_one_endpoint() {
    let (backend, client) = start_public().await;
    backend
        .arm(Fault::once(Route::Refresh, FaultKind::status(503)))
        .unwrap();
    let tokens = token(&client, &SIGN_IN).await.tokens();
    assert_eq!(refresh(&client, &tokens.refresh, None).await.status, 503);
    assert_eq!(refresh(&client, &tokens.refresh, None).await.status, 200);
    assert_eq!(backend.stats().refresh_requests, 2);
}
