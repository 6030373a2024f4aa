//! The core's parts, wrapped: each call tells the [`Watch`] which step of the flight is reached, and then does what
//! the real part does.

use std::fmt;
use std::io::Write as _;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt as _};
use rustix::process::{Resource, Rlimit, Signal, getpid, kill_process, setrlimit};
use tokencast::lock::{LockFailure, LockGuard, LockKind, ProcessLock};
use tokencast::storage::{ReadOutcome, Secrecy, SecureStorage, WriteOutcome};
use tokencast::transport::{HttpTransport, TransportError};
use tokencast::wire::{HttpRequest, HttpResponse};

use crate::{Death, Step};

/// Knows how far the flight is, and where it ends.
#[derive(Debug)]
pub struct Watch {
    death: Option<(Step, u32)>,
    /// Record locks taken in this flight: the first is the intent's, the second the commit's.
    record_locks: AtomicU32,
    seen: Mutex<Vec<Step>>,
}

/// Where in a read-compare-write the flight is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// No flight yet: the record is read for the restore.
    NoFlight,
    /// The flight lock is held, the record is not read yet.
    Looking,
    Intent,
    Commit,
}

impl Watch {
    /// Watches one flight.
    pub fn new(death: Option<Death>) -> Arc<Self> {
        let death = death.and_then(|death| Some((Step::from_number(death.step)?, death.variation)));
        Arc::new(Self {
            death,
            record_locks: AtomicU32::new(0),
            seen: Mutex::default(),
        })
    }

    /// The steps of the flight so far.
    pub fn seen(&self) -> Vec<Step> {
        self.list().clone()
    }

    /// The flight is here: notes it, or ends the process.
    pub fn reach(&self, step: Step) {
        self.list().push(step);
        if self.dies_at(step).is_some() {
            die();
        }
    }

    fn list(&self) -> std::sync::MutexGuard<'_, Vec<Step>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn dies_at(&self, step: Step) -> Option<u32> {
        self.death
            .filter(|(at, _)| *at == step)
            .map(|(_, variation)| variation)
    }

    fn stage(&self) -> Stage {
        let in_flight = self.list().contains(&Step::FlightLocked);
        match (in_flight, self.record_locks.load(Ordering::SeqCst)) {
            (false, _) => Stage::NoFlight,
            (true, 0) => Stage::Looking,
            (true, 1) => Stage::Intent,
            (true, _) => Stage::Commit,
        }
    }

    fn reach_in(&self, stage: Stage, intent: Step, commit: Step) {
        match stage {
            Stage::Intent => self.reach(intent),
            Stage::Commit => self.reach(commit),
            Stage::NoFlight | Stage::Looking => {}
        }
    }
}

/// Ends this process as the kernel ends one that is out of memory: nothing runs any more, nothing is flushed.
pub fn die() -> ! {
    let _ = kill_process(getpid(), Signal::KILL);
    loop {
        thread::park();
    }
}

/// Dies in another thread after a while; this one goes on.
fn die_after(pause: Duration) {
    thread::spawn(move || {
        thread::sleep(pause);
        die()
    });
}

/// A store, watched.
pub struct WatchedStorage {
    inner: Arc<dyn SecureStorage>,
    watch: Arc<Watch>,
}

impl WatchedStorage {
    /// Watches `inner`.
    pub fn new(inner: Arc<dyn SecureStorage>, watch: Arc<Watch>) -> Self {
        Self { inner, watch }
    }

    /// The process dies while the store's own code is at its write, not before and not after it.
    fn write_and_die(&self, name: &str, bytes: &[u8], variation: u32) -> ! {
        if self.inner.secrecy() == Secrecy::Sealed {
            // The kernel ends the process when the temporary file grows over this: half of it is written.
            let limit = |bytes: u64| Rlimit {
                current: Some(bytes),
                maximum: Some(bytes),
            };
            let part = bytes.len() as u64 * u64::from(variation % 5) / 5;
            let limited = setrlimit(Resource::Core, limit(0)).and(setrlimit(Resource::Fsize, limit(part)));
            if limited.is_ok() {
                self.inner.write(name, bytes);
            }
            // Not reached: the test sees the wrong way of ending.
            std::process::exit(70)
        }
        die_after(Duration::from_micros(u64::from(variation) * 300));
        self.inner.write(name, bytes);
        loop {
            thread::park();
        }
    }
}

