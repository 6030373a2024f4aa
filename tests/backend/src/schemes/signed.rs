//! Refresh tokens that are JWTs signed with HS256, and the sessions they carry.
//!
//! A session has a random name. Its refresh token and every access token of it bear that name, so that a pair of two
//! sessions is refused, and either token can end the session.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Issued, Refreshed, Refusal, SessionError, Sessions};
use crate::access_token::{AccessToken, Claims};
use crate::clock::Millis;
use crate::secret::{Fingerprint, RefreshToken, marked_text, random_text};
use crate::store::{Ended, UserId};

/// A session's name.
pub(super) struct SessionName(String);

impl SessionName {
    pub(super) fn random() -> Self {
        Self(marked_text::<16>())
    }

    /// As a genuine refresh token bears it.
    pub(super) fn told(text: String) -> Self {
        Self(text)
    }

    /// As a genuine access token bears it: before the dot in its `jti`.
    pub(super) fn of_access_token(claims: &Claims) -> Option<Self> {
        let (session, _) = claims.jti.split_once('.')?;
        Some(Self(session.to_owned()))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// What the database knows it by; equal for equal names, and safe to compare.
    pub(super) fn hash(&self) -> Fingerprint {
        Fingerprint::of(self.0.as_bytes())
    }

    /// An access token of this session.
    pub(super) fn access(
        &self,
        sessions: &Sessions,
        user: &UserId,
        now: Millis,
    ) -> Result<AccessToken, SessionError> {
        let jti = format!("{}.{}", self.0, random_text::<12>());
        Ok(sessions.access.issue_as(user, jti, now)?)
    }
}

/// Signs a refresh token.
pub(super) fn sign(
    header: Header,
    payload: &impl Serialize,
    key: &[u8],
) -> Result<RefreshToken, SessionError> {
    let header = Header {
        alg: ALGORITHM,
        ..header
    };
    let text = jsonwebtoken::encode(&header, payload, &EncodingKey::from_secret(key))?;
    Ok(RefreshToken::presented(text))
}

/// Header and payload of a refresh token that this key signed, by this algorithm and no other (RFC 8725 §3.1). Expiry
/// is the caller's.
pub(super) fn verify<T: DeserializeOwned>(token: &RefreshToken, key: &[u8]) -> Option<(Header, T)> {
    let mut rules = Validation::new(ALGORITHM);
    // By the server's own clock, and without leeway.
    rules.validate_exp = false;
    rules.required_spec_claims.clear();
    let data = jsonwebtoken::decode(token.expose(), &DecodingKey::from_secret(key), &rules).ok()?;
    Some((data.header, data.claims))
}

/// The name of the key, as the token claims it.
pub(super) fn key_id(token: &RefreshToken) -> Option<String> {
    jsonwebtoken::decode_header(token.expose()).ok()?.kid
}

/// The answer holds an access token only: the refresh token stays.
pub(super) fn renewed(
    sessions: &Sessions,
    session: &SessionName,
    user: &UserId,
    now: Millis,
) -> Result<Refreshed, SessionError> {
    let access = session.access(sessions, user, now)?;
    tracing::info!(
        target: "audit", user = user.as_str(), session = session.hash().prefix(), "access token renewed",
    );
    Ok(Refreshed::Exchanged(Issued::access_only(access)))
}

pub(super) fn refused(session: Option<&SessionName>, why: Refusal) -> Refreshed {
    let hash = session.map(SessionName::hash);
    let session = hash.as_ref().map_or("unknown", Fingerprint::prefix);
    tracing::info!(target: "audit", session, ?why, "refresh refused");
    Refreshed::Refused(why)
}

pub(super) fn refusal(ended: Ended) -> Refusal {
    match ended {
        Ended::PasswordChanged => Refusal::PasswordChanged,
        Ended::SignedInElsewhere => Refusal::SignedInElsewhere,
        Ended::ReuseDetected => Refusal::ReuseDetected { ended_now: false },
        Ended::Revoked => Refusal::InvalidToken,
    }
}

const ALGORITHM: Algorithm = Algorithm::HS256;
