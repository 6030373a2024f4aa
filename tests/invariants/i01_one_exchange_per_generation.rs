use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use tokencast::error::{SessionError, StorageFailure, TryAgainCause};
use tokencast::lock::{LockFailure, LockGuard, LockKind, MemoryLocks, ProcessLock};
use tokencast::registry::Registry;
use tokencast::storage::SecureStorage;

use crate::counting_server::{CountingServer, Reaction};
use crate::page::OpenPage;
use tokencast_testkit::{
    ACCESS_TTL, ENTRY, LeapClock, Rig, ada, asks, eventually, is_busy, snapshot, stored,
};

/// 1 a session signs in, four pages greet it and hold the token, the token expires; 2 the server is told to hold
/// its answer; 3 10,000 callers on four threads ask for a token, and all four pages report their 401; 4 when every
/// one of them has asked, the server lets go; 5 all have the same token, and the server counted one exchange.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_thousand_callers_and_four_pages_cause_one_exchange() {
    let rig = Rig::new().await;
    let session = rig.signed_in().await;
    let web_views = session.web_views();
    let pages: Vec<_> = (1..=4)
        .map(|number| OpenPage::greeted(&web_views, number))
        .collect();
    rig.expire();
    rig.server.hold_refreshes();

    let asked = Arc::new(AtomicUsize::new(0));
    let callers: Vec<_> = (0..10_000)
        .map(|_| {
            let (session, asked) = (session.clone(), asked.clone());
            tokio::spawn(async move {
                asked.fetch_add(1, Ordering::SeqCst);
                session.access_token().await.expect("a token").generation()
            })
        })
        .collect();
    rig.server.wait_until_held(1).await;
    for page in &pages {
        assert!(
            page.reports_a_401().is_empty(),
            "the answer comes when the refresh is done"
        );
    }
    eventually("every caller has asked", || {
        asked.load(Ordering::SeqCst) == 10_000
    })
    .await;
    rig.server.release();

    for caller in callers {
        assert_eq!(caller.await.unwrap().number, 2);
    }
    let token = session.current_token().expect("a token");
    for page in &pages {
        eventually("the page's answer", || page.answer().is_some()).await;
        let answer = page.answer().unwrap_or_default();
        assert_eq!((&answer["k"], &answer["gen"]["g"]), (&json!("state"), &json!(2)));
        assert!(answer["at"] == token.secret(), "the page has the new token");
    }
    let stats = rig.server.stats();
    assert_eq!((stats.exchanges, stats.refresh_requests), (1, 1));
}

/// Two objects on one entry with one registry are one session: they share memory and the flight.
#[tokio::test]
async fn two_objects_on_one_entry_are_one_session() {
    let rig = Rig::new().await;
    let registry = Registry::default();
    let one = rig.process().registry(registry.clone()).build().unwrap();
    let two = rig.process().registry(registry).build().unwrap();
    one.sign_in(ada()).await.unwrap();
    assert_eq!(two.current_token(), one.current_token());
    rig.expire();
    let (a, b) = tokio::join!(one.access_token(), two.access_token());
    assert_eq!(a.unwrap(), b.unwrap());
    assert_eq!(rig.server.stats().exchanges, 1);
}

/// 1 two processes share an entry; 2 both hold the same expired token; 3 both refresh at once; 4 the second one
/// finds the flight lock held, waits, reads again and adopts: nobody presents a spent token.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_on_one_entry_take_turns() {
    let rig = Rig::new().await;
    let one = rig.process().persist_access_token().build().unwrap();
    one.sign_in(ada()).await.unwrap();
    let two = rig.process().persist_access_token().build().unwrap();
    two.restored().await;
    for round in 1..=20 {
        rig.expire();
        let (a, b) = tokio::join!(one.access_token(), two.access_token());
        assert!(rig.accepts(a.unwrap().secret()).await && rig.accepts(b.unwrap().secret()).await);
        assert_eq!(rig.server.stats().exchanges, round, "one exchange a round");
    }
    assert_eq!(rig.server.stats().reuse_detected, 0);
}

/// 1 the flight lock is held elsewhere; 2 a new process restores, a reader reads, a sign-in is made: none of them
/// takes that lock; 3 the token expires: nothing is sent without it, and past its deadline the caller is told to try
/// again; 4 signing out does not wait for it either.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_an_exchange_takes_the_flight_lock_and_without_it_nothing_is_sent() {
    let rig = Rig::new().await;
    let entry = format!("{}/{ENTRY}", rig.storage.entry_id());
    let held = rig.locks.try_acquire(&entry, LockKind::Flight).unwrap();
    assert!(held.is_some());
    let clock = LeapClock::default();
    let build = || rig.process().clock(Arc::new(clock.clone())).build().unwrap();
    let session = build();
    session.sign_in(ada()).await.unwrap();
    assert!(session.access_token().await.is_ok());
    assert!(build().restored().await.is_active());

    clock.advance(ACCESS_TTL);
    let before = snapshot(&rig.storage);
    let caller = tokio::spawn({
        let session = session.clone();
        async move { session.access_token().await }
    });
    clock
        .leap_until("the lock's deadline", || caller.is_finished())
        .await;
    let error = caller.await.unwrap().unwrap_err();
    let cause = TryAgainCause::Busy;
    assert!(
        matches!(&error, SessionError::TryAgain { cause: busy, .. } if *busy == cause),
        "{error:?}"
    );
    assert_eq!(rig.server.stats().refresh_requests, 0);
    assert!(session.state().is_active() && snapshot(&rig.storage) == before);

    session.sign_out().await.unwrap();
    assert_eq!(stored(&rig.storage).unwrap()["kind"], "tombstone");
}

