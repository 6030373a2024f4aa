//! The soak against the reference backend: what it says of a client that is right, of a server that forgives nothing, and
//! of a profile that is wrong.

#![allow(clippy::unwrap_used)] // a test's tools fail by panicking

use std::time::Duration;

use tokencast::ServerProfile;
use tokencast_backend::{Backend, Config, Fault, FaultKind, Route, RunningBackend};
use tokencast_conformance::{Mint, Order, Report, SoakError, Stop, Storage, check, soak};

const CALLERS: usize = 50;

fn long() -> bool {
    std::env::var_os("TOKENCAST_LONG").is_some_and(|value| value == "1")
}

fn exchanges() -> u64 {
    if long() { 10_000 } else { 250 }
}

async fn backend(config: Config) -> RunningBackend {
    Backend::start(config).await.unwrap()
}

/// Signs in and prints the answer as it is: `access_token`, `refresh_token`, `expires_in`.
fn mint(server: &RunningBackend) -> Mint {
    let script = "import sys,urllib.request as u,urllib.parse as p;\
                  print(u.urlopen(sys.argv[1],p.urlencode({'username':'ada','password':'lovelace'}).encode()).read().decode())";
    Mint(format!("python3 -c \"{script}\" {}/auth/login", server.url()))
}

fn order(profile: ServerProfile, server: &RunningBackend) -> Order {
    Order {
        profile,
        mint: mint(server),
        exchanges: exchanges(),
        callers: CALLERS,
        seed: 7,
        storage: Storage::Memory,
        most: None,
        pause: Duration::ZERO,
        stop: Stop::default(),
        server_clock: None,
    }
}

