//! A test binary of its own: it listens to everything that any crate of the process says, at every level.

// A helper that fails ends its test, as an assertion does.
#![allow(clippy::unwrap_used)]

#[path = "backend/support.rs"]
#[allow(dead_code)]
mod support;

#[path = "backend/every_scheme.rs"]
#[allow(dead_code)]
mod every_scheme;

use std::io::{self, Write};
use std::sync::{Arc, Mutex, OnceLock};

use sqlx::{Connection as _, SqliteConnection};
use tokencast_backend::{Config, Database, Fault, FaultKind, Route, Scheme};
use tokio::sync::{Mutex as Turn, MutexGuard};

use every_scheme::{Held, log_out, refresh, sign_in};

#[tokio::test]
async fn no_token_key_or_password_is_in_the_log_at_any_level() {
    let (log, _turn) = listen().await;

    let backend = support::start().await;
    let client = support::Client::of(&backend);
    backend.create_user("grace", "h0pper-password").await.unwrap();
    client.login("wr0ng-name", "wr0ng-password").await;
    let first = client.login("grace", "h0pper-password").await.tokens();
    let key = "k3y-of-the-first-exchange";
    let second = client.refresh(&first.refresh, Some(key)).await.tokens();
    let replayed = client.refresh(&first.refresh, Some(key)).await.tokens();
    client.get("/api/me", &second.access).await;
    client.add_note(&second.access, "n0te").await;
    backend
        .arm(Fault::once(
            Route::Refresh,
            FaultKind::field("refresh_token", "f4ult-token"),
        ))
        .unwrap();
    client.refresh(&second.refresh, Some("k3y-of-the-second")).await;
    backend
        .arm(Fault::once(Route::Refresh, FaultKind::DropAfterCommit {}))
        .unwrap();
    assert!(
        client
            .try_refresh(&second.refresh, Some("k3y-of-the-second"))
            .await
            .is_err()
    );
    client.refresh(&first.refresh, Some("an0ther-key")).await;
    client.refresh("unkn0wn-token", None).await;
    client.logout(&second.refresh).await;
    backend.shutdown().await;

    let log = log.text();
    for expected in [
        "signed in",
        "sign-in refused",
        "refresh token exchanged",
        "reuse detected",
    ] {
        assert!(log.contains(expected), "the audit log has no `{expected}`");
    }
    let secrets = [
        ("access token", first.access.as_str()),
        ("refresh token", &first.refresh),
        ("access token", &second.access),
        ("refresh token", &second.refresh),
        ("access token", &replayed.access),
        ("key", key),
        ("key", "k3y-of-the-second"),
        ("key", "an0ther-key"),
        ("password", "h0pper-password"),
        ("password", "wr0ng-password"),
        ("name of a failed sign-in", "wr0ng-name"),
        ("token", "f4ult-token"),
        ("token", "unkn0wn-token"),
        ("note", "n0te"),
    ];
    for (what, secret) in secrets {
        holds_no(&log, what, secret);
    }
}

