//! The seven rules of docs/guides/server-contract.md, each by its number, most of them under concurrency.

use futures_util::future::join_all;
use tokencast_backend::{Config, Fault, FaultKind, Route, Second};

use super::{shared_database, start, start_with};
use crate::support::{Client, DAY, MINUTE};

#[tokio::test]
async fn rule_1_a_key_that_belongs_to_another_token_is_a_mismatch_and_rotates_nothing() {
    let backend = start().await;
    let client = Client::of(&backend);
    let (first, second) = (client.sign_in().await, client.sign_in().await);
    assert_eq!(client.refresh(&first.refresh, Some("key-1")).await.status, 200);
    assert_eq!(
        client.refresh(&second.refresh, Some("key-1")).await.error(),
        (422, "idempotency_mismatch")
    );
    assert_eq!(backend.stats().exchanges, 1);
    assert_eq!(
        client.refresh(&second.refresh, Some("key-2")).await.status,
        200,
        "nothing happened to it"
    );
}

#[tokio::test]
async fn rule_1_holds_when_two_tokens_race_for_one_key() {
    let backend = start().await;
    let client = Client::of(&backend);
    let (first, second) = (client.sign_in().await, client.sign_in().await);
    let racers = (0..60).map(|n| {
        let (client, token) = (client.clone(), if n % 2 == 0 { &first } else { &second });
        async move { (n % 2, client.refresh(&token.refresh, Some("one-key")).await) }
    });
    let answers = join_all(racers).await;
    let winner = answers
        .iter()
        .find(|(_, answer)| answer.status == 200)
        .map(|(side, _)| *side)
        .unwrap();
    let successor = answers
        .iter()
        .find(|(side, _)| *side == winner)
        .unwrap()
        .1
        .tokens()
        .refresh;
    for (side, answer) in &answers {
        if *side == winner {
            assert!(answer.tokens().refresh == successor);
        } else {
            assert_eq!(answer.error(), (422, "idempotency_mismatch"));
        }
    }
    assert_eq!(
        (backend.stats().exchanges, backend.stats().idempotency_mismatches),
        (1, 30)
    );
}

#[tokio::test]
async fn rule_2_the_same_token_and_key_get_the_same_successor_until_that_is_presented_for_refresh() {
    let backend = start().await;
    let client = Client::of(&backend);
    let old = client.sign_in().await;
    let first = client.refresh(&old.refresh, Some("key-1")).await.tokens();
    // Use at a resource never counts.
    assert_eq!(client.get("/api/me", &first.access).await.status, 200);
    let again = client.refresh(&old.refresh, Some("key-1")).await.tokens();
    assert!(again.refresh == first.refresh);
    assert_eq!(client.get("/api/me", &again.access).await.status, 200);
    assert_eq!((backend.stats().exchanges, backend.stats().replays), (1, 1));

    assert_eq!(client.refresh(&first.refresh, Some("key-2")).await.status, 200);
    assert_eq!(
        client.refresh(&old.refresh, Some("key-1")).await.error(),
        (409, "superseded")
    );
}

#[tokio::test]
async fn rule_2_a_repeated_answer_carries_an_access_token_that_lives_from_now() {
    let backend = start().await;
    let client = Client::of(&backend);
    let old = client.sign_in().await;
    let first = client.refresh(&old.refresh, Some("key-1")).await.tokens();
    backend.advance_clock(60 * MINUTE);
    assert_eq!(
        client.get("/api/me", &first.access).await.status,
        401,
        "expired by now"
    );
    let again = client.refresh(&old.refresh, Some("key-1")).await;
    assert_eq!(again.json["expires_in"], 900);
    assert_eq!(client.get("/api/me", &again.tokens().access).await.status, 200);
}

#[tokio::test]
async fn rule_3_a_key_lives_as_long_as_the_unused_successor_and_outlives_its_own_token() {
    let backend = start().await;
    let client = Client::of(&backend);
    let old = client.sign_in().await;
    backend.advance_clock(13 * DAY);
    let first = client.refresh(&old.refresh, Some("key-1")).await.tokens();
    // The old token expires after 14 days, its successor after 27.
    backend.advance_clock(13 * DAY);
    assert!(client.refresh(&old.refresh, Some("key-1")).await.tokens().refresh == first.refresh);
    backend.advance_clock(2 * DAY);
    assert_eq!(
        client.refresh(&old.refresh, Some("key-1")).await.error(),
        (401, "expired")
    );
}

