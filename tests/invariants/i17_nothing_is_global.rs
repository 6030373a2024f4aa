use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokencast::lock::MemoryLocks;
use tokencast::random::{NoRandomness, Random};
use tokencast::registry::Registry;
use tokencast::session::AuthSession;
use tokencast::spawn::{Spawner, TokioSpawner};
use tokencast::transport::{HttpTransport, ReqwestTransport, TransportError};
use tokencast::wire::{HttpRequest, HttpResponse};

use tokencast_testkit::{ACCESS_TTL, LeapClock, Rig, ada, stored};

type Future<T> = std::pin::Pin<Box<dyn std::future::Future<Output = T> + Send>>;

/// Two whole "processes" in one test, each with its own registry, clock, randomness, spawner, transport, locks and
/// storage, and one server. What happens to the parts of one does not touch the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_fit_into_one_test() {
    let rig = Rig::new().await;
    let (one, two) = (World::new(7), World::new(7));
    let (a, b) = (one.process(&rig), two.process(&rig));
    a.sign_in(ada()).await.unwrap();
    assert_eq!(a.generation().epoch, 1);
    assert!(!b.restored().await.is_active(), "the storage is the other one's");
    b.sign_in(ada()).await.unwrap();

    // Clocks: one moves ten years, the other stands.
    one.clock.advance(Duration::from_secs(10 * 366 * 24 * 3600));
    assert_eq!(a.current_token(), None);
    assert!(b.current_token().is_some());

    // Randomness: the same seed draws the same, whoever else draws meanwhile.
    let [key_a, key_b] = [&one, &two].map(|world| stored(&world.storage).unwrap()["attempt_key"].clone());
    assert!(key_a == key_b && key_a.as_str().is_some_and(|key| key.len() >= 32));
    let other_seed = World::new(8);
    let c = other_seed.process(&rig);
    c.sign_in(ada()).await.unwrap();
    assert!(stored(&other_seed.storage).unwrap()["attempt_key"] != key_a);

    // Transport and spawner: each did its own work.
    let before = [&one, &two].map(World::did);
    assert!(a.access_token().await.unwrap().generation().number >= 2);
    assert!(one.did().0 > before[0].0 && one.did().1 > before[0].1);
    assert_eq!(two.did(), before[1]);

    // The end of one is not the end of the other.
    a.sign_out().await.unwrap();
    a.close();
    assert!(rig.accepts(b.access_token().await.unwrap().secret()).await);
}

/// The same entry, locks and storage of one device, but registries of their own: two processes, which share what is
/// stored and nothing in memory. One registry: one session.
#[tokio::test]
async fn who_shares_memory_is_the_registrys_matter_alone() {
    let rig = Rig::new().await;
    let registry = Registry::default();
    let one = rig.process().registry(registry.clone()).build().unwrap();
    one.sign_in(ada()).await.unwrap();
    let same = rig.process().registry(registry).build().unwrap();
    let other = rig.process().registry(Registry::default()).build().unwrap();
    other.restored().await;
    assert_eq!(same.current_token(), one.current_token());
    assert_eq!(
        other.current_token(),
        None,
        "no access token is stored, none is shared"
    );
    assert_eq!(other.generation(), one.generation(), "the record is");
}

/// Locks are the ones that were given: with separate ones nobody waits for the other.
#[tokio::test]
async fn locks_are_those_that_were_given() {
    use tokencast::lock::{LockKind, ProcessLock};
    let (one, two) = (MemoryLocks::default(), MemoryLocks::default());
    let held = one.try_acquire("entry", LockKind::Flight).unwrap();
    assert!(held.is_some() && one.try_acquire("entry", LockKind::Flight).unwrap().is_none());
    assert!(two.try_acquire("entry", LockKind::Flight).unwrap().is_some());
}

/// The core's sources hold no state outside of values: the only `static`s are the number that tells stores in memory
/// apart and, where there is no boot clock, the start of the process.
#[test]
fn the_core_holds_no_state_in_statics() {
    let allowed = ["static NEXT: AtomicU64", "static START: OnceLock<Instant>"];
    let mut found = Vec::new();
    let sources = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    assert!(sources.len() > 40, "the sources were found");
    for path in sources {
        let text = fs::read_to_string(&path).unwrap();
        let statics = text.lines().map(str::trim).filter(|line| {
            let item = line.trim_start_matches("pub ").trim_start_matches("pub(crate) ");
            item.starts_with("static ")
                || item.starts_with("thread_local!")
                || item.contains("set_default_store(")
        });
        found.extend(
            statics
                .filter(|line| !allowed.iter().any(|allowed| line.starts_with(allowed)))
                .map(|line| format!("{}: {line}", path.display())),
        );
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

/// Every part of one process.
struct World {
    clock: LeapClock,
    storage: tokencast::storage::MemoryStorage,
    random: Arc<Seeded>,
    spawned: Arc<AtomicUsize>,
    sent: Arc<AtomicUsize>,
}

impl World {
    fn new(seed: u64) -> Self {
        Self {
            clock: LeapClock::default(),
            storage: tokencast::storage::memory(),
            random: Arc::new(Seeded(AtomicU64::new(seed))),
            spawned: Arc::default(),
            sent: Arc::default(),
        }
    }

    fn process(&self, rig: &Rig) -> AuthSession {
        assert!(rig.profile().default_life() <= ACCESS_TTL);
        AuthSession::builder(rig.profile())
            .storage(self.storage.clone())
            .locks(Arc::new(MemoryLocks::default()))
            .clock(Arc::new(self.clock.clone()))
            .random(self.random.clone())
            .registry(Registry::default())
            .spawner(Arc::new(Counting(
                TokioSpawner::current().unwrap(),
                self.spawned.clone(),
            )))
            .transport(CountingTransport(ReqwestTransport::default(), self.sent.clone()))
            .build()
            .unwrap()
    }

    /// Tasks spawned, requests sent.
    fn did(&self) -> (usize, usize) {
        (
            self.spawned.load(Ordering::SeqCst),
            self.sent.load(Ordering::SeqCst),
        )
    }
}

/// A counter run through a mixing function (splitmix64): the same seed, the same bytes.
struct Seeded(AtomicU64);

impl Random for Seeded {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoRandomness> {
        for chunk in bytes.chunks_mut(8) {
            let mut mixed = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::SeqCst);
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            chunk.copy_from_slice(&(mixed ^ (mixed >> 31)).to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

struct Counting(TokioSpawner, Arc<AtomicUsize>);

impl Spawner for Counting {
    fn spawn(&self, task: Future<()>) {
        self.1.fetch_add(1, Ordering::SeqCst);
        self.0.spawn(task);
    }

    fn spawn_blocking(&self, job: Box<dyn FnOnce() + Send>) {
        self.0.spawn_blocking(job);
    }
}

struct CountingTransport(ReqwestTransport, Arc<AtomicUsize>);

impl HttpTransport for CountingTransport {
    fn send(&self, request: HttpRequest) -> Future<Result<HttpResponse, TransportError>> {
        self.1.fetch_add(1, Ordering::SeqCst);
        self.0.send(request)
    }
}
