//! How a session is kept alive: one file per scheme, all behind [`Sessions`].

mod rotation;
mod successor;

use std::str::FromStr;
use std::sync::Arc;

use crate::access_token::{AccessToken, AccessTokens};
use crate::clock::{Clock, Millis};
use crate::config::{Config, ConfigError};
use crate::secret::{IdempotencyKey, RefreshToken};
use crate::store::{Store, StoreError, UserId};

/// The schemes this version has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scheme {
    /// Refresh token rotation: a new pair at every refresh; a reused token ends the whole family.
    Rotation,
}

impl FromStr for Scheme {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "rotation" => Ok(Self::Rotation),
            _ => Err(ConfigError::Scheme),
        }
    }
}

/// Starts, renews and ends sessions by the configured scheme.
pub(crate) struct Sessions {
    scheme: Scheme,
    store: Store,
    clock: Arc<Clock>,
    access: AccessTokens,
    terms: Terms,
}

impl Sessions {
    pub(crate) fn new(config: &Config, store: Store, clock: Arc<Clock>, access: AccessTokens) -> Self {
        Self {
            scheme: config.scheme,
            store,
            clock,
            access,
            terms: Terms::new(config),
        }
    }

    /// A new session of a user whose password was right.
    pub(crate) async fn start(&self, user: &UserId) -> Result<Issued, SessionError> {
        match self.scheme {
            Scheme::Rotation => rotation::start(self, user).await,
        }
    }

    /// The answer to a refresh request, exactly one per request.
    pub(crate) async fn refresh(&self, request: RefreshRequest) -> Result<Refreshed, SessionError> {
        match self.scheme {
            Scheme::Rotation => rotation::refresh(self, request).await,
        }
    }

    /// Ends the session this token belongs to or belonged to; whether one was alive (RFC 7009: the caller is told
    /// success either way).
    pub(crate) async fn revoke(&self, token: RefreshToken) -> Result<bool, SessionError> {
        match self.scheme {
            Scheme::Rotation => rotation::revoke(self, token).await,
        }
    }
}

/// What the operator decided.
#[derive(Clone, Copy, Debug)]
struct Terms {
    refresh_ttl_ms: Millis,
    reuse_leeway_ms: Millis,
    late_window_ms: Millis,
    idempotency: bool,
}

impl Terms {
    fn new(config: &Config) -> Self {
        use crate::clock::millis;
        Self {
            refresh_ttl_ms: millis(config.refresh_ttl),
            reuse_leeway_ms: millis(config.reuse_leeway),
            late_window_ms: millis(config.late_window),
            idempotency: config.idempotency,
        }
    }
}

/// A refresh request, parsed.
#[derive(Debug)]
pub(crate) struct RefreshRequest {
    pub(crate) refresh_token: RefreshToken,
    pub(crate) idempotency_key: Option<IdempotencyKey>,
}

/// What the client gets.
pub(crate) struct Issued {
    pub(crate) access: AccessToken,
    pub(crate) refresh: RefreshToken,
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
    /// Unknown, or its family was revoked.
    InvalidToken,
    Expired,
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
    #[error("two transactions met over one token; this one was rolled back")]
    Raced,
}
