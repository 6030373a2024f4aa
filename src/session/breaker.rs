//! When the next exchange may be tried: after failures a growing wait, after tokens that are refused as soon as
//! they arrive a breaker. Pure.

use std::time::Duration;

use crate::error::{Failure, TryAgainCause};
use crate::time::BootTime;

/// A refusal or a death this soon after a renewal is "straight after".
const STRAIGHT_AFTER: Duration = Duration::from_secs(10);
const FIRST_OPENING: Duration = Duration::from_secs(60);
const LONGEST_OPENING: Duration = Duration::from_secs(600);
const FIRST_COOLDOWN: Duration = Duration::from_secs(1);
const LONGEST_COOLDOWN: Duration = Duration::from_secs(30);

#[derive(Debug, Default)]
pub(super) struct Breaker {
    closed_until: Option<Pause>,
    failures: u32,
    renewed_at: Option<BootTime>,
    /// Renewals in a row whose token was refused, or dead on arrival, straight after.
    wasted: u32,
    /// The last renewal is one of them.
    last_wasted: bool,
    openings: u32,
}

#[derive(Debug)]
struct Pause {
    until: BootTime,
    failure: Failure,
    /// Ends when the network is back.
    for_the_network: bool,
}

impl Breaker {
    /// Whether an exchange may start now; otherwise why not.
    pub(super) fn allows(&self, now: BootTime) -> Result<(), Failure> {
        match &self.closed_until {
            Some(pause) if now < pause.until => {
                let cause = match pause.failure {
                    Failure::Offline => TryAgainCause::Offline,
                    Failure::Untrusted => TryAgainCause::Untrusted,
                    _ => TryAgainCause::Server,
                };
                Err(Failure::CoolingDown {
                    left: now.until(pause.until),
                    cause,
                })
            }
            _ => Ok(()),
        }
    }

    /// When the pause ends, if there is one.
    pub(super) fn pause_ends(&self, now: BootTime) -> Option<BootTime> {
        self.closed_until
            .as_ref()
            .map(|pause| pause.until)
            .filter(|until| *until > now)
    }

    pub(super) fn renewed(&mut self, now: BootTime) {
        self.failures = 0;
        self.closed_until = None;
        // A token that served for a while ends the row.
        let served = |at: BootTime| at.until(now) >= STRAIGHT_AFTER;
        if !self.last_wasted && self.renewed_at.is_some_and(served) {
            self.wasted = 0;
            self.openings = 0;
        }
        self.last_wasted = false;
        self.renewed_at = Some(now);
    }

    pub(super) fn failed(&mut self, failure: &Failure, now: BootTime) {
        let asked = match failure {
            Failure::ServerBusy { after } => *after,
            Failure::Offline | Failure::Untrusted | Failure::AnswerLost => None,
            // Locks and storage are cheap to ask again, and mended by others.
            _ => return,
        };
        let doubled = FIRST_COOLDOWN.saturating_mul(1_u32.checked_shl(self.failures).unwrap_or(u32::MAX));
        self.failures = self.failures.saturating_add(1);
        let for_the_network = matches!(failure, Failure::Offline | Failure::Untrusted);
        let until = now + asked.unwrap_or(doubled.min(LONGEST_COOLDOWN));
        self.closed_until = Some(Pause {
            until,
            failure: failure.clone(),
            for_the_network,
        });
    }

    /// The current token was refused by a resource, or was dead when it came. One more exchange is allowed; the
    /// second time in a row the breaker opens.
    pub(super) fn wasted(&mut self, now: BootTime) {
        let straight_after = self.renewed_at.is_some_and(|at| at.until(now) < STRAIGHT_AFTER);
        if !straight_after {
            self.wasted = 0;
            self.openings = 0;
            return;
        }
        self.wasted += 1;
        self.last_wasted = true;
        if self.wasted > 1 {
            let doubled = FIRST_OPENING.saturating_mul(1_u32.checked_shl(self.openings).unwrap_or(u32::MAX));
            self.openings = self.openings.saturating_add(1);
            self.wasted = 0;
            let until = now + doubled.min(LONGEST_OPENING);
            self.closed_until = Some(Pause {
                until,
                failure: Failure::ServerBusy { after: None },
                for_the_network: false,
            });
        }
    }

    pub(super) fn network_is_back(&mut self) {
        if self
            .closed_until
            .as_ref()
            .is_some_and(|pause| pause.for_the_network)
        {
            self.closed_until = None;
            self.failures = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> BootTime {
        BootTime::from_start(Duration::from_secs(seconds))
    }

    #[test]
    fn failures_wait_longer_each_time_until_a_success() {
        let mut breaker = Breaker::default();
        breaker.failed(&Failure::Offline, at(0));
        assert!(breaker.allows(at(0)).is_err() && breaker.allows(at(1)).is_ok());
        breaker.failed(&Failure::Offline, at(1));
        assert!(breaker.allows(at(2)).is_err() && breaker.allows(at(3)).is_ok());
        breaker.renewed(at(3));
        breaker.failed(&Failure::Offline, at(4));
        assert!(breaker.allows(at(5)).is_ok());
    }

    #[test]
    fn the_servers_wish_is_kept_and_survives_the_network() {
        let mut breaker = Breaker::default();
        breaker.failed(
            &Failure::ServerBusy {
                after: Some(Duration::from_secs(40)),
            },
            at(0),
        );
        breaker.network_is_back();
        assert_eq!(
            breaker.allows(at(10)),
            Err(Failure::CoolingDown {
                left: Duration::from_secs(30),
                cause: TryAgainCause::Server
            })
        );
        breaker.failed(&Failure::Offline, at(50));
        breaker.network_is_back();
        assert_eq!(breaker.allows(at(50)), Ok(()));
    }

    #[test]
    fn a_second_refusal_straight_after_opens_it_for_longer_and_longer() {
        let mut breaker = Breaker::default();
        let mut now = 0;
        for open_for in [60, 120, 240, 480, 600, 600] {
            for _ in 0..2 {
                assert_eq!(breaker.allows(at(now)), Ok(()));
                breaker.renewed(at(now));
                breaker.wasted(at(now + 1));
            }
            assert!(breaker.allows(at(now + open_for)).is_err(), "{open_for}");
            now += open_for + 1;
            assert!(breaker.allows(at(now)).is_ok(), "{open_for}");
        }
    }

    #[test]
    fn a_token_that_served_for_a_while_ends_the_row() {
        let mut breaker = Breaker::default();
        for start in [0, 1000, 2000, 3000] {
            breaker.renewed(at(start));
            breaker.wasted(at(start + 1));
            breaker.renewed(at(start + 1));
            assert_eq!(
                breaker.allows(at(start + 2)),
                Ok(()),
                "one more exchange is allowed"
            );
            breaker.renewed(at(start + 500));
        }
    }

    #[test]
    fn a_refusal_long_after_a_renewal_is_no_reason_to_stop() {
        let mut breaker = Breaker::default();
        for turn in 0..20 {
            breaker.renewed(at(turn * 100));
            breaker.wasted(at(turn * 100 + 50));
            assert_eq!(breaker.allows(at(turn * 100 + 51)), Ok(()));
        }
    }
}
