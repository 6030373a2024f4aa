//! The stories on SQLite.

use tokencast_backend::{Backend, Config, RunningBackend};

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
    Backend::start(config).await.unwrap()
}
