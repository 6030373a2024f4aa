//! The open webviews of a session: performs what the [`bridge`](crate::bridge) decides, and alone knows the
//! session.
//!
//! A host attaches each webview with a [`PagePolicy`] and passes on what the platform tells it: messages with
//! their sender, commits, the page's end. The answer of a call is what has to be done at once; what comes later,
//! a new token for instance, arrives through [`PageHost::perform`]. No webview crosses this line, only a
//! [`PageId`].

mod admission;
mod outbox;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

pub use crate::bridge::{
    Action, Origin, OriginError, PageId, PagePolicy, Payload, Script, Sender, Slot, Strategy,
};
use crate::bridge::{Bridge, Demand, LeaseId, Loan, Return, Stamp, Standing, Step, Steps};
pub use crate::bridge::{
    Cookie, CookieNameError, DocumentOrigin, DocumentRequest, DocumentResponse, Jar, Op, Pushed,
};
use crate::error::SessionError;
use crate::publish::Subscription;
use crate::session::{AuthSession, Glance, Lent, Offer, Returned};
use crate::state::SessionEvent;
use crate::time::BootTime;
use crate::token::Generation;
use admission::allowed_api;
use outbox::Outbox;
use tokio::sync::oneshot;

/// The webviews of one session. Cheap to clone; keep one: a page belongs to the `Pages` it was attached to, and
/// dropping the last clone detaches them all.
#[derive(Clone)]
#[must_use = "its pages are detached when it is dropped"]
pub struct Pages(Arc<Shared>);

/// What a host does for its page: one call of the platform for each action.
pub trait PageHost: Send + Sync + 'static {
    /// Does what came up outside of a call of the host, in this order. Called with no lock held, from any thread,
    /// one call at a time for all pages of a session: post to the UI thread and return.
    fn perform(&self, actions: Vec<Action>);
}

/// An attached page, for a list of them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PageStatus {
    /// Which page.
    pub page: PageId,
    /// The origin of its document, once that has greeted.
    pub origin: Option<Origin>,
    /// The generation that the document has: what it acknowledged, else what it was sent. `None` also when its
    /// session is over.
    pub generation: Option<Generation>,
}

/// Why a page is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GoneReason {
    /// The webview or the connection was closed.
    Closed,
    /// The process that rendered it ended.
    ProcessTerminated,
}

impl AuthSession {
    /// The webviews of this session. Each call makes another, independent set: keep the one you attach to.
    pub fn web_views(&self) -> Pages {
        Pages::new(self.clone())
    }
}

impl Pages {
    /// Attaches a page. Its documents get access tokens as the policy says, for APIs that the session's profile
    /// names.
    ///
    /// Errors: `Misconfigured` when the policy has no origin, an `http` one without the switch, or an API that is
    /// none of the profile's; when no API is left; or when its pages are to refresh themselves and the profile has no
    /// [`subject`](ServerProfile::with_subject).
    pub fn attach(&self, policy: PagePolicy, host: Arc<dyn PageHost>) -> Result<PageId, SessionError> {
        let api = allowed_api(&policy, &self.0.session)?;
        let now = self.0.session.clock().boot();
        let lends = policy.chosen() == Strategy::SelfRefresh;
        let mut desk = self.0.desk();
        desk.lends |= lends;
        let page = desk.bridge.attach(policy, api, now);
        desk.hosts.insert(page, host);
        drop(desk);
        if lends {
            self.0.session.learn_subject();
        }
        // An earlier run may have left a cookie.
        self.0.later(|_, _| Steps::new());
        Ok(page)
    }

    /// A page sent a text. The answers are to be performed at once; a slot without one is answered later.
    ///
    /// Never fails: whoever may not ask, and whatever is no message, is answered so.
    #[must_use = "these are the answers"]
    pub fn on_message(&self, page: PageId, sender: &Sender, text: &str, slot: Slot) -> Vec<Action> {
        self.0.call(page, |bridge, now| {
            bridge.on_message(page, sender, text, slot, now)
        })
    }

    /// A document was committed in the page's main frame: the one before is gone. Not to be called at the start
    /// of a navigation, nor for one within the document.
    ///
    /// `url` and `method` are what the platform says of the document's own request. The URL is not kept.
    #[must_use = "these settle the old document's questions"]
    pub fn on_committed(&self, page: PageId, url: &str, method: &str) -> Vec<Action> {
        self.0
            .call(page, |bridge, now| bridge.on_committed(page, url, method, now))
    }

