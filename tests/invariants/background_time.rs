//! Invariant 5's exception: when the platform takes the process's time back, the connection is dropped and then the
//! flight lock released, whatever the profile.

use std::sync::{Arc, Mutex};

use tokencast::error::{SessionError, TryAgainCause};
use tokencast::lock::{LockFailure, LockGuard, LockKind, MemoryLocks, ProcessLock};
use tokencast::session::{BackgroundEnd, BackgroundTask, BackgroundTime};

use tokencast_testkit::{FaultStorage, REFUSED, Rig, Step, ada, eventually, stored};

use crate::counting_server::{CountingServer, Reaction};

type Log = Arc<Mutex<Vec<&'static str>>>;

/// A phone that grants one task after the other and says when their time is over.
struct Phone {
    log: Log,
    granted: Mutex<Vec<BackgroundEnd>>,
    throws: bool,
}

impl Phone {
    fn new(log: &Log) -> Arc<Self> {
        Arc::new(Self {
            log: log.clone(),
            granted: Mutex::default(),
            throws: false,
        })
    }

    fn time_is_up(&self) {
        self.granted
            .lock()
            .unwrap()
            .last()
            .expect("time was asked for")
            .tell();
    }
}

impl BackgroundTime for Phone {
    fn begin(&self, _: std::time::Duration, end: BackgroundEnd) -> Option<BackgroundTask> {
        assert!(!self.throws, "host code");
        self.log.lock().unwrap().push("asked");
        let mut granted = self.granted.lock().unwrap();
        granted.push(end);
        Some(BackgroundTask(granted.len() as u64))
    }

    fn finish(&self, task: BackgroundTask) {
        assert_eq!(task.0, self.granted.lock().unwrap().len() as u64);
        self.log.lock().unwrap().push("finished");
    }
}

/// The device's locks, with a note of when a flight lock is released.
struct Noting(Arc<MemoryLocks>, Log);

struct Noted(Option<LockGuard>, Log);

impl Drop for Noted {
    fn drop(&mut self) {
        self.0 = None;
        self.1.lock().unwrap().push("released");
    }
}

impl ProcessLock for Noting {
    fn try_acquire(&self, entry_id: &str, kind: LockKind) -> Result<Option<LockGuard>, LockFailure> {
        let taken = self.0.try_acquire(entry_id, kind)?;
        Ok(match kind {
            LockKind::Flight => taken.map(|guard| LockGuard::new(Noted(Some(guard), self.1.clone()))),
            LockKind::Record => taken,
        })
    }
}

async fn logged(log: &Log, expected: &[&str]) {
    eventually("the steps in their order", || {
        log.lock().unwrap().len() >= expected.len()
    })
    .await;
    assert_eq!(*log.lock().unwrap(), expected);
}

/// 1 the request is at the server; 2 background time ends: the caller is told to try again, the flight lock is free,
/// and only then the platform is told that it may stop the process; 3 another process presents the same token under
/// the same key, whatever became of the first request; 4 so does the first process later: nothing is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_background_time_ends_on_the_wire_the_lock_is_free_and_nothing_is_lost() {
    let rig = Rig::new().await;
    let log = Log::default();
    let phone = Phone::new(&log);
    let session = rig
        .process()
        .locks(Arc::new(Noting(rig.locks.clone(), log.clone())))
        .background_time(phone.clone())
        .build()
        .unwrap();
    session.sign_in(ada()).await.unwrap();
    let key = stored(&rig.storage).unwrap()["attempt_key"].clone();
    rig.expire();
    rig.server.hold_refreshes();
    let caller = tokio::spawn({
        let session = session.clone();
        async move { session.access_token().await }
    });
    rig.server.wait_until_held(1).await;
    logged(&log, &["asked"]).await;
    phone.time_is_up();
    let error = caller.await.unwrap().unwrap_err();
    assert!(
        matches!(
            error,
            SessionError::TryAgain {
                cause: TryAgainCause::Busy,
                ..
            }
        ),
        "{error:?}"
    );
    assert!(session.state().is_active());
    logged(&log, &["asked", "released", "finished"]).await;
    let left = stored(&rig.storage).unwrap();
    assert!(
        left["attempt_key"] == key && left["inflight"]["count"] == 1,
        "the intent stays"
    );

    let other = rig.process().build().unwrap();
    rig.server.release();
    let token = other.access_token().await.expect("the same key, so an answer");
    assert!(rig.accepts(token.secret()).await);
    rig.expire();
    let token = session.access_token().await.unwrap();
    assert_eq!(token.generation().number, 3);
    let stats = rig.server.stats();
    assert_eq!((stats.exchanges, stats.reuse_detected), (2, 0));
    assert!(stats.refresh_requests >= 3);
}

