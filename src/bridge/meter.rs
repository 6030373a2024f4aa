use std::time::Duration;

use crate::time::BootTime;

/// How many messages a page may send: a bucket that fills with time.
#[derive(Debug)]
pub(super) struct Meter {
    left: u32,
    filled: BootTime,
}

/// So many may come at once.
pub(super) const BURST: u32 = 100;
/// One more every so often.
const REFILL: Duration = Duration::from_millis(50);
/// How long a page that sent too many should wait.
pub(super) const PAUSE: Duration = Duration::from_secs(1);

impl Meter {
    pub(super) fn new(now: BootTime) -> Self {
        Self {
            left: BURST,
            filled: now,
        }
    }

    /// Takes one message's worth; false when the page has to wait.
    pub(super) fn admit(&mut self, now: BootTime) -> bool {
        let refills = self.filled.until(now).as_millis() / REFILL.as_millis();
        let refills = u32::try_from(refills).unwrap_or(u32::MAX);
        if refills > 0 {
            self.left = self.left.saturating_add(refills).min(BURST);
            // A full bucket saves nothing up.
            self.filled = if self.left == BURST {
                now
            } else {
                self.filled + REFILL.saturating_mul(refills)
            };
        }
        if self.left == 0 {
            return false;
        }
        self.left -= 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> BootTime {
        BootTime::from_start(Duration::from_millis(millis))
    }

    #[test]
    fn a_flood_gets_its_burst_and_then_the_steady_rate() {
        let mut meter = Meter::new(at(0));
        let admitted = (0..10_000).filter(|n| meter.admit(at(n / 10))).count();
        assert_eq!(admitted, BURST as usize + 19);
    }

    #[test]
    fn after_a_long_silence_no_more_than_the_burst_is_saved_up() {
        let mut meter = Meter::new(at(0));
        let admitted = (0..1_000).filter(|_| meter.admit(at(u64::MAX))).count();
        assert_eq!(admitted, BURST as usize);
    }
}
