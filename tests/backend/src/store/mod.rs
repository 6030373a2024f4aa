//! All SQL is here, one file for each kind of thing that is kept. The rest of the backend says what it wants in the
//! words of the domain.
//!
//! Two databases, SQLite and PostgreSQL, and every statement once: `database` holds what differs. A [`Transaction`] is
//! the only writer on SQLite; on PostgreSQL it locks what it is about to judge (`FOR UPDATE`), and one that had to give
//! way to another says so by [`StoreError::gave_way`], for the caller to try again.

mod database;
mod refresh_tokens;
mod renewals;
mod salts;
mod user_tokens;
mod users;

use std::path::Path;

use database::{Database, Open};

#[cfg(test)]
pub(crate) use refresh_tokens::Bound;
pub(crate) use refresh_tokens::{Ended, FamilyId, RefreshTokenRow, Spent};
pub(crate) use renewals::{Renewal, RenewedInto};
pub(crate) use salts::{Salt, SaltId};
pub(crate) use user_tokens::UserToken;
pub(crate) use users::{UserId, UserRow};

/// An open database.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    database: Database,
}

impl Store {
    pub(crate) async fn open_file(path: &Path) -> Result<Self, StoreError> {
        Ok(Self {
            database: Database::open_file(path).await?,
        })
    }

    /// Opens by URL. The URL never appears in an error: it may hold a password.
    pub(crate) async fn open_url(url: &str) -> Result<Self, StoreError> {
        Ok(Self {
            database: Database::open_url(url).await?,
        })
    }

    pub(crate) async fn close(&self) {
        self.database.close().await;
    }

    /// Begins a transaction that may write. Dropped, it is rolled back.
    pub(crate) async fn begin(&self) -> Result<Transaction, StoreError> {
        Ok(Transaction {
            open: self.database.begin().await?,
        })
    }

    /// Answers when the database does.
    pub(crate) async fn ping(&self) -> Result<(), StoreError> {
        let _: Option<(i64,)> = self.database.row("SELECT CAST(1 AS BIGINT)", &[]).await?;
        Ok(())
    }
}

/// One atomic step of a session's life.
pub(crate) struct Transaction {
    open: Open,
}

impl Transaction {
    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        self.open.commit().await
    }
}

/// The database did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The URL's scheme is not one that this version has.
    #[error("unknown kind of database: this version has sqlite:// and postgres://")]
    UnknownDatabase,
    /// The URL cannot be read. What is wrong with it is not told: that would show parts of it.
    #[error(
        "the database URL cannot be read: sqlite:///path/to/file.db or postgres://user:password@host:port/name"
    )]
    Url,
    /// A database in memory belongs to one connection only.
    #[error("a database in memory cannot be shared by connections: give a file, or none for a temporary one")]
    InMemory,
    /// A row that was just written is not there.
    #[error("the database lost a row that was just written")]
    Gone,
    /// What the database said; statements have their values bound, so no secret is in it.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
}

impl StoreError {
    /// Whether two transactions met and this one gave way: nothing of it was kept, and it may be tried again.
    pub(crate) fn gave_way(&self) -> bool {
        matches!(self, Self::Database(error) if database::gave_way(error))
    }
}
