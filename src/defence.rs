//! The defences against losing a session, by name, and which of them stand. All of them do, always: only with the
//! feature `danger-switches` can a test take one out, to show that it is missed (`docs/reliability.md`).

#![cfg_attr(not(feature = "danger-switches"), allow(unreachable_pub))] // public only with the switches

/// One defence, named after what it does. The numbers are the invariants of a refresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(not(feature = "reqwest"), allow(dead_code))] // the defence of a transport that is left out
pub enum Defence {
    /// 1: callers of one session join the flight that is under way.
    OneFlight,
    /// 1: an exchange holds the flight lock.
    FlightLock,
    /// 1: the record is read again under the flight lock.
    LookUnderLock,
    /// 1: a newer record with a live access token is served instead of being exchanged.
    NewerTokenServed,
    /// 2: an exchange goes on when its callers have left.
    ExchangeOutlivesCallers,
    /// 3: a token set is saved before anything is judged of it.
    SaveBeforeJudging,
    /// 4: a flight's write compares its draft with the stored record.
    CompareBeforeWrite,
    /// 4: a stored record of a newer epoch ends the flight.
    NewerEpochWins,
    /// 4: a result that a newer epoch displaced is revoked.
    DisplacedIsRevoked,
    /// 4: a token set is saved, and only then served.
    SaveBeforeMemory,
    /// 4: memory changes only upwards.
    MemoryOnlyRises,
    /// 4: a write is read back.
    ReadBack,
    /// 5: while memory is newer than the record, memory's token is presented.
    MemorysToken,
    /// 5: the flight lock is kept until the save, where a spent token is reuse.
    LockUntilSaved,
    /// 5: a write that hangs keeps the record lock.
    HungWriteKeepsLock,
    /// 6: a verdict that the profile does not list ends nothing.
    OnlyListedVerdicts,
    /// 7: the end is a compared write too, so that a newer session stays.
    LookBeforeEnding,
    /// 7: an end is written as a tombstone; the entry is not deleted.
    Tombstone,
    /// 7: the tombstone of a dead session counts on from it.
    TombstoneCountsOn,
    /// 7: an entry that vanishes under an active session is not "no session".
    AbsentIsUnavailable,
    /// Storage: at the start an absent entry must be proven absent.
    TrustedAbsence,
    /// 8: a valid access token is served while refreshes fail.
    ValidTokenServed,
    /// 8: an access token that the host reported as rejected is not served.
    RefusedTokenWithheld,
    /// 9: a late report of an older generation is answered from memory.
    LateReportFromMemory,
    /// 9: tokens rejected straight after their exchange open the breaker.
    Breaker,
    /// 10: an answer without a refresh token keeps the old one.
    OldTokenKept,
    /// 12: a sign-out takes the token out of memory at once.
    SignOutInMemoryFirst,
    /// 12: nothing comes into memory while its sign-out is being saved.
    LeavingHoldsMemory,
    /// 12: a sign-out that the store does not take blocks the next start.
    SignOutNoted,
    /// 12: the sign-out revokes the newest token, not the one that memory held.
    NewestIsRevoked,
    /// 12: a sign-out begins an epoch.
    EpochAtSignOut,
    /// 12: a sign-in begins an epoch.
    EpochAtSignIn,
    /// 12: a sign-in draws its epoch from the record read under the lock.
    EpochUnderLock,
    /// 12: a sign-in over a session revokes the old one.
    OldSessionRevoked,
    /// 12: a sign-in that could not be saved is revoked.
    UnsavedSignInRevoked,
    /// 12: each writer keeps the revocations that it finds pending.
    PendingRevocationsKept,
    /// 13: events reach a listener in order.
    EventsInOrder,
    /// 13: a listener that panics is skipped, and hears the next event.
    FailingListenerSkipped,
    /// 14: the intent stands in the record before the request leaves.
    IntentBeforeWire,
    /// 14: the intent is read back.
    IntentReadBack,
    /// 14: a new key is drawn at every commit.
    NewKeyAtCommit,
    /// 14: the key belongs to the token, not to the flight.
    KeyOfTheToken,
    /// 14: a stored credential keeps the key it was stored with.
    StoredKeyStays,
    /// 15: `superseded` is transient.
    SupersededIsTransient,
    /// 16: the transport re-sends nothing on its own.
    NoHiddenResends,
}

/// Which defences stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Defences {
    /// One bit for each that is taken out.
    #[cfg(feature = "danger-switches")]
    out: u64,
}

#[cfg(not(feature = "danger-switches"))]
impl Defences {
    /// Always: what ships has no branch here.
    #[inline(always)]
    pub(crate) const fn stand(self, _: Defence) -> bool {
        true
    }
}

#[cfg(feature = "danger-switches")]
impl Defences {
    pub(crate) const fn stand(self, defence: Defence) -> bool {
        self.out & (1 << defence as u64) == 0
    }

    pub(crate) const fn without(self, defence: Defence) -> Self {
        Self {
            out: self.out | (1 << defence as u64),
        }
    }
}

#[cfg(feature = "danger-switches")]
impl Defence {
    /// All of them.
    pub const ALL: &[Defence] = &[
        Self::OneFlight,
        Self::FlightLock,
        Self::LookUnderLock,
        Self::NewerTokenServed,
        Self::ExchangeOutlivesCallers,
        Self::SaveBeforeJudging,
        Self::CompareBeforeWrite,
        Self::NewerEpochWins,
        Self::DisplacedIsRevoked,
        Self::SaveBeforeMemory,
        Self::MemoryOnlyRises,
        Self::ReadBack,
        Self::MemorysToken,
        Self::LockUntilSaved,
        Self::HungWriteKeepsLock,
        Self::OnlyListedVerdicts,
        Self::LookBeforeEnding,
        Self::Tombstone,
        Self::TombstoneCountsOn,
        Self::AbsentIsUnavailable,
        Self::TrustedAbsence,
        Self::ValidTokenServed,
        Self::RefusedTokenWithheld,
        Self::LateReportFromMemory,
        Self::Breaker,
        Self::OldTokenKept,
        Self::SignOutInMemoryFirst,
        Self::LeavingHoldsMemory,
        Self::SignOutNoted,
        Self::NewestIsRevoked,
        Self::EpochAtSignOut,
        Self::EpochAtSignIn,
        Self::EpochUnderLock,
        Self::OldSessionRevoked,
        Self::UnsavedSignInRevoked,
        Self::PendingRevocationsKept,
        Self::EventsInOrder,
        Self::FailingListenerSkipped,
        Self::IntentBeforeWire,
        Self::IntentReadBack,
        Self::NewKeyAtCommit,
        Self::KeyOfTheToken,
        Self::StoredKeyStays,
        Self::SupersededIsTransient,
        Self::NoHiddenResends,
    ];
}
