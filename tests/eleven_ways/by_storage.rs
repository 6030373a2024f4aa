//! Ways 2, 3 and 5: a commit that fails, cannot be read back, or lands too late.

use std::time::Duration;

use tokencast_testkit::{REFUSED, Step, asks, eventually, is_busy, put, renewed_elsewhere};

use crate::Device;

/// Way 2, first half: a failed commit, then the record's older token presented, by the same process or another.
///
/// Plain rotation. 1 the exchange is made, the save fails; 2 the token expires: the same process must not read the
/// record's token and present it; 3 nor may another process, to which the record looks in order.
///
/// The defence: while memory is newer than the record the record's token is not presented, and the flight lock is
/// kept until the save is confirmed. Without the first 2, without the second 3 presents a spent token: `requests`
/// is 2 and the family is over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn way_02_the_older_token_presented_after_a_failed_commit() {
    let device = Device::with_plain_rotation().await;
    let (session, storage) = device.signed_in().await;
    device.expire();
    storage.next_writes([Step::Ok]);
    storage.all_writes(REFUSED);
    session.access_token().await.expect("served from memory");
    device.expire();
    assert!(is_busy(&session.access_token().await.unwrap_err()));
    let other = device.process().build().unwrap();
    let waits = asks(&other);
    device
        .clock
        .leap_until("the other one's deadline", || waits.is_finished())
        .await;
    assert!(is_busy(&waits.await.unwrap().unwrap_err()));
    assert_eq!(device.rig.server.stats().refresh_requests, 1);

    storage.mend();
    device.until_the_flight_is_over().await;
    assert_eq!(device.record()["number"], 2, "the new token was saved");
    device.assert_alive().await;
}

/// Way 2, second half: a save tried again blindly, over a newer token.
///
/// 1 the save of 1.2 fails; 2 a newer record is written; 3 the retry comes.
///
/// The defence: every write is a read-compare-write under the record lock. A blind retry puts 1.2 over 1.9, and the
/// comparison of the records fails.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn way_02_a_blind_retry_over_a_newer_token() {
    let device = Device::with_plain_rotation().await;
    let (session, storage) = device.signed_in().await;
    device.expire();
    storage.next_writes([Step::Ok]);
    storage.all_writes(REFUSED);
    session.access_token().await.expect("served from memory");
    let newer = renewed_elsewhere(&device.record(), 9);
    put(&device.rig.storage, &newer);
    storage.mend();
    device.until_the_flight_is_over().await;
    assert!(device.record() == newer, "the newer record is left as it was");
    assert_eq!(session.generation().number, 9, "and used");
}

/// Way 3: the same through a read-back that cannot be read.
///
/// Plain rotation. 1 the commit is written, and then the storage locks: nothing can be read; 2 whether 1.2 stands
/// there is unknown, and it is served from memory; 3 the token expires: nothing is presented; 4 the storage opens:
/// the save is confirmed, both processes go on from 1.2.
///
/// The defence: an unreadable read-back is a failed save, not a finished one and not a reason to fall back. A client
/// that takes it for done releases its lock; one that drops the new token presents 1.1 again and ends the family.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn way_03_a_read_back_that_cannot_be_read() {
    let device = Device::with_plain_rotation().await;
    let (session, storage) = device.signed_in().await;
    device.expire();
    storage.next_writes([Step::Ok, Step::WriteThenBlind]);
    let token = session.access_token().await.expect("served from memory");
    assert!(device.rig.accepts(token.secret()).await);
    device.expire();
    assert!(is_busy(&session.access_token().await.unwrap_err()));
    assert_eq!(device.rig.server.stats().refresh_requests, 1);
    storage.mend();
    device.until_the_flight_is_over().await;
    assert!(session.access_token().await.unwrap().generation() > token.generation());
    assert_eq!(device.rig.server.stats().exchanges, 2);
    device.assert_alive().await;
}

/// Way 5: an abandoned write that hangs and lands late.
///
/// 1 the commit of 1.2 hangs in the storage, and its deadline passes: the caller is served; 2 another process wants
/// to renew, and would write 1.3; 3 it gets no lock: nothing is written and nothing presented; 4 the hung write
/// lands; 5 only now others may write.
///
/// The defence: a hung write keeps the record lock until its call returns. Were the lock given back at the deadline,
/// 2 would write 1.3, and 4 would put 1.2, a spent token, over it: `number` below is 2, and the next process ends
/// the family.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn way_05_an_abandoned_write_lands_late() {
    // Under the contract the flight lock goes back after some failed saves: the record lock alone must hold.
    let device = Device::under_the_contract().await;
    let (session, storage) = device.signed_in().await;
    device.expire();
    storage.next_writes([Step::Ok, Step::Hang]);
    let caller = asks(&session);
    eventually("the commit at the storage", || storage.hanging() == 1).await;
    device
        .clock
        .leap_until("the write's deadline", || caller.is_finished())
        .await;
    let served = caller.await.unwrap().expect("served from memory");
    assert_eq!(served.generation().number, 2);
    device.until_the_flight_is_over().await;

    device.expire();
    let other = device.process().build().unwrap();
    let waits = asks(&other);
    device
        .clock
        .leap_until("the other one's deadline", || waits.is_finished())
        .await;
    assert!(waits.await.unwrap().is_err(), "it may not write");
    assert_eq!(device.rig.server.stats().refresh_requests, 1, "nor present");
    assert_eq!((storage.hanging(), &device.record()["number"]), (1, &1.into()));

    storage.release();
    eventually("the late landing", || device.record()["number"] == 2).await;
    // The other one's cooldown, if it has one.
    device.pass(Duration::from_secs(60));
    assert_eq!(other.access_token().await.unwrap().generation().number, 3);
    assert_eq!(device.record()["number"], 3);
    device.assert_alive().await;
}
