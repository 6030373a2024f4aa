//! Performs what a flight asks for and feeds the results back.

use std::sync::Arc;

use tokio::sync::watch;

use super::background::Held;
use super::core::{Core, FlightResult, jobs};
use super::lend::Lending;
use super::recorder::{self, Course};
use crate::defence::Defence;
use crate::error::{EndReason, Failure, LockedCause, SessionError, StorageFailure};
use crate::flight::{Event, Flight, Fresh, Look, MOST_KEYS, Moment, Outcome, SendFailure, Step, Written};
use crate::lock::LockKind;
use crate::random::Random;
use crate::record::Record;
use crate::state::{Cause, SessionEvent, SessionState};
use crate::storage::Opened;
use crate::token::AttemptKey;
use crate::transport::TransportError;
use crate::wire::{self, Extra, Presented, RefreshAnswer};

impl Core {
    /// Runs one flight to its end, in a task of its own: callers come and go.
    pub(super) async fn drive(
        self: Arc<Self>,
        mut flight: Flight,
        landed: watch::Sender<Option<FlightResult>>,
        mut lending: Option<Lending>,
    ) {
        // Invariant 3: between an answer and its save nothing may fail, a lack of randomness neither.
        let mut course = Course::default();
        let mut keys = match Keys::draw(&*self.random) {
            Ok(keys) => keys,
            Err(failure) => return self.land(Outcome::Failed(failure), Held::default(), &landed, course),
        };
        let mut held = Held::default();
        let mut record_lock = None;
        let mut intended = None;
        if let Some(preparation) = self.transport.preparation() {
            self.spawner.spawn_blocking(preparation);
        }
        // Before any lock: the app may take its time. What is wrong with it keeps the intent from being written.
        let extra = self.extra_of_refresh().await;
        let mut event = Event::Start;
        loop {
            let left = landed.borrow().is_none() && landed.receiver_count() < 2;
            if left && !self.stands(Defence::ExchangeOutlivesCallers) {
                self.memory().flight = None;
                return;
            }
            let now = Moment {
                boot: self.clock.boot(),
                wall: self.clock.wall(),
                fresh_key: keys.unused(),
            };
            course.meets(&self, &event);
            let step = flight.on(event, &now);
            course.takes(&step);
            if let Step::Write(draft) = &step {
                keys.used_in(draft);
                // What nobody has judged yet is lent to no page.
                let may_lend = draft.inflight.is_some() && draft.unproven.is_none();
                intended = may_lend.then(|| (draft.store.clone(), draft.generation));
            }
            // The record lock of a read is for the write that follows it at once, and for nothing else.
            let under = record_lock.take().filter(|_| matches!(step, Step::Write(_)));
            event = match step {
                Step::Lock { .. } if !self.stands(Defence::FlightLock) => Event::Locked,
                Step::Lock { within } => match self.ledger.lock(LockKind::Flight, within).await {
                    Ok(guard) => {
                        held.take(guard);
                        Event::Locked
                    }
                    Err(failure) => Event::NotLocked(failure),
                },
                Step::Read => {
                    let (opened, lock) = held.finishing(&self, self.ledger.read_to_write()).await;
                    record_lock = lock;
                    Event::Look(look(opened))
                }
                // Without an intent the server is not called: nothing is changed, nothing is sent.
                Step::Write(draft) if draft.inflight.is_some() && extra.is_err() => {
                    let failure = extra.as_ref().err().cloned().unwrap_or(Failure::NoFields);
                    Event::Written(Written::Failed(failure))
                }
                Step::Write(draft) => {
                    let written = held.finishing(&self, self.ledger.write(*draft, under)).await;
                    Event::Written(written)
                }
                Step::Send(presented) => {
                    held.ask_for_time(&self).await;
                    let lent = match (lending.take(), intended.clone()) {
                        (Some(lending), Some(base)) => {
                            let lent = self.lend_out(lending, &presented, base);
                            held.unless_over(lent).await.unwrap_or(Some(Event::TimeIsUp))
                        }
                        _ => None,
                    };
                    // Dropping the exchange drops its connection; the lock goes after that.
                    match lent {
                        Some(event) => event,
                        None => {
                            let exchange = self.exchange(&presented, &extra, &mut course);
                            held.unless_over(exchange).await.unwrap_or(Event::TimeIsUp)
                        }
                    }
                }
                Step::Prove(token) => {
                    let proven = self.prove(&token);
                    held.unless_over(proven).await.unwrap_or(Event::TimeIsUp)
                }
                Step::Rest(pause) => match held.unless_over(self.clock.sleep(pause)).await {
                    Some(()) => Event::Rested,
                    None => Event::TimeIsUp,
                },
                Step::Serve(fresh, failure) => {
                    self.serve_unsaved(*fresh, &failure, &landed);
                    Event::Served
                }
                Step::Done(outcome) => {
                    if matches!(*outcome, Outcome::Ended { .. } | Outcome::Displaced { .. }) {
                        self.learn_history().await;
                    }
                    self.land(*outcome, held, &landed, course);
                    return;
                }
            };
        }
    }

