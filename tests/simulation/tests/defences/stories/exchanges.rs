//! Who exchanges which token, and how often.

use tokencast::defence::Defence;
use tokencast::lock::LockKind;
use tokencast_backend::{Fault, FaultKind, Route};
use tokencast_testkit::{asks, eventually};

use super::{Device, assert_bites, assert_bites_besides, take, unless};

/// 1 two processes hold 1.1; 2 one renews; 3 the other wants a token. The intent's own compare is a second look, so
/// it is out in both.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_look_before_the_exchange_keeps_the_spent_token_unspent() {
    assert_bites_besides(
        &[Defence::CompareBeforeWrite],
        Defence::LookUnderLock,
        |out| async move {
            let device = Device::with_plain_rotation(out).await;
            let (one, _) = device.signed_in().await;
            let other = device.process().build().unwrap();
            assert!(other.restored().await.is_active());
            device.expire();
            one.access_token().await.unwrap();
            let answer = other.access_token().await;
            unless(
                answer.is_err(),
                "a spent token is presented; the server ends the session",
            )
        },
    )
    .await;
}

/// The look alone taken out loses nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_intents_own_compare_stands_in_for_the_look() {
    let device = Device::with_plain_rotation(vec![Defence::LookUnderLock]).await;
    let (one, _) = device.signed_in().await;
    let other = device.process().build().unwrap();
    assert!(other.restored().await.is_active());
    device.expire();
    one.access_token().await.unwrap();
    assert_eq!(other.access_token().await.unwrap().generation().number, 3);
    assert_eq!(device.rig.server.stats().reuse_detected, 0);
}

/// 1 two processes that store the access token hold 1.1; 2 one renews; 3 the other wants a token: it is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_another_process_got_is_enough() {
    assert_bites(Defence::NewerTokenServed, |out| async move {
        let device = Device::under_the_contract(out).await;
        let _ = device.signed_in().await;
        let [one, other] = [(); 2].map(|()| device.process().persist_access_token().build().unwrap());
        assert!(one.restored().await.is_active() && other.restored().await.is_active());
        device.expire();
        one.access_token().await.unwrap();
        other.access_token().await.unwrap();
        let exchanges = device.rig.server.stats().exchanges;
        unless(
            exchanges != 1,
            "one demand of each of two processes costs two exchanges",
        )
    })
    .await;
}

/// Plain rotation. 1 the server has exchanged, its answer waits; 2 the only caller leaves; 3 the answer comes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_answer_arrives_when_its_caller_has_left() {
    assert_bites(Defence::ExchangeOutlivesCallers, |out| async move {
        let device = Device::with_plain_rotation(out).await;
        let (session, _) = device.signed_in().await;
        device.expire();
        device.rig.server.hold_refreshes();
        let caller = asks(&session);
        device.rig.server.wait_until_held(1).await;
        caller.abort();
        assert!(caller.await.unwrap_err().is_cancelled());
        device.rig.server.release();
        eventually("the end of the flight", || {
            device.take(LockKind::Flight).is_some()
        })
        .await;
        unless(
            session.access_token().await.is_err(),
            "the answer is dropped with its caller; the server ends the session",
        )
    })
    .await;
}

/// The flight lock was lost on the wire. 1 process two gets 1.2 with a key of its own and comes not to save it; 2
/// process one gets the same 1.2, saves it with its key, and presents it: the answer is lost; 3 process two saves.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_later_save_of_the_same_token_keeps_its_key() {
    assert_bites(Defence::StoredKeyStays, |out| async move {
        let device = Device::under_the_contract(out).await;
        let (one, _) = device.signed_in().await;
        let (two, locks_of_two) = device.process_between();
        let two = two.build().unwrap();
        assert!(two.restored().await.is_active());
        device.expire();
        device.rig.server.hold_refreshes();
        let slow = asks(&two);
        device.rig.server.wait_until_held(1).await;
        let held = take(&locks_of_two, &device, LockKind::Record).expect("nobody writes");
        device.rig.server.release();
        one.access_token().await.unwrap();
        device.expire();
        device
            .rig
            .server
            .arm(Fault::times(Route::Refresh, 99, FaultKind::DropAfterCommit {}))
            .unwrap();
        let asked = asks(&one);
        device
            .clock
            .leap_until("the answers lost", || asked.is_finished())
            .await;
        assert!(asked.await.unwrap().is_err());
        device.rig.server.disarm();
        drop(held);
        let _ = slow.await.unwrap();
        // Its first try may have given up on the lock: the next one saves.
        let saved = || take(&locks_of_two, &device, LockKind::Flight).is_some();
        device.clock.leap_until("process two's save", saved).await;
        unless(
            !device.lives().await,
            "a spent token comes with another key; the server ends the session",
        )
    })
    .await;
}

/// The refresh endpoint answers 307 to itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redirect_does_not_present_the_token_twice() {
    assert_bites(Defence::NoHiddenResends, |out| async move {
        let device = Device::under_the_contract(out).await;
        let (session, _) = device.signed_in().await;
        device.expire();
        device
            .rig
            .server
            .arm(Fault::once(
                Route::Refresh,
                FaultKind::redirect(307, "/auth/refresh"),
            ))
            .unwrap();
        let _ = session.access_token().await;
        let requests = device.rig.server.stats().refresh_requests;
        unless(requests > 1, "the transport presents the token again by itself")
    })
    .await;
}
