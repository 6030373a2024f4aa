use std::fmt;

use tokencast::time::{Clock as _, SystemClock};

pub use tokencast::state::{Notice, SessionState};

use crate::error::{EndReason, LockedCause, SessionError, StorageFailure};
use crate::history::Trail;
use crate::token::{AccessToken, millis};

/// The state of a session. "Refreshing" is none: a caller that needs a token waits for it.
#[uniffi::remote(Enum)]
#[non_exhaustive]
pub enum SessionState {
    /// The record is being read; ends on its own.
    Restoring,
    /// The storage cannot be read now. The session is kept and tried again on `notify(Unlocked)`.
    Locked {
        /// Why.
        cause: LockedCause,
    },
    /// No session, and none was lost.
    SignedOut,
    /// Signed in.
    Active {
        /// The account's name, when the sign-in gave one.
        account: Option<String>,
    },
    /// The session ended without the user's wish: show a sign-in, with the reason.
    SignInRequired {
        /// What ended it.
        reason: EndReason,
        /// Whose session it was.
        account: Option<String>,
        /// What led there, oldest first; the session's `history` has more of it.
        history: Trail,
    },
}

/// What the host tells the session about its surroundings.
#[uniffi::remote(Enum)]
#[non_exhaustive]
pub enum Notice {
    /// The app is visible.
    Foreground,
    /// The app left the screen.
    Background,
    /// The device or keyring was unlocked.
    Unlocked,
    /// The network is back.
    Online,
}

/// Something that happened to a session, in order, latest wins.
#[derive(Clone, PartialEq, Eq, uniffi::Enum)]
#[uniffi::export(Debug)]
pub enum SessionEvent {
    /// The broadcast: a new access token, already saved.
    AccessTokenChanged {
        /// The token.
        token: AccessToken,
    },
    /// The session's state is another one.
    StateChanged {
        /// The state.
        state: SessionState,
    },
    /// A refresh failed; the session goes on.
    RefreshFailed {
        /// What went wrong.
        error: SessionError,
        /// When the next attempt may be made, in milliseconds from now.
        retry_in_ms: Option<i64>,
    },
    /// A save failed; the new token lives in memory and saving is tried again.
    StorageDegraded {
        /// What the storage said.
        error: StorageFailure,
    },
}

impl SessionEvent {
    /// `None` for an event that these bindings do not know; `tests/mirrors.rs` keeps that from happening.
    pub(crate) fn from_core(event: &tokencast::state::SessionEvent) -> Option<Self> {
        use tokencast::state::SessionEvent as Core;
        Some(match event {
            Core::AccessTokenChanged(token) => Self::AccessTokenChanged { token: token.into() },
            Core::StateChanged(state) => Self::StateChanged { state: state.clone() },
            Core::RefreshFailed { error, retry_at } => Self::RefreshFailed {
                error: error.clone().into(),
                retry_in_ms: retry_at.map(|at| millis(SystemClock.boot().until(at))),
            },
            Core::StorageDegraded { error } => Self::StorageDegraded { error: error.clone() },
            _ => return None,
        })
    }
}

impl fmt::Debug for SessionEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AccessTokenChanged { token } => write!(f, "AccessTokenChanged({token:?})"),
            Self::StateChanged { state } => write!(f, "StateChanged({state:?})"),
            Self::RefreshFailed { error, .. } => write!(f, "RefreshFailed({error:?})"),
            Self::StorageDegraded { error } => write!(f, "StorageDegraded({error:?})"),
        }
    }
}