/// The server sees its connection end, long before the transport's own deadline, and is not asked a second time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_background_time_ends_the_server_sees_the_connection_closed() {
    let server = CountingServer::start(|met| match met.path.as_str() {
        "/auth/refresh" => Reaction::Silence,
        _ => Reaction::Answer,
    })
    .await;
    let rig = Rig::new().await;
    let log = Log::default();
    let phone = Phone::new(&log);
    let builder = rig.process_with(server.profile()).background_time(phone.clone());
    let session = builder.build().unwrap();
    session.sign_in(ada()).await.unwrap();
    rig.expire();
    let caller = tokio::spawn(async move { session.access_token().await });
    eventually("the request on the wire", || {
        !server.met("/auth/refresh").is_empty()
    })
    .await;
    assert!(server.closed().is_empty());
    phone.time_is_up();
    assert!(caller.await.unwrap().is_err());
    let connection = server.met("/auth/refresh")[0].connection;
    eventually("the end of the connection", || server.closed() == [connection]).await;
    assert_eq!(server.met("/auth/refresh").len(), 1);
}

/// The server rotates plainly, so the lock stays with a token that is not saved: 1 the saves fail, the token is served
/// from memory; 2 background time ends: the lock goes all the same; 3 the next call saves memory's token before it
/// presents it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_background_time_ends_an_unsaved_token_stays_in_memory_and_the_lock_goes() {
    let rig = Rig::plain().await;
    let log = Log::default();
    let phone = Phone::new(&log);
    let storage = FaultStorage::new(rig.storage.clone()).as_keyring();
    let session = rig
        .process()
        .storage(storage.clone())
        .locks(Arc::new(Noting(rig.locks.clone(), log.clone())))
        .background_time(phone.clone())
        .build()
        .unwrap();
    session.sign_in(ada()).await.unwrap();
    rig.expire();
    storage.next_writes([Step::Ok]);
    storage.all_writes(REFUSED);
    let token = session.access_token().await.expect("served from memory");
    assert!(rig.accepts(token.secret()).await);
    assert_eq!(*log.lock().unwrap(), ["asked"], "the lock is kept until the save");
    phone.time_is_up();
    logged(&log, &["asked", "released", "finished"]).await;
    assert_eq!(session.access_token().await.unwrap().secret(), token.secret());

    storage.mend();
    rig.expire();
    assert_eq!(session.access_token().await.unwrap().generation().number, 3);
    assert_eq!(stored(&rig.storage).unwrap()["number"], 3);
    assert_eq!(rig.server.stats().reuse_detected, 0);
}

/// Time that is not used up is given back, after the lock; a phone that throws gave none, and the exchange goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_that_throws_counts_as_one_that_gives_no_time() {
    let rig = Rig::new().await;
    for throws in [false, true] {
        let log = Log::default();
        let phone = Arc::new(Phone {
            log: log.clone(),
            granted: Mutex::default(),
            throws,
        });
        let session = rig
            .process()
            .locks(Arc::new(Noting(rig.locks.clone(), log.clone())))
            .background_time(phone)
            .build()
            .unwrap();
        session.sign_in(ada()).await.unwrap();
        rig.expire();
        let token = session.access_token().await.unwrap();
        assert!(rig.accepts(token.secret()).await);
        let expected: &[&str] = if throws {
            &["released"]
        } else {
            &["asked", "released", "finished"]
        };
        logged(&log, expected).await;
    }
}
