//! The defences bite: each is taken out of the real code, and seeds of the simulation are played until one is not
//! clean.
#![allow(clippy::unwrap_used)] // a test's tools fail by panicking
mod played;
