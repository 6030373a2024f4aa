use std::time::Duration;

use super::action::{Action, PageId, Payload, Sender, Slot};
use super::answer::{self, ErrCode, Status};
use super::cookies::Place;
use super::document::{Document, Relation};
use super::lease::{Leases, Loan, Return};
use super::message::{Body, HandOver, MAX_MESSAGE, Message, MessageId, Stamp, Why};
use super::meter::{Meter, PAUSE};
use super::origin::Origin;
use super::policy::{ApiOrigin, PagePolicy, Strategy};
use super::reload::{Reloads, Ruling};
use super::script::Script;
use super::turn::{Asked, Turn};
use super::waiting::{MAX_WAITING, MIN_TTL, PATIENCE, Waiting, Want};
use super::{Demand, Step};
use crate::error::{SessionError, TryAgainCause};
use crate::state::SessionState;
use crate::time::BootTime;
use crate::token::AccessToken;

/// Within this time a page is believed one 401 that the app's clock does not explain.
pub(super) const DOUBT: Duration = Duration::from_secs(5 * 60);

/// A retry that costs no more than it may bring.
const RETRY: Duration = Duration::from_secs(2);
/// Longer origins are refused unread.
const MAX_ORIGIN: usize = 300;

/// One attached page: its document, and who waits.
#[derive(Debug)]
pub(super) struct Page {
    id: PageId,
    policy: PagePolicy,
    api: Vec<ApiOrigin>,
    meter: Meter,
    document: Option<Document>,
    waiting: Vec<Waiting>,
    watch: Option<Asked>,
    /// What the session is asked for this page; one at most.
    demand: Option<Demand>,
    /// Whether a wake-up is ordered.
    wake: bool,
    /// The last 401 that the app's clock did not explain. Kept across documents: a reload is no excuse.
    doubt: Option<(Stamp, BootTime)>,
    reloads: Reloads,
    leases: Leases,
}

impl Page {
    pub(super) fn new(id: PageId, policy: PagePolicy, api: Vec<ApiOrigin>, now: BootTime) -> Self {
        Self {
            id,
            policy,
            api,
            meter: Meter::new(now),
            document: None,
            waiting: Vec::new(),
            watch: None,
            demand: None,
            wake: false,
            doubt: None,
            reloads: Reloads::default(),
            leases: Leases::default(),
        }
    }

    pub(super) fn document(&self) -> Option<&Document> {
        self.document.as_ref()
    }

    pub(super) fn on_message(&mut self, sender: &Sender, text: &str, slot: Slot, turn: &mut Turn<'_>) {
        let Some(origin) = self.admit(sender) else {
            return turn.reply(slot, answer::denied());
        };
        if !self.meter.admit(turn.now) {
            // Reading costs time as well: of a flood only what is short gets its id back.
            let id = if text.len() <= MAX_MESSAGE / 64 {
                Message::id_of(text)
            } else {
                None
            };
            return turn.reply(slot, answer::err(id.as_ref(), ErrCode::Rate, Some(PAUSE)));
        }
        let Message { id, body } = match Message::parse(text) {
            Ok(message) => message,
            Err(unreadable) => {
                return turn.reply(slot, answer::err(unreadable.id.as_ref(), unreadable.code, None));
            }
        };
        let asked = Asked { slot, id };
        if let Body::Hello { doc, have } = body {
            return self.on_hello(sender, origin, doc, have, asked, turn);
        }
        if !self
            .document
            .as_ref()
            .is_some_and(|document| document.is_sender(sender.doc.as_deref(), &origin))
        {
            // A document that never greeted, or one that is gone by now.
            return turn.refuse(&asked, ErrCode::Stale, None);
        }
        match body {
            Body::Hello { .. } => {}
            Body::Need { used, why } => self.on_need(used.as_ref(), why, asked, turn),
            Body::Watch { have } => self.on_watch(have.as_ref(), asked, turn),
            Body::Ack { have } => self.on_ack(have, &asked, turn),
            Body::Lease => self.on_lease(asked, turn),
            Body::HandOver(brought) => self.on_hand_over(brought, asked, turn),
            Body::Bye => {
                self.end_document(turn);
                turn.reply(
                    asked.slot,
                    answer::notify(asked.id.as_ref(), &turn.standing.stamp),
                );
            }
        }
    }

