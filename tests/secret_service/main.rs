//! The Secret Service, a real one: `cargo xtask test core` starts gnome-keyring on a private bus for it.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)] // a test's tools fail by panicking

mod failing;
mod private;

use tokencast::storage::{self, ReadOutcome, SecureStorage, WriteOutcome};
use tokencast_testkit::{Rig, ada};
use zeroize::Zeroizing;

/// A missing service is a failure that names its cure, not a test that is left out.
fn service() {
    assert!(
        std::env::var_os("DBUS_SESSION_BUS_ADDRESS").is_some(),
        "there is no session bus: run `cargo xtask test core`, which installs and starts a Secret Service"
    );
}

/// Blocking calls belong on a thread that may block, as the session makes them.
async fn blocking<T: Send + 'static>(call: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(call)
        .await
        .expect("the call does not panic")
}

#[tokio::test]
async fn bytes_are_kept_replaced_and_deleted() {
    service();
    blocking(|| {
        let store = storage::keyring(format!("dev.tokencast.test.{}", std::process::id()));
        assert_eq!(store.read("session/a"), ReadOutcome::Absent);
        for text in ["first", "second"] {
            assert_eq!(
                store.write("session/a", text.as_bytes()),
                WriteOutcome::Acknowledged
            );
            assert_eq!(
                store.read("session/a"),
                ReadOutcome::Found(Zeroizing::new(text.into()))
            );
        }
        assert_eq!(store.delete("session/a"), WriteOutcome::Acknowledged);
        assert_eq!(store.delete("session/a"), WriteOutcome::Acknowledged);
        assert_eq!(store.read("session/a"), ReadOutcome::Absent);
    })
    .await;
}

#[tokio::test]
async fn a_session_in_the_keyring_refreshes_after_a_restart() {
    service();
    let rig = Rig::new().await;
    let folder = tempfile::tempdir().unwrap();
    let application = format!("dev.tokencast.restart.{}", std::process::id());
    let build = || {
        let builder = rig.process().storage(storage::keyring(application.as_str()));
        builder.state_dir(folder.path()).build().unwrap()
    };
    let session = build();
    session.sign_in(ada()).await.unwrap();
    drop(session);
    let next = build();
    assert!(next.restored().await.is_active());
    rig.expire();
    let token = next.access_token().await.unwrap();
    assert!(rig.accepts(token.secret()).await);
    next.sign_out().await.unwrap();
}
