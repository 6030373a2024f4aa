//! Random orders of messages, navigations and sessions: what must hold in every one of them.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::strategy::Strategy;
use serde_json::{Value, json};

use super::desk::{Desk, Seen, see};
use super::*;
use crate::error::{EndReason, LockedCause, TryAgainCause};

const PAGES: usize = 4;
/// Two pages have policies of their own, the others inject.
const RELOADED: usize = 1;
const PUSHED: usize = 2;
const LENT_TO: usize = 3;
const ORIGINS: [&str; 4] = [
    "https://app.example.com",
    "https://shop.example.com",
    "https://evil.com",
    "null",
];
const URLS: [(&str, usize); 5] = [
    ("https://app.example.com/a", 0),
    ("https://app.example.com/b?x#y", 0),
    ("https://shop.example.com/", 1),
    ("https://evil.com/", 2),
    ("about:blank", 3),
];
const STORES: [&str; 2] = ["an0ther", "a7hird"];

#[derive(Clone, Debug)]
enum Event {
    Say(usize, Origin4, bool, Doc, Say),
    Text(usize, String),
    Commit(usize, usize, bool),
    Show(usize, bool),
    Lend(usize),
    Request(usize, usize),
    CookieDone(bool),
    Detach(usize),
    Attach(usize),
    Done(usize, bool),
    Wake(usize),
    Pass(u64),
    Renew(u64),
    Lose,
    End,
    Revive,
    SignOut,
    SignIn,
    Lock,
    Unlock,
    NewStore,
    LookBack,
}

type Origin4 = usize;
type Doc = u8;
/// Of a document that was committed and has not greeted.
const UNNAMED: Doc = Doc::MAX;

#[derive(Clone, Debug)]
enum Say {
    Hello(Claim),
    Watch(Claim),
    Need(Claim, bool),
    Ack(Claim),
    Lease,
    /// Whether lease and base are those of the page's loan.
    HandOver(bool, bool),
    Bye,
    Strange,
}

/// The generation that a page claims: none, the current one, one before it, or nonsense.
#[derive(Clone, Debug)]
enum Claim {
    None,
    Current,
    Behind(u64, u64),
    Foreign,
}

fn claim() -> impl Strategy<Value = Claim> {
    prop_oneof![
        2 => Just(Claim::None),
        6 => Just(Claim::Current),
        2 => (0..3_u64, 0..3_u64).prop_map(|(epoch, number)| Claim::Behind(epoch, number)),
        1 => Just(Claim::Foreign),
    ]
}

