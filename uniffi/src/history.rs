//! The history of a session: why a user was signed out.

use tokencast::time::WallTime;

pub use tokencast::state::{Cause, Trail};

use crate::error::{EndReason, LockedCause, StorageFailure};
use crate::token::Generation;

/// One thing that happened to a session. Holds no secret, no account and no text of a server but its error code.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Transition {
    /// When, on the device's calendar, in milliseconds since 1970; the last time, if it happened several times.
    pub at: WallTime,
    /// What.
    pub cause: Cause,
    /// The status that the server answered with, if it was the server's doing.
    pub status: Option<i32>,
    /// The server's error code: at most 64 characters of a name.
    pub server_code: Option<String>,
    /// The token set that it happened to.
    pub generation: Generation,
    /// How often it happened to that token set.
    pub times: i64,
    /// The process that noted it, as the system numbers them.
    pub process: i64,
    /// All of it as one plain English sentence.
    pub detail: String,
}

impl From<&tokencast::state::Transition> for Transition {
    fn from(core: &tokencast::state::Transition) -> Self {
        Self {
            at: core.at,
            cause: core.cause.clone(),
            status: core.status.map(i32::from),
            server_code: core.server_code.clone(),
            generation: core.generation.into(),
            times: core.times.into(),
            process: core.process.into(),
            detail: core.to_string(),
        }
    }
}

uniffi::custom_type!(WallTime, i64, {
    remote,
    lower: |time| time.unix_millis(),
    try_lift: |millis| Ok(WallTime::from_unix_millis(millis)),
});

uniffi::custom_type!(Trail, Vec<Transition>, {
    remote,
    lower: |trail| trail.iter().map(Transition::from).collect(),
    // Trails only go out.
    try_lift: |_unread| Ok(Trail::default()),
});

/// What happened to a session. `docs/guides/why-signed-out.md` says what each means and what to do.
#[uniffi::remote(Enum)]
#[non_exhaustive]
pub enum Cause {
    /// The user signed in.
    SignedIn,
    /// The app handed over tokens that it had.
    Adopted,
    /// A start found the session.
    Restored,
    /// The server gave new tokens.
    Renewed,
    /// Another process had renewed: its tokens are used.
    TakenOver,
    /// Another process had signed in or out since: its session is used.
    Displaced,
    /// A refresh found that an earlier one had begun and not ended: the process died in it, or its answer was lost.
    Interrupted {
        /// When the earlier one began.
        since: WallTime,
    },
    /// A refresh did not reach the server.
    Offline,
    /// The server's certificate was not accepted; nothing was sent.
    Untrusted,
    /// The request may have reached the server, and no readable answer came back.
    AnswerLost,
    /// The server answered, but not with a verdict.
    ServerBusy,
    /// The server said that a newer token exists, and no other process has it.
    Superseded,
    /// Another process was at work for too long.
    Busy,
    /// The platform took back the app's time in the background during a refresh.
    BackgroundTimeOver,
    /// The app's `RequestFields` had no answer: no request was sent.
    NoFields,
    /// The set-up is wrong.
    Misconfigured,
    /// A server refused the access token.
    Rejected,
    /// New tokens were refused as soon as they came: refreshes pause.
    Paused,
    /// The storage did not take what must be noted before a refresh, so none was made.
    StorageFailed(StorageFailure),
    /// The storage did not take new tokens, or the end of a session: memory alone has them.
    SaveFailed(StorageFailure),
    /// Tokens that lived in memory only are saved.
    SavedLater,
    /// The stored session could not be read.
    Locked(LockedCause),
    /// The stored session can be read again.
    Unlocked,
    /// The user asked to sign out: no token is served from here on.
    SignOutAsked,
    /// The storage did not take the sign-out; it is noted in the app's own folder, and no start restores the session.
    SignOutNoted,
    /// The sign-out is saved.
    SignedOut,
    /// The session is over.
    Ended(EndReason),
}
