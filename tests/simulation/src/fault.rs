//! What can go wrong, and in which step of a flight.

/// One kind of trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// No byte of the request leaves.
    NotSent,
    /// The connection ends before the server sees the request.
    CutBeforeCommit,
    /// The connection ends after the server's commit, before the answer.
    CutAfterCommit,
    /// The connection ends in the middle of the answer's body.
    CutInBody,
    /// The answer looks whole and its body is not.
    Truncated,
    /// The answer is something else, with status 200.
    Garbled,
    /// The answer comes late, or too late.
    AnswerDelayed,
    /// The request arrives after the client has given up.
    RequestDelayed,
    /// The request arrives twice.
    RequestDuplicated,
    /// An answer with this status, before or after the server's commit.
    Status408,
    /// As above.
    Status425,
    /// As above, with `Retry-After`.
    Status429,
    /// As above.
    Status500,
    /// As above.
    Status503,
    /// An old 409 `superseded`, replayed by something on the way.
    StaleSuperseded,
    /// One read fails.
    ReadFails,
    /// One write fails and leaves nothing.
    WriteFails,
    /// One write is reported failed and landed.
    WriteLandsUnconfirmed,
    /// One write is acknowledged and did not land.
    WriteLies,
    /// The storage does not answer for a while; then the call goes on.
    StorageHangs,
    /// The storage is locked for a time.
    StorageLocked,
    /// The storage shows no entry for a time and takes no writes.
    StorageLost,
    /// A process dies and starts again later.
    Crash,
    /// A process dies inside a write, before the bytes land.
    CrashBeforeWrite,
    /// A process dies inside a write, after the bytes landed.
    CrashAfterWrite,
    /// The device sleeps: the boot clock jumps, timers are late.
    DeviceSleep,
    /// The wall clock is set forward.
    WallForward,
    /// The wall clock is set back.
    WallBack,
    /// The user signs out.
    SignOut,
    /// The user's password is changed elsewhere: all sessions end.
    PasswordChange,
    /// A thief presents the stored refresh token.
    Thief,
}

/// Where a flight stands, as far as it can be seen from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FlightStep {
    /// No flight is under way.
    Idle,
    /// It waits for the flight lock.
    Locking,
    /// It reads the record under the lock.
    Rereading,
    /// It writes the intent.
    Intending,
    /// The request is on the wire.
    Sending,
    /// It waits before repeating the request.
    Pausing,
    /// It takes back the intent of a request that never left.
    Withdrawing,
    /// It reads the record again after `superseded`.
    LookingAgain,
    /// It writes the tombstone of a dead session.
    Burying,
    /// It saves the new tokens.
    Committing,
    /// A save failed; it is tried again.
    Saving,
}

/// Who has to be there for a fault to strike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A request on the wire.
    Network,
    /// A call of the storage.
    Storage,
    /// A write to the storage.
    Writing,
    /// Nothing.
    Anywhere,
}

impl Fault {
    /// All of them.
    pub const ALL: &[Fault] = &[
        Self::NotSent,
        Self::CutBeforeCommit,
        Self::CutAfterCommit,
        Self::CutInBody,
        Self::Truncated,
        Self::Garbled,
        Self::AnswerDelayed,
        Self::RequestDelayed,
        Self::RequestDuplicated,
        Self::Status408,
        Self::Status425,
        Self::Status429,
        Self::Status500,
        Self::Status503,
        Self::StaleSuperseded,
        Self::ReadFails,
        Self::WriteFails,
        Self::WriteLandsUnconfirmed,
        Self::WriteLies,
        Self::StorageHangs,
        Self::StorageLocked,
        Self::StorageLost,
        Self::Crash,
        Self::CrashBeforeWrite,
        Self::CrashAfterWrite,
        Self::DeviceSleep,
        Self::WallForward,
        Self::WallBack,
        Self::SignOut,
        Self::PasswordChange,
        Self::Thief,
    ];

    pub(crate) fn place(self) -> Place {
        match self {
            Self::ReadFails | Self::StorageHangs => Place::Storage,
            Self::WriteFails
            | Self::WriteLandsUnconfirmed
            | Self::WriteLies
            | Self::CrashBeforeWrite
            | Self::CrashAfterWrite => Place::Writing,
            Self::StorageLocked
            | Self::StorageLost
            | Self::Crash
            | Self::DeviceSleep
            | Self::WallForward
            | Self::WallBack
            | Self::SignOut
            | Self::PasswordChange
            | Self::Thief => Place::Anywhere,
            _ => Place::Network,
        }
    }

    /// Why this fault cannot strike in that step; `None` when it can.
    pub fn impossible_in(self, step: FlightStep) -> Option<&'static str> {
        use FlightStep::{Idle, Locking, LookingAgain, Pausing, Rereading, Sending};
        match self.place() {
            Place::Network if step != Sending => Some("no request is on the wire in this step"),
            Place::Storage if matches!(step, Idle | Locking | Sending | Pausing) => {
                Some("the flight does not call the storage in this step")
            }
            Place::Writing
                if matches!(
                    step,
                    Idle | Locking | Sending | Pausing | Rereading | LookingAgain
                ) =>
            {
                Some("the flight writes nothing in this step")
            }
            _ => None,
        }
    }
}

impl FlightStep {
    /// All of them.
    pub const ALL: &[FlightStep] = &[
        Self::Idle,
        Self::Locking,
        Self::Rereading,
        Self::Intending,
        Self::Sending,
        Self::Pausing,
        Self::Withdrawing,
        Self::LookingAgain,
        Self::Burying,
        Self::Committing,
        Self::Saving,
    ];

    /// The fault that leads a flight into this step, if it takes one.
    pub(crate) fn led_to_by(self) -> Option<(Fault, FlightStep)> {
        match self {
            Self::Pausing => Some((Fault::CutBeforeCommit, Self::Sending)),
            Self::Withdrawing => Some((Fault::NotSent, Self::Sending)),
            Self::LookingAgain => Some((Fault::StaleSuperseded, Self::Sending)),
            Self::Burying => Some((Fault::PasswordChange, Self::Rereading)),
            Self::Saving => Some((Fault::WriteFails, Self::Committing)),
            _ => None,
        }
    }
}
