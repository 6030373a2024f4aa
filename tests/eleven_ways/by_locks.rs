//! Way 6: the lock released on the wire.

use crate::Device;
use tokencast_testkit::{asks, is_busy};

use tokencast::lock::LockKind;

/// Way 6: the flight lock given back while the request is on the wire.
///
/// Plain rotation. 1 the request of 1.1 is at the server, the answer is slow; 2 the caller goes away; 3 another
/// process wants a token and waits for the lock until its deadline; 4 the answer comes and is saved; 5 the other
/// process goes on from 1.2.
///
/// The defence: the lock is held from before the re-read until after the save, whoever waits or leaves. Released at
/// 1 or at 2, process two presents 1.1 as well: `refresh_requests` is 2, and the server counts a reuse.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn way_06_the_lock_released_on_the_wire() {
    let device = Device::with_plain_rotation().await;
    let (session, _) = device.signed_in().await;
    let other = device.process().build().unwrap();
    assert!(other.restored().await.is_active());
    device.expire();
    device.rig.server.hold_refreshes();
    let caller = asks(&session);
    device.rig.server.wait_until_held(1).await;
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());

    let waits = asks(&other);
    device
        .clock
        .leap_until("the other one's deadline", || waits.is_finished())
        .await;
    assert!(is_busy(&waits.await.unwrap().unwrap_err()));
    assert_eq!(device.rig.server.stats().refresh_requests, 1);
    assert!(device.take(LockKind::Flight).is_none(), "the lock is held");
    assert!(device.take(LockKind::Record).is_some(), "and the record's is not");

    device.rig.server.release();
    device.until_the_flight_is_over().await;
    assert_eq!(device.record()["number"], 2);
    assert_eq!(other.access_token().await.unwrap().generation().number, 3);
    device.assert_alive().await;
}
