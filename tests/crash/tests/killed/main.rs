//! Killed processes: the core in real ones, against the reference backend.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)] // a test's tools fail by panicking

mod disk_full;
mod every_step;
mod machine;
mod random_moments;
mod secrets;
mod two_processes;
