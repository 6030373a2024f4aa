//! The start: the record is read, and the session is what it says.

use std::sync::Arc;
use std::time::Duration;

use super::core::{Core, Memory, jobs};
use super::ledger::{Amended, Amendment, Role};
use crate::error::{EndReason, Failure, LockedCause};
use crate::publish::Deliveries;
use crate::record::Record;
use crate::state::{Cause, SessionState};
use crate::storage::{FirstLook, Opened};

/// A locked storage is asked again at most this often.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

impl Core {
    pub(super) fn start_restoring(self: Arc<Self>) {
        let spawner = self.spawner.clone();
        spawner.spawn(Box::pin(self.restore()));
    }

    pub(super) fn start_restoring_if_locked(self: &Arc<Self>) {
        let (locked, unsaved) = {
            let memory = self.memory();
            let record = memory.record.clone();
            (
                matches!(memory.state, SessionState::Locked { .. }),
                record.filter(|record| memory.leaving == Some(record.generation.epoch)),
            )
        };
        if let Some(ended) = unsaved {
            // A sign-out that the store did not take is tried again.
            let core = self.clone();
            self.spawner
                .spawn(Box::pin(async move { drop(core.bury(ended).await) }));
        }
        if locked {
            self.clone().start_restoring();
        }
    }

    /// A caller met a locked session: it gets its error at once, and the storage is asked again for the next.
    pub(super) fn restore_again(self: &Arc<Self>, memory: &mut Memory) {
        let now = self.clock.boot();
        if now >= memory.restore_again_at {
            memory.restore_again_at = now + AGAIN_AFTER;
            self.clone().start_restoring();
        }
    }

    async fn restore(self: Arc<Self>) {
        let (seen, ()) = tokio::join!(self.ledger.first_look(), self.learn_history());
        if let FirstLook::Opened(Opened::Found(found)) = &seen {
            self.learn_of_the_end(found).await;
        }
        let deliveries = {
            let mut memory = self.memory();
            let waiting = match memory.state {
                SessionState::Restoring | SessionState::Locked { .. } => true,
                SessionState::Active { .. } => false,
                // A reader looks for its owner's next sign-in; a storage that shows none leaves all as it is.
                _ => {
                    let found = matches!(seen, FirstLook::Opened(Opened::Found(_)));
                    found && self.ledger.role() == Role::Reader
                }
            };
            // A sign-in may have overtaken the read.
            if !waiting || memory.closed {
                return;
            }
            self.restored_to(&mut memory, &seen)
        };
        self.deliver(jobs(deliveries));
        if self.ledger.role() == Role::Reader {
            return;
        }
        match seen {
            // Not saved now: the notes block the next start too, and the sign-out is tried again on a notice.
            FirstLook::SignedOut(record) => drop(self.bury(record).await),
            FirstLook::Stale(record) => self.retire(record).await,
            _ => self.start_revoking(),
        }
    }

    /// Puts a tombstone in the place of an earlier installation's session. Not saved now: the next start tries it
    /// again.
    async fn retire(self: &Arc<Self>, stale: Record) {
        if self.ledger.prove_working().await.is_err() {
            return;
        }
        let at = self.clock.wall();
        let amended = self.ledger.amend(move |stored| {
            let same = |stored: &Record| {
                stored.generation == stale.generation && stored.install_id == stale.install_id
            };
            let Some(stored) = stored.filter(same) else {
                return Ok(Amendment::Leave(()));
            };
            let mut tombstone = stored.buried(EndReason::StaleInstall, at);
            // The ledger puts this installation's id there.
            tombstone.install_id.clear();
            Ok(Amendment::Write(Box::new(tombstone)))
        });
        if let Ok(Amended::Wrote(tombstone)) = amended.await {
            let deliveries = {
                let mut memory = self.memory();
                self.absorb(&mut memory, tombstone)
            };
            self.deliver(jobs(deliveries));
        }
    }

