//! Ways 7 and 8: sign-ins and sign-outs that another process undoes.

use serde_json::json;
use tokencast::lock::LockKind;
use tokencast::session::AuthSession;
use tokencast::state::SessionState;
use tokencast_backend::{Fault, FaultKind, Route};
use tokencast_testkit::{FaultStorage, Op, ada, asks, eventually};
use tokio::task::JoinHandle;

use crate::Device;

/// Way 7, first: a sign-in overwritten by another process' intent.
///
/// 1 a process has read the record of epoch 1 again and is about to write its intent; 2 another signs in: epoch 2;
/// 3 the intent comes.
///
/// The defence: the intent is a read-compare-write too, and a newer epoch discards it. A blind intent puts epoch 1
/// back: the record's `epoch` is 1 and the new session is gone with its only copy of the token.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn way_07_a_sign_in_overwritten_by_another_processes_intent() {
    let device = Device::with_plain_rotation().await;
    let (session, storage) = device.signed_in().await;
    let other = device.process_between().persist_access_token().build().unwrap();
    assert!(other.restored().await.is_active());
    device.expire();
    let (held, caller) = about_to_write_its_intent(&device, &session, &storage).await;
    other.sign_in(ada()).await.unwrap();
    drop(held);
    let token = caller.await.unwrap().expect("the new session's");
    assert_eq!(token.generation().epoch, 2);
    assert_eq!(
        (&device.record()["kind"], &device.record()["epoch"]),
        (&json!("session"), &json!(2))
    );
    device.assert_alive().await;
}

/// Way 7, second: a sign-in deleted by a compare-and-delete that is not atomic, or sharing a generation's name with
/// a session that was deleted.
///
/// 1 a session is signed out, and another begun, again and again, by two processes; 2 each epoch is a new one, and
/// nothing is ever deleted.
///
/// The defence: an end is a tombstone that keeps the epoch. With deletes `deletes` is not 0, and the third sign-in
/// is called 1.1 like the first, so that a late 401 or a late commit of the first would hit it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn way_07_a_name_shared_with_a_session_that_was_deleted() {
    let device = Device::with_plain_rotation().await;
    let (one, storage) = device.signed_in().await;
    let mut names = vec![one.generation()];
    for _ in 0..3 {
        one.sign_out().await.unwrap();
        assert_eq!(device.record()["kind"], "tombstone");
        names.push(one.generation());
        let next = device.process().storage(storage.clone()).build().unwrap();
        next.sign_in(ada()).await.unwrap();
        names.push(next.generation());
        next.sign_out().await.unwrap();
        names.push(next.generation());
        one.sign_in(ada()).await.unwrap();
        names.push(one.generation());
    }
    assert!(names.is_sorted_by(|a, b| a < b), "{names:?}");
    assert_eq!(storage.count(Op::Delete, ""), 0);
    device.assert_alive().await;
}

/// Way 8, first: a sign-out resurrected by another process' intent.
///
/// 1 a process has read the session again and is about to write its intent; 2 the user signs out in another; 3 the
/// intent comes.
///
/// The defence is that of way 7: the tombstone's epoch is newer. A blind intent brings the session back to life: the
/// record's `kind` is `session`, and the server is asked for a token of a user who left.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn way_08_a_sign_out_resurrected_by_another_processes_intent() {
    let device = Device::with_plain_rotation().await;
    let (session, storage) = device.signed_in().await;
    let other = device.process_between().build().unwrap();
    assert!(other.restored().await.is_active());
    device.expire();
    let (held, caller) = about_to_write_its_intent(&device, &session, &storage).await;
    other.sign_out().await.unwrap();
    drop(held);
    assert!(caller.await.unwrap().is_err());
    assert_eq!(session.state(), SessionState::SignedOut);
    assert_eq!(device.record()["kind"], "tombstone");
    assert_eq!(device.rig.server.stats().refresh_requests, 0);
    eventually("the revocation", || device.rig.server.stats().revocations == 1).await;
}

/// Way 8, second: revoking a token that is not the newest.
///
/// 1 one process holds 1.1 in memory; 2 another has renewed: the record is 1.2; 3 the first signs out, and the
/// server cannot be reached for the revocation.
///
/// The defence: the tombstone's writer takes the newest token from the record that it read under the lock. Taken from
/// memory it would be a spent one, and a server that revokes single tokens (most do) would leave the session alive.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn way_08_the_token_that_is_revoked_is_the_newest() {
    let device = Device::with_plain_rotation().await;
    let (session, _) = device.signed_in().await;
    let spent = device.record()["credential"]["refresh_token"].clone();
    let other = device.process().build().unwrap();
    device.expire();
    other.access_token().await.unwrap();
    let newest = device.record()["credential"]["refresh_token"].clone();
    assert!(newest != spent && session.generation().number == 1);

    let unreachable = Fault::times(Route::Logout, 99, FaultKind::status(503));
    device.rig.server.arm(unreachable).unwrap();
    session.sign_out().await.unwrap();
    let record = device.record();
    let pending: Vec<_> = record["revoke_pending"].as_array().unwrap().iter().collect();
    assert_eq!(pending.len(), 1);
    assert!(
        pending[0]["token"] == newest,
        "the newest token waits to be revoked"
    );

    device.rig.server.disarm();
    let next = device.process().build().unwrap();
    next.restored().await;
    eventually("the revocation", || device.rig.server.stats().revocations == 1).await;
    eventually("the crossing out", || {
        device.record().get("revoke_pending").is_none()
    })
    .await;
}

/// Brings a flight to the point where it has the flight lock and has read the record again, and waits for the record
/// lock, which the test holds.
async fn about_to_write_its_intent(
    device: &Device,
    session: &AuthSession,
    storage: &FaultStorage,
) -> (
    tokencast::lock::LockGuard,
    JoinHandle<Result<tokencast::AccessToken, tokencast::SessionError>>,
) {
    let reads = storage.count(Op::Read, "session/");
    let held = device.take(LockKind::Record).expect("nobody writes");
    let caller = asks(session);
    eventually("the re-read under the flight lock", || {
        storage.count(Op::Read, "session/") > reads
    })
    .await;
    (held, caller)
}
