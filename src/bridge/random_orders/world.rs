//! Plays events at a bridge and keeps the models beside it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::events::{Event, LENT_TO, ORIGINS, PAGES, PUSHED, RELOADED, STORES, UNNAMED, URLS};
use super::model::{Lent, Model};
use crate::bridge::desk::{Desk, Seen, see};
use crate::bridge::*;
use crate::error::{EndReason, LockedCause, TryAgainCause};

pub(super) struct World {
    pub(super) desk: Desk,
    pub(super) models: Vec<Model>,
    pub(super) slots: u64,
    pub(super) stores: usize,
    pub(super) settled: BTreeSet<u64>,
    pub(super) before: Standing,
    /// Loans of which the session has heard nothing.
    pub(super) loans: BTreeSet<String>,
    pub(super) offered: Option<Lent>,
    /// Document requests that wait, each with its deadline.
    pub(super) held: BTreeMap<u64, BootTime>,
    /// Writes of cookies that are under way.
    pub(super) writing: BTreeSet<u64>,
}

impl World {
    pub(super) fn new() -> Self {
        let mut desk = Desk::restoring();
        let models = (0..PAGES).map(|at| Model {
            page: Some(attach(&mut desk, at)),
            ..Model::default()
        });
        let models = models.collect();
        let before = desk.standing.clone();
        Self {
            desk,
            models,
            slots: 0,
            stores: 0,
            settled: BTreeSet::new(),
            before,
            loans: BTreeSet::new(),
            offered: None,
            held: BTreeMap::new(),
            writing: BTreeSet::new(),
        }
    }

    pub(super) fn play(&mut self, event: Event) {
        match event {
            Event::Say(page, origin, main, doc, say) => self.say(page, origin, main, doc, &say),
            Event::Text(page, text) => {
                self.text(page, 0, true, 0, &text, false);
            }
            Event::Commit(at, url, by_get) => self.commit(at, url, by_get),
            Event::Show(at, visible) => {
                let Some(page) = self.models[at].page else { return };
                self.models[at].hidden = !visible;
                let seen = see(self.desk.bridge.on_visibility(page, visible, self.desk.now));
                self.check(seen);
            }
            Event::Detach(at) => {
                let Some(page) = self.models[at].page else { return };
                let seen = see(self.desk.bridge.detach(page, self.desk.now));
                self.check(seen);
                self.forget(at);
                self.models[at] = Model::default();
            }
            Event::Attach(at) => {
                if self.models[at].page.is_none() {
                    self.models[at].page = Some(attach(&mut self.desk, at));
                }
            }
            Event::Done(at, worked) => self.done(at, worked),
            Event::Lend(at) => self.lend(at),
            Event::Request(at, url, by_get) => self.request(at, url, by_get),
            Event::Response(at, url, by_get, status) => self.response(at, url, by_get, status),
            Event::Shown(at) => {
                let Some(page) = self.models[at].page else { return };
                let (ruling, steps) = self.desk.bridge.on_show_request(page, self.desk.now);
                self.hold(ruling, steps);
            }
            Event::Look(at, found) => self.look(at, found),
            Event::Reject(at) => {
                let Some(page) = self.models[at].page else { return };
                let seen = see(self.desk.bridge.on_rejected(page, self.desk.now));
                self.check(seen);
            }
            Event::PushDone(at, pushed) => {
                let Some(page) = self.models[at].page else { return };
                self.desk.bridge.on_pushed(page, pushed);
                self.models[at].seen &= pushed != Pushed::OtherOrigin;
            }
            Event::Flood(at, doc, say, times) => {
                for _ in 0..times {
                    self.say(at, 0, true, doc, &say);
                }
            }
            Event::CookieDone(ok) => self.cookie_done(ok),
            Event::Wake(at) => {
                let Some(page) = self.models[at].page else { return };
                let seen = see(self.desk.bridge.on_wake(page, self.desk.now));
                self.check(seen);
            }
            Event::Pass(seconds) => self.desk.now = self.desk.now + Duration::from_secs(seconds),
            Event::LookBack => {
                let seen = see(self.desk.bridge.observe(self.before.clone(), self.desk.now));
                // An older look at the same store changes nothing; the present one is told again.
                self.check(seen);
                self.observe();
            }
            session => {
                self.before = self.desk.standing.clone();
                self.session(&session);
            }
        }
    }