#[tokio::test]
async fn rule_4_a_late_repeat_is_superseded_for_the_late_window_and_reuse_after_it() {
    let backend = start().await;
    let client = Client::of(&backend);
    let old = client.sign_in().await;
    let middle = client.refresh(&old.refresh, Some("key-1")).await.tokens();
    // The window counts from the first use of the successor, not from its making.
    backend.advance_clock(60 * MINUTE);
    let newest = client.refresh(&middle.refresh, Some("key-2")).await.tokens();

    let late = client.refresh(&old.refresh, Some("key-1")).await;
    assert_eq!(late.error(), (409, "superseded"));
    let rest: u64 = late.header("retry-after").parse().unwrap();
    assert!((1..=120).contains(&rest), "{rest}");
    let again = client.refresh(&middle.refresh, Some("key-2")).await.tokens();
    assert!(again.refresh == newest.refresh, "nothing was revoked");

    backend.advance_clock(2 * MINUTE);
    assert_eq!(
        client.refresh(&old.refresh, Some("key-1")).await.error(),
        (401, "reuse_detected")
    );
    assert_eq!(
        client.refresh(&newest.refresh, Some("key-3")).await.error(),
        (401, "reuse_detected")
    );
    assert_eq!(
        (backend.stats().superseded, backend.stats().reuse_detected),
        (1, 1)
    );
}

#[tokio::test]
async fn rule_4_a_copy_that_the_network_delivers_late_costs_nothing() {
    // 1 the app refreshes; the network keeps a copy of the request
    // 2 the app refreshes again with what it got
    // 3 the copy arrives: superseded, nobody is signed out
    let backend = start().await;
    let client = Client::of(&backend);
    let old = client.sign_in().await;
    let duplicate = FaultKind::Duplicate {
        when: Second::WhenTold,
    };
    backend.arm(Fault::once(Route::Refresh, duplicate)).unwrap();
    let middle = client.refresh(&old.refresh, Some("key-1")).await.tokens();
    let newest = client.refresh(&middle.refresh, Some("key-2")).await.tokens();
    assert_eq!(backend.deliver_copies().await, [409]);
    assert_eq!(client.refresh(&newest.refresh, Some("key-3")).await.status, 200);
}

#[tokio::test]
async fn rule_5_a_spent_token_with_another_key_or_none_ends_the_family() {
    let backend = start().await;
    let client = Client::of(&backend);
    for (first_key, second_key) in [
        (Some("a1"), Some("a2")),
        (Some("b1"), None),
        (None, Some("c2")),
        (None, None),
    ] {
        let bystander = client.sign_in().await;
        let old = client.sign_in().await;
        let newest = client.refresh(&old.refresh, first_key).await.tokens();
        assert_eq!(
            client.refresh(&old.refresh, second_key).await.error(),
            (401, "reuse_detected")
        );
        assert_eq!(
            client.refresh(&newest.refresh, Some("d")).await.error(),
            (401, "reuse_detected")
        );
        assert_eq!(
            client.refresh(&bystander.refresh, None).await.status,
            200,
            "another family"
        );
    }
    assert_eq!(backend.stats().reuse_detected, 4);
}

#[tokio::test]
async fn rule_5_comes_before_rule_1_a_spent_token_under_somebody_elses_key_is_reuse() {
    let backend = start().await;
    let client = Client::of(&backend);
    let (old, other) = (client.sign_in().await, client.sign_in().await);
    client.refresh(&old.refresh, Some("key-1")).await.tokens();
    client.refresh(&other.refresh, Some("key-2")).await.tokens();
    assert_eq!(
        client.refresh(&old.refresh, Some("key-2")).await.error(),
        (401, "reuse_detected")
    );
}

#[tokio::test]
async fn rule_6_revoking_any_token_of_a_family_ends_it_spent_ones_too() {
    let backend = start().await;
    let client = Client::of(&backend);
    let old = client.sign_in().await;
    let middle = client.refresh(&old.refresh, Some("key-1")).await.tokens();
    let newest = client.refresh(&middle.refresh, Some("key-2")).await.tokens();
    assert_eq!(client.logout(&old.refresh).await.status, 200);
    for (token, key) in [(&newest, "key-3"), (&middle, "key-2"), (&old, "key-1")] {
        assert_eq!(
            client.refresh(&token.refresh, Some(key)).await.error(),
            (401, "invalid_token")
        );
    }
    assert_eq!(
        (backend.stats().revocations, backend.stats().reuse_detected),
        (1, 0)
    );
}

