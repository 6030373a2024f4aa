//! Scheme `rotation`: a new pair at every refresh, and the contract under which no lost answer loses the session.
//!
//! [`judge`] decides, by what one transaction read; the rest carries it out in that same transaction. The rules are
//! numbered as in docs/guides/server-contract.md.

use super::tokens::Tokens;
use super::{
    Issued, RefreshRequest, Refreshed, Refusal, RevokeRequest, Rules, SessionError, Sessions, Step, Terms,
    successor,
};
use crate::clock::Millis;
use crate::secret::{Fingerprint, IdempotencyKey, RefreshToken, random_text};
use crate::store::{Ended, FamilyId, RefreshTokenRow, Spent, Transaction, UserRow};

pub(super) struct Rotation;

impl Rules for Rotation {
    fn start<'a>(&'a self, sessions: &'a Sessions, user: &'a UserRow) -> Step<'a, Issued> {
        Box::pin(start(sessions, user, Tokens::Opaque))
    }

    fn refresh<'a>(&'a self, sessions: &'a Sessions, request: &'a RefreshRequest) -> Step<'a, Refreshed> {
        Box::pin(async move {
            let Some(token) = &request.refresh_token else {
                return Ok(Refreshed::Refused(Refusal::Incomplete));
            };
            let presented = Presented {
                token,
                tokens: Tokens::Opaque,
                unknown: Refusal::InvalidToken,
            };
            exchange(sessions, presented, request.idempotency_key.as_ref()).await
        })
    }

    fn revoke<'a>(&'a self, sessions: &'a Sessions, request: &'a RevokeRequest) -> Step<'a, bool> {
        Box::pin(async move {
            match &request.token {
                Some(token) => revoke(sessions, &token.fingerprint()).await,
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
        Box::pin(end_all(sessions, tx, user, why))
    }
}

pub(super) async fn start(
    sessions: &Sessions,
    user: &UserRow,
    tokens: Tokens,
) -> Result<Issued, SessionError> {
    let now = sessions.clock.now();
    let family = FamilyId(random_text::<16>());
    let minted = tokens.mint(sessions, &user.id, now)?;
    let mut tx = sessions.begin_sign_in(user).await?;
    tx.start_family(&family, &user.id, now).await?;
    tx.insert_refresh_token(&minted.hash, &family, minted.expires)
        .await?;
    tx.commit().await?;
    tracing::info!(target: "audit", family = family.0, token = minted.hash.prefix(), "session started");
    Ok(minted.issued())
}

/// A refresh token that is about to be judged.
pub(super) struct Presented<'a> {
    pub(super) token: &'a RefreshToken,
    /// What it is exchanged for.
    pub(super) tokens: Tokens,
    /// What it means that the database does not know it.
    pub(super) unknown: Refusal,
}

