//! The reference backend from outside: over real connections, as clients see it.

// A helper that fails ends its test, as an assertion does.
#![allow(clippy::unwrap_used)]
// What holds on either database is read twice, once for each.
#![allow(clippy::duplicate_mod)]

mod bad_input;
mod cors;
mod description;
mod every_scheme;
mod faults;
mod jwt;
mod on_postgres;
mod on_sqlite;
mod pages;
mod program;
mod rate_limit;
mod restart;
mod support;
mod test_switches;
mod tls;
