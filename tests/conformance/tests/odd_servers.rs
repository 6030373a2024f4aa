//! Servers that nobody here would have written, each in a process of its own, with a profile as one would write it from
//! its documents. None of them forgives a lost answer; none of the losses may be the client's.

#![allow(clippy::unwrap_used)] // a test's tools fail by panicking

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tokencast::ServerProfile;
use tokencast_conformance::{Mint, Order, Report, SoakError, Stop, Storage, soak};

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
    let report = tried(kind, edit).await.unwrap();
    assert!(report.is_clean(), "{kind}: {report:#?}");
    assert!(
        report.exchanges >= exchanges(kind) && (report.faults > 10 || kind == "twins"),
        "{kind}: {report:#?}"
    );
    report
}

/// Twins lose a session at nearly every exchange, and each fresh one is a process of its own.
fn exchanges(kind: &str) -> u64 {
    if kind == "twins" { 15 } else { 120 }
}

async fn tried(kind: &str, edit: impl FnOnce(&mut Value)) -> Result<Report, SoakError> {
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
        exchanges: exchanges(kind),
        callers: 10,
        seed: 3,
        storage: Storage::Memory,
        most: None,
        pause: std::time::Duration::ZERO,
        stop: Stop::default(),
        server_clock: None,
    };
    soak(&order, |_| ()).await
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

/// A refresh token that equals its predecessor is refused as spent: whoever presents the newest has done nothing wrong.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_whose_tokens_of_one_second_are_one() {
    let report = soaked("twins", |_| ()).await;
    assert!(report.lost_by_server > 0, "{report:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_in_trouble_after_a_rotation_that_did_happen() {
    let report = soaked("trouble", |_| ()).await;
    assert!(report.lost_by_server > 0, "{report:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_ends_the_connection_without_a_word() {
    soaked("silent", |_| ()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_whose_new_token_is_good_a_moment_later() {
    soaked("late", |_| ()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_says_the_end_of_a_token_and_not_what_time_it_is() {
    soaked("dates", |profile| {
        profile["answer"] = json!({ "expires_in": "/expires_at", "expires_unit": "rfc3339" });
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_of_http_1_0() {
    soaked("old", |_| ()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_redirects_is_a_matter_for_the_profile() {
    let error = tried("slash", |_| ()).await.unwrap_err().to_string();
    assert!(error.contains("redirects to /refresh/: write that"), "{error}");
}
