//! The protocol, exhaustively: two processes, one storage entry, one server, and faults on a budget. A breadth-first
//! search over the real [`Flight`](super::Flight) and the real comparison under the record lock visits every
//! order of steps and every place for each fault.
//!
//! | file | what |
//! | --- | --- |
//! | `alphabet` | records as small values, and back |
//! | `cast` | the real flight, its states numbered, each transition computed once |
//! | `server` | the recommended contract, and plain rotation |
//! | `faults` | what can go wrong, and how often |
//! | `world` | one state of everything |
//! | `moves` | from one state to the next ones |
//! | `search` | all of them, and the shortest way to each loss |
//! | `claims` | what must be found and what must not |
//! | `defences` | what is found when one of them is taken out |
//!
//! Time is not modelled: a pause is over at once, and a deadline may pass or not whenever somebody waits. A loss is
//! a session that the server has ended, or that nobody can go on with after everything has come to rest.

mod alphabet;
mod cast;
mod claims;
mod defences;
mod faults;
mod moves;
mod search;
mod server;
mod world;
