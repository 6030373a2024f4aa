//! What can go wrong, twice: [`SessionError`] tells a caller what to do; [`Failure`] is what happened inside.
//! One table at the end of this file leads from the second to the first.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What a caller of a session can do about a failure.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// There is no session: show the sign-in.
    #[error("sign in again: {reason}")]
    SignInRequired {
        /// What ended the session.
        reason: EndReason,
    },
    /// The server did not accept the credentials of a sign-in: let the user correct them.
    #[error("the server refused the credentials ({code})")]
    InvalidCredentials {
        /// The server's error code.
        code: String,
    },
    /// Nothing is lost: try again, not before `after`.
    #[error("try again in {} ms: {cause}", after.as_millis())]
    TryAgain {
        /// The shortest wait that makes sense.
        after: Duration,
        /// What is in the way.
        cause: TryAgainCause,
    },
    /// The storage cannot be read now: wait for the user to unlock the device or keyring.
    #[error("the stored session cannot be read now: {cause}")]
    Locked {
        /// Why.
        cause: LockedCause,
    },
    /// What was asked could not be made durable.
    #[error("the storage failed: {cause}")]
    StorageFailed {
        /// What the storage said.
        cause: StorageFailure,
    },
    /// The set-up is wrong: a developer has to mend it.
    #[error("misconfigured: {what}; {fix}")]
    Misconfigured {
        /// What is wrong.
        what: String,
        /// What to do about it.
        fix: String,
    },
    /// The session object was closed.
    #[error("the session was closed")]
    Closed,
}

impl SessionError {
    /// What to do, in one sentence. Every language's error says these words.
    pub fn advice(&self) -> String {
        match self {
            Self::SignInRequired { .. } => "Show the sign-in.".into(),
            Self::InvalidCredentials { .. } => "Let the user correct them.".into(),
            Self::TryAgain { after, .. } => format!("Try again, not before {} ms have passed.", after.as_millis()),
            Self::Locked { .. } => {
                "Wait for the user to unlock the device or keyring, then notify the session that it is unlocked.".into()
            }
            Self::StorageFailed { .. } => {
                "Try again; if it stays, tell the user that the device cannot save.".into()
            }
            Self::Misconfigured { fix, .. } => fix.clone(),
            Self::Closed => "Make a new session.".into(),
        }
    }
}

/// Why a session ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EndReason {
    /// The user signed out, or never signed in.
    #[error("nobody is signed in")]
    SignedOut,
    /// The refresh token reached its end.
    #[error("the session expired")]
    Expired,
    /// The server no longer knows the refresh token.
    #[error("the server revoked the session")]
    Revoked,
    /// A spent refresh token was presented, by a thief or by the owner after a thief.
    #[error("the refresh token was used by someone else")]
    ReuseDetected,
    /// The password was changed.
    #[error("the password was changed")]
    PasswordChanged,
    /// Another device signed in and the server allows one.
    #[error("the account signed in on another device")]
    SignedInElsewhere,
    /// The platform's key that opened the storage is gone.
    #[error("the device's key for the stored session is gone")]
    KeyLost,
    /// The stored record was unreadable or gone.
    #[error("the stored session was lost")]
    StoreLost,
    /// The record belongs to an earlier installation of the app.
    #[error("the stored session belongs to an earlier installation")]
    StaleInstall,
    /// A page that refreshed by itself handed over tokens of another account, or ones that the server refused.
    #[error("a page handed over tokens that are not the session's")]
    HandoverRefused,
    /// An exchange was cut in the middle and the server did not accept its repetition.
    #[error("a refresh was interrupted and the server did not accept its repetition")]
    InterruptedRotation,
    /// Another code of the server.
    #[error("the server ended the session ({0})")]
    Server(String),
}

impl EndReason {
    /// The stable name used on the page bridge and in stored records.
    pub fn code(&self) -> &str {
        match self {
            Self::SignedOut => "signed_out",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::ReuseDetected => "reuse_detected",
            Self::PasswordChanged => "password_changed",
            Self::SignedInElsewhere => "signed_in_elsewhere",
            Self::KeyLost => "key_lost",
            Self::StoreLost => "store_lost",
            Self::StaleInstall => "stale_install",
            Self::HandoverRefused => "handover_refused",
            Self::InterruptedRotation => "interrupted_rotation",
            Self::Server(_) => "server",
        }
    }
}

/// What is in the way of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum TryAgainCause {
    /// The server could not be reached.
    #[error("offline")]
    Offline,
    /// The server's certificate was not accepted: a captive portal, a wrong clock, or an attack.
    #[error("the server's certificate was not accepted")]
    Untrusted,
    /// Another process or call is at work.
    #[error("another refresh is under way")]
    Busy,
    /// The server answered, but not with a verdict.
    #[error("the server is in trouble")]
    Server,
    /// The app's own [`RequestFields`](crate::session::RequestFields) had no answer: nothing was sent.
    #[error("the app gave no fields for the request")]
    App,
}