#[tokio::test]
async fn the_audit_log_of_every_scheme_tells_what_happened_and_holds_no_secret() {
    let (log, _turn) = listen().await;
    for scheme in Scheme::all() {
        log.clear();
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("backend.db").display());
        let backend = support::start_with(Config {
            database: Database::Url(url.clone()),
            ..Config::for_tests().with_scheme(scheme)
        })
        .await;
        let client = support::Client::of(&backend);
        backend.create_user("grace", "h0pper-password").await.unwrap();
        let expire = || backend.advance_clock(scheme.usual_lives().0 + support::MINUTE);

        sign_in(&client, scheme, "wr0ng-name", "wr0ng-password").await;
        let first = Held::of(
            scheme,
            &sign_in(&client, scheme, "grace", "h0pper-password").await,
        );
        expire();
        let second = first.then(&refresh(&client, &first, "k3y-of-the-first").await);
        refused(
            &refresh(
                &client,
                &forged(scheme, &second, "unkn0wn-token"),
                "k3y-of-the-thief",
            )
            .await,
        );
        expire();
        assert_eq!(log_out(&client, &second).await.status, 200);
        refused(&refresh(&client, &second, "k3y-of-the-second").await);
        let third = Held::of(
            scheme,
            &sign_in(&client, scheme, "grace", "h0pper-password").await,
        );
        let changed = client
            .change_password("grace", "h0pper-password", "an0ther-password")
            .await;
        assert_eq!(changed.status, 204, "{scheme}");
        expire();
        refused(&refresh(&client, &third, "k3y-of-the-third").await);
        if scheme == Scheme::Cookie {
            let mut forged = third.clone();
            forged.csrf.clear();
            assert_eq!(refresh(&client, &forged, "k3y-of-the-third").await.status, 403);
        }
        backend.shutdown().await;

        let log = log.text();
        let audit: Vec<_> = log.lines().filter(|line| line.contains(" audit: ")).collect();
        let renewed = match scheme {
            Scheme::Rotation | Scheme::Cookie | Scheme::OAuth2 | Scheme::ExchangeOnce => {
                "refresh token exchanged"
            }
            _ => "access token renewed",
        };
        for (event, times) in [
            ("sign-in refused", 1),
            ("signed in", 2),
            (renewed, 1),
            ("session revoked", 1),
            ("refresh refused", 3),
            ("password changed", 1),
            ("csrf mismatch", usize::from(scheme == Scheme::Cookie)),
        ] {
            let said = audit.iter().filter(|line| line.contains(event)).count();
            assert_eq!(said, times, "{scheme}: `{event}`");
        }
        for held in [&first, &second, &third] {
            for (what, secret) in [
                ("access token", &held.access),
                ("refresh token", &held.refresh),
                ("csrf token", &held.csrf),
            ] {
                holds_no(&log, what, secret);
            }
        }
        for (what, secret) in [
            ("password", "wr0ng-password"),
            ("password", "h0pper-password"),
            ("password", "an0ther-password"),
            ("name of a failed sign-in", "wr0ng-name"),
            ("token", "unkn0wn-token"),
            ("idempotency key", "k3y-of-"),
        ] {
            holds_no(&log, what, secret);
        }
        let stored = stored_secrets(&url).await;
        assert!(stored.len() >= 2, "{scheme}: a key and a password hash at least");
        for secret in &stored {
            holds_no(&log, "stored key, salt or password hash", secret);
        }
    }
}

/// The same session with another token where the scheme looks first.
fn forged(scheme: Scheme, held: &Held, token: &str) -> Held {
    let mut forged = held.clone();
    match scheme {
        Scheme::AccessOnly => forged.access = token.to_owned(),
        _ => forged.refresh = token.to_owned(),
    }
    forged
}

fn refused(answer: &support::Answer) {
    assert!([400, 401].contains(&answer.status), "{:?}", answer.error());
}

/// What nobody but the database may know.
async fn stored_secrets(url: &str) -> Vec<String> {
    let mut database = SqliteConnection::connect(url).await.unwrap();
    let all =
        "SELECT value FROM server_keys UNION SELECT value FROM salts UNION SELECT password_hash FROM users";
    sqlx::query_scalar(all).fetch_all(&mut database).await.unwrap()
}

#[track_caller]
fn holds_no(log: &str, what: &str, secret: &str) {
    if secret.is_empty() {
        return; // the scheme has none
    }
    assert!(!log.contains(secret), "a {what} is in the log");
    // The signature of a token would do as well.
    if let Some((_, signature)) = secret.rsplit_once('.') {
        assert!(!log.contains(signature), "a signature is in the log");
    }
}

/// Everything that is said from now on. The process has one log, so the tests take turns.
async fn listen() -> (Log, MutexGuard<'static, ()>) {
    static TURN: Turn<()> = Turn::const_new(());
    static LOG: OnceLock<Log> = OnceLock::new();
    let turn = TURN.lock().await;
    let log = LOG.get_or_init(|| {
        let log = Log::default();
        let writer = log.clone();
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .init();
        log
    });
    log.clear();
    (log.clone(), turn)
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn clear(&self) {
        self.0.lock().unwrap().clear();
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
