//! The same stories on PostgreSQL, each in a schema of its own.

use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tokencast_backend::{Backend, Config, Database, RunningBackend};

#[path = "access_only.rs"]
mod access_only;
#[path = "cookie.rs"]
mod cookie;
#[path = "exchange_once.rs"]
mod exchange_once;
#[path = "handover.rs"]
mod handover;
#[path = "oauth2.rs"]
mod oauth2;
#[path = "per_user.rs"]
mod per_user;
#[path = "rotation.rs"]
mod rotation;
#[path = "salted.rs"]
mod salted;
#[path = "single_device.rs"]
mod single_device;

async fn start(config: Config) -> RunningBackend {
    let database = Database::Url(fresh_url().await);
    Backend::start(Config { database, ..config }).await.unwrap()
}

async fn fresh_url() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let server = std::env::var("TOKENCAST_POSTGRES")
        .expect("a PostgreSQL: cargo xtask postgres cargo test -p tokencast --test stories");
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let schema = format!("story_{}_{count}", std::process::id());
    let mut connection = PgConnection::connect(&server).await.unwrap();
    let create = format!("DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}");
    sqlx::raw_sql(AssertSqlSafe(create))
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    format!("{server}?options[search_path]={schema}")
}