fn say() -> impl Strategy<Value = Say> {
    prop_oneof![
        4 => claim().prop_map(Say::Hello),
        2 => claim().prop_map(Say::Watch),
        6 => (claim(), any::<bool>()).prop_map(|(claim, rejected)| Say::Need(claim, rejected)),
        2 => claim().prop_map(Say::Ack),
        4 => Just(Say::Lease),
        3 => (prop::bool::weighted(0.8), prop::bool::weighted(0.8)).prop_map(|(lease, base)| Say::HandOver(lease, base)),
        1 => Just(Say::Bye),
        1 => Just(Say::Strange),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    let page = 0..PAGES;
    let origin = prop_oneof![8 => Just(0_usize), 2 => Just(1_usize), 1 => Just(2_usize), 1 => Just(3_usize)];
    prop_oneof![
        24 => (page.clone(), origin, prop::bool::weighted(0.95), 0..2_u8, say())
            .prop_map(|(page, origin, main, doc, say)| Event::Say(page, origin, main, doc, say)),
        1 => (page.clone(), ".{0,40}").prop_map(|(page, text)| Event::Text(page, text)),
        4 => (page.clone(), 0..URLS.len(), prop::bool::weighted(0.8))
            .prop_map(|(page, url, by_get)| Event::Commit(page, url, by_get)),
        6 => page.clone().prop_map(Event::Lend),
        4 => (page.clone(), 0..URLS.len()).prop_map(|(page, url)| Event::Request(page, url)),
        4 => prop::bool::weighted(0.8).prop_map(Event::CookieDone),
        2 => (page.clone(), any::<bool>()).prop_map(|(page, visible)| Event::Show(page, visible)),
        1 => page.clone().prop_map(Event::Detach),
        1 => page.clone().prop_map(Event::Attach),
        8 => (page.clone(), any::<bool>()).prop_map(|(page, worked)| Event::Done(page, worked)),
        3 => page.prop_map(Event::Wake),
        4 => (0..120_u64).prop_map(Event::Pass),
        6 => (1..200_u64).prop_map(Event::Renew),
        1 => Just(Event::Lose),
        2 => Just(Event::End),
        3 => Just(Event::Revive),
        2 => Just(Event::SignOut),
        3 => Just(Event::SignIn),
        1 => Just(Event::Lock),
        2 => Just(Event::Unlock),
        1 => Just(Event::NewStore),
        2 => Just(Event::LookBack),
    ]
}

/// What the model knows of a page, from what it did and saw alone.
#[derive(Default)]
struct Model {
    page: Option<PageId>,
    /// The document that greeted and was not ended since: its origin, platform name and own name.
    document: Option<(usize, Doc)>,
    /// Of that document: the highest generation seen, and the epochs that ended.
    highest: Option<(String, u64, u64)>,
    ended: BTreeSet<(String, u64)>,
    /// Slots in use, and whether the demand is out.
    open: BTreeMap<u64, (usize, Doc)>,
    demand: Option<Demand>,
    /// What was committed last, and whether by GET.
    loaded: Option<(usize, bool)>,
    hidden: bool,
    reloads: Vec<(usize, BootTime)>,
    /// The demand has been met by a loan.
    lent: bool,
    loan: Option<Lent>,
    barred_until: Option<BootTime>,
}

/// A loan that its page has in its hands.
#[derive(Clone)]
struct Lent {
    lease: String,
    base: Value,
    ends: BootTime,
    document: Option<(usize, Doc)>,
}

struct World {
    desk: Desk,
    models: Vec<Model>,
    slots: u64,
    stores: usize,
    settled: BTreeSet<u64>,
    before: Standing,
    /// Loans of which the session has heard nothing.
    loans: BTreeSet<String>,
    offered: Option<Lent>,
    /// Document requests that wait, each with its deadline.
    held: BTreeMap<u64, BootTime>,
    /// Writes of cookies that are under way.
    writing: BTreeSet<u64>,
}

impl World {
    fn new() -> Self {
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

    fn play(&mut self, event: Event) {
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
            Event::Request(at, url) => self.request(at, url),
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

    fn request(&mut self, at: usize, url: usize) {
        let Some(page) = self.models[at].page else { return };
        let (ruling, steps) = self
            .desk
            .bridge
            .on_document_request(page, URLS[url].0, self.desk.now);
        if let DocumentRequest::Hold { op } = ruling {
            assert!(at < 2 && URLS[url].1 < 2, "only where the policy says so");
            let deadline = self.desk.now + Duration::from_secs(5);
            assert!(self.held.insert(op.0, deadline).is_none());
        }
        self.check(see(steps));
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

    fn say(&mut self, at: usize, origin: usize, main: bool, doc: Doc, say: &Say) {
        let text = self.write(at, say, doc).to_string();
        let was_read = self.text(at, origin, main, doc, &text, matches!(say, Say::Hello(_)));
        if was_read && matches!(say, Say::Bye) && self.models[at].document == Some((origin, doc)) {
            self.forget(at);
        }
    }

    fn text(&mut self, at: usize, origin: usize, main: bool, doc: Doc, text: &str, is_hello: bool) -> bool {
        let Some(page) = self.models[at].page else {
            return false;
        };
        self.slots += 1;
        let slot = self.slots;
        let sender = Sender {
            origin: ORIGINS[origin].into(),
            is_main_frame: main,
            doc: Some(format!("doc-{doc}")),
        };
        let may_ask = main && origin < 2;
        self.models[at].open.insert(slot, (origin, doc));
        let seen = see(self
            .desk
            .bridge
            .on_message(page, &sender, text, Slot(slot), self.desk.now));
        let model = &mut self.models[at];
        let unread = |seen: &Seen| matches!(seen, Seen::Reply(s, v) if *s == slot && (v["code"] == "rate" || v["code"] == "unsupported"));
        let was_read = may_ask && !seen.iter().any(unread);
        if is_hello && was_read && model.document == Some((origin, UNNAMED)) {
            model.document = Some((origin, doc));
        }
        if is_hello && was_read && model.document != Some((origin, doc)) {
            model.document = Some((origin, doc));
            model.highest = None;
            model.ended.clear();
        }
        if !may_ask {
            let denied = json!({"v":1, "k":"err", "code":"denied"});
            assert_eq!(
                seen,
                [Seen::Reply(slot, denied)],
                "a refused sender gets the constant"
            );
        }
        self.check(seen);
        was_read
    }

    fn write(&self, at: usize, say: &Say, doc: Doc) -> Value {
        let id = self.slots;
        match say {
            Say::Hello(have) => {
                let doc = format!("d{doc}");
                json!({"v":1, "k":"hello", "id":id, "min":1, "max":1, "doc":doc, "have":self.claimed(have), "resume":true})
            }
            Say::Watch(have) => json!({"v":1, "k":"watch", "id":id, "have":self.claimed(have)}),
            Say::Need(used, rejected) => {
                let why = if *rejected { "401" } else { "expiring" };
                json!({"v":1, "k":"need", "id":id, "used":self.claimed(used), "why":why})
            }
            Say::Ack(have) => json!({"v":1, "k":"ack", "id":id, "have":self.claimed(have)}),
            Say::Bye => json!({"v":1, "k":"bye", "id":id}),
            Say::Lease => json!({"v":1, "k":"lease", "id":id}),
            Say::HandOver(lease, base) => {
                // Any page may have heard of any lease.
                let loan = self.models[at]
                    .loan
                    .as_ref()
                    .or(self.models[LENT_TO].loan.as_ref());
                let named = loan.filter(|_| *lease).map_or("f0reign", |loan| &loan.lease);
                let base = loan
                    .filter(|_| *base)
                    .map_or(json!({"s":"f0reign", "e":1, "g":1}), |loan| loan.base.clone());
                json!({"v":1, "k":"handover", "id":id, "lease":named, "base":base, "at":"a", "rt":"r", "exp":60_000})
            }
            Say::Strange => json!({"v":1, "k":"borrow", "id":id}),
        }
    }

    fn claimed(&self, claim: &Claim) -> Value {
        let stamp = &self.desk.standing.stamp;
        let Generation { epoch, number } = stamp.generation;
        match claim {
            Claim::None => Value::Null,
            Claim::Current => json!({"s":stamp.store, "e":epoch, "g":number}),
            Claim::Behind(e, g) => {
                json!({"s":stamp.store, "e":epoch.saturating_sub(*e), "g":number.saturating_sub(*g)})
            }
            Claim::Foreign => json!({"s":"f0reign", "e":epoch, "g":number}),
        }
    }

    /// A page's document is over: every slot of it has to be settled by now.
    fn forget(&mut self, at: usize) {
        let model = &mut self.models[at];
        assert!(model.loan.is_none(), "a loan is given back at the document's end");
        assert_eq!(model.open.len(), 0, "slots are settled at the document's end");
        model.document = None;
        model.highest = None;
        model.ended.clear();
    }

    fn check(&mut self, mut seen: Vec<Seen>) {
        // As the driver does it after every call.
        seen.extend(see(self.desk.bridge.keep_cookies(self.desk.now)));
        for seen in seen {
            if let Seen::Reply(_, value) | Seen::Notify(_, value) | Seen::Push(_, _, value) = &seen {
                let tells = value.to_string().contains(super::desk::REFRESH_TOKEN);
                assert_eq!(
                    tells,
                    value["k"] == "lease",
                    "the refresh token is in no message but a lease"
                );
            }
            match seen {
                Seen::Reply(slot, value) => self.check_reply(slot, &value),
                Seen::Notify(page, value) => {
                    let at = self.models.iter().position(|model| model.page == Some(page));
                    let at = at.expect("only attached pages are told");
                    assert!(value["at"].is_null(), "a notice holds no token");
                    self.check_news(at, &value);
                }
                Seen::Demand(page, demand) => {
                    let model = self.models.iter_mut().find(|model| model.page == Some(page));
                    let model = model.expect("only attached pages demand");
                    assert_eq!(
                        model.demand.replace(demand),
                        None,
                        "one demand of a page at a time"
                    );
                }
                Seen::SetCookie(page, _, op, _, text) => {
                    assert!(self.at(page) < 2, "only where the policy says so");
                    let token = self.seen().token.as_ref().expect("there is a token");
                    assert!(self.seen().state.is_active());
                    assert!(text.starts_with(&format!("__Host-at={};", token.secret())));
                    assert!(self.writing.insert(op), "a write has its own name");
                }
                Seen::DeleteCookie(page, _, op, _, _) => {
                    assert!(self.at(page) < 2, "only where the policy says so");
                    assert!(!self.seen().state.is_active(), "no live cookie is deleted");
                    assert!(self.writing.insert(op), "a write has its own name");
                }
                Seen::Release(_, op) => {
                    self.held.remove(&op).expect("a request is let go once");
                }
                Seen::Reload(page) => self.check_reload(page),
                Seen::Return(page, lease, outcome) => self.check_return(page, &lease, &outcome),
                Seen::Push(page, origin, value) => {
                    let at = self.at(page);
                    assert_eq!(at, PUSHED, "only where the policy says so");
                    let document = self.models[at].document.map(|(origin, _)| ORIGINS[origin]);
                    assert_eq!(
                        Some(origin.as_str()),
                        document,
                        "the script is for the present document"
                    );
                    assert!(ORIGINS[..2].contains(&origin.as_str()));
                    self.check_news(at, &value);
                }
                Seen::WakeAt(time) => assert!(time.since_start() > Duration::ZERO),
            }
        }
        self.check_held();
    }

    fn check_return(&mut self, page: PageId, lease: &str, outcome: &Return) {
        assert!(
            self.loans.remove(lease),
            "the session is told once what became of a loan"
        );
        let at = self.at(page);
        let now = self.desk.now;
        let model = &mut self.models[at];
        match outcome {
            Return::Unused => assert!(model.loan.is_none() && self.offered.is_some()),
            Return::Forfeited => {
                let loan = model.loan.take().expect("it was lent");
                model.barred_until = Some(now.min(loan.ends) + Duration::from_secs(600));
            }
            Return::HandedOver(_) => {
                let loan = model.loan.take().expect("it was lent");
                assert_eq!(loan.lease, lease);
                assert!(now < loan.ends, "nothing is taken too late");
                assert_eq!(loan.document, model.document, "only its own document hands over");
            }
        }
    }

    fn check_lease(&mut self, at: usize, value: &Value) {
        let loan = self.offered.clone().expect("the session lent");
        let now = self.desk.now;
        let model = &mut self.models[at];
        assert_eq!(at, LENT_TO, "only where the policy says so");
        assert_eq!(
            model.document.map(|(origin, _)| origin),
            Some(0),
            "only to the stricter list"
        );
        assert_eq!(loan.document, model.document);
        assert_eq!(
            (&value["lease"], &value["base"]),
            (&json!(loan.lease), &loan.base)
        );
        assert!(
            model
                .barred_until
                .is_none_or(|until| until <= now || loan.ends <= now),
            "one lapse bars the page"
        );
        assert!(model.loan.replace(loan).is_none(), "one loan at a time");
    }

    /// Whoever is overdue was let go by now.
    fn check_held(&self) {
        let now = self.desk.now;
        assert!(
            self.held.values().all(|deadline| *deadline > now),
            "five seconds at most"
        );
    }

    fn check_reload(&mut self, page: PageId) {
        let at = self.at(page);
        assert_eq!(at, RELOADED, "only where the policy says so");
        let now = self.desk.now;
        let here = &self.desk.standing.stamp;
        let model = &mut self.models[at];
        let Some((url, true)) = model.loaded else {
            panic!("only what came by GET is loaded again");
        };
        assert!(!model.hidden, "not while it is hidden");
        let (store, epoch, number) = model.highest.clone().expect("it was sent a token");
        assert_eq!(
            (here.store.as_str(), here.generation.epoch),
            (store.as_str(), epoch)
        );
        assert!(number < here.generation.number, "there is a newer one");
        let lately = model
            .reloads
            .iter()
            .filter(|(past, time)| *past == url && time.until(now) < Duration::from_secs(300));
        assert!(lately.count() < 2, "at most twice in five minutes");
        model.reloads.push((url, now));
    }

    /// How the session stood when the bridge last looked.
    fn seen(&self) -> &Standing {
        &self.desk.bridge.standing
    }

    fn at(&self, page: PageId) -> usize {
        let at = self.models.iter().position(|model| model.page == Some(page));
        at.expect("only attached pages are told")
    }

    fn check_reply(&mut self, slot: u64, value: &Value) {
        assert!(self.settled.insert(slot), "slot {slot} is settled once");
        let at = self
            .models
            .iter()
            .position(|model| model.open.contains_key(&slot));
        let at = at.expect("a reply has an open slot of an attached page");
        let asker = self.models[at].open.remove(&slot);
        if value["at"].is_null() && value["k"] == "err" {
            return;
        }
        let allowed = asker.is_some_and(|(origin, _)| origin < 2);
        assert!(allowed, "only the policy's origins learn anything: {value}");
        assert_eq!(
            asker, self.models[at].document,
            "only the present document learns anything: {value}"
        );
        if value["k"] == "lease" {
            return self.check_lease(at, value);
        }
        self.check_news(at, value);
    }

    fn check_news(&mut self, at: usize, value: &Value) {
        let model = &mut self.models[at];
        let Value::Object(stamp) = &value["gen"] else {
            assert_ne!(value["st"], "active", "an active session has a generation");
            return;
        };
        let named = (
            stamp["s"].as_str().unwrap().to_owned(),
            stamp["e"].as_u64().unwrap(),
            stamp["g"].as_u64().unwrap(),
        );
        let epoch = (named.0.clone(), named.1);
        if value["k"] == "ended" {
            model.ended.insert(epoch);
            return;
        }
        if value["k"] != "state" || value["st"] != "active" {
            return;
        }
        assert!(!model.ended.contains(&epoch), "ended is final: {value}");
        if let Some(highest) = &model.highest {
            assert_eq!(
                (&highest.0, highest.1),
                (&named.0, named.1),
                "a document has one epoch"
            );
            assert!(
                highest.2 <= named.2,
                "never an older generation after a newer: {value}"
            );
        }
        let highest = model.highest.insert(named);
        if let Some(token) = value["at"].as_str() {
            let (store, epoch, number) = highest;
            assert_eq!(
                token,
                format!("token-{store}-{epoch}.{number}"),
                "the token is that of the generation"
            );
        }
    }
}

fn attach(desk: &mut Desk, at: usize) -> PageId {
    let mut policy = PagePolicy::new(&ORIGINS[..2]).unwrap();
    if at < 2 {
        policy = policy.cookie(Jar(1), "__Host-at").unwrap();
    }
    desk.attach_as(match at {
        RELOADED => policy.strategy(super::Strategy::Reload),
        PUSHED => policy.guarded_push(),
        LENT_TO => policy.self_refresh([ORIGINS[0]]).unwrap(),
        _ => policy,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn in_every_order_slots_are_settled_once_and_tokens_go_where_they_belong(
        events in prop::collection::vec(event(), 1..120)
    ) {
        let mut world = World::new();
        for event in events {
            world.play(event);
        }
        for at in 0..PAGES {
            world.play(Event::Detach(at));
        }
        prop_assert_eq!(world.settled.len() as u64, world.slots);
        prop_assert!(world.held.is_empty(), "no request is left behind");
    }

    #[test]
    fn any_text_is_answered_once(text in ".{0,200}") {
        let mut world = World::new();
        world.play(Event::Text(0, text));
        prop_assert_eq!(world.settled.len(), 1);
    }

    #[test]
    fn a_parsed_origin_is_the_text_itself(text in "[a-zA-Z0-9:/.@%\\\\\\[\\]?# -]{0,40}", prefix in "(https?://)?(app\\.example\\.com)?") {
        let text = format!("{prefix}{text}");
        if let Ok(origin) = Origin::parse(&text) {
            let written = origin.to_string();
            prop_assert!(text == written || text.strip_prefix(written.as_str()) == Some(":443") || text.strip_prefix(written.as_str()) == Some(":80"));
            prop_assert_eq!(Origin::parse(&written), Ok(origin));
        }
    }
}
