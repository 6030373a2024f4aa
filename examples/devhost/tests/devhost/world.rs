//! A session, its development host, and pages that connect to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokencast::pages::PagePolicy;
use tokencast::profile::ServerProfile;
use tokencast::session::AuthSession;
use tokencast::storage;
use tokencast::token::Credentials;
use tokencast::transport::{HttpTransport, TransportError};
use tokencast::wire::{HttpRequest, HttpResponse};
use tokencast_devhost::{ConnectedPage, DevHost};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

pub(crate) const APP: &str = "http://127.0.0.1:3000";
pub(crate) const SHOP: &str = "https://shop.example.com";
/// Only a test that hangs waits so long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Default)]
struct Server {
    exchanges: AtomicU64,
}

struct Wire(Arc<Server>);

impl HttpTransport for Wire {
    fn send(&self, request: HttpRequest) -> BoxFuture<'static, Result<HttpResponse, TransportError>> {
        let is_exchange = request.url.path() == "/auth/refresh";
        let count = self
            .0
            .exchanges
            .fetch_add(u64::from(is_exchange), Ordering::SeqCst)
            + u64::from(is_exchange);
        let (at, rt) = (format!("s3cr3t-at-{count}"), format!("s3cr3t-rt-{count}"));
        let body = json!({"access_token":at, "refresh_token":rt, "expires_in":600, "token_type":"Bearer"});
        let response = HttpResponse {
            status: 200,
            headers: vec![("Content-Type".into(), "application/json".into())],
            body: body.to_string().into_bytes().into(),
        };
        Box::pin(async move { Ok(response) })
    }
}

pub(crate) struct World {
    server: Arc<Server>,
    pub(crate) session: AuthSession,
    pub(crate) host: DevHost,
}

impl World {
    pub(crate) async fn signed_in() -> Self {
        let server = Arc::new(Server::default());
        let profile = ServerProfile::rotation("http://127.0.0.1:9").unwrap();
        let builder = AuthSession::builder(profile).storage(storage::memory());
        let session = builder.transport(Wire(server.clone())).build().unwrap();
        session
            .sign_in(Credentials::password("ada", "passw0rd"))
            .await
            .unwrap();
        let policy = PagePolicy::new([APP, SHOP]).unwrap().allow_loopback_http();
        let host = DevHost::start(&session, policy).await.unwrap();
        Self {
            server,
            session,
            host,
        }
    }

    pub(crate) fn exchanges(&self) -> u64 {
        self.server.exchanges.load(Ordering::SeqCst)
    }

    pub(crate) fn key(&self) -> String {
        self.host.mint_key(APP).unwrap().expose().to_owned()
    }

    pub(crate) async fn connect(&self) -> Page {
        self.try_connect(APP, &self.key())
            .await
            .expect("a page with its key is let in")
    }

    pub(crate) async fn try_connect(&self, origin: &str, key: &str) -> Result<Page, u16> {
        let mut request = self.host.url().into_client_request().unwrap();
        let headers = request.headers_mut();
        headers.insert("Origin", HeaderValue::from_str(origin).unwrap());
        let protocols = format!("tokencast.1, key.{key}");
        headers.insert(
            "Sec-WebSocket-Protocol",
            HeaderValue::from_str(&protocols).unwrap(),
        );
        let stream = TcpStream::connect(self.host.address()).await.unwrap();
        match client_async(request, stream).await {
            Ok((socket, response)) => {
                let chosen: Vec<_> = response
                    .headers()
                    .get_all("Sec-WebSocket-Protocol")
                    .iter()
                    .collect();
                assert_eq!(chosen, ["tokencast.1"], "the key is not sent back");
                Ok(Page { socket, sent: 0 })
            }
            Err(Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    /// Sends an opening request with these headers; the status of the answer.
    pub(crate) async fn open(&self, path: &str, headers: &[(&str, &str)]) -> u16 {
        let mut text = format!("GET {path} HTTP/1.1\r\n");
        let fixed = [
            ("Connection", "Upgrade"),
            ("Upgrade", "websocket"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        for (name, value) in headers.iter().chain(&fixed) {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        let mut stream = TcpStream::connect(self.host.address()).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut answer = vec![0; 12];
        tokio::time::timeout(PATIENCE, stream.read_exact(&mut answer))
            .await
            .unwrap()
            .unwrap();
        let answer = String::from_utf8(answer).unwrap();
        answer.strip_prefix("HTTP/1.1 ").unwrap().parse().unwrap()
    }

    /// Waits until the list of pages is as told.
    pub(crate) async fn until_list(&self, is: impl Fn(&[ConnectedPage]) -> bool) -> Vec<ConnectedPage> {
        let mut list = self.host.watch();
        let found = tokio::time::timeout(PATIENCE, list.wait_for(|list| is(list))).await;
        found.expect("the list becomes so").unwrap().clone()
    }
}

pub(crate) struct Page {
    pub(crate) socket: WebSocketStream<TcpStream>,
    sent: u64,
}

impl Page {
    pub(crate) async fn hello(&mut self) -> Value {
        self.ask(json!({"k":"hello", "min":1, "max":1, "doc":"d", "have":null, "resume":false}))
            .await
    }

    pub(crate) async fn ask(&mut self, message: Value) -> Value {
        let id = self.say(message).await;
        loop {
            let answer = self.next().await.expect("an answer");
            if answer["id"] == id {
                return answer;
            }
        }
    }

    pub(crate) async fn say(&mut self, mut message: Value) -> String {
        self.sent += 1;
        let id = self.sent.to_string();
        message["v"] = json!(1);
        message["id"] = json!(id);
        self.socket
            .send(Message::text(message.to_string()))
            .await
            .unwrap();
        id
    }

    pub(crate) async fn next(&mut self) -> Result<Value, Option<CloseCode>> {
        loop {
            match tokio::time::timeout(PATIENCE, self.socket.next())
                .await
                .expect("an end")
            {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(frame))) => return Err(frame.map(|frame| frame.code)),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(None),
            }
        }
    }
}