pub(super) async fn exchange(
    sessions: &Sessions,
    presented: Presented<'_>,
    key: Option<&IdempotencyKey>,
) -> Result<Refreshed, SessionError> {
    let terms = &sessions.terms;
    let Presented {
        token,
        tokens,
        unknown,
    } = presented;
    let key = key.filter(|_| terms.idempotency);
    let hash = tokens.hash(sessions, token);
    let key_hash = key.map(|key| key.fingerprint());

    // Rule 7: transactions over one family are serial, so equal requests come one after the other, whatever arrives at
    // once and at which server.
    let mut tx = sessions.store.begin().await?;
    let row = tx.refresh_token(&hash).await?;
    // Read when nobody else is at work on the family any more: a time from before could lie before its last exchange.
    let now = sessions.clock.now();
    let key_is_bound = match &key_hash {
        Some(key) => tx.key_is_bound(key).await?,
        None => false,
    };
    let verdict = judge(row.as_ref(), key_hash.as_ref(), key_is_bound, now, terms);

    let outcome = match (verdict, &row) {
        (Verdict::Exchange, Some(row)) => {
            let minted = tokens.mint(sessions, &row.user, now)?;
            tx.insert_refresh_token(&minted.hash, &row.family, minted.expires)
                .await?;
            // The claim itself is atomic too: a database that ran two transactions at once would fail one here.
            let claimed = tx.spend(&hash, now).await?;
            if !claimed && row.spent.is_none() {
                return Err(SessionError::Raced);
            }
            if let (Some(key), Some(key_hash)) = (key, &key_hash) {
                let sealed =
                    successor::seal(&minted.refresh, token, key).map_err(|_| SessionError::Successor)?;
                tx.bind_exchange(&hash, key_hash, &minted.hash, &sealed).await?;
            }
            Refreshed::Exchanged(minted.issued())
        }
        (Verdict::Replay { sealed }, Some(row)) => {
            let key = key.ok_or(SessionError::Successor)?;
            let successor = successor::open(&sealed, token, key).map_err(|_| SessionError::Successor)?;
            Refreshed::Replayed(tokens.again(sessions, &row.user, successor, now)?)
        }
        (Verdict::Reuse, Some(row)) => {
            let ended_now = end(&mut tx, row, Ended::ReuseDetected, now).await?;
            Refreshed::Refused(Refusal::ReuseDetected { ended_now })
        }
        (Verdict::Refuse(Refusal::InvalidToken), None) => Refreshed::Refused(unknown),
        (Verdict::Refuse(refusal), _) => Refreshed::Refused(refusal),
        // `judge` answers these three for a known token only.
        (Verdict::Exchange | Verdict::Replay { .. } | Verdict::Reuse, None) => {
            Refreshed::Refused(Refusal::InvalidToken)
        }
    };
    tx.commit().await?;
    audit(row.as_ref(), &hash, &outcome);
    Ok(outcome)
}

/// Rule 6: any token of a family, spent ones too, ends it.
pub(super) async fn revoke(sessions: &Sessions, hash: &Fingerprint) -> Result<bool, SessionError> {
    let mut tx = sessions.store.begin().await?;
    let now = sessions.clock.now();
    let Some(row) = tx.refresh_token(hash).await? else {
        return Ok(false);
    };
    let was_alive = end(&mut tx, &row, Ended::Revoked, now).await?;
    tx.commit().await?;
    tracing::info!(target: "audit", family = row.family.0, token = hash.prefix(), was_alive, "session revoked");
    Ok(was_alive)
}

pub(super) async fn end_all(
    sessions: &Sessions,
    tx: &mut Transaction,
    user: &UserRow,
    why: Ended,
) -> Result<(), SessionError> {
    let ended = tx.end_families_of(&user.id, why, sessions.clock.now()).await?;
    tracing::info!(target: "audit", user = user.id.as_str(), ended, ?why, "every session of the user ended");
    Ok(())
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Exchange,
    Replay { sealed: String },
    Reuse,
    Refuse(Refusal),
}

/// The whole contract in one function, without a side effect.
fn judge(
    row: Option<&RefreshTokenRow>,
    key: Option<&Fingerprint>,
    key_is_bound: bool,
    now: Millis,
    terms: &Terms,
) -> Verdict {
    let Some(row) = row else {
        return Verdict::Refuse(if key_is_bound {
            Refusal::IdempotencyMismatch
        } else {
            Refusal::InvalidToken
        });
    };
    match row.ended {
        Some(Ended::ReuseDetected) => return Verdict::Refuse(Refusal::ReuseDetected { ended_now: false }),
        Some(Ended::Revoked) => return Verdict::Refuse(Refusal::InvalidToken),
        Some(Ended::PasswordChanged) => return Verdict::Refuse(Refusal::PasswordChanged),
        Some(Ended::SignedInElsewhere) => return Verdict::Refuse(Refusal::SignedInElsewhere),
        None => {}
    }
    if let Some(spent) = &row.spent {
        return judge_spent(spent, key, now, terms);
    }
    if key_is_bound {
        // Rule 1: a key stands for one token.
        return Verdict::Refuse(Refusal::IdempotencyMismatch);
    }
    if now >= row.expires {
        return Verdict::Refuse(Refusal::Expired);
    }
    Verdict::Exchange
}

