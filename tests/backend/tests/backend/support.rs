//! A plain client, and nothing clever: what the server does is the subject.

use std::time::Duration;

use reqwest::header::HeaderMap;
use serde_json::Value;
use tokencast_backend::{Backend, Config, RunningBackend};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

pub(crate) const DAY: Duration = Duration::from_secs(24 * 60 * 60);
pub(crate) const MINUTE: Duration = Duration::from_secs(60);

pub(crate) async fn start() -> RunningBackend {
    start_with(Config::for_tests()).await
}

pub(crate) async fn start_with(config: Config) -> RunningBackend {
    Backend::start(config).await.unwrap()
}

/// Access and refresh token of an answer.
#[derive(Clone, PartialEq)]
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) refresh: String,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) json: Value,
}

impl Answer {
    pub(crate) async fn of(response: reqwest::Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let json = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or(Value::Null);
        Self {
            status,
            headers,
            json,
        }
    }

    pub(crate) fn error(&self) -> (u16, &str) {
        (self.status, self.json["error"].as_str().unwrap_or("no error"))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn access(&self) -> String {
        assert_eq!(self.status, 200, "{:?}", self.error());
        self.json["access_token"].as_str().unwrap().to_owned()
    }

    pub(crate) fn tokens(&self) -> Tokens {
        assert_eq!(self.status, 200, "{:?}", self.error());
        assert_eq!(self.json["token_type"], "Bearer");
        let text = |name: &str| self.json[name].as_str().unwrap().to_owned();
        Tokens {
            access: text("access_token"),
            refresh: text("refresh_token"),
        }
    }
}

#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) http: reqwest::Client,
    pub(crate) url: String,
}

impl Client {
    pub(crate) fn of(backend: &RunningBackend) -> Self {
        Self {
            http: http(),
            url: backend.url().to_owned(),
        }
    }

    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.try_post(path, fields).await.unwrap()
    }

    pub(crate) async fn try_post(&self, path: &str, fields: &[(&str, &str)]) -> reqwest::Result<Answer> {
        let response = self
            .http
            .post(format!("{}{path}", self.url))
            .form(fields)
            .send()
            .await?;
        Ok(Answer::of(response).await)
    }

    pub(crate) async fn sign_in(&self) -> Tokens {
        self.login("ada", "lovelace").await.tokens()
    }

    pub(crate) async fn login(&self, name: &str, password: &str) -> Answer {
        self.post("/auth/login", &[("username", name), ("password", password)])
            .await
    }

    pub(crate) async fn refresh(&self, token: &str, key: Option<&str>) -> Answer {
        self.try_refresh(token, key).await.unwrap()
    }

    /// Both tokens of a pair.
    pub(crate) async fn refresh_pair(&self, pair: &Tokens, key: Option<&str>) -> Answer {
        let fields = [
            ("grant_type", "refresh_token"),
            ("refresh_token", pair.refresh.as_str()),
            ("access_token", &pair.access),
        ];
        self.refresh_by(&fields, key).await
    }

    /// An access token that renews itself.
    pub(crate) async fn renew(&self, access: &str, key: Option<&str>) -> Answer {
        self.refresh_by(&[("token", access)], key).await
    }

    async fn refresh_by(&self, fields: &[(&str, &str)], key: Option<&str>) -> Answer {
        let mut request = self.http.post(format!("{}/auth/refresh", self.url)).form(fields);
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        Answer::of(request.send().await.unwrap()).await
    }

    pub(crate) async fn try_refresh(&self, token: &str, key: Option<&str>) -> reqwest::Result<Answer> {
        let mut request = self
            .http
            .post(format!("{}/auth/refresh", self.url))
            .form(&[("grant_type", "refresh_token"), ("refresh_token", token)]);
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        Ok(Answer::of(request.send().await?).await)
    }

    pub(crate) async fn change_password(&self, name: &str, old: &str, new: &str) -> Answer {
        let fields = [("username", name), ("password", old), ("new_password", new)];
        self.post("/auth/password", &fields).await
    }

    pub(crate) async fn logout(&self, token: &str) -> Answer {
        self.post("/auth/logout", &[("token", token)]).await
    }

    pub(crate) async fn get(&self, path: &str, access_token: &str) -> Answer {
        let request = self
            .http
            .get(format!("{}{path}", self.url))
            .bearer_auth(access_token);
        Answer::of(request.send().await.unwrap()).await
    }

    pub(crate) async fn add_note(&self, access_token: &str, text: &str) -> Answer {
        let request = self
            .http
            .post(format!("{}/api/notes", self.url))
            .bearer_auth(access_token);
        let request = request.json(&serde_json::json!({ "text": text }));
        Answer::of(request.send().await.unwrap()).await
    }

    pub(crate) async fn switch(&self, path: &str, body: Value) -> Answer {
        let request = self.http.post(format!("{}/test/{path}", self.url)).json(&body);
        Answer::of(request.send().await.unwrap()).await
    }
}

/// Every request on a connection of its own, no redirects, no proxies, no second try.
pub(crate) fn http() -> reqwest::Client {
    // Fails when another test of this process was first, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .no_proxy()
        .pool_max_idle_per_host(0)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .build()
        .unwrap()
}

/// Sends bytes as they are; everything that comes back until the connection ends, however it ends.
pub(crate) async fn raw(backend: &RunningBackend, request: &[u8]) -> Vec<u8> {
    let address = backend.url().strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The server may have answered and closed before it read everything.
    let _ = stream.write_all(request).await;
    let mut received = Vec::new();
    let mut chunk = [0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut chunk).await {
        received.extend_from_slice(&chunk[..count]);
    }
    received
}

/// A form request as it goes over the wire, to be answered and closed.
pub(crate) fn form_request(path: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}
