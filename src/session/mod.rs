//! [`AuthSession`]: the one object an app holds, and the only driver of a refresh.
//!
//! Below it, in the order of a token's way: `core` (memory and who waits), `obtain` (joining or starting the one
//! flight), `drive` (performing what a flight asks), `lend` (a page makes the exchange), `request_fields` (what the app adds to a request), `background` (the
//! platform's time for it), `follow` (waiting for
//! another process's flight), `ledger` (reading and writing the record under its lock),
//! `enter`, `cookies` and `leave` (sign-in, sign-out), `restore` (the start), `erase` and `shelf` (for accounts), `send` (authorised calls), `recorder` (the history).

mod ahead;
mod background;
mod breaker;
mod builder;
mod cookies;
mod core;
mod drive;
mod enter;
mod erase;
mod follow;
mod leave;
mod ledger;
mod lend;
mod obtain;
mod recorder;
mod request_fields;
mod restore;
#[cfg(feature = "reqwest")]
mod send;
mod shelf;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_core::future::BoxFuture;

use crate::error::SessionError;
use crate::profile::ServerProfile;
use crate::publish::Subscription;
use crate::random::Random;
use crate::state::{Notice, SessionEvent, SessionState, Transition};
use crate::time::Clock;
use crate::token::{AccessToken, Credentials, Generation, Secret, TokenSet};

pub use background::{BackgroundEnd, BackgroundTask, BackgroundTime};
pub use builder::AuthSessionBuilder;
pub use request_fields::{NoFields, RequestFields};
#[cfg(feature = "reqwest")]
pub use send::SendError;

pub use crate::wire::{ExtraFields, Purpose};

pub(crate) use self::core::Glance;
pub(crate) use lend::{Lent, Offer, Returned};
pub(crate) use shelf::Shelf;

use self::core::Core;
use obtain::Want;

/// The minimum life of a token that a caller gets when it names none.
pub const DEFAULT_MIN_TTL: Duration = Duration::from_secs(10);

/// A signed-in (or not signed-in) user of one server. Cheap to clone; all clones are one session.
///
/// The constructor does no I/O; the session restores itself and [`state`](Self::state) says so.
#[derive(Clone)]
pub struct AuthSession(Arc<Door>);

impl AuthSession {
    /// Starts building a session for the server that `profile` describes.
    pub fn builder(profile: ServerProfile) -> AuthSessionBuilder {
        AuthSessionBuilder::new(profile)
    }

    fn through(core: Arc<Core>) -> Self {
        Self(Arc::new(Door {
            core,
            closed: AtomicBool::new(false),
        }))
    }

    /// Signs in with the profile's sign-in request. Resolves when the session is saved.
    ///
    /// Errors: `InvalidCredentials` (let the user correct them), `TryAgain`, `StorageFailed` (there is no
    /// session; the server's new token was revoked), `Misconfigured`, `Closed`.
    pub async fn sign_in(&self, credentials: Credentials) -> Result<(), SessionError> {
        self.0.open()?.sign_in(credentials).await
    }

    /// Takes over tokens that the app got on its own. From then on the session owns them: presenting the refresh
    /// token elsewhere would end it. Resolves when they are saved.
    pub async fn adopt(&self, tokens: TokenSet) -> Result<(), SessionError> {
        self.0.open()?.adopt(tokens).await
    }

    /// Takes over the session's cookies after a sign-in inside a webview. `cookies` is what the webview's store holds for
    /// the profile's refresh endpoint, written as a `Cookie` header has them (`refresh=…; csrf=…; theme=dark`): only those
    /// that the profile names in `answer.cookies` are kept. The first access token is then bought with them.
    ///
    /// Resolves when they are saved, with the names to delete from the webview's store: two jars would be two owners of one
    /// credential. A process that dies before it has deleted them calls this again with what is left there: cookies that
    /// began the session which is stored are recognised, and leave it as it is. Call it after a sign-in only.
    ///
    /// Errors: `Misconfigured` when the profile keeps no cookies, or when one is missing, given twice or not a cookie's
    /// value; `StorageFailed`: delete nothing, and call it again.
    pub async fn adopt_cookie(
        &self,
        cookies: impl Into<Secret>,
        account: Option<String>,
    ) -> Result<Vec<String>, SessionError> {
        self.0.open()?.adopt_cookie(cookies.into(), account).await
    }

    /// An access token with at least [`DEFAULT_MIN_TTL`] left: the cached one, or that of the one refresh.
    ///
    /// Dropping the future only ends the waiting; the exchange goes on.
    pub async fn access_token(&self) -> Result<AccessToken, SessionError> {
        self.access_token_with(DEFAULT_MIN_TTL).await
    }

    /// An access token with at least `min_ttl` left (at most half of its life is asked for).
    ///
    /// While refreshes fail, a token that is still valid is returned even if it has less left.
    pub async fn access_token_with(&self, min_ttl: Duration) -> Result<AccessToken, SessionError> {
        let core = self.0.open()?;
        match core.servable(min_ttl) {
            Some(token) => Ok(token),
            None => core.obtain(Want::Life(min_ttl)).await,
        }
    }