    async fn exchange(
        &self,
        presented: &Presented,
        extra: &Result<Extra, Failure>,
        course: &mut Course,
    ) -> Event {
        let extra = match extra {
            Ok(extra) => extra,
            // Reached only by who takes the intent out.
            Err(_) => return Event::Unanswered(SendFailure::Setup),
        };
        let request = match wire::refresh(&self.profile, presented, extra) {
            Ok(request) => request,
            Err(reason) => return Event::Unanswered(SendFailure::Unplaceable(reason)),
        };
        match self.transport.send(request).await {
            Ok(response) => {
                let spent = presented.credential.presented();
                let answer =
                    wire::read_refresh(&self.profile, &response, &presented.credential, self.clock.wall());
                course.said = match answer {
                    RefreshAnswer::Tokens(_) => None,
                    _ => Some(wire::said(&self.profile, &response, spent)),
                };
                Event::Answered(answer)
            }
            Err(error) => Event::Unanswered(send_failure(&error)),
        }
    }

    /// Invariant 5: the save failed, the token is served all the same while the save is tried again.
    fn serve_unsaved(
        self: &Arc<Self>,
        fresh: Fresh,
        failure: &Failure,
        landed: &watch::Sender<Option<FlightResult>>,
    ) {
        let deliveries = {
            let mut memory = self.memory();
            memory.breaker.renewed(self.clock.boot());
            self.note(Cause::Renewed, fresh.record.generation);
            self.note(recorder::save_failed(failure), fresh.record.generation);
            let mut deliveries = self.rise(&mut memory, fresh);
            deliveries.push(self.report_degraded(failure));
            if let Some(seat) = &mut memory.flight {
                seat.only_saving = true;
            }
            deliveries
        };
        landed.send_replace(Some(Ok(())));
        self.deliver(jobs(deliveries));
    }

