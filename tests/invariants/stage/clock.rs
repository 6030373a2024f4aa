use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokencast::time::{BootTime, Clock, SystemClock, WallTime};

/// The system's clocks, moved forward by hand, and whoever sleeps on them wakes when they are moved past his time.
/// Deadlines of many seconds pass in a test that takes none.
#[derive(Clone, Debug, Default)]
pub(crate) struct LeapClock {
    moved_ms: Arc<AtomicU64>,
}

impl LeapClock {
    pub(crate) fn advance(&self, by: Duration) {
        self.moved_ms
            .fetch_add(u64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }

    /// Moves the clock on, second by second, until `done` holds: for work that waits through several deadlines.
    pub(crate) async fn leap_until(&self, what: &str, done: impl Fn() -> bool) {
        for _ in 0..3000 {
            if done() {
                return;
            }
            self.advance(Duration::from_secs(1));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("never came: {what}");
    }

    fn moved(&self) -> Duration {
        Duration::from_millis(self.moved_ms.load(Ordering::SeqCst))
    }
}

impl Clock for LeapClock {
    fn boot(&self) -> BootTime {
        SystemClock.boot() + self.moved()
    }

    fn wall(&self) -> WallTime {
        SystemClock.wall() + self.moved()
    }

    fn sleep(&self, duration: Duration) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
        let clock = self.clone();
        let until = clock.boot() + duration;
        Box::pin(async move {
            loop {
                let left = clock.boot().until(until);
                if left.is_zero() {
                    return;
                }
                tokio::time::sleep(left.min(Duration::from_millis(5))).await;
            }
        })
    }
}
