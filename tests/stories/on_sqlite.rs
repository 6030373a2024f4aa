//! The stories on SQLite.

use tokencast_backend::{Backend, Config, RunningBackend};

#[path = "cookie.rs"]
mod cookie;
#[path = "per_user.rs"]
mod per_user;
#[path = "salted.rs"]
mod salted;
#[path = "single_device.rs"]
mod single_device;

async fn start(config: Config) -> RunningBackend {
    Backend::start(config).await.unwrap()
}