    fn commit(&mut self, at: usize, url: usize, by_get: bool) {
        let Some(page) = self.models[at].page else { return };
        let (text, origin) = URLS[url];
        let method = if by_get { "GET" } else { "POST" };
        let seen = see(self.desk.bridge.on_committed(page, text, method, self.desk.now));
        // First the old document's questions are settled, then the new one may be told something.
        let news = seen.iter().position(|seen| !matches!(seen, Seen::Reply(..)));
        let mut settled = seen;
        let news = settled.split_off(news.unwrap_or(settled.len()));
        self.check(settled);
        self.forget(at);
        self.models[at].loaded = Some((url, by_get));
        self.models[at].seen = false;
        if at == PUSHED && origin < 2 {
            self.models[at].document = Some((origin, UNNAMED));
        }
        self.check(news);
    }

    fn session(&mut self, event: &Event) {
        let standing = &mut self.desk.standing;
        let generation = standing.stamp.generation;
        let is_active = standing.state.is_active();
        match event {
            Event::Renew(life) if is_active => {
                let seen = self.desk.renew(generation.next(), Duration::from_secs(*life));
                return self.check(seen);
            }
            Event::Lose if is_active => standing.token = None,
            Event::End if is_active => {
                standing.stamp.generation = generation.next();
                standing.token = None;
                standing.state = SessionState::SignInRequired {
                    reason: EndReason::Revoked,
                    account: None,
                    history: Default::default(),
                };
            }
            // No session does so; an end is final for its documents even then.
            Event::Revive if matches!(standing.state, SessionState::SignInRequired { .. }) => {
                standing.state = SessionState::Active { account: None };
                let seen = self.desk.renew(generation.next(), Duration::from_secs(100));
                return self.check(seen);
            }
            Event::SignOut if is_active => {
                standing.stamp.generation = generation.next_epoch();
                standing.token = None;
                standing.state = SessionState::SignedOut;
            }
            Event::SignIn if !is_active => {
                standing.state = SessionState::Active { account: None };
                let seen = self.desk.renew(generation.next_epoch(), Duration::from_secs(100));
                return self.check(seen);
            }
            Event::Lock if is_active => {
                standing.state = SessionState::Locked {
                    cause: LockedCause::DeviceLocked,
                };
            }
            Event::Unlock if matches!(standing.state, SessionState::Locked { .. }) => {
                standing.state = SessionState::Active { account: None };
            }
            Event::NewStore => {
                // A name is never drawn twice.
                let Some(store) = STORES.get(self.stores) else {
                    return;
                };
                self.stores += 1;
                self.desk.store = store;
                standing.state = SessionState::Active { account: None };
                let seen = self.desk.renew(Generation::new(1, 1), Duration::from_secs(100));
                return self.check(seen);
            }
            _ => return,
        }
        self.observe();
    }

    fn observe(&mut self) {
        let seen = self.desk.observe();
        self.check(seen);
    }

    /// The session lends, as it does once for a demand.
    fn lend(&mut self, at: usize) {
        let (Some(Demand::Lease { used }), Some(page)) = (self.models[at].demand, self.models[at].page)
        else {
            return;
        };
        let standing = &self.desk.standing;
        if self.models[at].lent || !standing.state.is_active() || standing.stamp.generation != used {
            return;
        }
        self.models[at].lent = true;
        let loan = self.desk.loan();
        let lease = loan.lease.to_string();
        self.loans.insert(lease.clone());
        self.offered = Some(Lent {
            lease,
            base: self.desk.generation(),
            ends: loan.ends,
            document: self.models[at].document,
        });
        let seen = see(self.desk.bridge.on_lent(page, &loan, self.desk.now));
        self.check(seen);
        self.offered = None;
    }

    fn request(&mut self, at: usize, url: usize, by_get: bool) {
        let Some(page) = self.models[at].page else { return };
        let (text, method) = (URLS[url].0, if by_get { "GET" } else { "POST" });
        let now = self.desk.now;
        self.desk.bridge.on_sent_back(page, text, method, now);
        let (ruling, steps) = self.desk.bridge.on_document_request(page, text, now);
        if ruling != DocumentRequest::Go {
            assert!(at < 2 && URLS[url].1 < 2, "only where the policy says so");
        }
        self.hold(ruling, steps);
    }

