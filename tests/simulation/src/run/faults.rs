//! The faults of a run: armed when their time comes, striking in their step.

use std::task::Waker;

use super::Simulation;
use super::executor::wake_due;
use super::users::Wish;
use crate::fault::{Fault, FlightStep, Place};
use crate::process::Role;
use crate::server::Presenter;
use crate::world::{Armed, World};

impl Simulation {
    pub(super) fn arm(&mut self, step: u64) {
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
                let at = steps.iter().enumerate().position(|(at, now)| {
                    let may = armed.fault != Fault::SignOut || self.slots[at].role != Role::Reader;
                    may && now.is_some_and(|now| armed.step.is_none_or(|wanted| wanted == now))
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
            if self.slots[at].process.is_some() {
                self.strike(armed.fault, at);
            } else {
                // A crash of the same step was faster: it waits for the next life.
                self.world.lock().armed.push(armed);
            }
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
