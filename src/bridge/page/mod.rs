//! One attached page: its document, and who waits.
//!
//! `asking` answers the document's questions or puts them to the session, `pushing` serves a document that cannot ask,
//! `borrowing` lends the refresh token to one that refreshes itself.

mod asking;
mod borrowing;
mod pushing;

use std::time::Duration;

use super::action::{Action, PageId, Payload, Sender, Slot};
use super::answer::{self, ErrCode, Status};
use super::cookies::Place;
use super::document::{Document, Relation};
use super::lease::{Leases, Return};
use super::message::{Body, MAX_MESSAGE, Message, MessageId, Stamp};
use super::meter::{Meter, PAUSE};
use super::origin::Origin;
use super::policy::{ApiOrigin, CookieUse, PagePolicy, Strategy};
use super::reload::{Reloads, Ruling};
use super::script::Script;
use super::turn::{Asked, Turn};
use super::waiting::{Waiting, Want};
use super::{Demand, Step};
use crate::state::SessionState;
use crate::time::BootTime;
use crate::token::Generation;

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
    /// The host saw this token rejected, on behalf of a document that cannot say so, and the session is to be asked.
    rejected: Option<Generation>,
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
            rejected: None,
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
            // Nothing goes there before the host has seen its origin: a URL's is that of a sandboxed document too.
            self.document = Some(Document::unseen(origin));
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
        self.rejected = None;
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
        let may_hear = |document: &&mut Document| document.is_seen() || document.has_greeted();
        let Some(document) = self.document.as_mut().filter(may_hear) else {
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
                if has_news && self.may_push() && self.watch.is_none() {
                    self.push_state(turn);
                } else if has_news {
                    let stamp = &turn.standing.stamp;
                    self.announce(turn, |id| answer::notify(id, stamp));
                }
            }
        }
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

    /// The place of the cookie with which a document is asked for, where the policy keeps one.
    pub(super) fn place(&self, url: &str) -> Option<Place> {
        let cookie = self.policy.cookie_use()?;
        Some(cookie.place(self.origin_of(url)?))
    }

    /// The places of all cookies that the policy keeps.
    pub(super) fn places(&self) -> Vec<Place> {
        let cookie = self.policy.cookie_use();
        let places = |cookie: &CookieUse| {
            self.policy
                .origins()
                .cloned()
                .map(|origin| cookie.place(origin))
                .collect()
        };
        cookie.map(places).unwrap_or_default()
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

    fn was_sent(&self, stamp: &Stamp) -> bool {
        self.document
            .as_ref()
            .is_some_and(|document| document.was_sent(stamp))
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

    /// Tells the document without having been asked: through its parked `watch`, else as the policy says.
    fn announce(&mut self, turn: &mut Turn<'_>, payload: impl FnOnce(Option<&MessageId>) -> Payload) {
        let pushed_to = self.document.as_ref().filter(|_| self.may_push());
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