impl SecureStorage for WatchedStorage {
    fn entry_id(&self) -> String {
        self.inner.entry_id()
    }

    fn secrecy(&self) -> Secrecy {
        self.inner.secrecy()
    }

    /// Reads of one read-compare-write: the comparison, then the read-back.
    fn read(&self, name: &str) -> ReadOutcome {
        let outcome = self.inner.read(name);
        let (stage, seen) = (self.watch.stage(), self.watch.seen());
        match stage {
            Stage::NoFlight | Stage::Looking => {}
            Stage::Intent if seen.contains(&Step::IntentWritten) => self.watch.reach(Step::IntentReadBack),
            Stage::Intent => self.watch.reach(Step::IntentCompared),
            Stage::Commit if seen.contains(&Step::CommitWritten) => self.watch.reach(Step::CommitReadBack),
            Stage::Commit => self.watch.reach(Step::CommitCompared),
        }
        outcome
    }

    fn write(&self, name: &str, bytes: &[u8]) -> WriteOutcome {
        let stage = self.watch.stage();
        for (of, middle) in [
            (Stage::Intent, Step::InIntentWrite),
            (Stage::Commit, Step::InCommitWrite),
        ] {
            if let (true, Some(variation)) = (stage == of, self.watch.dies_at(middle)) {
                self.write_and_die(name, bytes, variation);
            }
        }
        self.watch
            .reach_in(stage, Step::InIntentWrite, Step::InCommitWrite);
        let outcome = self.inner.write(name, bytes);
        self.watch
            .reach_in(stage, Step::IntentWritten, Step::CommitWritten);
        outcome
    }

    fn delete(&self, name: &str) -> WriteOutcome {
        self.inner.delete(name)
    }
}

/// Locks, watched.
pub struct WatchedLocks<L> {
    inner: L,
    watch: Arc<Watch>,
}

impl<L> WatchedLocks<L> {
    /// Watches `inner`.
    pub fn new(inner: L, watch: Arc<Watch>) -> Self {
        Self { inner, watch }
    }
}

impl<L: ProcessLock> ProcessLock for WatchedLocks<L> {
    fn try_acquire(&self, entry_id: &str, kind: LockKind) -> Result<Option<LockGuard>, LockFailure> {
        let watch = &self.watch;
        match (kind, watch.stage()) {
            (LockKind::Flight, _) => watch.reach(Step::BeforeFlightLock),
            (LockKind::Record, Stage::Looking) => watch.reach(Step::BeforeIntentLock),
            (LockKind::Record, Stage::Intent) => watch.reach(Step::BeforeCommitLock),
            (LockKind::Record, Stage::NoFlight | Stage::Commit) => {}
        }
        let Some(guard) = self.inner.try_acquire(entry_id, kind)? else {
            return Ok(None);
        };
        match (kind, watch.stage()) {
            (LockKind::Flight, _) => watch.reach(Step::FlightLocked),
            (LockKind::Record, Stage::NoFlight) => {}
            (LockKind::Record, _) => {
                watch.record_locks.fetch_add(1, Ordering::SeqCst);
                watch.reach_in(watch.stage(), Step::IntentLocked, Step::CommitLocked);
            }
        }
        Ok(Some(LockGuard::new(WatchedGuard {
            inner: Some(guard),
            watch: watch.clone(),
            kind,
        })))
    }
}

struct WatchedGuard {
    inner: Option<LockGuard>,
    watch: Arc<Watch>,
    kind: LockKind,
}

impl Drop for WatchedGuard {
    fn drop(&mut self) {
        if self.kind == LockKind::Flight {
            self.watch.reach(Step::BeforeFlightUnlock);
        }
        drop(self.inner.take());
        match self.kind {
            LockKind::Flight => self.watch.reach(Step::FlightUnlocked),
            LockKind::Record => {
                let stage = self.watch.stage();
                self.watch
                    .reach_in(stage, Step::IntentUnlocked, Step::CommitUnlocked);
            }
        }
    }
}

