//! How often somebody may ask: per user, per token, per address. A bucket leaks evenly (GCRA), so a burst of a minute's
//! worth is served at once and the rest in its time.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};

use crate::clock::Millis;
use crate::problem::Problem;
use crate::secret::Fingerprint;

/// Who sent a request. Behind a proxy that is the proxy: there, limit at the proxy.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// What is counted against.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) enum Subject {
    /// The hash of a user's name as it was typed.
    User(String),
    /// A token's hash.
    Token(String),
    Address(IpAddr),
}

impl Subject {
    pub(crate) fn user(name: &str) -> Self {
        Self::User(Fingerprint::of(name.as_bytes()).as_str().to_owned())
    }

    pub(crate) fn token(hash: &Fingerprint) -> Self {
        Self::Token(hash.as_str().to_owned())
    }
}

/// Buckets of one kind of request.
#[derive(Debug)]
pub(crate) struct RateLimit {
    /// None: no limit.
    per_minute: Option<NonZeroU32>,
    /// When each bucket will be empty again.
    empty_at: Mutex<HashMap<Subject, Millis>>,
}

const MINUTE: Millis = 60_000;
/// One address may be a whole office.
const ADDRESS_FACTOR: i64 = 20;
/// Above it empty buckets are thrown away before another is made.
const MANY: usize = 10_000;

impl RateLimit {
    pub(crate) fn new(per_minute: Option<NonZeroU32>) -> Self {
        Self {
            per_minute,
            empty_at: Mutex::default(),
        }
    }

    /// Counts a request of all these subjects, or says when to come again; then it counts for none.
    pub(crate) fn admit(&self, subjects: &[Subject], now: Millis) -> Result<(), Problem> {
        let Some(per_minute) = self.per_minute else {
            return Ok(());
        };
        let mut buckets = self.empty_at.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() > MANY {
            buckets.retain(|_, empty_at| *empty_at > now);
        }
        // In microseconds of a millisecond's fraction nobody is interested: at least one.
        let drop = |subject: &Subject| {
            let factor = if matches!(subject, Subject::Address(_)) {
                ADDRESS_FACTOR
            } else {
                1
            };
            (MINUTE / (i64::from(per_minute.get()) * factor)).max(1)
        };
        let level = |buckets: &HashMap<Subject, Millis>, subject: &Subject| {
            // A clock that was set back must lock nobody out.
            let empty_at = buckets.get(subject).copied().unwrap_or(now);
            empty_at.clamp(now, now + MINUTE) - now
        };
        for subject in subjects {
            let over = level(&buckets, subject) + drop(subject) - MINUTE;
            if over > 0 {
                let seconds = u64::try_from(over).unwrap_or(0).div_ceil(1000);
                return Err(Problem::RATE_LIMITED.retry_after(seconds));
            }
        }
        for subject in subjects {
            let level = level(&buckets, subject) + drop(subject);
            buckets.insert(subject.clone(), now + level);
        }
        Ok(())
    }
}

impl std::fmt::Debug for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::User(_) => "User",
            Self::Token(_) => "Token",
            Self::Address(_) => "Address",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(per_minute: u32) -> RateLimit {
        RateLimit::new(NonZeroU32::new(per_minute))
    }

    #[test]
    fn a_minutes_worth_comes_at_once_and_the_rest_in_its_time() {
        let limit = limit(3);
        let ada = [Subject::user("ada")];
        for _ in 0..3 {
            assert!(limit.admit(&ada, 1_000).is_ok());
        }
        assert!(limit.admit(&ada, 1_000).is_err());
        assert!(limit.admit(&[Subject::user("grace")], 1_000).is_ok());
        assert!(limit.admit(&ada, 20_999).is_err());
        assert!(limit.admit(&ada, 21_000).is_ok());
        assert!(limit.admit(&ada, 21_000).is_err());
    }

    #[test]
    fn a_refused_request_counts_for_nobody() {
        let limit = limit(1);
        let address = Subject::Address(IpAddr::from([127, 0, 0, 1]));
        assert!(limit.admit(&[Subject::user("ada"), address.clone()], 0).is_ok());
        for _ in 0..100 {
            assert!(limit.admit(&[Subject::user("ada"), address.clone()], 0).is_err());
        }
        assert!(limit.admit(&[Subject::user("grace"), address], 0).is_ok());
    }

    #[test]
    fn without_a_limit_nobody_is_refused_and_a_clock_set_back_locks_nobody_out() {
        let off = RateLimit::new(None);
        let ada = [Subject::user("ada")];
        assert!((0..10_000).all(|_| off.admit(&ada, 0).is_ok()));
        let limit = limit(1);
        assert!(limit.admit(&ada, 1_000_000).is_ok());
        assert!(limit.admit(&ada, 0).is_err());
        assert!(limit.admit(&ada, 60_000).is_err());
        assert!(limit.admit(&ada, 1_060_000).is_ok());
    }
}
