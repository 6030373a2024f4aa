//! The whole core on a simulated clock, network, server, storage, locks and processes. A seed decides everything:
//! the order of tasks, the faults, the users. The same seed is the same run, bit for bit.
//!
//! Read [`run`] first (one seed: `run/executor` takes its steps, `users` and `faults` are its script, `lives` its
//! processes, `quiet` its end), then `world` (what the processes share), `platform`, `store` and `network` (the parts
//! that the core takes as values), `server`, `observed` (what must hold), and `fault` (what goes wrong, and when).

mod chance;
mod expected;
mod fault;
mod network;
mod observed;
mod plan;
mod platform;
mod process;
mod report;
mod run;
mod server;
mod shrink;
mod store;
mod sweep;
mod world;

pub use fault::{Fault, FlightStep};
pub use plan::Plan;
pub use process::Change;
pub use report::{Outcome, Report};
pub use run::{play, play_with, run};
pub use shrink::{shrink, shrink_by};
pub use sweep::sweep;