    /// A store that was locked, or an entry that had vanished, shows a record. Memory's own session is kept when it is
    /// not older, with its token: the record may hold none, and the token may be valid still.
    fn shown_again(self: &Arc<Self>, memory: &mut Memory, found: Record) -> Vec<Deliveries> {
        let held = memory.record.take();
        let has_token = |held: &Record| {
            let token = memory.token.as_ref();
            token.is_some_and(|token| token.generation() == held.generation)
        };
        match held {
            Some(held) if has_token(&held) && (held.generation > found.generation || held.is_as(&found)) => {
                let state = SessionState::Active {
                    account: held.account.clone(),
                };
                let newer = held.generation > found.generation;
                memory.record = Some(if newer { held } else { found });
                self.enter_state(memory, state).into_iter().collect()
            }
            Some(held) if held.generation > found.generation => self.absorb(memory, held),
            _ => self.absorb(memory, found),
        }
    }

    fn restored_to(self: &Arc<Self>, memory: &mut Memory, seen: &FirstLook) -> Vec<Deliveries> {
        memory.misconfigured = None;
        let opened = match seen {
            FirstLook::Opened(opened) => opened.clone(),
            // An active process decides nothing on an absence.
            FirstLook::Gone if memory.record.is_some() => Opened::Absent,
            FirstLook::Gone => Opened::Lost(EndReason::StoreLost),
            FirstLook::Doubted => Opened::Unavailable(LockedCause::Unavailable),
            FirstLook::SignedOut(record) => {
                if self.ledger.role() == Role::Owner {
                    memory.leaving = Some(record.generation.epoch);
                    memory.record = Some(record.clone());
                }
                self.forget_token(memory);
                return self
                    .enter_state(memory, SessionState::SignedOut)
                    .into_iter()
                    .collect();
            }
            FirstLook::Stale(record) => {
                // Under the name of the tombstone that will stand there.
                self.note(Cause::Ended(EndReason::StaleInstall), record.generation.next());
                let state = SessionState::SignInRequired {
                    reason: EndReason::StaleInstall,
                    account: record.account.clone(),
                    history: self.recorder.trail(),
                };
                return self.enter_state(memory, state).into_iter().collect();
            }
        };
        let state = match opened {
            Opened::Found(record) if !record.is_tombstone() && record.profile_id != self.profile.id() => {
                memory.misconfigured = Some(Failure::misconfigured(
                    format!(
                        "the stored session belongs to the server profile `{}`",
                        record.profile_id
                    ),
                    "use the profile it was made with, another `.entry(…)`, or sign in again",
                ));
                memory.record = Some(record);
                SessionState::Locked {
                    cause: LockedCause::Misconfigured,
                }
            }
            Opened::Found(record) => {
                if !record.is_tombstone() {
                    let how = match memory.state {
                        SessionState::Restoring => Cause::Restored,
                        SessionState::Locked { .. } => Cause::Unlocked,
                        _ => Cause::TakenOver,
                    };
                    self.note(how, record.generation);
                }
                return self.shown_again(memory, record);
            }
            // An active process that meets an absent entry stays locked until the next start.
            Opened::Absent if memory.record.is_some() => SessionState::Locked {
                cause: LockedCause::Vanished,
            },
            Opened::Absent => SessionState::SignedOut,
            Opened::Unavailable(cause) => SessionState::Locked { cause },
            Opened::Keyless => SessionState::Locked {
                cause: LockedCause::Unavailable,
            },
            Opened::Misconfigured { what, fix } => {
                memory.misconfigured = Some(Failure::Misconfigured { what, fix });
                SessionState::Locked {
                    cause: LockedCause::Misconfigured,
                }
            }
            Opened::Lost(reason) => {
                let reason = if reason == EndReason::KeyLost {
                    reason
                } else {
                    EndReason::StoreLost
                };
                self.note(Cause::Ended(reason.clone()), memory.generation());
                SessionState::SignInRequired {
                    reason,
                    account: None,
                    history: self.recorder.trail(),
                }
            }
        };
        if let SessionState::Locked { cause } = &state {
            self.note(Cause::Locked(cause.clone()), memory.generation());
        }
        self.enter_state(memory, state).into_iter().collect()
    }
}
