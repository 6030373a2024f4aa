//! The bridge in a test's hand.

use serde_json::{Value, json};

use super::waiting::PATIENCE;
use super::*;
use crate::error::EndReason;
use crate::random::SystemRandom;
use crate::token::{AttemptKey, StoreId};

pub(super) const APP: &str = "https://app.example.com";
pub(super) const SHOP: &str = "https://shop.example.com";
pub(super) const REFRESH_TOKEN: &str = "r3fr3sh";
pub(super) const MINUTE: Duration = Duration::from_secs(60);

/// A bridge in a test's hand: it tells how the session stands and reads what the pages are told.
pub(super) struct Desk {
    pub(super) bridge: Bridge,
    pub(super) now: BootTime,
    pub(super) standing: Standing,
    pub(super) store: &'static str,
    pub(super) slots: u64,
}

/// What a step comes to, for a test to compare.
#[derive(Debug, PartialEq)]
pub(super) enum Seen {
    Reply(u64, Value),
    Notify(PageId, Value),
    Reload(PageId),
    Push(PageId, String, Value),
    Return(PageId, String, Return),
    SetCookie(PageId, Jar, u64, String, String),
    DeleteCookie(PageId, Jar, u64, String, String),
    Release(PageId, u64),
    WakeAt(BootTime),
    Demand(PageId, Demand),
}

impl Desk {
    /// A session that is active at 1.1 with a token of ten minutes.
    pub(super) fn active() -> Self {
        let mut desk = Self::restoring();
        desk.sign_in(1);
        desk
    }

    pub(super) fn restoring() -> Self {
        let stamp = Stamp {
            store: StoreId::default(),
            generation: Generation::default(),
        };
        let standing = Standing {
            stamp,
            state: SessionState::Restoring,
            token: None,
        };
        let first = PageId::from_number(1000).unwrap();
        Self {
            bridge: Bridge::new(first, standing.clone()),
            now: BootTime::from_start(Duration::from_secs(1000)),
            standing,
            store: "5704e",
            slots: 0,
        }
    }

    pub(super) fn attach(&mut self) -> PageId {
        self.attach_as(PagePolicy::new([APP, SHOP]).unwrap())
    }

    pub(super) fn attach_as(&mut self, policy: PagePolicy) -> PageId {
        let api = ApiOrigin::new(Origin::parse("https://api.example.com").unwrap(), &[]);
        self.bridge.attach(policy, vec![api], self.now)
    }

    /// Attaches a page whose document has greeted.
    pub(super) fn greeted(&mut self) -> PageId {
        let page = self.attach();
        self.hello(page, "d1", None);
        page
    }

    pub(super) fn hello(&mut self, page: PageId, doc: &str, have: Option<Value>) -> Vec<Seen> {
        self.say(
            page,
            json!({"k":"hello", "min":1, "max":1, "doc":doc, "have":have, "resume":false}),
        )
    }

    pub(super) fn rejected(&mut self, page: PageId, used: Value) -> Vec<Seen> {
        self.say(page, json!({"k":"need", "used":used, "why":"401"}))
    }

    pub(super) fn expiring(&mut self, page: PageId) -> Vec<Seen> {
        let used = self.generation();
        self.say(page, json!({"k":"need", "used":used, "why":"expiring"}))
    }

    pub(super) fn say(&mut self, page: PageId, message: Value) -> Vec<Seen> {
        self.say_as(page, &Sender::main_frame(APP), message)
    }

    pub(super) fn say_as(&mut self, page: PageId, sender: &Sender, mut message: Value) -> Vec<Seen> {
        message["v"] = json!(1);
        message["id"] = json!(self.slots + 1);
        self.say_text(page, sender, &message.to_string())
    }

    pub(super) fn say_text(&mut self, page: PageId, sender: &Sender, text: &str) -> Vec<Seen> {
        self.slots += 1;
        let slot = Slot(self.slots);
        see(self.bridge.on_message(page, sender, text, slot, self.now))
    }

    pub(super) fn sign_in(&mut self, epoch: u64) -> Vec<Seen> {
        self.standing.state = SessionState::Active { account: None };
        self.renew(Generation::new(epoch, 1), 10 * MINUTE)
    }

    pub(super) fn renew(&mut self, generation: Generation, life: Duration) -> Vec<Seen> {
        self.standing.stamp = Stamp {
            store: self.store.into(),
            generation,
        };
        let text = format!("token-{}-{generation}", self.store);
        self.standing.token = Some(AccessToken::new(text.into(), generation, self.now, life));
        self.observe()
    }

    pub(super) fn end(&mut self, reason: EndReason) -> Vec<Seen> {
        self.standing.stamp.generation = self.standing.stamp.generation.next();
        self.standing.state = SessionState::SignInRequired {
            reason,
            account: None,
            history: Default::default(),
        };
        self.standing.token = None;
        self.observe()
    }

