//! Errors. The text that `thiserror` makes does not cross the boundary, so each variant carries it as `detail`, and
//! the core's advice as `advice`. `detail` and `why` are the core's `message` and `cause`, which Kotlin's `Throwable`
//! has for its own.

pub use tokencast::error::{EndReason, LockedCause, StorageFailure, TryAgainCause};

use crate::token::millis;

/// What a caller of a session can do about a failure.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum SessionError {
    /// There is no session: show the sign-in.
    #[error("{detail}")]
    SignInRequired {
        /// What ended the session.
        reason: EndReason,
        /// In words, without secrets.
        detail: String,
        /// What to do, in one sentence.
        advice: String,
    },
    /// The server did not accept the credentials of a sign-in: let the user correct them.
    #[error("{detail}")]
    InvalidCredentials {
        /// The server's error code.
        code: String,
        /// In words, without secrets.
        detail: String,
        /// What to do, in one sentence.
        advice: String,
    },
    /// Nothing is lost: try again, not before `after_ms`.
    #[error("{detail}")]
    TryAgain {
        /// The shortest wait that makes sense, in milliseconds.
        after_ms: i64,
        /// What is in the way.
        why: TryAgainCause,
        /// In words, without secrets.
        detail: String,
        /// What to do, in one sentence.
        advice: String,
    },
    /// The storage cannot be read now: wait for the user to unlock the device or keyring.
    #[error("{detail}")]
    Locked {
        /// Why.
        why: LockedCause,
        /// In words, without secrets.
        detail: String,
        /// What to do, in one sentence.
        advice: String,
    },
    /// What was asked could not be made durable.
    #[error("{detail}")]
    StorageFailed {
        /// What the storage said.
        why: StorageFailure,
        /// In words, without secrets.
        detail: String,
        /// What to do, in one sentence.
        advice: String,
    },
    /// The set-up is wrong: a developer has to mend it.
    #[error("{detail}")]
    Misconfigured {
        /// What is wrong.
        what: String,
        /// What to do about it.
        fix: String,
        /// In words, without secrets.
        detail: String,
        /// What to do, in one sentence.
        advice: String,
    },
    /// The session object was closed.
    #[error("{detail}")]
    Closed {
        /// In words.
        detail: String,
        /// What to do, in one sentence.
        advice: String,
    },
}

impl SessionError {
    pub(crate) fn misconfigured(what: impl Into<String>, fix: impl Into<String>) -> Self {
        tokencast::error::SessionError::Misconfigured {
            what: what.into(),
            fix: fix.into(),
        }
        .into()
    }
}

impl From<tokencast::error::SessionError> for SessionError {
    fn from(error: tokencast::error::SessionError) -> Self {
        use tokencast::error::SessionError as Core;
        let (detail, advice) = (error.to_string(), error.advice());
        match error {
            Core::SignInRequired { reason } => Self::SignInRequired {
                reason,
                detail,
                advice,
            },
            Core::InvalidCredentials { code } => Self::InvalidCredentials { code, detail, advice },
            Core::TryAgain { after, cause } => Self::TryAgain {
                after_ms: millis(after),
                why: cause,
                detail,
                advice,
            },
            Core::Locked { cause } => Self::Locked {
                why: cause,
                detail,
                advice,
            },
            Core::StorageFailed { cause } => Self::StorageFailed {
                why: cause,
                detail,
                advice,
            },
            Core::Misconfigured { what, fix } => Self::Misconfigured {
                what,
                fix,
                detail,
                advice,
            },
            Core::Closed => Self::Closed { detail, advice },
            // `tests/mirrors.rs` keeps this arm from being reached.
            _ => Self::Misconfigured {
                what: "an error that these bindings do not know".into(),
                fix: "generate them anew".into(),
                detail,
                advice,
            },
        }
    }
}

impl From<tokencast::profile::ProfileError> for SessionError {
    fn from(error: tokencast::profile::ProfileError) -> Self {
        let tokencast::profile::ProfileError { field, problem, fix } = error;
        Self::misconfigured(format!("server profile, `{field}`: {problem}"), fix)
    }
}

/// What a language's layer notices by itself, without a session to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum LayerFailure {
    /// Its session was closed.
    Closed,
    /// The library panicked.
    Defect,
}

/// What a layer says of it, so that all languages say the same.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Words {
    /// What happened.
    pub detail: String,
    /// What to do, in one sentence.
    pub advice: String,
}

/// The words for a failure that a layer notices by itself.
#[uniffi::export]
pub fn words_for(failure: LayerFailure) -> Result<Words, SessionError> {
    Ok(match failure {
        LayerFailure::Closed => {
            let closed = tokencast::error::SessionError::Closed;
            Words {
                detail: closed.to_string(),
                advice: closed.advice(),
            }
        }
        LayerFailure::Defect => Words {
            detail: "a fault in the library".into(),
            advice: "Report it with what led to it.".into(),
        },
    })
}

/// Why a session ended.
#[uniffi::remote(Enum)]
#[non_exhaustive]
pub enum EndReason {
    /// The user signed out, or never signed in.
    SignedOut,
    /// The refresh token reached its end.
    Expired,
    /// The server no longer knows the refresh token.
    Revoked,
    /// A spent refresh token was presented, by a thief or by the owner after a thief.
    ReuseDetected,
    /// The password was changed.
    PasswordChanged,
    /// Another device signed in and the server allows one.
    SignedInElsewhere,
    /// The platform's key that opened the storage is gone.
    KeyLost,
    /// The stored record was unreadable or gone.
    StoreLost,
    /// The record belongs to an earlier installation of the app.
    StaleInstall,
    /// A page that refreshed by itself handed over tokens of another account, or ones that the server refused.
    HandoverRefused,
    /// An exchange was cut in the middle and the server did not accept its repetition.
    InterruptedRotation,
    /// Another code of the server.
    Server(String),
}

/// What is in the way of an answer.
#[uniffi::remote(Enum)]
#[non_exhaustive]
pub enum TryAgainCause {
    /// The server could not be reached.
    Offline,
    /// The server's certificate was not accepted: a captive portal, a wrong clock, or an attack.
    Untrusted,
    /// Another process or call is at work.
    Busy,
    /// The server answered, but not with a verdict.
    Server,
    /// The app's own `RequestFields` had no answer: nothing was sent.
    App,
}

/// Why the stored session cannot be read now.
#[uniffi::remote(Enum)]
#[non_exhaustive]
pub enum LockedCause {
    /// The device or the keyring is locked.
    DeviceLocked,
    /// There is no secret service on this system.
    NoService,
    /// The storage did not answer within its deadline.
    TimedOut,
    /// The record was written by a newer version of this library.
    NewerFormat,
    /// The entry that an active session used is gone; the next start decides.
    Vanished,
    /// The set-up is wrong; every call says how to mend it.
    Misconfigured,
    /// Anything else that may pass.
    Unavailable,
}

/// Why something could not be saved.
#[uniffi::remote(Enum)]
#[non_exhaustive]
pub enum StorageFailure {
    /// The storage cannot be reached now.
    Unavailable(LockedCause),
    /// A write was refused or its outcome is unknown.
    Unconfirmed,
    /// What is stored is not what was written.
    ReadBackDiffers,
    /// Another process or a hung write holds the record.
    Held,
    /// The record would be larger than 256 KiB.
    TooLarge,
}
