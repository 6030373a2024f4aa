//! The story that rotation exists for.

use super::start;
use crate::support::{Client, MINUTE};

/// Steps as the mission tells them.
#[tokio::test]
async fn when_a_thief_refreshes_first_the_owners_next_refresh_ends_both() {
    let backend = start().await;
    let (owner, thief) = (Client::of(&backend), Client::of(&backend));
    // 1–3 the owner signs in and gets both tokens
    let owners = owner.sign_in().await;
    // 4–7 a thief has the refresh token and presents it first, under a key of his own
    let stolen = thief.refresh(&owners.refresh, Some("thief")).await.tokens();
    // 8 the owner's access token expires, the owner presents the old refresh token
    backend.advance_clock(16 * MINUTE);
    assert_eq!(owner.get("/api/me", &owners.access).await.status, 401);
    // 9 the server sees the reuse: all are void
    assert_eq!(
        owner.refresh(&owners.refresh, Some("owner")).await.error(),
        (401, "reuse_detected")
    );
    // 10–11 the thief comes back with an expired access token: access denied
    assert_eq!(thief.get("/api/me", &stolen.access).await.status, 401);
    assert_eq!(
        thief.refresh(&stolen.refresh, Some("thief-2")).await.error(),
        (401, "reuse_detected")
    );
    let stats = backend.stats();
    assert_eq!(
        (stats.exchanges, stats.reuse_detected, stats.refresh_rejected),
        (1, 1, 1)
    );
}

#[tokio::test]
async fn when_the_owner_refreshes_first_the_thief_ends_the_session_and_gets_nothing() {
    let backend = start().await;
    let client = Client::of(&backend);
    let old = client.sign_in().await;
    let newest = client.refresh(&old.refresh, Some("owner")).await.tokens();
    assert_eq!(
        client.refresh(&old.refresh, Some("thief")).await.error(),
        (401, "reuse_detected")
    );
    assert_eq!(
        client.refresh(&newest.refresh, Some("owner-2")).await.error(),
        (401, "reuse_detected")
    );
}
