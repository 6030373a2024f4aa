#![forbid(unsafe_code)]
mod claims;
pub mod error;
pub mod lock;
pub mod profile;
mod publish;
pub mod random;
mod record;
pub mod registry;
pub mod spawn;
pub mod state;
pub mod storage;
pub mod time;
pub mod token;
pub mod transport;
pub mod wire;
