use tokencast::error::{EndReason, LockedCause};
use tokencast::state::{Notice, SessionState};
use tokencast::storage::{MemoryStorage, SecureStorage};
use tokencast_testkit::{FaultStorage, Op, Step, ada, eventually};

use crate::device::Device;

fn locked(cause: LockedCause) -> SessionState {
    SessionState::Locked { cause }
}

#[tokio::test]
async fn a_first_start_on_a_store_that_works_is_signed_out() {
    let device = Device::new().await;
    assert_eq!(device.start().restored().await, SessionState::SignedOut);
    assert_eq!(device.store.count(Op::Write, "canary"), 1);
    let next = device.start();
    assert_eq!(next.restored().await, SessionState::SignedOut);
    assert_eq!(
        device.store.count(Op::Write, "canary"),
        1,
        "the canary is written once"
    );
}

/// iOS prewarming before the first unlock, and a keyring that was never unlocked: everything is "not found".
#[tokio::test]
async fn a_locked_store_that_finds_nothing_is_not_taken_for_no_session() {
    let device = Device::new().await;
    device.signed_in().await;
    device.store.always(Op::Read, "", Step::DropWrite);
    device
        .store
        .always(Op::Write, "", Step::Fail(LockedCause::DeviceLocked));
    let session = device.start();
    assert!(matches!(session.restored().await, SessionState::Locked { .. }));
    device.store.mend();
    session.notify(Notice::Unlocked);
    eventually("the session is back", || session.state().is_active()).await;
}

#[tokio::test]
async fn a_first_start_on_a_locked_store_waits_for_the_unlock() {
    let device = Device::new().await;
    device
        .store
        .always(Op::Write, "", Step::Fail(LockedCause::DeviceLocked));
    let session = device.start();
    assert_eq!(session.restored().await, locked(LockedCause::DeviceLocked));
    device.store.mend();
    session.notify(Notice::Unlocked);
    eventually("signed out", || session.state() == SessionState::SignedOut).await;
}

#[tokio::test]
async fn a_store_that_forgets_its_canary_is_not_believed() {
    let device = Device::new().await;
    device.store.always(Op::Write, "canary", Step::DropWrite);
    assert!(matches!(
        device.start().restored().await,
        SessionState::Locked { .. }
    ));
}

/// The marker knows this store by its canary: another one that is empty proves nothing about it.
#[tokio::test]
async fn an_empty_store_in_the_place_of_the_known_one_is_not_believed() {
    let device = Device::new().await;
    device.signed_in().await;
    let known = device.store.clone();
    let other = FaultStorage::new(Renamed(MemoryStorage::default(), known.entry_id())).as_keyring();
    let session = device.launch_on(other.clone()).build().unwrap();
    assert!(matches!(session.restored().await, SessionState::Locked { .. }));
    assert_eq!(other.changes(), 0);
    session
        .sign_in(ada())
        .await
        .expect("a sign-in is always possible");
    let next = device.launch_on(other).build().unwrap();
    assert!(next.restored().await.is_active());
}

#[tokio::test]
async fn an_empty_store_with_a_canary_of_its_own_is_not_the_known_one() {
    let device = Device::new().await;
    device.start().restored().await;
    let known = device.store.entry_id();
    let other = FaultStorage::new(Renamed(MemoryStorage::default(), known)).as_keyring();
    other.write("canary", b"another");
    let session = device.launch_on(other).build().unwrap();
    assert!(matches!(session.restored().await, SessionState::Locked { .. }));
}

#[tokio::test]
async fn a_record_that_is_gone_from_a_store_that_can_be_believed_is_lost() {
    let device = Device::new().await;
    let session = device.start();
    assert_eq!(session.restored().await, SessionState::SignedOut);
    session.sign_in(ada()).await.unwrap();
    drop(session);
    device.store.always(Op::Read, "session/", Step::DropWrite);
    assert_eq!(
        device.start().restored().await,
        SessionState::SignInRequired {
            reason: EndReason::StoreLost,
            account: None,
            history: Default::default(),
        }
    );
}

#[tokio::test]
async fn an_active_process_that_finds_nothing_is_locked_until_the_next_start() {
    let device = Device::new().await;
    let session = device.start();
    session.restored().await;
    session.sign_in(ada()).await.unwrap();
    device.expire();
    device.store.always(Op::Read, "session/", Step::DropWrite);
    session.access_token().await.unwrap_err();
    assert_eq!(session.state(), locked(LockedCause::Vanished));
    session.notify(Notice::Foreground);
    // The look that the notice starts ends where it began: the same start decides nothing.
    let looks = device.store.count(Op::Read, "canary");
    eventually("another look", || device.store.count(Op::Read, "canary") > looks).await;
    assert_eq!(session.state(), locked(LockedCause::Vanished));
    assert_eq!(device.rig.server.stats().refresh_requests, 0);
    device.store.mend();
    session.notify(Notice::Foreground);
    eventually("the session is back", || session.state().is_active()).await;
}

#[tokio::test]
async fn a_store_in_memory_is_believed_without_a_canary() {
    let device = Device::with_store(FaultStorage::new(MemoryStorage::default())).await;
    assert_eq!(device.start().restored().await, SessionState::SignedOut);
    assert_eq!(device.store.changes(), 0);
}

/// A store under another store's name.
struct Renamed(MemoryStorage, String);

impl SecureStorage for Renamed {
    fn entry_id(&self) -> String {
        self.1.clone()
    }

    fn secrecy(&self) -> tokencast::storage::Secrecy {
        self.0.secrecy()
    }

    fn read(&self, name: &str) -> tokencast::storage::ReadOutcome {
        self.0.read(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> tokencast::storage::WriteOutcome {
        self.0.write(name, bytes)
    }

    fn delete(&self, name: &str) -> tokencast::storage::WriteOutcome {
        self.0.delete(name)
    }
}
