//! What can go wrong, and how often.

use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub(super) enum Fault {
    /// A process dies at any step; started again it reads the record. A reboot is the same.
    Crash,
    /// The request does not reach the server, or no byte of it left.
    LostBefore,
    /// The server has answered and the client gets nothing, a part, garbage or a gateway's 5xx.
    LostAfter,
    /// From here on no write lands, until that ends by itself.
    Outage,
    /// The write is told to have failed and has landed.
    FailedButLanded,
    /// The write is told to be done and has not landed.
    Lie,
    /// One read, of any kind, is refused.
    Unreadable,
    /// A copy of the request arrives any time later.
    Duplicate,
    /// The client gives up on the request, which arrives any time later.
    Delay,
    /// The flight lock is lost while the request is on the wire.
    LockGivenUp,
    /// A write hangs past its deadline and lands any time later, after its process's death too.
    Hang,
    /// A page that was lent the request brings nothing back: it died before it presented the token, with the request under
    /// way, or with the answer in its hands.
    Lapse,
    /// The server does not say whose a pair is.
    Unjudged,
    /// More time passes than the server's late window is long, as often as it likes.
    LongWait,
}

impl Fault {
    pub(super) const ALL: [Self; 14] = [
        Self::Crash,
        Self::LostBefore,
        Self::LostAfter,
        Self::Outage,
        Self::FailedButLanded,
        Self::Lie,
        Self::Unreadable,
        Self::Duplicate,
        Self::Delay,
        Self::LockGivenUp,
        Self::Hang,
        Self::Lapse,
        Self::Unjudged,
        Self::LongWait,
    ];
}

/// The faults that have happened on one way, in order of their kind.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(super) struct Happened {
    kinds: [Option<Fault>; 2],
}

impl Happened {
    pub(super) const NONE: Self = Self { kinds: [None; 2] };

    pub(super) fn one(fault: Fault) -> Self {
        Self {
            kinds: [Some(fault), None],
        }
    }

    pub(super) fn two(a: Fault, b: Fault) -> Self {
        Self {
            kinds: [Some(a.min(b)), Some(a.max(b))],
        }
    }

    /// One more, if there may be so many.
    pub(super) fn and(self, fault: Fault, most: usize) -> Option<Self> {
        let count = self.count();
        match self.kinds {
            _ if fault == Fault::LongWait && self.has(fault) => Some(self),
            _ if count >= most => None,
            [None, _] => Some(Self::one(fault)),
            [Some(a), None] => Some(Self::two(a, fault)),
            [Some(_), Some(_)] => None,
        }
    }

    pub(super) fn count(self) -> usize {
        self.kinds.iter().flatten().count()
    }

    pub(super) fn has(self, fault: Fault) -> bool {
        self.kinds.contains(&Some(fault))
    }

    /// Whether all of `other` is among these.
    pub(super) fn includes(self, other: Self) -> bool {
        match other.kinds {
            [Some(a), Some(b)] => self == Self::two(a, b),
            [Some(a), None] => self.has(a),
            _ => true,
        }
    }
}

impl fmt::Debug for Happened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.kinds.iter().flatten()).finish()
    }
}