async fn report(order: &Order) -> Report {
    soak(order, |_| ()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_the_contract_no_session_is_lost_at_all() {
    let server = backend(Config::for_tests()).await;
    for storage in [Storage::Memory, Storage::File] {
        let order = Order {
            storage,
            ..order(ServerProfile::rotation(server.url()).unwrap(), &server)
        };
        let report = report(&order).await;
        assert!(report.is_clean(), "{report:#?}");
        assert_eq!((report.lost_by_server, report.sessions), (0, 1), "{report:#?}");
        assert!(
            report.exchanges >= exchanges() && report.faults > 20,
            "{report:#?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plain_rotation_loses_sessions_and_none_by_the_clients_doing() {
    let server = backend(Config {
        idempotency: false,
        ..Config::for_tests()
    })
    .await;
    let profile = ServerProfile::rotation(server.url())
        .unwrap()
        .with_idempotency_key(None);
    let report = report(&order(profile, &server)).await;
    assert!(report.is_clean(), "{report:#?}");
    assert!(report.lost_by_server > 0, "{report:#?}");
    assert_eq!(
        report.sessions,
        report.lost_by_server + u64::from(report.sessions > report.lost_by_server)
    );
}

/// The control: the profile promises an idempotency that the server does not keep, so what is lost is the client's by the
/// definition; a soak that could not find it would find nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_trusts_a_promise_nobody_keeps_is_told_that_it_lost_sessions() {
    let server = backend(Config {
        idempotency: false,
        ..Config::for_tests()
    })
    .await;
    let report = report(&order(ServerProfile::rotation(server.url()).unwrap(), &server)).await;
    assert!(report.lost_by_client > 0 && !report.is_clean(), "{report:#?}");
}

/// A verdict table that calls trouble a death ends sessions that live.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_verdict_table_that_is_wrong_is_told() {
    let server = backend(Config::for_tests()).await;
    // The first exchange must go well: a later one meets the trouble.
    let nothing = FaultKind::field("nothing", serde_json::Value::Null);
    server.arm(Fault::times(Route::Refresh, 4, nothing)).unwrap();
    server
        .arm(Fault::once(Route::Refresh, FaultKind::status(503)))
        .unwrap();
    let mut json = serde_json::to_value(ServerProfile::rotation(server.url()).unwrap()).unwrap();
    json["verdicts"] = serde_json::json!([{ "status": 503, "means": { "dead": "revoked" } }]);
    let profile = ServerProfile::from_json(&json.to_string()).unwrap();
    let order = Order {
        exchanges: 20,
        ..order(profile, &server)
    };
    let report = report(&order).await;
    assert_eq!(report.lost_by_client, 1, "{report:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_say_what_to_do_and_repeat_no_token() {
    let server = backend(Config::for_tests()).await;
    let good = order(ServerProfile::rotation(server.url()).unwrap(), &server);
    let said = |order: Order| async move { soak(&order, |_| ()).await.unwrap_err() };

    let mints = [
        ("false", "failed"),
        ("echo s3cret", "no JSON"),
        ("echo '{\"access_token\":\"s3cret\"}'", "no `refresh_token`"),
    ];
    for (command, expected) in mints {
        let error = said(Order {
            mint: Mint(command.into()),
            ..good.clone()
        })
        .await;
        let text = error.to_string();
        assert!(
            matches!(error, SoakError::Mint(_)) && text.contains(expected),
            "{text}"
        );
        assert!(!text.contains("s3cret"), "{text}");
    }
    let error = said(Order {
        mint: Mint("echo '{\"refresh_token\":\"s3cret\"}'".into()),
        ..good.clone()
    })
    .await;
    let text = error.to_string();
    assert!(
        text.contains("401 invalid_token") && !text.contains("s3cret"),
        "{text}"
    );

    let nobody = ServerProfile::rotation("http://127.0.0.1:1").unwrap();
    let error = said(Order {
        profile: nobody,
        ..good.clone()
    })
    .await;
    assert!(matches!(error, SoakError::Unreachable { .. }), "{error}");
    let https = ServerProfile::rotation("https://127.0.0.1:1").unwrap();
    let error = said(Order {
        profile: https,
        ..good
    })
    .await;
    assert!(matches!(error, SoakError::Unreachable { .. }), "{error}");
}

/// `--max-seconds` ends a soak whose server is slow, with what it has.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_soak_ends_when_its_time_is_over() {
    let server = backend(Config::for_tests()).await;
    let order = Order {
        exchanges: u64::MAX,
        most: Some(Duration::from_millis(500)),
        ..order(ServerProfile::rotation(server.url()).unwrap(), &server)
    };
    assert!(report(&order).await.exchanges > 0);
}

/// The check tells what a server does, keeps the promise of the contract apart from one that is not kept, and wants
/// nothing changed where all fits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_tells_the_contract_from_an_empty_promise() {
    let kept = backend(Config::for_tests()).await;
    let promise = |server: &RunningBackend| ServerProfile::rotation(server.url()).unwrap();
    let findings = check(&promise(&kept), &mint(&kept)).await.unwrap();
    assert!(
        findings.iter().all(|finding| finding.change.is_none()),
        "{findings:#?}"
    );
    let rules = findings
        .iter()
        .filter(|finding| finding.about.starts_with("rule"));
    assert_eq!(rules.count(), 5, "{findings:#?}");

    let plain = backend(Config {
        idempotency: false,
        ..Config::for_tests()
    })
    .await;
    let findings = check(&promise(&plain), &mint(&plain)).await.unwrap();
    let wrong = |finding: &&tokencast_conformance::Finding| {
        let change = finding.change.as_deref().unwrap_or_default();
        change.contains("idempotency_key")
    };
    assert!(findings.iter().any(|finding| wrong(&finding)), "{findings:#?}");

    let findings = check(&promise(&plain).with_idempotency_key(None), &mint(&plain))
        .await
        .unwrap();
    assert!(
        findings.iter().all(|finding| finding.change.is_none()),
        "{findings:#?}"
    );
    let told = format!("{findings:?}");
    assert!(told.contains("always: each answer brings a new one"), "{told}");
    assert!(told.contains("reuse detection"), "{told}");
}

/// A server that wants to be left alone is left alone for real seconds, however quick the client's clock runs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_limits_how_often_one_may_ask_costs_no_session() {
    let server = backend(Config::for_tests()).await;
    let nothing = FaultKind::field("nothing", serde_json::Value::Null);
    server.arm(Fault::times(Route::Refresh, 4, nothing)).unwrap();
    server
        .arm(Fault::times(Route::Refresh, 3, FaultKind::status(429)))
        .unwrap();
    let order = Order {
        exchanges: 20,
        ..order(ServerProfile::rotation(server.url()).unwrap(), &server)
    };
    let began = std::time::Instant::now();
    let report = report(&order).await;
    assert!(report.is_clean() && report.sessions == 1, "{report:#?}");
    assert!(began.elapsed() >= Duration::from_secs(1), "{report:#?}");
}
