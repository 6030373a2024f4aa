//! Tokens by short labels: which kind, and the how manieth of its kind in a story.

use axum::body::Bytes;
use axum::http::{HeaderMap, Request, header};
use serde::Serialize;
use serde_json::Value;
use url::form_urlencoded;
use zeroize::Zeroizing;

/// A token's text. It leaves the process in a request to the server only.
pub(crate) type Text = Zeroizing<String>;

/// Something that is sent and must not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    Access,
    Refresh,
    Csrf,
    /// An idempotency key.
    Key,
    Password,
    /// A client's secret.
    Client,
}

/// A token's name in a story, such as `R1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Label {
    pub(crate) kind: Kind,
    pub(crate) text: String,
}

/// What somebody has of a session.
#[derive(Clone, Default)]
pub(crate) struct Purse {
    pub(crate) access: Option<Text>,
    pub(crate) refresh: Option<Text>,
    pub(crate) csrf: Option<Text>,
}

impl Purse {
    /// What comes new replaces what was there.
    pub(super) fn take(&mut self, sent: &Sent) {
        for (kind, value) in &sent.values {
            let place = match kind {
                Kind::Access => &mut self.access,
                Kind::Refresh => &mut self.refresh,
                Kind::Csrf => &mut self.csrf,
                Kind::Key | Kind::Password | Kind::Client => continue,
            };
            *place = Some(value.clone());
        }
    }
}

/// What a request or an answer holds.
#[derive(Default)]
pub(super) struct Sent {
    values: Vec<(Kind, Text)>,
    /// The server's error code.
    pub(super) error: Option<String>,
}

impl Sent {
    pub(super) fn in_request(request: &Request<Bytes>) -> Self {
        let mut sent = Self::default();
        sent.add_fields(request.uri().query().unwrap_or_default().as_bytes());
        sent.add_fields(request.body());
        let headers = request.headers();
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        for pair in text("cookie").unwrap_or_default().split("; ") {
            sent.add_cookie(pair);
        }
        if let Some(token) = text("authorization").and_then(|value| value.strip_prefix("Bearer ")) {
            sent.add(Kind::Access, token);
        }
        if let Some(credentials) = text("authorization").and_then(|value| value.strip_prefix("Basic ")) {
            sent.add(Kind::Client, credentials);
        }
        if let Some(key) = text("idempotency-key") {
            sent.add(Kind::Key, key);
        }
        if let Some(value) = text("x-csrf-token") {
            sent.add(Kind::Csrf, value);
        }
        sent
    }

    pub(super) fn in_answer(headers: &HeaderMap, body: &[u8]) -> Self {
        let mut sent = Self::default();
        let value: Value = serde_json::from_slice(body).unwrap_or_default();
        for (name, kind) in [("access_token", Kind::Access), ("refresh_token", Kind::Refresh)] {
            if let Some(token) = value[name].as_str() {
                sent.add(kind, token);
            }
        }
        for cookie in headers.get_all(header::SET_COOKIE) {
            let cookie = cookie.to_str().unwrap_or_default();
            sent.add_cookie(cookie.split(';').next().unwrap_or_default());
        }
        sent.error = value["error"].as_str().map(str::to_owned);
        sent
    }

    fn add_fields(&mut self, form: &[u8]) {
        for (name, value) in form_urlencoded::parse(form) {
            let kind = match &*name {
                "refresh_token" => Kind::Refresh,
                // What a scheme without refresh tokens renews, and what is to be revoked.
                "access_token" | "token" => Kind::Access,
                "password" | "new_password" => Kind::Password,
                "client_secret" => Kind::Client,
                _ => continue,
            };
            self.add(kind, &value);
        }
    }

    fn add_cookie(&mut self, pair: &str) {
        match pair.split_once('=') {
            Some(("refresh", value)) => self.add(Kind::Refresh, value),
            // The page that the server renders.
            Some(("at", value)) => self.add(Kind::Access, value),
            Some(("csrf", value)) => self.add(Kind::Csrf, value),
            _ => {}
        }
    }

    fn add(&mut self, kind: Kind, value: &str) {
        if !value.is_empty() {
            self.values.push((kind, Zeroizing::new(value.to_owned())));
        }
    }
}

/// So many are remembered.
const MOST: usize = 1000;

/// Which token has which label.
#[derive(Default)]
pub(super) struct Labels {
    known: Vec<(Text, Label)>,
    /// Those from here on belong to this story.
    story: usize,
}

impl Labels {
    pub(super) fn begin(&mut self) {
        self.story = self.known.len();
    }

    /// The labels of what was sent; the same value twice is one label.
    pub(super) fn of(&mut self, sent: &Sent) -> Vec<Label> {
        let mut labels = Vec::new();
        for (kind, value) in &sent.values {
            let label = self.label(*kind, value);
            if !labels.contains(&label) {
                labels.push(label);
            }
        }
        labels
    }

