//! One seed from its first step to its verdict. `executor` takes the steps, `users` and `faults` are the script,
//! `lives` begins and ends processes, `invariants` follow each
//! step, `quiet` is the end.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use tokencast::ServerProfile;

use crate::chance::Chance;
use crate::fault::{Fault, FlightStep};
use crate::plan::Plan;
use crate::process::{Change, Role};
use crate::report::Outcome;
use crate::server::Server;
use crate::world::{Job, Shared, TaskId, World};

mod executor;
mod faults;
mod invariants;
mod lives;
mod quiet;
mod users;

use executor::{Ready, Task};
pub(crate) use invariants::Shown;
use lives::Slot;

/// A run that cannot place its faults ends here all the same, and is counted as what it is.
const MOST_STEPS: u64 = 4_000;

/// Runs one seed to its end.
pub fn run(seed: u64, keep_trace: bool) -> Outcome {
    play(&Plan::of(seed), keep_trace)
}

/// Runs a plan to its end.
pub fn play(plan: &Plan, keep_trace: bool) -> Outcome {
    finish(Simulation::new(plan, keep_trace))
}

/// Runs a plan to its end with sessions that are built in another way, without a defence.
pub fn play_with(plan: &Plan, keep_trace: bool, change: Arc<Change>) -> Outcome {
    let simulation = Simulation::new(plan, keep_trace);
    simulation.world.lock().change = Some(change);
    finish(simulation)
}

fn finish(mut simulation: Simulation) -> Outcome {
    simulation.play();
    simulation.fall_quiet();
    simulation.outcome()
}

struct Simulation {
    plan: Plan,
    world: Shared,
    chance: Chance,
    profile: ServerProfile,
    slots: Vec<Slot>,
    lives: u32,
    tasks: BTreeMap<TaskId, Task>,
    jobs: BTreeMap<u64, Job>,
    ready: Arc<Ready>,
    next_user_ms: u64,
    /// How often a user was free to act.
    acts: u64,
    planned: VecDeque<(u64, Fault, FlightStep)>,
    /// The app's own folder, on the real disk: nothing goes wrong there, and no name in it depends on where it is.
    installation: tempfile::TempDir,
    quiet: bool,
}

impl Simulation {
    fn new(plan: &Plan, keep_trace: bool) -> Self {
        let mut chance = Chance::new(plan.seed);
        let contract = chance.below(3) > 0;
        let roles: &[Role] = match chance.below(6) {
            0..=2 => &[Role::Only],
            3 => &[Role::Owner, Role::Owner],
            4 => &[Role::Owner, Role::Reader],
            _ => &[Role::Owner, Role::Owner, Role::Reader],
        };
        let life_seconds = chance.between(20, 400);
        let server = Server::new(contract, life_seconds);
        let world = Shared::new(World::new(chance.fork(), server, keep_trace));
        let slot = |role: &Role| Slot {
            role: *role,
            process: None,
            restart_ms: 0,
        };
        Self {
            plan: plan.clone(),
            profile: profile(contract),
            world,
            slots: roles.iter().map(slot).collect(),
            lives: 0,
            tasks: BTreeMap::new(),
            jobs: BTreeMap::new(),
            ready: Arc::default(),
            next_user_ms: 1_000,
            acts: 0,
            planned: plan.faults.iter().copied().collect(),
            installation: installation(),
            quiet: false,
            chance,
        }
    }

    fn play(&mut self) {
        loop {
            let (step, struck) = {
                let world = self.world.lock();
                (world.step, world.struck.values().sum::<u64>())
            };
            let struck_enough = struck >= self.plan.least_faults && self.planned.is_empty();
            // A run cut short does not wait for faults that were to come later.
            let cut = self.plan.least_faults == 0;
            let enough = step >= self.plan.steps && (struck_enough || cut);
            if enough || step >= MOST_STEPS {
                return;
            }
            self.arm(step);
            self.one_step();
        }
    }

    pub(super) fn after_each_step(&mut self) {
        let dying = std::mem::take(&mut self.world.lock().dying);
        for life in dying {
            let at = self
                .slots
                .iter()
                .position(|slot| slot.process.as_ref().is_some_and(|process| process.life == life));
            if let Some(at) = at {
                self.crash(at);
            }
        }
        invariants::of_the_world(&self.world);
        for process in self.slots.iter_mut().filter_map(|slot| slot.process.as_mut()) {
            invariants::of_a_process(&self.world, process);
        }
    }

    fn outcome(mut self) -> Outcome {
        let mut world = self.world.lock();
        let mut outcome = Outcome {
            seed: self.plan.seed,
            acts: self.acts,
            steps: world.step,
            struck: std::mem::take(&mut world.struck),
            sessions: world.sign_ins,
            contract: world.server.keeps_the_contract(),
            processes: self.slots.len(),
            violations: std::mem::take(&mut world.violations),
            hash: world.trace.hash,
            trace: world.trace.lines.take().unwrap_or_default(),
            ..Outcome::default()
        };
        for token in std::mem::take(&mut world.lost) {
            let on_the_way = world
                .server
                .family(&token)
                .is_some_and(|family| family.lost_on_the_way());
            if on_the_way && !outcome.contract {
                outcome.lost_by_server += 1;
            } else {
                outcome.lost_by_client += 1;
            }
        }
        drop(world);
        // The lives end before the world does: their locks and connections lead back into it.
        self.slots.clear();
        self.tasks.clear();
        self.jobs.clear();
        let left = {
            let mut world = self.world.lock();
            (
                std::mem::take(&mut world.born_tasks),
                std::mem::take(&mut world.born_jobs),
            )
        };
        drop(left);
        outcome
    }
}

/// In memory where the system has such a folder: what the marker costs is the disk's `fsync`, which nothing here tests.
fn installation() -> tempfile::TempDir {
    let made = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    made.expect("the system has a folder for temporary files")
}

fn profile(contract: bool) -> ServerProfile {
    let preset = ServerProfile::rotation("https://simulated.example").expect("a valid address");
    if contract {
        return preset;
    }
    let mut json = serde_json::to_value(preset).expect("a profile serialises");
    if let Some(fields) = json.as_object_mut() {
        fields.remove("idempotency_key");
    }
    ServerProfile::from_json(&json.to_string()).expect("a preset without one optional field")
}
