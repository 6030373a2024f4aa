use std::sync::Arc;
use std::time::Duration;

use tokencast::session as core;

use crate::background::{BackgroundTime, HostBackgroundTime};
use crate::error::SessionError;
use crate::history::Transition;
use crate::host;
use crate::listener::{self, SessionListener, Subscription};
use crate::pages::WebViews;
use crate::platform_tls;
use crate::profile::ServerProfile;
use crate::request_fields::{HostRequestFields, RequestFields};
use crate::state::{Notice, SessionState};
use crate::storage::Storage;
use crate::token::{AccessToken, Credentials, Generation, TokenSet};

/// A signed-in (or not signed-in) user of one server. The constructor does no I/O; the session restores itself.
#[derive(Debug, uniffi::Object)]
#[uniffi::export(Debug)]
pub struct AuthSession(core::AuthSession);

/// What a session can do without.
#[derive(Clone, Debug, Default, PartialEq, Eq, uniffi::Record)]
pub struct SessionOptions {
    /// The entry's name, for apps with several sessions.
    #[uniffi(default = None)]
    pub entry: Option<String>,
    /// A private folder that all processes of the app share, for lock files. A phone's host must name it, unless the
    /// storage is in memory.
    #[uniffi(default = None)]
    pub state_dir: Option<String>,
    /// Keeps the access token in the record too, so that a restart or another process need not refresh.
    #[uniffi(default = false)]
    pub persist_access_token: bool,
    /// Only reads, as an app extension does: the session never refreshes, writes nothing and takes no lock. It waits for
    /// the generation of the process that owns the entry, which must keep its access token. Signing in or out, and
    /// adopting, answer `Misconfigured`.
    #[uniffi(default = false)]
    pub read_only: bool,
}

#[uniffi::export]
impl AuthSession {
    /// Makes the session. Two of them on one entry of one storage are one session. Without `background_time` an exchange
    /// in the background takes the chance; `request_fields` says what the app adds to its requests.
    #[uniffi::constructor(default(background_time = None, request_fields = None))]
    pub fn new(
        profile: Arc<ServerProfile>,
        storage: Arc<Storage>,
        options: SessionOptions,
        background_time: Option<Arc<dyn BackgroundTime>>,
        request_fields: Option<Arc<dyn RequestFields>>,
    ) -> Result<Self, SessionError> {
        let builder = builder(&profile, &storage, options, background_time, request_fields)?;
        Ok(Self(builder.build()?))
    }

    /// The token in memory if it has not expired. No I/O.
    pub fn current_token(&self) -> Result<Option<AccessToken>, SessionError> {
        Ok(self.0.current_token().as_ref().map(AccessToken::from))
    }

    /// The state now.
    pub fn state(&self) -> Result<SessionState, SessionError> {
        Ok(self.0.state())
    }

    /// The generation of the current token set, or of the end of the last one.
    pub fn generation(&self) -> Result<Generation, SessionError> {
        Ok(self.0.generation().into())
    }

    /// The last 64 transitions of the session, oldest first, kept over restarts. No I/O.
    pub fn history(&self) -> Result<Vec<Transition>, SessionError> {
        Ok(self.0.history().iter().map(Transition::from).collect())
    }

    /// Hears all events, beginning with the current state and token.
    pub fn subscribe(&self, listener: Arc<dyn SessionListener>) -> Result<Arc<Subscription>, SessionError> {
        Ok(Arc::new(listener::subscribe(&self.0, listener)))
    }

    /// The webviews of this session. Each call makes another, independent set: keep the one you attach to.
    pub fn web_views(&self) -> Result<Arc<WebViews>, SessionError> {
        Ok(Arc::new(WebViews::of(self.0.web_views())))
    }

    /// Tells the session about its surroundings.
    pub fn notify(&self, notice: Notice) -> Result<(), SessionError> {
        self.0.notify(notice);
        Ok(())
    }

