//! Sign-out wins: memory at once, then the tombstone, then the server. What must be revoked survives restarts
//! until the server says that it is.

use std::sync::Arc;

use super::core::{Core, jobs};
use super::ledger::{Amended, Amendment, Role, read_only};
use crate::defence::Defence;
use crate::error::{Failure, LockedCause, SessionError, StorageFailure};
use crate::record::{PendingRevocation, Record};
use crate::state::{Cause, SessionState};
use crate::storage::EVERY_EPOCH;
use crate::token::Secret;
use crate::wire;

impl Core {
    pub(super) async fn sign_out(self: Arc<Self>) -> Result<(), SessionError> {
        if self.ledger.role() == Role::Reader {
            return Err(read_only().into());
        }
        let locked = matches!(self.restored().await, SessionState::Locked { .. });
        if locked && self.memory().record.is_none() {
            return self
                .detached(move |core| async move { core.bury_unseen().await })
                .await;
        }
        let Some(ended) = self.forget_session() else {
            return Ok(());
        };
        self.detached(move |core| async move { core.bury(ended).await })
            .await
    }

    /// Memory first: from here on no token is served. `None` when there is nothing to end.
    fn forget_session(&self) -> Option<Record> {
        let (ended, deliveries) = {
            let mut memory = self.memory();
            let unsaved = memory.leaving.is_some();
            // A session that ended by itself is signed out too: its tombstone may not be saved yet.
            let to_end = unsaved || memory.state != SessionState::SignedOut;
            let ended = memory
                .record
                .clone()
                .filter(|record| to_end || !record.is_tombstone())?;
            self.note(Cause::SignOutAsked, ended.generation);
            memory.leaving = Some(ended.generation.epoch);
            if self.stands(Defence::SignOutInMemoryFirst) {
                self.forget_token(&mut memory);
            }
            (ended, self.enter_state(&mut memory, SessionState::SignedOut))
        };
        self.deliver(jobs(deliveries.into_iter().collect()));
        Some(ended)
    }

    /// Saves the end. What cannot be saved is noted in the app's own folder, so that no start restores it.
    pub(super) async fn bury(self: &Arc<Self>, ended: Record) -> Result<(), Failure> {
        let at = self.clock.wall();
        let named = ended.generation;
        let epoch = named.epoch;
        let defences = self.plan.defences;
        let amended = self
            .ledger
            .amend(move |stored| {
                let Some(stored) = stored else {
                    return Ok(Amendment::<()>::Write(Box::new(ended.signed_out(epoch, at))));
                };
                if stored.generation.epoch > epoch {
                    // Somebody signed in or out since: only the ended token is left to be revoked.
                    let mut kept = stored;
                    let lent = ended.lent().filter(|lent| !kept.revoke_pending.contains(lent));
                    let ended = ended
                        .to_revoke()
                        .filter(|ended| !kept.revoke_pending.contains(ended));
                    kept.revoke_pending.extend(ended);
                    kept.revoke_pending.extend(lent);
                    return Ok(Amendment::Write(Box::new(kept)));
                }
                // Another process may have renewed since memory looked: the newest token is the one to revoke.
                let renewed = stored.generation > ended.generation;
                let newest = if renewed && defences.stand(Defence::NewestIsRevoked) {
                    &stored
                } else {
                    &ended
                };
                let mut tombstone = newest.signed_out(epoch, at).over(&stored);
                if !defences.stand(Defence::EpochAtSignOut) {
                    tombstone.generation = stored.generation.next();
                }
                Ok(Amendment::Write(Box::new(tombstone)))
            })
            .await;
        let amended = match amended {
            Ok(amended) => amended,
            Err(failure) => {
                if self.stands(Defence::SignOutNoted) && self.ledger.note_sign_out(epoch).await {
                    self.note(Cause::SignOutNoted, named);
                    self.write_history_soon();
                }
                return Err(failure);
            }
        };
        if let Amended::Wrote(record) = &amended {
            self.learn_of_the_end(record).await;
        }
        let deliveries = {
            let mut memory = self.memory();
            if memory.leaving == Some(epoch) {
                memory.leaving = None;
            }
            match amended {
                Amended::Wrote(record) => self.absorb(&mut memory, record),
                Amended::Left(()) => Vec::new(),
            }
        };
        self.deliver(jobs(deliveries));
        self.start_revoking();
        Ok(())
    }
}

