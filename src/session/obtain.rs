//! A caller wants a token: answer from memory, or join the one flight, or start it.

use std::sync::Arc;
use std::time::Duration;

use futures_core::future::BoxFuture;
use tokio::sync::watch;

use super::core::{Core, FlightResult, FlightSeat, Memory};
use super::ledger::Role;
use super::lend::Lending;
use crate::defence::Defence;
use crate::error::{EndReason, Failure, SessionError};
use crate::flight::Flight;
use crate::state::{Cause, SessionState};
use crate::token::{AccessToken, Generation};

/// What would satisfy a caller.
#[derive(Clone, Copy, Debug)]
pub(super) enum Want {
    /// At least this much life.
    Life(Duration),
    /// Anything newer than a token that was refused.
    NewerThan {
        generation: Generation,
        said_by_host: bool,
    },
}

/// One caller joins this many flights at most: two that brought nothing usable are enough.
const MOST_FLIGHTS: u32 = 2;

pub(super) enum Prospect {
    Answer(Result<AccessToken, Failure>),
    Restoring(watch::Receiver<u64>),
    /// The flight, and its task when this caller is the one to start it.
    Flight(FlightSeat, Option<BoxFuture<'static, ()>>),
}

impl Core {
    pub(super) async fn obtain(self: Arc<Self>, want: Want) -> Result<AccessToken, SessionError> {
        let mut flights = 0;
        loop {
            match self.consider(want, flights, &mut None) {
                Prospect::Answer(answer) => return answer.map_err(SessionError::from),
                Prospect::Restoring(mut changes) => {
                    if changes.changed().await.is_err() {
                        return Err(SessionError::Closed);
                    }
                }
                Prospect::Flight(seat, task) => {
                    flights += 1;
                    // Not under the memory lock: its first steps may be taken here and now. No await comes before it,
                    // so this caller cannot be cancelled between the seat and the task.
                    if let Some(task) = task {
                        self.spawner.spawn_from_here(task);
                    }
                    let landed = wait(seat).await;
                    if let Err(error) = landed {
                        return self.in_spite_of(want, error);
                    }
                }
            }
        }
    }

    /// Decides under the memory lock, so that no two callers start a flight. A flight that is started takes `lending`.
    pub(super) fn consider(
        self: &Arc<Self>,
        want: Want,
        flights: u32,
        lending: &mut Option<Lending>,
    ) -> Prospect {
        let mut memory = self.memory();
        if let Some(failure) = self.no_session(&mut memory) {
            return match failure {
                Some(failure) => Prospect::Answer(self.valid_anyway(want).ok_or(failure)),
                None => Prospect::Restoring(self.state_changes()),
            };
        }
        let now = self.clock.boot();
        let current = memory.generation();
        let live = memory
            .token
            .clone()
            .filter(|token| !memory.refused && token.serves(now, Duration::ZERO));
        match want {
            Want::Life(min_ttl) => {
                let min_ttl = if self.plan.only_when_expired {
                    Duration::ZERO
                } else {
                    min_ttl
                };
                if let Some(token) = live.as_ref().filter(|token| token.serves(now, min_ttl)) {
                    return Prospect::Answer(Ok(token.clone()));
                }
            }
            Want::NewerThan {
                generation,
                said_by_host,
            } => {
                // Older: a late report. Newer, or of no epoch of ours: not a token that this session gave out.
                if current != generation
                    && self.stands(Defence::LateReportFromMemory)
                    && let Some(token) = &live
                {
                    return Prospect::Answer(Ok(token.clone()));
                }
                if said_by_host && generation == current && !memory.refused {
                    self.note(Cause::Rejected, current);
                    if self.stands(Defence::Breaker) {
                        self.waste(&mut memory, current);
                    }
                    if self.stands(Defence::RefusedTokenWithheld) {
                        self.refuse(&mut memory);
                    }
                }
            }
        }
        let whatever = |failure: Failure| match (&live, want) {
            // Invariant 8: a valid token keeps being served.
            (Some(token), Want::Life(_)) if self.stands(Defence::ValidTokenServed) => {
                Prospect::Answer(Ok(token.clone()))
            }
            _ => Prospect::Answer(Err(failure)),
        };
        if let Some(seat) = memory.flight.clone().filter(|_| self.stands(Defence::OneFlight)) {
            return if seat.only_saving {
                whatever(Failure::LockHeld)
            } else {
                Prospect::Flight(seat, None)
            };
        }
        if flights >= MOST_FLIGHTS {
            return whatever(Failure::ServerBusy { after: None });
        }
        match memory.breaker.allows(now) {
            Ok(()) => match self.take_off(&mut memory, lending) {
                Ok((seat, task)) => Prospect::Flight(seat, Some(task)),
                Err(failure) => Prospect::Answer(Err(failure)),
            },
            Err(failure) => whatever(failure),
        }
    }

