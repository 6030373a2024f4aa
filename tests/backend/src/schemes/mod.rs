//! How a session is kept alive: one file per scheme, all behind [`Sessions`]. A new scheme is a row in
//! [`scheme`](mod@scheme) and a file with its [`Rules`].

mod access_only;
mod exchange_once;
mod per_user;
mod rotation;
mod salted;
mod scheme;
mod signed;
mod successor;
mod tokens;

use std::pin::Pin;
use std::sync::Arc;

use crate::access_token::{AccessToken, AccessTokens};
use crate::clock::{Clock, Millis, millis};
use crate::config::Config;
use crate::secret::{Fingerprint, IdempotencyKey, PresentedAccessToken, RefreshToken};
use crate::store::{Ended, Store, StoreError, Transaction, UserRow};

pub(crate) use per_user::UserTokens;
pub use scheme::Scheme;
pub(crate) use scheme::{AccessField, RefreshTokenIn};
use tokens::Pairs;

/// Starts, renews and ends sessions by the configured scheme.
pub(crate) struct Sessions {
    scheme: Scheme,
    store: Store,
    clock: Arc<Clock>,
    access: AccessTokens,
    pairs: Pairs,
    user_tokens: UserTokens,
    terms: Terms,
}

impl Sessions {
    pub(crate) fn new(
        config: &Config,
        store: Store,
        clock: Arc<Clock>,
        access: AccessTokens,
        server_key: &[u8],
    ) -> Self {
        Self {
            scheme: config.scheme,
            store,
            clock,
            access,
            pairs: Pairs::new(server_key),
            user_tokens: UserTokens::new(server_key),
            terms: Terms::new(config),
        }
    }

    /// A new session of a user whose password was right.
    pub(crate) async fn start(&self, user: &UserRow) -> Result<Issued, SessionError> {
        let rules = self.scheme.rules();
        retrying(|| rules.start(self, user)).await
    }

    /// The answer to a refresh request, exactly one per request.
    pub(crate) async fn refresh(&self, request: RefreshRequest) -> Result<Refreshed, SessionError> {
        let rules = self.scheme.rules();
        retrying(|| rules.refresh(self, &request)).await
    }

    /// Ends the session this token belongs to or belonged to; whether one was alive (RFC 7009: the caller is told
    /// success either way).
    pub(crate) async fn revoke(&self, request: RevokeRequest) -> Result<bool, SessionError> {
        let rules = self.scheme.rules();
        retrying(|| rules.revoke(self, &request)).await
    }

    /// Gives the user the password of this hash and ends every session begun with the one before. False when another
    /// change was first: then `user` is out of date, and nothing was changed.
    pub(crate) async fn change_password(&self, user: &UserRow, hash: &str) -> Result<bool, SessionError> {
        retrying(|| Box::pin(self.try_change_password(user, hash))).await
    }

    async fn try_change_password(&self, user: &UserRow, hash: &str) -> Result<bool, SessionError> {
        let rules = self.scheme.rules();
        let mut tx = self.store.begin().await?;
        if !tx.lock_with_password_of(user).await? {
            return Ok(false);
        }
        tx.set_password(&user.id, hash).await?;
        rules.end_all(self, &mut tx, user, Ended::PasswordChanged).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Begins the transaction that starts a session. From here on the user's password does not change.
    async fn begin_sign_in(&self, user: &UserRow) -> Result<Transaction, SessionError> {
        let mut tx = self.store.begin().await?;
        if tx.lock_with_password_of(user).await? {
            Ok(tx)
        } else {
            Err(SessionError::PasswordChanged)
        }
    }

    pub(crate) fn scheme(&self) -> Scheme {
        self.scheme
    }
}

/// What a scheme does. Each step is one transaction, or none; it may be tried again from the start, so whatever it
/// draws at random it draws anew.
trait Rules: Sync {
    /// A new session.
    fn start<'a>(&'a self, sessions: &'a Sessions, user: &'a UserRow) -> Step<'a, Issued>;
    /// The answer to a refresh request.
    fn refresh<'a>(&'a self, sessions: &'a Sessions, request: &'a RefreshRequest) -> Step<'a, Refreshed>;
    /// Ends a session; whether it was alive.
    fn revoke<'a>(&'a self, sessions: &'a Sessions, request: &'a RevokeRequest) -> Step<'a, bool>;
    /// Ends every session of a user, in a transaction that holds the user.
    fn end_all<'a>(
        &'a self,
        sessions: &'a Sessions,
        tx: &'a mut Transaction,
        user: &'a UserRow,
        why: Ended,
    ) -> Step<'a, ()>;
}

