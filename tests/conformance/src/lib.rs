//! The soak: the real core, through a network that fails by a seed, against any server that a profile describes. It says
//! how many sessions were lost, and whose doing each loss is.
//!
//! Read [`soak`] first (rounds of callers and faults), then `client` (a process of the app on a quick clock), `verdict`
//! (whose doing a loss is, by the proxy's log), [`Report`]. [`check`] plays no faults and tells what a server does.

mod chance;
mod check;
mod client;
mod clock;
mod endpoints;
mod expiry;
mod listening;
mod mint;
mod order;
mod plan;
mod presented;
mod report;
mod soak;
mod tap;
mod verdict;

pub use check::{Finding, check};
pub use mint::Mint;
pub use order::{Order, ServerClock, SoakError, Stop, Storage};
pub use report::{Loss, Report, Unlisted};
pub use soak::soak;
