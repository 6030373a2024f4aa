//! The development host over real sockets. The session is a real one too; only the server behind its transport is
//! played.
#![cfg(debug_assertions)]
#![allow(clippy::unwrap_used)] // its helper functions are tests too

mod admission;
mod traffic;
mod world;
