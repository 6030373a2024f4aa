//! Two backend processes on one PostgreSQL.

use std::collections::HashSet;

use futures_util::future::join_all;
use tokio::process::Child;

use super::fresh_url;
use crate::program::{program, ready};
use crate::support::{Answer, Client, Tokens};

struct Pair {
    _processes: [Child; 2],
    clients: [Client; 2],
}

async fn two(flags: &[&str]) -> Pair {
    let url = fresh_url().await;
    let arguments = [&["--database-url", url.as_str(), "--rate-limit", "off"], flags].concat();
    let mut processes = [
        program(&arguments).spawn().unwrap(),
        program(&arguments).spawn().unwrap(),
    ];
    let (left, _) = ready(&mut processes[0]).await;
    let (right, _) = ready(&mut processes[1]).await;
    Pair {
        _processes: processes,
        clients: [left, right],
    }
}

impl Pair {
    async fn exchange_at_once(
        &self,
        tokens: &Tokens,
        key: impl Fn(usize) -> Option<&'static str>,
    ) -> Vec<Answer> {
        let requests = (0..200).map(|n| self.clients[n % 2].refresh_pair(tokens, key(n)));
        join_all(requests).await
    }
}

#[tokio::test]
async fn of_two_hundred_exchanges_of_one_pair_at_once_exactly_one_wins() {
    for idempotency in ["on", "off"] {
        let pair = two(&["--scheme", "exchange-once", "--idempotency", idempotency]).await;
        let tokens = pair.clients[0].sign_in().await;
        let answers = pair.exchange_at_once(&tokens, |_| None).await;
        let won: Vec<_> = answers.iter().filter(|answer| answer.status == 200).collect();
        assert_eq!(won.len(), 1);
        let lost = answers
            .iter()
            .filter(|answer| answer.error() == (401, "already_exchanged"));
        assert_eq!(lost.count(), 199);
        // Nobody else suffers: the new pair works, at the other server too.
        let newest = won[0].tokens();
        for client in &pair.clients {
            assert_eq!(client.get("/api/me", &newest.access).await.status, 200);
        }
        assert_eq!(pair.clients[1].refresh_pair(&newest, None).await.status, 200);
    }
}

#[tokio::test]
async fn with_one_key_all_two_hundred_get_the_same_successor() {
    let pair = two(&["--scheme", "exchange-once"]).await;
    let tokens = pair.clients[0].sign_in().await;
    let answers = pair.exchange_at_once(&tokens, |_| Some("one-key")).await;
    let successors: HashSet<_> = answers.iter().map(|answer| answer.tokens().refresh).collect();
    assert_eq!(successors.len(), 1);
    // Each answer's own access token is of the same pair.
    for answer in answers.iter().step_by(97) {
        let repeated = pair.clients[0]
            .refresh_pair(&answer.tokens(), Some("next-key"))
            .await;
        assert_eq!(repeated.status, 200, "{:?}", repeated.error());
    }
}

#[tokio::test]
async fn of_two_hundred_renewals_of_one_access_token_exactly_one_wins() {
    let pair = two(&["--scheme", "access-only", "--test-faults"]).await;
    let access = pair.clients[0].login("ada", "lovelace").await.access();
    for client in &pair.clients {
        client
            .switch("clock", serde_json::json!({ "advance_ms": 1_000_000 }))
            .await;
    }
    let answers = join_all((0..200).map(|n| pair.clients[n % 2].renew(&access, None))).await;
    let won = answers.iter().filter(|answer| answer.status == 200);
    assert_eq!(won.count(), 1);
    let lost = answers
        .iter()
        .filter(|answer| answer.error() == (401, "already_exchanged"));
    assert_eq!(lost.count(), 199);
}

#[tokio::test]
async fn two_tokens_that_race_for_one_key_make_one_exchange() {
    let pair = two(&["--scheme", "rotation"]).await;
    let (first, second) = (pair.clients[0].sign_in().await, pair.clients[1].sign_in().await);
    let racers = (0..100).map(|n| {
        let (client, token) = (&pair.clients[n % 2], if n % 4 < 2 { &first } else { &second });
        async move { (n % 4 < 2, client.refresh(&token.refresh, Some("one-key")).await) }
    });
    let answers = join_all(racers).await;
    let winner = answers.iter().find(|(_, answer)| answer.status == 200).unwrap().0;
    for (side, answer) in &answers {
        if *side == winner {
            assert_eq!(answer.status, 200);
        } else {
            assert_eq!(answer.error(), (422, "idempotency_mismatch"));
        }
    }
}
