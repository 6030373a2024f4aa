//! A session that only reads does not refresh: it waits for the generation of the process that owns the entry.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::core::{Core, FlightResult, jobs};
use super::recorder::cause_of;
use crate::error::{Failure, LockedCause, SessionError, StorageFailure};
use crate::record::Record;
use crate::state::Cause;
use crate::storage::Opened;

/// How often the record is read while a caller waits.
const POLL: Duration = Duration::from_millis(250);
/// How long the owner has: as long as a caller waits for the flight lock.
const DEADLINE: Duration = Duration::from_secs(20);

impl Core {
    /// Takes the place of a flight: the same seat for the callers, no lock and no request.
    pub(super) async fn follow(self: Arc<Self>, landed: watch::Sender<Option<FlightResult>>) {
        let result = self.await_owner().await;
        self.memory().flight = None;
        if let Some(cause) = result.as_ref().err().and_then(|failure| cause_of(failure, false)) {
            self.note(cause, self.glance().generation);
        }
        landed.send_replace(Some(result.map_err(SessionError::from)));
    }

    async fn await_owner(self: &Arc<Self>) -> Result<(), Failure> {
        let since = self.memory().generation();
        let give_up = self.clock.boot() + DEADLINE;
        let mut in_the_way;
        loop {
            in_the_way = match self.ledger.read().await {
                Opened::Found(record) => {
                    let newer = record.generation > since;
                    let readable = record.credential.access_token.is_some();
                    self.learn_of_the_end(&record).await;
                    if self.take_over(record)? && newer {
                        return Ok(());
                    }
                    if readable {
                        Failure::LockHeld
                    } else {
                        keeps_no_token()
                    }
                }
                Opened::Absent => Failure::Locked(LockedCause::Vanished),
                Opened::Unavailable(cause) => Failure::Locked(cause),
                Opened::Keyless => Failure::Locked(LockedCause::Unavailable),
                Opened::Misconfigured { what, fix } => return Err(Failure::Misconfigured { what, fix }),
                Opened::Lost(_) => Failure::Storage(StorageFailure::Unconfirmed),
            };
            if self.memory().closed {
                return Err(Failure::Closed);
            }
            if self.clock.boot() >= give_up {
                return Err(in_the_way);
            }
            self.clock.sleep(POLL).await;
        }
    }

    /// Puts the owner's record into memory. Says whether it came with a token that has life left; the end of the
    /// session is an error.
    fn take_over(self: &Arc<Self>, record: Record) -> Result<bool, Failure> {
        let ended = record.end_reason();
        if ended.is_none() && record.profile_id != self.profile.id() {
            return Err(Failure::misconfigured(
                "the stored session belongs to another server profile",
                "build the reading session with its owner's profile",
            ));
        }
        let deliveries = {
            let mut memory = self.memory();
            if ended.is_none() && record.generation > memory.generation() {
                self.note(Cause::TakenOver, record.generation);
            }
            self.absorb(&mut memory, record)
        };
        self.deliver(jobs(deliveries));
        match ended {
            Some(reason) => Err(Failure::Ended(reason)),
            None => Ok(self.servable(Duration::ZERO).is_some()),
        }
    }
}

fn keeps_no_token() -> Failure {
    Failure::misconfigured(
        "the process that owns this session keeps no access token that could be read",
        "build its session with `.persist_access_token()`",
    )
}
