//! What users want of their processes, and what they may then expect.

use tokencast::{Credentials, Notice, SessionError, SessionState};

use super::Simulation;
use crate::world::{TaskId, World};

/// What the driver asks of a session on a user's behalf.
#[derive(Clone, Copy, Debug)]
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
