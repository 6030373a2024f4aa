//! Scheme `exchange-once`: a pair is exchanged for a new one by deleting its row. Whoever deletes it has exchanged it;
//! deleting nothing means that it was exchanged before.
//!
//! With an idempotency key, and where the server honours it, the row stays spent instead and the contract of
//! docs/guides/server-contract.md applies as for rotation.

use super::rotation::{self, Presented};
use super::tokens::{Pairs, Tokens};
use super::{
    Issued, RefreshRequest, Refreshed, Refusal, RevokeRequest, Rules, SessionError, Sessions, Step, signed,
};
use crate::secret::{IdempotencyKey, RefreshToken};
use crate::store::{Ended, Transaction, UserId, UserRow};

pub(super) struct ExchangeOnce;

impl Rules for ExchangeOnce {
    fn start<'a>(&'a self, sessions: &'a Sessions, user: &'a UserRow) -> Step<'a, Issued> {
        Box::pin(rotation::start(sessions, user, Tokens::Pairs))
    }

    fn refresh<'a>(&'a self, sessions: &'a Sessions, request: &'a RefreshRequest) -> Step<'a, Refreshed> {
        Box::pin(refresh(sessions, request))
    }

    fn revoke<'a>(&'a self, sessions: &'a Sessions, request: &'a RevokeRequest) -> Step<'a, bool> {
        Box::pin(async move {
            let Some(token) = &request.token else {
                return Ok(false);
            };
            // Either token of the pair names its row.
            let hash = match sessions.access.genuine(token.expose()) {
                Some(claims) => Pairs::hash_of(&claims),
                None => Some(sessions.pairs.hash(token)),
            };
            match hash {
                Some(hash) => rotation::revoke(sessions, &hash).await,
                None => Ok(false),
            }
        })
    }

    fn end_all<'a>(
        &'a self,
        sessions: &'a Sessions,
        tx: &'a mut Transaction,
        user: &'a UserRow,
        why: Ended,
    ) -> Step<'a, ()> {
        Box::pin(rotation::end_all(sessions, tx, user, why))
    }
}

async fn refresh(sessions: &Sessions, request: &RefreshRequest) -> Result<Refreshed, SessionError> {
    let (Some(refresh), Some(access)) = (&request.refresh_token, &request.access_token) else {
        return Ok(Refreshed::Refused(Refusal::Incomplete));
    };
    // Mostly expired, which is why the client is here: only its signature counts.
    let Some(claims) = sessions.access.genuine(access.expose()) else {
        return Ok(signed::refused(None, Refusal::InvalidToken));
    };
    if !sessions.pairs.fits(refresh, &claims) {
        let why = Refusal::InvalidToken;
        tracing::info!(target: "audit", user = claims.sub, ?why, "refresh refused: no pair of ours");
        return Ok(Refreshed::Refused(why));
    }
    let user = UserId(claims.sub);
    match request
        .idempotency_key
        .as_ref()
        .filter(|_| sessions.terms.idempotency)
    {
        None => exchange(sessions, refresh, &user).await,
        Some(key) => by_contract(sessions, refresh, Some(key)).await,
    }
}

/// As the mission draws it.
async fn exchange(
    sessions: &Sessions,
    refresh: &RefreshToken,
    user: &UserId,
) -> Result<Refreshed, SessionError> {
    let now = sessions.clock.now();
    let hash = sessions.pairs.hash(refresh);
    if Pairs::expires(refresh).is_none_or(|expires| now >= expires) {
        let why = Refusal::Expired;
        tracing::info!(target: "audit", user = user.as_str(), token = hash.prefix(), ?why, "refresh refused");
        return Ok(Refreshed::Refused(why));
    }
    let mut tx = sessions.store.begin().await?;
    let Some(family) = tx.take_refresh_token(&hash).await? else {
        drop(tx);
        // Gone, or its family ended, or it was spent under a key.
        return by_contract(sessions, refresh, None).await;
    };
    let minted = Tokens::Pairs.mint(sessions, user, now)?;
    tx.insert_refresh_token(&minted.hash, &family, minted.expires)
        .await?;
    tx.commit().await?;
    tracing::info!(
        target: "audit", family = family.as_str(), token = hash.prefix(), successor = minted.hash.prefix(),
        "pair exchanged",
    );
    Ok(Refreshed::Exchanged(minted.issued()))
}

async fn by_contract(
    sessions: &Sessions,
    refresh: &RefreshToken,
    key: Option<&IdempotencyKey>,
) -> Result<Refreshed, SessionError> {
    let presented = Presented {
        token: refresh,
        tokens: Tokens::Pairs,
        // The pair is genuine: that nobody knows it means that its row was deleted.
        unknown: Refusal::AlreadyExchanged,
    };
    rotation::exchange(sessions, presented, key).await
}
