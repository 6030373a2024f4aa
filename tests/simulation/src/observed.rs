//! What can be seen of the core from outside and must hold over many steps: the names and tokens that the storage, the
//! network and the users have seen. `run/invariants` looks at the processes themselves.

use std::collections::{BTreeMap, BTreeSet};

use tokencast::Generation;

use crate::expected::Expectations;
use crate::store::Stands;
use crate::world::{Life, World};

#[derive(Debug, Default)]
pub(crate) struct Observed {
    /// The newest generation that the storage has ever held.
    pub(crate) newest_stored: Generation,
    /// The key with which each refresh token is presented.
    keys: BTreeMap<String, Option<String>>,
    /// The lives that got a successor, and the token that it follows.
    overtaken: BTreeSet<(Life, String)>,
    /// Families whose sign-out was answered with success.
    signed_out: BTreeSet<usize>,
    /// The newest epoch whose sign-out was noted in the app's own folder only.
    pub(crate) noted_sign_out: u64,
    /// Generations that the host called rejected.
    rejected: BTreeSet<(Life, Generation)>,
    /// Lives for which a call of the storage went wrong since their last save.
    unsure: BTreeSet<Life>,
    /// What the histories must tell.
    pub(crate) expected: Expectations,
    /// The record whose exchange was cut off by the end of its process.
    cut: Option<Generation>,
    /// Who heard the last verdict that ends a session.
    pub(crate) heard_the_end: Option<Life>,
    /// Lives that did not get an answer of their disk at once: they may know nothing of what other processes noted.
    pub(crate) slow_disk: BTreeSet<Life>,
    /// Lives that only read.
    readers: BTreeSet<Life>,
}

impl Observed {
    pub(crate) fn rejects(&mut self, life: Life, generation: Generation) {
        self.rejected.insert((life, generation));
    }

    pub(crate) fn was_rejected(&self, life: Life, generation: Generation) -> bool {
        self.rejected.contains(&(life, generation))
    }

    pub(crate) fn storage_failed(&mut self, life: Life) {
        self.unsure.insert(life);
    }

    pub(crate) fn saved(&mut self, life: Life) {
        self.unsure.remove(&life);
    }

    pub(crate) fn may_be_unsaved(&self, life: Life) -> bool {
        self.unsure.contains(&life)
    }

    pub(crate) fn reads_only(&mut self, life: Life) {
        self.readers.insert(life);
    }

    pub(crate) fn got_successor(&mut self, life: Life, of: String) {
        self.overtaken.insert((life, of));
    }
}

/// The checks, at the moment when something happens that one of them forbids.
impl World {
    /// Invariants 1, 5 and 14, when a refresh token is about to leave.
    pub(crate) fn check_departure(&mut self, life: Life, token: &str, key: Option<&str>) {
        if !self.holds(life, "flight") {
            self.violate(format_args!("a token is presented without the flight lock"));
        }
        if self.observed.overtaken.contains(&(life, token.to_owned())) {
            self.violate(format_args!(
                "{token} is presented by a life that got its successor"
            ));
        }
        let key = key.map(str::to_owned);
        let first = self.observed.keys.entry(token.to_owned()).or_insert(key.clone());
        if *first != key {
            self.violate(format_args!("{token} is presented with a second key"));
        }
        let Some(stands) = &self.store.stands else {
            return self.violate(format_args!("a token is presented and nothing is stored"));
        };
        let (epoch, number) = stands.name();
        let cut = self.observed.cut == Some(Generation::new(epoch, number));
        let noted = stands.refresh_token() == Some(token) && stands.inflight.is_some();
        let over = !stands
            .refresh_token()
            .is_some_and(|stored| self.server.same_family(stored, token));
        if !noted && !over {
            self.violate(format_args!("a token is presented without its intent"));
        }
        if cut && noted {
            self.observed.cut = None;
            self.expect_an_interruption(life);
        }
    }

    /// A process ends, in an exchange or not.
    pub(crate) fn was_cut(&mut self, life: Life) {
        let stands = self.store.stands.as_ref();
        if let Some(stands) = stands.filter(|stands| stands.inflight.is_some())
            && self.holds(life, "flight")
        {
            let (epoch, number) = stands.name();
            self.observed.cut = Some(Generation::new(epoch, number));
        }
    }

    /// Invariant 12, when a record lands.
    pub(crate) fn check_landing(&mut self, new: &Stands) {
        let (epoch, number) = new.name();
        let name = Generation::new(epoch, number);
        self.observed.newest_stored = self.observed.newest_stored.max(name);
        let family = new.refresh_token().and_then(|token| self.server.family_of(token));
        if new.is_session() && family.is_some_and(|family| self.observed.signed_out.contains(&family)) {
            self.violate(format_args!("{name} brings back a session that was signed out"));
        }
    }

    /// The user was told that the session of this token is over.
    pub(crate) fn was_signed_out(&mut self, token: &str) {
        let family = self.server.family_of(token);
        self.observed.signed_out.extend(family);
    }

    /// What a process that only reads must not do.
    pub(crate) fn check_may_act(&mut self, life: Life, what: &str) {
        if self.observed.readers.contains(&life) {
            self.violate(format_args!("a process that only reads {what}"));
        }
    }

    /// Invariant 1, in every moment: a request is on the wire only under the flight lock, and there is one.
    pub(crate) fn check_wire(&mut self) {
        let presenting = self.network.presenting();
        if presenting.len() > 1 {
            self.violate(format_args!("two exchanges are in flight"));
        }
        for life in presenting {
            if !self.holds(life, "flight") {
                self.violate(format_args!("the flight lock was given up on the wire"));
            }
        }
    }

    pub(crate) fn holds(&self, life: Life, wanted: &str) -> bool {
        self.locks
            .iter()
            .any(|((_, kind), (holder, _))| *kind == wanted && *holder == life)
    }
}
