//! What must hold in every order.

use serde_json::{Value, json};

use super::events::{LENT_TO, ORIGINS, PAGES, PUSHED, RELOADED};
use super::world::World;
use crate::bridge::cookies::MAX_HELD;
use crate::bridge::desk::{REFRESH_TOKEN, Seen, see};
use crate::bridge::waiting::MAX_WAITING;
use crate::bridge::*;

impl World {
    pub(super) fn check(&mut self, mut seen: Vec<Seen>) {
        // As the driver does it after every call.
        seen.extend(see(self.desk.bridge.keep_cookies(self.desk.now)));
        for seen in seen {
            if let Seen::Reply(_, value) | Seen::Notify(_, value) | Seen::Push(_, _, value) = &seen {
                let tells = value.to_string().contains(REFRESH_TOKEN);
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
                    assert!(
                        self.models[at].seen,
                        "only into a document that the host has seen"
                    );
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
        self.check_bounds();
    }

    /// However many messages come, this is all that waits.
    fn check_bounds(&self) {
        for model in &self.models {
            assert!(model.open.len() <= MAX_WAITING + 1, "questions and one `watch`");
        }
        assert!(self.held.len() <= PAGES * MAX_HELD);
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
