//! Salts that sign refresh tokens, and sessions of signed tokens that ended early.

use super::{Ended, Store, StoreError, Transaction, UserId};
use crate::clock::Millis;
use crate::secret::Fingerprint;

impl Store {
    /// A salt of any user, also one that was replaced.
    pub(crate) async fn salt(&self, id: &SaltId) -> Result<Option<Salt>, StoreError> {
        let row: Option<(String, String, Option<String>)> = self
            .database
            .row(
                "SELECT user_id, value, ended FROM salts WHERE id = $1",
                &[id.as_str().into()],
            )
            .await?;
        Ok(row.map(|(user, value, ended)| Salt {
            id: id.clone(),
            user: UserId(user),
            value,
            ended: ended.as_deref().map(Ended::stored),
        }))
    }

    /// Why the session ended before its refresh token did, if it did.
    pub(crate) async fn ended_session(&self, session: &Fingerprint) -> Result<Option<Ended>, StoreError> {
        let row: Option<(String,)> = self
            .database
            .row(
                "SELECT ended FROM ended_sessions WHERE session_hash = $1",
                &[session.as_str().into()],
            )
            .await?;
        Ok(row.map(|(ended,)| Ended::stored(&ended)))
    }
}

impl Transaction {
    /// The salt that signs for the user now. Lock the user first.
    pub(crate) async fn current_salt(&mut self, user: &UserId) -> Result<Option<Salt>, StoreError> {
        let row: Option<(String, String)> = self
            .open
            .row(
                "SELECT id, value FROM salts WHERE user_id = $1 AND ended IS NULL",
                &[user.as_str().into()],
            )
            .await?;
        Ok(row.map(|(id, value)| Salt {
            id: SaltId(id),
            user: user.clone(),
            value,
            ended: None,
        }))
    }

    pub(crate) async fn insert_salt(&mut self, salt: &Salt) -> Result<(), StoreError> {
        self.open
            .execute(
                "INSERT INTO salts (id, user_id, value) VALUES ($1, $2, $3)",
                &[
                    salt.id.as_str().into(),
                    salt.user.as_str().into(),
                    salt.value.as_str().into(),
                ],
            )
            .await?;
        Ok(())
    }

    /// The user's salt signs nothing any more; forgotten are those that nobody's token can name any more.
    pub(crate) async fn end_salt(
        &mut self,
        user: &UserId,
        why: Ended,
        now: Millis,
        forget: Millis,
    ) -> Result<(), StoreError> {
        self.open
            .execute(
                "UPDATE salts SET ended = $2, forget_ms = $3 WHERE user_id = $1 AND ended IS NULL",
                &[user.as_str().into(), why.as_str().into(), forget.into()],
            )
            .await?;
        self.open
            .execute("DELETE FROM salts WHERE forget_ms <= $1", &[now.into()])
            .await?;
        Ok(())
    }

    /// Ends a session for the first reason given; whether it was alive until now.
    pub(crate) async fn end_session(
        &mut self,
        session: &Fingerprint,
        why: Ended,
        now: Millis,
        forget: Millis,
    ) -> Result<bool, StoreError> {
        self.open
            .execute("DELETE FROM ended_sessions WHERE forget_ms <= $1", &[now.into()])
            .await?;
        let changed = self
            .open
            .execute(
                "INSERT INTO ended_sessions (session_hash, ended, forget_ms) VALUES ($1, $2, $3)
                 ON CONFLICT (session_hash) DO NOTHING",
                &[session.as_str().into(), why.as_str().into(), forget.into()],
            )
            .await?;
        Ok(changed == 1)
    }
}

/// A salt's random name, which a token shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SaltId(pub(crate) String);

impl SaltId {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a user's refresh tokens are signed with.
pub(crate) struct Salt {
    pub(crate) id: SaltId,
    pub(crate) user: UserId,
    /// The key itself, as text.
    pub(crate) value: String,
    /// Why it signs nothing any more.
    pub(crate) ended: Option<Ended>,
}

impl std::fmt::Debug for Salt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Salt")
            .field("id", &self.id)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}
