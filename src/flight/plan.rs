use std::time::Duration;

use crate::defence::{Defence, Defences};
use crate::profile::{Renew, ServerProfile, TokenKind};
use crate::time::BootTime;

/// What a profile and a builder allow a flight to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// How long to wait for the flight lock.
    pub(crate) lock_deadline: Duration,
    /// How long the same request may be repeated.
    pub(crate) repeat_deadline: Duration,
    /// The server answers the same key alike.
    pub(crate) idempotent: bool,
    /// The server answers a spent token alike for so long.
    pub(crate) reuse_leeway: Duration,
    /// Whether the record keeps the access token.
    pub(crate) stores_access_token: bool,
    /// A token with any life left is served: the server renews none that lives.
    pub(crate) only_when_expired: bool,
    /// Whether the flight lock may be given back before a failed save succeeded.
    pub(crate) releases_unsaved: bool,
    pub(crate) defences: Defences,
}

impl Plan {
    pub(crate) fn new(profile: &ServerProfile, stores_access_token: bool) -> Self {
        Self {
            lock_deadline: Duration::from_secs(20),
            repeat_deadline: Duration::from_secs(20),
            idempotent: profile.idempotency_key().is_some(),
            reuse_leeway: profile.reuse_leeway(),
            // What a refresh presents must outlive a restart.
            stores_access_token: stores_access_token || profile.refresh().places(TokenKind::Access),
            only_when_expired: profile.renew() == Renew::WhenExpired,
            releases_unsaved: profile.idempotency_key().is_some(),
            defences: Defences::default(),
        }
    }

    pub(crate) fn stands(&self, defence: Defence) -> bool {
        self.defences.stand(defence)
    }

    /// Invariant 15. `untouched`: the connection ended before the first byte of an answer.
    pub(super) fn may_repeat(
        &self,
        untouched: bool,
        sends: u32,
        first_sent: Option<BootTime>,
        began: BootTime,
        now: BootTime,
    ) -> bool {
        let next = now + self.pause_before(sends + 1);
        if began.until(next) >= self.repeat_deadline {
            return false;
        }
        let in_leeway = first_sent.is_some_and(|first| first.until(next) < self.reuse_leeway);
        self.idempotent || in_leeway || (untouched && sends == 1)
    }

    /// The pause before the n-th sending of one request.
    pub(super) fn pause_before(&self, send: u32) -> Duration {
        doubling(
            Duration::from_millis(100),
            send.saturating_sub(2),
            Duration::from_secs(2),
        )
    }

    /// The pause before the n-th try to save.
    pub(super) fn pause_before_save(&self, save: u32) -> Duration {
        doubling(
            Duration::from_millis(50),
            save.saturating_sub(1) * 2,
            Duration::from_secs(30),
        )
    }
}

fn doubling(first: Duration, times: u32, most: Duration) -> Duration {
    first
        .saturating_mul(1_u32.checked_shl(times).unwrap_or(u32::MAX))
        .min(most)
}