    /// `Some(Some(why))` when there is no session to get a token from, `Some(None)` when it is being restored.
    fn no_session(self: &Arc<Self>, memory: &mut Memory) -> Option<Option<Failure>> {
        if memory.closed {
            return Some(Some(Failure::Closed));
        }
        if let Some(failure) = memory.misconfigured.clone() {
            self.restore_again(memory);
            return Some(Some(failure));
        }
        // The owner may have signed in since.
        if self.ledger.role() == Role::Reader
            && matches!(
                memory.state,
                SessionState::SignedOut | SessionState::SignInRequired { .. }
            )
        {
            self.restore_again(memory);
        }
        match &memory.state {
            SessionState::Active { .. } => None,
            SessionState::Restoring => Some(None),
            SessionState::Locked { cause } => {
                let failure = Failure::Locked(cause.clone());
                self.restore_again(memory);
                Some(Some(failure))
            }
            SessionState::SignedOut => Some(Some(Failure::Ended(EndReason::SignedOut))),
            SessionState::SignInRequired { reason, .. } => Some(Some(Failure::Ended(reason.clone()))),
        }
    }

    /// The current token was refused, or dead when it came.
    pub(super) fn waste(&self, memory: &mut Memory, generation: Generation) {
        let now = self.clock.boot();
        memory.breaker.wasted(now);
        if memory.breaker.pause_ends(now).is_some() {
            self.note(Cause::Paused, generation);
        }
    }

    /// Seats the one flight. Its task is for the caller to start.
    fn take_off(
        self: &Arc<Self>,
        memory: &mut Memory,
        lending: &mut Option<Lending>,
    ) -> Result<(FlightSeat, BoxFuture<'static, ()>), Failure> {
        let held = memory
            .record
            .clone()
            .ok_or(Failure::Ended(EndReason::StoreLost))?;
        let flight = Flight::new(self.plan.clone(), held, self.clock.boot());
        let (landed, result) = watch::channel(None);
        let seat = FlightSeat {
            result,
            only_saving: false,
        };
        memory.flight = Some(seat.clone());
        let core = self.clone();
        let task: BoxFuture<'static, ()> = match self.ledger.role() {
            Role::Owner => Box::pin(core.drive(flight, landed, lending.take())),
            Role::Reader => Box::pin(core.follow(landed)),
        };
        Ok((seat, task))
    }

    /// Invariant 8: a valid token keeps being served while refreshes fail.
    fn in_spite_of(&self, want: Want, error: SessionError) -> Result<AccessToken, SessionError> {
        self.valid_anyway(want).ok_or(error)
    }

    fn valid_anyway(&self, want: Want) -> Option<AccessToken> {
        match want {
            Want::Life(_) if self.stands(Defence::ValidTokenServed) => self.servable(Duration::ZERO),
            Want::Life(_) | Want::NewerThan { .. } => None,
        }
    }
}

pub(super) async fn wait(mut seat: FlightSeat) -> FlightResult {
    match seat.result.wait_for(Option::is_some).await {
        Ok(result) => result.clone().unwrap_or(Ok(())),
        // The flight's task is gone without a word: its runtime was shut down.
        Err(_) => Err(SessionError::Closed),
    }
}
