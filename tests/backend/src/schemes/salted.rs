//! Schemes `salted` and `single-device`: refresh tokens signed with a salt of the user's own. Drawing another salt ends
//! them all: a changed password does, and with `single-device` every login.
//!
//! A token names its salt (`kid`), so an old token can be told from a forged one: only who once got it from this server
//! learns why it ended.

use jsonwebtoken::{Algorithm, Header};
use serde::{Deserialize, Serialize};

use super::signed::{self, SessionName};
use super::{Issued, RefreshRequest, Refreshed, Refusal, RevokeRequest, Rules, SessionError, Sessions, Step};
use crate::clock::Millis;
use crate::secret::{RefreshToken, random_text};
use crate::store::{Ended, Salt, SaltId, Transaction, UserId, UserRow};

pub(super) struct Salted {
    /// Each login draws a salt.
    one_device: bool,
}

pub(super) static SALTED: Salted = Salted { one_device: false };
pub(super) static SINGLE_DEVICE: Salted = Salted { one_device: true };

impl Rules for Salted {
    fn start<'a>(&'a self, sessions: &'a Sessions, user: &'a UserRow) -> Step<'a, Issued> {
        Box::pin(self.start(sessions, user))
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
        Box::pin(async move {
            let now = sessions.clock.now();
            // The next login draws the new one.
            tx.end_salt(&user.id, why, now, remembered_until(sessions, now))
                .await?;
            Ok(())
        })
    }
}

impl Salted {
    async fn start(&self, sessions: &Sessions, user: &UserRow) -> Result<Issued, SessionError> {
        let mut tx = sessions.begin_sign_in(user).await?;
        let now = sessions.clock.now();
        if self.one_device {
            let forget = remembered_until(sessions, now);
            tx.end_salt(&user.id, Ended::SignedInElsewhere, now, forget)
                .await?;
        }
        let salt = current(&mut tx, &user.id).await?;
        tx.commit().await?;
        let session = SessionName::random();
        let refresh = sign(&salt, &session, now, sessions.terms.refresh_ttl_ms)?;
        let access = session.access(sessions, &user.id, now)?;
        tracing::info!(
            target: "audit", user = user.id.as_str(), session = session.hash().prefix(), salt = salt.id.as_str(),
            "session started",
        );
        Ok(Issued::pair(access, refresh))
    }
}

async fn refresh(sessions: &Sessions, request: &RefreshRequest) -> Result<Refreshed, SessionError> {
    let (Some(refresh), Some(access)) = (&request.refresh_token, &request.access_token) else {
        return Ok(Refreshed::Refused(Refusal::Incomplete));
    };
    // Mostly expired, which is why the client is here: only its signature counts.
    let Some(access) = sessions.access.genuine(access.expose()) else {
        return Ok(signed::refused(None, Refusal::InvalidToken));
    };
    let Some((salt, claims)) = genuine(sessions, refresh).await? else {
        return Ok(signed::refused(None, Refusal::InvalidToken));
    };
    let session = SessionName::told(claims.jti);
    let theirs = SessionName::of_access_token(&access).map(|session| session.hash());
    // Both tokens are genuine, so nobody can find out a name by trying.
    if theirs != Some(session.hash()) || access.sub != claims.sub {
        return Ok(signed::refused(Some(&session), Refusal::InvalidToken));
    }
    let ended = sessions.store.ended_session(&session.hash()).await?;
    if let Some(ended) = ended.or(salt.ended) {
        return Ok(signed::refused(Some(&session), signed::refusal(ended)));
    }
    let now = sessions.clock.now();
    if now >= ends(claims.exp) {
        return Ok(signed::refused(Some(&session), Refusal::Expired));
    }
    signed::renewed(sessions, &session, &salt.user, now)
}

/// The salt that the token names and what the token says, if that salt signed it.
async fn genuine(sessions: &Sessions, token: &RefreshToken) -> Result<Option<(Salt, Payload)>, SessionError> {
    let Some(id) = signed::key_id(token) else {
        return Ok(None);
    };
    let Some(salt) = sessions.store.salt(&SaltId(id)).await? else {
        return Ok(None);
    };
    let payload = signed::verify::<Payload>(token, salt.value.as_bytes())
        .map(|(_, payload)| payload)
        .filter(|payload| payload.kind == KIND && payload.sub == salt.user.as_str());
    Ok(payload.map(|payload| (salt, payload)))
}

/// Either token of a session ends it.
async fn revoke(sessions: &Sessions, request: &RevokeRequest) -> Result<bool, SessionError> {
    let Some(token) = &request.token else {
        return Ok(false);
    };
    let session = match sessions.access.genuine(token.expose()) {
        Some(claims) => SessionName::of_access_token(&claims),
        None => match genuine(sessions, token).await? {
            Some((Salt { ended: None, .. }, payload)) => Some(SessionName::told(payload.jti)),
            _ => None,
        },
    };
    let Some(session) = session else {
        return Ok(false);
    };
    let mut tx = sessions.store.begin().await?;
    let now = sessions.clock.now();
    let was_alive = tx
        .end_session(
            &session.hash(),
            Ended::Revoked,
            now,
            remembered_until(sessions, now),
        )
        .await?;
    tx.commit().await?;
    tracing::info!(target: "audit", session = session.hash().prefix(), was_alive, "session revoked");
    Ok(was_alive)
}

/// The user's salt, drawn when there is none.
pub(super) async fn current(tx: &mut Transaction, user: &UserId) -> Result<Salt, SessionError> {
    if let Some(salt) = tx.current_salt(user).await? {
        return Ok(salt);
    }
    let salt = Salt {
        id: SaltId(random_text::<12>()),
        user: user.clone(),
        value: random_text::<32>(),
        ended: None,
    };
    tx.insert_salt(&salt).await?;
    Ok(salt)
}

fn sign(
    salt: &Salt,
    session: &SessionName,
    now: Millis,
    ttl_ms: Millis,
) -> Result<RefreshToken, SessionError> {
    // Rounded up: a token never lives shorter than was decided.
    let issued = u64::try_from(now).unwrap_or(0).div_ceil(1000);
    let payload = Payload {
        sub: salt.user.as_str().to_owned(),
        iat: issued,
        exp: issued.saturating_add(u64::try_from(ttl_ms).unwrap_or(0) / 1000),
        jti: session.as_str().to_owned(),
        kind: KIND.to_owned(),
    };
    let header = Header {
        kid: Some(salt.id.as_str().to_owned()),
        ..Header::new(Algorithm::HS256)
    };
    signed::sign(header, &payload, salt.value.as_bytes())
}

/// When the last token that lives now has expired.
fn remembered_until(sessions: &Sessions, now: Millis) -> Millis {
    now.saturating_add(sessions.terms.refresh_ttl_ms)
        .saturating_add(1_000)
}

fn ends(exp: u64) -> Millis {
    Millis::try_from(exp).unwrap_or(Millis::MAX).saturating_mul(1000)
}

const KIND: &str = "refresh";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Payload {
    sub: String,
    iat: u64,
    exp: u64,
    /// The session's name.
    jti: String,
    #[serde(rename = "type")]
    kind: String,
}
