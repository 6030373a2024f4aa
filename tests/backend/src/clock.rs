//! The server's wall clock, which tests may move.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970 by the server's clock. Only differences and comparisons are ever taken.
pub(crate) type Millis = i64;

/// The system's clock plus what tests added to it.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    advanced_ms: AtomicI64,
}

impl Clock {
    pub(crate) fn now(&self) -> Millis {
        let system = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        millis(system).saturating_add(self.advanced_ms())
    }

    /// For the `Date` header.
    pub(crate) fn now_system(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(u64::try_from(self.now()).unwrap_or(0))
    }

    pub(crate) fn advanced_ms(&self) -> i64 {
        self.advanced_ms.load(Ordering::Relaxed)
    }

    /// Moves the clock forward; it never passes the year 5000, so that no date or sum overflows.
    pub(crate) fn advance(&self, by: Duration) {
        const LIMIT: i64 = 3_000 * 365 * 24 * 60 * 60 * 1000;
        // The closure always returns a value, so there is no error to see.
        let _ = self
            .advanced_ms
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |at| {
                Some(at.saturating_add(millis(by)).min(LIMIT))
            });
    }
}

pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_moves_forward_and_never_overflows() {
        let clock = Clock::default();
        let before = clock.now();
        clock.advance(Duration::from_secs(3600));
        assert!(clock.now() >= before + 3_600_000);
        clock.advance(Duration::MAX);
        clock.advance(Duration::MAX);
        httpdate::fmt_http_date(clock.now_system());
    }
}
