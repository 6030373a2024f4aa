//! All SQL is here. The rest of the backend says what it wants in the words of the domain.
//!
//! One database today, SQLite: a single writing connection makes every [`Transaction`] serial within the process,
//! `BEGIN IMMEDIATE` does so between processes. The statements keep to what PostgreSQL understands as well; there
//! [`Transaction::refresh_token`] additionally locks its rows (`FOR UPDATE`).

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{Acquire as _, Sqlite};

use crate::clock::Millis;
use crate::secret::Fingerprint;

/// An open database.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    writer: SqlitePool,
    readers: SqlitePool,
}

impl Store {
    pub(crate) async fn open_file(path: &Path) -> Result<Self, StoreError> {
        Self::open(SqliteConnectOptions::new().filename(path)).await
    }

    /// Opens by URL. The URL never appears in an error: it may hold a password.
    pub(crate) async fn open_url(url: &str) -> Result<Self, StoreError> {
        if !url.starts_with("sqlite:") {
            return Err(StoreError::UnknownDatabase);
        }
        if url.contains(":memory:") || url.contains("mode=memory") {
            return Err(StoreError::InMemory);
        }
        Self::open(SqliteConnectOptions::from_str(url).map_err(StoreError::Database)?).await
    }

    async fn open(options: SqliteConnectOptions) -> Result<Self, StoreError> {
        let options = options
            .create_if_missing(true)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(10));
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .connect_with(options.clone())
            .await?;
        sqlx::raw_sql(include_str!("schema.sql")).execute(&writer).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(4)
            .connect_with(options.read_only(true))
            .await?;
        Ok(Self { writer, readers })
    }

    pub(crate) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    /// Begins the one transaction that may write. Dropped, it is rolled back.
    pub(crate) async fn begin(&self) -> Result<Transaction, StoreError> {
        Ok(Transaction {
            inner: self.writer.begin_with("BEGIN IMMEDIATE").await?,
        })
    }

    /// Answers when the database does.
    pub(crate) async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1").execute(&self.readers).await?;
        Ok(())
    }

    /// The key of this name; `fresh` becomes it when there is none yet, also for every other process.
    pub(crate) async fn server_key(&self, name: &str, fresh: &str) -> Result<String, StoreError> {
        let mut connection = self.writer.acquire().await?;
        sqlx::query("INSERT INTO server_keys (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING")
            .bind(name)
            .bind(fresh)
            .execute(&mut *connection)
            .await?;
        let (value,) = sqlx::query_as("SELECT value FROM server_keys WHERE name = $1")
            .bind(name)
            .fetch_one(&mut *connection)
            .await?;
        Ok(value)
    }

    pub(crate) async fn user_by_name(&self, name: &str) -> Result<Option<UserRow>, StoreError> {
        let row: Option<(String, String)> =
            sqlx::query_as("SELECT id, password_hash FROM users WHERE name = $1")
                .bind(name)
                .fetch_optional(&self.readers)
                .await?;
        Ok(row.map(|(id, password_hash)| UserRow {
            id: UserId(id),
            password_hash,
        }))
    }

    pub(crate) async fn user_name(&self, id: &UserId) -> Result<Option<String>, StoreError> {
        let row: Option<(String,)> = sqlx::query_as("SELECT name FROM users WHERE id = $1")
            .bind(&id.0)
            .fetch_optional(&self.readers)
            .await?;
        Ok(row.map(|(name,)| name))
    }

    /// Creates the user, or gives an existing one this password.
    pub(crate) async fn put_user(&self, id: &UserId, name: &str, hash: &str) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO users (id, name, password_hash) VALUES ($1, $2, $3)
             ON CONFLICT (name) DO UPDATE SET password_hash = excluded.password_hash",
        )
        .bind(&id.0)
        .bind(name)
        .bind(hash)
        .execute(&self.writer)
        .await?;
        Ok(())
    }

    /// Adds a note and returns its number, counted per user from 1.
    pub(crate) async fn add_note(&self, user: &UserId, text: &str) -> Result<i64, StoreError> {
        let (id,) = sqlx::query_as(
            "INSERT INTO notes (user_id, id, text)
             VALUES ($1, (SELECT COALESCE(MAX(id), 0) + 1 FROM notes WHERE user_id = $1), $2) RETURNING id",
        )
        .bind(&user.0)
        .bind(text)
        .fetch_one(&self.writer)
        .await?;
        Ok(id)
    }

    /// The user's last thousand notes, oldest first.
    pub(crate) async fn notes(&self, user: &UserId) -> Result<Vec<(i64, String)>, StoreError> {
        let mut notes: Vec<(i64, String)> =
            sqlx::query_as("SELECT id, text FROM notes WHERE user_id = $1 ORDER BY id DESC LIMIT 1000")
                .bind(&user.0)
                .fetch_all(&self.readers)
                .await?;
        notes.reverse();
        Ok(notes)
    }
}

