//! Clocks in the test's hand.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use tokencast::time::{BootTime, Clock, SystemClock, WallTime};

type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The system's clocks, moved forward by hand. Sleeping stays real.
#[derive(Debug, Default)]
pub struct MovedClock {
    moved_ms: AtomicU64,
}

impl MovedClock {
    pub fn advance(&self, by: Duration) {
        self.moved_ms.fetch_add(millis(by), Ordering::SeqCst);
    }

    fn moved(&self) -> Duration {
        Duration::from_millis(self.moved_ms.load(Ordering::SeqCst))
    }
}

impl Clock for MovedClock {
    fn boot(&self) -> BootTime {
        SystemClock.boot() + self.moved()
    }

    fn wall(&self) -> WallTime {
        SystemClock.wall() + self.moved()
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        SystemClock.sleep(duration)
    }
}

/// Clocks moved by hand, and whoever sleeps on them wakes when they are moved past his time: deadlines of many
/// seconds pass in a test that takes none. Clones are one clock.
#[derive(Clone, Debug, Default)]
pub struct LeapClock {
    hand: Arc<Hand>,
    /// Where the clocks stand, when they do not run with the system's.
    stopped: Option<(BootTime, WallTime)>,
}

#[derive(Debug, Default)]
struct Hand {
    moved_ms: AtomicU64,
    /// What somebody did to the calendar alone.
    set_ms: AtomicI64,
}

impl LeapClock {
    /// Moved by hand alone: however slow the machine, a deadline passes when the test says so.
    pub fn stopped() -> Self {
        Self {
            hand: Arc::default(),
            stopped: Some((SystemClock.boot(), SystemClock.wall())),
        }
    }

    pub fn advance(&self, by: Duration) {
        self.hand.moved_ms.fetch_add(millis(by), Ordering::SeqCst);
    }

    /// Sets the calendar forward or back, as a user does; the clock that counts lives runs on.
    pub fn set_calendar(&self, by_ms: i64) {
        self.hand.set_ms.fetch_add(by_ms, Ordering::SeqCst);
    }

    /// Moves the clock on, second by second, until `done` holds: for work that waits through several deadlines.
    pub async fn leap_until(&self, what: &str, done: impl Fn() -> bool) {
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
        Duration::from_millis(self.hand.moved_ms.load(Ordering::SeqCst))
    }
}

impl Clock for LeapClock {
    fn boot(&self) -> BootTime {
        self.stopped.map_or_else(|| SystemClock.boot(), |(boot, _)| boot) + self.moved()
    }

    fn wall(&self) -> WallTime {
        let wall = self.stopped.map_or_else(|| SystemClock.wall(), |(_, wall)| wall);
        (wall + self.moved()).offset(self.hand.set_ms.load(Ordering::SeqCst))
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        let clock = self.clone();
        let until = clock.boot() + duration;
        Box::pin(async move {
            loop {
                let left = clock.boot().until(until);
                if left.is_zero() {
                    return;
                }
                tokio::time::sleep(left.min(Duration::from_millis(2))).await;
            }
        })
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap()
}
