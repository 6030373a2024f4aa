//! What must hold of each process after every step, seen through its public face.

use tokencast::error::EndReason;
use tokencast::time::BootTime;
use tokencast::{AccessToken, Generation, SessionState};

use crate::process::Process;
use crate::world::{Shared, World};

/// What a process showed after the last step.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    generation: Generation,
    token: Option<AccessToken>,
    /// Why the session is over.
    ended: Option<EndReason>,
    /// The newest epoch that ended for the user.
    signed_out: Option<u64>,
}

/// The world's part: what does not belong to one process.
pub(super) fn of_the_world(world: &Shared) {
    world.lock().check_wire();
}

pub(super) fn of_a_process(world: &Shared, process: &mut Process) {
    let (state, generation) = (process.session.state(), process.session.generation());
    let token = process.session.current_token();
    of_the_history(world, process, &state);
    let mut world = world.lock();
    let shown = &mut process.shown;
    // 4: memory changes only upwards.
    if generation < shown.generation {
        let was = shown.generation;
        world.violate(format_args!("memory fell from {was} to {generation}"));
    }
    let over = matches!(
        state,
        SessionState::SignedOut | SessionState::SignInRequired { .. }
    );
    if let Some(token) = &token {
        if over {
            world.violate(format_args!(
                "life {} serves a token after the end",
                process.life.0
            ));
        }
        let serves = token.generation();
        if serves != generation {
            world.violate(format_args!("{serves} is served while memory holds {generation}"));
        }
        // 4 and 5: saved before it is shown, unless the storage failed.
        if serves > world.observed.newest_stored && !world.observed.may_be_unsaved(process.life) {
            world.violate(format_args!("{serves} is served and was never saved"));
        }
        // A sign-out that only the app's own folder took blocks every later start.
        if serves.epoch <= process.blocked {
            world.violate(format_args!("{serves} was restored after its sign-out"));
        }
    }
    // 8: a valid token keeps being served.
    if let Some(before) = &shown.token
        && token.is_none()
        && !over
        // Of a newer generation another process's token may be all there is, and a stepped wall clock may call it old.
        && generation == before.generation()
        && !before.remaining(boot(&world)).is_zero()
        && !world.observed.was_rejected(process.life, before.generation())
    {
        let lost = before.generation();
        let rest = before.remaining(boot(&world)).as_secs();
        world.violate(format_args!(
            "{lost} is valid for {rest} s and no longer served: {generation}, {state:?}"
        ));
    }
    // 12: what was signed out does not come back.
    match &state {
        SessionState::SignedOut if generation != Generation::default() => {
            shown.signed_out = shown.signed_out.max(Some(generation.epoch));
        }
        SessionState::Active { .. } if shown.signed_out.is_some_and(|end| generation.epoch <= end) => {
            world.violate(format_args!("{generation} is active after its sign-out"));
        }
        _ => {}
    }
    shown.generation = shown.generation.max(generation);
    shown.token = token;
}

/// The history tells the true cause of all that was done to the process.
fn of_the_history(world: &Shared, process: &mut Process, state: &SessionState) {
    let ended = match state {
        SessionState::SignInRequired { reason, .. } => Some(reason.clone()),
        _ => None,
    };
    let news = ended != process.shown.ended;
    if !news && !world.lock().expects(process.life) {
        return;
    }
    let whole = process.session.history();
    let mut world = world.lock();
    if world.expects(process.life) {
        world.check_history(process.life, &whole);
    }
    if let SessionState::SignInRequired { reason, history, .. } = state
        && news
    {
        // A clock that was set may have put older lines behind the newest.
        let told: &[_] = if world.wall_offset_ms == 0 {
            history
        } else {
            &whole
        };
        world.check_end(process.life, reason, told);
    }
    process.shown.ended = ended;
}

fn boot(world: &World) -> BootTime {
    BootTime::from_start(std::time::Duration::from_millis(world.true_ms()))
}
