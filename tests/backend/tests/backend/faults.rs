//! Every fault does what it says: as the client sees it, and as the server counts it.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokencast_backend::{Fault, FaultKind, Route, RunningBackend, Second};

use crate::support::{Client, Tokens, form_request, raw, start};

/// A signed-in client whose next refresh meets the fault.
async fn armed(fault: FaultKind) -> (RunningBackend, Client, Tokens) {
    let backend = start().await;
    let client = Client::of(&backend);
    let tokens = client.sign_in().await;
    backend.arm(Fault::once(Route::Refresh, fault)).unwrap();
    (backend, client, tokens)
}

/// The counts that tell whether a request was processed: requests, exchanges.
fn counts(backend: &RunningBackend) -> (u64, u64) {
    (backend.stats().refresh_requests, backend.stats().exchanges)
}

fn refresh_request(tokens: &Tokens) -> Vec<u8> {
    form_request(
        "/auth/refresh",
        &format!("grant_type=refresh_token&refresh_token={}", tokens.refresh),
    )
}

#[tokio::test]
async fn delay_lets_the_request_wait_before_it_is_processed() {
    let (backend, client, tokens) = armed(FaultKind::Delay { ms: 300 }).await;
    let begun = Instant::now();
    assert_eq!(client.refresh(&tokens.refresh, None).await.status, 200);
    assert!(begun.elapsed() >= Duration::from_millis(300));
    assert_eq!(counts(&backend), (1, 1));
}

#[tokio::test]
async fn delay_answer_processes_first() {
    let (backend, client, tokens) = armed(FaultKind::DelayAnswer { ms: 3_600_000 }).await;
    let waiting = tokio::spawn(async move { client.refresh(&tokens.refresh, None).await });
    while backend.stats().exchanges == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(!waiting.is_finished());
    waiting.abort();
}

#[tokio::test]
async fn drop_before_commit_sends_no_byte_and_changes_nothing() {
    let (backend, client, tokens) = armed(FaultKind::DropBeforeCommit {}).await;
    assert_eq!(raw(&backend, &refresh_request(&tokens)).await, b"");
    assert_eq!(counts(&backend), (1, 0));
    assert_eq!(client.refresh(&tokens.refresh, None).await.status, 200);
}

#[tokio::test]
async fn drop_after_commit_sends_no_byte_and_the_exchange_happened() {
    let (backend, client, tokens) = armed(FaultKind::DropAfterCommit {}).await;
    assert_eq!(raw(&backend, &refresh_request(&tokens)).await, b"");
    assert_eq!(counts(&backend), (1, 1));
    assert_eq!(
        client.refresh(&tokens.refresh, None).await.error(),
        (401, "reuse_detected")
    );
}

#[tokio::test]
async fn after_a_lost_answer_the_same_key_gets_the_session_back() {
    let (backend, client, tokens) = armed(FaultKind::DropAfterCommit {}).await;
    assert!(client.try_refresh(&tokens.refresh, Some("key-1")).await.is_err());
    let newest = client.refresh(&tokens.refresh, Some("key-1")).await.tokens();
    assert_eq!(client.refresh(&newest.refresh, Some("key-2")).await.status, 200);
    assert_eq!((backend.stats().exchanges, backend.stats().replays), (2, 1));
}

#[tokio::test]
async fn cut_body_sends_the_head_and_half_of_the_body() {
    let (backend, _, tokens) = armed(FaultKind::CutBody {}).await;
    let received = String::from_utf8(raw(&backend, &refresh_request(&tokens)).await).unwrap();
    let (head, body) = received.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"));
    let announced = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .unwrap();
    assert_eq!(body.len(), announced.parse::<usize>().unwrap() / 2);
    assert!(body.starts_with('{'));
    assert_eq!(counts(&backend), (1, 1));
}

#[tokio::test]
async fn any_status_is_answered_without_processing() {
    for status in [200, 204, 400, 403, 408, 425, 500, 502, 503, 504] {
        let (backend, client, tokens) = armed(FaultKind::status(status)).await;
        assert_eq!(client.refresh(&tokens.refresh, None).await.status, status);
        assert_eq!(counts(&backend), (1, 0));
    }
}

#[tokio::test]
async fn too_many_requests_says_when_to_come_back() {
    let (_backend, client, tokens) = armed(FaultKind::too_many_requests(17)).await;
    let answer = client.refresh(&tokens.refresh, None).await;
    assert_eq!(
        (answer.error(), answer.header("retry-after")),
        ((429, "slow_down"), "17")
    );
}

#[tokio::test]
async fn html_comes_with_status_200_and_after_a_rotation_that_did_happen() {
    for (status, processed) in [(200, false), (500, true), (200, true)] {
        let (backend, client, tokens) = armed(FaultKind::html(status, processed)).await;
        let answer = client.refresh(&tokens.refresh, None).await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
        assert_eq!(answer.json, Value::Null);
        assert_eq!(counts(&backend), (1, u64::from(processed)));
    }
}

