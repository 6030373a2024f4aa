//! The reference backend: the server that Tokencast's tests and demo talk to, and the example for people who write
//! their own. It signs people in, keeps sessions alive by refresh token rotation that cannot lose a session
//! (`docs/guides/server-contract.md`), serves a resource, and on request does everything wrong that a server or a
//! network can do.
//!
//! ```no_run
//! # async fn story() -> Result<(), Box<dyn std::error::Error>> {
//! use tokencast_backend::{Backend, Config, Fault, FaultKind, Route};
//!
//! let backend = Backend::start(Config::for_tests()).await?;       // SQLite in a temporary folder, a free port
//! backend.arm(Fault::once(Route::Refresh, FaultKind::DropAfterCommit {}))?;
//! // … a client signs in at backend.url() as ada / lovelace and refreshes …
//! assert_eq!(backend.stats().exchanges, 1);
//! backend.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! From the outside in: [`Backend`] starts `server` (connections), which hands requests through `fault` (what goes
//! wrong) to `routes`; these ask `schemes` (what a session is), which works in transactions of `store` (all SQL).

mod access_token;
mod app;
mod clock;
mod config;
mod control;
mod fault;
mod password;
mod problem;
mod rate_limit;
mod routes;
mod running;
mod schemes;
mod secret;
mod server;
mod signing_key;
mod stats;
mod store;
mod tls;

pub use app::UserError;
pub use config::{
    ClientAuthentication, Config, ConfigError, Database, NewUser, OAuthClient, Origin, PasswordCost, Tls,
};
pub use control::ReceivedForm;
pub use fault::{Fault, FaultError, FaultKind, Route, Second};
pub use running::{Backend, RunningBackend, StartError};
pub use schemes::Scheme;
pub use stats::Stats;
pub use store::StoreError;
