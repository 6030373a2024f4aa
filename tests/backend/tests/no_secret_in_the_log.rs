//! A test binary of its own: it listens to everything that any crate of the process says, at every level.

// A helper that fails ends its test, as an assertion does.
#![allow(clippy::unwrap_used)]

#[path = "backend/support.rs"]
#[allow(dead_code)]
mod support;

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use tokencast_backend::{Fault, FaultKind, Route};

#[tokio::test]
async fn no_token_key_or_password_is_in_the_log_at_any_level() {
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .init();

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
        assert!(!log.contains(secret), "a {what} is in the log");
        // The signature of a token would do as well.
        if let Some((_, signature)) = secret.rsplit_once('.') {
            assert!(!log.contains(signature), "a signature is in the log");
        }
    }
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
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
