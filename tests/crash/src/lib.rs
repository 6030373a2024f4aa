//! Real processes that are killed in the middle of a refresh: what the tests tell a child process to do, and what
//! it tells them.
//!
//! The child (`src/main.rs`) runs the core as an app would: a sealed file or the Secret Service, `flock`, reqwest.
//! Its parts are wrapped ([`watched`]), which numbers the steps of a flight from outside ([`Step`]); at one of them
//! the child kills itself. The core has no hook for this.

mod errand;
mod step;
pub mod watched;

pub use errand::{Death, Errand, Order, Place, Report, Rotation};
pub use step::Step;
