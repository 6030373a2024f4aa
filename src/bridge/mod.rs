//! The bridge to pages: who may ask, what they are told, and when. Pure: it does no I/O, reads no clock, and every
//! call returns what is to be done. [`pages`](crate::pages) drives it.
//!
//! A **page** is one webview as the host attached it. Documents come and go in it; a token is given to a document,
//! in the answer to its own question, never to a page. A **document** lives from its `hello` to the next commit,
//! and belongs to one sign-in, the epoch of its first `state`:
//!
//! ```text
//!                 hello               state, session active               epoch ended, or another one began
//!   (none) ───────────────► Greeted ───────────────────────► At home ─────────────────────────► Over
//!     ▲                      │   │  hello with a generation ►┘  │                               │
//!     │                      │   └─ nobody is signed in: ended, │                               │
//!     │                      │      notify at the next sign-in  │                               │
//!     └──────────────────────┴────── bye, commit, another hello, detach ────────────────────────┘
//! ```
//!
//! What a message of an accepted sender is answered with:
//!
//! | message | no document | session not read | live | over or signed out |
//! | --- | --- | --- | --- | --- |
//! | `hello` | begins one | `state` without token | `state`; without a token it waits for one | `ended` |
//! | `need` `401`, the sent and current generation | `err/stale` | `state` without token | waits for a newer one; `err/rate` at the second that the app's clock does not explain | `ended` |
//! | `need` otherwise | `err/stale` | `state` without token | `state`, when the token is about to end it waits | `ended` |
//! | `watch` | `err/stale` | parked | parked until there is news | `ended` |
//! | `ack` | `err/stale` | `notify` | `notify` | `ended` |
//! | `lease`, in a page that refreshes itself | `err/stale` | `state` without token | `state` if it lacks the newest token; else it waits for a `lease` or a newer token; `err/busy` beside a lease, `err/rate` as for `need` and for ten minutes after a lapse | `ended` |
//! | `handover` under the document's live lease | `err/stale` | goes to be saved; `state` without token | goes to be saved, waits for that | goes to be revoked; `ended` |
//! | `handover` otherwise | `err/stale` | `err/stale` | `err/stale` | `err/stale` |
//! | `bye` | `err/stale` | `notify`, ends the document | the same | the same |
//!
//! A newer token reaches a live document that was sent an older one as its page's policy says:
//!
//! | policy | who waits | a parked `watch` | neither |
//! | --- | --- | --- | --- |
//! | inject, self-refresh | `state` | `notify` | `notify` |
//! | the same with a guarded push, the document seen | `state` | `notify` | the `state`, pushed |
//! | reload, and it came by GET, at most twice in five minutes | stays until the commit, or its time is up: `state` | stays | loaded again, when it is shown |
//! | reload otherwise | as inject | as inject | as inject |
//!
//! Where the policy **pushes**, a committed document need not greet. It is told nothing until the host has seen its own
//! origin, or until it greets; its `hello`, if one comes, begins no other:
//!
//! ```text
//!            commit, the URL's origin           the host found this origin in it, or `hello`
//!   (none) ───────────────────────► Unseen ◄─────────────────────────────────────► Greeted
//!                                      the host found another, or the script did
//! ```
//!
//! | what the host says of a document | Unseen | Greeted or at home | over |
//! | --- | --- | --- | --- |
//! | its origin, found in it | Greeted, and the token | the token, if it was not sent this one | nothing new |
//! | another origin, `null` | nothing | Unseen | Unseen |
//! | its token was rejected | nothing | as `need` `401`; what comes of it is pushed | `ended`, pushed |
//! | a script did not arrive | nothing | counts as not sent | the end counts as not told |
//!
//! A **lease** lends a document the refresh token for one exchange; the session's one flight waits for it meanwhile:
//!
//! ```text
//!             lease, the session lends          handover in time
//!   (none) ─────────────────────────────► Held ──────────────────► saved by the session's flight, judged, and then told
//!      ▲                                    │  time is up, or the document's end
//!      └──────────── ten minutes ── Barred ◄┘  (the flight makes the exchange itself, under the same key)
//! ```
//!
//! A **document request** to an origin whose policy keeps a cookie goes at once when the cookie holds the session's token
//! and that has 30 seconds left, or when nobody is signed in. Otherwise it is held until the refresh is done and its cookie
//! confirmed, until one of the two fails, until its page is gone, and for five seconds at most; after a sign-out until the
//! old cookie is gone. A page that is to be **shown** waits alike, for all of its policy's cookies. A cookie is written for each
//! new token, and deleted before pages hear of an end. A token that the server rejects all the same, by the status of a
//! document or by asking for a POST once more, is not sent again: [`responses`].
//!
//! Whoever may not ask gets the constant `err/denied`. What waits is answered exactly once: by `state`, by
//! `ended`, by an `err` when the session cannot or the time is up, or by `err/stale` at the document's end.