    /// Swap memory, release the lock, answer the callers, publish: in this order.
    fn land(
        self: &Arc<Self>,
        outcome: Outcome,
        mut held: Held,
        landed: &watch::Sender<Option<FlightResult>>,
        mut course: Course,
    ) {
        let now = self.clock.boot();
        let mut revoke = None;
        let (result, deliveries) = {
            let mut memory = self.memory();
            memory.flight = None;
            match outcome {
                Outcome::Renewed(fresh) => {
                    memory.breaker.renewed(now);
                    let dead_on_arrival = fresh.token.as_ref().is_none_or(|token| token.life().is_zero());
                    if dead_on_arrival {
                        self.waste(&mut memory, fresh.record.generation);
                    }
                    course.renewed(self, fresh.record.generation);
                    (Ok(()), self.rise(&mut memory, fresh))
                }
                Outcome::Adopted(fresh) => {
                    self.note(Cause::TakenOver, fresh.record.generation);
                    (Ok(()), self.rise(&mut memory, fresh))
                }
                Outcome::Ended { tombstone, saved } => {
                    let reason = tombstone.end_reason().unwrap_or(EndReason::StoreLost);
                    let ended = tombstone.generation;
                    course.ended(self, reason.clone(), ended);
                    let mut deliveries = self.sink(&mut memory, tombstone, reason.clone());
                    if !saved {
                        let failure = StorageFailure::Unconfirmed;
                        self.note(Cause::SaveFailed(failure.clone()), ended);
                        deliveries.push(self.report_degraded(&Failure::Storage(failure)));
                    }
                    (Err(Failure::Ended(reason)), deliveries)
                }
                Outcome::Displaced {
                    stored,
                    revoke: token,
                } => {
                    revoke = token;
                    self.note(Cause::Displaced, stored.generation);
                    (Ok(()), self.absorb(&mut memory, stored))
                }
                Outcome::Failed(failure) => {
                    memory.breaker.failed(&failure, now);
                    course.failed(self, &failure);
                    let mut deliveries = Vec::new();
                    // Invariant 7: an entry that vanished under an active session is not "no session". One that was
                    // signed out meanwhile stays so.
                    if failure == Failure::Locked(LockedCause::Vanished) && memory.state.is_active() {
                        let state = if self.stands(Defence::AbsentIsUnavailable) {
                            SessionState::Locked {
                                cause: LockedCause::Vanished,
                            }
                        } else {
                            self.forget_token(&mut memory);
                            SessionState::SignedOut
                        };
                        deliveries.extend(self.enter_state(&mut memory, state));
                    }
                    deliveries.push(self.report(&SessionEvent::RefreshFailed {
                        error: SessionError::from(failure.clone()),
                        retry_at: memory.breaker.pause_ends(now),
                    }));
                    (Err(failure), deliveries)
                }
            }
        };
        held.release();
        // What an ended or displaced session still has to revoke need not wait for the next start. A caller that is answered
        // may sign out, which starts it anew.
        self.start_revoking();
        landed.send_replace(Some(result.map_err(SessionError::from)));
        self.deliver(jobs(deliveries));
        if let Some(token) = revoke.filter(|_| self.stands(Defence::DisplacedIsRevoked)) {
            self.clone().revoke_later(token);
        }
    }
}

pub(super) fn send_failure(error: &TransportError) -> SendFailure {
    match error {
        TransportError::NotSent => SendFailure::NotSent { trusted: true },
        TransportError::Untrusted => SendFailure::NotSent { trusted: false },
        TransportError::BeforeHead => SendFailure::BeforeHead,
        TransportError::Incomplete => SendFailure::Incomplete,
        TransportError::Setup => SendFailure::Setup,
    }
}

/// The keys of one flight, drawn before it does anything. None goes into two records.
struct Keys(Vec<AttemptKey>);

impl Keys {
    fn draw(random: &dyn Random) -> Result<Self, Failure> {
        let keys = AttemptKey::draw_many::<MOST_KEYS>(random).map_err(Failure::no_randomness)?;
        Ok(Self(keys.into()))
    }

    fn unused(&self) -> Option<AttemptKey> {
        self.0.last().cloned()
    }

    fn used_in(&mut self, draft: &Record) {
        if draft.attempt_key.is_some() && draft.attempt_key.as_ref() == self.0.last() {
            self.0.pop();
        }
    }
}

fn look(opened: Opened) -> Look {
    match opened {
        Opened::Found(record) => Look::Found(record),
        Opened::Absent => Look::Failed(Failure::Locked(LockedCause::Vanished)),
        Opened::Unavailable(cause) => Look::Failed(Failure::Storage(StorageFailure::Unavailable(cause))),
        Opened::Keyless => Look::Failed(Failure::Storage(StorageFailure::Unavailable(
            LockedCause::Unavailable,
        ))),
        Opened::Misconfigured { what, fix } => Look::Failed(Failure::Misconfigured { what, fix }),
        // Never fall back to an older refresh token: it is spent. The next start decides.
        Opened::Lost(_) => Look::Failed(Failure::Storage(StorageFailure::Unconfirmed)),
    }
}