    pub(super) fn sign_out(&mut self) -> Vec<Seen> {
        self.standing.stamp.generation = self.standing.stamp.generation.next_epoch();
        self.standing.state = SessionState::SignedOut;
        self.standing.token = None;
        self.observe()
    }

    pub(super) fn observe(&mut self) -> Vec<Seen> {
        see(self.bridge.observe(self.standing.clone(), self.now))
    }

    pub(super) fn done(&mut self, page: PageId, result: Result<(), SessionError>) -> Vec<Seen> {
        see(self.bridge.on_demand_done(page, result, self.now))
    }

    /// What the session would lend now.
    pub(super) fn loan(&self) -> Loan {
        let random = SystemRandom::default();
        Loan {
            lease: LeaseId::draw(&random).unwrap(),
            base: self.standing.stamp.clone(),
            refresh_token: REFRESH_TOKEN.into(),
            attempt_key: AttemptKey::draw(&random).unwrap(),
            ends: self.now + Duration::from_secs(20),
        }
    }

    pub(super) fn lent(&mut self, page: PageId, loan: &Loan) -> Vec<Seen> {
        see(self.bridge.on_lent(page, loan, self.now))
    }

    /// The current generation as pages write it.
    pub(super) fn generation(&self) -> Value {
        let Generation { epoch, number } = self.standing.stamp.generation;
        json!({"s": self.standing.stamp.store, "e": epoch, "g": number})
    }

    /// A document is committed, by GET.
    /// A document is committed, and the host has looked at it.
    pub(super) fn commit(&mut self, page: PageId) -> Vec<Seen> {
        let mut seen = see(self.bridge.on_committed(page, APP, "GET", self.now));
        seen.extend(self.look(page, APP));
        seen
    }

    /// The host finds this origin in the document.
    pub(super) fn look(&mut self, page: PageId, origin: &str) -> Vec<Seen> {
        let found = DocumentOrigin::Isolated(origin.into());
        see(self.bridge.on_document_origin(page, &found, self.now))
    }

    pub(super) fn state(&self, id: u64) -> Seen {
        self.state_as(id, "inject")
    }

    pub(super) fn state_as(&self, id: u64, mode: &str) -> Seen {
        Seen::Reply(id, self.stated(Some(id), mode))
    }

    /// The `state` with the present token.
    pub(super) fn stated(&self, id: Option<u64>, mode: &str) -> Value {
        let token = self.standing.token.as_ref().unwrap();
        let left = u64::try_from(token.remaining(self.now).as_millis()).unwrap();
        let mut value = json!({"v":1, "k":"state", "gen":self.generation(), "st":"active", "at":token.secret(),
            "exp":left, "api":[{"origin":"https://api.example.com", "rejected":[401]}], "mode":mode});
        if let Some(id) = id {
            value["id"] = json!(id);
        }
        value
    }

    pub(super) fn notice(&self, page: PageId) -> Seen {
        Seen::Notify(page, json!({"v":1, "k":"notify", "gen":self.generation()}))
    }

    pub(super) fn stale(&self, id: u64) -> Seen {
        Seen::Reply(id, json!({"v":1, "k":"err", "id":id, "code":"stale"}))
    }

    pub(super) fn wake(&self) -> Seen {
        Seen::WakeAt(self.now + PATIENCE)
    }
}

pub(super) fn see(steps: Steps) -> Vec<Seen> {
    let value = |payload: &Payload| serde_json::from_str(payload.expose()).unwrap();
    let see = |(page, step)| match step {
        Step::Act(Action::Reply { slot, payload }) => Seen::Reply(slot.0, value(&payload)),
        Step::Act(Action::Notify { page: named, payload }) => {
            assert_eq!(named, page);
            Seen::Notify(page, value(&payload))
        }
        Step::Act(Action::ReloadSame { page: named }) => {
            assert_eq!(named, page);
            Seen::Reload(page)
        }
        Step::Act(Action::Push { page: named, script }) => {
            assert_eq!(named, page);
            let (origin, message) = super::script::reading::read(script.expose());
            Seen::Push(page, origin, serde_json::from_str(&message).unwrap())
        }
        Step::Act(Action::SetCookie { jar, op, cookie }) => {
            let text = cookie.set_cookie().expose().to_owned();
            Seen::SetCookie(page, jar, op.0, cookie.origin().to_string(), text)
        }
        Step::Act(Action::DeleteCookie {
            jar,
            op,
            origin,
            name,
        }) => Seen::DeleteCookie(page, jar, op.0, origin.to_string(), name),
        Step::Act(Action::Release { op }) => Seen::Release(page, op.0),
        Step::Act(Action::WakeAt { time }) => Seen::WakeAt(time),
        Step::Demand(demand) => Seen::Demand(page, demand),
        Step::Return { lease, outcome } => Seen::Return(page, lease.to_string(), outcome),
    };
    steps.into_iter().map(see).collect()
}
