//! Ends of sessions, and what is left to be revoked.

use std::time::Duration;

use tokencast::defence::Defence;
use tokencast::state::SessionState;
use tokencast_backend::{Fault, FaultKind, Route};
use tokencast_testkit::{FaultStorage, REFUSED, Step, ada, asks, eventually};

use super::{Device, assert_bites, unless};

/// What is written down to be revoked stays written down.
pub(super) fn refuse_revocations(device: &Device) {
    let refused = Fault::times(Route::Logout, 99, FaultKind::status(503));
    device.rig.server.arm(refused).unwrap();
}

/// The server says that the session is over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_session_ends_in_memory_and_in_the_record() {
    assert_bites(Defence::TombstoneCountsOn, |out| async move {
        let device = Device::under_the_contract(out).await;
        let (session, _) = device.signed_in().await;
        device.expire();
        let token = device.record()["credential"]["refresh_token"].clone();
        let logout = format!("{}/auth/logout", device.rig.server.url());
        let body = format!("token={}", token.as_str().unwrap());
        let sent = tokencast_testkit::http()
            .post(logout)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body);
        assert!(sent.send().await.unwrap().status().is_success());
        assert!(session.access_token().await.is_err());
        unless(
            session.state().is_active() || device.record()["kind"] != "tombstone",
            "a session that the server ended stays active for ever",
        )
    })
    .await;
}

/// 1 a flight's answer waits; 2 the user signs out, and the tombstone hangs in the storage; 3 the answer comes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_answer_brings_no_signed_out_session_back() {
    assert_bites(Defence::LeavingHoldsMemory, |out| async move {
        let device = Device::under_the_contract(out).await;
        let (session, storage) = device.signed_in().await;
        device.expire();
        storage.next_writes([Step::Ok, Step::Hang]);
        device.rig.server.hold_refreshes();
        let caller = asks(&session);
        device.rig.server.wait_until_held(1).await;
        let leaves = tokio::spawn({
            let session = session.clone();
            async move { session.sign_out().await }
        });
        eventually("the tombstone at the storage", || storage.hanging() == 1).await;
        device.rig.server.release();
        device
            .clock
            .leap_until("the answer", || caller.is_finished())
            .await;
        let back = session.current_token().is_some() || session.state() != SessionState::SignedOut;
        storage.release();
        let _ = (caller.await, leaves.await);
        unless(back, "a signed-out session is back in memory")
    })
    .await;
}

/// 1 a sign-out whose tombstone the store refuses; 2 the store works again; 3 the app starts anew.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_out_that_was_not_saved_holds_at_the_next_start() {
    assert_bites(Defence::SignOutNoted, |out| async move {
        let device = Device::under_the_contract(out).await;
        let folder = tempfile::tempdir().unwrap();
        let storage = FaultStorage::new(device.rig.storage.clone()).as_keyring();
        let process = || device.process().storage(storage.clone()).state_dir(folder.path());
        let session = process().build().unwrap();
        session.sign_in(ada()).await.unwrap();
        storage.all_writes(REFUSED);
        assert!(session.sign_out().await.is_err());
        session.close();
        storage.mend();
        let state = process().build().unwrap().restored().await;
        unless(state.is_active(), "a signed-out session is restored")
    })
    .await;
}

/// 1 one process holds 1.1, another has renewed to 1.2; 2 the first signs out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_newest_token_waits_to_be_revoked() {
    assert_bites(Defence::NewestIsRevoked, |out| async move {
        let device = Device::under_the_contract(out).await;
        let (session, _) = device.signed_in().await;
        let other = device.process().build().unwrap();
        device.expire();
        other.access_token().await.unwrap();
        let newest = device.record()["credential"]["refresh_token"].clone();
        refuse_revocations(&device);
        session.sign_out().await.unwrap();
        let waits = device.pending().iter().any(|pending| pending["token"] == newest);
        unless(
            !waits,
            "a spent token is revoked, and where tokens are revoked singly the session lives on",
        )
    })
    .await;
}

/// The name that a page or another process knows must not be the signed-out epoch's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signed_out_epoch_is_over() {
    assert_bites(Defence::EpochAtSignOut, |out| async move {
        let device = Device::under_the_contract(out).await;
        let (session, _) = device.signed_in().await;
        let before = session.generation();
        session.sign_out().await.unwrap();
        unless(
            session.generation().epoch <= before.epoch,
            "an exchange of the ended session adopts its end instead of being displaced and revoked",
        )
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_in_that_is_not_saved_is_revoked() {
    assert_bites(Defence::UnsavedSignInRevoked, |out| async move {
        let device = Device::under_the_contract(out).await;
        let storage = FaultStorage::new(device.rig.storage.clone()).as_keyring();
        let session = device.process().storage(storage.clone()).build().unwrap();
        session.restored().await;
        storage.all_writes(REFUSED);
        assert!(session.sign_in(ada()).await.is_err());
        unless(
            device.rig.server.stats().revocations != 1,
            "the server keeps a session that nobody holds",
        )
    })
    .await;
}

/// 1 a sign-out that the server does not take yet; 2 a sign-in over its tombstone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_in_keeps_what_waits_to_be_revoked() {
    assert_bites(Defence::PendingRevocationsKept, |out| async move {
        let device = Device::under_the_contract(out).await;
        let (session, _) = device.signed_in().await;
        refuse_revocations(&device);
        session.sign_out().await.unwrap();
        assert_eq!(device.pending().len(), 1);
        session.sign_in(ada()).await.unwrap();
        device.pass(Duration::from_secs(1));
        unless(
            device.pending().is_empty(),
            "a signed-out session is never revoked",
        )
    })
    .await;
}
