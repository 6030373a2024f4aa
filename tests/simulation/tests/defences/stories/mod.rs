//! Stories in which one defence decides. Each is played twice: with all of them it goes well, and without the one it
//! does not. A story returns what went wrong.

mod endings;
mod exchanges;
mod saves;
mod tokens;

use std::sync::Arc;
use std::time::Duration;

use tokencast::defence::Defence;
use tokencast::lock::{LockGuard, LockKind, MemoryLocks, ProcessLock};
use tokencast::session::{AuthSession, AuthSessionBuilder};
use tokencast::storage::SecureStorage;
use tokencast_testkit::{ACCESS_TTL, ENTRY, FaultStorage, LeapClock, Rig, ada, stored};

/// What went wrong, if anything did.
type Seen = Result<(), &'static str>;

/// With all defences, and with all but this one.
async fn assert_bites<S: Future<Output = Seen>>(defence: Defence, story: impl Fn(Vec<Defence>) -> S) {
    assert_bites_besides(&[], defence, story).await;
}

/// As above where another defence covers this one: that one is out in both.
async fn assert_bites_besides<S: Future<Output = Seen>>(
    out: &[Defence],
    defence: Defence,
    story: impl Fn(Vec<Defence>) -> S,
) {
    assert_eq!(story(out.to_vec()).await, Ok(()), "with {defence:?}");
    let both = out.iter().copied().chain([defence]).collect();
    let seen = story(both).await.expect_err("something is missed without it");
    eprintln!("| {defence:?} | {out:?} | story | {seen} |");
}

fn unless(wrong: bool, what: &'static str) -> Seen {
    if wrong { Err(what) } else { Ok(()) }
}

/// One device: a server, a disk that its processes share, a clock to leap with, and the defences that are out.
struct Device {
    rig: Rig,
    clock: LeapClock,
    out: Vec<Defence>,
}

impl Device {
    async fn under_the_contract(out: Vec<Defence>) -> Self {
        Self {
            rig: Rig::new().await,
            clock: LeapClock::default(),
            out,
        }
    }

    async fn with_plain_rotation(out: Vec<Defence>) -> Self {
        Self {
            rig: Rig::plain().await,
            clock: LeapClock::default(),
            out,
        }
    }

    fn process(&self) -> AuthSessionBuilder {
        let builder = self.rig.process().clock(Arc::new(self.clock.clone()));
        self.out
            .iter()
            .fold(builder, |builder, defence| builder.danger_without(*defence))
    }

    /// A process that nobody's lock holds up, as when the flight lock was lost on the wire.
    fn process_between(&self) -> (AuthSessionBuilder, MemoryLocks) {
        let locks = MemoryLocks::default();
        (self.process().locks(Arc::new(locks.clone())), locks)
    }

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
        take(&self.rig.locks, self, kind)
    }

    async fn until_the_flight_is_over(&self) {
        self.clock
            .leap_until("the end of the flight", || self.take(LockKind::Flight).is_some())
            .await;
    }

    fn record(&self) -> serde_json::Value {
        stored(&self.rig.storage).unwrap()
    }

    fn pending(&self) -> Vec<serde_json::Value> {
        let pending = self.record()["revoke_pending"].as_array().cloned();
        pending.unwrap_or_default()
    }

    /// Whether a fresh process on the record can renew.
    async fn lives(&self) -> bool {
        self.expire();
        let next = self.process().build().unwrap();
        next.access_token().await.is_ok()
    }

    /// Whether something comes: waited for without an end where it must, for a second where it should not.
    async fn comes(&self, what: &str, holds: impl Fn() -> bool) -> bool {
        if self.out.is_empty() {
            tokencast_testkit::eventually(what, holds).await;
            return true;
        }
        for _ in 0..100 {
            if holds() {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        false
    }
}

fn take(locks: &MemoryLocks, device: &Device, kind: LockKind) -> Option<LockGuard> {
    let entry = format!("{}/{ENTRY}", device.rig.storage.entry_id());
    locks.try_acquire(&entry, kind).unwrap()
}
