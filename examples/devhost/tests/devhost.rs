//! The development host over real sockets. The session is a real one too; only the server behind its transport is
//! played.
#![cfg(debug_assertions)]
#![allow(clippy::unwrap_used)] // its helper functions are tests too

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
use tokencast_devhost::{ConnectedPage, DevHost, DevHostError, MAX_CONNECTIONS};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

const APP: &str = "http://127.0.0.1:3000";
const SHOP: &str = "https://shop.example.com";
/// Only a test that hangs waits so long.
const PATIENCE: Duration = Duration::from_secs(60);

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

struct World {
    server: Arc<Server>,
    session: AuthSession,
    host: DevHost,
}

impl World {
    async fn signed_in() -> Self {
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

    fn exchanges(&self) -> u64 {
        self.server.exchanges.load(Ordering::SeqCst)
    }

    fn key(&self) -> String {
        self.host.mint_key(APP).unwrap().expose().to_owned()
    }

    async fn connect(&self) -> Page {
        self.try_connect(APP, &self.key())
            .await
            .expect("a page with its key is let in")
    }

    async fn try_connect(&self, origin: &str, key: &str) -> Result<Page, u16> {
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
    async fn open(&self, path: &str, headers: &[(&str, &str)]) -> u16 {
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
    async fn until_list(&self, is: impl Fn(&[ConnectedPage]) -> bool) -> Vec<ConnectedPage> {
        let mut list = self.host.watch();
        let found = tokio::time::timeout(PATIENCE, list.wait_for(|list| is(list))).await;
        found.expect("the list becomes so").unwrap().clone()
    }
}

struct Page {
    socket: WebSocketStream<TcpStream>,
    sent: u64,
}

impl Page {
    async fn hello(&mut self) -> Value {
        self.ask(json!({"k":"hello", "min":1, "max":1, "doc":"d", "have":null, "resume":false}))
            .await
    }

    async fn ask(&mut self, message: Value) -> Value {
        let id = self.say(message).await;
        loop {
            let answer = self.next().await.expect("an answer");
            if answer["id"] == id {
                return answer;
            }
        }
    }

    async fn say(&mut self, mut message: Value) -> String {
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

    async fn next(&mut self) -> Result<Value, Option<CloseCode>> {
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

#[tokio::test]
async fn a_page_with_its_key_has_the_bridge() {
    let world = World::signed_in().await;
    let (mut asker, mut other) = (world.connect().await, world.connect().await);
    let state = asker.hello().await;
    assert_eq!(
        (&state["k"], &state["at"]),
        (&json!("state"), &json!("s3cr3t-at-0"))
    );
    assert_eq!(
        state["api"],
        json!([{"origin":"http://127.0.0.1:9", "rejected":[401]}])
    );
    other.hello().await;
    // 1. The API rejects the token: one exchange.
    let renewed = asker
        .ask(json!({"k":"need", "used":state["gen"], "why":"401"}))
        .await;
    assert_eq!(renewed["at"], "s3cr3t-at-1");
    // 2. The other page hears of it and pulls.
    let notice = other.next().await.unwrap();
    assert_eq!(
        (&notice["k"], &notice["gen"]),
        (&json!("notify"), &renewed["gen"])
    );
    assert_eq!(other.hello().await["at"], "s3cr3t-at-1");
    assert_eq!(world.exchanges(), 1);
    // 3. The session ends: both hear of it.
    world.session.sign_out().await.unwrap();
    for page in [&mut asker, &mut other] {
        let told = page.next().await.unwrap();
        assert_eq!(
            (&told["k"], &told["reason"]),
            (&json!("ended"), &json!("signed_out"))
        );
    }
}

#[tokio::test]
async fn a_wrong_host_is_misdirected() {
    let world = World::signed_in().await;
    let port = world.host.address().port();
    let own = format!("127.0.0.1:{port}");
    let next = format!("127.0.0.1:{}", port.wrapping_add(1));
    let (localhost, rebound, dotted) = (
        format!("localhost:{port}"),
        format!("evil.com:{port}"),
        format!("127.0.0.1.:{port}"),
    );
    for hosts in [
        vec![localhost.as_str()],
        vec![&rebound],
        vec![&dotted],
        vec![&next],
        vec!["127.0.0.1"],
        vec!["evil.com"],
        vec![""],
        vec![],
        vec![&own, &rebound],
        vec![&own, &own],
    ] {
        let protocols = format!("tokencast.1, key.{}", world.key());
        let mut headers = vec![("Origin", APP), ("Sec-WebSocket-Protocol", protocols.as_str())];
        headers.extend(hosts.iter().map(|host| ("Host", *host)));
        assert_eq!(world.open("/bridge", &headers).await, 421, "{hosts:?}");
    }
}

#[tokio::test]
async fn a_wrong_origin_is_forbidden() {
    let world = World::signed_in().await;
    let own = world.host.address().to_string();
    for origins in [
        vec![],
        vec!["null"],
        vec![""],
        vec!["http://127.0.0.1:3001"],
        vec!["https://127.0.0.1:3000"],
        vec!["http://127.0.0.1:3000/"],
        vec!["http://127.0.0.1:3000.evil.com"],
        vec!["http://localhost:3000"],
        vec!["http://evil.com"],
        vec!["HTTP://127.0.0.1:3000"],
        vec![APP, APP],
        vec![APP, "http://evil.com"],
    ] {
        let protocols = format!("tokencast.1, key.{}", world.key());
        let mut headers = vec![
            ("Host", own.as_str()),
            ("Sec-WebSocket-Protocol", protocols.as_str()),
        ];
        headers.extend(origins.iter().map(|origin| ("Origin", *origin)));
        assert_eq!(world.open("/bridge", &headers).await, 403, "{origins:?}");
    }
}

#[tokio::test]
async fn a_key_opens_one_connection_of_its_origin() {
    let world = World::signed_in().await;
    let key = world.key();
    let mut page = world
        .try_connect(APP, &key)
        .await
        .unwrap_or_else(|status| panic!("{status}"));
    page.hello().await;
    // 1. It was used.
    assert_eq!(world.try_connect(APP, &key).await.err(), Some(403));
    // 2. None, an empty one, and those of nobody.
    for wrong in ["", "0", &"0".repeat(64), &"f".repeat(100_000 / 2)] {
        assert_eq!(world.try_connect(APP, wrong).await.err(), Some(403));
    }
    // 3. One of another origin of the policy; having been shown, it is spent.
    let shop = world.host.mint_key(SHOP).unwrap();
    assert_eq!(world.try_connect(APP, shop.expose()).await.err(), Some(403));
    assert_eq!(world.try_connect(SHOP, shop.expose()).await.err(), Some(403));
    // 4. Nobody else was harmed.
    page.hello().await;
    assert!(
        world
            .try_connect(SHOP, world.host.mint_key(SHOP).unwrap().expose())
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn whoever_does_not_speak_the_protocol_is_sent_away() {
    let world = World::signed_in().await;
    let own = world.host.address().to_string();
    let key = format!("key.{}", world.key());
    let both = format!("tokencast.1, {key}");
    let base = [("Host", own.as_str()), ("Origin", APP)];
    let with = |protocol| [&base[..], &[("Sec-WebSocket-Protocol", protocol)]].concat();
    assert_eq!(world.open("/bridge", &base).await, 400);
    assert_eq!(world.open("/bridge", &with(&key)).await, 400);
    assert_eq!(world.open("/bridge", &with("tokencast.2")).await, 400);
    assert_eq!(world.open("/bridge", &with("tokencast.1")).await, 403);
    assert_eq!(world.open("/bridge?x", &with(&both)).await, 404);
    assert_eq!(world.open("/", &with(&both)).await, 404);
    // The key outlived all that: none of them showed it with a right origin, path and protocol.
    assert_eq!(world.open("/bridge", &with(&both)).await, 101);
}

#[tokio::test]
async fn no_key_is_minted_for_a_stranger() {
    let world = World::signed_in().await;
    for origin in [
        "http://127.0.0.1:3001",
        "https://evil.com",
        "null",
        "",
        "http://127.0.0.1:3000/",
    ] {
        let refused = world.host.mint_key(origin);
        assert!(matches!(refused, Err(DevHostError::NotInPolicy)), "{origin}");
    }
    assert!(world.host.page_url("https://evil.com/").is_err());
    assert!(world.host.page_url("file:///index.html").is_err());
}

#[tokio::test]
async fn a_page_s_address_carries_what_its_client_looks_for() {
    let world = World::signed_in().await;
    let address = world
        .host
        .page_url("http://127.0.0.1:3000/orders?id=7#top")
        .unwrap();
    let (page, found) = address.split_once("#tokencast-dev=").unwrap();
    assert_eq!(page, "http://127.0.0.1:3000/orders?id=7");
    let found: String = url::form_urlencoded::parse(found.as_bytes())
        .map(|(name, _)| name.into_owned())
        .collect();
    let found: Value = serde_json::from_str(&found).unwrap();
    assert_eq!(found["url"], world.host.url());
    assert!(
        world
            .try_connect(APP, found["key"].as_str().unwrap())
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn an_oversize_message_ends_its_connection_and_no_other() {
    let world = World::signed_in().await;
    let (mut big, mut huge, mut other) = (
        world.connect().await,
        world.connect().await,
        world.connect().await,
    );
    let text = "x".repeat(64 * 1024 + 1);
    let _ = big.socket.send(Message::text(text)).await;
    assert_eq!(big.next().await.unwrap_err(), Some(CloseCode::Size));
    // A frame that announces an exabyte costs nothing.
    let frame = [
        0x81, 0xff, 0x0f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0,
    ];
    huge.socket.get_mut().write_all(&frame).await.unwrap();
    assert_eq!(huge.next().await.unwrap_err(), Some(CloseCode::Size));
    assert_eq!(other.hello().await["k"], "state");
    world.until_list(|list| list.len() == 1).await;
}

#[tokio::test]
async fn what_is_no_message_is_answered_and_the_connection_lives() {
    let world = World::signed_in().await;
    let mut page = world.connect().await;
    let deep = format!(
        r#"{{"v":1,"k":"bye","x":{}{}}}"#,
        "[".repeat(30_000),
        "]".repeat(30_000)
    );
    for text in [
        "",
        "null",
        "{",
        r#"{"v":1,"k":"lease","id":"x"}"#,
        "\u{0}\u{2028}é",
        deep.as_str(),
    ] {
        page.socket.send(Message::text(text)).await.unwrap();
        let answer = page.next().await.unwrap();
        assert_eq!(
            (&answer["k"], &answer["code"]),
            (&json!("err"), &json!("unsupported"))
        );
    }
    assert_eq!(page.hello().await["k"], "state");
    page.socket.send(Message::binary(vec![1, 2, 3])).await.unwrap();
    assert_eq!(page.next().await.unwrap_err(), Some(CloseCode::Unsupported));
}

#[tokio::test]
async fn what_is_no_websocket_is_survived() {
    let world = World::signed_in().await;
    for bytes in [
        &b"\x16\x03\x01\x02\x00"[..],
        b"GET /bridge HTTP/1.1\r\n\r\n",
        b"\r\n\r\n\r\n",
        &[0xff; 70_000],
    ] {
        let mut stream = TcpStream::connect(world.host.address()).await.unwrap();
        let _ = stream.write_all(bytes).await;
        drop(stream);
    }
    assert_eq!(world.connect().await.hello().await["k"], "state");
}

/// 1. One page sends 10,000 messages as fast as it can, half of them reports of a 401.
/// 2. Each is answered, one exchange is made at most, and another page is served meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_10_000_messages_harms_nobody_else() {
    const FLOOD: u64 = 10_000;
    let world = World::signed_in().await;
    let (mut flooder, mut other) = (world.connect().await, world.connect().await);
    let used = flooder.hello().await["gen"].clone();
    let (mut sink, mut stream) = flooder.socket.split();
    let flood = tokio::spawn(async move {
        for n in 0..FLOOD {
            let message = match n % 2 {
                0 => json!({"v":1, "k":"need", "id":n, "used":used, "why":"401"}),
                _ => {
                    json!({"v":1, "k":"hello", "id":n, "min":1, "max":1, "doc":format!("d{n}"), "have":null})
                }
            };
            sink.send(Message::text(message.to_string())).await.unwrap();
        }
        sink
    });
    let answers = tokio::spawn(async move {
        let (mut answered, mut limited) = (0, 0);
        while answered < FLOOD {
            let message = tokio::time::timeout(PATIENCE, stream.next())
                .await
                .unwrap()
                .unwrap()
                .unwrap();
            let Message::Text(text) = message else { continue };
            let value: Value = serde_json::from_str(&text).unwrap();
            answered += u64::from(!value["id"].is_null());
            limited += u64::from(value["code"] == "rate");
        }
        limited
    });
    for _ in 0..20 {
        assert_eq!(other.hello().await["k"], "state");
    }
    let _sink = flood.await.unwrap();
    assert!(
        answers.await.unwrap() > FLOOD / 2,
        "most of a flood is refused unread"
    );
    assert!(world.exchanges() <= 1);
    assert_eq!(world.host.pages().len(), 2);
}

#[tokio::test]
async fn the_list_follows_the_pages() {
    let world = World::signed_in().await;
    assert_eq!(world.host.pages(), []);
    let mut page = world.connect().await;
    let list = world.until_list(|list| list.len() == 1).await;
    assert_eq!(
        (list[0].origin.to_string().as_str(), list[0].generation),
        (APP, None)
    );
    // 1. It holds a token.
    let state = page.hello().await;
    let first = world.until_list(|list| list[0].generation.is_some()).await[0].generation;
    assert_eq!(first, Some(world.session.generation()));
    // 2. And a newer one.
    let renewed = page
        .ask(json!({"k":"need", "used":state["gen"], "why":"401"}))
        .await;
    page.ask(json!({"k":"ack", "have":renewed["gen"]})).await;
    world.until_list(|list| list[0].generation > first).await;
    // 3. Its session ends.
    world.session.sign_out().await.unwrap();
    world.until_list(|list| list[0].generation.is_none()).await;
    // 4. It goes.
    drop(page);
    world.until_list(|list| list.is_empty()).await;
}

#[tokio::test]
async fn dropping_the_host_closes_its_pages() {
    let World {
        host,
        session,
        server,
    } = World::signed_in().await;
    let world = World {
        host,
        session,
        server,
    };
    let mut page = world.connect().await;
    page.hello().await;
    let World {
        host,
        session: _session,
        ..
    } = world;
    drop(host);
    assert!(page.next().await.is_err());
}

#[tokio::test]
async fn there_is_room_for_so_many_connections() {
    let world = World::signed_in().await;
    let mut held = Vec::new();
    for _ in 0..MAX_CONNECTIONS {
        held.push(TcpStream::connect(world.host.address()).await.unwrap());
    }
    let mut one_more = TcpStream::connect(world.host.address()).await.unwrap();
    let end = tokio::time::timeout(PATIENCE, one_more.read(&mut [0]))
        .await
        .unwrap();
    assert_eq!(end.unwrap_or(0), 0);
    // Places become free again.
    drop(held);
    let key = world.key();
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let mut request = world.host.url().into_client_request().unwrap();
        request
            .headers_mut()
            .insert("Origin", HeaderValue::from_static(APP));
        let protocols = format!("tokencast.1, key.{key}");
        request.headers_mut().insert(
            "Sec-WebSocket-Protocol",
            HeaderValue::from_str(&protocols).unwrap(),
        );
        let stream = TcpStream::connect(world.host.address()).await.unwrap();
        if client_async(request, stream).await.is_ok() {
            return;
        }
        assert!(tokio::time::Instant::now() < deadline, "a place becomes free");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_policy_that_cannot_work_does_not_start() {
    let world = World::signed_in().await;
    let policy = PagePolicy::new([APP]).unwrap();
    let refused = DevHost::start(&world.session, policy).await;
    assert!(matches!(refused, Err(DevHostError::Policy(_))), "{refused:?}");
}

#[tokio::test]
async fn nothing_printed_shows_a_key() {
    let world = World::signed_in().await;
    let key = world.host.mint_key(APP).unwrap();
    let text = format!("{key:?} {:?} {:?}", world.host, world.host.pages());
    assert!(!text.contains(key.expose()), "{text}");
}
