//! The end of all calls into the host. Alone in its process: the end is for good.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use tokencast_ffi::{
    AuthSession, ListenerError, ServerProfile, SessionEvent, SessionListener, SessionOptions, Storage,
    end_host_calls,
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
async fn the_end_waits_for_the_call_under_way_and_lets_no_other_begin() {
    let profile = Arc::new(ServerProfile::rotation("http://127.0.0.1:9".into()).unwrap());
    let storage = Arc::new(Storage::memory().unwrap());
    let session = AuthSession::new(profile, storage, SessionOptions::default()).unwrap();
    let (begun, first_call) = mpsc::sync_channel(1);
    let listener = Arc::new(Slow {
        begun,
        done: AtomicBool::new(false),
        calls: AtomicUsize::new(0),
    });
    let keep = session.subscribe(listener.clone()).unwrap();
    first_call.recv_timeout(Duration::from_secs(60)).unwrap();

    end_host_calls().unwrap();
    assert!(listener.done.load(Ordering::SeqCst), "it was not waited for");
    let calls = listener.calls.load(Ordering::SeqCst);

    session.restored().await.unwrap();
    let late = session.subscribe(listener.clone()).unwrap();
    drop((keep, late, session));
    thread::sleep(Duration::from_millis(300));
    assert_eq!(
        listener.calls.load(Ordering::SeqCst),
        calls,
        "a call began after the end"
    );
}
