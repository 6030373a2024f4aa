//! Families and their refresh tokens.

use super::{StoreError, Transaction, UserId};
use crate::clock::Millis;
use crate::secret::Fingerprint;

impl Transaction {
    pub(crate) async fn start_family(
        &mut self,
        id: &FamilyId,
        user: &UserId,
        now: Millis,
    ) -> Result<(), StoreError> {
        self.open
            .execute(
                "INSERT INTO families (id, user_id, started_ms) VALUES ($1, $2, $3)",
                &[id.as_str().into(), user.as_str().into(), now.into()],
            )
            .await?;
        Ok(())
    }

    /// Ends a family for the first reason given; whether it was alive until now.
    pub(crate) async fn end_family(
        &mut self,
        id: &FamilyId,
        why: Ended,
        now: Millis,
    ) -> Result<bool, StoreError> {
        let changed = self
            .open
            .execute(
                "UPDATE families SET ended = $2, ended_ms = $3 WHERE id = $1 AND ended IS NULL",
                &[id.as_str().into(), why.as_str().into(), now.into()],
            )
            .await?;
        Ok(changed > 0)
    }

    /// Ends every live family of a user; how many there were.
    pub(crate) async fn end_families_of(
        &mut self,
        user: &UserId,
        why: Ended,
        now: Millis,
    ) -> Result<u64, StoreError> {
        self.open
            .execute(
                "UPDATE families SET ended = $2, ended_ms = $3 WHERE user_id = $1 AND ended IS NULL",
                &[user.as_str().into(), why.as_str().into(), now.into()],
            )
            .await
    }

    pub(crate) async fn insert_refresh_token(
        &mut self,
        hash: &Fingerprint,
        family: &FamilyId,
        expires: Millis,
    ) -> Result<(), StoreError> {
        self.open
            .execute(
                "INSERT INTO refresh_tokens (hash, family_id, expires_ms) VALUES ($1, $2, $3)",
                &[hash.as_str().into(), family.as_str().into(), expires.into()],
            )
            .await?;
        Ok(())
    }

    /// What is known of the token. From here on no other transaction, of any server, works on its family.
    pub(crate) async fn refresh_token(
        &mut self,
        hash: &Fingerprint,
    ) -> Result<Option<RefreshTokenRow>, StoreError> {
        type Columns = (
            String,
            String,
            Option<String>,
            i64,
            Option<i64>,
            Option<String>,
            Option<String>,
            Option<i64>,
            Option<i64>,
        );
        self.open
            .lock(
                "SELECT f.id FROM families f JOIN refresh_tokens t ON t.family_id = f.id
                 WHERE t.hash = $1 FOR NO KEY UPDATE OF f",
                &[hash.as_str().into()],
            )
            .await?;
        let row: Option<Columns> = self
            .open
            .row(
                "SELECT t.family_id, f.user_id, f.ended, t.expires_ms, t.spent_ms, t.key_hash, t.successor_sealed,
                        s.spent_ms, s.expires_ms
                 FROM refresh_tokens t
                 JOIN families f ON f.id = t.family_id
                 LEFT JOIN refresh_tokens s ON s.hash = t.successor_hash
                 WHERE t.hash = $1",
                &[hash.as_str().into()],
            )
            .await?;
        let Some((family, user, ended, expires, spent, key, sealed, first_use, successor_expires)) = row
        else {
            return Ok(None);
        };
        let bound = match (key, sealed, successor_expires) {
            (Some(key), Some(sealed), Some(expires)) => Some(Bound {
                key: Fingerprint::stored(key),
                sealed,
                first_use,
                expires,
            }),
            _ => None,
        };
        Ok(Some(RefreshTokenRow {
            family: FamilyId(family),
            user: UserId(user),
            ended: ended.as_deref().map(Ended::stored),
            expires,
            spent: spent.map(|at| Spent { at, bound }),
        }))
    }

