use tokencast::error::{EndReason, LockedCause};
use tokencast::state::SessionState;
use tokencast_testkit::{Op, Step, ada, eventually};

use crate::device::Device;

fn stale() -> SessionState {
    SessionState::SignInRequired {
        reason: EndReason::StaleInstall,
        account: Some("ada".into()),
        history: Default::default(),
    }
}

/// 1 a session is saved; 2 the app is uninstalled: its folder goes, the keychain stays; 3 it is installed again:
/// the session there is nobody's, and a tombstone takes its place.
#[tokio::test]
async fn a_session_of_an_earlier_installation_is_not_restored() {
    let device = Device::new().await;
    drop(device.signed_in().await);
    device.uninstall();
    let session = device.start();
    assert_eq!(session.restored().await, stale());
    eventually("the tombstone", || session.generation().number == 2).await;
    drop(session);
    assert_eq!(device.rig.server.stats().refresh_requests, 0);

    let next = device.start();
    assert_eq!(next.restored().await, stale(), "the tombstone says why");
    next.sign_in(ada()).await.unwrap();
    assert_eq!(next.generation().epoch, 2);
    drop(next);
    assert!(device.start().restored().await.is_active());
}

#[tokio::test]
async fn an_earlier_installations_session_stays_until_the_store_works() {
    let device = Device::new().await;
    drop(device.signed_in().await);
    device.uninstall();
    device
        .store
        .always(Op::Write, "", Step::Fail(LockedCause::DeviceLocked));
    let session = device.start();
    assert_eq!(session.restored().await, stale());
    eventually("the tombstone was tried", || {
        device.store.count(Op::Write, "session/") == 2
    })
    .await;
    drop(session);
    device.store.mend();
    let next = device.start();
    assert_eq!(next.restored().await, stale());
    eventually("the tombstone", || next.generation().number == 2).await;
}

#[tokio::test]
async fn a_sign_in_over_an_earlier_installations_session_is_this_installations() {
    let device = Device::new().await;
    drop(device.signed_in().await);
    device.uninstall();
    device.store.always(Op::Write, "canary", Step::DropWrite);
    let session = device.start();
    assert_eq!(session.restored().await, stale());
    session.sign_in(ada()).await.unwrap();
    drop(session);
    assert!(device.start().restored().await.is_active());
}