/// Why the stored session cannot be read now.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LockedCause {
    /// The device or the keyring is locked.
    #[error("the device or keyring is locked")]
    DeviceLocked,
    /// There is no secret service on this system.
    #[error("there is no keyring service")]
    NoService,
    /// The storage did not answer within its deadline.
    #[error("the storage did not answer in time")]
    TimedOut,
    /// The record was written by a newer version of this library.
    #[error("the record was written by a newer version")]
    NewerFormat,
    /// The entry that an active session used is gone; the next start decides.
    #[error("the stored entry is gone")]
    Vanished,
    /// The set-up is wrong; every call says how to mend it.
    #[error("the storage is misconfigured")]
    Misconfigured,
    /// Anything else that may pass.
    #[error("the storage is unavailable")]
    Unavailable,
}

/// Why something could not be saved.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StorageFailure {
    /// The storage cannot be reached now.
    #[error("{0}")]
    Unavailable(LockedCause),
    /// A write was refused or its outcome is unknown.
    #[error("a write was not confirmed")]
    Unconfirmed,
    /// What is stored is not what was written.
    #[error("the storage lied about a write")]
    ReadBackDiffers,
    /// Another process or a hung write holds the record.
    #[error("the record is held by another writer")]
    Held,
    /// The record would be larger than 256 KiB.
    #[error("the record is too large")]
    TooLarge,
}

/// What happened inside. Never leaves the crate: [`SessionError`] is made from it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    #[error("ended: {0}")]
    Ended(EndReason),
    #[error("credentials refused ({0})")]
    Refused(String),
    #[error("the server could not be reached")]
    Offline,
    #[error("the server's certificate was not accepted")]
    Untrusted,
    #[error("the answer was lost or not understood")]
    AnswerLost,
    #[error("the server asks to wait")]
    ServerBusy { after: Option<Duration> },
    #[error("the flight lock is held elsewhere")]
    LockHeld,
    #[error("the app's time in the background was over")]
    TimeIsUp,
    #[error("the app gave no fields for the request")]
    NoFields,
    #[error("calls wait for the cooldown")]
    CoolingDown { left: Duration, cause: TryAgainCause },
    #[error("locked: {0}")]
    Locked(LockedCause),
    #[error("storage: {0}")]
    Storage(StorageFailure),
    #[error("misconfigured: {what}")]
    Misconfigured { what: String, fix: String },
    #[error("no randomness")]
    NoRandomness,
    #[error("closed")]
    Closed,
}

impl Failure {
    /// For `map_err`: the system gave no random bytes.
    pub(crate) fn no_randomness<E>(_: E) -> Self {
        Self::NoRandomness
    }

    pub(crate) fn misconfigured(what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::Misconfigured {
            what: what.into(),
            fix: fix.into(),
        }
    }
}

/// The shortest wait that is worth a caller's while when the server named none.
pub(crate) const DEFAULT_RETRY: Duration = Duration::from_secs(2);

impl From<Failure> for SessionError {
    fn from(failure: Failure) -> Self {
        let try_again = |after, cause| Self::TryAgain { after, cause };
        match failure {
            Failure::Ended(reason) => Self::SignInRequired { reason },
            Failure::Refused(code) => Self::InvalidCredentials { code },
            Failure::Offline => try_again(DEFAULT_RETRY, TryAgainCause::Offline),
            Failure::Untrusted => try_again(DEFAULT_RETRY, TryAgainCause::Untrusted),
            Failure::AnswerLost => try_again(DEFAULT_RETRY, TryAgainCause::Server),
            Failure::ServerBusy { after } => try_again(after.unwrap_or(DEFAULT_RETRY), TryAgainCause::Server),
            Failure::LockHeld | Failure::TimeIsUp => try_again(DEFAULT_RETRY, TryAgainCause::Busy),
            Failure::NoFields => try_again(DEFAULT_RETRY, TryAgainCause::App),
            Failure::CoolingDown { left, cause } => try_again(left, cause),
            Failure::Locked(cause) => Self::Locked { cause },
            Failure::Storage(cause) => Self::StorageFailed { cause },
            Failure::Misconfigured { what, fix } => Self::Misconfigured { what, fix },
            Failure::NoRandomness => Self::Misconfigured {
                what: "the system gave no random bytes".into(),
                fix: "check the platform's random source".into(),
            },
            Failure::Closed => Self::Closed,
        }
    }
}
