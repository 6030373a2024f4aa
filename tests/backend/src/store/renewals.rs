//! Access tokens that were renewed.

use super::{Store, StoreError, Transaction};
use crate::clock::Millis;
use crate::secret::Fingerprint;

impl Store {
    /// How many are remembered.
    pub(crate) async fn count_renewals(&self) -> Result<i64, StoreError> {
        let row: Option<(i64,)> = self.database.row("SELECT COUNT(*) FROM renewals", &[]).await?;
        row.map(|(count,)| count).ok_or(StoreError::Gone)
    }
}

impl Transaction {
    /// What is remembered of the renewal of this token.
    pub(crate) async fn renewal(&mut self, token: &Fingerprint) -> Result<Option<Renewal>, StoreError> {
        type Columns = (Option<String>, Option<String>, Option<i64>, Option<i64>);
        let row: Option<Columns> = self
            .open
            .row(
                "SELECT r.key_hash, r.successor_jti, r.successor_until_ms, s.renewed_ms
                 FROM renewals r LEFT JOIN renewals s ON s.token_hash = r.successor_hash
                 WHERE r.token_hash = $1",
                &[token.as_str().into()],
            )
            .await?;
        Ok(row.map(|(key, jti, until, successor_renewed)| Renewal {
            key: key.map(Fingerprint::stored),
            into: jti.zip(until).map(|(jti, until)| RenewedInto { jti, until }),
            successor_renewed,
        }))
    }

    /// Whether this idempotency key was bound to a renewal of another token. Bound to this very token it may be since
    /// [`Self::renewal`] looked: two equal requests are told apart by [`Self::remember_renewal`] only.
    pub(crate) async fn renewal_key_is_anothers(
        &mut self,
        key: &Fingerprint,
        token: &Fingerprint,
    ) -> Result<bool, StoreError> {
        let row: Option<(String,)> = self
            .open
            .row(
                "SELECT token_hash FROM renewals WHERE key_hash = $1 AND token_hash <> $2",
                &[key.as_str().into(), token.as_str().into()],
            )
            .await?;
        Ok(row.is_some())
    }

    /// Remembers that the token was renewed, or (without a successor) signed out. False when somebody was first: then
    /// nothing was changed.
    pub(crate) async fn remember_renewal(
        &mut self,
        token: &Fingerprint,
        key: Option<&Fingerprint>,
        into: Option<&RenewedInto>,
        now: Millis,
        forget: Millis,
    ) -> Result<bool, StoreError> {
        let successor = into.map(|into| Fingerprint::of(into.jti.as_bytes()));
        let changed = self
            .open
            .execute(
                "INSERT INTO renewals
                     (token_hash, key_hash, successor_jti, successor_hash, successor_until_ms, renewed_ms, forget_ms)
                 VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (token_hash) DO NOTHING",
                &[
                    token.as_str().into(),
                    key.map(Fingerprint::as_str).into(),
                    into.map(|into| into.jti.as_str()).into(),
                    successor.as_ref().map(Fingerprint::as_str).into(),
                    into.map(|into| into.until).into(),
                    now.into(),
                    forget.into(),
                ],
            )
            .await?;
        Ok(changed == 1)
    }

    /// Forgets the tokens that nobody could renew any more.
    pub(crate) async fn sweep_renewals(&mut self, now: Millis) -> Result<(), StoreError> {
        self.open
            .execute("DELETE FROM renewals WHERE forget_ms <= $1", &[now.into()])
            .await?;
        Ok(())
    }
}

/// A token was renewed, or its session was signed out.
#[derive(Clone, Debug)]
pub(crate) struct Renewal {
    pub(crate) key: Option<Fingerprint>,
    /// None: signed out.
    pub(crate) into: Option<RenewedInto>,
    /// When the successor was itself renewed, if it was.
    pub(crate) successor_renewed: Option<Millis>,
}

/// The successor, which is known by its id: only the server's signature makes a token of it.
#[derive(Clone, Debug)]
pub(crate) struct RenewedInto {
    pub(crate) jti: String,
    /// Until when it may be asked for again.
    pub(crate) until: Millis,
}
