//! SQLite and PostgreSQL behind one small surface. Above it every statement stands once, with `$1`, text and BIGINT
//! only; here it stands what differs: opening, who may write, locks, and which failures pass by themselves.

use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions, PgRow};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
};
use sqlx::{FromRow, Postgres, Sqlite};

use super::StoreError;

const SCHEMA: &str = include_str!("schema.sql");

/// A statement with its values bound.
macro_rules! bound {
    ($query:expr, $values:expr) => {{
        let mut query = $query;
        for value in $values {
            query = match *value {
                Value::Text(text) => query.bind(text),
                Value::MaybeText(text) => query.bind(text),
                Value::Number(number) => query.bind(number),
                Value::MaybeNumber(number) => query.bind(number),
            };
        }
        query
    }};
}

/// An open database.
#[derive(Clone, Debug)]
pub(super) enum Database {
    /// A single writing connection makes transactions serial within the process, `BEGIN IMMEDIATE` between processes.
    Sqlite { writer: SqlitePool, readers: SqlitePool },
    /// Transactions run at once, each under READ COMMITTED: whoever is about to judge locks first ([`Open::lock`]).
    Postgres(PgPool),
}

impl Database {
    pub(super) async fn open_file(path: &Path) -> Result<Self, StoreError> {
        Self::open_sqlite(SqliteConnectOptions::new().filename(path)).await
    }

    /// Opens by URL. The URL never appears in an error: it may hold a password.
    pub(super) async fn open_url(url: &str) -> Result<Self, StoreError> {
        match url.split_once(':').map(|(scheme, _)| scheme) {
            Some("sqlite") if url.contains(":memory:") || url.contains("mode=memory") => {
                Err(StoreError::InMemory)
            }
            Some("sqlite") => {
                let options = SqliteConnectOptions::from_str(url).map_err(|_| StoreError::Url)?;
                Self::open_sqlite(options).await
            }
            Some("postgres" | "postgresql") => {
                let options = PgConnectOptions::from_str(url).map_err(|_| StoreError::Url)?;
                Self::open_postgres(options).await
            }
            _ => Err(StoreError::UnknownDatabase),
        }
    }

    async fn open_sqlite(options: SqliteConnectOptions) -> Result<Self, StoreError> {
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
        sqlx::raw_sql(SCHEMA).execute(&writer).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(4)
            .connect_with(options.read_only(true))
            .await?;
        Ok(Self::Sqlite { writer, readers })
    }

    async fn open_postgres(options: PgConnectOptions) -> Result<Self, StoreError> {
        let pool = PgPoolOptions::new()
            .max_connections(POSTGRES_CONNECTIONS)
            .connect_with(options)
            .await?;
        let mut tx = pool.begin().await?;
        // Replicas that start together would create the tables together, and IF NOT EXISTS does not wait.
        sqlx::query("SELECT pg_advisory_xact_lock($1)")
            .bind(SCHEMA_LOCK)
            .execute(&mut *tx)
            .await?;
        sqlx::raw_sql(SCHEMA).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(Self::Postgres(pool))
    }

    pub(super) async fn close(&self) {
        match self {
            Self::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
            Self::Postgres(pool) => pool.close().await,
        }
    }

    /// Begins a transaction that may write. Dropped, it is rolled back.
    pub(super) async fn begin(&self) -> Result<Open, StoreError> {
        Ok(match self {
            Self::Sqlite { writer, .. } => Open::Sqlite(writer.begin_with("BEGIN IMMEDIATE").await?),
            Self::Postgres(pool) => Open::Postgres(pool.begin().await?),
        })
    }

