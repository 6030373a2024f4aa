//! A page without a browser: it speaks `tokencast/1` over the real WebSocket, calls the real API as a browser would
//! (with its `Origin`, reading only what CORS lets it read), and replays a rejected call once.

use std::fmt;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use axum::body::{Body, to_bytes};
use futures_util::{SinkExt as _, StreamExt as _};
use hyper::Request;
use hyper::client::conn::http1;
use hyper::header;
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::{WebSocketStream, client_async};
use url::Url;
use zeroize::Zeroizing;

use super::PATIENCE;
use crate::control::random_name;
use crate::launcher::{Invitation, Look, Text};
use crate::step::Call;

/// What a page's fragment tells of its host.
#[derive(Deserialize)]
pub(super) struct Host {
    pub(super) url: String,
    pub(super) key: Zeroizing<String>,
}

/// A generation on the wire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Gen {
    s: String,
    pub(super) e: u64,
    pub(super) g: u64,
}

/// One document with its bridge connection.
pub(super) struct Page {
    pub(super) name: &'static str,
    origin: String,
    api: String,
    socket: WebSocketStream<TcpStream>,
    sent: u64,
    /// How the document names itself to the app.
    doc: String,
    token: Option<(Gen, Zeroizing<String>)>,
    /// Everything that the app said.
    heard: Zeroizing<String>,
    /// Why the session ended, once the page was told.
    pub(super) ended: Option<String>,
    /// Whether the connection to the app is lost.
    pub(super) lost: bool,
}

/// What became of a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Answer {
    /// The statuses of its sendings, one or two.
    pub(super) statuses: Vec<u16>,
    pub(super) body: Value,
}

impl Page {
    /// Opens the page's address as a browser does, connects to the app, and greets.
    pub(super) async fn open(invitation: &Invitation, api: &str) -> Result<Self> {
        let host = host_in(&invitation.address)?;
        let socket = connect(&host.url, &invitation.origin, Some(&host.key))
            .await
            .context("the bridge lets the page in")?;
        let mut page = Self {
            name: invitation.name,
            origin: invitation.origin.clone(),
            api: api.to_owned(),
            socket,
            sent: 0,
            doc: random_name::<16>().map_err(|_| anyhow!("the system gave no random bytes"))?,
            token: None,
            heard: Zeroizing::default(),
            ended: None,
            lost: false,
        };
        let hello = page.hello(false);
        page.ask(hello).await;
        Ok(page)
    }

    /// The generation of the token it holds.
    pub(super) fn generation(&self) -> Option<&Gen> {
        self.token.as_ref().map(|(generation, _)| generation)
    }

    /// The token it holds, to look for it where it must not be.
    pub(super) fn token(&self) -> Option<&str> {
        self.token.as_ref().map(|(_, token)| token.as_str())
    }

    /// Calls the API with the token it holds; after a 401 it asks the app, and sends the call once more with a newer
    /// one.
    pub(super) async fn call(&mut self, call: Call) -> Result<Answer> {
        let mut answer = Answer::default();
        let used = self.generation().cloned();
        let (status, body) = self.send(call).await?;
        answer.statuses.push(status);
        answer.body = body;
        let Some(used) = used.filter(|_| status == 401) else {
            return Ok(answer);
        };
        self.ask(json!({"k": "need", "used": used, "why": "401"})).await;
        if self.generation().is_some_and(|held| held.is_newer(&used)) {
            let (status, body) = self.send(call).await?;
            answer.statuses.push(status);
            answer.body = body;
        }
        Ok(answer)
    }

    /// What a hostile script in the page has to look through, and what it can ask for without the session.
    pub(super) async fn look(&mut self, secrets: &[Text]) -> Result<Look> {
        let (status, body) = self.send(Call::Look).await?;
        let mut found = Vec::new();
        if secrets.iter().any(|secret| self.heard.contains(secret.as_str())) {
            found.push("a cookie among what the app said".to_owned());
        }
        if status < 400 || body.get("access_token").is_some() {
            found.push("new tokens".to_owned());
        }
        let page = self.name.to_owned();
        Ok(Look { page, found })
    }

    /// Takes what the app says until it is as wanted.
    pub(super) async fn until(&mut self, wanted: impl Fn(&Self) -> bool) -> bool {
        while !wanted(self) {
            match self.receive().await {
                Some(message) => self.take(&message).await,
                None => return wanted(self),
            }
        }
        true
    }

    fn hello(&self, resume: bool) -> Value {
        let have = self.generation();
        json!({"k": "hello", "min": 1, "max": 1, "doc": self.doc, "have": have, "resume": resume})
    }

    /// Sends a question, and takes what the app says until its answer has come or the connection is lost.
    async fn ask(&mut self, question: Value) {
        let Some(id) = self.say(question).await else {
            return;
        };
        while let Some(message) = self.receive().await {
            self.take(&message).await;
            if message["id"] == id {
                return;
            }
        }
    }

    async fn say(&mut self, mut message: Value) -> Option<String> {
        self.sent += 1;
        let id = self.sent.to_string();
        message["v"] = json!(1);
        message["id"] = json!(id);
        let sent = self.socket.send(Message::text(message.to_string())).await;
        self.lost |= sent.is_err();
        sent.is_ok().then_some(id)
    }

    /// The next message; `None` when the app is gone, or says nothing for too long.
    async fn receive(&mut self) -> Option<Value> {
        while !self.lost {
            match timeout(PATIENCE, self.socket.next()).await {
                Ok(Some(Ok(Message::Text(text)))) => {
                    self.heard.push_str(&text);
                    return serde_json::from_str(&text).ok();
                }
                Ok(Some(Ok(_))) => {}
                Ok(Some(Err(_)) | None) => self.lost = true,
                Err(_) => return None,
            }
        }
        None
    }

