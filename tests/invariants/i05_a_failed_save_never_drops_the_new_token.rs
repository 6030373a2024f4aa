use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokencast::lock::{LockKind, ProcessLock};
use tokencast::session::AuthSession;
use tokencast::state::SessionEvent;
use tokencast::storage::SecureStorage;

use tokencast_testkit::{
    ACCESS_TTL, ENTRY, FaultStorage, LeapClock, REFUSED, Recorder, Rig, Step, ada, asks, is_busy, put,
    renewed_elsewhere, stored,
};

/// Plain rotation, where presenting the record's token again would end the session. 1 the intent is written and the
/// exchange made; 2 the save fails, and fails; 3 the callers are served from memory, the app is told; 4 the token
/// expires: nothing is presented, by this process or by another, since the lock is kept; 5 the storage works again:
/// the new token is saved; 6 both processes go on with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lock_is_kept_and_nothing_older_is_presented_until_the_save_is_confirmed() {
    let stage = Stage::plain().await;
    let recorder = Recorder::on(&stage.session);
    stage.expire();
    stage.storage.next_writes([Step::Ok]);
    stage.storage.all_writes(REFUSED);
    let token = stage.session.access_token().await.unwrap();
    assert!(stage.rig.accepts(token.secret()).await, "served from memory");
    recorder.until(|events| events.iter().any(is_degraded)).await;
    assert_eq!(stage.record_number(), 1, "the record is the old one");

    stage.expire();
    let busy = stage.session.access_token().await.unwrap_err();
    assert!(is_busy(&busy), "{busy:?}");
    let other = stage.another_process();
    let waits = tokio::spawn({
        let other = other.clone();
        async move { other.access_token().await }
    });
    stage
        .clock
        .leap_until("the end of the other one's wait for the lock", || {
            waits.is_finished()
        })
        .await;
    let busy = waits.await.unwrap().unwrap_err();
    assert!(is_busy(&busy), "{busy:?}");
    assert_eq!(
        stage.rig.server.stats().refresh_requests,
        1,
        "nothing was presented"
    );

    stage.storage.mend();
    stage
        .clock
        .leap_until("the save", || stage.record_number() == 2)
        .await;
    stage.until_the_lock_is_free().await;
    assert!(other.access_token().await.is_ok());
    assert!(stage.session.access_token().await.is_ok());
    assert_eq!(stage.rig.server.stats().reuse_detected, 0);
}

/// Under the idempotent contract the lock may go after a while: 1 the save fails four times; 2 the lock is free
/// while memory is newer than the record; 3 the storage works again and the token expires; 4 the intent carries
/// memory's token into the record, and that one is presented: the server sees no repetition.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_intent_carries_memorys_token() {
    let stage = Stage::under_the_contract().await;
    stage.expire();
    stage.storage.next_writes([Step::Ok]);
    stage.storage.all_writes(REFUSED);
    stage.session.access_token().await.unwrap();
    stage.until_the_lock_is_free().await;
    assert_eq!(stage.record_number(), 1);

    stage.storage.mend();
    stage.expire();
    stage.rig.server.hold_refreshes();
    let caller = asks(&stage.session);
    stage.rig.server.wait_until_held(1).await;
    let record = stored(&stage.rig.storage).unwrap();
    assert_eq!(
        (&record["number"], &record["inflight"]["count"]),
        (&json!(2), &json!(1)),
        "the intent stands on memory's generation"
    );
    stage.rig.server.release();
    assert_eq!(caller.await.unwrap().unwrap().generation().number, 3);
    let stats = stage.rig.server.stats();
    assert_eq!((stats.exchanges, stats.replays, stats.reuse_detected), (2, 0, 0));
}

