use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::error::{EndReason, LockedCause, StorageFailure};
use crate::time::WallTime;
use crate::token::Generation;

/// One thing that happened to a session. Holds no secret, no account and no text of a server but its error code. Its
/// `Display` is one plain English sentence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transition {
    /// When, on the device's calendar; the last time, if it happened several times.
    pub at: WallTime,
    /// What.
    pub cause: Cause,
    /// The status that the server answered with, if it was the server's doing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The server's error code: at most 64 characters of a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_code: Option<String>,
    /// The token set that it happened to.
    #[serde(flatten)]
    pub generation: Generation,
    /// How often it happened to that token set.
    #[serde(default = "once", skip_serializing_if = "is_once")]
    pub times: u32,
    /// The process that noted it, as the system numbers them.
    pub process: u32,
}

/// What happened to a session. `docs/guides/why-signed-out.md` says what each means and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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

impl Cause {
    /// Whether the session is over with it.
    pub fn is_end(&self) -> bool {
        matches!(self, Self::SignedOut | Self::Ended(_))
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SignedIn => f.write_str("the user signed in"),
            Self::Adopted => f.write_str("the app handed over tokens that it had"),
            Self::Restored => f.write_str("a start found the stored session"),
            Self::Renewed => f.write_str("the server gave new tokens"),
            Self::TakenOver => f.write_str("the tokens that another process had got were taken over"),
            Self::Displaced => f.write_str("another process had signed in or out"),
            Self::Interrupted { since } => {
                write!(
                    f,
                    "a refresh that began at {} was found unfinished",
                    Calendar(*since)
                )
            }
            Self::Offline => f.write_str("a refresh did not reach the server"),
            Self::Untrusted => f.write_str("the server's certificate was not accepted and nothing was sent"),
            Self::AnswerLost => f.write_str("no readable answer to a refresh came back"),
            Self::ServerBusy => f.write_str("the server was in trouble"),
            Self::Superseded => f.write_str("the server said that a newer token exists"),
            Self::Busy => f.write_str("another process was at work for too long"),
            Self::BackgroundTimeOver => {
                f.write_str("the app's time in the background ended during a refresh")
            }
            Self::NoFields => f.write_str("the app gave no fields for a request, so none was sent"),
            Self::Misconfigured => f.write_str("a refresh met a wrong set-up"),
            Self::Rejected => f.write_str("a server refused the access token"),
            Self::Paused => f.write_str("new tokens were refused as soon as they came, so refreshes pause"),
            Self::StorageFailed(failure) => {
                write!(f, "no refresh was made because the storage failed: {failure}")
            }
            Self::SaveFailed(failure) => write!(
                f,
                "what the server had given or said could not be saved: {failure}"
            ),
            Self::SavedLater => f.write_str("tokens that lived in memory only were saved"),
            Self::Locked(cause) => write!(f, "the stored session could not be read: {cause}"),
            Self::Unlocked => f.write_str("the stored session could be read again"),
            Self::SignOutAsked => f.write_str("the user asked to sign out"),
            Self::SignOutNoted => {
                f.write_str("the storage did not take the sign-out, which is noted beside it")
            }
            Self::SignedOut => f.write_str("the user signed out"),
            Self::Ended(reason) => write!(f, "the session ended: {reason}"),
        }
    }
}

impl fmt::Display for Transition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", Calendar(self.at), self.cause)?;
        match (self.status, &self.server_code) {
            (Some(status), Some(code)) => write!(f, " (the server answered {status} {code})")?,
            (Some(status), None) => write!(f, " (the server answered {status})")?,
            (None, Some(code)) => write!(f, " (the server answered {code})")?,
            (None, None) => {}
        }
        if self.times > 1 {
            write!(f, ", {} times", self.times)?;
        }
        write!(f, " [{}]", self.generation)
    }
}

/// What led to the end of a session: its last transitions, oldest first. Cheap to clone, and equal to every other: the
/// way to a state is no part of it.
#[derive(Clone, Debug, Default)]
pub struct Trail(Arc<[Transition]>);

impl Deref for Trail {
    type Target = [Transition];

    fn deref(&self) -> &[Transition] {
        &self.0
    }
}

impl PartialEq for Trail {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Trail {}

impl FromIterator<Transition> for Trail {
    fn from_iter<T: IntoIterator<Item = Transition>>(transitions: T) -> Self {
        Self(transitions.into_iter().collect())
    }
}

/// A calendar time as RFC 9110 writes it; a device's clock may say anything.
struct Calendar(WallTime);

impl fmt::Display for Calendar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// The last second that the format can write.
        const END_OF_9999: u64 = 253_402_300_799;
        let millis = u64::try_from(self.0.unix_millis()).unwrap_or(0);
        let at = UNIX_EPOCH + Duration::from_secs((millis / 1000).min(END_OF_9999));
        write!(f, "{}", httpdate::HttpDate::from(at))
    }
}

fn once() -> u32 {
    1
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde's signature
fn is_once(times: &u32) -> bool {
    *times == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transition() -> Transition {
        Transition {
            at: WallTime::from_unix_millis(1_700_000_000_000),
            cause: Cause::Ended(EndReason::InterruptedRotation),
            status: Some(401),
            server_code: Some("invalid_token".into()),
            generation: Generation::new(1, 4),
            times: 1,
            process: 7,
        }
    }

    #[test]
    fn a_transition_is_one_sentence() {
        assert_eq!(
            transition().to_string(),
            "Tue, 14 Nov 2023 22:13:20 GMT: the session ended: a refresh was interrupted and the server did not accept \
             its repetition (the server answered 401 invalid_token) [1.4]"
        );
        let offline = Transition {
            cause: Cause::Offline,
            status: None,
            server_code: None,
            times: 3,
            ..transition()
        };
        assert_eq!(
            offline.to_string(),
            "Tue, 14 Nov 2023 22:13:20 GMT: a refresh did not reach the server, 3 times [1.4]"
        );
    }

    #[test]
    fn a_clock_that_says_anything_is_written_all_the_same() {
        for millis in [i64::MIN, -1, i64::MAX] {
            let odd = Transition {
                at: WallTime::from_unix_millis(millis),
                ..transition()
            };
            assert!(odd.to_string().contains("GMT"), "{millis}");
        }
    }

    #[test]
    fn two_ways_to_one_state_are_equal() {
        assert_eq!(Trail::default(), Trail::from_iter([transition()]));
    }
}