    /// Whether this idempotency key was bound to an exchange of any token.
    pub(crate) async fn key_is_bound(&mut self, key: &Fingerprint) -> Result<bool, StoreError> {
        let row: Option<(String,)> = self
            .open
            .row(
                "SELECT hash FROM refresh_tokens WHERE key_hash = $1",
                &[key.as_str().into()],
            )
            .await?;
        Ok(row.is_some())
    }

    /// Marks the token as exchanged. False when somebody was first: then nothing was changed.
    pub(crate) async fn spend(&mut self, hash: &Fingerprint, now: Millis) -> Result<bool, StoreError> {
        let changed = self
            .open
            .execute(
                "UPDATE refresh_tokens SET spent_ms = $2 WHERE hash = $1 AND spent_ms IS NULL",
                &[hash.as_str().into(), now.into()],
            )
            .await?;
        Ok(changed == 1)
    }

    /// Deletes a live token and says whose it was. None when there is none, or somebody was first: one statement, so
    /// of any number that come at once, at any server, one gets it.
    pub(crate) async fn take_refresh_token(
        &mut self,
        hash: &Fingerprint,
    ) -> Result<Option<FamilyId>, StoreError> {
        let row: Option<(String,)> = self
            .open
            .row(
                "DELETE FROM refresh_tokens WHERE hash = $1 AND spent_ms IS NULL
                     AND family_id IN (SELECT id FROM families WHERE ended IS NULL)
                 RETURNING family_id",
                &[hash.as_str().into()],
            )
            .await?;
        Ok(row.map(|(family,)| FamilyId(family)))
    }

    /// Binds an exchange to the key it was asked with. Another transaction that bound the key at the same moment makes
    /// this one fail; tried again, it finds the key bound.
    pub(crate) async fn bind_exchange(
        &mut self,
        hash: &Fingerprint,
        key: &Fingerprint,
        successor: &Fingerprint,
        sealed: &str,
    ) -> Result<(), StoreError> {
        self.open
            .execute(
                "UPDATE refresh_tokens SET key_hash = $2, successor_hash = $3, successor_sealed = $4
                 WHERE hash = $1",
                &[
                    hash.as_str().into(),
                    key.as_str().into(),
                    successor.as_str().into(),
                    sealed.into(),
                ],
            )
            .await?;
        Ok(())
    }
}

/// Everything that descends from one sign-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FamilyId(pub(crate) String);

impl FamilyId {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// What is known of a presented refresh token.
#[derive(Clone, Debug)]
pub(crate) struct RefreshTokenRow {
    pub(crate) family: FamilyId,
    pub(crate) user: UserId,
    pub(crate) ended: Option<Ended>,
    pub(crate) expires: Millis,
    pub(crate) spent: Option<Spent>,
}

/// It was exchanged before.
#[derive(Clone, Debug)]
pub(crate) struct Spent {
    pub(crate) at: Millis,
    pub(crate) bound: Option<Bound>,
}

/// It was exchanged with an idempotency key.
#[derive(Clone, Debug)]
pub(crate) struct Bound {
    pub(crate) key: Fingerprint,
    pub(crate) sealed: String,
    /// When the successor was itself exchanged, if it was.
    pub(crate) first_use: Option<Millis>,
    /// When the successor expires.
    pub(crate) expires: Millis,
}

/// Why a session is dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    ReuseDetected,
    Revoked,
    PasswordChanged,
    SignedInElsewhere,
}

impl Ended {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::ReuseDetected => "reuse_detected",
            Self::Revoked => "revoked",
            Self::PasswordChanged => "password_changed",
            Self::SignedInElsewhere => "signed_in_elsewhere",
        }
    }

    /// A reason written by a newer version still means dead.
    pub(super) fn stored(text: &str) -> Self {
        match text {
            "reuse_detected" => Self::ReuseDetected,
            "password_changed" => Self::PasswordChanged,
            "signed_in_elsewhere" => Self::SignedInElsewhere,
            _ => Self::Revoked,
        }
    }
}
