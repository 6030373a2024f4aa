//! Which event means what in which phase. An event that does not belong to its phase is a bug of the driver: the
//! flight ends without a change, and says so in the log.

use super::{Event, Flight, Moment, Outcome, Phase, SendFailure, Step, Written};
use crate::defence::Defence;
use crate::error::Failure;
use crate::record::Unproven;

impl Flight {
    /// Takes what happened and says what to do next.
    pub(crate) fn on(&mut self, event: Event, now: &Moment) -> Step {
        let phase = std::mem::replace(&mut self.phase, Phase::Over);
        match (phase, event) {
            (Phase::Ready, Event::Start) => {
                self.phase = Phase::Locking;
                Step::Lock {
                    within: self.plan.lock_deadline,
                }
            }
            (Phase::Locking, Event::Locked) => {
                self.began = now.boot;
                if !self.plan.stands(Defence::LookUnderLock) {
                    return self.intend(now);
                }
                self.phase = Phase::Rereading;
                Step::Read
            }
            (Phase::Locking, Event::NotLocked(failure)) => self.fail(failure),
            (Phase::Rereading, Event::Look(look)) => self.look(look, now),
            (Phase::Intending, Event::Written(written)) => match written {
                Written::Landed(record) => {
                    self.held = record;
                    self.send(now)
                }
                Written::Adopt(record) => self.adopt(record, now),
                Written::Discarded(stored) => self.displaced(stored, None),
                // Invariant 14: without the intent the server is not called.
                Written::Failed(failure) => self.fail(failure),
            },
            (Phase::Sending, Event::Answered(answer)) => self.answered(answer, now),
            (Phase::Sending, Event::Unanswered(failure)) => self.unanswered(failure, now),
            // Saved first, judged after, like an answer of the server: the old token is spent.
            (Phase::Sending, Event::HandedOver(tokens, subject)) => {
                let Some(lent) = self.held.credential.presented().cloned() else {
                    return self.fail(Failure::AnswerLost);
                };
                (self.sent_at, self.handed) = (now.boot, true);
                self.commit(tokens, Some(Unproven { subject, lent }), now)
            }
            // The page may have presented the token. The core presents it now, under the same key, with its own tries.
            (Phase::Sending, Event::Lapsed) => {
                self.possibly_used = true;
                (self.sends, self.began) = (0, now.boot);
                self.send(now)
            }
            (Phase::Proving(fresh), Event::Proven(answer)) => self.proven(answer, fresh, now),
            // It stays saved, and nobody is served with it: whoever comes next asks again.
            (Phase::Proving(_), Event::Unanswered(failure)) => self.fail(match failure {
                SendFailure::NotSent { trusted: true } => Failure::Offline,
                SendFailure::NotSent { trusted: false } => Failure::Untrusted,
                _ => Failure::AnswerLost,
            }),
            (Phase::Proving(_), Event::TimeIsUp) => self.fail(Failure::TimeIsUp),
            (Phase::Clearing(fresh), Event::Written(written)) => self.cleared(written, fresh, now),
            (Phase::Pausing, Event::Rested) => self.send(now),
            // The intent stays: whoever comes next presents the token again, under the same key.
            (Phase::Sending | Phase::Pausing, Event::TimeIsUp) => self.fail(Failure::TimeIsUp),
            // Best effort: an intent that stays only makes a later verdict sound milder.
            (Phase::Withdrawing(failure), Event::Written(_)) => self.fail(failure),
            (Phase::LookingAgain { after }, Event::Look(look)) => self.look_again(look, after, now),
            (Phase::Burying { tombstone }, Event::Written(written)) => match written {
                Written::Landed(tombstone) => self.done(Outcome::Ended {
                    tombstone,
                    saved: true,
                }),
                // Invariant 7: somebody renewed meanwhile; that record is used.
                Written::Adopt(record) => self.adopt(record, now),
                Written::Discarded(stored) => self.displaced(stored, None),
                // The server will say so again at the next start: the record keeps its intent.
                Written::Failed(_) => self.done(Outcome::Ended {
                    tombstone,
                    saved: false,
                }),
            },
            (Phase::Committing(fresh), Event::Written(written)) => self.committed(written, fresh, now),
            (Phase::Serving(fresh), Event::Served) => self.rest_before_saving(fresh),
            (Phase::Resting(fresh), Event::Rested) => {
                let draft = Box::new(fresh.record.clone());
                self.phase = Phase::Saving(fresh);
                Step::Write(draft)
            }
            // The lock must go, and is not needed to keep the token: memory has it, and the next write carries it.
            (Phase::Resting(fresh), Event::TimeIsUp) => self.done(Outcome::Renewed(fresh)),
            (Phase::Saving(fresh), Event::Written(written)) => self.saved(written, fresh, now),
            (phase, event) => {
                tracing::error!(
                    phase = phase.name(),
                    event = event.name(),
                    "a refresh met an event out of order"
                );
                self.fail(Failure::AnswerLost)
            }
        }
    }

    /// Invariant 15: after 409 `superseded` a newer record is used; if there is none, the wait is the server's.
    fn look_again(&mut self, look: super::Look, after: Option<std::time::Duration>, now: &Moment) -> Step {
        match look {
            super::Look::Found(found) if found.generation.epoch > self.held.generation.epoch => {
                self.displaced(found, None)
            }
            super::Look::Found(found) if found.generation > self.held.generation => self.adopt(found, now),
            super::Look::Found(_) | super::Look::Failed(_) => self.fail(Failure::ServerBusy { after }),
        }
    }
}

impl Phase {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Locking => "locking",
            Self::Rereading => "rereading",
            Self::Intending => "intending",
            Self::Sending => "sending",
            Self::Pausing => "pausing",
            Self::Withdrawing(_) => "withdrawing",
            Self::LookingAgain { .. } => "looking again",
            Self::Burying { .. } => "burying",
            Self::Committing(_) => "committing",
            Self::Proving(_) => "proving",
            Self::Clearing(_) => "clearing",
            Self::Serving(_) => "serving",
            Self::Resting(_) => "resting",
            Self::Saving(_) => "saving",
            Self::Over => "over",
        }
    }
}

impl Event {
    fn name(&self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Locked => "locked",
            Self::NotLocked(_) => "not locked",
            Self::Look(_) => "look",
            Self::Written(_) => "written",
            Self::Answered(_) => "answered",
            Self::Unanswered(_) => "unanswered",
            Self::HandedOver(..) => "handed over",
            Self::Proven(_) => "proven",
            Self::Lapsed => "lapsed",
            Self::Rested => "rested",
            Self::Served => "served",
            Self::TimeIsUp => "time is up",
        }
    }
}