/// One atomic step of a session's life.
pub(crate) struct Transaction {
    inner: sqlx::Transaction<'static, Sqlite>,
}

impl Transaction {
    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        Ok(self.inner.commit().await?)
    }

    pub(crate) async fn start_family(
        &mut self,
        id: &FamilyId,
        user: &UserId,
        now: Millis,
    ) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO families (id, user_id, started_ms) VALUES ($1, $2, $3)")
            .bind(&id.0)
            .bind(&user.0)
            .bind(now)
            .execute(self.inner.acquire().await?)
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
        let done =
            sqlx::query("UPDATE families SET ended = $2, ended_ms = $3 WHERE id = $1 AND ended IS NULL")
                .bind(&id.0)
                .bind(why.as_str())
                .bind(now)
                .execute(self.inner.acquire().await?)
                .await?;
        Ok(done.rows_affected() > 0)
    }

    pub(crate) async fn insert_refresh_token(
        &mut self,
        hash: &Fingerprint,
        family: &FamilyId,
        expires: Millis,
    ) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO refresh_tokens (hash, family_id, expires_ms) VALUES ($1, $2, $3)")
            .bind(hash.as_str())
            .bind(&family.0)
            .bind(expires)
            .execute(self.inner.acquire().await?)
            .await?;
        Ok(())
    }

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
        let row: Option<Columns> = sqlx::query_as(
            "SELECT t.family_id, f.user_id, f.ended, t.expires_ms, t.spent_ms, t.key_hash, t.successor_sealed,
                    s.spent_ms, s.expires_ms
             FROM refresh_tokens t
             JOIN families f ON f.id = t.family_id
             LEFT JOIN refresh_tokens s ON s.hash = t.successor_hash
             WHERE t.hash = $1",
        )
        .bind(hash.as_str())
        .fetch_optional(self.inner.acquire().await?)
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
        let row: Option<(i64,)> = sqlx::query_as("SELECT 1 FROM refresh_tokens WHERE key_hash = $1")
            .bind(key.as_str())
            .fetch_optional(self.inner.acquire().await?)
            .await?;
        Ok(row.is_some())
    }

    /// Marks the token as exchanged. False when somebody was first: then nothing was changed.
    pub(crate) async fn spend(&mut self, hash: &Fingerprint, now: Millis) -> Result<bool, StoreError> {
        let done =
            sqlx::query("UPDATE refresh_tokens SET spent_ms = $2 WHERE hash = $1 AND spent_ms IS NULL")
                .bind(hash.as_str())
                .bind(now)
                .execute(self.inner.acquire().await?)
                .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Binds an exchange to the key it was asked with.
    pub(crate) async fn bind_exchange(
        &mut self,
        hash: &Fingerprint,
        key: &Fingerprint,
        successor: &Fingerprint,
        sealed: &str,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE refresh_tokens SET key_hash = $2, successor_hash = $3, successor_sealed = $4 WHERE hash = $1",
        )
        .bind(hash.as_str())
        .bind(key.as_str())
        .bind(successor.as_str())
        .bind(sealed)
        .execute(self.inner.acquire().await?)
        .await?;
        Ok(())
    }
}

/// A user's random name inside the system: the only thing about a person that an access token holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UserId(pub(crate) String);

/// Everything that descends from one sign-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FamilyId(pub(crate) String);

pub(crate) struct UserRow {
    pub(crate) id: UserId,
    pub(crate) password_hash: String,
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

/// Why a family is dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    ReuseDetected,
    Revoked,
}

impl Ended {
    fn as_str(self) -> &'static str {
        match self {
            Self::ReuseDetected => "reuse_detected",
            Self::Revoked => "revoked",
        }
    }

    /// A reason written by a newer version still means dead.
    fn stored(text: &str) -> Self {
        match text {
            "reuse_detected" => Self::ReuseDetected,
            _ => Self::Revoked,
        }
    }
}

/// The database did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The URL's scheme is not one that this version has.
    #[error("unknown kind of database: this version has sqlite://")]
    UnknownDatabase,
    /// A database in memory belongs to one connection only.
    #[error("a database in memory cannot be shared by connections: give a file, or none for a temporary one")]
    InMemory,
    /// What the database said; statements have their values bound, so no secret is in it.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
}
