//! Scheme `access-only`: there is no refresh token. The expired access token itself is renewed, within a window after
//! its end, once: the database remembers which were. It forgets one when its window has passed.
//!
//! With an idempotency key, and where the server honours it, the same token and key get the same successor again, a
//! token of the same `jti`, until that was renewed itself.

use super::{
    Issued, RefreshRequest, Refreshed, Refusal, RevokeRequest, Rules, SessionError, Sessions, Step, salted,
    signed,
};
use crate::access_token::Claims;
use crate::clock::Millis;
use crate::secret::{Fingerprint, marked_text};
use crate::store::{Ended, Renewal, RenewedInto, SaltId, Transaction, UserId, UserRow};

pub(super) struct AccessOnly;

impl Rules for AccessOnly {
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
        Box::pin(async move {
            let now = sessions.clock.now();
            let forget = now
                .saturating_add(sessions.terms.access_ttl_ms + 1_000)
                .saturating_add(sessions.terms.renew_window_ms);
            tx.end_salt(&user.id, why, now, forget).await?;
            Ok(())
        })
    }
}

/// A token's id ends with the name of the user's salt, which says up to when it may be renewed: the next password.
async fn start(sessions: &Sessions, user: &UserRow) -> Result<Issued, SessionError> {
    let mut tx = sessions.begin_sign_in(user).await?;
    let salt = salted::current(&mut tx, &user.id).await?;
    tx.commit().await?;
    let access = sessions
        .access
        .issue_as(&user.id, draw_jti(&salt.id), sessions.clock.now())?;
    Ok(Issued::access_only(access))
}

fn draw_jti(salt: &SaltId) -> String {
    format!("{}.{}", marked_text::<16>(), salt.as_str())
}

fn salt_of(claims: &Claims) -> Option<SaltId> {
    let (_, salt) = claims.jti.rsplit_once('.')?;
    Some(SaltId(salt.to_owned()))
}

async fn refresh(sessions: &Sessions, request: &RefreshRequest) -> Result<Refreshed, SessionError> {
    let Some(access) = &request.access_token else {
        return Ok(Refreshed::Refused(Refusal::Incomplete));
    };
    let Some(claims) = sessions.access.genuine(access.expose()) else {
        return Ok(signed::refused(None, Refusal::InvalidToken));
    };
    let salt = match salt_of(&claims) {
        Some(id) => sessions.store.salt(&id).await?,
        None => None,
    };
    let now = sessions.clock.now();
    let ends = claims.ends();
    let hash = hash_of(&claims);
    let user = UserId(claims.sub.clone());
    let refused = |why| {
        let outcome = Refreshed::Refused(why);
        audit(&user, &hash, &outcome);
        Ok(outcome)
    };
    let Some(salt) = salt else {
        // Forgotten when its last token was too old.
        return refused(Refusal::Expired);
    };
    if let Some(ended) = salt.ended {
        return refused(signed::refusal(ended));
    }
    if now < ends {
        return refused(Refusal::TooEarly {
            retry_after_ms: ends - now,
        });
    }
    let terms = &sessions.terms;
    let key = request.idempotency_key.as_ref().filter(|_| terms.idempotency);
    let key = key.map(|key| key.fingerprint());

    let mut tx = sessions.store.begin().await?;
    tx.sweep_renewals(now).await?;
    let verdict = match tx.renewal(&hash).await? {
        Some(renewal) => judge_renewed(renewal, key.as_ref(), now, terms.late_window_ms),
        None => match &key {
            Some(key) if tx.renewal_key_is_anothers(key, &hash).await? => {
                Verdict::Refuse(Refusal::IdempotencyMismatch)
            }
            _ if now >= ends.saturating_add(terms.renew_window_ms) => Verdict::Refuse(Refusal::Expired),
            _ => Verdict::Renew,
        },
    };
    let outcome = match verdict {
        Verdict::Renew => {
            let jti = draw_jti(&salt.id);
            let access = sessions.access.issue_as(&user, jti.clone(), now)?;
            // The successor's end and its window: so long may it be asked for again, so long must this be remembered.
            let until = now
                .saturating_add(terms.access_ttl_ms + 1_000)
                .saturating_add(terms.renew_window_ms);
            let into = RenewedInto { jti, until };
            // The claim: two that come at once meet here.
            if !tx
                .remember_renewal(&hash, key.as_ref(), Some(&into), now, until)
                .await?
            {
                return Err(SessionError::Raced);
            }
            Refreshed::Exchanged(Issued::access_only(access))
        }
        Verdict::Repeat(jti) => {
            Refreshed::Replayed(Issued::access_only(sessions.access.issue_as(&user, jti, now)?))
        }
        Verdict::Refuse(refusal) => Refreshed::Refused(refusal),
    };
    tx.commit().await?;
    audit(&user, &hash, &outcome);
    Ok(outcome)
}