/// Gets each secret that is met.
pub type Heard = Arc<dyn Fn(&[u8]) + Send + Sync>;

/// A transport, watched.
pub struct WatchedTransport<T> {
    inner: T,
    watch: Arc<Watch>,
    /// Where the server says how many answers it holds back.
    stats: String,
    /// Gets each secret on the wire.
    heard: Option<Heard>,
}

impl<T> WatchedTransport<T> {
    /// Watches `inner`, which talks to `server`.
    pub fn new(inner: T, watch: Arc<Watch>, server: &str) -> Self {
        Self {
            inner,
            watch,
            stats: format!("{server}/test/stats"),
            heard: None,
        }
    }

    /// Tells `heard` of every secret that is sent or comes back.
    #[must_use]
    pub fn telling(mut self, heard: Option<Heard>) -> Self {
        self.heard = heard;
        self
    }
}

impl<T: HttpTransport> HttpTransport for WatchedTransport<T> {
    fn send(&self, request: HttpRequest) -> BoxFuture<'static, Result<HttpResponse, TransportError>> {
        let heard = self.heard.clone();
        if let Some(heard) = &heard {
            for (name, value) in &request.headers {
                if name.eq_ignore_ascii_case("idempotency-key") {
                    heard(value.as_bytes());
                }
            }
        }
        let watch = self.watch.clone();
        if watch.stage() == Stage::Intent {
            watch.reach(Step::BeforeSend);
        }
        let sent = self.inner.send(request);
        if watch.dies_at(Step::ServerCommitted).is_some() {
            return dying(sent, self.stats.clone(), "held", Duration::ZERO).boxed();
        }
        if let Some(variation) = watch.dies_at(Step::OnTheWire) {
            let after = Duration::from_millis(u64::from(variation));
            return dying(sent, self.stats.clone(), "refresh_requests", after).boxed();
        }
        async move {
            let answer = sent.await;
            if watch.stage() == Stage::Intent {
                watch.reach(Step::AnswerDelivered);
            }
            if let (Some(heard), Ok(answer)) = (heard, &answer) {
                tell_tokens(&answer.body, &*heard);
            }
            answer
        }
        .boxed()
    }
}

/// Sends, and dies some time after the server's counter has grown: `refresh_requests` when a request has arrived,
/// `held` when it is committed and its answer is held back.
async fn dying<A>(sent: impl Future<Output = A>, stats: String, counter: &str, after: Duration) -> A {
    let client = reqwest::Client::new();
    let count = async || {
        let text = client.get(&stats).send().await.ok()?.text().await.ok()?;
        let stats: serde_json::Value = serde_json::from_str(&text).ok()?;
        stats[counter].as_u64()
    };
    let before = count().await;
    let grown = async {
        while count().await <= before {}
        thread::sleep(after);
        die()
    };
    // An answer that overtakes the count waits here, not delivered.
    let sent = async {
        let _answer = sent.await;
        std::future::pending().await
    };
    tokio::select! {
        answer = sent => answer,
        () = grown => unreachable!("it dies"),
    }
}

fn tell_tokens(body: &[u8], heard: &(dyn Fn(&[u8]) + Send + Sync)) {
    let body: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    for field in ["access_token", "refresh_token"] {
        if let Some(token) = body[field].as_str() {
            heard(token.as_bytes());
        }
    }
}

impl fmt::Debug for WatchedStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WatchedStorage")
    }
}

impl<L> fmt::Debug for WatchedLocks<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WatchedLocks")
    }
}

impl<T> fmt::Debug for WatchedTransport<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WatchedTransport")
    }
}

/// Appends a line of hex to the list of secrets, which lies outside of everything that is searched.
pub fn note_secret(list: &std::path::Path, secret: &[u8]) {
    let secret: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    let file = std::fs::OpenOptions::new().append(true).create(true).open(list);
    if let Ok(mut file) = file {
        let _ = writeln!(file, "{secret}");
    }
}
