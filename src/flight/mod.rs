//! One exchange of a refresh token as a state machine: it takes what happened and says what to do next. It does
//! no I/O, reads no clock and draws no random number, so the same code runs in the app, in the simulator and
//! under the model checker.
//!
//! ```text
//!  start ─► Locking ─► Rereading ─► Intending ─► Sending ──────► Committing ─► Done(Renewed)
//!              │          │  ▲          │         │  ▲ │ ▲            │ save failed
//!        held  │    newer │  │ adopted  │ failed  │  │ │ └─ Pausing   ▼
//!              ▼          ▼  │ without  ▼         │  │ │ (repeat)   Serving ─► Saving ⟲ ─► Done(Renewed)
//!         Done(Failed)  Done(Adopted)  Done(…)    │  │ └─ dead ─► Burying ─► Done(Ended)
//!                            │ a token            │  │
//!                            └── LookingAgain ◄───┘  └ superseded
//! ```
//!
//! A pair that a page hands over has two steps more, before anybody is served with it: the server is asked whose it is,
//! and the note that it has to be is taken off the record.
//!
//! ```text
//!  Sending ─ handed over ─► Committing ─► Proving ── the session's ──► Clearing ─► Done(Renewed)
//!                                            │ └──── somebody else's, refused ───► Burying ─► Done(Ended)
//!                                            └────── no answer ──► Done(Failed): it stays saved and unserved
//! ```
//!
//! The order is that of refresh.md: lock, read again, write the intent, send, save, and only then serve. Policy
//! (minimum life, scopes) is judged by callers after the save.

mod keep;
mod plan;
mod table;

use std::time::Duration;

use crate::defence::Defence;
use crate::error::{EndReason, Failure};
use crate::record::{Kind, Record};
use crate::time::{BootTime, WallTime};
use crate::token::{AccessToken, AttemptKey, Secret, Subject};
use crate::wire::{Presented, RefreshAnswer, SubjectAnswer, Tokens, Unplaceable};

pub(crate) use plan::Plan;

/// How often one flight goes back to its start because the record moved under it.
const MOST_TURNS: u32 = 3;
/// The keys that one flight can use: on each turn one for a credential that has none, and one for the commit.
pub(crate) const MOST_KEYS: usize = 2 * MOST_TURNS as usize;
/// Successes that cannot be read are repeated this often: a captive portal answers the same for ever.
const MOST_UNREADABLE: u32 = 2;
/// Saves tried before a flight under the idempotent contract gives its lock back.
const MOST_SAVES_HOLDING: u32 = 4;
/// A life that is judged by who takes out [`Defence::SaveBeforeJudging`]; with it, no life is.
const JUDGED_TOO_SHORT: Duration = Duration::from_secs(60);

/// The machine.
#[derive(Clone, Debug)]
pub(crate) struct Flight {
    plan: Plan,
    /// What this flight builds on: memory's record, or the newer one that it adopted.
    held: Record,
    phase: Phase,
    turns: u32,
    /// When the lock was taken; the repeats' deadline counts from here.
    began: BootTime,
    sent_at: BootTime,
    first_sent: Option<BootTime>,
    sends: u32,
    unreadable: u32,
    saves: u32,
    /// What is served once it is known whose it is.
    withheld: Option<AccessToken>,
    /// That came from a page, and not from the server itself.
    handed: bool,
    /// The credential may have been presented before this flight's own first, certain presentation.
    possibly_used: bool,
    /// The intent that stood in the record before this flight wrote its own.
    found_intent: bool,
}

#[derive(Clone, Debug)]
enum Phase {
    Ready,
    Locking,
    Rereading,
    Intending,
    Sending,
    Pausing,
    /// The request never left: the intent is taken back, and this is the answer.
    Withdrawing(Failure),
    LookingAgain {
        after: Option<Duration>,
    },
    Burying {
        tombstone: Record,
    },
    Committing(Fresh),
    Proving(Fresh),
    Clearing(Fresh),
    Serving(Fresh),
    Resting(Fresh),
    Saving(Fresh),
    Over,
}

/// A token set that the server gave and the storage may not have yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fresh {
    pub(crate) record: Record,
    pub(crate) token: Option<AccessToken>,
}

/// The moment of an event, and a random key that nothing has used yet, in case it makes a commit.
#[derive(Clone, Debug)]
pub(crate) struct Moment {
    pub(crate) boot: BootTime,
    pub(crate) wall: WallTime,
    pub(crate) fresh_key: Option<AttemptKey>,
}

/// What happened.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    Start,
    /// The flight lock is ours.
    Locked,
    /// It was held elsewhere until the deadline, or cannot be taken.
    NotLocked(Failure),
    Look(Look),
    Written(Written),
    Answered(RefreshAnswer),
    Unanswered(SendFailure),
    /// A page that was lent the request brought this back; they have to be this subject's.
    HandedOver(Tokens, Subject),
    /// The server said whose tokens these are, or nothing of use.
    Proven(SubjectAnswer),
    /// A page that was lent the request brought nothing back in its time.
    Lapsed,
    /// The pause is over.
    Rested,
    /// Memory holds the unsaved token, the callers are served.
    Served,
    /// The platform takes the process's time back: the request or the pause was broken off.
    TimeIsUp,
}

