use super::Standing;
use super::message::Stamp;
use super::origin::Origin;
use crate::error::EndReason;
use crate::state::SessionState;
use crate::token::{Generation, StoreId};

/// One document of a page, from its `hello` to the next commit.
#[derive(Debug)]
pub(super) struct Document {
    /// The platform's own name of it, where it has one.
    key: Option<String>,
    /// The random name it gave itself; none before it greets.
    name: Option<String>,
    origin: Origin,
    /// Whether the platform said that the origin is this document's own, and not only its URL's.
    seen: bool,
    /// The sign-in it belongs to: that of its first `state`, or of the token it came with.
    home: Option<(StoreId, u64)>,
    /// The highest generation it is known to have met.
    last: Option<Stamp>,
    /// The generation whose token it was last sent.
    sent: Option<Stamp>,
    /// What it was last told of, and whether a token was there.
    told: Option<(Stamp, bool)>,
    /// What it says it stored.
    acked: Option<Stamp>,
    /// The end it was told of. Final once it has a home; otherwise for that epoch.
    end: Option<(Stamp, EndReason)>,
    /// That did not arrive.
    end_unheard: bool,
}

/// How the session stands to a document.
pub(super) enum Relation {
    /// It may have the current token.
    Live,
    /// It is over for this document.
    Ended { stamp: Stamp, reason: EndReason },
    /// Nobody knows yet: the record is not read.
    Unknown,
}

impl Document {
    pub(super) fn new(key: Option<String>, name: String, origin: Origin, have: Option<Stamp>) -> Self {
        Self {
            key,
            name: Some(name),
            origin,
            seen: true,
            home: have
                .as_ref()
                .map(|have| (have.store.clone(), have.generation.epoch)),
            last: have.clone(),
            sent: None,
            told: None,
            acked: have,
            end: None,
            end_unheard: false,
        }
    }

    /// A document that was committed and has not greeted; perhaps it cannot. Nobody has looked at it yet.
    pub(super) fn unseen(origin: Origin) -> Self {
        Self {
            name: None,
            seen: false,
            ..Self::new(None, String::new(), origin, None)
        }
    }

    /// Whether a message of this sender is of this document, as far as the platform can tell.
    pub(super) fn is_sender(&self, key: Option<&str>, origin: &Origin) -> bool {
        self.key.as_deref() == key && self.origin == *origin
    }

    /// Whether this `hello` is of this document. One that had not greeted takes its name from it, and stays of the
    /// sign-in that it was told of.
    pub(super) fn is_greeting(&mut self, key: Option<&str>, name: &str, origin: &Origin) -> bool {
        if self.name.is_none() && self.origin == *origin {
            self.key = key.map(str::to_owned);
            self.name = Some(name.to_owned());
            self.seen = true;
        }
        self.is_sender(key, origin) && self.name.as_deref() == Some(name)
    }

    pub(super) fn origin(&self) -> &Origin {
        &self.origin
    }

    pub(super) fn has_greeted(&self) -> bool {
        self.name.is_some()
    }

    /// Whether the origin is known to be its own.
    pub(super) fn is_seen(&self) -> bool {
        self.seen
    }

    pub(super) fn see(&mut self) {
        self.seen = true;
    }

    pub(super) fn unsee(&mut self) {
        self.seen = false;
    }

    /// What it was last told did not arrive.
    pub(super) fn untell(&mut self) {
        (self.sent, self.told) = (None, None);
        self.end_unheard = self.end.is_some();
    }

    /// The generation it has: what it acknowledged, else what it was sent.
    pub(super) fn generation(&self) -> Option<Generation> {
        self.acked
            .as_ref()
            .or(self.sent.as_ref())
            .map(|stamp| stamp.generation)
    }

    pub(super) fn is_over(&self) -> bool {
        self.end.is_some() && self.home.is_some()
    }

    /// Whether it was sent a token that is no longer the newest of its own sign-in.
    pub(super) fn is_behind(&self, standing: &Standing) -> bool {
        let here = &standing.stamp;
        let older = |sent: &Stamp| sent.same_epoch(here) && sent.generation < here.generation;
        self.sent.as_ref().is_some_and(older) && matches!(self.relation(standing), Relation::Live)
    }

    pub(super) fn relation(&self, standing: &Standing) -> Relation {
        if let Some((stamp, reason)) = &self.end
            && (self.home.is_some() || stamp.same_epoch(&standing.stamp))
        {
            return Relation::Ended {
                stamp: stamp.clone(),
                reason: reason.clone(),
            };
        }
        let here = &standing.stamp;
        let at_home =
            |(store, epoch): &(StoreId, u64)| *store == here.store && *epoch == here.generation.epoch;
        let at_home = self.home.as_ref().is_none_or(at_home);
        let reason = match &standing.state {
            SessionState::Restoring | SessionState::Locked { .. } => return Relation::Unknown,
            SessionState::Active { .. } if at_home => return Relation::Live,
            SessionState::SignInRequired { reason, .. } if at_home => reason.clone(),
            SessionState::SignedOut => EndReason::SignedOut,
            SessionState::Active { .. } | SessionState::SignInRequired { .. } => self.reason_elsewhere(here),
        };
        // Another epoch ended nothing but its own; what ended for this document is the one it belongs to.
        let stamp = if at_home {
            here.clone()
        } else {
            self.last.clone().unwrap_or_else(|| here.clone())
        };
        Relation::Ended { stamp, reason }
    }

    /// Notes that it gets a `state`.
    pub(super) fn tell_state(&mut self, standing: &Standing, with_token: bool) {
        if standing.state.is_active() {
            let stamp = &standing.stamp;
            self.home
                .get_or_insert_with(|| (stamp.store.clone(), stamp.generation.epoch));
            self.last = Some(stamp.clone());
        }
        if with_token {
            self.sent = Some(standing.stamp.clone());
        }
        self.told = Some((standing.stamp.clone(), with_token));
    }

    /// Whether there is something that it has not been told of; notes that it is told now.
    pub(super) fn takes_notice(&mut self, standing: &Standing) -> bool {
        let here = (standing.stamp.generation, standing.token.is_some());
        let news = match &self.told {
            Some((told, token)) if told.same_epoch(&standing.stamp) => here > (told.generation, *token),
            _ => true,
        };
        if news {
            self.told = Some((standing.stamp.clone(), here.1));
        }
        news
    }

    /// Notes that it is told of an end; false when it knows already.
    pub(super) fn tell_end(&mut self, stamp: &Stamp, reason: &EndReason) -> bool {
        let unheard = std::mem::take(&mut self.end_unheard);
        let news = unheard || self.end.as_ref().is_none_or(|(told, _)| told != stamp);
        self.end = Some((stamp.clone(), reason.clone()));
        news
    }

    pub(super) fn acknowledge(&mut self, have: Stamp) {
        // A page can say anything; it is believed as far as it was told.
        if self
            .last
            .as_ref()
            .is_some_and(|last| last.same_epoch(&have) && last.generation >= have.generation)
        {
            self.acked = Some(have);
        }
    }

    /// What it was last sent arrived.
    pub(super) fn acknowledge_sent(&mut self) {
        self.acked.clone_from(&self.sent);
    }

    /// Whether the token of this generation was sent to this document.
    pub(super) fn was_sent(&self, stamp: &Stamp) -> bool {
        self.sent.as_ref() == Some(stamp)
    }

    fn reason_elsewhere(&self, here: &Stamp) -> EndReason {
        match &self.home {
            Some((store, _)) if *store != here.store => EndReason::StoreLost,
            _ => EndReason::SignedOut,
        }
    }
}
