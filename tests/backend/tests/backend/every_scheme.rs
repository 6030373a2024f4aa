//! A session of any scheme as its client holds it, for the stories that every scheme must tell.

use reqwest::header::SET_COOKIE;
use tokencast_backend::Scheme;

use crate::support::{Answer, Client};

/// What the client keeps between two requests.
#[derive(Clone)]
pub(crate) struct Held {
    scheme: Scheme,
    pub(crate) access: String,
    /// In whichever way the scheme gives it; empty where there is none.
    pub(crate) refresh: String,
    /// Of the scheme `cookie`; else empty.
    pub(crate) csrf: String,
}

impl Held {
    pub(crate) fn of(scheme: Scheme, sign_in: &Answer) -> Self {
        let nothing = Self {
            scheme,
            access: String::new(),
            refresh: String::new(),
            csrf: String::new(),
        };
        nothing.then(sign_in)
    }

    /// After an answer with tokens: what it does not replace stays.
    pub(crate) fn then(&self, answer: &Answer) -> Self {
        let mut held = self.clone();
        held.access = answer.access();
        if let Some(refresh) = answer.json["refresh_token"].as_str() {
            held.refresh = refresh.to_owned();
        }
        for cookie in answer.headers.get_all(SET_COOKIE) {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap();
            match pair.split_once('=').unwrap() {
                ("refresh", value) => held.refresh = value.to_owned(),
                ("csrf", value) => held.csrf = value.to_owned(),
                (other, _) => panic!("a cookie of the name {other}"),
            }
        }
        held
    }
}

pub(crate) async fn sign_in(client: &Client, scheme: Scheme, name: &str, password: &str) -> Answer {
    if scheme == Scheme::OAuth2 {
        let fields = [
            ("grant_type", "password"),
            ("client_id", "app"),
            ("username", name),
            ("password", password),
        ];
        return client.post("/oauth/token", &fields).await;
    }
    client.login(name, password).await
}

pub(crate) async fn refresh(client: &Client, held: &Held, key: &str) -> Answer {
    let request = match held.scheme {
        Scheme::Cookie => with_cookies(client, held, "/auth/refresh"),
        Scheme::OAuth2 => client.http.post(format!("{}/oauth/token", client.url)).form(&[
            ("grant_type", "refresh_token"),
            ("client_id", "app"),
            ("refresh_token", held.refresh.as_str()),
        ]),
        _ => client
            .http
            .post(format!("{}/auth/refresh", client.url))
            .form(&fields(held)),
    };
    Answer::of(request.header("idempotency-key", key).send().await.unwrap()).await
}

/// The query form, where there is one.
pub(crate) async fn refresh_by_query(client: &Client, held: &Held) -> Answer {
    let mut url = reqwest::Url::parse(&format!("{}/auth/refresh", client.url)).unwrap();
    url.query_pairs_mut().extend_pairs(fields(held));
    Answer::of(client.http.get(url).send().await.unwrap()).await
}

pub(crate) async fn log_out(client: &Client, held: &Held) -> Answer {
    match held.scheme {
        Scheme::Cookie => {
            let request = with_cookies(client, held, "/auth/logout");
            Answer::of(request.send().await.unwrap()).await
        }
        Scheme::OAuth2 => {
            let fields = [("client_id", "app"), ("token", held.refresh.as_str())];
            client.post("/oauth/revoke", &fields).await
        }
        Scheme::AccessOnly => client.logout(&held.access).await,
        _ => client.logout(&held.refresh).await,
    }
}

fn fields(held: &Held) -> Vec<(&'static str, &str)> {
    match held.scheme {
        Scheme::AccessOnly => vec![("token", &held.access)],
        _ => vec![
            ("grant_type", "refresh_token"),
            ("refresh_token", &held.refresh),
            ("access_token", &held.access),
        ],
    }
}

fn with_cookies(client: &Client, held: &Held, path: &str) -> reqwest::RequestBuilder {
    let cookie = format!("refresh={}; csrf={}", held.refresh, held.csrf);
    client
        .http
        .post(format!("{}{path}", client.url))
        .header("cookie", cookie)
        .header("x-csrf-token", &held.csrf)
}
