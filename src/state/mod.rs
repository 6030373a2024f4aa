//! What an app sees of its session: the state, and what happens to it. Pure.
//!
//! ```text
//!                    record found
//!   Restoring ────────────────────────────► Active ◄──────────────┐
//!    │  │  │                                 │   │               │
//!    │  │  └─ nothing stored ─► SignedOut ◄──┘   │ dead verdict  │ sign_in, adopt
//!    │  │                        │  ▲ sign_out   ▼               │
//!    │  └─ storage not readable  │  └──── SignInRequired ────────┤
//!    ▼                           └────────────────────────────────┤
//!   Locked ── readable again ─► Restoring                         │
//! ```

mod transition;

use serde::{Deserialize, Serialize};

use crate::error::{EndReason, LockedCause, SessionError, StorageFailure};
use crate::time::BootTime;
use crate::token::AccessToken;

pub use transition::{Cause, Trail, Transition};

/// The public state of a session. "Refreshing" is none: a caller that needs a token waits for it.
#[derive(Clone, Debug, PartialEq, Eq)]
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
        /// What led there; [`AuthSession::history`](crate::AuthSession::history) has more of it. No part of what makes
        /// two states equal.
        history: Trail,
    },
}

impl SessionState {
    /// Whether calls can expect a token.
    pub fn is_active(&self) -> bool {
        matches!(self, Self::Active { .. })
    }
}

/// Something that happened to a session, in order, latest wins.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionEvent {
    /// The broadcast: a new access token, already saved.
    AccessTokenChanged(AccessToken),
    /// The session's state is another one.
    StateChanged(SessionState),
    /// A refresh failed; the session goes on.
    RefreshFailed {
        /// What went wrong.
        error: SessionError,
        /// When the next attempt may be made.
        retry_at: Option<BootTime>,
    },
    /// A save failed; the new token lives in memory and saving is tried again.
    StorageDegraded {
        /// What the storage said.
        error: StorageFailure,
    },
}

/// What the host tells the session about its surroundings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
