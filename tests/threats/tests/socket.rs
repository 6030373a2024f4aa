//! A program of the same machine at the development host's socket. It is no browser: it writes whatever headers it likes.
#![allow(clippy::unwrap_used)]

use std::net::{Ipv4Addr, SocketAddr};

use tokencast::pages::PagePolicy;
use tokencast_devhost::DevHost;
use tokencast_testkit::Rig;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const PAGE: &str = "http://127.0.0.1:3000";

/// Says this and hears all that is said to it within the first answer.
async fn says(address: SocketAddr, text: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut heard = vec![0; 64 << 10];
    let read = stream.read(&mut heard).await.unwrap_or_default();
    String::from_utf8_lossy(&heard[..read]).into_owned()
}

fn handshake(host: &DevHost, named: &str, origin: Option<&str>, protocols: &str) -> String {
    let url = host.url();
    let path = url.strip_prefix("ws://").unwrap().split_once('/').unwrap().1;
    let origin = origin.map_or(String::new(), |origin| format!("Origin: {origin}\r\n"));
    format!(
        "GET /{path} HTTP/1.1\r\nHost: {named}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{origin}Sec-WebSocket-Protocol: {protocols}\r\n\r\n"
    )
}

/// 1. Without a key, with a wrong one, for another origin, without an origin, under another name (DNS rebinding), with a key
///    that was used: no way in. With the page's own key there is one: the client can do it.
/// 2. The naive app's socket answers whoever finds its port.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_local_program_without_the_page_s_key_is_not_let_in() {
    let rig = Rig::new().await;
    let session = rig.signed_in().await;
    let token = session.access_token().await.unwrap().secret().to_owned();

    let naive = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = naive.local_addr().unwrap();
    let told = token.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = naive.accept().await {
            stream.write_all(told.as_bytes()).await.unwrap();
        }
    });
    assert!(
        says(address, "token, please\r\n").await.contains(&token),
        "it must fall"
    );

    let policy = PagePolicy::new([PAGE]).unwrap().allow_loopback_http();
    let host = DevHost::start(&session, policy).await.unwrap();
    let address = host.address();
    let named = address.to_string();
    let key = host.mint_key(PAGE).unwrap();
    let (ours, wrong) = (
        format!("tokencast.1, key.{}", key.expose()),
        format!("tokencast.1, key.{}", "k".repeat(32)),
    );
    let other_name = format!("evil.example:{}", address.port());
    for (what, named, origin, protocols) in [
        ("no key", named.as_str(), Some(PAGE), "tokencast.1"),
        ("a wrong key", &named, Some(PAGE), wrong.as_str()),
        ("another name", &other_name, Some(PAGE), &ours),
        ("another origin", &named, Some("http://127.0.0.1:3001"), &ours),
        (
            "an origin that begins like it",
            &named,
            Some("http://127.0.0.1:30000"),
            &ours,
        ),
        ("an opaque origin", &named, Some("null"), &ours),
        ("no origin", &named, None, &ours),
    ] {
        let heard = says(address, &handshake(&host, named, origin, protocols)).await;
        assert!(!heard.contains(" 101 ") && !heard.contains(&token), "{what}");
    }
    for text in [
        "\r\n\r\n",
        "{\"v\":1,\"k\":\"hello\"}\n",
        "GET / HTTP/1.1\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
    ] {
        let heard = says(address, text).await;
        assert!(!heard.contains(" 101 ") && !heard.contains(&token));
    }
    let key = host.mint_key(PAGE).unwrap();
    let ours = format!("tokencast.1, key.{}", key.expose());
    let good = handshake(&host, &named, Some(PAGE), &ours);
    let heard = says(address, &good).await;
    assert!(
        heard.contains(" 101 ") && !heard.contains(&token),
        "the page itself is let in"
    );
    let heard = says(address, &good).await;
    assert!(!heard.contains(" 101 ") && !heard.contains(&token), "once");
}