    /// What the host sees of the committed document, for a policy with
    /// [`guarded_push`](PagePolicy::guarded_push): nothing is pushed into a document before. To be called for each committed
    /// document, after [`on_committed`](Self::on_committed); once more is fine, when its scripts have run for instance: what
    /// did not arrive is pushed again.
    #[must_use = "the token may have to be pushed now"]
    pub fn on_document_origin(&self, page: PageId, seen: &DocumentOrigin) -> Vec<Action> {
        self.0
            .call(page, |bridge, now| bridge.on_document_origin(page, seen, now))
    }

    /// The host saw the token of the page's document rejected, or heard so from the document in a way of its own. For a
    /// policy with [`guarded_push`](PagePolicy::guarded_push): a page that can ask says so itself. Believed like a page's
    /// own report, and what comes of it is pushed.
    #[must_use = "the token may have to be pushed now"]
    pub fn on_rejected(&self, page: PageId) -> Vec<Action> {
        self.0.call(page, |bridge, now| bridge.on_rejected(page, now))
    }

    /// What became of an [`Action::Push`]. What did not arrive goes again with the next
    /// [`on_document_origin`](Self::on_document_origin), [`on_rejected`](Self::on_rejected) or
    /// [`on_visibility`](Self::on_visibility), and with the next token.
    pub fn push_done(&self, page: PageId, pushed: Pushed) {
        self.0.later(|bridge, _| {
            bridge.on_pushed(page, pushed);
            Steps::new()
        });
    }

    /// Waits until the page can be shown without a 401: the token has a life, by one exchange if need be, and the cookies
    /// of the policy are written. To be awaited on resume, before the view is shown, and before the first load. Comes after
    /// five seconds at most, and at once when nobody is signed in or the page is unknown.
    ///
    /// Every action for it comes through [`PageHost::perform`]; the thread that performs them must not wait for this.
    pub async fn ready(&self, page: PageId) {
        let (ready, waits) = oneshot::channel();
        self.0.later(|bridge, now| {
            let (ruling, steps) = bridge.on_show_request(page, now);
            if let DocumentRequest::Hold { op } = ruling {
                self.0.shown().insert(op, ready);
            }
            steps
        });
        // Dropped by whoever need not wait, and when the pages are gone.
        let _ = waits.await;
    }

    /// The page is shown to the user, or hidden. Until the host says otherwise it counts as shown.
    #[must_use = "a page may have to be loaded again now"]
    pub fn on_visibility(&self, page: PageId, visible: bool) -> Vec<Action> {
        self.0
            .call(page, |bridge, now| bridge.on_visibility(page, visible, now))
    }

    /// A document is about to be asked for, by the page's main frame or by a frame in it. `Hold`: the request waits, and goes
    /// on, the same one, when its [`Action::Release`] comes; in five seconds at most. That can be before this call returns.
    ///
    /// A form that a server sent back because of its token has `retried=1` in its query, and comes by another method than
    /// GET: the cookie's token counts as rejected then, and the form waits for another.
    ///
    /// Only for policies with a [`cookie`](PagePolicy::cookie): others need no waiting.
    pub fn on_document_request(&self, page: PageId, url: &str, method: &str) -> DocumentRequest {
        let mut ruling = DocumentRequest::Go;
        self.0.later(|bridge, now| {
            // Every method may wait: the same request goes on, so that no body is lost.
            bridge.on_sent_back(page, url, method, now);
            let (ruled, steps) = bridge.on_document_request(page, url, now);
            ruling = ruled;
            steps
        });
        ruling
    }

    /// The server answered a request for the main frame's document; nothing of it is shown yet. `Again`: drop the answer, and
    /// load the same URL once more when its [`Action::Release`] comes, with a token by then that the server has not rejected;
    /// in five seconds at most. That can be before this call returns. A document that is committed meanwhile stays.
    ///
    /// `Again` comes for a GET only: what else was sent would be sent twice.
    pub fn on_document_response(
        &self,
        page: PageId,
        url: &str,
        method: &str,
        status: u16,
    ) -> DocumentResponse {
        let mut ruling = DocumentResponse::Go;
        self.0.later(|bridge, now| {
            let (ruled, steps) = bridge.on_document_response(page, url, method, status, now);
            ruling = ruled;
            steps
        });
        ruling
    }

    /// A cookie was written or deleted, or could not be.
    pub fn cookie_done(&self, op: Op, ok: bool) {
        self.0.later(|bridge, _| {
            bridge.on_cookie_done(op, ok);
            Steps::new()
        });
    }

