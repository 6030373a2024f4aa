//! Who is let in.

use std::time::Duration;

use tokencast_devhost::{DevHostError, MAX_CONNECTIONS};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;

use crate::world::{APP, PATIENCE, SHOP, World};

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
    let protocols = format!("tokencast.1, key.{}", world.key());
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
        let mut headers = vec![
            ("Host", own.as_str()),
            ("Sec-WebSocket-Protocol", protocols.as_str()),
        ];
        headers.extend(origins.iter().map(|origin| ("Origin", *origin)));
        assert_eq!(world.open("/bridge", &headers).await, 403, "{origins:?}");
    }
    // A stranger is refused before the keys are looked at: the page's own is still good.
    let key = protocols.strip_prefix("tokencast.1, key.").unwrap();
    assert!(world.try_connect(APP, key).await.is_ok());
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

#[tokio::test]
async fn there_is_room_for_so_many_connections() {
    let world = World::signed_in().await;
    let mut held = Vec::new();
    for _ in 0..MAX_CONNECTIONS {
        held.push(TcpStream::connect(world.host.address()).await.unwrap());
    }
    // One more is not served, though it says all the right words.
    let own = world.host.address();
    let words = format!(
        "GET /bridge HTTP/1.1\r\nHost: {own}\r\nOrigin: {APP}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Protocol: tokencast.1, key.{}\r\n\r\n",
        world.key()
    );
    let mut one_more = TcpStream::connect(own).await.unwrap();
    let _ = one_more.write_all(words.as_bytes()).await;
    let read = tokio::time::timeout(PATIENCE, one_more.read(&mut [0])).await;
    assert_eq!(read.unwrap().unwrap_or(0), 0);
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
