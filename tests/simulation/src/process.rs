//! One life of a process: a session on the shared platform, and a listener that checks what it hears.

use std::sync::{Arc, Mutex, PoisonError};

use tokencast::publish::Subscription;
use tokencast::registry::Registry;
use tokencast::{AuthSession, Generation, ServerProfile, SessionEvent, SessionState};

use crate::platform::Platform;
use crate::world::{Life, Shared};

pub(crate) struct Process {
    pub(crate) life: Life,
    pub(crate) session: AuthSession,
    _listener: Subscription,
}

/// What a listener has heard so far.
#[derive(Default)]
struct Heard {
    newest: Generation,
    /// The newest generation when it was told of the session's end.
    signed_out_at: Option<Generation>,
    /// Whether that end is the last it was told.
    out: bool,
}

impl Process {
    /// Starts a process. `None` when the builder refuses, which is noted as a violation.
    pub(crate) fn start(world: &Shared, life: Life, profile: ServerProfile, shared: bool) -> Option<Self> {
        let platform = Platform {
            world: world.clone(),
            life,
        };
        {
            let mut world = world.lock();
            world.alive.insert(life);
            world.note(format_args!("life {} begins", life.0));
        }
        let builder = AuthSession::builder(profile)
            .storage(platform.clone())
            .locks(Arc::new(platform.clone()))
            .transport(platform.clone())
            .clock(Arc::new(platform.clone()))
            .random(Arc::new(platform.clone()))
            .spawner(Arc::new(platform))
            .registry(Registry::default());
        let builder = if shared {
            builder.persist_access_token()
        } else {
            builder
        };
        let session = match builder.build() {
            Ok(session) => session,
            Err(error) => {
                world.lock().violate(format_args!("the builder refused: {error}"));
                return None;
            }
        };
        let heard = Mutex::new(Heard::default());
        let seen_by = world.clone();
        let listener = session.subscribe(move |event| {
            let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
            listen(&seen_by, life, &mut heard, event);
        });
        Some(Self {
            life,
            session,
            _listener: listener,
        })
    }
}

fn listen(world: &Shared, life: Life, heard: &mut Heard, event: &SessionEvent) {
    let mut world = world.lock();
    match event {
        SessionEvent::AccessTokenChanged(token) => {
            let generation = token.generation();
            world.note(format_args!("life {} hears {generation}", life.0));
            if generation < heard.newest {
                world.violate(format_args!(
                    "a listener heard {generation} after {}",
                    heard.newest
                ));
            }
            if heard
                .signed_out_at
                .is_some_and(|end| generation.epoch <= end.epoch)
            {
                world.violate(format_args!("a listener heard {generation} after the sign-out"));
            }
            heard.newest = heard.newest.max(generation);
        }
        SessionEvent::StateChanged(state) => {
            world.note(format_args!("life {} is {}", life.0, name(state)));
            match state {
                SessionState::SignedOut if heard.newest != Generation::default() => {
                    heard.signed_out_at = Some(heard.newest);
                    heard.out = true;
                }
                SessionState::SignedOut => {}
                SessionState::Locked { .. } if heard.out => {
                    world.violate(format_args!("a signed-out session became locked"));
                }
                _ => heard.out = false,
            }
        }
        other => world.note(format_args!("life {} is told {}", life.0, kind(other))),
    }
}

fn name(state: &SessionState) -> String {
    match state {
        SessionState::SignInRequired { reason, .. } => format!("over: {}", reason.code()),
        SessionState::Locked { cause } => format!("locked: {cause}"),
        SessionState::Active { .. } => "active".into(),
        SessionState::SignedOut => "signed out".into(),
        _ => "restoring".into(),
    }
}

fn kind(event: &SessionEvent) -> String {
    match event {
        SessionEvent::RefreshFailed { error, .. } => format!("of a failed refresh: {error}"),
        SessionEvent::StorageDegraded { error } => format!("of degraded storage: {error}"),
        _ => "of something".into(),
    }
}
