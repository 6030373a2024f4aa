//! A clock that runs quicker than the world's, and can be moved on: waiting that a client does, and the life of its
//! tokens, pass in no time, while the server's time is the real one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokencast::profile::ExpiresUnit;
use tokencast::time::{BootTime, Clock, SystemClock, WallTime};

/// Clones are one clock.
#[derive(Clone)]
pub(crate) struct QuickClock {
    began: (BootTime, WallTime),
    speed: u32,
    /// A server that says when a token ends, and not how long it lives, means the world's time.
    keeps_the_date: bool,
    moved_ms: Arc<AtomicU64>,
}

impl QuickClock {
    pub(crate) fn new(speed: u32, unit: ExpiresUnit) -> Self {
        Self {
            began: (SystemClock.boot(), SystemClock.wall()),
            speed,
            keeps_the_date: !matches!(unit, ExpiresUnit::Seconds | ExpiresUnit::Milliseconds),
            moved_ms: Arc::default(),
        }
    }

    pub(crate) fn advance(&self, by: Duration) {
        let by = u64::try_from(by.as_millis()).unwrap_or(u64::MAX / 4);
        self.moved_ms.fetch_add(by, Ordering::SeqCst);
    }

    fn passed(&self) -> Duration {
        let real = self.began.0.until(SystemClock.boot());
        real * self.speed + Duration::from_millis(self.moved_ms.load(Ordering::SeqCst))
    }
}

impl Clock for QuickClock {
    fn boot(&self) -> BootTime {
        self.began.0 + self.passed()
    }

    fn wall(&self) -> WallTime {
        if self.keeps_the_date {
            return SystemClock.wall();
        }
        self.began.1 + self.passed()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let clock = self.clone();
        let end = clock.boot() + duration;
        Box::pin(async move {
            loop {
                let left = clock.boot().until(end);
                if left.is_zero() {
                    return;
                }
                // The clock may be moved meanwhile.
                let real = (left / clock.speed).clamp(Duration::from_millis(1), Duration::from_millis(5));
                tokio::time::sleep(real).await;
            }
        })
    }
}
