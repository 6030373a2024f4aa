use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokencast::error::{LockedCause, SessionError};
use tokencast::storage::{MemoryStorage, ReadOutcome, Secrecy, SecureStorage, WriteOutcome};

use tokencast_testkit::{Rig, ada};

/// A store that refuses writes while the switch is on: nothing real refuses on demand.
#[derive(Clone, Default)]
struct Refusing {
    inner: MemoryStorage,
    refuses: Arc<AtomicBool>,
}

impl SecureStorage for Refusing {
    fn entry_id(&self) -> String {
        self.inner.entry_id()
    }

    fn secrecy(&self) -> Secrecy {
        Secrecy::Platform
    }

    fn read(&self, name: &str) -> ReadOutcome {
        self.inner.read(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> WriteOutcome {
        if self.refuses.load(Ordering::SeqCst) {
            return WriteOutcome::Unavailable(LockedCause::DeviceLocked);
        }
        self.inner.write(name, bytes)
    }

    fn delete(&self, name: &str) -> WriteOutcome {
        self.inner.delete(name)
    }
}

#[tokio::test]
async fn a_server_is_not_called_when_the_intent_cannot_be_written() {
    let rig = Rig::new().await;
    let store = Refusing::default();
    let session = rig.process().storage(store.clone()).build().unwrap();
    session.sign_in(ada()).await.unwrap();
    rig.expire();
    store.refuses.store(true, Ordering::SeqCst);
    assert!(matches!(
        session.access_token().await.unwrap_err(),
        SessionError::StorageFailed { .. }
    ));
    assert_eq!(rig.server.stats().refresh_requests, 0);
    store.refuses.store(false, Ordering::SeqCst);
    assert!(session.access_token().await.is_ok());
}

#[tokio::test]
async fn a_sign_in_that_cannot_be_saved_is_revoked_and_is_no_session() {
    let rig = Rig::new().await;
    let store = Refusing::default();
    store.refuses.store(true, Ordering::SeqCst);
    let session = rig.process().storage(store).build().unwrap();
    assert!(matches!(
        session.sign_in(ada()).await.unwrap_err(),
        SessionError::StorageFailed { .. }
    ));
    assert!(!session.state().is_active());
    assert_eq!(
        (rig.server.stats().logins, rig.server.stats().revocations),
        (1, 1)
    );
}

/// 1 the intent is written; 2 the exchange happens at the server; 3 the save fails: the token is served from
/// memory and `StorageDegraded` is told; 4 the storage is back: the token is saved; 5 a new process has it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_cannot_be_saved_is_served_and_saved_later() {
    let rig = Rig::new().await;
    let store = Refusing::default();
    let session = rig.process().storage(store.clone()).build().unwrap();
    session.sign_in(ada()).await.unwrap();
    rig.expire();
    rig.server.hold_refreshes();
    let caller = tokio::spawn({
        let session = session.clone();
        async move { session.access_token().await }
    });
    rig.server.wait_until_held(1).await;
    store.refuses.store(true, Ordering::SeqCst);
    let recorder = tokencast_testkit::Recorder::on(&session);
    rig.server.release();
    let token = caller.await.unwrap().expect("served from memory");
    assert!(rig.accepts(token.secret()).await);
    recorder
        .until(|events| {
            events
                .iter()
                .any(|event| matches!(event, tokencast::state::SessionEvent::StorageDegraded { .. }))
        })
        .await;
    store.refuses.store(false, Ordering::SeqCst);
    rig.expire();
    // Whether the save was tried again before or the next intent carries it: nothing is lost.
    tokencast_testkit::eventually("a refresh after the storage is back", || {
        tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(async { session.access_token().await.is_ok() })
        })
    })
    .await;
    assert_eq!(rig.server.stats().reuse_detected, 0);
    let next = rig.process().storage(store).build().unwrap();
    rig.expire();
    assert!(next.access_token().await.is_ok());
    assert_eq!(rig.server.stats().reuse_detected, 0);
}