    /// Tells that a server refused the token of `generation` (401), and waits for a newer one. A late report of
    /// an older generation costs nothing: the answer is the current token.
    pub async fn rejected(&self, generation: Generation) -> Result<AccessToken, SessionError> {
        self.0
            .open()?
            .obtain(Want::NewerThan {
                generation,
                said_by_host: true,
            })
            .await
    }

    /// A page reported a 401. As [`rejected`](Self::rejected), but the token goes on being served to others, and
    /// the session's breaker is not touched.
    pub(crate) async fn demand(&self, used: Generation) -> Result<AccessToken, SessionError> {
        let core = self.0.open()?;
        core.note_rejection(used);
        core.obtain(Want::NewerThan {
            generation: used,
            said_by_host: false,
        })
        .await
    }

    /// A page wants to refresh by itself. As [`demand`](Self::demand), and the exchange is lent to it.
    pub(crate) async fn lend(&self, used: Generation) -> Result<Lent, SessionError> {
        let core = self.0.open()?;
        core.note_rejection(used);
        core.lend(used).await
    }

    /// Asks the server whose session this is, unless it is known: whoever lends needs to know it beforehand.
    pub(crate) fn learn_subject(&self) {
        self.0.core.clone().learn_subject_ahead();
    }

    /// The token in memory if it has not expired. No I/O, no await, no lock.
    pub fn current_token(&self) -> Option<AccessToken> {
        if self.0.is_closed() {
            return None;
        }
        self.0.core.servable(Duration::ZERO)
    }

    /// The broadcast: `callback` gets the current token first, then each new one, in order and already saved.
    /// It runs where it may block; dropping the subscription ends it.
    pub fn on_access_token(&self, callback: impl Fn(&AccessToken) + Send + Sync + 'static) -> Subscription {
        self.subscribe(move |event| {
            if let SessionEvent::AccessTokenChanged(token) = event {
                callback(token);
            }
        })
    }

    /// All events, beginning with the current state and token. See [`SessionEvent`].
    pub fn subscribe(&self, listener: impl Fn(&SessionEvent) + Send + Sync + 'static) -> Subscription {
        self.0.core.subscribe(Box::new(listener))
    }

    /// The state now.
    pub fn state(&self) -> SessionState {
        self.0.core.state()
    }

    /// Resolves when the session has left [`SessionState::Restoring`].
    pub async fn restored(&self) -> SessionState {
        self.0.core.restored().await
    }

    /// The generation of the current token set, or of the tombstone that ended the last one.
    pub fn generation(&self) -> Generation {
        self.0.core.glance().generation
    }

    /// Why the session is as it is: its last 64 transitions, oldest first, kept over restarts. What another process noted
    /// is in it once this one notes something, too. No I/O. The last eight stand in
    /// [`SessionState::SignInRequired`].
    pub fn history(&self) -> Vec<Transition> {
        self.0.core.recorder.list()
    }

    /// Ends the session: memory at once; resolves when the end is saved. The refresh token is revoked at the
    /// server then or, without a network, later.
    ///
    /// Errors: `StorageFailed`: memory is signed out, the stored record could not be replaced; call it again.
    pub async fn sign_out(&self) -> Result<(), SessionError> {
        self.0.open()?.sign_out().await
    }

    /// Tells the session about its surroundings. In the foreground it renews the token ahead of its end.
    pub fn notify(&self, notice: Notice) {
        self.0.core.clone().notify(notice);
    }

    /// Ends the use of this object and all its clones: calls answer `Closed`. The stored session stays, and so does
    /// another object on the same entry; with the last of them the token leaves memory.
    pub fn close(&self) {
        self.0.close();
    }

    /// The server's description.
    pub fn profile(&self) -> &ServerProfile {
        &self.0.core.profile
    }

    pub(crate) fn glance(&self) -> Glance {
        self.0.core.glance()
    }

    pub(crate) fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.0.core.spawner.spawn(task);
    }

    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.core.clock
    }

    pub(crate) fn random(&self) -> &Arc<dyn Random> {
        &self.0.core.random
    }
}

/// What one `build` gave out. Several doors lead to one core, when they share a registry.
struct Door {
    core: Arc<Core>,
    closed: AtomicBool,
}

impl Door {
    fn open(&self) -> Result<Arc<Core>, SessionError> {
        if self.is_closed() {
            Err(SessionError::Closed)
        } else {
            Ok(self.core.clone())
        }
    }

    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    fn close(&self) {
        if !self.closed.swap(true, Ordering::Relaxed) && self.core.one_door_less() {
            self.core.close();
        }
    }
}

impl Drop for Door {
    /// Not a close: an exchange under way is finished and saved.
    fn drop(&mut self) {
        if !self.is_closed() {
            self.core.one_door_less();
        }
    }
}

impl fmt::Debug for AuthSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let glance = self.0.core.glance();
        f.debug_struct("AuthSession")
            .field("state", &glance.state)
            .field("generation", &glance.generation)
            .finish_non_exhaustive()
    }
}
