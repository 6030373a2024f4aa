//! What those who were let in can do, and cannot.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokencast::pages::PagePolicy;
use tokencast_devhost::{DevHost, DevHostError};
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::world::{APP, PATIENCE, World};

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
        r#"{"v":1,"k":"borrow","id":"x"}"#,
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
    let world = World::signed_in().await;
    let mut page = world.connect().await;
    page.hello().await;
    let World {
        host, session: _keep, ..
    } = world;
    drop(host);
    assert!(page.next().await.is_err());
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
