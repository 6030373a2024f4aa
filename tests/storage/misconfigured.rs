use tokencast::error::{LockedCause, SessionError};
use tokencast::state::SessionState;
use tokencast_testkit::{Op, Step, ada};

use crate::device::Device;

/// An app without its entitlement (-34018 on Apple's systems): the state says so, every call says what to mend, nothing
/// is taken for "no session", and with the entitlement the session is there.
#[tokio::test]
async fn a_missing_entitlement_is_told_by_every_call_and_costs_no_session() {
    let device = Device::new().await;
    drop(device.signed_in().await);
    for op in [Op::Read, Op::Write, Op::Delete] {
        device.store.always(op, "", Step::Misconfigured);
    }
    let changes = device.store.changes();
    let session = device.start();
    let cause = LockedCause::Misconfigured;
    assert_eq!(session.restored().await, SessionState::Locked { cause });
    for _ in 0..3 {
        let current = session.generation();
        for error in [
            session.access_token().await.unwrap_err(),
            session.rejected(current).await.unwrap_err(),
            session.sign_in(ada()).await.unwrap_err(),
            session.sign_out().await.unwrap_err(),
        ] {
            assert!(
                matches!(&error, SessionError::Misconfigured { fix, .. } if fix.contains("entitlement")),
                "{error:?}"
            );
        }
    }
    assert_eq!(device.store.changes(), changes, "nothing was written over it");
    assert_eq!(device.rig.server.stats().refresh_requests, 0);
}

/// A place that keeps no secrets, and nothing to seal them with: never a plain file.
#[tokio::test]
async fn a_sealed_store_without_a_key_wrapper_is_a_matter_for_the_developer() {
    let device = Device::new().await;
    let store = tokencast::storage::file(device.files());
    let error = device.launch_on(store).build().unwrap_err();
    assert!(matches!(error, SessionError::Misconfigured { .. }), "{error:?}");
    let written = std::fs::read_dir(device.files()).map_or(0, |files| files.count());
    assert_eq!(written, 0, "nothing is written in clear");
}
