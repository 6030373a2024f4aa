//! The story that made each scheme exist, told by the core on a device and the reference backend, on either database:
//! sign in, expire, refresh, start again and refresh; and what the app is told when it ends.
//!
//! On PostgreSQL: `cargo xtask postgres cargo test -p tokencast --test stories`.

#![allow(clippy::unwrap_used)] // a test's tools fail by panicking
// What holds on either database is read twice, once for each.
#![allow(clippy::duplicate_mod)]

mod device;
mod on_postgres;
mod on_sqlite;
mod server;
mod wire;
