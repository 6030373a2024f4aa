//! Everything that the simulated processes share: time, timers, faults, locks, the trace. One mutex, one thread.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use futures_util::future::BoxFuture;

use crate::chance::Chance;
use crate::fault::{Fault, FlightStep, Place};
use crate::network::Network;
use crate::observed::Observed;
use crate::process::Change;
use crate::server::Server;
use crate::store::Store;

/// One life of a process, from its start to its end or crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Life(pub(crate) u32);

pub(crate) type TaskId = u64;

/// The world as its parts hold it.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Mutex<World>>);

pub(crate) struct World {
    /// How sessions are built otherwise than with all their defences.
    pub(crate) change: Option<Arc<Change>>,
    /// Milliseconds that timers count; they stand still while the device sleeps.
    pub(crate) awake_ms: u64,
    pub(crate) slept_ms: u64,
    pub(crate) wall_offset_ms: i64,
    pub(crate) timers: BTreeMap<(u64, u64), Option<Waker>>,
    pub(crate) to_wake: Vec<Waker>,
    pub(crate) born_tasks: Vec<(Life, BoxFuture<'static, ()>)>,
    pub(crate) born_jobs: Vec<Job>,
    /// Whose task is polled, or whose job runs.
    pub(crate) current: Option<(Life, TaskId)>,
    pub(crate) alive: BTreeSet<Life>,
    /// Lives that died inside a call of the storage and are to be buried.
    pub(crate) dying: Vec<Life>,
    pub(crate) flights: BTreeMap<Life, Flight>,
    pub(crate) locks: BTreeMap<(String, &'static str), (Life, u64)>,
    pub(crate) server: Server,
    pub(crate) network: Network,
    pub(crate) store: Store,
    pub(crate) observed: Observed,
    pub(crate) armed: Vec<Armed>,
    pub(crate) struck: BTreeMap<(Fault, FlightStep), u64>,
    pub(crate) step: u64,
    pub(crate) core_chance: Chance,
    pub(crate) chance: Chance,
    pub(crate) violations: Vec<String>,
    pub(crate) lost: BTreeSet<String>,
    /// Sign-outs and sign-ins that the user has asked for and that are not answered.
    pub(crate) leaving: u64,
    pub(crate) signed_out_ever: u64,
    pub(crate) sign_ins: u64,
    /// The lives whose last demand for a token was met.
    pub(crate) served: BTreeSet<Life>,
    /// The lives that were asked to sign out and could not save it.
    pub(crate) unsaved_sign_outs: BTreeSet<Life>,
    numbers: u64,
    pub(crate) trace: Trace,
}

/// A blocking job, and whether it is the current flight's call of the storage.
pub(crate) struct Job {
    pub(crate) life: Life,
    pub(crate) parent: TaskId,
    pub(crate) not_before_ms: u64,
    pub(crate) run: Box<dyn FnOnce() + Send>,
}

/// A fault that waits for its place and step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Armed {
    pub(crate) fault: Fault,
    /// `None`: any step will do.
    pub(crate) step: Option<FlightStep>,
    pub(crate) since: u64,
}

/// What can be seen of a flight from outside.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flight {
    pub(crate) task: TaskId,
    pub(crate) step: FlightStep,
    pub(crate) heard: Heard,
    /// The record was looked at in this step.
    pub(crate) looked: bool,
}

/// The last answer that a flight got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    Nothing,
    Tokens,
    Dead,
    NotSent,
    Superseded,
    Else,
}

impl Shared {
    pub(crate) fn new(world: World) -> Self {
        Self(Arc::new(Mutex::new(world)))
    }

