//! A page that refreshes itself: its document is lent the refresh token for one exchange.

use std::fmt;
use std::time::Duration;

use super::message::Stamp;
use crate::random::{NoRandomness, Random};
use crate::time::BootTime;
use crate::token::{AttemptKey, Secret, TokenSet};

/// One lapse keeps a page from further leases for so long.
pub(super) const BAR: Duration = Duration::from_secs(10 * 60);

/// The name of a lease, drawn at random.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LeaseId(String);

/// What a page is lent. The session's intent is on disk by then, and its flight lock is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Loan {
    pub(crate) lease: LeaseId,
    /// The generation whose refresh token it is.
    pub(crate) base: Stamp,
    pub(crate) refresh_token: Secret,
    /// Belongs to the refresh token: whoever presents it sends this key.
    pub(crate) attempt_key: AttemptKey,
    pub(crate) ends: BootTime,
}

/// What becomes of a loan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Return {
    /// The page's exchange brought these.
    HandedOver(TokenSet),
    /// Nobody was there to take it: the refresh token has not left.
    Unused,
    /// The document is gone; it may have presented the token.
    Forfeited,
}

/// The lease of a page's present document, and whether the page may have another.
#[derive(Debug, Default)]
pub(super) struct Leases {
    held: Option<Held>,
    barred_until: Option<BootTime>,
}

#[derive(Debug)]
struct Held {
    lease: LeaseId,
    base: Stamp,
    ends: BootTime,
}

impl LeaseId {
    pub(crate) fn draw(random: &dyn Random) -> Result<Self, NoRandomness> {
        let mut bytes = [0; 16];
        random.fill(&mut bytes)?;
        Ok(Self(format!("{:032x}", u128::from_le_bytes(bytes))))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LeaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Leases {
    /// How long the page has to do without.
    pub(super) fn barred(&mut self, now: BootTime) -> Option<Duration> {
        if self.held.as_ref().is_some_and(|held| held.ends <= now) {
            self.give_back(now);
        }
        let left = now.until(self.barred_until?);
        (!left.is_zero()).then_some(left)
    }

    pub(super) fn is_out(&self) -> bool {
        self.held.is_some()
    }

    pub(super) fn lend(&mut self, loan: &Loan) {
        self.held = Some(Held {
            lease: loan.lease.clone(),
            base: loan.base.clone(),
            ends: loan.ends,
        });
    }

    /// Takes a hand-over, once, and only under the live lease of this document.
    pub(super) fn settle(&mut self, lease: &str, base: &Stamp, now: BootTime) -> Option<LeaseId> {
        let held = self
            .held
            .take_if(|held| held.lease.as_str() == lease && held.base == *base && now < held.ends)?;
        Some(held.lease)
    }

    /// The lease is over without a hand-over. The page is barred if it had its time, or left before.
    pub(super) fn give_back(&mut self, now: BootTime) -> Option<LeaseId> {
        let held = self.held.take()?;
        self.barred_until = Some(now.min(held.ends) + BAR);
        Some(held.lease)
    }
}