    /// A document was committed, by a request of this kind.
    pub(super) fn on_committed(&mut self, url: &str, method: &str, turn: &mut Turn<'_>) {
        self.end_document(turn);
        self.reloads.on_committed(url, method);
        if let Some(origin) = self.origin_to_push_to(url) {
            self.document = Some(Document::unnamed(origin));
            self.on_standing(turn);
            self.ask_for_push(turn);
        }
    }

    /// The page is shown, or hidden.
    pub(super) fn on_visibility(&mut self, visible: bool, turn: &mut Turn<'_>) {
        self.reloads.on_visibility(visible);
        if visible {
            self.on_standing(turn);
        }
    }

    /// Another document was committed, or the page is gone: whoever waits is settled.
    pub(super) fn end_document(&mut self, turn: &mut Turn<'_>) {
        self.document = None;
        if let Some(lease) = self.leases.give_back(turn.now) {
            let outcome = Return::Forfeited;
            turn.push(Step::Return { lease, outcome });
        }
        let waiting = self.waiting.drain(..).map(|waiting| waiting.asked);
        for asked in waiting.chain(self.watch.take()) {
            turn.refuse(&asked, ErrCode::Stale, None);
        }
    }

    /// The session is another one than before, or has another token.
    pub(super) fn on_standing(&mut self, turn: &mut Turn<'_>) {
        let Some(document) = &mut self.document else {
            return;
        };
        match document.relation(turn.standing) {
            Relation::Unknown => {}
            Relation::Ended { stamp, reason } => {
                let news = document.tell_end(&stamp, &reason);
                let told = !self.waiting.is_empty();
                for waiting in self.waiting.drain(..) {
                    let id = waiting.asked.id.as_ref();
                    turn.reply(waiting.asked.slot, answer::ended(id, &stamp, &reason));
                }
                if news && (!told || self.watch.is_some()) {
                    self.announce(turn, |id| answer::ended(id, &stamp, &reason));
                }
            }
            Relation::Live if self.is_to_reload(turn) => {}
            Relation::Live => {
                self.serve_waiting(turn);
                let has_news = self
                    .document
                    .as_mut()
                    .is_some_and(|document| document.takes_notice(turn.standing));
                if has_news && self.policy.pushes() && self.watch.is_none() {
                    self.push_state(turn);
                } else if has_news {
                    let stamp = &turn.standing.stamp;
                    self.announce(turn, |id| answer::notify(id, stamp));
                }
            }
        }
    }