#[tokio::test]
async fn prose_comes_as_plain_text() {
    let (_backend, client, tokens) = armed(FaultKind::prose(401, "Your session is over.")).await;
    let answer = client.refresh(&tokens.refresh, None).await;
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (401, "text/plain")
    );
}

#[tokio::test]
async fn garbage_json_breaks_off_after_the_exchange() {
    let (backend, client, tokens) = armed(FaultKind::garbage_json()).await;
    let answer = client.refresh(&tokens.refresh, None).await;
    assert_eq!((answer.status, &answer.json), (200, &Value::Null));
    assert_eq!(counts(&backend), (1, 1));
}

#[tokio::test]
async fn a_field_holds_whatever_was_asked_for() {
    let values = [
        ("expires_in", json!(-1)),
        ("expires_in", json!(0)),
        ("expires_in", json!(1e300)),
        ("expires_in", json!("3600")),
        ("access_token", json!(12345)),
        ("access_token", json!("a\0b")),
        ("refresh_token", json!("x".repeat(1 << 20))),
        ("token_type", json!({ "deep": [1, null] })),
    ];
    for (name, value) in values {
        let (backend, client, tokens) = armed(FaultKind::field(name, value.clone())).await;
        let answer = client.refresh(&tokens.refresh, None).await;
        assert!(answer.json[name] == value, "{name}");
        assert_eq!(counts(&backend), (1, 1));
    }
}

#[tokio::test]
async fn a_field_can_be_missing() {
    let (_backend, client, tokens) = armed(FaultKind::field("refresh_token", Value::Null)).await;
    let answer = client.refresh(&tokens.refresh, None).await;
    assert!(answer.json.get("refresh_token").is_none() && answer.json["access_token"].is_string());
}

#[tokio::test]
async fn a_header_holds_whatever_was_asked_for_or_is_missing() {
    let content_type = "Application/JSON; charset=iso-8859-1";
    let (_backend, client, tokens) = armed(FaultKind::header("content-type", Some(content_type))).await;
    assert_eq!(
        client.refresh(&tokens.refresh, None).await.header("content-type"),
        content_type
    );

    let (_backend, client, tokens) = armed(FaultKind::header("date", None)).await;
    let answer = client.refresh(&tokens.refresh, None).await;
    assert_eq!((answer.status, answer.header("date")), (200, ""));
    assert_ne!(
        client.sign_in().await.access,
        "",
        "and the next one has a date again"
    );
}

#[tokio::test]
async fn a_redirect_points_where_it_was_told() {
    for status in [302, 307] {
        let (backend, client, tokens) = armed(FaultKind::redirect(status, "http://127.0.0.1:1/else")).await;
        let answer = client.refresh(&tokens.refresh, None).await;
        assert_eq!(
            (answer.status, answer.header("location")),
            (status, "http://127.0.0.1:1/else")
        );
        assert_eq!(counts(&backend), (1, 0));
    }
}

#[tokio::test]
async fn an_endless_body_streams_until_the_client_leaves_and_the_server_lives_on() {
    let (backend, client, tokens) = armed(FaultKind::EndlessBody {}).await;
    let request = client.http.post(format!("{}/auth/refresh", client.url)).body("");
    let mut response = request.send().await.unwrap();
    let mut received = 0;
    while received < 8 << 20 {
        received += response.chunk().await.unwrap().unwrap().len();
    }
    drop(response);
    assert_eq!(client.refresh(&tokens.refresh, None).await.status, 200);
    backend.shutdown().await;
}

#[tokio::test]
async fn a_duplicate_is_processed_twice_and_the_first_answer_is_sent() {
    let (backend, client, tokens) = armed(FaultKind::Duplicate { when: Second::AtOnce }).await;
    let newest = client.refresh(&tokens.refresh, None).await.tokens();
    assert_eq!(counts(&backend), (2, 1));
    // Plain rotation takes the copy for reuse …
    assert_eq!(
        client.refresh(&newest.refresh, None).await.error(),
        (401, "reuse_detected")
    );

    // … with a key it costs nothing.
    let (backend, client, tokens) = armed(FaultKind::Duplicate { when: Second::AtOnce }).await;
    let newest = client.refresh(&tokens.refresh, Some("key-1")).await.tokens();
    assert_eq!(backend.stats().replays, 1);
    assert_eq!(client.refresh(&newest.refresh, Some("key-2")).await.status, 200);
}

#[tokio::test]
async fn a_kept_copy_arrives_when_told_and_only_once() {
    let (backend, client, tokens) = armed(FaultKind::Duplicate {
        when: Second::WhenTold,
    })
    .await;
    client.refresh(&tokens.refresh, Some("key-1")).await.tokens();
    assert_eq!(counts(&backend), (1, 1));
    assert_eq!(backend.deliver_copies().await, [200]);
    assert_eq!(backend.deliver_copies().await, [0_u16; 0]);
    assert_eq!(
        (backend.stats().refresh_requests, backend.stats().replays),
        (2, 1)
    );
}

