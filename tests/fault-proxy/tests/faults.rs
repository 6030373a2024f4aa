//! Each fault, seen from both ends.

#![allow(clippy::unwrap_used)] // a test's tools fail by panicking

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokencast_fault_proxy::{Delivered, Fault, FaultProxy};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const BODY: &str = r#"{"token":"abcdefghijklmnop"}"#;

/// A server that counts its requests and answers all alike.
async fn server() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let seen = Arc::new(AtomicUsize::new(0));
    let count = seen.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut bytes = Vec::new();
            while !bytes.ends_with(b"x=1") {
                if stream.read_buf(&mut bytes).await.unwrap() == 0 {
                    break;
                }
            }
            let head = String::from_utf8_lossy(&bytes).to_lowercase();
            assert!(head.contains("connection: close") && !head.contains("keep-alive"));
            count.fetch_add(1, Ordering::SeqCst);
            let answer = format!(
                "HTTP/1.1 201 Created\r\ncontent-length: {}\r\n\r\n{BODY}",
                BODY.len()
            );
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (address, seen)
}

async fn ask(proxy: &FaultProxy) -> String {
    let address = proxy.url().replace("http://", "");
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream
        .write_all(
            b"POST /a?secret=1 HTTP/1.1\r\nhost: x\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nx=1",
        )
        .await
        .unwrap();
    let mut answer = Vec::new();
    // An end by reset is an end too.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn without_a_fault_the_answer_arrives_as_it_was_sent_and_the_log_holds_no_query() {
    let (address, seen) = server().await;
    let proxy = FaultProxy::start(&address).await.unwrap();
    assert!(ask(&proxy).await.ends_with(BODY));
    let log = proxy.log();
    assert_eq!((log[0].path.as_str(), log[0].server_said), ("/a", Some(201)));
    assert!(log[0].succeeded() && !log[0].lost_a_success());
    assert_eq!(seen.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn each_fault_does_what_it_says_to_one_request() {
    let cut = |answer: &str| answer.contains("content-length: 28") && answer.ends_with(&BODY[..14]);
    let short = |answer: &str| answer.contains("content-length: 14") && answer.ends_with(&BODY[..14]);
    let garbled = |answer: &str| answer.len() > BODY.len() && answer.contains('#');
    let nothing = |answer: &str| answer.is_empty();
    let whole = |answer: &str| answer.ends_with(BODY);
    type Fits = fn(&str) -> bool;
    let table: [(Fault, usize, Delivered, Fits); 8] = [
        (Fault::CutBeforeRequest, 0, Delivered::Nothing, nothing),
        (Fault::CutAfterAnswer, 1, Delivered::Nothing, nothing),
        (Fault::CutInBody, 1, Delivered::Spoilt, cut),
        (Fault::Truncate, 1, Delivered::Spoilt, short),
        (Fault::Garble, 1, Delivered::Spoilt, garbled),
        (Fault::Duplicate, 2, Delivered::Whole, whole),
        (
            Fault::DelayRequest(Duration::from_millis(1)),
            1,
            Delivered::Whole,
            whole,
        ),
        (
            Fault::DelayAnswer(Duration::from_millis(1)),
            1,
            Delivered::Whole,
            whole,
        ),
    ];
    for (fault, requests, delivered, fits) in table {
        let (address, seen) = server().await;
        let proxy = FaultProxy::start(&format!("http://{address}")).await.unwrap();
        proxy.next("/elsewhere", Fault::CutBeforeRequest);
        proxy.next("/a", fault);
        assert!(fits(&ask(&proxy).await), "{fault:?}");
        assert_eq!(seen.load(Ordering::SeqCst), requests, "{fault:?}");
        let last = proxy.log().pop().unwrap();
        assert_eq!((last.fault, last.delivered), (Some(fault), delivered));
        assert_eq!(last.succeeded(), requests > 0, "{fault:?}");
        assert!(
            ask(&proxy).await.ends_with(BODY),
            "{fault:?}: the next one passes"
        );
    }
}

#[tokio::test]
async fn what_is_held_waits_until_it_is_released_on_its_side_of_the_server() {
    for (fault, seen_by_the_server) in [(Fault::HoldRequest, 0), (Fault::HoldAnswer, 1)] {
        let (address, seen) = server().await;
        let proxy = Arc::new(FaultProxy::start(&address).await.unwrap());
        proxy.next("/a", fault);
        let client = tokio::spawn({
            let proxy = proxy.clone();
            async move { ask(&proxy).await }
        });
        proxy.wait_until_held(1).await;
        assert_eq!(seen.load(Ordering::SeqCst), seen_by_the_server, "{fault:?}");
        assert!(proxy.log().is_empty() && !client.is_finished());
        proxy.release();
        assert!(client.await.unwrap().ends_with(BODY));
        assert_eq!(seen.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn a_postponed_request_reaches_the_server_when_told() {
    let (address, seen) = server().await;
    let proxy = FaultProxy::start(&address).await.unwrap();
    proxy.next("/a", Fault::Postpone);
    assert_eq!(ask(&proxy).await, "");
    assert_eq!(seen.load(Ordering::SeqCst), 0);
    assert_eq!(proxy.deliver_postponed().await.unwrap(), [201]);
    assert_eq!(proxy.deliver_postponed().await.unwrap(), [0; 0]);
    assert!(proxy.log()[0].lost_a_success());
}

#[tokio::test]
async fn a_target_that_is_no_address_is_an_error() {
    for target in ["", "http://", "localhost", "http://127.0.0.1:1/path"] {
        assert!(FaultProxy::start(target).await.is_err(), "{target}");
    }
}
