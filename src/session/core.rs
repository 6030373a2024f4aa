//! What all clones of a session share: its parts, its memory, its listeners.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::background::BackgroundTime;
use super::breaker::Breaker;
use super::ledger::{Ledger, Role};
use super::recorder::{self, Recorder};
use super::request_fields::RequestFields;
use crate::defence::{Defence, Defences};
use crate::error::{EndReason, Failure, SessionError, StorageFailure};
use crate::flight::{Fresh, Plan};
use crate::lock::ProcessLock;
use crate::profile::ServerProfile;
use crate::publish::{Deliveries, Publisher, Subscription};
use crate::random::Random;
use crate::record::Record;
use crate::registry::Registry;
use crate::spawn::Spawner;
use crate::state::{Notice, SessionEvent, SessionState};
use crate::storage::{Journal, KeyWrapper, Marker, SecureStorage, Vault};
use crate::time::{BootTime, Clock};
use crate::token::{AccessToken, Generation, StoreId, Subject, TokenSlot};
use crate::transport::HttpTransport;

/// What a builder collected.
pub(super) struct Parts {
    pub(super) profile: ServerProfile,
    pub(super) entry: String,
    pub(super) storage: Arc<dyn SecureStorage>,
    pub(super) key_wrapper: Option<Arc<dyn KeyWrapper>>,
    pub(super) locks: Arc<dyn ProcessLock>,
    /// Where the app's own notes on the entry are.
    pub(super) notes: Option<PathBuf>,
    pub(super) role: Role,
    pub(super) transport: Arc<dyn HttpTransport>,
    #[cfg(feature = "reqwest")]
    pub(super) resources: crate::transport::ReqwestTransport,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) random: Arc<dyn Random>,
    pub(super) spawner: Arc<dyn Spawner>,
    pub(super) background_time: Option<Arc<dyn BackgroundTime>>,
    pub(super) request_fields: Option<Arc<dyn RequestFields>>,
    pub(super) persist_access_token: bool,
    pub(super) defences: Defences,
}

pub(super) struct Core {
    pub(super) profile: ServerProfile,
    pub(super) plan: Plan,
    pub(super) ledger: Ledger,
    pub(super) recorder: Arc<Recorder>,
    pub(super) transport: Arc<dyn HttpTransport>,
    #[cfg(feature = "reqwest")]
    pub(super) resources: crate::transport::ReqwestTransport,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) random: Arc<dyn Random>,
    pub(super) spawner: Arc<dyn Spawner>,
    pub(super) background_time: Option<Arc<dyn BackgroundTime>>,
    pub(super) request_fields: Option<Arc<dyn RequestFields>>,
    registry: Registry,
    /// The name for a storage entry that does not exist yet.
    pub(super) new_store: StoreId,
    /// The token that is served now: what a cached read loads.
    slot: TokenSlot,
    /// Guards memory. Never held across I/O, an await or host code.
    memory: Mutex<Memory>,
    publisher: Publisher,
    /// Counts state changes, for those who wait for one.
    changes: watch::Sender<u64>,
}

/// What a session knows. It changes only upwards.
pub(super) struct Memory {
    pub(super) state: SessionState,
    pub(super) record: Option<Record>,
    /// The current generation's token, servable or not.
    pub(super) token: Option<AccessToken>,
    /// The host said that servers refuse the current token.
    pub(super) refused: bool,
    pub(super) flight: Option<FlightSeat>,
    pub(super) breaker: Breaker,
    /// Whose session it is, once asked, and in which epoch.
    pub(super) subject: Option<(u64, Subject)>,
    /// The server is being asked for it ahead of any need.
    pub(super) asks_subject: bool,
    /// The epoch whose sign-out is not saved yet.
    pub(super) leaving: Option<u64>,
    /// Why every call fails, when the set-up is wrong.
    pub(super) misconfigured: Option<Failure>,
    pub(super) restore_again_at: BootTime,
    /// The host says that the app is visible.
    pub(super) foreground: bool,
    /// The generation for which a timer is set.
    pub(super) ahead: Option<Generation>,
    /// How many objects of the host lead here.
    doors: usize,
    pub(super) closed: bool,
}

