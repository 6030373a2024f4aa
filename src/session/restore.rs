//! The start: the record is read, and the session is what it says.

use std::sync::Arc;
use std::time::Duration;

use super::core::{Core, Memory, jobs};
use crate::error::{EndReason, Failure, LockedCause};
use crate::publish::Deliveries;
use crate::state::SessionState;
use crate::storage::Opened;

/// A locked storage is asked again at most this often.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

impl Core {
    pub(super) fn start_restoring(self: Arc<Self>) {
        let spawner = self.spawner.clone();
        spawner.spawn(Box::pin(self.restore()));
    }

    pub(super) fn start_restoring_if_locked(self: &Arc<Self>) {
        let locked = matches!(self.memory().state, SessionState::Locked { .. });
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
        let opened = self.ledger.read().await;
        let deliveries = {
            let mut memory = self.memory();
            let waiting = matches!(
                memory.state,
                SessionState::Restoring | SessionState::Locked { .. }
            );
            // A sign-in may have overtaken the read.
            if waiting && !memory.closed {
                self.restored_to(&mut memory, opened)
            } else {
                Vec::new()
            }
        };
        self.deliver(jobs(deliveries));
        self.start_revoking();
    }

    fn restored_to(self: &Arc<Self>, memory: &mut Memory, opened: Opened) -> Vec<Deliveries> {
        memory.misconfigured = None;
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
                // A vanished entry that is back keeps memory's record when that is newer.
                let known = memory.record.take();
                let found = match known {
                    Some(known) if known.generation > record.generation => known,
                    _ => record,
                };
                return self.absorb(memory, found);
            }
            // An active process that meets an absent entry stays locked until the next start.
            Opened::Absent if memory.record.is_some() => SessionState::Locked {
                cause: LockedCause::Vanished,
            },
            Opened::Absent => SessionState::SignedOut,
            Opened::Unavailable(cause) => SessionState::Locked { cause },
            Opened::Misconfigured { what, fix } => {
                memory.misconfigured = Some(Failure::Misconfigured { what, fix });
                SessionState::Locked {
                    cause: LockedCause::Misconfigured,
                }
            }
            Opened::Lost(reason @ (EndReason::KeyLost | EndReason::StoreLost)) => {
                SessionState::SignInRequired {
                    reason,
                    account: None,
                }
            }
            Opened::Lost(_) => SessionState::SignInRequired {
                reason: EndReason::StoreLost,
                account: None,
            },
        };
        self.enter_state(memory, state).into_iter().collect()
    }
}
