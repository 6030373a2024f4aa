//! Users, the server's own keys, and notes.

use super::{Store, StoreError, Transaction};

impl Store {
    /// The key of this name; `fresh` becomes it when there is none yet, also for every other process.
    pub(crate) async fn server_key(&self, name: &str, fresh: &str) -> Result<String, StoreError> {
        let mut tx = self.database.begin().await?;
        tx.execute(
            "INSERT INTO server_keys (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            &[name.into(), fresh.into()],
        )
        .await?;
        let row: Option<(String,)> = tx
            .row("SELECT value FROM server_keys WHERE name = $1", &[name.into()])
            .await?;
        tx.commit().await?;
        row.map(|(value,)| value).ok_or(StoreError::Gone)
    }

    /// The key of this name, if there is one.
    pub(crate) async fn known_server_key(&self, name: &str) -> Result<Option<String>, StoreError> {
        let row: Option<(String,)> = self
            .database
            .row("SELECT value FROM server_keys WHERE name = $1", &[name.into()])
            .await?;
        Ok(row.map(|(value,)| value))
    }

    pub(crate) async fn user_by_name(&self, name: &str) -> Result<Option<UserRow>, StoreError> {
        let row: Option<(String, String)> = self
            .database
            .row(
                "SELECT id, password_hash FROM users WHERE name = $1",
                &[name.into()],
            )
            .await?;
        Ok(row.map(|(id, password_hash)| UserRow {
            id: UserId(id),
            name: name.to_owned(),
            password_hash,
        }))
    }

    pub(crate) async fn user_name(&self, id: &UserId) -> Result<Option<String>, StoreError> {
        let row: Option<(String,)> = self
            .database
            .row("SELECT name FROM users WHERE id = $1", &[id.as_str().into()])
            .await?;
        Ok(row.map(|(name,)| name))
    }

    /// Creates the user, or gives an existing one this password.
    pub(crate) async fn put_user(&self, id: &UserId, name: &str, hash: &str) -> Result<(), StoreError> {
        let mut tx = self.database.begin().await?;
        tx.execute(
            "INSERT INTO users (id, name, password_hash) VALUES ($1, $2, $3)
             ON CONFLICT (name) DO UPDATE SET password_hash = excluded.password_hash",
            &[id.as_str().into(), name.into(), hash.into()],
        )
        .await?;
        tx.commit().await
    }

    /// Adds a note and returns its number, counted per user from 1.
    pub(crate) async fn add_note(&self, user: &UserId, text: &str) -> Result<i64, StoreError> {
        let mut tx = self.begin().await?;
        tx.lock_user(user).await?;
        let row: Option<(i64,)> = tx
            .open
            .row(
                "INSERT INTO notes (user_id, id, text)
                 VALUES ($1, (SELECT COALESCE(MAX(id), 0) + 1 FROM notes WHERE user_id = $1), $2) RETURNING id",
                &[user.as_str().into(), text.into()],
            )
            .await?;
        tx.commit().await?;
        row.map(|(id,)| id).ok_or(StoreError::Gone)
    }

    /// The user's last thousand notes, oldest first.
    pub(crate) async fn notes(&self, user: &UserId) -> Result<Vec<(i64, String)>, StoreError> {
        let mut notes: Vec<(i64, String)> = self
            .database
            .rows(
                "SELECT id, text FROM notes WHERE user_id = $1 ORDER BY id DESC LIMIT 1000",
                &[user.as_str().into()],
            )
            .await?;
        notes.reverse();
        Ok(notes)
    }
}

impl Transaction {
    /// From here on this is the only transaction that works for the user, on all servers.
    pub(crate) async fn lock_user(&mut self, user: &UserId) -> Result<(), StoreError> {
        self.open
            .lock(
                "SELECT id FROM users WHERE id = $1 FOR UPDATE",
                &[user.as_str().into()],
            )
            .await
    }

    /// Locks the user; false when the password was changed since the user was read.
    pub(crate) async fn lock_with_password_of(&mut self, user: &UserRow) -> Result<bool, StoreError> {
        self.lock_user(&user.id).await?;
        let row: Option<(String,)> = self
            .open
            .row(
                "SELECT password_hash FROM users WHERE id = $1",
                &[user.id.as_str().into()],
            )
            .await?;
        Ok(row.is_some_and(|(hash,)| hash == user.password_hash))
    }

    pub(crate) async fn set_password(&mut self, user: &UserId, hash: &str) -> Result<(), StoreError> {
        self.open
            .execute(
                "UPDATE users SET password_hash = $2 WHERE id = $1",
                &[user.as_str().into(), hash.into()],
            )
            .await?;
        Ok(())
    }
}

/// A user's random name inside the system: the only thing about a person that an access token holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UserId(pub(crate) String);

impl UserId {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

pub(crate) struct UserRow {
    pub(crate) id: UserId,
    pub(crate) name: String,
    pub(crate) password_hash: String,
}
