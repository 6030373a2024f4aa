use std::time::Duration;

use super::Demand;
use super::turn::{Asked, Turn};
use crate::time::BootTime;
use crate::token::Generation;

/// The shortest life of a token that a page is given without asking the session, where the token allows it: a
/// page does not send a body that cannot be replayed with less.
pub(super) const MIN_TTL: Duration = Duration::from_secs(30);
/// How long a question waits for the session. A page waits 15 s itself, but its timers may be throttled.
pub(super) const PATIENCE: Duration = Duration::from_secs(14);
/// So many questions of one page may wait at once.
pub(super) const MAX_WAITING: usize = 64;

/// A question that waits for the session.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) asked: Asked,
    pub(super) want: Want,
    /// Whether the demand under way, or one before it, is for this question too.
    pub(super) covered: bool,
    pub(super) deadline: BootTime,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Want {
    /// A token with a life; a `hello` is content with the state when there is none.
    Fresh { greeting: bool },
    /// A token newer than the rejected one.
    NewerThan(Generation),
    /// The refresh token behind the rejected one, or a newer token.
    Lease(Generation),
}

impl Want {
    pub(super) fn is_covered_by(self, demand: &Demand) -> bool {
        match (self, demand) {
            (Self::Fresh { .. }, _) => true,
            (Self::NewerThan(old) | Self::Lease(old), Demand::Rejected { used } | Demand::Lease { used }) => {
                old <= *used
            }
            (Self::NewerThan(_) | Self::Lease(_), Demand::Fresh { .. }) => false,
        }
    }

    pub(super) fn is_met(self, turn: &Turn<'_>) -> bool {
        turn.token().is_some_and(|token| match self {
            Self::Fresh { .. } => token.serves(turn.now, MIN_TTL),
            Self::NewerThan(used) | Self::Lease(used) => token.generation() > used,
        })
    }
}
