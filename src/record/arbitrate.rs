//! Who wins when a writer meets a record that it did not expect: refresh.md's invariant 4.

use super::Record;

/// What a writer does with its draft after reading the stored record under the record lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ruling {
    /// The draft is newer or the same: write it.
    Land,
    /// The stored record is a newer one of the same epoch, or another one of the same name: take it.
    Adopt,
    /// The stored record belongs to a newer epoch: the draft's session is over.
    Discard,
}

/// Compares the record found under the lock with what the writer holds.
pub(crate) fn arbitrate(stored: &Record, draft: &Record) -> Ruling {
    if stored.generation.epoch > draft.generation.epoch {
        return Ruling::Discard;
    }
    let same_name = stored.generation == draft.generation;
    if stored.generation > draft.generation || (same_name && !same_content(stored, draft)) {
        return Ruling::Adopt;
    }
    Ruling::Land
}

fn same_content(stored: &Record, draft: &Record) -> bool {
    stored.kind == draft.kind && stored.credential.hash() == draft.credential.hash()
}

impl Record {
    /// Whether the other one is of the same name and credential.
    pub(crate) fn is_as(&self, other: &Self) -> bool {
        self.generation == other.generation && same_content(self, other)
    }

    /// What every writer takes from the record it replaces: other sessions' pending revocations and the names
    /// that belong to the entry, not to the session. And the key of a credential that stands there already: two
    /// processes can get one credential (a flight lock that was lost on the wire), and whoever stored it first may
    /// have presented it with that key since; the server takes it with no other.
    pub(crate) fn over(mut self, stored: &Record) -> Self {
        if self.is_as(stored) && stored.attempt_key.is_some() {
            self.attempt_key = stored.attempt_key.clone();
        }
        self.store = stored.store.clone();
        self.install_id = stored.install_id.clone();
        let own = std::mem::replace(&mut self.revoke_pending, stored.revoke_pending.clone());
        for pending in own {
            if !self.revoke_pending.contains(&pending) {
                self.revoke_pending.push(pending);
            }
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::session;
    use super::*;
    use crate::error::EndReason;
    use crate::time::WallTime;

    #[test]
    fn the_newer_generation_of_one_epoch_wins() {
        assert_eq!(arbitrate(&session(1, 1, "a"), &session(1, 2, "b")), Ruling::Land);
        assert_eq!(arbitrate(&session(1, 3, "c"), &session(1, 2, "b")), Ruling::Adopt);
    }

    #[test]
    fn one_name_with_two_tokens_goes_to_the_one_that_is_stored() {
        assert_eq!(arbitrate(&session(1, 2, "x"), &session(1, 2, "b")), Ruling::Adopt);
        assert_eq!(arbitrate(&session(1, 2, "b"), &session(1, 2, "b")), Ruling::Land);
    }

    #[test]
    fn a_newer_epoch_ends_the_writer() {
        assert_eq!(
            arbitrate(&session(2, 1, "x"), &session(1, 9, "b")),
            Ruling::Discard
        );
        assert_eq!(arbitrate(&session(1, 9, "x"), &session(2, 1, "b")), Ruling::Land);
    }

    #[test]
    fn a_tombstone_is_not_overwritten_by_the_exchange_it_ended() {
        let tombstone = session(1, 1, "a").buried(EndReason::Revoked, WallTime::from_unix_millis(0));
        assert_eq!(arbitrate(&tombstone, &session(1, 2, "b")), Ruling::Adopt);
        assert_eq!(arbitrate(&session(1, 2, "b"), &tombstone), Ruling::Adopt);
    }

    #[test]
    fn a_credential_keeps_the_key_that_it_was_stored_with() {
        let stored = session(1, 2, "b");
        let again = session(1, 2, "b");
        assert_ne!(again.attempt_key, stored.attempt_key);
        assert_eq!(again.clone().over(&stored).attempt_key, stored.attempt_key);
        let next = session(1, 3, "b");
        assert_eq!(next.clone().over(&stored).attempt_key, next.attempt_key);
        let mut without = stored;
        without.attempt_key = None;
        assert_eq!(again.clone().over(&without).attempt_key, again.attempt_key);
    }

    #[test]
    fn a_writer_takes_the_pending_revocations_it_finds() {
        let stored = session(1, 1, "a").signed_out(1, WallTime::from_unix_millis(0));
        let mut draft = session(3, 1, "b");
        draft.store = "other".into();
        let written = draft.over(&stored);
        assert_eq!(written.revoke_pending, stored.revoke_pending);
        assert_eq!(written.store, stored.store);
        assert_eq!(written.clone().over(&written).revoke_pending.len(), 1);
    }
}