    async fn take(&mut self, message: &Value) {
        let generation: Option<Gen> = serde_json::from_value(message["gen"].clone()).ok();
        match (message["k"].as_str(), generation) {
            (Some("state"), Some(generation)) => {
                let Some(token) = message["at"].as_str() else {
                    return;
                };
                let token = Zeroizing::new(token.to_owned());
                if self.generation().is_none_or(|held| generation.is_newer(held)) {
                    self.token = Some((generation.clone(), token));
                    self.say(json!({"k": "ack", "have": generation})).await;
                }
            }
            (Some("notify"), Some(generation))
                if self.generation().is_some_and(|held| generation.is_newer(held)) =>
            {
                // Pull: the answer is taken like everything else.
                let hello = self.hello(true);
                self.say(hello).await;
            }
            (Some("ended"), _) => {
                self.token = None;
                self.ended = message["reason"].as_str().map(Into::into);
            }
            _ => {}
        }
    }

    async fn send(&self, call: Call) -> Result<(u16, Value)> {
        let authority = self.api.trim_start_matches("http://");
        let request = match call {
            Call::Me => Request::get("/api/me").body(Body::empty()),
            Call::Look => Request::post("/auth/refresh").body(Body::empty()),
            Call::Note => Request::post("/api/notes")
                .header(header::CONTENT_TYPE, "application/json")
                .body(Body::from(
                    json!({"text": format!("from {}", self.name)}).to_string(),
                )),
        };
        let mut request = request?;
        let headers = request.headers_mut();
        headers.insert(header::HOST, HeaderValue::from_str(authority)?);
        headers.insert(header::ORIGIN, HeaderValue::from_str(&self.origin)?);
        if let Some(token) = self.token().filter(|_| call != Call::Look) {
            let bearer = Zeroizing::new(format!("Bearer {token}"));
            headers.insert(header::AUTHORIZATION, HeaderValue::from_str(&bearer)?);
        }
        let response = exchange(authority, request).await?;
        let allowed = response.headers().get(header::ACCESS_CONTROL_ALLOW_ORIGIN);
        ensure!(
            allowed.is_some_and(|origin| *origin == self.origin.as_str()),
            "a browser would not let the page {} read this answer",
            self.name
        );
        let status = response.status().as_u16();
        let body = to_bytes(Body::new(response.into_body()), 1 << 20).await?;
        Ok((status, serde_json::from_slice(&body).unwrap_or(Value::Null)))
    }
}

impl Gen {
    pub(super) fn is_newer(&self, than: &Self) -> bool {
        self.s != than.s || (self.e, self.g) > (than.e, than.g)
    }
}

impl fmt::Display for Gen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.e, self.g)
    }
}

/// One request over a connection of its own.
pub(super) async fn exchange(
    authority: &str,
    request: Request<Body>,
) -> Result<hyper::Response<hyper::body::Incoming>> {
    let stream = TcpStream::connect(authority).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(async move {
        // Its errors are the request's errors, too.
        let _ = connection.await;
    });
    match timeout(PATIENCE, sender.send_request(request)).await {
        Ok(response) => Ok(response?),
        Err(_) => bail!("{authority} did not answer in time"),
    }
}

/// Knocks at the bridge as a page of this origin, with its key.
pub(super) async fn connect(
    url: &str,
    origin: &str,
    key: Option<&str>,
) -> Result<WebSocketStream<TcpStream>> {
    let address = Url::parse(url)?.socket_addrs(|| None)?;
    let mut request = url.into_client_request()?;
    let key = Zeroizing::new(key.map(|key| format!(", key.{key}")).unwrap_or_default());
    let protocols = Zeroizing::new(format!("tokencast.1{}", &*key));
    let headers = request.headers_mut();
    headers.insert(header::ORIGIN, HeaderValue::from_str(origin)?);
    headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_str(&protocols)?);
    let stream = TcpStream::connect(&*address).await?;
    let (socket, _) = client_async(request, stream).await?;
    Ok(socket)
}

/// Finds the bridge in a page's fragment, as the page's client does.
pub(super) fn host_in(address: &str) -> Result<Host> {
    let fragment = address
        .split_once("#tokencast-dev=")
        .context("the address names no development host")?
        .1;
    let (text, _) = url::form_urlencoded::parse(fragment.as_bytes())
        .next()
        .context("the fragment is empty")?;
    Ok(serde_json::from_str(&text)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generation(s: &str, e: u64, g: u64) -> Gen {
        Gen { s: s.into(), e, g }
    }

    #[test]
    fn generations_are_ordered_within_a_store_and_another_store_is_newer() {
        let held = generation("a", 2, 3);
        assert!(generation("a", 2, 4).is_newer(&held));
        assert!(generation("a", 3, 1).is_newer(&held));
        assert!(generation("b", 1, 1).is_newer(&held));
        assert!(!generation("a", 2, 3).is_newer(&held));
        assert!(!generation("a", 1, 9).is_newer(&held));
    }

    #[test]
    fn the_bridge_is_found_in_the_fragment() {
        let address = "http://127.0.0.1:1/#tokencast-dev=%7B%22key%22%3A%22k%22%2C%22url%22%3A%22ws%3A%2F%2F127.0.0.1%3A2%2Fbridge%22%7D";
        let host = host_in(address).unwrap();
        assert_eq!(
            (host.url.as_str(), host.key.as_str()),
            ("ws://127.0.0.1:2/bridge", "k")
        );
        for wrong in [
            "http://127.0.0.1:1/",
            "http://127.0.0.1:1/#tokencast-dev=",
            "http://127.0.0.1:1/#tokencast-dev=%7B",
        ] {
            assert!(host_in(wrong).is_err(), "{wrong}");
        }
    }
}