    fn response(&mut self, at: usize, url: usize, by_get: bool, status: u16) {
        let Some(page) = self.models[at].page else { return };
        let (text, method) = (URLS[url].0, if by_get { "GET" } else { "POST" });
        let (ruling, steps) =
            self.desk
                .bridge
                .on_document_response(page, text, method, status, self.desk.now);
        let ruling = match ruling {
            DocumentResponse::Go => DocumentRequest::Go,
            DocumentResponse::Again { op } => {
                assert!(at < 2 && URLS[url].1 < 2, "only where the policy says so");
                assert!(
                    by_get && status == 401,
                    "only a GET that was rejected is repeated"
                );
                DocumentRequest::Hold { op }
            }
        };
        self.hold(ruling, steps);
    }

    fn hold(&mut self, ruling: DocumentRequest, steps: Steps) {
        if let DocumentRequest::Hold { op } = ruling {
            let deadline = self.desk.now + Duration::from_secs(5);
            assert!(self.held.insert(op.0, deadline).is_none());
        }
        self.check(see(steps));
    }

    fn look(&mut self, at: usize, found: Option<usize>) {
        let Some(page) = self.models[at].page else { return };
        let model = &mut self.models[at];
        if at == PUSHED
            && let Some((origin, _)) = model.document
        {
            model.seen = found.is_none_or(|found| found == origin);
        }
        let found = found.map_or(DocumentOrigin::DangerUnseen, |found| {
            DocumentOrigin::Isolated(ORIGINS[found].into())
        });
        let seen = see(self.desk.bridge.on_document_origin(page, &found, self.desk.now));
        self.check(seen);
    }

    /// The platform is done with the oldest write, or with one that was given up meanwhile.
    fn cookie_done(&mut self, ok: bool) {
        let Some(op) = self.writing.pop_first() else {
            return;
        };
        self.desk.bridge.on_cookie_done(Op(op), ok);
        self.check(Vec::new());
    }

    fn done(&mut self, at: usize, worked: bool) {
        let Some(demand) = self.models[at].demand.take() else {
            return;
        };
        let page = self.models[at].page.expect("a detached model has no demand");
        self.models[at].lent = false;
        if let Some(loan) = self.models[at].loan.take() {
            // The flight is over: the session knows that the loan has lapsed.
            self.loans.remove(&loan.lease);
            self.models[at].barred_until = Some(self.desk.now.min(loan.ends) + Duration::from_secs(600));
        }
        // As the session does it: it answers with a newer token, or says why there is none.
        let standing = &self.desk.standing;
        let result = match (&standing.state, worked) {
            (SessionState::Active { .. }, true) => {
                let generation = standing.stamp.generation;
                let is_newer = !matches!(demand, Demand::Rejected { used } | Demand::Lease { used } if used >= generation);
                let is_fresh = standing
                    .token
                    .as_ref()
                    .is_some_and(|token| token.serves(self.desk.now, Duration::from_secs(30)));
                if !(is_newer && is_fresh) {
                    let seen = self.desk.renew(generation.next(), Duration::from_secs(60));
                    self.check(seen);
                }
                Ok(())
            }
            (SessionState::SignInRequired { reason, .. }, _) => Err(SessionError::SignInRequired {
                reason: reason.clone(),
            }),
            _ => Err(SessionError::TryAgain {
                after: Duration::from_secs(1),
                cause: TryAgainCause::Offline,
            }),
        };
        let seen = see(self.desk.bridge.on_demand_done(page, result, self.desk.now));
        self.check(seen);
    }
}

fn attach(desk: &mut Desk, at: usize) -> PageId {
    let mut policy = PagePolicy::new(&ORIGINS[..2]).unwrap();
    if at < 2 {
        policy = policy.cookie(Jar(1), "__Host-at").unwrap();
    }
    desk.attach_as(match at {
        RELOADED => policy.strategy(Strategy::Reload),
        PUSHED => policy.guarded_push(),
        LENT_TO => policy.self_refresh([ORIGINS[0]]).unwrap(),
        _ => policy,
    })
}