/// The one flight of a session, for those who join it.
#[derive(Clone)]
pub(super) struct FlightSeat {
    pub(super) result: watch::Receiver<Option<FlightResult>>,
    /// The callers are served; only the save is still tried.
    pub(super) only_saving: bool,
}

pub(super) type FlightResult = Result<(), SessionError>;

/// A consistent look at a session.
#[derive(Clone, Debug)]
pub(crate) struct Glance {
    pub(crate) store: StoreId,
    pub(crate) generation: Generation,
    pub(crate) state: SessionState,
    /// The token that is served, if it has not expired.
    pub(crate) token: Option<AccessToken>,
    pub(crate) now: BootTime,
}

impl Core {
    pub(super) fn open(parts: Parts, registry: Registry) -> Result<Arc<Self>, SessionError> {
        let name = record_name(&parts.entry);
        let store_id = parts.storage.entry_id();
        let entry_id = format!("{store_id}/{name}");
        let marker = parts.notes.clone().map(|folder| Marker::new(folder, &entry_id));
        let journal = parts.notes.map(|folder| Journal::new(folder, &entry_id));
        // A reader beside the owner, in one process even, is a session of its own.
        let open_as = match parts.role {
            Role::Owner => entry_id,
            Role::Reader => format!("{entry_id}/read-only"),
        };
        let new_store = StoreId::draw(&*parts.random).map_err(Failure::no_randomness)?;
        let profile = parts.profile.clone();
        let (core, joined) = registry.join_or_open(&open_as, || {
            let vault = Vault::new(parts.storage, parts.key_wrapper, parts.random.clone(), name);
            let ledger = Ledger::new(
                vault.with_marker(marker),
                parts.locks,
                (open_as.clone(), format!("{store_id}/canary")),
                parts.clock.clone(),
                parts.spawner.clone(),
                parts.role,
                parts.defences,
            );
            Arc::new(Self {
                plan: Plan {
                    defences: parts.defences,
                    ..Plan::new(&parts.profile, parts.persist_access_token)
                },
                profile: parts.profile,
                ledger,
                recorder: Arc::new(Recorder::new(journal, parts.role)),
                transport: parts.transport,
                #[cfg(feature = "reqwest")]
                resources: parts.resources,
                random: parts.random,
                spawner: parts.spawner,
                background_time: parts.background_time,
                request_fields: parts.request_fields,
                registry: registry.clone(),
                new_store,
                slot: TokenSlot::default(),
                memory: Mutex::new(Memory {
                    state: SessionState::Restoring,
                    record: None,
                    token: None,
                    refused: false,
                    flight: None,
                    breaker: Breaker::default(),
                    subject: None,
                    asks_subject: false,
                    leaving: None,
                    misconfigured: None,
                    restore_again_at: parts.clock.boot(),
                    foreground: false,
                    ahead: None,
                    doors: 0,
                    closed: false,
                }),
                clock: parts.clock,
                publisher: Publisher::new(parts.defences),
                changes: watch::Sender::new(0),
            })
        });
        if joined && core.profile != profile {
            let fix = "use one profile for one entry, or give the second session another `.entry(…)`";
            return Err(Failure::misconfigured("this entry is open with another server profile", fix).into());
        }
        core.memory().doors += 1;
        if !joined {
            core.clone().start_restoring();
        }
        Ok(core)
    }

    /// The token in the slot, if it has enough of its life left.
    pub(super) fn servable(&self, min_ttl: Duration) -> Option<AccessToken> {
        self.slot
            .load()
            .filter(|token| token.serves(self.clock.boot(), min_ttl))
    }

    /// Always true in what ships.
    pub(super) fn stands(&self, defence: Defence) -> bool {
        self.plan.stands(defence)
    }