mod action;
mod answer;
mod cookies;
#[cfg(test)]
mod desk;
mod document;
mod lease;
mod message;
mod meter;
mod origin;
mod page;
mod policy;
#[cfg(test)]
mod random_orders;
mod reload;
mod responses;
mod script;
#[cfg(test)]
mod stories;
mod turn;
mod waiting;

use std::collections::BTreeMap;
use std::time::Duration;

pub use action::{
    Action, Cookie, DocumentOrigin, DocumentRequest, Jar, Op, PageId, Payload, Pushed, Sender, Slot,
};
use cookies::{Cookies, Place};
pub(crate) use lease::{LeaseId, Loan, Return};
pub(crate) use message::Stamp;
pub use origin::{Origin, OriginError};
use page::Page;
pub(crate) use policy::ApiOrigin;
pub use policy::{CookieNameError, PagePolicy, Strategy};
pub use responses::DocumentResponse;
use responses::Rejections;
pub use script::Script;
use turn::Turn;

use crate::error::SessionError;
use crate::state::SessionState;
use crate::time::BootTime;
use crate::token::{AccessToken, Generation};

/// Every attached page of one session.
#[derive(Debug)]
pub(crate) struct Bridge {
    pages: BTreeMap<PageId, Page>,
    next: PageId,
    standing: Standing,
    cookies: Cookies,
    rejections: Rejections,
}

/// What the bridge has to know of the session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) stamp: Stamp,
    pub(crate) state: SessionState,
    /// The token that calls are served with, if there is one.
    pub(crate) token: Option<AccessToken>,
}

/// What is to be done for a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// By its host, or by `pages`.
    Act(Action),
    /// By the session; its result goes to [`Bridge::on_demand_done`]. One at a time for each page.
    Demand(Demand),
    /// By the session: what became of what it lent.
    Return { lease: LeaseId, outcome: Return },
}

/// What a page wants of the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Demand {
    /// A token newer than this one, which the page saw rejected.
    Rejected { used: Generation },
    /// The refresh token behind this token, which the page saw rejected: [`Bridge::on_lent`] hands it out. A newer token
    /// does as well.
    Lease { used: Generation },
    /// A token with a life.
    Fresh { min_ttl: Duration },
}

/// What a call led to, each with the page whose host has to do it.
pub(crate) type Steps = Vec<(PageId, Step)>;

impl Bridge {
    /// No pages yet. The ids start at `first`, so that those of another bridge are unknown here.
    pub(crate) fn new(first: PageId, standing: Standing) -> Self {
        Self {
            pages: BTreeMap::new(),
            next: first,
            standing,
            cookies: Cookies::default(),
            rejections: Rejections::default(),
        }
    }

    /// Attaches a page; its tokens go to these APIs.
    pub(crate) fn attach(&mut self, policy: PagePolicy, api: Vec<ApiOrigin>, now: BootTime) -> PageId {
        let id = self.next;
        self.next = id.next();
        if let Some(cookie) = policy.cookie_use() {
            self.cookies.attach(id, cookie, policy.origins().cloned());
        }
        self.pages.insert(id, Page::new(id, policy, api, now));
        id
    }

    /// How the session stands. To be called before every other call, and whenever it changed.
    pub(crate) fn observe(&mut self, standing: Standing, now: BootTime) -> Steps {
        let known = &self.standing.stamp;
        if known.store == standing.stamp.store && standing.stamp.generation < known.generation {
            // Looked up before what is known already.
            return Steps::new();
        }
        if standing == self.standing {
            return Steps::new();
        }
        self.standing = standing;
        // Cookies first: one that is to go is deleted before any page hears of the end.
        let mut steps = self.keep_cookies(now);
        for (id, page) in &mut self.pages {
            page.on_standing(&mut Turn::new(*id, &self.standing, now, &mut steps));
        }
        steps
    }

    /// A text of a page arrived.
    pub(crate) fn on_message(
        &mut self,
        id: PageId,
        sender: &Sender,
        text: &str,
        slot: Slot,
        now: BootTime,
    ) -> Steps {
        if !self.pages.contains_key(&id) {
            let payload = answer::denied();
            return vec![(id, Step::Act(Action::Reply { slot, payload }))];
        }
        self.turn(id, now, |page, turn| page.on_message(sender, text, slot, turn))
    }

    /// A document is asked for, by the main frame or a frame in it. What else there is to do comes with
    /// [`keep_cookies`](Self::keep_cookies).
    pub(crate) fn on_document_request(
        &mut self,
        id: PageId,
        url: &str,
        now: BootTime,
    ) -> (DocumentRequest, Steps) {
        let place = self.pages.get(&id).and_then(|page| page.place(url));
        self.hold(id, place.map(|place| vec![place]), now)
    }