    /// Never hold it while dropping a task, a job or a waker: each may lead back here.
    pub(crate) fn lock(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl World {
    pub(crate) fn new(mut chance: Chance, server: Server, keep_trace: bool) -> Self {
        Self {
            change: None,
            awake_ms: 1_000,
            slept_ms: 0,
            wall_offset_ms: 1_700_000_000_000,
            timers: BTreeMap::new(),
            to_wake: Vec::new(),
            born_tasks: Vec::new(),
            born_jobs: Vec::new(),
            current: None,
            alive: BTreeSet::new(),
            dying: Vec::new(),
            flights: BTreeMap::new(),
            locks: BTreeMap::new(),
            server,
            network: Network::default(),
            store: Store::default(),
            observed: Observed::default(),
            armed: Vec::new(),
            struck: BTreeMap::new(),
            step: 0,
            core_chance: chance.fork(),
            chance,
            violations: Vec::new(),
            lost: BTreeSet::new(),
            leaving: 0,
            signed_out_ever: 0,
            sign_ins: 0,
            served: BTreeSet::new(),
            unsaved_sign_outs: BTreeSet::new(),
            numbers: 0,
            trace: Trace::new(keep_trace),
        }
    }

    /// True time, which the boot clock, the network and the server count, in milliseconds.
    pub(crate) fn true_ms(&self) -> u64 {
        self.awake_ms + self.slept_ms
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    pub(crate) fn note(&mut self, line: fmt::Arguments<'_>) {
        self.trace.add(self.step, self.awake_ms, line);
    }

    pub(crate) fn violate(&mut self, what: fmt::Arguments<'_>) {
        self.note(format_args!("VIOLATION {what}"));
        self.violations.push(what.to_string());
    }

    pub(crate) fn is_alive(&self, life: Life) -> bool {
        self.alive.contains(&life)
    }

    pub(crate) fn flight_step(&self, life: Life) -> FlightStep {
        self.flights
            .get(&life)
            .map_or(FlightStep::Idle, |flight| flight.step)
    }

    /// The flight whose task or job runs now.
    pub(crate) fn current_flight(&mut self) -> Option<&mut Flight> {
        let (life, task) = self.current?;
        self.flights.get_mut(&life).filter(|flight| flight.task == task)
    }

    pub(crate) fn current_step(&mut self) -> FlightStep {
        self.current_flight()
            .map_or(FlightStep::Idle, |flight| flight.step)
    }

    /// Takes the first armed fault that fits here. Idle storage calls are left alone.
    pub(crate) fn take_armed(&mut self, place: Place, only: impl Fn(Fault) -> bool) -> Option<Fault> {
        let now = self.current_step();
        let at = self.armed.iter().position(|armed| {
            armed.fault.place() == place
                && only(armed.fault)
                && armed.step.is_none_or(|step| step == now)
                && armed.fault.impossible_in(now).is_none()
        })?;
        let armed = self.armed.remove(at);
        self.strike(armed.fault, now);
        Some(armed.fault)
    }

    pub(crate) fn strike(&mut self, fault: Fault, step: FlightStep) {
        self.note(format_args!("FAULT {fault:?} in {step:?}"));
        *self.struck.entry((fault, step)).or_default() += 1;
    }

    /// The end of a process: the kernel frees its locks and closes its connections. Its tasks are the caller's.
    pub(crate) fn bury(&mut self, life: Life) {
        self.note(format_args!("life {} ends", life.0));
        self.was_cut(life);
        self.alive.remove(&life);
        self.flights.remove(&life);
        self.locks.retain(|_, (holder, _)| *holder != life);
        self.network.close_all_of(life);
        self.server.client_died();
    }
}

/// What happened, as lines when they are kept, and always as one hash.
#[derive(Debug)]
pub(crate) struct Trace {
    pub(crate) hash: u64,
    pub(crate) lines: Option<Vec<String>>,
}

impl Trace {
    fn new(keep: bool) -> Self {
        Self {
            hash: 0xcbf2_9ce4_8422_2325,
            lines: keep.then(Vec::new),
        }
    }

    fn add(&mut self, step: u64, ms: u64, line: fmt::Arguments<'_>) {
        let _ = writeln!(Hasher(&mut self.hash), "{step} {ms} {line}"); // hashing cannot fail
        if let Some(lines) = &mut self.lines {
            lines.push(format!("{step:>5} {ms:>9} {line}"));
        }
    }
}

/// FNV-1a: a fingerprint to compare two runs by, not a defence.
struct Hasher<'a>(&'a mut u64);

impl fmt::Write for Hasher<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            *self.0 = (*self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        Ok(())
    }
}