    /// Ends the use of the session: calls answer `Closed`, the token leaves memory, the stored session stays.
    /// (`close` is what Kotlin calls letting go of the object.)
    pub fn close_session(&self) -> Result<(), SessionError> {
        self.0.close();
        Ok(())
    }
}

#[uniffi::export(async_runtime = "tokio")]
impl AuthSession {
    /// Signs in with the profile's sign-in request. Resolves when the session is saved.
    pub async fn sign_in(&self, credentials: Arc<Credentials>) -> Result<(), SessionError> {
        Ok(self.0.sign_in(credentials.to_core()).await?)
    }

    /// Takes over tokens that the app got on its own. Resolves when they are saved.
    pub async fn adopt(&self, tokens: Arc<TokenSet>) -> Result<(), SessionError> {
        Ok(self.0.adopt(tokens.take()?).await?)
    }

    /// Takes over the cookies of a sign-in inside a webview, written as a `Cookie` header has them. Resolves when they are
    /// saved, with the names to delete from the webview's store. What a crash left there is recognised when it is handed
    /// over again.
    pub async fn adopt_cookie(
        &self,
        cookies: String,
        account: Option<String>,
    ) -> Result<Vec<String>, SessionError> {
        Ok(self.0.adopt_cookie(cookies, account).await?)
    }

    /// An access token with at least `min_ttl_ms` left (10 s when none is given): the cached one, or that of the one
    /// refresh. Cancelling only ends the waiting; the exchange goes on.
    pub async fn access_token(&self, min_ttl_ms: Option<i64>) -> Result<AccessToken, SessionError> {
        let min_ttl = match min_ttl_ms.map(u64::try_from) {
            None => core::DEFAULT_MIN_TTL,
            Some(Ok(millis)) => Duration::from_millis(millis),
            Some(Err(_)) => {
                return Err(SessionError::misconfigured(
                    "the minimum life of a token is negative",
                    "ask for zero or more milliseconds",
                ));
            }
        };
        Ok((&self.0.access_token_with(min_ttl).await?).into())
    }

    /// Tells that a server refused the token of `generation` (401), and waits for a newer one.
    pub async fn rejected(&self, generation: Generation) -> Result<AccessToken, SessionError> {
        Ok((&self.0.rejected(generation.try_into()?).await?).into())
    }

    /// Resolves when the session has left `Restoring`.
    pub async fn restored(&self) -> Result<SessionState, SessionError> {
        Ok(self.0.restored().await)
    }

    /// Ends the session: memory at once; resolves when the end is saved.
    pub async fn sign_out(&self) -> Result<(), SessionError> {
        Ok(self.0.sign_out().await?)
    }
}

impl AuthSession {
    pub(crate) fn of(session: core::AuthSession) -> Self {
        Self(session)
    }
}

/// What one session, or several on one storage, are built from.
pub(crate) fn builder(
    profile: &ServerProfile,
    storage: &Storage,
    options: SessionOptions,
    background_time: Option<Arc<dyn BackgroundTime>>,
    request_fields: Option<Arc<dyn RequestFields>>,
) -> Result<core::AuthSessionBuilder, SessionError> {
    platform_tls::check()?;
    let SessionOptions {
        entry,
        state_dir,
        persist_access_token,
        read_only,
    } = options;
    let mut builder = core::AuthSession::builder(profile.to_core())
        .shared_storage(storage.place())
        .spawner(host::spawner()?)
        .registry(host::registry()?);
    if let Some(wrapper) = storage.key_wrapper() {
        builder = builder.key_wrapper(wrapper);
    }
    if let Some(background_time) = background_time {
        builder = builder.background_time(Arc::new(HostBackgroundTime(background_time)));
    }
    if let Some(request_fields) = request_fields {
        builder = builder.request_fields(Arc::new(HostRequestFields(request_fields)));
    }
    if let Some(entry) = entry {
        builder = builder.entry(entry);
    }
    if let Some(folder) = state_dir {
        builder = builder.state_dir(folder);
    }
    if persist_access_token {
        builder = builder.persist_access_token();
    }
    if read_only {
        builder = builder.read_only();
    }
    Ok(builder)
}
