//! A document's questions: answered from what is known, or put to the session, one demand of a page at a time.

use std::time::Duration;

use super::{DOUBT, Page, RETRY};
use crate::bridge::answer::{ErrCode, Status};
use crate::bridge::message::{Stamp, Why};
use crate::bridge::turn::{Asked, Turn};
use crate::bridge::waiting::{MAX_WAITING, MIN_TTL, PATIENCE, Waiting, Want};
use crate::bridge::{Action, Demand, Step};
use crate::error::{SessionError, TryAgainCause};
use crate::token::{AccessToken, Generation};

impl Page {
    pub(super) fn on_need(&mut self, used: Option<&Stamp>, why: Why, asked: Asked, turn: &mut Turn<'_>) {
        match self.answer(&asked, turn) {
            Some(Status::Active) => {}
            Some(_) => return self.reply_state(asked, turn),
            None => return,
        }
        if self.is_to_reload(turn) {
            return self.park(asked, Want::Fresh { greeting: false }, turn);
        }
        let here = &turn.standing.stamp;
        let was_sent = self.was_sent(here);
        let want = if why == Why::Rejected && was_sent && used == Some(here) {
            Want::NewerThan(here.generation)
        } else {
            Want::Fresh { greeting: false }
        };
        match want {
            Want::NewerThan(_) if turn.token().is_some() => {
                if let Err(wait) = self.doubt(turn) {
                    return turn.refuse(&asked, ErrCode::Rate, Some(wait));
                }
            }
            Want::NewerThan(_) | Want::Lease(_) => {}
            Want::Fresh { .. } => {
                let enough = |token: &AccessToken| why == Why::Rejected || token.serves(turn.now, MIN_TTL);
                if turn.token().is_some_and(enough) {
                    return self.reply_state(asked, turn);
                }
            }
        }
        self.wait(asked, want, turn);
    }

    /// The session answered this page's demand.
    pub(in crate::bridge) fn on_demand_done(
        &mut self,
        result: Result<(), SessionError>,
        turn: &mut Turn<'_>,
    ) {
        self.demand = None;
        // Still held when its flight is over: it has lapsed.
        self.leases.give_back(turn.now);
        if self.is_to_reload(turn) {
            return;
        }
        self.serve_waiting(turn);
        for waiting in std::mem::take(&mut self.waiting) {
            if waiting.covered {
                self.give_up(waiting, result.as_ref().err(), turn);
            } else {
                self.waiting.push(waiting);
            }
        }
        self.ask_session(turn);
    }

    /// A wake-up that was ordered is here.
    pub(in crate::bridge) fn on_wake(&mut self, turn: &mut Turn<'_>) {
        self.wake = false;
        let late = SessionError::TryAgain {
            after: Duration::from_secs(1),
            cause: TryAgainCause::Busy,
        };
        for waiting in std::mem::take(&mut self.waiting) {
            if waiting.deadline > turn.now {
                self.waiting.push(waiting);
            } else if waiting.want.is_met(turn) {
                // A reload that has not come by now is not coming: the document goes on.
                self.reply_state(waiting.asked, turn);
            } else {
                self.give_up(waiting, Some(&late), turn);
            }
        }
        self.order_wake(turn);
    }

    /// Believes a page one unexplained 401; another one of a newer token has to wait.
    pub(super) fn doubt(&mut self, turn: &Turn<'_>) -> Result<(), Duration> {
        let here = &turn.standing.stamp;
        if let Some((stamp, time)) = &self.doubt {
            let left = turn.now.until(*time + DOUBT);
            if !left.is_zero() {
                return if stamp == here { Ok(()) } else { Err(left) };
            }
        }
        self.doubt = Some((here.clone(), turn.now));
        Ok(())
    }

    pub(super) fn wait(&mut self, asked: Asked, want: Want, turn: &mut Turn<'_>) {
        let covered = self
            .demand
            .as_ref()
            .is_some_and(|demand| want.is_covered_by(demand));
        self.enqueue(asked, want, covered, turn);
    }

