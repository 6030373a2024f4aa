//! A server that somebody else may share, and a client of it that is no app: a thief's, or another app's.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::HeaderMap;
use serde_json::Value;
use tokencast::profile::{ProfileError, ServerProfile};
use tokencast::token::TokenSet;
use tokencast_backend::RunningBackend;
use tokencast_testkit::{MovedClock, http};
use url::form_urlencoded;

/// A server of one scheme; its clock and the devices' are one.
pub(crate) struct Server {
    pub(crate) backend: RunningBackend,
    pub(crate) profile: ServerProfile,
    pub(crate) clock: Arc<MovedClock>,
    /// No app's.
    http: reqwest::Client,
}

impl Server {
    pub(crate) fn of(
        backend: RunningBackend,
        profile: impl FnOnce(&str) -> Result<ServerProfile, ProfileError>,
    ) -> Self {
        Self {
            profile: profile(backend.url()).unwrap(),
            backend,
            clock: Arc::default(),
            http: http(),
        }
    }

    pub(crate) fn pass(&self, time: Duration) {
        self.clock.advance(time);
        self.backend.advance_clock(time);
    }

    /// Whether the resource accepts the token.
    pub(crate) async fn accepts(&self, token: &str) -> bool {
        let call = self
            .http
            .get(format!("{}/api/me", self.backend.url()))
            .bearer_auth(token);
        call.send().await.unwrap().status().is_success()
    }

    /// On the server's own page, in some browser.
    pub(crate) async fn change_password(&self, [name, old]: [&str; 2], new: &str) {
        let fields = [("username", name), ("password", old), ("new_password", new)];
        assert_eq!(self.post("/auth/password", &fields).await.status, 204);
    }

    /// A sign-in that is not the session's own.
    pub(crate) async fn login(&self, [name, password]: [&str; 2]) -> Answer {
        self.post("/auth/login", &[("username", name), ("password", password)])
            .await
    }

    /// A form as a plain client posts it.
    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.post_under(None, path, fields).await
    }

    /// With an idempotency key.
    pub(crate) async fn post_under(&self, key: Option<&str>, path: &str, fields: &[(&str, &str)]) -> Answer {
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let mut request = self
            .http
            .post(format!("{}{path}", self.backend.url()))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form);
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        Answer::of(request.send().await.unwrap()).await
    }
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) async fn of(response: reqwest::Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or_default();
        Self {
            status,
            headers,
            body,
        }
    }

    /// As the app's history writes it.
    pub(crate) fn refusal(&self) -> String {
        format!(
            "{} {}",
            self.status,
            self.body["error"].as_str().unwrap_or("none")
        )
    }

    pub(crate) fn access_token(&self) -> &str {
        self.token("access_token")
    }

    pub(crate) fn refresh_token(&self) -> &str {
        self.token("refresh_token")
    }

    /// Its tokens, for an app that takes them over.
    pub(crate) fn tokens(&self) -> TokenSet {
        TokenSet::refresh_token(self.refresh_token()).access_token(self.access_token())
    }

    fn token(&self, name: &str) -> &str {
        assert_eq!(self.status, 200, "{}", self.refusal());
        self.body[name].as_str().unwrap()
    }
}

/// As somebody would who knows what such a token looks like and has not the key.
pub(crate) fn signed_by_nobody(token: &str) -> String {
    let (head, signature) = token.rsplit_once('.').unwrap();
    format!("{head}.{}", signature.chars().rev().collect::<String>())
}
