//! One life of a process: a session on the shared platform, and listeners that check what they hear.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokencast::publish::Subscription;
use tokencast::registry::Registry;
use tokencast::session::AuthSessionBuilder;
use tokencast::{AuthSession, Generation, ServerProfile, SessionEvent, SessionState};

use crate::platform::Platform;
use crate::run::Shown;
use crate::world::{Life, Shared};

pub(crate) struct Process {
    pub(crate) life: Life,
    pub(crate) session: AuthSession,
    pub(crate) shown: Shown,
    /// Sessions up to this epoch were signed out before it began.
    pub(crate) blocked: u64,
    listeners: Vec<(Subscription, Arc<Mutex<Heard>>)>,
}

/// Changes how each session is built.
pub type Change = dyn Fn(AuthSessionBuilder) -> AuthSessionBuilder + Send + Sync;

/// What a process may do with the entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The only one, which keeps no access token in the record.
    Only,
    /// One of several that share the entry.
    Owner,
    /// One that only reads it.
    Reader,
}

/// What a listener has heard so far.
#[derive(Default)]
struct Heard {
    newest: Generation,
    /// The newest generation when it was told of the session's end.
    signed_out_at: Option<Generation>,
    /// The state that it was told last; none at first.
    state: Option<SessionState>,
    /// A token that was not saved when it was heard, and nobody has said so yet.
    unsaved: Option<Generation>,
}

impl Process {
    /// Starts a process. `None` when the builder refuses, which is noted as a violation.
    pub(crate) fn start(
        world: &Shared,
        life: Life,
        profile: ServerProfile,
        role: Role,
        folder: &Path,
    ) -> Option<Self> {
        let platform = Platform {
            world: world.clone(),
            life,
        };
        let blocked = {
            let mut world = world.lock();
            world.alive.insert(life);
            if role == Role::Reader {
                world.observed.reads_only(life);
            }
            world.note(format_args!("life {} begins as {role:?}", life.0));
            world.observed.noted_sign_out
        };
        let builder = AuthSession::builder(profile)
            .storage(platform.clone())
            .locks(Arc::new(platform.clone()))
            .state_dir(folder)
            .transport(platform.clone())
            .clock(Arc::new(platform.clone()))
            .random(Arc::new(platform.clone()))
            .spawner(Arc::new(platform))
            .registry(Registry::default());
        let builder = match role {
            Role::Only => builder,
            Role::Owner => builder.persist_access_token(),
            Role::Reader => builder.read_only(),
        };
        let change = world.lock().change.clone();
        let builder = match change {
            Some(change) => change(builder),
            None => builder,
        };
        let session = match builder.build() {
            Ok(session) => session,
            Err(error) => {
                world.lock().violate(format_args!("the builder refused: {error}"));
                return None;
            }
        };
        let mut process = Self {
            life,
            session,
            shown: Shown::default(),
            blocked,
            listeners: Vec::new(),
        };
        process.add_listener(world);
        Some(process)
    }

    /// One more listener, which first gets the current state and token.
    pub(crate) fn add_listener(&mut self, world: &Shared) {
        let heard = Arc::new(Mutex::new(Heard::default()));
        let (ears, world, life) = (heard.clone(), world.clone(), self.life);
        let listener = self.session.subscribe(move |event| {
            listen(&world, life, &mut lock(&ears), event);
        });
        self.listeners.push((listener, heard));
    }

    /// Invariant 13, when all has been delivered: each listener knows what is.
    pub(crate) fn check_listeners(&self, world: &Shared) {
        let (state, token) = (self.session.state(), self.session.current_token());
        for (at, (_, heard)) in self.listeners.iter().enumerate() {
            let heard = lock(heard);
            let mut world = world.lock();
            if heard.state.as_ref() != Some(&state) {
                world.violate(format_args!("a listener was not told the last state"));
            }
            if token
                .as_ref()
                .is_some_and(|token| token.generation() != heard.newest)
            {
                world.violate(format_args!("a listener was not told the last token"));
            }
            // Who came later may have got an unsaved token as the current one.
            if let Some(generation) = heard.unsaved.filter(|_| at == 0) {
                world.violate(format_args!("{generation} was unsaved, and no listener was told"));
            }
        }
    }
}

fn lock(heard: &Mutex<Heard>) -> MutexGuard<'_, Heard> {
    heard.lock().unwrap_or_else(PoisonError::into_inner)
}

fn listen(world: &Shared, life: Life, heard: &mut Heard, event: &SessionEvent) {
    let mut world = world.lock();
    // A start that finds nothing is no end.
    let nothing = *event == SessionEvent::StateChanged(SessionState::SignedOut)
        && heard.newest == Generation::default();
    if heard.state.is_some() && !nothing {
        world.expect_of_event(life, event);
    }
    if heard.state.is_none() && !matches!(event, SessionEvent::StateChanged(_)) {
        world.violate(format_args!("a listener did not hear the state first"));
    }
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
            if generation > world.observed.newest_stored {
                heard.unsaved = Some(generation);
            }
            heard.newest = heard.newest.max(generation);
        }
        SessionEvent::StateChanged(state) => {
            world.note(format_args!("life {} is {}", life.0, name(state)));
            let out = matches!(heard.state, Some(SessionState::SignedOut)) && heard.signed_out_at.is_some();
            match state {
                SessionState::SignedOut if heard.newest != Generation::default() => {
                    heard.signed_out_at = Some(heard.newest);
                }
                SessionState::Locked { .. } if out => {
                    world.violate(format_args!("a signed-out session became locked"));
                }
                _ => {}
            }
            heard.state = Some(state.clone());
        }
        SessionEvent::StorageDegraded { error } => {
            world.note(format_args!(
                "life {} is told of degraded storage: {error}",
                life.0
            ));
            heard.unsaved = None;
        }
        SessionEvent::RefreshFailed { error, .. } => {
            world.note(format_args!(
                "life {} is told of a failed refresh: {error}",
                life.0
            ));
        }
        _ => world.note(format_args!("life {} is told of something", life.0)),
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
