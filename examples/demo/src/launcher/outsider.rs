//! Who is no app of ours: a thief, a foreign page, ada's browser, the help desk. Plain requests, as anybody could send
//! them.

use anyhow::{Context as _, Result};
use axum::body::{Body, Bytes};
use axum::http::{Request, Response, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokencast_backend::Scheme;
use url::form_urlencoded;
use zeroize::Zeroizing;

use super::tap::{Purse, Text};
use crate::http;
use crate::scheme::CLIENT;
use crate::story::Presented;

/// Somebody with an address to the server of its own.
pub(crate) struct Outsider {
    pub(crate) scheme: Scheme,
    /// `http://host:port`
    pub(crate) api: String,
}

/// What is sent.
#[derive(Default)]
struct Form {
    fields: Vec<(&'static str, Text)>,
    headers: Vec<(header::HeaderName, Text)>,
}

impl Outsider {
    /// Asks for new tokens.
    pub(crate) async fn refresh(&self, purse: &Purse, how: Presented) -> Result<Response<Bytes>> {
        let missing = "there is nothing to present";
        let mut form = Form::default();
        let access = || purse.access.clone().context(missing);
        let refresh = || purse.refresh.clone().context(missing);
        if !matches!(self.scheme, Scheme::AccessOnly | Scheme::Cookie) {
            form.add("grant_type", "refresh_token");
            form.fields.push(("refresh_token", refresh()?));
        }
        match self.scheme {
            Scheme::AccessOnly => form.fields.push(("token", access()?)),
            Scheme::Cookie => {
                let csrf = purse.csrf.clone().context(missing)?;
                let cookies = format!("refresh={}; csrf={}", &*refresh()?, &*csrf);
                form.headers.push((header::COOKIE, Zeroizing::new(cookies)));
                if how != Presented::WithoutCsrf {
                    form.headers
                        .push((header::HeaderName::from_static("x-csrf-token"), csrf));
                }
            }
            Scheme::OAuth2 => form.add_client(how),
            Scheme::Rotation => {}
            _ => form.fields.push(("access_token", access()?)),
        }
        let path = match self.scheme {
            Scheme::OAuth2 => "/oauth/token",
            _ => "/auth/refresh",
        };
        self.post(path, form).await
    }

    pub(crate) async fn sign_in(&self, [name, password]: [&str; 2]) -> Result<Response<Bytes>> {
        let mut form = Form::default();
        form.add("username", name);
        form.add("password", password);
        self.post("/auth/login", form).await
    }

    pub(crate) async fn change_password(&self, [name, old]: [&str; 2], new: &str) -> Result<Response<Bytes>> {
        let mut form = Form::default();
        form.add("username", name);
        form.add("password", old);
        form.add("new_password", new);
        self.post("/auth/password", form).await
    }

    /// Reads what belongs to the token's user.
    pub(crate) async fn read(&self, token: &str) -> Result<Response<Bytes>> {
        let server = self.api.trim_start_matches("http://");
        let bearer = Zeroizing::new(format!("Bearer {token}"));
        let request = Request::get("/api/me")
            .header(header::HOST, server)
            .header(header::AUTHORIZATION, bearer.as_str());
        http::send(server, request.body(Body::empty())?).await
    }

    /// Revokes a token at the server (RFC 7009).
    pub(crate) async fn revoke(&self, token: Text) -> Result<Response<Bytes>> {
        let mut form = Form::default();
        form.fields.push(("token", token));
        form.add_client(Presented::All);
        self.post("/oauth/revoke", form).await
    }

    async fn post(&self, path: &str, form: Form) -> Result<Response<Bytes>> {
        let server = self.api.trim_start_matches("http://");
        let fields = form.fields.iter().map(|(name, value)| (name, value.as_str()));
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let mut request = Request::post(path)
            .header(header::HOST, server)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        for (name, value) in &form.headers {
            request = request.header(name, value.as_str());
        }
        http::send(server, request.body(Body::from(body))?).await
    }
}

impl Form {
    fn add(&mut self, name: &'static str, value: &str) {
        self.fields.push((name, Zeroizing::new(value.to_owned())));
    }

    /// Says which client asks.
    fn add_client(&mut self, how: Presented) {
        let [id, secret] = CLIENT;
        match how {
            Presented::WithoutSecret => self.add("client_id", id),
            Presented::GuessedSecret => self.add_basic(id, "guessed"),
            _ => self.add_basic(id, secret),
        }
    }

    /// RFC 6749 §2.3.1: both values are form-encoded first.
    fn add_basic(&mut self, id: &str, secret: &str) {
        let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let pair = format!("{}:{}", encoded(id), encoded(secret));
        let value = format!("Basic {}", STANDARD.encode(pair));
        self.headers.push((header::AUTHORIZATION, Zeroizing::new(value)));
    }
}

/// The token as somebody would make it who knows what it looks like and has not the key.
pub(crate) fn signed_by_nobody(token: &str) -> Text {
    let (head, signature) = token.rsplit_once('.').unwrap_or(("", token));
    let forged: String = signature.chars().rev().collect();
    Zeroizing::new(format!("{head}.{forged}"))
}
