use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;

use super::{Generation, Secret};
use crate::time::BootTime;

/// An access token with its generation and its end (RFC 6749 §1.4). Cheap to clone; never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessToken(Arc<Held>);

#[derive(PartialEq, Eq)]
struct Held {
    secret: Secret,
    generation: Generation,
    issued_at: BootTime,
    expires_at: BootTime,
    /// Until then half of the life is left; worked out once, so that a cached read compares only.
    enough_until: BootTime,
}

impl AccessToken {
    /// A token that lives from `issued_at` for `life`.
    pub fn new(secret: Secret, generation: Generation, issued_at: BootTime, life: Duration) -> Self {
        Self(Arc::new(Held {
            secret,
            generation,
            issued_at,
            expires_at: issued_at + life,
            enough_until: issued_at + life / 2,
        }))
    }

    /// The token's text, for an `Authorization: Bearer` header (RFC 6750 §2.1).
    pub fn secret(&self) -> &str {
        self.0.secret.expose()
    }

    /// The name under which a 401 is reported back.
    pub fn generation(&self) -> Generation {
        self.0.generation
    }

    /// The end of its life, on the clock that counts sleep.
    pub fn expires_at(&self) -> BootTime {
        self.0.expires_at
    }

    /// What is left of its life at `now`; zero when it has expired.
    pub fn remaining(&self, now: BootTime) -> Duration {
        now.until(self.0.expires_at)
    }

    /// Its whole life, from the server's answer to its end.
    pub fn life(&self) -> Duration {
        self.0.issued_at.until(self.0.expires_at)
    }

    /// Whether at least `min_ttl` is left at `now`, where half of the life always suffices: a token that lives
    /// shorter than the caller's minimum must not be refreshed for ever.
    pub fn serves(&self, now: BootTime, min_ttl: Duration) -> bool {
        now < self.0.expires_at && (now <= self.0.enough_until || self.remaining(now) >= min_ttl)
    }
}

/// The place of the token that is served now. Reading it takes no lock.
#[derive(Default)]
pub(crate) struct TokenSlot(ArcSwapOption<Held>);

impl TokenSlot {
    pub(crate) fn load(&self) -> Option<AccessToken> {
        self.0.load_full().map(AccessToken)
    }

    pub(crate) fn store(&self, token: Option<AccessToken>) {
        self.0.store(token.map(|AccessToken(held)| held));
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessToken")
            .field("generation", &self.0.generation)
            .field("expires_at", &self.0.expires_at)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(life: u64) -> AccessToken {
        let start = BootTime::from_start(Duration::from_secs(100));
        AccessToken::new(
            Secret::new("t0k3n"),
            Generation::new(1, 1),
            start,
            Duration::from_secs(life),
        )
    }

    fn at(seconds: u64) -> BootTime {
        BootTime::from_start(Duration::from_secs(seconds))
    }

    #[test]
    fn debug_names_the_generation_and_hides_the_token() {
        let text = format!("{:?}", token(60));
        assert!(text.contains("epoch: 1") && !text.contains("t0k3n"));
    }

    #[test]
    fn half_of_a_short_life_satisfies_any_minimum() {
        assert!(token(4).serves(at(102), Duration::from_secs(10)));
        assert!(!token(4).serves(at(103), Duration::from_secs(10)));
    }

    #[test]
    fn an_expired_token_never_serves() {
        assert!(!token(60).serves(at(160), Duration::ZERO));
        assert!(!token(0).serves(at(100), Duration::ZERO));
    }
}