#[tokio::test]
async fn rule_7_two_hundred_equal_requests_at_once_make_one_exchange_and_one_successor() {
    let backend = start().await;
    let client = Client::of(&backend);
    let old = client.sign_in().await;
    let answers = join_all((0..200).map(|_| client.refresh(&old.refresh, Some("key-1")))).await;
    let successor = answers[0].tokens().refresh;
    assert!(answers.iter().all(|answer| answer.tokens().refresh == successor));
    assert_eq!((backend.stats().exchanges, backend.stats().replays), (1, 199));
}

#[tokio::test]
async fn rule_7_holds_across_two_servers_on_one_database() {
    let (database, _alive) = shared_database().await;
    let config = Config {
        database,
        ..Config::for_tests()
    };
    let (left, right) = (start_with(config.clone()).await, start_with(config).await);
    let clients = [Client::of(&left), Client::of(&right)];
    let old = clients[0].sign_in().await;
    let answers = join_all((0..60).map(|n| clients[n % 2].refresh(&old.refresh, Some("key-1")))).await;
    let successor = answers[0].tokens().refresh;
    assert!(answers.iter().all(|answer| answer.tokens().refresh == successor));
    assert_eq!(left.stats().exchanges + right.stats().exchanges, 1);
    // Either server accepts the other's access tokens: the signing key is in the database.
    assert_eq!(
        clients[0]
            .get("/api/me", &answers[1].tokens().access)
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn without_a_key_exactly_one_of_many_wins_and_the_family_ends() {
    let backend = start().await;
    let client = Client::of(&backend);
    let old = client.sign_in().await;
    let answers = join_all((0..50).map(|_| client.refresh(&old.refresh, None))).await;
    let won: Vec<_> = answers.iter().filter(|answer| answer.status == 200).collect();
    assert_eq!(won.len(), 1);
    let lost = answers
        .iter()
        .filter(|answer| answer.error() == (401, "reuse_detected"));
    assert_eq!(lost.count(), 49);
    assert_eq!(
        (backend.stats().exchanges, backend.stats().reuse_detected),
        (1, 1)
    );
    let newest = won[0].tokens().refresh;
    assert_eq!(
        client.refresh(&newest, None).await.error(),
        (401, "reuse_detected")
    );
}

#[tokio::test]
async fn with_idempotency_off_the_header_means_nothing() {
    let backend = start_with(Config {
        idempotency: false,
        ..Config::for_tests()
    })
    .await;
    let client = Client::of(&backend);
    let old = client.sign_in().await;
    assert_eq!(client.refresh(&old.refresh, Some("key-1")).await.status, 200);
    assert_eq!(
        client.refresh(&old.refresh, Some("key-1")).await.error(),
        (401, "reuse_detected")
    );
    let other = client.sign_in().await;
    assert_eq!(
        client.refresh(&other.refresh, Some("key-1")).await.status,
        200,
        "no mismatch either"
    );
}

#[tokio::test]
async fn a_leeway_forgives_a_repeat_without_a_key_for_as_long_as_it_says() {
    let backend = start_with(Config {
        reuse_leeway: MINUTE,
        ..Config::for_tests()
    })
    .await;
    let client = Client::of(&backend);
    let old = client.sign_in().await;
    let first = client.refresh(&old.refresh, None).await.tokens();
    let second = client.refresh(&old.refresh, None).await.tokens();
    assert!(first.refresh != second.refresh);
    assert_eq!(client.refresh(&first.refresh, None).await.status, 200);
    backend.advance_clock(MINUTE);
    assert_eq!(
        client.refresh(&old.refresh, None).await.error(),
        (401, "reuse_detected")
    );
    assert_eq!(
        client.refresh(&second.refresh, None).await.error(),
        (401, "reuse_detected")
    );
}

#[tokio::test]
async fn a_refresh_token_expires_by_the_servers_clock() {
    let backend = start().await;
    let client = Client::of(&backend);
    let tokens = client.sign_in().await;
    backend.advance_clock(14 * DAY);
    assert_eq!(
        client.refresh(&tokens.refresh, Some("key-1")).await.error(),
        (401, "expired")
    );
    assert_eq!(backend.stats().exchanges, 0);
}

#[tokio::test]
async fn an_exchange_starts_the_life_of_the_refresh_token_anew() {
    let backend = start().await;
    let client = Client::of(&backend);
    let mut token = client.sign_in().await.refresh;
    for round in 0..3 {
        backend.advance_clock(13 * DAY);
        token = client
            .refresh(&token, Some(&format!("key-{round}")))
            .await
            .tokens()
            .refresh;
    }
}