    /// The session answered this page's demand.
    pub(super) fn on_demand_done(&mut self, result: Result<(), SessionError>, turn: &mut Turn<'_>) {
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
    pub(super) fn on_wake(&mut self, turn: &mut Turn<'_>) {
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

    /// The sender's origin, if it may ask at all.
    fn admit(&self, sender: &Sender) -> Option<Origin> {
        if !sender.is_main_frame || sender.origin.len() > MAX_ORIGIN {
            return None;
        }
        Origin::parse(&sender.origin)
            .ok()
            .filter(|origin| self.policy.accepts(origin))
    }

    fn on_hello(
        &mut self,
        sender: &Sender,
        origin: Origin,
        name: String,
        have: Option<Stamp>,
        asked: Asked,
        turn: &mut Turn<'_>,
    ) {
        let known = self.document.as_mut();
        let known = known.is_some_and(|known| known.is_greeting(sender.doc.as_deref(), &name, &origin));
        if !known {
            self.end_document(turn);
            self.document = Some(Document::new(sender.doc.clone(), name, origin, have));
        }
        match self.answer(&asked, turn) {
            Some(_) if self.is_to_reload(turn) => self.park(asked, Want::Fresh { greeting: true }, turn),
            Some(_) if turn.token().is_some() => self.reply_state(asked, turn),
            Some(Status::Active) => self.wait(asked, Want::Fresh { greeting: true }, turn),
            Some(_) => self.reply_state(asked, turn),
            None => {}
        }
    }

    fn on_need(&mut self, used: Option<&Stamp>, why: Why, asked: Asked, turn: &mut Turn<'_>) {
        match self.answer(&asked, turn) {
            Some(Status::Active) => {}
            Some(_) => return self.reply_state(asked, turn),
            None => return,
        }
        if self.is_to_reload(turn) {
            return self.park(asked, Want::Fresh { greeting: false }, turn);
        }
        let here = &turn.standing.stamp;
        let was_sent = self
            .document
            .as_ref()
            .is_some_and(|document| document.was_sent(here));
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

    fn on_lease(&mut self, asked: Asked, turn: &mut Turn<'_>) {
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
        let has_newest = self
            .document
            .as_ref()
            .is_some_and(|document| document.was_sent(here));
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
    pub(super) fn on_lent(&mut self, loan: &Loan, turn: &mut Turn<'_>) {
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
    fn on_hand_over(&mut self, brought: HandOver, asked: Asked, turn: &mut Turn<'_>) {
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

    fn on_watch(&mut self, have: Option<&Stamp>, asked: Asked, turn: &mut Turn<'_>) {
        if let Some(before) = self.watch.take() {
            turn.refuse(&before, ErrCode::Stale, None);
        }
        let Some(status) = self.answer(&asked, turn) else {
            return;
        };
        let here = &turn.standing.stamp;
        let is_newer = have.is_none_or(|have| !have.same_epoch(here) || have.generation < here.generation);
        if status == Status::Active && is_newer && !self.is_to_reload(turn) {
            return turn.reply(asked.slot, answer::notify(asked.id.as_ref(), here));
        }
        self.watch = Some(asked);
    }

    fn on_ack(&mut self, have: Stamp, asked: &Asked, turn: &mut Turn<'_>) {
        if self.answer(asked, turn).is_none() {
            return;
        }
        if let Some(document) = &mut self.document {
            document.acknowledge(have);
        }
        turn.reply(
            asked.slot,
            answer::notify(asked.id.as_ref(), &turn.standing.stamp),
        );
    }

    /// Sees to it that a document which was sent an older token is loaded again, where its policy says so and it can
    /// be. Who waits in it is not served: a call that was replayed now would be broken off.
    fn is_to_reload(&mut self, turn: &mut Turn<'_>) -> bool {
        let is_behind = self.policy.chosen() == Strategy::Reload
            && turn.token().is_some()
            && self
                .document
                .as_ref()
                .is_some_and(|document| document.is_behind(turn.standing));
        if !is_behind {
            return false;
        }
        let ruling = self.reloads.rule(&turn.standing.stamp, turn.now);
        if ruling == Ruling::Now {
            turn.act(Action::ReloadSame { page: self.id });
        }
        ruling != Ruling::Never
    }

    /// The origin of a committed document that may be pushed to. Its script compares it again, in the document.
    fn origin_to_push_to(&self, url: &str) -> Option<Origin> {
        self.origin_of(url).filter(|_| self.policy.pushes())
    }

    /// The place of the cookie with which a document is asked for, where the policy keeps one.
    pub(super) fn place(&self, url: &str) -> Option<Place> {
        let cookie = self.policy.cookie_use()?;
        Some(cookie.place(self.origin_of(url)?))
    }

    /// Whether the server of this URL says by this status that it does not take the token.
    pub(super) fn is_rejection(&self, url: &str, status: u16) -> bool {
        let origin = self.origin_of(url);
        let api = self.api.iter().find(|api| Some(&api.origin) == origin.as_ref());
        api.map_or(status == 401, |api| api.rejected.contains(&status))
    }

    /// The origin of a URL, if it is one of the policy's.
    fn origin_of(&self, url: &str) -> Option<Origin> {
        let url = url::Url::parse(url).ok()?;
        // A `blob:` has its maker's origin, and is no document of the policy's.
        let is_web = matches!(url.scheme(), "https" | "http");
        let origin = Origin::of(&url.origin()).ok().filter(|_| is_web)?;
        self.policy.accepts(&origin).then_some(origin)
    }

    /// A document that may be unable to ask needs a token with a life.
    fn ask_for_push(&mut self, turn: &mut Turn<'_>) {
        let is_live = self
            .document
            .as_ref()
            .is_some_and(|document| matches!(document.relation(turn.standing), Relation::Live));
        let has_token = turn.token().is_some_and(|token| token.serves(turn.now, MIN_TTL));
        if is_live && !has_token {
            self.ask_for_life(turn);
        }
    }

    /// Asks for a token with a life, for the page and not for a question of its document.
    fn ask_for_life(&mut self, turn: &mut Turn<'_>) {
        self.ask_for(Demand::Fresh { min_ttl: MIN_TTL }, turn);
    }

    /// Asks for the page and not for a question of its document, unless something is asked already.
    pub(super) fn ask_for(&mut self, demand: Demand, turn: &mut Turn<'_>) {
        if self.demand.is_none() {
            self.demand = Some(demand);
            turn.push(Step::Demand(demand));
        }
    }

    fn push_state(&mut self, turn: &mut Turn<'_>) {
        let (Some(document), Some(token)) = (&mut self.document, turn.token()) else {
            return;
        };
        let (stamp, mode) = (&turn.standing.stamp, self.policy.mode());
        let token = Some((token, turn.now));
        let payload = answer::state(None, stamp, Status::Active, token, &self.api, mode);
        document.tell_state(turn.standing, true);
        let script = Script::guarded(document.origin(), &payload);
        turn.act(Action::Push {
            page: self.id,
            script,
        });
    }

    /// Answers a document whose session is over, and otherwise says how the session stands to it.
    fn answer(&mut self, asked: &Asked, turn: &mut Turn<'_>) -> Option<Status> {
        let document = self.document.as_mut()?;
        match document.relation(turn.standing) {
            Relation::Live => Some(Status::Active),
            Relation::Unknown if turn.standing.state == SessionState::Restoring => Some(Status::Restoring),
            Relation::Unknown => Some(Status::Locked),
            Relation::Ended { stamp, reason } => {
                document.tell_end(&stamp, &reason);
                turn.reply(asked.slot, answer::ended(asked.id.as_ref(), &stamp, &reason));
                None
            }
        }
    }

    fn reply_state(&mut self, asked: Asked, turn: &mut Turn<'_>) {
        let Some(document) = &mut self.document else {
            return turn.refuse(&asked, ErrCode::Stale, None);
        };
        let status = match turn.standing.state {
            SessionState::Active { .. } => Status::Active,
            SessionState::Restoring => Status::Restoring,
            _ => Status::Locked,
        };
        let token = turn.token().map(|token| (token, turn.now));
        document.tell_state(turn.standing, token.is_some());
        let (stamp, mode) = (&turn.standing.stamp, self.policy.mode());
        let payload = answer::state(asked.id.as_ref(), stamp, status, token, &self.api, mode);
        turn.reply(asked.slot, payload);
    }

    /// Believes a page one unexplained 401; another one of a newer token has to wait.
    fn doubt(&mut self, turn: &Turn<'_>) -> Result<(), Duration> {
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

    fn wait(&mut self, asked: Asked, want: Want, turn: &mut Turn<'_>) {
        let covered = self
            .demand
            .as_ref()
            .is_some_and(|demand| want.is_covered_by(demand));
        self.enqueue(asked, want, covered, turn);
    }

    /// As [`wait`](Self::wait), for what the session need not be asked.
    fn park(&mut self, asked: Asked, want: Want, turn: &mut Turn<'_>) {
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

    fn ask_session(&mut self, turn: &mut Turn<'_>) {
        if self.demand.is_some() {
            return;
        }
        let uncovered = self.waiting.iter().filter(|waiting| !waiting.covered);
        let rejected = uncovered.clone().find_map(|waiting| match waiting.want {
            Want::NewerThan(used) => Some(Demand::Rejected { used }),
            _ => None,
        });
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

    fn serve_waiting(&mut self, turn: &mut Turn<'_>) {
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

    /// Tells the document without having been asked: through its parked `watch`, else as the policy says.
    fn announce(&mut self, turn: &mut Turn<'_>, payload: impl FnOnce(Option<&MessageId>) -> Payload) {
        let pushed_to = self.document.as_ref().filter(|_| self.policy.pushes());
        let action = match (self.watch.take(), pushed_to) {
            (Some(asked), _) => Action::Reply {
                slot: asked.slot,
                payload: payload(asked.id.as_ref()),
            },
            (None, Some(document)) => Action::Push {
                page: self.id,
                script: Script::guarded(document.origin(), &payload(None)),
            },
            (None, None) => Action::Notify {
                page: self.id,
                payload: payload(None),
            },
        };
        turn.act(action);
    }
}
