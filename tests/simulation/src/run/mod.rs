//! One seed from its first step to its verdict. `executor` takes the steps, `users` and `faults` are the script,
//! `lives` begins and ends processes, `quiet` is the end.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use tokencast::{ServerProfile, SessionState};

use crate::chance::Chance;
use crate::fault::{Fault, FlightStep};
use crate::report::Outcome;
use crate::server::Server;
use crate::world::{Job, Shared, TaskId, World};

mod executor;
mod faults;
mod lives;
mod quiet;
mod users;

use executor::{Ready, Task};
use faults::plan;
use lives::Slot;

const LEAST_STEPS: u64 = 200;
const LEAST_FAULTS: u64 = 5;
/// A run that cannot place its faults ends here all the same, and is counted as what it is.
const MOST_STEPS: u64 = 4_000;

/// Runs one seed to its end.
pub fn run(seed: u64, keep_trace: bool) -> Outcome {
    let mut simulation = Simulation::new(seed, keep_trace);
    simulation.play();
    simulation.fall_quiet();
    simulation.outcome(seed)
}

struct Simulation {
    world: Shared,
    chance: Chance,
    profile: ServerProfile,
    two: bool,
    slots: Vec<Slot>,
    lives: u32,
    tasks: BTreeMap<TaskId, Task>,
    jobs: BTreeMap<u64, Job>,
    ready: Arc<Ready>,
    next_user_ms: u64,
    planned: VecDeque<(u64, Fault, FlightStep)>,
    quiet: bool,
}

impl Simulation {
    fn new(seed: u64, keep_trace: bool) -> Self {
        let mut chance = Chance::new(seed);
        let contract = chance.below(3) > 0;
        let two = chance.once_in(2);
        let life_seconds = chance.between(20, 400);
        let server = Server::new(contract, life_seconds);
        let world = Shared::new(World::new(chance.fork(), server, keep_trace));
        let mut simulation = Self {
            profile: profile(contract),
            world,
            two,
            slots: Vec::new(),
            lives: 0,
            tasks: BTreeMap::new(),
            jobs: BTreeMap::new(),
            ready: Arc::default(),
            next_user_ms: 1_000,
            planned: plan(&mut chance),
            quiet: false,
            chance,
        };
        for _ in 0..if two { 2 } else { 1 } {
            simulation.slots.push(Slot {
                process: None,
                restart_ms: 0,
            });
        }
        simulation
    }

    fn play(&mut self) {
        loop {
            let (step, struck) = {
                let world = self.world.lock();
                (world.step, world.struck.values().sum::<u64>())
            };
            let enough = step >= LEAST_STEPS && struck >= LEAST_FAULTS && self.planned.is_empty();
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
        for process in self.slots.iter().filter_map(|slot| slot.process.as_ref()) {
            let token = process.session.current_token();
            let ended = matches!(
                process.session.state(),
                SessionState::SignedOut | SessionState::SignInRequired { .. }
            );
            if token.is_some() && ended {
                self.world.lock().violate(format_args!(
                    "life {} serves a token after the end",
                    process.life.0
                ));
            }
        }
    }

    fn outcome(mut self, seed: u64) -> Outcome {
        let mut world = self.world.lock();
        let mut outcome = Outcome {
            seed,
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
