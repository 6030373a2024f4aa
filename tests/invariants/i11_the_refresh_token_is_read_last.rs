use std::sync::Arc;

use tokencast::lock::{LockGuard, LockKind, MemoryLocks, ProcessLock};
use tokencast::session::{AuthSession, AuthSessionBuilder};
use tokencast::storage::SecureStorage;

use tokencast_testkit::{ENTRY, FaultStorage, Op, Rig, ada, eventually, stored};

/// Plain rotation: a token read too early is a spent one. 1 two processes hold 1.1, expired; 2 the flight lock is
/// held elsewhere, and the first process waits for it; 3 the second renews: the record is 1.2, with a token that
/// the first has never seen; 4 the lock is free; 5 the first reads the record and presents the token of 1.2.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_read_after_the_flight_lock_is_taken() {
    let stage = Stage::new().await;
    let held = stage.take(LockKind::Flight);
    let caller = stage.first_asks();
    // Whether the first has begun to wait or not yet: the lock is not his in either case.
    assert_eq!(stage.second.access_token().await.unwrap().generation().number, 2);
    assert_eq!(stage.rig.server.stats().refresh_requests, 1);
    drop(held);
    assert_eq!(caller.await.unwrap().unwrap().generation().number, 3);
    stage.nothing_was_presented_twice();
}

/// A hair later: 1 as above; 2 the first process has the flight lock and has read the record again, but waits for
/// the record lock to write its intent; 3 the second renews: the record is 1.2; 4 the record lock is free: the
/// intent's own read-compare-write finds 1.2; 5 the first presents that one's token.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_changed_after_the_re_read_is_found_by_the_intent() {
    let stage = Stage::new().await;
    let reads = stage.storage.count(Op::Read, "session/");
    let held = stage.take(LockKind::Record);
    let caller = stage.first_asks();
    eventually("the re-read under the flight lock", || {
        stage.storage.count(Op::Read, "session/") > reads
    })
    .await;
    assert_eq!(stage.second.access_token().await.unwrap().generation().number, 2);
    drop(held);
    assert_eq!(caller.await.unwrap().unwrap().generation().number, 3);
    stage.nothing_was_presented_twice();
}

struct Stage {
    rig: Rig,
    storage: FaultStorage,
    first: AuthSession,
    /// On the same record, with locks that the first does not see: it moves whenever the test says.
    second: AuthSession,
}

impl Stage {
    async fn new() -> Self {
        let rig = Rig::plain().await;
        let storage = FaultStorage::new(rig.storage.clone()).as_keyring();
        let first = process(&rig).storage(storage.clone()).build().unwrap();
        first.sign_in(ada()).await.unwrap();
        let locks = Arc::new(MemoryLocks::default());
        let second = process(&rig).locks(locks).build().unwrap();
        assert!(second.restored().await.is_active());
        rig.expire();
        Self {
            rig,
            storage,
            first,
            second,
        }
    }

    fn take(&self, kind: LockKind) -> LockGuard {
        let entry = format!("{}/{ENTRY}", self.rig.storage.entry_id());
        let taken = self.rig.locks.try_acquire(&entry, kind).unwrap();
        taken.expect("nobody else holds it")
    }

    fn first_asks(&self) -> tokio::task::JoinHandle<Result<tokencast::AccessToken, tokencast::SessionError>> {
        let session = self.first.clone();
        tokio::spawn(async move { session.access_token().await })
    }

    fn nothing_was_presented_twice(&self) {
        let stats = self.rig.server.stats();
        assert_eq!((stats.refresh_requests, stats.exchanges), (2, 2));
        assert_eq!(stats.reuse_detected, 0);
        assert_eq!(stored(&self.rig.storage).unwrap()["number"], 3);
    }
}

fn process(rig: &Rig) -> AuthSessionBuilder {
    rig.process()
}
