//! What a process's history must tell: the world knows what it did to the process, and the process must say so.

use std::collections::BTreeMap;

use tokencast::error::{EndReason, TryAgainCause};
use tokencast::state::{Cause, Transition};
use tokencast::transport::TransportError;
use tokencast::{SessionError, SessionEvent, SessionState};

use crate::server::Reply;
use crate::world::{Life, World};

/// What is not yet found in the histories.
#[derive(Debug, Default)]
pub(crate) struct Expectations(BTreeMap<Life, Vec<Expected>>);

#[derive(Debug)]
struct Expected {
    what: What,
    /// The wall clock when it happened; a set one orders nothing.
    at_ms: i64,
    offset_ms: i64,
}

#[derive(Debug)]
enum What {
    /// A refresh did not reach the server.
    NotSent,
    /// No readable answer came, or one with this status.
    Lost(Option<u16>),
    /// An answer without a verdict.
    Trouble(u16),
    /// An answer that ends a session: nothing but its end may follow, or what another process did meanwhile.
    Dead(u16, String),
    /// An exchange was cut off by the end of its process.
    Interrupted,
    /// What a listener was told.
    Told(SessionEvent),
}

impl What {
    fn is_in(&self, transition: &Transition) -> bool {
        let cause = &transition.cause;
        match self {
            Self::NotSent => *cause == Cause::Offline,
            Self::Lost(status) => *cause == Cause::AnswerLost && transition.status == *status,
            Self::Trouble(status) => {
                let busy = matches!(cause, Cause::ServerBusy | Cause::Superseded);
                (busy && transition.status == Some(*status)) || is_elsewhere(cause)
            }
            Self::Dead(status, code) => {
                let heard = transition.status == Some(*status);
                let said = transition.server_code.as_deref() == Some(code);
                (matches!(cause, Cause::Ended(_)) && heard && said) || is_elsewhere(cause)
            }
            Self::Interrupted => matches!(cause, Cause::Interrupted { .. }),
            Self::Told(event) => tells(cause, event),
        }
    }
}

/// What another process or the user did meanwhile; the flight ends with that.
fn is_elsewhere(cause: &Cause) -> bool {
    matches!(
        cause,
        Cause::TakenOver | Cause::Displaced | Cause::SignedOut | Cause::SignOutAsked | Cause::SignedIn
    )
}

/// An end is told once, however often the server is asked again because it could not be saved.
fn is_still_ended(told: &[Transition]) -> bool {
    let is_new_life = |cause: &Cause| {
        matches!(
            cause,
            Cause::SignedIn | Cause::Adopted | Cause::Renewed | Cause::TakenOver
        )
    };
    told[0].cause.is_end() && !told.iter().any(|later| is_new_life(&later.cause))
}

fn tells(cause: &Cause, event: &SessionEvent) -> bool {
    match event {
        SessionEvent::StateChanged(SessionState::Locked { cause: why }) => {
            *cause == Cause::Locked(why.clone())
        }
        SessionEvent::StateChanged(SessionState::SignInRequired { reason, .. }) => {
            *cause == Cause::Ended(reason.clone())
        }
        SessionEvent::StateChanged(SessionState::SignedOut) => {
            matches!(cause, Cause::SignOutAsked | Cause::SignedOut)
        }
        SessionEvent::StorageDegraded { error } => *cause == Cause::SaveFailed(error.clone()),
        SessionEvent::RefreshFailed { error, .. } => match error {
            SessionError::TryAgain { cause: why, .. } => match why {
                TryAgainCause::Offline => *cause == Cause::Offline,
                TryAgainCause::Untrusted => *cause == Cause::Untrusted,
                TryAgainCause::Busy => *cause == Cause::Busy,
                _ => matches!(cause, Cause::AnswerLost | Cause::ServerBusy | Cause::Superseded),
            },
            SessionError::Locked { cause: why } => *cause == Cause::Locked(why.clone()),
            SessionError::StorageFailed { .. } => {
                matches!(cause, Cause::StorageFailed(_) | Cause::Locked(_))
            }
            _ => *cause == Cause::Misconfigured,
        },
        _ => true,
    }
}

