//! The reference backend from outside: over real connections, as clients see it.

// A helper that fails ends its test, as an assertion does.
#![allow(clippy::unwrap_used)]

mod bad_input;
mod contract;
mod cors;
mod faults;
mod program;
mod resource;
mod restart;
mod sign_in;
mod support;
mod test_switches;
mod theft;
mod tls;
