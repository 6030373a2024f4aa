//! Servers that nobody here would have written, each in a process of its own, with a profile as one would write it from
//! its documents. None of them forgives a lost answer; none of the losses may be the client's.

#![allow(clippy::unwrap_used)] // a test's tools fail by panicking

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tokencast::ServerProfile;
use tokencast_conformance::{Mint, Order, Report, Storage, soak};

struct Odd {
    process: Child,
    url: String,
}

impl Odd {
    fn start(kind: &str) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/odd_server.py");
        let mut process = Command::new("python3")
            .args([script, kind])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut port = String::new();
        BufReader::new(process.stdout.take().unwrap())
            .read_line(&mut port)
            .unwrap();
        // By its name, as a developer would write it.
        let url = format!("http://localhost:{}", port.trim());
        Self { process, url }
    }
}

impl Drop for Odd {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

async fn soaked(kind: &str, edit: impl FnOnce(&mut Value)) -> Report {
    let odd = Odd::start(kind);
    let mut profile = json!({
        "id": "odd",
        "refresh": {
            "url": format!("{}/refresh", odd.url),
            "tokens": [{ "token": "refresh", "field": "refresh_token" }],
        },
        "verdicts": [{ "status": 401, "at": "/msg", "is": "Token has been revoked", "means": { "dead": "revoked" } }],
    });
    edit(&mut profile);
    let fetch = "import sys,urllib.request as u;print(u.urlopen(sys.argv[1]).read().decode())";
    let order = Order {
        profile: ServerProfile::from_json(&profile.to_string()).unwrap(),
        mint: Mint(format!("python3 -c \"{fetch}\" {}/mint", odd.url)),
        exchanges: 120,
        callers: 10,
        seed: 3,
        storage: Storage::Memory,
        most: None,
        pause: std::time::Duration::ZERO,
    };
    let report = soak(&order, |_| ()).await.unwrap();
    assert!(report.is_clean(), "{kind}: {report:#?}");
    assert!(
        report.exchanges >= 120 && report.faults > 10,
        "{kind}: {report:#?}"
    );
    report
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_ends_sessions_in_prose() {
    let report = soaked("prose", |profile| {
        profile["verdicts"] =
            json!([{ "status": 401, "contains": "sign in again", "means": { "dead": "revoked" } }]);
    })
    .await;
    assert!(
        report.lost_by_server > 0 && report.ends.contains_key("interrupted_rotation"),
        "{report:#?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_calls_a_dead_session_unprocessable() {
    let report = soaked("unprocessable", |profile| {
        profile["verdicts"] = json!([
            { "status": 422, "at": "/detail/0/type", "error": "session_over", "means": { "dead": "revoked" } }
        ]);
    })
    .await;
    assert!(report.lost_by_server > 0, "{report:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_takes_the_refresh_token_as_a_bearer_without_a_body() {
    soaked("bearer", |profile| {
        profile["refresh"]["encoding"] = "none".into();
        profile["refresh"]["tokens"] = json!([
            { "token": "refresh", "in": "header", "field": "Authorization", "prefix": "Bearer " }
        ]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_rotates_only_sometimes() {
    soaked("sometimes", |_| ()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_says_neither_how_long_nor_what_time_it_is() {
    soaked("opaque", |profile| profile["default_life_seconds"] = 60.into()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_orders_scopes_anew_and_writes_numbers_as_text() {
    soaked("scopes", |_| ()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_answers_in_chunks() {
    soaked("chunked", |_| ()).await;
}

/// A spent token gets a code that is no verdict, for ever: the session lives at the server and nobody can go on with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_answers_the_loser_of_a_race_without_a_verdict() {
    let report = soaked("race", |profile| profile["answer"] = json!({ "error": "/error" })).await;
    assert!(report.lost_by_server > 0, "{report:#?}");
    let unlisted = report
        .answers
        .iter()
        .find(|answer| answer.code == "invalid_request");
    assert!(unlisted.is_some_and(|answer| !answer.listed), "{report:#?}");
}
