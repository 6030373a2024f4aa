//! Processes that begin, die and begin again.

use super::Simulation;
use crate::process::{Process, Role};
use crate::world::Life;

/// Where a process lives, or will again.
pub(super) struct Slot {
    pub(super) role: Role,
    pub(super) process: Option<Process>,
    pub(super) restart_ms: u64,
}

impl Simulation {
    pub(super) fn start_what_is_due(&mut self) {
        let now = self.world.lock().awake_ms;
        for at in 0..self.slots.len() {
            if self.slots[at].process.is_none() && self.slots[at].restart_ms <= now {
                self.lives += 1;
                let life = Life(self.lives);
                self.slots[at].process = Process::start(
                    &self.world,
                    life,
                    self.profile.clone(),
                    self.slots[at].role,
                    self.installation.path(),
                );
            }
        }
    }

    pub(super) fn crash(&mut self, at: usize) {
        let Some(process) = self.slots[at].process.take() else {
            return;
        };
        let life = process.life;
        let restart_ms = {
            let mut world = self.world.lock();
            world.bury(life);
            world.awake_ms + world.chance.between(5, 8_000)
        };
        self.slots[at].restart_ms = restart_ms;
        let tasks: Vec<_> = self.tasks.extract_if(.., |_, task| task.life == life).collect();
        let jobs: Vec<_> = self.jobs.extract_if(.., |_, job| job.life == life).collect();
        drop((tasks, jobs, process));
        let born = {
            let mut world = self.world.lock();
            let (dead, alive) = std::mem::take(&mut world.born_tasks)
                .into_iter()
                .partition(|(born, _)| *born == life);
            world.born_tasks = alive;
            let dead: Vec<_> = dead;
            let (dead_jobs, alive): (Vec<_>, Vec<_>) = std::mem::take(&mut world.born_jobs)
                .into_iter()
                .partition(|job| job.life == life);
            world.born_jobs = alive;
            (dead, dead_jobs)
        };
        drop(born);
    }
}
