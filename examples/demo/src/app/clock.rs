use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokencast::time::{BootTime, Clock, SystemClock, WallTime};

/// The system's clocks, moved forward at a button. Sleeping stays real.
#[derive(Debug, Default)]
pub(crate) struct MovedClock {
    ahead_ms: AtomicU64,
}

impl MovedClock {
    pub(crate) fn ahead_by(ms: u64) -> Self {
        Self {
            ahead_ms: AtomicU64::new(ms),
        }
    }

    pub(crate) fn advance(&self, ms: u64) {
        self.ahead_ms.fetch_add(ms, Ordering::Relaxed);
    }

    fn ahead(&self) -> Duration {
        Duration::from_millis(self.ahead_ms.load(Ordering::Relaxed))
    }
}

impl Clock for MovedClock {
    fn boot(&self) -> BootTime {
        SystemClock.boot() + self.ahead()
    }

    fn wall(&self) -> WallTime {
        SystemClock.wall() + self.ahead()
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        SystemClock.sleep(duration)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_clocks_move_together_and_a_restart_keeps_the_distance() {
        let clock = MovedClock::ahead_by(300_000);
        clock.advance(60_000);
        let ahead = Duration::from_secs(360);
        assert!(clock.boot() >= SystemClock.boot() + ahead - Duration::from_secs(1));
        assert!(clock.wall() >= SystemClock.wall() + ahead);
    }
}
