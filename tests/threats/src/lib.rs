//! What the stories in `tests/` are played with: engines whose views can be left without a bridge, a stage of sites that
//! write down what reaches them, what a hostile page tries, and the naive bridge that falls for it.
//!
//! A story plays one attack twice: on the naive bridge, where it must succeed, and on Tokencast, where it must not. A story
//! whose control does not fall proves nothing and fails.
#![allow(clippy::unwrap_used)] // only tests use it
#![allow(async_fn_in_trait)] // and nothing is spawned with an engine of unknown kind
#![allow(missing_debug_implementations)] // a test that fails shows no page, for it may hold a token

mod engine;
pub mod naive;
pub mod scripts;
mod site;
mod stage;

pub use engine::Engine;
pub use site::{Gate, Seen, Served, Site};
pub use stage::{Plan, Stage};