    pub(super) fn of_purse(&mut self, purse: &Purse) -> Vec<Label> {
        let all = [
            (Kind::Access, &purse.access),
            (Kind::Refresh, &purse.refresh),
            (Kind::Csrf, &purse.csrf),
        ];
        let labels = all
            .into_iter()
            .filter_map(|(kind, value)| Some(self.label(kind, value.as_ref()?)));
        labels.collect()
    }

    pub(super) fn call(&mut self, kind: Kind, value: &str, name: &str) {
        let text = name.to_owned();
        self.remember(value, Label { kind, text });
    }

    pub(super) fn secrets(&self) -> Vec<Text> {
        self.known.iter().map(|(value, _)| value.clone()).collect()
    }

    fn label(&mut self, kind: Kind, value: &str) -> Label {
        let story = &self.known[self.story..];
        if let Some((_, label)) = story.iter().find(|(known, _)| known.as_str() == value) {
            return label.clone();
        }
        let letter = match kind {
            Kind::Access => 'A',
            Kind::Refresh => 'R',
            Kind::Csrf => 'C',
            Kind::Key => 'K',
            Kind::Password | Kind::Client => {
                let text = if kind == Kind::Password {
                    "password"
                } else {
                    "client secret"
                };
                let text = text.to_owned();
                return Label { kind, text };
            }
        };
        let count = story
            .iter()
            .filter(|(_, label)| label.kind == kind && label.text.starts_with(letter));
        let text = format!("{letter}{}", count.count() + 1);
        let label = Label { kind, text };
        self.remember(value, label.clone());
        label
    }

    fn remember(&mut self, value: &str, label: Label) {
        if self.known.len() >= MOST {
            self.known.drain(..self.story.max(1));
            self.story = 0;
        }
        self.known.push((Zeroizing::new(value.to_owned()), label));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(body: &'static str, headers: &[(&str, &str)]) -> Request<Bytes> {
        let mut request = Request::post("/auth/refresh");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Bytes::from_static(body.as_bytes())).unwrap()
    }

    fn texts(labels: &[Label]) -> Vec<&str> {
        labels.iter().map(|label| label.text.as_str()).collect()
    }

    #[test]
    fn a_token_keeps_its_label_and_the_next_one_gets_the_next() {
        let mut labels = Labels::default();
        let pair = br#"{"access_token":"aaaa","refresh_token":"rrrr"}"#;
        let pair = labels.of(&Sent::in_answer(&HeaderMap::new(), pair));
        assert_eq!(texts(&pair), ["A1", "R1"]);
        let headers = [("idempotency-key", "kkkk")];
        let asked = request(
            "grant_type=refresh_token&refresh_token=rrrr&access_token=aaaa",
            &headers,
        );
        assert_eq!(texts(&labels.of(&Sent::in_request(&asked))), ["R1", "A1", "K1"]);
        let next = labels.of(&Sent::in_answer(&HeaderMap::new(), br#"{"access_token":"bbbb"}"#));
        assert_eq!(texts(&next), ["A2"]);
        labels.begin();
        let anew = labels.of(&Sent::in_answer(&HeaderMap::new(), br#"{"access_token":"bbbb"}"#));
        assert_eq!(texts(&anew), ["A1"]);
        assert!(labels.secrets().iter().any(|secret| secret.as_str() == "rrrr"));
    }

    #[test]
    fn cookies_and_their_echo_are_seen_and_passwords_are_not_told_apart() {
        let mut labels = Labels::default();
        let headers = [
            ("cookie", "refresh=rrrr; csrf=cccc; other=oooo"),
            ("x-csrf-token", "cccc"),
        ];
        let cookies = labels.of(&Sent::in_request(&request("", &headers)));
        assert_eq!(texts(&cookies), ["R1", "C1"]);
        let login = labels.of(&Sent::in_request(&request("username=ada&password=pppp", &[])));
        assert_eq!(texts(&login), ["password"]);
        assert!(labels.secrets().iter().all(|secret| secret.as_str() != "pppp"));
    }

    #[test]
    fn a_purse_holds_what_came_last() {
        let mut purse = Purse::default();
        for body in [
            &br#"{"access_token":"aaaa","refresh_token":"rrrr"}"#[..],
            br#"{"access_token":"bbbb"}"#,
            br#"{"error":"invalid_token"}"#,
        ] {
            purse.take(&Sent::in_answer(&HeaderMap::new(), body));
        }
        assert_eq!(purse.access.as_deref().map(String::as_str), Some("bbbb"));
        assert_eq!(purse.refresh.as_deref().map(String::as_str), Some("rrrr"));
    }
}
