//! One seed from its first step to its verdict: a single-threaded executor whose every choice is drawn, and the
//! script of users and faults.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Wake, Waker};

use futures_util::future::BoxFuture;
use tokencast::{Credentials, Notice, ServerProfile, SessionError, SessionState};

use crate::chance::Chance;
use crate::fault::{Fault, FlightStep, Place};
use crate::process::Process;
use crate::report::Outcome;
use crate::server::{Presenter, Server};
use crate::world::{Armed, Job, Life, Shared, TaskId, World};

const LEAST_STEPS: u64 = 200;
const LEAST_FAULTS: u64 = 5;
/// A run that cannot place its faults ends here all the same, and is counted as what it is.
const MOST_STEPS: u64 = 4_000;
/// What the quiet end may take before it is called a hang.
const MOST_QUIET_STEPS: u64 = 30_000;

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

/// Where a process lives, or will again.
struct Slot {
    process: Option<Process>,
    restart_ms: u64,
}

struct Task {
    life: Life,
    future: BoxFuture<'static, ()>,
    waker: Waker,
    /// A caller, which may go away at any time.
    caller: bool,
}

#[derive(Default)]
struct Ready(Mutex<BTreeSet<TaskId>>);

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

    fn len(&self) -> usize {
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

/// What the driver asks of a session on a user's behalf.
#[derive(Clone, Copy, Debug)]
enum Wish {
    Token,
    Reject,
    SignIn,
    SignOut,
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

    /// One step: a task is polled, a job runs, or time goes on.
    fn one_step(&mut self) {
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

    fn adopt_task(&mut self, life: Life, future: BoxFuture<'static, ()>, caller: bool) {
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
            wake_due(&mut world)
        };
        due.into_iter().for_each(Waker::wake);
        if !self.quiet && self.world.lock().awake_ms >= self.next_user_ms {
            self.user_acts();
        }
    }

    fn start_what_is_due(&mut self) {
        let now = self.world.lock().awake_ms;
        for at in 0..self.slots.len() {
            if self.slots[at].process.is_none() && self.slots[at].restart_ms <= now {
                self.lives += 1;
                let life = Life(self.lives);
                self.slots[at].process = Process::start(&self.world, life, self.profile.clone(), self.two);
            }
        }
    }

    fn crash(&mut self, at: usize) {
        let Some(process) = self.slots[at].process.take() else {
            return;
        };
        let life = process.life;
        let restart_ms = {
            let mut world = self.world.lock();
            world.bury(life);
            // A start while the entry does not show is for the trusted absence to decide, which is not built yet.
            let shown_again = world.store.lost_until_ms.saturating_sub(world.slept_ms);
            let rest = world.chance.between(5, 8_000);
            (world.awake_ms + rest).max(shown_again)
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

    fn after_each_step(&mut self) {
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
}

/// The script.
impl Simulation {
    fn arm(&mut self, step: u64) {
        let step_now = step;
        while self.planned.front().is_some_and(|(at, _, _)| *at <= step) {
            let Some((_, fault, target)) = self.planned.pop_front() else {
                return;
            };
            let mut world = self.world.lock();
            let wanted = target.led_to_by().into_iter().chain([(fault, target)]);
            world.armed.extend(wanted.map(|(fault, step)| Armed {
                fault,
                step: Some(step),
                since: step_now,
            }));
        }
        let struck: Vec<(Armed, usize)> = {
            let mut world = self.world.lock();
            let steps: Vec<Option<FlightStep>> = self
                .slots
                .iter()
                .map(|slot| {
                    slot.process
                        .as_ref()
                        .map(|process| world.flight_step(process.life))
                })
                .collect();
            let mut struck = Vec::new();
            world.armed.retain_mut(|armed| {
                if step.saturating_sub(armed.since) > 150 {
                    armed.step = None;
                }
                if armed.fault.place() != Place::Anywhere {
                    return true;
                }
                let at = steps.iter().position(|now| match (armed.step, now) {
                    (Some(wanted), Some(now)) => wanted == *now,
                    (None, Some(_)) => true,
                    (_, None) => false,
                });
                match at {
                    Some(at) => {
                        struck.push((*armed, at));
                        false
                    }
                    None => true,
                }
            });
            struck
        };
        for (armed, at) in struck {
            self.strike(armed.fault, at);
        }
    }

    fn strike(&mut self, fault: Fault, at: usize) {
        let Some(life) = self.slots[at].process.as_ref().map(|process| process.life) else {
            return;
        };
        {
            let mut world = self.world.lock();
            let step = world.flight_step(life);
            world.strike(fault, step);
        }
        match fault {
            Fault::Crash => self.crash(at),
            Fault::SignOut => self.wish(at, Wish::SignOut),
            _ => {
                let mut world = self.world.lock();
                let now = world.true_ms();
                match fault {
                    Fault::StorageLocked => {
                        world.store.locked_until_ms = now + world.chance.between(200, 60_000)
                    }
                    Fault::StorageLost => world.store.lost_until_ms = now + world.chance.between(200, 30_000),
                    Fault::DeviceSleep => {
                        world.slept_ms += world.chance.between(1_000, 3 * 3_600_000);
                        let due = wake_due(&mut world);
                        drop(world);
                        due.into_iter().for_each(Waker::wake);
                    }
                    Fault::WallForward => {
                        world.wall_offset_ms += world.chance.between(1_000, 90_000_000) as i64
                    }
                    Fault::WallBack => world.wall_offset_ms -= world.chance.between(1_000, 90_000_000) as i64,
                    Fault::PasswordChange => world.server.change_password(),
                    Fault::Thief => steal(&mut world),
                    _ => {}
                }
            }
        }
    }

    fn user_acts(&mut self) {
        let rest = if self.chance.once_in(3) {
            self.chance.between(1, 300)
        } else {
            self.chance.between(1_000, 150_000)
        };
        self.next_user_ms = self.world.lock().awake_ms + rest;
        let at = self.chance.below(self.slots.len() as u64) as usize;
        let Some(process) = &self.slots[at].process else {
            return;
        };
        match process.session.state() {
            SessionState::SignedOut | SessionState::SignInRequired { .. } => self.wish(at, Wish::SignIn),
            _ => match self.chance.below(40) {
                0 => self.wish(at, Wish::SignIn),
                1 => self.wish(at, Wish::SignOut),
                2..=5 => self.wish(at, Wish::Reject),
                6 => process.session.notify(Notice::Unlocked),
                7 => process.session.notify(Notice::Online),
                8 => self.a_caller_goes_away(),
                _ => {
                    for _ in 0..self.chance.between(1, 3) {
                        self.wish(at, Wish::Token);
                    }
                }
            },
        }
    }

    fn a_caller_goes_away(&mut self) {
        let callers: Vec<TaskId> = self
            .tasks
            .iter()
            .filter(|(_, task)| task.caller)
            .map(|(id, _)| *id)
            .collect();
        if !callers.is_empty() {
            let gone = self.tasks.remove(&self.chance.pick(&callers));
            drop(gone);
        }
    }

    fn wish(&mut self, at: usize, wish: Wish) {
        let Some(process) = &self.slots[at].process else {
            return;
        };
        let (life, session, world) = (process.life, process.session.clone(), self.world.clone());
        if matches!(wish, Wish::SignIn | Wish::SignOut) {
            let mut world = world.lock();
            world.leaving += 1;
            world.signed_out_ever += 1;
        }
        self.world
            .lock()
            .note(format_args!("life {} is asked for {wish:?}", life.0));
        let ended = {
            // A session of another process's newer epoch is not the one that is signed out.
            let (active, epoch) = (session.state().is_active(), session.generation().epoch);
            let world = world.lock();
            let stands = world.store.stands.as_ref();
            let stands = stands.filter(|stands| active && stands.epoch == epoch);
            stands.and_then(|stands| stands.refresh_token().map(str::to_owned))
        };
        let future = Box::pin(async move {
            let result = match wish {
                Wish::Token => session.access_token().await.map(drop),
                Wish::Reject => session.rejected(session.generation()).await.map(drop),
                Wish::SignOut => session.sign_out().await,
                Wish::SignIn => session.sign_in(Credentials::password("ada", "simulated")).await,
            };
            let mut world = world.lock();
            world.note(format_args!("life {} has {wish:?}: {}", life.0, told(&result)));
            match (wish, result.is_ok()) {
                (Wish::Token, true) => drop(world.served.insert(life)),
                (Wish::Token, false) => drop(world.served.remove(&life)),
                (Wish::SignOut, false) => drop(world.unsaved_sign_outs.insert(life)),
                (Wish::SignOut, true) => signed_out(&mut world, ended.as_deref()),
                (Wish::SignIn, true) => signed_in(&mut world),
                _ => {}
            }
        });
        self.adopt_task(life, future, matches!(wish, Wish::Token | Wish::Reject));
    }
}

fn told(result: &Result<(), SessionError>) -> String {
    result
        .as_ref()
        .err()
        .map_or_else(|| "ok".into(), ToString::to_string)
}

/// Invariant 12: the session that stood there is over when `sign_out` resolves.
fn signed_out(world: &mut World, ended: Option<&str>) {
    let stands = world.store.stands.as_ref().filter(|stands| stands.is_session());
    let stored = stands.and_then(|stands| stands.refresh_token());
    let still = stored
        .zip(ended)
        .is_some_and(|(stored, ended)| world.server.same_family(stored, ended));
    if still {
        world.violate(format_args!("signed out, and the session is still stored"));
    }
}

/// From here on the stored session is one that the user was told of.
fn signed_in(world: &mut World) {
    world.sign_ins += 1;
    let stands = world.store.stands.clone();
    let token = stands.as_ref().and_then(|stands| stands.refresh_token());
    if let Some(family) = token.and_then(|token| world.server.family_mut(token)) {
        family.owned = true;
    }
}

fn wake_due(world: &mut World) -> Vec<Waker> {
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

fn steal(world: &mut World) {
    let token = world
        .store
        .stands
        .as_ref()
        .and_then(|stands| stands.refresh_token())
        .map(str::to_owned);
    if let Some(token) = token {
        let now = world.true_ms();
        let reply = world.server.refresh(&token, None, Presenter::Thief, now);
        world.note(format_args!("the thief presents {token}: {}", reply.status));
    }
}

fn plan(chance: &mut Chance) -> VecDeque<(u64, Fault, FlightStep)> {
    let mut planned = VecDeque::new();
    let mut at = 15;
    for _ in 0..chance.between(LEAST_FAULTS, LEAST_FAULTS + 3) {
        at += chance.between(5, 45);
        let (fault, step) = loop {
            let fault = chance.pick(Fault::ALL);
            let step = chance.pick(FlightStep::ALL);
            if fault.impossible_in(step).is_none() {
                break (fault, step);
            }
        };
        planned.push_back((at, fault, step));
    }
    planned
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

/// The end.
impl Simulation {
    /// No more faults: all that was begun comes to its end, then each process must have what it should have.
    fn fall_quiet(&mut self) {
        self.quiet = true;
        {
            let mut world = self.world.lock();
            world.note(format_args!("from here on nothing goes wrong"));
            world.armed.clear();
            world.store.locked_until_ms = 0;
            world.store.lost_until_ms = 0;
        }
        let now = self.world.lock().awake_ms;
        for slot in self.slots.iter_mut().filter(|slot| slot.process.is_none()) {
            slot.restart_ms = now;
        }
        self.settle(0);
        for at in 0..self.slots.len() {
            // Not the foreground: there the token is renewed for ever, and the end would not come to rest.
            self.slots[at].notify(&[Notice::Unlocked, Notice::Online]);
            self.settle(150_000);
            self.ask_until_quiet(at);
        }
        for at in 0..self.slots.len() {
            if self.next_start_decides(at) {
                self.crash(at);
                self.settle(10_000);
                self.ask_until_quiet(at);
            }
        }
        self.judge();
    }

    /// A process whose session has ended does not look for another process's sign-in, and one whose sign-out could
    /// not be saved stays signed out: both find the stored session when they start again.
    fn next_start_decides(&self, at: usize) -> bool {
        let Some(process) = &self.slots[at].process else {
            return false;
        };
        let world = self.world.lock();
        !world.served.contains(&process.life) && (self.two || world.unsaved_sign_outs.contains(&process.life))
    }

    /// Goes on until nothing is left to do, and at least so long.
    fn settle(&mut self, at_least_ms: u64) {
        let end = {
            let mut world = self.world.lock();
            let end = world.awake_ms + at_least_ms;
            let number = world.number();
            world.timers.insert((end, number), None);
            end
        };
        for _ in 0..MOST_QUIET_STEPS {
            self.one_step();
            let idle = {
                let world = self.world.lock();
                let nothing = world.timers.is_empty() && world.network.due.is_empty();
                nothing && world.born_tasks.is_empty() && world.born_jobs.is_empty() && world.awake_ms >= end
            };
            if idle && self.ready.len() == 0 && self.jobs.is_empty() {
                return;
            }
        }
        self.world
            .lock()
            .violate(format_args!("the end does not come to rest"));
    }

    fn ask_until_quiet(&mut self, at: usize) {
        for wish in [Wish::Token, Wish::Reject] {
            self.wish(at, wish);
            self.settle(700_000);
        }
        self.wish(at, Wish::Token);
        self.settle(0);
    }

    fn judge(&mut self) {
        let stands = self.world.lock().store.stands.clone();
        let live = stands
            .as_ref()
            .filter(|stands| stands.is_session())
            .and_then(|stands| stands.refresh_token().map(str::to_owned));
        let unrevoked = self.world.lock().server.unrevoked(live.as_deref());
        if unrevoked > 0 {
            self.world.lock().violate(format_args!(
                "{unrevoked} sessions that were left are not revoked"
            ));
        }
        let Some(token) = live else { return };
        let mut lost = Vec::new();
        let (ended, rightly) = {
            let world = self.world.lock();
            let family = world.server.family(&token);
            (
                family.and_then(|family| family.ended),
                family.is_some_and(|family| family.ended_rightly()),
            )
        };
        if ended.is_some() {
            if !rightly {
                lost.push(format!("the server ended it: {ended:?}"));
            }
        } else {
            for process in self.slots.iter().filter_map(|slot| slot.process.as_ref()) {
                if !self.world.lock().served.contains(&process.life) {
                    lost.push(format!("a process has no token: {:?}", process.session.state()));
                }
            }
        }
        let mut world = self.world.lock();
        for how in lost {
            world.note(format_args!("LOST {token}: {how}"));
            world.lost.insert(token.clone());
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

impl Slot {
    fn notify(&self, notices: &[Notice]) {
        if let Some(process) = &self.process {
            notices.iter().for_each(|notice| process.session.notify(*notice));
        }
    }
}
