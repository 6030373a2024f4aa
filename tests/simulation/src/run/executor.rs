//! A single-threaded executor: which task is polled, which job runs and when time goes on is drawn.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Wake, Waker};

use futures_util::future::BoxFuture;

use super::Simulation;
use crate::world::{Life, TaskId, World};

pub(super) struct Task {
    pub(super) life: Life,
    future: BoxFuture<'static, ()>,
    waker: Waker,
    /// A caller, which may go away at any time.
    pub(super) caller: bool,
}

#[derive(Default)]
pub(super) struct Ready(Mutex<BTreeSet<TaskId>>);

impl Simulation {
    /// One step: a task is polled, a job runs, or time goes on.
    pub(super) fn one_step(&mut self) {
        self.world.lock().step += 1;
        self.take_in_the_newborn();
        self.start_what_is_due();
        self.take_in_the_newborn();
        let now = self.world.lock().awake_ms;
        let runnable: Vec<u64> = self
            .jobs
            .iter()
            .filter(|(_, job)| job.not_before_ms <= now)
            .map(|(number, _)| *number)
            .collect();
        let ready = self.ready.len();
        let choices = ready + runnable.len();
        if choices == 0 || (!self.quiet && self.chance.once_in(60)) {
            self.time_goes_on();
        } else {
            let at = self.chance.below(choices as u64) as usize;
            match runnable.get(at.wrapping_sub(ready)) {
                Some(job) if at >= ready => self.run_job(*job),
                _ => self.poll_task(at),
            }
        }
        self.after_each_step();
    }

    pub(super) fn adopt_task(&mut self, life: Life, future: BoxFuture<'static, ()>, caller: bool) {
        if !self.world.lock().is_alive(life) {
            return;
        }
        let task = self.world.lock().number();
        let waker = Waker::from(Arc::new(TaskWaker {
            task,
            ready: self.ready.clone(),
        }));
        let newborn = Task {
            life,
            future,
            waker,
            caller,
        };
        self.tasks.insert(task, newborn);
        self.ready.add(task);
    }

    fn take_in_the_newborn(&mut self) {
        let (tasks, jobs, wakers) = {
            let mut world = self.world.lock();
            (
                std::mem::take(&mut world.born_tasks),
                std::mem::take(&mut world.born_jobs),
                std::mem::take(&mut world.to_wake),
            )
        };
        for (life, future) in tasks {
            self.adopt_task(life, future, false);
        }
        for job in jobs {
            if self.world.lock().is_alive(job.life) {
                let number = self.world.lock().number();
                self.jobs.insert(number, job);
            }
        }
        wakers.into_iter().for_each(Waker::wake);
    }

    fn poll_task(&mut self, at: usize) {
        let Some(id) = self.ready.take(at) else { return };
        let Some(task) = self.tasks.get_mut(&id) else {
            return;
        };
        self.world.lock().current = Some((task.life, id));
        let done = task
            .future
            .as_mut()
            .poll(&mut Context::from_waker(&task.waker))
            .is_ready();
        if done {
            drop(self.tasks.remove(&id));
            self.world.lock().flights.retain(|_, flight| flight.task != id);
        }
        self.world.lock().current = None;
    }

    fn run_job(&mut self, number: u64) {
        let Some(job) = self.jobs.remove(&number) else {
            return;
        };
        self.world.lock().current = Some((job.life, job.parent));
        (job.run)();
        self.world.lock().current = None;
    }

    /// Nothing else is to do: the next timer, message, job, user or start.
    fn time_goes_on(&mut self) {
        let due: Vec<Waker> = {
            let mut world = self.world.lock();
            let slept = world.slept_ms;
            let timer = world.timers.keys().next().map(|(at, _)| *at);
            let message = world.network.next_due().map(|at| at.saturating_sub(slept));
            let job = self
                .jobs
                .values()
                .map(|job| job.not_before_ms)
                .filter(|at| *at > world.awake_ms)
                .min();
            let user = (!self.quiet).then_some(self.next_user_ms);
            let start = self
                .slots
                .iter()
                .filter(|slot| slot.process.is_none())
                .map(|slot| slot.restart_ms)
                .min();
            let Some(next) = [timer, message, job, user, start].into_iter().flatten().min() else {
                return;
            };
            world.awake_ms = world.awake_ms.max(next);
            // A call of the storage that was not run meanwhile may be past its deadline.
            for job in self.jobs.values() {
                world.observed.storage_failed(job.life);
                world.observed.slow_disk.insert(job.life);
            }
            wake_due(&mut world)
        };
        due.into_iter().for_each(Waker::wake);
        if !self.quiet && self.world.lock().awake_ms >= self.next_user_ms {
            self.user_acts();
        }
    }
}

pub(super) fn wake_due(world: &mut World) -> Vec<Waker> {
    let now = world.true_ms();
    while world.network.next_due().is_some_and(|at| at <= now) {
        world.network_goes_on();
    }
    let mut due = std::mem::take(&mut world.to_wake);
    let awake = world.awake_ms;
    let later = world.timers.split_off(&(awake + 1, 0));
    let fired = std::mem::replace(&mut world.timers, later);
    due.extend(fired.into_values().flatten());
    due
}

struct TaskWaker {
    task: TaskId,
    ready: Arc<Ready>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.ready.add(self.task);
    }
}

impl Ready {
    fn add(&self, task: TaskId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(task);
    }

    pub(super) fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Takes the n-th in the order of birth: in which order they were woken must not matter.
    fn take(&self, at: usize) -> Option<TaskId> {
        let mut ready = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let task = ready.iter().nth(at).copied()?;
        ready.remove(&task);
        Some(task)
    }
}