/// Locks that note which kind was taken, in order, and count the tries of each.
#[derive(Clone, Default)]
struct Noted {
    locks: Arc<MemoryLocks>,
    taken: Arc<Mutex<Vec<LockKind>>>,
    tried: Arc<Mutex<Vec<LockKind>>>,
}

impl ProcessLock for Noted {
    fn try_acquire(&self, entry_id: &str, kind: LockKind) -> Result<Option<LockGuard>, LockFailure> {
        self.tried.lock().unwrap().push(kind);
        let guard = self.locks.try_acquire(entry_id, kind)?;
        if guard.is_some() {
            self.taken.lock().unwrap().push(kind);
        }
        Ok(guard)
    }
}

impl Noted {
    fn taken(&self) -> Vec<LockKind> {
        std::mem::take(&mut self.taken.lock().unwrap())
    }

    fn has_tried(&self, kind: LockKind) -> bool {
        self.tried.lock().unwrap().contains(&kind)
    }
}

/// First flight, then record, for the intent and for the commit; a plain read takes none, and neither a sign-in, a
/// restore, a reader nor a sign-out takes the flight lock.
#[tokio::test]
async fn locks_are_taken_in_one_order_and_only_where_they_are_needed() {
    let rig = Rig::new().await;
    let locks = Noted::default();
    let process = || rig.process().locks(Arc::new(locks.clone()));
    let session = process().persist_access_token().build().unwrap();
    session.sign_in(ada()).await.unwrap();
    assert!(!locks.taken().contains(&LockKind::Flight), "the sign-in");
    for _ in 0..10 {
        session.access_token().await.unwrap();
        assert!(session.current_token().is_some());
    }
    assert_eq!(locks.taken(), [], "plain reads");
    assert!(process().build().unwrap().restored().await.is_active());
    let reader = process().read_only().build().unwrap();
    assert!(reader.access_token().await.is_ok());
    assert_eq!(locks.taken(), [], "the restore, and the reader");
    rig.expire();
    session.access_token().await.unwrap();
    let (flight, record) = (LockKind::Flight, LockKind::Record);
    assert_eq!(locks.taken(), [flight, record, record]);
    session.sign_out().await.unwrap();
    assert!(!locks.taken().contains(&LockKind::Flight), "the sign-out");
}

/// 1 the first three requests are lost; 2 each time one of them, and the fourth, is on the wire, the flight lock is
/// held: re-sends are no exception.
#[tokio::test]
async fn a_request_that_is_sent_again_is_sent_under_the_lock_too() {
    let rig = Rig::new().await;
    let entry = format!("{}/{ENTRY}", rig.storage.entry_id());
    let free = Arc::new(Mutex::new(Vec::new()));
    let (locks, seen) = (rig.locks.clone(), free.clone());
    let server = CountingServer::start(move |met| {
        if met.path != "/auth/refresh" {
            return Reaction::Answer;
        }
        let guard = locks.try_acquire(&entry, LockKind::Flight).unwrap();
        seen.lock().unwrap().push(guard.is_some());
        if met.of_path < 4 {
            Reaction::Close
        } else {
            Reaction::Answer
        }
    })
    .await;
    let session = rig.process_with(server.profile()).build().unwrap();
    session.sign_in(ada()).await.unwrap();
    rig.clock.advance(ACCESS_TTL);
    session.access_token().await.unwrap();
    assert_eq!(*free.lock().unwrap(), [false; 4]);
}

/// The clock stands still between the steps: 1 the lock is held elsewhere, a caller waits for it; 2 just before its
/// deadline the lock is given back: the caller gets it; 3 the same again, and the deadline passes: the caller is told,
/// and nothing has changed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_deadlines_of_the_two_locks_are_twenty_and_twelve_seconds() {
    for (kind, seconds) in [(LockKind::Flight, 20), (LockKind::Record, 12)] {
        for in_time in [true, false] {
            let rig = Rig::new().await;
            let (clock, locks) = (LeapClock::stopped(), Noted::default());
            let process = rig.process().locks(Arc::new(locks.clone()));
            let session = process.clock(Arc::new(clock.clone())).build().unwrap();
            session.sign_in(ada()).await.unwrap();
            clock.advance(ACCESS_TTL);
            locks.tried.lock().unwrap().clear();
            let before = snapshot(&rig.storage);
            let entry = format!("{}/{ENTRY}", rig.storage.entry_id());
            let held = locks.locks.try_acquire(&entry, kind).unwrap();
            let caller = asks(&session);
            eventually("the caller's first try", || locks.has_tried(kind)).await;
            clock.advance(Duration::from_millis(seconds * 1000 - 200));
            if in_time {
                drop(held);
                clock.advance(Duration::from_millis(100));
                assert!(caller.await.unwrap().is_ok(), "{kind:?}");
                continue;
            }
            clock.advance(Duration::from_millis(200));
            eventually("the caller's answer", || caller.is_finished()).await;
            let error = caller.await.unwrap().unwrap_err();
            let told = match kind {
                LockKind::Flight => is_busy(&error),
                LockKind::Record => matches!(
                    &error,
                    SessionError::StorageFailed {
                        cause: StorageFailure::Held
                    }
                ),
            };
            assert!(told, "{kind:?}: {error:?}");
            assert!(session.state().is_active() && snapshot(&rig.storage) == before);
            assert_eq!(rig.server.stats().refresh_requests, 0);
        }
    }
}