    /// As [`wait`](Self::wait), for what the session need not be asked.
    pub(super) fn park(&mut self, asked: Asked, want: Want, turn: &mut Turn<'_>) {
        self.enqueue(asked, want, true, turn);
    }

    fn enqueue(&mut self, asked: Asked, want: Want, covered: bool, turn: &mut Turn<'_>) {
        if self.waiting.len() >= MAX_WAITING {
            return turn.refuse(&asked, ErrCode::Busy, Some(RETRY));
        }
        self.waiting.push(Waiting {
            asked,
            want,
            covered,
            deadline: turn.now + PATIENCE,
        });
        self.ask_session(turn);
        self.order_wake(turn);
    }

    pub(super) fn ask_session(&mut self, turn: &mut Turn<'_>) {
        if self.demand.is_some() {
            return;
        }
        let uncovered = self.waiting.iter().filter(|waiting| !waiting.covered);
        let rejected = uncovered.clone().find_map(|waiting| match waiting.want {
            Want::NewerThan(used) => Some(used),
            _ => None,
        });
        let rejected = rejected.max(self.rejected).map(|used| Demand::Rejected { used });
        let lease = uncovered.clone().find_map(|waiting| match waiting.want {
            Want::Lease(used) => Some(Demand::Lease { used }),
            _ => None,
        });
        let any = self.waiting.iter().any(|waiting| !waiting.covered);
        let demand = rejected
            .or(lease)
            .or_else(|| any.then_some(Demand::Fresh { min_ttl: MIN_TTL }));
        let Some(demand) = demand else {
            return;
        };
        for waiting in &mut self.waiting {
            waiting.covered |= waiting.want.is_covered_by(&demand);
        }
        let is_covered = |used: &Generation| Want::NewerThan(*used).is_covered_by(&demand);
        if self.rejected.as_ref().is_some_and(is_covered) {
            self.rejected = None;
        }
        self.demand = Some(demand);
        turn.push(Step::Demand(demand));
    }

    fn order_wake(&mut self, turn: &mut Turn<'_>) {
        let next = self.waiting.iter().map(|waiting| waiting.deadline).min();
        if let Some(time) = next
            && !self.wake
        {
            self.wake = true;
            turn.push(Step::Act(Action::WakeAt { time }));
        }
    }

    pub(super) fn serve_waiting(&mut self, turn: &mut Turn<'_>) {
        for waiting in std::mem::take(&mut self.waiting) {
            if waiting.want.is_met(turn) {
                self.reply_state(waiting.asked, turn);
            } else {
                self.waiting.push(waiting);
            }
        }
    }

    /// Answers a question that the session could not.
    fn give_up(&mut self, waiting: Waiting, error: Option<&SessionError>, turn: &mut Turn<'_>) {
        let Waiting { asked, want, .. } = waiting;
        let state_serves = match want {
            Want::Fresh { greeting } => greeting || turn.token().is_some(),
            Want::NewerThan(_) | Want::Lease(_) => false,
        };
        // After the end of a session there is nothing to state; its `ended` comes with the session's own news.
        let is_over = matches!(error, Some(SessionError::SignInRequired { .. }));
        if state_serves && !is_over {
            return self.reply_state(asked, turn);
        }
        let (code, retry) = match error {
            Some(SessionError::SignInRequired { .. }) => (ErrCode::Ended, None),
            Some(SessionError::TryAgain {
                after,
                cause: TryAgainCause::Busy,
            }) => (ErrCode::Busy, Some(*after)),
            Some(SessionError::TryAgain { after, .. }) => (ErrCode::RefreshFailed, Some(*after)),
            _ => (ErrCode::RefreshFailed, Some(RETRY)),
        };
        turn.refuse(&asked, code, retry);
    }

    /// Asks for the page and not for a question of its document, unless something is asked already.
    pub(in crate::bridge) fn ask_for(&mut self, demand: Demand, turn: &mut Turn<'_>) {
        if self.demand.is_none() {
            self.demand = Some(demand);
            turn.push(Step::Demand(demand));
        }
    }
}
