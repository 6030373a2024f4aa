use super::start;
use crate::support::{Client, MINUTE};

#[tokio::test]
async fn an_access_token_is_accepted_until_it_expires() {
    let backend = start().await;
    let client = Client::of(&backend);
    let tokens = client.sign_in().await;
    backend.advance_clock(14 * MINUTE);
    assert_eq!(client.get("/api/me", &tokens.access).await.status, 200);
    backend.advance_clock(2 * MINUTE);
    let refused = client.get("/api/me", &tokens.access).await;
    assert_eq!(refused.error(), (401, "invalid_token"));
    assert_eq!(
        refused.header("www-authenticate"),
        r#"Bearer error="invalid_token""#
    );
    assert_eq!((backend.stats().api_ok, backend.stats().api_rejected), (1, 1));
}

#[tokio::test]
async fn nothing_but_a_good_access_token_opens_a_resource() {
    let backend = start().await;
    let client = Client::of(&backend);
    let tokens = client.sign_in().await;
    let url = format!("{}/api/me", client.url);
    let refused = [
        client.http.get(&url),
        client.http.get(&url).bearer_auth(&tokens.refresh),
        client.http.get(&url).bearer_auth(""),
        client.http.get(&url).header("authorization", &tokens.access),
        client
            .http
            .get(&url)
            .header("authorization", format!("Basic {}", tokens.access)),
        client.http.get(format!("{url}?access_token={}", tokens.access)),
        client
            .http
            .get(&url)
            .header("cookie", format!("access_token={}", tokens.access)),
    ];
    for request in refused {
        assert_eq!(request.send().await.unwrap().status(), 401);
    }
    let accepted = client
        .http
        .get(&url)
        .header("authorization", format!("bearer {}", tokens.access));
    assert_eq!(accepted.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_note_is_a_side_effect_that_can_be_counted() {
    let backend = start().await;
    backend.create_user("grace", "hopper").await.unwrap();
    let client = Client::of(&backend);
    let ada = client.sign_in().await;
    let grace = client.login("grace", "hopper").await.tokens();
    for (n, text) in ["first", "second"].into_iter().enumerate() {
        let note = client.add_note(&ada.access, text).await;
        assert_eq!((note.status, note.json["id"].as_u64()), (201, Some(n as u64 + 1)));
    }
    client.add_note(&grace.access, "another's").await;
    let notes = client.get("/api/notes", &ada.access).await.json;
    assert_eq!(
        notes,
        serde_json::json!([{ "id": 1, "text": "first" }, { "id": 2, "text": "second" }])
    );
    assert_eq!(backend.stats().notes, 3);
}

#[tokio::test]
async fn a_refused_note_is_not_made() {
    let backend = start().await;
    let client = Client::of(&backend);
    assert_eq!(client.add_note("no token", "text").await.status, 401);
    assert_eq!(backend.stats().notes, 0);
}

#[tokio::test]
async fn health_needs_no_token() {
    let backend = start().await;
    let client = Client::of(&backend);
    let health = client
        .http
        .get(format!("{}/healthz", client.url))
        .send()
        .await
        .unwrap();
    assert_eq!(health.status(), 200);
}
