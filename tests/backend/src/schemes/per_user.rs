//! Scheme `per-user`: the database keeps one refresh token for each user name. Its payload is empty; the expired access
//! token says whose it is. What sets two tokens apart is a random nonce in the header, so that no two logins ever give
//! the same one. It is checked for tampering, equality with the stored one, and expiry, which the database keeps.

use jsonwebtoken::{Algorithm, Header};
use ring::hmac;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

use super::signed::{self, SessionName};
use super::{Issued, RefreshRequest, Refreshed, Refusal, RevokeRequest, Rules, SessionError, Sessions, Step};
use crate::secret::{Fingerprint, RefreshToken};
use crate::store::{Ended, Transaction, UserId, UserRow, UserToken};

pub(super) struct PerUser;

impl Rules for PerUser {
    fn start<'a>(&'a self, sessions: &'a Sessions, user: &'a UserRow) -> Step<'a, Issued> {
        Box::pin(start(sessions, user))
    }

    fn refresh<'a>(&'a self, sessions: &'a Sessions, request: &'a RefreshRequest) -> Step<'a, Refreshed> {
        Box::pin(refresh(sessions, request))
    }

    fn revoke<'a>(&'a self, sessions: &'a Sessions, request: &'a RevokeRequest) -> Step<'a, bool> {
        Box::pin(revoke(sessions, request))
    }

    fn end_all<'a>(
        &'a self,
        sessions: &'a Sessions,
        tx: &'a mut Transaction,
        user: &'a UserRow,
        why: Ended,
    ) -> Step<'a, ()> {
        Box::pin(end_all(sessions, tx, user, why))
    }
}

async fn start(sessions: &Sessions, user: &UserRow) -> Result<Issued, SessionError> {
    let mut tx = sessions.begin_sign_in(user).await?;
    let now = sessions.clock.now();
    end_all(sessions, &mut tx, user, Ended::SignedInElsewhere).await?;
    let session = SessionName::random();
    let refresh = sessions.user_tokens.sign(&session)?;
    let token = UserToken {
        hash: refresh.fingerprint(),
        session: session.hash(),
        expires: now.saturating_add(sessions.terms.refresh_ttl_ms),
    };
    tx.put_user_token(&user.name, &token).await?;
    tx.commit().await?;
    let access = session.access(sessions, &user.id, now)?;
    tracing::info!(
        target: "audit", user = user.id.as_str(), session = token.session.prefix(), token = token.hash.prefix(),
        "session started",
    );
    Ok(Issued::pair(access, refresh))
}

async fn refresh(sessions: &Sessions, request: &RefreshRequest) -> Result<Refreshed, SessionError> {
    let (Some(refresh), Some(access)) = (&request.refresh_token, &request.access_token) else {
        return Ok(Refreshed::Refused(Refusal::Incomplete));
    };
    // Mostly expired, which is why the client is here: only its signature counts.
    let (Some(access), Some(session)) = (
        sessions.access.genuine(access.expose()),
        sessions.user_tokens.genuine(refresh),
    ) else {
        return Ok(signed::refused(None, Refusal::InvalidToken));
    };
    let theirs = SessionName::of_access_token(&access).map(|session| session.hash());
    // Both tokens are genuine, so nobody can find out a name by trying.
    if theirs != Some(session.hash()) {
        return Ok(signed::refused(Some(&session), Refusal::InvalidToken));
    }
    if let Some(ended) = sessions.store.ended_session(&session.hash()).await? {
        return Ok(signed::refused(Some(&session), signed::refusal(ended)));
    }
    let user = UserId(access.sub);
    let stored = match sessions.store.user_name(&user).await? {
        Some(name) => sessions.store.user_token(&name).await?,
        None => None,
    };
    let now = sessions.clock.now();
    match stored {
        Some(stored) if !equal(&stored.hash, &refresh.fingerprint()) => {
            Ok(signed::refused(Some(&session), Refusal::InvalidToken))
        }
        None => Ok(signed::refused(Some(&session), Refusal::InvalidToken)),
        Some(stored) if now >= stored.expires => Ok(signed::refused(Some(&session), Refusal::Expired)),
        Some(_) => signed::renewed(sessions, &session, &user, now),
    }
}

/// Either token of the session ends it.
async fn revoke(sessions: &Sessions, request: &RevokeRequest) -> Result<bool, SessionError> {
    let Some(token) = &request.token else {
        return Ok(false);
    };
    let session = match sessions.access.genuine(token.expose()) {
        Some(claims) => SessionName::of_access_token(&claims),
        None => sessions.user_tokens.genuine(token),
    };
    let Some(session) = session else {
        return Ok(false);
    };
    let mut tx = sessions.store.begin().await?;
    let now = sessions.clock.now();
    let forget = now.saturating_add(sessions.terms.refresh_ttl_ms);
    let was_alive = tx
        .end_session(&session.hash(), Ended::Revoked, now, forget)
        .await?;
    tx.commit().await?;
    tracing::info!(target: "audit", session = session.hash().prefix(), was_alive, "session revoked");
    Ok(was_alive)
}

/// The user's token stays in its row, and its session is remembered as ended until it would have expired.
async fn end_all(
    sessions: &Sessions,
    tx: &mut Transaction,
    user: &UserRow,
    why: Ended,
) -> Result<(), SessionError> {
    if let Some(token) = tx.user_token(&user.name).await? {
        let now = sessions.clock.now();
        tx.end_session(&token.session, why, now, token.expires).await?;
    }
    Ok(())
}

fn equal(one: &Fingerprint, other: &Fingerprint) -> bool {
    one.as_str().as_bytes().ct_eq(other.as_str().as_bytes()).into()
}

/// What signs the users' tokens.
pub(crate) struct UserTokens {
    key: hmac::Tag,
}

impl UserTokens {
    /// Under a key derived from the server's own.
    pub(crate) fn new(server_key: &[u8]) -> Self {
        let root = hmac::Key::new(hmac::HMAC_SHA256, server_key);
        Self {
            key: hmac::sign(&root, b"tokencast user tokens v1"),
        }
    }

    fn sign(&self, session: &SessionName) -> Result<RefreshToken, SessionError> {
        let header = Header {
            nonce: Some(session.as_str().to_owned()),
            ..Header::new(Algorithm::HS256)
        };
        signed::sign(header, &Empty {}, self.key.as_ref())
    }

    /// The session of a token that this server signed.
    fn genuine(&self, token: &RefreshToken) -> Option<SessionName> {
        let (header, Empty {}) = signed::verify(token, self.key.as_ref())?;
        header.nonce.map(SessionName::told)
    }
}

/// The payload: `{}`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Empty {}
