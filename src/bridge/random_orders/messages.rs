//! What pages say.

use serde_json::{Value, json};

use super::events::{Claim, Doc, LENT_TO, ORIGINS, Say, UNNAMED};
use super::world::World;
use crate::bridge::desk::{Seen, see};
use crate::bridge::*;

impl World {
    pub(super) fn say(&mut self, at: usize, origin: usize, main: bool, doc: Doc, say: &Say) {
        let text = self.write(at, say, doc).to_string();
        let was_read = self.text(at, origin, main, doc, &text, matches!(say, Say::Hello(_)));
        if was_read && matches!(say, Say::Bye) && self.models[at].document == Some((origin, doc)) {
            self.forget(at);
        }
    }

    pub(super) fn text(
        &mut self,
        at: usize,
        origin: usize,
        main: bool,
        doc: Doc,
        text: &str,
        is_hello: bool,
    ) -> bool {
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
            model.seen = true;
        }
        if is_hello && was_read && model.document != Some((origin, doc)) {
            model.document = Some((origin, doc));
            model.seen = true;
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
    pub(super) fn forget(&mut self, at: usize) {
        let model = &mut self.models[at];
        assert!(model.loan.is_none(), "a loan is given back at the document's end");
        assert_eq!(model.open.len(), 0, "slots are settled at the document's end");
        model.document = None;
        model.highest = None;
        model.ended.clear();
    }
}