#[tokio::test]
async fn a_postponed_request_arrives_when_the_client_has_long_gone() {
    let (backend, client, tokens) = armed(FaultKind::Postpone {}).await;
    assert_eq!(raw(&backend, &refresh_request(&tokens)).await, b"");
    assert_eq!(counts(&backend), (0, 0));
    let newest = client.refresh(&tokens.refresh, None).await.tokens();
    assert_eq!(
        backend.deliver_copies().await,
        [401],
        "plain rotation takes it for reuse"
    );
    assert_eq!(
        client.refresh(&newest.refresh, None).await.error(),
        (401, "reuse_detected")
    );
}

#[tokio::test]
async fn a_fault_fires_on_its_route_only_and_as_often_as_it_says() {
    let backend = start().await;
    let client = Client::of(&backend);
    let tokens = client.sign_in().await;
    backend
        .arm(Fault::times(Route::Me, 2, FaultKind::status(503)))
        .unwrap();
    backend
        .arm(Fault::once(Route::Me, FaultKind::status(418)))
        .unwrap();
    assert_eq!(client.add_note(&tokens.access, "text").await.status, 201);
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(client.get("/api/me", &tokens.access).await.status);
    }
    assert_eq!(statuses, [503, 503, 418, 200]);
    assert_eq!(backend.stats().faults, 3);

    backend
        .arm(Fault::once(Route::Any, FaultKind::status(500)))
        .unwrap();
    assert_eq!(client.login("ada", "lovelace").await.status, 500);
    backend
        .arm(Fault::times(Route::Any, 9, FaultKind::status(500)))
        .unwrap();
    backend.disarm();
    assert_eq!(client.login("ada", "lovelace").await.status, 200);
}

#[tokio::test]
async fn what_cannot_be_sent_cannot_be_armed() {
    let backend = start().await;
    assert!(
        backend
            .arm(Fault::once(Route::Me, FaultKind::status(42)))
            .is_err()
    );
    assert!(
        backend
            .arm(Fault::once(Route::Me, FaultKind::redirect(307, "a\nb")))
            .is_err()
    );
}

#[tokio::test]
async fn a_held_refresh_is_done_once_and_its_answer_waits() {
    let backend = start().await;
    let client = Client::of(&backend);
    let tokens = client.sign_in().await;
    backend.hold_refreshes();
    let asked: Vec<_> = (0..5)
        .map(|_| {
            let (client, token) = (client.clone(), tokens.refresh.clone());
            tokio::spawn(async move { client.refresh(&token, Some("key-1")).await.tokens() })
        })
        .collect();
    backend.wait_until_held(5).await;
    assert_eq!(
        (backend.held(), backend.stats().held, backend.stats().exchanges),
        (5, 5, 1)
    );
    assert!(asked.iter().all(|task| !task.is_finished()));
    // Others are served meanwhile.
    assert_eq!(client.get("/api/me", &tokens.access).await.status, 200);

    backend.release();
    for task in asked {
        task.await.unwrap();
    }
    assert_eq!(backend.held(), 0);
    assert_eq!(
        client.refresh(&tokens.refresh, Some("key-1")).await.status,
        200,
        "nothing is held any more"
    );
}

#[tokio::test]
async fn a_client_that_leaves_while_held_is_not_counted() {
    let backend = start().await;
    let client = Client::of(&backend);
    let tokens = client.sign_in().await;
    backend.hold_refreshes();
    let asked = tokio::spawn(async move { client.refresh(&tokens.refresh, None).await.status });
    backend.wait_until_held(1).await;
    asked.abort();
    while backend.held() > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(backend.stats().exchanges, 1);
}

#[tokio::test]
async fn the_clock_moves_the_date_header_too() {
    let backend = start().await;
    let client = Client::of(&backend);
    let date = |answer: &crate::support::Answer| httpdate::parse_http_date(answer.header("date")).unwrap();
    let before = date(&client.login("ada", "lovelace").await);
    backend.advance_clock(Duration::from_secs(3600));
    let after = date(&client.login("ada", "lovelace").await);
    assert!(after.duration_since(before).unwrap() >= Duration::from_secs(3600));
}

#[tokio::test]
async fn access_tokens_can_be_ended_without_touching_the_session() {
    let backend = start().await;
    let client = Client::of(&backend);
    let tokens = client.sign_in().await;
    backend.expire_access_tokens();
    assert_eq!(client.get("/api/me", &tokens.access).await.status, 401);
    let newest = client.refresh(&tokens.refresh, None).await.tokens();
    assert_eq!(client.get("/api/me", &newest.access).await.status, 200);
}