/// 1 the save fails; 2 while it waits to be tried again a newer record is written; 3 the storage works: the retry
/// compares, leaves the newer one and takes it into memory.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_save_that_is_tried_again_compares_and_never_writes_blindly() {
    let stage = Stage::plain().await;
    stage.expire();
    stage.storage.next_writes([Step::Ok]);
    stage.storage.all_writes(REFUSED);
    stage.session.access_token().await.unwrap();
    let newer = renewed_elsewhere(&stored(&stage.rig.storage).unwrap(), 9);
    put(&stage.rig.storage, &newer);
    stage.storage.mend();
    stage
        .clock
        .leap_until("the adoption", || stage.session.generation().number >= 9)
        .await;
    assert!(
        stored(&stage.rig.storage).unwrap() == newer,
        "the newer record is left as it was"
    );
    assert_eq!(stage.rig.server.stats().refresh_requests, 1);
}

/// Reported as failed and landed: the read-back decides, the session is not degraded.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_landed_is_a_save_whatever_was_reported() {
    let stage = Stage::plain().await;
    let recorder = Recorder::on(&stage.session);
    for number in 2..=5 {
        stage.expire();
        stage
            .storage
            .next_writes([Step::WriteThenFail, Step::WriteThenFail]);
        let token = stage.session.access_token().await.unwrap();
        assert_eq!(
            (token.generation().number, stage.record_number()),
            (number, number)
        );
    }
    assert!(!recorder.events().iter().any(is_degraded));
    assert_eq!(stage.rig.server.stats().exchanges, 4);
}

/// Acknowledged and not written: the read-back finds it out, the token is served and saved again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_the_storage_only_claims_is_found_out_and_made_again() {
    let stage = Stage::plain().await;
    let recorder = Recorder::on(&stage.session);
    stage.expire();
    stage
        .storage
        .next_writes([Step::Ok, Step::DropWrite, Step::DropWrite]);
    let token = stage.session.access_token().await.unwrap();
    recorder.until(|events| events.iter().any(is_degraded)).await;
    stage
        .clock
        .leap_until("the save", || stage.record_number() == 2)
        .await;
    stage.until_the_lock_is_free().await;
    let next = stage.another_process();
    stage.expire();
    assert!(next.access_token().await.unwrap().generation() > token.generation());
    assert_eq!(stage.rig.server.stats().reuse_detected, 0);
}

struct Stage {
    rig: Rig,
    storage: FaultStorage,
    clock: LeapClock,
    session: AuthSession,
}

impl Stage {
    async fn plain() -> Self {
        Self::on(Rig::plain().await).await
    }

    async fn under_the_contract() -> Self {
        Self::on(Rig::new().await).await
    }

    async fn on(rig: Rig) -> Self {
        let (storage, clock) = (
            FaultStorage::new(rig.storage.clone()).as_keyring(),
            LeapClock::default(),
        );
        let session = process(&rig, &clock).storage(storage.clone()).build().unwrap();
        session.sign_in(ada()).await.unwrap();
        Self {
            rig,
            storage,
            clock,
            session,
        }
    }

    /// A process with a healthy way to the same disk.
    fn another_process(&self) -> AuthSession {
        process(&self.rig, &self.clock).build().unwrap()
    }

    fn expire(&self) {
        let past = ACCESS_TTL + Duration::from_secs(1);
        self.clock.advance(past);
        self.rig.server.advance_clock(past);
    }

    fn record_number(&self) -> u64 {
        stored(&self.rig.storage).unwrap()["number"].as_u64().unwrap()
    }

    async fn until_the_lock_is_free(&self) {
        let entry = format!("{}/{ENTRY}", self.rig.storage.entry_id());
        let free = || {
            let taken = self.rig.locks.try_acquire(&entry, LockKind::Flight);
            taken.unwrap().is_some()
        };
        self.clock.leap_until("the end of the flight", free).await;
    }
}

fn process(rig: &Rig, clock: &LeapClock) -> tokencast::session::AuthSessionBuilder {
    rig.process().clock(Arc::new(clock.clone()))
}

fn is_degraded(event: &SessionEvent) -> bool {
    matches!(event, SessionEvent::StorageDegraded { .. })
}
