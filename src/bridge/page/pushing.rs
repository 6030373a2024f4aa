//! A guarded push, for a document that cannot ask: its host says which origin it is of, when its token was rejected, and
//! what became of a script.

use super::Page;
use crate::bridge::Demand;
use crate::bridge::action::{Action, DocumentOrigin, Pushed};
use crate::bridge::answer::{self, Status};
use crate::bridge::document::{Document, Relation};
use crate::bridge::origin::Origin;
use crate::bridge::script::Script;
use crate::bridge::turn::Turn;
use crate::bridge::waiting::{MIN_TTL, Want};

impl Page {
    /// The host has looked at the committed document, or says that it cannot.
    pub(in crate::bridge) fn on_document_origin(&mut self, seen: &DocumentOrigin, turn: &mut Turn<'_>) {
        let Some(document) = self.document.as_mut().filter(|_| self.policy.pushes()) else {
            return;
        };
        let fits = match seen {
            DocumentOrigin::Isolated(text) => {
                Origin::parse(text).is_ok_and(|origin| origin == *document.origin())
            }
            DocumentOrigin::DangerUnseen => true,
        };
        if !fits {
            document.unsee();
            return;
        }
        document.see();
        self.on_standing(turn);
        self.ask_for_push(turn);
    }

    /// The host saw the document's token rejected. As a document's own `need`, but what comes of it is pushed.
    pub(in crate::bridge) fn on_rejected(&mut self, turn: &mut Turn<'_>) {
        if !self.may_push() || !self.meter.admit(turn.now) {
            return;
        }
        let Some(document) = &mut self.document else {
            return;
        };
        let here = &turn.standing.stamp;
        match document.relation(turn.standing) {
            Relation::Unknown => {}
            Relation::Ended { stamp, reason } => {
                document.tell_end(&stamp, &reason);
                self.announce(turn, |id| answer::ended(id, &stamp, &reason));
            }
            Relation::Live if self.is_to_reload(turn) => {}
            Relation::Live if !self.was_sent(here) => {
                self.push_state(turn);
                self.ask_for_push(turn);
            }
            Relation::Live => {
                if turn.token().is_some() && self.doubt(turn).is_err() {
                    return;
                }
                let asked = self
                    .demand
                    .is_some_and(|demand| Want::NewerThan(here.generation).is_covered_by(&demand));
                if !asked {
                    self.rejected = Some(here.generation);
                    self.ask_session(turn);
                }
            }
        }
    }

    /// A script was evaluated. What did not arrive counts as never sent: it goes again when the host says something of
    /// this document, or there is something newer.
    pub(in crate::bridge) fn on_pushed(&mut self, pushed: Pushed) {
        let Some(document) = &mut self.document else {
            return;
        };
        match pushed {
            Pushed::Taken => document.acknowledge_sent(),
            Pushed::NoClient | Pushed::Failed => document.untell(),
            Pushed::OtherOrigin => {
                document.untell();
                document.unsee();
            }
        }
    }

    /// Whether a script may go into the present document.
    pub(super) fn may_push(&self) -> bool {
        self.policy.pushes() && self.document.as_ref().is_some_and(Document::is_seen)
    }

    /// The origin of a committed document that may be pushed to. Its script compares it again, in the document.
    pub(super) fn origin_to_push_to(&self, url: &str) -> Option<Origin> {
        self.origin_of(url).filter(|_| self.policy.pushes())
    }

    pub(super) fn push_state(&mut self, turn: &mut Turn<'_>) {
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

    /// A document that may be unable to ask needs a token with a life.
    fn ask_for_push(&mut self, turn: &mut Turn<'_>) {
        let is_live = self
            .document
            .as_ref()
            .is_some_and(|document| matches!(document.relation(turn.standing), Relation::Live));
        let has_token = turn.token().is_some_and(|token| token.serves(turn.now, MIN_TTL));
        if is_live && !has_token {
            self.ask_for(Demand::Fresh { min_ttl: MIN_TTL }, turn);
        }
    }
}
