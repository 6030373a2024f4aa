//! Ways 1, 4, 9, 10 and 11: the idempotency key, and what the server makes of it.

use std::time::Duration;

use tokencast::profile::ServerProfile;
use tokencast_backend::{Fault as Trouble, FaultKind, Route};
use tokencast_fault_proxy::{Fault, FaultProxy};
use tokencast_testkit::{FaultStorage, Process, REFUSED, Step, ada, asks, eventually, stored};

use crate::Device;

const REFRESH: &str = "/auth/refresh";

/// Way 1: a new key for each flight in place of one for each token.
///
/// 1 the server exchanges, and no answer of the first flight can be read; 2 the flight gives up; 3 a second flight of
/// the same process, and 4 one of the next process, present the same token; 5 the key that was saved with it comes
/// along each time, and the server gives the same successor.
///
/// The defence: the key is drawn at a commit and saved with the token. Were it drawn for the flight, 3 would be a
/// spent token under another key: rule 5, the family ends, and the last assertions fail.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn way_01_a_new_key_for_each_flight() {
    let device = Device::under_the_contract().await;
    let (session, _) = device.signed_in().await;
    let key = device.record()["attempt_key"].clone();
    device.expire();
    let garbage = Trouble::times(Route::Refresh, 99, FaultKind::garbage_json());
    device.rig.server.arm(garbage).unwrap();
    assert!(session.access_token().await.is_err());
    device.pass(Duration::from_secs(60));
    assert!(session.access_token().await.is_err(), "a second flight");
    assert!(device.record()["attempt_key"] == key, "one token, one key");
    let sent_before = device.rig.server.stats().refresh_requests;
    assert!(sent_before >= 4, "{sent_before} requests of two flights");
    drop(session);
    device.rig.server.disarm();
    let next = device.process().build().unwrap();
    next.access_token().await.expect("the successor");
    assert!(
        device.record()["attempt_key"] != key,
        "the new token has a new key"
    );
    let stats = device.rig.server.stats();
    assert_eq!((stats.exchanges, stats.reuse_detected), (1, 0));
    assert_eq!(stats.replays, sent_before);
    device.assert_alive().await;
}

/// Way 4: a duplicated request that arrives after the successor was used.
///
/// 1 the refresh request of 1.1 stays behind in the network, its connection ends, and the flight sends a second copy;
/// 2 that one is exchanged, 1.2 is saved; 3 1.2 is exchanged in turn: that was its first use; 4 the first copy arrives.
///
/// The defence is the server's rule 4 and the key that the copy carries: it is told `superseded`, nothing is revoked.
/// Without the rule, or with a client that sends no key, 4 is a reuse and ends the family.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn way_04_a_copy_of_the_request_arrives_after_the_successors_first_use() {
    let device = Device::under_the_contract().await;
    let proxy = FaultProxy::start(device.rig.server.url()).await.unwrap();
    let profile = ServerProfile::rotation(&proxy.url()).unwrap();
    let session = device
        .rig
        .process_with(profile)
        .clock(std::sync::Arc::new(device.clock.clone()))
        .build()
        .unwrap();
    session.sign_in(ada()).await.unwrap();
    device.expire();
    proxy.next(REFRESH, Fault::Postpone);
    assert_eq!(session.access_token().await.unwrap().generation().number, 2);
    device.expire();
    assert_eq!(session.access_token().await.unwrap().generation().number, 3);
    assert_eq!(proxy.deliver_postponed().await.unwrap(), [409]);
    assert_eq!(device.rig.server.stats().superseded, 1);
    device.assert_alive().await;
}

/// Way 9: "presented once more" taken literally.
///
/// 1 the server exchanges; 2 process after process finds the intent, presents the token again and dies without an
/// answer; 3 the seventh gets one.
///
/// The defence: whoever finds an intent presents the token again, as often as needed. A client that counts one
/// repetition for ever ends the session in 2, with the successor waiting for it at the server.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn way_09_presented_once_more_taken_literally() {
    let device = Device::under_the_contract().await;
    let (session, _) = device.signed_in().await;
    drop(session);
    device.expire();
    device.rig.server.hold_refreshes();
    for life in 1..=6 {
        let process = Process::start(device.process());
        let caller = asks(&process.session);
        device.rig.server.wait_until_held(1).await;
        process.kill();
        assert!(caller.await.unwrap().is_err(), "it died on the wire");
        assert_eq!(device.record()["inflight"]["count"], life);
        device.rig.server.release();
        eventually("nothing held", || device.rig.server.held() == 0).await;
        device.rig.server.hold_refreshes();
    }
    device.rig.server.release();
    let survivor = device.process().build().unwrap();
    assert_eq!(survivor.access_token().await.unwrap().generation().number, 2);
    let stats = device.rig.server.stats();
    assert_eq!((stats.exchanges, stats.replays), (1, 6));
    device.assert_alive().await;
}

/// Way 10: first use counted at the resource.
///
/// 1 the exchange is made, its save fails: the new access token is served from memory; 2 it is used at a resource;
/// 3 the process dies with the new refresh token; 4 the next one finds the old token and the intent, and presents it
/// under its key.
///
/// The defence is the server's rule 2 (use at a resource never counts) with the client's saved key and intent. Did 2
/// count as the successor's first use, 4 would be too late and the session lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn way_10_first_use_counted_at_the_resource() {
    let device = Device::under_the_contract().await;
    let storage = FaultStorage::new(device.rig.storage.clone()).as_keyring();
    let process = Process::start(device.process().storage(storage.clone()));
    process.session.sign_in(ada()).await.unwrap();
    device.expire();
    storage.next_writes([Step::Ok]);
    storage.all_writes(REFUSED);
    let token = process.session.access_token().await.expect("served from memory");
    assert!(device.rig.accepts(token.secret()).await, "used at the resource");
    process.kill();
    let record = device.record();
    assert_eq!(
        (&record["number"], &record["inflight"]["count"]),
        (&1.into(), &1.into())
    );

    let next = device.process().build().unwrap();
    assert_eq!(next.access_token().await.unwrap().generation().number, 2);
    let stats = device.rig.server.stats();
    assert_eq!((stats.exchanges, stats.replays), (1, 1));
    device.assert_alive().await;
}

/// Way 11: a server that forgets keys while the successor is unused.
///
/// 1 the server exchanges, the process dies before the answer; 2 the device lies in a drawer for ten days; 3 the
/// next process presents the token under its key.
///
/// The defence is the server's rule 3 (no time limit on a key) and a key in the record that is as old as its token.
/// With keys kept for a day, as payment interfaces do, 3 is a reuse.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn way_11_keys_forgotten_while_the_successor_is_unused() {
    let device = Device::under_the_contract().await;
    let (session, _) = device.signed_in().await;
    drop(session);
    device.expire();
    device.rig.server.hold_refreshes();
    let process = Process::start(device.process());
    let caller = asks(&process.session);
    device.rig.server.wait_until_held(1).await;
    process.kill();
    assert!(caller.await.unwrap().is_err());
    device.rig.server.release();

    device.pass(Duration::from_secs(10 * 24 * 3600));
    let next = device.process().build().unwrap();
    let token = next.access_token().await.unwrap();
    assert!(device.rig.accepts(token.secret()).await, "it lives from now");
    assert_eq!(stored(&device.rig.storage).unwrap()["number"], 2);
    assert_eq!(device.rig.server.stats().exchanges, 1);
    device.assert_alive().await;
}
