//! What users want of their processes, and what they may then expect.

use tokencast::{Credentials, Notice, SessionError, SessionState};

use super::Simulation;
use crate::process::Role;
use crate::world::{TaskId, World};

/// No access token lives shorter.
const SHORTEST_LIFE_MS: u64 = 20_000;

/// What the driver asks of a session on a user's behalf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    Token,
    Reject,
    SignIn,
    SignOut,
}

impl Simulation {
    pub(super) fn user_acts(&mut self) {
        let rest = if self.chance.once_in(3) {
            self.chance.between(1, 300)
        } else {
            self.chance.between(1_000, 150_000)
        };
        self.next_user_ms = self.world.lock().awake_ms + rest;
        let at = self.chance.below(self.slots.len() as u64) as usize;
        let act = self.chance.below(44);
        let times = self.chance.between(1, 3);
        self.acts += 1;
        if !self.plan.without_acts.contains(&(self.acts - 1)) {
            self.user_does(at, act, times);
        }
    }

    fn user_does(&mut self, at: usize, act: u64, times: u64) {
        let reads_only = self.slots[at].role == Role::Reader;
        let Some(process) = &mut self.slots[at].process else {
            return;
        };
        let out = matches!(
            process.session.state(),
            SessionState::SignedOut | SessionState::SignInRequired { .. }
        );
        match act {
            _ if out && !reads_only => self.wish(at, Wish::SignIn),
            0 if !reads_only => self.wish(at, Wish::SignIn),
            1 if !reads_only => self.wish(at, Wish::SignOut),
            2..=5 => self.wish(at, Wish::Reject),
            6 => process.session.notify(Notice::Unlocked),
            7 => process.session.notify(Notice::Online),
            8 => self.a_caller_goes_away(),
            9 => process.add_listener(&self.world),
            10..=12 => process.session.notify(Notice::Foreground),
            13 => process.session.notify(Notice::Background),
            _ => {
                for _ in 0..times {
                    self.wish(at, Wish::Token);
                }
            }
        }
    }

    pub(super) fn wish(&mut self, at: usize, wish: Wish) {
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
            let asked_ms = world.lock().true_ms();
            let (at_first, before) = (session.current_token(), session.generation());
            if wish == Wish::Reject {
                world.lock().observed.rejects(life, before);
            }
            let result = match wish {
                Wish::Token => session.access_token().await.map(drop),
                Wish::Reject => session.rejected(before).await.map(drop),
                Wish::SignOut => session.sign_out().await,
                Wish::SignIn => session.sign_in(Credentials::password("ada", "simulated")).await,
            };
            // Asked before the world is locked: the session reads its clock.
            let now = session.current_token();
            let (state, generation) = (session.state(), session.generation());
            let mut world = world.lock();
            world.note(format_args!("life {} has {wish:?}: {}", life.0, told(&result)));
            match (wish, result.is_ok()) {
                (Wish::Token, true) => drop(world.served.insert(life)),
                (Wish::Token, false) => {
                    world.served.remove(&life);
                    // Invariant 8: the same token was valid all the time.
                    if now.is_some() && now == at_first {
                        world.violate(format_args!("a caller got an error and a token was valid"));
                    }
                }
                (Wish::SignOut, false) => {
                    world.unsaved_sign_outs.insert(life);
                    let noted = world.observed.noted_sign_out.max(before.epoch);
                    world.observed.noted_sign_out = noted;
                }
                (Wish::SignOut, true) => signed_out(&mut world, ended.as_deref()),
                (Wish::SignIn, true) => {
                    signed_in(&mut world);
                    let soon = world.true_ms() - asked_ms < SHORTEST_LIFE_MS;
                    let used = world.observed.was_rejected(life, generation);
                    if soon && now.is_none() && state.is_active() && !used {
                        world.violate(format_args!("signed in, and the token is not served"));
                    }
                }
                _ => {}
            }
        });
        self.adopt_task(life, future, matches!(wish, Wish::Token | Wish::Reject));
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
    ended.into_iter().for_each(|ended| world.was_signed_out(ended));
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