type Step<'a, T> = Pin<Box<dyn Future<Output = Result<T, SessionError>> + Send + 'a>>;

/// Two transactions that meet are serialised by one giving way; it comes again.
async fn retrying<'a, T>(step: impl Fn() -> Step<'a, T>) -> Result<T, SessionError> {
    const TRIES: usize = 20;
    for _ in 1..TRIES {
        match step().await {
            Err(error) if error.gave_way() => tracing::debug!("a transaction gave way and is tried again"),
            outcome => return outcome,
        }
    }
    step().await
}

/// What the operator decided.
#[derive(Clone, Copy, Debug)]
struct Terms {
    access_ttl_ms: Millis,
    renew_window_ms: Millis,
    refresh_ttl_ms: Millis,
    reuse_leeway_ms: Millis,
    late_window_ms: Millis,
    idempotency: bool,
}

impl Terms {
    fn new(config: &Config) -> Self {
        Self {
            access_ttl_ms: millis(config.access_ttl),
            renew_window_ms: millis(config.renew_window),
            refresh_ttl_ms: millis(config.refresh_ttl),
            reuse_leeway_ms: millis(config.reuse_leeway),
            late_window_ms: millis(config.late_window),
            idempotency: config.idempotency,
        }
    }
}

/// A refresh request, parsed. What the scheme [asks](Scheme::asks) for is there.
#[derive(Debug, Default)]
pub(crate) struct RefreshRequest {
    pub(crate) refresh_token: Option<RefreshToken>,
    /// Not checked yet; mostly expired.
    pub(crate) access_token: Option<PresentedAccessToken>,
    pub(crate) idempotency_key: Option<IdempotencyKey>,
}

impl RefreshRequest {
    /// What the request stands on, for counting: a token's hash.
    pub(crate) fn fingerprint(&self) -> Option<Fingerprint> {
        let refresh = self.refresh_token.as_ref().map(RefreshToken::expose);
        let access = self.access_token.as_ref().map(PresentedAccessToken::expose);
        let secret = refresh.or(access)?;
        Some(Fingerprint::of(secret.as_bytes()))
    }
}

/// A request to end a session, parsed.
#[derive(Debug, Default)]
pub(crate) struct RevokeRequest {
    /// A refresh or an access token, as the scheme has it.
    pub(crate) token: Option<RefreshToken>,
}

/// What the client gets.
pub(crate) struct Issued {
    pub(crate) access: AccessToken,
    /// Where the scheme gives one; in the body of the answer or in a cookie.
    pub(crate) refresh: Option<RefreshToken>,
}

impl Issued {
    fn access_only(access: AccessToken) -> Self {
        Self {
            access,
            refresh: None,
        }
    }

    fn pair(access: AccessToken, refresh: RefreshToken) -> Self {
        Self {
            access,
            refresh: Some(refresh),
        }
    }
}

/// How a refresh request ended. A refusal is a result, not an error: the transaction that found it was committed.
pub(crate) enum Refreshed {
    /// A token was exchanged.
    Exchanged(Issued),
    /// The same exchange was asked for again and got the same successor.
    Replayed(Issued),
    Refused(Refusal),
}

/// Why a refresh token was not exchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Something that the scheme asks for is missing.
    Incomplete,
    /// Unknown, forged, or its family was revoked.
    InvalidToken,
    Expired,
    /// It was exchanged before; nobody else suffers for that.
    AlreadyExchanged,
    /// An access token that is renewed after its end only.
    TooEarly {
        retry_after_ms: Millis,
    },
    /// Reuse; `ended_now` when this very request ended the family.
    ReuseDetected {
        ended_now: bool,
    },
    /// The exchange happened, its successor is in use: look again.
    Superseded {
        retry_after_ms: Millis,
    },
    /// The key belongs to another token.
    IdempotencyMismatch,
    /// Signed for a password that is no longer the user's.
    PasswordChanged,
    /// Signed for a login that another one replaced.
    SignedInElsewhere,
}

/// The server's own trouble: the client is told nothing but "internal".
#[derive(Debug, thiserror::Error)]
pub(crate) enum SessionError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("an access token could not be signed: {0}")]
    Sign(#[from] jsonwebtoken::errors::Error),
    #[error("a stored successor could not be sealed or opened")]
    Successor,
    /// Between the check of the password and the start of the session.
    #[error("the password was changed meanwhile")]
    PasswordChanged,
    #[error("two transactions met over one token; this one was rolled back")]
    Raced,
}

impl SessionError {
    fn gave_way(&self) -> bool {
        match self {
            Self::Store(error) => error.gave_way(),
            Self::Raced => true,
            _ => false,
        }
    }
}