    pub(super) fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn state(&self) -> SessionState {
        self.memory().state.clone()
    }

    pub(super) async fn restored(&self) -> SessionState {
        let mut changes = self.changes.subscribe();
        loop {
            let state = self.state();
            if state != SessionState::Restoring {
                return state;
            }
            if changes.changed().await.is_err() {
                return state;
            }
        }
    }

    pub(super) fn glance(&self) -> Glance {
        let now = self.clock.boot();
        let memory = self.memory();
        Glance {
            store: memory
                .record
                .as_ref()
                .map_or_else(|| self.new_store.clone(), |record| record.store.clone()),
            generation: memory.generation(),
            state: memory.state.clone(),
            token: self.slot.load().filter(|token| token.serves(now, Duration::ZERO)),
            now,
        }
    }

    pub(super) fn subscribe(&self, listener: Box<dyn Fn(&SessionEvent) + Send + Sync>) -> Subscription {
        let (subscription, deliveries) = {
            let memory = self.memory();
            let state = SessionEvent::StateChanged(memory.state.clone());
            let token = self
                .servable(Duration::ZERO)
                .map(SessionEvent::AccessTokenChanged);
            self.publisher
                .subscribe(listener, [Some(state), token].into_iter().flatten())
        };
        self.deliver(deliveries.jobs());
        subscription
    }

    /// Runs what publishing left to do. Never call it with memory locked.
    pub(super) fn deliver(&self, deliveries: impl IntoIterator<Item = Box<dyn FnOnce() + Send>>) {
        deliveries
            .into_iter()
            .for_each(|job| self.spawner.spawn_blocking(job));
        self.write_history_soon();
    }

    pub(super) fn notify(self: Arc<Self>, notice: Notice) {
        match notice {
            Notice::Background => self.memory().foreground = false,
            Notice::Foreground => {
                let mut memory = self.memory();
                memory.foreground = true;
                self.renew_ahead(&mut memory);
                drop(memory);
                self.start_restoring_if_locked();
            }
            Notice::Unlocked => self.start_restoring_if_locked(),
            Notice::Online => {
                self.memory().breaker.network_is_back();
                self.clone().start_restoring_if_locked();
                self.start_revoking();
            }
        }
    }

    /// One object of the host is done; `true` when it was the last.
    pub(super) fn one_door_less(&self) -> bool {
        let mut memory = self.memory();
        memory.doors = memory.doors.saturating_sub(1);
        memory.doors == 0
    }

    pub(super) fn close(&self) {
        self.registry.forget(self.ledger.entry_id());
        self.ledger.forget();
        let mut memory = self.memory();
        memory.closed = true;
        memory.token = None;
        memory.record = None;
        self.slot.store(None);
        self.changes.send_modify(|count| *count += 1);
    }
}

/// Changes of memory. Each takes the locked memory and leaves the deliveries to be run after unlocking.
impl Core {
    /// Puts a token set into memory, if it is newer and nobody is signing it out.
    pub(super) fn rise(self: &Arc<Self>, memory: &mut Memory, fresh: Fresh) -> Vec<Deliveries> {
        let leaves = memory.leaving == Some(fresh.record.generation.epoch);
        if memory.closed || (leaves && self.stands(Defence::LeavingHoldsMemory)) {
            return Vec::new();
        }
        let newer = memory
            .record
            .as_ref()
            .is_none_or(|known| fresh.record.generation > known.generation);
        if !newer && self.stands(Defence::MemoryOnlyRises) {
            if memory.generation() != fresh.record.generation || memory.leaving.is_some() {
                return Vec::new();
            }
            // The same generation again: the ledger's copy knows of more revocations.
            memory.record = Some(fresh.record);
            // A look at the storage may have been faster than who got the token, and storage may hold none.
            let Some(token) = fresh.token.filter(|_| memory.token.is_none()) else {
                return Vec::new();
            };
            memory.token = Some(token.clone());
            self.slot.store(Some(token.clone()));
            self.renew_ahead(memory);
            return vec![self.publisher.publish(&SessionEvent::AccessTokenChanged(token))];
        }
        let state = SessionState::Active {
            account: fresh.record.account.clone(),
        };
        memory.record = Some(fresh.record);
        memory.token = fresh.token.clone();
        memory.refused = false;
        memory.misconfigured = None;
        self.slot.store(fresh.token.clone());
        self.renew_ahead(memory);
        let mut deliveries: Vec<_> = self.enter_state(memory, state).into_iter().collect();
        if let Some(token) = fresh.token {
            deliveries.push(self.publisher.publish(&SessionEvent::AccessTokenChanged(token)));
        }
        deliveries
    }

