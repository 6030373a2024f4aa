//! The end of a run: nothing goes wrong any more, all comes to rest, and each process must have what it should have.

use tokencast::Notice;

use super::Simulation;
use super::lives::Slot;
use super::users::Wish;
use crate::process::Role;

/// What the quiet end may take before it is called a hang.
const MOST_QUIET_STEPS: u64 = 30_000;

impl Simulation {
    /// No more faults: all that was begun comes to its end, then each process must have what it should have.
    pub(super) fn fall_quiet(&mut self) {
        self.quiet = true;
        {
            let mut world = self.world.lock();
            let waiting: Vec<_> = world.armed.iter().map(|armed| armed.fault).collect();
            world.note(format_args!(
                "from here on nothing goes wrong; {waiting:?} found no place"
            ));
            world.armed.clear();
            world.store.locked_until_ms = 0;
            world.store.lost_until_ms = 0;
        }
        let now = self.world.lock().awake_ms;
        for slot in self.slots.iter_mut().filter(|slot| slot.process.is_none()) {
            slot.restart_ms = now;
        }
        for slot in &self.slots {
            // In the foreground the token is renewed for ever, and the end would not come to rest.
            slot.notify(&[Notice::Background]);
        }
        self.settle(0);
        for at in 0..self.slots.len() {
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
        for at in 0..self.slots.len() {
            self.ask_to_read(at);
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
        let shared = self.slots[at].role == Role::Owner;
        !world.served.contains(&process.life) && (shared || world.unsaved_sign_outs.contains(&process.life))
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
        if self.slots[at].role == Role::Reader {
            return;
        }
        for wish in [Wish::Token, Wish::Reject] {
            self.wish(at, wish);
            self.settle(700_000);
        }
        self.wish(at, Wish::Token);
        self.settle(0);
    }

    /// A reader has what its owner has, once that one has renewed.
    fn ask_to_read(&mut self, at: usize) {
        if self.slots[at].role != Role::Reader {
            return;
        }
        // The first makes it look again, if it believes that there is no session.
        self.wish(at, Wish::Token);
        self.settle(30_000);
        self.wish(0, Wish::Token);
        self.settle(0);
        self.wish(0, Wish::Reject);
        self.wish(at, Wish::Token);
        self.settle(0);
    }

    fn judge(&mut self) {
        for process in self.slots.iter().filter_map(|slot| slot.process.as_ref()) {
            process.check_listeners(&self.world);
        }
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
}

impl Slot {
    fn notify(&self, notices: &[Notice]) {
        if let Some(process) = &self.process {
            notices.iter().for_each(|notice| process.session.notify(*notice));
        }
    }
}