    /// The page is gone without the host's doing. The same as [`detach`](Self::detach).
    #[must_use = "these settle the page's questions"]
    pub fn on_gone(&self, page: PageId, reason: GoneReason) -> Vec<Action> {
        tracing::debug!(page = page.get(), ?reason, "a page is gone");
        self.detach(page)
    }

    /// Forgets the page. The actions settle its open slots: a platform may insist on an answer to each. An
    /// unknown page has none.
    #[must_use = "these settle the page's questions"]
    pub fn detach(&self, page: PageId) -> Vec<Action> {
        let actions = self.0.call(page, |bridge, now| bridge.detach(page, now));
        self.0.desk().hosts.remove(&page);
        actions
    }

    /// The attached pages, in the order of attaching.
    pub fn list(&self) -> Vec<PageStatus> {
        let desk = self.0.desk();
        let status = |(page, origin, generation): (_, Option<&Origin>, _)| PageStatus {
            page,
            origin: origin.cloned(),
            generation,
        };
        desk.bridge.pages().map(status).collect()
    }

    fn new(session: AuthSession) -> Self {
        let mut bytes = [0; 8];
        // Ids need not be secret, only other than those of another `Pages`: a mix-up is then denied.
        let drawn = session
            .random()
            .fill(&mut bytes)
            .map(|()| u64::from_le_bytes(bytes) >> 12);
        let first = PageId::from_number(drawn.unwrap_or(0).max(1)).expect("it is at least one");
        let bridge = Bridge::new(first, session.glance().into());
        let shared = Arc::new(Shared {
            session,
            desk: Mutex::new(Desk {
                bridge,
                hosts: BTreeMap::new(),
                loans: BTreeMap::new(),
                lends: false,
            }),
            shown: Mutex::default(),
            outbox: Outbox::default(),
            news: OnceLock::new(),
        });
        // The listener must not keep the pages, which keep the session, which keeps the listener.
        let weak = Arc::downgrade(&shared);
        let news = shared.session.subscribe(move |event| {
            if let Some(shared) = weak.upgrade() {
                if matches!(event, SessionEvent::AccessTokenChanged(_)) && shared.desk().lends {
                    shared.session.learn_subject();
                }
                shared.later(|_, _| Steps::new());
            }
        });
        let _ = shared.news.set(news);
        Self(shared)
    }
}

impl fmt::Debug for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pages").field(&self.list()).finish()
    }
}

struct Shared {
    session: AuthSession,
    /// Guards the bridge and its hosts. Under it the session is only looked at; no host code runs.
    desk: Mutex<Desk>,
    /// Who waits for a page to be ready. Locked within `desk` and for an instant only.
    shown: Mutex<BTreeMap<Op, oneshot::Sender<()>>>,
    /// What hosts have to do later, in the order in which the bridge said it.
    outbox: Outbox,
    /// Ends with the pages.
    news: OnceLock<Subscription>,
}

struct Desk {
    bridge: Bridge,
    hosts: BTreeMap<PageId, Arc<dyn PageHost>>,
    /// How the session is told what became of what it lent. Dropped, the loan counts as forfeited.
    loans: BTreeMap<LeaseId, oneshot::Sender<Returned>>,
    /// A page was attached to which the refresh token may be lent.
    lends: bool,
}

/// What a step needs of the session.
enum Errand {
    Ask(PageId, Demand),
    Wake(PageId, BootTime),
}

impl Shared {
    /// A call of the host for one page: its actions are the answer, those of others go to their hosts.
    fn call(self: &Arc<Self>, page: PageId, act: impl FnOnce(&mut Bridge, BootTime) -> Steps) -> Vec<Action> {
        let mut answers = Vec::new();
        self.act(Some((page, &mut answers)), act);
        answers
    }

    /// Something that no host called for: every action goes to its host.
    fn later(self: &Arc<Self>, act: impl FnOnce(&mut Bridge, BootTime) -> Steps) {
        self.act(None, act);
    }

