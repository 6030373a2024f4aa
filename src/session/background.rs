//! Time in the background: a phone suspends an app soon after it has left the screen, and an exchange should not be
//! on the wire then. The host asks its platform for more; when that ends, the flight lands at once.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{oneshot, watch};

use super::core::Core;
use crate::lock::LockGuard;
use crate::spawn::Spawner;

/// What a flight may need from its first request on: the repeats of one request, and a commit.
const NEEDED: Duration = Duration::from_secs(30);
/// A host that has not answered by then gave nothing.
const PATIENCE: Duration = Duration::from_secs(1);
/// A commit takes milliseconds. One that takes longer than this must not keep the lock in a process that stops.
const GRACE: Duration = Duration::from_millis(500);

/// The platform's background time, as the host asks for it: `UIApplication.beginBackgroundTask` on iOS. Called where
/// host code may block.
pub trait BackgroundTime: Send + Sync + 'static {
    /// Asks for up to `at_most`, before an exchange goes on the wire. When the time ends early, tell `end`. `None`: the
    /// platform gives none, and the exchange goes on without.
    fn begin(&self, at_most: Duration, end: BackgroundEnd) -> Option<BackgroundTask>;

    /// The exchange is over, or was ended because the time was, and its lock is released: the platform may stop the
    /// process.
    fn finish(&self, task: BackgroundTask);
}

/// The platform's name for one grant of background time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BackgroundTask(pub u64);

/// How a host says that background time is over. The exchange's connection is dropped then and the lock released;
/// [`BackgroundTime::finish`] follows. The next call presents the token again, under the same key.
#[derive(Clone, Debug)]
pub struct BackgroundEnd(Arc<watch::Sender<bool>>);

impl BackgroundEnd {
    /// The time is over. Does not block; more than once is as good as once.
    pub fn tell(&self) {
        self.0.send_replace(true);
    }
}

/// What a flight holds while it is on its way.
#[derive(Default)]
pub(super) struct Held {
    flight_lock: Option<LockGuard>,
    asked: bool,
    over: Option<watch::Receiver<bool>>,
    lease: Option<Lease>,
}

impl Held {
    pub(super) fn take(&mut self, flight_lock: LockGuard) {
        self.flight_lock = Some(flight_lock);
    }

    /// Asks for background time, once in a flight.
    pub(super) async fn ask_for_time(&mut self, core: &Core) {
        if std::mem::replace(&mut self.asked, true) {
            return;
        }
        if let Some(host) = &core.background_time {
            let (end, over) = watch::channel(false);
            self.lease = ask(core, host.clone(), BackgroundEnd(Arc::new(end))).await;
            self.over = self.lease.is_some().then_some(over);
        }
    }

    /// Does `work`, unless the time is over or ends first: then it is dropped.
    pub(super) async fn unless_over<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        if self.over.as_ref().is_some_and(|over| *over.borrow()) {
            return None;
        }
        tokio::select! {
            biased;
            done = work => Some(done),
            () = end_of(self.over.clone()) => None,
        }
    }

    /// Does `work` to its end. When the time ends meanwhile the flight lock goes; a record lock stays with its write.
    pub(super) async fn finishing<T>(&mut self, core: &Core, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        let over = self.over.clone();
        let too_long = async {
            end_of(over).await;
            core.clock.sleep(GRACE).await;
        };
        tokio::select! {
            biased;
            done = &mut work => return done,
            () = too_long => {}
        }
        self.release();
        work.await
    }

    /// First the lock, then the time: a process that is stopped must hold none.
    pub(super) fn release(&mut self) {
        self.flight_lock = None;
        self.lease = None;
    }
}

/// Comes when the host says that the time is over; never, when there is nothing that could end.
async fn end_of(time: Option<watch::Receiver<bool>>) {
    if let Some(mut over) = time
        && over.wait_for(|over| *over).await.is_ok()
    {
        return;
    }
    std::future::pending().await
}

struct Lease {
    host: Arc<dyn BackgroundTime>,
    task: BackgroundTask,
    spawner: Arc<dyn Spawner>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        let (host, task) = (self.host.clone(), self.task);
        self.spawner.spawn_blocking(Box::new(move || host.finish(task)));
    }
}

async fn ask(core: &Core, host: Arc<dyn BackgroundTime>, end: BackgroundEnd) -> Option<Lease> {
    let (answer, answered) = oneshot::channel();
    let asked = host.clone();
    core.spawner.spawn_blocking(Box::new(move || {
        // Nobody waits any longer: what came too late is given back.
        if let Err(Some(task)) = answer.send(asked.begin(NEEDED, end)) {
            asked.finish(task);
        }
    }));
    let task = tokio::select! {
        biased;
        // A host that panicked gave nothing.
        task = answered => task.ok().flatten(),
        () = core.clock.sleep(PATIENCE) => None,
    }?;
    Some(Lease {
        host,
        task,
        spawner: core.spawner.clone(),
    })
}
