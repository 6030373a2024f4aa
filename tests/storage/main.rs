//! What the core does when a store fails: storage.md's table, row by row, with a server behind it.

#![allow(clippy::unwrap_used)] // a test's tools fail by panicking

mod deadlines;
mod device;
mod disk_full;
mod keys;
mod misconfigured;
mod read_only;
mod sign_out_marker;
mod stale_install;
mod trusted_absence;
mod writes;
