//! The same stories on PostgreSQL, each in a schema of its own.

use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tokencast_backend::{Config, Database, RunningBackend};

#[path = "access_only.rs"]
mod access_only;
#[path = "contract.rs"]
mod contract;
#[path = "cookie.rs"]
mod cookie;
#[path = "exchange_once.rs"]
mod exchange_once;
#[path = "oauth2.rs"]
mod oauth2;
#[path = "password.rs"]
mod password;
#[path = "per_user.rs"]
mod per_user;
#[path = "resource.rs"]
mod resource;
#[path = "salted.rs"]
mod salted;
#[path = "sign_in.rs"]
mod sign_in;
#[path = "single_device.rs"]
mod single_device;
#[path = "theft.rs"]
mod theft;
mod two_processes;

async fn start() -> RunningBackend {
    start_with(Config::for_tests()).await
}

/// In a database of its own, unless it is to share one.
async fn start_with(config: Config) -> RunningBackend {
    let database = match config.database {
        Database::Temporary => Database::Url(fresh_url().await),
        shared => shared,
    };
    crate::support::start_with(Config { database, ..config }).await
}

/// A database that several backends can share, and what must live as long.
async fn shared_database() -> (Database, ()) {
    (Database::Url(fresh_url().await), ())
}

async fn fresh_url() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let server = std::env::var("TOKENCAST_POSTGRES")
        .expect("a PostgreSQL: cargo xtask postgres cargo test -p tokencast-backend");
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let schema = format!("test_{}_{count}", std::process::id());
    let mut connection = PgConnection::connect(&server).await.unwrap();
    let create = format!("DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}");
    sqlx::raw_sql(AssertSqlSafe(create))
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    format!("{server}?options[search_path]={schema}")
}