fn judge_spent(spent: &Spent, key: Option<&Fingerprint>, now: Millis, terms: &Terms) -> Verdict {
    match (&spent.bound, key) {
        (Some(bound), Some(key)) if bound.key == *key => match bound.first_use {
            // Rules 2 and 3: the key lives as long as the unused successor.
            None if now < bound.expires => Verdict::Replay {
                sealed: bound.sealed.clone(),
            },
            None => Verdict::Refuse(Refusal::Expired),
            // Rule 4: late, but honest, for a while.
            Some(first_use) if now < first_use.saturating_add(terms.late_window_ms) => {
                let retry_after_ms = first_use.saturating_add(terms.late_window_ms) - now;
                Verdict::Refuse(Refusal::Superseded { retry_after_ms })
            }
            Some(_) => Verdict::Reuse,
        },
        // Replicas' clocks differ: without a leeway a time before the exchange is no excuse.
        (None, None) if terms.reuse_leeway_ms > 0 && now < spent.at.saturating_add(terms.reuse_leeway_ms) => {
            Verdict::Exchange
        }
        // Rule 5: another key, or none.
        _ => Verdict::Reuse,
    }
}

async fn end(
    tx: &mut Transaction,
    row: &RefreshTokenRow,
    why: Ended,
    now: Millis,
) -> Result<bool, SessionError> {
    Ok(tx.end_family(&row.family, why, now).await?)
}

