//! Clocks. Lifetimes run on a clock that keeps counting while the device sleeps; the wall clock is used only
//! across restarts. Both are one value given at construction, so that a test can hold time in its hand.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_core::future::BoxFuture;
use serde::{Deserialize, Serialize};

/// A source of time. The default is [`SystemClock`].
pub trait Clock: Send + Sync + 'static {
    /// Time since some fixed point, counting while the device sleeps. Never goes back.
    fn boot(&self) -> BootTime;

    /// The device's calendar time, which its user may set at will.
    fn wall(&self) -> WallTime;

    /// Resolves after `duration` of this clock. A hint: it may resolve late when the device slept.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;
}

/// A point on the clock that counts sleep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BootTime(Duration);

impl BootTime {
    /// A point `since_start` after the clock's own start.
    pub const fn from_start(since_start: Duration) -> Self {
        Self(since_start)
    }

    /// The time from the clock's own start to this point.
    pub const fn since_start(self) -> Duration {
        self.0
    }

    /// How long until `later`, zero when it has passed.
    pub fn until(self, later: BootTime) -> Duration {
        later.0.saturating_sub(self.0)
    }
}

impl Add<Duration> for BootTime {
    type Output = BootTime;

    fn add(self, duration: Duration) -> BootTime {
        BootTime(self.0.saturating_add(duration))
    }
}

impl Sub<Duration> for BootTime {
    type Output = BootTime;

    fn sub(self, duration: Duration) -> BootTime {
        BootTime(self.0.saturating_sub(duration))
    }
}

/// Calendar time in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WallTime(i64);

impl WallTime {
    /// `millis` after (or, negative, before) the Unix epoch.
    pub const fn from_unix_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn unix_millis(self) -> i64 {
        self.0
    }

    /// How long until `later`, zero when it has passed.
    pub fn until(self, later: WallTime) -> Duration {
        Duration::from_millis(u64::try_from(later.0.saturating_sub(self.0)).unwrap_or(0))
    }

    /// This time moved by a signed number of milliseconds.
    pub fn offset(self, millis: i64) -> WallTime {
        WallTime(self.0.saturating_add(millis))
    }
}

impl Add<Duration> for WallTime {
    type Output = WallTime;

    fn add(self, duration: Duration) -> WallTime {
        self.offset(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX))
    }
}

/// The system's clocks: `CLOCK_BOOTTIME` on Linux and Android, `CLOCK_MONOTONIC` on Apple's systems (which
/// counts sleep there, unlike Rust's `Instant`), tokio's timer for sleeping.
#[derive(Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn boot(&self) -> BootTime {
        BootTime(boot_now())
    }

    fn wall(&self) -> WallTime {
        let millis = match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
            Err(before) => -i64::try_from(before.duration().as_millis()).unwrap_or(i64::MAX),
        };
        WallTime(millis)
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

impl fmt::Debug for SystemClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SystemClock")
    }
}

#[cfg(unix)]
fn boot_now() -> Duration {
    use rustix::time::{ClockId, clock_gettime};
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let clock = ClockId::Boottime;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let clock = ClockId::Monotonic;
    let now = clock_gettime(clock);
    Duration::new(
        u64::try_from(now.tv_sec).unwrap_or(0),
        u32::try_from(now.tv_nsec).unwrap_or(0),
    )
}

#[cfg(not(unix))]
fn boot_now() -> Duration {
    use std::sync::OnceLock;
    use std::time::Instant;
    // On Windows `Instant` is the performance counter, which counts sleep.
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boot_clock_never_goes_back() {
        let clock = SystemClock;
        let first = clock.boot();
        assert!(clock.boot() >= first);
    }

    #[test]
    fn a_time_that_has_passed_is_zero_away() {
        let early = BootTime::from_start(Duration::from_secs(5));
        let late = early + Duration::from_secs(7);
        assert_eq!(early.until(late), Duration::from_secs(7));
        assert_eq!(late.until(early), Duration::ZERO);
        assert_eq!(
            WallTime::from_unix_millis(9).until(WallTime::from_unix_millis(2)),
            Duration::ZERO
        );
    }

    #[test]
    fn absurd_distances_saturate() {
        let end = WallTime::from_unix_millis(i64::MAX) + Duration::MAX;
        assert_eq!(end.unix_millis(), i64::MAX);
        assert_eq!(
            (BootTime::from_start(Duration::MAX) + Duration::MAX).since_start(),
            Duration::MAX
        );
    }
}
