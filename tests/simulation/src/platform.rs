//! The small parts of the platform as the core takes them: clock, randomness, spawner, locks.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokencast::lock::{LockFailure, LockGuard, LockKind, ProcessLock};
use tokencast::random::{NoRandomness, Random};
use tokencast::spawn::Spawner;
use tokencast::time::{BootTime, Clock, WallTime};

use crate::fault::{Fault, FlightStep};
use crate::world::{Flight, Heard, Job, Life, Shared, World};

/// One life's view of the shared platform.
#[derive(Clone)]
pub(crate) struct Platform {
    pub(crate) world: Shared,
    pub(crate) life: Life,
}

/// How long the core waits for a write or a read: sleeps of this length watch a call, others are pauses.
const WATCHES: [Duration; 2] = [Duration::from_secs(10), Duration::from_secs(5)];

impl Clock for Platform {
    fn boot(&self) -> BootTime {
        BootTime::from_start(Duration::from_millis(self.world.lock().true_ms()))
    }

    fn wall(&self) -> WallTime {
        let world = self.world.lock();
        WallTime::from_unix_millis(world.true_ms() as i64 + world.wall_offset_ms)
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let mut world = self.world.lock();
        if let Some(flight) = world.current_flight()
            && !WATCHES.contains(&duration)
        {
            match (flight.step, flight.heard) {
                (FlightStep::Sending, _) => flight.step = FlightStep::Pausing,
                (FlightStep::Committing, _) if flight.heard == Heard::Nothing => {
                    flight.step = FlightStep::Saving;
                }
                _ => {}
            }
        }
        let ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).max(1);
        let due = (world.awake_ms.saturating_add(ms), world.number());
        world.timers.insert(due, None);
        drop(world);
        Box::pin(Sleep {
            world: self.world.clone(),
            due,
        })
    }
}

struct Sleep {
    world: Shared,
    due: (u64, u64),
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut world = self.world.lock();
        if world.awake_ms >= self.due.0 {
            return Poll::Ready(());
        }
        world.timers.insert(self.due, Some(context.waker().clone()));
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        let timer = self.world.lock().timers.remove(&self.due);
        drop(timer);
    }
}

impl Random for Platform {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoRandomness> {
        let mut world = self.world.lock();
        for chunk in bytes.chunks_mut(8) {
            let drawn = world.core_chance.next().to_le_bytes();
            chunk.copy_from_slice(&drawn[..chunk.len()]);
        }
        Ok(())
    }
}

impl Spawner for Platform {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.world.lock().born_tasks.push((self.life, task));
    }

    fn spawn_blocking(&self, run: Box<dyn FnOnce() + Send>) {
        let mut world = self.world.lock();
        let not_before_ms = hung_until(&mut world, self.life);
        let parent = world.current.map_or(0, |(_, task)| task);
        world.born_jobs.push(Job {
            life: self.life,
            parent,
            not_before_ms,
            run,
        });
    }
}

/// Follows the flight to its next step, and says when a call of the storage that hangs goes on.
fn hung_until(world: &mut World, life: Life) -> u64 {
    let writes = world.holds(life, "record");
    if let Some(flight) = world.current_flight() {
        match flight.step {
            // The look comes first; what is called after it, under the lock that it took, is the write.
            FlightStep::Rereading | FlightStep::LookingAgain if flight.looked && writes => {
                flight.step = FlightStep::Intending;
            }
            // Without that lock it is the history's file, which is no storage.
            FlightStep::Rereading | FlightStep::LookingAgain if flight.looked => return 0,
            FlightStep::Rereading | FlightStep::LookingAgain => flight.looked = true,
            FlightStep::Committing if writes => flight.heard = Heard::Nothing,
            _ if !writes => return 0,
            _ => {}
        }
    } else {
        return 0;
    }
    match world.take_armed(crate::fault::Place::Storage, |fault| fault == Fault::StorageHangs) {
        Some(_) => {
            world.observed.storage_failed(life);
            world.awake_ms + world.chance.between(500, 40_000)
        }
        None => 0,
    }
}

impl ProcessLock for Platform {
    fn try_acquire(&self, entry_id: &str, kind: LockKind) -> Result<Option<LockGuard>, LockFailure> {
        let mut world = self.world.lock();
        world.check_may_act(self.life, "takes a lock");
        let current = world.current;
        let name = (entry_id.to_owned(), kind.name());
        if kind == LockKind::Flight
            && let Some((life, task)) = current
        {
            let waiting = Flight {
                task,
                step: FlightStep::Locking,
                heard: Heard::Nothing,
                looked: false,
            };
            let known = world.flights.insert(life, waiting);
            if known.is_some_and(|known| known.task != task) {
                world.violate(format_args!("two flights in one process"));
            }
        } else if let Some(flight) = world.current_flight() {
            let next = next_step(flight);
            if next == FlightStep::LookingAgain && flight.step != next {
                flight.looked = false;
            }
            flight.step = next;
        }
        if !world.is_alive(self.life) || world.locks.contains_key(&name) {
            world.observed.storage_failed(self.life);
            return Ok(None);
        }
        let number = world.number();
        world.locks.insert(name.clone(), (self.life, number));
        if kind == LockKind::Flight
            && let Some(flight) = world.current_flight()
        {
            flight.step = FlightStep::Rereading;
        }
        drop(world);
        Ok(Some(LockGuard::new(Release {
            world: self.world.clone(),
            name,
            number,
            life: self.life,
        })))
    }
}

/// The step that a flight enters by asking for the record lock: a look asks for it too, for the write that may follow.
fn next_step(flight: &Flight) -> FlightStep {
    match (flight.step, flight.heard) {
        (FlightStep::Rereading | FlightStep::LookingAgain, _) if !flight.looked => flight.step,
        (FlightStep::Sending | FlightStep::Pausing, Heard::Superseded) => FlightStep::LookingAgain,
        (FlightStep::Sending | FlightStep::Pausing, Heard::Tokens) => FlightStep::Committing,
        (FlightStep::Sending | FlightStep::Pausing, Heard::Dead) => FlightStep::Burying,
        (FlightStep::Sending | FlightStep::Pausing, Heard::NotSent) => FlightStep::Withdrawing,
        (FlightStep::Rereading | FlightStep::LookingAgain | FlightStep::Sending | FlightStep::Pausing, _) => {
            FlightStep::Intending
        }
        (step, _) => step,
    }
}

struct Release {
    world: Shared,
    name: (String, &'static str),
    number: u64,
    life: Life,
}

impl Drop for Release {
    fn drop(&mut self) {
        let mut world = self.world.lock();
        let ours = world.locks.get(&self.name) == Some(&(self.life, self.number));
        if !ours {
            return;
        }
        world.locks.remove(&self.name);
        if self.name.1 == "flight" {
            world.flights.remove(&self.life);
        }
    }
}
