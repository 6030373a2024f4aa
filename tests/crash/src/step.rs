use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! steps {
    ($($step:ident = $words:literal,)*) => {
        /// A moment in the flight of a restored session, in the order of `refresh.md`'s "one flight".
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Step {
            $(#[doc = $words] $step,)*
        }

        impl Step {
            /// All, in order.
            pub const ALL: &[Self] = &[$(Self::$step),*];
        }

        impl fmt::Display for Step {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(match self {
                    $(Self::$step => $words,)*
                })
            }
        }
    };
}

steps! {
    BeforeFlightLock = "before the flight lock",
    FlightLocked = "flight lock taken",
    BeforeIntentLock = "intent: before the record lock",
    IntentLocked = "intent: record lock taken",
    IntentCompared = "intent: record read again and compared",
    InIntentWrite = "intent: in the middle of the write",
    IntentWritten = "intent: written",
    IntentReadBack = "intent: read back",
    IntentUnlocked = "intent: record lock released",
    BeforeSend = "before the request",
    OnTheWire = "request or answer on the wire",
    ServerCommitted = "server committed, answer withheld",
    AnswerDelivered = "answer delivered",
    BeforeCommitLock = "commit: before the record lock",
    CommitLocked = "commit: record lock taken",
    CommitCompared = "commit: record compared",
    InCommitWrite = "commit: in the middle of the write",
    CommitWritten = "commit: written",
    CommitReadBack = "commit: read back",
    CommitUnlocked = "commit: record lock released",
    BeforeFlightUnlock = "before the flight lock's release",
    FlightUnlocked = "flight lock released",
    Published = "published",
}

impl Step {
    /// The step's number, from 1.
    pub fn number(self) -> u32 {
        self as u32 + 1
    }

    /// The step of that number.
    pub fn from_number(number: u32) -> Option<Self> {
        let index = usize::try_from(number.checked_sub(1)?).ok()?;
        Self::ALL.get(index).copied()
    }

    /// Whether the server has exchanged the token for certain when a process dies here.
    pub fn is_after_the_exchange(self) -> bool {
        self >= Self::ServerCommitted
    }
}
