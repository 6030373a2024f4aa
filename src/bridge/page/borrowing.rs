//! A document that refreshes itself: it is lent the refresh token for one exchange, and hands over what that gave.

use super::{Page, RETRY};
use crate::bridge::Step;
use crate::bridge::answer::{self, ErrCode, Status};
use crate::bridge::document::{Document, Relation};
use crate::bridge::lease::{Loan, Return};
use crate::bridge::message::HandOver;
use crate::bridge::policy::Strategy;
use crate::bridge::turn::{Asked, Turn};
use crate::bridge::waiting::Want;

impl Page {
    pub(super) fn on_lease(&mut self, asked: Asked, turn: &mut Turn<'_>) {
        if self.policy.chosen() != Strategy::SelfRefresh {
            return turn.refuse(&asked, ErrCode::Unsupported, None);
        }
        let may_borrow = |document: &Document| self.policy.lends_to(document.origin());
        if !self.document.as_ref().is_some_and(may_borrow) {
            return turn.refuse(&asked, ErrCode::Denied, None);
        }
        match self.answer(&asked, turn) {
            Some(Status::Active) => {}
            Some(_) => return self.reply_state(asked, turn),
            None => return,
        }
        if let Some(wait) = self.leases.barred(turn.now) {
            return turn.refuse(&asked, ErrCode::Rate, Some(wait));
        }
        if self.leases.is_out() {
            return turn.refuse(&asked, ErrCode::Busy, Some(RETRY));
        }
        let here = &turn.standing.stamp;
        let has_newest = self.was_sent(here);
        let want = match turn.token() {
            // There is nothing to renew for a document that does not have the newest token.
            Some(_) if !has_newest => return self.reply_state(asked, turn),
            Some(_) => match self.doubt(turn) {
                Ok(()) => Want::Lease(here.generation),
                Err(wait) => return turn.refuse(&asked, ErrCode::Rate, Some(wait)),
            },
            None if has_newest => Want::Lease(here.generation),
            None => Want::Fresh { greeting: false },
        };
        self.wait(asked, want, turn);
    }

    /// The session lends its refresh token to this page.
    pub(in crate::bridge) fn on_lent(&mut self, loan: &Loan, turn: &mut Turn<'_>) {
        let is_live = self
            .document
            .as_ref()
            .is_some_and(|document| matches!(document.relation(turn.standing), Relation::Live));
        let borrower = self
            .waiting
            .iter()
            .position(|waiting| matches!(waiting.want, Want::Lease(_)) && waiting.deadline > turn.now);
        let here = &turn.standing.stamp;
        let Some(borrower) = borrower.filter(|_| is_live && loan.base.same_epoch(here)) else {
            return turn.push(Step::Return {
                lease: loan.lease.clone(),
                outcome: Return::Unused,
            });
        };
        let asked = self.waiting.remove(borrower).asked;
        self.leases.lend(loan);
        turn.reply(asked.slot, answer::lease(asked.id.as_ref(), loan, turn.now));
    }

    /// A page brings what its exchange gave. Under its lease it goes to be saved whatever became of the session
    /// meanwhile: what is not kept has to be revoked.
    pub(super) fn on_hand_over(&mut self, brought: HandOver, asked: Asked, turn: &mut Turn<'_>) {
        let HandOver { lease, base, tokens } = brought;
        let Some(lease) = self.leases.settle(&lease, &base, turn.now) else {
            return turn.refuse(&asked, ErrCode::Stale, None);
        };
        let outcome = Return::HandedOver(tokens);
        turn.push(Step::Return { lease, outcome });
        match self.answer(&asked, turn) {
            Some(Status::Active) => self.park(asked, Want::NewerThan(base.generation), turn),
            Some(_) => self.reply_state(asked, turn),
            None => {}
        }
    }
}