/// What a read under the flight lock found.
#[derive(Clone, Debug)]
pub(crate) enum Look {
    Found(Record),
    Failed(Failure),
}

/// What became of a read-compare-write.
#[derive(Clone, Debug)]
pub(crate) enum Written {
    /// Written, and read back.
    Landed(Record),
    /// A newer record of the epoch, or another one of the same name, stands there.
    Adopt(Record),
    /// A newer epoch stands there.
    Discarded(Record),
    Failed(Failure),
}

/// Why a request has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SendFailure {
    /// No byte left.
    NotSent { trusted: bool },
    /// The connection ended before the first byte of an answer.
    BeforeHead,
    /// The answer was cut off, too long or too late.
    Incomplete,
    /// Nothing can be sent at all.
    Setup,
    /// The credential does not go into the profile's request: nothing was sent.
    Unplaceable(Unplaceable),
}

/// What to do next.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Take the flight lock, waiting at most so long.
    Lock {
        within: Duration,
    },
    Read,
    /// Read, compare, write and read back, under the record lock.
    Write(Box<Record>),
    Send(Box<Presented>),
    /// Ask the server whose access token this is.
    Prove(Secret),
    Rest(Duration),
    /// Put this into memory and answer the callers; the save goes on.
    Serve(Box<Fresh>, Failure),
    Done(Box<Outcome>),
}

/// How a flight ended.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    /// A new token set. Where the save failed and the lock had to go, the next write carries it.
    Renewed(Fresh),
    /// Another process had renewed.
    Adopted(Fresh),
    /// The session is over; the tombstone stands in the storage if `saved`.
    Ended { tombstone: Record, saved: bool },
    /// A newer epoch stands in the storage; a token of the old one is to be revoked.
    Displaced { stored: Record, revoke: Option<Secret> },
    /// Nothing changed.
    Failed(Failure),
}

impl Flight {
    /// A flight that builds on memory's record.
    pub(crate) fn new(plan: Plan, held: Record, now: BootTime) -> Self {
        Self {
            plan,
            held,
            phase: Phase::Ready,
            turns: 0,
            began: now,
            sent_at: now,
            first_sent: None,
            sends: 0,
            unreadable: 0,
            saves: 0,
            withheld: None,
            handed: false,
            possibly_used: false,
            found_intent: false,
        }
    }

    fn look(&mut self, look: Look, now: &Moment) -> Step {
        let found = match look {
            Look::Found(found) => found,
            Look::Failed(failure) => return self.fail(failure),
        };
        if found.generation.epoch > self.held.generation.epoch {
            return self.displaced(found, None);
        }
        let same_name = found.generation == self.held.generation;
        let same_token =
            found.credential.hash() == self.held.credential.hash() && found.kind == self.held.kind;
        if found.generation > self.held.generation || (same_name && !same_token) {
            return self.adopt(found, now);
        }
        if same_name || !self.plan.stands(Defence::MemorysToken) {
            // Equal: the stored one knows of intents and revocations that memory may not.
            self.found_intent = found.inflight.is_some();
            self.held = found;
        }
        // Older: a save of ours failed. The intent carries memory's token; the record's is spent.
        self.intend(now)
    }

    /// Goes on from a newer record: serve it, end with it, or present its token.
    fn adopt(&mut self, found: Record, now: &Moment) -> Step {
        if found.kind == Kind::Tombstone {
            return self.done(Outcome::Ended {
                tombstone: found,
                saved: true,
            });
        }
        let token = found.access_token(now.boot, now.wall);
        if let Some(token) = token.filter(|_| self.plan.stands(Defence::NewerTokenServed)) {
            return self.done(Outcome::Adopted(Fresh {
                record: found,
                token: Some(token),
            }));
        }
        self.turns += 1;
        if self.turns >= MOST_TURNS {
            return self.fail(Failure::LockHeld);
        }
        self.found_intent = found.inflight.is_some();
        self.possibly_used = false;
        self.first_sent = None;
        self.sends = 0;
        self.held = found;
        self.intend(now)
    }

    fn intend(&mut self, now: &Moment) -> Step {
        if self.held.credential.presented().is_none() {
            return self.fail(Failure::misconfigured(
                "the stored session has no token to present",
                "sign in again; give `adopt` a refresh token",
            ));
        }
        if self.held.attempt_key.is_none() {
            self.held.attempt_key = now.fresh_key.clone();
        }
        if self.held.attempt_key.is_none() {
            return self.fail(Failure::NoRandomness);
        }
        self.possibly_used |= self.found_intent;
        if !self.plan.stands(Defence::IntentBeforeWire) {
            return self.send(now);
        }
        self.phase = Phase::Intending;
        Step::Write(Box::new(self.held.clone().with_intent(now.wall)))
    }

