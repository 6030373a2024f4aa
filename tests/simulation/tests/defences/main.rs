//! The defences bite: each one is taken out of the real code, and something must see it. `played` looks with the
//! simulation, whose seeds are clean with all of them; what it cannot see is told as a story against a real HTTP
//! server, which goes well with the defence and not without. [`shown_by`] says which is which.
//!
//!     cargo test -p tokencast-simulation --features danger-switches --test defences -- --nocapture

#![allow(clippy::unwrap_used)] // a test's tools fail by panicking
#![allow(clippy::print_stderr)] // the table of docs/reliability.md

mod played;
mod stories;

use tokencast::defence::Defence;

/// How the lack of a defence is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    /// The simulation finds it by itself.
    Played,
    /// A story of that name tells it; the simulation need not find it.
    Told(&'static str),
    /// Both.
    Both(&'static str),
}

impl Shown {
    fn is_played(self) -> bool {
        matches!(self, Self::Played | Self::Both(_))
    }

    fn story(self) -> Option<&'static str> {
        match self {
            Self::Played => None,
            Self::Told(name) | Self::Both(name) => Some(name),
        }
    }
}

/// Complete by the compiler's own check: a new defence wants a line here.
fn shown_by(defence: Defence) -> Shown {
    use Defence::*;
    use Shown::{Both, Played, Told};
    match defence {
        OneFlight
        | FlightLock
        | SaveBeforeJudging
        | CompareBeforeWrite
        | NewerEpochWins
        | MemoryOnlyRises
        | ReadBack
        | LockUntilSaved
        | OnlyListedVerdicts
        | LookBeforeEnding
        | Tombstone
        | AbsentIsUnavailable
        | EpochAtSignIn
        | EpochUnderLock
        | OldSessionRevoked
        | EventsInOrder
        | SignOutInMemoryFirst
        | IntentBeforeWire
        | IntentReadBack
        | NewKeyAtCommit
        | KeyOfTheToken
        | SupersededIsTransient => Played,
        LookUnderLock => Told("a_look_before_the_exchange_keeps_the_spent_token_unspent"),
        NewerTokenServed => Told("a_token_that_another_process_got_is_enough"),
        ExchangeOutlivesCallers => Told("the_answer_arrives_when_its_caller_has_left"),
        DisplacedIsRevoked => Told("what_a_sign_out_displaced_waits_to_be_revoked"),
        SaveBeforeMemory => Both("no_token_is_served_before_its_save"),
        MemorysToken => Both("memorys_token_is_presented_while_the_records_is_spent"),
        HungWriteKeepsLock => Told("a_hung_write_lands_over_nothing_newer"),
        TombstoneCountsOn => Told("a_dead_session_ends_in_memory_and_in_the_record"),
        TrustedAbsence => Told("a_store_that_hides_its_entries_is_locked"),
        ValidTokenServed => Both("a_valid_token_is_served_while_the_server_is_busy"),
        RefusedTokenWithheld => Told("a_rejected_token_is_not_served_again"),
        LateReportFromMemory => Told("a_late_report_costs_no_exchange"),
        Breaker => Told("tokens_rejected_at_once_are_not_fetched_for_ever"),
        OldTokenKept => Told("an_answer_without_a_refresh_token_loses_none"),
        LeavingHoldsMemory => Both("a_late_answer_brings_no_signed_out_session_back"),
        SignOutNoted => Both("a_sign_out_that_was_not_saved_holds_at_the_next_start"),
        NewestIsRevoked => Told("the_newest_token_waits_to_be_revoked"),
        EpochAtSignOut => Told("a_signed_out_epoch_is_over"),
        UnsavedSignInRevoked => Told("a_sign_in_that_is_not_saved_is_revoked"),
        PendingRevocationsKept => Told("a_sign_in_keeps_what_waits_to_be_revoked"),
        FailingListenerSkipped => Told("a_listener_that_panicked_hears_the_next_event"),
        StoredKeyStays => Told("a_later_save_of_the_same_token_keeps_its_key"),
        NoHiddenResends => Told("a_redirect_does_not_present_the_token_twice"),
    }
}