/// A session that could not be read yet is ended where it stands.
impl Core {
    async fn bury_unseen(self: &Arc<Self>) -> Result<(), Failure> {
        let at = self.clock.wall();
        self.note(Cause::SignOutAsked, self.glance().generation);
        let amended = self.ledger.amend(move |stored| {
            // Nothing where a session may be is no proof that there is none.
            let Some(stored) = stored else {
                return Err(Failure::Storage(StorageFailure::Unavailable(
                    LockedCause::Vanished,
                )));
            };
            if stored.is_tombstone() {
                return Ok(Amendment::Leave(()));
            }
            let epoch = stored.generation.epoch;
            Ok(Amendment::Write(Box::new(
                stored.signed_out(epoch, at).over(&stored),
            )))
        });
        let amended = match amended.await {
            Ok(amended) => amended,
            Err(failure) => {
                if self.ledger.note_sign_out(EVERY_EPOCH).await {
                    self.note(Cause::SignOutNoted, self.glance().generation);
                    self.write_history_soon();
                }
                return Err(failure);
            }
        };
        if let Amended::Wrote(tombstone) = amended {
            let deliveries = self.absorb(&mut self.memory(), tombstone);
            self.deliver(jobs(deliveries));
            self.start_revoking();
        } else {
            self.start_restoring_if_locked();
        }
        Ok(())
    }
}

/// Revocation: first written down, then sent, then crossed out.
impl Core {
    /// Sends what waits to be revoked. What fails now is sent at the next start, sign-in, sign-out or `Online`.
    pub(super) fn start_revoking(self: &Arc<Self>) {
        let waiting = self
            .memory()
            .record
            .as_ref()
            .is_some_and(|record| !record.revoke_pending.is_empty());
        if waiting && self.ledger.role() == Role::Owner {
            let core = self.clone();
            self.spawner
                .spawn(Box::pin(async move { core.revoke_pending().await }));
        }
    }

    /// Writes a token down to be revoked, and sends it.
    pub(super) fn revoke_later(self: Arc<Self>, token: Secret) {
        let spawner = self.spawner.clone();
        spawner.spawn(Box::pin(async move {
            let pending = PendingRevocation {
                token: token.clone(),
                profile_id: self.profile.id().to_owned(),
            };
            let amended = self.ledger.amend(move |stored| {
                let Some(mut stored) = stored else {
                    return Ok(Amendment::Leave(()));
                };
                stored.revoke_pending.push(pending);
                Ok(Amendment::Write(Box::new(stored)))
            });
            // Not written down: it is still worth one try.
            let _ = amended.await;
            self.revoke_now(token).await;
        }));
    }

    /// Revokes one token and crosses it out.
    pub(super) async fn revoke_now(self: Arc<Self>, token: Secret) {
        if self.revoke(&token).await {
            self.cross_out(token).await;
        }
    }

    pub(super) async fn revoke_pending(self: Arc<Self>) {
        let pending = self
            .memory()
            .record
            .as_ref()
            .map(|record| record.revoke_pending.clone())
            .unwrap_or_default();
        for PendingRevocation { token, profile_id } in pending {
            if profile_id == self.profile.id() {
                self.clone().revoke_now(token).await;
            }
        }
    }

    /// Whether the server says that the token is revoked, or there is no way to.
    async fn revoke(&self, token: &Secret) -> bool {
        if self.profile.revoke().is_none() {
            return true;
        }
        let extra = match self.extra_of_revocation().await {
            Ok(extra) => extra,
            // It stays written down.
            Err(failure) => {
                tracing::warn!(%failure, "a revocation waits for the app's fields");
                return false;
            }
        };
        let Some(request) = wire::revoke(&self.profile, token, &extra) else {
            return true;
        };
        match self.transport.send(request).await {
            Ok(response) => wire::read_revocation(&self.profile, &response),
            Err(_) => false,
        }
    }

    async fn cross_out(&self, token: Secret) {
        let crossed_out = token.clone();
        let amended = self.ledger.amend(move |stored| {
            let Some(mut stored) = stored else {
                return Ok(Amendment::Leave(()));
            };
            let before = stored.revoke_pending.len();
            stored.revoke_pending.retain(|pending| pending.token != token);
            let unchanged = stored.revoke_pending.len() == before;
            Ok(if unchanged {
                Amendment::Leave(())
            } else {
                Amendment::Write(Box::new(stored))
            })
        });
        if let Ok(Amended::Wrote(record)) = amended.await {
            let mut memory = self.memory();
            match &mut memory.record {
                Some(known) if known.generation == record.generation => {
                    known.revoke_pending = record.revoke_pending;
                }
                // A sign-out or sign-in landed since: its list is the newer one.
                Some(known) => known
                    .revoke_pending
                    .retain(|pending| pending.token != crossed_out),
                None => {}
            }
        }
    }
}
