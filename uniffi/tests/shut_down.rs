//! The end of the library's threads. Alone in its process: it is for good.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use tokencast_ffi::{
    AuthSession, ListenerError, ServerProfile, SessionError, SessionEvent, SessionListener, SessionOptions,
    Storage, TokenSet, shut_down,
};

/// Hears one event, slowly, and counts calls.
struct Slow {
    begun: mpsc::SyncSender<()>,
    done: AtomicBool,
    calls: AtomicUsize,
}

impl SessionListener for Slow {
    fn on_event(&self, _: SessionEvent) -> Result<(), ListenerError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let _ = self.begun.try_send(());
        thread::sleep(Duration::from_millis(200));
        self.done.store(true, Ordering::SeqCst);
        Ok(())
    }
}

#[tokio::test]
async fn the_end_waits_for_the_callback_under_way_and_no_other_follows() {
    let profile = Arc::new(ServerProfile::rotation("http://127.0.0.1:9".into()).unwrap());
    let storage = Arc::new(Storage::memory().unwrap());
    let session = AuthSession::new(profile, storage, SessionOptions::default(), None, None).unwrap();
    let (begun, first_call) = mpsc::sync_channel(1);
    let listener = Arc::new(Slow {
        begun,
        done: AtomicBool::new(false),
        calls: AtomicUsize::new(0),
    });
    session.restored().await.unwrap();
    let _keep = session.subscribe(listener.clone()).unwrap();
    first_call.recv_timeout(Duration::from_secs(60)).unwrap();

    // A host calls from a thread of its own, never from inside a tokio runtime as this test is.
    thread::spawn(|| shut_down().and_then(|()| shut_down()))
        .join()
        .unwrap()
        .unwrap();
    assert!(listener.done.load(Ordering::SeqCst), "it was not waited for");
    let calls = listener.calls.load(Ordering::SeqCst);

    let _late = session.subscribe(listener.clone()).unwrap();
    let tokens = Arc::new(TokenSet::new("r3fr3sh".into(), None, None, None).unwrap());
    assert!(matches!(
        session.adopt(tokens).await,
        Err(SessionError::Closed { .. })
    ));
    assert_eq!(
        listener.calls.load(Ordering::SeqCst),
        calls,
        "a callback followed the end"
    );
}
