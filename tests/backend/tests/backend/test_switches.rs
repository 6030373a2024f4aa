//! The same switches over HTTP, for tests in other languages.

use serde_json::{Value, json};
use tokencast_backend::Config;

use crate::support::{Answer, Client, start, start_with};

async fn stats(client: &Client) -> Value {
    client.get("/test/stats", "").await.json
}

#[tokio::test]
async fn every_switch_works_over_http() {
    let backend = start().await;
    let client = Client::of(&backend);
    let tokens = client.sign_in().await;

    let fault = json!({ "route": "refresh", "times": 2, "fault": { "kind": "answer", "status": 503, "retry_after": 3 } });
    assert_eq!(client.switch("faults", fault).await.status, 200);
    assert_eq!(
        client.refresh(&tokens.refresh, None).await.header("retry-after"),
        "3"
    );
    let disarm = client
        .http
        .delete(format!("{}/test/faults", client.url))
        .send()
        .await
        .unwrap();
    assert_eq!(disarm.status(), 200);

    let duplicate = json!({ "route": "refresh", "fault": { "kind": "duplicate", "when": "when_told" } });
    assert_eq!(client.switch("faults", duplicate).await.status, 200);
    assert_eq!(client.refresh(&tokens.refresh, Some("key-1")).await.status, 200);
    assert_eq!(
        client.switch("copies", json!({})).await.json,
        json!({ "statuses": [200] })
    );

    assert_eq!(
        client.switch("hold", json!({ "refreshes": true })).await.status,
        200
    );
    let held = tokio::spawn({
        let (client, token) = (client.clone(), tokens.refresh.clone());
        async move { client.refresh(&token, Some("key-1")).await.status }
    });
    backend.wait_until_held(1).await;
    assert_eq!(stats(&client).await["held"], 1);
    client.switch("hold", json!({ "refreshes": false })).await;
    assert_eq!(held.await.unwrap(), 200);

    let ended = client
        .http
        .delete(format!("{}/test/access-tokens", client.url))
        .send()
        .await
        .unwrap();
    assert_eq!(ended.status(), 200);
    assert_eq!(client.get("/api/me", &tokens.access).await.status, 401);

    let moved = client
        .switch("clock", json!({ "advance_ms": 15 * 24 * 3600 * 1000_u64 }))
        .await;
    assert_eq!(moved.json["advanced_ms"], 15 * 24 * 3600 * 1000_u64);
    assert_eq!(
        client.refresh(&tokens.refresh, Some("key-1")).await.error(),
        (401, "expired")
    );

    let counted = stats(&client).await;
    for name in [
        "logins",
        "refresh_requests",
        "exchanges",
        "replays",
        "reuse_detected",
        "revocations",
        "api_ok",
        "api_rejected",
        "notes",
        "held",
    ] {
        assert!(counted[name].is_u64(), "{name}");
    }
    assert_eq!(
        (&counted["exchanges"], &counted["replays"]),
        (&json!(1), &json!(2))
    );
}

#[tokio::test]
async fn a_switch_that_is_not_understood_changes_nothing() {
    let backend = start().await;
    let client = Client::of(&backend);
    for (path, body) in [
        ("clock", json!({ "advance_ms": -1 })),
        ("clock", json!({})),
        ("hold", json!({ "refreshes": "yes" })),
        (
            "faults",
            json!({ "route": "refresh", "fault": { "kind": "meteor" } }),
        ),
        (
            "faults",
            json!({ "route": "refresh", "fault": { "kind": "answer", "status": 42 } }),
        ),
        ("faults", json!([])),
        ("copies", json!({ "all": true })),
    ] {
        assert_eq!(client.switch(path, body).await.status, 400, "{path}");
    }
    assert_eq!(client.login("ada", "lovelace").await.status, 200);
}

#[tokio::test]
async fn without_test_faults_there_are_no_switches() {
    let backend = start_with(Config {
        test_faults: false,
        ..Config::for_tests()
    })
    .await;
    let client = Client::of(&backend);
    assert_eq!(client.get("/test/stats", "").await.error(), (404, "not_found"));
    for path in ["clock", "faults", "hold", "copies"] {
        assert_eq!(
            client.switch(path, json!({ "advance_ms": 1 })).await.error(),
            (404, "not_found")
        );
    }
    let delete = client
        .http
        .delete(format!("{}/test/access-tokens", client.url))
        .send()
        .await
        .unwrap();
    assert_eq!(Answer::of(delete).await.status, 404);
}