/// Any token of the session ends it: its last successor is remembered as if it had been renewed.
async fn revoke(sessions: &Sessions, request: &RevokeRequest) -> Result<bool, SessionError> {
    let claims = request
        .token
        .as_ref()
        .and_then(|token| sessions.access.genuine(token.expose()));
    let Some(claims) = claims else {
        return Ok(false);
    };
    let terms = &sessions.terms;
    let now = sessions.clock.now();
    let mut tx = sessions.store.begin().await?;
    let mut hash = hash_of(&claims);
    while let Some(renewal) = tx.renewal(&hash).await? {
        match renewal.into {
            Some(into) => hash = Fingerprint::of(into.jti.as_bytes()),
            None => return Ok(false),
        }
    }
    let forget = now
        .max(claims.ends())
        .saturating_add(terms.access_ttl_ms + 1_000)
        .saturating_add(terms.renew_window_ms);
    if !tx.remember_renewal(&hash, None, None, now, forget).await? {
        return Err(SessionError::Raced);
    }
    tx.commit().await?;
    tracing::info!(target: "audit", user = claims.sub, token = hash.prefix(), "session revoked");
    Ok(true)
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Renew,
    Repeat(String),
    Refuse(Refusal),
}

/// The answer for a token that was renewed before.
fn judge_renewed(
    renewal: Renewal,
    key: Option<&Fingerprint>,
    now: Millis,
    late_window_ms: Millis,
) -> Verdict {
    let Some(into) = renewal.into else {
        return Verdict::Refuse(Refusal::InvalidToken); // signed out
    };
    let same_key = key.is_some() && renewal.key.as_ref() == key;
    Verdict::Refuse(match (same_key, renewal.successor_renewed) {
        (false, _) => Refusal::AlreadyExchanged,
        (true, None) if now < into.until => return Verdict::Repeat(into.jti),
        (true, None) => Refusal::Expired,
        (true, Some(at)) if now < at.saturating_add(late_window_ms) => Refusal::Superseded {
            retry_after_ms: at.saturating_add(late_window_ms) - now,
        },
        (true, Some(_)) => Refusal::AlreadyExchanged,
    })
}

fn hash_of(claims: &Claims) -> Fingerprint {
    Fingerprint::of(claims.jti.as_bytes())
}

fn audit(user: &UserId, hash: &Fingerprint, outcome: &Refreshed) {
    let (user, token) = (user.as_str(), hash.prefix());
    match outcome {
        Refreshed::Exchanged(_) => tracing::info!(target: "audit", user, token, "access token renewed"),
        Refreshed::Replayed(_) => tracing::info!(target: "audit", user, token, "renewal repeated"),
        Refreshed::Refused(why) => tracing::info!(target: "audit", user, token, ?why, "refresh refused"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::IdempotencyKey;

    fn key(text: &str) -> Fingerprint {
        IdempotencyKey::parse(text.as_bytes()).unwrap().fingerprint()
    }

    fn renewed(successor_renewed: Option<Millis>) -> Renewal {
        Renewal {
            key: Some(key("k")),
            into: Some(RenewedInto {
                jti: "next".into(),
                until: 5_000,
            }),
            successor_renewed,
        }
    }

    #[test]
    fn only_the_same_key_gets_the_successor_again_and_only_while_it_is_unused() {
        let judge =
            |renewal, with: Option<&str>, now| judge_renewed(renewal, with.map(key).as_ref(), now, 100);
        let refused = Verdict::Refuse(Refusal::AlreadyExchanged);
        assert_eq!(
            judge(renewed(None), Some("k"), 4_999),
            Verdict::Repeat("next".into())
        );
        assert_eq!(
            judge(renewed(None), Some("k"), 5_000),
            Verdict::Refuse(Refusal::Expired)
        );
        assert_eq!(judge(renewed(None), Some("other"), 10), refused);
        assert_eq!(judge(renewed(None), None, 10), refused);
        let late = Verdict::Refuse(Refusal::Superseded { retry_after_ms: 1 });
        assert_eq!(judge(renewed(Some(50)), Some("k"), 149), late);
        assert_eq!(judge(renewed(Some(50)), Some("k"), 150), refused);
        let without_key = Renewal {
            key: None,
            ..renewed(None)
        };
        assert_eq!(judge(without_key, None, 10), refused);
    }

    #[test]
    fn a_token_that_was_signed_out_is_invalid() {
        let signed_out = Renewal {
            into: None,
            ..renewed(None)
        };
        let invalid = Verdict::Refuse(Refusal::InvalidToken);
        assert_eq!(judge_renewed(signed_out, Some(&key("k")), 10, 100), invalid);
    }
}
