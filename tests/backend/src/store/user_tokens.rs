//! The one refresh token of a user: key the user's name, value the token (its hash).

use super::{Store, StoreError, Transaction};
use crate::clock::Millis;
use crate::secret::Fingerprint;

type Columns = (String, String, i64);

impl Store {
    pub(crate) async fn user_token(&self, user_name: &str) -> Result<Option<UserToken>, StoreError> {
        let row: Option<Columns> = self.database.row(SELECT, &[user_name.into()]).await?;
        Ok(row.map(UserToken::stored))
    }
}

impl Transaction {
    /// Lock the user first.
    pub(crate) async fn user_token(&mut self, user_name: &str) -> Result<Option<UserToken>, StoreError> {
        let row: Option<Columns> = self.open.row(SELECT, &[user_name.into()]).await?;
        Ok(row.map(UserToken::stored))
    }

    pub(crate) async fn put_user_token(
        &mut self,
        user_name: &str,
        token: &UserToken,
    ) -> Result<(), StoreError> {
        self.open
            .execute(
                "INSERT INTO user_tokens (user_name, token_hash, session_hash, expires_ms) VALUES ($1, $2, $3, $4)
                 ON CONFLICT (user_name) DO UPDATE SET token_hash = excluded.token_hash,
                     session_hash = excluded.session_hash, expires_ms = excluded.expires_ms",
                &[
                    user_name.into(),
                    token.hash.as_str().into(),
                    token.session.as_str().into(),
                    token.expires.into(),
                ],
            )
            .await?;
        Ok(())
    }
}

const SELECT: &str = "SELECT token_hash, session_hash, expires_ms FROM user_tokens WHERE user_name = $1";

/// What is known of a user's refresh token.
#[derive(Debug)]
pub(crate) struct UserToken {
    pub(crate) hash: Fingerprint,
    pub(crate) session: Fingerprint,
    pub(crate) expires: Millis,
}

impl UserToken {
    fn stored((hash, session, expires): Columns) -> Self {
        Self {
            hash: Fingerprint::stored(hash),
            session: Fingerprint::stored(session),
            expires,
        }
    }
}
