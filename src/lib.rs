#![forbid(unsafe_code)]
mod claims;
pub mod error;
pub mod profile;
pub mod random;
mod record;
pub mod state;
pub mod time;
pub mod token;
pub mod wire;
