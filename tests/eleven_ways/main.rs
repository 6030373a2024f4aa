//! The eleven ways in which an earlier draft of the refresh lost a session, each played step by step against a real
//! HTTP server. Each test names the defence and says how the test fails without it.

#![allow(clippy::unwrap_used)] // a test's tools fail by panicking

mod by_key;
mod by_locks;
mod by_other_sessions;
mod by_storage;

use std::sync::Arc;
use std::time::Duration;

use tokencast::lock::{LockGuard, LockKind, MemoryLocks, ProcessLock};
use tokencast::session::{AuthSession, AuthSessionBuilder};
use tokencast::storage::SecureStorage;
use tokencast_testkit::{ACCESS_TTL, ENTRY, FaultStorage, LeapClock, Rig, ada, stored};

/// One device: a server, a disk that its processes share, a clock to leap with.
struct Device {
    rig: Rig,
    clock: LeapClock,
}

impl Device {
    async fn under_the_contract() -> Self {
        Self {
            rig: Rig::new().await,
            clock: LeapClock::default(),
        }
    }

    async fn with_plain_rotation() -> Self {
        Self {
            rig: Rig::plain().await,
            clock: LeapClock::default(),
        }
    }

    fn process(&self) -> AuthSessionBuilder {
        self.rig.process().clock(Arc::new(self.clock.clone()))
    }

    /// A process that nobody's lock holds up: it moves between two steps of another one.
    fn process_between(&self) -> AuthSessionBuilder {
        self.process().locks(Arc::new(MemoryLocks::default()))
    }

    /// A process that is signed in, with a storage whose failures are scripted.
    async fn signed_in(&self) -> (AuthSession, FaultStorage) {
        let storage = FaultStorage::new(self.rig.storage.clone()).as_keyring();
        let session = self.process().storage(storage.clone()).build().unwrap();
        session.sign_in(ada()).await.unwrap();
        (session, storage)
    }

    fn expire(&self) {
        self.pass(ACCESS_TTL + Duration::from_secs(1));
    }

    fn pass(&self, time: Duration) {
        self.clock.advance(time);
        self.rig.server.advance_clock(time);
    }

    fn take(&self, kind: LockKind) -> Option<LockGuard> {
        let entry = format!("{}/{ENTRY}", self.rig.storage.entry_id());
        self.rig.locks.try_acquire(&entry, kind).unwrap()
    }

    async fn until_the_flight_is_over(&self) {
        self.clock
            .leap_until("the end of the flight", || self.take(LockKind::Flight).is_some())
            .await;
    }

    fn record(&self) -> serde_json::Value {
        stored(&self.rig.storage).unwrap()
    }

    /// The session lives: a fresh process on the record renews, and no reuse was ever counted.
    async fn assert_alive(&self) {
        self.expire();
        let next = self.process().build().unwrap();
        let token = next.access_token().await.expect("the session lives");
        assert!(self.rig.accepts(token.secret()).await);
        assert_eq!(self.rig.server.stats().reuse_detected, 0);
    }
}