    fn act(
        self: &Arc<Self>,
        mut caller: Option<(PageId, &mut Vec<Action>)>,
        act: impl FnOnce(&mut Bridge, BootTime) -> Steps,
    ) {
        let mut errands = Vec::new();
        {
            let mut desk = self.desk();
            // Looked at under the lock, so that the bridge sees the session's states in their order.
            let glance = self.session.glance();
            let now = glance.now;
            let mut steps = desk.bridge.observe(glance.into(), now);
            steps.extend(act(&mut desk.bridge, now));
            steps.extend(desk.bridge.keep_cookies(now));
            for (page, step) in steps {
                let action = match step {
                    Step::Demand(demand) => {
                        errands.push(Errand::Ask(page, demand));
                        continue;
                    }
                    Step::Return { lease, outcome } => {
                        if let Some(back) = desk.loans.remove(&lease) {
                            // Its time was up in this very moment: the session makes the exchange itself.
                            let _ = back.send(outcome.into());
                        }
                        continue;
                    }
                    Step::Act(Action::WakeAt { time }) => {
                        errands.push(Errand::Wake(page, time));
                        continue;
                    }
                    Step::Act(Action::Release { op }) => match self.shown().remove(&op) {
                        Some(ready) => {
                            let _ = ready.send(());
                            continue;
                        }
                        None => Action::Release { op },
                    },
                    Step::Act(action) => action,
                };
                match &mut caller {
                    Some((calling, answers)) if *calling == page => answers.push(action),
                    _ => {
                        if let Some(host) = desk.hosts.get(&page) {
                            self.outbox.put(host, action);
                        }
                    }
                }
            }
        }
        for errand in errands {
            self.run(errand);
        }
        self.outbox.deliver();
    }

    fn run(self: &Arc<Self>, errand: Errand) {
        let session = self.session.clone();
        let shared = Arc::downgrade(self);
        match errand {
            Errand::Ask(page, demand) => self.session.spawn(Box::pin(async move {
                let result = match demand {
                    Demand::Rejected { used } => session.demand(used).await.map(drop),
                    Demand::Fresh { min_ttl } => session.access_token_with(min_ttl).await.map(drop),
                    Demand::Lease { used } => match session.lend(used).await {
                        Ok(Lent::Settled) => Ok(()),
                        Ok(Lent::Out(offer, landing)) => {
                            if let Some(shared) = shared.upgrade() {
                                shared.hand_out(page, offer);
                            }
                            landing.over().await
                        }
                        Err(error) => Err(error),
                    },
                };
                if let Some(shared) = shared.upgrade() {
                    shared.later(|bridge, now| bridge.on_demand_done(page, result, now));
                }
            })),
            Errand::Wake(page, time) => {
                let clock = self.session.clock().clone();
                self.session.spawn(Box::pin(async move {
                    let left = clock.boot().until(time);
                    drop(session);
                    clock.sleep(left).await;
                    if let Some(shared) = shared.upgrade() {
                        shared.later(|bridge, now| bridge.on_wake(page, now));
                    }
                }));
            }
        }
    }

    /// The session lends its refresh token to a page.
    fn hand_out(self: &Arc<Self>, page: PageId, offer: Offer) {
        let Ok(lease) = LeaseId::draw(&**self.session.random()) else {
            let _ = offer.back.send(Returned::Unused);
            return;
        };
        let loan = Loan {
            lease: lease.clone(),
            base: Stamp {
                store: offer.store,
                generation: offer.generation,
            },
            refresh_token: offer.refresh_token,
            attempt_key: offer.attempt_key,
            ends: offer.ends,
        };
        {
            let mut desk = self.desk();
            // One is lent at a time; what is left of others has lapsed.
            desk.loans.retain(|_, back| !back.is_closed());
            desk.loans.insert(lease, offer.back);
        }
        self.later(|bridge, now| bridge.on_lent(page, &loan, now));
    }

    fn shown(&self) -> MutexGuard<'_, BTreeMap<Op, oneshot::Sender<()>>> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let now = self.session.clock().boot();
        let desk = self.desk.get_mut().unwrap_or_else(PoisonError::into_inner);
        for (page, host) in std::mem::take(&mut desk.hosts) {
            for (_, step) in desk.bridge.detach(page, now) {
                if let Step::Act(action) = step {
                    self.outbox.put(&host, action);
                }
            }
        }
        self.outbox.deliver();
    }
}

impl From<Return> for Returned {
    fn from(outcome: Return) -> Self {
        match outcome {
            Return::HandedOver(pair) => Self::HandedOver(pair),
            Return::Unused => Self::Unused,
            Return::Forfeited => Self::Forfeited,
        }
    }
}

impl From<Glance> for Standing {
    fn from(glance: Glance) -> Self {
        Self {
            stamp: Stamp {
                store: glance.store,
                generation: glance.generation,
            },
            state: glance.state,
            token: glance.token,
        }
    }
}