    /// Reads outside of any transaction.
    pub(super) async fn rows<T: Row>(
        &self,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> Result<Vec<T>, StoreError> {
        Ok(match self {
            Self::Sqlite { readers, .. } => bound!(sqlx::query_as(sql), values).fetch_all(readers).await?,
            Self::Postgres(pool) => bound!(sqlx::query_as(sql), values).fetch_all(pool).await?,
        })
    }

    /// Reads the one row that there may be, outside of any transaction.
    pub(super) async fn row<T: Row>(
        &self,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> Result<Option<T>, StoreError> {
        Ok(match self {
            Self::Sqlite { readers, .. } => {
                bound!(sqlx::query_as(sql), values)
                    .fetch_optional(readers)
                    .await?
            }
            Self::Postgres(pool) => bound!(sqlx::query_as(sql), values).fetch_optional(pool).await?,
        })
    }
}

/// A transaction.
pub(super) enum Open {
    Sqlite(sqlx::Transaction<'static, Sqlite>),
    Postgres(sqlx::Transaction<'static, Postgres>),
}

impl Open {
    pub(super) async fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(tx) => tx.commit().await?,
            Self::Postgres(tx) => tx.commit().await?,
        }
        Ok(())
    }

    /// Waits until no other transaction holds the rows of this `SELECT … FOR UPDATE`, and holds them. What is judged
    /// must be read by a statement *after* it: only that one sees what the other transaction did. SQLite's transaction
    /// is alone already.
    pub(super) async fn lock(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(_) => self.execute(sql, values).await.map(|_| ()),
        }
    }

    /// How many rows were affected.
    pub(super) async fn execute(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> Result<u64, StoreError> {
        Ok(match self {
            Self::Sqlite(tx) => bound!(sqlx::query(sql), values)
                .execute(&mut **tx)
                .await?
                .rows_affected(),
            Self::Postgres(tx) => bound!(sqlx::query(sql), values)
                .execute(&mut **tx)
                .await?
                .rows_affected(),
        })
    }

    /// The one row that there may be.
    pub(super) async fn row<T: Row>(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> Result<Option<T>, StoreError> {
        Ok(match self {
            Self::Sqlite(tx) => {
                bound!(sqlx::query_as(sql), values)
                    .fetch_optional(&mut **tx)
                    .await?
            }
            Self::Postgres(tx) => {
                bound!(sqlx::query_as(sql), values)
                    .fetch_optional(&mut **tx)
                    .await?
            }
        })
    }
}

/// What both drivers can make of a row: a tuple of `String`, `i64` and options of them.
pub(super) trait Row:
    for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin
{
}

impl<T> Row for T where T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}

/// A value bound to a statement.
#[derive(Clone, Copy)]
pub(super) enum Value<'a> {
    Text(&'a str),
    MaybeText(Option<&'a str>),
    Number(i64),
    MaybeNumber(Option<i64>),
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<Option<&'a str>> for Value<'a> {
    fn from(text: Option<&'a str>) -> Self {
        Self::MaybeText(text)
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<Option<i64>> for Value<'_> {
    fn from(number: Option<i64>) -> Self {
        Self::MaybeNumber(number)
    }
}

/// Values are tokens' hashes and users' names: not for a log.
impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Value([redacted])")
    }
}

/// Whether the same transaction may succeed when it is tried again: two met, and this one had to give way.
pub(super) fn gave_way(error: &sqlx::Error) -> bool {
    match code(error).as_deref() {
        // serialization_failure, deadlock_detected, unique_violation: the winner's row is there to be read now.
        Some("40001" | "40P01" | "23505") => true,
        // SQLITE_BUSY, SQLITE_BUSY_SNAPSHOT.
        Some("5" | "517") => true,
        _ => false,
    }
}

fn code(error: &sqlx::Error) -> Option<String> {
    Some(error.as_database_error()?.code()?.into_owned())
}

/// Together with other replicas well below the hundred that a PostgreSQL takes by default.
const POSTGRES_CONNECTIONS: u32 = 16;
/// Any number will do, as long as all replicas take the same.
const SCHEMA_LOCK: i64 = 0x746f_6b65_6e63_6173;