    fn send(&mut self, now: &Moment) -> Step {
        if self.sends == 0 && !self.plan.stands(Defence::KeyOfTheToken) {
            self.held.attempt_key = now.fresh_key.clone();
        }
        let Some(attempt_key) = self.held.attempt_key.clone() else {
            return self.fail(Failure::NoRandomness);
        };
        self.sent_at = now.boot;
        self.first_sent.get_or_insert(now.boot);
        self.sends += 1;
        self.phase = Phase::Sending;
        Step::Send(Box::new(Presented {
            credential: self.held.credential.clone(),
            attempt_key,
        }))
    }

    fn unanswered(&mut self, failure: SendFailure, now: &Moment) -> Step {
        match failure {
            SendFailure::NotSent { trusted } => {
                let failure = if trusted { Failure::Offline } else { Failure::Untrusted };
                self.withdraw(failure)
            }
            SendFailure::Setup => self.withdraw(Failure::misconfigured(
                "the transport cannot send requests",
                "see the log for what the TLS set-up said; on Android initialise the platform verifier at start",
            )),
            SendFailure::Unplaceable(reason) => {
                let what = format!("the stored session cannot be refreshed: {reason}");
                self.withdraw(Failure::misconfigured(what, reason.fix()))
            }
            SendFailure::BeforeHead | SendFailure::Incomplete => {
                self.possibly_used = true;
                let untouched = failure == SendFailure::BeforeHead;
                if self.plan.may_repeat(untouched, self.sends, self.first_sent, self.began, now.boot) {
                    self.pause()
                } else {
                    self.fail(Failure::AnswerLost)
                }
            }
        }
    }

    /// Nothing left this device, so a later verdict must not be blamed on this attempt.
    fn withdraw(&mut self, failure: Failure) -> Step {
        if self.possibly_used {
            return self.fail(failure);
        }
        let mut without = self.held.clone();
        without.inflight = None;
        self.phase = Phase::Withdrawing(failure);
        Step::Write(Box::new(without))
    }

    fn pause(&mut self) -> Step {
        self.phase = Phase::Pausing;
        Step::Rest(self.plan.pause_before(self.sends + 1))
    }

    fn answered(&mut self, answer: RefreshAnswer, now: &Moment) -> Step {
        match answer {
            RefreshAnswer::Tokens(tokens) => {
                self.handed = false;
                self.commit(tokens, self.held.unproven.clone(), now)
            }
            RefreshAnswer::Dead { reason } => self.bury(reason, now),
            RefreshAnswer::Superseded { .. } if !self.plan.stands(Defence::SupersededIsTransient) => {
                self.bury(EndReason::Revoked, now)
            }
            RefreshAnswer::Superseded { after } => {
                self.possibly_used = true;
                self.phase = Phase::LookingAgain { after };
                Step::Read
            }
            RefreshAnswer::Unreadable => {
                self.possibly_used = true;
                self.unreadable += 1;
                let within = self
                    .plan
                    .may_repeat(false, self.sends, self.first_sent, self.began, now.boot);
                if within && self.unreadable <= MOST_UNREADABLE {
                    self.pause()
                } else {
                    self.fail(Failure::AnswerLost)
                }
            }
            RefreshAnswer::Transient { .. } if !self.plan.stands(Defence::OnlyListedVerdicts) => {
                self.bury(EndReason::Revoked, now)
            }
            RefreshAnswer::Transient { after } => self.fail(Failure::ServerBusy { after }),
            RefreshAnswer::Misconfigured { what, fix } => self.fail(Failure::Misconfigured { what, fix }),
        }
    }

    fn bury(&mut self, reason: EndReason, now: &Moment) -> Step {
        let reason = self.blame(reason);
        let mut tombstone = self.held.buried(reason, now.wall);
        if !self.plan.stands(Defence::TombstoneCountsOn) {
            tombstone.generation = self.held.generation;
        }
        self.phase = Phase::Burying {
            tombstone: tombstone.clone(),
        };
        Step::Write(Box::new(tombstone))
    }

    /// A server that does not know a token which may have been presented before says nothing about a thief.
    fn blame(&self, reason: EndReason) -> EndReason {
        let unnamed = matches!(
            reason,
            EndReason::Revoked | EndReason::ReuseDetected | EndReason::Server(_)
        );
        if self.possibly_used && unnamed {
            EndReason::InterruptedRotation
        } else {
            reason
        }
    }

    fn displaced(&mut self, stored: Record, revoke: Option<Secret>) -> Step {
        self.done(Outcome::Displaced { stored, revoke })
    }

    fn fail(&mut self, failure: Failure) -> Step {
        self.done(Outcome::Failed(failure))
    }

    fn done(&mut self, outcome: Outcome) -> Step {
        self.phase = Phase::Over;
        Step::Done(Box::new(outcome))
    }
}

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
