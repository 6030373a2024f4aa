//! Time, tasks and a server without a thread or a timer.

use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use tokencast::spawn::Spawner;
use tokencast::time::{BootTime, Clock, WallTime};
use tokencast::transport::{HttpTransport, TransportError};
use tokencast::wire::{HttpRequest, HttpResponse};
use zeroize::Zeroizing;

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Stands still until it is moved, and then wakes whoever slept until then.
#[derive(Default)]
pub(crate) struct HandClock(Arc<Mutex<Sleepers>>);

#[derive(Default)]
struct Sleepers {
    now: Duration,
    asked: u64,
    waiting: Vec<(Duration, Waker)>,
}

impl HandClock {
    pub(crate) fn advance(&self, by: Duration) {
        let due: Vec<_> = {
            let mut sleepers = self.0.lock().unwrap();
            sleepers.now += by;
            let now = sleepers.now;
            sleepers
                .waiting
                .extract_if(.., |(until, _)| *until <= now)
                .collect()
        };
        due.into_iter().for_each(|(_, sleeper)| sleeper.wake());
    }

    /// How often somebody asked to be woken later.
    pub(crate) fn sleeps(&self) -> u64 {
        self.0.lock().unwrap().asked
    }

    /// When the next sleeper wakes, counted from now.
    pub(crate) fn next_wake_up(&self) -> Option<Duration> {
        let sleepers = self.0.lock().unwrap();
        let next = sleepers.waiting.iter().map(|(until, _)| *until).min();
        next.map(|until| until - sleepers.now)
    }
}

impl Clock for HandClock {
    fn boot(&self) -> BootTime {
        BootTime::from_start(self.0.lock().unwrap().now)
    }

    fn wall(&self) -> WallTime {
        WallTime::from_unix_millis(1_700_000_000_000) + self.0.lock().unwrap().now
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let sleepers = self.0.clone();
        let until = {
            let mut sleepers = sleepers.lock().unwrap();
            sleepers.asked += 1;
            sleepers.now + duration
        };
        Box::pin(std::future::poll_fn(move |context| {
            let mut sleepers = sleepers.lock().unwrap();
            if sleepers.now >= until {
                return Poll::Ready(());
            }
            sleepers.waiting.push((until, context.waker().clone()));
            Poll::Pending
        }))
    }
}

/// Runs tasks when it is told to, one after another, and counts their turns.
#[derive(Default)]
pub(crate) struct HandSpawner {
    tasks: Mutex<Vec<(Task, Arc<Woken>)>>,
    polls: AtomicU64,
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl HandSpawner {
    /// Runs all tasks that were woken, until none is.
    pub(crate) fn run(&self) {
        loop {
            let next = {
                let mut tasks = self.tasks.lock().unwrap();
                let woken = tasks
                    .iter()
                    .position(|(_, woken)| woken.0.swap(false, Ordering::SeqCst));
                woken.map(|index| tasks.swap_remove(index))
            };
            let Some((mut task, woken)) = next else { return };
            self.polls.fetch_add(1, Ordering::SeqCst);
            let waker = woken.clone().into();
            if task.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
                self.tasks.lock().unwrap().push((task, woken));
            }
        }
    }

    /// Runs the tasks and this call to the call's end.
    pub(crate) fn finish<T>(&self, call: impl Future<Output = T>) -> T {
        let mut call = pin!(call);
        let woken = Arc::new(Woken(AtomicBool::new(true)));
        let waker = woken.clone().into();
        while woken.0.swap(false, Ordering::SeqCst) {
            if let Poll::Ready(done) = call.as_mut().poll(&mut Context::from_waker(&waker)) {
                return done;
            }
            self.run();
        }
        panic!("nothing wakes this call any more");
    }

    /// How often a task had a turn.
    pub(crate) fn polls(&self) -> u64 {
        self.polls.load(Ordering::SeqCst)
    }
}

impl Spawner for HandSpawner {
    fn spawn(&self, task: Task) {
        let woken = Arc::new(Woken(AtomicBool::new(true)));
        self.tasks.lock().unwrap().push((task, woken));
    }

    fn spawn_blocking(&self, job: Box<dyn FnOnce() + Send>) {
        self.spawn(Box::pin(async move { job() }));
    }
}

/// Answers every request with the same bytes.
#[derive(Clone, Default)]
pub(crate) struct Server(Arc<AtomicU64>);

impl Server {
    pub(crate) fn requests(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

impl HttpTransport for Server {
    fn send(
        &self,
        _: HttpRequest,
    ) -> Pin<Box<dyn Future<Output = Result<HttpResponse, TransportError>> + Send>> {
        self.0.fetch_add(1, Ordering::SeqCst);
        let body = br#"{"access_token":"acc3ss","refresh_token":"r3fr3sh","expires_in":300}"#;
        Box::pin(std::future::ready(Ok(HttpResponse {
            status: 200,
            headers: Vec::new(),
            body: Zeroizing::new(body.to_vec()),
        })))
    }
}
