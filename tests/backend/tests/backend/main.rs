//! The reference backend from outside: over real connections, as clients see it.

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
