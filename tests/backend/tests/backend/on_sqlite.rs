//! The stories that hold on either database, here on SQLite.

use tempfile::TempDir;
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

async fn start() -> RunningBackend {
    start_with(Config::for_tests()).await
}

async fn start_with(config: Config) -> RunningBackend {
    crate::support::start_with(config).await
}

/// A database that several backends can share, and what must live as long.
async fn shared_database() -> (Database, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("shared.db").display());
    (Database::Url(url), folder)
}