    /// The page is about to be shown: it waits for a token that lives, and for its cookies.
    pub(crate) fn on_show_request(&mut self, id: PageId, now: BootTime) -> (DocumentRequest, Steps) {
        let places = self.pages.get(&id).map(Page::places);
        self.hold(id, places, now)
    }

    fn hold(&mut self, id: PageId, places: Option<Vec<Place>>, now: BootTime) -> (DocumentRequest, Steps) {
        let mut steps = Steps::new();
        let held = places.and_then(|places| self.cookies.hold(id, places, &self.standing, now, &mut steps));
        match held {
            Some(op) => (DocumentRequest::Hold { op }, steps),
            None => (DocumentRequest::Go, steps),
        }
    }

    /// The platform wrote or deleted a cookie, or could not.
    pub(crate) fn on_cookie_done(&mut self, op: Op, ok: bool) {
        self.cookies.on_done(op, ok);
    }

    /// What cookies need now: to be called after every other call.
    pub(crate) fn keep_cookies(&mut self, now: BootTime) -> Steps {
        let mut steps = Steps::new();
        self.cookies.keep(&self.standing, now, &mut steps);
        for (id, demand) in self.cookies.wanting(&self.standing, now) {
            steps.extend(self.turn(id, now, |page, turn| page.ask_for(demand, turn)));
        }
        steps
    }

    /// A document was committed: the one before is gone. The start of a navigation is no such thing; it may fail
    /// and leave the old document alive.
    pub(crate) fn on_committed(&mut self, id: PageId, url: &str, method: &str, now: BootTime) -> Steps {
        self.turn(id, now, |page, turn| page.on_committed(url, method, turn))
    }

    /// The host has looked at the page's committed document, or says that it cannot.
    pub(crate) fn on_document_origin(&mut self, id: PageId, seen: &DocumentOrigin, now: BootTime) -> Steps {
        self.turn(id, now, |page, turn| page.on_document_origin(seen, turn))
    }

    /// The host saw the token of the page's document rejected.
    pub(crate) fn on_rejected(&mut self, id: PageId, now: BootTime) -> Steps {
        self.turn(id, now, Page::on_rejected)
    }

    /// A pushed script was evaluated, or was not.
    pub(crate) fn on_pushed(&mut self, id: PageId, pushed: Pushed) {
        if let Some(page) = self.pages.get_mut(&id) {
            page.on_pushed(pushed);
        }
    }

    /// The page is shown, or hidden. A page counts as shown until the host says otherwise.
    pub(crate) fn on_visibility(&mut self, id: PageId, visible: bool, now: BootTime) -> Steps {
        self.turn(id, now, |page, turn| page.on_visibility(visible, turn))
    }

    /// The session lends its refresh token to the page that demanded it.
    pub(crate) fn on_lent(&mut self, id: PageId, loan: &Loan, now: BootTime) -> Steps {
        if !self.pages.contains_key(&id) {
            let (lease, outcome) = (loan.lease.clone(), Return::Unused);
            return vec![(id, Step::Return { lease, outcome })];
        }
        self.turn(id, now, |page, turn| page.on_lent(loan, turn))
    }

    /// The session answered the page's demand; [`observe`](Self::observe) has been told how it stands now.
    pub(crate) fn on_demand_done(
        &mut self,
        id: PageId,
        result: Result<(), SessionError>,
        now: BootTime,
    ) -> Steps {
        let worked = result.is_ok();
        let mut steps = self.turn(id, now, |page, turn| page.on_demand_done(result, turn));
        self.cookies.on_demand_done(id, worked, &mut steps);
        steps
    }

    /// It is time.
    pub(crate) fn on_wake(&mut self, id: PageId, now: BootTime) -> Steps {
        self.turn(id, now, Page::on_wake)
    }

    /// The page is gone. Its slots are settled.
    pub(crate) fn detach(&mut self, id: PageId, now: BootTime) -> Steps {
        let mut steps = self.turn(id, now, Page::end_document);
        self.pages.remove(&id);
        self.cookies.detach(id, &mut steps);
        self.rejections.detach(id);
        steps
    }

    /// The attached pages: the origin of the document, if one is there, and the generation it has.
    pub(crate) fn pages(&self) -> impl Iterator<Item = (PageId, Option<&Origin>, Option<Generation>)> {
        self.pages.iter().map(|(id, page)| {
            let document = page.document().filter(|document| !document.is_over());
            let generation = document.and_then(|document| document.generation());
            (*id, page.document().map(|document| document.origin()), generation)
        })
    }

    fn turn(&mut self, id: PageId, now: BootTime, act: impl FnOnce(&mut Page, &mut Turn<'_>)) -> Steps {
        let mut steps = Steps::new();
        if let Some(page) = self.pages.get_mut(&id) {
            act(page, &mut Turn::new(id, &self.standing, now, &mut steps));
        }
        steps
    }
}