fn audit(row: Option<&RefreshTokenRow>, hash: &Fingerprint, outcome: &Refreshed) {
    let family = row.map_or("unknown", |row| row.family.0.as_str());
    let token = hash.prefix();
    match outcome {
        Refreshed::Exchanged(_) => {
            tracing::info!(target: "audit", family, token, "refresh token exchanged");
        }
        Refreshed::Replayed(_) => tracing::info!(target: "audit", family, token, "exchange repeated"),
        Refreshed::Refused(Refusal::ReuseDetected { ended_now: true }) => {
            tracing::warn!(target: "audit", family, token, "reuse detected, family ended");
        }
        Refreshed::Refused(why) => tracing::info!(target: "audit", family, token, ?why, "refresh refused"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::IdempotencyKey;
    use crate::store::{Bound, UserId};

    const TERMS: Terms = Terms {
        access_ttl_ms: 1_000,
        renew_window_ms: 1_000,
        refresh_ttl_ms: 1_000,
        reuse_leeway_ms: 0,
        late_window_ms: 120_000,
        idempotency: true,
    };

    fn key(text: &str) -> Fingerprint {
        IdempotencyKey::parse(text.as_bytes()).unwrap().fingerprint()
    }

    fn live() -> RefreshTokenRow {
        RefreshTokenRow {
            family: FamilyId("f".into()),
            user: UserId("u".into()),
            ended: None,
            expires: 1_000,
            spent: None,
        }
    }

    fn spent(first_use: Option<Millis>) -> RefreshTokenRow {
        let bound = Bound {
            key: key("k"),
            sealed: "sealed".into(),
            first_use,
            expires: 5_000,
        };
        RefreshTokenRow {
            spent: Some(Spent {
                at: 100,
                bound: Some(bound),
            }),
            ..live()
        }
    }

    fn spent_without_key() -> RefreshTokenRow {
        RefreshTokenRow {
            spent: Some(Spent { at: 100, bound: None }),
            ..live()
        }
    }

    fn replay() -> Verdict {
        Verdict::Replay {
            sealed: "sealed".into(),
        }
    }

    #[test]
    fn a_live_token_is_exchanged_until_the_millisecond_it_expires() {
        assert_eq!(judge(Some(&live()), None, false, 999, &TERMS), Verdict::Exchange);
        assert_eq!(
            judge(Some(&live()), Some(&key("k")), false, 999, &TERMS),
            Verdict::Exchange
        );
        assert_eq!(
            judge(Some(&live()), None, false, 1_000, &TERMS),
            Verdict::Refuse(Refusal::Expired)
        );
    }

    #[test]
    fn without_a_leeway_a_spent_token_is_reuse_whatever_the_clock_says() {
        for now in [0, 99, 100, 101] {
            assert_eq!(
                judge(Some(&spent_without_key()), None, false, now, &TERMS),
                Verdict::Reuse
            );
        }
    }

    #[test]
    fn a_key_that_belongs_to_another_token_rotates_nothing() {
        let mismatch = Verdict::Refuse(Refusal::IdempotencyMismatch);
        assert_eq!(judge(Some(&live()), Some(&key("k")), true, 0, &TERMS), mismatch);
        assert_eq!(judge(None, Some(&key("k")), true, 0, &TERMS), mismatch);
    }

    #[test]
    fn the_same_token_and_key_live_as_long_as_the_unused_successor() {
        assert_eq!(
            judge(Some(&spent(None)), Some(&key("k")), true, 4_999, &TERMS),
            replay()
        );
        let expired = Verdict::Refuse(Refusal::Expired);
        assert_eq!(
            judge(Some(&spent(None)), Some(&key("k")), true, 5_000, &TERMS),
            expired
        );
    }

    #[test]
    fn a_late_repeat_is_superseded_within_the_window_and_reuse_after_it() {
        let row = spent(Some(200));
        let late = |now| judge(Some(&row), Some(&key("k")), true, now, &TERMS);
        assert_eq!(
            late(200),
            Verdict::Refuse(Refusal::Superseded {
                retry_after_ms: 120_000
            })
        );
        assert_eq!(
            late(120_199),
            Verdict::Refuse(Refusal::Superseded { retry_after_ms: 1 })
        );
        assert_eq!(late(120_200), Verdict::Reuse);
    }

    #[test]
    fn a_spent_token_with_another_key_or_none_is_reuse() {
        assert_eq!(
            judge(Some(&spent(None)), None, false, 101, &TERMS),
            Verdict::Reuse
        );
        assert_eq!(
            judge(Some(&spent(None)), Some(&key("other")), false, 101, &TERMS),
            Verdict::Reuse
        );
        assert_eq!(
            judge(Some(&spent(None)), Some(&key("other")), true, 101, &TERMS),
            Verdict::Reuse
        );
        assert_eq!(
            judge(Some(&spent_without_key()), Some(&key("k")), false, 101, &TERMS),
            Verdict::Reuse
        );
        assert_eq!(
            judge(Some(&spent_without_key()), None, false, 101, &TERMS),
            Verdict::Reuse
        );
    }

    #[test]
    fn the_leeway_is_for_exchanges_without_a_key_only() {
        let terms = Terms {
            reuse_leeway_ms: 50,
            ..TERMS
        };
        assert_eq!(
            judge(Some(&spent_without_key()), None, false, 149, &terms),
            Verdict::Exchange
        );
        assert_eq!(
            judge(Some(&spent_without_key()), None, false, 150, &terms),
            Verdict::Reuse
        );
        assert_eq!(
            judge(Some(&spent_without_key()), Some(&key("k")), false, 149, &terms),
            Verdict::Reuse
        );
        assert_eq!(
            judge(Some(&spent(None)), None, false, 149, &terms),
            Verdict::Reuse
        );
    }

    #[test]
    fn an_ended_family_says_why_whatever_is_presented() {
        let reuse = Verdict::Refuse(Refusal::ReuseDetected { ended_now: false });
        for (ended, answer) in [
            (Ended::ReuseDetected, reuse),
            (Ended::Revoked, Verdict::Refuse(Refusal::InvalidToken)),
            (Ended::PasswordChanged, Verdict::Refuse(Refusal::PasswordChanged)),
        ] {
            for row in [live(), spent(None), spent(Some(200)), spent_without_key()] {
                let row = RefreshTokenRow {
                    ended: Some(ended),
                    ..row
                };
                assert_eq!(judge(Some(&row), Some(&key("k")), true, 150, &TERMS), answer);
            }
        }
    }

    #[test]
    fn an_unknown_token_is_invalid() {
        assert_eq!(
            judge(None, None, false, 0, &TERMS),
            Verdict::Refuse(Refusal::InvalidToken)
        );
        assert_eq!(
            judge(None, Some(&key("k")), false, 0, &TERMS),
            Verdict::Refuse(Refusal::InvalidToken)
        );
    }
}
