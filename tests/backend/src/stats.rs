//! What the server counted: tests believe these numbers, not the client's.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Counts since the start of the process.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[non_exhaustive]
        pub struct Stats {
            $($(#[$doc])* pub $name: u64,)*
            /// Refresh answers held back at this moment.
            pub held: u64,
        }

        #[derive(Debug, Default)]
        pub(crate) struct Counters {
            $(pub(crate) $name: Counter,)*
        }

        impl Counters {
            pub(crate) fn stats(&self, held: u64) -> Stats {
                Stats { $($name: self.$name.count(),)* held }
            }
        }
    };
}

counters! {
    /// Sign-ins that succeeded.
    logins,
    /// Sign-ins refused for name or password.
    login_failures,
    /// Passwords changed by their owners.
    password_changes,
    /// Requests that reached `/auth/refresh`, whatever became of them; a duplicated one counts twice.
    refresh_requests,
    /// Refresh tokens exchanged for new ones.
    exchanges,
    /// Exchanges asked for again and answered with the same successor.
    replays,
    /// Late repeats told `superseded`.
    superseded,
    /// Keys presented with another token.
    idempotency_mismatches,
    /// Families ended because a token was used twice.
    reuse_detected,
    /// Refresh requests refused by any other verdict on the token, or for a family that had ended before.
    refresh_rejected,
    /// Live families ended by `/auth/logout`.
    revocations,
    /// Requests to `/api/*` that were served.
    api_ok,
    /// Requests to `/api/*` refused for their token.
    api_rejected,
    /// Pages rendered for a visitor under `/app`.
    documents,
    /// Documents under `/app` answered with 401, by whatever method they were asked for.
    documents_refused,
    /// Forms sent back with their body, once, because the cookie's token was not accepted.
    forms_sent_back,
    /// Notes created: the countable side effect.
    notes,
    /// Faults that fired.
    faults,
}

#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
