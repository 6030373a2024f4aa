use std::sync::{Arc, Mutex};

use tokencast::state::{SessionEvent, SessionState};

use tokencast_testkit::{Recorder, Rig, eventually};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn tokens_are_broadcast_in_order_to_every_listener_a_slow_and_a_panicking_one_included() {
    let rig = Rig::new().await;
    let session = rig.process().build().unwrap();
    let _panics = session.subscribe(|_| panic!("a listener of the host"));
    let slow = Arc::new(Mutex::new(Vec::new()));
    let sink = slow.clone();
    let _slow = session.on_access_token(move |token| {
        std::thread::sleep(std::time::Duration::from_millis(5));
        sink.lock().unwrap().push(token.generation());
    });
    session.sign_in(tokencast_testkit::ada()).await.unwrap();
    for _ in 0..30 {
        rig.expire();
        session.access_token().await.unwrap();
    }
    let last = session.generation();
    eventually("the last token at the slow listener", || {
        slow.lock().unwrap().last() == Some(&last)
    })
    .await;
    let seen = slow.lock().unwrap().clone();
    assert!(seen.is_sorted_by(|a, b| a < b), "{seen:?}");
}

#[tokio::test]
async fn a_late_listener_gets_the_present_first() {
    let rig = Rig::new().await;
    let session = rig.signed_in().await;
    let token = session.access_token().await.unwrap();
    let recorder = Recorder::on(&session);
    recorder.until(|events| events.len() == 2).await;
    let active = SessionState::Active {
        account: Some("ada".into()),
    };
    assert_eq!(
        recorder.events(),
        [
            SessionEvent::StateChanged(active),
            SessionEvent::AccessTokenChanged(token)
        ]
    );
}

/// A listener may call the session that calls it: it runs where it may block.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_listener_may_wait_for_a_token_of_its_own_session() {
    let rig = Rig::new().await;
    let session = rig.process().build().unwrap();
    let (inner, handle) = (session.clone(), tokio::runtime::Handle::current());
    let got = Arc::new(Mutex::new(None));
    let sink = got.clone();
    let _keep = session.on_access_token(move |_| {
        *sink.lock().unwrap() = Some(handle.block_on(inner.access_token()).is_ok());
    });
    session.sign_in(tokencast_testkit::ada()).await.unwrap();
    eventually("the listener's own call", || *got.lock().unwrap() == Some(true)).await;
}