/// The world's side: what was done.
impl World {
    /// A process gets this in answer to a refresh.
    pub(crate) fn expect_of_answer(&mut self, life: Life, answer: &Result<Reply, TransportError>) {
        let what = match answer {
            Err(TransportError::NotSent) => What::NotSent,
            Err(_) => What::Lost(None),
            Ok(reply) if reply.carries.is_some() => return,
            Ok(reply) if reply.status == 200 => What::Lost(Some(200)),
            // One that was cut short says no code, and is no verdict.
            Ok(reply) if reply.status == 401 && !reply.code().is_empty() => {
                self.observed.heard_the_end = Some(life);
                What::Dead(401, reply.code())
            }
            Ok(reply) => What::Trouble(reply.status),
        };
        self.expect(life, what);
    }

    /// A listener heard this.
    pub(crate) fn expect_of_event(&mut self, life: Life, event: &SessionEvent) {
        self.expect(life, What::Told(event.clone()));
    }

    /// A process presents a token whose exchange another one began and did not end.
    pub(crate) fn expect_an_interruption(&mut self, life: Life) {
        self.expect(life, What::Interrupted);
    }

    fn expect(&mut self, life: Life, what: What) {
        let expected = Expected {
            what,
            at_ms: self.true_ms() as i64 + self.wall_offset_ms,
            offset_ms: self.wall_offset_ms,
        };
        let of_life = self.observed.expected.0.entry(life).or_default();
        of_life.push(expected);
    }

    /// Whether something is expected of that life now: its flight has landed.
    pub(crate) fn expects(&self, life: Life) -> bool {
        !self.flights.contains_key(&life) && self.observed.expected.0.contains_key(&life)
    }

    /// Holds what is expected of that life against its history.
    pub(crate) fn check_history(&mut self, life: Life, history: &[Transition]) {
        for expected in self.observed.expected.0.remove(&life).unwrap_or_default() {
            let clock_was_set = (expected.offset_ms, self.wall_offset_ms) != (0, 0);
            // What a listener is told happened before it was.
            let exact = !clock_was_set && !matches!(expected.what, What::Told(_) | What::Interrupted);
            let found = history.iter().enumerate().any(|(at, transition)| {
                expected.what.is_in(transition)
                    && (!exact
                        || transition.at.unix_millis() >= expected.at_ms
                        || is_still_ended(&history[at..]))
            });
            if !found {
                let what = expected.what;
                let told: Vec<_> = history.iter().map(ToString::to_string).collect();
                self.violate(format_args!(
                    "the history of life {} does not tell {what:?}: {told:?}",
                    life.0
                ));
            }
        }
    }

    /// An end says why, and an interrupted rotation where it was interrupted.
    pub(crate) fn check_end(&mut self, life: Life, reason: &EndReason, history: &[Transition]) {
        let end = history
            .iter()
            .rposition(|transition| transition.cause == Cause::Ended(reason.clone()));
        let Some(end) = end else {
            return self.violate(format_args!(
                "a session ended by {reason:?} and the history does not tell it"
            ));
        };
        let interrupted = history[..end].iter().any(|transition| {
            matches!(
                transition.cause,
                // Trouble, too: it may have come after the rotation. And so may a save that failed.
                Cause::Interrupted { .. }
                    | Cause::AnswerLost
                    | Cause::Superseded
                    | Cause::ServerBusy
                    | Cause::SaveFailed(_)
            )
        });
        // Who died with the verdict in its ears may have written no line.
        let heard = self.observed.heard_the_end;
        let died = heard.is_some_and(|life| !self.is_alive(life));
        let slow = |life: &Life| self.observed.slow_disk.contains(life);
        let found_only = heard != Some(life) && (slow(&life) || heard.as_ref().is_some_and(slow));
        if *reason == EndReason::InterruptedRotation && !interrupted && !died && !found_only {
            let told: Vec<_> = history.iter().map(ToString::to_string).collect();
            self.violate(format_args!(
                "an interrupted rotation, and the history tells no interruption: {told:?}"
            ));
        }
    }
}