    /// Takes what stands in the storage: a session of a newer generation, or the end of one.
    pub(super) fn absorb(self: &Arc<Self>, memory: &mut Memory, found: Record) -> Vec<Deliveries> {
        match found.end_reason() {
            None => {
                let token = found.access_token(self.clock.boot(), self.clock.wall());
                self.rise(memory, Fresh { record: found, token })
            }
            Some(reason) => self.sink(memory, found, reason),
        }
    }

    /// Ends the session in memory, if the tombstone is newer than what memory holds.
    pub(super) fn sink(&self, memory: &mut Memory, tombstone: Record, reason: EndReason) -> Vec<Deliveries> {
        let newer = memory
            .record
            .as_ref()
            .is_none_or(|known| tombstone.generation >= known.generation);
        if memory.closed || !newer {
            return Vec::new();
        }
        let cause = recorder::end(reason.clone());
        self.note_at(cause, tombstone.generation, tombstone.obtained_at, None);
        let state = match reason {
            EndReason::SignedOut => SessionState::SignedOut,
            reason => SessionState::SignInRequired {
                reason,
                account: tombstone.account.clone(),
                history: self.recorder.trail(),
            },
        };
        memory.record = Some(tombstone);
        self.forget_token(memory);
        self.enter_state(memory, state).into_iter().collect()
    }

    pub(super) fn forget_token(&self, memory: &mut Memory) {
        memory.token = None;
        memory.refused = false;
        self.slot.store(None);
    }

    /// The host says that servers refuse the current token: it is no longer served.
    pub(super) fn refuse(&self, memory: &mut Memory) {
        memory.refused = true;
        self.slot.store(None);
    }

    pub(super) fn enter_state(&self, memory: &mut Memory, state: SessionState) -> Option<Deliveries> {
        if memory.state == state {
            return None;
        }
        memory.state = state.clone();
        self.changes.send_modify(|count| *count += 1);
        Some(self.publisher.publish(&SessionEvent::StateChanged(state)))
    }

    pub(super) fn report(&self, event: &SessionEvent) -> Deliveries {
        self.publisher.publish(event)
    }

    pub(super) fn report_degraded(&self, failure: &Failure) -> Deliveries {
        let error = match failure {
            Failure::Storage(error) => error.clone(),
            Failure::Locked(cause) => StorageFailure::Unavailable(cause.clone()),
            _ => StorageFailure::Unconfirmed,
        };
        self.report(&SessionEvent::StorageDegraded { error })
    }

    pub(super) fn state_changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}

impl Memory {
    pub(super) fn generation(&self) -> Generation {
        self.record
            .as_ref()
            .map(|record| record.generation)
            .unwrap_or_default()
    }
}

/// The jobs of several publications, in order.
pub(super) fn jobs(deliveries: Vec<Deliveries>) -> impl Iterator<Item = Box<dyn FnOnce() + Send>> {
    deliveries.into_iter().flat_map(Deliveries::jobs)
}

/// An opaque name: an entry may be called after a user.
fn record_name(entry: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, entry.as_bytes());
    let hash: String = digest.as_ref()[..16]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("session/{hash}")
}
