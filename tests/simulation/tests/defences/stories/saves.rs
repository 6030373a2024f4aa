//! What stands in the storage, and what is believed of it.

use tokencast::defence::Defence;
use tokencast::error::LockedCause;
use tokencast::state::SessionState;
use tokencast_testkit::{FaultStorage, Op, REFUSED, Step, asks, eventually};

use super::{Device, assert_bites, assert_bites_besides, unless};

/// 1 the server has answered; 2 the save hangs: nothing is served yet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_token_is_served_before_its_save() {
    assert_bites(Defence::SaveBeforeMemory, |out| async move {
        let device = Device::under_the_contract(out).await;
        let (session, storage) = device.signed_in().await;
        device.expire();
        storage.next_writes([Step::Ok, Step::Hang]);
        let caller = asks(&session);
        eventually("the save at the storage", || storage.hanging() == 1).await;
        let served = session.current_token().is_some();
        storage.release();
        let _ = caller.await.unwrap();
        unless(served, "a token is served that is in no storage")
    })
    .await;
}

/// Plain rotation, one process. 1 the save of 1.2 fails, and the flight lock is given back all the same (out in
/// both; where it stays, nothing can be presented); 2 the token expires: the record's 1.1 is spent.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memorys_token_is_presented_while_the_records_is_spent() {
    assert_bites_besides(
        &[Defence::LockUntilSaved],
        Defence::MemorysToken,
        |out| async move {
            let device = Device::with_plain_rotation(out).await;
            let (session, storage) = device.signed_in().await;
            device.expire();
            storage.next_writes([Step::Ok, REFUSED]);
            session.access_token().await.unwrap();
            device.until_the_flight_is_over().await;
            device.expire();
            unless(
                session.access_token().await.is_err(),
                "the record's spent token is presented; the server ends the session",
            )
        },
    )
    .await;
}

/// 1 the save of 1.2 hangs past its deadline; 2 another process renews to 1.3, if it can; 3 the hung write lands.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hung_write_lands_over_nothing_newer() {
    assert_bites(Defence::HungWriteKeepsLock, |out| async move {
        let device = Device::under_the_contract(out).await;
        let (session, storage) = device.signed_in().await;
        device.expire();
        storage.next_writes([Step::Ok, Step::Hang]);
        let caller = asks(&session);
        eventually("the save at the storage", || storage.hanging() == 1).await;
        // Its own retries fail: what lands late is the first.
        storage.all_writes(REFUSED);
        device
            .clock
            .leap_until("its deadline", || caller.is_finished())
            .await;
        device.until_the_flight_is_over().await;
        device.expire();
        let other = device.process().build().unwrap();
        let waits = asks(&other);
        device
            .clock
            .leap_until("the other one's end", || waits.is_finished())
            .await;
        let renewed = waits.await.unwrap().is_ok();
        let before = device.record()["number"].as_u64();
        storage.mend();
        storage.release();
        let landed = || device.record()["number"].as_u64() == Some(2);
        if before != Some(2) {
            eventually("the late landing", landed).await;
        }
        unless(renewed, "the write lands late, over a newer record")
    })
    .await;
}

/// Another start, while the store shows no entry and takes no write.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_hides_its_entries_is_locked() {
    assert_bites(Defence::TrustedAbsence, |out| async move {
        let device = Device::under_the_contract(out).await;
        let folder = tempfile::tempdir().unwrap();
        let store = FaultStorage::new(device.rig.storage.clone()).as_keyring();
        let process = || device.process().storage(store.clone()).state_dir(folder.path());
        process()
            .build()
            .unwrap()
            .sign_in(tokencast_testkit::ada())
            .await
            .unwrap();
        store.always(Op::Read, "", Step::DropWrite);
        store.always(Op::Write, "", Step::Fail(LockedCause::DeviceLocked));
        let state = process().build().unwrap().restored().await;
        unless(
            !matches!(state, SessionState::Locked { .. }),
            "a session that is hidden counts as signed out",
        )
    })
    .await;
}

/// 1 another process has the server's answer, unsaved; 2 the user signs out; 3 the answer is to be saved. The
/// sign-out's revocation fails for now, so that what waits can be counted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_sign_out_displaced_waits_to_be_revoked() {
    assert_bites(Defence::DisplacedIsRevoked, |out| async move {
        let device = Device::under_the_contract(out).await;
        let (session, _) = device.signed_in().await;
        let (other, _) = device.process_between();
        let other = other.build().unwrap();
        assert!(other.restored().await.is_active());
        device.expire();
        device.rig.server.hold_refreshes();
        let caller = asks(&session);
        device.rig.server.wait_until_held(1).await;
        super::endings::refuse_revocations(&device);
        other.sign_out().await.unwrap();
        device.rig.server.release();
        assert!(caller.await.unwrap().is_err());
        let two = device
            .comes("the displaced token", || device.pending().len() == 2)
            .await;
        unless(
            !two,
            "the new token of a session that was signed out is never revoked",
        )
    })
    .await;
}
